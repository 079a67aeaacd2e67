//! Readers of several channels against the obvious version: a list of everything that was ever published.
use std::collections::BTreeMap;

use super::*;
use crate::chance::Chance;
use crate::hub::{Keep, Seed, Settings};
use crate::limits::Limits;
use crate::log::{Epoch, Log};

fn hub() -> Hub {
    let settings = Settings::new(&Limits::default(), 60_000, 60_000);
    // Nothing is forgotten here: what is lost by limits is another matter.
    let keep = Keep { messages: 10_000, bytes: 1 << 30, age_ms: 0, newest: false };
    Hub::new(Settings { keep, ..settings }, Log::new(Epoch::from_random([7; 8]), 0), Seed::new(1, 2))
}

fn rooms(hub: &mut Hub, n: usize) -> Vec<Id<Channel>> {
    (0..n).map(|i| hub.open(&format!("r{i}"), 60_000, Moment(0)).unwrap()).collect()
}

fn join(hub: &mut Hub, places: &[(Id<Channel>, u64)], owner: Owner) -> Result<Id<Subscription>, Full> {
    let access = Access { open: true, sessions: false, private: false };
    let wanted =
        Wanted { places, absent: vec!["later".into()], access, awaits: false, session: None, who: None };
    hub.join_many(wanted, owner, Moment(0))
}

fn publish(hub: &mut Hub, room: Id<Channel>, text: &str) -> u64 {
    hub.publish(room, text.into(), None, Moment(0)).unwrap();
    hub.head().offset
}

/// The offsets of the messages in a run.
fn offsets(visit: &Visit<'_>, to: u64) -> Vec<u64> {
    visit.channel.history().range(visit.from, to).map(|(_, message)| message.offset).collect()
}

#[test]
fn runs_come_in_the_order_of_the_log() {
    let mut hub = hub();
    let rooms = rooms(&mut hub, 3);
    let places: Vec<_> = rooms.iter().map(|room| (*room, 1)).collect();
    join(&mut hub, &places, 1).unwrap();
    for i in [0, 0, 1, 2, 2, 0] {
        publish(&mut hub, rooms[i], "x");
    }
    let mut runs = Vec::new();
    while hub.pump(9, Moment(0), |_, visit| {
        runs.push((visit.channel.name().to_owned(), offsets(visit, visit.until), visit.more));
        Took::Upto { next: visit.until, notices: 0 }
    }) {}
    hub.check();
    let run = |name: &str, offsets: &[u64], more| (name.to_owned(), offsets.to_vec(), more);
    assert_eq!(
        runs,
        [run("r0", &[1, 2], true), run("r1", &[3], true), run("r2", &[4, 5], true), run("r0", &[6], false)]
    );
}

#[test]
fn what_is_forgotten_has_its_turn_before_what_stands_behind_it() {
    let mut hub = hub();
    let rooms = rooms(&mut hub, 3);
    let places: Vec<_> = rooms.iter().map(|room| (*room, 1)).collect();
    let sub = join(&mut hub, &places, 1).unwrap();
    for i in [1, 0, 1, 2, 0] {
        publish(&mut hub, rooms[i], "x");
    }
    // Of r0 nothing is left, of r2 only what comes after that.
    hub.clear(rooms[0], Moment(0));
    hub.clear(rooms[2], Moment(0));
    publish(&mut hub, rooms[1], "x");
    publish(&mut hub, rooms[2], "x");
    let mut runs = Vec::new();
    while hub.pump(9, Moment(0), |_, visit| {
        let lost = if let Lost::Some(n) = visit.lost { n } else { 0 };
        runs.push((visit.channel.name().to_owned(), lost, offsets(visit, visit.until)));
        Took::Upto { next: visit.until, notices: 0 }
    }) {}
    hub.check();
    hub.leave(sub, Moment(0));
    let run = |name: &str, lost, offsets: &[u64]| (name.to_owned(), lost, offsets.to_vec());
    let wanted =
        [run("r1", 0, &[1, 3]), run("r2", 1, &[]), run("r0", 2, &[]), run("r1", 0, &[6]), run("r2", 0, &[7])];
    assert_eq!(runs, wanted);
}

