//! Who came and went between two polls: a poll says which change of the roster it has heard of last, and hears of what is behind it.
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use rcomet_core::time::Date;
use rcomet_core::{Config, Role};
use serde_json::{Value, json};
use support::{Client, FIRST_CHANGE, START, Server, body, split};
use websocket::Socket;

fn asks(server: &mut Server, query: &str, accept: &str) -> Client {
    let client = server.connect(Role::Front);
    let head = format!("Host: x\r\nAccept: {accept}\r\n\r\n");
    server.send(client, format!("GET /events?{query} HTTP/1.1\r\n{head}"));
    client
}

fn poll(server: &mut Server, query: &str) -> Client {
    asks(server, query, "application/json")
}

/// What a poll has been answered: its events, and its cursor; of people alone, none.
fn answered(server: &mut Server, client: Client) -> (Vec<Value>, String) {
    let answer = server.received(client);
    let said: Value = serde_json::from_str(&body(&answer)).unwrap_or_else(|e| panic!("{e}: {answer}"));
    server.vanish(client);
    let events = said["events"].as_array().expect("events").clone();
    (events, said["cursor"].as_str().unwrap_or_default().to_owned())
}

fn at_once(server: &mut Server, query: &str) -> (Vec<Value>, String) {
    let client = poll(server, query);
    answered(server, client)
}

/// The number of the first roster's change, counted from 1.
fn nth(n: u64) -> u64 {
    FIRST_CHANGE + n - 1
}

fn change(kind: &str, channel: &str, roster: u64, who: &str) -> Value {
    json!({"type": kind, "channel": channel, "roster": roster, "who": who})
}

fn whole(channel: &str, roster: u64, who: &[&str]) -> Value {
    json!({"type": "roster", "channel": channel, "roster": roster, "who": who})
}

/// Somebody polls once, and is gone.
fn visits(server: &mut Server, channel: &str, who: &str) {
    at_once(server, &format!("channel={channel}&who={who}&wait=0"));
}

#[test]
fn a_poll_hears_of_who_came_and_went_between_two() {
    let mut server = Server::default();
    let (events, cursor) = at_once(&mut server, "channel=a&who=Ann&roster=0");
    assert_eq!(events, [whole("a", nth(1), &["Ann"])]);
    // Nothing has changed: it waits.
    let waits = poll(&mut server, &format!("channel=a&who=Ann&cursor={cursor}&roster={}", nth(1)));
    assert_eq!(server.received(waits), "");
    server.vanish(waits);
    // Between the two, Bob comes, and for longer than the lease nobody but Ann.
    visits(&mut server, "a", "Bob");
    server.pass_ms(8_000);
    visits(&mut server, "a", "Ann");
    server.pass_ms(8_000);
    let (events, cursor) =
        at_once(&mut server, &format!("channel=a&who=Ann&cursor={cursor}&roster={}", nth(1)));
    assert_eq!(events, [change("join", "a", nth(2), "Bob"), change("leave", "a", nth(3), "Bob")]);
    // While it waits, it hears as ever; and goes on with the number of what it heard.
    let waits = poll(&mut server, &format!("channel=a&who=Ann&cursor={cursor}&roster={}", nth(3)));
    assert_eq!(server.received(waits), "");
    visits(&mut server, "a", "Eve");
    let (events, _) = answered(&mut server, waits);
    assert_eq!(events, [change("join", "a", nth(4), "Eve")]);
    // Who does not say what it knows is told nothing of what has been.
    let (events, _) = at_once(&mut server, &format!("channel=a&who=Ann&cursor={cursor}&wait=0"));
    assert_eq!(events, [] as [Value; 0]);
    // Nor who is not listed.
    let (events, _) = at_once(&mut server, &format!("channel=a&cursor={cursor}&wait=0&roster={}", nth(1)));
    assert_eq!(events, [] as [Value; 0]);
}

#[test]
fn messages_come_with_it_and_the_cursor_is_behind_them() {
    let mut server = Server::default();
    let (_, cursor) = at_once(&mut server, "channel=a&who=Ann&roster=0");
    visits(&mut server, "a", "Bob");
    server.push("a", "hello");
    let (events, on) = at_once(&mut server, &format!("channel=a&who=Ann&cursor={cursor}&roster={}", nth(1)));
    let kinds: Vec<_> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["message", "join"]);
    assert_eq!(on, events[0]["cursor"], "the message has been had");
    let (events, _) =
        at_once(&mut server, &format!("channel=a&who=Ann&cursor={on}&roster={}&wait=0", nth(2)));
    assert_eq!(events, [] as [Value; 0]);
}

