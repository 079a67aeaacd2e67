//! Limits of channels, their names, their subscribers and the people in them.
use super::*;

#[test]
fn channels_max() {
    let mut server = with(|l| l.channels_max = 2);
    server.push("a", "m");
    server.push("b", "m");
    for path in ["/push", "/pub", "/sign"] {
        let admin = server.connect(Role::Admin);
        let answer = server.get(admin, &format!("{path}?cname=c&content=x"));
        assert!(answer.starts_with("HTTP/1.1 429 Too Many Channels\r\n"), "{answer}");
        assert_eq!(
            body(&server.get(admin, "/push?cname=a&content=x")),
            "{\"type\":\"ok\"}\n",
            "those there are work"
        );
    }
    for framing in Framing::ALL {
        let mut refused = Listener::subscribe(&mut server, framing, "cname=c&seq=1");
        assert_eq!(refused.heard(&mut server), ["429 0 Too many channels"]);
    }
    assert_eq!(moved(&mut server, |c| c.channels_refused), 8);
    server.ask(Role::Admin, "/close?cname=a");
    server.push("c", "m");
}

#[test]
fn subscribers_per_channel_max() {
    let mut server = with(|l| l.subscribers_per_channel_max = 2);
    let first = Listener::subscribe(&mut server, Framing::Poll, "cname=a&seq=1");
    let mut second = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=1");
    let mut third = Listener::subscribe(&mut server, Framing::Sse, "cname=a&seq=1");
    assert_eq!(third.heard(&mut server), ["429 0 Too many subscribers"]);
    assert_eq!(moved(&mut server, |c| c.subscribers_refused), 1);
    server.vanish(first.client);
    third.ask(&mut server, "cname=a&seq=1");
    server.push("a", "m");
    assert_eq!(
        (second.heard(&mut server), third.heard(&mut server)),
        (vec!["data 1 m".into()], vec!["data 1 m".into()])
    );
}

#[test]
fn names_and_callbacks() {
    let mut server = with(|l| {
        l.channel_name_bytes_max = 10;
        l.callback_bytes_max = 5;
        l.roster_name_bytes_max = 4;
    });
    let admin = server.connect(Role::Admin);
    assert_eq!(status(&server.get(admin, "/push?cname=0123456789&content=x")), "200");
    for name in ["0123456789a", &encode("äääääb")] {
        assert_eq!(status(&server.get(admin, &format!("/push?cname={name}&content=x"))), "400");
    }
    assert_eq!(moved(&mut server, |c| c.names_refused), 2);
    assert_eq!(status(&server.get(admin, "/push?cname=a&content=x&cb=abcde")), "200");
    assert_eq!(status(&server.get(admin, "/push?cname=a&content=x&cb=abcdef")), "400");
    assert_eq!(moved(&mut server, |c| c.callbacks_refused), 1);
    assert_eq!(moved(&mut server, |c| c.published), 2);
    let mut who = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=1&who=abcde");
    assert!(who.heard(&mut server)[0].starts_with("400 0 "));
    let mut who = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=2&who=abcd");
    assert_eq!(who.heard(&mut server), [format!("roster {FIRST_CHANGE} [\"abcd\"]")]);
}

