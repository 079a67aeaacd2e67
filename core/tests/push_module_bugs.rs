//! Bugs of the push module and of Nchan (`protocols/push-module.md`, `protocols/nchan-features.md` section 2): none of
//! them is here.
#[path = "push_module_bugs/ids.rs"]
mod ids;
#[path = "support/push.rs"]
mod push;
mod support;

use push::*;
use rcomet_core::Role;
use rcomet_core::time::Date;
use support::{START, split, tag};

#[test]
fn some_methods_are_never_answered() {
    let mut server = usual();
    post(&mut server, "a", "one");
    assert_eq!(brief(&admin(&mut server, "HEAD", "/pub/a", "", "")), "200 ");
    for method in ["HEAD", "POST", "PUT", "DELETE"] {
        let client = send(&mut server, Role::Front, method, "/sub/a", "", "");
        let answer = server.received(client);
        assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{method}: {answer}");
        assert_eq!(field(&answer, "Allow"), Some("GET, OPTIONS"));
    }
    for method in ["PATCH", "PROPFIND"] {
        assert!(admin(&mut server, method, "/pub/a", "", "").starts_with("HTTP/1.1 405 "), "{method}");
    }
    let mut server = locations(&[r#"{"path": "/group/{g}", "role": "group"}"#]);
    for method in ["PUT", "PATCH"] {
        let answer = admin(&mut server, method, "/group/g", "", "x");
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
        assert_eq!(field(&answer, "Allow"), Some("GET, HEAD, POST, DELETE, OPTIONS"), "{method}");
    }
}

#[test]
fn the_type_of_a_description_has_a_stray_byte() {
    let mut server = usual();
    post(&mut server, "a", "one");
    for (accept, wanted) in [
        ("text/json, x", "text/json"),
        ("application/x-yaml;q=1", "text/yaml"),
        ("text/xml", "text/xml"),
        ("text/html", "text/plain"),
    ] {
        let answer = admin(&mut server, "GET", "/pub/a", &format!("Accept: {accept}\r\n"), "");
        assert_eq!(field(&answer, "Content-Type"), Some(wanted));
        if accept.contains("json") {
            let info: serde_json::Value = serde_json::from_str(&split(&answer).1).unwrap();
            assert_eq!((&info["messages"], &info["requested"]), (&1.into(), &(-1).into()));
        }
    }
}

#[test]
fn first_and_last_are_ignored() {
    let first = r#"{"path": "/first/{id}", "role": "subscriber", "concurrency": "first"}"#;
    let last = r#"{"path": "/last/{id}", "role": "subscriber", "concurrency": "last"}"#;
    let mut server = locations(&[PUB, first, last]);
    let held = get(&mut server, "/first/a", "");
    assert_eq!(brief(&ask(&mut server, "/first/a", "")), "409 ");
    assert_eq!(server.received(held), "", "it waits on");
    // Who has hung up in the same moment is gone.
    server.vanish(held);
    let next = get(&mut server, "/first/a", "");
    assert_eq!(server.received(next), "");
    post(&mut server, "a", "x");
    assert_eq!(brief(&server.received(next)), "200 x");
    // The newcomer wins, also one that is answered at once.
    let held = get(&mut server, "/last/a", &behind(0, "0"));
    let newcomer = get(&mut server, "/last/a", &behind(0, "0"));
    assert_eq!((brief(&server.received(held)), server.received(newcomer)), ("409 ".into(), String::new()));
    assert_eq!(brief(&ask(&mut server, "/last/a", "")), "200 x");
    assert_eq!(brief(&server.received(newcomer)), "409 ");
    let stream = get(&mut server, "/last/a", "Accept: text/event-stream\r\n");
    server.received(stream);
    let newcomer = get(&mut server, "/last/a", &behind(0, "0"));
    assert!(server.received(stream).contains(":409: 409 Conflict\n\n"));
    assert_eq!(server.received(newcomer), "");
    assert_eq!(server.machine.counters().conflicts, 4);
}

#[test]
fn several_channels_are_replayed_in_another_order() {
    let several = r#"{"path": "/sub?ids=", "split": ",", "role": "subscriber"}"#;
    let mut server = locations(&[PUB, several]);
    let mut published = Vec::new();
    for (i, channel) in ["b", "a", "c", "a", "b", "c", "a"].into_iter().enumerate() {
        let text = format!("{channel}{i}");
        post(&mut server, channel, &text);
        published.push(text);
        if i == 3 {
            pass_seconds(&mut server, 1);
        }
    }
    // Both in polls and in a stream, and on from any place.
    assert_eq!(Walker::new("/sub?ids=a,b,c").all(&mut server), published);
    let stream = get(&mut server, "/sub?ids=c,b,a", "TE: chunked\r\n");
    assert_eq!(split(&server.received(stream)).1, published.concat());
    for (tag, rest) in [("0", 1), ("[0],-,-", 1), ("-,[2],1", 3), ("3", 4), ("-,-,[-]", 0)] {
        let mut reader = Walker::new("/sub?ids=a,b,c");
        reader.validators = behind(0, tag);
        assert_eq!(reader.all(&mut server), published[rest..], "{tag}");
    }
}

#[test]
fn deleting_one_channel_ends_the_reading_of_several() {
    let several = r#"{"path": "/sub?ids=", "split": ",", "role": "subscriber"}"#;
    let mut server = locations(&[PUB, several]);
    let poll = get(&mut server, "/sub?ids=a,b", "");
    let stream = get(&mut server, "/sub?ids=a,b", "Accept: text/event-stream\r\n");
    server.received(stream);
    admin(&mut server, "DELETE", "/pub/a", "", "");
    assert_eq!((server.received(poll), server.received(stream)), (String::new(), String::new()));
    post(&mut server, "b", "x");
    assert_eq!(brief(&server.received(poll)), "200 x");
    assert!(server.received(stream).contains("data: x\n"));
    let poll = get(&mut server, "/sub?ids=b", &behind(0, "0"));
    admin(&mut server, "DELETE", "/pub/b", "", "");
    assert_eq!(brief(&server.received(poll)), "410 ");
    assert!(server.received(stream).contains(":410: 410 Gone\n\n"), "the last of them");
}

/// What was published before a channel's end is for its readers, though they go on with other channels.
#[test]
fn what_waits_of_a_channel_that_is_deleted_is_lost_to_readers_of_several() {
    for fields in ["Accept: text/event-stream\r\n", "TE: chunked\r\n", "Accept: multipart/mixed\r\n"] {
        let several = r#"{"path": "/sub?ids=", "split": ",", "role": "subscriber"}"#;
        let mut server = locations(&[PUB, several]);
        let stream = get(&mut server, "/sub?ids=a,b", fields);
        server.received(stream);
        let publisher = server.connect(Role::Admin);
        let post = |body: &str| format!("POST /pub/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{body}");
        let both = post("one") + &post("two");
        server.send(publisher, format!("{both}DELETE /pub/a HTTP/1.1\r\nHost: x\r\n\r\n"));
        let told = server.received(stream);
        let places = ["one", "two"].map(|body| told.find(body));
        assert!(places[0].is_some() && places[0] < places[1], "{fields}{told}");
        admin(&mut server, "POST", "/pub/b", "", "three");
        assert!(server.received(stream).contains("three"), "it goes on with the other");
    }
}

#[test]
fn what_is_said_of_several_channels_means_nothing() {
    let all = r#"{"path": "/all?ids=", "split": ",", "role": "publisher"}"#;
    let mut server = locations(&[PUB, SUB, all]);
    get(&mut server, "/sub/a", "");
    post(&mut server, "a", "x");
    for _ in 0..2 {
        get(&mut server, "/sub/a", &behind(0, "0"));
    }
    let answer = admin(&mut server, "POST", "/all?ids=b,a,b", "Accept: text/json\r\n", "y");
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"));
    let wanted = format!(
        "{{\"messages\": 2, \"requested\": 0, \"subscribers\": 2, \"last_message_id\": \"{START}:{}\" }}",
        tag(2)
    );
    assert_eq!(split(&answer).1, wanted, "named twice is published to once");
}

#[test]
fn an_origin_that_is_refused_is_allowed_in_the_refusal() {
    let mut server = with(&[PUB, SUB], |config| {
        config.http.origins =
            vec![rcomet_core::config::Origin::try_from("https://good.example".to_owned()).unwrap()];
    });
    post(&mut server, "a", "one");
    let answer = ask(&mut server, "/sub/a", "Origin: https://bad.example\r\n");
    assert!(answer.starts_with("HTTP/1.1 403 ") && !answer.contains("Access-Control"), "{answer}");
    let answer = ask(&mut server, "/sub/a", "Origin: https://good.example\r\n");
    assert_eq!(field(&answer, "Access-Control-Allow-Origin"), Some("https://good.example"));
    assert_eq!(field(&answer, "Access-Control-Allow-Credentials"), Some("true"));
    assert_eq!(field(&answer, "Access-Control-Expose-Headers"), Some("Last-Modified, Etag, Content-Type"));
    // A page of the same host is no other site.
    assert_eq!(brief(&ask(&mut server, "/sub/a", "Origin: http://x\r\n")), "200 one");
    let client = send(&mut server, Role::Front, "OPTIONS", "/sub/a", "Origin: https://good.example\r\n", "");
    let answer = server.received(client);
    assert_eq!(field(&answer, "Allow"), Some("GET, OPTIONS"));
    let headers = field(&answer, "Access-Control-Allow-Headers").unwrap();
    for name in ["If-None-Match", "If-Modified-Since", "Etag", "Last-Event-ID"] {
        assert!(headers.contains(name), "{name}");
    }
    // Fields of a location's own may be sent by pages, too; each is named once.
    let mut server = with(
        &[r#"{"path": "/sub/{id}", "role": "subscriber", "message_id_custom_etag_header": "X-Id",
            "last_message_id": [{"header": "X-Since"}, {"header": "last-event-id"}, {"argument": "since"}]}"#],
        |config| {
            config.http.origins =
                vec![rcomet_core::config::Origin::try_from("https://good.example".to_owned()).unwrap()];
        },
    );
    let client = send(&mut server, Role::Front, "OPTIONS", "/sub/a", "Origin: https://good.example\r\n", "");
    let answer = server.received(client);
    let headers = field(&answer, "Access-Control-Allow-Headers").unwrap();
    assert!(headers.ends_with(", Last-Event-ID, TE, X-Since, X-Id"), "{headers}");
}

#[test]
fn long_ids_are_cut_short() {
    let mut server = usual();
    let long = "x".repeat(256);
    assert!(post(&mut server, &long, "one").starts_with("HTTP/1.1 403 "));
    assert!(ask(&mut server, &format!("/sub/{long}"), "").starts_with("HTTP/1.1 403 "));
    assert_eq!(server.machine.load().0, 0);
}

#[test]
fn ids_that_are_no_text_are_one_channel() {
    let query = r#"{"path": "/all?channel=", "role": "pubsub", "on": ["front"]}"#;
    let group = r#"{"path": "/of/{group}/{id}", "role": "pubsub", "on": ["front"], "group": "{group}", "channels": ["{id}"]}"#;
    let mut server = locations(&[PUB, SUB, query, group]);
    let words = "the channel's id is not UTF-8: expected text, percent-encoded";
    for bad in ["%ff", "%fe", "a%c3", "%c3%28", "%ed%a0%80", "%ef%bf%bd%ff"] {
        assert_eq!(brief(&post(&mut server, bad, "x")), format!("400 {words}"), "{bad}");
        for target in [format!("/sub/{bad}"), format!("/all?channel={bad}"), format!("/of/{bad}/a")] {
            assert_eq!(brief(&ask(&mut server, &target, "")), format!("400 {words}"), "{target}");
            let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
            let socket = get(&mut server, &target, &format!("Connection: Upgrade\r\n{upgrade}"));
            assert!(server.received(socket).starts_with("HTTP/1.1 400 "), "{target}");
        }
    }
    assert_eq!(server.machine.load().0, 0, "no channel has come to be");
    // What is text is one, also with what stands for bytes that are none.
    for good in ["%c3%a4", "%ef%bf%bd", "a+b%25ff"] {
        assert!(post(&mut server, good, "x").starts_with("HTTP/1.1 202 "), "{good}");
        assert_eq!(brief(&ask(&mut server, &format!("/sub/{good}"), "")), "200 x", "{good}");
    }
    assert_eq!(brief(&ask(&mut server, "/all?channel=%ef%bf%bd", "")), "200 x");
}

#[test]
fn carriage_returns_break_events_apart() {
    let mut server = usual();
    post(&mut server, "a", "one\rid: 9:9\r\nevent: x\n");
    let stream = get(&mut server, "/sub/a", "Accept: text/event-stream\r\n");
    let wanted =
        format!(": hi\n\nid: {START}:{}\ndata: one\ndata: id: 9:9\ndata: event: x\ndata: \n\n", tag(0));
    assert_eq!(split(&server.received(stream)).1, wanted);
}

#[test]
fn polls_are_cut_off_at_the_end() {
    let mut server = usual();
    let poll = get(&mut server, "/sub/a", "");
    let stream = get(&mut server, "/sub/a", "Accept: text/event-stream\r\n");
    server.received(stream);
    server.machine.drain(server.now);
    server.turn();
    let answer = server.received(poll);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Connection: close\r\n"), "{answer}");
    let words = "the server is going away, or an administrator has ended this request: ask again";
    let end = format!("\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{words}", words.len());
    assert!(answer.ends_with(&end) && answer.contains("\r\nContent-Type: text/plain\r\n"), "{answer}");
    assert_eq!(server.received(stream), "0\r\n\r\n");
    // As for who asks when it has begun to end.
    let late = server.connect(Role::Front);
    server.send(late, "GET /sub/a HTTP/1.1\r\nHost: h\r\n\r\n");
    server.turn();
    assert_eq!(split(&server.received(late)).1, words);
}

/// 304 and 204 end the client of the push module for good: a long poll is never answered so.
#[test]
fn long_polls_are_ended_with_304() {
    let mut server = locations(&[PUB, r#"{"path": "/sub/{id}", "role": "subscriber", "timeout_ms": 1000}"#]);
    let poll = get(&mut server, "/sub/a", "");
    server.pass_ms(1_000);
    assert_eq!(brief(&server.received(poll)), "408 ");
    let mut server = usual();
    let poll = get(&mut server, "/sub/a", "");
    server.pass_ms(24 * 3_600_000);
    assert_eq!(server.received(poll), "", "unless it is said otherwise, it waits for ever");
    post(&mut server, "a", "x");
    assert_eq!(brief(&server.received(poll)), "200 x");
}

/// YAML wants a colon behind each name; the push module left one out (`protocols/push-module.md`, section 3.1).
#[test]
fn a_description_in_yaml_lacks_a_colon() {
    let mut server = usual();
    post(&mut server, "a", "one");
    let answer = admin(&mut server, "GET", "/pub/a", "Accept: text/yaml\r\n", "");
    assert_eq!(field(&answer, "Content-Type"), Some("text/yaml"));
    let wanted = format!(
        "---\r\nmessages: 1\r\nrequested: -1\r\nsubscribers: 0\r\nlast_message_id: \"{START}:{}\"\r\n\r\n",
        tag(0)
    );
    assert_eq!(split(&answer).1, wanted);
}

/// Nchan remembers it for some seconds (`protocols/push-module.md`, section 5.8).
#[test]
fn a_channel_that_was_deleted_can_be_deleted_again() {
    let mut server = usual();
    post(&mut server, "a", "one");
    assert!(admin(&mut server, "DELETE", "/pub/a", "", "").starts_with("HTTP/1.1 200 "));
    for method in ["DELETE", "GET", "HEAD"] {
        assert_eq!(brief(&admin(&mut server, method, "/pub/a", "", "")), "404 ", "{method}");
    }
}

#[test]
fn an_empty_id_is_a_channel() {
    let mut server = locations(&[
        r#"{"path": "/pub?id=", "role": "publisher", "split": ","}"#,
        r#"{"path": "/sub?id=", "role": "subscriber", "split": ","}"#,
    ]);
    for query in ["", "?id=", "?id", "?other=a", "?id=a,", "?id=,"] {
        let published = admin(&mut server, "POST", &format!("/pub{query}"), "", "x");
        assert_eq!(brief(&published), "404 No channel id provided.", "{query}");
        assert_eq!(
            brief(&ask(&mut server, &format!("/sub{query}"), "")),
            "404 No channel id provided.",
            "{query}"
        );
    }
    assert_eq!(server.machine.load().0, 0);
}

/// Nchan takes them for a bad request, and the poll is lost (section 5.3).
#[test]
fn bytes_behind_a_held_poll_end_it() {
    let mut server = usual();
    let client = get(&mut server, "/sub/a", "");
    server.send(client, format!("GET /sub/a HTTP/1.1\r\nHost: x\r\n{}\r\nGET /su", behind(0, "0")));
    assert_eq!(server.received(client), "");
    post(&mut server, "a", "one");
    assert_eq!(brief(&server.received(client)), "200 one");
    post(&mut server, "a", "two");
    assert_eq!(brief(&server.received(client)), "200 two");
    server.send(client, "b/a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(brief(&server.received(client)), "200 one");
}
