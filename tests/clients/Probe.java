import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import rcomet.Rcomet;
import rcomet.Subscription;

/** The Java client, as the tests ask it. */
final class Probe {
    public static void main(String[] args) throws Exception {
        Rcomet server = new Rcomet(System.getenv("RCOMET_FRONT"), System.getenv("RCOMET_ADMIN")).retryMs(50, 200);
        server.timeoutMs((int) (Double.parseDouble(System.getenv().getOrDefault("RCOMET_SECONDS", "20")) * 1000));
        server.token(System.getenv("RCOMET_TOKEN"));
        List<String> rest = Arrays.asList(args).subList(1, args.length);
        try {
            if (args[0].equals("publish")) {
                server.publish(rest.get(0), rest.get(1));
            } else if (args[0].equals("read")) {
                Rcomet.Message message = server.read(rest.get(0));
                System.out.println(message == null ? "null" : quote(message.data));
            } else if (args[0].equals("history")) {
                System.out.println(server.history(rest.get(0), Integer.parseInt(rest.get(1))).stream()
                        .map(message -> quote(message.data)).collect(Collectors.joining(", ", "[", "]")));
            } else {
                subscribe(server, rest);
            }
        } catch (Rcomet.Failure failure) {
            fail((failure.status > 0 ? "refused" : "misunderstood") + ": " + failure.getMessage());
        } catch (IOException broken) {
            fail("unreachable: " + broken.getMessage());
        }
    }

    private static void subscribe(Rcomet server, List<String> channels) throws InterruptedException {
        int history = Integer.parseInt(System.getenv().getOrDefault("RCOMET_HISTORY", "0"));
        CountDownLatch over = new CountDownLatch(1);
        Subscription subscription = server.subscribe(new Rcomet.Listener() {
            @Override
            public void message(Rcomet.Message message) {
                show("message", message.channel, ",\"seq\":" + message.seq + ",\"data\":" + quote(message.data));
                if (message.data.equals("throw null")) {
                    throw new NullPointerException("of the listener");
                } else if (message.data.equals("throw state")) {
                    throw new IllegalStateException("of the listener");
                }
            }

            @Override
            public void gap(String channel, long next, Long missing) {
                show("gap", channel, ",\"next\":" + next + ",\"missing\":" + missing);
            }

            @Override
            public void closed(String channel) {
                show("closed", channel, "");
                over.countDown();
            }

            @Override
            public void live(boolean live, String why) {
                show("live", String.valueOf(live), "");
            }

            @Override
            public void refused(Rcomet.Failure why) {
                fail("refused: " + why.getMessage());
            }

            @Override
            public void failed(RuntimeException thrown) {
                show("failed", thrown.getClass().getSimpleName(), "");
                Rcomet.Listener.super.failed(thrown);
            }
        }, null, history, channels.toArray(new String[0]));
        over.await();
        subscription.close();
    }

    private static void show(String type, String channel, String more) {
        System.out.println("{\"type\":\"" + type + "\",\"channel\":" + quote(channel) + more + "}");
        System.out.flush();
    }

    private static void fail(String why) {
        System.err.println(why);
        System.exit(3);
    }

    /** All ASCII, so that a terminal's encoding does not matter. */
    private static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            out.append(c < ' ' || c > '~' || c == '"' || c == '\\' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return out.append('"').toString();
    }
}
