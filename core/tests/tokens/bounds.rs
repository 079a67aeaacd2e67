//! What a token is not good for: another request on its connection, another life of its channel, a timer for longer than is needed.
use super::bayeux::Fellow;
use super::websocket::{HANDSHAKE, Socket, frames, text};
use super::*;

/// A poll that waits on this connection, behind everything that there is.
fn wait(server: &mut Server, client: Client, token: &str) {
    let shown = if token.is_empty() { String::new() } else { format!("&token={token}") };
    let start = poll(server, &format!("channel=a&wait=0{shown}"));
    let cursor = start["cursor"].as_str().expect("a cursor");
    let target = format!("/events?channel=a&cursor={cursor}{shown}");
    server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"));
    assert_eq!(server.received(client), "", "it waits");
}

#[test]
fn the_next_request_on_a_connection_is_not_the_tokens() {
    let mut said = claims(START + 60, "a", &["subscribe", "presence"]);
    said["sub"] = json!("Ann");
    let token = token(&said);
    for required in [true, false] {
        let mut server = server(required);
        let client = server.connect(Role::Front);
        wait(&mut server, client, &token);
        server.push("a", "1");
        assert!(server.received(client).contains("\"data\":\"1\""));
        // Behind a proxy, this is somebody else.
        server.send(client, format!("GET /ws HTTP/1.1\r\n{HANDSHAKE}\r\n"));
        assert!(server.received(client).starts_with("HTTP/1.1 101 "));
        let socket = Socket(client);
        let said = socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","who":"Bob"}"#);
        if required {
            assert_eq!(said[0]["status"], 401, "they have shown none: {said:?}");
        } else {
            assert_eq!(said[0]["type"], "subscribed", "it says nothing of who they are: {said:?}");
        }
        // Nor does it end with that token.
        for _ in 0..10 {
            pass_s(&mut server, 8);
            server.send(client, text(r#"{"type":"ping"}"#));
        }
        let heard = frames(&server.received_bytes(client));
        assert!(heard.iter().all(|frame| frame.first & 0x0f == 9 || !frame.text().contains("expir")));
        assert!(!server.is_shut(client));
        assert_eq!(server.machine.counters().tokens_expired, 0);
    }
}

#[test]
fn timers_are_not_kept_for_as_long_as_tokens_are_good() {
    let mut config = config(true);
    // What is noted of clients is memory as well.
    config.limits.explain_records_max = 0;
    let mut server = Server::new(config);
    let token = granting(START + 1_000_000, "a", &["subscribe"]);
    let before = server.machine.memory().tables_bytes;
    for _ in 0..300 {
        let client = stream(&mut server, &format!("channel=a&token={token}"));
        server.vanish(client);
    }
    let after = server.machine.memory().tables_bytes;
    pass_s(&mut server, 130);
    let later = server.machine.memory().tables_bytes;
    assert!(after > before + 300 * 16 && later < before + 300 * 8, "{before} {after} {later}");
    // A wall clock that is set forward is noticed within a minute.
    let client = stream(&mut server, &format!("channel=a&token={token}"));
    server.received(client);
    server.machine.set_date(Date::from_unix(START + 1_000_100));
    server.pass_ms(61_000);
    assert!(server.received(client).contains("{\"type\":\"expired\"}"));
}

#[test]
fn many_polls_on_one_connection_have_one_timer() {
    let token = granting(START + 1_000_000, "a", &["subscribe"]);
    let most = |token: &str| {
        let mut config = config(false);
        config.limits.explain_records_max = 0;
        let mut server = Server::new(config);
        let client = server.connect(Role::Front);
        let mut most = 0;
        for _ in 0..300 {
            wait(&mut server, client, token);
            most = most.max(server.machine.memory().tables_bytes);
            server.push("a", "x");
            assert!(server.received(client).contains("\"data\":\"x\""));
        }
        most
    };
    let without = most("");
    let with = most(&token);
    assert!(with > without && with < without + 1_000, "{without} {with}");
}

fn subscribe(server: &mut Server, fellow: &mut Fellow, token: &str) -> Value {
    let fields = json!({"subscription": "/a", "ext": {"rcomet": {"token": token}}});
    fellow.send(server, "/meta/subscribe", fields)[0].clone()
}

#[test]
fn a_session_of_bayeux_does_not_follow_a_channel_into_a_life_with_another_token() {
    for (unread, lost) in [(0, 1), (1, 1), (2, 2)] {
        let mut config = config(false);
        config.front.auth = Auth::Token;
        let mut server = Server::new(config);
        let sign = |server: &mut Server| -> String {
            let signed: Value =
                serde_json::from_str(&server.ask(Role::Admin, "/sign?cname=%2Fa")).expect("JSON");
            signed["token"].as_str().expect("a token").to_owned()
        };
        let mut fellow = Fellow::new(&mut server);
        let first = sign(&mut server);
        assert_eq!(subscribe(&mut server, &mut fellow, &first)["successful"], true);
        fellow.connect(&mut server);
        server.push("/a", "one");
        assert_eq!(fellow.data(&mut server), ["one"]);
        for _ in 0..unread {
            server.push("/a", "unread");
        }
        server.ask(Role::Admin, "/close?cname=/a");
        let second = sign(&mut server);
        server.push("/a", "secret");
        fellow.connect(&mut server);
        assert_eq!(fellow.data(&mut server), [json!({"lost": lost})], "it is told that something is missing");
        fellow.connect(&mut server);
        server.push("/a", "secret too");
        assert_eq!(fellow.heard(&mut server), None, "and hears nothing of what it has shown no token for");
        let waits = fellow.move_to_new_connection(&mut server);
        assert_eq!(subscribe(&mut server, &mut fellow, &first)["error"], "403::Token error");
        assert_eq!(subscribe(&mut server, &mut fellow, &second)["successful"], true);
        fellow.connection = waits;
        server.push("/a", "three");
        assert_eq!(fellow.data(&mut server), ["three"]);
    }
}
