//! What applications have to say about requests at a location, and what they are told (`protocols/push-module.md`,
//! section 5.10).
#[path = "support/push.rs"]
mod push;
mod support;

use push::*;
use rcomet_core::{HookFailure, Role};
use support::{Server, split};

const AUTH: &str = r#""authorize_request": "http://127.0.0.1:9000/auth?x=1""#;
const REWRITE: &str = r#""publisher_upstream_request": "http://127.0.0.1:9000/rewrite""#;
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn location(role: &str, more: &[&str]) -> String {
    let path = if role == "publisher" { "/pub/{id}" } else { "/sub/{id}" };
    let more: String = more.iter().map(|option| format!(", {option}")).collect();
    format!(r#"{{"path": "{path}", "role": "{role}"{more}}}"#)
}

fn hooked(publisher: &[&str], subscriber: &[&str]) -> Server {
    locations(&[&location("publisher", publisher), &location("subscriber", subscriber)])
}

fn answer(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn at_rest(server: &mut Server) {
    server.pass_ms(1);
    assert_eq!((server.machine.hooks(), server.asked.len()), (0, 0));
}

#[test]
fn a_subscriber_is_let_in_by_the_application() {
    let mut server = hooked(&[], &[AUTH]);
    post(&mut server, "a", "one");
    let fields = "Cookie: id=7\r\nX-Channel-Id: forged\r\nX_Channel_Id: forged\r\nx-forwarded-for: 10.0.0.1\r\nAccept-Encoding: gzip\r\n\
                  Connection: keep-alive\r\nTE: trailers\r\n";
    let client = get(&mut server, "/sub/a?b=c", &format!("{}{fields}", behind(0, "7")));
    assert_eq!(server.received(client), "", "it waits for the application");
    assert_eq!(
        server.question(),
        "http://127.0.0.1:9000/auth?x=1\n\
         GET /auth?x=1 HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nCookie: id=7\r\nX-Forwarded-For: 10.0.0.1, 127.0.0.1\r\n\
         X-Original-URI: /sub/a?b=c\r\nX-Original-Method: GET\r\nX-Channel-Id: a\r\nX-Subscriber-Type: longpoll\r\n\
         X-Prev-Message-Id: 1795219200:7\r\n\r\n"
    );
    server.reply_to_hook(OK);
    assert_eq!(server.received(client), "", "it waits for messages now");
    post(&mut server, "a", "two");
    assert_eq!(brief(&server.received(client)), "200 two");
    at_rest(&mut server);
}

#[test]
fn a_refusal_is_told_in_the_applications_words() {
    let mut server = hooked(&[AUTH], &[AUTH]);
    let fields =
        "content-type: application/json\r\nWWW-AUTHENTICATE: Bearer\r\nX-Secret: no\r\nServer: app\r\n";
    let client = get(&mut server, "/sub/a", "");
    server.reply_to_hook(&answer("401 Unauthorized", fields, "{\"why\": \"log in\"}"));
    let told = server.received(client);
    assert_eq!(brief(&told), "401 {\"why\": \"log in\"}");
    assert_eq!(field(&told, "Content-Type"), Some("application/json"));
    assert_eq!(field(&told, "WWW-Authenticate"), Some("Bearer"));
    assert!(!told.contains("X-Secret") && !told.contains("x-secret") && !told.contains("Server"), "{told}");
    // The connection goes on.
    server.send(client, "GET /sub/a HTTP/1.1\r\nHost: x\r\n\r\n");
    server.reply_to_hook(&answer("302 Found", "Location: /login\r\n", ""));
    let told = server.received(client);
    assert_eq!((brief(&told), field(&told, "Location")), ("302 ".into(), Some("/login")));
    // 304 would end clients for good.
    server.send(client, "GET /sub/a HTTP/1.1\r\nHost: x\r\n\r\n");
    server.reply_to_hook("HTTP/1.1 304 Not Modified\r\n\r\n");
    assert_eq!(brief(&server.received(client)), "403 ");
    // Publishers hear it too, whatever they ask for.
    for (method, body) in [("POST", "x"), ("GET", ""), ("DELETE", ""), ("HEAD", "")] {
        let client = send(&mut server, Role::Admin, method, "/pub/a", "", body);
        assert!(server.question().contains("X-Publisher-Type: http\r\n"));
        assert!(server.question().contains(&format!("X-Original-Method: {method}\r\n")));
        server.reply_to_hook(&answer("403 Forbidden", "", "not you"));
        let told = if method == "HEAD" { "403 " } else { "403 not you" };
        assert_eq!(brief(&server.received(client)), told);
    }
    assert_eq!((server.machine.load().0, server.machine.counters().hooks_denied), (0, 7));
    at_rest(&mut server);
}

#[test]
fn a_message_is_kept_changed_or_dropped() {
    let mut server = hooked(&[REWRITE], &[]);
    let mut say = |reply: &str| {
        let client = send(&mut server, Role::Admin, "POST", "/pub/a", "Content-Type: text/x\r\n", "said");
        let question = server.question();
        assert!(question.contains("\nPOST /rewrite HTTP/1.1\r\n"), "{question}");
        assert!(question.ends_with("Content-Type: text/x\r\nContent-Length: 4\r\n\r\nsaid"), "{question}");
        server.reply_to_hook(reply);
        server.received(client)
    };
    assert!(say("HTTP/1.1 304 Not Modified\r\n\r\n").starts_with("HTTP/1.1 202 Accepted\r\n"));
    let changed = answer("200 OK", "Content-Type: text/y\r\n", "changed");
    assert!(say(&changed).starts_with("HTTP/1.1 202 Accepted\r\n"));
    assert_eq!(brief(&say("HTTP/1.1 204 No Content\r\n\r\n")), "204 ");
    assert!(say(&answer("201 Created", "", "untyped")).contains("queued messages: 3\r\n"));
    assert_eq!(brief(&say(&answer("422 Unprocessable", "", "swearing"))), "422 swearing");
    assert_eq!(brief(&say(&answer("206 Partial", "", "x"))), "403 ");
    assert!(say(&answer("500 Oops", "", "stack trace")).starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    // Looking is not publishing.
    assert!(admin(&mut server, "GET", "/pub/a", "", "").starts_with("HTTP/1.1 200 "));
    let mut walker = Walker::new("/sub/a");
    let mut heard = Vec::new();
    loop {
        let answer = ask(&mut server, "/sub/a", &walker.validators);
        let Some(text) = walker.hear(&answer) else { break };
        heard.push((field(&answer, "Content-Type").map(str::to_owned), text));
    }
    let wanted = [(Some("text/x"), "said"), (Some("text/y"), "changed"), (None, "untyped")];
    assert_eq!(heard, wanted.map(|(kind, text)| (kind.map(str::to_owned), text.to_owned())));
    let counters = server.machine.counters();
    assert_eq!((counters.hooks_changed, counters.hooks_denied, counters.hooks_failed), (3, 2, 1));
    at_rest(&mut server);
}

#[test]
fn both_questions_are_asked_one_after_the_other() {
    let mut server = hooked(&[AUTH, REWRITE], &[]);
    let client = send(&mut server, Role::Admin, "POST", "/pub/a", "", "said");
    assert!(server.question().contains("GET /auth?x=1 ") && server.asked.len() == 1);
    server.reply_to_hook(OK);
    assert!(server.question().contains("POST /rewrite "));
    assert_eq!(server.received(client), "");
    server.reply_to_hook(&answer("202 Accepted", "", "changed"));
    assert_eq!(&brief(&server.received(client))[..3], "202");
    assert_eq!(Walker::new("/sub/a").all(&mut server), ["changed"]);
    at_rest(&mut server);
}

#[test]
fn an_application_that_is_down_or_slow_is_said_to_be() {
    let mut server =
        with(&[&location("publisher", &[REWRITE]), &location("subscriber", &[AUTH])], |config| {
            config.limits.hook_ms_max = 2_000;
            config.limits.hook_body_bytes_max = 10;
        });
    for failure in [HookFailure::Broken, HookFailure::TooLarge] {
        let client = get(&mut server, "/sub/a", "");
        server.fail_hook(failure);
        assert!(server.received(client).starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    }
    let client = get(&mut server, "/sub/a", "");
    let publisher = send(&mut server, Role::Admin, "POST", "/pub/a", "", "said");
    server.pass_ms(1_900);
    assert_eq!((server.received(client), server.received(publisher)), (String::new(), String::new()));
    server.pass_ms(200);
    for client in [client, publisher] {
        let told = server.received(client);
        assert_eq!(brief(&told), "504 the application has not answered in time");
        assert!(!told.contains("Connection: close"));
    }
    assert_eq!(server.unasked, 2, "the shell is told that nobody waits any more");
    let counters = server.machine.counters();
    assert_eq!((counters.hooks_failed, counters.hooks_too_large, counters.hooks_too_slow), (1, 1, 2));
    assert!(Walker::new("/sub/a").hear("").is_none() && server.machine.standing("a").is_none());
    at_rest(&mut server);
}

#[test]
fn only_so_many_wait_for_applications() {
    let mut server = with(&[PUB, &location("subscriber", &[AUTH])], |config| config.limits.hooks_max = 2);
    let waiting = [get(&mut server, "/sub/a", ""), get(&mut server, "/sub/a", "")];
    let third = get(&mut server, "/sub/a", "");
    assert!(server.received(third).starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    assert_eq!(server.machine.counters().hooks_refused, 1);
    server.vanish(waiting[0]);
    assert_eq!((server.unasked, server.asked.len()), (1, 1), "who is gone makes room at once");
    server.send(third, "GET /sub/a HTTP/1.1\r\nHost: x\r\n\r\n");
    server.reply_to_hook(OK);
    server.reply_to_hook(OK);
    post(&mut server, "a", "x");
    assert_eq!(
        (brief(&server.received(third)), brief(&server.received(waiting[1]))),
        ("200 x".into(), "200 x".into())
    );
    at_rest(&mut server);
}

#[test]
fn what_stands_behind_waits_in_order() {
    let mut server = hooked(&[AUTH], &[AUTH]);
    let client = server.connect(Role::Admin);
    let post = |text: &str| {
        format!("POST /pub/a HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{text}", text.len())
    };
    server.send(client, [post("one"), post("two"), "GET /info HTTP/1.1\r\nHost: x\r\n\r\n".into()].concat());
    assert_eq!((server.asked.len(), server.received(client)), (1, String::new()));
    server.reply_to_hook(OK);
    assert_eq!(server.received(client).matches("HTTP/1.1 ").count(), 1);
    server.reply_to_hook(&answer("403 Forbidden", "", ""));
    let rest = server.received(client);
    let statuses: Vec<&str> = rest.match_indices("HTTP/1.1 ").map(|(at, _)| &rest[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["403", "200"], "{rest}");
    // A flood behind one that waits is held back.
    server.send(client, post("three"));
    let flood = "GET /info HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5_000);
    server.send(client, &flood);
    assert_eq!(server.machine.counters().pipelines_paused, 1);
    server.reply_to_hook(OK);
    assert_eq!(server.received(client).matches("HTTP/1.1 ").count(), 5_001);
    at_rest(&mut server);
}

#[test]
fn who_leaves_meanwhile_costs_nothing() {
    let mut server = hooked(&[REWRITE], &[AUTH]);
    let client = get(&mut server, "/sub/a", "");
    let late = server.asked[0];
    server.vanish(client);
    let publisher = send(&mut server, Role::Admin, "POST", "/pub/a", "", "said");
    server.vanish(publisher);
    at_rest(&mut server);
    // The answer was on its way all the same: it finds nobody, also when another has the same place.
    let other = get(&mut server, "/sub/a", "");
    server.asked.insert(0, late);
    server.reply_to_hook(&answer("403 Forbidden", "", ""));
    assert_eq!(server.received(other), "");
    server.reply_to_hook(OK);
    assert_eq!(server.machine.load(), (1, 1));
    // Who has only finished sending is answered, if it does not want to wait.
    let publisher = send(&mut server, Role::Admin, "POST", "/pub/a", "", "said");
    server.finish_sending(publisher);
    server.reply_to_hook("HTTP/1.1 304 Not Modified\r\n\r\n");
    assert_eq!(&brief(&server.received(publisher))[..3], "201");
    assert!(server.is_closed(publisher));
    server.received(other);
    server.vanish(other);
    at_rest(&mut server);
    server.pass_ms(4_000_000);
    assert!(server.machine.is_pristine());
}

#[test]
fn what_is_no_name_is_not_asked_about() {
    let mut server = hooked(&[AUTH], &[AUTH]);
    for target in ["/sub/a%0d%0aX-Admin:%201", "/sub/a%00"] {
        assert!(ask(&mut server, target, "").starts_with("HTTP/1.1 403 "), "{target}");
    }
    assert!(server.asked.is_empty());
    let client = get(&mut server, "/sub/a%2C%20%C3%A9%25", "");
    assert!(server.question().contains("X-Channel-Id: a%2C%20%C3%A9%25\r\n"), "{}", server.question());
    server.vanish(client);
    at_rest(&mut server);
}

#[test]
fn the_application_is_told_of_streams_and_not_of_polls() {
    let told = [
        r#""subscribe_request": "unix:/run/app.sock:/came""#,
        r#""unsubscribe_request": "unix:/run/app.sock:/went""#,
    ];
    let mut server = hooked(&[], &told);
    let poll = get(&mut server, "/sub/a", "");
    assert!(server.asked.is_empty());
    server.vanish(poll);
    let mut ended = 0;
    for end in ["vanish", "delete", "stall"] {
        let stream = get(&mut server, "/sub/a", "Accept: text/event-stream\r\nCookie: 1\r\n");
        assert!(server.question().contains("GET /came HTTP/1.1\r\nHost: localhost\r\n"));
        assert!(server.question().contains("Cookie: 1\r\n"));
        assert!(server.question().contains("X-Subscriber-Type: eventsource\r\n"));
        // Nobody waits for what it says.
        assert!(server.received(stream).ends_with(": hi\n\n\r\n"));
        server.reply_to_hook(&answer("500 Oops", "", ""));
        assert!(server.asked.is_empty());
        match end {
            "vanish" => server.vanish(stream),
            "delete" => drop(admin(&mut server, "DELETE", "/pub/a", "", "")),
            _ => {
                server.clog(stream, true);
                post(&mut server, "a", "x");
                server.pass_ms(61_000);
            }
        }
        ended += 1;
        assert!(server.question().contains("GET /went HTTP/1.1\r\n"), "{end}");
        server.fail_hook(HookFailure::Broken);
        assert!(server.asked.is_empty());
    }
    assert_eq!(
        (server.machine.counters().hooks_asked, server.machine.counters().hooks_failed),
        (2 * ended, 3)
    );
    // With no room for it, it is counted and not told.
    let mut server = with(&[PUB, &location("subscriber", &told)], |config| config.limits.hooks_max = 1);
    let stream = get(&mut server, "/sub/a", "Accept: text/event-stream\r\n");
    assert!(split(&server.received(stream)).0.starts_with("HTTP/1.1 200 OK"));
    server.vanish(stream);
    assert_eq!((server.asked.len(), server.machine.counters().hooks_refused), (1, 1));
    server.pass_ms(6_000);
    at_rest(&mut server);
}

#[test]
fn the_server_leaves_when_the_application_has_answered() {
    let mut server = hooked(&[AUTH], &[AUTH]);
    let poll = get(&mut server, "/sub/a", "");
    let publisher = send(&mut server, Role::Admin, "POST", "/pub/a", "", "said");
    server.machine.drain(server.now);
    server.turn();
    assert_eq!((server.received(poll), server.received(publisher)), (String::new(), String::new()));
    server.reply_to_hook(OK);
    server.reply_to_hook(OK);
    assert!(server.received(publisher).contains("Connection: close\r\n"));
    assert!(server.received(poll).contains("Connection: close\r\n"));
}

#[test]
fn what_waits_is_on_the_account() {
    let mut server = with(&[&location("publisher", &[REWRITE])], |config| {
        config.limits.memory_bytes_max = 200_000;
        config.limits.hooks_max = 1_000;
    });
    let body = "x".repeat(20_000);
    let clients: Vec<_> =
        (0..20).map(|_| send(&mut server, Role::Admin, "POST", "/pub/a", "", &body)).collect();
    assert!(server.asked.len() < 8 && server.machine.memory().total_bytes() <= 220_000);
    let refused =
        clients.iter().filter(|client| server.received(**client).starts_with("HTTP/1.1 503 ")).count();
    assert_eq!(refused + server.asked.len(), 20);
}

#[test]
fn the_applications_word_is_as_good_as_a_token() {
    let other = r#"{"path": "/open/{id}", "role": "subscriber"}"#;
    let mut server = with(&[PUB, &location("subscriber", &[AUTH]), other], |config| {
        config.front.auth = rcomet_core::config::Auth::Token;
    });
    post(&mut server, "a", "x");
    assert_eq!(brief(&ask(&mut server, "/open/a", "")), "403 ");
    assert!(server.ask(Role::Front, "/sub?cname=a&seq=1").contains("Token error"));
    let client = get(&mut server, "/sub/a", "");
    server.reply_to_hook(&answer("403 Forbidden", "", "no"));
    assert_eq!(brief(&server.received(client)), "403 no");
    let client = get(&mut server, "/sub/a", "");
    server.reply_to_hook(OK);
    assert_eq!(brief(&server.received(client)), "200 x");
    at_rest(&mut server);
}
