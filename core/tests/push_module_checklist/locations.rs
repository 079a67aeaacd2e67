//! What is a location's to say: which channels it has, who may read them and how, and what becomes of them.
use super::*;

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
