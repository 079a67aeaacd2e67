//! Signed tokens in memory: what they let in, what they do not, and how it is said that their time is over.
#[path = "support/bayeux.rs"]
mod bayeux;
#[path = "tokens/bounds.rs"]
mod bounds;
#[path = "tokens/doors.rs"]
mod doors;
#[path = "tokens/expiry.rs"]
mod expiry;
#[path = "support/jwt.rs"]
mod jwt;
#[path = "tokens/known.rs"]
mod known;
#[path = "tokens/refused.rs"]
mod refused_in;
#[path = "tokens/reloads.rs"]
mod reloads;
#[path = "tokens/sockets.rs"]
mod sockets;
#[path = "support/mod.rs"]
mod support;
#[path = "tokens/warnings.rs"]
mod warnings;
#[path = "support/websocket.rs"]
mod websocket;

use jwt::{claims, granting, token, token_by};
use rcomet_core::config::Auth;
use rcomet_core::time::Date;
use rcomet_core::token::Algorithm;
use rcomet_core::{Config, Role};
use serde_json::{Value, json};
use support::{Client, START, Server, split};

/// Tokens of most tests are good until then.
const LATER: u64 = START + 3_600;

fn config(required: bool) -> Config {
    let mut config = Config::default();
    config.token.keys = jwt::keys();
    config.token.required = required;
    config
}

fn server(required: bool) -> Server {
    Server::new(config(required))
}

/// Lets time pass on both clocks.
fn pass_s(server: &mut Server, seconds: u64) {
    for _ in 0..seconds {
        server.machine.set_date(Date::from_unix(START + server.now.0 / 1_000 + 1));
        server.pass_ms(1_000);
    }
}

/// A request with its fields, each on a line; gives the answer's head and body.
fn ask(server: &mut Server, role: Role, request: &str, text: &str) -> (String, String) {
    let client = server.connect(role);
    let (line, fields) = request.split_once('\n').unwrap_or((request, ""));
    let fields: String = fields.lines().map(|field| format!("{field}\r\n")).collect();
    let length = if text.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", text.len()) };
    server.send(client, format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}{length}\r\n{text}"));
    let answer = split(&server.received(client));
    server.vanish(client);
    answer
}

/// The status and the words of a refusal, or the status of what is none.
fn refused(server: &mut Server, request: &str, text: &str) -> (u16, String) {
    let (head, body) = ask(server, Role::Front, request, text);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let said: Value = serde_json::from_str(&body).unwrap_or_default();
    if status >= 400 {
        assert!(head.contains("Content-Type: application/problem+json\r\n"), "{head}");
        assert_eq!(said["status"], status);
    }
    if status == 401 {
        assert!(head.contains("WWW-Authenticate: Bearer"), "{head}");
    }
    (status, said["detail"].as_str().unwrap_or_default().to_owned())
}

fn status(server: &mut Server, request: &str) -> u16 {
    refused(server, request, "").0
}

/// Publishes from the public side; gives the status.
fn publish(server: &mut Server, token: &str, text: &str) -> u16 {
    let request = format!("POST /publish\nContent-Type: application/json\nAuthorization: Bearer {token}");
    refused(server, &request, text).0
}

fn poll(server: &mut Server, query: &str) -> Value {
    let (head, body) =
        ask(server, Role::Front, &format!("GET /events?{query}\nAccept: application/json"), "");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}\n{body}");
    serde_json::from_str(&body).expect("JSON")
}

fn stream(server: &mut Server, query: &str) -> Client {
    let client = server.connect(Role::Front);
    server.send(client, format!("GET /events?{query} HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n"));
    client
}

