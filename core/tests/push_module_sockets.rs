//! WebSockets at locations, as clients of Nchan rely on them (`protocols/push-module.md`, section 5.5).
#[path = "push_module_sockets/limits.rs"]
mod limits;
#[path = "support/push.rs"]
mod push;
#[path = "push_module_sockets/readers.rs"]
mod readers;
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use push::*;
use rcomet_core::{HookFailure, Role};
use support::{START, Server, tag};
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
            format!("id: {START}:{}\n\nuntyped", tag(0)),
            format!("id: {START}:{}\ncontent-type: application/json\n\n{{\"a\":\n1}}", tag(1)),
            format!("id: {START}:{}\ncontent-type: text/plain\n\nby another dialect", tag(2)),
            format!("id: {START}:{}\ncontent-type: application/octet-stream\n\nb", tag(3)),
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
    let strict = r#"{"path": "/strict/{id}", "role": "subscriber", "strict_message_ids": true}"#;
    let mut server = locations(&[PUB, SUB, strict]);
    for text in ["0", "1", "2", "3"] {
        post(&mut server, "a", text);
    }
    for (target, fields, wanted) in [
        (format!("/sub/a?last_event_id={START}%3A{}", tag(1)), String::new(), &["2", "3"][..]),
        ("/sub/a".into(), format!("Last-Event-ID: {START}:{}\r\n", tag(2)), &["3"]),
        (
            format!("/sub/a?last_event_id={START}:{}", tag(0)),
            format!("Last-Event-ID: {START}:{}\r\n", tag(3)),
            &[],
        ),
        ("/sub/a".into(), behind(0, "0"), &["1", "2", "3"]),
        ("/sub/a".into(), String::new(), &["0", "1", "2", "3"]),
        ("/sub/a?last_event_id=x:1".into(), String::new(), &["0", "1", "2", "3"]),
    ] {
        let reader = socket(&mut server, &target, &fields);
        assert_eq!(heard(&mut server, reader), wanted, "{target} {fields}");
    }
    assert_eq!(refused(&mut server, "/strict/a?last_event_id=x:1", ""), "400 Message ID invalid");
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
fn a_deleted_channel_of_several_closes_the_socket_where_the_location_says_so() {
    let of = |path: &str, more: &str| {
        format!(
            r#"{{"path": "{path}/{{id}}", "role": "subscriber", "channels": ["all", "my-{{id}}"]{more}}}"#
        )
    };
    let mut server = locations(&[PUB, &of("/any", r#", "delete_ends_all": true"#), &of("/both", "")]);
    let ends = socket(&mut server, "/any/1", "");
    let goes_on = socket(&mut server, "/both/1", "");
    post(&mut server, "all", "last words");
    admin(&mut server, "DELETE", "/pub/my-1", "", "");
    let frames = ends.hear(&mut server);
    assert_eq!(frames[0].text(), "last words");
    assert_eq!(frames[1].close(), (1001, "410 Gone".into()));
    post(&mut server, "all", "secret");
    assert_eq!(heard(&mut server, goes_on), ["last words", "secret"]);
    assert!(ends.hear(&mut server).is_empty());
    assert_eq!(server.machine.load().1, 1);
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
            "{{\"messages\": 1, \"requested\": -1, \"subscribers\": 0, \"last_message_id\": \"{START}:{}\" }}",
            tag(0)
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
    assert_eq!(frames[0].text(), format!("id: {START}:{}\n\nhello", tag(0)));
    let wanted = format!("id: {START}:{}\ncontent-type: application/octet-stream\n\n", tag(1));
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
    // By one socket: it reads what others say to it, and does not hear itself.
    let both = r#"{"path": "/talk/{room}/{me}", "role": "pubsub", "on": ["front"],
        "channels": ["to-{me}"], "publisher_channels": ["{room}"]}"#;
    let mut server = locations(&[both, PUB, SUB]);
    let talker = socket(&mut server, "/talk/a/ann", "");
    let reader = socket(&mut server, "/sub/a", "");
    talker.say(&mut server, "x");
    assert_eq!(heard(&mut server, reader), ["x"]);
    post(&mut server, "to-ann", "hello");
    assert_eq!(heard(&mut server, talker), ["hello"]);
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
