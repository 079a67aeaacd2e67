//! Bayeux's sessions, as clients use them (`protocols/bayeux.md`).
#[path = "support/bayeux.rs"]
mod bayeux;
#[path = "bayeux_sessions/extras.rs"]
mod extras;
mod support;

use bayeux::{Fellow, config, server};
use rcomet_core::Role;
use rcomet_core::config::Gap;
use serde_json::{Value, json};
use support::{Server, body};

#[test]
fn a_client_connects_subscribes_and_hears() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    let reply = a.subscribe(&mut server, "/chat/demo");
    assert_eq!(
        reply,
        json!([{"id": "2", "channel": "/meta/subscribe", "successful": true, "subscription": "/chat/demo"}])
    );
    a.connect(&mut server);
    assert_eq!(a.heard(&mut server), None, "it waits");
    let reply = a.publish(&mut server, "/chat/demo", json!({"x": [1, "\u{2028}"]}));
    assert_eq!(reply, json!([{"id": "4", "channel": "/chat/demo", "successful": true}]));
    assert_eq!(
        a.heard(&mut server).unwrap(),
        json!([
            {"channel": "/chat/demo", "data": {"x": [1, "\u{2028}"]}},
            {"id": "3", "channel": "/meta/connect", "successful": true},
        ])
    );
}

#[test]
fn what_happens_between_two_connects_is_had_with_the_next() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.subscribe(&mut server, "/b");
    for n in 0..10 {
        server.push(if n % 3 == 0 { "/a" } else { "/b" }, &format!("m{n}"));
    }
    a.connect(&mut server);
    let heard = a.data(&mut server);
    let want: Vec<_> = (0..10).map(|n| json!(format!("m{n}"))).collect();
    assert_eq!(heard, want, "in the order of the log");
    a.connect(&mut server);
    assert_eq!(a.heard(&mut server), None);
    server.pass_ms(30_000);
    assert_eq!(
        a.heard(&mut server).unwrap(),
        json!([{"id": "5", "channel": "/meta/connect", "successful": true}])
    );
}

#[test]
fn one_copy_however_many_subscriptions_match() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    for name in ["/a/b", "/a/*", "/a/**", "/**", "/a/b"] {
        a.subscribe(&mut server, name);
    }
    server.push("/a/b", "1");
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("1")]);
    a.connect(&mut server);
    server.push("/a/b/c", "2");
    assert_eq!(a.data(&mut server), [json!("2")]);
    a.unsubscribe(&mut server, "/**");
    a.unsubscribe(&mut server, "/a/**");
    server.push("/a/b/c", "3");
    server.push("/a/d", "4");
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("4")]);
}

#[test]
fn a_second_connect_releases_the_first() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    let first = a.move_to_new_connection(&mut server);
    a.connect(&mut server);
    let released = server.received(first);
    assert_eq!(body(&released), "[{\"id\":\"3\",\"channel\":\"/meta/connect\",\"successful\":true}]");
    server.push("/a", "x");
    assert_eq!(a.data(&mut server), [json!("x")]);
}

#[test]
fn a_hang_up_loses_nothing_that_was_not_sent() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    let first = a.move_to_new_connection(&mut server);
    server.vanish(first);
    server.push("/a", "x");
    server.pass_ms(59_000);
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("x")]);
}

#[test]
fn without_acknowledgements_what_was_sent_is_gone() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a");
    server.push("/a", "lost on the way");
    a.connect(&mut server);
    a.lose(&mut server);
    server.push("/a", "next");
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("next")]);
}

#[test]
fn with_acknowledgements_what_was_lost_is_sent_again() {
    let mut server = server();
    let mut a = Fellow::with_ack(&mut server);
    a.subscribe(&mut server, "/a");
    a.subscribe(&mut server, "/**");
    server.push("/a", "1");
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("1")]);
    server.push("/a", "2");
    a.connect(&mut server);
    a.lose(&mut server);
    server.push("/b", "3");
    a.connect(&mut server);
    a.lose(&mut server);
    server.push("/a", "4");
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("2"), json!("3"), json!("4")], "each once, in order");
    a.connect(&mut server);
    assert_eq!(a.heard(&mut server), None);
    assert_eq!(server.machine.counters().bayeux_resent, 5);
}

#[test]
fn unknown_clients_are_told_to_begin_again_on_connects_only() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.client = "0".repeat(32);
    a.connect(&mut server);
    assert_eq!(
        a.heard(&mut server).unwrap(),
        json!([{"id": "2", "channel": "/meta/connect", "successful": false, "error": "402::Unknown client",
                "advice": {"reconnect": "handshake", "interval": 0}}])
    );
    let reply = a.subscribe(&mut server, "/a");
    assert_eq!(
        reply,
        json!([{"id": "3", "channel": "/meta/subscribe", "successful": false, "subscription": "/a",
                "error": "402::Unknown client"}])
    );
}

