//! WebSockets at locations, as clients of Nchan rely on them (`protocols/push-module.md`, section 5.5).
#[path = "support/push.rs"]
mod push;
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use push::*;
use rcomet_core::{HookFailure, Role};
use support::{START, Server};
use websocket::{DEFLATE, Frame, HANDSHAKE, Socket, close, frame, text};

const META: &str = "Sec-WebSocket-Protocol: ws+meta.nchan\r\n";
const AUTH: &str = r#""authorize_request": "http://127.0.0.1:9000/auth""#;
const REWRITE: &str = r#""publisher_upstream_request": "http://127.0.0.1:9000/rewrite""#;

fn socket(server: &mut Server, target: &str, fields: &str) -> Socket {
    Socket::open_with(server, target, fields).0
}

/// A WebSocket on the admin side; gives also what it is answered.
fn admin_socket(server: &mut Server, target: &str, fields: &str) -> (Socket, String) {
    let client = server.connect(Role::Admin);
    server.send(client, format!("GET {target} HTTP/1.1\r\n{HANDSHAKE}{fields}\r\n"));
    let head = server.received(client);
    (Socket(client), head)
}

fn publisher(server: &mut Server, fields: &str) -> Socket {
    let (socket, head) = admin_socket(server, "/pub/a", fields);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    socket
}

/// What a handshake on the public side is answered that is refused.
fn refused(server: &mut Server, target: &str, fields: &str) -> String {
    let client = server.connect(Role::Front);
    server.send(client, format!("GET {target} HTTP/1.1\r\n{HANDSHAKE}{fields}\r\n"));
    brief(&server.received(client))
}

fn heard(server: &mut Server, socket: Socket) -> Vec<String> {
    socket.heard(server)
}

fn close_of(server: &mut Server, socket: Socket) -> (u16, String) {
    match &socket.hear(server)[..] {
        [one] => one.close(),
        other => panic!("not a close alone: {other:?}"),
    }
}

/// It answers the close, and is gone.
fn part(server: &mut Server, socket: Socket, code: u16) {
    socket.send(server, close(code));
    server.vanish(socket.0);
}

fn post_typed(server: &mut Server, kind: &str, body: &str) {
    admin(server, "POST", "/pub/a", &format!("Content-Type: {kind}\r\n"), body);
}

#[test]
fn messages_come_as_text_and_bytes_as_bytes() {
    let mut server = usual();
    post(&mut server, "a", "one");
    post_typed(&mut server, "application/octet-stream", "\u{0}bin");
    let reader = socket(&mut server, "/sub/a", "");
    post_typed(&mut server, "application/json", "{}");
    let frames = reader.hear(&mut server);
    let all: Vec<(u8, &[u8])> = frames.iter().map(|f| (f.first, &f.payload[..])).collect();
    assert_eq!(all, [(1, &b"one"[..]), (2, b"\0bin"), (1, b"{}")]);
    assert_eq!(server.machine.load().1, 1);
    server.vanish(reader.0);
    assert_eq!(server.machine.load().1, 0);
}

#[test]
fn with_the_subprotocol_each_message_says_its_id_and_its_type() {
    let mut server = usual();
    post(&mut server, "a", "untyped");
    post_typed(&mut server, "application/json", "{\"a\":\n1}");
    server.push("a", "by another dialect");
    post_typed(&mut server, "application/octet-stream", "b");
    let (reader, head) = Socket::open_with(&mut server, "/sub/a", META);
    assert_eq!(field(&head, "Sec-WebSocket-Protocol"), Some("ws+meta.nchan"));
    let frames = reader.hear(&mut server);
    let all: Vec<String> =
        frames.iter().map(|f| String::from_utf8(f.payload.clone()).expect("it is text here")).collect();
    assert_eq!(
        all,
        [
            format!("id: {START}:0\n\nuntyped"),
            format!("id: {START}:1\ncontent-type: application/json\n\n{{\"a\":\n1}}"),
            format!("id: {START}:2\ncontent-type: text/plain\n\nby another dialect"),
            format!("id: {START}:3\ncontent-type: application/octet-stream\n\nb"),
        ]
    );
    assert_eq!(frames.iter().map(|f| f.first).collect::<Vec<_>>(), [1, 1, 1, 2]);
}

