//! Sessions without acknowledgements over a crash: they go on where they rested, and of others nobody knows.
use rcomet_core::Role;
use serde_json::{Value, json};

use super::bayeux::Fellow;
use super::{back, crash, gap, numbers, publish, server, server_with, text};

/// Without acknowledgements nobody knows what a client has that was handed something a moment ago: it goes on with what is new, and is
/// told, unless nothing can be missing.
#[test]
fn after_a_crash_who_does_not_acknowledge_is_told() {
    let mut server = server();
    let mut fellow = Fellow::new(&mut server);
    let mut quiet = Fellow::new(&mut server);
    fellow.subscribe(&mut server, "/a/*");
    fellow.subscribe(&mut server, "/b");
    quiet.subscribe(&mut server, "/quiet");
    publish(&mut server, "/b", 0);
    fellow.connect(&mut server);
    fellow.lose(&mut server);
    publish(&mut server, "/b", 1);
    assert_eq!(crash(&mut server, 7).sessions, 2);
    assert_eq!(back(&mut server, &mut quiet), json!([]), "it waits");
    publish(&mut server, "/b", 2);
    publish(&mut server, "/a/1", 3);
    let heard = back(&mut server, &mut fellow);
    assert_eq!((numbers(&heard), gap(&heard)), (vec![2, 3], Some(Value::Null)), "{heard}");
    publish(&mut server, "/a/1", 4);
    let heard = back(&mut server, &mut fellow);
    assert_eq!((numbers(&heard), gap(&heard)), (vec![4], None), "once");
    assert_eq!(server.machine.counters().gaps_unknown, 1);
    // Who would rather begin anew does.
    let mut server = server_with(|config| config.bayeux.gap = rcomet_core::config::Gap::Rehandshake);
    let mut fellow = Fellow::new(&mut server);
    fellow.subscribe(&mut server, "/b");
    publish(&mut server, "/b", 0);
    fellow.connect(&mut server);
    fellow.lose(&mut server);
    publish(&mut server, "/b", 1);
    crash(&mut server, 7);
    let heard = back(&mut server, &mut fellow);
    assert_eq!(heard[0]["error"], "402::Unknown client");
}

/// Without acknowledgements, who has been away for a moment has what it was handed before: it goes on behind that, and gets everything
/// that was published meanwhile, by name and by pattern, once; also over several crashes, and asleep. So does who has been handed
/// nothing yet.
#[test]
fn after_a_crash_who_rested_goes_on_where_it_rested() {
    for (away_ms, rewrites) in [(2_000, false), (2_000, true), (70_000, false)] {
        let mut server = server();
        let mut fellow = Fellow::new(&mut server);
        for name in ["/a/*", "/a/x", "/b"] {
            fellow.subscribe(&mut server, name);
        }
        publish(&mut server, "/b", 1);
        publish(&mut server, "/a/x", 2);
        crash(&mut server, 1);
        let heard = back(&mut server, &mut fellow);
        assert_eq!(
            (numbers(&heard), gap(&heard)),
            (vec![1, 2], None),
            "nothing was handed over yet: {heard}"
        );
        for round in 1..5 {
            let n = 10 * round;
            // Another channel that has ended has nothing to do with it.
            publish(&mut server, "/other", 0);
            server.ask(Role::Admin, "/close?cname=/other");
            server.pass_ms(away_ms);
            publish(&mut server, "/a/x", n);
            publish(&mut server, "/b", n + 1);
            let rewritten = server.journal.as_ref().map_or(0, |journal| journal.rewritten);
            while rewrites && server.journal.as_ref().is_some_and(|journal| journal.rewritten == rewritten) {
                server.rewrite(500);
            }
            crash(&mut server, round);
            if round % 2 == 0 {
                crash(&mut server, round + 10);
            }
            publish(&mut server, "/a/y", n + 2);
            let heard = back(&mut server, &mut fellow);
            assert_eq!((numbers(&heard), gap(&heard)), (vec![n, n + 1, n + 2], None), "{heard}");
        }
        assert_eq!(server.machine.counters().bayeux_unknown_clients, 0);
    }
}

