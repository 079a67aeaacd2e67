//! A token's end: told before it comes, told when it has come, and no message lost over it.
use super::*;

#[test]
fn a_stream_hears_that_its_token_expires_and_has_expired() {
    for accept in ["application/x-ndjson", "text/event-stream"] {
        let mut server = server(true);
        let token = granting(START + 100, "a", &["subscribe"]);
        let client = server.connect(Role::Front);
        server.send(
            client,
            format!("GET /events?channel=a&token={token} HTTP/1.0\r\nAccept: {accept}\r\n\r\n"),
        );
        server.received(client);
        // 5 seconds of leeway, 30 of warning.
        pass_s(&mut server, 74);
        let before = server.received(client);
        assert!(!before.contains("expir"), "{before}");
        pass_s(&mut server, 2);
        let said = server.received(client);
        let object = "{\"type\":\"expiring\",\"in\":30}";
        let events = format!("event: expiring\ndata: {object}\n\n");
        assert!(said.contains(if accept.contains("event") { &events } else { object }), "{said}");
        pass_s(&mut server, 28);
        server.push("a", "still");
        assert!(server.received(client).contains("still"));
        pass_s(&mut server, 2);
        let said = server.received(client);
        assert!(said.trim_end().ends_with("{\"type\":\"expired\"}"), "{said}");
        assert_eq!(said.matches("expir").count(), if accept.contains("event") { 2 } else { 1 }, "{said}");
        assert!(server.is_shut(client), "its end is a clear one");
        assert_eq!(server.machine.counters().tokens_expired, 1);
        assert_eq!(status(&mut server, &format!("GET /events?channel=a&token={token}")), 401);
        server.vanish(client);
        assert!(server.machine.is_pristine());
    }
}