/// Nchan knows it only where it is the first, and answers any other offer with an empty field, which browsers refuse.
#[test]
fn the_subprotocol_is_found_anywhere_and_never_answered_with_nothing() {
    let mut server = usual();
    for (offer, wanted) in [
        ("Sec-WebSocket-Protocol: foo, ws+meta.nchan\r\n", Some("ws+meta.nchan")),
        ("Sec-WebSocket-Protocol: foo\r\nSec-WebSocket-Protocol: ws+meta.nchan\r\n", Some("ws+meta.nchan")),
        ("Sec-WebSocket-Protocol: foo\r\n", None),
        ("", None),
    ] {
        let (_, head) = Socket::open_with(&mut server, "/sub/a", offer);
        assert_eq!(field(&head, "Sec-WebSocket-Protocol"), wanted, "{offer}");
    }
}

#[test]
fn a_reader_goes_on_behind_the_id_it_has() {
    let mut server = usual();
    for text in ["0", "1", "2", "3"] {
        post(&mut server, "a", text);
    }
    for (target, fields, wanted) in [
        (format!("/sub/a?last_event_id={START}%3A1"), String::new(), &["2", "3"][..]),
        ("/sub/a".into(), format!("Last-Event-ID: {START}:2\r\n"), &["3"]),
        (format!("/sub/a?last_event_id={START}:0"), format!("Last-Event-ID: {START}:3\r\n"), &[]),
        ("/sub/a".into(), behind(0, "0"), &["1", "2", "3"]),
        ("/sub/a".into(), String::new(), &["0", "1", "2", "3"]),
    ] {
        let reader = socket(&mut server, &target, &fields);
        assert_eq!(heard(&mut server, reader), wanted, "{target} {fields}");
    }
    assert_eq!(refused(&mut server, "/sub/a?last_event_id=x:1", ""), "400 Message ID invalid");
}

