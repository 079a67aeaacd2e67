//! `GET /explain`: why somebody did or did not get a message, in each way that there is.
#[path = "support/bayeux.rs"]
mod bayeux;
#[path = "explain/left.rs"]
mod left;
#[path = "explain/past.rs"]
mod past;
#[path = "explain/patterns.rs"]
mod patterns;
#[path = "explain/sent_away.rs"]
mod sent_away;
#[path = "support/mod.rs"]
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use rcomet_core::config::Auth;
use rcomet_core::{Config, Role};
use serde_json::Value;
use support::{Client, Server};

fn server() -> Server {
    let mut server = Server::default();
    // A moment that is not the start.
    server.pass_ms(5_000);
    server
}

fn open(server: &mut Server, target: &str) -> Client {
    let client = server.connect(Role::Front);
    server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"));
    client
}

fn number(server: &Server, client: Client) -> String {
    server.id(client).expect("it is connected").to_bits().to_string()
}

fn ask(server: &mut Server, query: &str) -> Value {
    let text = server.ask(Role::Admin, &format!("/explain?{query}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The verdict on one client, and when.
fn verdict(server: &mut Server, client: &str, seq: u64) -> (String, Value) {
    let said = ask(server, &format!("channel=a&seq={seq}&client={client}"));
    let one = &said["clients"][0];
    assert_eq!(one["client"], client);
    assert!(one["because"].as_str().is_some_and(|words| words.len() > 10), "{one}");
    (one["verdict"].as_str().expect("a word").to_owned(), one["at"].clone())
}

fn is(server: &mut Server, client: &str, seq: u64) -> String {
    verdict(server, client, seq).0
}

#[test]
fn streams_and_polls_have_what_was_delivered_and_when() {
    for target in [
        "/stream?cname=a",
        "/poll?cname=a&seq=1",
        "/events?channel=a",
        "/events?channel=a&channel=b",
        "/activity?channel=a",
    ] {
        let mut server = server();
        let client = open(&mut server, target);
        let id = number(&server, client);
        assert_eq!(is(&mut server, &id, 1), "waiting", "{target}");
        server.pass_ms(1_000);
        server.push("a", "one");
        let said = ask(&mut server, "channel=a&seq=1");
        let then = said["published"].clone();
        assert!(then.is_u64(), "{said}");
        assert_eq!(verdict(&mut server, &id, 1), ("delivered".into(), then), "{target}");
        assert_eq!(said["message"], "kept");
        assert_eq!(said["records_since"], Value::Null);
        server.vanish(client);
        assert_eq!(is(&mut server, &id, 1), "delivered", "{target}: also when it is gone");
        server.push("a", "two");
        assert_ne!(is(&mut server, &id, 2), "delivered", "{target}");
    }
}

#[test]
fn who_came_later_and_who_left_before() {
    let mut server = server();
    let early = open(&mut server, "/stream?cname=a");
    let id = number(&server, early);
    server.push("a", "one");
    server.vanish(early);
    server.push("a", "two");
    assert_eq!(
        (is(&mut server, &id, 1), is(&mut server, &id, 2)),
        ("delivered".into(), "left before".into())
    );
    let late = open(&mut server, "/stream?cname=a");
    let id = number(&server, late);
    let (said, came) = verdict(&mut server, &id, 2);
    assert!(said == "not subscribed yet" && came.is_u64());
    server.push("a", "three");
    assert_eq!((is(&mut server, &id, 3), is(&mut server, &id, 4)), ("delivered".into(), "waiting".into()));
}

#[test]
fn a_poll_that_is_answered_at_once_has_what_was_in_its_answer() {
    let mut server = server();
    for text in ["one", "two", "three"] {
        server.push("a", text);
    }
    let client = open(&mut server, "/poll?cname=a&seq=2");
    let id = number(&server, client);
    assert_eq!((is(&mut server, &id, 2), is(&mut server, &id, 3)), ("delivered".into(), "delivered".into()));
    assert_eq!(is(&mut server, &id, 1), "unknown", "nothing is known of before");
}

#[test]
fn slow_and_missed() {
    let mut config = Config::default();
    config.limits.outbox_bytes_max = 2_000;
    config.limits.history_messages_max = 5;
    let mut server = Server::new(config);
    let slow = open(&mut server, "/stream?cname=a");
    let id = number(&server, slow);
    server.clog(slow, true);
    for _ in 0..3_000 {
        server.push("a", &"x".repeat(100));
    }
    let next = |said: &Value| said["clients"][0]["verdict"].as_str().unwrap_or("").to_owned();
    let said = ask(&mut server, &format!("channel=a&seq=2999&client={id}"));
    assert_eq!(next(&said), "slow", "{said}");
    server.clog(slow, false);
    assert_eq!(is(&mut server, &id, 100), "missed");
    assert_eq!(is(&mut server, &id, 2_999), "delivered");
    assert_eq!(ask(&mut server, "channel=a&seq=100")["message"], "trimmed");
}

#[test]
fn what_was_missing_at_the_start_is_missed() {
    let mut config = Config::default();
    config.limits.history_messages_max = 3;
    let mut server = Server::new(config);
    for n in 1..=9 {
        server.push("a", &n.to_string());
    }
    for target in ["/stream?cname=a&seq=5", "/sse?cname=a&seq=5", "/sub?cname=a&seq=5"] {
        let reader = open(&mut server, target);
        let id = number(&server, reader);
        assert_eq!((is(&mut server, &id, 5), is(&mut server, &id, 6)), ("missed".into(), "missed".into()));
        assert_eq!(is(&mut server, &id, 7), "delivered");
    }
}

#[test]
fn what_had_expired_between_others_is_missed() {
    let mut server = server();
    for (text, ttl) in [("1", ""), ("2", r#","ttl":1"#), ("3", "")] {
        let text = format!(r#"{{"channel":"a","data":"{text}"{ttl}}}"#);
        let client = server.connect(Role::Admin);
        let fields = format!("Content-Type: application/json\r\nContent-Length: {}", text.len());
        server.send(client, format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}"));
        assert!(server.received(client).starts_with("HTTP/1.1 200 "));
    }
    server.pass_ms(1_000);
    for target in ["/stream?cname=a&seq=1", "/events?channel=a&channel=b&history=all"] {
        let reader = open(&mut server, target);
        let id = number(&server, reader);
        let verdicts = [1, 2, 3].map(|seq| is(&mut server, &id, seq));
        assert_eq!(verdicts, ["delivered", "missed", "delivered"], "{target}");
    }
}

#[test]
fn refused() {
    let mut config = Config::default();
    config.front.auth = Auth::Token;
    let mut server = Server::new(config);
    server.push("a", "one");
    for target in ["/stream?cname=a&token=wrong", "/events?channel=a", "/activity?channel=a"] {
        let client = open(&mut server, target);
        let id = number(&server, client);
        let said = ask(&mut server, &format!("channel=a&seq=1&client={id}"));
        assert_eq!(said["clients"][0]["verdict"], "refused", "{target}: {said}");
        assert!(
            said["clients"][0]["because"].as_str().is_some_and(|words| words.contains("token")),
            "{said}"
        );
    }
}

/// `explain_records_max`: what is older is forgotten, and that is said.
#[test]
fn what_is_no_longer_known_is_said_to_be_unknown() {
    let mut config = Config::default();
    config.limits.explain_records_max = 10;
    let mut server = Server::new(config);
    let client = open(&mut server, "/stream?cname=a");
    let id = number(&server, client);
    server.push("a", "one");
    assert_eq!(is(&mut server, &id, 1), "delivered");
    for _ in 0..20 {
        server.pass_ms(10);
        server.push("a", "more");
    }
    let (verdict, _) = verdict(&mut server, &id, 1);
    assert_eq!(verdict, "unknown");
    assert!(ask(&mut server, "channel=a&seq=1")["records_since"].as_u64() > Some(support::START * 1_000));

    // They take a 64th of all memory at the most.
    let mut config = Config::default();
    config.limits.memory_bytes_max = 1 << 20;
    let mut server = Server::new(config);
    let client = open(&mut server, "/stream?cname=a");
    let id = number(&server, client);
    server.push("a", "one");
    for (more, wanted) in [(200, "delivered"), (100, "unknown")] {
        (0..more).for_each(|_| server.push("a", "more"));
        assert_eq!(is(&mut server, &id, 1), wanted);
    }

    let mut config = Config::default();
    config.limits.explain_records_max = 0;
    let mut server = Server::new(config);
    let client = open(&mut server, "/stream?cname=a");
    server.push("a", "one");
    let id = number(&server, client);
    assert_eq!(is(&mut server, &id, 1), "unknown", "nothing is noted");
}

/// Whoever is there now and has no record of having come was there before all that is known.
#[test]
fn who_came_before_all_records_has_what_has_come_since() {
    for target in ["/stream?cname=a", "/events?channel=a", "/events?channel=a&channel=b"] {
        let mut config = Config::default();
        config.limits.explain_records_max = 10;
        let mut server = Server::new(config);
        let early = open(&mut server, target);
        let id = number(&server, early);
        (0..20).for_each(|_| server.push("a", "more"));
        // The first of ten records says that everybody has what stands before 12: perhaps it came for that one only.
        let verdicts = [11, 12, 20, 21].map(|seq| is(&mut server, &id, seq));
        assert_eq!(verdicts, ["unknown", "delivered", "delivered", "waiting"], "{target}");
        let late = open(&mut server, target);
        let late = number(&server, late);
        server.push("a", "more");
        assert_eq!([20, 21].map(|seq| is(&mut server, &late, seq)), ["not subscribed yet", "delivered"]);
        server.vanish(early);
        server.push("a", "more");
        let verdicts = [15, 18, 21, 22].map(|seq| is(&mut server, &id, seq));
        assert_eq!(verdicts, ["unknown", "delivered", "delivered", "left before"], "{target}: gone since");
    }
}

/// Also where nothing is left that could say so.
#[test]
fn records_reach_back_no_further_than_to_a_reload_that_let_them_go() {
    let mut server = server();
    server.push("a", "one");
    let mut none = Config::default();
    none.limits.explain_records_max = 0;
    // What nobody reads is nothing to be noted.
    let now = |server: &mut Server, seq: u64| {
        server.push("clock", "tick");
        ask(server, &format!("channel=clock&seq={seq}"))["published"].as_u64().expect("it is kept")
    };
    let since = |server: &mut Server| ask(server, "channel=a&seq=1")["records_since"].as_u64();
    assert_eq!(since(&mut server), None);
    server.machine.reconfigure(none);
    server.pass_ms(1_000);
    let _unseen = open(&mut server, "/stream?cname=a");
    let then = now(&mut server, 1);
    assert_eq!(since(&mut server), Some(then), "nothing is noted");
    server.machine.reconfigure(Config::default());
    assert_eq!(since(&mut server), Some(then), "something may be missing");
    server.pass_ms(1_000);
    let _seen = open(&mut server, "/stream?cname=a");
    let then = now(&mut server, 2);
    server.pass_ms(1_000);
    assert_eq!(since(&mut server), Some(then));
}

/// Strangers choose names: all in records have a 64th of memory, besides that of the records.
#[test]
fn names_in_records_have_their_share_of_memory() {
    let mut config = Config::default();
    config.front.auth = Auth::Token;
    config.limits.memory_bytes_max = 1 << 20;
    let mut server = Server::new(config);
    let name = |n: usize| format!("{n:04}{}", "x".repeat(196));
    for n in 0..200 {
        let client = open(&mut server, &format!("/stream?cname={}", name(n)));
        server.vanish(client);
    }
    let first = (0..200)
        .find(|n| ask(&mut server, &format!("channel={}&seq=1", name(*n)))["status"] != 404)
        .expect("some are known");
    // 81 of 200 bytes each.
    assert_eq!(first, 200 - (1 << 20) / 64 / 200);
}

#[test]
fn everybody_at_once_and_what_is_wrong_with_a_question() {
    let mut server = server();
    let clients: Vec<Client> = (0..60).map(|_| open(&mut server, "/stream?cname=a")).collect();
    server.push("a", "one");
    let said = ask(&mut server, "channel=a&seq=1");
    let told = said["clients"].as_array().expect("a list");
    assert_eq!((told.len(), &said["more"]), (50, &10.into()));
    assert!(told.iter().all(|one| one["verdict"] == "delivered" && one["transport"] == "stream"));
    server.vanish(clients[0]);
    for (query, status) in [
        ("channel=none&seq=1", 404),
        ("channel=a", 400),
        ("channel=a&seq=0", 400),
        ("seq=1", 400),
        ("channel=a&seq=1&client=x", 400),
    ] {
        let said = ask(&mut server, query);
        assert_eq!(said["status"], status, "{query}: {said}");
    }
    let front = server.ask(Role::Front, "/explain?channel=a&seq=1");
    assert!(!front.contains("clients"), "{front}");
}

/// Strangers choose names: those that no channel can have are not kept, whatever else was wrong.
#[test]
fn names_of_strangers_are_not_kept_at_any_length() {
    for auth in [Auth::None, Auth::Token] {
        let mut config = Config::default();
        config.front.auth = auth;
        let mut server = Server::new(config);
        for n in 0..600 {
            let target = format!("/stream?cname={n}{}", "x".repeat(60_000));
            let client = open(&mut server, &target);
            server.vanish(client);
        }
        assert!(server.machine.memory().total_bytes() < 8 << 20, "{:?}", server.machine.memory());
    }
}

#[test]
fn a_message_that_has_expired_is_not_kept() {
    let mut server = server();
    for text in [r#"{"channel":"a","data":"1"}"#, r#"{"channel":"a","data":"2","ttl":5}"#] {
        let client = server.connect(Role::Admin);
        let fields = format!("Content-Type: application/json\r\nContent-Length: {}", text.len());
        server.send(client, format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}"));
        assert!(server.received(client).starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(ask(&mut server, "channel=a&seq=2")["message"], "kept");
    server.pass_ms(5_000);
    let said = ask(&mut server, "channel=a&seq=2");
    assert_eq!((&said["message"], &said["published"]), (&"trimmed".into(), &Value::Null), "{said}");
    assert_eq!(ask(&mut server, "channel=a&seq=1")["message"], "kept");
}
