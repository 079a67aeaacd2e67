use std::collections::BTreeMap;

use super::*;
use crate::chance::Chance;
use crate::limits::Limits;
use crate::log::{Cursor, Epoch};

pub(super) fn settings() -> Settings {
    Settings::new(&Limits { history_messages_max: 16, ..Limits::default() }, 60_000, 60_000)
}

pub(super) fn hub(settings: Settings) -> Hub {
    Hub::new(settings, Log::new(Epoch::from_random([7; 8]), 0), Seed::new(1, 2))
}

fn join(hub: &mut Hub, id: Id<Channel>, next: u64, owner: Owner) -> Id<Subscription> {
    hub.join(id, Join { next, owner, who: None, notices: None }, Moment(0)).unwrap()
}

/// Pumps until quiet; everybody takes everything and stays. Returns who was handed which numbers.
fn deliver(hub: &mut Hub) -> BTreeMap<Owner, Vec<u64>> {
    let mut handed: BTreeMap<Owner, Vec<u64>> = BTreeMap::new();
    while hub.pump(7, Moment(0), |_, visit| {
        handed.entry(visit.owner).or_default().extend(visit.from..visit.until);
        Took::Upto { next: visit.until, notices: visit.notices.unwrap_or(0) }
    }) {
        hub.check();
    }
    hub.check();
    handed
}

#[test]
fn everybody_gets_everything_in_order() {
    let mut hub = hub(settings());
    let room = hub.open("room", 60_000, Moment(0)).unwrap();
    for owner in 0..300 {
        join(&mut hub, room, 1, owner);
    }
    for n in 1..=3 {
        assert_eq!(hub.publish(room, "x".into(), None, Moment(0)), Some(n));
    }
    let handed = deliver(&mut hub);
    assert_eq!(handed.len(), 300);
    assert!(handed.values().all(|numbers| *numbers == [1, 2, 3]));
}

#[test]
fn a_small_channel_does_not_wait_for_a_large_one() {
    let mut hub = hub(settings());
    let (large, small) = (hub.open("large", 9, Moment(0)).unwrap(), hub.open("small", 9, Moment(0)).unwrap());
    for owner in 0..10_000 {
        join(&mut hub, large, 1, owner);
    }
    for owner in 10_000..10_010 {
        join(&mut hub, small, 1, owner);
    }
    hub.publish(large, "x".into(), None, Moment(0));
    hub.publish(small, "x".into(), None, Moment(0));
    let mut small_served = 0;
    hub.pump(300, Moment(0), |_, visit| {
        small_served += usize::from(visit.owner >= 10_000);
        Took::Upto { next: visit.until, notices: 0 }
    });
    assert_eq!(small_served, 10, "within two slices, not after ten thousand");
}

#[test]
fn the_end_of_a_large_channel_is_reached_however_often_it_is_published_to() {
    let mut hub = hub(settings());
    let room = hub.open("room", 9, Moment(0)).unwrap();
    let mut handed = vec![0; 1_000];
    for owner in 0..1_000 {
        join(&mut hub, room, 1, owner);
    }
    for _ in 0..100 {
        hub.publish(room, "x".into(), None, Moment(0));
        hub.pump(50, Moment(0), |_, visit| {
            handed[visit.owner as usize] += 1;
            Took::Upto { next: visit.until, notices: 0 }
        });
    }
    let (least, most) = (handed.iter().min().unwrap(), handed.iter().max().unwrap());
    assert!(*least >= 4 && *most <= 6, "everybody about five times, not {least}..{most}");
}

#[test]
fn starts_say_what_is_missing() {
    let mut hub =
        hub(Settings { keep: Keep { messages: 4, bytes: 1 << 20, age_ms: 0, newest: false }, ..settings() });
    let room = hub.open("room", 9, Moment(0)).unwrap();
    for _ in 0..10 {
        hub.publish(room, "x".into(), None, Moment(0));
    }
    let mut start = |from| hub.start(room, from, Moment(0)).unwrap();
    let at = |next, lost| Start { next, lost, ahead: false };
    assert_eq!(start(From::New), Start { next: 11, lost: Lost::Nothing, ahead: true });
    assert_eq!(start(From::Next(99)), Start { next: 11, lost: Lost::Nothing, ahead: true });
    assert_eq!(start(From::Next(11)), at(11, Lost::Nothing));
    assert_eq!(start(From::Next(8)), at(8, Lost::Nothing));
    assert_eq!(start(From::Next(7)), at(7, Lost::Nothing));
    assert_eq!(start(From::Next(3)), at(7, Lost::Some(4)));
    assert_eq!(start(From::Oldest), at(7, Lost::Nothing));
    hub.clear(room, Moment(0));
    assert_eq!(hub.start(room, From::Next(9), Moment(0)), Some(at(11, Lost::Some(2))));
    hub.check();
}

