//! What happened lately to whom: who came to a channel and where it began, what it was handed, what it was told to be missing,
//! when it left, who was refused. So an administrator can ask why somebody did or did not get a message.
//! Bounded: the oldest makes room for the newest. Knows nothing of connections; an owner is a number.
use std::collections::VecDeque;

use super::{Channel, Hub, Owner, Settings};
use crate::arena::Id;
use crate::time::Moment;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Moment,
    /// To whom; 0 for everybody in the channel.
    pub owner: Owner,
    /// In which channel, by its id: indexes and mailboxes have no number of their own. `u64::MAX` for none.
    pub channel: u64,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Came, and wants message `next` and what follows.
    Joined {
        /// The first message wanted.
        next: u64,
    },
    /// Was handed messages in one answer, or while it caught up.
    Handed {
        /// The first.
        from: u64,
        /// One more than the last.
        to: u64,
    },
    /// Was told that messages are missing.
    Missed {
        /// The first that is.
        from: u64,
        /// One more than the last.
        to: u64,
    },
    /// Was told that messages are missing, and nobody knows how many: all before this one may be.
    Unsure {
        /// One more than the last.
        to: u64,
    },
    /// Everybody in the channel who has room has what stands before `head`.
    Served {
        /// The number of the next message.
        head: u64,
    },
    /// Left, having been handed what stands before `next`.
    Left {
        /// The next message it would have been handed.
        next: u64,
    },
    /// Was sent away, from all that it reads; that it left follows.
    SentAway {
        /// Why.
        why: &'static str,
    },
    /// The channel ended; whoever comes by its name later comes to another.
    Ended {
        /// Its name.
        name: Box<str>,
        /// The number of the message that never came.
        head: u64,
    },
    /// Was refused the channel of this name.
    Refused {
        /// The name, as asked for.
        name: Box<str>,
        /// Why.
        why: &'static str,
    },
}

/// Records that there are places for at first, if there may be as many.
const RECORDS_FIRST: usize = 8;

/// The latest records, oldest first.
#[derive(Debug, Default)]
pub struct Chronicle {
    records: VecDeque<Record>,
    /// Bytes of names in them.
    names_bytes: usize,
    /// Bytes that names may take: the oldest records make room for a new one, which stays, however long its own is.
    names_bytes_max: usize,
    /// Something is missing: records have been let go, or were not taken.
    is_cut: bool,
}

impl Chronicle {
    /// One with nothing in it.
    pub(super) fn new(settings: &Settings) -> Self {
        let mut new = Self::default();
        new.set(settings);
        new
    }

    pub(super) fn note(&mut self, most: usize, record: Record) {
        let name_bytes = record.what.name_bytes();
        self.keep(most.saturating_sub(1), self.names_bytes_max.saturating_sub(name_bytes));
        if most == 0 {
            return;
        }
        self.names_bytes += name_bytes;
        if self.records.len() == self.records.capacity() {
            // Never places for more than there may be.
            let more = self.records.len().max(RECORDS_FIRST).min(most - self.records.len());
            self.records.reserve_exact(more);
        }
        self.records.push_back(record);
    }

    /// Lets go of the oldest, until there are no more than so many, with no more bytes of names.
    fn keep(&mut self, most: usize, names_bytes: usize) {
        while self.records.len() > most || self.names_bytes > names_bytes {
            let Some(old) = self.records.pop_front() else { return };
            self.names_bytes -= old.what.name_bytes();
            self.is_cut = true;
        }
    }

    /// There may be so many from now on: places of more are given back.
    pub(super) fn set(&mut self, settings: &Settings) {
        let most = settings.explain_records_max;
        self.names_bytes_max = settings.explain_names_bytes_max;
        self.keep(most, self.names_bytes_max);
        // What happens now is not taken.
        self.is_cut |= most == 0;
        if self.records.capacity() > most {
            self.records.shrink_to(most);
        }
    }

    /// All that are kept, oldest first.
    pub fn records(&self) -> impl Iterator<Item = &Record> + Clone {
        self.records.iter()
    }

