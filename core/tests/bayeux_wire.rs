//! Bayeux over WebSocket (`protocols/bayeux.md`, section 12): the same sessions, pushed to.
#[path = "support/bayeux.rs"]
mod bayeux;
mod support;
#[path = "support/websocket.rs"]
mod websocket;
#[path = "support/wire.rs"]
mod wire;

use bayeux::{Fellow, config, server};
use rcomet_core::Role;
use rcomet_core::config::Gap;
use serde_json::{Value, json};
use support::Server;
use websocket::{DEFLATE, HANDSHAKE, Socket, close};
use wire::Wired;

#[test]
fn messages_come_at_once_and_the_connect_goes_on_waiting() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/chat/demo");
    a.connect(&mut server);
    assert!(a.batches(&mut server).is_empty(), "it waits");
    for n in 0..3 {
        server.push("/chat/demo", &n.to_string());
        assert_eq!(a.batches(&mut server), [json!([{"channel": "/chat/demo", "data": n.to_string()}])]);
    }
    server.pass_ms(29_999);
    assert!(a.batches(&mut server).is_empty());
    server.pass_ms(1);
    assert_eq!(a.reply(&mut server), json!({"id": "3", "channel": "/meta/connect", "successful": true}));
    // Between two connects it is on the socket too.
    server.push("/chat/demo", "between");
    assert_eq!(a.data(&mut server), ["between"]);
    server.machine.check();
}

