//! What happens when much comes at once: memory stays bounded, comes back, and nobody who reads misses anything.
mod support;

use rcomet_core::{Config, Role};
use support::{Client, Server};

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

fn stream(server: &mut Server, channel: &str) -> Client {
    let client = server.connect(Role::Front);
    server.send(client, format!("GET /stream?cname={channel}&seq=1 HTTP/1.1\r\nHost: x\r\n\r\n"));
    server.received(client);
    client
}

#[test]
fn half_bodies_do_not_grow_beyond_the_budget() {
    let budget = 4 << 20;
    let mut server = Server::new(config(|c| c.limits.memory_bytes_max = budget));
    let mut refused = 0;
    for _ in 0..50 {
        let client = server.connect(Role::Front);
        server.send(client, "POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
        for _ in 0..9 {
            server.send(client, vec![b'x'; 100_000]);
        }
        refused += usize::from(server.received(client).starts_with("HTTP/1.1 503 "));
        let total = server.machine.memory().total_bytes();
        assert!(total < budget + (2 << 20), "{total} bytes with a budget of {budget}");
    }
    assert!(refused >= 40, "{refused} were told");
    assert!(server.machine.counters().memory_refused >= 40);
}

#[test]
fn memory_that_was_needed_once_is_no_reason_to_refuse() {
    let mut server = Server::new(config(|c| c.limits.memory_bytes_max = 500_000));
    let crowd: Vec<Client> = (0..6_000).map(|_| server.connect(Role::Front)).collect();
    for client in &crowd {
        server.send(*client, "GET /sub?cname=room&seq=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    assert!(server.machine.counters().memory_refused > 0, "it was too much for all");
    for client in crowd {
        server.vanish(client);
    }
    assert_eq!(
        server.ask(Role::Front, "/sub?cname=other"),
        "{\"type\":\"next_seq\",\"cname\":\"other\",\"seq\":1,\"content\":\"\"}\n"
    );
}

#[test]
fn many_publishers_in_one_turn_cost_a_reader_nothing() {
    let mut server = Server::default();
    let reader = stream(&mut server, "room");
    let publishers: Vec<Client> = (0..40).map(|_| server.connect(Role::Admin)).collect();
    let body = "x".repeat(60_000);
    // All of it arrives before anything is delivered.
    for (n, publisher) in publishers.iter().enumerate() {
        let content = format!("cname=room&content={n}-{body}");
        let length = content.len();
        let request = format!("POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{content}");
        server.send_in_this_turn(*publisher, request);
    }
    server.turn();
    let got = support::dechunk(&server.received(reader));
    let numbers: Vec<&str> =
        got.split("\"seq\":").skip(1).filter_map(|part| part.split(',').next()).collect();
    assert_eq!(numbers, (1..=40).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(!got.contains("\"gap\""));
    for publisher in publishers {
        assert!(server.received(publisher).ends_with("{\"type\":\"ok\"}\n"), "everybody was answered");
    }
}

#[test]
fn a_broadcast_to_many_channels_costs_one_body() {
    let mut server = Server::new(config(|c| c.limits.memory_bytes_max = 8 << 20));
    for n in 0..2_000 {
        server.push(&format!("room{n}"), "x");
    }
    let before = server.machine.memory().total_bytes();
    let content = format!("content={}", "b".repeat(100_000));
    for _ in 0..5 {
        let admin = server.connect(Role::Admin);
        let length = content.len();
        server.send(
            admin,
            format!("POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{content}"),
        );
        assert!(server.received(admin).ends_with("\r\n\r\nok\n"));
    }
    let grown = server.machine.memory().total_bytes() - before;
    assert!(grown < 3 << 20, "it grew by {grown} bytes");
}

#[test]
fn who_has_finished_sending_is_not_kept_as_a_subscriber() {
    let mut server = Server::default();
    let client = server.connect(Role::Front);
    let pings = "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n".repeat(70);
    server.send_in_this_turn(
        client,
        format!("{pings}GET /stream?cname=room&seq=1 HTTP/1.1\r\nHost: x\r\n\r\n"),
    );
    server.finish_sending(client);
    assert_eq!(server.machine.load().1, 0);
    assert!(server.is_closed(client));
}

#[test]
fn another_channels_cursor_is_taken_by_its_place_in_the_log() {
    let mut server = Server::default();
    for _ in 0..5 {
        server.push("other", "before");
    }
    server.push("room", "seen");
    let sse = server.connect(Role::Front);
    server.send(sse, "GET /sse?cname=room&seq=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    let text = server.received(sse);
    let id = text.split("id: ").nth(1).and_then(|rest| rest.lines().next()).expect("an id").to_owned();
    server.push("other", "after");
    let hop = server.connect(Role::Front);
    server.send(hop, format!("GET /sse?cname=other HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {id}\r\n\r\n"));
    let got = server.received(hop);
    assert!(got.contains("\"content\":\"after\"") && !got.contains("\"content\":\"before\""), "{got}");
}

#[test]
fn tokens_guard_listeners_of_ccomet_too() {
    let mut server = Server::new(config(|c| {
        c.front.auth = rcomet_core::config::Auth::Token;
        c.ccomet.publish = true;
    }));
    server.push("secret", "x");
    for target in [
        "/subscribe?channel=secret&sname=eve&seqid=0&callback=f",
        "/publish?channel=secret&sname=eve&msg=m&callback=f",
        "/sign?channel=secret&sname=eve&callback=f",
    ] {
        let got = server.ask(Role::Ccomet, target);
        assert!(got.contains("\"401\"") && !got.contains("\"x\""), "{got}");
    }
}

/// Many who send more than can be served share every turn with whoever asks for one thing.
#[test]
fn a_flood_of_requests_is_served_in_rounds() {
    let mut server = Server::default();
    let flood = "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let flooders: Vec<Client> = (0..600).map(|_| server.connect(Role::Front)).collect();
    let guest = server.connect(Role::Front);
    for &flooder in &flooders {
        server.send_in_this_turn(flooder, &flood);
    }
    // What is served at once is bounded, however much has come.
    assert!(server.machine.counters().requests <= 1_024, "{}", server.machine.counters().requests);
    server.send_in_this_turn(guest, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
    let before = server.machine.counters().requests;
    while server.received(guest).is_empty() {
        let served = server.machine.counters().requests;
        assert!(server.turn_once(), "it is served");
        assert!(server.machine.counters().requests - served <= 1_024 + 64, "one turn is bounded");
    }
    let waited = server.machine.counters().requests - before;
    assert!(
        waited <= 600 * 4 + 1_024,
        "it waits for one round of the others, not for all they have: {waited}"
    );
    server.turn();
    let answers: usize = flooders.iter().map(|&f| server.received(f).matches("200 OK").count()).sum();
    assert_eq!(answers, 60_000, "and everybody is served in the end");
}