#[test]
fn broadcasts_waiting_max() {
    let mut server = with(|l| l.broadcasts_waiting_max = 3);
    for i in 0..50 {
        server.push(&format!("c{i}"), "m");
    }
    // All in one turn: the sweep has not come round in between.
    let (_, answers) =
        asks(&mut server, Role::Admin, "GET /broadcast?content=b HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5));
    assert_eq!(
        (answers.matches("\r\n\r\nok\n").count(), answers.matches("HTTP/1.1 503 ").count()),
        (3, 2),
        "{answers}"
    );
    assert_eq!(moved(&mut server, |c| c.broadcasts_refused), 2);
    assert_eq!(server.ask(Role::Admin, "/broadcast?content=again"), "ok\n", "later there is room");
    for i in 0..50 {
        let mut poll = Listener::subscribe(&mut server, Framing::Stream, &format!("cname=c{i}&seq=2"));
        let heard = poll.heard(&mut server);
        assert_eq!(
            heard.iter().filter(|m| m.starts_with("broadcast")).count(),
            4,
            "nothing accepted is lost: {heard:?}"
        );
    }
}

#[test]
fn roster_max_and_roster_lease_ms() {
    let mut server = with(|l| {
        l.roster_max = 2;
        l.roster_lease_ms = 5_000;
    });
    let mut subscribe =
        |who: &str| Listener::subscribe(&mut server, Framing::Stream, &format!("cname=a&seq=1&who={who}"));
    let (mut ann, bob, mut carl) = (subscribe("ann"), subscribe("bob"), subscribe("carl"));
    assert_eq!(
        ann.heard(&mut server),
        [format!("roster {FIRST_CHANGE} [\"ann\"]"), format!("join {} bob", FIRST_CHANGE + 1)]
    );
    assert_eq!(
        carl.heard(&mut server),
        [format!("roster {} [\"ann\",\"bob\"]", FIRST_CHANGE + 1)],
        "not listed, but served"
    );
    assert!(moved(&mut server, |c| c.roster_refused) > 0);
    server.push("a", "m");
    assert_eq!(
        (ann.heard(&mut server), carl.heard(&mut server)),
        (vec!["data 1 m".into()], vec!["data 1 m".into()])
    );
    server.vanish(bob.client);
    server.pass_ms(4_999);
    assert!(ann.heard(&mut server).is_empty(), "present until the lease ends");
    server.pass_ms(1);
    assert_eq!(ann.heard(&mut server), [format!("leave {} bob", FIRST_CHANGE + 2)]);
    let mut dora = Listener::subscribe(&mut server, Framing::Stream, "cname=a&seq=2&who=dora");
    assert_eq!(
        dora.heard(&mut server),
        [format!("roster {} [\"ann\",\"dora\"]", FIRST_CHANGE + 3)],
        "there is room again"
    );
}

#[test]
fn channels_and_clients_of_simple_comet() {
    let mut server = rest::with(|config| {
        config.limits.channels_per_subscription_max = 2;
        config.limits.sessions_max = 1;
        config.limits.session_name_bytes_max = 3;
        config.limits.status_names_max = 2;
    });
    for channel in ["a", "b", "c"] {
        rest::register(&mut server, channel);
        rest::push(&mut server, channel, "x");
    }
    let refused = "{\"return_code\": -1, \"error_message\": \"Too many channels in one request\"}";
    assert_eq!(rest::get(&mut server, "/channels/a|b|c.json"), refused);
    assert_eq!(moved(&mut server, |c| c.compounds_refused), 1);
    assert_eq!(rest::brief(&rest::get(&mut server, "/channels/a|b.json")), "a: x, b: x");
    assert_eq!(
        rest::post(&mut server, "/clients.json", "client_id=long"),
        "{\"return_code\": -1, \"error_message\": \"Invalid client id\"}"
    );
    assert_eq!(moved(&mut server, |c| c.names_refused), 1);
    assert_eq!(rest::register_client(&mut server, "one"), 1);
    assert_eq!(
        rest::post(&mut server, "/clients.json", "client_id=two"),
        "{\"return_code\": -1, \"error_message\": \"Too many clients\"}"
    );
    assert_eq!(moved(&mut server, |c| c.sessions_refused), 1);
    assert_eq!(
        rest::get(&mut server, "/status.json"),
        "{\"status\": {\"channels\": [\"a\", \"b\"], \"clients\": [\"one\"], \"held_connections_count\": 0, \"left_out\": 1}, \
         \"return_code\": 1, \"error_message\": \"\"}"
    );
    server.pass_ms(60_000);
    assert_eq!(rest::register_client(&mut server, "two"), 1, "the first is forgotten");
}

#[test]
fn limits_speak_simple_comet_too() {
    let mut server = rest::with(|config| {
        config.limits.channels_max = 1;
        config.limits.subscribers_per_channel_max = 1;
        config.limits.channel_name_bytes_max = 5;
        config.limits.callback_bytes_max = 20;
    });
    let words = |server: &mut Server, body: String| {
        let _ = server;
        rest::json(&body)["error_message"].as_str().unwrap().to_owned()
    };
    let long = rest::post(&mut server, "/channels.json", "channel_id=longer");
    assert_eq!(words(&mut server, long), "Invalid channel id");
    rest::register(&mut server, "a");
    let full = rest::post(&mut server, "/channels.json", "channel_id=b");
    assert_eq!(words(&mut server, full), "Too many channels");
    rest::hold(&mut server, "/channels/a.json");
    for list in ["a", "a|b"] {
        let full = rest::get(&mut server, &format!("/channels/{list}.json"));
        assert_eq!(words(&mut server, full), "Too many subscribers");
    }
    let name = format!("_JSONP_{}", "x".repeat(20));
    let refused = rest::get(&mut server, &format!("/channels/a.jsonp?cb={name}"));
    assert_eq!(refused, "/* invalid JSONP callback name */");
    let counters = server.machine.counters();
    assert_eq!((counters.channels_refused, counters.subscribers_refused), (1, 2));
    assert_eq!((counters.names_refused, counters.callbacks_refused), (1, 1));
}

#[test]
fn media_type_bytes_max() {
    let mut server = with(|l| l.media_type_bytes_max = 10);
    let post = |kind: &str| {
        format!(
            "POST /publish?channel=a HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 1\r\n\r\nx"
        )
    };
    assert_eq!(status(&asks(&mut server, Role::Admin, post("text/plain")).1), "202");
    assert_eq!(status(&asks(&mut server, Role::Admin, post("text/plain2")).1), "400");
    assert_eq!(moved(&mut server, |c| c.media_types_refused), 1);
}

#[test]
fn publish_messages_max() {
    let mut server = with(|l| {
        l.publish_messages_max = 2;
        l.history_bytes_max = 4_000;
    });
    let post = |server: &mut Server, text: &str| {
        let client = server.connect(Role::Admin);
        let kind = "Content-Type: application/json";
        let length = text.len();
        server.send(
            client,
            format!("POST /publish HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{text}"),
        );
        status(&server.received(client)).to_owned()
    };
    assert_eq!(post(&mut server, r#"{"channels":["a","b"],"data":1}"#), "200");
    assert_eq!(post(&mut server, r#"{"channels":["a","b","c"],"data":1}"#), "413");
    let large = "x".repeat(1_500);
    assert_eq!(post(&mut server, &format!(r#"{{"channels":["a","b"],"data":"{large}"}}"#)), "200");
    assert_eq!(post(&mut server, &format!(r#"{{"channels":["a","a"],"data":"{large}"}}"#)), "413");
    assert_eq!(moved(&mut server, |c| c.publishes_too_large), 2);
}
