//! Messages that are good for a time only (`ttl`). When it is over, what they said is forgotten at once; their numbers stay, and are
//! missing for whoever has not had them, as if they had been trimmed.
//! Knows nothing of who reads. Nothing here walks a history: what is due is known by its time, what is missing by its number.
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use super::History;
use crate::time::Moment;

/// Entries beyond twice the messages that are kept, before those of messages that are gone are taken out.
const SPARE: usize = 64;

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Mortal {
    /// When each is over, with its number; some have been trimmed since.
    due: BinaryHeap<Reverse<(Moment, u64)>>,
    /// Numbers of those that are over, and stand between others.
    gone: BTreeSet<u64>,
}

impl Mortal {
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.due.len() * size_of::<(Moment, u64)>()
            + self.gone.len() * 2 * size_of::<u64>()
    }
}

impl History {
    pub(super) fn note_mortal(&mut self, seq: u64, until: Moment) {
        let (base, most) = (self.base(), 2 * self.len() + SPARE);
        let mortal = self.mortal.get_or_insert_default();
        if mortal.due.len() > most {
            mortal.due.retain(|Reverse((_, seq))| *seq >= base);
        }
        mortal.due.push(Reverse((until, seq)));
    }

    /// A message has been taken from the front.
    pub(super) fn forget_mortal(&mut self) {
        let base = self.base();
        if let Some(mortal) = &mut self.mortal {
            while mortal.gone.first().is_some_and(|seq| *seq < base) {
                mortal.gone.pop_first();
            }
        }
    }

    /// Forgets what messages said whose time is over; returns how many they were, and how many of all have been taken out.
    pub fn expire(&mut self, now: Moment) -> (usize, usize) {
        let before = self.len();
        let mut count = 0;
        while let Some(mortal) = &mut self.mortal
            && let Some(Reverse((_, seq))) =
                mortal.due.peek().filter(|Reverse((until, _))| *until <= now).copied()
        {
            mortal.due.pop();
            let base = self.base();
            let Some(index) = seq.checked_sub(base).and_then(|i| usize::try_from(i).ok()) else { continue };
            let Some(message) = self.messages.get_mut(index) else { continue };
            self.bytes -= message.weight();
            message.body = Arc::default();
            (message.sender, message.media, message.beside) = (None, None, None);
            self.bytes += message.weight();
            if let Some(mortal) = &mut self.mortal {
                mortal.gone.insert(seq);
            }
            count += 1;
        }
        while !self.is_empty() && !self.is_live(self.base()) {
            self.pop();
        }
        if self.mortal.as_ref().is_some_and(|mortal| mortal.due.is_empty() && mortal.gone.is_empty()) {
            self.mortal = None;
        }
        (count, before - self.len())
    }

    /// Whether what the message of this number said is known.
    pub fn is_live(&self, seq: u64) -> bool {
        self.mortal.as_ref().is_none_or(|mortal| !mortal.gone.contains(&seq))
    }

    /// Whether all messages that are kept are.
    pub fn is_whole(&self) -> bool {
        self.mortal.as_ref().is_none_or(|mortal| mortal.gone.is_empty())
    }

    /// How many of them are.
    pub fn live(&self) -> usize {
        self.len() - self.mortal.as_ref().map_or(0, |mortal| mortal.gone.len())
    }

    /// The number of the first message from `next` on that can be had; [`History::head`] when there is none.
    pub fn live_from(&self, next: u64) -> u64 {
        let mut from = next.max(self.base());
        if let Some(mortal) = &self.mortal {
            for gone in mortal.gone.range(from..) {
                if *gone != from {
                    break;
                }
                from += 1;
            }
        }
        from
    }

    /// The number of the first of the newest `most` messages that can be had; [`History::head`] when there is none.
    pub fn newest_from(&self, most: u64) -> u64 {
        let (base, head) = (self.base(), self.head());
        let back = |count: u64| head.saturating_sub(count).max(base);
        let Some(mortal) = &self.mortal else { return back(most) };
        let (mut from, mut gone) = (head, 0);
        loop {
            // Further back by as many as are missing so far.
            let next = back(most.saturating_add(gone));
            if next == from {
                return self.live_from(from);
            }
            gone += mortal.gone.range(next..from).count() as u64;
            from = next;
        }
    }

    /// Where a page ends that begins at `from`, of so many messages that can be had and so many bytes at most, over those between
    /// them that cannot; at least one message, if there is one. [`History::head`] when nothing follows.
    pub fn page_end(&self, from: u64, most: usize, bytes_max: usize) -> u64 {
        let mut bytes = 0;
        for (count, (seq, message)) in self.range(from, self.head()).enumerate() {
            bytes += message.weight();
            if count > 0 && (count >= most || bytes > bytes_max) {
                return seq;
            }
        }
        self.head()
    }

    /// The number of the first message from `from` on that cannot be had; [`History::head`] when there is none.
    pub(super) fn live_until(&self, from: u64) -> u64 {
        let gone = self.mortal.as_ref().and_then(|mortal| mortal.gone.range(from..).next());
        gone.copied().unwrap_or(self.head())
    }