#[test]
fn a_session_sleeps_before_it_is_forgotten() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a");
    server.pass_ms(60_100);
    assert_eq!(server.machine.counters().bayeux_sessions_expired, 1);
    server.push("/a", "while it slept");
    server.pass_ms(500_000);
    a.move_to_new_connection(&mut server);
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("while it slept")]);
    server.pass_ms(61_000 + 3_600_000);
    a.move_to_new_connection(&mut server);
    a.connect(&mut server);
    assert_eq!(a.heard(&mut server).unwrap()[0]["error"], "402::Unknown client");
    server.pass_ms(200_000);
    assert_eq!(server.machine.load(), (0, 0), "nothing is left of it");
    assert!(server.machine.is_pristine());
}

/// Who comes when its session is over hears of nothing that happened meanwhile, unless it asks, and only of what somebody else has kept.
#[test]
fn who_comes_too_late_begins_anew() {
    let mut server = server();
    let (mut a, mut other) = (Fellow::with_ack(&mut server), Fellow::new(&mut server));
    for name in ["/kept", "/gone"] {
        a.subscribe(&mut server, name);
        server.push(name, "lost on the way");
    }
    a.connect(&mut server);
    assert_eq!(a.data(&mut server).len(), 2);
    for name in ["/kept", "/gone"] {
        server.push(name, "while it was away");
    }
    other.subscribe(&mut server, "/kept");
    server.pass_ms(60_000 + 3_600_000 - 10_000);
    other.move_to_new_connection(&mut server);
    other.connect(&mut server);
    server.pass_ms(9_000);
    assert_eq!(server.machine.load(), (2, 3), "it keeps its channels until its time is over");
    server.pass_ms(90_000);
    assert_eq!(server.machine.load(), (1, 1), "then they end like any other");
    a.move_to_new_connection(&mut server);
    // Its answer was lost, too; a session that is over does not send it again.
    a.acked = Some(0);
    a.connect(&mut server);
    assert_eq!(a.heard(&mut server).unwrap()[0]["error"], "402::Unknown client");
    let mut plain = Fellow::with_ack(&mut server);
    for name in ["/kept", "/gone", "/*"] {
        assert_eq!(plain.subscribe(&mut server, name)[0]["successful"], true);
    }
    plain.connect(&mut server);
    server.pass_ms(29_000);
    assert_eq!(plain.heard(&mut server), None, "neither messages nor a gap");
    let mut asking = Fellow::new(&mut server);
    for name in ["/kept", "/gone", "/*"] {
        let fields = json!({"subscription": name, "ext": {"rcomet": {"history": 10}}});
        assert_eq!(asking.send(&mut server, "/meta/subscribe", fields)[0]["successful"], true);
    }
    asking.connect(&mut server);
    assert_eq!(asking.data(&mut server), [json!("lost on the way"), json!("while it was away")], "of /kept");
    server.machine.check();
}

#[test]
fn the_plugin_goes_on_with_its_old_session() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a");
    server.push("/a", "kept");
    let old = a.client.clone();
    let reply = a.ask(
        &mut server,
        json!({"id": "9", "channel": "/meta/handshake", "minimumVersion": "0.9", "version": "1.0", "clientId": old}),
    );
    assert_eq!(reply[0]["clientId"], json!(old));
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("kept")]);
    // A dead one that is named twice has one successor.
    let dead = "ab".repeat(16);
    let shake = json!({"id": "9", "channel": "/meta/handshake", "version": "1.0", "clientId": dead});
    let first = a.ask(&mut server, shake.clone());
    let second = a.ask(&mut server, shake);
    assert_eq!(first[0]["clientId"], second[0]["clientId"]);
    assert_ne!(first[0]["clientId"], json!(dead));
}

