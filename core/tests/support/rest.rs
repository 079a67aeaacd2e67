//! A client of Simple Comet, written from the protocol's description: plain requests, and what its script would make of
//! JSONP.
//! Knows nothing of what ought to come.
#![allow(dead_code, reason = "each test file uses its own part")]
use rcomet_core::{Config, Role};
use serde_json::Value;

use super::support::{Client, Server, encode, split};

/// The first number that a message of the test's server gets.
pub const FIRST: u64 = super::support::START * 100_000 + 1;

/// A server on whose own listeners everything is allowed, as with the original.
pub fn simple() -> Server {
    with(|_| {})
}

/// The same with other settings.
pub fn with(change: impl FnOnce(&mut Config)) -> Server {
    let mut config = Config::default();
    config.simple_comet.publish = true;
    config.simple_comet.enable_status = true;
    change(&mut config);
    Server::new(config)
}

/// Sends a request on a new connection, without waiting for an answer.
pub fn send(server: &mut Server, request: &str) -> Client {
    let client = server.connect(Role::SimpleComet);
    server.send(client, request);
    client
}

/// A POST of a form, as text.
pub fn form(target: &str, fields: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n\
         {fields}",
        fields.len()
    )
}

/// The body of the answer to a request on a new connection: status 200, of a type that fits.
pub fn ask(server: &mut Server, request: &str) -> String {
    let client = send(server, request);
    let answer = server.received(client);
    server.vanish(client);
    let (head, body) = split(&answer);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{request}\n{head}");
    let is_script = body.ends_with(");") || body.starts_with("/* in") || body.starts_with("/* no");
    let kind = if is_script { "application/javascript" } else { "application/json" };
    assert!(head.contains(&format!("Content-Type: {kind}\r\n")), "{request}\n{head}\n{body}");
    assert!(
        head.contains(&format!("Content-Length: {}\r\n", body.len()))
            || head.ends_with(&format!("Content-Length: {}", body.len())),
        "{head}\n{body}"
    );
    body
}

/// POST on a new connection.
pub fn post(server: &mut Server, target: &str, fields: &str) -> String {
    ask(server, &form(target, fields))
}

/// GET on a new connection; it must be answered at once.
pub fn get(server: &mut Server, target: &str) -> String {
    ask(server, &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

/// DELETE on a new connection.
pub fn delete(server: &mut Server, target: &str) -> String {
    ask(server, &format!("DELETE {target} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

/// GET on a new connection, which waits.
pub fn hold(server: &mut Server, target: &str) -> Client {
    let client = send(server, &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_eq!(server.received(client), "", "not even a head");
    client
}

/// Registers a channel.
pub fn register(server: &mut Server, channel: &str) {
    let got = post(server, "/channels.json", &format!("channel_id={}", encode(channel)));
    let got: Value = serde_json::from_str(&got).unwrap();
    assert_eq!((&got["channel_id"], &got["return_code"]), (&channel.into(), &1.into()), "{got}");
}

/// Registers a session channel.
pub fn register_for_sessions(server: &mut Server, channel: &str) {
    let got = post(server, "/channels.json", &format!("channel_id={channel}&use_sessions=1"));
    assert_eq!(code(&got), 1, "{got}");
}

/// Registers a client.
pub fn register_client(server: &mut Server, client: &str) -> i64 {
    code(&post(server, "/clients.json", &format!("client_id={client}")))
}

/// Pushes; gives the message's number.
pub fn push(server: &mut Server, channel: &str, content: &str) -> u64 {
    let got =
        post(server, &format!("/channels/{}.json", encode(channel)), &format!("content={}", encode(content)));
    let got: Value = serde_json::from_str(&got).unwrap();
    got["message_id"].as_u64().unwrap_or_else(|| panic!("pushed: {got}"))
}

/// The JSON in an answer, whichever way it is wrapped.
pub fn json(body: &str) -> Value {
    let inside = match body.strip_suffix(");") {
        Some(call) => call.split_once('(').unwrap_or_else(|| panic!("a call: {body}")).1,
        None => body.strip_prefix("/*-secure- ").and_then(|b| b.strip_suffix(" */")).unwrap_or(body),
    };
    assert!(inside.bytes().all(|c| (b' '..=b'~').contains(&c)), "printable ASCII: {inside}");
    serde_json::from_str(inside).unwrap_or_else(|e| panic!("{inside}: {e}"))
}

/// The code in an answer.
pub fn code(body: &str) -> i64 {
    json(body)["return_code"].as_i64().unwrap()
}

/// The body of what a poll that waited was answered.
pub fn heard(server: &mut Server, client: Client) -> String {
    let answer = server.received(client);
    let (head, body) = split(&answer);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    body
}

/// The messages in an answer in short, channel by channel: `a: 1 2, b:`.
pub fn brief(body: &str) -> String {
    let value = json(body);
    let messages = value["messages"].as_object().unwrap_or_else(|| panic!("messages: {body}"));
    let contents = |list: &Value| -> String {
        list.as_array().unwrap().iter().map(|m| format!(" {}", m["content"].as_str().unwrap())).collect()
    };
    messages.iter().map(|(name, list)| format!("{name}:{}", contents(list))).collect::<Vec<_>>().join(", ")
}

/// What `simple-comet.js` does with one subscription: it keeps the number, and takes an answer or not.
pub struct Script {
    pub channels: String,
    pub client_id: Option<String>,
    pub since: i64,
    requests: u64,
    /// An answer had a smaller `since` than its own: it will never ask again.
    pub is_dead: bool,
}

impl Script {
    pub fn new(channels: &str, client_id: Option<&str>) -> Self {
        let client_id = client_id.map(str::to_owned);
        Self { channels: channels.to_owned(), client_id, since: 0, requests: 0, is_dead: false }
    }

    /// Asks on a new connection, as a script element does.
    pub fn poll(&mut self, server: &mut Server) -> Client {
        let mut target = format!(
            "/channels/{}.jsonp?since={}&t={}.{}",
            self.channels, self.since, server.now.0, self.requests
        );
        if let Some(id) = &self.client_id {
            target += &format!("&client_id={}", encode(id));
        }
        self.requests += 1;
        send(server, &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }

    /// Runs an answer as a script; gives what the application is called with, if it is.
    pub fn run(&mut self, body: &str) -> Option<Value> {
        assert!(!self.is_dead);
        if body.starts_with("/*") {
            return None;
        }
        assert!(body.starts_with("_JSONP_comet_cb("), "the only function that there is: {body}");
        let value = json(body);
        if value["return_code"].as_i64().unwrap() <= 0 {
            return None;
        }
        if value["since"].as_i64().unwrap() < self.since {
            self.is_dead = true;
            return None;
        }
        self.since = value["last_id"].as_i64().unwrap();
        Some(value)
    }
}