    /// When the next message is over.
    pub(super) fn next_death(&self) -> Option<Moment> {
        let Reverse((until, _)) = self.mortal.as_ref()?.due.peek()?;
        Some(*until)
    }

    pub(super) fn check_mortal(&self) {
        let Some(mortal) = &self.mortal else { return };
        assert!(
            mortal.gone.iter().all(|seq| (self.base()..self.head()).contains(seq)),
            "holes are in the history"
        );
        assert!(mortal.due.len() <= 2 * self.len() + SPARE + 1, "what is trimmed is not remembered for long");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::history::{Beside, Keep, Kind, Message};

    const MANY: Keep = Keep { messages: 100, bytes: 1 << 20, age_ms: 0, newest: false };

    fn message(n: u64, until: Option<u64>) -> Message {
        let beside = until.map(|until| Arc::new(Beside { until: Some(Moment(until)), ..Beside::default() }));
        Message {
            offset: n * 10,
            at: Moment(0),
            unix_s: 1,
            tag: n as u32,
            kind: Kind::Data,
            body: format!("m{n}").into(),
            sender: None,
            media: None,
            beside,
        }
    }

    /// Messages numbered from 1, each good until then.
    fn history(until: &[Option<u64>]) -> History {
        let mut history = History::default();
        for (n, until) in (1..).zip(until) {
            history.append(message(n, *until), &MANY, true);
            history.check();
        }
        history
    }

    fn numbers(history: &History) -> Vec<u64> {
        history.range(1, 99).map(|(seq, _)| seq).collect()
    }

    #[test]
    fn what_is_over_is_missing() {
        let mut history = history(&[None, Some(20), Some(10), None, Some(30)]);
        assert_eq!((history.expire(Moment(9)), history.next_death()), ((0, 0), Some(Moment(10))));
        assert_eq!(history.expire(Moment(10)), (1, 0));
        history.check();
        assert_eq!((numbers(&history), history.live()), (vec![1, 2, 4, 5], 4));
        assert_eq!(
            (history.batch_end(1, 1 << 20), history.live_from(3), history.batch_end(4, 1 << 20)),
            (3, 4, 6)
        );
        assert_eq!(history.expire(Moment(30)), (2, 0));
        assert_eq!((numbers(&history), history.base(), history.head()), (vec![1, 4], 1, 6));
        assert_eq!((history.live_from(2), history.live_from(5), history.batch_end(4, 1 << 20)), (4, 6, 5));
        assert!(!history.is_whole() && history.next_death().is_none());
        assert_eq!(history.get(3).map(|m| (&*m.body, m.offset)), Some(("", 30)), "its place stays");
        history.check();
    }

    #[test]
    fn at_the_front_nothing_is_left_of_them() {
        let mut history = history(&[Some(10), Some(10), None, Some(20)]);
        assert_eq!(history.expire(Moment(10)), (2, 2));
        assert_eq!((history.base(), history.offset_before(3), history.is_whole()), (3, 20, true));
        history.check();
        let few = Keep { messages: 1, ..MANY };
        assert_eq!(history.trim(&few, false, Moment(10)), 1);
        assert_eq!(history.expire(Moment(20)), (1, 1));
        assert!(history.is_empty() && history.mortal.is_none());
        assert_eq!((history.base(), history.bytes()), (5, 0));
        history.check();
    }

    #[test]
    fn what_is_trimmed_is_not_remembered_for_its_time() {
        let mut history = History::default();
        let few = Keep { messages: 2, ..MANY };
        for n in 1..=10_000 {
            history.append(message(n, Some(1 << 40)), &few, false);
            history.check();
        }
        assert_eq!(history.clear(), 2);
        assert!(history.mortal.is_none());
    }

    #[test]
    fn pages_pass_over_what_is_missing() {
        // All ways in which seven messages can be missing or not, against looking at each.
        for mask in 0..128_u64 {
            let until: Vec<Option<u64>> = (0..7).map(|bit| (mask >> bit & 1 == 1).then_some(10)).collect();
            let mut history = history(&until);
            history.expire(Moment(10));
            let live = numbers(&history);
            for most in 0..9_usize {
                let wanted =
                    live[live.len().saturating_sub(most)..].first().copied().unwrap_or(history.head());
                assert_eq!(history.newest_from(most as u64), wanted, "{mask:b} {most}");
                if most > 0 {
                    let to = history.page_end(1, most, 1 << 20);
                    let page: Vec<u64> = history.range(1, to).map(|(seq, _)| seq).collect();
                    assert_eq!(page, live[..most.min(live.len())], "{mask:b} {most}");
                    assert_eq!(to == history.head(), most >= live.len(), "{mask:b} {most}");
                }
            }
            let one = history.page_end(1, 9, 1);
            assert_eq!(history.range(1, one).count(), live.len().min(1), "one comes, however large it is");
        }
    }
}
