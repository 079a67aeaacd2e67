//! Bayeux over WebSocket (`protocols/bayeux.md`, section 12): the same sessions, pushed to.
#[path = "support/bayeux.rs"]
mod bayeux;
#[path = "bayeux_wire/beside.rs"]
mod beside;
#[path = "bayeux_wire/crowd.rs"]
mod crowd;
#[path = "bayeux_wire/overlap.rs"]
mod overlap;
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
        (&format!("[{}{{}}]", "{},".repeat(20_000)), 1008, "bayeux_batches_refused"),
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
