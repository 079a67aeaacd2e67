//! Why it is not known how much is missing, as each native transport says it: another log, another life of the channel, a cursor that is
//! none of ours, a history that has been cut.
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use rcomet_core::journal::Ending;
use rcomet_core::{Config, Role};
use serde_json::{Value, json};
use support::{Server, body, split};
use websocket::Socket;

/// How one that shows a cursor hears.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Transport {
    Events,
    Lines,
    Poll,
    WebSocket,
}

const TRANSPORTS: [Transport; 4] =
    [Transport::Events, Transport::Lines, Transport::Poll, Transport::WebSocket];

/// Everything that is told at once to one that shows a cursor for these channels.
fn told(server: &mut Server, transport: Transport, channels: &[&str], cursor: &str) -> Vec<Value> {
    if transport == Transport::WebSocket {
        let socket = Socket::open(server);
        let subscribe = |channel: &&str| {
            let text = json!({"type": "subscribe", "channel": channel, "cursor": cursor}).to_string();
            socket.ask(server, &text)
        };
        let said = channels.iter().flat_map(subscribe).collect();
        server.vanish(socket.0);
        return said;
    }
    let query: String = channels.iter().map(|channel| format!("channel={channel}&")).collect();
    let accept = match transport {
        Transport::Events => "text/event-stream",
        Transport::Lines => "application/x-ndjson",
        _ => "application/json",
    };
    let client = server.connect(Role::Front);
    let target = format!("/events?{query}cursor={cursor}&wait=0");
    server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n"));
    let answer = server.received(client);
    server.vanish(client);
    let (head, text) = split(&answer);
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    match transport {
        Transport::Poll => json(&text)["events"].as_array().expect("events").clone(),
        Transport::Lines => text.lines().map(json).collect(),
        _ => {
            let gap = text.split("\n\n").find(|event| event.contains("\"gap\""));
            assert!(gap.is_none_or(|event| event.starts_with("event: gap\n")), "{text}");
            text.lines().filter_map(|line| line.strip_prefix("data: ")).map(json).collect()
        }
    }
}

/// The gaps among them; nothing stands before them but other gaps, and on a WebSocket the answers of other subscriptions.
fn gaps(server: &mut Server, transport: Transport, channels: &[&str], cursor: &str) -> Vec<Value> {
    told(server, transport, channels, cursor).into_iter().filter(|event| event["type"] == "gap").collect()
}

/// What `/history` says of what is missing behind the cursor: how many, why that is not known, and the epoch.
fn past(server: &mut Server, channel: &str, cursor: &str) -> (Value, Value, Value) {
    let answer = server.ask(Role::Front, &format!("/history?channel={channel}&cursor={cursor}"));
    let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"));
    (answer["missing"].clone(), answer["because"].clone(), answer["epoch"].clone())
}

/// The same on every transport: a gap before number `next`.
fn assert_said(server: &mut Server, channel: &str, cursor: &str, next: u64, because: &str) {
    let mut gap =
        json!({"type": "gap", "channel": channel, "next": next, "missing": null, "because": because});
    if because == "epoch" {
        gap["epoch"] = json!(server.machine.standing("a").expect("it is there").life.epoch.to_string());
    }
    for transport in TRANSPORTS {
        assert_eq!(gaps(server, transport, &[channel], cursor), std::slice::from_ref(&gap), "{transport:?}");
    }
    assert_eq!(past(server, channel, cursor), (Value::Null, json!(because), gap["epoch"].clone()));
}

/// The cursor of one that has everything of these channels.
fn cursor(server: &mut Server, channels: &[&str]) -> String {
    let query: Vec<String> = channels.iter().map(|channel| format!("channel={channel}")).collect();
    let client = server.connect(Role::Front);
    let head = "Host: x\r\nAccept: application/json\r\n\r\n";
    server.send(client, format!("GET /events?{} HTTP/1.1\r\n{head}", query.join("&")));
    let answer: Value = serde_json::from_str(&body(&server.received(client))).expect("JSON");
    server.vanish(client);
    answer["cursor"].as_str().expect("a cursor").to_owned()
}

