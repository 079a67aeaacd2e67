//! What clients of the push module and of Nchan rely on (`protocols/push-module.md`).
#[path = "push_module_checklist/locations.rs"]
mod locations;
#[path = "support/push.rs"]
mod push;
mod support;

use push::*;
use rcomet_core::Role;
use support::{START, split, tag};

#[test]
fn content_types_are_kept_word_for_word() {
    let mut server = usual();
    for kind in ["application/json; charset=utf-8", "text/x;  a=\"b\"", ""] {
        let said = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        admin(&mut server, "POST", "/pub/a", &said, "x");
    }
    server.push("a", "by another dialect");
    let mut validators = String::new();
    for wanted in
        [Some("application/json; charset=utf-8"), Some("text/x;  a=\"b\""), None, Some("text/plain")]
    {
        let answer = ask(&mut server, "/sub/a", &validators);
        assert_eq!(field(&answer, "Content-Type"), wanted);
        validators = behind(0, field(&answer, "Etag").unwrap());
    }
    let long = format!("Content-Type: {}\r\n", "x".repeat(256));
    assert!(admin(&mut server, "POST", "/pub/a", &long, "x").starts_with("HTTP/1.1 400 "));
    assert_eq!(server.machine.counters().media_types_refused, 1);
}

#[test]
fn types_are_on_the_memory_account() {
    let mut server = usual();
    let before = server.machine.memory().total_bytes();
    let kind = format!("Content-Type: {}\r\n", "x".repeat(200));
    for _ in 0..10 {
        admin(&mut server, "POST", "/pub/a", &kind, "x");
    }
    let used = server.machine.memory().total_bytes() - before;
    assert!(used > 10 * 200 && used < 10_000, "{used}");
    admin(&mut server, "DELETE", "/pub/a", "", "");
    assert_eq!(server.machine.memory().history_bytes, 0);
}

#[test]
fn the_buffer_has_a_length_and_an_age() {
    let mut server = locations(&[
        r#"{"path": "/pub/{id}", "role": "publisher", "messages_max": 3, "message_timeout_ms": 5000}"#,
        SUB,
    ]);
    for i in 0..5 {
        post(&mut server, "a", &i.to_string());
    }
    assert_eq!(Walker::new("/sub/a").all(&mut server), ["2", "3", "4"]);
    pass_seconds(&mut server, 3);
    post(&mut server, "a", "5");
    pass_seconds(&mut server, 2);
    assert_eq!(Walker::new("/sub/a").all(&mut server), ["5"]);
    pass_seconds(&mut server, 3);
    assert_eq!(Walker::new("/sub/a").all(&mut server), Vec::<String>::new());
    // By default ten are kept, for an hour.
    let mut server = usual();
    for i in 0..12 {
        post(&mut server, "a", &i.to_string());
    }
    pass_seconds(&mut server, 3_599);
    assert_eq!(Walker::new("/sub/a").all(&mut server).len(), 10);
    pass_seconds(&mut server, 1);
    assert_eq!(Walker::new("/sub/a").all(&mut server).len(), 0);
}

