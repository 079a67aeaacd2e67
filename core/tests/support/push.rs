//! Clients of the push module.
#![allow(dead_code, reason = "each test file uses its own part")]
use rcomet_core::config::{Location, Push};
use rcomet_core::{Config, Role};

use super::support::{Client, START, Server, split};

/// A server with these locations, as JSON.
pub fn locations(locations: &[&str]) -> Server {
    with(locations, |_| ())
}

pub fn with(locations: &[&str], change: impl FnOnce(&mut Config)) -> Server {
    let read = |json: &&str| serde_json::from_str::<Location>(json).expect("a location");
    let mut config =
        Config { push: Push { location: locations.iter().map(read).collect() }, ..Config::default() };
    change(&mut config);
    Server::new(config)
}

/// Publishing on the admin side at `/pub/{id}`, subscribing on the public side at `/sub/{id}`.
pub fn usual() -> Server {
    locations(&[PUB, SUB])
}

pub const PUB: &str = r#"{"path": "/pub/{id}", "role": "publisher"}"#;
pub const SUB: &str = r#"{"path": "/sub/{id}", "role": "subscriber"}"#;

/// Sends a request with these fields, each with its line end.
pub fn send(server: &mut Server, role: Role, method: &str, target: &str, fields: &str, body: &str) -> Client {
    let client = server.connect(role);
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    server.send(client, format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{fields}{length}\r\n{body}"));
    client
}

/// A publisher's request, and its whole answer.
pub fn admin(server: &mut Server, method: &str, target: &str, fields: &str, body: &str) -> String {
    let client = send(server, Role::Admin, method, target, fields, body);
    let answer = server.received(client);
    server.vanish(client);
    answer
}

pub fn post(server: &mut Server, channel: &str, body: &str) -> String {
    admin(server, "POST", &format!("/pub/{channel}"), "", body)
}

/// A subscriber's request, which may wait.
pub fn get(server: &mut Server, target: &str, fields: &str) -> Client {
    send(server, Role::Front, "GET", target, fields, "")
}

/// A subscriber's request that is answered at once.
pub fn ask(server: &mut Server, target: &str, fields: &str) -> String {
    let client = get(server, target, fields);
    let answer = server.received(client);
    server.vanish(client);
    answer
}

/// A second behind the beginning of the test, as HTTP writes it.
pub fn date(second: u64) -> String {
    let date = rcomet_core::time::Date::from_unix(START + second);
    String::from_utf8(date.as_bytes().to_vec()).unwrap()
}

/// The validators of a place.
pub fn behind(second: u64, tag: &str) -> String {
    format!("If-Modified-Since: {}\r\nIf-None-Match: {tag}\r\n", date(second))
}

/// The value of a field of an answer, by its exact name.
pub fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Status and body.
pub fn brief(answer: &str) -> String {
    let (head, body) = split(answer);
    format!("{} {body}", &head[9..12])
}

/// Somebody who polls, one message at a time, and goes on from what the last answer named.
pub struct Walker {
    pub target: String,
    pub validators: String,
}

impl Walker {
    pub fn new(target: &str) -> Self {
        Self { target: target.into(), validators: String::new() }
    }

    /// The next message, if there is one at once.
    pub fn next(&mut self, server: &mut Server) -> Option<String> {
        let answer = ask(server, &self.target, &self.validators);
        self.hear(&answer)
    }

    pub fn hear(&mut self, answer: &str) -> Option<String> {
        if answer.is_empty() {
            return None;
        }
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let (date, tag) =
            (field(answer, "Last-Modified").expect(answer), field(answer, "Etag").expect(answer));
        self.validators = format!("If-Modified-Since: {date}\r\nIf-None-Match: {tag}\r\n");
        Some(split(answer).1)
    }

    pub fn all(&mut self, server: &mut Server) -> Vec<String> {
        std::iter::from_fn(|| self.next(server)).take(100).collect()
    }
}

/// Moves both clocks.
pub fn pass_seconds(server: &mut Server, seconds: u64) {
    let unix = START + server.now.0 / 1_000 + seconds;
    server.pass_ms(seconds * 1_000);
    server.machine.set_date(rcomet_core::time::Date::from_unix(unix));
}
