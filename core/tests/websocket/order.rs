//! One connection, several channels, one order: whoever has seen a cursor has everything before it, of all of them.
use rcomet_core::Role;
use serde_json::Value;

use super::support::{Server, split};
use super::websocket::{Frame, Socket};
use super::{config, server};

fn parsed(texts: &[String]) -> Vec<Value> {
    texts.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect()
}

fn place(said: &Value) -> (String, u64) {
    (said["channel"].as_str().expect("a channel").to_owned(), said["seq"].as_u64().expect("a number"))
}

/// What a reader of the channels `a` and `b` gets who goes on behind a cursor.
fn resumed(server: &mut Server, cursor: &str) -> Vec<(String, u64)> {
    let (mut cursor, mut all) = (cursor.to_owned(), Vec::new());
    loop {
        let client = server.connect(Role::Front);
        let target = format!("/events?channel=a&channel=b&wait=0&cursor={cursor}");
        server.send(client, format!("GET {target} HTTP/1.0\r\nAccept: application/json\r\n\r\n"));
        let (_, body) = split(&server.received(client));
        server.vanish(client);
        let said: Value = serde_json::from_str(&body).expect("JSON");
        let events = said["events"].as_array().expect("events");
        if events.is_empty() {
            return all;
        }
        for event in events {
            assert_eq!(event["type"], "message", "nothing is missing: {event}");
            all.push(place(event));
        }
        cursor = said["cursor"].as_str().expect("a cursor").to_owned();
    }
}

fn pushed(server: &mut Server, count: u64) -> Vec<(String, u64)> {
    let before =
        |server: &Server, channel| server.machine.standing(channel).map_or(1, |standing| standing.head);
    let mut all = Vec::new();
    for _ in 0..count {
        for channel in ["a", "b"] {
            all.push((channel.to_owned(), before(server, channel)));
            server.push(channel, &"x".repeat(200));
        }
    }
    all
}

