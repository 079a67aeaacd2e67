//! The server about itself: `GET /stats` once and as a stream, and that nothing is done for it while nobody watches.
#[path = "support/mod.rs"]
mod support;

use rcomet_core::{Config, Role};
use serde_json::{Value, json};
use support::{Client, Server, body, split};

fn get(server: &mut Server, path: &str) -> Value {
    let client = server.connect(Role::Admin);
    server.send(client, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
    let text = body(&server.received(client));
    server.vanish(client);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn open(server: &mut Server, role: Role, target: &str, fields: &str) -> Client {
    let client = server.connect(role);
    server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n"));
    client
}

fn watch(server: &mut Server) -> Client {
    open(server, Role::Admin, "/stats", "Accept: text/event-stream\r\n")
}

/// The events that have come since the last look.
fn events(server: &mut Server, client: Client) -> Vec<Value> {
    let text = server.received(client);
    let events = text.split("data: ").skip(1).map(|event| event.split("\n\n").next().unwrap_or(""));
    events.map(|event| serde_json::from_str(event).unwrap_or_else(|e| panic!("{e}: {event}"))).collect()
}

#[test]
fn connections_are_counted_by_dialect_and_transport() {
    let mut server = Server::default();
    for _ in 0..3 {
        open(&mut server, Role::Front, "/poll?cname=a&seq=1", "");
    }
    open(&mut server, Role::Front, "/poll?cname=a&seq=1&cb=f", "");
    open(&mut server, Role::Front, "/sse?cname=b", "");
    open(&mut server, Role::Front, "/events?channel=a&channel=b", "");
    open(&mut server, Role::Front, "/activity?channel=a", "");
    server.connect(Role::Front);
    let said = get(&mut server, "/stats");
    let kinds = [
        json!(["HTTP", "between requests", 1]),
        // Whoever asks.
        json!(["admin", "between requests", 1]),
        json!(["icomet", "JSONP", 1]),
        json!(["icomet", "SSE", 1]),
        json!(["icomet", "long poll", 3]),
        json!(["native", "SSE", 1]),
        json!(["push", "long poll", 1]),
    ];
    assert_eq!(said["connections"], json!(kinds));
    assert_eq!(said["gauges"]["connections"], 9);
    let channels: Vec<(&str, u64)> = said["channels"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["name"].as_str().unwrap_or(""), one["subscribers"].as_u64().unwrap_or(0)))
        .collect();
    assert_eq!(channels, [("a", 6), ("b", 2)]);
    assert_eq!((&said["slow"], &said["limits"]), (&json!([]), &json!({})));
    assert_eq!(said["at"], support::START * 1_000);
}

#[test]
fn limits_that_were_reached_and_readers_who_take_nothing_are_named() {
    let mut config = Config::default();
    config.limits.channels_max = 1;
    let mut server = Server::new(config);
    let slow = open(&mut server, Role::Front, "/stream?cname=a", "");
    open(&mut server, Role::Front, "/poll?cname=other&seq=1", "");
    server.clog(slow, true);
    get_ok(&mut server, "/push?cname=a&content=hello");
    server.pass_ms(1_500);
    let said = get(&mut server, "/stats");
    assert_eq!(said["limits"], json!({"channels_refused": 1}));
    let found = &said["slow"][0];
    assert_eq!(
        (&found["address"], &found["dialect"], &found["transport"]),
        (&json!("127.0.0.1"), &json!("icomet"), &json!("stream"))
    );
    assert!(found["waiting_bytes"].as_u64() > Some(5) && found["ms"].as_u64() >= Some(1_500), "{found}");
    server.clog(slow, false);
    assert_eq!(get(&mut server, "/stats")["slow"], json!([]));
}

fn get_ok(server: &mut Server, target: &str) {
    let client = open(server, Role::Admin, target, "");
    assert!(server.received(client).starts_with("HTTP/1.1 200"));
    server.vanish(client);
}

#[test]
fn whoever_watches_is_told_every_second_and_nobody_else_costs_anything() {
    let mut server = Server::default();
    assert_eq!(server.machine.deadline(), None, "an idle server has nothing to do");
    let first = watch(&mut server);
    server.pass_ms(0);
    let text = server.received(first);
    let (head, _) = split(&text);
    assert!(head.contains("Content-Type: text/event-stream"), "{head}");
    assert_eq!(text.matches("data: {").count(), 1, "the first comes at once");
    server.pass_ms(999);
    assert_eq!(events(&mut server, first).len(), 0);
    server.pass_ms(1);
    let said = events(&mut server, first);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["connections"], json!([["native", "statistics", 1]]));
    assert_eq!(said[0]["gauges"]["channels"], 0, "what is watched is no channel");
    assert_eq!(said[0]["counters"]["published"], 0, "and its events are no messages");

    // Another one does not wait, and both go on together.
    server.pass_ms(300);
    let second = watch(&mut server);
    server.pass_ms(0);
    assert_eq!((events(&mut server, first).len(), events(&mut server, second).len()), (1, 1));
    server.pass_ms(5_000);
    assert_eq!((events(&mut server, first).len(), events(&mut server, second).len()), (5, 5));

    server.vanish(first);
    server.vanish(second);
    server.pass_ms(2_000);
    // What is left are timers of connections that were, some seconds away.
    let next = server.machine.deadline().map_or(u64::MAX, |due| due.since(server.now));
    assert!(next > 5_000, "nobody watches any more, and yet something is due in {next} ms");
    let third = watch(&mut server);
    server.pass_ms(1_000);
    assert_eq!(events(&mut server, third).len(), 2);
}

