//! Which of several channels it is that is refused, and that nothing else is said of any.
use super::*;

/// A refusal's members but `type` and `title`.
fn said(server: &mut Server, target: &str) -> Value {
    let (status, text) = ask(server, Role::Front, &format!("GET {target}"), "");
    let said: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(said["status"], status, "{text}");
    let mut members: Vec<&str> = said.as_object().expect("an object").keys().map(String::as_str).collect();
    members.retain(|name| *name != "channel");
    assert_eq!(members, ["detail", "status", "title", "type"]);
    json!([status, said.get("channel"), said["detail"]])
}

#[test]
fn the_channel_that_is_refused_is_named() {
    let mut config = Config::default();
    config.front.auth = Auth::Token;
    let mut server = Server::new(config);
    let text = server.ask(Role::Admin, "/sign?cname=a");
    let a = serde_json::from_str::<Value>(&text).expect("JSON")["token"].as_str().expect("one").to_owned();
    let words = "the channel's token is missing or wrong";
    // The first that is refused, wherever it stands, on every kind of answer.
    for query in [
        format!("channel=a&channel=b&channel=c&token={a}"),
        format!("channel=a&channel=b&token={a}&token={a}"),
    ] {
        for more in ["", "&wait=0", "&history=all"] {
            assert_eq!(said(&mut server, &format!("/events?{query}{more}")), json!([403, "b", words]));
        }
    }
    let two = format!("channel=b&channel=a&token=&token={a}");
    assert_eq!(said(&mut server, &format!("/events?{two}")), json!([403, "b", words]));
    assert_eq!(said(&mut server, "/events?channel=none"), json!([403, "none", words]));
    // What is asked is a string to JSON, whatever is in it.
    let nasty = "/events?channel=%22%5C%3C%2Fscript%3E%E2%80%A8%F0%9F%98%80%22,%22status%22:200";
    let name = "\"\\</script>\u{2028}\u{1f600}\",\"status\":200";
    assert_eq!(said(&mut server, nasty), json!([403, name, words]));
    assert_eq!(said(&mut server, "/history?channel=a"), json!([403, null, words]), "only one was asked for");
}

#[test]
fn a_channel_that_cannot_be_is_named_too() {
    let mut config = Config::default();
    config.limits.subscribers_per_channel_max = 1;
    config.limits.channels_max = 2;
    let mut server = Server::new(config);
    let listener = stream(&mut server, "channel=a&channel=b", "application/x-ndjson");
    assert!(server.received(listener).contains("ready"));
    let full = said(&mut server, "/events?channel=b");
    assert_eq!((&full[0], &full[1]), (&json!(429), &json!("b")), "{full}");
    let many = said(&mut server, "/events?channel=c");
    assert_eq!((&many[0], &many[1]), (&json!(429), &json!("c")), "{many}");
    server.vanish(listener);
    let unfit = said(&mut server, "/events?channel=a&channel=%0A%22");
    assert_eq!((&unfit[0], &unfit[1]), (&json!(400), &json!("\n\"")), "{unfit}");
}

#[test]
fn a_request_that_is_refused_names_none() {
    let mut config = Config::default();
    config.limits.channels_per_subscription_max = 2;
    let mut server = Server::new(config);
    for query in ["", "?channel=a&cursor=x", "?channel=a&channel=b&channel=c", "?channel=a&who=%0A"] {
        let said = said(&mut server, &format!("/events{query}"));
        assert_eq!((&said[0], &said[1]), (&json!(400), &json!(null)), "{query}: {said}");
    }
}

#[test]
fn a_name_that_is_no_text_is_refused_and_not_taken_for_another() {
    let mut server = server();
    let words = "a channel's name is not UTF-8: expected text, percent-encoded";
    for (side, request) in [
        (Role::Front, "GET /events?channel=a&channel=%FF"),
        (Role::Front, "GET /events?channel=%C3&wait=0"),
        (Role::Front, "GET /history?channel=a%FE"),
        (Role::Front, "GET /presence?channel=a&channel=%FF"),
        (Role::Admin, "GET /explain?channel=%FF&seq=1"),
        (Role::Admin, "GET /channels/%FF"),
        (Role::Admin, "GET /clients?channel=%FF"),
        (Role::Admin, "DELETE /channels/a%FF"),
        (Role::Admin, "GET /channels?prefix=%FF"),
        (Role::Admin, "GET /channels?after=%FF"),
    ] {
        let (status, text) = ask(&mut server, side, request, "");
        let said: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{request}: {e}: {text}"));
        assert_eq!(
            (status, &said["status"], &said["detail"]),
            (400, &json!(400), &json!(words)),
            "{request}"
        );
    }
    for (request, of) in [
        ("GET /events?channel=a&who=%FF", "who"),
        ("GET /events?channel=a&channel=b&who=a%C3", "who"),
        ("GET /events?channel=a&token=%FF", "a token"),
        ("GET /events?channel=a&channel=b&token=x&token=%FF", "a token"),
        ("GET /history?channel=a&token=%FF", "a token"),
        ("GET /presence?channel=a&token=%FF", "a token"),
        ("POST /publish?token=%FF", "a token"),
        ("GET /ws?token=%FF", "a token"),
    ] {
        let json = "\r\nContent-Type: application/json";
        let upgrade = "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        let fields = if request.contains("/ws") { upgrade } else { json };
        let body = if request.starts_with("POST") { r#"{"channel":"a","data":1}"# } else { "" };
        let client = server.connect(Role::Front);
        let length = body.len();
        server.send(
            client,
            format!("{request} HTTP/1.1\r\nHost: x{fields}\r\nContent-Length: {length}\r\n\r\n{body}"),
        );
        let answer = server.received(client);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request}: {answer}");
        assert!(answer.contains(&format!("{of} is not UTF-8: expected text, percent-encoded")), "{answer}");
    }
    // The character that stands for what cannot be read is one as others are.
    for request in [
        "GET /presence?channel=%EF%BF%BD",
        "GET /presence?channel=%C3%A4",
        "GET /presence?channel=a+b",
        "GET /events?channel=a&who=%EF%BF%BD&wait=0",
    ] {
        assert_eq!(ask(&mut server, Role::Front, request, "").0, 200, "{request}");
    }
    // In bodies.
    for path in ["/publish", "/disconnect"] {
        let client = server.connect(Role::Admin);
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
        let text = b"{\"channel\":\"\xff\",\"data\":1}";
        server.send(
            client,
            [format!("{head}Content-Length: {}\r\n\r\n", text.len()).as_bytes(), text].concat(),
        );
        let answer = server.received(client);
        let words = "the body is not UTF-8, as JSON is";
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(words), "{path}: {answer}");
    }
}