#[test]
fn a_stream_of_chunks_ends_whole() {
    let mut server = server(true);
    let token = granting(START + 10, "a", &["subscribe"]);
    let client = server.connect(Role::Front);
    server.send(
        client,
        format!(
            "GET /events?channel=a&token={token} HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n"
        ),
    );
    pass_s(&mut server, 20);
    let answer = server.received(client);
    assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
    assert_eq!(kinds(&lines(&answer)), ["ready", "expiring", "expired"]);
    assert!(!server.is_shut(client), "the connection is good for the next request");
    assert!(server.get(client, "/ping").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_poll_hears_it_with_its_answer_and_loses_nothing() {
    let mut server = server(true);
    let token = granting(START + 60, "*", &["subscribe"]);
    let query = format!("channel=a&channel=b&token={token}");
    let client = server.connect(Role::Front);
    let ask = |server: &mut Server, cursor: &str| {
        let more = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
        server.send(
            client,
            format!("GET /events?{query}{more} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"),
        );
    };
    let heard = |server: &mut Server| -> Value {
        serde_json::from_str(&split(&server.received(client)).1).expect("a whole answer")
    };
    ask(&mut server, "");
    let first = heard(&mut server);
    assert_eq!(first["events"], json!([]));
    pass_s(&mut server, 20);
    let cursor = first["cursor"].as_str().expect("a cursor").to_owned();
    ask(&mut server, &cursor);
    // It has 45 seconds left: half of that is less than the warning of 30.
    pass_s(&mut server, 22);
    assert_eq!(server.received(client), "");
    pass_s(&mut server, 2);
    let told = heard(&mut server);
    assert_eq!(told["events"], json!([{"type": "expiring", "in": 22}]), "it is answered for that");
    let cursor = told["cursor"].as_str().expect("a cursor").to_owned();
    // From now on each answer says it: at once, after waiting, and when nothing happens.
    server.push("b", "1");
    ask(&mut server, &cursor);
    let said = heard(&mut server);
    assert_eq!(kinds(said["events"].as_array().expect("events")), ["expiring", "message"]);
    let cursor = said["cursor"].as_str().expect("a cursor").to_owned();
    ask(&mut server, &cursor);
    pass_s(&mut server, 5);
    server.push("a", "2");
    let said = heard(&mut server);
    assert_eq!(kinds(said["events"].as_array().expect("events")), ["message", "expiring"]);
    let cursor = said["cursor"].as_str().expect("a cursor").to_owned();
    // Who waits with a token that is near its end is answered for it when half of the rest is over, and half of that.
    let mut cursor = cursor;
    let mut told = Vec::new();
    let said = loop {
        ask(&mut server, &cursor);
        let said = loop {
            pass_s(&mut server, 1);
            let answer = server.received(client);
            if !answer.is_empty() {
                break serde_json::from_str::<Value>(&split(&answer).1).expect("a whole answer");
            }
        };
        let Some(in_s) = said["events"][0]["in"].as_u64() else { break said };
        told.push(in_s);
        said["cursor"].as_str().expect("a cursor").clone_into(&mut cursor);
    };
    assert_eq!(told, [8, 4, 2, 1]);
    assert_eq!(said["events"], json!([{"type": "expired"}]));
    // Whoever comes back with another goes on where they were.
    let cursor = said["cursor"].as_str().unwrap_or(&cursor).to_owned();
    server.push("a", "3");
    assert_eq!(status(&mut server, &format!("GET /events?{query}&cursor={cursor}")), 401);
    let token = super::granting(LATER, "*", &["subscribe"]);
    let said = poll(&mut server, &format!("channel=a&channel=b&cursor={cursor}&token={token}"));
    assert_eq!((&said["events"][0]["data"], said["events"].as_array().map(Vec::len)), (&json!("3"), Some(1)));
}

#[test]
fn what_is_remembered_of_tokens_does_not_outlive_their_connections() {
    let mut server = server(true);
    // What is noted of who came and went has its own room.
    let mut config = server.machine.config().clone();
    config.limits.explain_records_max = 0;
    server.machine.reconfigure(config);
    let token = granting(START + 1_000_000, "a", &["subscribe"]);
    let before = server.machine.memory().tables_bytes;
    for _ in 0..500 {
        let client = stream(&mut server, &format!("channel=a&token={token}"));
        server.vanish(client);
    }
    let after = server.machine.memory().tables_bytes;
    pass_s(&mut server, 130);
    let later = server.machine.memory().tables_bytes;
    assert!(after > before + 500 * 8 && later < before + 500, "{before} {after} {later}");
    // Who stays is still told, days later.
    let client = stream(&mut server, &format!("channel=a&token={token}"));
    server.received(client);
    server.machine.set_date(Date::from_unix(START + 999_990));
    server.pass_ms(61_000);
    assert!(server.received(client).contains("\"expiring\""));
}

#[test]
fn a_wall_clock_that_is_set_moves_the_end() {
    let mut server = server(true);
    let token = granting(START + 100, "a", &["subscribe"]);
    let client = stream(&mut server, &format!("channel=a&token={token}"));
    // An hour back: the token is good for an hour more.
    server.machine.set_date(Date::from_unix(START - 3_600));
    server.pass_ms(110_000);
    assert!(!server.received(client).contains("expir"));
    server.machine.set_date(Date::from_unix(START + 200));
    server.pass_ms(4_000_000);
    assert!(server.is_shut(client));
}

#[test]
fn a_connection_that_serves_something_else_by_then_is_left_alone() {
    let mut server = server(false);
    let token = granting(START + 40, "a", &["subscribe"]);
    let client = server.connect(Role::Front);
    let start = poll(&mut server, "channel=a");
    let cursor = start["cursor"].as_str().expect("a cursor");
    let fields = "Host: x\r\nAccept: application/json";
    server.send(
        client,
        format!("GET /events?channel=a&cursor={cursor}&token={token} HTTP/1.1\r\n{fields}\r\n\r\n"),
    );
    server.push("a", "1");
    assert!(server.received(client).contains("\"data\":\"1\""));
    // The next poll shows none.
    let start = poll(&mut server, "channel=a");
    let cursor = start["cursor"].as_str().expect("a cursor");
    server
        .send(client, format!("GET /events?channel=a&cursor={cursor}&wait=25 HTTP/1.1\r\n{fields}\r\n\r\n"));
    pass_s(&mut server, 20);
    assert_eq!(server.received(client), "", "it has no token that could expire");
    pass_s(&mut server, 6);
    assert!(server.received(client).contains("\"events\":[]"));
    // Also when the one before began when its token's end was near.
    let token = granting(START + server.now.0 / 1_000 + 20, "a", &["subscribe"]);
    let cursor =
        |server: &mut Server| poll(server, "channel=a")["cursor"].as_str().expect("a cursor").to_owned();
    for (with, told) in [(format!("&token={token}"), true), (String::new(), false)] {
        let on = cursor(&mut server);
        server.send(client, format!("GET /events?channel=a&cursor={on}{with} HTTP/1.1\r\n{fields}\r\n\r\n"));
        server.push("a", "x");
        assert_eq!(server.received(client).contains("expiring"), told);
    }
    // Nor does what icomet's readers do show what was shown before.
    let token = granting(LATER, "b", &["subscribe"]);
    let mut closed = super::server(true);
    let client = closed.connect(Role::Front);
    closed.send(client, format!("GET /events?channel=b&token={token} HTTP/1.1\r\n{fields}\r\n\r\n"));
    closed.received(client);
    let answer = closed.get(client, "/sub?cname=b&seq=1");
    assert!(answer.contains("\"401\"") || answer.contains("Token error"), "{answer}");
}
