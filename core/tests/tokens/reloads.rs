//! Other rules come into force while publishers are connected: what let them in may not hold any more.
use super::websocket::{HANDSHAKE, Socket, close, text};
use super::*;

/// Open to everybody, with locations by which WebSockets publish.
fn open() -> Config {
    let mut config = config(false);
    config.front.publish = vec!["*".to_owned().try_into().expect("a pattern")];
    config.bayeux.publish = vec!["/**".to_owned().try_into().expect("a pattern")];
    for location in [
        r#"{"path": "/in/{id}", "role": "publisher", "on": ["front"]}"#,
        r#"{"path": "/both/{id}", "role": "pubsub", "on": ["front"]}"#,
        r#"{"path": "/out/{id}", "role": "subscriber", "on": ["front"]}"#,
        r#"{"path": "/pub/{id}", "role": "publisher", "on": ["admin"]}"#,
        r#"{"path": "/asked/{id}", "role": "publisher", "on": ["front"],
            "authorize_request": "http://127.0.0.1:9000/auth"}"#,
    ] {
        config.push.location.push(serde_json::from_str(location).expect("a location"));
    }
    config
}

fn upgrade(server: &mut Server, role: Role, path: &str) -> Socket {
    let client = server.connect(role);
    server.send(client, format!("GET {path} HTTP/1.1\r\n{HANDSHAKE}\r\n"));
    if !server.asked.is_empty() {
        server.reply_to_hook("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    let head = server.received(client);
    assert!(head.starts_with("HTTP/1.1 101 "), "{path}: {head}");
    Socket(client)
}

fn close_of(server: &mut Server, socket: Socket) -> (u16, String) {
    match &socket.hear(server)[..] {
        [one] => one.close(),
        other => panic!("not a close alone: {other:?}"),
    }
}

fn published(server: &mut Server) -> u64 {
    server.machine.counters().published
}

#[test]
fn a_publisher_without_a_token_goes_when_tokens_are_required() {
    let mut server = Server::new(open());
    let shut = [upgrade(&mut server, Role::Front, "/in/a"), upgrade(&mut server, Role::Front, "/both/a")];
    let reader = upgrade(&mut server, Role::Front, "/out/a");
    let asked = upgrade(&mut server, Role::Front, "/asked/a");
    let admin = upgrade(&mut server, Role::Admin, "/pub/a");
    for socket in shut.into_iter().chain([asked, admin]) {
        socket.send(&mut server, text("x"));
    }
    assert_eq!(published(&mut server), 4);
    for socket in [shut[0], shut[1], reader, asked, admin] {
        socket.hear(&mut server);
    }
    let mut closed = open();
    closed.token.required = true;
    server.machine.reconfigure(closed.clone());
    server.pass_ms(1);
    for socket in shut {
        let (code, words) = close_of(&mut server, socket);
        assert!(code == 1008 && words.contains("token.required"), "{code} {words}");
        socket.send(&mut server, text("strange"));
    }
    assert_eq!(published(&mut server), 4, "nothing of it is published");
    assert_eq!(server.machine.counters().publishes_refused, 2);
    // Those whom an application has let in, those of the admin side, and those who only read, are as they were.
    for socket in [asked, admin] {
        socket.send(&mut server, text("y"));
    }
    assert_eq!((published(&mut server), reader.hear(&mut server).len()), (6, 2));
    // A second reload of the same changes nothing.
    server.machine.reconfigure(closed);
    asked.send(&mut server, text("z"));
    assert_eq!(published(&mut server), 7);
    server.vanish(reader.0);
}

#[test]
fn a_publisher_whose_location_is_another_connects_again() {
    let mut server = Server::new(open());
    let (one, other) =
        (upgrade(&mut server, Role::Front, "/in/a"), upgrade(&mut server, Role::Front, "/both/a"));
    let reader = upgrade(&mut server, Role::Front, "/out/a");
    // Others may come before it: it is the same location still.
    let mut moved = open();
    moved.push.location.rotate_right(1);
    server.machine.reconfigure(moved.clone());
    one.send(&mut server, text("1"));
    other.send(&mut server, text("2"));
    assert_eq!((published(&mut server), reader.hear(&mut server).len()), (2, 2));
    other.hear(&mut server);
    one.hear(&mut server);
    // One is gone, and the other is for readers now.
    moved.push.location.retain(|location| location.path.to_string() != "/in/{id}");
    for location in &mut moved.push.location {
        if location.path.to_string() == "/both/{id}" {
            location.role = rcomet_core::config::Duty::Subscriber;
        }
    }
    server.machine.reconfigure(moved);
    server.pass_ms(1);
    for socket in [one, other] {
        let (code, words) = close_of(&mut server, socket);
        assert!(code == 1012 && words.contains("connect again"), "{code} {words}");
        socket.send(&mut server, text("3"));
    }
    assert_eq!(published(&mut server), 2);
    server.push("a", "for readers");
    assert_eq!(reader.hear(&mut server).len(), 1, "who only reads stays");
}

/// Whoever waits for an application's word is let in by the rules that hold when it comes.
#[test]
fn a_publisher_whose_location_goes_while_its_application_is_asked() {
    let mut server = Server::new(open());
    let client = server.connect(Role::Front);
    server.send(client, format!("GET /asked/a HTTP/1.1\r\n{HANDSHAKE}\r\n"));
    let mut gone = open();
    gone.push.location.retain(|location| location.path.to_string() != "/asked/{id}");
    server.machine.reconfigure(gone);
    server.reply_to_hook("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let answer = server.received(client);
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

/// A message that waits for readers, or for an application, is not published when the rules change meanwhile.
#[test]
fn what_a_publisher_has_sent_and_waits_goes_with_it() {
    let mut config = open();
    config.limits.history_messages_max = 1;
    let mut server = Server::new(config.clone());
    let one = upgrade(&mut server, Role::Front, "/in/a");
    server.send_in_this_turn(one.0, text("first"));
    config.token.required = true;
    server.machine.reconfigure(config);
    server.send(one.0, text("second"));
    let before = published(&mut server);
    one.send(&mut server, text("third"));
    assert!(before <= 1 && published(&mut server) == before, "{before}");
    assert_eq!(server.machine.counters().publishes_refused, 1);
}

/// The native protocol and Bayeux look at the rules with each message; the connection lives on.
#[test]
fn each_message_on_a_websocket_is_looked_at_by_the_rules_of_now() {
    let mut server = Server::new(open());
    let native = Socket::open(&mut server);
    let publish = r#"{"type":"publish","channel":"a","data":"x"}"#;
    assert_eq!(native.ask(&mut server, publish)[0]["type"], "published");
    let bayeux = upgrade(&mut server, Role::Front, "/cometd");
    let shake = r#"[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["websocket"]}]"#;
    let client = bayeux.ask(&mut server, shake)[0][0]["clientId"].as_str().expect("an id").to_owned();
    let message = format!(r#"[{{"channel":"/a","clientId":"{client}","data":1}}]"#);
    assert_eq!(bayeux.ask(&mut server, &message)[0][0]["successful"], true);
    let mut narrower = open();
    narrower.front.publish.clear();
    narrower.bayeux.publish.clear();
    let mut closed = open();
    closed.token.required = true;
    for (config, status) in [(narrower, 403), (closed, 401)] {
        server.machine.reconfigure(config);
        let said = native.ask(&mut server, publish);
        assert_eq!((&said[0]["type"], &said[0]["status"]), (&json!("error"), &json!(status)));
        let said = bayeux.ask(&mut server, &message);
        assert_eq!(said[0][0]["error"], "403::publish_denied");
    }
    assert_eq!(published(&mut server), 2);
    // A token opens it again, without another connection.
    let token = granting(LATER, "a", &["publish"]);
    native.ask(&mut server, &format!(r#"{{"type":"auth","token":"{token}"}}"#));
    assert_eq!(native.ask(&mut server, publish)[0]["type"], "published");
    native.send(&mut server, close(1000));
}
