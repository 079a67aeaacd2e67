//! Groups of channels with limits, events of channels, the status page, and what else Nchan has
//! (`protocols/push-module.md`, sections 5.3 and 5.10; `protocols/nchan-features.md`).
#[path = "push_module_groups/events.rs"]
mod events;
#[path = "support/push.rs"]
mod push;
mod support;

use push::*;
use rcomet_core::Role;
use support::{Client, Server, split};

const GROUP_PUB: &str =
    r#"{"path": "/pub/{g}/{id}", "role": "publisher", "group": "{g}", "channels": ["{id}"]"#;
const GROUP_SUB: &str =
    r#"{"path": "/sub/{g}/{id}", "role": "subscriber", "group": "{g}", "channels": ["{id}"]"#;
const GROUP: &str = r#"{"path": "/group/{g}", "role": "group""#;

fn grouped(more: &str) -> Server {
    let of = |location: &str| format!("{location}{more}}}");
    locations(&[&of(GROUP_PUB), &of(GROUP_SUB), &of(GROUP)])
}

fn post_to(server: &mut Server, channel: &str, body: &str) -> String {
    brief(&admin(server, "POST", &format!("/pub/{channel}"), "", body))
}

fn json(server: &mut Server, group: &str) -> serde_json::Value {
    let answer = admin(server, "GET", &format!("/group/{group}"), "Accept: text/json\r\n", "");
    serde_json::from_str(&split(&answer).1).expect("JSON")
}

/// Channels, subscribers and messages of a group.
fn counts(server: &mut Server, group: &str) -> [u64; 3] {
    let json = json(server, group);
    ["channels", "subscribers", "messages"].map(|name| json[name].as_u64().expect("a number"))
}

#[test]
fn what_is_in_a_group_is_counted() {
    let mut server = grouped("");
    assert_eq!(counts(&mut server, "g"), [0, 0, 0]);
    for channel in ["g/a", "g/a", "g/b", "h/a"] {
        assert_eq!(&post_to(&mut server, channel, "x")[..3], "202");
    }
    // Other dialects' messages are in it, too, and other names are not.
    server.push("g/c", "x");
    server.push("gg", "x");
    let poll = get(&mut server, "/sub/g/a", &behind(0, "9"));
    let stream = get(&mut server, "/sub/g/a", "Accept: text/event-stream\r\n");
    server.received(stream);
    assert_eq!((counts(&mut server, "g"), counts(&mut server, "h")), ([3, 2, 4], [1, 0, 1]));
    assert!(json(&mut server, "g")["messages_memory"].as_u64() > Some(4));
    // All formats, as Nchan writes them.
    let bytes = json(&mut server, "h")["messages_memory"].as_u64().unwrap();
    let plain = format!(
        "channels: 1\r\nsubscribers: 0\r\nmessages: 1\r\nshared memory used by messages: {bytes} bytes\r\n\
         disk space used by messages: 0 bytes\r\nlimits:\r\n  max channels: 0\r\n  max subscribers: 0\r\n  max messages: 0\r\n  \
         max messages shared memory: 0\r\n  max messages disk space: 0\r\n"
    );
    let yaml = format!(
        "---\r\nchannels: 1\r\nsubscribers: 0\r\nmessages: 1\r\nmessages_memory: {bytes}\r\nmessages_disk: 0\r\nlimits:\r\n  \
         channels: 0\r\n  subscribers: 0\r\n  messages: 0\r\n  messages_memory: 0\r\n  messages_disk: 0\r\n\r\n"
    );
    for (accept, wanted) in [("*/*", plain), ("text/yaml", yaml)] {
        let answer = admin(&mut server, "GET", "/group/h", &format!("Accept: {accept}\r\n"), "");
        assert_eq!(split(&answer).1, wanted);
    }
    let xml = admin(&mut server, "GET", "/group/h", "Accept: text/xml\r\n", "");
    assert!(xml.contains("<group>\r\n  <channels>1</channels>\r\n  <subscribers>0</subscribers>"), "{xml}");
    assert!(xml.ends_with("    <messages_disk>0</messages_disk>\r\n  </limits>\r\n</group>"), "{xml}");
    // What goes is counted out.
    server.vanish(stream);
    admin(&mut server, "DELETE", "/pub/g/b", "", "");
    assert_eq!(counts(&mut server, "g"), [2, 1, 3]);
    server.vanish(poll);
    server.pass_ms(8_000_000);
    assert_eq!((counts(&mut server, "g"), server.machine.load().0), ([0, 0, 0], 0));
}

