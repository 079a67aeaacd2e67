//! Who had left, and why: of its own accord, or sent away.
use rcomet_core::time::Date;
use rcomet_core::{Config, Role};
use serde_json::{Value, json};

use super::support::{START, Server};
use super::{ask, number, open};
#[path = "../support/jwt.rs"]
pub mod jwt;

fn because(server: &mut Server, client: &str) -> String {
    server.push("a", "late");
    let said = ask(server, &format!("channel=a&seq=1&client={client}"));
    assert_eq!(said["clients"][0]["verdict"], "left before", "{said}");
    said["clients"][0]["because"].as_str().expect("words").to_owned()
}

#[test]
fn it_went_by_itself() {
    let mut server = super::server();
    let client = open(&mut server, "/events?channel=a");
    let id = number(&server, client);
    server.vanish(client);
    assert_eq!(because(&mut server, &id), "the client left of its own accord when the next number was 1");
}

/// Who has its answer leaves with it.
#[test]
fn a_poll_had_its_answer_and_has_not_asked_again() {
    for target in ["/poll?cname=a&seq=1", "/events?channel=a&history=1", "/activity?channel=a"] {
        for waits in [true, false] {
            let mut server = super::server();
            if !waits {
                server.push("a", "one");
            }
            let client = server.connect(Role::Front);
            let accept = "Host: x\r\nAccept: application/json";
            server.send(client, format!("GET {target} HTTP/1.1\r\n{accept}\r\n\r\n"));
            if waits {
                server.push("a", "one");
            }
            if !server.received(client).contains("one") {
                continue;
            }
            let id = number(&server, client);
            server.push("a", "two");
            let said = ask(&mut server, &format!("channel=a&seq=2&client={id}"));
            let words = "the client's request had been answered when the next number was 2, and it has not asked again since";
            let one = &said["clients"][0];
            assert_eq!(
                (&one["verdict"], &one["because"]),
                (&json!("left before"), &json!(words)),
                "{target}"
            );
            server.vanish(client);
            let gone = ask(&mut server, &format!("channel=a&seq=2&client={id}"));
            assert_eq!(gone["clients"][0]["verdict"], "left before", "{target}");
        }
    }
}

#[test]
fn its_token_had_expired() {
    let mut config = Config::default();
    config.token.keys = vec![jwt::key()];
    config.token.required = true;
    (config.token.leeway_seconds, config.token.warn_seconds) = (0, 1);
    let mut server = Server::new(config);
    let until = START + server.now.0 / 1_000 + 3;
    let token = jwt::token(&json!({"exp": until, "channels": [{"match": "*", "do": ["subscribe"]}]}));
    let client = open(&mut server, &format!("/events?channel=a&token={token}"));
    let id = number(&server, client);
    for _ in 0..5 {
        server.pass_ms(1_000);
        server.machine.set_date(Date::from_unix(START + server.now.0 / 1_000));
    }
    let words = because(&mut server, &id);
    assert!(
        words.starts_with("the client was sent away") && words.ends_with("its token had expired"),
        "{words}"
    );
}

#[test]
fn an_administrator_sent_it_away() {
    let mut server = super::server();
    let client = open(&mut server, "/events?channel=a");
    let id = number(&server, client);
    let body = r#"{"channel":"a"}"#;
    let admin = server.connect(Role::Admin);
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    server.send(admin, format!("POST /disconnect HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{body}"));
    let words = because(&mut server, &id);
    assert!(words.contains("an administrator ended its connection"), "{words}");
}

/// Who was refused a channel that has never been there can be told of, and of no other.
#[test]
fn a_channel_that_is_not_there_has_those_who_were_refused() {
    let mut config = Config::default();
    config.front.auth = rcomet_core::config::Auth::Token;
    let mut server = Server::new(config);
    let client = open(&mut server, "/events?channel=a&token=wrong");
    let id = number(&server, client);
    let said = ask(&mut server, "channel=a&seq=1");
    assert_eq!((&said["message"], &said["more"]), (&"not published".into(), &0.into()), "{said}");
    assert_eq!(
        (&said["clients"][0]["client"], &said["clients"][0]["verdict"]),
        (&id.into(), &"refused".into())
    );
    assert_eq!(ask(&mut server, "channel=a&seq=1&client=7")["clients"], Value::Array(Vec::new()));
    assert_eq!(ask(&mut server, "channel=b&seq=1")["status"], 404);
}