#[test]
fn disconnect_ends_the_connect_that_waits() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a/**");
    a.connect(&mut server);
    let waits = a.move_to_new_connection(&mut server);
    let reply = a.send(&mut server, "/meta/disconnect", json!({}));
    assert_eq!(reply, json!([{"id": "4", "channel": "/meta/disconnect", "successful": true}]));
    assert_eq!(
        body(&server.received(waits)),
        "[{\"id\":\"3\",\"channel\":\"/meta/connect\",\"successful\":true}]"
    );
    let reply = a.publish(&mut server, "/a", json!(1));
    assert_eq!(reply[0]["error"], "402::Unknown client");
}

#[test]
fn gaps_are_said_and_counted() {
    for policy in [Gap::Message, Gap::Rehandshake] {
        let mut config = config();
        config.limits.history_messages_max = 3;
        config.bayeux.gap = policy;
        let mut server = Server::new(config);
        let mut a = Fellow::new(&mut server);
        a.subscribe(&mut server, "/a");
        for n in 0..10 {
            server.push("/a", &n.to_string());
        }
        a.connect(&mut server);
        let heard = a.heard(&mut server).unwrap();
        assert_eq!(server.machine.counters().lost, 7);
        if policy == Gap::Rehandshake {
            assert_eq!(heard[0]["advice"]["reconnect"], "handshake");
            a.connect(&mut server);
            assert_eq!(a.heard(&mut server).unwrap()[0]["error"], "402::Unknown client");
            continue;
        }
        assert_eq!(heard[0], json!({"channel": "/service/rcomet/gap", "data": {"lost": 7}}));
        assert_eq!((&heard[1]["data"], heard.as_array().unwrap().len()), (&json!("7"), 5));
        a.connect(&mut server);
        assert_eq!(a.heard(&mut server), None, "said once");
    }
}

#[test]
fn a_channel_that_is_closed_is_read_in_its_next_life() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a");
    server.push("/a", "unread");
    server.ask(Role::Admin, "/close?cname=/a");
    server.push("/a", "anew");
    a.connect(&mut server);
    let heard = a.heard(&mut server).unwrap();
    assert_eq!(heard[0], json!({"channel": "/service/rcomet/gap", "data": {"lost": 1}}));
    assert_eq!(heard[1]["data"], "anew");
    a.connect(&mut server);
    server.ask(Role::Admin, "/close?cname=/a");
    server.push("/a", "once more");
    assert_eq!(a.data(&mut server), [json!("once more")]);
}

#[test]
fn other_dialects_read_and_write_the_same_channels() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/chat/demo");
    a.connect(&mut server);
    let poll = server.connect(Role::Front);
    server.send(poll, "GET /poll?cname=/chat/demo&seq=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    a.publish(&mut server, "/chat/demo", json!({"user": "é"}));
    assert!(server.received(poll).contains(r#""content":"{\"user\":\"é\"}""#));
    assert_eq!(a.data(&mut server), [json!({"user": "é"})]);
    server.send(poll, "GET /poll?cname=/chat/demo&seq=2 HTTP/1.1\r\nHost: x\r\n\r\n");
    a.publish(&mut server, "/chat/demo", json!("plain"));
    assert!(server.received(poll).contains(r#""content":"plain""#), "a string is text");
    server.push("/chat/demo", "{\"a\":1}");
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("plain"), json!("{\"a\":1}")], "text is a string");
}

#[test]
fn a_batch_is_done_in_order_and_answered_in_order() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a");
    let client = a.client.clone();
    let reply = a.ask(
        &mut server,
        json!([
            {"id": "1", "channel": "/a", "clientId": client, "data": 1},
            {"id": "2", "channel": "/meta/unsubscribe", "clientId": client, "subscription": "/a"},
            {"id": "3", "channel": "/a", "clientId": client, "data": 2},
            7,
            {"id": "4", "channel": "/meta/connect", "clientId": client, "connectionType": "long-polling"},
        ]),
    );
    let ids: Vec<_> = reply.as_array().unwrap().iter().map(|r| r["id"].clone()).collect();
    assert_eq!(ids, [json!("1"), json!("2"), json!("3"), json!(null), json!("4")]);
    assert_eq!(reply[3]["error"], "400::Bad message");
    assert_eq!(reply[4]["successful"], true, "a connect among others does not wait");
}

#[test]
fn sessions_are_shown() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    let mut b = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a");
    b.send(&mut server, "/meta/subscribe", json!({"subscription": ["/a", "/a/**"]}));
    let gauges = |server: &mut Server| {
        let all = server.ask(Role::Admin, "/metrics");
        let value =
            |name: &str| all.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        [
            "rcomet_bayeux_sessions ",
            "rcomet_bayeux_sessions_awake ",
            "rcomet_bayeux_subscriptions ",
            "rcomet_patterns ",
        ]
        .map(|name| value(name).unwrap_or_else(|| panic!("{name}: {all}")))
    };
    assert_eq!(gauges(&mut server), [2, 2, 3, 1]);
    server.pass_ms(50_000);
    b.connect(&mut server);
    server.pass_ms(20_000);
    assert_eq!(gauges(&mut server), [2, 1, 3, 1]);
    b.move_to_new_connection(&mut server);
    b.send(&mut server, "/meta/disconnect", json!({}));
    assert_eq!(gauges(&mut server), [1, 0, 1, 0]);
}
