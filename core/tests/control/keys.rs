//! Keys over HTTP.
use super::*;

#[test]
fn a_key_is_written_read_listed_and_deleted() {
    let mut server = Server::default();
    assert_eq!(get(&mut server, "/keys/k").0, 404);
    let first = put(&mut server, "k", b"one");
    server.pass_ms(1_500);
    let second = put(&mut server, "k", b"");
    assert!(second > first);
    let (status, key) = get(&mut server, "/keys/k");
    assert_eq!(
        (status, &key["value"], &key["version"]),
        (200, &json!(""), &json!(second)),
        "empty is not unknown"
    );
    server.pass_ms(250);
    assert_eq!(get(&mut server, "/keys/k").1["age_ms"], 250);
    put(&mut server, "a%2Fb", "\u{e9}\n".as_bytes());
    put(&mut server, "", b"of the empty key");
    put(&mut server, "x%0Ay%FF", b"of no name");
    let (_, all) = get(&mut server, "/keys");
    let names: Vec<&Value> = all["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|k| k.get("key").unwrap_or(&k["key_base64"]))
        .collect();
    assert_eq!(
        names,
        [&json!("k"), &json!("a/b"), &json!(""), &json!("eAp5/w==")],
        "in the order of their making"
    );
    assert_eq!(get(&mut server, "/keys/").1["value"], "of the empty key");
    assert_eq!(get(&mut server, "/keys/x%0Ay%FF").1["value"], "of no name");
    for (prefix, count) in [("x", 1), ("x%0Ay%FF", 1), ("x%0Ay%FE", 0), ("raw%3A", 0), ("", 4), ("a/", 1)] {
        let (_, found) = get(&mut server, &format!("/keys?prefix={prefix}"));
        assert_eq!(
            found["keys"].as_array().map(Vec::len),
            Some(count),
            "{prefix}: keys, not names, begin so"
        );
    }
    let (_, page) = get(&mut server, "/keys?limit=2");
    assert_eq!((page["keys"].as_array().map(Vec::len), &page["after"]), (Some(2), &json!(1)));
    let (_, rest) = get(&mut server, "/keys?limit=2&after=1");
    assert_eq!((rest["keys"].as_array().map(Vec::len), &rest["after"]), (Some(2), &Value::Null));
    assert_eq!(http(&mut server, ALL, "DELETE", "/keys/k", b"").0, 204);
    assert_eq!(http(&mut server, ALL, "DELETE", "/keys/k", b"").0, 404);
    for (method, target, status) in [
        ("POST", "/keys/k", 405),
        ("GET", "/keys/k/refresh", 405),
        ("DELETE", "/keys", 405),
        ("PUT", "/keys/k?ttl=soon", 400),
        ("GET", "/keys/k?wait=x", 400),
        ("GET", "/keys/k?since=-1", 400),
        ("GET", "/keys?after=z", 400),
    ] {
        let (got, problem) = http(&mut server, ALL, method, target, b"");
        assert_eq!(got, status, "{method} {target}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|words| !words.is_empty()));
    }
}

#[test]
fn keys_live_on_and_values_with_a_time_do_not() {
    let mut server = Server::default();
    put(&mut server, "stays", b"x");
    put(&mut server, "goes?ttl=100", b"x");
    server.push("published", "x");
    server.pass_ms(99_000);
    assert_eq!(get(&mut server, "/keys/goes").0, 200);
    server.pass_ms(2_000);
    assert_eq!(get(&mut server, "/keys/goes").0, 404);
    assert_eq!(
        get(&mut server, "/keys/published").0,
        404,
        "a channel that was only published to is forgotten"
    );
    server.pass_ms(1_000_000_000);
    assert_eq!(get(&mut server, "/keys/stays").1["value"], "x");
}

#[test]
fn only_so_many_values_are_kept_as_is_said() {
    let mut server = Server::default();
    let first = put(&mut server, "k?history=2", b"1");
    for value in [b"2", b"3", b"4"] {
        put(&mut server, "k?history=2", value);
    }
    let (_, next) = get(&mut server, &format!("/keys/k?since={first}"));
    assert_eq!(
        (&next["value"], next.get("missing")),
        (&json!("3"), Some(&Value::Null)),
        "and what is gone is said"
    );
}

/// The weaknesses of the original that are named in its report: a write between two polls was never told (6), a poll could
/// answer an old value with a new time and lose the new one (8), and of two writes in a second one was dropped.
#[test]
fn nothing_is_lost_between_two_polls() {
    let mut server = Server::default();
    let (_, none) = get(&mut server, "/keys/k?since=0");
    assert_eq!(
        (&none["key"], &none["timeout"]),
        (&json!("k"), &json!(true)),
        "nobody waits who does not say so"
    );
    let client = waits(&mut server, "/keys/k?wait=30&since=0");
    let first = put(&mut server, "k", b"1");
    let (_, heard) = answered(&server.received(client));
    assert_eq!((&heard["value"], &heard["version"]), (&json!("1"), &json!(first)));
    // Two in the same instant, while nobody polls.
    put(&mut server, "k", b"2");
    put(&mut server, "k", b"2");
    let mut since = first;
    for _ in 0..2 {
        let (_, heard) = get(&mut server, &format!("/keys/k?wait=30&since={since}"));
        assert_eq!((&heard["value"], heard.get("missing")), (&json!("2"), None));
        since = heard["version"].as_u64().expect("a version");
    }
    let client = waits(&mut server, &format!("/keys/k?wait=30&since={since}"));
    assert_eq!(http(&mut server, ALL, "POST", "/keys/k/refresh", b"").0, 200);
    let (_, heard) = answered(&server.received(client));
    assert_eq!(heard["value"], "2", "a refresh is told like a write");
    let (_, last) = get(&mut server, "/keys/k?wait=30&since=0");
    assert_eq!(last["version"], heard["version"], "0 is for who knows nothing: the present value");
}

/// It is as large as a request may be, and text or not: it is kept whatever is said of histories.
#[test]
fn a_value_of_any_size_that_is_taken_is_there() {
    let mut server = Server::default();
    let most = Config::default().limits.body_bytes_max;
    for byte in [b'a', 0xff] {
        let value = vec![byte; most];
        put(&mut server, "k", b"a small one before");
        let version = put(&mut server, "k", &value);
        let (status, read) = get(&mut server, "/keys/k");
        assert_eq!((status, &read["version"]), (200, &json!(version)));
        let text = read["value"].as_str().map(|text| text.len());
        let length = text.or_else(|| read["base64"].as_str().map(|text| text.len() / 4 * 3));
        assert!(length.is_some_and(|length| length.abs_diff(most) < 3), "{length:?}");
        assert_eq!(get(&mut server, "/keys").1["keys"][0]["version"], json!(version));
    }
    // Only the newest, and no more than it is: what comes next takes its place.
    put(&mut server, "k", b"a small one behind");
    assert!(server.machine.memory().history_bytes < 1_000);
    // What was only published is no value, and goes as it did.
    let mut config = Config::default();
    config.limits.history_bytes_max = 1_000;
    let mut server = Server::new(config);
    put(&mut server, "k", &[b'a'; 2_000]);
    assert_eq!(get(&mut server, "/keys/k").0, 200);
    server.push("c", &"a".repeat(2_000));
    assert_eq!(get(&mut server, "/keys/c").0, 404);
}

#[test]
fn a_write_that_is_refused_for_want_of_memory_leaves_the_value_before() {
    let mut config = Config::default();
    config.limits.memory_bytes_max = 2 << 20;
    let mut server = Server::new(config);
    put(&mut server, "k", &vec![b'1'; 300_000]);
    put(&mut server, "other", &vec![b'2'; 100_000]);
    // Even without the value before there is no room for this one.
    assert_eq!(http(&mut server, ALL, "PUT", "/keys/k", &vec![b'3'; 1_000_000]).0, 503);
    assert_eq!(get(&mut server, "/keys/k").1["value"].as_str().map(str::len), Some(300_000));
    // There is for this one, in its place.
    put(&mut server, "k", &vec![b'4'; 400_000]);
    put(&mut server, "k?history=1", &vec![b'5'; 400_000]);
    for i in 0.. {
        if server.machine.memory().total_bytes() > (2 << 20) - 390_000 {
            break;
        }
        put(&mut server, &format!("more{i}"), &[b'6'; 20_000]);
    }
    let read = get(&mut server, "/keys/k").1;
    assert!(read["value"].as_str().is_some_and(|value| value.len() == 400_000 && value.starts_with('5')));
    // It cannot be said again beside itself, and is not lost for that.
    assert_eq!(http(&mut server, ALL, "POST", "/keys/k/refresh", b"").0, 503);
    assert_eq!(get(&mut server, "/keys/k").1, read);
}

/// Whoever looks after values that are written again and again does not have to keep memory free for it.
#[test]
fn a_value_takes_the_place_of_one_of_its_size_where_there_is_no_room() {
    for bytes in [0, 100, 1_000, 30_000] {
        let mut config = Config::default();
        config.limits.memory_bytes_max = 700_000;
        let mut server = Server::new(config);
        let full = (0..).take_while(|i| {
            http(&mut server, ALL, "PUT", &format!("/keys/k{i}"), &vec![b'1'; bytes]).0 < 300
        });
        let count = full.count();
        assert!(count > 5, "{bytes}: {count}");
        for round in 0..2 {
            for i in 0..count.min(40) {
                let answer = http(&mut server, ALL, "PUT", &format!("/keys/k{i}"), &vec![b'2'; bytes]);
                assert!(answer.0 < 300, "{bytes} bytes, round {round}, key {i}: {answer:?}");
            }
        }
        for i in 0..count.min(60) {
            let value = get(&mut server, &format!("/keys/k{i}")).1["value"].clone();
            assert_eq!(value.as_str().map(str::len), Some(bytes), "{i}");
        }
    }
}

#[test]
fn messages_that_come_too_fast_take_no_value_away() {
    let mut config = Config::default();
    (config.limits.memory_bytes_max, config.limits.channel_messages_per_second_max) = (2 << 20, 1);
    let mut server = Server::new(config);
    put(&mut server, "k", &[b'1'; 100_000]);
    (0..)
        .take_while(|i| http(&mut server, ALL, "PUT", &format!("/keys/more{i}"), &[b'2'; 30_000]).0 < 300)
        .for_each(drop);
    // There is room for the request, and not for what it holds beside that.
    let mut config = server.machine.config().clone();
    config.limits.memory_bytes_max = server.machine.memory().total_bytes() + 150_000;
    server.machine.reconfigure(config);
    let item = format!(r#"{{"channel":"k","data":"{}"}}"#, "x".repeat(30_000));
    let three = format!(r#"{{"messages":[{item},{item},{item}]}}"#);
    server.pass_ms(2_000);
    let (client, length) = (server.connect(ALL), three.len());
    let head = "POST /publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    server.send(client, format!("{head}Content-Length: {length}\r\n\r\n{three}"));
    assert_eq!(answered(&server.received(client)).0, 429);
    assert_eq!(get(&mut server, "/keys/k").1["value"].as_str().map(str::len), Some(100_000));
}

#[test]
fn who_waits_is_told_how_it_ended() {
    let mut server = Server::default();
    let client = waits(&mut server, "/keys/k?wait=2");
    server.pass_ms(2_000);
    let said = answered(&server.received(client)).1;
    assert_eq!((&said["key"], &said["timeout"]), (&json!("k"), &json!(true)));
    // What is written before it asks again is behind the place that it was given.
    let since = said["since"].as_u64().expect("a place");
    let between = put(&mut server, "k", b"between");
    put(&mut server, "k", b"again");
    let (_, next) = get(&mut server, &format!("/keys/k?wait=5&since={since}"));
    assert_eq!(
        (&next["value"], next.get("missing"), &next["version"]),
        (&json!("between"), None, &json!(between))
    );
    http(&mut server, ALL, "DELETE", "/keys/k", b"");
    let long = waits(&mut server, "/keys/k?wait=1000");
    server.pass_ms(30_000);
    assert_eq!(answered(&server.received(long)).1["timeout"], true, "polling_timeout_ms is the longest");
    let version = put(&mut server, "k", b"1");
    let client = waits(&mut server, &format!("/keys/k?wait=&since={version}"));
    assert_eq!(get(&mut server, "/keys/k").1["waiting"], 1);
    http(&mut server, ALL, "DELETE", "/keys/k", b"");
    assert_eq!(answered(&server.received(client)).1, json!({ "key": "k", "deleted": true }));
    put(&mut server, "k", b"2");
    let (_, again) = get(&mut server, &format!("/keys/k?since={version}"));
    assert_eq!((&again["value"], again.get("missing")), (&json!("2"), None), "nothing was written between");
    http(&mut server, ALL, "DELETE", "/keys/k", b"");
    put(&mut server, "k", b"2");
    let (_, again) = get(&mut server, &format!("/keys/k?since={version}"));
    assert_eq!((&again["value"], again.get("missing")), (&json!("2"), Some(&Value::Null)), "a value was");
    // A version of another daemon's: the key may have had any number of values since.
    let (_, other) = get(&mut server, "/keys/k?since=1");
    assert_eq!((&other["value"], other.get("missing")), (&json!("2"), Some(&Value::Null)));
    let client = waits(&mut server, "/keys/unborn?wait=30&since=1");
    put(&mut server, "unborn", b"first");
    let (_, heard) = answered(&server.received(client));
    assert_eq!(
        (&heard["value"], heard.get("missing")),
        (&json!("first"), Some(&Value::Null)),
        "said when it comes"
    );
}

/// A key that is only waited for is a channel, but there is nothing in it to delete.
#[test]
fn what_has_no_value_is_not_deleted() {
    let mut server = Server::default();
    let client = waits(&mut server, "/keys/k?wait=30");
    assert_eq!(http(&mut server, ALL, "DELETE", "/keys/k", b"").0, 404);
    assert_eq!(server.received(client), "", "whoever waits goes on waiting");
    put(&mut server, "k", b"v");
    assert_eq!(answered(&server.received(client)).1["value"], "v");
    assert_eq!(http(&mut server, ALL, "DELETE", "/keys/k", b"").0, 204);
}

#[test]
fn a_write_that_nothing_would_be_kept_of_is_refused_as_its_refresh_is() {
    let mut none = Config::default();
    none.limits.history_messages_max = 0;
    let mut ruled = Config::default();
    ruled.history.rule = serde_json::from_str(r#"[{"match": "k*", "messages_max": 0}]"#).expect("a rule");
    for config in [none, ruled] {
        let mut server = Server::new(config);
        let waiting = waits(&mut server, "/keys/k?wait=30");
        let (status, said) = http(&mut server, ALL, "PUT", "/keys/k", b"v");
        assert_eq!(status, 409, "{said}");
        let words = "nothing would be kept of this key, for history_messages_max or its history.rule is 0: publish to the channel instead";
        assert_eq!(said["detail"], words);
        assert_eq!(http(&mut server, ALL, "PUT", "/keys/k?history=5", b"v").0, 409);
        assert_eq!(line(&mut server, "write k v"), format!("error refused {words}\n"));
        assert_eq!(tells(&mut server, b"write k v \0").0, format!("{words} \0").as_bytes());
        assert_eq!(server.received(waiting), "", "nobody is told what was refused");
        for (method, target) in [("GET", "/keys/k"), ("POST", "/keys/k/refresh"), ("DELETE", "/keys/k")] {
            assert_eq!(http(&mut server, ALL, method, target, b"").0, 404, "{method}");
        }
        assert_eq!(get(&mut server, "/keys").1["keys"], json!([]));
        assert_eq!(server.machine.counters().publishes_refused, 4);
    }
    // Other keys are kept.
    let mut ruled = Config::default();
    ruled.history.rule = serde_json::from_str(r#"[{"match": "k*", "messages_max": 0}]"#).expect("a rule");
    let mut server = Server::new(ruled);
    put(&mut server, "other", b"v");
    assert_eq!(get(&mut server, "/keys/other").0, 200);
    // By a reload they are not.
    let mut none = Config::default();
    none.limits.history_messages_max = 0;
    server.machine.reconfigure(none);
    assert_eq!(http(&mut server, ALL, "PUT", "/keys/other", b"w").0, 409);
    assert_eq!(http(&mut server, ALL, "POST", "/keys/other/refresh", b"").0, 404);
}

#[test]
fn many_wait_for_one_key() {
    let mut server = Server::default();
    let clients: Vec<Client> = (0..200).map(|_| waits(&mut server, "/keys/k?wait=30")).collect();
    let version = put(&mut server, "k", b"for all");
    for client in clients {
        assert_eq!(answered(&server.received(client)).1["version"], version);
    }
}

#[test]
fn the_admin_side_has_keys_but_gives_no_orders() {
    let mut server = Server::default();
    assert_eq!(http(&mut server, Role::Admin, "PUT", "/keys/k", b"v").0, 200);
    assert_eq!(http(&mut server, Role::Admin, "GET", "/keys/k", b"").1["value"], "v");
    assert_eq!(http(&mut server, Role::Admin, "GET", "/control/status", b"").0, 200);
    for order in ["/control/stop", "/control/reload"] {
        assert_eq!(http(&mut server, Role::Admin, "POST", order, b"").0, 403, "{order}");
        assert_eq!(http(&mut server, ALL, "GET", order, b"").0, 405, "{order}");
    }
    assert_eq!(http(&mut server, Role::Front, "GET", "/keys/k", b"").0, 404);
    assert_eq!((server.stops, server.reloads.len()), (0, 0));
    for (method, beneath) in [("POST", "/control/nope"), ("DELETE", "/keys/a/b")] {
        for role in [Role::Admin, ALL] {
            let (status, problem) = http(&mut server, role, method, beneath, b"");
            assert_eq!((status, &problem["status"]), (404, &json!(404)), "{beneath}: {problem}");
            assert_eq!(problem["detail"], "there is nothing at this path", "{beneath}");
        }
    }
    let client = server.connect(Role::Admin);
    server.send(client, "POST /control/nope HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    let answer = server.received(client);
    assert!(answer.contains("\r\nContent-Type: application/problem+json\r\n"), "{answer}");
    assert_eq!(
        http(&mut server, Role::Front, "POST", "/control/nope", b"").1,
        Value::Null,
        "nothing of it there"
    );
    let client = server.connect(Role::Admin);
    server.send(client, "read k\n\n");
    assert!(server.received(client).starts_with("HTTP/1.1 400 "), "no text but on the control socket");
}
