//! Errors before a request is understood: problems where its path is one of the API's, with the limit and its number; text for
//! everybody else, as it has always been.
use rcomet_core::config::{Location, Push, TokenKey};

use super::*;

const JSON: &str = "Content-Type: application/json\r\n";

/// What is said to bytes on a connection of their own: the head, and the body.
fn says(server: &mut Server, role: Role, bytes: &[u8]) -> (String, String) {
    let client = server.connect(role);
    server.send(client, bytes);
    let said = parts(&server.received(client));
    server.vanish(client);
    said
}

/// The head with its last line end, and the body.
fn parts(answer: &str) -> (String, String) {
    let (head, body) = split(answer);
    (head + "\r\n", body)
}

/// A problem's status and detail; its head says the same status, and that the connection ends.
fn as_problem((head, body): &(String, String)) -> (u16, String) {
    assert!(head.contains("Content-Type: application/problem+json\r\n"), "{head}\n{body}");
    assert!(head.contains("Connection: close\r\n"), "{head}");
    let said: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body}"));
    let members: Vec<&str> = said.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["detail", "status", "title", "type"]);
    let status = said["status"].as_u64().expect("a status");
    assert!(head.starts_with(&format!("HTTP/1.1 {status} {}\r\n", said["title"].as_str().expect("words"))));
    (status as u16, said["detail"].as_str().expect("words").to_owned())
}

fn small() -> Server {
    let mut config = Config::default();
    config.limits.request_line_bytes_max = 100;
    config.limits.head_bytes_max = 300;
    config.limits.headers_max = 4;
    config.limits.body_bytes_max = 64;
    config.limits.head_ms_max = 2_000;
    config.limits.body_ms_max = 3_000;
    config.http.origins = vec!["https://app.example".to_owned().try_into().expect("an origin")];
    Server::new(config)
}

#[test]
fn what_is_too_long_is_a_problem_with_the_number() {
    let long = "x".repeat(200);
    let front = ["/events", "/history", "/presence", "/ws"];
    let admin = ["/events", "/channels", "/channels/a", "/explain", "/stats", "/clients", "/keys", "/keys/k"];
    let both = front.iter().map(|path| (Role::Front, *path)).chain(admin.map(|path| (Role::Admin, path)));
    for (role, path) in both {
        let mut server = small();
        let line = format!("GET {path}?channel={long} HTTP/1.1\r\nHost: x\r\n\r\n");
        let (status, detail) = as_problem(&says(&mut server, role, line.as_bytes()));
        assert_eq!(status, 414);
        assert_eq!(
            detail,
            "the request line is longer than request_line_bytes_max, 100 bytes: ask for less at once"
        );
        let words = "the request head is larger than head_bytes_max, 300 bytes, or has more fields than headers_max, 4";
        let large = format!("GET {path} HTTP/1.1\r\nHost: x\r\nX: {long}{long}\r\n\r\n");
        let many = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: 1\r\n".repeat(4));
        for head in [large, many] {
            assert_eq!(as_problem(&says(&mut server, role, head.as_bytes())), (431, words.to_owned()));
        }
        let counters = server.machine.counters();
        assert_eq!((counters.request_lines_too_long, counters.heads_too_large), (1, 2), "{path}");
    }
    // As soon as it is too long, also when its end never comes; what comes with it does not hide it.
    let mut server = small();
    let endless = format!("GET /events?{}", "channel=a&".repeat(20));
    assert_eq!(as_problem(&says(&mut server, Role::Front, endless.as_bytes())).0, 414);
    let behind = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\r\n{endless}");
    let (_, body) = says(&mut server, Role::Front, behind.as_bytes());
    assert!(body.starts_with("ok\nHTTP/1.1 414 ") && body.contains("problem+json"), "{body}");
}

