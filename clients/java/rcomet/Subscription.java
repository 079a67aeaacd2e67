package rcomet;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.Reader;
import java.net.HttpURLConnection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A thread that listens, and comes back behind what it has told last. Begun by {@link Rcomet#subscribe}. */
public final class Subscription implements Closeable {
    private final Rcomet rcomet;
    private final Rcomet.Listener listener;
    private final List<String> channels;
    private final int history;
    private final CountDownLatch over = new CountDownLatch(1);
    private final Random random = new Random();
    private volatile String cursor;
    private volatile HttpURLConnection connection;
    private volatile int mute;
    private int tries;

    Subscription(Rcomet rcomet, Rcomet.Listener listener, String cursor, int history, String... channels) {
        this.rcomet = rcomet;
        this.listener = listener;
        this.cursor = cursor;
        this.history = history;
        this.channels = new ArrayList<>(Arrays.asList(channels));
        Thread thread = new Thread(this::listen, "rcomet " + this.channels);
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Where it stands: behind what was told last, be it still being told. To be kept, and shown to the next subscription. Null as long as
     * nothing was heard.
     */
    public String cursor() {
        return cursor;
    }

    /** Ends it. What is being told is told to the end. */
    @Override
    public void close() {
        over.countDown();
        HttpURLConnection open = connection;
        if (open != null) {
            aside(open::disconnect);
        }
    }

    private void listen() {
        while (isOn()) {
            String why = "the server ended the stream";
            try {
                if (mute < 2) {
                    stream();
                } else {
                    poll();
                }
            } catch (Rcomet.Failure failure) {
                if (failure.status >= 400 && failure.status < 429) {
                    over.countDown();
                    tell(() -> listener.refused(failure));
                    return;
                }
                why = failure.getMessage();
            } catch (IOException broken) {
                why = String.valueOf(broken.getMessage());
            } catch (RuntimeException odd) { // none of the listener's: one of the network's, as on Android without its permission
                why = odd.toString();
            }
            if (!isOn()) {
                return;
            }
            String lost = why;
            tell(() -> listener.live(false, lost));
            long most = Math.min(rcomet.retryMsMax, (long) rcomet.retryMs << Math.min(tries++, 16));
            try {
                if (over.await((long) (random.nextDouble() * most), TimeUnit.MILLISECONDS)) {
                    return;
                }
            } catch (InterruptedException interrupted) {
                over.countDown();
            }
        }
    }

    /** A call of the listener. What it throws is its own affair: it is told so, and all goes on behind what it was told. */
    private void tell(Runnable call) {
        try {
            call.run();
        } catch (RuntimeException thrown) {
            try {
                listener.failed(thrown);
            } catch (RuntimeException again) {
                Rcomet.uncaught(again);
            }
        }
    }

    /** A read, which {@code disconnect()} in the middle of it may end with a NullPointerException. Nothing else does in here. */
    private static <T> T read(Read<T> read) throws IOException {
        try {
            return read.take();
        } catch (NullPointerException cut) {
            throw new IOException("the connection was cut", cut);
        }
    }

    private interface Read<T> {
        T take() throws IOException;
    }

    private boolean isOn() {
        return over.getCount() > 0 && !channels.isEmpty();
    }

    private String where() {
        StringBuilder url = new StringBuilder(rcomet.front).append("/events?");
        for (String channel : channels) {
            url.append("channel=").append(Rcomet.encode(channel)).append('&');
        }
        return url.append(cursor == null ? "history=" + history : "cursor=" + cursor).toString();
    }

    /** One JSON object a line. A path that lets nothing through for a while, twice, is given up for polls. */
    private void stream() throws IOException {
        HttpURLConnection line = rcomet.prepare(where(), "application/x-ndjson", rcomet.quietMs);
        connection = line;
        CountDownLatch heard = new CountDownLatch(1);
        aside(() -> {
            if (!heard.await(rcomet.timeoutMs, TimeUnit.MILLISECONDS)) {
                mute++;
                line.disconnect();
            }
        });
        try (BufferedReader lines = read(() -> Rcomet.answer(line))) {
            for (String text; (text = read(() -> Rcomet.line(lines))) != null && isOn();) {
                if (heard.getCount() > 0) {
                    heard.countDown();
                    mute = 0;
                    begin();
                }
                hear(Json.object(text));
            }
        } finally {
            heard.countDown();
            line.disconnect();
        }
    }

    /** A thread of its own: where somebody reads, some JDKs make who disconnects wait for the end of that read. */
    private static void aside(Step step) {
        Thread thread = new Thread(() -> {
            try {
                step.take();
            } catch (InterruptedException ended) {
                // nobody does, and nothing is left to do
            }
        }, "rcomet aside");
        thread.setDaemon(true);
        thread.start();
    }

    private interface Step {
        void take() throws InterruptedException;
    }

    private void poll() throws IOException {
        for (String wait = "&wait=0"; isOn(); wait = "") {
            HttpURLConnection asked = rcomet.prepare(where() + wait, "application/json", rcomet.quietMs);
            connection = asked;
            Map<String, Object> said;
            try (Reader answer = read(() -> Rcomet.answer(asked))) {
                said = Json.object(read(() -> Rcomet.whole(answer)));
            }
            if (!wait.isEmpty()) {
                begin();
            }
            for (Map<String, Object> event : Json.objects(said, "events")) {
                hear(event);
            }
            if (said.get("cursor") instanceof String) {
                cursor = (String) said.get("cursor");
            }
        }
    }

    private void begin() {
        tries = 0;
        tell(() -> listener.live(true, null));
    }

    private void hear(Map<String, Object> event) throws IOException {
        Runnable call = call(event);
        // Before it is told: what a listener throws at would come again for ever.
        if (event.get("cursor") instanceof String) {
            cursor = (String) event.get("cursor");
        }
        tell(call);
    }

    /** What the listener is told of an event. */
    private Runnable call(Map<String, Object> event) throws IOException {
        switch (Json.text(event, "type")) {
            case "message":
                Rcomet.Message message = new Rcomet.Message(Json.text(event, "channel"), event);
                return () -> listener.message(message);
            case "gap":
                String gone = Json.text(event, "channel");
                long next = Json.number(event, "next");
                Long missing = event.get("missing") == null ? null : (Long) Json.number(event, "missing");
                return () -> listener.gap(gone, next, missing);
            case "closed":
                String closed = Json.text(event, "channel");
                channels.remove(closed);
                return () -> listener.closed(closed);
            default:
                return () -> {};
        }
    }
}
