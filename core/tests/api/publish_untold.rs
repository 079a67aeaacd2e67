//! `POST /publish` as people try it first, and what pages of other origins may read of its answers.
use rcomet_core::{Config, Role};
use serde_json::Value;

use super::support::{Server, split};
use super::{ask, server};

#[test]
fn json_that_is_not_said_to_be_is_told_which_type_is_wanted() {
    let mut server = server();
    for kind in ["", "\nContent-Type: application/x-www-form-urlencoded"] {
        let text = r#"{"channel":"a","data":"x"}"#;
        let (status, body) = ask(&mut server, Role::Admin, &format!("POST /publish{kind}"), text);
        let said: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
        assert_eq!((status, &said["status"]), (415, &415.into()));
        assert!(
            said["detail"].as_str().is_some_and(|words| words.contains("Content-Type: application/json")),
            "{said}"
        );
    }
    // What only begins like it is another type.
    let text = r#"{"channel":"a","data":"x"}"#;
    for kind in ["application/jsonx", "application/json-seq", "application/jsonp; charset=utf-8"] {
        let request = format!("POST /publish\nContent-Type: {kind}");
        assert_eq!(ask(&mut server, Role::Admin, &request, text).0, 415, "{kind}");
    }
    for kind in ["application/json", "application/json;charset=utf-8", "Application/JSON ; charset=utf-8"] {
        let request = format!("POST /publish\nContent-Type: {kind}");
        assert_eq!(ask(&mut server, Role::Admin, &request, text).0, 200, "{kind}");
    }
    // The front has nobody else who publishes there.
    for (kind, query, text, wanted) in [
        ("", "", r#"{"channel":"a","data":"x"}"#, 415),
        ("", "?channel=a", "text", 415),
        ("\nContent-Type: text/plain", "", "text", 415),
        ("\nContent-Type: application/json", "?channel=a", r#"{"channel":"a","data":"x"}"#, 400),
        ("\nContent-Type: application/json", "", r#"{"channel":"a","data":"x"}"#, 403),
    ] {
        let (status, body) = ask(&mut server, Role::Front, &format!("POST /publish{query}{kind}"), text);
        let said: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
        assert_eq!((status, &said["status"]), (wanted, &wanted.into()), "{query}{kind}: {said}");
    }
    // Where CComet is beside it, that publishes by GET alone.
    let mut config = Config::default();
    config.ccomet.on_front = true;
    let mut beside = Server::new(config);
    // And who publishes by names in the query on the admin side has not said one.
    for (side, kind, query, text, wanted) in [
        (Role::Front, "", "", r#"{"channel":"a","data":"x"}"#, 415),
        (Role::Front, "\nContent-Type: text/plain", "?channel=a", "text", 415),
        (Role::Front, "\nContent-Type: application/json", "?channel=a", r#"{"channel":"a","data":"x"}"#, 400),
        (Role::Admin, "", "?token=t", r#"{"channel":"a","data":"x"}"#, 415),
        (Role::Admin, "\nContent-Type: application/json", "?x=1", r#"{"channel":"a","data":"x"}"#, 400),
        (Role::Admin, "\nContent-Type: application/json", "?x=1", "text", 400),
    ] {
        let (status, body) = ask(&mut beside, side, &format!("POST /publish{query}{kind}"), text);
        let said: Value =
            serde_json::from_str(&body).unwrap_or_else(|e| panic!("{query}{kind}: {e}: {body}"));
        assert_eq!((status, &said["status"]), (wanted, &wanted.into()), "{query}{kind}: {said}");
    }
    let (status, body) = ask(&mut server, Role::Front, "GET /publish", "");
    assert!(status == 405 && body.contains("\"status\":405"), "{body}");
    let mut config = Config::default();
    config.ccomet.on_front = true;
    let (_, body) = ask(&mut Server::new(config), Role::Front, "GET /publish?channel=a&callback=f", "");
    assert!(body.contains("f("), "CComet's words stay where it is: {body}");
    // The push module's own words stay where it is meant.
    let (status, body) = ask(&mut server, Role::Admin, "POST /publish", "text");
    assert_eq!((status, body.trim()), (404, "No channel id provided."));
    let (status, _) = ask(&mut server, Role::Admin, "POST /publish?channel=a", "{\"a\":1}");
    assert!(status == 201 || status == 202, "a message may look like JSON: {status}");
}

#[test]
fn pages_of_other_origins_may_read_that_it_was_a_repetition() {
    let mut config = Config::default();
    config.front.publish = vec!["open.*".to_owned().try_into().expect("a pattern")];
    let mut server = Server::new(config);
    let text = r#"{"channel":"open.a","data":"x"}"#;
    let fields =
        format!("Content-Type: application/json\r\nIdempotency-Key: k\r\nContent-Length: {}", text.len());
    let mut heads = Vec::new();
    for _ in 0..2 {
        let client = server.connect(Role::Front);
        server.send(client, format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}"));
        heads.push(split(&server.received(client)).0);
    }
    assert!(!heads[0].contains("Access-Control-Expose-Headers"), "{}", heads[0]);
    assert!(heads[1].contains("\r\nIdempotent-Replayed: true"), "{}", heads[1]);
    assert!(heads[1].contains("\r\nAccess-Control-Expose-Headers: Idempotent-Replayed"), "{}", heads[1]);
}

/// icomet's paths go on behind a cursor of any other.
#[test]
fn icomets_paths_take_a_cursor() {
    let mut server = server();
    for n in 1..=3 {
        server.push("a", &format!("m{n}"));
    }
    let (_, body) = ask(&mut server, Role::Front, "GET /history?channel=a", "");
    let past: Value = serde_json::from_str(&body).expect("JSON");
    let cursor = past["messages"][1]["cursor"].as_str().expect("a cursor");
    for path in ["/stream", "/sse", "/poll", "/sub"] {
        let client = server.connect(Role::Front);
        server.send(client, format!("GET {path}?cname=a&cursor={cursor} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let said = server.received(client);
        assert!(said.contains("m3") && !said.contains("m2") && !said.contains("gap"), "{path}: {said}");
        let (status, body) = ask(&mut server, Role::Front, &format!("GET {path}?cname=a&cursor=none"), "");
        assert!(status == 400 || body.contains("32 characters"), "{path}: {status} {body}");
    }
}
