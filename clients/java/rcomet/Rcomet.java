package rcomet;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.Reader;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A client of rcomet's HTTP API (docs/api.md): subscribes with resume, publishes, reads what is kept. No dependencies, JDK 11 or
 * later; nothing in it is missing on Android. On Android, as everywhere, the calls that wait for the network (all but {@link #subscribe})
 * belong on a thread of their own. An object may be used by several threads.
 *
 * <p>Licence: MIT.
 */
public final class Rcomet {
    /** Characters of an answer, or of a line of a stream, that are read at most. */
    private static final int ANSWER_CHARS_MAX = 16 << 20;

    final String front;
    private final String admin;
    private volatile String token;
    volatile int timeoutMs = 5_000;
    volatile int quietMs = 90_000;
    volatile int retryMs = 1_000;
    volatile int retryMsMax = 30_000;

    /** A client of the front alone, as in an app or on a desk. It publishes where the daemon's front.publish lets everybody. */
    public Rcomet(String front) {
        this(front, null);
    }

    /** A back end: {@code front} such as http://127.0.0.1:8100, {@code admin} such as http://127.0.0.1:8000. */
    public Rcomet(String front, String admin) {
        this.front = address(front);
        this.admin = admin == null ? null : address(admin);
    }

    /** The channel's token, where the front asks for one (front.auth). */
    public Rcomet token(String token) {
        this.token = token;
        return this;
    }

    /** Milliseconds that an answer may take, and a stream until it shows that it carries events. 5,000 if nothing is said. */
    public Rcomet timeoutMs(int ms) {
        timeoutMs = ms;
        return this;
    }

    /** Milliseconds of silence after which a stream is dead. 90,000: the daemon gives a sign of life every 30,000. */
    public Rcomet quietMs(int ms) {
        quietMs = ms;
        return this;
    }

    /** Waits between two tries are random, below {@code ms}, twice that, four times, up to {@code msMax}. 1,000 and 30,000. */
    public Rcomet retryMs(int ms, int msMax) {
        retryMs = ms;
        retryMsMax = msMax;
        return this;
    }

    /** What stands in a channel. */
    public static final class Message {
        /** The channel's name. */
        public final String channel;
        /** Its number there, from 1 without holes. */
        public final long seq;
        /** What goes on behind it, for any number of channels. */
        public final String cursor;
        /** The text that was published. */
        public final String data;

        Message(String channel, Map<String, Object> said) throws Failure {
            this.channel = channel;
            this.seq = Json.number(said, "seq");
            this.cursor = Json.text(said, "cursor");
            this.data = Json.text(said, "data");
        }

        @Override
        public String toString() {
            return channel + " " + seq + ": " + data;
        }
    }

    /** What goes wrong beyond the network: the server refuses, or is none of rcomet's. */
    public static final class Failure extends IOException {
        private static final long serialVersionUID = 1;
        /** The HTTP status of a refusal; 0 when what answers is not rcomet. */
        public final int status;
        /** Why, as the daemon says it; null when somebody in between refuses. */
        public final String reason;

        Failure(String message, int status) {
            this(message, status, null);
        }

        Failure(String message, int status, String reason) {
            super(message);
            this.status = status;
            this.reason = reason;
        }
    }

    /** Hears what happens. All calls come on the subscription's thread, one after the other. */
    public interface Listener {
        /** Something was published. */
        void message(Message message);

        /** Messages before number {@code next} are lost; {@code missing} is how many, or null where nobody can know. */
        default void gap(String channel, long next, Long missing) {}

        /** A channel was closed, and is listened to no more. */
        default void closed(String channel) {}

        /** Connected, or not (and why): it will be tried again. */
        default void live(boolean live, String why) {}

        /** The server will not have us: the subscription is over. */
        default void refused(Failure why) {}

        /**
         * A call of this listener has thrown. What it was told counts as told, and the subscription goes on. If nothing is said, this
         * goes where uncaught exceptions of a thread go.
         */
        default void failed(RuntimeException thrown) {
            uncaught(thrown);
        }
    }

    /** Hands it to whoever takes this thread's uncaught exceptions: on a desktop it is printed, on Android it ends the app. */
    static void uncaught(RuntimeException thrown) {
        Thread thread = Thread.currentThread();
        thread.getUncaughtExceptionHandler().uncaughtException(thread, thrown);
    }

    /** Publishes a text: on the admin side if there is one, else through the front. */
    public void publish(String channel, String text) throws IOException {
        String form = "cname=" + encode(channel) + "&content=" + encode(text);
        Map<String, Object> said = ask((admin == null ? front : admin) + "/push", form);
        if (!"ok".equals(said.get("type"))) {
            throw new Failure("refused: " + said.get("content"), 403);
        }
    }

    /** The latest message of a channel, or null when none is kept. */
    public Message read(String channel) throws IOException {
        List<Message> latest = history(channel, 1);
        return latest.isEmpty() ? null : latest.get(0);
    }

    /** The newest messages that are kept, the oldest of them first. */
    public List<Message> history(String channel, int limit) throws IOException {
        List<Message> messages = new ArrayList<>();
        Map<String, Object> said;
        try {
            said = ask(front + "/history?channel=" + encode(channel) + "&limit=" + limit, null);
        } catch (Failure failure) {
            if (failure.status == 404 && failure.reason != null) {
                return messages; // nobody has said anything there
            }
            throw failure;
        }
        for (Map<String, Object> each : Json.objects(said, "messages")) {
            messages.add(new Message(channel, each));
        }
        return messages;
    }

    /** Listens to what is new in these channels. */
    public Subscription subscribe(Listener listener, String... channels) {
        return subscribe(listener, null, 0, channels);
    }

    /**
     * Listens behind a cursor, which {@link Subscription#cursor} or a message gave; without one (null) to what is new and, first, to so many
     * of the newest messages of each channel. Returns at once; a thread listens until {@link Subscription#close}, and comes back by itself,
     * behind what it has told last.
     */
    public Subscription subscribe(Listener listener, String cursor, int history, String... channels) {
        if (channels.length == 0) {
            throw new IllegalArgumentException("subscribe takes at least one channel");
        }
        return new Subscription(this, listener, cursor, history, channels);
    }

    private Map<String, Object> ask(String url, String form) throws IOException {
        HttpURLConnection connection = prepare(url, "application/json", timeoutMs);
        if (form != null) {
            byte[] bytes = form.getBytes(StandardCharsets.UTF_8);
            connection.setDoOutput(true);
            connection.setFixedLengthStreamingMode(bytes.length); // so that a POST is never silently sent twice
            connection.setRequestProperty("Content-Type", "application/x-www-form-urlencoded");
            try (OutputStream out = connection.getOutputStream()) {
                out.write(bytes);
            }
        }
        try (Reader answer = answer(connection)) {
            return Json.object(whole(answer));
        }
    }

    /** A request that has not been sent yet. */
    HttpURLConnection prepare(String url, String accept, int readMs) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) URI.create(url).toURL().openConnection();
        connection.setConnectTimeout(timeoutMs);
        connection.setReadTimeout(readMs);
        connection.setUseCaches(false);
        connection.setInstanceFollowRedirects(false);
        connection.setRequestProperty("Accept", accept);
        if (token != null) {
            connection.setRequestProperty("Authorization", "Bearer " + token);
        }
        return connection;
    }

    /** Sends it, and gives the answer if it is a yes. */
    static BufferedReader answer(HttpURLConnection connection) throws IOException {
        int status = connection.getResponseCode();
        if (status == 200) {
            return new BufferedReader(new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8));
        }
        String why = "no reason given";
        InputStream errors = connection.getErrorStream();
        if (errors != null) {
            try (Reader reader = new InputStreamReader(errors, StandardCharsets.UTF_8)) {
                why = whole(reader);
            }
        }
        if (status < 0) {
            throw new Failure("what answers at " + connection.getURL().getHost() + " does not speak HTTP", 0);
        }
        String reason = null;
        try {
            reason = Json.text(Json.object(why), "detail");
        } catch (Failure plain) {
            // somebody else's words
        }
        throw new Failure("refused: " + (reason == null ? why.trim() : reason) + " (" + status + ")", status, reason);
    }

    /** The next line without its end; null when there is no whole one. */
    static String line(Reader reader) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c; (c = reader.read()) >= 0;) {
            if (c == '\n') {
                return line.toString();
            }
            if (line.append((char) c).length() > ANSWER_CHARS_MAX) {
                throw new Failure("a line of more than " + ANSWER_CHARS_MAX + " characters", 0);
            }
        }
        return null;
    }

    static String whole(Reader reader) throws IOException {
        StringBuilder text = new StringBuilder();
        char[] part = new char[8192];
        for (int n; (n = reader.read(part)) >= 0;) {
            if (text.append(part, 0, n).length() > ANSWER_CHARS_MAX) {
                throw new Failure("an answer of more than " + ANSWER_CHARS_MAX + " characters", 0);
            }
        }
        return text.toString();
    }

    static String encode(String text) {
        try {
            return URLEncoder.encode(text, "UTF-8"); // the form with a Charset is missing on older Android
        } catch (java.io.UnsupportedEncodingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static String address(String text) {
        URI uri = URI.create(text);
        boolean http = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
        if (!http || uri.getHost() == null || uri.getQuery() != null || uri.getUserInfo() != null) {
            throw new IllegalArgumentException("'" + text + "' is no address: http://HOST:PORT or https://HOST:PORT is expected");
        }
        return text.replaceAll("/+$", "");
    }
}
