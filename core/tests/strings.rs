//! The string that arrives is the string that was pushed: all of Unicode, by every way in, in every framing.
#[path = "support/listener.rs"]
mod listener;
#[path = "support/script.rs"]
mod script;
mod support;

use listener::{Framing, Listener};
use rcomet_core::{Config, Role};
use support::{Client, Server, body, encode};

/// Ways in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// `GET /push?content=`
    Query,
    /// `POST /push` with a form, everything percent-encoded.
    Form,
    /// `POST /push` with a form in which only what must be is encoded.
    RawForm,
    /// `POST /push` with a JSON object.
    Json,
    /// `GET /pub` with the inside of a JSON string.
    Pub,
    /// `GET /broadcast`
    Broadcast,
    /// CComet's `/publish`.
    Publish,
    /// The API's `POST /publish`.
    Api,
}

const WAYS: [Way; 8] =
    [Way::Query, Way::Form, Way::RawForm, Way::Json, Way::Pub, Way::Broadcast, Way::Publish, Way::Api];

/// A channel with somebody in every framing, and a publisher.
struct Room {
    server: Server,
    listeners: Vec<Listener>,
    ccomet: Client,
    admin: Client,
    publisher: Client,
    /// Messages so far.
    count: u64,
}

impl Room {
    fn new() -> Self {
        let mut config = Config::default();
        config.ccomet.publish = true;
        config.limits.request_line_bytes_max = 1 << 20;
        config.limits.head_bytes_max = 1 << 20;
        let mut server = Server::new(config);
        let listeners = Framing::ALL.map(|framing| {
            let mut listener = Listener::subscribe(&mut server, framing, "cname=u&seq=1");
            assert!(listener.hear(&mut server).is_empty());
            listener
        });
        let ccomet = server.connect(Role::Ccomet);
        let (admin, publisher) = (server.connect(Role::Admin), server.connect(Role::Ccomet));
        let mut room = Self { server, listeners: listeners.into(), ccomet, admin, publisher, count: 0 };
        room.wait();
        room
    }

    fn wait(&mut self) {
        let target = format!("/subscribe?channel=u&sname=z&seqid={}&callback=f", self.count);
        assert_eq!(self.server.get(self.ccomet, &target), "");
    }

