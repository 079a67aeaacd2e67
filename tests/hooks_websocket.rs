//! The real daemon, a small application that it asks, and WebSockets at its locations: let in and refused, messages
//! rewritten, dropped and refused, an application that is down or slow, and word of who comes and goes.
//! Knows of WebSockets only what it takes to say and hear short messages.
mod application;
mod daemon;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use application::{Application, Nobody, whole};
use daemon::{ANYWHERE, Daemon, connect};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// A daemon with a location for both, one for readers and one for publishers, all of which ask `upstream`.
struct Scene {
    _daemon: Daemon,
    front: SocketAddr,
    admin: SocketAddr,
    config: PathBuf,
}

impl Scene {
    fn new(name: &str, upstream: SocketAddr, limits: &str) -> Self {
        let config = std::env::temp_dir().join(format!("rcomet-hooks-ws-{name}-{}.toml", std::process::id()));
        let ask = |path: &str| format!("\"http://{upstream}/{path}\"");
        let (auth, rewrite) = (ask("auth"), ask("rewrite"));
        let (came, went) = (ask("came"), ask("went"));
        let text = format!(
            "[limits]\n{limits}\n\
             [[push.location]]\npath = \"/sub/{{id}}\"\nrole = \"subscriber\"\nauthorize_request = {auth}\n\
             subscribe_request = {came}\nunsubscribe_request = {went}\n\
             [[push.location]]\npath = \"/both/{{id}}\"\nrole = \"pubsub\"\non = [\"front\"]\n\
             publisher_upstream_request = {rewrite}\n\
             [[push.location]]\npath = \"/pub/{{id}}\"\nrole = \"publisher\"\nauthorize_request = {auth}\n"
        );
        std::fs::write(&config, text).expect("to write");
        let path = config.to_str().expect("text").to_owned();
        let mut daemon = Daemon::start(&[&ANYWHERE[..], &["--config", &path]].concat());
        let (front, admin) = (daemon.listens("front"), daemon.listens("admin"));
        Self { _daemon: daemon, front, admin, config }
    }

    /// A WebSocket that has been let in.
    fn socket(&self, path: &str) -> TcpStream {
        let (stream, head, _) = handshake(self.front, path, "");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        stream
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.config);
    }
}

/// Asks for a WebSocket; gives the connection, the head of the answer, and its body.
fn handshake(address: SocketAddr, path: &str, fields: &str) -> (TcpStream, String, String) {
    let mut stream = connect(address);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
    )
    .expect("it is taken");
    let (head, body) = answer(&mut stream);
    (stream, head, body)
}

/// The head of an answer, and as much of its body as it announces.
fn answer(stream: &mut TcpStream) -> (String, String) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).expect("a body");
    (head, String::from_utf8(body).expect("text"))
}

/// Says a short message, masked with nothing.
fn say(stream: &mut TcpStream, opcode: u8, message: &[u8]) {
    let length = u8::try_from(message.len()).expect("it is short");
    assert!(length < 126);
    let frame = [&[0x80 | opcode, 0x80 | length, 0, 0, 0, 0], message].concat();
    stream.write_all(&frame).expect("it is taken");
}

/// Hears a short message; of a farewell, what stands behind its code.
fn hear(stream: &mut TcpStream) -> (u8, u16, String) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a frame");
    assert!(head[0] & 0x80 != 0 && head[1] < 126, "a short message, whole");
    let mut payload = vec![0; head[1].into()];
    stream.read_exact(&mut payload).expect("a payload");
    let opcode = head[0] & 0x0f;
    let is_farewell = opcode == CLOSE;
    let code = if is_farewell { u16::from_be_bytes([payload[0], payload[1]]) } else { 0 };
    let text = &payload[if is_farewell { 2 } else { 0 }..];
    (opcode, code, String::from_utf8(text.to_vec()).expect("text"))
}

