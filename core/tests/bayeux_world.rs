//! A world of Bayeux sessions that lose answers on the way, hang up, sleep, are released by themselves, and change between
//! polls and WebSockets, which may be slow; and the server is restarted among them, with a journal of its histories, on purpose or
//! by a crash. With the ack extension nothing is lost and nothing comes twice; without it exactly what was on its way may be lost, and after a
//! crash what nobody knows is said: of who had been away for a moment, everything is known. One seed, one clock.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a test tells what it does, and is told by its surroundings"
)]
#[path = "support/bayeux.rs"]
mod bayeux;
#[path = "bayeux_world/person.rs"]
mod person;
mod support;
#[path = "support/websocket.rs"]
mod websocket;
#[path = "support/wire.rs"]
mod wire;
#[path = "bayeux_world/written.rs"]
mod written;

use std::collections::{BTreeMap, BTreeSet};

use bayeux::{Fellow, config};
use person::{Person, ask, change, cut_off, hear, leave_socket, lose, open_socket, take, turn};
use rcomet_core::Role;
use rcomet_core::chance::Chance;
use rcomet_core::journal::Ending;
use serde_json::json;
use support::Server;
use written::Written;

const NAMES: [&str; 6] = ["/a", "/b", "/a/x", "/a/y", "/a/x/z", "/c/d"];
const PATTERNS: [&str; 5] = ["/*", "/**", "/a/*", "/a/**", "/c/**"];

fn matches(subscription: &str, name: &str) -> bool {
    if let Some(parent) = subscription.strip_suffix("/**") {
        return name.strip_prefix(parent).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'));
    }
    if let Some(parent) = subscription.strip_suffix("/*") {
        let rest = name.strip_prefix(parent).and_then(|rest| rest.strip_prefix('/'));
        return rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('/'));
    }
    subscription == name
}

#[derive(Default)]
struct World {
    published: u64,
    lost_answers: u64,
    counts: BTreeMap<&'static str, u64>,
}

/// Somebody publishes the next number somewhere.
fn publish(server: &mut Server, people: &mut [Person], world: &mut World, chance: &mut Chance, seed: u64) {
    let name = NAMES[chance.below(6) as usize];
    world.published += 1;
    let n = world.published;
    for person in people.iter_mut().filter(|p| !p.gone) {
        if person.subscriptions.iter().any(|s| matches(s, name)) {
            person.owed.insert(n);
        }
    }
    let connection = server.connect(Role::Admin);
    let mut other = Fellow { connection, client: String::new(), ids: 0, acked: None };
    let reply = other.send(server, name, json!({"data": n}));
    assert_eq!(reply[0]["successful"], true, "seed {seed}");
    server.vanish(other.connection);
}

