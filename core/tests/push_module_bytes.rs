//! Messages that are bytes and no text: the push module's own subscribers get them as they were published, others their base64.
#[path = "support/push.rs"]
mod push;
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use base64::Engine as _;
use push::*;
use rcomet_core::Role;
use support::Server;
use websocket::Socket;

const BYTES: &[u8] = b"\x89PNG\r\n\x1a\n\x00\xff";
const PNG: &str = "Content-Type: image/png\r\n";

fn post_bytes(server: &mut Server, fields: &str, bytes: &[u8]) -> String {
    let client = server.connect(Role::Admin);
    let head = format!("POST /pub/a HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: {}\r\n\r\n", bytes.len());
    server.send(client, [head.as_bytes(), bytes].concat());
    let answer = server.received(client);
    server.vanish(client);
    answer
}

fn ask_bytes(server: &mut Server, target: &str, fields: &str) -> Vec<u8> {
    let client = get(server, target, fields);
    let answer = server.received_bytes(client);
    server.vanish(client);
    answer
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn bytes_are_kept_verbatim_on_every_transport() {
    let mut server = locations(&[
        PUB,
        SUB,
        r#"{"path": "/raw/{id}", "role": "subscriber", "transports": ["raw_stream"]}"#,
        r#"{"path": "/parts/{id}", "role": "subscriber", "longpoll_multipart": "on"}"#,
        r#"{"path": "/lines/{id}", "role": "subscriber", "longpoll_multipart": "raw"}"#,
    ]);
    assert!(post_bytes(&mut server, PNG, BYTES).starts_with("HTTP/1.1 202 "));
    post(&mut server, "a", "text");
    let poll = ask_bytes(&mut server, "/sub/a", "");
    assert!(poll.ends_with(&[b"\r\n\r\n", BYTES].concat()) && has(&poll, b"Content-Type: image/png\r\n"));
    assert!(has(&poll, format!("Content-Length: {}\r\n", BYTES.len()).as_bytes()));
    for (target, fields) in [
        ("/sub/a", "TE: chunked\r\n"),
        ("/sub/a", "Accept: multipart/mixed\r\n"),
        ("/raw/a", ""),
        ("/parts/a", ""),
        ("/lines/a", ""),
    ] {
        assert!(has(&ask_bytes(&mut server, target, fields), BYTES), "{target} {fields}");
    }
    let frames = Socket::open_with(&mut server, "/sub/a", "").0.hear(&mut server);
    assert_eq!(
        (frames[0].first, &frames[0].payload[..]),
        (2, BYTES),
        "a message of bytes, whatever their type"
    );
    assert_eq!(frames[1].text(), "text");
    // In events a line's end is one, whoever wrote it.
    let events = ask_bytes(&mut server, "/sub/a", "Accept: text/event-stream\r\n");
    assert!(has(&events, b"data: \x89PNG\ndata: \x1a\ndata: \x00\xff\n\n"));
}

#[test]
fn other_dialects_get_their_base64_and_are_told_so_where_that_can_be_said() {
    let mut server = usual();
    post_bytes(&mut server, PNG, BYTES);
    let base64 = base64::engine::general_purpose::STANDARD.encode(BYTES);
    let data = format!("\"data\":\"{}\",\"encoding\":\"base64\"}}", base64);
    for target in ["/events?channel=a&history=all&wait=0", "/history?channel=a"] {
        let client = send(&mut server, Role::Front, "GET", target, "Accept: application/json\r\n", "");
        let answer = server.received(client);
        assert!(answer.contains(&data), "{answer}");
    }
    let icomet = server.ask(Role::Front, "/sub?cname=a&seq=1");
    assert!(icomet.contains(&format!("\"content\":\"{base64}\"")), "{icomet}");
    // What is text says nothing of the kind.
    post(&mut server, "b", "text");
    let answer = ask(&mut server, "/history?channel=b", "");
    assert!(answer.contains("\"data\":\"text\"}"), "{answer}");
}

#[test]
fn applications_are_asked_about_the_bytes_and_may_answer_with_others() {
    let rewrite = r#"{"path": "/pub/{id}", "role": "publisher", "publisher_upstream_request": "http://127.0.0.1:9000/r"}"#;
    let mut server = locations(&[rewrite, SUB]);
    let client = server.connect(Role::Admin);
    server.send(client, b"POST /pub/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n\xff\xfe");
    assert!(server.question_bytes().ends_with(b"Content-Length: 2\r\n\r\n\xff\xfe"));
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: image/x\r\nContent-Length: 3\r\n\r\n\xfd\0\xfc";
    server.reply_to_hook_with(answer);
    assert!(server.received(client).starts_with("HTTP/1.1 202 "));
    let poll = ask_bytes(&mut server, "/sub/a", "");
    assert!(poll.ends_with(b"\r\n\r\n\xfd\0\xfc") && has(&poll, b"Content-Type: image/x\r\n"));
}

#[test]
fn the_account_knows_what_bytes_cost() {
    let mut server = with(&[PUB, SUB], |config| config.limits.memory_bytes_max = 400_000);
    let bytes = vec![0xff; 30_000];
    let answers: Vec<String> = (0..40).map(|_| brief(&post_bytes(&mut server, PNG, &bytes))).collect();
    assert!(answers[0].starts_with("202"), "{answers:?}");
    assert!(server.machine.memory().total_bytes() <= 450_000);
}
