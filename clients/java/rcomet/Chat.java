package rcomet;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * A chat on a terminal, in the rooms of the web chat that comes with the daemon ({@code rcomet run --demo}):
 *
 * <pre>
 * javac -d out rcomet/*.java
 * java -cp out rcomet.Chat Ann lobby http://127.0.0.1:8100
 * </pre>
 *
 * What is typed is said; the end of input ends it. It shows the last ten messages first, comes back when the line was cut, and says what it
 * has missed.
 */
public final class Chat {
    private Chat() {}

    /** Arguments: a name, a room (lobby), the daemon's front (http://127.0.0.1:8100). */
    public static void main(String[] args) throws IOException {
        if (args.length < 1 || args.length > 3) {
            System.err.println("usage: java -cp out rcomet.Chat NAME [ROOM [http://HOST:PORT]]");
            System.exit(2);
        }
        String room = "/chat/" + (args.length > 1 ? args[1] : "lobby");
        Rcomet rcomet = new Rcomet(args.length > 2 ? args[2] : "http://127.0.0.1:8100");
        Rcomet.Listener screen = new Rcomet.Listener() {
            @Override
            public void message(Rcomet.Message message) {
                String said = "someone: " + message.data;
                try {
                    Map<String, Object> words = Json.object(message.data);
                    said = Json.text(words, "name") + ": " + Json.text(words, "text");
                } catch (Rcomet.Failure plain) {
                    // not from a chat page: shown as it is
                }
                say(said);
            }

            @Override
            public void gap(String channel, long next, Long missing) {
                say("-- " + (missing == null ? "some" : missing.toString()) + " messages are lost");
            }

            @Override
            public void live(boolean live, String why) {
                say(live ? "-- connected" : "-- not connected: " + why);
            }

            @Override
            public void refused(Rcomet.Failure why) {
                say("-- " + why.getMessage());
                System.exit(1);
            }
        };
        Subscription subscription = rcomet.subscribe(screen, null, 10, room);
        try (BufferedReader typed = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line; (line = typed.readLine()) != null;) {
                if (line.isEmpty()) {
                    continue;
                }
                long now = System.currentTimeMillis();
                String id = Long.toString(now, 36) + "-" + Integer.toHexString(System.identityHashCode(line));
                try {
                    rcomet.publish(room, "{\"name\":" + Json.quote(args[0]) + ",\"text\":" + Json.quote(line)
                            + ",\"id\":\"" + id + "\",\"at\":" + now + "}");
                } catch (IOException failed) {
                    say("-- not sent: " + failed.getMessage());
                }
            }
        }
        subscription.close();
    }

    /** Text from strangers goes to the terminal without what would steer it. */
    private static void say(String text) {
        System.out.println(text.replaceAll("\\p{Cntrl}", " "));
        System.out.flush();
    }
}