#[test]
fn a_message_in_one_of_a_thousand_channels_is_found_without_looking_at_all() {
    let mut hub = hub();
    let rooms = rooms(&mut hub, 1_000);
    let places: Vec<_> = rooms.iter().map(|room| (*room, 1)).collect();
    let access = Access { open: true, sessions: false, private: false };
    for owner in 0..4 {
        let wanted =
            Wanted { places: &places, absent: Vec::new(), access, awaits: false, session: None, who: None };
        hub.join_many(wanted, owner, Moment(0)).unwrap();
    }
    publish(&mut hub, rooms[500], "x");
    let mut handed = 0;
    // Looking at all the seats of the four would cost more than a hundred.
    hub.pump(12, Moment(0), |_, visit| {
        handed += 1;
        Took::Upto { next: visit.until, notices: 0 }
    });
    assert_eq!((handed, hub.owes_work()), (4, false));
    hub.check();
}

#[test]
fn who_is_far_behind_is_not_taken_for_level_when_a_walk_comes_by() {
    let mut hub = hub();
    let rooms = rooms(&mut hub, 5);
    // More runs than one visit hands over, in channels that nobody is in yet.
    for i in 0..100 {
        publish(&mut hub, rooms[i % 5], "x");
    }
    let places: Vec<_> = rooms.iter().map(|room| (*room, 1)).collect();
    let access = Access { open: true, sessions: false, private: false };
    let wanted =
        Wanted { places: &places, absent: Vec::new(), access, awaits: false, session: None, who: None };
    hub.join_many(wanted, 1, Moment(0)).unwrap();
    publish(&mut hub, rooms[4], "x");
    let mut seen = Vec::new();
    while hub.pump(50, Moment(0), |_, visit| {
        seen.extend(offsets(visit, visit.until));
        Took::Upto { next: visit.until, notices: 0 }
    }) {}
    hub.check();
    assert_eq!(seen, (1..=101).collect::<Vec<u64>>());
}

#[test]
fn a_channel_that_ends_leaves_the_others() {
    let mut hub = hub();
    let rooms = rooms(&mut hub, 2);
    let sub = join(&mut hub, &[(rooms[0], 1), (rooms[1], 1)], 1).unwrap();
    let mut seen = Vec::new();
    let mut pump = |hub: &mut Hub| {
        while hub.pump(9, Moment(0), |_, visit| {
            let count = visit.until - visit.from;
            seen.push((visit.channel.name().to_owned(), count, visit.channel.is_closed(), visit.others));
            if visit.others == 0 && count == 0 {
                return Took::AndLeaves;
            }
            Took::Upto { next: visit.until, notices: 0 }
        }) {}
        hub.check();
    };
    publish(&mut hub, rooms[0], "last");
    hub.close(rooms[0], Moment(0));
    pump(&mut hub);
    assert_eq!(hub.subscription(sub).unwrap().seats().count(), 1);
    assert!(hub.peek(rooms[0]).is_none(), "it is buried");
    hub.close(rooms[1], Moment(0));
    pump(&mut hub);
    let at = |name: &str, count, others| (name.to_owned(), count, true, others);
    assert_eq!(seen, [at("r0", 1, 1), at("r1", 0, 0)]);
    assert_eq!((hub.subscribers(), hub.many_bytes()), (0, 0));
}

#[test]
fn a_channel_that_comes_to_be_is_read_before_what_stands_behind_it() {
    let mut hub = hub();
    let rooms = rooms(&mut hub, 1);
    join(&mut hub, &[(rooms[0], 1)], 1).unwrap();
    let later = hub.open("later", 60_000, Moment(0)).unwrap();
    publish(&mut hub, later, "1");
    publish(&mut hub, rooms[0], "2");
    publish(&mut hub, later, "3");
    let mut seen = Vec::new();
    while hub.pump(9, Moment(0), |_, visit| {
        seen.extend(offsets(visit, visit.until));
        Took::Upto { next: visit.until, notices: 0 }
    }) {}
    hub.check();
    assert_eq!(seen, [1, 2, 3]);
}