fn heard(text: &str) -> (u8, u16, String) {
    (TEXT, 0, text.into())
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_websocket_is_let_in_and_its_coming_and_going_are_told() {
    let application = Application::start(|_, _| whole("200 OK", ""));
    let scene = Scene::new("in", application.address, "");
    let (mut stream, head, _) = handshake(scene.front, "/sub/a?x=1", "Cookie: session=7\r\n");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let asked_for = |path: &str| {
        application.asked().into_iter().find(|(lines, _)| lines[0] == format!("GET /{path} HTTP/1.1"))
    };
    until("word of the beginning", || asked_for("came").is_some());
    for path in ["auth", "came"] {
        let (lines, _) = asked_for(path).expect("it was asked");
        for line in [
            "X-Subscriber-Type: websocket",
            "X-Channel-Id: a",
            "X-Original-URI: /sub/a?x=1",
            "X-Original-Method: GET",
            "Cookie: session=7",
        ] {
            assert!(lines.contains(&line.to_owned()), "{path}: {line}: {lines:?}");
        }
    }
    assert!(asked_for("went").is_none());
    // What is published on the other side arrives.
    let (mut publisher, head, _) = handshake(scene.admin, "/pub/a", "");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    say(&mut publisher, TEXT, b"hello");
    assert_eq!(hear(&mut stream), heard("hello"));
    say(&mut stream, CLOSE, &1000u16.to_be_bytes());
    assert_eq!(hear(&mut stream).0, CLOSE);
    until("word of the end", || asked_for("went").is_some());
    // Who is cut off has gone as well.
    let lost = scene.socket("/sub/b");
    until("word of the next", || {
        application.asked().iter().filter(|(l, _)| l[0].contains("/came")).count() == 2
    });
    drop(lost);
    until("word of its end", || {
        application.asked().iter().filter(|(l, _)| l[0].contains("/went")).count() == 2
    });
}

#[test]
fn a_refusal_is_told_in_the_applications_words_by_http_and_to_a_handshake() {
    let application = Application::start(|line, _| {
        assert!(line.contains("/auth"), "nobody has come: {line}");
        let body = "{\"why\":\"log in\"}";
        format!(
            "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nWWW-Authenticate: Bearer\r\n\
             X-Secret: no\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    });
    let scene = Scene::new("out", application.address, "");
    let mut reader = connect(scene.front);
    write!(reader, "GET /sub/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is taken");
    let mut publisher = connect(scene.admin);
    write!(publisher, "POST /pub/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx").expect("it is taken");
    let (_socket, head, body) = handshake(scene.front, "/sub/a", "");
    let (_other, other_head, other_body) = handshake(scene.admin, "/pub/a", "");
    for (what, (head, body)) in [
        ("a reader", answer(&mut reader)),
        ("a publisher", answer(&mut publisher)),
        ("a reader's handshake", (head, body)),
        ("a publisher's handshake", (other_head, other_body)),
    ] {
        assert!(head.starts_with("HTTP/1.1 401 "), "{what}: {head}");
        let lower = head.to_ascii_lowercase();
        assert!(lower.contains("\r\ncontent-type: application/json\r\n"), "{what}: {head}");
        assert!(lower.contains("\r\nwww-authenticate: bearer\r\n"), "{what}: {head}");
        assert!(!lower.contains("x-secret") && body == "{\"why\":\"log in\"}", "{what}: {head}{body}");
    }
    assert_eq!(application.asked().len(), 4);
}

#[test]
fn messages_of_a_websocket_are_rewritten_dropped_and_refused() {
    let application = Application::start(|line, body| match (line.contains("/rewrite"), body) {
        (true, "keep") => "HTTP/1.1 304 Not Modified\r\n\r\n".into(),
        (true, "drop") => "HTTP/1.1 204 No Content\r\n\r\n".into(),
        (true, "swear") => whole("403 Forbidden", "mind your words"),
        _ => whole("200 OK", &body.to_uppercase()),
    });
    let scene = Scene::new("rewrite", application.address, "");
    let mut stream = scene.socket("/both/a");
    for message in ["keep", "drop", "shout", "swear", "never sent"] {
        say(&mut stream, TEXT, message.as_bytes());
    }
    assert_eq!(hear(&mut stream), heard("keep"));
    assert_eq!(hear(&mut stream), heard("SHOUT"));
    assert_eq!(hear(&mut stream), (CLOSE, 1008, "403 Forbidden".into()));
    let bodies: Vec<String> = application.asked().into_iter().map(|(_, body)| body).collect();
    assert_eq!(
        bodies,
        ["keep", "drop", "shout", "swear"],
        "one after the other, and nothing behind a refusal"
    );
    assert!(application.asked()[0].0.contains(&"X-Publisher-Type: websocket".to_owned()));
}

#[test]
fn an_application_that_is_down_is_told_to_handshakes_and_to_who_publishes() {
    let nobody = Nobody::new();
    let scene = Scene::new("down", nobody.address, "");
    for (address, path) in [(scene.front, "/sub/a"), (scene.admin, "/pub/a")] {
        let (_stream, head, _) = handshake(address, path, "");
        assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{path}: {head}");
    }
    let mut stream = scene.socket("/both/a");
    say(&mut stream, TEXT, b"x");
    assert_eq!(hear(&mut stream), (CLOSE, 1011, "502 Bad Gateway".into()));
}

#[test]
fn an_application_that_is_slow_is_told_to_handshakes_and_to_who_publishes() {
    let application = Application::start(|_, _| {
        std::thread::sleep(Duration::from_secs(30));
        whole("200 OK", "too late")
    });
    let scene = Scene::new("slow", application.address, "hook_ms_max = 400");
    let start = Instant::now();
    let mut stream = scene.socket("/both/a");
    say(&mut stream, TEXT, b"x");
    let (_other, head, _) = handshake(scene.front, "/sub/a", "");
    assert!(head.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{head}");
    assert_eq!(hear(&mut stream), (CLOSE, 1011, "504 Gateway Timeout".into()));
    assert!(start.elapsed() < Duration::from_secs(20), "nobody waits for the application itself");
}
