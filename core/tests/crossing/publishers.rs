//! How each dialect publishes.
use rcomet_core::{Rights, Role};
use serde_json::json;

use super::bayeux::Fellow;
use super::support::{Server, body, encode};
use super::websocket::{HANDSHAKE, Socket, text};
use super::wire::Wired;

pub fn post(server: &mut Server, role: Role, target: &str, kind: &str, text: &str) -> String {
    let client = server.connect(role);
    let length = text.len();
    server.send(
        client,
        format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{text}"
        ),
    );
    let answer = server.received(client);
    server.vanish(client);
    body(&answer)
}

const FORM: &str = "application/x-www-form-urlencoded";

pub fn icomet(server: &mut Server, channel: &str, text: &str) {
    server.push(channel, text);
}

pub fn ccomet(server: &mut Server, channel: &str, text: &str) {
    let (channel, text) = (encode(channel), encode(text));
    let target = format!("/publish?channel={channel}&sname=bob&msg={text}&callback=f");
    assert!(server.ask(Role::Ccomet, &target).contains("\"publish\""));
}

pub fn register(server: &mut Server, channel: &str, more: &str) -> String {
    let form = format!("channel_id={}{more}", encode(channel));
    post(server, Role::SimpleComet, "/channels.json", FORM, &form)
}

pub fn register_client(server: &mut Server, client: &str) {
    post(server, Role::SimpleComet, "/clients.json", FORM, &format!("client_id={client}"));
}

pub fn simple(server: &mut Server, channel: &str, text: &str) {
    let (target, form) = (format!("/channels/{}.json", encode(channel)), format!("content={}", encode(text)));
    let got = post(server, Role::SimpleComet, &target, FORM, &form);
    assert!(got.starts_with("{\"message_id\": "), "{got}");
}

pub fn push(server: &mut Server, channel: &str, text: &str) {
    let target = format!("/publish?channel={}", encode(channel));
    let got = post(server, Role::Admin, &target, "text/plain", text);
    assert!(got.starts_with("queued messages: "), "{got}");
}

pub fn push_socket(server: &mut Server, channel: &str, message: &str) {
    let client = server.connect(Role::Admin);
    let head = format!("GET /publish?channel={} HTTP/1.1\r\n{HANDSHAKE}\r\n", encode(channel));
    server.send(client, [head.as_bytes(), &text(message)].concat());
    let received = server.received_bytes(client);
    assert!(String::from_utf8_lossy(&received).contains("queued messages: "), "{received:?}");
    server.vanish(client);
}

pub fn native(server: &mut Server, channel: &str, text: &str) {
    let object = json!({"channel": channel, "data": text}).to_string();
    let got = post(server, Role::Admin, "/publish", "application/json", &object);
    assert!(got.starts_with("{\"published\":[{"), "{got}");
}

pub fn native_socket(server: &mut Server, channel: &str, text: &str) {
    let socket = Socket::open(server);
    let publish = json!({"type": "publish", "channel": channel, "data": text});
    assert_eq!(socket.ask(server, &publish.to_string())[0]["type"], "published");
    server.vanish(socket.0);
}

/// A session of its own, which says good-bye: there may be only so many.
pub fn bayeux(server: &mut Server, channel: &str, text: &str) {
    let mut fellow = Fellow::new(server);
    assert_eq!(fellow.send(server, channel, json!({"data": text}))[0]["successful"], true);
    fellow.send(server, "/meta/disconnect", json!({}));
    server.vanish(fellow.connection);
}

pub fn bayeux_socket(server: &mut Server, channel: &str, text: &str) {
    let mut wired = Wired::new(server);
    assert_eq!(wired.send(server, channel, json!({"data": text}))["successful"], true);
    wired.send(server, "/meta/disconnect", json!({}));
    server.vanish(wired.socket.0);
}

/// The control socket.
pub const CONTROL: Role = Role::Control(Rights::All);

pub fn key(server: &mut Server, channel: &str, text: &str) {
    let client = server.connect(CONTROL);
    let (key, length) = (encode(channel), text.len());
    server.send(
        client,
        format!("PUT /keys/{key} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{text}"),
    );
    assert!(server.received(client).contains("\"version\":"));
    server.vanish(client);
}

pub fn comet(server: &mut Server, channel: &str, text: &str) {
    // As PHP's `urlencode` has it.
    let pairs = [("%20", "+"), ("%2D", "-"), ("%5F", "_"), ("%2E", ".")];
    let value = pairs.iter().fold(encode(text), |text, (from, to)| text.replace(from, to));
    let client = server.connect(CONTROL);
    server.send(client, format!("write {channel} {value} \0"));
    assert_eq!(server.received(client), "ok \0");
    server.vanish(client);
}
