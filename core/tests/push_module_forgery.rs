//! What nobody may pretend in the push module's dialect: parts that were not published, channels of another's group, events.
#[path = "support/push.rs"]
mod push;
mod support;

use push::*;
use rcomet_core::Role;
use support::{Server, dechunk, split};

const PARTS: &str = "Accept: multipart/mixed\r\n";

/// The head of a stream of parts, and what has come of its body.
fn begun(text: &str) -> (String, String) {
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), dechunk(body))
}

fn boundary(head: &str) -> String {
    let (_, behind) = head.split_once("boundary=").expect("parts");
    behind.lines().next().expect("a boundary").to_owned()
}

/// Part after part, as a reader of RFC 2046 finds them: a body ends at the next line that begins with the boundary.
fn parts(body: &str, boundary: &str) -> Vec<String> {
    let text = format!("\r\n{body}");
    let line = format!("\r\n--{boundary}");
    let mut pieces = text.split(&line);
    assert_eq!(pieces.next(), Some(""), "it begins with a boundary");
    let whole: Vec<String> = pieces.map(str::to_owned).collect();
    let bodies = whole.iter().filter(|part| !part.is_empty() && !part.starts_with("--"));
    bodies.map(|part| part.split_once("\r\n\r\n").expect("a head").1.to_owned()).collect()
}

fn forged(boundary: &str) -> String {
    format!("mine\r\n--{boundary}\r\nContent-Type: text/html\r\nEtag: 9\r\n\r\nforged")
}

#[test]
fn a_message_holds_no_parts_of_a_stream() {
    let mut server = usual();
    let attacker = get(&mut server, "/sub/a", PARTS);
    let known = boundary(&begun(&server.received(attacker)).0);
    let early = get(&mut server, "/sub/a", PARTS);
    let (head, mut body) = begun(&server.received(early));
    let own = boundary(&head);
    assert_ne!(own, known, "each stream has its own");
    // What was there when a stream began, what comes while it waits, and several at once.
    post(&mut server, "a", &forged(&known));
    body += &dechunk(&server.received(early));
    let publisher = server.connect(Role::Admin);
    for text in ["two", "three"] {
        let length = text.len();
        server.send_in_this_turn(
            publisher,
            format!("POST /pub/a HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{text}"),
        );
    }
    server.turn();
    body += &dechunk(&server.received(early));
    let wanted = [forged(&known), "two".to_owned(), "three".to_owned()];
    assert_eq!(parts(&body, &own), wanted, "{body}");
    let late = get(&mut server, "/sub/a", PARTS);
    let (head, body) = begun(&server.received(late));
    assert_eq!(parts(&body, &boundary(&head)), wanted, "{body}");
    // On the same connection, another stream is another.
    server.vanish(late);
    let again = get(&mut server, "/sub/a", PARTS);
    assert_ne!(boundary(&begun(&server.received(again)).0), boundary(&head));
}

/// With HTTP/1.0 there are no chunks, and the last message may come with the end.
#[test]
fn a_stream_ends_behind_its_last_part() {
    let mut server = usual();
    let client = server.connect(Role::Front);
    server.send(client, format!("GET /sub/a HTTP/1.0\r\n{PARTS}\r\n"));
    let chunked = get(&mut server, "/sub/a", PARTS);
    post(&mut server, "a", "one");
    let publisher = server.connect(Role::Admin);
    server.send_in_this_turn(publisher, "POST /pub/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo");
    server.send_in_this_turn(publisher, "DELETE /pub/a HTTP/1.1\r\nHost: x\r\n\r\n");
    server.turn();
    let text = server.received(client);
    let (head, plain) = text.split_once("\r\n\r\n").expect("a head");
    let (other, body) = begun(&server.received(chunked));
    for (head, body) in [(head, plain), (&other, &body)] {
        let boundary = boundary(head);
        assert_eq!(parts(body, &boundary), ["one", "two"], "{body}");
        assert!(body.ends_with(&format!("\r\n--{boundary}--\r\n")), "{body}");
        // Its id stands before its type.
        let at = |name: &str| body.find(name).expect(name);
        assert!(at("Last-Modified: ") < at("Etag: "), "{body}");
    }
}