#[test]
fn what_is_kept_for_those_who_listen_is_not_for_those_who_come() {
    let mut server = locations(&[r#"{"path": "/pub/{id}", "role": "publisher", "messages_max": 2}"#, SUB]);
    let slow = get(&mut server, "/sub/a", "TE: chunked\r\n");
    server.clog(slow, true);
    for i in 0..5 {
        post(&mut server, "a", &i.to_string());
    }
    assert!(admin(&mut server, "GET", "/pub/a", "", "").contains("queued messages: 2\r\n"));
    assert_eq!(Walker::new("/sub/a").all(&mut server), ["3", "4"]);
    server.clog(slow, false);
    assert_eq!(split(&server.received(slow)).1, "01234");
}

#[test]
fn first_messages() {
    let at = |first: &str| {
        format!(
            r#"{{"path": "/sub/{{id}}", "role": "subscriber", "transports": ["interval_poll"], "first_message": {first}}}"#
        )
    };
    for (first, wanted) in [
        ("\"oldest\"", "200 1"),
        ("1", "200 1"),
        ("2", "200 2"),
        ("9", "304 "),
        ("-1", "200 3"),
        ("-2", "200 2"),
        ("-9", "200 1"),
        ("\"newest\"", "304 "),
    ] {
        let mut server = locations(&[PUB, &at(first)]);
        for text in ["1", "2", "3"] {
            post(&mut server, "a", text);
        }
        assert_eq!(brief(&ask(&mut server, "/sub/a", "")), wanted, "{first}");
    }
}

#[test]
fn where_an_id_is_looked_for() {
    let mut server = usual();
    for text in ["1", "2", "3"] {
        post(&mut server, "a", text);
    }
    let id = |n: u32| format!("{START}:{}", tag(n));
    for (target, fields, wanted) in [
        (format!("/sub/a?last_event_id={}", id(0)), String::new(), "200 2"),
        (format!("/sub/a?last_event_id={START}%3A{}", tag(1)), String::new(), "200 3"),
        (format!("/sub/a?last_event_id={}", id(0)), format!("Last-Event-ID: {}\r\n", id(1)), "200 3"),
        ("/sub/a".into(), format!("If-None-Match: {}\r\n", id(0)), "200 2"),
        ("/sub/a".into(), "If-None-Match: 1\r\n".into(), "200 1"),
        ("/sub/a".into(), "Last-Event-ID: nonsense\r\n".into(), "200 1"),
        ("/sub/a".into(), "If-Modified-Since: nonsense\r\nIf-None-Match: 1\r\n".into(), "200 1"),
        ("/sub/a".into(), "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n".into(), "200 1"),
        ("/sub/a".into(), "If-Modified-Since: Sat, 21 Nov 2009 00:00:00 GMT\r\n".into(), "200 1"),
        // A date is one on whatever day of the week it says it was.
        (
            "/sub/a".into(),
            format!("If-Modified-Since: Mon{}\r\nIf-None-Match: 1\r\n", &date(0)[3..]),
            "200 3",
        ),
        // Browsers of old put behind it how long the answer was that they have.
        (
            "/sub/a".into(),
            format!("If-Modified-Since: {}; length=1\r\nIf-None-Match: 1\r\n", date(0)),
            "200 3",
        ),
        // What cannot be read is passed over.
        ("/sub/a?last_event_id=x:1".into(), format!("Etag: {}\r\n", id(1)), "200 3"),
    ] {
        assert_eq!(brief(&ask(&mut server, &target, &fields)), wanted, "{target} {fields}");
    }
}

#[test]
fn an_id_that_cannot_be_read_is_none_unless_the_location_is_strict() {
    let strict = r#"{"path": "/strict/{id}", "role": "subscriber", "strict_message_ids": true}"#;
    let mut server = locations(&[PUB, SUB, strict]);
    for text in ["1", "2"] {
        post(&mut server, "a", text);
    }
    for (query, fields) in [
        ("", "Last-Event-ID: foo:bar\r\n".to_owned()),
        ("", "If-None-Match: foo:bar\r\n".into()),
        ("", "If-None-Match: W/\"abc:1\"\r\n".into()),
        ("?last_event_id=x:1", String::new()),
        ("", "Etag: \"33a64df5:gz\"\r\n".into()),
        ("", format!("Last-Event-ID: {START}:[1],2\r\n")),
        (&format!("?last_event_id={START}:"), String::new()),
    ] {
        let usual = ask(&mut server, &format!("/sub/a{query}"), &fields);
        assert_eq!(brief(&usual), "200 1", "{query} {fields}");
        let strict = ask(&mut server, &format!("/strict/a{query}"), &fields);
        assert_eq!(brief(&strict), "400 Message ID invalid", "{query} {fields}");
    }
    // With a date, a tag that is none is as if there were none.
    let fields = format!("If-Modified-Since: {}\r\nIf-None-Match: [1],2\r\n", date(0));
    assert_eq!(brief(&ask(&mut server, "/sub/a", &fields)), "200 2");
    assert_eq!(brief(&ask(&mut server, "/strict/a", &fields)), "400 Message ID invalid");
}

#[test]
fn who_takes_no_events_gets_none() {
    let mut server = usual();
    post(&mut server, "a", "x");
    let answer = ask(&mut server, "/sub/a", "Accept: text/event-stream;q=0, */*\r\n");
    assert_eq!(brief(&answer), "200 x");
}

#[test]
fn who_asks_for_no_cache_may_want_what_is_new() {
    let location = r#"{"path": "/sub/{id}", "role": "subscriber", "no_cache_is_newest": true}"#;
    let mut server = locations(&[PUB, location]);
    post(&mut server, "a", "old");
    for field in ["Cache-Control: max-age=0, No-Cache\r\n", "Pragma: no-cache\r\n"] {
        assert_eq!(ask(&mut server, "/sub/a", field), "");
    }
    assert_eq!(brief(&ask(&mut server, "/sub/a", "Cache-Control: max-age=0\r\n")), "200 old");
}

#[test]
fn bodies_are_any_text() {
    let mut server = usual();
    for body in ["", "{\"not\": one object", "a=b&c", "\u{20ac}\r\n\u{0}"] {
        let client = server.connect(Role::Admin);
        let kind = "Content-Type: application/json\r\n";
        let length = body.len();
        server.send(
            client,
            format!("POST /pub/a HTTP/1.1\r\nHost: x\r\n{kind}Content-Length: {length}\r\n\r\n{body}"),
        );
        assert!(server.received(client).starts_with("HTTP/1.1 202 "), "{body}");
    }
    assert_eq!(
        Walker::new("/sub/a").all(&mut server),
        ["", "{\"not\": one object", "a=b&c", "\u{20ac}\r\n\u{0}"]
    );
    // Chunked.
    let client = server.connect(Role::Admin);
    server.send(
        client,
        "POST /pub/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
    );
    assert!(server.received(client).starts_with("HTTP/1.1 202 "));
    assert_eq!(Walker::new("/sub/b").all(&mut server), ["abc"]);
}

#[test]
fn line_feeds_alone_end_lines() {
    let mut server = usual();
    post(&mut server, "a", "x");
    let client = server.connect(Role::Front);
    server.send(client, format!("GET /sub/a HTTP/1.1\nHost: x\nIf-Modified-Since: {}\n\n", date(0)));
    assert_eq!(server.received(client), "");
    post(&mut server, "a", "y");
    assert_eq!(brief(&server.received(client)), "200 y");
}

#[test]
fn many_who_wait_all_get_it_once() {
    let mut server = usual();
    let clients: Vec<_> = (0..300).map(|_| get(&mut server, "/sub/a", "")).collect();
    assert!(post(&mut server, "a", "x").contains("active subscribers: 300\r\n"));
    for client in clients {
        assert_eq!(brief(&server.received(client)), "200 x");
    }
    assert_eq!(server.machine.load().1, 0);
}

#[test]
fn a_flood_of_publishes_waits_for_who_listens() {
    let mut server = usual();
    let stream = get(&mut server, "/sub/a", "TE: chunked\r\n");
    let publisher = server.connect(Role::Admin);
    for _ in 0..1_500 {
        server.send_in_this_turn(publisher, "POST /pub/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    }
    server.turn();
    assert_eq!(split(&server.received(stream)).1.len(), 1_500);
    assert_eq!(server.received(publisher).matches(" 201 Created\r\n").count(), 1_500);
}

#[test]
fn memory_is_bounded() {
    let mut server = with(&[PUB, SUB], |config| config.limits.memory_bytes_max = 300_000);
    let body = "x".repeat(20_000);
    let answers: Vec<String> = (0..40).map(|i| brief(&post(&mut server, &format!("c{i}"), &body))).collect();
    assert!(answers[0].starts_with("202") && answers[39].starts_with("503"), "{answers:?}");
    assert!(server.machine.memory().total_bytes() <= 310_000);
}