    /// Since when nothing is missing; `None` if nothing ever was. Where something is and nothing is there, nobody knows of anything
    /// before `now`.
    pub fn since(&self, now: Moment) -> Option<Moment> {
        self.is_cut.then(|| self.records.front().map_or(now, |record| record.at))
    }

    pub(super) fn bytes(&self) -> usize {
        self.records.capacity() * size_of::<Record>() + self.names_bytes
    }
}

impl What {
    fn name_bytes(&self) -> usize {
        if let Self::Refused { name, .. } | Self::Ended { name, .. } = self { name.len() } else { 0 }
    }
}

impl Hub {
    /// What happened lately.
    pub fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// Somebody was handed messages before `to` without taking a seat.
    pub fn note_handed(&mut self, owner: Owner, id: Id<Channel>, (from, to): (u64, u64), now: Moment) {
        self.note_run(owner, id, (from, to), now);
    }

    /// Somebody was told that messages are missing.
    pub fn note_missed(&mut self, owner: Owner, id: Id<Channel>, (from, to): (u64, u64), now: Moment) {
        if from < to {
            self.note(owner, id, What::Missed { from, to }, now);
        }
    }

    /// Somebody was told that nobody knows what of the messages before this one it has missed.
    pub fn note_unsure(&mut self, owner: Owner, id: Id<Channel>, to: u64, now: Moment) {
        if to > 1 {
            self.note(owner, id, What::Unsure { to }, now);
        }
    }

    /// Somebody was handed a run of messages; those of them that have expired were told to be missing.
    pub(super) fn note_run(&mut self, owner: Owner, id: Id<Channel>, (from, to): (u64, u64), now: Moment) {
        if from >= to || self.settings.explain_records_max == 0 {
            return;
        }
        let Some(history) = self.channels.get(id).map(|channel| &channel.history) else { return };
        if from >= history.base() && history.is_whole() {
            return self.note(owner, id, What::Handed { from, to }, now);
        }
        let base = history.base();
        let is_handed = |seq: u64| seq >= base && history.is_live(seq);
        // No run is longer than a batch, so this is soon over.
        let mut runs: Vec<(u64, u64, bool)> = Vec::new();
        for seq in from..to {
            match runs.last_mut() {
                Some((_, end, handed)) if *handed == is_handed(seq) => *end = seq + 1,
                _ => runs.push((seq, seq + 1, is_handed(seq))),
            }
        }
        for (from, to, handed) in runs {
            let what = if handed { What::Handed { from, to } } else { What::Missed { from, to } };
            self.note(owner, id, what, now);
        }
    }

    /// Somebody is about to be sent away, for what reason.
    pub fn note_sent_away(&mut self, owner: Owner, why: &'static str, now: Moment) {
        let most = self.settings.explain_records_max;
        if most > 0 {
            self.chronicle
                .note(most, Record { at: now, owner, channel: u64::MAX, what: What::SentAway { why } });
        }
    }

    /// A channel that somebody has read has ended.
    pub(super) fn note_ended(&mut self, id: Id<Channel>, now: Moment) {
        let is_read = |channel: &&Channel| channel.joined || channel.asked.is_some();
        let Some(channel) = self.channels.get(id).filter(is_read) else { return };
        let what = What::Ended { name: (&*channel.name).into(), head: channel.history.head() };
        self.note(0, id, what, now);
    }

    /// Somebody was refused a channel.
    pub fn note_refused(&mut self, owner: Owner, name: &str, why: &'static str, now: Moment) {
        let most = self.settings.explain_records_max;
        let what = What::Refused { name: name.into(), why };
        if most > 0 {
            self.chronicle.note(most, Record { at: now, owner, channel: u64::MAX, what });
        }
    }