#[test]
fn cursors_resume_after_exactly_what_was_seen() {
    let mut hub =
        hub(Settings { keep: Keep { messages: 4, bytes: 1 << 20, age_ms: 0, newest: false }, ..settings() });
    let (room, other) = (hub.open("room", 9, Moment(0)).unwrap(), hub.open("other", 9, Moment(0)).unwrap());
    let fresh = hub.cursor(hub.peek(room).unwrap(), 1);
    let mut cursors = vec![fresh];
    for _ in 0..10 {
        hub.publish(other, "y".into(), None, Moment(0));
        let seq = hub.publish(room, "x".into(), None, Moment(0)).unwrap();
        cursors.push(hub.cursor(hub.peek(room).unwrap(), seq + 1));
    }
    for (seen, cursor) in cursors.iter().enumerate() {
        let want = if seen < 6 { (7, Lost::Some(6 - seen as u64)) } else { (seen as u64 + 1, Lost::Nothing) };
        let got = hub.start(room, From::After(*cursor), Moment(0)).unwrap();
        assert_eq!((got.next, got.lost, got.ahead), (want.0, want.1, false), "after {seen}");
        // Without the number the place is the same, only the count is not known.
        let got = hub.start(room, From::After(Cursor { seq: None, ..*cursor }), Moment(0)).unwrap();
        assert_eq!(got.next, want.0);
    }
    let last = cursors[10];
    let elsewhere =
        Cursor { position: Position { epoch: Epoch::from_random([1; 8]), ..last.position }, ..last };
    let got = hub.start(room, From::After(elsewhere), Moment(0)).unwrap();
    assert_eq!((got.next, got.lost), (7, Lost::Unknown(Because::Epoch(hub.head().epoch))), "another epoch");
    hub.close(room, Moment(0));
    hub.publish(other, "y".into(), None, Moment(0));
    let again = hub.open("room", 9, Moment(0)).unwrap();
    let got = hub.start(again, From::After(last), Moment(0)).unwrap();
    assert_eq!((got.next, got.lost), (1, Lost::Unknown(Because::Channel)), "another life");
}

#[test]
fn broadcasts_reach_everybody_once_and_in_order() {
    let mut hub = hub(settings());
    let rooms: Vec<_> = (0..50).map(|n| hub.open(&format!("room{n}"), 9, Moment(0)).unwrap()).collect();
    hub.broadcast("one".into()).unwrap();
    // Touched before the sweep came by: the broadcast is there first.
    assert_eq!(hub.publish(rooms[49], "after".into(), None, Moment(0)), Some(2));
    hub.broadcast("two".into()).unwrap();
    let late = hub.open("late", 9, Moment(0)).unwrap();
    while hub.pump(7, Moment(0), |_, _| Took::Nothing) {
        hub.check();
    }
    let bodies = |id| -> Vec<String> {
        let channel = hub.peek(id).unwrap();
        channel.history().range(1, 99).map(|(_, m)| m.body.to_string()).collect()
    };
    assert_eq!(bodies(rooms[0]), ["one", "two"]);
    assert_eq!(bodies(rooms[49]), ["one", "after", "two"]);
    assert_eq!(bodies(late), [""; 0], "what was made after it does not get it");
}

#[test]
fn too_many_broadcasts_are_refused() {
    let mut hub = hub(Settings { broadcasts_max: 2, ..settings() });
    assert_eq!((hub.broadcast("a".into()), hub.broadcast("b".into())), (Ok(()), Ok(())));
    assert_eq!(hub.broadcast("c".into()), Err(Full));
    while hub.pump(7, Moment(0), |_, _| Took::Nothing) {}
    assert_eq!(hub.broadcast("c".into()), Ok(()));
}

