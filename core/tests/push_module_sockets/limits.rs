//! Who gives way, how long a socket lasts, what applications say, and what is bounded.
use super::*;

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
    assert_eq!(frames[0].text(), format!("id: {START}:{}\n\n{long}", tag(0)));
    assert!(frames[1].inflated().ends_with(long.as_bytes()) && frames[1].payload.len() < 200);
}

#[test]
fn compression_is_the_locations_to_refuse() {
    let plain =
        r#"{"path": "/plain/{id}", "role": "pubsub", "on": ["front"], "websocket_compression": false}"#;
    let mut server = locations(&[PUB, SUB, plain]);
    let agreed = |head: &str| field(head, "Sec-WebSocket-Extensions").is_some();
    let (reader, head) = Socket::open_with(&mut server, "/plain/a", DEFLATE);
    let (other, usual) = Socket::open_with(&mut server, "/sub/a", DEFLATE);
    assert!(!agreed(&head) && agreed(&usual), "{head}{usual}");
    let long = "abc".repeat(500);
    post(&mut server, "a", &long);
    assert_eq!((reader.hear(&mut server)[0].first, other.hear(&mut server)[0].first), (0x01, 0x41));
    // What was not agreed on cannot be sent either.
    reader.send(&mut server, frame(0xc1, b"x"));
    assert_eq!(reader.closed_with(&mut server), 1002);
    // It takes away, and does not give: where the server compresses nothing, nor does a location.
    let willing = r#"{"path": "/sub/{id}", "role": "subscriber", "websocket_compression": true}"#;
    let mut server = with(&[PUB, willing], |config| config.websocket.compression = false);
    let (_, head) = Socket::open_with(&mut server, "/sub/a", DEFLATE);
    assert!(!agreed(&head), "{head}");
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
    assert_eq!((brief(&told), field(&told, "WWW-Authenticate")), ("401 log in".into(), Some("Bearer")));
    // The connection is still one of HTTP.
    server.send(client, format!("GET /sub/a HTTP/1.1\r\n{HANDSHAKE}{META}\r\n"));
    server.reply_to_hook(&reply("204 No Content", "", ""));
    assert!(server.received(client).starts_with("HTTP/1.1 101 "));
    post(&mut server, "a", "x");
    assert_eq!(heard(&mut server, Socket(client)), [format!("id: {START}:{}\n\nx", tag(0))]);
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
fn signs_of_life_are_the_locations_to_ask_for() {
    let at = |path: &str, more: &str| format!(r#"{{"path": "/{path}/{{id}}", "role": "subscriber"{more}}}"#);
    let all = [
        at("often", r#", "websocket_ping_ms": 5000"#),
        at("never", r#", "websocket_ping_ms": 0"#),
        at("sub", ""),
    ];
    let mut server = locations(&[&all[0], &all[1], &all[2]]);
    let [often, never, usual] = ["/often/a", "/never/a", "/sub/a"].map(|path| socket(&mut server, path, ""));
    let ping = [0x89, 0x00];
    let pass = |server: &mut Server, ms: u64| {
        server.pass_ms(ms);
        [often, never, usual].map(|one| server.received_bytes(one.0) == ping)
    };
    assert_eq!(pass(&mut server, 4_900), [false; 3]);
    assert_eq!(pass(&mut server, 200), [true, false, false]);
    // An answer is a sign of life, from which the time runs again.
    often.send(&mut server, frame(0x8a, b""));
    assert_eq!(pass(&mut server, 4_900), [false; 3]);
    assert_eq!(pass(&mut server, 200), [true, false, false]);
    assert_eq!(pass(&mut server, 19_000), [false; 3]);
    assert_eq!(pass(&mut server, 2_000), [false, false, true]);
    assert!(server.is_closed(often.0), "it has not answered for websocket.pong_ms_max");
}
