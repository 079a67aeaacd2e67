//! Pages of other origins at locations: whose may ask, what their answers name, and what an application hears of their users
//! (`protocols/push-module.md`, section 5.9; Fetch, section 3.2).
#[path = "support/push.rs"]
mod push;
mod support;

use push::*;
use rcomet_core::config::{Location, Origin};
use rcomet_core::{Config, Role};
use support::Server;

const PAGE: &str = "Origin: https://page.example\r\n";
const AUTH: &str = r#""authorize_request": "http://127.0.0.1:9000/auth""#;
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn pubsub(more: &str) -> String {
    format!(r#"{{"path": "/both/{{id}}", "role": "pubsub", "on": ["front"]{more}}}"#)
}

fn origins(config: &mut Config, list: &[&str]) {
    config.http.origins = list.iter().map(|one| Origin::try_from((*one).to_owned()).unwrap()).collect();
}

/// The origin that is named, and whether credentials are.
fn named(answer: &str) -> (Option<&str>, Option<&str>) {
    (field(answer, "Access-Control-Allow-Origin"), field(answer, "Access-Control-Allow-Credentials"))
}

fn front(server: &mut Server, method: &str, fields: &str, body: &str) -> String {
    let client = send(server, Role::Front, method, "/both/a", fields, body);
    let answer = server.received(client);
    server.vanish(client);
    answer
}

#[test]
fn by_default_the_page_is_named_in_every_answer_and_may_send_cookies() {
    let mut server = locations(&[&pubsub("")]);
    let page = (Some("https://page.example"), Some("true"));
    for (method, body, status) in [
        ("POST", "one", "202"),
        ("HEAD", "", "200"),
        ("GET", "", "200"),
        ("PATCH", "", "405"),
        ("OPTIONS", "", "200"),
    ] {
        let answer = front(&mut server, method, PAGE, body);
        assert_eq!((&answer[9..12], named(&answer)), (status, page), "{method}: {answer}");
        assert!(answer.contains("\r\nVary: Origin\r\n"), "{method}: {answer}");
    }
    let answer = front(&mut server, "OPTIONS", PAGE, "");
    assert_eq!(field(&answer, "Access-Control-Allow-Methods"), Some("GET, HEAD, POST, PUT, DELETE, OPTIONS"));
    assert_eq!(answer.matches("Allow-Credentials").count(), 1, "browsers take two for none: {answer}");
    // Streams, and what is said while they are held.
    let stream = get(&mut server, "/both/a", &format!("{PAGE}Accept: text/event-stream\r\n"));
    let head = server.received(stream);
    assert_eq!(named(&head), page);
    assert_eq!(field(&head, "Access-Control-Expose-Headers"), Some("Last-Modified, Etag, Content-Type"));
    // Who is no page is named nobody; caches know that it depends.
    let answer = front(&mut server, "GET", "", "");
    assert_eq!(named(&answer), (None, None));
    assert!(answer.contains("\r\nVary: Origin\r\n"), "{answer}");
}

#[test]
fn each_of_those_who_wait_is_named_its_own_origin() {
    let mut server = usual();
    let empty = server.machine.memory().tables_bytes;
    let origin = |name: &str| format!("Origin: https://{name}.example\r\n");
    let clients: Vec<_> =
        ["one", "two", "one"].iter().map(|name| (*name, get(&mut server, "/sub/a", &origin(name)))).collect();
    let nobody = get(&mut server, "/sub/a", "");
    assert!(
        server.machine.memory().tables_bytes > empty + 3 * "https://one.example".len(),
        "it is on the account"
    );
    post(&mut server, "a", "hello");
    for (name, client) in &clients {
        let answer = server.received(*client);
        assert_eq!(named(&answer), (Some(&*format!("https://{name}.example")), Some("true")), "{answer}");
        assert_eq!(brief(&answer), "200 hello");
    }
    assert_eq!(named(&server.received(nobody)), (None, None));
    // The next request of a connection is another page's as well as anybody's.
    let (_, client) = clients[0];
    let ask = |server: &mut Server, fields: &str| {
        server.send(client, format!("GET /sub/a HTTP/1.1\r\nHost: x\r\n{fields}\r\n"));
        server.received(client)
    };
    assert_eq!(named(&ask(&mut server, &origin("three"))).0, Some("https://three.example"));
    assert_eq!(named(&ask(&mut server, "")).0, None);
    for client in clients.iter().map(|(_, client)| *client).chain([nobody]) {
        server.vanish(client);
    }
    post(&mut server, "b", "x");
    admin(&mut server, "DELETE", "/pub/a", "", "");
    let answer = ask_after_all(&mut server);
    assert_eq!(named(&answer).0, None, "nothing is left of who has gone");
}

fn ask_after_all(server: &mut Server) -> String {
    ask(server, "/sub/b", "")
}

#[test]
fn where_an_application_is_asked_every_page_may_ask_and_none_for_its_user() {
    let sub = format!(r#"{{"path": "/sub/{{id}}", "role": "subscriber", {AUTH}}}"#);
    let mut server = locations(&[PUB, &sub]);
    post(&mut server, "a", "one");
    let mine = "Cookie: id=7\r\nauthorization: Basic YTpi\r\n";
    let client = get(&mut server, "/sub/a", &format!("{PAGE}{mine}X-Mine: 1\r\n"));
    let question = server.question();
    assert!(question.contains("X-Mine: 1\r\n"), "{question}");
    assert!(
        !question.contains("ookie") && !question.contains("Basic"),
        "another site's page has no user here: {question}"
    );
    server.reply_to_hook(OK);
    let answer = server.received(client);
    assert_eq!((brief(&answer), named(&answer)), ("200 one".into(), (Some("*"), None)));
    // A token is what a page has to know, and cookies of our own pages, and of who is no page, are told.
    for fields in
        [format!("{PAGE}Authorization: Bearer x\r\n"), format!("Origin: http://x\r\n{mine}"), mine.into()]
    {
        let client = get(&mut server, "/sub/a", &fields);
        let question = server.question();
        let told = fields.lines().filter(|line| !line.starts_with("Origin"));
        assert!(told.clone().all(|line| question.contains(line)), "{fields}: {question}");
        server.reply_to_hook(OK);
        server.vanish(client);
    }
    // A WebSocket of another site's page is let in or not without its user's cookies, too.
    let client = get(&mut server, "/sub/a", &format!("{PAGE}{mine}{HANDSHAKE}"));
    let question = server.question();
    assert!(
        question.contains("X-Subscriber-Type: websocket\r\n") && !question.contains("ookie"),
        "{question}"
    );
    server.reply_to_hook(OK);
    assert!(server.received_bytes(client).starts_with(b"HTTP/1.1 101 "));
    // An application that changes messages may look at cookies as well.
    let rewrite = r#", "publisher_upstream_request": "http://127.0.0.1:9000/rewrite""#;
    let mut server = locations(&[&pubsub(rewrite)]);
    let client = send(&mut server, Role::Front, "POST", "/both/a", &format!("{PAGE}{mine}"), "one");
    assert!(!server.question().contains("ookie"), "{}", server.question());
    server.reply_to_hook("HTTP/1.1 304 Not Modified\r\n\r\n");
    assert_eq!(named(&server.received(client)), (Some("*"), None));
}

#[test]
fn where_the_location_names_the_page_its_user_is_known_to_the_application() {
    let more = format!(r#", {AUTH}, "access_control_allow_origin": ["https://page.example"]"#);
    let mut server = locations(&[&pubsub(&more)]);
    let mine = format!("{PAGE}Cookie: id=7\r\n");
    for fields in [mine.clone(), format!("{mine}{HANDSHAKE}")] {
        let client = get(&mut server, "/both/a", &fields);
        assert!(server.question().contains("Cookie: id=7\r\n"), "{}", server.question());
        server.reply_to_hook("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
        // So that the page can read why.
        assert_eq!(named(&server.received(client)), (Some("https://page.example"), Some("true")));
    }
}

#[test]
fn a_page_that_is_not_listed_is_forbidden_every_method() {
    let list = r#", "access_control_allow_origin": ["https://good.example"]"#;
    let listed = |server: &mut Server| {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            let answer = front(server, method, "Origin: https://bad.example\r\n", "");
            assert!(answer.starts_with("HTTP/1.1 403 "), "{method}: {answer}");
            assert!(!answer.contains("Access-Control") && answer.contains("Vary: Origin\r\n"), "{answer}");
            let answer = front(server, method, "Origin: https://good.example\r\n", "");
            assert!(!answer.starts_with("HTTP/1.1 403 "), "{method}: {answer}");
        }
        let client = get(server, "/both/a", &format!("Origin: https://bad.example\r\n{HANDSHAKE}"));
        assert!(server.received(client).starts_with("HTTP/1.1 403 "));
        let client = get(server, "/both/a", &format!("Origin: https://good.example\r\n{HANDSHAKE}"));
        assert!(server.received_bytes(client).starts_with(b"HTTP/1.1 101 "));
        assert_eq!(server.machine.counters().sites_denied, 8);
    };
    listed(&mut locations(&[&pubsub(list)]));
    listed(&mut with(&[&pubsub("")], |config| origins(config, &["https://good.example"])));
    // What a location says holds there, whatever holds elsewhere.
    let asking =
        r#", "access_control_allow_origin": "$http_origin", "access_control_allow_credentials": false"#;
    let mut server = with(&[&pubsub(asking)], |config| origins(config, &["https://good.example"]));
    let answer = front(&mut server, "POST", PAGE, "x");
    assert_eq!(named(&answer), (Some("https://page.example"), None), "{answer}");
    let every = r#", "access_control_allow_origin": "*""#;
    let mut server = with(&[&pubsub(every)], |config| origins(config, &["https://good.example"]));
    assert_eq!(named(&front(&mut server, "POST", PAGE, "x")), (Some("*"), None));
    // An origin that nobody has.
    let mut server = locations(&[&pubsub("")]);
    let long = format!("Origin: https://{}.example\r\n", "x".repeat(300));
    assert!(front(&mut server, "GET", &long, "").starts_with("HTTP/1.1 403 "));
}

#[test]
fn who_waits_when_the_list_changes_is_named_if_it_still_may_be() {
    let config = |list: &str| {
        let json = format!(
            r#"{{"path": "/sub/{{id}}", "role": "subscriber", "access_control_allow_origin": [{list}]}}"#
        );
        let read = |json: &str| serde_json::from_str::<Location>(json).expect("a location");
        let mut config = Config::default();
        config.push.location = vec![read(PUB), read(&json)];
        config
    };
    let mut server = Server::new(config(r#""https://one.example", "https://two.example""#));
    let one = get(&mut server, "/sub/a", "Origin: https://one.example\r\n");
    let two = get(&mut server, "/sub/a", "Origin: https://two.example\r\n");
    server.machine.reconfigure(config(r#""https://one.example""#));
    post(&mut server, "a", "hello");
    let (one, two) = (server.received(one), server.received(two));
    assert_eq!(named(&one), (Some("https://one.example"), Some("true")));
    assert_eq!((named(&two), brief(&two)), ((None, None), "200 hello".into()));
}