#[test]
fn idle_channels_expire_and_busy_ones_do_not() {
    let mut hub = hub(settings());
    let short = hub.open("short", 3_000, Moment(0)).unwrap();
    let held = hub.open("held", 3_000, Moment(0)).unwrap();
    let sub = join(&mut hub, held, 1, 1);
    let run = |hub: &mut Hub, until: u64| {
        while let Some(due) = hub.deadline().filter(|d| d.0 <= until) {
            hub.expire(due);
            hub.check();
        }
    };
    run(&mut hub, 2_999);
    assert!(hub.peek(short).is_some());
    run(&mut hub, 200_000);
    assert!(hub.peek(short).is_none() && hub.peek(held).is_some());
    hub.leave(sub, Moment(200_000));
    run(&mut hub, 259_000);
    assert!(hub.peek(held).is_some());
    run(&mut hub, 260_010);
    assert_eq!((hub.channels(), hub.subscribers()), (0, 0));
}

#[test]
fn a_token_never_changes_while_its_channel_lives() {
    let mut hub = hub(settings());
    let room = hub.open("room", 9, Moment(0)).unwrap();
    assert!(!hub.has_token(room, ""), "no secret, no entry");
    for drawn in [[0xab; 16], [0xcd; 16]] {
        assert_eq!(hub.token(room, || drawn).map(Secret::hex), Some("ab".repeat(16)));
    }
    assert!(hub.has_token(room, &"ab".repeat(16)));
    assert!(!hub.has_token(room, &"AB".repeat(16)) && !hub.has_token(room, "ab"));
}

/// Random joins, leaves, publishes, closes and slow readers: nobody is forgotten, however the seats move.
#[test]
fn nobody_is_missed() {
    for seed in 0..200 {
        let mut chance = Chance::from_seed(seed);
        let mut hub = hub(Settings { keep: Keep { messages: 1_000, ..settings().keep }, ..settings() });
        let rooms: Vec<_> = (0..3).map(|n| hub.open(&format!("r{n}"), 60_000, Moment(0)).unwrap()).collect();
        let mut subs: Vec<(Id<Subscription>, Owner)> = Vec::new();
        let mut seen: BTreeMap<Owner, u64> = BTreeMap::new();
        let mut slow: Vec<Id<Subscription>> = Vec::new();
        for owner in 1..400 {
            let room = rooms[chance.below(3) as usize];
            match chance.below(10) {
                0..5 => {
                    let head = hub.peek(room).unwrap().history().head();
                    let next = 1 + chance.below(head);
                    subs.push((join(&mut hub, room, next, owner), owner));
                    seen.insert(owner, next);
                }
                5..7 if !subs.is_empty() => {
                    let (sub, owner) = subs.swap_remove(chance.below(subs.len() as u64) as usize);
                    seen.remove(&owner);
                    hub.leave(sub, Moment(0));
                }
                7..9 => drop(hub.publish(room, "x".into(), None, Moment(0))),
                _ => slow.drain(..).for_each(|sub| hub.resume(sub)),
            }
            let budget = chance.below(20) as usize;
            let mut roll = chance.clone();
            chance.bits();
            let mut left = Vec::new();
            hub.pump(budget, Moment(0), |_, visit| {
                let owner = visit.owner;
                let id = subs.iter().find(|(_, o)| *o == owner).expect("only members are visited").0;
                assert_eq!(seen[&owner], visit.from, "in order, and nothing twice");
                match roll.below(24) {
                    0 => {
                        slow.push(id);
                        Took::Nothing
                    }
                    1 => {
                        left.push(owner);
                        Took::AndLeaves
                    }
                    _ => {
                        let next = (visit.from + 1 + roll.below(3)).min(visit.until);
                        seen.insert(owner, next);
                        Took::Upto { next, notices: 0 }
                    }
                }
            });
            for owner in left {
                seen.remove(&owner);
                subs.retain(|(_, o)| *o != owner);
            }
            hub.check();
        }
        slow.drain(..).for_each(|sub| hub.resume(sub));
        deliver(&mut hub);
        for (sub, _) in &subs {
            let (channel, next) = hub.subscription(*sub).unwrap().seats().next().unwrap();
            assert_eq!(next, hub.peek(channel).unwrap().history().head(), "seed {seed}: left behind");
        }
    }
}