/// The cursor of the last message of a channel, which counts in it.
fn last(server: &mut Server, channel: &str) -> String {
    let answer = server.ask(Role::Front, &format!("/history?channel={channel}&limit=1"));
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    answer["messages"][0]["cursor"].as_str().expect("a cursor").to_owned()
}

#[test]
fn a_server_that_was_started_anew_is_another_epoch() {
    let mut before = Server::default();
    before.push("a", "1");
    let old = cursor(&mut before, &["a", "b"]);
    let mut server = Server::with_seed(Config::default(), 2);
    server.push("a", "1 anew");
    assert_said(&mut server, "a", &old, 1, "epoch");
    assert_said(&mut server, "b", &old, 1, "epoch");
    // Each channel of a subscription is told.
    for transport in TRANSPORTS {
        let both = gaps(&mut server, transport, &["a", "b"], &old);
        let said: Vec<_> = both.iter().map(|gap| (&gap["channel"], &gap["because"])).collect();
        assert_eq!(said, [(&json!("a"), &json!("epoch")), (&json!("b"), &json!("epoch"))], "{transport:?}");
    }
}

/// Histories in a file go on in the same log; unless the end of the file may be lost.
#[test]
fn a_restart_is_another_epoch_only_where_something_may_be_lost() {
    for (ending, because) in [(Ending::Clean(0), None), (Ending::Whole, None), (Ending::Torn, Some("epoch"))]
    {
        let mut server = Server::default();
        server.keep_journal();
        server.push("a", "1");
        let (own, shared) = (last(&mut server, "a"), cursor(&mut server, &["a", "b"]));
        server.restart(ending, 7);
        for (channel, cursor, next) in [("a", &own, 1), ("a", &shared, 1), ("b", &shared, 1)] {
            match because {
                Some(because) => assert_said(&mut server, channel, cursor, next, because),
                None => {
                    for transport in TRANSPORTS {
                        assert_eq!(gaps(&mut server, transport, &[channel], cursor), [] as [Value; 0]);
                    }
                    assert_eq!(past(&mut server, channel, cursor), (json!(0), Value::Null, Value::Null));
                }
            }
        }
    }
}

#[test]
fn a_channel_that_was_made_anew_says_so() {
    let mut server = Server::default();
    server.push("a", "1");
    let (own, shared) = (last(&mut server, "a"), cursor(&mut server, &["a", "b"]));
    server.push("a", "unread");
    server.ask(Role::Admin, "/close?cname=a");
    server.push("a", "another life");
    for cursor in [own, shared.clone()] {
        assert_said(&mut server, "a", &cursor, 1, "channel");
    }
    for transport in TRANSPORTS {
        assert_eq!(gaps(&mut server, transport, &["b"], &shared), [] as [Value; 0], "it is as it was");
    }
}

