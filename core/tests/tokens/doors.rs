//! With tokens required, no other dialect is a way round them: nothing is published from the public sides, and what is read there
//! is opened by the channel's own token, which the application gives.
use super::websocket::{HANDSHAKE, text};
use super::*;

fn closed() -> Server {
    let mut config = config(true);
    // All that could let strangers publish.
    config.front.publish = vec!["*".to_owned().try_into().expect("a pattern")];
    config.bayeux.publish = vec!["/**".to_owned().try_into().expect("a pattern")];
    config.ccomet.publish = true;
    config.ccomet.on_front = true;
    config.simple_comet.publish = true;
    config.simple_comet.on_front = true;
    config.simple_comet.enable_status = true;
    let location = r#"{"path": "/nchan/{id}", "role": "pubsub", "on": ["front"]}"#;
    config.push.location.push(serde_json::from_str(location).expect("a location"));
    for location in [
        r#"{"path": "/in/{id}", "role": "publisher", "on": ["front"]}"#,
        r#"{"path": "/figures", "role": "stub_status", "on": ["front"]}"#,
        r#"{"path": "/readers/{id}", "role": "subscriber_info", "on": ["front"]}"#,
        r#"{"path": "/changed/{id}", "role": "publisher", "on": ["front"],
            "publisher_upstream_request": "http://127.0.0.1:9000/change"}"#,
        r#"{"path": "/asked/{id}", "role": "publisher", "on": ["front"],
            "authorize_request": "http://127.0.0.1:9000/auth"}"#,
    ] {
        config.push.location.push(serde_json::from_str(location).expect("a location"));
    }
    Server::new(config)
}

#[test]
fn nothing_is_published_from_outside_without_one() {
    let mut server = closed();
    server.push("a", "before");
    server.push("/a/b", "before");
    let form = "Content-Type: application/x-www-form-urlencoded";
    for (role, request, text) in [
        (Role::Front, "GET /push?cname=a&content=x".to_owned(), ""),
        (Role::Front, "GET /pub?channel=a&message=x".to_owned(), ""),
        (Role::Front, format!("POST /push\n{form}"), "cname=a&content=x"),
        (Role::Front, format!("POST /channels/a.json\n{form}"), "content=x"),
        (Role::SimpleComet, format!("POST /channels/a.json\n{form}"), "content=x"),
        (Role::SimpleComet, format!("POST /channels.json\n{form}"), "channel_id=new"),
        (Role::SimpleComet, format!("POST /clients.json\n{form}"), "client_id=new"),
        (Role::SimpleComet, "DELETE /channels/a.json".to_owned(), ""),
        (Role::SimpleComet, "GET /status.json".to_owned(), ""),
        (Role::Ccomet, "GET /pub?channel=a&msg=x&message=x".to_owned(), ""),
        (Role::Ccomet, "GET /publish?channel=a&msg=x&message=x".to_owned(), ""),
        (Role::Front, "POST /nchan/a\nContent-Type: text/plain".to_owned(), "x"),
        (Role::Front, "DELETE /nchan/a".to_owned(), ""),
        (Role::Front, "POST /in/a\nContent-Type: text/plain".to_owned(), "x"),
        (Role::Front, "POST /changed/a\nContent-Type: text/plain".to_owned(), "x"),
    ] {
        let before = (server.machine.standing("a"), server.machine.load());
        let (_, body) = ask(&mut server, role, &request, text);
        assert_eq!(
            (server.machine.standing("a"), server.machine.load()),
            before,
            "{role:?} {request}: {body}"
        );
    }
    assert_eq!(server.machine.counters().published, 2);
    // Bayeux: a session, and a publish on it.
    let shake =
        r#"[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}]"#;
    let (_, said) = ask(&mut server, Role::Front, "POST /cometd\nContent-Type: application/json", shake);
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let client = said[0]["clientId"].as_str().expect("a session");
    for channel in ["/a/b", "/service/x"] {
        let text = json!([{"channel": channel, "clientId": client, "data": "x"}]).to_string();
        let (_, said) = ask(&mut server, Role::Front, "POST /cometd\nContent-Type: application/json", &text);
        assert!(said.contains("403::publish_denied"), "{said}");
    }
    let text =
        json!([{"channel": "/meta/subscribe", "clientId": client, "subscription": "/a/b"}]).to_string();
    let (_, said) = ask(&mut server, Role::Front, "POST /cometd\nContent-Type: application/json", &text);
    assert!(said.contains("403::Token error"), "{said}");
    assert_eq!(server.machine.counters().published, 2);
    // The application's side is as it was.
    server.push("a", "after");
}

#[test]
fn nothing_is_read_there_without_one_either() {
    let mut server = closed();
    server.push("a", "secret");
    for (role, request) in [
        (Role::Front, "GET /sub?cname=a&seq=1"),
        (Role::Front, "GET /poll?cname=a&seq=1"),
        (Role::Front, "GET /sse?cname=a&seq=1"),
        (Role::Front, "GET /stream?cname=a&seq=1"),
        (Role::Front, "GET /iframe?cname=a&seq=1"),
        (Role::Front, "GET /sub?channel=a&seq=0"),
        (Role::Ccomet, "GET /sub?channel=a&seq=0"),
        (Role::Ccomet, "GET /subscribe?channel=a&seq=0"),
        (Role::Front, "GET /channels/a.json"),
        (Role::SimpleComet, "GET /channels/a.json"),
        (Role::Front, "GET /activity?channel=a"),
        (Role::Front, "GET /nchan/a"),
        (Role::Front, "GET /history?channel=a"),
        (Role::Front, "GET /events?channel=a&history=all"),
    ] {
        let (head, body) = ask(&mut server, role, request, "");
        assert!(!body.contains("secret"), "{role:?} {request}: {head}\n{body}");
        assert_eq!(server.machine.members("a"), 0, "{request}");
    }
}

#[test]
fn a_publishers_websocket_is_no_way_in() {
    let mut server = closed();
    server.push("a", "before");
    let upgrade = |server: &mut Server, path: &str| {
        let client = server.connect(Role::Front);
        server.send(client, format!("GET {path} HTTP/1.1\r\n{HANDSHAKE}\r\n"));
        client
    };
    for path in ["/in/a", "/nchan/a", "/changed/a"] {
        let client = upgrade(&mut server, path);
        server.send(client, text("strange"));
        let answer = server.received(client);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{path}: {answer}");
        assert!(server.asked.is_empty(), "{path}: nobody is asked what is refused in any case");
    }
    // Where the application is asked, its word is as good as a token.
    for (status, wanted) in [(403, 1), (200, 2)] {
        let client = upgrade(&mut server, "/asked/a");
        server.reply_to_hook(&format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"));
        server.send(client, text("let in"));
        assert_eq!(server.machine.counters().published, wanted);
    }
}

#[test]
fn what_is_the_publishers_affair_is_not_told_either() {
    let mut server = closed();
    server.push("a", "before");
    for request in
        ["GET /in/a", "HEAD /in/a", "GET /changed/a", "GET /figures", "GET /readers/a", "GET /in/none"]
    {
        let (head, body) = ask(&mut server, Role::Front, request, "");
        assert!(head.starts_with("HTTP/1.1 403 "), "{request}: {head}\n{body}");
        assert!(server.asked.is_empty());
    }
    let client = server.connect(Role::Front);
    assert_eq!(server.get(client, "/asked/a"), "");
    server.reply_to_hook("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let answer = server.received(client);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("queued"), "{answer}");
}