fn live(seed: u64, steps: usize) -> World {
    let mut chance = Chance::from_seed(seed);
    let mut config = config();
    config.limits.batch_bytes_max = [200, 2_000, 64 << 10][chance.below(3) as usize];
    config.limits.history_messages_max = 100_000;
    config.limits.outbox_bytes_max = [300, 4_000, 256 << 10][chance.below(3) as usize];
    config.websocket.compression_bytes_min = 1;
    // Channels that nobody reads by their names live long enough, or not.
    let is_all_kept = chance.percent(70);
    if is_all_kept {
        config.icomet.channel_timeout_ms = 36_000_000;
    }
    // Nobody is away for so long that it is forgotten.
    config.bayeux.remember_ms = 36_000_000;
    let mut server = Server::with_seed(config, seed);
    server.budget = 1 + chance.below(40) as usize;
    if chance.percent(60) {
        server.keep_journal();
    }
    let mut world = World::default();
    let mut people: Vec<Person> = Vec::new();
    for _ in 0..steps {
        let who = chance.below(people.len().max(1) as u64) as usize;
        match chance.below(100) {
            0..4 if people.len() < 12 => {
                let ack = chance.percent(60);
                let fellow = if ack { Fellow::with_ack(&mut server) } else { Fellow::new(&mut server) };
                people.push(Person {
                    fellow,
                    wired: None,
                    clogged: false,
                    subscriptions: BTreeSet::new(),
                    owed: BTreeSet::new(),
                    had: BTreeSet::new(),
                    on_their_way: BTreeSet::new(),
                    last: 0,
                    waits: false,
                    excused: BTreeSet::new(),
                    may_be_told: false,
                    told: false,
                    must_rest: false,
                    gone: false,
                });
            }
            4..36 => {
                publish(&mut server, &mut people, &mut world, &mut chance, seed);
            }
            40..52 if !people.is_empty() => change(&mut server, &mut people[who], &mut chance),
            52..80 if !people.is_empty() => {
                hear(&mut server, &mut people[who], &mut world, seed);
                ask(&mut server, &mut people[who]);
            }
            80..88 if !people.is_empty() => lose(&mut server, &mut people[who], &mut world, &mut chance),
            88..92 if !people.is_empty() => {
                // A second connect while the first waits: with an answer on its way, it would be sent again.
                hear(&mut server, &mut people[who], &mut world, seed);
                if people[who].waits && !people[who].gone && people[who].wired.is_none() {
                    let person = &mut people[who];
                    let old = person.fellow.move_to_new_connection(&mut server);
                    person.fellow.connect(&mut server);
                    take(&mut server, old, person, seed);
                    *world.counts.entry("released").or_default() += 1;
                }
            }
            92 => server.pass_ms(chance.below(20_000)),
            93 if server.journal.is_some() => {
                server.rewrite(chance.below(3_000) as usize);
                *world.counts.entry("rewrites").or_default() += 1;
            }
            36..39 | 94..96 if !people.is_empty() => {
                turn(&mut server, &mut people[who], &mut world, &mut chance, seed);
            }
            96..98 => {
                server.pass_ms(70_000);
                *world.counts.entry("slept").or_default() += 1;
            }
            98 if people.len() > 3 => {
                let person = &mut people[who];
                hear(&mut server, person, &mut world, seed);
                if !person.gone {
                    leave_socket(&mut server, person, seed);
                    person.fellow.move_to_new_connection(&mut server);
                    person.fellow.send(&mut server, "/meta/disconnect", json!({}));
                    person.gone = true;
                }
            }
            39 | 99 if server.journal.is_some() => {
                for person in &mut people {
                    cut_off(&mut server, person, &mut world, &mut chance, seed);
                }
                let is_late = chance.percent(35);
                if is_late {
                    // They have been away for a moment, and the last of what is published comes while they are.
                    for person in people.iter_mut().filter(|p| !p.gone) {
                        let old = person.fellow.move_to_new_connection(&mut server);
                        server.vanish(old);
                    }
                    server.pass_ms(1_500);
                    publish(&mut server, &mut people, &mut world, &mut chance, seed);
                }
                people.iter_mut().for_each(|person| person.must_rest = is_late);
                let is_crash = chance.percent(60);
                if is_crash {
                    let written = Written::read(&mut server);
                    for person in people.iter_mut().filter(|p| !p.gone) {
                        let rests = written.resting.contains(&person.fellow.client);
                        let lacks: Vec<u64> = person.owed.difference(&person.had).copied().collect();
                        let lacks = lacks.into_iter().filter(|n| !person.on_their_way.contains(n));
                        if person.fellow.acked.is_none() && !rests {
                            // Nobody knows what it has, and it goes on with what is new. It is told.
                            assert!(!person.must_rest, "seed {seed}: it has been away for long");
                            person.on_their_way.extend(lacks.collect::<Vec<_>>());
                            person.may_be_told = true;
                            *world.counts.entry("crashes without a place").or_default() += 1;
                        } else {
                            // It goes on where it stands, with whatever channels still have.
                            let (kept, gone): (Vec<u64>, Vec<u64>) =
                                lacks.partition(|n| written.messages.contains_key(n));
                            person.on_their_way.extend(gone);
                            person.may_be_told |= !is_all_kept;
                            let goes_on = rests && !kept.is_empty();
                            *world.counts.entry("rested, and goes on").or_default() += u64::from(goes_on);
                        }
                    }
                }
                let living = people.iter().filter(|person| !person.gone).count();
                let ending = if is_crash { Ending::Whole } else { Ending::Clean(0) };
                let replayed = server.restart(ending, chance.bits());
                assert_eq!(replayed.sessions, living, "seed {seed}: everybody's session goes on");
                for person in &mut people {
                    person.fellow.move_to_new_connection(&mut server);
                }
                *world.counts.entry(if is_crash { "crashes" } else { "restarts" }).or_default() += 1;
            }
            _ => {}
        }
        // Those whose connections have been idle for long have none.
        for person in &mut people {
            if person.wired.as_ref().is_some_and(|wired| server.is_shut(wired.socket.0)) {
                leave_socket(&mut server, person, seed);
                if person.clogged {
                    // What waited for it in the server was on its way as well.
                    person.on_their_way.extend(person.owed.difference(&person.had));
                }
                *world.counts.entry("sockets that ended").or_default() += 1;
            }
            if server.is_shut(person.fellow.connection) {
                hear(&mut server, person, &mut world, seed);
                let old = person.fellow.move_to_new_connection(&mut server);
                server.vanish(old);
                person.waits = false;
            }
        }
    }
    // Everybody comes to rest.
    for person in people.iter_mut().filter(|p| !p.gone) {
        hear(&mut server, person, &mut world, seed);
        leave_socket(&mut server, person, seed);
        person.fellow.move_to_new_connection(&mut server);
        person.waits = false;
        if chance.percent(50) {
            open_socket(&mut server, person, &mut chance);
        }
        for _ in 0..10_000 {
            ask(&mut server, person);
            if hear(&mut server, person, &mut world, seed) == 0 {
                break;
            }
        }
        let missing: Vec<_> =
            person.owed.difference(&person.had).filter(|n| !person.excused.contains(n)).collect();
        if person.fellow.acked.is_some() && !person.told {
            assert!(missing.is_empty(), "seed {seed}: lost {missing:?}");
        }
        let lost = missing.iter().all(|n| person.on_their_way.contains(n));
        assert!(lost, "seed {seed}: {missing:?} was lost, and only {:?} on its way", person.on_their_way);
        if person.told {
            *world.counts.entry("told of a gap").or_default() += 1;
        }
        let strange: Vec<_> = person.had.difference(&person.owed).collect();
        assert!(strange.is_empty(), "seed {seed}: {strange:?} was not for it");
    }
    server.machine.check();
    let counters = server.machine.counters();
    for (name, _, n) in counters.list() {
        if name.starts_with("bayeux_") {
            *world.counts.entry(name).or_default() += n;
        }
    }
    world
}

#[test]
fn sessions_that_lose_answers() {
    let seeds = std::env::var("SEEDS").map_or(150, |n| n.parse().expect("a number"));
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let first = std::env::var("SEED").map_or(0, |n| n.parse().expect("a number"));
    for seed in first..first + seeds {
        let world = live(seed, 400);
        *counts.entry("lost answers").or_default() += world.lost_answers;
        for (name, n) in world.counts {
            *counts.entry(name).or_default() += n;
        }
    }
    println!("{counts:#?}");
    if seeds >= 150 {
        for name in [
            "lost answers",
            "released",
            "slept",
            "answers",
            "pushed",
            "transports changed",
            "windows",
            "sockets that ended",
            "bayeux_resent",
            "bayeux_sessions_expired",
            "restarts",
            "crashes",
            "crashes without a place",
            "rested, and goes on",
            "told of a gap",
            "rewrites",
            "bayeux_sessions_restored",
        ] {
            assert!(counts.get(name).is_some_and(|n| *n > 100), "{name}: {counts:?}");
        }
    }
}
