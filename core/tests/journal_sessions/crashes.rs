//! Sessions of a server that was cut off, whose text is whole: where their clients say that they stand, and what is left of them.
use rcomet_core::About;

use super::*;

/// With acknowledgements a client says where it stands: it gets everything behind that, by name and by pattern, and nothing twice,
/// whatever of its answers was lost; also over several crashes.
#[test]
fn after_a_crash_who_acknowledges_goes_on_where_it_says() {
    let mut server = server();
    let mut fellow = Fellow::with_ack(&mut server);
    for name in ["/a/**", "/b", "/a/x"] {
        assert_eq!(fellow.subscribe(&mut server, name)[0]["successful"], true);
    }
    for round in 0..6 {
        let n = 10 * round;
        publish(&mut server, "/a/x", n + 1);
        publish(&mut server, "/b", n + 2);
        let heard = back(&mut server, &mut fellow);
        assert_eq!((numbers(&heard), gap(&heard)), (vec![n + 1, n + 2], None), "{heard}");
        publish(&mut server, "/a/y", n + 3);
        if round % 2 == 0 {
            // This answer is lost.
            fellow.connect(&mut server);
            fellow.lose(&mut server);
        }
        if round % 3 == 0 {
            while server.journal.as_ref().is_some_and(|journal| journal.rewritten == round / 3) {
                server.rewrite(1_000);
            }
        }
        assert_eq!(crash(&mut server, round).sessions, 1);
        publish(&mut server, "/b", n + 4);
        let heard = back(&mut server, &mut fellow);
        assert_eq!((numbers(&heard), gap(&heard)), (vec![n + 3, n + 4], None), "{heard}");
    }
    assert_eq!(server.machine.counters().bayeux_unknown_clients, 0);
}

/// Whoever has shaken hands and subscribed, and has not connected yet, begins with what it subscribed to.
#[test]
fn after_a_crash_who_has_not_connected_yet_gets_everything() {
    for is_absent in [false, true] {
        let mut server = server();
        let mut fellow = Fellow::with_ack(&mut server);
        publish(&mut server, "/a", 1);
        fellow.subscribe(&mut server, "/a");
        publish(&mut server, "/a", 2);
        crash(&mut server, 7);
        // A stop of a server to which it did not come back, and another crash.
        server.restart(Ending::Clean(0), 8);
        publish(&mut server, "/a", 3);
        crash(&mut server, 9);
        if is_absent {
            fellow.acked = None;
        }
        let heard = back(&mut server, &mut fellow);
        if is_absent {
            assert_eq!(
                (numbers(&heard), gap(&heard)),
                (vec![], Some(Value::Null)),
                "it does not say what it has"
            );
        } else {
            assert_eq!((numbers(&heard), gap(&heard)), (vec![2, 3], None), "{heard}");
        }
    }
}

/// Older messages that were asked for are no place in the log: a batch with a part of them has a number of its own.
#[test]
fn after_a_crash_older_messages_go_on_where_they_stopped() {
    for (lost, crashes) in [(false, 1), (true, 1), (false, 2), (true, 2)] {
        let mut server = server_with(|config| config.limits.batch_bytes_max = 400);
        let mut fellow = Fellow::with_ack(&mut server);
        fellow.subscribe(&mut server, "/new");
        for n in 1..=12 {
            publish(&mut server, "/old", n);
        }
        publish(&mut server, "/new", 20);
        let heard = back(&mut server, &mut fellow);
        assert_eq!(numbers(&heard), [20]);
        let asked = json!({"subscription": "/old", "ext": {"rcomet": {"history": 10}}});
        assert_eq!(fellow.send(&mut server, "/meta/subscribe", asked)[0]["successful"], true);
        let first = back(&mut server, &mut fellow);
        let mut all = numbers(&first);
        assert!((1..10).contains(&all.len()), "a part of it: {all:?}");
        if lost {
            fellow.connect(&mut server);
            fellow.lose(&mut server);
        }
        for seed in 0..crashes {
            crash(&mut server, seed);
        }
        publish(&mut server, "/new", 21);
        for _ in 0..20 {
            let heard = back(&mut server, &mut fellow);
            assert_eq!(gap(&heard), None);
            all.extend(numbers(&heard));
        }
        assert_eq!(all, (3..=12).chain([21]).collect::<Vec<_>>());
    }
}

/// What a history does not hold any more is said to be missing: of a channel, of its earlier life, and of a pattern.
#[test]
fn after_a_crash_what_is_not_kept_is_said() {
    for name in ["/a", "/*"] {
        let mut server = server_with(|config| config.limits.history_messages_max = 2);
        let mut fellow = Fellow::with_ack(&mut server);
        fellow.subscribe(&mut server, name);
        publish(&mut server, "/a", 1);
        assert_eq!(numbers(&back(&mut server, &mut fellow)), [1]);
        for n in 2..=4 {
            publish(&mut server, "/a", n);
        }
        crash(&mut server, 7);
        let heard = back(&mut server, &mut fellow);
        assert_eq!((numbers(&heard), gap(&heard)), (vec![3, 4], Some(Value::Null)), "{name}: {heard}");
        // The answer with that is lost: it is said again.
        publish(&mut server, "/a", 5);
        server.ask(Role::Admin, "/close?cname=/a");
        publish(&mut server, "/a", 6);
        crash(&mut server, 8);
        fellow.connect(&mut server);
        fellow.move_to_new_connection(&mut server);
        fellow.connect(&mut server);
        fellow.lose(&mut server);
        let heard = back(&mut server, &mut fellow);
        assert_eq!(numbers(&heard), [6], "{name}: {heard}");
        assert!(gap(&heard).is_some(), "{name}: {heard}");
        let heard = back(&mut server, &mut fellow);
        assert_eq!(heard, json!([]), "it waits");
    }
}

