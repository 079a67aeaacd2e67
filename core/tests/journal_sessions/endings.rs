//! Channels that have ended, and sessions that found no room in their next lives, over a crash: what is lost is said.
use rcomet_core::Role;
use serde_json::{Value, json};

use super::bayeux::Fellow;
use super::support::Server;
use super::{back, crash, gap, numbers, publish, server_with};

/// There is room for one channel.
fn server() -> Server {
    server_with(|config| config.limits.channels_max = 1)
}

/// Ends `/a`; at once there is `/b` in its place.
fn end(server: &mut Server) {
    let admin = server.connect(Role::Admin);
    let both = ["/close?cname=/a", "/push?cname=/b&content=1"];
    server.send(admin, both.map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).concat());
    server.vanish(admin);
    assert!(server.machine.standing("/a").is_none() && server.machine.standing("/b").is_some());
}

/// How a client is with its server before the channel ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// It acknowledges, and has been handed something or nothing.
    Acknowledges { handed: u64 },
    /// It does not, and has been away for a moment.
    Rests,
    /// It does not, and was here just now.
    IsHere,
}

impl Way {
    fn begin(self, server: &mut Server) -> Fellow {
        let acknowledges = matches!(self, Self::Acknowledges { .. });
        let mut fellow = if acknowledges { Fellow::with_ack(server) } else { Fellow::new(server) };
        assert_eq!(fellow.subscribe(server, "/a")[0]["successful"], true);
        let handed = if let Self::Acknowledges { handed } = self { handed } else { 1 };
        for n in 0..handed {
            publish(server, "/a", n);
            assert_eq!(numbers(&back(server, &mut fellow)), [n]);
        }
        if self == Self::Rests {
            server.pass_ms(5_000);
        }
        fellow
    }
}

/// A crash before a client was told that its channel has ended, and what it lacks of that, does not keep it from being told; once, if
/// it says what it has. That goes for a text that was written anew, too.
#[test]
fn after_a_crash_who_has_lost_its_channel_is_told() {
    let ways = [Way::Acknowledges { handed: 0 }, Way::Acknowledges { handed: 3 }, Way::Rests, Way::IsHere];
    for way in ways {
        for (unread, crashes, rewrites) in [(0, 1, false), (2, 1, false), (2, 2, false), (2, 1, true)] {
            let case = format!("{way:?}, {unread} unread, {crashes} crashes, rewrites: {rewrites}");
            let mut server = server();
            let mut fellow = way.begin(&mut server);
            for n in 0..unread {
                publish(&mut server, "/a", 100 + n);
            }
            end(&mut server);
            let rewritten = server.journal.as_ref().map_or(0, |journal| journal.rewritten);
            while rewrites && server.journal.as_ref().is_some_and(|journal| journal.rewritten == rewritten) {
                server.rewrite(500);
            }
            for n in 0..crashes {
                assert_eq!(crash(&mut server, n).sessions, 1, "{case}");
            }
            // Of who was here just now nobody knows what it has.
            let lost = if way == Way::IsHere { Value::Null } else { json!(unread.max(1)) };
            let heard = back(&mut server, &mut fellow);
            assert_eq!((numbers(&heard), gap(&heard)), (vec![], Some(lost)), "{case}: {heard}");
            assert_eq!(back(&mut server, &mut fellow), json!([]), "{case}: it waits");
            if let Way::Acknowledges { .. } = way {
                crash(&mut server, 9);
                assert_eq!(back(&mut server, &mut fellow), json!([]), "{case}: it has been told");
            }
            server.machine.check();
        }
    }
}

/// The same for a channel that ends after the crash, before its readers are back: whatever number they show, also after another crash.
#[test]
fn who_loses_its_channel_before_it_is_back_is_told() {
    for (handed, crashes) in [(0, 0), (3, 0), (0, 1), (3, 1)] {
        let mut server = server();
        let mut fellow = Way::Acknowledges { handed }.begin(&mut server);
        publish(&mut server, "/a", 100);
        crash(&mut server, 1);
        end(&mut server);
        for n in 0..crashes {
            crash(&mut server, 2 + n);
        }
        let heard = back(&mut server, &mut fellow);
        assert!(
            gap(&heard).is_some_and(|lost| lost.as_u64().is_none_or(|lost| lost >= 1)),
            "{handed}, {crashes}: {heard}"
        );
        assert_eq!(back(&mut server, &mut fellow), json!([]), "{handed}, {crashes}: it waits");
        server.machine.check();
    }
}

/// Who gives up a channel is still told what it lacked of the life before.
#[test]
fn what_was_lost_before_a_channel_was_given_up_is_told() {
    let mut server = server_with(|_| {});
    let mut fellow = Fellow::with_ack(&mut server);
    fellow.subscribe(&mut server, "/a");
    publish(&mut server, "/a", 1);
    server.ask(Role::Admin, "/close?cname=/a");
    fellow.unsubscribe(&mut server, "/a");
    crash(&mut server, 1);
    let heard = back(&mut server, &mut fellow);
    assert_eq!(gap(&heard), Some(json!(1)), "{heard}");
}

/// Where the next server has less room, who finds none in its channel hears what there is, and shakes hands anew: so it is told what it
/// cannot read.
#[test]
fn who_finds_no_room_in_its_channel_after_a_crash_parts() {
    let mut server = server_with(|_| {});
    let mut fellows = [Fellow::with_ack(&mut server), Fellow::with_ack(&mut server)];
    for fellow in &mut fellows {
        fellow.subscribe(&mut server, "/a");
        fellow.subscribe(&mut server, "/b");
    }
    publish(&mut server, "/b", 1);
    for fellow in &mut fellows {
        assert_eq!(numbers(&back(&mut server, fellow)), [1]);
    }
    let mut config = server.machine.config().clone();
    config.limits.subscribers_per_channel_max = 1;
    server.machine.reconfigure(config);
    publish(&mut server, "/a", 2);
    assert_eq!(crash(&mut server, 1).sessions, 2);
    let heard = fellows.each_mut().map(|fellow| back(&mut server, fellow));
    let reads = heard.each_ref().map(|heard| numbers(heard) == [2] && gap(heard).is_none());
    assert!(reads[0] != reads[1], "one of them: {heard:?}");
    let without = usize::from(reads[0]);
    assert_eq!((numbers(&heard[without]), gap(&heard[without])), (vec![], Some(Value::Null)), "{heard:?}");
    // Also if that answer is lost with the next server.
    fellows[without].acked = Some(1);
    crash(&mut server, 2);
    let heard = back(&mut server, &mut fellows[without]);
    assert_eq!(gap(&heard), Some(Value::Null), "{heard:?}");
    assert_eq!(back(&mut server, &mut fellows[without])[0]["error"], "402::Unknown client");
    assert_eq!(back(&mut server, &mut fellows[1 - without]), json!([]), "it waits");
    server.machine.check();
}