/// What is handed over after a rest is not handed over again, whether it has arrived or not, and the gap says so.
#[test]
fn after_a_crash_nothing_comes_twice_that_was_handed_over_after_a_rest() {
    let mut server = server();
    let mut fellow = Fellow::new(&mut server);
    fellow.subscribe(&mut server, "/a");
    publish(&mut server, "/a", 1);
    assert_eq!(numbers(&back(&mut server, &mut fellow)), [1]);
    server.pass_ms(5_000);
    publish(&mut server, "/a", 2);
    assert_eq!(numbers(&back(&mut server, &mut fellow)), [2]);
    crash(&mut server, 7);
    publish(&mut server, "/a", 3);
    let heard = back(&mut server, &mut fellow);
    assert_eq!((numbers(&heard), gap(&heard)), (vec![3], Some(Value::Null)), "{heard}");
}

/// Nor is what it had of a pattern whose index has forgotten it, while its channel has not. What it has missed is told as it would
/// have been without a crash.
#[test]
fn after_a_crash_nothing_comes_twice_that_a_pattern_has_forgotten() {
    for n in 0..8 {
        let (crashes, ends, acknowledges) = (1 + n % 2, n & 2 == 0, n & 4 == 0);
        let mut server = server_with(|config| config.limits.history_bytes_max = 20_000);
        let mut fellow = if acknowledges { Fellow::with_ack(&mut server) } else { Fellow::new(&mut server) };
        fellow.subscribe(&mut server, "/m/*");
        publish(&mut server, "/m/quiet", 1);
        assert_eq!(numbers(&back(&mut server, &mut fellow)), [1]);
        // It says that it has that.
        back(&mut server, &mut fellow);
        server.vanish(fellow.connection);
        server.pass_ms(5_000);
        for n in 2..500 {
            publish(&mut server, &format!("/m/{}", n % 2), n);
        }
        let rewritten = server.journal.as_ref().map_or(0, |journal| journal.rewritten);
        while server.journal.as_ref().is_some_and(|journal| journal.rewritten == rewritten) {
            server.rewrite(5_000);
        }
        if ends {
            // Nothing of theirs takes the place of older messages.
            for name in ["/m/0", "/m/1"] {
                server.ask(Role::Admin, &format!("/close?cname={name}"));
            }
        }
        (0..crashes).for_each(|seed| assert_eq!(crash(&mut server, seed).sessions, 1));
        let heard = back(&mut server, &mut fellow);
        let (numbers, lost) = (numbers(&heard), gap(&heard).expect("it is told"));
        if ends {
            assert_eq!((numbers, lost), (vec![], Value::Null), "{heard}");
        } else {
            assert!(numbers.is_sorted() && numbers.last() == Some(&499), "{numbers:?}");
            assert!(numbers[0] > 1, "{numbers:?}");
            assert_eq!(lost.as_u64(), (!acknowledges).then(|| numbers[0] - 2), "{heard}");
        }
    }
}

/// A client that polls on and on has a line for the first thing that it is handed and none for others; one that was away has two.
#[test]
fn what_is_written_of_who_does_not_acknowledge_is_little() {
    let mut server = server();
    let mut fellow = Fellow::new(&mut server);
    fellow.subscribe(&mut server, "/a");
    let before = text(&mut server).lines().count();
    for n in 0..50 {
        publish(&mut server, "/a", n);
        assert_eq!(numbers(&back(&mut server, &mut fellow)), [n]);
        server.pass_ms(500);
    }
    assert_eq!(text(&mut server).lines().count(), before + 51, "the messages, and one line");
    server.pass_ms(5_000);
    assert_eq!(text(&mut server).lines().count(), before + 52, "it was away");
    fellow.move_to_new_connection(&mut server);
    fellow.connect(&mut server);
    server.pass_ms(120_000);
    assert_eq!(text(&mut server).lines().count(), before + 52, "it is handed nothing, and away again");
    publish(&mut server, "/a", 50);
    assert_eq!(numbers(&back(&mut server, &mut fellow)), [50]);
    assert_eq!(text(&mut server).lines().count(), before + 54);
}