#[test]
fn a_full_channel_is_not_joined_by_halves() {
    let mut hub = hub();
    let rooms = rooms(&mut hub, 2);
    hub.settings.subscribers_max = 1;
    join(&mut hub, &[(rooms[1], 1), (rooms[1], 1)], 1).unwrap();
    assert!(join(&mut hub, &[(rooms[0], 1), (rooms[1], 1)], 2).is_err());
    assert_eq!(hub.peek(rooms[0]).unwrap().members(), 0);
    hub.check();
}

/// Somebody who reads several channels: what it has had, and what it is still to have.
struct Reader {
    sub: Id<Subscription>,
    rooms: Vec<usize>,
    from: u64,
    had: Vec<u64>,
}

/// Random joins, leaves, publishes and slow readers, single and several at once: everybody gets everything of its channels
/// from where it joined, once, in the order of the log, however the seats move.
#[test]
fn nobody_is_missed_and_the_order_is_kept() {
    for seed in 0..150 {
        let mut chance = Chance::from_seed(seed);
        let mut hub = hub();
        let rooms = rooms(&mut hub, 6);
        let mut published: Vec<(u64, usize)> = Vec::new();
        let mut readers: BTreeMap<Owner, Reader> = BTreeMap::new();
        let mut slow: Vec<Id<Subscription>> = Vec::new();
        for owner in 1..300 {
            match chance.below(10) {
                0..4 => {
                    let wanted: Vec<usize> = (0..rooms.len()).filter(|_| chance.percent(60)).collect();
                    let wanted = if wanted.is_empty() { vec![0] } else { wanted };
                    // From somewhere in the past, the same for all of them.
                    let from = chance.below(hub.head().offset + 1);
                    let places: Vec<_> = wanted
                        .iter()
                        .map(|&i| (rooms[i], hub.start_after(rooms[i], from, Moment(0)).unwrap().next))
                        .collect();
                    let sub = join(&mut hub, &places, owner).unwrap();
                    readers.insert(owner, Reader { sub, rooms: wanted, from, had: Vec::new() });
                }
                4 if !readers.is_empty() => {
                    let owner = *readers.keys().nth(chance.below(readers.len() as u64) as usize).unwrap();
                    let gone = readers.remove(&owner).unwrap();
                    hub.leave(gone.sub, Moment(0));
                }
                5..9 => {
                    for _ in 0..chance.below(4) {
                        let i = chance.below(rooms.len() as u64) as usize;
                        published.push((publish(&mut hub, rooms[i], "x"), i));
                    }
                }
                _ => slow.drain(..).for_each(|sub| hub.resume(sub)),
            }
            let budget = chance.below(30) as usize;
            let mut gone = Vec::new();
            hub.pump(budget, Moment(0), |_, visit| {
                let reader = readers.get_mut(&visit.owner).expect("only members are visited");
                let last = reader.had.last().copied().unwrap_or(reader.from);
                match chance.below(16) {
                    0 => {
                        slow.push(reader.sub);
                        return Took::Nothing;
                    }
                    1 if chance.percent(20) => {
                        gone.push(visit.owner);
                        return Took::AndLeaves;
                    }
                    _ => {}
                }
                let to = (visit.from + 1 + chance.below(3)).min(visit.until);
                let run = offsets(visit, to);
                assert!(run.first().is_some_and(|first| *first > last), "seed {seed}: {last} then {run:?}");
                reader.had.extend(run);
                Took::Upto { next: to, notices: 0 }
            });
            for owner in gone {
                readers.remove(&owner);
            }
            hub.check();
        }
        slow.drain(..).for_each(|sub| hub.resume(sub));
        while hub.pump(50, Moment(0), |_, visit| {
            let reader = readers.get_mut(&visit.owner).unwrap();
            reader.had.extend(offsets(visit, visit.until));
            Took::Upto { next: visit.until, notices: 0 }
        }) {
            hub.check();
        }
        for (owner, reader) in &readers {
            let wanted =
                |(offset, room): &&(u64, usize)| *offset > reader.from && reader.rooms.contains(room);
            let all: Vec<u64> = published.iter().filter(wanted).map(|(offset, _)| *offset).collect();
            assert_eq!(reader.had, all, "seed {seed}: {owner}");
        }
    }
}