#[test]
fn limits_of_a_group_are_kept() {
    let mut server = grouped(
        r#", "group_max_channels": 2, "group_max_subscribers": 2, "group_max_messages": 3, "messages_max": 2"#,
    );
    for channel in ["g/a", "g/b"] {
        assert_eq!(&post_to(&mut server, channel, "x")[..3], "202");
    }
    assert_eq!(post_to(&mut server, "g/c", "x"), "403 Group limit reached for number of channels.");
    // Those that are there can be published to, which Nchan refuses.
    assert_eq!(&post_to(&mut server, "g/a", "x")[..3], "202");
    assert_eq!(post_to(&mut server, "g/b", "x"), "403 Group limit reached for number of messages.");
    // A full channel gives one away for each.
    assert_eq!(&post_to(&mut server, "g/a", "x")[..3], "202");
    assert_eq!(brief(&ask(&mut server, "/sub/g/c", "")), "403 ", "a subscriber makes none either");
    let place = behind(0, "9");
    let held: Vec<Client> = (0..2).map(|_| get(&mut server, "/sub/g/a", &place)).collect();
    assert_eq!(brief(&ask(&mut server, "/sub/g/b", &place)), "403 ");
    assert_eq!(&post_to(&mut server, "h/a", "x")[..3], "202", "another group has its own");
    assert_eq!(server.machine.counters().groups_refused, 4);
    // Limits that were set go before those of locations; what is not named stays.
    let answer = admin(
        &mut server,
        "POST",
        "/group/g?max_channels=3",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "max_messages=0",
    );
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let limits = json(&mut server, "g")["limits"].clone();
    assert_eq!(
        ["channels", "subscribers", "messages", "messages_memory"].map(|name| limits[name].as_u64()),
        [Some(3), Some(2), Some(0), Some(0)]
    );
    for channel in ["g/c", "g/b", "g/b"] {
        assert_eq!(&post_to(&mut server, channel, "x")[..3], "202");
    }
    assert_eq!(&post_to(&mut server, "g/d", "x")[..3], "403");
    admin(&mut server, "POST", "/group/g?max_messages_mem=100&max_channels=0", "", "");
    assert_eq!(post_to(&mut server, "g/e", "x"), "403 Group limit reached for memory used by messages.");
    // As they are set in nginx, with sizes as it reads them.
    let target = "/group/n?max_channels=2&max_subs=1&max_messages=3&max_messages_mem=1M";
    assert!(admin(&mut server, "POST", target, "", "").starts_with("HTTP/1.1 200 OK\r\n"));
    let limits = json(&mut server, "n")["limits"].clone();
    assert_eq!(
        ["channels", "subscribers", "messages", "messages_memory"].map(|name| limits[name].as_u64()),
        [Some(2), Some(1), Some(3), Some(1_048_576)]
    );
    for (target, status) in [("/group/g?max_channels=x", "400"), ("/group/g%2Fh?max_channels=1", "403")] {
        assert_eq!(&brief(&admin(&mut server, "POST", target, "", ""))[..3], status, "{target}");
    }
    drop(held);
}