fn lines(text: &str) -> Vec<Value> {
    let body = if text.starts_with("HTTP/") { split(text).1 } else { text.to_owned() };
    body.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn kinds(said: &[Value]) -> Vec<&str> {
    said.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

#[test]
fn a_token_says_what_may_be_done_where() {
    let mut server = server(true);
    let all = granting(LATER, "room/*", &["subscribe", "publish", "presence", "history"]);
    let reads = granting(LATER, "room/*", &["subscribe"]);
    let get = |path: &str, token: &str| {
        format!("GET {path}\nAccept: application/json\nAuthorization: Bearer {token}")
    };
    assert_eq!(publish(&mut server, &all, r#"{"channel":"room/1","data":"x"}"#), 200);
    for (path, token, wanted) in [
        ("/events?channel=room/1", &all, 200),
        ("/events?channel=room/1&history=all", &all, 200),
        ("/events?channel=room/1&channel=room/2&who=Ann", &all, 200),
        ("/events?channel=room/1&channel=other&who=Ann", &all, 403),
        ("/events?channel=room/1&who=Ann", &all, 200),
        ("/history?channel=room/1", &all, 200),
        ("/presence?channel=room/1&channel=room/2", &all, 200),
        ("/events?channel=room/1", &reads, 200),
        ("/events?channel=room/new", &reads, 200),
        ("/events?channel=room/1&history=all", &reads, 403),
        ("/events?channel=room/1&history=1", &reads, 403),
        ("/events?channel=room/1&who=Ann", &reads, 403),
        ("/history?channel=room/1", &reads, 403),
        ("/presence?channel=room/1", &reads, 403),
        ("/presence?channel=room/1&channel=other", &all, 403),
        ("/events?channel=other", &all, 403),
        ("/events?channel=room/1&channel=other", &all, 403),
        ("/history?channel=none", &all, 403),
    ] {
        assert_eq!(status(&mut server, &get(path, token)), wanted, "{path}");
    }
    assert_eq!(publish(&mut server, &reads, r#"{"channel":"room/1","data":"x"}"#), 403);
    assert_eq!(
        publish(&mut server, &all, r#"{"channels":["room/1","other"],"data":"x"}"#),
        403,
        "all or none"
    );
    assert_eq!(server.machine.standing("room/1").map(|s| s.head), Some(2));
    assert!(server.machine.standing("other").is_none(), "who may not read a channel does not make it");
    // In the query, for event sources; and what has no token hears so.
    assert_eq!(poll(&mut server, &format!("channel=room/1&token={reads}"))["events"], json!([]));
    let twice = format!("channel=room/1&channel=room/2&token={reads}&token={reads}");
    assert_eq!(poll(&mut server, &twice)["events"], json!([]), "the same for each");
    let both = format!("GET /events?channel=room/1&channel=room/2&token={reads}&token={all}");
    assert_eq!(status(&mut server, &both), 400);
    let (code, words) = refused(&mut server, "GET /events?channel=room/1", "");
    assert!(code == 401 && words.contains("Authorization: Bearer"), "{code} {words}");
    // The admin side has no need of any.
    assert!(ask(&mut server, Role::Admin, "GET /history?channel=room/1", "").0.starts_with("HTTP/1.1 200 "));
    assert!(server.machine.counters().tokens_refused > 8 && server.machine.counters().tokens_accepted > 8);
}

#[test]
fn whose_tokens_are_wrong_hears_why() {
    let mut server = server(false);
    let good = claims(LATER, "*", &["subscribe"]);
    for (token, words) in [
        (granting(START - 10, "*", &["subscribe"]), "has expired"),
        (token(&json!({"exp": LATER, "nbf": START + 60})), "not valid yet"),
        (token(&json!({"channels": []})), "has no exp"),
        (token(&good).replace('J', "K"), ""),
        (token(&good) + "A", ""),
        (
            token(&json!({"exp": LATER, "channels": [{"match": "*", "do": ["everything"]}]})),
            "a do of the token's channels",
        ),
        ("a.b.c".into(), "is no signed token"),
    ] {
        // Also where nobody has to show one: who shows one that is wrong is not served as if there were none.
        let (code, said) = refused(&mut server, &format!("GET /history?channel=a&token={token}"), "");
        assert!(code == 401 && said.contains(words), "{code} {said}");
        assert!(!said.contains(&token));
    }
    assert_eq!(server.machine.counters().tokens_refused, 7);
}

#[test]
fn all_three_algorithms_work() {
    let mut server = server(true);
    for algorithm in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256] {
        let token = token_by(algorithm, &claims(LATER, "a", &["subscribe"]));
        assert_eq!(
            poll(&mut server, &format!("channel=a&token={token}"))["events"],
            json!([]),
            "{algorithm:?}"
        );
        let other = token_by(algorithm, &claims(LATER, "b", &["subscribe"]));
        let (head, claims) =
            token.rsplit_once('.').and_then(|(signed, _)| signed.split_once('.')).expect("parts");
        let stolen = format!("{head}.{claims}.{}", other.rsplit_once('.').expect("parts").1);
        assert_eq!(status(&mut server, &format!("GET /events?channel=a&token={stolen}")), 401);
    }
}

#[test]
fn a_token_adds_to_what_everybody_may() {
    let mut config = config(false);
    config.front.publish = vec!["open.*".to_owned().try_into().expect("a pattern")];
    let mut server = Server::new(config);
    let token = granting(LATER, "room", &["publish"]);
    assert_eq!(poll(&mut server, "channel=any")["events"], json!([]), "nobody has to show one");
    assert_eq!(poll(&mut server, &format!("channel=any&token={token}"))["events"], json!([]));
    assert_eq!(publish(&mut server, &token, r#"{"channel":"room","data":1}"#), 200);
    assert_eq!(publish(&mut server, &token, r#"{"channel":"other","data":1}"#), 403);
    let bare = "POST /publish\nContent-Type: application/json";
    assert_eq!(refused(&mut server, bare, r#"{"channel":"open.x","data":1}"#).0, 200);
    // RFC 6750, section 3.1: whoever shows none is asked for one, and whoever shows something else is told that it is none.
    for (fields, wanted) in [
        ("", "WWW-Authenticate: Bearer\r\n"),
        ("\nAuthorization: Basic YTpi", "WWW-Authenticate: Bearer\r\n"),
        ("\nAuthorization: Bearer no-token", "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"),
        ("\nAuthorization: Bearer a.b.c", "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"),
    ] {
        let (head, _) =
            ask(&mut server, Role::Front, &format!("{bare}{fields}"), r#"{"channel":"room","data":1}"#);
        assert!(
            head.starts_with("HTTP/1.1 401 ") && format!("{head}\r\n").contains(wanted),
            "{fields}: {head}"
        );
    }
    // Shown in the query, as everywhere.
    let by_query = format!("POST /publish?token={token}\nContent-Type: application/json");
    assert_eq!(refused(&mut server, &by_query, r#"{"channel":"room","data":1}"#).0, 200);
    // A parameter without a value is none: the field counts.
    let by_field =
        format!("POST /publish?token=\nContent-Type: application/json\nAuthorization: Bearer {token}");
    assert_eq!(refused(&mut server, &by_field, r#"{"channel":"room","data":1}"#).0, 200);
    // Where there are no keys, no token would help.
    let mut server = Server::default();
    let shown = format!("{bare}\nAuthorization: Bearer no-token");
    assert_eq!(refused(&mut server, &shown, r#"{"channel":"room","data":1}"#).0, 403);
}

#[test]
fn the_channels_own_token_goes_on_opening_it() {
    let mut config = config(false);
    config.front.auth = Auth::Token;
    for required in [false, true] {
        config.token.required = required;
        let mut server = Server::new(config.clone());
        let signed: Value = serde_json::from_str(&server.ask(Role::Admin, "/sign?cname=a")).expect("JSON");
        let own = signed["token"].as_str().expect("a token").to_owned();
        assert_eq!(poll(&mut server, &format!("channel=a&token={own}"))["events"], json!([]));
        assert_eq!(status(&mut server, &format!("GET /history?channel=a&token={own}")), 200);
        let missing = if required { 401 } else { 403 };
        assert_eq!(status(&mut server, &format!("GET /events?channel=b&token={own}")), missing);
        assert_eq!(status(&mut server, "GET /events?channel=a"), missing);
        let both = granting(LATER, "b", &["subscribe"]);
        let query = format!("channel=a&channel=b&token={own}&token={both}");
        assert_eq!(poll(&mut server, &query)["events"], json!([]), "each by its own");
        assert_eq!(publish(&mut server, &own, r#"{"channel":"a","data":1}"#), 401, "it opens for reading");
    }
}

#[test]
fn whose_token_has_a_name_goes_by_it() {
    let mut server = server(true);
    let mut said = claims(LATER, "a", &["subscribe", "presence"]);
    said["sub"] = json!("Ann");
    let token = token(&said);
    let (code, words) = refused(&mut server, &format!("GET /events?channel=a&who=Bob&token={token}"), "");
    assert!(code == 403 && words.contains("another name"), "{words}");
    let client = stream(&mut server, &format!("channel=a&who=Ann&token={token}"));
    assert_eq!(lines(&server.received(client))[1]["who"], json!(["Ann"]));
}

#[test]
fn without_history_a_strange_cursor_begins_with_what_is_new() {
    let mut server = server(true);
    server.push("a", "before");
    let token = granting(LATER, "a", &["subscribe"]);
    let strange = "A".repeat(32);
    let said = poll(&mut server, &format!("channel=a&token={token}&cursor={strange}"));
    assert_eq!(
        said["events"],
        json!([{"type": "gap", "channel": "a", "next": 2, "missing": null, "because": "cursor"}])
    );
    // One that was given out here is no way to the past: it says up to where it was heard.
    let on = said["cursor"].as_str().expect("a cursor").to_owned();
    server.push("a", "1");
    assert_eq!(poll(&mut server, &format!("channel=a&token={token}&cursor={on}"))["events"][0]["data"], "1");
}

#[test]
fn other_keys_hold_after_a_reload() {
    let mut server = server(true);
    let token = granting(LATER, "a", &["subscribe"]);
    let client = stream(&mut server, &format!("channel=a&token={token}"));
    assert_eq!(kinds(&lines(&server.received(client))), ["ready"]);
    let mut other = config(true);
    other.token.keys = vec![jwt::keys().remove(2)];
    server.machine.reconfigure(other);
    assert_eq!(status(&mut server, &format!("GET /events?channel=a&token={token}")), 401);
    server.push("a", "1");
    assert_eq!(
        kinds(&lines(&server.received(client))),
        ["message"],
        "who was let in stays until the token's end"
    );
    let es = token_by(Algorithm::Es256, &claims(LATER, "a", &["subscribe"]));
    assert_eq!(poll(&mut server, &format!("channel=a&token={es}"))["events"], json!([]));
}

#[test]
fn a_channel_that_comes_again_is_still_the_tokens() {
    let mut server = server(true);
    let token = granting(LATER, "*", &["subscribe"]);
    let client = stream(&mut server, &format!("channel=a&channel=b&token={token}"));
    server.received(client);
    server.ask(Role::Admin, "/close?cname=a");
    server.push("a", "again");
    let said = lines(&server.received(client));
    assert_eq!(kinds(&said), ["closed", "message"], "{said:?}");
}

#[test]
fn nothing_is_left_of_tokens_when_all_are_gone() {
    let mut server = server(true);
    let before = server.machine.memory();
    let token = granting(LATER, "a", &["subscribe"]);
    let clients: Vec<Client> =
        (0..20).map(|_| stream(&mut server, &format!("channel=a&token={token}"))).collect();
    assert!(server.machine.memory().tables_bytes > before.tables_bytes + 20 * 64);
    clients.into_iter().for_each(|client| server.vanish(client));
    assert!(server.machine.is_pristine());
    server.machine.drain(server.now);
}
