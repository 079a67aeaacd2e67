//! What a location has said around messages, as Nchan's directives of the same names do (`protocols/nchan-features.md`,
//! section 1.1).
#[path = "support/push.rs"]
mod push;
mod support;

use push::*;
use rcomet_core::config::{Location, Push};
use rcomet_core::{Config, Role};
use support::split;

const EVENTS: &str = "Accept: text/event-stream\r\n";

fn named(server: &mut support::Server, channel: &str, event: &str, body: &str) {
    admin(server, "POST", &format!("/pub/{channel}"), &format!("X-EventSource-Event: {event}\r\n"), body);
}

/// A reader's location with more options.
fn sub(more: &str) -> String {
    format!(r#"{{"path": "/sub/{{id}}", "role": "subscriber", {more}}}"#)
}

/// What a stream has been sent, without head and chunks.
fn stream(server: &mut support::Server, client: support::Client) -> String {
    let all = server.received(client);
    let body = all.split_once("\r\n\r\n").map_or(all.as_str(), |(head, body)| {
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        body
    });
    let size = |line: &&str| u32::from_str_radix(line, 16).is_err() || line.is_empty();
    body.split("\r\n").filter(size).collect()
}

#[test]
fn a_readers_location_names_the_event_of_all_messages() {
    let here = sub(r#""eventsource_event": "here""#);
    let plain = r#"{"path": "/plain/{id}", "role": "subscriber"}"#;
    let mut server = locations(&[PUB, &here, plain]);
    post(&mut server, "a", "one");
    named(&mut server, "a", "own", "two");
    let renamed = get(&mut server, "/sub/a", EVENTS);
    let usual = get(&mut server, "/plain/a", EVENTS);
    named(&mut server, "a", "own", "three");
    post(&mut server, "a", "four");
    let text = stream(&mut server, renamed);
    assert_eq!(text.matches("event: here\nid: ").count(), 4, "{text}");
    assert!(!text.contains("own"), "{text}");
    let text = stream(&mut server, usual);
    assert_eq!((text.matches("event: own\n").count(), text.matches("event: ").count()), (2, 2), "{text}");
    // What is no event source is not told.
    assert_eq!(Walker::new("/sub/a").all(&mut server), ["one", "two", "three", "four"]);
}

#[test]
fn a_publishers_location_names_the_event_for_all_readers() {
    let publisher = r#"{"path": "/pub/{id}", "role": "publisher", "eventsource_event": "set"}"#;
    let mut server = locations(&[publisher, SUB]);
    named(&mut server, "a", "own", "one");
    let client = get(&mut server, "/sub/a", EVENTS);
    let text = stream(&mut server, client);
    assert!(text.contains("event: set\nid: "), "{text}");
}

#[test]
fn who_reads_goes_on_as_it_began_when_the_configuration_changes() {
    let mut server = locations(&[PUB, &sub(r#""eventsource_event": "before""#)]);
    let old = get(&mut server, "/sub/a", EVENTS);
    let read = |json: &str| serde_json::from_str::<Location>(json).expect("a location");
    let push = Push { location: vec![read(PUB), read(&sub(r#""eventsource_event": "after""#))] };
    server.machine.reconfigure(Config { push, ..Config::default() });
    let new = get(&mut server, "/sub/a", EVENTS);
    post(&mut server, "a", "one");
    assert!(stream(&mut server, old).contains("event: before\nid: "));
    assert!(stream(&mut server, new).contains("event: after\nid: "));
}

#[test]
fn raw_streams_have_the_separator_that_was_chosen() {
    for (said, wanted) in [
        (r#""--x--""#, "one--x--\ntwo--x--\nthree--x--\n"),
        (r#""""#, "onetwothree"),
        (r#""\n\n""#, "one\n\ntwo\n\nthree\n\n"),
        (r#""\u0000""#, "one\0\ntwo\0\nthree\0\n"),
    ] {
        let raw = sub(&format!(r#""transports": ["raw_stream"], "raw_stream_separator": {said}"#));
        let mut server = locations(&[PUB, &raw]);
        post(&mut server, "a", "one");
        let client = get(&mut server, "/sub/a", "");
        post(&mut server, "a", "two");
        post(&mut server, "a", "three");
        assert_eq!(split(&server.received(client)).1, wanted);
    }
    let mut server = locations(&[PUB, &sub(r#""transports": ["raw_stream"]"#)]);
    post(&mut server, "a", "one");
    let client = get(&mut server, "/sub/a", "");
    assert_eq!(split(&server.received(client)).1, "one\n");
}

#[test]
fn a_message_of_no_bytes_does_not_end_a_raw_stream() {
    let raw = sub(r#""transports": ["raw_stream"], "raw_stream_separator": """#);
    let mut server = locations(&[PUB, &raw]);
    post(&mut server, "a", "one");
    let client = get(&mut server, "/sub/a", "");
    post(&mut server, "a", "");
    post(&mut server, "a", "two");
    let text = server.received(client);
    assert!(!text.contains("\r\n0\r\n"), "{text}");
    assert_eq!(split(&text).1, "onetwo");
    assert!(!server.is_shut(client));
}

#[test]
fn long_polls_line_by_line_have_it_too() {
    let lines = sub(r#""longpoll_multipart": "raw", "raw_stream_separator": ";""#);
    let mut server = locations(&[PUB, &lines]);
    for body in ["one", "two"] {
        post(&mut server, "a", body);
    }
    let answer = ask(&mut server, "/sub/a", "");
    assert_eq!(split(&answer).1, "one;\ntwo;\n");
    assert_eq!(field(&answer, "Content-Length"), Some("10"));
}

#[test]
fn the_whole_id_may_stand_in_one_field() {
    let compound = sub(r#""compound_etag_message_id": true"#);
    let mut server = locations(&[PUB, &compound]);
    for body in ["one", "two"] {
        post(&mut server, "a", body);
    }
    let first = ask(&mut server, "/sub/a", "");
    assert_eq!((field(&first, "Last-Modified"), split(&first).1.as_str()), (None, "one"));
    let id = field(&first, "Etag").expect("an id").to_owned();
    assert_eq!(id, format!("{}:{}", support::START, support::tag(0)));
    let second = ask(&mut server, "/sub/a", &format!("If-None-Match: {id}\r\n"));
    assert_eq!(split(&second).1, "two");
    // A cache between may add a date of its own.
    let dated = format!("If-None-Match: {id}\r\nIf-Modified-Since: {}\r\n", date(1_000));
    assert_eq!(split(&ask(&mut server, "/sub/a", &dated)).1, "two");
    // In parts as well.
    let client = get(&mut server, "/sub/a", "Accept: multipart/mixed\r\n");
    let text = stream(&mut server, client);
    assert!(text.contains(&format!("Etag: {id}")) && !text.contains("Last-Modified"), "{text}");
}

#[test]
fn the_tag_may_stand_in_a_field_of_ones_own() {
    let custom = sub(r#""message_id_custom_etag_header": "X-My-Id""#);
    let mut server = locations(&[PUB, &custom]);
    for body in ["one", "two"] {
        post(&mut server, "a", body);
    }
    let first = ask(&mut server, "/sub/a", "Origin: http://other.example\r\n");
    assert_eq!(
        (field(&first, "Etag"), field(&first, "X-My-Id")),
        (None, Some(&*support::tag(0).to_string()))
    );
    assert_eq!(
        field(&first, "Access-Control-Expose-Headers"),
        Some("Last-Modified, Etag, Content-Type, X-My-Id")
    );
    assert_eq!(split(&ask(&mut server, "/sub/a", &behind(0, "0"))).1, "two");
    // Together with the other, it has all of the id.
    let both = sub(r#""message_id_custom_etag_header": "X-My-Id", "compound_etag_message_id": true"#);
    let mut server = locations(&[PUB, &both]);
    post(&mut server, "a", "one");
    let answer = ask(&mut server, "/sub/a", "");
    assert_eq!(field(&answer, "X-My-Id"), Some(format!("{}:{}", support::START, support::tag(0)).as_str()));
}

#[test]
fn a_place_is_named_where_the_location_says() {
    let since = sub(r#""last_message_id": [{"header": "X-Since"}, {"argument": "since"}]"#);
    let mut server = locations(&[PUB, &since]);
    for body in ["one", "two", "three"] {
        post(&mut server, "a", body);
    }
    let id = |number: u32| format!("{}:{}", support::START, support::tag(number));
    let asked =
        |server: &mut support::Server, target: &str, fields: &str| split(&ask(server, target, fields)).1;
    assert_eq!(asked(&mut server, "/sub/a", &format!("X-Since: {}\r\n", id(1))), "three");
    assert_eq!(asked(&mut server, &format!("/sub/a?since={}", id(0)), ""), "two");
    // However a client spells the argument.
    for name in ["%73ince", "sinc%65", "%53INCE"] {
        assert_eq!(asked(&mut server, &format!("/sub/a?{name}={}", id(0)), ""), "two", "{name}");
    }
    let both = format!("X-Since: {}\r\n", id(1));
    assert_eq!(asked(&mut server, &format!("/sub/a?since={}", id(0)), &both), "three");
    // The usual ones are not looked at then; validators always are.
    assert_eq!(asked(&mut server, "/sub/a", &format!("Last-Event-ID: {}\r\n", id(1))), "one");
    assert_eq!(asked(&mut server, &format!("/sub/a?since={}", id(0)), &behind(0, "1")), "three");
}

#[test]
fn event_sources_are_pinged_as_the_location_says() {
    let pings = sub(
        r#""eventsource_ping_ms": 2000, "eventsource_ping_event": "ping", "eventsource_ping_data": "d", "eventsource_ping_comment": "c""#,
    );
    let mut server = locations(&[PUB, &pings, r#"{"path": "/plain/{id}", "role": "subscriber"}"#]);
    let client = get(&mut server, "/sub/a", EVENTS);
    let plain = get(&mut server, "/plain/a", EVENTS);
    server.pass_ms(1_999);
    assert_eq!(stream(&mut server, client), ": hi\n\n");
    server.pass_ms(1);
    const PING: &str = ":c\nevent: ping\ndata: d\n\n";
    assert_eq!(stream(&mut server, client), PING);
    server.pass_ms(4_000);
    assert_eq!(stream(&mut server, client), [PING, PING].concat());
    // A message is a sign of life as well.
    server.pass_ms(1_000);
    post(&mut server, "a", "one");
    server.pass_ms(1_999);
    assert!(!stream(&mut server, client).contains("ping"));
    server.pass_ms(1);
    assert_eq!(stream(&mut server, client), PING);
    assert!(!stream(&mut server, plain).contains("ping"));
    server.pass_ms(30_000);
    assert_eq!(stream(&mut server, plain), ":\n\n");
}

#[test]
fn nothing_of_it_is_heard_by_other_dialects() {
    let here = sub(r#""eventsource_event": "here", "raw_stream_separator": "--x--""#);
    let mut server = locations(&[PUB, &here]);
    named(&mut server, "a", "own", "one");
    let reader = send(&mut server, Role::Front, "GET", "/poll?cname=a&seq=1", "", "");
    let answer = server.received(reader);
    assert!(answer.contains("\"content\":\"one\"") && !answer.contains("here"), "{answer}");
}