#[test]
fn what_is_said_of_a_part_has_the_order_of_the_original() {
    let mut server = usual();
    admin(&mut server, "POST", "/pub/a", "Content-Type: text/x\r\n", "one");
    let client = get(&mut server, "/sub/a", PARTS);
    let (_, body) = begun(&server.received(client));
    let fields = format!(
        "\r\nLast-Modified: {}\r\nEtag: {}\r\nContent-Type: text/x\r\n\r\none\r\n--",
        date(0),
        support::tag(0)
    );
    assert!(body.contains(&fields), "{body}");
}

#[test]
fn a_message_holds_no_parts_of_a_long_poll() {
    let location = r#"{"path": "/sub/{id}", "role": "subscriber", "longpoll_multipart": "on"}"#;
    let mut server = locations(&[PUB, location]);
    for text in ["one", "two"] {
        post(&mut server, "a", text);
    }
    let known = boundary(&split(&ask(&mut server, "/sub/a", "")).0);
    post(&mut server, "a", &forged(&known));
    let (head, body) = split(&ask(&mut server, "/sub/a", ""));
    assert_ne!(boundary(&head), known, "each answer has its own");
    let got = parts(&body, &boundary(&head));
    assert_eq!(got, ["one".to_owned(), "two".to_owned(), forged(&known)], "{body}");
}

/// Tenants with a group each, beside a location for everybody that has none.
fn tenants() -> Server {
    locations(&[
        r#"{"path": "/t/{tenant}/{id}", "role": "pubsub", "group": "{tenant}", "channels": ["{id}"], "on": ["front", "admin"]}"#,
        r#"{"path": "/public/{id}", "role": "pubsub", "split": ",", "on": ["front", "admin"]}"#,
        r#"{"path": "/acme/{id}", "role": "pubsub", "channels": ["acme/{id}"]}"#,
        r#"{"path": "/who/{id}", "role": "subscriber_info"}"#,
        r#"{"path": "/events/{id}", "role": "pubsub", "group": "meta"}"#,
    ])
}

#[test]
fn no_location_reaches_into_a_group_that_it_is_not_in() {
    let mut server = tenants();
    assert!(brief(&admin(&mut server, "POST", "/t/acme/x", "", "secret")).starts_with("202"));
    let refusal = "403 channels of a group are found at the group's own locations, and not at this one";
    for (method, target) in [
        ("GET", "/public/acme%2Fx"),
        ("GET", "/public/news,acme%2Fx"),
        ("POST", "/public/acme%2Fx"),
        ("PUT", "/public/acme%2Fx"),
        ("DELETE", "/public/acme%2Fx"),
        ("GET", "/who/acme%2Fx"),
        ("POST", "/public/meta%2Fx"),
    ] {
        let body = if matches!(method, "POST" | "PUT") { "forged" } else { "" };
        assert_eq!(brief(&admin(&mut server, method, target, "", body)), refusal, "{method} {target}");
    }
    let socket = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert!(ask(&mut server, "/public/acme%2Fx", socket).starts_with("HTTP/1.1 403 "));
    assert_eq!(brief(&ask(&mut server, "/t/acme/x", "")), "200 secret", "nothing has happened to it");
    // What the configuration itself puts there is meant, and a name that is in no group is nobody's.
    assert_eq!(brief(&admin(&mut server, "GET", "/acme/x", "", "")), "200 secret");
    for target in ["/public/news", "/public/%2Fa"] {
        assert!(brief(&admin(&mut server, "POST", target, "", "x")).starts_with("202"), "{target}");
    }
    // Where nobody has groups, a slash is a character like others.
    let mut server = usual();
    assert!(post(&mut server, "acme%2Fx", "x").starts_with("HTTP/1.1 202 "));
    assert_eq!(brief(&ask(&mut server, "/sub/acme%2Fx", "")), "200 x");
}

#[test]
fn nobody_tells_events_but_the_server() {
    let mut server = tenants();
    for target in ["/t/meta/x", "/events/x"] {
        for method in ["POST", "PUT", "DELETE"] {
            let body = if method == "DELETE" { "" } else { "forged" };
            let answer = brief(&admin(&mut server, method, target, "", body));
            assert!(answer.starts_with("403 "), "{method} {target}: {answer}");
        }
    }
    assert!(brief(&ask(&mut server, "/t/meta/x", "")).starts_with("403 "), "nor reads them who is a tenant");
    assert_eq!(server.machine.load().0, 0, "no channel came to be");
}