#[test]
fn several_channels_come_by_one_socket_in_one_order() {
    let mut server = locations(&[PUB, r#"{"path": "/sub?ids=", "role": "subscriber", "split": ","}"#]);
    for (channel, text) in [("b", "1"), ("a", "2"), ("b", "3"), ("c", "elsewhere")] {
        post(&mut server, channel, text);
    }
    let reader = socket(&mut server, "/sub?ids=a,b", META);
    for (channel, text) in [("a", "4"), ("b", "5"), ("a", "6")] {
        post(&mut server, channel, text);
    }
    let all = heard(&mut server, reader);
    let texts: Vec<&str> = all.iter().map(|message| message.rsplit('\n').next().unwrap()).collect();
    assert_eq!(texts, ["1", "2", "3", "4", "5", "6"]);
    // Any of those ids is a place in both, also when it is written as Nchan writes them.
    let id = all[3].strip_prefix("id: ").and_then(|rest| rest.split('\n').next()).unwrap();
    let reader = socket(&mut server, &format!("/sub?ids=a,b&last_event_id={id}"), "");
    assert_eq!(heard(&mut server, reader), ["5", "6"]);
    let reader = socket(&mut server, &format!("/sub?ids=a,b&last_event_id={START}:[1],-"), "");
    assert_eq!(heard(&mut server, reader), ["3", "4", "5", "6"]);
    // Deleting one ends only that one; the last one ends the socket.
    admin(&mut server, "DELETE", "/pub/a", "", "");
    post(&mut server, "b", "7");
    post(&mut server, "a", "again");
    assert_eq!(heard(&mut server, reader), ["7", "again"]);
    admin(&mut server, "DELETE", "/pub/a", "", "");
    admin(&mut server, "DELETE", "/pub/b", "", "");
    assert_eq!(close_of(&mut server, reader), (1001, "410 Gone".into()));
}

#[test]
fn a_deleted_channel_closes_the_socket_behind_its_last_message() {
    let mut server = usual();
    let reader = socket(&mut server, "/sub/a", "");
    post(&mut server, "a", "last words");
    admin(&mut server, "DELETE", "/pub/a", "", "");
    let frames = reader.hear(&mut server);
    assert_eq!(frames[0].text(), "last words");
    assert_eq!(frames[1].close(), (1001, "410 Gone".into()));
    // The client answers, and is gone; one that does not is ended.
    part(&mut server, reader, 1001);
    let mute = socket(&mut server, "/sub/a", "");
    admin(&mut server, "DELETE", "/pub/a", "", "");
    assert_eq!(close_of(&mut server, mute).0, 1001);
    server.pass_ms(60_000);
    assert_eq!(server.machine.counters().websocket_closes_unanswered, 1);
    server.vanish(mute.0);
    assert_eq!((server.machine.load().1, server.machine.connections()), (0, 0));
}

#[test]
fn what_is_sent_at_a_readers_location_closes_with_1008() {
    let mut server = usual();
    let reader = socket(&mut server, "/sub/a", "");
    reader.say(&mut server, "hello?");
    assert_eq!(close_of(&mut server, reader), (1008, "403 Forbidden".into()));
    assert_eq!(server.machine.counters().publishes_refused, 1);
    assert_eq!(server.machine.load().1, 0);
}

#[test]
fn a_publishers_messages_are_published_and_answered() {
    let mut server = usual();
    let publisher = publisher(&mut server, "Content-Type: text/x\r\nAccept: text/json\r\n");
    publisher.say(&mut server, "one");
    publisher.send(&mut server, frame(0x82, b"\0two"));
    let answers = heard(&mut server, publisher);
    assert_eq!(
        answers[0],
        format!(
            "{{\"messages\": 1, \"requested\": -1, \"subscribers\": 0, \"last_message_id\": \"{START}:0\" }}"
        )
    );
    assert!(answers[1].contains("\"messages\": 2"), "{answers:?}");
    let first = ask(&mut server, "/sub/a", "");
    assert_eq!((brief(&first), field(&first, "Content-Type")), ("200 one".into(), Some("text/x")));
    let second = ask(&mut server, "/sub/a", &behind(0, "0"));
    assert_eq!(
        (brief(&second), field(&second, "Content-Type")),
        ("200 \0two".into(), Some("application/octet-stream"))
    );
    // Who waits is counted.
    get(&mut server, "/sub/a", &behind(0, "1"));
    publisher.say(&mut server, "three");
    assert!(heard(&mut server, publisher)[0].contains("\"subscribers\": 1,"));
    assert_eq!(server.machine.counters().published, 3);
}

/// Nchan takes the first fragment for a message, and closes.
#[test]
fn messages_in_fragments_are_published_whole() {
    let mut server = usual();
    let publisher = publisher(&mut server, "");
    publisher.send(&mut server, frame(0x01, b"in "));
    publisher.send(&mut server, frame(0x89, b"ping between"));
    publisher.send(&mut server, frame(0x00, b"three "));
    publisher.send(&mut server, frame(0x80, b"parts"));
    let frames = publisher.hear(&mut server);
    assert_eq!((frames[0].first, &frames[0].payload[..]), (0x0a, &b"ping between"[..]));
    assert!(frames[1].text().starts_with("queued messages: 1\r\n"));
    assert_eq!(Walker::new("/sub/a").all(&mut server), ["in three parts"]);
}

#[test]
fn frames_without_a_mask_and_text_that_is_none_close() {
    let mut server = usual();
    for (bytes, wanted) in [
        (&b"\x81\x02hi"[..], 1002),
        (&frame(0x81, b"\xff")[..], 1007),
        (&[0x82, 0xff, 0, 0, 0, 0, 0xff, 0, 0, 0, 1, 2, 3, 4][..], 1009),
    ] {
        let publisher = publisher(&mut server, "");
        publisher.send(&mut server, bytes);
        assert_eq!(publisher.closed_with(&mut server), wanted);
    }
    assert_eq!(server.machine.counters().published, 0);
}

#[test]
fn at_a_pubsub_location_who_publishes_reads_its_own() {
    let location = r#"{"path": "/ps/{id}", "role": "pubsub", "on": ["front"]}"#;
    let mut server = locations(&[location]);
    let one = socket(&mut server, "/ps/a", META);
    let other = socket(&mut server, "/ps/a", "");
    one.say(&mut server, "hello");
    other.send(&mut server, frame(0x82, b"\xff\xfe"));
    let frames = one.hear(&mut server);
    assert_eq!(frames[0].text(), format!("id: {START}:0\n\nhello"));
    let wanted = format!("id: {START}:1\ncontent-type: application/octet-stream\n\n");
    assert_eq!(
        (frames[1].first, &frames[1].payload[..]),
        (2, &[wanted.as_bytes(), b"\xff\xfe"].concat()[..])
    );
    let frames = other.hear(&mut server);
    assert_eq!((frames.len(), frames[0].text()), (2, "hello".into()), "and no description of the channel");
}

#[test]
fn a_heartbeat_is_answered_and_not_published() {
    let location = r#"{"path": "/ps/{id}", "role": "pubsub", "on": ["front"], "websocket_client_heartbeat": ["ping", "pong"]}"#;
    let mut server = locations(&[location]);
    let client = socket(&mut server, "/ps/a", "");
    client.say(&mut server, "ping");
    client.say(&mut server, "ping!");
    client.send(&mut server, frame(0x82, b"ping"));
    let frames = client.hear(&mut server);
    let all: Vec<(u8, &[u8])> = frames.iter().map(|f| (f.first, &f.payload[..])).collect();
    assert_eq!(all, [(1, &b"pong"[..]), (1, b"ping!"), (2, b"ping")]);
}

#[test]
fn publishing_and_reading_channels_may_differ() {
    let mut server =
        locations(&[r#"{"path": "/pub/{id}", "role": "publisher", "channels": ["{id}", "all"]}"#, SUB]);
    let publisher = publisher(&mut server, "");
    let readers = [socket(&mut server, "/sub/a", ""), socket(&mut server, "/sub/all", "")];
    publisher.say(&mut server, "x");
    for reader in readers {
        assert_eq!(heard(&mut server, reader), ["x"]);
    }
    assert!(heard(&mut server, publisher)[0].contains("active subscribers: 2\r\n"));
}

#[test]
fn handshakes_are_refused_as_requests_are() {
    let mut server = with(
        &[
            PUB,
            r#"{"path": "/few/{id}", "role": "subscriber", "subscribers_max": 1}"#,
            r#"{"path": "/there/{id}", "role": "subscriber", "existing_only": true}"#,
            r#"{"path": "/arg?id=", "role": "subscriber"}"#,
            r#"{"path": "/polls/{id}", "role": "subscriber", "transports": ["long_poll"]}"#,
            r#"{"path": "/none/{id}", "role": "subscriber", "transports": ["eventsource"]}"#,
        ],
        |config| config.limits.channel_name_bytes_max = 10,
    );
    let one = socket(&mut server, "/few/a", "");
    assert_eq!(refused(&mut server, "/few/a", ""), "403 ");
    server.vanish(one.0);
    socket(&mut server, "/few/a", "");
    assert_eq!(refused(&mut server, "/there/b", ""), "403 ");
    assert_eq!(refused(&mut server, "/arg", ""), "404 No channel id provided.");
    assert_eq!(&refused(&mut server, "/few/0123456789x", "")[..3], "403");
    assert_eq!(refused(&mut server, "/none/a", ""), "403 ");
    post(&mut server, "a", "by a poll");
    assert_eq!(refused(&mut server, "/polls/a", ""), "200 by a poll");
    let client = server.connect(Role::Front);
    let handshake = HANDSHAKE.replace("Version: 13", "Version: 8");
    server.send(client, format!("GET /few/b HTTP/1.1\r\n{handshake}\r\n"));
    let answer = server.received(client);
    assert!(answer.starts_with("HTTP/1.1 426 ") && answer.contains("Sec-WebSocket-Version: 13\r\n"));
}

#[test]
fn pages_of_other_origins_are_kept_out() {
    let mut server = with(&[PUB, SUB], |config| {
        config.http.origins = vec!["https://example.org".to_owned().try_into().expect("an origin")];
    });
    assert_eq!(refused(&mut server, "/sub/a", "Origin: https://evil.example\r\n"), "403 ");
    let (_, head) = Socket::open_with(&mut server, "/sub/a", "Origin: https://example.org\r\n");
    assert_eq!(field(&head, "Access-Control-Allow-Origin"), Some("https://example.org"));
    socket(&mut server, "/sub/a", "");
    // On the admin side no page of another origin publishes, whatever the list says: browsers let WebSockets go anywhere.
    let mut server = usual();
    let (_, answer) = admin_socket(&mut server, "/pub/a", "Origin: https://example.org\r\n");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert_eq!(server.machine.counters().sites_denied, 1);
    let (_, answer) = admin_socket(&mut server, "/pub/a", "Origin: http://x\r\n");
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    // And not at all from the public side.
    assert!(!refused(&mut server, "/pub/a", "").starts_with("101"));
}

#[test]
fn newcomers_are_refused_or_take_the_place() {
    let at = |policy: &str| {
        format!(r#"{{"path": "/{policy}/{{id}}", "role": "subscriber", "concurrency": "{policy}"}}"#)
    };
    let mut server = locations(&[PUB, &at("first"), &at("last"), SUB]);
    let one = socket(&mut server, "/first/a", "");
    assert_eq!(refused(&mut server, "/first/a", ""), "409 ");
    assert_eq!(brief(&ask(&mut server, "/first/a", "")), "409 ");
    let poll = get(&mut server, "/last/b", "");
    let other = socket(&mut server, "/last/b", "");
    assert_eq!(brief(&server.received(poll)), "409 ");
    let third = socket(&mut server, "/last/b", "");
    assert_eq!(close_of(&mut server, other), (1008, "409 Conflict".into()));
    post(&mut server, "b", "x");
    post(&mut server, "a", "y");
    assert_eq!((heard(&mut server, third), heard(&mut server, one)), (vec!["x".into()], vec!["y".into()]));
    assert_eq!(server.machine.counters().conflicts, 4);
    // Among many other readers the walk tells it.
    let crowd: Vec<_> = (0..200).map(|_| get(&mut server, "/sub/c", "")).collect();
    let old: Vec<Socket> = (0..2).map(|_| socket(&mut server, "/sub/c", "")).collect();
    let new = socket(&mut server, "/last/c", "");
    for old in old {
        assert_eq!(close_of(&mut server, old).0, 1008);
    }
    for client in crowd {
        assert_eq!(brief(&server.received(client)), "409 ");
    }
    post(&mut server, "c", "z");
    assert_eq!(heard(&mut server, new), ["z"]);
}

#[test]
fn a_socket_lasts_as_long_as_it_may() {
    let location = r#"{"path": "/sub/{id}", "role": "subscriber", "timeout_ms": 5000}"#;
    let mut server = locations(&[PUB, location]);
    let reader = socket(&mut server, "/sub/a", "");
    post(&mut server, "a", "x");
    server.pass_ms(4_999);
    assert_eq!(heard(&mut server, reader), ["x"]);
    server.pass_ms(1);
    assert_eq!(close_of(&mut server, reader), (1000, "408 Request Timeout".into()));
    assert_eq!(server.machine.load().1, 0);
}

#[test]
fn the_server_leaves_and_says_so() {
    let mut server = usual();
    let reader = socket(&mut server, "/sub/a", "");
    let publisher = publisher(&mut server, "");
    server.machine.drain(server.now);
    server.turn();
    assert_eq!((reader.closed_with(&mut server), publisher.closed_with(&mut server)), (1001, 1001));
    for socket in [reader, publisher] {
        part(&mut server, socket, 1001);
    }
    assert_eq!((server.machine.connections(), server.machine.load().1), (0, 0));
}

#[test]
fn messages_are_compressed_for_those_who_ask() {
    let mut server = usual();
    let (reader, head) = Socket::open_with(&mut server, "/sub/a", &format!("{DEFLATE}{META}"));
    assert!(field(&head, "Sec-WebSocket-Extensions").is_some_and(|e| e.starts_with("permessage-deflate; ")));
    let long = "abc".repeat(500);
    post(&mut server, "a", &long);
    post_typed(&mut server, "application/octet-stream", &long);
    let frames = reader.hear(&mut server);
    assert_eq!(frames.iter().map(|f| f.first).collect::<Vec<_>>(), [0x41, 0x42]);
    assert_eq!(frames[0].text(), format!("id: {START}:0\n\n{long}"));
    assert!(frames[1].inflated().ends_with(long.as_bytes()) && frames[1].payload.len() < 200);
}

/// All four parameters at once: Nchan's answer is cut off.
#[test]
fn four_parameters_of_compression_are_answered_whole() {
    let mut server = usual();
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=10; client_max_window_bits=10\r\n";
    let (_, head) = Socket::open_with(&mut server, "/sub/a", offer);
    assert_eq!(
        field(&head, "Sec-WebSocket-Extensions"),
        Some(
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10"
        )
    );
}

#[test]
fn a_slow_reader_holds_up_nobody_and_misses_what_is_gone() {
    let mut server =
        with(&[r#"{"path": "/pub/{id}", "role": "publisher", "messages_max": 3}"#, SUB], |config| {
            config.limits.outbox_bytes_max = 2_000;
            config.limits.write_stall_ms_max = 1_000_000;
        });
    let slow = socket(&mut server, "/sub/a", "");
    let quick = socket(&mut server, "/sub/a", "");
    server.clog(slow.0, true);
    let body = "x".repeat(400);
    for i in 0..50 {
        post(&mut server, "a", &format!("{i} {body}"));
    }
    assert_eq!(heard(&mut server, quick).len(), 50);
    server.clog(slow.0, false);
    let got = heard(&mut server, slow);
    assert!(got.len() < 50 && got.last().is_some_and(|text| text.starts_with("49 ")), "{}", got.len());
    assert!(server.machine.counters().subscribers_slow > 0);
}

#[test]
fn a_flood_of_messages_waits_for_who_reads() {
    let mut server = usual();
    let reader = socket(&mut server, "/sub/a", "");
    let publisher = publisher(&mut server, "");
    for _ in 0..1_500 {
        server.send_in_this_turn(publisher.0, text("x"));
    }
    server.turn();
    server.pass_ms(1);
    assert_eq!(heard(&mut server, reader).len(), 1_500);
    assert_eq!(heard(&mut server, publisher).len(), 1_500);
}

// What applications have to say.

fn reply(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn an_application_lets_a_socket_in_or_not() {
    let sub = format!(r#"{{"path": "/sub/{{id}}", "role": "subscriber", {AUTH}}}"#);
    let mut server = locations(&[PUB, &sub]);
    let client = server.connect(Role::Front);
    server.send(client, format!("GET /sub/a?last_event_id={START}:7 HTTP/1.1\r\n{HANDSHAKE}{META}\r\n"));
    assert_eq!(server.received(client), "", "it waits for the application");
    let question = server.question();
    assert!(
        question.contains("X-Subscriber-Type: websocket\r\nX-Prev-Message-Id: 1795219200:7\r\n"),
        "{question}"
    );
    assert!(!question.contains("Upgrade") && !question.contains("pgrade: "), "{question}");
    server.reply_to_hook(&reply("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", "log in"));
    let told = server.received(client);
    assert_eq!((brief(&told), field(&told, "www-authenticate")), ("401 log in".into(), Some("Bearer")));
    // The connection is still one of HTTP.
    server.send(client, format!("GET /sub/a HTTP/1.1\r\n{HANDSHAKE}{META}\r\n"));
    server.reply_to_hook(&reply("204 No Content", "", ""));
    assert!(server.received(client).starts_with("HTTP/1.1 101 "));
    post(&mut server, "a", "x");
    assert_eq!(heard(&mut server, Socket(client)), [format!("id: {START}:0\n\nx")]);
    // What it says meanwhile is heard when it is in.
    let client = server.connect(Role::Front);
    let head = format!("GET /sub/a HTTP/1.1\r\n{HANDSHAKE}\r\n");
    server.send(client, [head.as_bytes(), &frame(0x89, b"early")].concat());
    server.reply_to_hook(&reply("200 OK", "", ""));
    let received = server.received_bytes(client);
    assert!(received.ends_with(b"\x81\x01x\x8a\x05early") || received.ends_with(b"\x8a\x05early\x81\x01x"));
    // One that leaves takes its question with it.
    let client = server.connect(Role::Front);
    server.send(client, format!("GET /sub/a HTTP/1.1\r\n{HANDSHAKE}\r\n"));
    server.vanish(client);
    server.pass_ms(1);
    assert_eq!(server.machine.hooks(), 0);
}

#[test]
fn an_applications_word_about_messages_is_kept() {
    let at = format!(r#"{{"path": "/pub/{{id}}", "role": "publisher", {REWRITE}}}"#);
    let mut server = locations(&[&at, SUB]);
    let publisher = publisher(&mut server, "Content-Type: text/x\r\n");
    publisher.say(&mut server, "one");
    publisher.say(&mut server, "two");
    let question = server.question();
    assert!(question.contains("POST /rewrite HTTP/1.1\r\n"), "{question}");
    assert!(question.contains("X-Publisher-Type: websocket\r\n"), "{question}");
    assert!(question.ends_with("Content-Type: text/x\r\nContent-Length: 3\r\n\r\none"), "{question}");
    assert_eq!((server.asked.len(), heard(&mut server, publisher).len()), (1, 0), "one after the other");
    server.reply_to_hook("HTTP/1.1 304 Not Modified\r\n\r\n");
    server.reply_to_hook(&reply("200 OK", "Content-Type: text/y\r\n", "changed"));
    publisher.send(&mut server, frame(0x82, b"\xff\0"));
    let question = server.question_bytes();
    assert!(question.ends_with(b"Content-Type: application/octet-stream\r\nContent-Length: 2\r\n\r\n\xff\0"));
    server.reply_to_hook("HTTP/1.1 204 No Content\r\n\r\n");
    let answers = heard(&mut server, publisher);
    assert!(answers.len() == 2 && answers[1].starts_with("queued messages: 2\r\n"), "{answers:?}");
    assert_eq!(Walker::new("/sub/a").all(&mut server), ["one", "changed"]);
    let second = ask(&mut server, "/sub/a", &behind(0, "0"));
    assert_eq!(field(&second, "Content-Type"), Some("text/y"));
    assert_eq!(server.machine.counters().hooks_changed, 2);
}

#[test]
fn a_message_that_an_application_refuses_closes() {
    let at = format!(r#"{{"path": "/pub/{{id}}", "role": "publisher", {REWRITE}}}"#);
    type Refuse<'a> = &'a dyn Fn(&mut Server);
    let refusals: [(Refuse<'_>, (u16, &str)); 4] = [
        (&|server| server.reply_to_hook(&reply("403 Forbidden", "", "no")), (1008, "403 Forbidden")),
        (&|server| server.reply_to_hook(&reply("500 Oops", "", "")), (1011, "502 Bad Gateway")),
        (&|server| server.fail_hook(HookFailure::Broken), (1011, "502 Bad Gateway")),
        (&|server| server.pass_ms(60_000), (1011, "504 Gateway Timeout")),
    ];
    for (refuse, (code, words)) in refusals {
        let mut server = locations(&[&at, SUB]);
        let publisher = publisher(&mut server, "");
        publisher.say(&mut server, "one");
        publisher.say(&mut server, "two");
        refuse(&mut server);
        let frames: Vec<Frame> = publisher.hear(&mut server).into_iter().filter(|f| f.first != 9).collect();
        assert_eq!(frames.len(), 1, "{frames:?}");
        assert_eq!(frames[0].close(), (code, words.into()));
        server.pass_ms(1);
        assert_eq!((server.machine.hooks(), server.machine.counters().published), (0, 0));
    }
}

#[test]
fn questions_about_messages_are_bounded() {
    let at = format!(r#"{{"path": "/pub/{{id}}", "role": "publisher", {REWRITE}}}"#);
    let mut server = with(&[&at, SUB], |config| config.limits.hooks_max = 2);
    let sockets: Vec<Socket> = (0..3).map(|_| publisher(&mut server, "")).collect();
    for socket in &sockets {
        socket.say(&mut server, "x");
    }
    assert_eq!(sockets[2].closed_with(&mut server), 1013);
    assert_eq!((server.machine.hooks(), server.machine.counters().hooks_refused), (2, 1));
    // What they say meanwhile is read only so far.
    let most = server.machine.config().limits.pipeline_bytes_max;
    server.send(sockets[0].0, text(&"y".repeat(60_000)));
    server.send(sockets[0].0, text(&"y".repeat(60_000)));
    assert!(server.machine.memory().total_bytes() < 2 * most + 300_000);
    for socket in sockets {
        server.vanish(socket.0);
    }
    server.pass_ms(1);
    assert_eq!(server.machine.hooks(), 0);
}

#[test]
fn an_application_is_told_of_sockets_that_come_and_go() {
    let sub = r#"{"path": "/sub/{id}", "role": "subscriber", "channel_events_channel_id": "{id}",
        "subscribe_request": "http://127.0.0.1:9000/came", "unsubscribe_request": "http://127.0.0.1:9000/went"}"#;
    let mut server =
        locations(&[PUB, sub, r#"{"path": "/events/{id}", "role": "subscriber", "group": "meta"}"#]);
    let reader = socket(&mut server, "/sub/a", "");
    assert!(server.question().contains("GET /came HTTP/1.1\r\n"));
    server.reply_to_hook(&reply("200 OK", "", ""));
    server.vanish(reader.0);
    server.turn();
    assert!(server.question().contains("GET /went HTTP/1.1\r\n"));
    server.reply_to_hook(&reply("200 OK", "", ""));
    let events = socket(&mut server, "/events/a", "");
    assert_eq!(heard(&mut server, events), ["subscriber_enqueue a", "subscriber_dequeue a"]);
}

#[test]
fn limits_of_a_group_hold_for_sockets() {
    let group =
        r#""group": "g", "group_max_channels": 1, "group_max_subscribers": 1, "group_max_messages": 1"#;
    let mut server = locations(&[
        &format!(r#"{{"path": "/pub/{{id}}", "role": "publisher", {group}}}"#),
        &format!(r#"{{"path": "/sub/{{id}}", "role": "subscriber", {group}}}"#),
    ]);
    let reader = socket(&mut server, "/sub/a", "");
    assert_eq!(refused(&mut server, "/sub/a", ""), "403 ");
    assert_eq!(refused(&mut server, "/sub/b", ""), "403 ");
    let publisher = publisher(&mut server, "");
    publisher.say(&mut server, "one");
    assert_eq!(heard(&mut server, reader), ["one"]);
    publisher.say(&mut server, "two");
    let frames = publisher.hear(&mut server);
    assert_eq!(frames[1].close(), (1008, "Group limit reached for number of messages.".into()));
    assert_eq!(server.machine.counters().groups_refused, 3);
}

#[test]
fn with_websockets_switched_off_there_are_polls() {
    let mut server = with(&[PUB, SUB], |config| config.websocket.enabled = false);
    post(&mut server, "a", "x");
    assert_eq!(refused(&mut server, "/sub/a", ""), "200 x");
}

#[test]
fn what_sockets_are_for_is_on_the_account() {
    let mut server = usual();
    let tables = |server: &Server| server.machine.memory().tables_bytes;
    let before = tables(&server);
    let sockets: Vec<Socket> = (0..100).map(|_| publisher(&mut server, "")).collect();
    server.turn();
    let used = tables(&server) - before;
    assert!(used > 100 * 300, "{used}");
    for socket in sockets {
        server.vanish(socket.0);
    }
    // Timers go when their time has come.
    server.pass_ms(1_000_000);
    assert!(tables(&server) <= before + 100, "{} {before}", tables(&server));
}

#[test]
fn readers_of_a_channel_are_named() {
    let info = r#"{"path": "/who/{id}", "role": "subscriber_info"}"#;
    let mut server = with(&[PUB, SUB, info], |config| config.limits.status_names_max = 5);
    assert_eq!(brief(&admin(&mut server, "GET", "/who/a", "", "")), "404 ");
    post(&mut server, "a", "x");
    assert_eq!(brief(&admin(&mut server, "GET", "/who/a", "", "")), "200 ");
    let (role, head) = (Role::Front, "Host: x\r\n");
    for (address, target, fields) in [
        ("10.0.0.1", "/sub/a", HANDSHAKE),
        ("10.0.0.2", "/sub/a", "Host: x\r\nAccept: text/event-stream\r\n"),
        ("10.0.0.3", "/sub?cname=a&seq=2", head),
        ("::ffff:10.0.0.4", "/events?channel=a&channel=b", head),
    ] {
        let client = server.connect_from(role, address);
        server.send(client, format!("GET {target} HTTP/1.1\r\n{fields}\r\n"));
    }
    get(&mut server, "/sub/a", &behind(0, "0"));
    assert_eq!(
        brief(&admin(&mut server, "GET", "/who/a", "", "")),
        "200 websocket 10.0.0.1\neventsource 10.0.0.2\nicomet 10.0.0.3\nnative 10.0.0.4\nlongpoll 127.0.0.1\n"
    );
    get(&mut server, "/sub/a", &behind(0, "0"));
    let told = brief(&admin(&mut server, "GET", "/who/a", "", ""));
    assert!(told.ends_with("longpoll 127.0.0.1\nand 1 more\n"), "{told}");
    // It is asked on the admin side, and in no other way.
    assert_eq!(brief(&admin(&mut server, "POST", "/who/a", "", "x")), "405 ");
    assert!(!ask(&mut server, "/who/a", "").starts_with("HTTP/1.1 200 "));
}
