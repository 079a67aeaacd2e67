//! What clients of the push module and of Nchan rely on (`protocols/push-module.md`).
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
fn subscribers_can_be_few() {
    let mut server =
        locations(&[PUB, r#"{"path": "/sub/{id}", "role": "subscriber", "subscribers_max": 2}"#]);
    let held = [get(&mut server, "/sub/a", ""), get(&mut server, "/sub/a", "")];
    assert_eq!(brief(&ask(&mut server, "/sub/a", "")), "403 ");
    assert_eq!(server.machine.counters().subscribers_refused, 1);
    server.vanish(held[0]);
    assert_eq!(ask(&mut server, "/sub/a", ""), "");
}

#[test]
fn channels_can_be_the_publishers_affair() {
    let mut server =
        locations(&[PUB, r#"{"path": "/sub/{id}", "role": "subscriber", "existing_only": true}"#]);
    assert_eq!(brief(&ask(&mut server, "/sub/a", "")), "403 ");
    assert_eq!(server.machine.load().0, 0);
    post(&mut server, "a", "x");
    assert_eq!(brief(&ask(&mut server, "/sub/a", "")), "200 x");
}

/// `nchan_max_channel_id_length`: of each id, without what the group puts before it.
#[test]
fn ids_have_as_many_bytes_as_their_location_lets_them() {
    let few = r#""channel_id_bytes_max": 5, "group": "a-long-group", "split": ",""#;
    let mut server = locations(&[
        &PUB.replace(r#""role""#, &format!(r#"{few}, "role""#)),
        &SUB.replace(r#""role""#, &format!(r#"{few}, "role""#)),
        r#"{"path": "/any/{id}", "role": "publisher"}"#,
    ]);
    assert_eq!(brief(&post(&mut server, "fives,fours", "x"))[..3], *"202");
    for (method, body) in [("POST", "x"), ("PUT", "x"), ("GET", ""), ("DELETE", "")] {
        let answer = admin(&mut server, method, "/pub/fives,sixsix", "", body);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{method}: {answer}");
        assert!(
            answer.ends_with("the channel's name is empty, too long, or has control characters"),
            "{answer}"
        );
    }
    assert_eq!(brief(&ask(&mut server, "/sub/fives", "")), "200 x");
    assert!(ask(&mut server, "/sub/sixsix", "").starts_with("HTTP/1.1 403 "));
    assert!(ask(&mut server, "/sub/sixsix", "Accept: text/event-stream\r\n").starts_with("HTTP/1.1 403 "));
    assert_eq!(server.machine.counters().names_refused, 6);
    // Others have their own.
    assert!(admin(&mut server, "POST", "/any/sixsix", "", "x").starts_with("HTTP/1.1 202 "));
}

/// `nchan_channel_timeout`, of publishers' and of subscribers' locations.
#[test]
fn an_empty_channel_is_remembered_as_long_as_its_location_says() {
    let more = |more: &str, role: &str| role.replace(r#""role""#, &format!(r#"{more}, "role""#));
    let there = |server: &mut support::Server, id: &str| {
        admin(server, "GET", &format!("/look?id={id}"), "", "").starts_with("HTTP/1.1 200 ")
    };
    for publisher in [
        r#""channel_timeout_ms": 600000, "store": false"#,
        r#""channel_timeout_ms": 600000, "message_timeout_ms": 3000"#,
        // It is what all other dialects have, too.
        r#""channel_timeout_ms": 1, "message_timeout_ms": 600000"#,
    ] {
        let subscriber = more(r#""channel_timeout_ms": 200000"#, SUB);
        let look = r#"{"path": "/look?id=", "role": "publisher", "store": false}"#;
        let mut server = locations(&[&more(publisher, PUB), &subscriber, look]);
        post(&mut server, "a", "x");
        pass_seconds(&mut server, 599);
        assert!(there(&mut server, "a"), "{publisher}");
        pass_seconds(&mut server, 2);
        assert!(!there(&mut server, "a"), "{publisher}");
        // Who only listens makes one, too, and leaves it.
        let client = get(&mut server, "/sub/b", "");
        pass_seconds(&mut server, 1_000);
        server.vanish(client);
        pass_seconds(&mut server, 199);
        assert!(there(&mut server, "b"));
        pass_seconds(&mut server, 2);
        assert!(!there(&mut server, "b"));
        // Without the option, and with one that is too short, it is a minute.
        admin(&mut server, "POST", "/look?id=c", "", "x");
        pass_seconds(&mut server, 59);
        assert!(there(&mut server, "c"));
        pass_seconds(&mut server, 2);
        assert!(!there(&mut server, "c"));
    }
    let mut server = locations(&[PUB, &more(r#""channel_timeout_ms": 1"#, SUB)]);
    server.push("a", "kept for icomet's clients");
    let client = get(&mut server, "/sub/a", "");
    server.vanish(client);
    pass_seconds(&mut server, 59);
    assert_eq!(brief(&ask(&mut server, "/sub/a", "")), "200 kept for icomet's clients");
}

#[test]
fn groups_are_name_spaces() {
    let mut server = locations(&[
        r#"{"path": "/pub/g/{id}", "role": "publisher", "group": "g"}"#,
        PUB,
        r#"{"path": "/sub/g/{id}", "role": "subscriber", "group": "g"}"#,
        SUB,
    ]);
    post(&mut server, "a", "plain");
    admin(&mut server, "POST", "/pub/g/a", "", "grouped");
    assert_eq!(Walker::new("/sub/a").all(&mut server), ["plain"]);
    assert_eq!(Walker::new("/sub/g/a").all(&mut server), ["grouped"]);
    assert!(server.ask(Role::Front, "/sub?cname=g/a&seq=1").contains("grouped"), "one name space below");
}

#[test]
fn ids_are_made_of_pieces_and_arguments() {
    let mut server = locations(&[
        PUB,
        r#"{"path": "/feed/{user}?room={r}", "role": "subscriber", "channels": ["user-{user}", "room-{r}", "news"]}"#,
    ]);
    for channel in ["room-7", "news", "user-ann", "room-8"] {
        post(&mut server, channel, channel);
    }
    assert_eq!(Walker::new("/feed/ann?room=7").all(&mut server), ["room-7", "news", "user-ann"]);
    assert_eq!(brief(&ask(&mut server, "/feed/ann", "")), "404 No channel id provided.");
    post(&mut server, "a%2Fb", "slash");
    assert!(server.ask(Role::Front, "/sub?cname=a/b&seq=1").contains("slash"));
}

#[test]
fn transports_are_those_of_the_location() {
    let mut server = locations(&[
        PUB,
        r#"{"path": "/es/{id}", "role": "subscriber", "transports": ["eventsource"]}"#,
        r#"{"path": "/lp/{id}", "role": "subscriber", "transports": ["long_poll"]}"#,
    ]);
    post(&mut server, "a", "x");
    assert_eq!(brief(&ask(&mut server, "/es/a", "")), "403 ");
    assert_eq!(brief(&ask(&mut server, "/lp/a", "Accept: text/event-stream\r\nTE: chunked\r\n")), "200 x");
}

#[test]
fn a_pubsub_location_is_both() {
    let location = r#"{"path": "/ps/{id}", "role": "pubsub", "on": ["front", "admin"]}"#;
    let mut server = locations(&[location]);
    let poll = get(&mut server, "/ps/a", "");
    let client = send(&mut server, Role::Front, "POST", "/ps/a", "", "x");
    assert!(server.received(client).starts_with("HTTP/1.1 201 Created\r\n"));
    assert_eq!(brief(&server.received(poll)), "200 x");
    assert_eq!(brief(&admin(&mut server, "DELETE", "/ps/a", "", ""))[..3], *"200");
    assert_eq!(brief(&admin(&mut server, "DELETE", "/ps/a", "", "")), "404 ");
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

#[test]
fn a_location_may_say_which_event_messages_are() {
    let named = r#"{"path": "/named/{id}", "role": "publisher", "eventsource_event": "news"}"#;
    let mut server = locations(&[PUB, named, SUB]);
    for (target, event) in [("/pub/a", ""), ("/pub/a", "own"), ("/named/a", ""), ("/named/a", "own")] {
        let fields =
            if event.is_empty() { String::new() } else { format!("X-EventSource-Event: {event}\r\n") };
        admin(&mut server, "POST", target, &fields, "x");
    }
    let stream = get(&mut server, "/sub/a", "Accept: text/event-stream\r\n");
    let events = split(&server.received(stream)).1;
    let names: Vec<Option<&str>> = events
        .split("\n\n")
        .filter(|event| event.contains("id: "))
        .map(|event| event.lines().find_map(|line| line.strip_prefix("event: ")))
        .collect();
    assert_eq!(names, [None, Some("own"), Some("news"), Some("news")]);
}

#[test]
fn what_may_be_done_with_a_group_is_the_locations_to_say() {
    let at = |methods: &str| {
        format!(r#"{{"path": "/group/{{id}}", "role": "group", "group_methods": [{methods}]}}"#)
    };
    for (methods, allow, allowed) in [
        ("\"get\", \"set\", \"delete\"", "GET, HEAD, POST, DELETE, OPTIONS", [true, true, true, true]),
        ("\"get\"", "GET, HEAD, OPTIONS", [true, true, false, false]),
        ("\"set\"", "POST, OPTIONS", [false, false, true, false]),
        ("\"get\", \"delete\"", "GET, HEAD, DELETE, OPTIONS", [true, true, false, true]),
    ] {
        let mut server = locations(&[PUB, &at(methods)]);
        server.push("g/a", "x");
        for (method, is_allowed) in ["GET", "HEAD", "POST", "DELETE"].into_iter().zip(allowed) {
            let answer = admin(&mut server, method, "/group/g?max_channels=9", "", "");
            let status = if is_allowed { "200" } else { "405" };
            assert_eq!(&answer[9..12], status, "{methods}: {method}");
            if !is_allowed {
                assert_eq!(field(&answer, "Allow"), Some(allow), "{methods}: {method}");
            }
        }
        let answer = admin(&mut server, "OPTIONS", "/group/g", "", "");
        assert_eq!((&answer[9..12], field(&answer, "Allow")), ("200", Some(allow)));
    }
}