#[test]
fn a_watcher_who_takes_nothing_holds_nothing_up_and_is_cut_in_time() {
    let mut config = Config::default();
    config.limits.write_stall_ms_max = 10_000;
    config.limits.outbox_bytes_max = 16 << 10;
    let mut server = Server::new(config);
    let deaf = watch(&mut server);
    let heard = watch(&mut server);
    server.pass_ms(0);
    server.clog(deaf, true);
    for _ in 0..60 {
        server.pass_ms(1_000);
        assert!(server.machine.memory().total_bytes() < 4 << 20);
    }
    assert_eq!(events(&mut server, heard).len(), 61);
    assert!(server.is_closed(deaf), "as every reader who takes nothing");
}

#[test]
fn only_the_admin_side_is_told() {
    let mut server = Server::default();
    for role in [Role::Front, Role::Ccomet, Role::SimpleComet] {
        let client = open(&mut server, role, "/stats", "Accept: text/event-stream\r\n");
        let answer = server.received(client);
        assert!(!answer.contains("gauges") && !answer.contains("text/event-stream"), "{answer}");
    }
    let client = server.connect(Role::Admin);
    server.send(client, "POST /stats HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert!(server.received(client).starts_with("HTTP/1.1 405"));
}

#[test]
fn who_only_looks_leaves_nothing_behind() {
    let mut config = Config::default();
    // What is noted of those who come and go has a bound of its own.
    config.limits.explain_records_max = 0;
    let mut server = Server::new(config);
    let mut look = || {
        for _ in 0..50 {
            let client = server.connect(Role::Admin);
            let ask =
                |method| format!("{method} /stats HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
            server.send(client, ask("HEAD"));
            assert!(server.received(client).contains("text/event-stream"));
            server.vanish(client);
            // And whoever has ended its side before it is answered.
            let client = server.connect(Role::Admin);
            server.send_in_this_turn(client, ask("GET"));
            server.finish_sending(client);
            server.vanish(client);
        }
        // Deadlines of those who are gone are forgotten when they are over.
        server.pass_ms(100_000);
        server.machine.memory().total_bytes()
    };
    let before = look();
    assert_eq!((0..4).map(|_| look()).max(), Some(before));
}