    #[inline]
    pub(super) fn note(&mut self, owner: Owner, id: Id<Channel>, what: What, now: Moment) {
        let most = self.settings.explain_records_max;
        if most > 0 {
            self.chronicle.note(most, Record { at: now, owner, channel: id.to_bits(), what });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn settings(records: usize, names_bytes: usize) -> Settings {
        let usual = Settings::new(&Limits::default(), 1_000, 1_000);
        Settings { explain_records_max: records, explain_names_bytes_max: names_bytes, ..usual }
    }

    fn kept(chronicle: &Chronicle) -> Vec<Owner> {
        chronicle.records().map(|record| record.owner).collect()
    }

    fn refused(n: u64, name: &str) -> Record {
        Record { at: Moment(n), owner: n, channel: 0, what: What::Refused { name: name.into(), why: "" } }
    }

    const NOW: Moment = Moment(1_000);

    #[test]
    fn the_oldest_makes_room_for_the_newest() {
        let mut chronicle = Chronicle::new(&settings(3, 1_000));
        (1..=3).for_each(|n| chronicle.note(3, refused(n, "ab")));
        assert_eq!((chronicle.since(NOW), chronicle.names_bytes), (None, 6));
        chronicle.note(3, refused(4, "ab"));
        assert_eq!(kept(&chronicle), [2, 3, 4]);
        assert_eq!((chronicle.since(NOW), chronicle.names_bytes), (Some(Moment(2)), 6));
        chronicle.note(1, refused(5, "ab"));
        assert_eq!((kept(&chronicle), chronicle.names_bytes), (vec![5], 2), "a smaller limit holds at once");
    }

    #[test]
    fn since_when_nothing_is_missing() {
        let (some, none) = (settings(3, 1_000), settings(0, 1_000));
        let mut chronicle = Chronicle::new(&some);
        chronicle.set(&some);
        assert_eq!(chronicle.since(NOW), None);
        // Nothing was there to be let go, but what happens meanwhile is not taken.
        chronicle.set(&none);
        assert_eq!(chronicle.since(NOW), Some(NOW));
        chronicle.set(&some);
        assert_eq!(chronicle.since(NOW), Some(NOW));
        chronicle.note(3, refused(7, "ab"));
        assert_eq!(chronicle.since(NOW), Some(Moment(7)));
        assert_eq!(Chronicle::new(&none).since(NOW), Some(NOW));
    }

    #[test]
    fn names_have_their_share() {
        let name = |bytes: usize| "x".repeat(bytes);
        let mut chronicle = Chronicle::new(&settings(50, 100));
        (1..=4).for_each(|n| chronicle.note(50, refused(n, &name(25))));
        assert_eq!((kept(&chronicle), chronicle.names_bytes), (vec![1, 2, 3, 4], 100));
        chronicle.note(50, Record { what: What::Joined { next: 1 }, ..refused(5, "") });
        assert_eq!(chronicle.since(NOW), None, "one without a name takes the place of none");
        chronicle.note(50, refused(6, &name(26)));
        assert_eq!((kept(&chronicle), chronicle.names_bytes), (vec![3, 4, 5, 6], 76));
        assert_eq!(chronicle.since(NOW), Some(Moment(3)));
        // A smaller share holds at once.
        chronicle.set(&settings(50, 51));
        assert_eq!((kept(&chronicle), chronicle.names_bytes), (vec![4, 5, 6], 51));
        chronicle.note(50, refused(7, &name(60)));
        assert_eq!((kept(&chronicle), chronicle.names_bytes), (vec![7], 60), "one alone stays");
    }

    #[test]
    fn places_are_for_as_many_as_there_may_be() {
        let mut chronicle = Chronicle::new(&settings(3_000, 1_000));
        let record = || Record { at: Moment(0), owner: 1, channel: 0, what: What::Joined { next: 1 } };
        for n in 1..=5_000 {
            chronicle.note(3_000, record());
            let places = chronicle.bytes() / size_of::<Record>();
            assert!(places <= (2 * n).clamp(RECORDS_FIRST, 3_000), "{places} for {n}");
        }
        assert_eq!(chronicle.records().count(), 3_000);
        for most in [4_000, 700, 0] {
            chronicle.set(&settings(most, 1_000));
            assert_eq!(chronicle.records().count(), most.min(3_000));
            assert!(chronicle.bytes() <= most * size_of::<Record>(), "{most}");
        }
        chronicle.note(0, record());
        assert_eq!(chronicle.records().count(), 0);
    }

    #[test]
    fn a_record_is_small() {
        assert!(size_of::<Record>() <= 64, "{}", size_of::<Record>());
    }
}
