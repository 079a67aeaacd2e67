//! Publishing by the API, and what becomes of what is published: once for a key, for a time only, kept by rules for names. And what
//! is asked about several channels at once.
#[path = "api_publish/batches.rs"]
mod batches;
#[path = "support/mod.rs"]
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use rcomet_core::config::HistoryRule;
use rcomet_core::{Config, Role};
use serde_json::{Value, json};
use support::{Client, FIRST_CHANGE, Server, split};
use websocket::Socket;

fn rule(json: &str) -> HistoryRule {
    serde_json::from_str(json).expect("a rule")
}

/// A request with its fields, each on a line; gives the answer's head and body.
fn ask(server: &mut Server, role: Role, request: &str, text: &str) -> (String, Value) {
    let client = server.connect(role);
    let (line, fields) = request.split_once('\n').unwrap_or((request, ""));
    let fields: String = fields.lines().map(|field| format!("{field}\r\n")).collect();
    let length = if text.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", text.len()) };
    server.send(client, format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}{length}\r\n{text}"));
    let (head, body) = split(&server.received(client));
    server.vanish(client);
    (head, serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}")))
}

fn publish(server: &mut Server, text: &str) -> Value {
    let (head, said) = ask(server, Role::Admin, "POST /publish\nContent-Type: application/json", text);
    assert!(head.starts_with("HTTP/1.1 200 "), "{said}");
    said
}

/// Publishes once; gives the status, whether it is an answer of before, and the answer.
fn once(server: &mut Server, key: &str, text: &str) -> (u16, bool, Value) {
    let request = format!("POST /publish\nContent-Type: application/json\nIdempotency-Key: {key}");
    let (head, said) = ask(server, Role::Admin, &request, text);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.contains("\r\nIdempotent-Replayed: true"), said)
}

fn get(server: &mut Server, target: &str) -> Value {
    let (head, said) = ask(server, Role::Admin, &format!("GET {target}\nAccept: application/json"), "");
    assert!(head.starts_with("HTTP/1.1 200 "), "{said}");
    said
}

fn waits(server: &mut Server, query: &str) -> Client {
    let client = server.connect(Role::Front);
    let fields = "Host: x\r\nAccept: application/json";
    server.send(client, format!("GET /events?{query} HTTP/1.1\r\n{fields}\r\n\r\n"));
    assert_eq!(server.received(client), "", "it waits");
    client
}

fn heard(server: &mut Server, client: Client) -> Value {
    serde_json::from_str(&split(&server.received(client)).1).expect("JSON")
}

fn data(said: &Value) -> Vec<&str> {
    let list = said.get("events").or_else(|| said.get("messages")).and_then(Value::as_array).expect("a list");
    list.iter().map(|e| e["data"].as_str().or(e["type"].as_str()).expect("a text")).collect()
}

