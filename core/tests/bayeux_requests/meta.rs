//! `/meta/` is guarded by whole names, however they are spelt, and by whatever transport they come.
use rcomet_core::Role;
use serde_json::Value;

use super::bayeux::{Fellow, server};
use super::support::{Server, encode, split};
use super::wire::Wired;

/// How a name may be written in JSON, and whether it is one of an ordinary channel in the end.
const NAMES: [(&str, bool); 33] = [
    ("/meta", false),
    ("/meta/", false),
    ("/meta/subscribe/x", false),
    ("/meta/subscribe/", false),
    ("/meta/subscribe ", false),
    ("/meta//subscribe", false),
    ("/meta//", false),
    ("//meta/subscribe", false),
    ("/meta/x", false),
    ("/meta/*", false),
    ("/meta/**", false),
    ("/meta/subscribe/*", false),
    ("/meta/connect/**", false),
    (r"\/meta\/subscribe\/x", false),
    (r"\u002fmeta\u002Fsubscribe\u002fx", false),
    (r"/\u006d\u0065ta/x", false),
    (r"/meta\u0000/subscribe", false),
    (r"/meta\u0000", false),
    (r"/meta\t/subscribe", false),
    (r"/meta\\/subscribe", false),
    (r"/m\u0435ta/subscribe", false),
    ("/meta%2fsubscribe", false),
    ("/%6deta/subscribe", false),
    ("%2fmeta%2fsubscribe", false),
    ("meta/subscribe", false),
    ("*/meta/subscribe", false),
    ("/*/subscribe", false),
    ("", false),
    // What only looks like it: nobody takes these for his own.
    ("/META/subscribe", true),
    ("/Meta/subscribe", true),
    ("/meta /subscribe", true),
    ("/./meta/subscribe", true),
    ("/a/../meta/subscribe", true),
];

/// A way in.
enum Way {
    Post,
    Form,
    Script,
    Socket(Wired),
}

impl Way {
    /// The replies to a batch.
    fn ask(&mut self, server: &mut Server, text: &str) -> Vec<Value> {
        let client = server.connect(Role::Front);
        let post = |kind: &str, body: &str| {
            let head = format!("POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n");
            format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
        };
        let message = format!("message={}", encode(text));
        let request = match self {
            Self::Post => post("application/json", text),
            Self::Form => post("application/x-www-form-urlencoded", &message),
            Self::Script => format!("GET /cometd?jsonp=f&{message} HTTP/1.1\r\nHost: x\r\n\r\n"),
            Self::Socket(own) => {
                own.socket.say(server, text);
                return own.heard(server);
            }
        };
        server.send(client, request);
        let (head, body) = split(&server.received(client));
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        server.vanish(client);
        let array = body.trim_start_matches("/**/f(").trim_end_matches(");");
        serde_json::from_str(array).expect("replies")
    }
}

/// Faye before 1.2.5: loose matching lets `/meta/subscribe/x` round the rules. Section 3.
#[test]
fn no_spelling_gets_round_meta() {
    let mut server = server();
    let own = Wired::new(&mut server);
    for mut way in [Way::Post, Way::Form, Way::Script, Way::Socket(own)] {
        for (name, is_ordinary) in NAMES {
            let mut fellow = Fellow::new(&mut server);
            let own = format!(r#""clientId":"{}""#, fellow.client);
            // As a channel: it is none of the five, whatever it brings with it.
            let (data, subscription) =
                (r#""data":1"#, r#""subscription":"/secret","connectionType":"long-polling""#);
            let reply =
                way.ask(&mut server, &format!(r#"[{{"channel":"{name}",{own},{data},{subscription}}}]"#));
            assert_eq!(
                (reply.len(), &reply[0]["successful"]),
                (1, &Value::Bool(is_ordinary)),
                "{name}: {reply:?}"
            );
            // As what is subscribed, alone and among others.
            for wanted in [format!(r#""{name}""#), format!(r#"["/fine","{name}"]"#)] {
                let text = format!(r#"[{{"channel":"/meta/subscribe",{own},"subscription":{wanted}}}]"#);
                let reply = way.ask(&mut server, &text);
                assert_eq!(reply[0]["successful"], is_ordinary, "{wanted}: {reply:?}");
            }
            let reads = server.machine.load().1;
            assert_eq!(reads, if is_ordinary { 2 } else { 0 }, "{name}: all or nothing, and never /secret");
            assert_eq!(
                fellow.send(&mut server, "/meta/disconnect", serde_json::json!({}))[0]["successful"],
                true
            );
        }
    }
}
