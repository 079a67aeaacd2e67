//! The HTTP API in memory: what `docs/api.md` says, path by path.
#[path = "api/admin.rs"]
mod admin;
#[path = "api/publish_untold.rs"]
mod publish_untold;
#[path = "api/refused.rs"]
mod refused;
#[path = "support/mod.rs"]
mod support;
#[path = "api/unread.rs"]
mod unread;

use rcomet_core::config::Auth;
use rcomet_core::{Config, Role};
use serde_json::{Value, json};
use support::{Client, FIRST_CHANGE, Server, body, split};

fn server() -> Server {
    Server::new(Config::default())
}

/// Asks on a connection of its own; gives the status and the body.
fn ask(server: &mut Server, role: Role, request: &str, text: &str) -> (u16, String) {
    let client = server.connect(role);
    let (line, fields) = request.split_once('\n').unwrap_or((request, ""));
    let fields = fields.replace('\n', "\r\n");
    let length = if text.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", text.len()) };
    let fields = if fields.is_empty() { fields } else { fields + "\r\n" };
    server.send(client, format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}{length}\r\n{text}"));
    let answer = server.received(client);
    server.vanish(client);
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    (status, body(&answer))
}

fn get(server: &mut Server, role: Role, target: &str) -> Value {
    let (status, text) = ask(server, role, &format!("GET {target}"), "");
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn publish(server: &mut Server, text: &str) -> (u16, Value) {
    let (status, text) = ask(server, Role::Admin, "POST /publish\nContent-Type: application/json", text);
    (status, serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}")))
}

/// A long poll, with what it says.
fn poll(server: &mut Server, query: &str) -> Value {
    let (status, text) =
        ask(server, Role::Front, &format!("GET /events?{query}\nAccept: application/json"), "");
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn problem(server: &mut Server, role: Role, request: &str, text: &str) -> (u16, String) {
    let client = server.connect(role);
    let length = if text.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", text.len()) };
    let (line, fields) = request.split_once('\n').unwrap_or((request, ""));
    let fields = if fields.is_empty() { String::new() } else { format!("{fields}\r\n") };
    server.send(client, format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}{length}\r\n{text}"));
    let (head, body) = split(&server.received(client));
    server.vanish(client);
    assert!(head.contains("Content-Type: application/problem+json\r\n"), "{head}");
    let said: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
    assert_eq!(said["type"], "about:blank");
    (said["status"].as_u64().expect("a status") as u16, said["detail"].as_str().expect("words").to_owned())
}

/// A stream over HTTP/1.0, whose bytes are not wrapped in chunks.
fn stream(server: &mut Server, query: &str, accept: &str) -> Client {
    let client = server.connect(Role::Front);
    server.send(client, format!("GET /events?{query} HTTP/1.0\r\nAccept: {accept}\r\n\r\n"));
    client
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn events_are_server_sent_events_with_the_cursor_as_id() {
    let mut server = server();
    let client = stream(&mut server, "channel=a&channel=b", "text/event-stream");
    let (head, ready) = split(&server.received(client));
    assert!(head.contains("Content-Type: text/event-stream; charset=utf-8\r\n"), "{head}");
    let cursor = ready.strip_prefix("id: ").and_then(|rest| rest.get(..32)).expect("an id");
    let said = format!(
        "id: {cursor}\nevent: ready\ndata: {{\"type\":\"ready\",\"cursor\":\"{cursor}\",\"channels\":[\"a\",\"b\"]}}\n\n"
    );
    assert_eq!(ready, said);
    server.push("b", "<1>");
    let event = server.received(client);
    let cursor = event.strip_prefix("id: ").and_then(|rest| rest.get(..32)).expect("an id").to_owned();
    assert_eq!(
        event,
        format!(
            "id: {cursor}\ndata: {{\"type\":\"message\",\"channel\":\"b\",\"seq\":1,\"cursor\":\"{cursor}\",\"data\":\"\\u003c1\\u003e\"}}\n\n"
        )
    );
    server.vanish(client);
    server.push("a", "2");
    server.push("b", "3");
    // A browser's event source comes back with its id and its old URL.
    let client = server.connect(Role::Front);
    server.send(
        client,
        format!("GET /events?channel=a&channel=b&history=all HTTP/1.0\r\nLast-Event-ID: {cursor}\r\n\r\n"),
    );
    let (_, events) = split(&server.received(client));
    let said: Vec<&str> = events.lines().filter(|line| line.contains("\"message\"")).collect();
    assert!(
        said.len() == 2 && said[0].contains("\"data\":\"2\"") && said[1].contains("\"data\":\"3\""),
        "{events}"
    );
    server.ask(Role::Admin, "/close?cname=a");
    assert!(
        server.received(client).ends_with("event: closed\ndata: {\"type\":\"closed\",\"channel\":\"a\"}\n\n")
    );
    server.pass_ms(31_000);
    assert_eq!(server.received(client), ":\n\n", "a sign of life");
    server.push("b", "4");
    assert!(server.received(client).contains("\"data\":\"4\""), "it goes on with the other");
}

#[test]
fn lines_are_the_same_objects() {
    let mut server = server();
    server.push("a", "1");
    let client = stream(&mut server, "channel=a&history=1", "application/x-ndjson");
    let (head, text) = split(&server.received(client));
    assert!(head.contains("Content-Type: application/x-ndjson; charset=utf-8\r\n"), "{head}");
    let said = lines(&text);
    assert_eq!((said[0]["type"].as_str(), said[1]["data"].as_str()), (Some("ready"), Some("1")));
    // Whoever saw no more than the beginning goes on with the message.
    let ready = said[0]["cursor"].as_str().expect("a cursor");
    assert_eq!(poll(&mut server, &format!("channel=a&cursor={ready}"))["events"][0]["seq"], 1);
    server.pass_ms(31_000);
    assert_eq!(server.received(client), "{\"type\":\"alive\"}\n");
}

#[test]
fn a_long_poll_waits_and_goes_on_with_its_cursor() {
    let mut server = server();
    let client = server.connect(Role::Front);
    let ask =
        |query: &str| format!("GET /events?{query} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n");
    // Whoever has no cursor is given one at once.
    server.send(client, ask("channel=a&channel=b"));
    let begins: Value = serde_json::from_str(&body(&server.received(client))).expect("JSON");
    let cursor = begins["cursor"].as_str().expect("a cursor");
    server.send(client, ask(&format!("channel=a&channel=b&cursor={cursor}")));
    assert_eq!(server.received(client), "");
    server.push("b", "1");
    let first: Value = serde_json::from_str(&body(&server.received(client))).expect("JSON");
    assert_eq!(first["events"][0]["cursor"], first["cursor"]);
    for (channel, text) in [("b", "2"), ("a", "3"), ("b", "4")] {
        server.push(channel, text);
    }
    let cursor = first["cursor"].as_str().expect("a cursor");
    let second = poll(&mut server, &format!("channel=b&channel=a&cursor={cursor}"));
    let texts: Vec<_> =
        second["events"].as_array().expect("events").iter().map(|e| e["data"].clone()).collect();
    assert_eq!(texts, ["2", "3", "4"], "in the order of their publishing");
    // Nothing happens: the answer says where it stands, so that what comes between two polls is not missed.
    let cursor = second["cursor"].as_str().expect("a cursor");
    let at_once = poll(&mut server, &format!("channel=a&channel=b&cursor={cursor}&wait=0"));
    assert_eq!(at_once["events"], json!([]));
    server.send(client, ask(&format!("channel=a&channel=b&cursor={cursor}&wait=5")));
    server.pass_ms(6_000);
    let quiet: Value = serde_json::from_str(&body(&server.received(client))).expect("JSON");
    assert_eq!(quiet["events"], json!([]));
    server.push("a", "5");
    for from in [&at_once, &quiet] {
        let cursor = from["cursor"].as_str().expect("a cursor");
        assert_eq!(
            poll(&mut server, &format!("channel=a&channel=b&cursor={cursor}"))["events"][0]["data"],
            "5"
        );
    }
}

#[test]
fn a_poll_that_is_over_in_the_turn_of_a_publish_misses_nothing() {
    let mut server = server();
    let start = poll(&mut server, "channel=a&channel=b");
    let cursor = start["cursor"].as_str().expect("a cursor");
    let client = server.connect(Role::Front);
    let fields = "Host: x\r\nAccept: application/json";
    server.send(
        client,
        format!("GET /events?channel=a&channel=b&cursor={cursor}&wait=5 HTTP/1.1\r\n{fields}\r\n\r\n"),
    );
    let publisher = server.connect(Role::Admin);
    server.now = server.now.after_ms(6_000);
    server.send(publisher, "GET /push?cname=a&content=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    let quiet: Value = serde_json::from_str(&body(&server.received(client))).expect("JSON");
    assert_eq!(quiet["events"], json!([]));
    let cursor = quiet["cursor"].as_str().unwrap_or(cursor);
    assert_eq!(poll(&mut server, &format!("channel=a&channel=b&cursor={cursor}"))["events"][0]["data"], "1");
}

#[test]
fn many_polls_get_one_answer_that_was_written_once() {
    let mut server = server();
    let start = poll(&mut server, "channel=a");
    let cursor = start["cursor"].as_str().expect("a cursor");
    let clients: Vec<Client> = (0..50).map(|_| server.connect(Role::Front)).collect();
    for &client in &clients {
        let query = format!("channel=a&cursor={cursor}");
        server.send(
            client,
            format!("GET /events?{query} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"),
        );
    }
    server.push("a", "1");
    let answers: Vec<String> = clients.iter().map(|&client| server.received(client)).collect();
    assert!(answers[0].contains("\"data\":\"1\"") && answers.iter().all(|answer| *answer == answers[0]));
}

#[test]
fn what_is_missing_is_said() {
    let mut config = Config::default();
    config.limits.history_messages_max = 2;
    let mut server = Server::new(config);
    server.push("a", "1");
    server.push("b", "1");
    let start = poll(&mut server, "channel=a&channel=b&history=all");
    let of_a = start["events"][0]["cursor"].as_str().expect("a cursor").to_owned();
    let of_b = start["cursor"].as_str().expect("a cursor").to_owned();
    for n in 2..6 {
        server.push("a", &n.to_string());
    }
    // Its own number counts what is gone; another channel's place only tells that something is.
    let gap = json!({"type": "gap", "channel": "a", "next": 4, "missing": 2});
    let said = poll(&mut server, &format!("channel=a&cursor={of_a}"));
    assert_eq!((&said["events"][0], said["events"].as_array().map(Vec::len)), (&gap, Some(3)));
    let said = poll(&mut server, &format!("channel=a&channel=b&cursor={of_b}"));
    let gap = json!({"type": "gap", "channel": "a", "next": 4, "missing": null, "because": "history"});
    assert_eq!((&said["events"][0], said["events"].as_array().map(Vec::len)), (&gap, Some(3)));
    // Nothing is missing of a channel in which nothing has happened since.
    let client = stream(&mut server, &format!("channel=b&cursor={of_b}"), "application/x-ndjson");
    let said = lines(&split(&server.received(client)).1);
    assert_eq!(said.len(), 1, "{said:?}");
    // A place that nobody knows: from another process, or made up.
    let strange = "A".repeat(32);
    let client =
        stream(&mut server, &format!("channel=a&channel=b&cursor={strange}"), "application/x-ndjson");
    let said = lines(&split(&server.received(client)).1);
    let kinds: Vec<_> =
        said.iter().map(|e| format!("{} {}", e["type"], e["channel"]).replace('"', "")).collect();
    assert_eq!(kinds, ["gap a", "gap b", "ready null", "message b", "message a", "message a"]);
    // What is gone altogether leaves a poll with nothing but the word, and a place to go on from.
    server.ask(Role::Admin, "/clear?cname=a");
    let said = poll(&mut server, &format!("channel=a&cursor={of_a}"));
    assert_eq!(said["events"], json!([{"type": "gap", "channel": "a", "next": 6, "missing": 4}]));
    let on = said["cursor"].as_str().expect("a cursor");
    assert_eq!(poll(&mut server, &format!("channel=a&cursor={on}&wait=0"))["events"], json!([]));
}

#[test]
fn people_are_listed_also_between_two_polls() {
    let mut server = server();
    let client = stream(&mut server, "channel=a&who=Ann", "application/x-ndjson");
    let said = lines(&split(&server.received(client)).1);
    assert_eq!(said[1], json!({"type": "roster", "channel": "a", "roster": FIRST_CHANGE, "who": ["Ann"]}));
    // Bob's poll is cut off; he would ask again.
    let bob = server.connect(Role::Front);
    server.send(bob, "GET /events?channel=a&who=Bob HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n");
    server.vanish(bob);
    let joined = lines(&server.received(client));
    assert_eq!((&joined[0]["type"], &joined[0]["who"]), (&json!("join"), &json!("Bob")));
    let present = get(&mut server, Role::Front, "/presence?channel=a");
    assert_eq!((&present["who"], &present["subscribers"]), (&json!(["Ann", "Bob"]), &json!(1)));
    server.pass_ms(15_000);
    assert_eq!(get(&mut server, Role::Front, "/presence?channel=a")["who"], json!(["Ann"]));
    assert_eq!(get(&mut server, Role::Front, "/presence?channel=none")["who"], json!([]));
}

#[test]
fn a_history_is_read_in_pages() {
    let mut server = server();
    for n in 1..=5 {
        server.push("a", &n.to_string());
    }
    let newest = get(&mut server, Role::Front, "/history?channel=a&limit=2");
    let texts = |said: &Value| -> Vec<String> {
        let messages = said["messages"].as_array().expect("messages").iter();
        messages.map(|m| m["data"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(
        (texts(&newest), &newest["more"], &newest["missing"]),
        (vec!["4".into(), "5".into()], &json!(false), &json!(0))
    );
    let first =
        poll(&mut server, "channel=a&history=all")["events"][0]["cursor"].as_str().expect("one").to_owned();
    let next = get(&mut server, Role::Front, &format!("/history?channel=a&limit=2&cursor={first}"));
    assert_eq!((texts(&next), &next["more"]), (vec!["2".into(), "3".into()], &json!(true)));
    let on = next["cursor"].as_str().expect("a cursor");
    let last = get(&mut server, Role::Front, &format!("/history?channel=a&limit=2&cursor={on}"));
    assert_eq!((texts(&last), &last["more"]), (vec!["4".into(), "5".into()], &json!(false)));
    let on = last["cursor"].as_str().expect("a cursor");
    assert_eq!(texts(&get(&mut server, Role::Front, &format!("/history?channel=a&cursor={on}"))), [""; 0]);
    assert_eq!(problem(&mut server, Role::Front, "GET /history?channel=none", "").0, 404);
}

#[test]
fn tokens_are_asked_for() {
    let mut config = Config::default();
    config.front.auth = Auth::Token;
    let mut server = Server::new(config);
    let sign = |server: &mut Server, channel: &str| {
        let text = server.ask(Role::Admin, &format!("/sign?cname={channel}"));
        serde_json::from_str::<Value>(&text).expect("JSON")["token"].as_str().expect("a token").to_owned()
    };
    let (a, b) = (sign(&mut server, "a"), sign(&mut server, "b"));
    server.push("a", "1");
    for path in ["/events?channel=a", "/history?channel=a", "/presence?channel=a", "/events?channel=none"] {
        assert_eq!(problem(&mut server, Role::Front, &format!("GET {path}"), "").0, 403, "{path}");
    }
    let query = format!("channel=a&channel=b&token={a}&token={b}&history=all");
    assert_eq!(poll(&mut server, &query)["events"][0]["data"], "1");
    assert_eq!(
        problem(&mut server, Role::Front, &format!("GET /events?channel=a&channel=b&token={a}"), "").0,
        403
    );
    let (status, _) =
        ask(&mut server, Role::Front, &format!("GET /history?channel=a\nAuthorization: Bearer {a}"), "");
    assert_eq!(status, 200);
}

#[test]
fn what_is_wrong_is_said_as_a_problem() {
    let mut server = server();
    for (request, status, words) in [
        ("GET /events", 400, "the parameter channel is missing"),
        ("GET /events?channel=a&cursor=x", 400, "32 characters"),
        ("GET /events?channel=a&history=x", 400, "history is \"x\": expected how many"),
        ("GET /events?channel=a&history=-1", 400, "history is \"-1\": expected how many"),
        ("GET /events?channel=a&history=%2B1", 400, "history is \"+1\""),
        ("GET /events?channel=a&wait=zz", 400, "wait is \"zz\": expected whole seconds"),
        ("GET /events?channel=a&wait=-1", 400, "wait is \"-1\": expected whole seconds"),
        ("GET /events?channel=a&wait=2.5", 400, "wait is \"2.5\": expected whole seconds"),
        ("GET /events?channel=a&who=Ann&roster=x", 400, "roster is \"x\": expected the number"),
        ("GET /history?channel=a&limit=abc", 400, "limit is \"abc\": expected a whole number from 1"),
        ("GET /history?channel=a&limit=0", 400, "limit is \"0\": expected a whole number from 1"),
        ("HEAD /events?channel=a", 405, ""),
        ("POST /history?channel=a", 405, ""),
    ] {
        if status == 405 {
            assert_eq!(ask(&mut server, Role::Front, request, "").0, 405, "{request}");
            continue;
        }
        let (said, detail) = problem(&mut server, Role::Front, request, "");
        assert!(said == status && detail.contains(words), "{request}: {said} {detail}");
    }
    for (request, words) in [
        ("GET /channels?limit=1x", "limit is \"1x\": expected a whole number from 1"),
        ("GET /channels?sort=size", "sort is \"size\": expected subscribers, or nothing"),
        ("GET /clients?limit=many", "limit is \"many\": expected a whole number from 1"),
        ("GET /clients?after=a", "after is \"a\": expected the number of a connection"),
        ("GET /keys?after=a", "after is \"a\": expected the index of a key"),
        ("GET /keys/a?wait=soon", "wait is \"soon\": expected whole seconds"),
        ("GET /explain?channel=a&seq=x", "seq is \"x\": expected the message's number"),
        ("GET /explain?channel=a&seq=1&client=me", "client is \"me\": expected the number of one client"),
    ] {
        let (said, detail) = problem(&mut server, Role::Admin, request, "");
        assert!(said == 400 && detail.contains(words), "{request}: {said} {detail}");
    }
    // What strangers say is not repeated at any length; what is too large to count is as much as there may be, and what is empty is not
    // said.
    let long = format!("GET /events?channel=a&wait={}", "ä".repeat(5_000));
    let (said, detail) = problem(&mut server, Role::Front, &long, "");
    assert!(said == 400 && detail.len() < 200 && detail.contains("ää…\": expected"), "{detail}");
    server.push("a", "1");
    for fine in ["limit=1", "limit=99999999999999999999999", "limit=", ""] {
        assert_eq!(
            ask(&mut server, Role::Front, &format!("GET /history?channel=a&{fine}"), "").0,
            200,
            "{fine}"
        );
    }
    let many: String = (0..1_001).map(|n| format!("channel={n}&")).collect();
    assert_eq!(problem(&mut server, Role::Front, &format!("GET /events?{many}"), "").0, 400);
}

#[test]
fn health_is_told_on_both_sides() {
    let mut server = server();
    for role in [Role::Front, Role::Admin] {
        assert_eq!(ask(&mut server, role, "GET /healthz", ""), (200, "ok\n".into()));
        assert_eq!(ask(&mut server, role, "GET /readyz", ""), (200, "ready\n".into()));
    }
    let client = server.connect(Role::Front);
    server.send(client, "GET /readyz HTTP/1.1\r\nHost: x\r\n");
    server.machine.drain(server.now);
    server.send(client, "\r\n");
    assert!(server.received(client).starts_with("HTTP/1.1 503 "));
}

#[test]
fn a_channel_that_comes_back_and_keeps_nothing_is_a_gap() {
    let mut config = Config::default();
    config.limits.history_messages_max = 0;
    let mut server = Server::new(config);
    let client = stream(&mut server, "channel=a&channel=b", "application/x-ndjson");
    server.received(client);
    server.push("b", "1");
    server.ask(Role::Admin, "/close?cname=a");
    server.push("a", "gone before anybody sits there");
    server.push("a", "2");
    let said = lines(&server.received(client));
    let kinds: Vec<_> = said.iter().map(|e| e["type"].as_str().unwrap_or_default()).collect();
    // What cannot be had is said to be missing, or it is there: in no case silence.
    assert_eq!(kinds.iter().filter(|kind| **kind == "closed").count(), 1, "{said:?}");
    let of_a = said.iter().skip_while(|e| e["type"] != "closed").skip(1);
    let told: u64 =
        of_a.map(|e| if e["type"] == "gap" { e["missing"].as_u64().unwrap_or(0) } else { 1 }).sum();
    assert_eq!(told, 2, "{said:?}");
}
