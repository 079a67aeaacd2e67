//! Messages as deltas: what differs from the one before, for who asks for that, and only where that is surely what they had last.
#[path = "support/deltas.rs"]
mod deltas;
#[path = "support/mod.rs"]
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use deltas::Bases;
use rcomet_core::{Config, Role};
use serde_json::{Value, json};
use support::{Client, Server, split};
use websocket::{DEFLATE, Socket};

/// A text of which little changes.
fn score(n: u64) -> String {
    format!("{{\"home\":\"Ajax\",\"guest\":\"F\u{e9}yen\u{1f600}\",\"minute\":{n},\"score\":[0,1]}}")
}

/// A subscriber that puts messages together: over HTTP/1.0, whose bytes are not wrapped in chunks.
struct Reader {
    client: Client,
    bases: Bases,
    is_sse: bool,
}

impl Reader {
    fn open(server: &mut Server, query: &str, accept: &str, fields: &str) -> Self {
        let client = server.connect(Role::Front);
        let request = format!("GET /events?{query} HTTP/1.0\r\nAccept: {accept}\r\n{fields}\r\n");
        server.send(client, request);
        Self { client, bases: Bases::default(), is_sse: accept == "text/event-stream" }
    }

    /// Objects as they came.
    fn heard(&mut self, server: &mut Server) -> Vec<Value> {
        let text = server.received(self.client);
        let text = if text.starts_with("HTTP/") { split(&text).1 } else { text };
        let line = |line: &str| {
            let line = if self.is_sse { line.strip_prefix("data: ")? } else { line };
            (!line.is_empty()).then(|| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        };
        text.lines().filter_map(line).collect()
    }

    /// What came in short: whether a message is whole, its channel and number, and the type of what else there is.
    fn brief(&mut self, server: &mut Server, want: impl Fn(&str, u64) -> String) -> String {
        let all = self.heard(server);
        brief(&mut self.bases, &all, want)
    }
}

fn brief(bases: &mut Bases, all: &[Value], want: impl Fn(&str, u64) -> String) -> String {
    let short = |said: &Value| match said["type"].as_str().expect("a type") {
        "message" => {
            let (channel, seq) =
                (said["channel"].as_str().expect("a name"), said["seq"].as_u64().expect("seq"));
            assert_eq!(bases.whole(said), want(channel, seq));
            format!("{} {channel}{seq}", if said["splice"].is_null() { "whole" } else { "delta" })
        }
        other => other.to_owned(),
    };
    all.iter().map(short).collect::<Vec<_>>().join(", ")
}

fn scores(_: &str, seq: u64) -> String {
    score(seq)
}

/// The answer to a long poll.
fn poll(server: &mut Server, query: &str) -> Value {
    let client = server.connect(Role::Front);
    server
        .send(client, format!("GET /events?{query} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"));
    let (head, body) = split(&server.received(client));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}{body}");
    server.vanish(client);
    serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"))
}

