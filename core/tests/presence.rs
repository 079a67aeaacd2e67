//! One name in several channels at once: a subscriber that gives it is listed in each, and hears of others by channel.
mod support;

use rcomet_core::{Config, Role};
use serde_json::{Value, json};
use support::{Client, Server, body, split};

fn stream(server: &mut Server, query: &str) -> Client {
    let client = server.connect(Role::Front);
    server.send(client, format!("GET /events?{query} HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n"));
    client
}

fn said(server: &mut Server, client: Client) -> Vec<Value> {
    let text = server.received(client);
    let text = if text.starts_with("HTTP/") { split(&text).1 } else { text };
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// What is heard, each in a few words.
fn heard(server: &mut Server, client: Client) -> Vec<String> {
    let brief = |e: Value| match e["type"].as_str() {
        Some("message") => format!("{} {}", e["channel"], e["data"]),
        Some("ready") => "ready".to_owned(),
        Some(kind) => format!("{kind} {} {}", e["channel"], e["who"]),
        None => e.to_string(),
    };
    let said = said(server, client).into_iter().filter(|event| event["type"] != "alive");
    said.map(|event| brief(event).replace('"', "")).collect()
}

/// Who is listed in these channels.
fn who(server: &mut Server, channels: &[&str]) -> Vec<Value> {
    let query: Vec<String> = channels.iter().map(|name| format!("channel={name}")).collect();
    let client = server.connect(Role::Front);
    let answer = server.get(client, &format!("/presence?{}", query.join("&")));
    server.vanish(client);
    let answer: Value = serde_json::from_str(&body(&answer)).expect("JSON");
    answer["channels"].as_array().expect("several").iter().map(|one| one["who"].clone()).collect()
}

fn poll(server: &mut Server, query: &str) -> Client {
    let client = server.connect(Role::Front);
    let head = "Host: x\r\nAccept: application/json\r\n\r\n";
    server.send(client, format!("GET /events?{query} HTTP/1.1\r\n{head}"));
    client
}

#[test]
fn a_name_is_listed_in_each_channel_and_hears_of_each() {
    let mut server = Server::default();
    let ann = stream(&mut server, "channel=a&channel=b&channel=a&who=Ann");
    assert_eq!(heard(&mut server, ann), ["ready", "roster a [Ann]", "roster b [Ann]"]);
    let bob = stream(&mut server, "channel=b&channel=c&who=Bob");
    assert_eq!(heard(&mut server, bob), ["ready", "roster b [Ann,Bob]", "roster c [Bob]"]);
    assert_eq!(heard(&mut server, ann), ["join b Bob"], "of those only where she is");
    assert_eq!(who(&mut server, &["a", "b", "c"]), [json!(["Ann"]), json!(["Ann", "Bob"]), json!(["Bob"])]);
    // Messages and people in between, in one order.
    server.push("b", "1");
    let eve = stream(&mut server, "channel=a&who=Eve");
    server.push("a", "2");
    assert_eq!(heard(&mut server, ann), ["b 1", "join a Eve", "a 2"]);
    assert_eq!(heard(&mut server, bob), ["b 1"]);
    assert_eq!(heard(&mut server, eve), ["ready", "roster a [Ann,Eve]", "a 2"]);
    // Gone for longer than the lease.
    server.vanish(bob);
    server.pass_ms(15_000);
    assert_eq!(heard(&mut server, ann), ["leave b Bob"]);
    assert_eq!(who(&mut server, &["a", "b", "c"]), [json!(["Ann", "Eve"]), json!(["Ann"]), json!([])]);
    server.vanish(ann);
    server.vanish(eve);
    server.pass_ms(15_000);
    assert_eq!(who(&mut server, &["a", "b"]), [json!([]), json!([])]);
}

#[test]
fn a_stream_is_not_told_of_more_people_than_one_answer_may_name() {
    let mut config = Config::default();
    config.limits.presence_bytes_max = 10_000;
    let mut server = Server::new(config);
    for n in 0..40 {
        let client = poll(&mut server, &format!("channel=a&channel=b&who=person-number-{n}"));
        server.vanish(client);
    }
    let mut asks = |query: &str| {
        let client = stream(&mut server, query);
        let answer = server.received(client);
        server.vanish(client);
        answer.split(' ').nth(1).map(ToOwned::to_owned)
    };
    assert_eq!(asks("channel=a&channel=b&who=Ann").as_deref(), Some("413"));
    assert_eq!(asks("channel=a&who=Ann").as_deref(), Some("200"));
    assert_eq!(asks("channel=a&channel=b").as_deref(), Some("200"), "who has no name is told of nobody");
    assert_eq!(server.machine.counters().presences_refused, 1);
}

#[test]
fn one_without_a_name_hears_of_nobody() {
    let mut server = Server::default();
    let mute = stream(&mut server, "channel=a&channel=b");
    stream(&mut server, "channel=a&channel=b&who=Ann");
    server.push("b", "1");
    assert_eq!(heard(&mut server, mute), ["ready", "b 1"]);
}

#[test]
fn polls_are_present_in_all_of_them_between_two() {
    let mut server = Server::default();
    let watcher = stream(&mut server, "channel=a&channel=b&who=Watcher");
    heard(&mut server, watcher);
    let first = poll(&mut server, "channel=a&channel=b&who=Ann");
    let answer: Value = serde_json::from_str(&body(&server.received(first))).expect("JSON");
    server.vanish(first);
    let cursor = answer["cursor"].as_str().expect("a cursor").to_owned();
    assert_eq!(heard(&mut server, watcher), ["join a Ann", "join b Ann"]);
    for _ in 0..3 {
        server.pass_ms(8_000);
        let waits = poll(&mut server, &format!("channel=a&channel=b&who=Ann&cursor={cursor}"));
        assert_eq!(server.received(waits), "", "it waits");
        assert_eq!(heard(&mut server, watcher), [] as [&str; 0], "she has been here all the time");
        server.vanish(waits);
    }
    server.pass_ms(15_000);
    assert_eq!(heard(&mut server, watcher), ["leave a Ann", "leave b Ann"]);
}

#[test]
fn a_channel_that_comes_again_lists_its_readers_again() {
    let mut server = Server::default();
    let ann = stream(&mut server, "channel=a&channel=b&who=Ann");
    let bob = stream(&mut server, "channel=a&channel=b&who=Bob");
    heard(&mut server, ann);
    heard(&mut server, bob);
    server.ask(Role::Admin, "/close?cname=a");
    assert_eq!(who(&mut server, &["a", "b"]), [json!([]), json!(["Ann", "Bob"])]);
    heard(&mut server, ann);
    server.push("a", "again");
    assert_eq!(who(&mut server, &["a", "b"]), [json!(["Ann", "Bob"]), json!(["Ann", "Bob"])]);
    let mut told = heard(&mut server, ann);
    told.sort();
    // All who are here, for what was known of the channel before is of another life of it.
    assert_eq!(told, ["a again", "roster a [Ann,Bob]"]);
}

/// Who finds no room in one of the rosters is listed in the others, and takes nobody's place when it leaves.
#[test]
fn a_full_roster_is_one_channels() {
    let mut config = Config::default();
    config.limits.roster_max = 1;
    let mut server = Server::new(config);
    let ann = stream(&mut server, "channel=a&who=Ann");
    let bob = stream(&mut server, "channel=a&channel=b&who=Bob");
    assert_eq!(heard(&mut server, bob), ["ready", "roster a [Ann]", "roster b [Bob]"]);
    // It tried to be listed when it came and when it took its seat.
    assert_eq!(server.machine.counters().roster_refused, 2);
    server.vanish(ann);
    server.pass_ms(15_000);
    assert_eq!(heard(&mut server, bob), ["leave a Ann"]);
    let other = stream(&mut server, "channel=a&who=Bob");
    assert_eq!(who(&mut server, &["a", "b"]), [json!(["Bob"]), json!(["Bob"])]);
    // The one that is not listed in `a` goes; the other, of the same name, is.
    server.vanish(bob);
    server.pass_ms(15_000);
    assert_eq!(who(&mut server, &["a", "b"]), [json!(["Bob"]), json!([])]);
    server.vanish(other);
}
