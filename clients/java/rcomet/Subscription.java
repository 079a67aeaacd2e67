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

    /** Where it stands: to be kept, and shown to the next subscription. Null as long as nothing was heard. */
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
                    listener.refused(failure);
                    return;
                }
                why = failure.getMessage();
            } catch (IOException | NullPointerException broken) { // disconnect() in the middle of a read may surface as either
                why = String.valueOf(broken.getMessage());
            }
            if (!isOn()) {
                return;
            }
            listener.live(false, why);
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
        try (BufferedReader lines = Rcomet.answer(line)) {
            for (String text; (text = Rcomet.line(lines)) != null && isOn();) {
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
            connection = rcomet.prepare(where() + wait, "application/json", rcomet.quietMs);
            Map<String, Object> said;
            try (Reader answer = Rcomet.answer(connection)) {
                said = Json.object(Rcomet.whole(answer));
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
        listener.live(true, null);
    }

    private void hear(Map<String, Object> event) throws IOException {
        String type = Json.text(event, "type");
        if (type.equals("message")) {
            listener.message(new Rcomet.Message(Json.text(event, "channel"), event));
        } else if (type.equals("gap")) {
            listener.gap(Json.text(event, "channel"), Json.number(event, "next"), (Long) event.get("missing"));
        } else if (type.equals("closed")) {
            channels.remove(Json.text(event, "channel"));
            listener.closed(Json.text(event, "channel"));
        }
        if (event.get("cursor") instanceof String) {
            cursor = (String) event.get("cursor");
        }
    }
}
