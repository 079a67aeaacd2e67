//! Histories over a restart, case by case: what is there again, what is not, and what is said of it.
#[path = "support/bayeux.rs"]
mod bayeux;
#[path = "support/push.rs"]
mod push;
mod support;
#[path = "journal/text.rs"]
mod text;

use bayeux::Fellow;
use rcomet_core::journal::{Ending, First, Line};
use rcomet_core::time::{Date, Moment};
use rcomet_core::{Config, Machine, Rights, Role};
use serde_json::{Value, json};
use support::{START, Server, body, split};

fn server(config: Config) -> Server {
    let mut server = Server::new(config);
    server.keep_journal();
    server
}

fn publish(server: &mut Server, message: Value) -> String {
    let client = server.connect(Role::Admin);
    let text = message.to_string();
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}", text.len());
    server.send(client, format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}"));
    let answer = server.received(client);
    server.vanish(client);
    answer
}

fn history(server: &mut Server, channel: &str) -> Vec<(u64, String)> {
    let answer = server.ask(Role::Front, &format!("/history?channel={channel}"));
    let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"));
    let messages = answer["messages"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let text = |data: &Value| data.as_str().map_or_else(|| data.to_string(), str::to_owned);
    messages.iter().map(|m| (m["seq"].as_u64().expect("a number"), text(&m["data"]))).collect()
}

fn numbered(from: u64, texts: &[&str]) -> Vec<(u64, String)> {
    (from..).zip(texts.iter().map(ToString::to_string)).collect()
}

fn pass(server: &mut Server, ms: u64) {
    server.pass_ms(ms);
    server.machine.set_date(Date::from_unix(START + server.now.0 / 1_000));
}

const ENDINGS: [Ending; 2] = [Ending::Clean(0), Ending::Whole];

#[test]
fn messages_come_back_with_their_numbers() {
    for ending in ENDINGS {
        let mut config = Config::default();
        config.limits.history_messages_max = 2;
        let mut server = server(config);
        for text in ["one", "two", "three"] {
            server.push("a", text);
        }
        let life = server.machine.standing("a").expect("it is there").life;
        let replayed = server.restart(ending, 7);
        assert_eq!((replayed.channels, replayed.messages), (1, 2));
        let standing = server.machine.standing("a").expect("it is there");
        assert_eq!((standing.life, standing.base, standing.head), (life, 2, 4), "the same life");
        assert_eq!(history(&mut server, "a"), numbered(2, &["two", "three"]));
        server.push("a", "four");
        assert_eq!(history(&mut server, "a"), numbered(3, &["three", "four"]));
        assert_eq!(server.machine.counters().history_restored, 2);
    }
}

/// Everything that is said of a message is there again.
#[test]
fn what_was_said_of_a_message_comes_back() {
    let mut server = push::usual();
    server.keep_journal();
    publish(&mut server, json!({"channel": "a", "data": {"n": 1}}));
    let client = server.connect(Role::Admin);
    let bytes = b"\xff\x00bytes";
    let head = "POST /pub/a HTTP/1.1\r\nHost: x\r\nContent-Type: image/x\r\nX-EventSource-Event: pic\r\n";
    server
        .send(client, [format!("{head}Content-Length: {}\r\n\r\n", bytes.len()).as_bytes(), bytes].concat());
    let answer = server.received(client);
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    let before = server.ask(Role::Front, "/history?channel=a");
    server.restart(Ending::Whole, 7);
    assert_eq!(server.ask(Role::Front, "/history?channel=a"), before, "to the byte, cursors and all");
}

/// Who names no type has said something else than who is not asked for one.
#[test]
fn a_type_that_was_not_named_is_not_there_after_a_restart() {
    let mut server = push::usual();
    server.keep_journal();
    push::post(&mut server, "named_none", "x");
    server.push("not_asked", "x");
    push::admin(&mut server, "POST", "/pub/named", "Content-Type: text/plain\r\n", "x");
    for round in 0..3 {
        for (channel, wanted) in [("named_none", 0), ("not_asked", 1), ("named", 1)] {
            let answer = push::ask(&mut server, &format!("/sub/{channel}"), "");
            assert!(answer.ends_with("\r\n\r\nx"), "{answer}");
            let count = answer.matches("Content-Type: text/plain\r\n").count();
            assert_eq!(
                (count, answer.matches("Content-Type").count()),
                (wanted, wanted),
                "{round}: {answer}"
            );
        }
        let weight = server.machine.memory().history_bytes;
        server.restart(Ending::Clean(0), 7 + round);
        assert_eq!(server.machine.memory().history_bytes, weight, "nothing has become heavier or lighter");
    }
}

/// Broadcasts are brought to channels when these are touched: those that had one have it once, and the others get it, wherever the sweep is.
#[test]
fn broadcasts_reach_everybody_once() {
    for ending in ENDINGS {
        for swept in (0..8).chain([30]) {
            let mut server = server(Config::default());
            server.budget = 2;
            for channel in ["a", "b", "c"] {
                server.push(channel, "x");
            }
            let client = server.connect(Role::Admin);
            server.send_in_this_turn(client, "GET /broadcast?content=all HTTP/1.1\r\nHost: x\r\n\r\n");
            for _ in 0..swept {
                server.turn_once();
            }
            server.restart(ending, 7);
            server.push("c", "y");
            for channel in ["a", "b"] {
                assert_eq!(history(&mut server, channel), numbered(1, &["x", "all"]), "{swept}");
            }
            assert_eq!(history(&mut server, "c"), numbered(1, &["x", "all", "y"]), "{swept}");
            // Whoever comes to be later has it not, and nobody gets it again.
            server.push("d", "z");
            server.restart(ending, 8);
            for channel in ["a", "b"] {
                assert_eq!(history(&mut server, channel), numbered(1, &["x", "all"]));
            }
            assert_eq!(history(&mut server, "d"), numbered(1, &["z"]));
        }
    }
}

#[test]
fn what_has_expired_or_was_deleted_does_not_come_back() {
    for rewrites in [false, true] {
        let mut server = server(Config::default());
        publish(&mut server, json!({"channel": "a", "data": "1"}));
        publish(&mut server, json!({"channel": "a", "data": "2", "ttl": 1}));
        publish(&mut server, json!({"channel": "a", "data": "3"}));
        publish(&mut server, json!({"channel": "a", "data": "4", "ttl": 30}));
        server.push("closed", "x");
        server.push("cleared", "x");
        assert!(server.ask(Role::Admin, "/close?cname=closed").contains("ok"));
        assert!(server.ask(Role::Admin, "/clear?cname=cleared").contains("ok"));
        if rewrites {
            pass(&mut server, 2_000);
            for _ in 0..20 {
                server.rewrite(100);
            }
            assert!(server.journal.as_ref().is_some_and(|journal| journal.rewritten > 0));
        }
        pass(&mut server, 2_000);
        server.restart(Ending::Whole, 7);
        let kept = history(&mut server, "a");
        assert_eq!(kept, [(1, "1".into()), (3, "3".into()), (4, "4".into())], "{rewrites}");
        assert_eq!(server.machine.standing("closed"), None);
        assert_eq!(server.machine.standing("cleared").map(|it| (it.base, it.head)), Some((2, 2)));
        pass(&mut server, 40_000);
        server.push("a", "5");
        assert_eq!(history(&mut server, "a").last(), Some(&(5, "5".into())));
        assert!(!history(&mut server, "a").contains(&(4, "4".into())), "its time is over");
    }
}

#[test]
fn keys_tokens_and_registrations_come_back() {
    for ending in ENDINGS {
        let mut config = Config::default();
        config.front.auth = rcomet_core::config::Auth::Token;
        let mut server = server(config);
        let signed: Value = serde_json::from_str(&server.ask(Role::Admin, "/sign?cname=a")).expect("JSON");
        let token = signed["token"].as_str().expect("a token").to_owned();
        server.push("a", "x");
        let control = server.connect(Role::Control(Rights::All));
        server.send(control, "write key value\n");
        let version = server.received(control);
        server.restart(ending, 7);
        let control = server.connect(Role::Control(Rights::All));
        server.send(control, "read key\n");
        let same = format!("{} \"value\"\n", version.trim());
        assert_eq!(server.received(control), same, "with its version");
        let answer = server.ask(Role::Front, &format!("/poll?cname=a&seq=1&token={token}"));
        assert!(answer.contains("\"content\":\"x\""), "the page shows the token that it has: {answer}");
        let answer = server.ask(Role::Front, "/poll?cname=a&seq=1&token=0123");
        assert!(answer.contains("Token error"), "{answer}");
        // A key lives on without anybody; a channel does not.
        pass(&mut server, 600_000);
        assert!(server.machine.standing("key").is_some() && server.machine.standing("a").is_none());
        let next = server.connect(Role::Control(Rights::All));
        server.send(next, "write key again\n");
        let number = |text: &str| text.trim().rsplit(' ').next().and_then(|n| n.parse::<u64>().ok());
        let (before, after) = (number(&version), number(&server.received(next)));
        assert!(before.is_some() && before < after, "{before:?} {after:?}");
    }
}

/// Another server has other moments: what was written down is in the time of the wall.
#[test]
fn times_are_those_of_the_wall() {
    let mut config = Config::default();
    config.limits.history_age_ms_max = 10_000;
    let mut server = server(config.clone());
    pass(&mut server, 50_000);
    server.push("a", "old");
    pass(&mut server, 6_000);
    server.push("a", "new");
    let text = server.journal.take().expect("one").text;
    let date = Date::from_unix(START + server.now.0 / 1_000 + 5);
    let zero = Moment(1 << 40);
    let mut machine = Machine::new(config, Box::new(rcomet_core::chance::Chance::from_seed(3)), zero, date);
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    machine.begin_replay(&First::read(lines.next().expect("one")).expect("it reads back"));
    for line in lines {
        let Ok(Line::Entry(entry)) = Line::read(line) else { panic!("an entry") };
        machine.replay(entry).expect("there is room");
    }
    assert_eq!(machine.end_replay(Ending::Whole).map(|it| it.messages), Ok(1), "the other is 11 seconds old");
    assert_eq!(machine.standing("a").map(|it| (it.base, it.head)), Some((2, 3)));
    machine.expire(Moment(zero.0 + 4_000));
    assert_eq!(machine.standing("a").map(|it| it.base), Some(2));
    machine.expire(Moment(zero.0 + 5_100));
    assert_eq!(machine.standing("a").map(|it| it.base), Some(3));
}

/// Ids of the push module go on behind those of channels that have ended, also where the clock does not, and though nothing but
/// the first line of a text that was written anew knows of them.
#[test]
fn seconds_of_channels_that_have_ended_are_not_used_again() {
    for ending in ENDINGS {
        let mut server = push::usual();
        server.keep_journal();
        let mut reader = push::Walker::new("/sub/a");
        server.machine.set_date(Date::from_unix(START + 100));
        push::post(&mut server, "a", "one");
        assert_eq!(reader.all(&mut server), ["one"]);
        push::admin(&mut server, "DELETE", "/pub/a", "", "");
        // The first takes the text as it is, and begins another. Each begins with the clock 100 seconds back.
        server.restart(ending, 7);
        server.restart(ending, 8);
        push::post(&mut server, "a", "two");
        assert_eq!(reader.all(&mut server), ["two"]);
    }
}

/// What a location says of how long a channel lives without anybody is not forgotten, and not before it is written anew.
#[test]
fn how_long_an_empty_channel_lives_comes_back() {
    for ending in ENDINGS {
        let publisher =
            push::PUB.replace(r#""role""#, r#""channel_timeout_ms": 600000, "store": false, "role""#);
        let mut server = push::locations(&[&publisher, push::SUB]);
        server.keep_journal();
        push::post(&mut server, "a", "x");
        server.restart(ending, 7);
        server.restart(ending, 8);
        pass(&mut server, 599_000);
        // Who comes and goes leaves it for as long again.
        let client = push::get(&mut server, "/sub/a", "");
        server.vanish(client);
        pass(&mut server, 599_000);
        assert!(server.machine.standing("a").is_some());
        pass(&mut server, 2_000);
        assert!(server.machine.standing("a").is_none());
    }
}