/// A limit that is said at one location holds at those that say nothing of it, and the group's page tells it.
#[test]
fn limits_hold_at_locations_that_do_not_say_them() {
    let of = |location: &str, more: &str| format!("{location}{more}}}");
    let publisher = of(GROUP_PUB, r#", "group_max_channels": 2"#);
    let subscriber = of(GROUP_SUB, r#", "group_max_subscribers": 1"#);
    let other = r#"{"path": "/other/{g}/{id}", "role": "pubsub", "on": ["admin", "front"], "group": "{g}", "channels": ["{id}"]}"#;
    let events = r#"{"path": "/events/{id}", "role": "subscriber", "group": "meta"}"#;
    let mut server = locations(&[&publisher, &subscriber, other, &of(GROUP, ""), events]);
    let limits = |server: &mut Server| {
        let limits = json(server, "g")["limits"].clone();
        ["channels", "subscribers", "messages"].map(|name| limits[name].as_u64().expect("a number"))
    };
    assert_eq!(limits(&mut server), [2, 1, 0], "of a group in which nothing is yet");
    for channel in ["g/a", "g/b"] {
        assert_eq!(&post_to(&mut server, channel, "x")[..3], "202");
    }
    for target in ["/sub/g/c", "/other/g/c"] {
        assert_eq!(brief(&ask(&mut server, target, "")), "403 ", "{target}");
    }
    let full = "403 Group limit reached for number of channels.";
    assert_eq!(brief(&admin(&mut server, "POST", "/other/g/c", "", "x")), full);
    let held = get(&mut server, "/other/g/a", &behind(0, "9"));
    assert_eq!(brief(&ask(&mut server, "/other/g/b", &behind(0, "9"))), "403 ");
    assert_eq!((counts(&mut server, "g"), limits(&mut server)), ([2, 1, 2], [2, 1, 0]));
    // What is not named stays, also when no limit is left and when they are those of locations.
    admin(&mut server, "POST", "/group/g?max_channels=0", "", "");
    assert_eq!(limits(&mut server), [0, 1, 0]);
    admin(&mut server, "POST", "/group/g?max_subs=0", "", "");
    admin(&mut server, "POST", "/group/g?max_messages=9", "", "");
    assert_eq!(limits(&mut server), [0, 0, 9]);
    for channel in ["g/c", "g/d"] {
        assert_eq!(&post_to(&mut server, channel, "x")[..3], "202");
    }
    server.vanish(held);
    // A `{g}` is never the group of events.
    let readers: Vec<Client> = (0..2).map(|_| get(&mut server, "/events/a", "")).collect();
    for reader in readers {
        assert_eq!(server.received(reader), "");
    }
}

#[test]
fn a_group_can_be_emptied() {
    let mut server = grouped("");
    for i in 0..300 {
        post_to(&mut server, &format!("g/{i}"), "x");
        post_to(&mut server, &format!("h/{i}"), "x");
    }
    let poll = get(&mut server, "/sub/g/7", &behind(0, "9999"));
    server.budget = 10;
    let answer = admin(&mut server, "DELETE", "/group/g", "Accept: text/json\r\n", "");
    assert!(answer.contains("\"channels\": 300,"), "{answer}");
    assert_eq!(brief(&server.received(poll)), "410 ");
    assert_eq!((counts(&mut server, "g"), counts(&mut server, "h")), ([0, 0, 0], [300, 0, 300]));
    // What comes meanwhile is not meant.
    for method in ["PUT", "PATCH"] {
        let answer = admin(&mut server, method, "/group/g", "", "");
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert_eq!(field(&answer, "Allow"), Some("GET, HEAD, POST, DELETE, OPTIONS"));
    }
}

#[test]
fn a_group_does_not_reach_into_another() {
    let mut server = grouped("");
    assert_eq!(&post_to(&mut server, "a%2Fb/c", "x")[..3], "404");
    assert_eq!(&post_to(&mut server, "%2F/c", "x")[..3], "404");
    assert_eq!(server.machine.load().0, 0);
}

#[test]
fn counting_begins_and_ends_with_the_configuration() {
    let mut server = grouped("");
    post_to(&mut server, "g/a", "x");
    let with_groups = server.machine.config().clone();
    let mut without = with_groups.clone();
    without.push.location.truncate(2);
    server.machine.reconfigure(without);
    server.turn();
    post_to(&mut server, "g/b", "x");
    server.machine.reconfigure(with_groups);
    server.turn();
    assert_eq!(counts(&mut server, "g"), [2, 0, 2]);
}

#[test]
fn the_status_page_is_nchans() {
    let mut server = locations(&[PUB, SUB, r#"{"path": "/nchan_stub_status", "role": "stub_status"}"#]);
    for channel in ["a", "a", "b"] {
        post(&mut server, channel, "x");
    }
    get(&mut server, "/sub/c", "");
    let answer = admin(&mut server, "GET", "/nchan_stub_status", "", "");
    let body = split(&answer).1;
    let lines: Vec<(&str, &str)> = body.lines().map(|line| line.split_once(": ").expect(line)).collect();
    assert_eq!(lines.len(), 16);
    assert_eq!(lines[..2], [("total published messages", "3"), ("stored messages", "3")]);
    assert!(lines[2].0 == "shared memory used" && lines[2].1.ends_with('K'), "{body}");
    assert_eq!(lines[4..6], [("channels", "3"), ("subscribers", "1")]);
    assert_eq!(lines[15].0, "nchan version");
    assert_eq!(field(&answer, "Content-Type"), Some("text/plain"));
    assert_eq!(brief(&admin(&mut server, "POST", "/nchan_stub_status", "", "")), "405 ");
}

#[test]
fn several_messages_can_come_in_one_long_poll() {
    let location = |path: &str, how: &str| {
        format!(
            r#"{{"path": "/{path}?ids=", "split": ",", "role": "subscriber", "longpoll_multipart": "{how}"}}"#
        )
    };
    let mut server = locations(&[PUB, &location("parts", "on"), &location("lines", "raw")]);
    admin(&mut server, "POST", "/pub/a", "Content-Type: text/x\r\n", "one");
    let single = ask(&mut server, "/parts?ids=a", "");
    assert_eq!((brief(&single), field(&single, "Content-Type")), ("200 one".into(), Some("text/x")));
    admin(&mut server, "POST", "/pub/a", "", "two\r\n");
    let answer = ask(&mut server, "/parts?ids=a", "");
    let boundary =
        field(&answer, "Content-Type").and_then(|kind| kind.strip_prefix("multipart/mixed; boundary="));
    let boundary = boundary.expect("parts").to_owned();
    assert_eq!(boundary.len(), 32);
    assert_eq!(field(&answer, "Etag"), Some(&*support::tag(1).to_string()), "the place is behind the last");
    let wanted = format!(
        "--{boundary}\r\nContent-Type: text/x\r\n\r\none\r\n--{boundary}\r\n\r\ntwo\r\n\r\n--{boundary}--\r\n"
    );
    assert_eq!(split(&answer).1, wanted);
    let answer = ask(&mut server, "/lines?ids=a", "");
    assert_eq!((brief(&answer), field(&answer, "Content-Type")), ("200 one\ntwo\r\n\n".into(), None));
    // Of several channels, what comes before anything of another.
    for (channel, text) in [("b", "three"), ("a", "four"), ("a", "five")] {
        post(&mut server, channel, text);
    }
    let mut walker = Walker::new("/lines?ids=a,b");
    assert_eq!(walker.all(&mut server), ["one\ntwo\r\n\n", "three", "four\nfive\n"]);
    // One who waits gets what is published together.
    let client = get(&mut server, "/lines?ids=a,b", &walker.validators);
    let publisher = server.connect(Role::Admin);
    for text in ["6", "7"] {
        let request = format!("POST /pub/b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{text}");
        server.send_in_this_turn(publisher, request);
    }
    server.turn();
    assert_eq!(brief(&server.received(client)), "200 6\n7\n");
    // Another server draws another boundary.
    let other = Server::with_seed(server.machine.config().clone(), 2);
    let mut other = other;
    for text in ["x", "y"] {
        post(&mut other, "a", text);
    }
    assert!(!ask(&mut other, "/parts?ids=a", "").contains(&boundary));
}

#[test]
fn streams_last_as_long_as_they_may() {
    let mut server = locations(&[PUB, r#"{"path": "/sub/{id}", "role": "subscriber", "timeout_ms": 45000}"#]);
    let events = get(&mut server, "/sub/a", "Accept: text/event-stream\r\n");
    let parts = get(&mut server, "/sub/a", "Accept: multipart/mixed\r\n");
    let left = get(&mut server, "/sub/a", "TE: chunked\r\n");
    server.vanish(left);
    server.pass_ms(20_000);
    post(&mut server, "a", "x");
    server.pass_ms(24_000);
    assert!(!server.received(events).contains("408") && !server.received(parts).ends_with("0\r\n\r\n"));
    server.pass_ms(1_100);
    assert!(server.received(events).ends_with(":408: 408 Request Timeout\n\n\r\n0\r\n\r\n"));
    assert!(server.received(parts).ends_with("--\r\n\r\n0\r\n\r\n"));
    // The connection goes on, and what it asks for next lasts as long anew.
    server.send(events, "GET /sub/a HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    server.pass_ms(44_000);
    assert!(server.received(events).contains("data: x\n"));
    assert_eq!(server.machine.members("a"), 1);
}

#[test]
fn methods_that_are_known_nowhere_are_told_which_are() {
    let mut server = usual();
    let client = server.connect(Role::Admin);
    server.send(client, "PATCH /pub/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    let answer = server.received(client);
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert_eq!(field(&answer, "Allow"), Some("GET, HEAD, POST, PUT, DELETE, OPTIONS"));
    // The connection goes on; elsewhere it is as it was.
    server.send(client, "PROPFIND /pub/a HTTP/1.1\r\nHost: x\r\n\r\nPATCH /info HTTP/1.1\r\nHost: x\r\n\r\n");
    let answers = server.received(client);
    assert!(answers.starts_with("HTTP/1.1 405 ") && answers.contains("HTTP/1.1 501 "), "{answers}");
}

#[test]
fn a_channel_that_comes_again_is_heard_at_once() {
    let several = r#"{"path": "/sub?ids=", "split": ",", "role": "subscriber"}"#;
    let mut server = locations(&[PUB, several]);
    let streams: Vec<Client> =
        (0..200).map(|_| get(&mut server, "/sub?ids=a,b,c", "Accept: text/event-stream\r\n")).collect();
    let poll = get(&mut server, "/sub?ids=a,b,c", "");
    streams.iter().for_each(|stream| drop(server.received(*stream)));
    for round in 0..3 {
        for channel in ["a", "b"] {
            admin(&mut server, "DELETE", &format!("/pub/{channel}"), "", "");
        }
        post(&mut server, "a", &format!("again {round}"));
        post(&mut server, "a", "and more");
        for stream in &streams {
            let heard = server.received(*stream);
            assert_eq!(heard.matches("data: ").count(), 2, "{heard}");
            assert!(heard.contains(&format!("data: again {round}\n")));
        }
    }
    assert_eq!(brief(&server.received(poll)), "200 again 0");
    // Nothing is left of those who go while they wait for a name.
    streams.into_iter().for_each(|stream| server.vanish(stream));
    server.vanish(poll);
    server.pass_ms(8_000_000);
    assert!(server.machine.is_pristine() && server.machine.load() == (0, 0));
}

#[test]
fn many_readers_do_not_make_giving_way_dear() {
    let last = r#"{"path": "/last/{id}", "role": "subscriber", "concurrency": "last"}"#;
    let mut server = locations(&[PUB, SUB, last]);
    let icomet: Vec<Client> = (0..500)
        .map(|_| {
            let client = server.connect(Role::Front);
            server.send(client, "GET /stream?cname=a&seq=1 HTTP/1.1\r\nHost: x\r\n\r\n");
            client
        })
        .collect();
    let others: Vec<Client> = (0..300).map(|_| get(&mut server, "/sub/a", "")).collect();
    let streams: Vec<Client> =
        (0..3).map(|_| get(&mut server, "/sub/a", "Accept: text/event-stream\r\n")).collect();
    streams.iter().for_each(|stream| drop(server.received(*stream)));
    server.budget = 40;
    let first = get(&mut server, "/last/a", "");
    assert_eq!(server.received(first), "");
    for client in others {
        assert_eq!(brief(&server.received(client)), "409 ");
    }
    for stream in streams {
        assert!(server.received(stream).ends_with(":409: 409 Conflict\n\n\r\n0\r\n\r\n"));
    }
    let second = get(&mut server, "/last/a", "");
    assert_eq!((brief(&server.received(first)), server.received(second)), ("409 ".into(), String::new()));
    post(&mut server, "a", "x");
    assert_eq!(brief(&server.received(second)), "200 x");
    assert!(icomet.iter().all(|client| server.received(*client).contains("\"x\"")));
    assert_eq!((server.machine.members("a"), server.machine.counters().conflicts), (500, 304));
}