#[test]
fn what_is_published_may_be_too_large_and_unclear() {
    for role in [Role::Front, Role::Admin] {
        let mut server = small();
        let most = "the request body is larger than body_bytes_max, 64 bytes: send less at once";
        let ask = |fields: &str| format!("POST /publish HTTP/1.1\r\nHost: x\r\n{JSON}{fields}\r\n");
        let chunked = ask("Transfer-Encoding: chunked\r\n");
        for (request, status, detail) in [
            (ask("Content-Length: 65\r\n"), 413, most),
            (ask("Content-Length: 99999999999999999999999\r\n"), 413, most),
            (format!("{chunked}41\r\n{}\r\n", "x".repeat(65)), 413, most),
            (format!("{chunked}no\r\n"), 400, "the chunked body is not SIZE CRLF DATA CRLF"),
            (ask("Content-Length: many\r\n"), 400, "Content-Length is not a number"),
            (ask("Bad Name: 1\r\n"), 400, "a header field name has a character that is not a token's"),
            (ask("Transfer-Encoding: gzip\r\n"), 501, "the only transfer coding known here is chunked"),
            (ask("Expect: miracles\r\n"), 417, "the only expectation that can be met is 100-continue"),
            (ask("").replace("HTTP/1.1", "HTTP/7.1"), 505, "only HTTP/1.0 and HTTP/1.1 are spoken here"),
            (
                ask("").replace("POST /publish", "BREW /history"),
                501,
                "the method is none of GET, HEAD, POST, PUT, DELETE, OPTIONS",
            ),
        ] {
            let (got, words) = as_problem(&says(&mut server, role, request.as_bytes()));
            assert_eq!(got, status, "{request}");
            assert!(words.starts_with(detail), "{words} for {request}");
        }
        assert_eq!(server.machine.counters().bodies_too_large, 3);
    }
}

#[test]
fn what_does_not_come_in_time_is_a_problem_too() {
    let words = "the request did not arrive in time: its head has head_ms_max, 2000 ms, and its body then body_ms_max, 3000 ms";
    for request in [
        "GET /events?channel=a HTTP/1.1\r\nHos".to_owned(),
        "\r\n\r\nGET /history?chan".to_owned(),
        format!("POST /publish HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 9\r\n\r\n{{\"ch"),
        format!("POST /publish HTTP/1.1\r\nHost: x\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n9\r\n{{\"ch"),
    ] {
        let mut server = small();
        let client = server.connect(Role::Front);
        server.send(client, &request);
        server.pass_ms(5_000);
        assert_eq!(as_problem(&parts(&server.received(client))), (408, words.to_owned()), "{request}");
        assert_eq!(server.machine.counters().requests_too_slow, 1);
    }
}

#[test]
fn memory_that_is_used_up_is_a_problem_for_what_comes() {
    for (role, words) in [
        (Role::Front, "memory_bytes_max is reached: try again later"),
        (
            Role::Admin,
            "memory_bytes_max is reached, and admin_partial_bytes_max for requests in pieces: try again later",
        ),
    ] {
        let mut config = Config::default();
        config.limits.memory_bytes_max = 1 << 20;
        config.limits.body_bytes_max = 16 << 20;
        let mut server = Server::new(config);
        let client = server.connect(role);
        let head = format!("POST /publish HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 8000000\r\n\r\n");
        server.send(client, head);
        for _ in 0..100 {
            server.send(client, vec![b' '; 65_536]);
        }
        let (status, detail) = as_problem(&parts(&server.received(client)));
        assert_eq!((status, &*detail), (503, words));
    }
}

#[test]
fn pages_may_read_them_and_heads_have_no_body() {
    let mut server = small();
    let long = "x".repeat(200);
    let page = "Host: x\r\nOrigin: https://app.example\r\n";
    let (head, _) = says(
        &mut server,
        Role::Front,
        format!("POST /publish HTTP/1.1\r\n{page}{JSON}Content-Length: 65\r\n\r\n").as_bytes(),
    );
    assert!(head.contains("Access-Control-Allow-Origin: https://app.example\r\n"), "{head}");
    let other = page.replace("app", "other");
    let (head, _) = says(
        &mut server,
        Role::Front,
        format!("POST /publish HTTP/1.1\r\n{other}{JSON}Content-Length: 65\r\n\r\n").as_bytes(),
    );
    assert!(head.contains("Vary: Origin\r\n") && !head.contains("Access-Control"), "{head}");
    let (head, body) =
        says(&mut server, Role::Front, format!("HEAD /history?channel={long} HTTP/1.1\r\n\r\n").as_bytes());
    assert!(head.contains("application/problem+json") && !head.contains("Content-Length: 0"), "{head}");
    assert_eq!(body, "");
}

