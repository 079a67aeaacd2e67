//! The shadow of one channel's roster: comings and goings by number, as anybody heard of them.
//! Knows nothing of channels or peers.
use std::collections::{BTreeMap, BTreeSet};

use rcomet_core::time::Moment;

/// What is known of who came and left in one life of a channel.
#[derive(Default)]
pub struct Roll {
    notices: BTreeMap<i64, (bool, String)>,
    snapshots: BTreeMap<i64, BTreeSet<String>>,
    /// Who was seen listening under a name.
    pub seen: BTreeMap<String, Seen>,
}

/// When somebody was last here, and the longest time they were not.
pub struct Seen {
    pub last: Moment,
    /// Until when they may have been here unseen.
    pub until: Moment,
    away_ms: u64,
}

impl Roll {
    /// Somebody is told that `who` came or left.
    #[track_caller]
    pub fn notice(&mut self, number: i64, joins: bool, who: &str) {
        let new = (joins, who.to_owned());
        match self.notices.get(&number) {
            Some(known) => assert_eq!(*known, new, "notice {number} is told in two ways"),
            None => {
                self.notices.insert(number, new);
                self.check_turns(who);
            }
        }
        assert!(self.seen.contains_key(who), "{who} never was here");
    }

    /// Coming and going take turns, as far as everything between is known.
    #[track_caller]
    fn check_turns(&self, who: &str) {
        let mut last: Option<(i64, bool)> = None;
        for (&number, (joins, _)) in self.notices.iter().filter(|(_, (_, w))| w == who) {
            if let Some((before, joined)) = last
                && (before + 1..number).all(|n| self.notices.contains_key(&n))
            {
                assert_ne!(
                    joined,
                    *joins,
                    "{who} {} twice, {before} and {number}",
                    if joined { "joins" } else { "leaves" }
                );
            }
            last = Some((number, *joins));
        }
    }

    /// Somebody is told who is here after notice `number`. Returns whether this could be checked against an older
    /// list.
    #[track_caller]
    pub fn snapshot(&mut self, number: i64, names: &[String]) -> bool {
        assert!(
            names.windows(2).all(|w| w[0] < w[1]),
            "a roster is sorted and names nobody twice: {names:?}"
        );
        for name in names {
            assert!(self.seen.contains_key(name), "{name} never was here");
        }
        let names: BTreeSet<String> = names.iter().cloned().collect();
        let mut checked = false;
        if let Some((&before, old)) = self.snapshots.range(..=number).next_back()
            && (before + 1..=number).all(|n| self.notices.contains_key(&n))
        {
            let mut expected = old.clone();
            for (joins, who) in (before + 1..=number).map(|n| &self.notices[&n]) {
                let changed = if *joins { expected.insert(who.clone()) } else { expected.remove(who) };
                assert!(changed, "a coming of somebody here, or a going of somebody not here: {who}");
            }
            assert_eq!(names, expected, "the roster is not what it was at {before} and what happened since");
            checked = true;
        }
        self.snapshots.insert(number, names);
        checked
    }

    /// Somebody is here under a name.
    pub fn see(&mut self, who: &str, now: Moment) {
        let seen = self.seen.entry(who.to_owned()).or_insert(Seen { last: now, until: now, away_ms: 0 });
        seen.away_ms = seen.away_ms.max(now.since(seen.last));
        (seen.last, seen.until) = (now, now);
    }

    /// Somebody may be here now, or have left since they were last seen.
    pub fn suspect(&mut self, who: &str, now: Moment) {
        let seen = self.seen.entry(who.to_owned()).or_insert(Seen { last: now, until: now, away_ms: 0 });
        seen.until = now;
    }

    /// The longest time for which somebody was not here, up to now.
    pub fn away_ms(&self, who: &str, now: Moment) -> u64 {
        self.seen.get(who).map_or(u64::MAX, |seen| seen.away_ms.max(now.since(seen.last)))
    }
}