#[test]
fn a_slow_reader_of_several_gets_them_in_the_order_of_the_log() {
    let mut server = Server::new(config(|c| c.limits.outbox_bytes_max = 2_000));
    let socket = Socket::open(&mut server);
    socket.say(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    socket.say(&mut server, r#"{"type":"subscribe","channel":"b"}"#);
    server.clog(socket.0, true);
    let wanted = pushed(&mut server, 40);
    server.clog(socket.0, false);
    let heard = parsed(&socket.heard(&mut server)[2..]);
    assert_eq!(heard.iter().map(place).collect::<Vec<_>>(), wanted);
    for (i, said) in heard.iter().enumerate().step_by(7) {
        let rest = resumed(&mut server, said["cursor"].as_str().expect("a cursor"));
        assert_eq!(rest, wanted[i + 1..], "behind {said}");
    }
}

#[test]
fn a_subscription_claims_nothing_for_others_that_are_behind() {
    let mut server = Server::new(config(|c| {
        c.limits.outbox_bytes_max = 2_000;
        c.limits.pipeline_bytes_max = 1 << 20;
    }));
    let socket = Socket::open(&mut server);
    socket.ask(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    server.clog(socket.0, true);
    let wanted = pushed(&mut server, 40);
    socket.say(&mut server, r#"{"type":"subscribe","channel":"b","id":1}"#);
    server.clog(socket.0, false);
    let heard = parsed(&socket.heard(&mut server));
    let at = heard.iter().position(|said| said["type"] == "subscribed").expect("it is answered");
    let had = heard[..at].len() as u64;
    assert!(0 < had && had < 40, "it was asked for in the middle: {had}");
    let rest = resumed(&mut server, heard[at]["cursor"].as_str().expect("a cursor"));
    let of_a =
        |all: &[(String, u64)]| all.iter().filter(|(name, _)| name == "a").cloned().collect::<Vec<_>>();
    assert_eq!(of_a(&rest), of_a(&wanted)[had as usize..]);
}

/// Whatever stands behind it in the list: the last that has begun says the place.
#[test]
fn a_place_comes_with_the_last_that_has_begun() {
    let mut server = Server::new(super::config(|c| {
        c.websocket.subscriptions_max = 4;
        c.limits.channel_name_bytes_max = 10;
    }));
    for (names, begun) in [
        (vec!["a", "b", "a"], 2),
        (vec!["a", "b", "toolongtobea"], 2),
        (vec!["a", "toolongtobea", "b", "a"], 2),
        (vec!["a", "b", "c", "d"], 4),
        (vec!["toolongtobea", "a"], 1),
    ] {
        let socket = Socket::open(&mut server);
        let ask = serde_json::json!({"type": "subscribe", "channels": names, "id": 1});
        let said = socket.ask(&mut server, &ask.to_string());
        assert_eq!(said.len(), names.len(), "{names:?}");
        let cursors: Vec<&Value> =
            said.iter().filter(|said| said["type"] == "subscribed").map(|said| &said["cursor"]).collect();
        assert_eq!(cursors.len(), begun, "{names:?}");
        let (last, before) = cursors.split_last().expect("one has begun");
        assert!(last.is_string() && before.iter().all(|none| none.is_null()), "{names:?}: {said:?}");
        server.vanish(socket.0);
    }
    // No more may be begun: the last that there was room for.
    let socket = Socket::open(&mut server);
    socket.ask(&mut server, r#"{"type":"subscribe","channels":["c","d"]}"#);
    let said = socket.ask(&mut server, r#"{"type":"subscribe","channels":["a","e","b"],"history":1}"#);
    let kinds: Vec<_> =
        said.iter().map(|said| (said["status"].as_u64(), said["cursor"].is_string())).collect();
    assert_eq!(kinds, [(None, false), (None, true), (Some(429), false)]);
    let cursor = said[1]["cursor"].as_str().expect("a place").to_owned();
    let wanted = pushed(&mut server, 3);
    assert_eq!(resumed(&mut server, &cursor), wanted);
}

#[test]
fn several_channels_that_are_asked_for_at_once_go_on_from_one_cursor() {
    let mut server = server();
    let cursor = {
        let socket = Socket::open(&mut server);
        let begun = socket.ask(&mut server, r#"{"type":"subscribe","channels":["a","b"],"id":1}"#);
        assert_eq!((&begun[0]["channel"], &begun[0]["cursor"]), (&"a".into(), &Value::Null));
        assert_eq!((&begun[1]["channel"], &begun[1]["id"]), (&"b".into(), &1.into()));
        server.vanish(socket.0);
        begun[1]["cursor"].as_str().expect("the last says a place").to_owned()
    };
    let wanted = pushed(&mut server, 3);
    let socket = Socket::open(&mut server);
    let ask = format!(r#"{{"type":"subscribe","channels":["b","a"],"cursor":"{cursor}"}}"#);
    let all = socket.ask(&mut server, &ask);
    assert_eq!(all[2..].iter().map(place).collect::<Vec<_>>(), wanted);
    assert_eq!(resumed(&mut server, all[1]["cursor"].as_str().expect("a place")), wanted);
    let refused = socket.ask(&mut server, r#"{"type":"subscribe","channels":["c","a"],"id":2}"#);
    assert_eq!((&refused[0]["type"], &refused[1]["type"]), (&"subscribed".into(), &"error".into()));
}

#[test]
fn a_subscription_begins_with_so_many_of_the_newest() {
    let mut server = server();
    for n in 1..=3 {
        server.push("a", &format!("m{n}"));
    }
    for (history, wanted) in
        [("0", &[][..]), ("1", &["m3"]), ("2", &["m2", "m3"]), ("\"all\"", &["m1", "m2", "m3"])]
    {
        let socket = Socket::open(&mut server);
        let ask = format!(r#"{{"type":"subscribe","channel":"a","history":{history}}}"#);
        let heard = socket.ask(&mut server, &ask);
        let texts: Vec<&str> = heard[1..].iter().map(|said| said["data"].as_str().expect("a text")).collect();
        assert_eq!(texts, wanted, "{history}");
    }
}

/// After a restart without histories, numbers begin anew.
#[test]
fn a_number_that_no_message_has_yet_is_a_gap() {
    let mut server = server();
    server.push("a", "one");
    let socket = Socket::open(&mut server);
    let heard = socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","seq":6}"#);
    assert_eq!((&heard[0]["type"], &heard[0]["missing"]), (&"gap".into(), &Value::Null));
    assert_eq!((&heard[1]["type"], &heard[1]["seq"]), (&"subscribed".into(), &0.into()));
    assert_eq!((&heard[2]["seq"], &heard[2]["data"]), (&1.into(), &"one".into()));
    let next = Socket::open(&mut server).ask(&mut server, r#"{"type":"subscribe","channel":"a","seq":2}"#);
    assert_eq!((next.len(), &next[0]["type"]), (1, &"subscribed".into()), "the next number is no gap");
}

#[test]
fn one_connection_is_listed_under_a_name_for_each_channel() {
    let mut server = server();
    let socket = Socket::open(&mut server);
    socket.say(&mut server, r#"{"type":"subscribe","channel":"a","who":"Ann"}"#);
    socket.say(&mut server, r#"{"type":"subscribe","channel":"b"}"#);
    socket.say(&mut server, r#"{"type":"subscribe","channel":"c","who":"Bob"}"#);
    socket.heard(&mut server);
    let other = Socket::open(&mut server);
    let mut joined = Vec::new();
    for channel in ["a", "b", "c"] {
        other.ask(&mut server, &format!(r#"{{"type":"subscribe","channel":"{channel}","who":"Eve"}}"#));
        joined.extend(parsed(&socket.heard(&mut server)));
    }
    let told: Vec<&Value> = joined.iter().map(|said| &said["channel"]).collect();
    assert_eq!(told, ["a", "c"], "only where it is listed: {joined:?}");
    assert!(joined.iter().all(|said| said["type"] == "join" && said["who"] == "Eve"), "{joined:?}");
    socket.ask(&mut server, r#"{"type":"unsubscribe","channel":"c"}"#);
    let body = r#"{"channel":"a","who":"Bob"}"#;
    let client = server.connect(Role::Admin);
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    server.send(client, format!("POST /disconnect HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{body}"));
    let (_, said) = split(&server.received(client));
    assert_eq!(said.trim(), r#"{"disconnected":0}"#, "its name is another in this channel");
    server.vanish(socket.0);
    server.pass_ms(120_000);
    let left: Vec<String> =
        other.hear(&mut server).iter().filter(|frame| frame.first == 0x01).map(Frame::text).collect();
    let left = parsed(&left);
    let left: Vec<(&Value, &Value)> = left
        .iter()
        .filter(|said| said["type"] == "leave")
        .map(|said| (&said["channel"], &said["who"]))
        .collect();
    assert!(
        left.contains(&(&"a".into(), &"Ann".into())) && left.contains(&(&"c".into(), &"Bob".into())),
        "{left:?}"
    );
}