/// A number that is beyond everything is none that a client can have: what comes is not passed over for it.
#[test]
fn after_a_crash_a_number_from_the_future_is_the_present() {
    let mut server = server();
    let mut fellow = Fellow::with_ack(&mut server);
    fellow.subscribe(&mut server, "/a");
    publish(&mut server, "/a", 1);
    crash(&mut server, 7);
    fellow.acked = Some(u64::MAX);
    assert_eq!(back(&mut server, &mut fellow), json!([]));
    publish(&mut server, "/a", 2);
    let heard = fellow.heard(&mut server).expect("it is told");
    assert_eq!(numbers(&heard), [2]);
    assert!(fellow.acked.is_some_and(|acked| acked < 1 << 53), "{heard}");
}

/// What a session gave up stays given up, and one that was ended is over.
#[test]
fn after_a_crash_what_was_ended_is_over() {
    let mut server = server();
    let (mut one, mut two) = (Fellow::with_ack(&mut server), Fellow::new(&mut server));
    for name in ["/a", "/b", "/*"] {
        one.subscribe(&mut server, name);
    }
    for name in ["/a", "/*"] {
        one.unsubscribe(&mut server, name);
    }
    two.send(&mut server, "/meta/disconnect", json!({}));
    assert_eq!(crash(&mut server, 7).sessions, 1);
    publish(&mut server, "/a", 1);
    publish(&mut server, "/b", 2);
    assert_eq!(numbers(&back(&mut server, &mut one)), [2]);
    assert_eq!(back(&mut server, &mut two)[0]["error"], "402::Unknown client");
}

/// It may read what it might subscribe to now, and no more: else its client shakes hands anew, and is told why.
#[test]
fn after_a_crash_rights_and_limits_are_those_of_now() {
    for (change, sessions) in [
        (Box::new(|_: &mut Config| {}) as Box<dyn Fn(&mut Config)>, 2),
        (Box::new(|config: &mut Config| config.limits.bayeux_sessions_max = 1), 1),
        (Box::new(|config: &mut Config| config.bayeux.subscribe = vec![]), 0),
        (Box::new(|config: &mut Config| config.front.auth = rcomet_core::config::Auth::Token), 1),
        (Box::new(|config: &mut Config| config.limits.patterns_max = 0), 1),
    ] {
        let mut server = server();
        let (mut one, mut two) = (Fellow::with_ack(&mut server), Fellow::new(&mut server));
        one.subscribe(&mut server, "/a");
        two.subscribe(&mut server, "/*");
        let mut config = server.machine.config().clone();
        change(&mut config);
        server.machine.reconfigure(config);
        assert_eq!(crash(&mut server, 7).sessions, sessions);
        server.machine.check();
    }
}

/// Rules for a listener hold for sessions that began there, also in the next life, and for no others.
#[test]
fn after_a_crash_rules_are_for_the_listeners_of_then() {
    let rules = |listener: &str| {
        serde_json::from_value(json!([{"channel": "/a", "listeners": [listener]}])).expect("rules")
    };
    let tell = |server: &mut Server, listeners: &[&str]| {
        let listeners = listeners.iter().map(|at| ("front".into(), (*at).into())).collect();
        server.machine.set_about(About { listeners, ..About::default() });
    };
    // The listener stays; it is another's rule now; and nobody listens there any more.
    for (listeners, rule, sessions) in [
        (vec!["1.1.1.1:2", "1.1.1.1:1"], "1.1.1.1:1", 1),
        (vec!["1.1.1.1:1", "1.1.1.1:2"], "1.1.1.1:2", 0),
        (vec!["1.1.1.1:2"], "1.1.1.1:1", 0),
    ] {
        let mut server = server_with(|config| config.bayeux.subscribe = rules("1.1.1.1:1"));
        tell(&mut server, &["1.1.1.1:1", "1.1.1.1:2"]);
        let connection = server.connect(Role::Front);
        server.come_by(connection, 0);
        let mut fellow = Fellow { connection, client: String::new(), ids: 0, acked: None };
        let fields = json!({"version": "1.0", "ext": {"ack": true}});
        let reply = fellow.send(&mut server, "/meta/handshake", fields);
        fellow.client = reply[0]["clientId"].as_str().expect("an id").into();
        assert_eq!(fellow.subscribe(&mut server, "/a")[0]["successful"], true);
        let mut config = server.machine.config().clone();
        config.bayeux.subscribe = rules(rule);
        server.machine.reconfigure(config);
        server.listeners = listeners.iter().map(|at| ("front".into(), (*at).into())).collect();
        // A second life, to see that it is written down again.
        crash(&mut server, 7);
        assert_eq!(crash(&mut server, 8).sessions, sessions, "{listeners:?} {rule}");
        server.machine.check();
    }
}