#[test]
fn the_same_key_publishes_once() {
    let mut server = Server::default();
    let text = r#"{"channels":["a","b"],"data":"x"}"#;
    let (status, replayed, first) = once(&mut server, "\"k-1\"", text);
    assert_eq!((status, replayed, first["published"].as_array().map(Vec::len)), (200, false, Some(2)));
    assert_eq!(once(&mut server, "\"k-1\"", text), (200, true, first.clone()));
    assert_eq!(
        once(&mut server, "k-1", text),
        (200, true, first.clone()),
        "with quotation marks and without"
    );
    let (status, replayed, said) = once(&mut server, "\"k-1\"", r#"{"channels":["a","b"],"data":"y"}"#);
    assert_eq!((status, replayed, said["status"].as_u64()), (422, false, Some(422)));
    assert_eq!(server.machine.counters().published, 2);
    assert_eq!(server.machine.counters().idempotency_conflicts, 1);
    assert_eq!(server.machine.counters().publishes_replayed, 2);
    assert_eq!(once(&mut server, "\"k-2\"", text).2["published"][0]["seq"], 2, "another key is another");
    for bad in ["\"\"", "", "\u{e4}"] {
        assert_eq!(once(&mut server, bad, text).0, 400, "{bad}");
    }
    // It is forgotten when its time is over.
    server.pass_ms(600_000);
    assert_eq!(once(&mut server, "k-1", text).0, 200);
    assert_eq!(server.machine.counters().published, 6);
}

#[test]
fn what_was_refused_may_be_tried_again_with_its_key() {
    let mut config = Config::default();
    config.limits.channels_max = 1;
    let mut server = Server::new(config.clone());
    assert_eq!(once(&mut server, "k", r#"{"channels":["a","b"],"data":1}"#).0, 429);
    config.limits.channels_max = 2;
    server.machine.reconfigure(config);
    assert_eq!(once(&mut server, "k", r#"{"channels":["a","b"],"data":1}"#).0, 200);
}

#[test]
fn a_publish_that_waits_is_done_once_too() {
    let mut server = Server::default();
    server.budget = 1;
    let listeners: Vec<Client> = (0..3)
        .map(|_| {
            let client = server.connect(Role::Front);
            server.send(client, "GET /events?channel=a HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n");
            client
        })
        .collect();
    let flood = format!(r#"{{"messages":[{}]}}"#, vec![r#"{"channel":"a","data":"x"}"#; 500].join(","));
    let text = r#"{"channel":"a","data":"once"}"#;
    let post = |text: &str, key: &str| {
        let fields = format!("Content-Type: application/json\r\n{key}Content-Length: {}", text.len());
        format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}")
    };
    let clients: Vec<Client> = (0..4).map(|_| server.connect(Role::Admin)).collect();
    server.send_in_this_turn(clients[0], post(&flood, ""));
    server.send_in_this_turn(clients[3], post(&flood, ""));
    // Both wait behind the flood; whoever's turn comes first is the one.
    for &client in &clients[1..3] {
        server.send_in_this_turn(client, post(text, "Idempotency-Key: k\r\n"));
    }
    server.turn();
    let answers: Vec<String> = clients[1..3].iter().map(|&client| server.received(client)).collect();
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200 ")), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.contains("Idempotent-Replayed")).count(), 1);
    assert_eq!(split(&answers[0]).1, split(&answers[1]).1);
    for listener in listeners {
        assert_eq!(server.received(listener).matches("\"once\"").count(), 1);
    }
}

#[test]
fn an_expired_message_is_missing_everywhere() {
    let mut server = Server::default();
    for text in [
        r#"{"channel":"a","data":"1"}"#,
        r#"{"channel":"a","data":"2","ttl":5}"#,
        r#"{"messages":[{"channel":"a","data":"3","ttl":5},{"channel":"b","data":"b1"}]}"#,
        r#"{"channel":"a","data":"4"}"#,
        r#"{"channel":"a","data":"5","ttl":5}"#,
    ] {
        publish(&mut server, text);
    }
    let all = get(&mut server, "/events?channel=a&channel=b&history=all");
    assert_eq!(data(&all), ["1", "2", "3", "b1", "4", "5"]);
    let (first, behind_b) = (all["events"][0]["cursor"].clone(), all["events"][3]["cursor"].clone());
    let (first, behind_b) = (first.as_str().expect("a cursor"), behind_b.as_str().expect("a cursor"));
    server.pass_ms(5_000);
    let gap =
        |next: u64, missing: u64| json!({"type": "gap", "channel": "a", "next": next, "missing": missing});
    // A poll behind the first message of the channel.
    let said = get(&mut server, &format!("/events?channel=a&cursor={first}"));
    assert_eq!((&said["events"][0], data(&said)), (&gap(4, 2), vec!["gap", "4", "gap"]));
    assert_eq!(said["events"][2], gap(6, 1), "what stood at the end");
    let on = said["cursor"].as_str().expect("a cursor").to_owned();
    let said = get(&mut server, &format!("/events?channel=a&cursor={on}&wait=0"));
    assert_eq!(said["events"], json!([]), "is told once");
    // Several channels by one cursor.
    let said = get(&mut server, &format!("/events?channel=a&channel=b&cursor={behind_b}"));
    assert_eq!(data(&said), ["4", "gap"]);
    // A stream, and a history in pages.
    let client = server.connect(Role::Front);
    let fields = "Accept: application/x-ndjson";
    server.send(client, format!("GET /events?channel=a&cursor={first} HTTP/1.0\r\n{fields}\r\n\r\n"));
    let body = split(&server.received(client)).1;
    let kinds: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let brief: Vec<String> = kinds.iter().map(|e| format!("{} {}", e["type"], e["missing"])).collect();
    assert_eq!(brief, ["\"gap\" 2", "\"ready\" null", "\"message\" null", "\"gap\" 1"], "{body}");
    let page = get(&mut server, "/history?channel=a&limit=9");
    assert_eq!((data(&page), &page["more"], &page["missing"]), (vec!["1", "4"], &json!(false), &json!(0)));
    let on = page["cursor"].as_str().expect("a cursor").to_owned();
    let page = get(&mut server, &format!("/history?channel=a&cursor={on}"));
    assert_eq!((data(&page), &page["missing"]), (vec![], &json!(0)), "nothing is behind it");
    assert_eq!(data(&get(&mut server, "/history?channel=a&limit=1")), ["4"], "the newest that there is");
    assert_eq!(data(&get(&mut server, "/history?channel=a&limit=2")), ["1", "4"]);
    let page = get(&mut server, &format!("/history?channel=a&cursor={first}"));
    assert_eq!((data(&page), &page["missing"]), (vec!["4"], &json!(2)));
    assert_eq!(get(&mut server, "/channels/a")["messages"], 2);
    // A WebSocket, and icomet.
    let socket = Socket::open(&mut server);
    let said = socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","seq":1}"#);
    let brief: Vec<String> = said.iter().map(|e| format!("{} {}", e["type"], e["missing"])).collect();
    assert_eq!(brief[1..], ["\"message\" null", "\"gap\" 2", "\"message\" null", "\"gap\" 1"]);
    let said = server.ask(Role::Front, "/sub?cname=a&seq=2");
    assert!(
        said.contains("\"gap\"") && said.contains("\"content\":\"4\"") && !said.contains("\"3\""),
        "{said}"
    );
    assert_eq!(server.machine.counters().messages_expired, 3);
    assert!(server.machine.memory().history_bytes > 0);
}

#[test]
fn a_message_may_be_for_a_time_only_on_a_websocket_too() {
    let mut config = Config::default();
    config.front.publish = vec!["*".to_owned().try_into().expect("a pattern")];
    let mut server = Server::new(config);
    let socket = Socket::open(&mut server);
    socket.ask(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    let said = socket.ask(&mut server, r#"{"type":"publish","channel":"a","data":"x","ttl":2,"id":1}"#);
    assert_eq!(said.iter().map(|e| e["type"].clone()).collect::<Vec<_>>(), ["published", "message"]);
    assert_eq!(data(&get(&mut server, "/history?channel=a")), ["x"]);
    server.pass_ms(2_000);
    assert_eq!(data(&get(&mut server, "/history?channel=a")), [""; 0]);
    assert_eq!(
        socket.ask(&mut server, r#"{"type":"publish","channel":"a","data":"x","ttl":0}"#)[0]["status"],
        400
    );
}

#[test]
fn a_slow_reader_is_told_what_expired_before_its_turn_came() {
    let mut config = Config::default();
    config.limits.outbox_bytes_max = 500;
    config.limits.batch_bytes_max = 200;
    let mut server = Server::new(config);
    let client = server.connect(Role::Front);
    server.send(client, "GET /events?channel=a HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n");
    server.received(client);
    server.clog(client, true);
    for n in 1..=40 {
        let ttl = if n % 2 == 0 { ",\"ttl\":3" } else { "" };
        publish(&mut server, &format!(r#"{{"channel":"a","data":"m{n}"{ttl}}}"#));
    }
    server.pass_ms(3_000);
    server.clog(client, false);
    let (mut next, mut missing) = (1, 0);
    for line in server.received(client).lines() {
        let said: Value = serde_json::from_str(line).expect("JSON");
        if said["type"] == "gap" {
            let count = said["missing"].as_u64().expect("it is known");
            (missing, next) = (missing + count, next + count);
            assert_eq!(said["next"], next);
        } else {
            assert_eq!(said["seq"], next);
            next += 1;
        }
    }
    assert!(next == 41 && missing > 10 && missing <= 20, "{next} {missing}");
}

#[test]
fn histories_are_kept_by_pattern_and_a_reload_applies() {
    let mut config = Config::default();
    config.history.rule =
        vec![rule(r#"{"match":"room/*","messages_max":2}"#), rule(r#"{"match":"log*","age_seconds":10}"#)];
    let mut server = Server::new(config.clone());
    let fill = |server: &mut Server| {
        for name in ["room/1", "logs", "other"] {
            for n in 1..=4 {
                server.push(&support::encode(name), &n.to_string());
            }
        }
    };
    fill(&mut server);
    let kept = |server: &mut Server| -> Vec<usize> {
        ["room/1", "logs", "other"]
            .map(|name| data(&get(server, &format!("/history?channel={name}"))).len())
            .into()
    };
    assert_eq!(kept(&mut server), [2, 4, 4]);
    server.pass_ms(10_000);
    assert_eq!(kept(&mut server), [2, 0, 4]);
    config.history.rule = vec![rule(r#"{"match":"*","messages_max":1}"#)];
    server.machine.reconfigure(config);
    fill(&mut server);
    assert_eq!(kept(&mut server), [1, 1, 1]);
}

#[test]
fn a_poll_of_several_channels_hears_that_one_has_ended() {
    let mut server = Server::default();
    let start = get(&mut server, "/events?channel=a&channel=b&history=all");
    let cursor = start["cursor"].as_str().expect("a cursor").to_owned();
    let client = waits(&mut server, &format!("channel=a&channel=b&cursor={cursor}"));
    server.ask(Role::Admin, "/close?cname=a");
    let said = heard(&mut server, client);
    assert_eq!(said["events"], json!([{"type": "closed", "channel": "a"}]));
    // It goes on with the others from where it was.
    server.push("b", "1");
    let on = said["cursor"].as_str().unwrap_or(&cursor).to_owned();
    assert_eq!(data(&get(&mut server, &format!("/events?channel=b&cursor={on}"))), ["1"]);
    // What was published before comes with it.
    let said = get(&mut server, "/events?channel=b&channel=c");
    let cursor = said["cursor"].as_str().expect("a cursor").to_owned();
    let client = waits(&mut server, &format!("channel=b&channel=c&cursor={cursor}"));
    let admin = server.connect(Role::Admin);
    let two = "GET /push?cname=b&content=last HTTP/1.1\r\nHost: x\r\n\r\nGET /close?cname=b HTTP/1.1\r\nHost: x\r\n\r\n";
    server.send(admin, two);
    assert_eq!(data(&heard(&mut server, client)), ["last", "closed"]);
}

#[test]
fn presence_of_several_channels_is_asked_for_at_once() {
    let mut server = Server::default();
    let client = server.connect(Role::Front);
    server.send(client, "GET /events?channel=a&who=Ann HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n");
    let said = get(&mut server, "/presence?channel=a&channel=none&channel=a");
    assert_eq!(
        said,
        json!({"channels": [
            {"channel": "a", "subscribers": 1, "who": ["Ann"], "roster": FIRST_CHANGE},
            {"channel": "none", "subscribers": 0, "who": [], "roster": 0},
            {"channel": "a", "subscribers": 1, "who": ["Ann"], "roster": FIRST_CHANGE}
        ]})
    );
    assert_eq!(get(&mut server, "/presence?channel=a")["channel"], "a", "one is told as one");
}

/// A poll's cursor is behind all that it was told, also where nothing is left to be handed over: else it would be told the same for
/// ever, at once.
#[test]
fn a_poll_goes_on_behind_what_has_expired() {
    for (channels, last) in [("channel=a", "a"), ("channel=a&channel=b", "a"), ("channel=a&channel=b", "b")] {
        let mut server = Server::default();
        publish(&mut server, r#"{"channels":["a","b"],"data":"1"}"#);
        let start = get(&mut server, &format!("/events?{channels}&wait=0"));
        let start = start["cursor"].as_str().expect("a cursor").to_owned();
        let is_read = channels.contains(&format!("channel={last}"));
        for text in [
            r#"{"channel":"a","data":"2"}"#.to_owned(),
            format!(r#"{{"channel":"{last}","data":"3","ttl":5}}"#),
        ] {
            publish(&mut server, &text);
        }
        server.pass_ms(5_000);
        assert!(is_read);
        let mut cursor = start;
        let mut told = Vec::new();
        for _ in 0..3 {
            let said = get(&mut server, &format!("/events?{channels}&cursor={cursor}&wait=0"));
            told.extend(data(&said).into_iter().map(str::to_owned));
            cursor = said["cursor"].as_str().unwrap_or_else(|| panic!("a cursor: {said}")).to_owned();
        }
        told.sort_unstable();
        assert_eq!(told, ["2", "gap"], "{channels}, the last one in {last}");
        // And nothing is passed over.
        publish(&mut server, r#"{"channel":"a","data":"4"}"#);
        assert_eq!(data(&get(&mut server, &format!("/events?{channels}&cursor={cursor}&wait=0"))), ["4"]);
    }
}
