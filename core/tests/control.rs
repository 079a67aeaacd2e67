//! The control socket: CometServer's protocol byte for byte as it was recorded, lines of text, keys over HTTP, and who may do
//! what. Limits of it are in `limits/control.rs`; the socket itself, and the command line, in the daemon's own tests.
#[path = "control/full.rs"]
mod full;
#[path = "control/kept.rs"]
mod kept;
#[path = "control/keys.rs"]
mod keys;
#[path = "control/legacy.rs"]
mod legacy;
#[path = "control/lines.rs"]
mod lines;
#[path = "control/orders.rs"]
mod orders;
#[path = "control/sockets.rs"]
mod sockets;
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use rcomet_core::{Config, Rights, Role};
use serde_json::{Value, json};
use support::{Client, Server, body, split};

const ALL: Role = Role::Control(Rights::All);

/// What comes back to bytes on a connection of their own, and whether it is over then.
fn tells(server: &mut Server, bytes: impl AsRef<[u8]>) -> (Vec<u8>, bool) {
    let client = server.connect(ALL);
    server.send(client, bytes);
    (server.received_bytes(client), server.is_shut(client))
}

fn line(server: &mut Server, text: &str) -> String {
    let (bytes, _) = tells(server, format!("{text}\n"));
    String::from_utf8(bytes).expect("text")
}

fn http(server: &mut Server, role: Role, method: &str, target: &str, body: &[u8]) -> (u16, Value) {
    let client = server.connect(role);
    let mut request =
        format!("{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len())
            .into_bytes();
    request.extend_from_slice(body);
    server.send(client, request);
    let answer = server.received(client);
    server.vanish(client);
    answered(&answer)
}

fn answered(answer: &str) -> (u16, Value) {
    let (head, body) = split(answer);
    let status = head[9..12].parse().expect("a status");
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

fn get(server: &mut Server, target: &str) -> (u16, Value) {
    http(server, ALL, "GET", target, b"")
}

fn put(server: &mut Server, key: &str, value: &[u8]) -> u64 {
    let (status, answer) = http(server, ALL, "PUT", &format!("/keys/{key}"), value);
    assert_eq!(status, 200, "{answer}");
    answer["version"].as_u64().expect("a version")
}

/// Begins to wait; nothing may come.
fn waits(server: &mut Server, target: &str) -> Client {
    let client = server.connect(ALL);
    assert_eq!(server.get(client, target), "");
    client
}