#[test]
fn several_channels_have_a_number_each() {
    let mut server = Server::default();
    let (events, cursor) = at_once(&mut server, "channel=a&channel=b&who=Ann&roster=0&roster=0");
    let number = |event: &Value| event["roster"].as_u64().expect("a number");
    let (a, b) = (number(&events[0]), number(&events[1]));
    assert!(b > a + 1, "no roster's numbers begin where another's have been");
    assert_eq!(events, [whole("a", a, &["Ann"]), whole("b", b, &["Ann"])]);
    visits(&mut server, "b", "Bob");
    let known = |a: u64, b: u64| format!("channel=a&channel=b&who=Ann&cursor={cursor}&roster={a}&roster={b}");
    assert_eq!(at_once(&mut server, &known(a, b)).0, [change("join", "b", b + 1, "Bob")]);
    let waits = poll(&mut server, &known(a, b + 1));
    assert_eq!(server.received(waits), "");
    for wrong in ["roster=1", "roster=1&roster=2&roster=3", "roster=1&roster=x", "roster=1&roster=-1"] {
        let client = poll(&mut server, &format!("channel=a&channel=b&who=Ann&{wrong}"));
        let answer = server.received(client);
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("once for each channel"), "{answer}");
    }
}

#[test]
fn who_is_too_far_behind_is_told_of_everybody() {
    let mut server = Server::default();
    let (_, cursor) = at_once(&mut server, "channel=a&who=Ann&roster=0");
    for n in 0..70 {
        visits(&mut server, "a", &format!("P{n:02}"));
    }
    let (events, _) = at_once(&mut server, &format!("channel=a&who=Ann&cursor={cursor}&roster={}", nth(1)));
    assert_eq!((events.len(), &events[0]["roster"]), (1, &json!(nth(71))));
    assert_eq!(events[0]["who"].as_array().map(Vec::len), Some(71));
    // A number that is still to come, or was never one, is of another life.
    let known = |cursor: &str, n: u64| format!("channel=a&who=Ann&cursor={cursor}&roster={n}");
    for beyond in [0, 1, nth(0), nth(72), u64::MAX] {
        assert_eq!(at_once(&mut server, &known(&cursor, beyond)).0[0]["type"], "roster");
    }
    server.push("a", "1");
    server.ask(Role::Admin, "/close?cname=a");
    server.push("a", "another life");
    visits(&mut server, "a", "Bob");
    let (events, _) = at_once(&mut server, &known(&cursor, nth(71)));
    let people: Vec<_> = events.iter().filter(|event| event["roster"].is_u64()).collect();
    let number = people[0]["roster"].as_u64().expect("a number");
    assert_eq!(people, [&whole("a", number, &["Ann", "Bob"])], "not only what came behind that number");
    assert!(number > nth(71) + 1, "and none of the life before can be taken for one of this");
}

/// Whoever comes back to a server that was started anew, with nothing but a number.
#[test]
fn numbers_of_an_earlier_life_of_the_server_are_none_of_this() {
    let mut before = Server::default();
    // A tenth of a second later: no life is shorter.
    let mut server = Server::begun_at(Config::default(), 2, Date::from_unix_ms(START * 1_000 + 100));
    for n in 0..5 {
        visits(&mut before, "a", &format!("P{n}"));
    }
    visits(&mut server, "a", "Bob");
    let old = at_once(&mut before, "channel=a&who=Ann&roster=0").0[0]["roster"].as_u64().expect("a number");
    for shown in [0, nth(0), nth(1), old] {
        let (events, _) = at_once(&mut server, &format!("channel=a&who=Ann&roster={shown}"));
        assert_eq!(events[0]["who"], json!(["Ann", "Bob"]), "{shown}");
        assert!(events[0]["roster"].as_u64() > Some(old), "numbers grow over lives");
    }
    // The same by icomet's stream and a WebSocket.
    let client = server.connect(Role::Front);
    let said = server.get(client, &format!("/stream?cname=a&who=Ann&roster={old}"));
    assert!(said.contains(r#""type":"roster""#), "{said}");
    let socket = Socket::open(&mut server);
    let subscribe = json!({"type": "subscribe", "channel": "a", "who": "Ann", "roster": old});
    let said = socket.ask(&mut server, &subscribe.to_string());
    assert_eq!(said[1]["who"], json!(["Ann", "Bob"]));
}

#[test]
fn streams_begin_behind_what_they_know() {
    let mut server = Server::default();
    visits(&mut server, "a", "Bob");
    let client = asks(&mut server, &format!("channel=a&who=Ann&roster={}", nth(1)), "application/x-ndjson");
    let (_, said) = split(&server.received(client));
    let said: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&said[0]["type"], &said[1..]), (&json!("ready"), &[change("join", "a", nth(2), "Ann")][..]));
    visits(&mut server, "a", "Eve");
    let eve = format!(r#""type":"join","channel":"a","roster":{},"who":"Eve""#, nth(3));
    assert!(server.received(client).contains(&eve));
}

/// Numbers of strangers may be of any size.
#[test]
fn a_number_that_cannot_be_is_none_on_a_websocket_too() {
    let mut server = Server::default();
    let socket = Socket::open(&mut server);
    let subscribe = json!({"type": "subscribe", "channel": "a", "who": "Ann", "roster": u64::MAX});
    let said = socket.ask(&mut server, &subscribe.to_string());
    assert_eq!(said[1], whole("a", nth(1), &["Ann"]));
}
