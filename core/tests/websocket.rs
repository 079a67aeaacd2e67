//! WebSockets in memory: the handshake, the native protocol, how they live and end, and what they cost.
#![allow(clippy::disallowed_methods, reason = "a test may be told which seeds to try")]
#[path = "support/deltas.rs"]
mod deltas;
#[path = "websocket/life.rs"]
mod life;
#[path = "websocket/limits.rs"]
mod limits;
#[path = "websocket/order.rs"]
mod order;
#[path = "support/mod.rs"]
mod support;
#[path = "support/websocket.rs"]
mod websocket;
#[path = "websocket/world.rs"]
mod world;

use rcomet_core::config::{CompressionStrategy, Websocket};
use rcomet_core::{Config, Role};
use support::{FIRST_CHANGE, Server, encode};
use websocket::{DEFLATE, HANDSHAKE, Socket, close, frame, text};

fn config(set: impl Fn(&mut Config)) -> Config {
    let mut config = Config::default();
    config.front.publish = vec!["open.*".to_owned().try_into().expect("a pattern")];
    set(&mut config);
    config
}

fn server() -> Server {
    Server::new(config(|_| {}))
}

fn refused(server: &mut Server, request: &str) -> String {
    let client = server.connect(Role::Front);
    server.send(client, request);
    server.received(client)
}