#[test]
fn a_websocket_is_told_what_differs() {
    let mut server = Server::default();
    let (asks, other) = (Socket::open(&mut server), Socket::open(&mut server));
    asks.ask(&mut server, r#"{"type":"subscribe","channel":"a","delta":true}"#);
    other.ask(&mut server, r#"{"type":"subscribe","channel":"a","delta":false}"#);
    let mut bases = Bases::default();
    for n in 9..=12 {
        server.push("a", &score(n));
        let heard: Vec<Value> =
            asks.heard(&mut server).iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
        let whole: Value = serde_json::from_str(&other.heard(&mut server)[0]).expect("JSON");
        assert_eq!((whole["data"].as_str(), &whole["splice"]), (Some(&*score(n)), &Value::Null));
        assert_eq!(heard.len(), 1);
        if n == 9 {
            assert_eq!(heard[0], whole, "there is nothing before the first");
        }
        if n == 10 {
            // 42 code units before the minute, of which the face takes two and the letter one.
            let mut want = whole.clone();
            (want["splice"], want["data"]) = (json!([42, 1]), "10".into());
            assert_eq!(heard[0], want);
        }
        assert_eq!(bases.whole(&heard[0]), score(n));
    }
    let counters = server.machine.counters();
    assert_eq!((counters.deltas_delivered, counters.delivered), (3, 8));
    // What is left out, less what says where it was.
    let left_out = (score(10).len() - 2) + 2 * (score(11).len() - 1);
    assert_eq!(counters.deltas_saved_bytes as usize, left_out - 3 * r#","splice":[42,1]"#.len());
}

#[test]
fn a_delta_is_shared_and_counted_for_each() {
    let mut server = Server::default();
    let sockets: Vec<Socket> = (0..5).map(|_| Socket::open(&mut server)).collect();
    for socket in &sockets {
        socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","delta":true}"#);
    }
    server.push("a", &score(1));
    server.push("a", &score(2));
    let heard: Vec<Vec<String>> = sockets.iter().map(|socket| socket.heard(&mut server)).collect();
    assert!(heard.iter().all(|one| *one == heard[0]) && heard[0][1].contains("\"splice\""), "{heard:?}");
    assert_eq!(server.machine.counters().deltas_delivered, 5);
}

#[test]
fn each_channel_has_a_base_of_its_own_and_asks_for_itself() {
    let mut server = Server::default();
    let socket = Socket::open(&mut server);
    socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","delta":true}"#);
    server.push("a", &score(1));
    let mut bases = Bases::default();
    let mut hear = |server: &mut Server, wants: &str| {
        let all: Vec<Value> =
            socket.heard(server).iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
        assert_eq!(brief(&mut bases, &all, |_, seq| score(seq)), wants);
    };
    hear(&mut server, "whole a1");
    // With another channel beside it, it goes on with what it has.
    socket.say(&mut server, r#"{"type":"subscribe","channels":["b","c"],"delta":true}"#);
    socket.say(&mut server, r#"{"type":"subscribe","channel":"d"}"#);
    hear(&mut server, "subscribed, subscribed, subscribed");
    for n in 1..=2 {
        for channel in ["b", "c", "d"] {
            server.push(channel, &score(n));
        }
    }
    server.push("a", &score(2));
    hear(&mut server, "whole b1, whole c1, whole d1, delta b2, delta c2, whole d2, delta a2");
    // Another subscription knows nothing of the one before.
    socket.say(&mut server, r#"{"type":"unsubscribe","channel":"b"}"#);
    socket.say(&mut server, r#"{"type":"subscribe","channel":"b","delta":true}"#);
    hear(&mut server, "unsubscribed, subscribed");
    server.push("b", &score(3));
    server.push("b", &score(4));
    server.push("c", &score(3));
    hear(&mut server, "whole b3, delta b4, delta c3");
}

#[test]
fn compressed_or_not_it_is_the_same() {
    let mut config = Config::default();
    config.websocket.compression_bytes_min = 1;
    let mut server = Server::new(config);
    let (socket, _) = Socket::open_with(&mut server, "/ws", DEFLATE);
    socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","delta":true}"#);
    for n in 1..=40 {
        server.push("a", &score(n));
    }
    let mut bases = Bases::default();
    for (text, n) in socket.heard(&mut server).iter().zip(1..) {
        assert_eq!(bases.whole(&serde_json::from_str(text).expect("JSON")), score(n));
    }
    assert_eq!(bases.deltas, 39);
    assert!(server.machine.counters().frames_deflated > 0);
    // A latecomer has a part of it in batches, which are not compressed.
    let (late, _) = Socket::open_with(&mut server, "/ws", DEFLATE);
    late.say(&mut server, r#"{"type":"subscribe","channel":"a","history":"all","delta":true}"#);
    let mut bases = Bases::default();
    for (text, n) in late.heard(&mut server).iter().skip(1).zip(1..) {
        assert_eq!(bases.whole(&serde_json::from_str(text).expect("JSON")), score(n));
    }
    assert_eq!(bases.deltas, 39);
}

#[test]
fn what_is_no_shorter_or_no_text_comes_whole() {
    let mut server = Server::default();
    let socket = Socket::open(&mut server);
    socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","delta":true}"#);
    let member = r#","splice":[15,1]"#.len();
    let shared = |n: usize| "x".repeat(n);
    let texts = [
        shared(member - 1) + "1",
        shared(member - 1) + "2",
        shared(member) + "3",
        shared(member + 1) + "4",
        shared(member + 1) + "5",
    ];
    for text in &texts {
        server.push("a", text);
    }
    let said = |server: &mut Server| -> Vec<Value> {
        socket.heard(server).iter().map(|text| serde_json::from_str(text).expect("JSON")).collect()
    };
    let mut bases = Bases::default();
    let got = brief(&mut bases, &said(&mut server), |_, seq| texts[seq as usize - 1].clone());
    assert_eq!(got, "whole a1, whole a2, whole a3, whole a4, delta a5", "a byte has to be saved");
    // Bytes that are no text: their base64 would have much in common.
    for last in [1, 2] {
        let mut bytes = vec![0xff; 300];
        bytes.push(last);
        let client = server.connect(Role::Admin);
        let length = bytes.len();
        server.send(client, format!("PUT /keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"));
        server.send(client, &bytes);
        assert!(server.received(client).starts_with("HTTP/1.1 20"));
    }
    let heard = said(&mut server);
    assert!(
        heard.len() == 2 && heard.iter().all(|one| one["encoding"] == "base64" && one["splice"].is_null())
    );
    // And what comes behind them has no text before it.
    server.push("a", heard[1]["data"].as_str().expect("base64"));
    assert!(said(&mut server)[0]["splice"].is_null());
}

#[test]
fn streams_of_events_and_of_lines() {
    let mut server = Server::default();
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let channel = accept.len();
        let name = |n| format!("channel={channel}&delta={n}");
        let mut reader = Reader::open(&mut server, &name("1"), accept, "");
        let mut plain = Reader::open(&mut server, &name(""), accept, "");
        for n in 1..=3 {
            server.push(&channel.to_string(), &score(n));
        }
        let want = format!("ready, whole {channel}1, delta {channel}2, delta {channel}3");
        assert_eq!(reader.brief(&mut server, scores), want);
        let plain = plain.brief(&mut server, scores);
        assert_eq!(plain, want.replace("delta", "whole"), "who has not asked");
        // Who comes again begins with a whole one, and a batch is spliced within.
        let cursor =
            poll(&mut server, &format!("channel={channel}&history=3"))["events"][0]["cursor"].clone();
        let id = format!("Last-Event-ID: {}\r\n", cursor.as_str().expect("a cursor"));
        let mut again = Reader::open(&mut server, &name("1"), accept, &id);
        assert_eq!(again.brief(&mut server, scores), format!("ready, whole {channel}2, delta {channel}3"));
        server.push(&channel.to_string(), &score(4));
        assert_eq!(again.brief(&mut server, scores), format!("delta {channel}4"));
        // The latest value, and what comes behind it.
        let mut latest = Reader::open(&mut server, &(name("1") + "&history=1"), accept, "");
        server.push(&channel.to_string(), &score(5));
        assert_eq!(latest.brief(&mut server, scores), format!("ready, whole {channel}4, delta {channel}5"));
    }
}

#[test]
fn a_poll_is_told_deltas_within_one_answer() {
    let mut server = Server::default();
    for n in 1..=3 {
        server.push("a", &score(n));
        server.push("b", &score(n));
    }
    let brief_of = |answer: &Value| {
        let events = answer["events"].as_array().expect("events");
        brief(&mut Bases::default(), events, scores)
    };
    let one = poll(&mut server, "channel=a&history=all&delta=1");
    assert_eq!(brief_of(&one), "whole a1, delta a2, delta a3");
    assert_eq!(server.machine.counters().deltas_delivered, 2);
    let both = poll(&mut server, "channel=a&channel=b&history=all&delta=1");
    assert_eq!(brief_of(&both), "whole a1, whole b1, delta a2, delta b2, delta a3, delta b3");
    assert_eq!(server.machine.counters().deltas_delivered, 6);
    // The same answer for who does not ask, though others have had theirs in this turn.
    let plain = poll(&mut server, "channel=a&history=all");
    assert_eq!(brief_of(&plain), "whole a1, whole a2, whole a3");
    // One that waits gets one message, and knows of none before.
    let client = server.connect(Role::Front);
    let cursor = one["cursor"].as_str().expect("a cursor");
    server.send(
        client,
        format!("GET /events?channel=a&delta=1&cursor={cursor} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"),
    );
    server.push("a", &score(4));
    let (_, body) = split(&server.received(client));
    assert_eq!(brief_of(&serde_json::from_str(&body).expect("JSON")), "whole a4");
}

#[test]
fn nothing_is_built_on_what_has_not_come() {
    let mut config = Config::default();
    (config.limits.history_messages_max, config.limits.outbox_bytes_max) = (3, 1);
    let mut server = Server::new(config);
    let mut reader = Reader::open(&mut server, "channel=a&delta=1", "application/x-ndjson", "");
    server.push("a", &score(1));
    server.push("a", &score(2));
    assert_eq!(reader.brief(&mut server, scores), "ready, whole a1, delta a2");
    // It takes nothing for so long that what it lacks is gone.
    server.clog(reader.client, true);
    for n in 3..=3_000 {
        server.push("a", &score(n));
    }
    server.clog(reader.client, false);
    server.turn();
    let brief = reader.brief(&mut server, scores);
    assert!(brief.starts_with("delta a3, gap, whole a2998, delta a2999, delta a3000"), "{brief}");
    // Forgotten here, but not by the reader: nobody knows that, and nothing has to be known.
    server.ask(Role::Admin, "/clear?cname=a");
    server.push("a", &score(3_001));
    server.push("a", &score(3_002));
    assert_eq!(reader.brief(&mut server, scores), "whole a3001, delta a3002");
}

#[test]
fn what_has_expired_is_no_base() {
    let mut server = Server::default();
    let mut readers: Vec<Reader> = ["channel=a", "channel=a&channel=b"]
        .iter()
        .map(|channels| Reader::open(&mut server, &format!("{channels}&delta=1"), "application/x-ndjson", ""))
        .collect();
    let publish = |server: &mut Server, n: u64, ttl: &str| {
        let client = server.connect(Role::Admin);
        let text = format!("{{\"channel\":\"a\",\"data\":{}{ttl}}}", json!(score(n)));
        let fields = format!("Content-Type: application/json\r\nContent-Length: {}", text.len());
        server.send(client, format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}"));
        assert!(server.received(client).starts_with("HTTP/1.1 200 "));
    };
    publish(&mut server, 1, "");
    publish(&mut server, 2, ",\"ttl\":1");
    for reader in &mut readers {
        assert_eq!(reader.brief(&mut server, scores), "ready, whole a1, delta a2");
    }
    server.pass_ms(2_000);
    publish(&mut server, 3, "");
    publish(&mut server, 4, "");
    for reader in &mut readers {
        assert_eq!(reader.brief(&mut server, scores), "whole a3, delta a4");
    }
    // One that has expired before it was handed over is a hole, with nothing known behind it.
    readers.iter().for_each(|reader| server.clog(reader.client, true));
    let config = Config {
        limits: {
            let mut limits = server.machine.config().limits.clone();
            limits.outbox_bytes_max = 1;
            limits
        },
        ..server.machine.config().clone()
    };
    server.machine.reconfigure(config);
    publish(&mut server, 5, "");
    publish(&mut server, 6, ",\"ttl\":1");
    publish(&mut server, 7, "");
    server.pass_ms(2_000);
    readers.iter().for_each(|reader| server.clog(reader.client, false));
    server.turn();
    for reader in &mut readers {
        assert_eq!(reader.brief(&mut server, scores), "delta a5, gap, whole a7");
    }
}

#[test]
fn a_channel_that_comes_again_is_another() {
    let mut server = Server::default();
    let mut reader = Reader::open(&mut server, "channel=a&channel=b&delta=1", "text/event-stream", "");
    server.push("a", &score(1));
    server.push("b", &score(1));
    assert_eq!(reader.brief(&mut server, scores), "ready, whole a1, whole b1");
    server.ask(Role::Admin, "/close?cname=a");
    server.push("a", &score(1));
    server.push("a", &score(2));
    server.push("b", &score(2));
    assert_eq!(reader.brief(&mut server, scores), "closed, whole a1, delta a2, delta b2");
}

#[test]
fn a_large_message_costs_one_look() {
    let mut server = Server::default();
    let mut reader = Reader::open(&mut server, "channel=a&delta=1", "application/x-ndjson", "");
    let text = |seq: u64| format!("{}{seq}{}", "\u{1f600}".repeat(60_000), "\u{e9}".repeat(60_000));
    for n in 1..=3 {
        let (client, body) = (server.connect(Role::Admin), text(n));
        let length = body.len();
        server.send(
            client,
            format!("PUT /keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}"),
        );
        assert!(server.received(client).starts_with("HTTP/1.1 20"));
    }
    let heard = reader.heard(&mut server);
    assert_eq!((&heard[3]["splice"], &heard[3]["data"]), (&json!([120_000, 1]), &"3".into()));
    assert_eq!(brief(&mut reader.bases, &heard, |_, seq| text(seq)), "ready, whole a1, delta a2, delta a3");
}

#[test]
fn what_cannot_be_asked_for_is_said() {
    let mut server = Server::default();
    let client = server.connect(Role::Front);
    server.send(client, "GET /events?channel=a&delta=yes HTTP/1.1\r\nHost: x\r\n\r\n");
    let (head, body) = split(&server.received(client));
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(body.contains("delta is \\\"yes\\\": expected 1 for messages as deltas, or 0"), "{body}");
    let socket = Socket::open(&mut server);
    let answer = socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","delta":"yes"}"#);
    assert_eq!((&answer[0]["type"], &answer[0]["status"]), (&"error".into(), &400.into()));
    assert_eq!(answer[0]["reason"], "delta is \"yes\": expected true or false");
}

#[test]
fn news_of_people_are_no_message() {
    let mut server = Server::default();
    server.push("a", &score(1));
    server.push("b", &score(1));
    let mut readers: Vec<Reader> = ["channel=a", "channel=a&channel=b"]
        .iter()
        .map(|channels| {
            let query = format!("{channels}&delta=1&who=Ann");
            Reader::open(&mut server, &query, "application/x-ndjson", "")
        })
        .collect();
    let socket = Socket::open(&mut server);
    socket.say(&mut server, r#"{"type":"subscribe","channel":"a","delta":true,"who":"Bob"}"#);
    for (reader, want) in readers.iter_mut().zip(["ready, roster, join", "ready, roster, roster, join"]) {
        assert_eq!(reader.brief(&mut server, scores), want);
    }
    let mut eve = Reader::open(&mut server, "channel=a&who=Eve", "application/x-ndjson", "");
    server.push("a", &score(2));
    server.push("a", &score(3));
    for reader in &mut readers {
        assert_eq!(reader.brief(&mut server, scores), "join, whole a2, delta a3");
    }
    assert_eq!(eve.brief(&mut server, scores), "ready, roster, whole a2, whole a3");
    let mut all = socket.heard(&mut server);
    let all: Vec<Value> = all.drain(..).map(|text| serde_json::from_str(&text).expect("JSON")).collect();
    let heard = brief(&mut Bases::default(), &all, scores);
    assert!(heard.ends_with("join, whole a2, delta a3"), "{heard}");
}