#[test]
fn a_cursor_that_was_not_given_out_here_says_so() {
    let mut server = Server::default();
    server.push("a", "1");
    let own = last(&mut server, "a");
    // The signature stands at the end, and what it is of before that.
    for at in [10, 31] {
        let mut forged = own.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("text");
        assert_said(&mut server, "a", &forged, 1, "cursor");
    }
    // What an event source shows may be no cursor at all.
    let client = server.connect(Role::Front);
    let fields = "Last-Event-ID: 17\r\nAccept: application/x-ndjson\r\n";
    server.send(client, format!("GET /events?channel=a HTTP/1.1\r\nHost: x\r\n{fields}\r\n"));
    let said = server.received(client);
    assert!(said.contains(r#""missing":null,"because":"cursor"}"#), "{said}");
    // A WebSocket may show a number in the place of a cursor: none that is still to come.
    let socket = Socket::open(&mut server);
    let said = socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","seq":99}"#);
    let gap = json!({"type": "gap", "channel": "a", "next": 1, "missing": null, "because": "cursor"});
    assert_eq!(said[0], gap);
}

#[test]
fn what_a_history_no_longer_has_is_counted_by_the_channels_own_cursors_only() {
    let mut config = Config::default();
    config.limits.history_messages_max = 2;
    let mut server = Server::new(config);
    server.push("a", "1");
    let own = last(&mut server, "a");
    server.push("b", "1");
    let shared = cursor(&mut server, &["a", "b"]);
    for n in 2..6 {
        server.push("a", &n.to_string());
    }
    assert_said(&mut server, "a", &shared, 4, "history");
    let counted = json!({"type": "gap", "channel": "a", "next": 4, "missing": 2});
    for transport in TRANSPORTS {
        assert_eq!(
            gaps(&mut server, transport, &["a"], &own),
            std::slice::from_ref(&counted),
            "{transport:?}"
        );
    }
    assert_eq!(past(&mut server, "a", &own), (json!(2), Value::Null, Value::Null));
}

#[test]
fn icomets_own_clients_are_told_as_ever() {
    let mut before = Server::default();
    before.push("a", "1");
    let old = cursor(&mut before, &["a"]);
    let mut server = Server::with_seed(Config::default(), 2);
    server.push("a", "1");
    let client = server.connect(Role::Front);
    let said = server.get(client, &format!("/poll?cname=a&cursor={old}"));
    assert!(said.contains("\"gap\"") && !said.contains("because"), "{said}");
}

/// Whoever shows a cursor is told, whatever is left; whoever counts hears the next number alone, as it always was.
#[test]
fn icomets_polls_by_a_cursor_hear_of_a_gap_where_nothing_is_kept() {
    let record =
        |kind: &str, seq: u64| format!(r#"{{"type":"{kind}","cname":"a","seq":{seq},"content":""}}"#);
    let mut before = Server::default();
    before.push("a", "1");
    let of_before = cursor(&mut before, &["a"]);
    let mut server = Server::with_seed(Config::default(), 2);
    let poll = |server: &mut Server, query: &str| server.ask(Role::Front, query).trim().to_owned();
    for path in ["/poll", "/sub"] {
        // Another log, in which the channel has nothing yet.
        let said = poll(&mut server, &format!("{path}?cname=a&cursor={of_before}"));
        assert_eq!(said, format!("[{},{}]", record("gap", 1), record("next_seq", 1)));
        let said = poll(&mut server, &format!("{path}?cname=a&cursor={of_before}&no_batch=1"));
        assert_eq!(said, record("gap", 1), "one object");
        assert_eq!(
            poll(&mut server, &format!("{path}?cname=a&seq=1&no_batch=1")),
            "",
            "it goes on with that number"
        );
    }
    // All that stood behind the cursor is gone: cleared, or of an earlier life of the channel.
    server.push("a", "1");
    let own = last(&mut server, "a");
    server.push("a", "2");
    server.ask(Role::Admin, "/clear?cname=a");
    let counted = r#"{"type":"gap","cname":"a","seq":3,"content":"1"}"#;
    assert_eq!(
        poll(&mut server, &format!("/poll?cname=a&cursor={own}")),
        format!("[{counted},{}]", record("next_seq", 3))
    );
    assert_eq!(
        poll(&mut server, "/poll?cname=a&seq=2"),
        record("next_seq", 3),
        "who counts hears no more than ever"
    );
    server.ask(Role::Admin, "/close?cname=a");
    let said = poll(&mut server, &format!("/poll?cname=a&cursor={own}"));
    assert_eq!(said, format!("[{},{}]", record("gap", 1), record("next_seq", 1)));
    // Where gaps are not said at all, they are not said here.
    let mut config = Config::default();
    config.icomet.gap_records = false;
    let mut server = Server::with_seed(config, 3);
    for one in ["", "&no_batch=1"] {
        let said = poll(&mut server, &format!("/poll?cname=a&cursor={of_before}{one}"));
        assert_eq!(said, record("next_seq", 1));
    }
}

/// One plain object is the gap where there is one, and then the messages.
#[test]
fn a_poll_for_one_object_loses_nothing_behind_a_gap() {
    let mut before = Server::default();
    before.push("a", "1");
    let old = cursor(&mut before, &["a"]);
    let mut server = Server::with_seed(Config::default(), 2);
    server.push("a", "new");
    let mut asks = |place: &str| server.ask(Role::Front, &format!("/poll?cname=a&no_batch=1&{place}"));
    assert_eq!(
        asks(&format!("cursor={old}")),
        "{\"type\":\"gap\",\"cname\":\"a\",\"seq\":1,\"content\":\"\"}\n"
    );
    assert!(asks("seq=1").contains("new"));
}