#[test]
fn a_handshake_that_is_none_is_answered_in_words() {
    let mut server = server();
    let plain = refused(&mut server, "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(plain.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{plain}");
    assert!(plain.contains("\r\nUpgrade: websocket\r\n"), "{plain}");
    for (from, to, status, words) in [
        ("Version: 13", "Version: 12", "426", "Sec-WebSocket-Version: 13\r\n"),
        ("ZQ==", "", "400", "16 bytes in base64"),
        ("Connection: Upgrade\r\n", "", "400", "Connection: Upgrade is missing"),
    ] {
        let answer =
            refused(&mut server, &format!("GET /ws HTTP/1.1\r\n{}\r\n", HANDSHAKE.replace(from, to)));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(words), "{answer}");
    }
    let post = refused(&mut server, &format!("POST /ws HTTP/1.1\r\nContent-Length: 0\r\n{HANDSHAKE}\r\n"));
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("\r\nAllow: GET\r\n"), "{post}");
    assert_eq!(server.machine.counters().websocket_handshakes_refused, 5);
    let echo = refused(&mut server, &format!("GET /echo HTTP/1.1\r\n{HANDSHAKE}\r\n"));
    assert!(echo.starts_with("HTTP/1.1 404 "), "{echo}");
    let client = server.connect(Role::Admin);
    server.send(client, format!("GET /ws HTTP/1.1\r\n{HANDSHAKE}\r\n"));
    assert!(server.received(client).starts_with("HTTP/1.1 404 "), "there is none on the admin side");
    let mut off = Server::new(config(|c| c.websocket.enabled = false));
    let answer = refused(&mut off, &format!("GET /ws HTTP/1.1\r\n{HANDSHAKE}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

#[test]
fn pages_are_let_in_by_their_origin() {
    let only = || vec!["https://good.example".to_owned().try_into().expect("an origin")];
    let mut server = Server::new(config(|c| c.http.origins = only()));
    Socket::open_with(&mut server, "/ws", "Origin: https://good.example\r\n");
    Socket::open_with(&mut server, "/ws", "");
    for bad in ["https://evil.example", "http://good.example", "null", "https://good.example.evil.example"] {
        let answer = refused(&mut server, &format!("GET /ws HTTP/1.1\r\n{HANDSHAKE}Origin: {bad}\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
    assert_eq!(server.machine.counters().websocket_origins_denied, 4);
    let mut server = Server::default();
    Socket::open_with(&mut server, "/ws", "Origin: https://evil.example\r\n");
}

#[test]
fn what_is_asked_for_is_agreed_on() {
    let mut server = server();
    let (_, head) =
        Socket::open_with(&mut server, "/ws", &format!("{DEFLATE}Sec-WebSocket-Protocol: x, rcomet\r\n"));
    let extension = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert!(head.contains(&format!("\r\nSec-WebSocket-Extensions: {extension}\r\n")), "{head}");
    assert!(head.contains("\r\nSec-WebSocket-Protocol: rcomet\r\n"), "{head}");
    let (_, head) = Socket::open_with(&mut server, "/ws", "Sec-WebSocket-Protocol: x\r\n");
    assert!(!head.contains("Sec-WebSocket-Protocol") && !head.contains("Extensions"), "{head}");
    let mut off = Server::new(config(|c| c.websocket.compression = false));
    let (socket, head) = Socket::open_with(&mut off, "/ws", DEFLATE);
    assert!(!head.contains("Extensions"), "{head}");
    socket.send(&mut off, frame(0xc1, b"\0"));
    assert_eq!(socket.closed_with(&mut off), 1002, "a bit that was not agreed on is reserved");
}

#[test]
fn a_conversation() {
    let mut server = server();
    let socket = Socket::open(&mut server);
    let subscribed = socket.ask(&mut server, r#"{"type":"subscribe","channel":"open.a","id":1}"#);
    assert_eq!(subscribed.len(), 1);
    let cursor = subscribed[0]["cursor"].as_str().expect("a cursor").to_owned();
    let want = serde_json::json!({"type":"subscribed","id":1,"channel":"open.a","seq":0,"cursor":cursor});
    assert_eq!(subscribed[0], want);
    server.push("open.a", "one <&> \u{2028} \"two\"");
    let got = socket.heard(&mut server);
    let message: serde_json::Value = serde_json::from_str(&got[0]).expect("JSON");
    assert_eq!((got.len(), &message["type"], &message["seq"]), (1, &"message".into(), &1.into()));
    assert_eq!(message["data"], "one <&> \u{2028} \"two\"");
    let seen = message["cursor"].as_str().expect("a cursor").to_owned();
    let answers =
        socket.ask(&mut server, r#"{"type":"publish","channel":"open.a","data":{"n":[1]},"id":"p"}"#);
    assert_eq!(answers[0], serde_json::json!({"type":"published","id":"p"}));
    assert_eq!(answers[1]["data"], "{\"n\":[1]}", "what is no string is its JSON");
    assert_eq!(answers[1]["seq"], 2);
    assert_eq!(socket.ask(&mut server, r#"{"type":"ping"}"#)[0], serde_json::json!({"type":"pong"}));
    // Another one goes on where this one was, and so does an event source: the cursors are the same.
    let other = Socket::open(&mut server);
    let ask = format!(r#"{{"type":"subscribe","channel":"open.a","cursor":"{seen}"}}"#);
    let answers = other.ask(&mut server, &ask);
    assert_eq!((&answers[0]["type"], &answers[0]["seq"]), (&"subscribed".into(), &1.into()));
    assert_eq!((answers.len(), &answers[1]["seq"]), (2, &2.into()));
    let source = server.connect(Role::Front);
    server
        .send(source, format!("GET /sse?cname=open.a HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {seen}\r\n\r\n"));
    let events = server.received(source);
    assert!(events.contains("\"seq\":2") && !events.contains("\"seq\":1"), "{events}");
    let gone = socket.ask(&mut server, r#"{"type":"unsubscribe","channel":"open.a","id":9}"#);
    assert_eq!(gone, [serde_json::json!({"type":"unsubscribed","id":9,"channel":"open.a"})]);
    server.push("open.a", "three");
    assert!(socket.hear(&mut server).is_empty() && other.hear(&mut server).len() == 1);
}

#[test]
fn several_channels_on_one_connection() {
    let mut server = server();
    let socket = Socket::open(&mut server);
    for channel in ["a", "b", "c"] {
        socket.ask(&mut server, &format!(r#"{{"type":"subscribe","channel":"{channel}"}}"#));
    }
    let again = socket.ask(&mut server, r#"{"type":"subscribe","channel":"b","id":1}"#);
    assert_eq!(
        (&again[0]["type"], &again[0]["status"], &again[0]["id"]),
        (&"error".into(), &400.into(), &1.into())
    );
    for channel in ["c", "a", "b", "a"] {
        server.push(channel, channel);
    }
    let got = socket.heard(&mut server);
    let channels: Vec<String> = got
        .iter()
        .map(|text| serde_json::from_str::<serde_json::Value>(text).expect("JSON")["channel"].to_string())
        .collect();
    assert_eq!(channels, ["\"c\"", "\"a\"", "\"b\"", "\"a\""]);
    assert_eq!(server.machine.load(), (3, 1), "one subscription reads all of them");
    let target = format!("/close?cname={}", encode("b"));
    assert_eq!(server.ask(Role::Admin, &target), "ok 2\n");
    assert_eq!(socket.heard(&mut server), [r#"{"type":"closed","channel":"b"}"#]);
    assert_eq!(server.machine.load(), (2, 1));
    let anew = socket.ask(&mut server, r#"{"type":"subscribe","channel":"b","seq":1}"#);
    assert_eq!(anew[0]["seq"], 0, "another life of the channel");
    server.vanish(socket.0);
    assert_eq!(server.machine.load().1, 0);
}

#[test]
fn what_is_missing_is_said() {
    let mut server = Server::new(config(|c| c.limits.history_messages_max = 3));
    for n in 0..10 {
        server.push("a", &format!("m{n}"));
    }
    let socket = Socket::open(&mut server);
    let answers = socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","seq":2}"#);
    let kinds: Vec<_> = answers.iter().map(|a| a["type"].as_str().expect("a type")).collect();
    assert_eq!(kinds, ["gap", "subscribed", "message", "message", "message"]);
    assert_eq!(answers[0], serde_json::json!({"type":"gap","channel":"a","next":8,"missing":6}));
    let elsewhere = Socket::open(&mut server);
    let strange = "A".repeat(32);
    let answers = elsewhere
        .ask(&mut server, &format!("{{\"type\":\"subscribe\",\"channel\":\"a\",\"cursor\":\"{strange}\"}}"));
    assert_eq!(
        answers[0],
        serde_json::json!({"type":"gap","channel":"a","next":8,"missing":null,"because":"cursor"})
    );
    // A slow reader falls out of what is kept while it is connected: it is told where it goes on.
    let mut server = Server::new(config(|c| {
        c.limits.history_bytes_max = 4_000;
        c.limits.outbox_bytes_max = 500;
    }));
    let slow = Socket::open(&mut server);
    slow.say(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    server.clog(slow.0, true);
    for n in 0..100 {
        server.push("a", &format!("{n} {}", "x".repeat(100)));
    }
    server.clog(slow.0, false);
    let heard = slow.heard(&mut server);
    let (mut next, mut gaps) = (1, 0);
    for text in &heard[1..] {
        let message: serde_json::Value = serde_json::from_str(text).expect("JSON");
        if message["type"] == "gap" {
            let missing = message["missing"].as_u64().expect("it is known");
            assert_eq!(message["next"].as_u64(), Some(next + missing));
            (next, gaps) = (next + missing, gaps + 1);
        } else {
            assert_eq!(message["seq"].as_u64(), Some(next));
            next += 1;
        }
    }
    assert_eq!((next, gaps > 0), (101, true));
}

#[test]
fn tokens_are_asked_for_and_publishing_is_for_named_channels() {
    let mut server = Server::new(config(|c| c.front.auth = rcomet_core::config::Auth::Token));
    let signed = server.ask(Role::Admin, "/sign?cname=open.s");
    let signed: serde_json::Value = serde_json::from_str(&signed).expect("JSON");
    let token = signed["token"].as_str().expect("a token");
    let socket = Socket::open(&mut server);
    for (more, kind) in [
        (String::new(), "error"),
        (",\"token\":\"0\"".into(), "error"),
        (format!(",\"token\":\"{token}\""), "subscribed"),
    ] {
        let ask = format!(r#"{{"type":"subscribe","channel":"open.s"{more}}}"#);
        assert_eq!(socket.ask(&mut server, &ask)[0]["type"], kind, "{more}");
    }
    assert_eq!(server.machine.counters().tokens_refused, 2);
    let shut = socket.ask(&mut server, r#"{"type":"publish","channel":"shut","data":"x","id":4}"#);
    let want = serde_json::json!({"type":"error","id":4,"status":403,"reason":"publishing to this channel from here is not allowed"});
    assert_eq!(shut, [want]);
    // Half a character, as scripts cut them off.
    let half = socket.ask(&mut server, r#"{"type":"publish","channel":"open.s","data":"cut \ud83d","id":5}"#);
    assert_eq!(half[0]["type"], "published");
    let told = half.iter().find(|said| said["type"] == "message").expect("it reads the channel");
    assert!(told["data"].as_str().is_some_and(|data| data.starts_with("cut \u{fffd}")), "{told}");
    let nonsense = socket.ask(&mut server, "nonsense");
    assert_eq!((&nonsense[0]["type"], &nonsense[0]["status"]), (&"error".into(), &400.into()));
    socket.send(&mut server, frame(0x82, b"bytes"));
    assert_eq!(socket.closed_with(&mut server), 1003);
}

#[test]
fn people_are_told_of_each_other() {
    let mut server = server();
    let (ann, bob) = (Socket::open(&mut server), Socket::open(&mut server));
    ann.ask(&mut server, r#"{"type":"subscribe","channel":"room","who":"Ann"}"#);
    let heard = bob.ask(&mut server, r#"{"type":"subscribe","channel":"room","who":"Bob"}"#);
    assert_eq!(
        heard[1],
        serde_json::json!({"type":"roster","channel":"room","roster":FIRST_CHANGE + 1,"who":["Ann","Bob"]})
    );
    let told = |kind, n| format!(r#"{{"type":"{kind}","channel":"room","roster":{n},"who":"Bob"}}"#);
    assert_eq!(ann.heard(&mut server), [told("join", FIRST_CHANGE + 1)]);
    server.vanish(bob.0);
    server.pass_ms(20_000);
    assert_eq!(ann.heard(&mut server), [told("leave", FIRST_CHANGE + 2)]);
}

#[test]
fn messages_come_in_any_pieces_and_many_at_once() {
    let mut server = Server::new(config(|c| c.websocket.echo = true));
    let long = "lång ".repeat(700);
    let stream = [
        text("one"),
        frame(0x01, &long.as_bytes()[..2001]),
        frame(0x89, b"!"),
        frame(0x00, &long.as_bytes()[2001..2002]),
        frame(0x80, &long.as_bytes()[2002..]),
        frame(0x82, &[0xff; 70_000]),
        text(""),
    ]
    .concat();
    for size in [1, 2, 7, 100, 4096, usize::MAX] {
        let (socket, _) = Socket::open_with(&mut server, "/echo", "");
        for piece in stream.chunks(size.min(stream.len())) {
            socket.send(&mut server, piece);
        }
        let got = socket.hear(&mut server);
        assert_eq!(got.len(), 5, "in pieces of {size}");
        assert_eq!((got[0].text(), got[1].payload.as_slice()), ("one".into(), &b"!"[..]));
        assert_eq!((got[1].first & 0x0f, got[2].text()), (10, long.clone()));
        assert_eq!((got[3].payload.len(), got[4].text()), (70_000, String::new()));
        socket.send(&mut server, close(1000));
        assert_eq!(socket.closed_with(&mut server), 1000);
        server.finish_sending(socket.0);
        assert!(server.is_closed(socket.0));
    }
    // Behind the handshake in one packet, and far more than is served at once.
    let client = server.connect(Role::Front);
    let many: Vec<u8> = (0..5_000).flat_map(|n| text(&format!("m{n}"))).collect();
    let request = format!("GET /echo HTTP/1.1\r\n{HANDSHAKE}\r\n");
    server.send(client, [request.as_bytes(), &many].concat());
    let got = server.received_bytes(client);
    let head = got.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
    let texts: Vec<String> = websocket::frames(&got[head..]).iter().map(websocket::Frame::text).collect();
    assert_eq!(texts, (0..5_000).map(|n| format!("m{n}")).collect::<Vec<_>>());
    server.vanish(client);
    assert!(server.machine.is_pristine());
}

#[test]
fn compression_is_done_once_for_all() {
    let mut server = server();
    let subscribe = r#"{"type":"subscribe","channel":"a"}"#;
    let many: Vec<Socket> = (0..500).map(|_| Socket::open_with(&mut server, "/ws", DEFLATE).0).collect();
    let plain = Socket::open(&mut server);
    let window = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n";
    let (small, head) = Socket::open_with(&mut server, "/ws", window);
    assert!(head.contains("; server_max_window_bits=9\r\n"), "{head}");
    for socket in many.iter().chain([&plain, &small]) {
        socket.ask(&mut server, subscribe);
    }
    server.budget = 100;
    for n in 1..=20 {
        server.push("a", &format!("{n} {}", "again ".repeat(100)));
    }
    server.push("a", "short");
    for socket in many.iter().chain([&plain, &small]) {
        let got = socket.hear(&mut server);
        assert_eq!(got.len(), 21);
        for (n, frame) in got.iter().enumerate() {
            assert!(frame.text().contains(&format!("\"seq\":{}", n + 1)));
            let is_plain = socket.0 == plain.0 || n == 20;
            assert_eq!(frame.first & 0x40 == 0, is_plain, "what is short is sent as it is");
        }
    }
    assert_eq!(server.machine.counters().frames_deflated, 40, "once for each window");
    // A latecomer has nothing compressed for it alone but the newest.
    let (late, _) = Socket::open_with(&mut server, "/ws", DEFLATE);
    late.say(&mut server, r#"{"type":"subscribe","channel":"a","seq":-1}"#);
    let got = late.hear(&mut server);
    assert_eq!(got.len(), 22);
    assert!(got.iter().filter(|f| f.first & 0x40 != 0).count() <= 16);
}

/// The same text over a socket that offers this: what was agreed on, and the bytes that came.
fn compressed(server: &mut Server, offer: &str) -> (Option<String>, usize) {
    let offer = format!("Sec-WebSocket-Extensions: permessage-deflate{offer}\r\n");
    let (socket, head) = Socket::open_with(server, "/ws", &offer);
    socket.ask(server, r#"{"type":"subscribe","channel":"a"}"#);
    // It says the same a second time, out of reach for a small window.
    let noise: String =
        (0..3_000u32).map(|i| char::from(b'a' + (i.wrapping_mul(2_654_435_761) >> 24) as u8 % 26)).collect();
    server.push("a", &format!("{noise}{noise}"));
    let frame = socket.hear(server).pop().expect("a message");
    assert!(frame.inflated().windows(noise.len()).any(|text| text == noise.as_bytes()));
    let told =
        head.split("server_max_window_bits=").nth(1).map(|rest| rest.split("\r\n").next().unwrap().into());
    (told, frame.payload.len())
}

#[test]
fn the_window_and_the_level_of_compression_are_for_the_administrator_to_choose() {
    let mut server = server();
    let (told, usual) = compressed(&mut server, "");
    assert_eq!(told, None);
    // Who has not asked is not told; who has asked for more gets less, and is told.
    let more = "; server_max_window_bits=12";
    let less = "; server_max_window_bits=9";
    for (window, asked, said) in [(9, "", None), (9, more, Some("9")), (12, less, Some("9"))] {
        let mut server = Server::new(config(|c| c.websocket.compression_window = window));
        let (told, bytes) = compressed(&mut server, asked);
        assert_eq!(told.as_deref(), said);
        assert!(bytes > usual + usual / 2, "{bytes} {usual}");
    }
    // A level holds at once, for everybody.
    let (socket, _) = Socket::open_with(&mut server, "/ws", DEFLATE);
    socket.ask(&mut server, r#"{"type":"subscribe","channel":"b"}"#);
    let text: String = (0..3_000u32).map(|i| (i % 977).to_string()).collect();
    let mut sizes = Vec::new();
    for level in [6, 1, 9] {
        server.machine.reconfigure(config(|c| c.websocket.compression_level = level));
        server.push("b", &text);
        sizes.push(socket.hear(&mut server).pop().expect("a message").payload.len());
    }
    assert!(sizes[1] > sizes[0] && sizes[1] > sizes[2] && sizes[0] != sizes[2], "{sizes:?}");
    // And so do memory and strategy.
    for change in [
        |w: &mut Websocket| w.compression_memory_level = 1,
        |w: &mut Websocket| w.compression_strategy = CompressionStrategy::HuffmanOnly,
    ] {
        server.machine.reconfigure(config(|c| change(&mut c.websocket)));
        server.push("b", &text);
        let size = socket.hear(&mut server).pop().expect("a message").payload.len();
        assert_ne!(size, sizes[0]);
    }
}

#[test]
fn compressed_messages_are_understood() {
    let mut server = Server::new(config(|c| {
        c.websocket.echo = true;
        c.websocket.compression_bytes_min = 0;
    }));
    let (socket, _) = Socket::open_with(&mut server, "/echo", DEFLATE);
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    socket.send(&mut server, frame(0xc1, &hello));
    socket.send(&mut server, [frame(0x41, &hello[..3]), frame(0x89, b""), frame(0x80, &hello[3..])].concat());
    socket.send(&mut server, text("Hello"));
    socket.send(&mut server, frame(0xc1, &[0x00]));
    let got = socket.hear(&mut server);
    let texts: Vec<String> = got.iter().filter(|f| f.first & 0x0f == 1).map(websocket::Frame::text).collect();
    assert_eq!(texts, ["Hello", "Hello", "Hello", ""]);
    socket.send(&mut server, frame(0xc1, &[0xff, 0xff]));
    assert_eq!(socket.closed_with(&mut server), 1007);
    let (socket, _) = Socket::open_with(&mut server, "/echo", DEFLATE);
    let mut bad = Vec::new();
    let mut compress = flate2::Compress::new(flate2::Compression::fast(), false);
    bad.reserve(100);
    compress.compress_vec(&[0xff, 0xfe], &mut bad, flate2::FlushCompress::Sync).expect("it is compressed");
    socket.send(&mut server, frame(0xc1, &bad[..bad.len() - 4]));
    assert_eq!(socket.closed_with(&mut server), 1007, "text is UTF-8 when it is decompressed");
}

#[test]
fn of_several_channels_those_that_are_refused_are_named() {
    let mut server = Server::new(config(|c| c.limits.channel_name_bytes_max = 9));
    let socket = Socket::open(&mut server);
    let said = |said: &[serde_json::Value]| -> Vec<String> {
        let one =
            |e: &serde_json::Value| format!("{} {} {} {}", e["type"], e["id"], e["status"], e["channel"]);
        said.iter().map(|e| one(e).replace('"', "")).collect()
    };
    let listed =
        socket.ask(&mut server, r#"{"type":"subscribe","channels":["a","much-too-long","b\u0007"]}"#);
    assert_eq!(
        said(&listed),
        ["subscribed null null a", "error null 400 much-too-…", "error null 400 b\\u0007"]
    );
    let tagged = socket.ask(&mut server, r#"{"type":"subscribe","channels":["a","b","\u0007"],"id":1}"#);
    assert_eq!(said(&tagged), ["error 1 400 a", "subscribed 1 null b", "error 1 400 \\u0007"]);
    // Without an id it would be taken for the end of what there is.
    let again = socket.ask(&mut server, r#"{"type":"subscribe","channels":["a","c"]}"#);
    assert_eq!(said(&again), ["error null 400 null", "subscribed null null c"]);
    server.push("a", "it is still there");
    assert_eq!(socket.hear(&mut server).len(), 1);
}
