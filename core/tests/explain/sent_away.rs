//! Who was sent away, or had to wait: by a line that takes nothing, by silence, by a token that allows less, by a poll that is over.
use rcomet_core::{Config, Role};
use serde_json::{Value, json};

use super::left::jwt;
use super::support::Server;
use super::websocket::Socket;
use super::{ask, is, number, open};

/// The verdict on the one client that is asked about, and its words.
fn told(server: &mut Server, client: &str, seq: u64) -> (String, String) {
    let said = ask(server, &format!("channel=a&seq={seq}&client={client}"));
    let word = |name: &str| said["clients"][0][name].as_str().unwrap_or_default().to_owned();
    (word("verdict"), word("because"))
}

#[test]
fn who_takes_nothing_is_slow_until_it_is_sent_away() {
    let mut config = Config::default();
    config.limits.write_stall_ms_max = 10_000;
    config.limits.outbox_bytes_max = 2_000;
    let mut server = Server::new(config);
    let client = open(&mut server, "/stream?cname=a");
    let id = number(&server, client);
    server.push("a", "first");
    server.clog(client, true);
    for _ in 0..40 {
        server.push("a", &"x".repeat(100));
    }
    server.pass_ms(7_000);
    let (verdict, because) = told(&mut server, &id, 41);
    assert_eq!(verdict, "slow", "{because}");
    let words = "bytes wait that the client has not taken, since 7000 ms; it will get this behind them, or be told that it is missing";
    assert!(because.ends_with(words), "{because}");
    server.pass_ms(4_000);
    assert_eq!(server.machine.counters().stalled_closed, 1);
    server.push("a", "late");
    assert_eq!(told(&mut server, &id, 1).0, "delivered");
    // What had no room any more, and what came when it was gone.
    for seq in [41, 42] {
        let (verdict, because) = told(&mut server, &id, seq);
        assert_eq!(verdict, "left before", "{because}");
        assert!(because.starts_with("the client was sent away when the next number was "), "{because}");
        assert!(because.ends_with(": it had taken nothing of what waited for it for too long"), "{because}");
    }
}

#[test]
fn who_gives_no_sign_of_life_is_sent_away() {
    let mut config = Config::default();
    (config.websocket.ping_ms, config.websocket.pong_ms_max) = (5_000, 2_000);
    let mut server = Server::new(config);
    let socket = Socket::open(&mut server);
    socket.ask(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    let id = number(&server, socket.0);
    server.push("a", "first");
    for _ in 0..12 {
        server.pass_ms(1_000);
    }
    assert_eq!(server.machine.counters().websocket_pongs_missed, 1);
    server.push("a", "late");
    assert_eq!(told(&mut server, &id, 1).0, "delivered");
    let words = "the client was sent away when the next number was 2: it gave no sign of life when it was asked for one";
    assert_eq!(told(&mut server, &id, 2), ("left before".to_owned(), words.to_owned()));
}

#[test]
fn a_token_that_allows_less_ends_the_subscription() {
    let mut config = Config::default();
    config.token.keys = vec![jwt::key()];
    config.token.required = true;
    let mut server = Server::new(config);
    let until = super::support::START + 3_600;
    let path = format!("/ws?token={}", jwt::granting(until, "*", &["subscribe"]));
    let (socket, _) = Socket::open_with(&mut server, &path, "");
    let id = number(&server, socket.0);
    for name in ["a", "b"] {
        socket.ask(&mut server, &json!({"type": "subscribe", "channel": name}).to_string());
    }
    server.push("a", "first");
    let less = json!({"type": "auth", "token": jwt::granting(until, "b", &["subscribe"])});
    let said = socket.ask(&mut server, &less.to_string());
    assert!(said.iter().any(|one| one["type"] == "error" && one["channel"] == "a"), "{said:?}");
    server.push("a", "late");
    assert_eq!(told(&mut server, &id, 1).0, "delivered");
    let (verdict, because) = told(&mut server, &id, 2);
    assert_eq!(verdict, "left before", "{because}");
    assert!(because.ends_with("the token that it showed last does not allow the channel"), "{because}");
    // It is still there, and reads the other, until it does not any more.
    assert_eq!(ask(&mut server, &format!("channel=a&seq=2&client={id}"))["clients"][0]["connected"], true);
    server.push("b", "one");
    server.pass_ms(10);
    socket.ask(&mut server, r#"{"type":"unsubscribe","channel":"b"}"#);
    server.push("b", "two");
    let said = ask(&mut server, &format!("channel=b&seq=2&client={id}"));
    assert_eq!(said["clients"][0]["because"], "the client unsubscribed when the next number was 2");
    // Asked for again, it is refused, and that is told then.
    socket.ask(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    let (verdict, because) = told(&mut server, &id, 2);
    assert_eq!(verdict, "refused", "{because}");
    assert_eq!(because, "the subscription was refused: the token does not allow this here");
}

#[test]
fn a_poll_whose_time_is_over_has_left() {
    let mut server = super::server();
    let client = server.connect(Role::Front);
    let poll = "GET /poll?cname=a&seq=1 HTTP/1.1\r\nHost: x\r\n\r\n";
    server.send(client, poll);
    let id = number(&server, client);
    server.pass_ms(31_000);
    assert!(server.received(client).contains("noop"), "its time is over");
    server.push("a", "between");
    let (verdict, because) = told(&mut server, &id, 1);
    assert_eq!(
        (&*verdict, &*because),
        (
            "left before",
            "the client's request had been answered when the next number was 1, and it has not asked again since"
        )
    );
    // It asks again, from where it was.
    server.send(client, poll);
    assert_eq!(told(&mut server, &id, 1).0, "delivered");
    let said: Value = ask(&mut server, "channel=a&seq=1");
    assert_eq!(said["clients"].as_array().map(Vec::len), Some(1), "{said}");
}

/// A cursor of several channels counts no messages of one of them: who is told so has missed what was trimmed, as far as anybody knows.
#[test]
fn what_may_be_missing_behind_a_cursor_of_several_channels_is_missed() {
    let mut config = Config::default();
    config.limits.history_messages_max = 2;
    let mut server = Server::new(config);
    let first = open(&mut server, "/events?channel=a&channel=b&wait=1");
    let text = server.received(first);
    let cursor = text.split("\"cursor\":\"").nth(1).expect(&text)[..32].to_owned();
    for n in 1..=5 {
        server.push("a", &n.to_string());
    }
    let reader = open(&mut server, &format!("/events?channel=a&channel=b&cursor={cursor}"));
    let id = number(&server, reader);
    let told = server.received(reader);
    assert!(told.contains(r#""missing":null,"because":"history""#), "{told}");
    for seq in 1..=3 {
        let said = ask(&mut server, &format!("channel=a&seq={seq}&client={id}"));
        assert_eq!(said["clients"][0]["verdict"], "missed", "{said}");
        assert!(said["clients"][0]["because"].as_str().unwrap().contains("before number 4"), "{said}");
    }
    assert_eq!(is(&mut server, &id, 4), "delivered");
}
