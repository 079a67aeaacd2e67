//! Signed tokens on WebSockets: shown with the handshake or in a message, renewed, and over.
use super::websocket::{HANDSHAKE, Socket};
use super::*;

#[test]
fn a_token_is_shown_with_the_handshake_or_in_a_message() {
    let mut server = server(true);
    let token = granting(LATER, "room/*", &["subscribe", "publish"]);
    let subscribe = r#"{"type":"subscribe","channel":"room/1","id":1}"#;
    let (by_query, _) = Socket::open_with(&mut server, &format!("/ws?token={token}"), "");
    let (by_field, _) = Socket::open_with(&mut server, "/ws", &format!("Authorization: Bearer {token}\r\n"));
    let by_message = Socket::open(&mut server);
    let refused = by_message.ask(&mut server, subscribe);
    assert_eq!((&refused[0]["type"], &refused[0]["status"]), (&json!("error"), &json!(401)));
    let said = by_message.ask(&mut server, &format!(r#"{{"type":"auth","token":"{token}","id":7}}"#));
    assert_eq!(said, [json!({"type": "authenticated", "id": 7, "expires_in": 3_605})]);
    let by_subscribe = Socket::open(&mut server);
    let with = format!(r#"{{"type":"subscribe","channel":"room/1","token":"{token}"}}"#);
    assert_eq!(by_subscribe.ask(&mut server, &with)[0]["type"], "subscribed");
    for socket in [by_query, by_field, by_message] {
        assert_eq!(socket.ask(&mut server, subscribe)[0]["type"], "subscribed");
    }
    let said = by_query.ask(&mut server, r#"{"type":"publish","channel":"room/1","data":"x","id":2}"#);
    assert_eq!(said[0], json!({"type": "published", "id": 2}));
    assert_eq!(by_message.heard(&mut server).len(), 1, "all have it");
    for (message, wanted) in [
        (r#"{"type":"publish","channel":"other","data":"x"}"#, 403),
        (r#"{"type":"subscribe","channel":"other"}"#, 403),
        (r#"{"type":"subscribe","channel":"room/2","seq":1}"#, 403),
        (r#"{"type":"auth","token":"x.y.z"}"#, 401),
        (r#"{"type":"auth","token":"x"}"#, 400),
        (r#"{"type":"auth"}"#, 400),
    ] {
        let said = by_query.ask(&mut server, message);
        assert_eq!((&said[0]["type"], &said[0]["status"]), (&json!("error"), &json!(wanted)), "{message}");
    }
    assert_eq!(by_query.ask(&mut server, r#"{"type":"ping"}"#)[0]["type"], "pong", "it lives on");
    let client = server.connect(Role::Front);
    server.send(client, format!("GET /ws?token={}x HTTP/1.1\r\n{HANDSHAKE}\r\n", &token[..token.len() - 1]));
    let answer = server.received(client);
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("the token"), "{answer}");
}

#[test]
fn its_end_is_told_and_a_renewed_one_moves_it() {
    let mut server = server(true);
    let token = granting(START + 60, "*", &["subscribe"]);
    let (renews, _) = Socket::open_with(&mut server, &format!("/ws?token={token}"), "");
    let (forgets, _) = Socket::open_with(&mut server, &format!("/ws?token={token}"), "");
    for socket in [renews, forgets] {
        socket.ask(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    }
    pass_s(&mut server, 36);
    let texts = |server: &mut Server, socket: Socket| -> Vec<String> {
        socket.hear(server).iter().filter(|frame| frame.first & 0x0f == 1).map(|frame| frame.text()).collect()
    };
    for socket in [renews, forgets] {
        assert_eq!(texts(&mut server, socket), ["{\"type\":\"expiring\",\"in\":30}"]);
    }
    let token = granting(START + 200, "*", &["subscribe"]);
    assert_eq!(
        renews.ask(&mut server, &format!(r#"{{"type":"auth","token":"{token}"}}"#))[0]["type"],
        "authenticated"
    );
    for _ in 0..4 {
        pass_s(&mut server, 8);
        for socket in [renews, forgets] {
            socket.say(&mut server, r#"{"type":"ping"}"#);
        }
    }
    let frames = forgets.hear(&mut server);
    let [.., last, close] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(last.text(), "{\"type\":\"expired\"}");
    assert_eq!(close.close(), (1008, "the token has expired".into()));
    assert!(server.is_shut(forgets.0));
    server.push("a", "1");
    assert!(texts(&mut server, renews).last().is_some_and(|text| text.contains("\"data\":\"1\"")));
    assert_eq!(server.machine.counters().tokens_expired, 1);
}

#[test]
fn what_a_renewed_token_does_not_allow_is_over() {
    let mut server = server(true);
    let token = granting(LATER, "*", &["subscribe", "publish"]);
    let (socket, _) = Socket::open_with(&mut server, &format!("/ws?token={token}"), "");
    for channel in ["a", "b"] {
        socket.ask(&mut server, &format!(r#"{{"type":"subscribe","channel":"{channel}"}}"#));
    }
    let less = granting(LATER, "a", &["subscribe"]);
    let said = socket.ask(&mut server, &format!(r#"{{"type":"auth","token":"{less}","id":1}}"#));
    let [first, second] = &said[..] else { panic!("{said:?}") };
    assert_eq!(first["type"], "authenticated");
    assert_eq!(
        (&second["type"], &second["channel"], &second["status"]),
        (&json!("error"), &json!("b"), &json!(403))
    );
    server.push("a", "1");
    server.push("b", "2");
    let heard = socket.heard(&mut server);
    assert!(heard.len() == 1 && heard[0].contains("\"channel\":\"a\""), "{heard:?}");
    assert_eq!(server.machine.members("b"), 0);
    let said = socket.ask(&mut server, r#"{"type":"publish","channel":"a","data":1}"#);
    assert_eq!(said[0]["status"], 403);
    // One that is shown to subscribe is the same.
    let other = granting(LATER, "b", &["subscribe"]);
    let said =
        socket.ask(&mut server, &format!(r#"{{"type":"subscribe","channel":"b","token":"{other}","id":2}}"#));
    assert_eq!(said.iter().map(|one| one["channel"].clone()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((&said[0]["status"], &said[1]["type"]), (&json!(403), &json!("subscribed")));
}

#[test]
fn the_token_of_several_subscriptions_is_looked_at_once() {
    let mut server = server(true);
    let socket = Socket::open(&mut server);
    let subscribe = |token: &str, from: usize| {
        let names: Vec<String> = (from..from + 500).map(|n| format!("\"c{n}\"")).collect();
        format!(r#"{{"type":"subscribe","channels":[{}],"token":"{token}","id":3}}"#, names.join(","))
    };
    let kinds = |said: &[Value]| {
        let count = |kind: &str| said.iter().filter(|one| one["type"] == kind && one["id"] == 3).count();
        (count("subscribed"), count("error"))
    };
    let token = granting(LATER, "c*", &["subscribe"]);
    assert_eq!(kinds(&socket.ask(&mut server, &subscribe(&token, 0))), (500, 0));
    assert_eq!(server.machine.counters().tokens_accepted, 1);
    let wrong = granting(START - 10, "c*", &["subscribe"]);
    let said = socket.ask(&mut server, &subscribe(&wrong, 500));
    assert_eq!((kinds(&said), &said[499]["status"]), ((0, 500), &json!(401)));
    assert_eq!(server.machine.counters().tokens_refused, 1);
    // Those that there were go on, by the token that is in force.
    server.push("c7", "1");
    assert_eq!(socket.heard(&mut server).len(), 1);
    // One that allows less ends them, and each of the others is judged by it.
    let less = granting(LATER, "c7*", &["subscribe"]);
    let said = socket.ask(&mut server, &subscribe(&less, 500));
    assert_eq!(kinds(&said), (100, 400), "700 to 799");
    let over = said.iter().filter(|one| one["id"].is_null() && one["status"] == 403).count();
    assert_eq!(over, 500 - 11, "7, and 70 to 79 stay");
}

#[test]
fn where_none_is_required_sockets_are_as_they_were() {
    let mut config = config(false);
    config.front.publish = vec!["open.*".to_owned().try_into().expect("a pattern")];
    let mut server = Server::new(config);
    let socket = Socket::open(&mut server);
    assert_eq!(
        socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","seq":1}"#)[0]["type"],
        "subscribed"
    );
    assert_eq!(
        socket.ask(&mut server, r#"{"type":"publish","channel":"open.x","data":1}"#)[0]["type"],
        "published"
    );
    assert_eq!(socket.ask(&mut server, r#"{"type":"publish","channel":"a","data":1}"#)[0]["status"], 403);
    let token = granting(LATER, "a", &["publish"]);
    socket.ask(&mut server, &format!(r#"{{"type":"auth","token":"{token}"}}"#));
    let said = socket.ask(&mut server, r#"{"type":"publish","channel":"a","data":1,"id":1}"#);
    assert_eq!(said.iter().map(|one| one["type"].clone()).collect::<Vec<_>>(), ["published", "message"]);
}

#[test]
fn no_pattern_opens_what_is_between_bayeux_and_the_server() {
    let mut server = server(true);
    let signed: Value =
        serde_json::from_str(&server.ask(Role::Admin, "/sign?cname=%2Fservice%2Fx")).expect("JSON");
    let own = signed["token"].as_str().expect("a token");
    for pattern in ["*", "/service/*", "/service/x"] {
        let token = granting(LATER, pattern, &["subscribe"]);
        let (socket, _) = Socket::open_with(&mut server, &format!("/ws?token={token}"), "");
        let said = socket.ask(&mut server, r#"{"type":"subscribe","channel":"/service/x"}"#);
        assert_eq!((&said[0]["type"], &said[0]["status"]), (&json!("error"), &json!(403)), "{pattern}");
        let with = format!(r#"{{"type":"subscribe","channel":"/service/x","token":"{own}"}}"#);
        assert_eq!(socket.ask(&mut server, &with)[0]["type"], "subscribed", "by its own token: {pattern}");
    }
}

/// By whether there is room to name them, nobody learns how many people are where it may not read.
#[test]
fn people_count_only_where_one_may_read() {
    let mut config = config(true);
    config.limits.presence_bytes_max = 5_000;
    let mut server = Server::new(config);
    let any = granting(LATER, "*", &["subscribe", "presence"]);
    for n in 0..30 {
        for channel in ["board-1", "board-2"] {
            let (person, _) = Socket::open_with(&mut server, &format!("/ws?token={any}"), "");
            let ask = format!(r#"{{"type":"subscribe","channel":"{channel}","who":"person-number-{n}"}}"#);
            assert_eq!(person.ask(&mut server, &ask)[0]["type"], "subscribed");
        }
    }
    let mine = granting(LATER, "mine-*", &["subscribe", "presence"]);
    let stranger = Socket::open(&mut server);
    let (knows_one, _) = Socket::open_with(&mut server, &format!("/ws?token={mine}"), "");
    for count in [2, 10, 100] {
        let mut names = ["board-1", "board-2", "nobody"].repeat(count);
        names.insert(count, "mine-1");
        names.insert(1, "mine-2");
        let all = json!({"type": "subscribe", "channels": names, "who": "x", "id": 1}).to_string();
        let refused = stranger.ask(&mut server, &all);
        assert!(refused.iter().all(|said| said["status"] == 401), "{count}: {refused:?}");
        let heard = knows_one.ask(&mut server, &all);
        let said: Vec<&Value> = heard.iter().filter(|said| said["id"] == 1).collect();
        assert_eq!(said.len(), names.len(), "{count}");
        for (name, said) in names.iter().zip(said) {
            let wanted = if name.starts_with("mine") { "subscribed" } else { "error" };
            assert_eq!(said["type"], wanted, "{count} {name}: {said}");
            assert!(wanted == "subscribed" || said["status"] == 403, "{count} {name}: {said}");
        }
        for name in ["mine-1", "mine-2"] {
            knows_one.ask(&mut server, &format!(r#"{{"type":"unsubscribe","channel":"{name}"}}"#));
        }
    }
    assert_eq!(server.machine.counters().presences_refused, 0);
    // Where it may read all of them, there is no room.
    let (reads, _) = Socket::open_with(&mut server, &format!("/ws?token={any}"), "");
    let ask = r#"{"type":"subscribe","channels":["board-1","board-2","mine-1","mine-2"],"who":"x"}"#;
    let refused = reads.ask(&mut server, ask);
    assert!(refused.len() == 4 && refused.iter().all(|said| said["status"] == 413), "{refused:?}");
}