    fn publish(&mut self, way: Way, text: &str) {
        let get = |target: String| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let post = |kind: &str, body: &str| {
            let length = body.len();
            format!(
                "POST /push HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        };
        let json = serde_json::to_string(text).unwrap();
        let form = "application/x-www-form-urlencoded";
        let request = match way {
            Way::Query => get(format!("/push?cname=u&content={}", encode(text))),
            Way::Form => post(form, &format!("cname=u&content={}", encode(text))),
            Way::RawForm => {
                let raw = text.replace('%', "%25").replace('+', "%2B").replace('&', "%26");
                post(form, &format!("cname=u&content={raw}"))
            }
            Way::Json => post("application/json", &format!("{{\"cname\":\"u\",\"content\":{json}}}")),
            Way::Pub => get(format!("/pub?cname=u&content={}", encode(&json[1..json.len() - 1]))),
            Way::Broadcast => get(format!("/broadcast?content={}", encode(text))),
            Way::Api => post("application/json", &format!("{{\"channel\":\"u\",\"data\":{json}}}"))
                .replacen("/push", "/publish", 1),
            Way::Publish => get(format!("/publish?channel=u&sname=s&msg={}&callback=f", encode(text))),
        };
        let client = if way == Way::Publish { self.publisher } else { self.admin };
        self.server.send(client, request);
        let answer = self.server.received(client);
        match way {
            Way::Broadcast => assert_eq!(body(&answer), "ok\n"),
            Way::Publish => assert_eq!(script::items(&answer), ["publish   "]),
            Way::Api => assert!(
                body(&answer).starts_with("{\"published\":[{\"channel\":\"u\","),
                "{text:?}: {answer}"
            ),
            _ => assert_eq!(body(&answer), "{\"type\":\"ok\"}\n", "{way:?} {text:?}"),
        }
        self.count += 1;
    }

    /// Everybody must have got exactly this.
    fn check(&mut self, way: Way, text: &str) {
        for listener in &mut self.listeners {
            let values = listener.hear(&mut self.server);
            let messages = listener::flat(&values);
            // Behind a broadcast stands the next number.
            assert_eq!(messages.len(), if way == Way::Broadcast { 2 } else { 1 });
            let (got, framing) = (messages[0]["content"].as_str().unwrap(), listener.framing);
            assert!(got == text, "{way:?}, {framing:?}: {}", difference(got, text));
            if !framing.is_stream() {
                listener.ask(&mut self.server, &format!("cname=u&seq={}", self.count + 1));
                assert!(listener.hear(&mut self.server).is_empty());
            }
        }
        let items = script::array(&self.server.received(self.ccomet));
        let got = items[0]["msg"].as_str().unwrap();
        assert!(items.len() == 1 && got == text, "{way:?}, CComet: {}", difference(got, text));
        self.wait();
    }

    fn say(&mut self, way: Way, text: &str) {
        self.publish(way, text);
        self.check(way, text);
    }
}

fn difference(got: &str, wanted: &str) -> String {
    let at = got.chars().zip(wanted.chars()).position(|(g, w)| g != w).unwrap_or(0);
    let around = |text: &str| text.chars().skip(at.saturating_sub(2)).take(5).collect::<String>();
    format!("{:?} instead of {:?}", around(got), around(wanted))
}

#[test]
fn all_of_unicode_in_batches() {
    let everything: Vec<char> = ('\0'..=char::MAX).collect();
    assert_eq!(everything.len(), 0x11_0000 - 0x800);
    for way in WAYS {
        let mut room = Room::new();
        for batch in everything.chunks(1 << 14) {
            room.say(way, &batch.iter().collect::<String>());
        }
    }
}

#[test]
fn every_control_and_ascii_character_by_itself_and_between_others() {
    for way in WAYS {
        let mut room = Room::new();
        for c in '\0'..'\u{a0}' {
            room.say(way, &c.to_string());
            room.say(way, &format!("{c}{c}\\{c}'{c}\"{c}<{c}/{c}"));
        }
    }
}

#[test]
fn what_breaks_scripts_events_and_markup() {
    let texts = [
        "",
        " ",
        "\\u0041 \\n \\\\ \\",
        "</script><script>alert(1)</script>",
        "<!-- <script> ]]> &lt; &amp;amp;",
        "\r\n\r\ndata: x\n\nid: 7\nevent: y\r\n",
        "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "'); alert(1); ('",
        "/**/f({\"type\":\"close\"});",
        "\",\"type\":\"close\",\"x\":\"",
        "\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}\u{fffd}\u{10ffff}",
        "e\u{301} \u{200d} \u{202e}rtl",
        "a%20b+c%zz%",
        "a&b=c;d#e?f",
        "null",
        "[1,{\"x\":\"y\"}]",
    ];
    for way in WAYS {
        let mut room = Room::new();
        for text in texts {
            room.say(way, text);
        }
    }
}

#[test]
fn what_comes_from_the_history_is_the_same() {
    let texts: Vec<String> = ('\0'..'\u{a0}').map(|c| format!("{c}\\{c}'")).collect();
    let mut room = Room::new();
    for (text, way) in texts.iter().zip(WAYS.iter().filter(|w| **w != Way::Broadcast).cycle()) {
        room.say(*way, text);
    }
    for framing in Framing::ALL {
        let mut late = Listener::subscribe(&mut room.server, framing, "cname=u&seq=1");
        let values = late.hear(&mut room.server);
        let got: Vec<&str> = listener::flat(&values).iter().map(|m| m["content"].as_str().unwrap()).collect();
        assert!(got == texts, "{framing:?}");
    }
    let (_, answer) = script::ask(&mut room.server, "/subscribe?channel=u&sname=late&seqid=0");
    assert!(script::array(&answer).iter().map(|item| item["msg"].as_str().unwrap()).eq(&texts));
}

#[test]
fn names_of_channels_are_the_same() {
    // What no name may hold are control characters.
    let printable: Vec<char> = (' '..=char::MAX).filter(|c| !c.is_control()).collect();
    let mut server = Server::default();
    for batch in printable.chunks(60).step_by(7) {
        let name: String = batch.iter().collect();
        let query = encode(&name);
        for framing in Framing::ALL {
            let mut listener = Listener::subscribe(&mut server, framing, &format!("cname={query}&seq=0"));
            let heard = listener.hear(&mut server);
            assert_eq!(heard[0]["cname"], name, "{framing:?}");
            server.vanish(listener.client);
        }
        let exists: serde_json::Value =
            serde_json::from_str(&server.ask(Role::Admin, &format!("/check?cname={query}"))).unwrap();
        assert_eq!(exists[&name], 1);
        assert!(server.ask(Role::Admin, &format!("/close?cname={query}")).starts_with("ok "));
    }
}

#[test]
fn what_is_not_unicode_is_replaced_and_costs_nothing_else() {
    let mut server = Server::default();
    let mut stream = Listener::subscribe(&mut server, Framing::Sse, "cname=a&seq=1");
    let admin = server.connect(Role::Admin);
    server.get(admin, "/push?cname=a&content=x%ff%feyz%c3");
    server.send(
        admin,
        b"POST /push?cname=a HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\ncontent=\xffab\xc3",
    );
    let json = r#"{"cname":"a","content":"x\ud800y\udc00z"}"#;
    let length = json.len();
    server.send(
        admin,
        format!("POST /push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"),
    );
    let json = r#"{"channel":"a","data":"x\ud800y\udc00z"}"#;
    let length = json.len();
    server.send(
        admin,
        format!("POST /publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"),
    );
    let got: Vec<String> = stream
        .hear(&mut server)
        .iter()
        .map(|m| m["content"].as_str().unwrap().replace('\u{fffd}', ""))
        .collect();
    assert_eq!(got, ["xyz", "ab", "xyz", "xyz"]);
}