#[test]
fn what_is_not_the_apis_is_told_in_text() {
    let long = "x".repeat(200);
    let too_long = "the request line is longer than request_line_bytes_max\n";
    let too_large = "the request body is larger than body_bytes_max\n";
    for (role, request, expected) in [
        (Role::Front, format!("GET /sub?cname={long} HTTP/1.1\r\n"), too_long),
        (Role::Front, format!("GET /events{long} HTTP/1.1\r\n"), too_long),
        // Not so far that its path is known.
        (Role::Front, format!("GET {} /events?", " ".repeat(100)), too_long),
        // The admin side's.
        (Role::Front, format!("GET /channels?prefix={long} HTTP/1.1\r\n"), too_long),
        (Role::SimpleComet, format!("GET /channels?x={long} HTTP/1.1\r\n"), too_long),
        // CComet publishes there as well, by a form.
        (
            Role::Admin,
            "POST /publish HTTP/1.1\r\nHost: x\r\nContent-Length: 65\r\n\r\n".to_owned(),
            too_large,
        ),
        (Role::Admin, "POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: 65\r\n\r\n".to_owned(), too_large),
    ] {
        let mut server = small();
        let (head, body) = says(&mut server, role, request.as_bytes());
        assert!(head.contains("Content-Type: text/plain; charset=utf-8\r\n"), "{request}: {head}");
        assert_eq!(body, expected, "{request}");
    }
}

#[test]
fn a_location_keeps_its_words() {
    let location = |path| format!(r#"{{"path": "{path}", "role": "subscriber", "channels": ["a"]}}"#);
    let read = |path| serde_json::from_str::<Location>(&location(path)).expect("a location");
    let mut config =
        Config { push: Push { location: vec![read("/events"), read("/ws")] }, ..Config::default() };
    config.limits.request_line_bytes_max = 100;
    let mut server = Server::new(config);
    let long = "x".repeat(200);
    for path in ["/events", "/ws"] {
        let request = format!("GET {path}?{long} HTTP/1.1\r\n");
        let (_, body) = says(&mut server, Role::Front, request.as_bytes());
        assert_eq!(body, "the request line is longer than request_line_bytes_max\n");
    }
}

#[test]
fn who_may_not_come_in_is_told_as_the_path_says() {
    let mut server = Server::default();
    let client = server.connect_from(Role::Admin, "192.0.2.7");
    server.send(client, "GET /channels HTTP/1.1\r\nHost: x\r\n\r\n");
    let told = as_problem(&parts(&server.received(client)));
    assert_eq!(told, (403, "this address may not use the admin side".to_owned()));
    let client = server.connect(Role::Admin);
    for path in ["/stats", "/clients", "/keys/k"] {
        let site = "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n";
        server.send(client, format!("GET {path} HTTP/1.1\r\n{site}\r\n"));
        let (head, body) = parts(&server.received(client));
        assert!(head.contains("Content-Type: application/problem+json\r\n"), "{head}");
        assert!(body.contains("\"detail\":\"pages of other sites may not use the admin side\""), "{body}");
    }
    server.send(client, "GET /info HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n");
    assert_eq!(body(&server.received(client)), "pages of other sites may not use the admin side\n");
}

#[test]
fn a_websocket_that_is_not_opened_says_so_in_the_same_way() {
    let mut config = Config::default();
    config.http.origins = vec!["https://app.example".to_owned().try_into().expect("an origin")];
    config.token.keys = vec![TokenKey::shared("k", "0123456789abcdef0123456789abcdef")];
    let mut server = Server::new(config);
    let asks = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: ";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let plain = "there is a WebSocket here: ask with Connection: Upgrade and Upgrade: websocket";
    for (request, status, field, words) in [
        ("GET /ws HTTP/1.1\r\nHost: x\r\n".to_owned(), 426, "Upgrade: websocket\r\n", plain),
        (
            format!("GET /ws HTTP/1.1\r\n{asks}8\r\n{key}"),
            426,
            "Sec-WebSocket-Version: 13\r\n",
            "Sec-WebSocket-Version 13 is spoken here",
        ),
        (
            format!("POST /ws HTTP/1.1\r\n{asks}13\r\n{key}"),
            405,
            "Allow: GET\r\n",
            "a WebSocket begins with GET",
        ),
        (format!("GET /ws HTTP/1.1\r\n{asks}13\r\n"), 400, "", "Sec-WebSocket-Key"),
        (
            format!("GET /ws HTTP/1.1\r\n{asks}13\r\n{key}Origin: https://other.example\r\n"),
            403,
            "Vary: Origin\r\n",
            "pages of this origin may not connect here; see http.origins",
        ),
        (format!("GET /ws?token=a.b.c HTTP/1.1\r\n{asks}13\r\n{key}"), 401, "", "token"),
    ] {
        let (head, body) = says(&mut server, Role::Front, format!("{request}\r\n").as_bytes());
        assert!(head.contains("Content-Type: application/problem+json\r\n"), "{head}\n{body}");
        let said: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
        assert_eq!(said["status"], status, "{body}");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")) && head.contains(field), "{head}");
        assert!(said["detail"].as_str().expect("words").contains(words), "{body}");
    }
}
