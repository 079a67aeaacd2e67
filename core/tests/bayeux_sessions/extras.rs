//! What is more than a session has to have: the past of a channel, clocks that are compared, the time of a message.
use super::*;

#[test]
fn a_subscription_may_ask_for_what_was_before() {
    let mut server = server();
    for n in 1..=5 {
        server.push("/a", &n.to_string());
    }
    let history = |n: Value| json!({"subscription": ["/a", "/b"], "ext": {"rcomet": {"history": n}}});
    for (asked, want) in [
        (json!(2), &["4", "5"][..]),
        (json!(100), &["1", "2", "3", "4", "5"]),
        (json!(0), &[]),
        (json!(-1), &[]),
        (json!("2"), &[]),
    ] {
        let mut a = Fellow::new(&mut server);
        assert_eq!(a.send(&mut server, "/meta/subscribe", history(asked))[0]["successful"], true);
        // What is subscribed already does not begin anew.
        a.send(&mut server, "/meta/subscribe", history(json!(5)));
        server.push("/c", "of no interest");
        a.connect(&mut server);
        if want.is_empty() {
            assert_eq!(a.heard(&mut server), None);
        } else {
            assert_eq!(a.data(&mut server), want.iter().map(|n| json!(n)).collect::<Vec<_>>());
        }
    }
    // What another subscription has handed over does not come again, and a pattern has no past.
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/**");
    server.push("/a", "6");
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("6")]);
    a.send(&mut server, "/meta/subscribe", history(json!(3)));
    a.send(
        &mut server,
        "/meta/subscribe",
        json!({"subscription": "/a/*", "ext": {"rcomet": {"history": 9}}}),
    );
    a.connect(&mut server);
    assert_eq!(a.data(&mut server), [json!("4"), json!("5")]);
    // A connect that waits is answered.
    let mut b = Fellow::new(&mut server);
    b.connect(&mut server);
    let waits = b.move_to_new_connection(&mut server);
    b.send(&mut server, "/meta/subscribe", history(json!(1)));
    assert!(server.received(waits).contains("\"data\":\"6\""));
    server.machine.check();
}

#[test]
fn clocks_are_compared() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    let ts = support::START * 1_000;
    let ext = |more: Value| json!({"ext": {"timesync": more}});
    let mut first = ext(json!({"tc": 1_795_219_199_000u64, "l": 0, "o": 0}));
    first["version"] = json!("1.0");
    let reply = a.send(&mut server, "/meta/handshake", first)[0].clone();
    assert_eq!(
        reply["ext"],
        json!({"timesync": {"tc": 1_795_219_199_000u64, "ts": ts, "p": 0, "a": -1_000}})
    );
    let mut subscribe = ext(json!({"tc": 5.5}));
    subscribe["subscription"] = json!("/a");
    let reply = a.send(&mut server, "/meta/subscribe", subscribe)[0].clone();
    assert_eq!(reply["ext"], json!({"timesync": {"tc": 5.5, "ts": ts, "p": 0}}));
    // A connect that waits says for how long.
    let mut b = Fellow::with_ack(&mut server);
    b.acked = None;
    let connect =
        json!({"channel": "/meta/connect", "clientId": b.client, "ext": {"ack": 0, "timesync": {"tc": 1}}});
    b.say(&mut server, &connect.to_string());
    server.pass_ms(30_000);
    let reply = b.heard(&mut server).unwrap()[0].clone();
    assert_eq!(reply["ext"], json!({"ack": 0, "timesync": {"tc": 1, "ts": ts, "p": 30_000}}));
    // When the wall clock is set, the time is that of the new date.
    server.machine.set_date(rcomet_core::time::Date::from_unix(support::START + 7_200));
    let reply = a.send(&mut server, "/meta/disconnect", ext(json!({"tc": 1})))[0].clone();
    assert_eq!(reply["ext"]["timesync"]["ts"], ts + 7_200_000);
    // What is no number is no question.
    for odd in [json!({"tc": "1"}), json!({}), json!(7), Value::Null, json!([1])] {
        let reply = a.send(&mut server, "/meta/connect", ext(odd))[0].clone();
        assert!(reply.get("ext").is_none(), "{reply}");
    }
    for long in [json!({"tc": 1, "l": "x"}), json!({"tc": 1e300, "l": 1e300, "o": 1e300})] {
        a.send(&mut server, "/meta/handshake", ext(long));
    }
}

#[test]
fn messages_may_say_when_they_were_published() {
    let mut config = config();
    config.bayeux.timestamp = true;
    let mut server = Server::new(config);
    let mut a = Fellow::new(&mut server);
    a.subscribe(&mut server, "/a");
    a.connect(&mut server);
    server.push("/a", "x");
    let event = a.heard(&mut server).unwrap()[0].clone();
    assert_eq!(event, json!({"channel": "/a", "data": "x", "timestamp": "Sat, 21 Nov 2026 00:00:00 GMT"}));
}

/// Who falls asleep again and again stands in the line of sleepers once, not once for each time.
#[test]
fn the_line_of_sleepers_does_not_grow_with_naps() {
    let mut server = server();
    let mut a = Fellow::new(&mut server);
    let mut naps = |server: &mut Server, count: usize| {
        for _ in 0..count {
            a.move_to_new_connection(server);
            a.connect(server);
            server.pass_ms(20 * 60 * 1000);
            assert_eq!(a.heard(server).unwrap()[0]["successful"], true, "it is known yet");
        }
        server.machine.memory().tables_bytes
    };
    let before = naps(&mut server, 1_000);
    let after = naps(&mut server, 1_000);
    assert!(after < before + 2_000, "{before} {after}: two bytes a nap would be too many");
}