#[test]
fn a_publish_is_answered_and_heard() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a/**");
    a.connect(&mut server);
    a.say(&mut server, "/a/b", json!({"data": {"x": [1, "\u{2028}"]}, "ext": {"e": 1}}));
    assert_eq!(
        a.heard(&mut server),
        [
            json!({"id": "4", "channel": "/a/b", "successful": true}),
            json!({"channel": "/a/b", "data": {"x": [1, "\u{2028}"]}, "ext": {"e": 1}}),
        ]
    );
}

#[test]
fn what_happened_before_the_connect_is_pushed_with_it() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.subscribe(&mut server, "/b/*");
    for n in 0..10 {
        server.push(if n % 3 == 0 { "/a" } else { "/b/c" }, &n.to_string());
    }
    assert!(a.batches(&mut server).is_empty(), "nothing comes before it has connected");
    a.connect_with(&mut server, json!({"advice": {"timeout": 0}}));
    let heard = a.heard(&mut server);
    let data: Vec<&str> = heard.iter().filter_map(|m| m["data"].as_str()).collect();
    assert_eq!(data, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "in the order of the log");
    assert_eq!(heard[10]["channel"], "/meta/connect");
    assert_eq!(heard[10]["advice"]["timeout"], 30_000, "it was given advice");
}

#[test]
fn a_batch_is_answered_in_its_order() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    let batch = json!([
        a.message("/meta/subscribe", json!({"subscription": "/a"})),
        a.message("/a", json!({"data": 1})),
        a.message("/meta/connect", json!({"connectionType": "websocket"})),
        7,
        a.message("/a", json!({"data": 2})),
    ]);
    a.socket.say(&mut server, &batch.to_string());
    let batches = a.batches(&mut server);
    let ids = |batch: &Value| -> Vec<Value> {
        batch
            .as_array()
            .unwrap()
            .iter()
            .filter(|m| m.get("data").is_none())
            .map(|m| m["id"].clone())
            .collect()
    };
    let replies: Vec<Value> = batches.iter().flat_map(ids).collect();
    assert_eq!(replies, [json!("2"), json!("3"), json!("4"), Value::Null, json!("5")]);
    let events = batches.iter().flat_map(|b| b.as_array().unwrap()).filter_map(|m| m.get("data"));
    assert_eq!(events.collect::<Vec<_>>(), [&json!(1), &json!(2)]);
}

#[test]
fn one_object_alone_and_an_empty_array_are_understood() {
    let mut server = server();
    let socket = Socket::open_with(&mut server, "/faye", "").0;
    assert_eq!(socket.ask(&mut server, "[]"), [json!([])]);
    let reply = socket.ask(&mut server, "{\"channel\":\"/meta/handshake\",\"version\":\"1.0\"}");
    assert_eq!(reply[0][0]["successful"], true);
    let unknown =
        socket.ask(&mut server, "[{\"channel\":\"/meta/connect\",\"id\":\"1\",\"clientId\":\"x\"}]");
    assert_eq!(unknown[0][0]["advice"]["reconnect"], "handshake");
}

#[test]
fn what_is_no_batch_closes_the_socket_with_words() {
    for (text, code, counter) in [
        ("{", 1007, "websocket_faults"),
        ("7", 1007, "websocket_faults"),
        ("null", 1007, "websocket_faults"),
        (&"[".repeat(100), 1008, "bayeux_batches_refused"),
        (&format!("[{}{{}}]", "{},".repeat(200)), 1008, "bayeux_batches_refused"),
    ] {
        let mut server = server();
        let mut a = Wired::new(&mut server);
        a.connect(&mut server);
        a.socket.say(&mut server, text);
        assert_eq!(a.socket.closed_with(&mut server), code, "{text}");
        let counted = server.machine.counters().list().into_iter().find(|(name, ..)| *name == counter);
        assert_eq!(counted.map(|(.., n)| n), Some(1), "{text}");
        server.machine.check();
    }
    let mut server = server();
    let a = Wired::new(&mut server);
    a.socket.send(&mut server, websocket::frame(0x82, b"[]"));
    assert_eq!(a.socket.closed_with(&mut server), 1003);
}

#[test]
fn a_session_outlives_its_socket() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    server.vanish(a.socket.0);
    server.push("/a", "while away");
    server.pass_ms(300_000);
    server.machine.check();
    a.move_to_new_socket(&mut server);
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), ["while away"]);
    // One that closes properly is no other case.
    a.socket.send(&mut server, close(1000));
    assert_eq!(a.socket.closed_with(&mut server), 1000);
    server.push("/a", "again");
    a.move_to_new_socket(&mut server);
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), ["again"]);
    server.machine.check();
}

#[test]
fn a_socket_that_lives_keeps_its_session_awake() {
    let mut config = config();
    config.websocket.ping_ms = 0;
    config.bayeux.remember_ms = 0;
    let mut server = Server::new(config);
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    for _ in 0..10 {
        server.pass_ms(60_000);
    }
    a.heard(&mut server);
    server.push("/a", "x");
    assert_eq!(a.data(&mut server), ["x"]);
    server.vanish(a.socket.0);
    server.pass_ms(60_000);
    assert_eq!(server.machine.counters().bayeux_sessions_expired, 1);
}

#[test]
fn transports_may_be_changed_between() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    let connection = server.connect(Role::Front);
    let mut fellow = Fellow { connection, client: a.client.clone(), ids: 50, acked: None };
    // The connect that waits on the socket is answered, and the session is off it.
    fellow.connect(&mut server);
    assert_eq!(a.reply(&mut server), json!({"id": "3", "channel": "/meta/connect", "successful": true}));
    server.push("/a", "to the poll");
    assert_eq!(fellow.data(&mut server), [json!("to the poll")]);
    assert!(a.batches(&mut server).is_empty());
    server.push("/a", "between");
    assert!(a.batches(&mut server).is_empty());
    // And back, while the poll waits.
    a.connect_with(&mut server, json!({"advice": {"timeout": 0}}));
    assert_eq!(a.data(&mut server), ["between"]);
    fellow.connect(&mut server);
    a.connect(&mut server);
    assert!(a.batches(&mut server).is_empty());
    assert_eq!(fellow.heard(&mut server).unwrap()[0]["successful"], true, "it is answered");
    server.push("/a", "to the socket");
    assert_eq!(a.data(&mut server), ["to the socket"]);
    assert_eq!(fellow.heard(&mut server), None);
    server.machine.check();
}

#[test]
fn a_newer_connect_is_answered_for_the_older() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.connect(&mut server);
    a.connect(&mut server);
    assert_eq!(a.reply(&mut server)["id"], "2");
    server.pass_ms(30_000);
    assert_eq!(a.reply(&mut server)["id"], "3");
    // From another socket.
    a.connect(&mut server);
    let old = a.move_to_new_socket(&mut server);
    a.connect(&mut server);
    let heard = old.heard(&mut server);
    assert!(heard.len() == 1 && heard[0].contains("\"id\":\"4\""), "{heard:?}");
    server.machine.check();
}

#[test]
fn one_session_at_a_time_is_on_a_socket() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    let mut b = Wired { socket: a.socket, client: String::new(), ids: 70, acked: None };
    b.say(&mut server, "/meta/handshake", json!({"version": "1.0"}));
    b.client = b.reply(&mut server)["clientId"].as_str().unwrap().to_owned();
    b.connect(&mut server);
    assert_eq!(a.reply(&mut server)["id"], "3", "the first is answered");
    server.push("/a", "x");
    assert!(a.batches(&mut server).is_empty());
    server.machine.check();
    a.move_to_new_socket(&mut server);
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), ["x"]);
}

#[test]
fn a_disconnect_answers_the_connect_first() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.connect(&mut server);
    a.say(&mut server, "/meta/disconnect", json!({}));
    let channels: Vec<Value> = a.heard(&mut server).iter().map(|m| m["channel"].clone()).collect();
    assert_eq!(channels, ["/meta/connect", "/meta/disconnect"]);
    server.machine.check();
    a.socket.send(&mut server, close(1000));
    a.socket.closed_with(&mut server);
    assert_eq!(server.machine.counters().bayeux_sessions_closed, 1);
}

#[test]
fn with_acknowledgements_messages_come_with_connects_and_are_sent_again() {
    let mut server = server();
    let mut a = Wired::with_ack(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    server.push("/a", "1");
    let batches = a.batches(&mut server);
    assert_eq!(
        batches,
        [json!([
            {"channel": "/a", "data": "1"},
            {"id": "3", "channel": "/meta/connect", "successful": true, "ext": {"ack": 1}},
        ])]
    );
    server.push("/a", "2");
    assert!(a.batches(&mut server).is_empty(), "no connect waits");
    a.connect(&mut server);
    // This answer is lost with its socket.
    let old = a.move_to_new_socket(&mut server);
    assert!(!old.heard(&mut server).is_empty());
    server.vanish(old.0);
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), ["2"]);
    assert_eq!(server.machine.counters().bayeux_resent, 1);
    server.machine.check();
}

#[test]
fn what_has_fallen_out_of_a_history_is_said() {
    let mut config = config();
    config.limits.history_messages_max = 2;
    let mut server = Server::new(config.clone());
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    for n in 0..2_000 {
        server.push("/a", &n.to_string());
    }
    a.connect(&mut server);
    let heard = a.heard(&mut server);
    let lost = heard[0]["data"]["lost"].as_u64().unwrap();
    assert_eq!(
        (heard[0]["channel"].as_str(), lost as usize + heard.len() - 1),
        (Some("/service/rcomet/gap"), 2_000)
    );
    config.bayeux.gap = Gap::Rehandshake;
    let mut server = Server::new(config);
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    for n in 0..2_000 {
        server.push("/a", &n.to_string());
    }
    a.connect(&mut server);
    let reply = a.reply(&mut server);
    assert_eq!((&reply["successful"], &reply["advice"]["reconnect"]), (&json!(false), &json!("handshake")));
    a.connect(&mut server);
    assert_eq!(a.reply(&mut server)["advice"]["reconnect"], "handshake");
    server.machine.check();
}

#[test]
fn who_takes_nothing_is_given_no_more_and_everything_in_the_end() {
    let mut config = config();
    config.limits.outbox_bytes_max = 4_000;
    config.limits.history_messages_max = 10_000;
    let mut server = Server::new(config);
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.subscribe(&mut server, "/b/*");
    a.connect(&mut server);
    server.clog(a.socket.0, true);
    for n in 0..400 {
        server.push(if n % 2 == 0 { "/a" } else { "/b/x" }, &format!("{n:050}"));
    }
    assert!(server.machine.counters().subscribers_slow > 0);
    server.clog(a.socket.0, false);
    let heard = a.data(&mut server);
    let want: Vec<String> = (0..400).map(|n| format!("{n:050}")).collect();
    assert_eq!(heard, want);
    server.machine.check();
}

#[test]
fn a_channel_that_is_closed_is_read_on_in_its_next_life() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    server.push("/a", "1");
    server.ask(Role::Admin, "/close?cname=/a");
    server.push("/a", "2");
    assert_eq!(a.data(&mut server), ["1", "2"]);
    server.machine.check();
}

#[test]
fn many_get_the_same_bytes_compressed_once() {
    let mut server = server();
    let mut all: Vec<Wired> = (0..50).map(|_| Wired::begin(&mut server, DEFLATE, json!({}))).collect();
    for a in &mut all {
        a.subscribe(&mut server, "/a");
        a.connect(&mut server);
    }
    let before = server.machine.counters().frames_deflated;
    let long = "some words ".repeat(100);
    server.push("/a", long.trim());
    assert_eq!(server.machine.counters().frames_deflated, before + 1);
    for a in &mut all {
        assert_eq!(a.data(&mut server), [long.trim()]);
    }
}

#[test]
fn the_plain_request_at_the_same_path_is_what_it_was() {
    let mut server = server();
    let client = server.connect(Role::Front);
    server.send(client, "GET /cometd HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(server.received(client).starts_with("HTTP/1.1 400 "));
    for (fields, status) in
        [(HANDSHAKE.replace("13", "12"), "426"), (HANDSHAKE.replace("Connection: Upgrade\r\n", ""), "400")]
    {
        let client = server.connect(Role::Front);
        server.send(client, format!("GET /cometd/x HTTP/1.1\r\n{fields}\r\n"));
        assert!(server.received(client).starts_with(&format!("HTTP/1.1 {status} ")), "{fields}");
    }
    // Switched off, it is not offered and not done.
    for (bayeux, all) in [(false, true), (true, false)] {
        let mut config = config();
        (config.bayeux.websocket, config.websocket.enabled) = (bayeux, all);
        let mut server = Server::new(config);
        let client = server.connect(Role::Front);
        server.send(client, format!("GET /cometd HTTP/1.1\r\n{HANDSHAKE}\r\n"));
        assert!(server.received(client).starts_with("HTTP/1.1 400 "));
        let (_, reply) = Fellow::begin(&mut server, Role::Front, "127.0.0.1", json!({}));
        assert_eq!(reply["supportedConnectionTypes"][0], "long-polling");
    }
}

#[test]
fn sessions_bound_to_browsers_are_so_over_websocket() {
    let mut config = config();
    config.bayeux.bind_sessions = true;
    let mut server = Server::new(config);
    // Without a cookie the handshake of the WebSocket gives one.
    let (socket, head) = Socket::open_with(&mut server, "/cometd", "");
    let (_, cookie) = head.split_once("Set-Cookie: RCOMET_BROWSER=").expect("a cookie");
    let cookie = &cookie[..32];
    let mut a = Wired { socket, client: String::new(), ids: 0, acked: None };
    a.say(&mut server, "/meta/handshake", json!({"version": "1.0"}));
    a.client = a.reply(&mut server)["clientId"].as_str().unwrap().to_owned();
    a.connect_with(&mut server, json!({"advice": {"timeout": 0}}));
    assert_eq!(a.reply(&mut server)["successful"], true);
    // Another browser does not get the session, the same does.
    a.move_to_new_socket(&mut server);
    a.connect(&mut server);
    assert_eq!(a.reply(&mut server)["advice"]["reconnect"], "handshake");
    let fields = format!("Cookie: x=1; RCOMET_BROWSER={cookie}\r\n");
    let (socket, head) = Socket::open_with(&mut server, "/cometd", &fields);
    assert!(!head.contains("Set-Cookie"), "{head}");
    a.socket = socket;
    a.connect_with(&mut server, json!({"advice": {"timeout": 0}}));
    assert_eq!(a.reply(&mut server)["successful"], true);
}

#[test]
fn a_drain_says_goodbye_and_the_sessions_wait() {
    let mut server = server();
    let mut a = Wired::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    server.machine.drain(server.now);
    server.turn();
    assert_eq!(a.socket.closed_with(&mut server), 1001);
    server.machine.check();
}

/// An application server: a client on the admin side that reads a service.
fn application(server: &mut Server, service: &str) -> Fellow {
    let mut application = Fellow::begin(server, Role::Admin, "127.0.0.1", json!({})).0;
    assert_eq!(application.subscribe(server, service)[0]["successful"], true);
    application
}

#[test]
fn a_service_answers_one_client_alone() {
    let mut server = server();
    let mut application = application(&mut server, "/service/echo");
    let (mut a, mut b) = (Wired::new(&mut server), Wired::with_ack(&mut server));
    for one in [&mut a, &mut b] {
        one.subscribe(&mut server, "/**");
        one.subscribe(&mut server, "/service/echo");
        one.connect(&mut server);
    }
    a.say(&mut server, "/service/echo", json!({"data": {"q": 1}, "ext": {"binary": {}}}));
    assert_eq!(a.reply(&mut server)["successful"], true);
    application.connect(&mut server);
    let asked = application.heard(&mut server).unwrap()[0].clone();
    let from = asked["ext"]["rcomet"]["from"].as_str().unwrap().to_owned();
    assert_eq!(asked["ext"], json!({"rcomet": {"from": from, "id": "5"}, "binary": {}}));
    assert_eq!((&asked["channel"], &asked["data"]), (&json!("/service/echo"), &json!({"q": 1})));
    assert!(!asked.to_string().contains(&a.client), "the secret is not told");
    let answer = |to: &str, data: Value| json!({"data": data, "ext": {"rcomet": {"to": to, "id": "5"}}});
    let reply = application.send(&mut server, "/service/echo", answer(&from, json!({"a": 2})));
    assert_eq!(reply[0]["successful"], true);
    assert_eq!(
        a.heard(&mut server),
        [json!({"channel": "/service/echo", "data": {"a": 2}, "id": "5", "successful": true})]
    );
    assert!(b.batches(&mut server).is_empty());
    server.machine.check();
    // It waits for a client that is away, and comes in its place among others, once.
    server.vanish(a.socket.0);
    server.push("/x", "before");
    application.send(&mut server, "/service/echo", answer(&from, json!("while away")));
    server.push("/x", "behind");
    a.move_to_new_socket(&mut server);
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), ["before", "while away", "behind"]);
    // Nobody else can say that: it is published as anything else is, and what is the server's is not passed on.
    let mut fellow = Fellow::new(&mut server);
    fellow.send(&mut server, "/service/echo", answer(&from, json!("forged")));
    assert!(a.batches(&mut server).is_empty());
    application.connect(&mut server);
    let heard = application.heard(&mut server).unwrap()[0].clone();
    assert_eq!(heard["data"], "forged");
    assert_ne!(heard["ext"]["rcomet"]["from"], from);
    assert!(heard["ext"]["rcomet"].get("to").is_none());
    // Whoever is gone is not answered, and neither is who never was.
    a.say(&mut server, "/meta/disconnect", json!({}));
    let zeros = format!("{}-00000000", from.split_once('-').unwrap().0);
    for to in [&*from, &zeros, "", "1-", "-", "zz-00000000", "18446744073709551616-1"] {
        let reply = application.send(&mut server, "/service/echo", answer(to, json!(1)))[0].clone();
        assert_eq!(
            (&reply["successful"], &reply["error"]),
            (&json!(false), &json!("404::Unknown client or channel")),
            "{to}"
        );
    }
    server.machine.check();
}

#[test]
fn a_service_answers_a_poll_too_and_with_acknowledgements_again() {
    let mut server = server();
    let mut application = application(&mut server, "/service/s");
    let mut a = Fellow::with_ack(&mut server);
    a.publish(&mut server, "/service/s", json!(1));
    application.connect(&mut server);
    let from = application.heard(&mut server).unwrap()[0]["ext"]["rcomet"]["from"].clone();
    a.connect(&mut server);
    let reply = application.send(
        &mut server,
        "/service/other",
        json!({"data": "x", "ext": {"rcomet": {"to": from}}}),
    );
    assert_eq!(reply[0]["successful"], true);
    a.lose(&mut server);
    a.connect(&mut server);
    assert_eq!(a.heard(&mut server).unwrap()[0], json!({"channel": "/service/other", "data": "x"}));
    // Its mailbox is not among what it can give up.
    a.send(&mut server, "/meta/unsubscribe", json!({"subscription": ""}));
    server.machine.check();
    a.send(&mut server, "/meta/disconnect", json!({}));
    server.machine.check();
    // Without a session, the admin side publishes to a service as it does to any channel.
    let mut other =
        Fellow { connection: server.connect(Role::Admin), client: String::new(), ids: 0, acked: None };
    assert_eq!(other.send(&mut server, "/service/s", json!({"data": 2}))[0]["successful"], true);
}
