//! Numbers of batches, by which a client of the ack extension says what it has (`protocols/bayeux.md`, section 16).
//! Knows nothing of what is in a batch.
//!
//! The number is a place: who has the batch has everything up to the message that stands so far behind the one from which the
//! session counts. So a server that begins again knows where the client stands, although nothing was written down for a delivery.
//! A batch that no place says (older messages were asked for, and are not all in it) gets a number of its own, and the session is
//! written down whole.
use serde_json::value::RawValue;

use super::gather::Gathered;
use super::session::{Session, Sessions};
use crate::arena::Id;
use crate::hub::Hub;
use crate::journal::KeptAcks;
use crate::machine::Machine;

/// Numbers of a session's batches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acks {
    /// They count from the message of this number.
    pub(super) from: u64,
    /// That of the last batch.
    pub(super) last: u64,
    /// The last that is known to have come.
    pub(super) acked: u64,
    /// Those up to this one have been used for something else than a place, or may have been.
    least: u64,
    /// What was said to be missing with the last batch, until that is known to have come.
    told: Gap,
}

/// What a session has missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gap {
    /// Messages that it will never get, at most.
    pub(super) lost: u64,
    /// It may have missed more than these, nobody knows how many.
    pub(super) is_unsure: bool,
}

impl Gap {
    /// Whether something is missing, or may be.
    pub(super) fn is_some(self) -> bool {
        self.lost > 0 || self.is_unsure
    }

    /// Takes what another says besides.
    pub(super) fn join(&mut self, other: Self) {
        self.lost += other.lost;
        self.is_unsure |= other.is_unsure;
    }
}

impl Acks {
    /// They count from here.
    pub(super) fn begin(from: u64) -> Self {
        Self { from, last: 0, acked: 0, least: 0, told: Gap::default() }
    }

    /// As they were when they were written down.
    pub(super) fn resume(kept: KeptAcks) -> Self {
        let KeptAcks { from, last, acked, lost, is_unsure } = kept;
        Self { from, last, acked, least: last, told: Gap { lost, is_unsure } }
    }

    /// The client stands at this number, which is the last.
    pub(super) fn stand(&mut self, at: u64) {
        (self.last, self.acked, self.least, self.told) = (at, at, at, Gap::default());
    }

    /// The client shows what it has, or nothing: then it has nothing to complain of, or it would be sent the same for ever.
    pub(super) fn acknowledge(&mut self, shown: Option<u64>) -> u64 {
        let shown = shown.unwrap_or(self.last).min(self.last);
        self.acked = self.acked.max(shown);
        shown
    }

    /// Something is said to be missing with the last batch.
    pub(super) fn tell(&mut self, gap: Gap) {
        self.told.join(gap);
    }

    /// As they are written down.
    pub(super) fn kept(&self) -> KeptAcks {
        let Self { from, last, acked, told: Gap { lost, is_unsure }, .. } = *self;
        KeptAcks { from, last, acked, lost, is_unsure }
    }

    /// What has to be said again, if the client has nothing behind this batch.
    pub(super) fn tell_again(&mut self, shown: u64) -> Gap {
        let told = std::mem::take(&mut self.told);
        if shown < self.last { told } else { Gap::default() }
    }

    /// What is subscribed now may begin with older messages, which no number up to now speaks of.
    pub(super) fn use_up(&mut self) {
        self.least = self.least.max(self.last);
    }

    /// Numbers the next batch, behind which the client has everything up to the message `id`; whether it is a place.
    fn number(&mut self, id: u64) -> bool {
        let place = id.saturating_sub(self.from);
        let is_place = place > self.acked.max(self.least);
        if is_place {
            self.last = place;
        } else {
            self.last = self.last.max(self.acked).max(self.least) + 1;
            self.least = self.last;
        }
        is_place
    }
}

impl Sessions {
    /// The number of the batch with which a session is handed this, if its client acknowledges them. A reply with nothing repeats
    /// the number that the client has: there is nothing to acknowledge, and it may lack something.
    pub(super) fn number(&mut self, sid: Id<Session>, hub: &Hub, gathered: &Gathered) -> Option<u64> {
        let acks = self.get_mut(sid)?.acks.as_mut()?;
        if !gathered.is_news() {
            return Some(acks.acked);
        }
        let id = if gathered.more { hub.id_of(gathered.at) } else { hub.numbers().1 };
        let is_place = acks.number(id);
        let (last, reached) = (acks.last, acks.from + acks.last);
        if !is_place {
            self.odd.push(sid);
            // What is published next stands behind it.
            self.reached = self.reached.max(reached);
        }
        Some(last)
    }

    /// The number that a session's client has.
    pub(super) fn repeated(&self, sid: Id<Session>) -> Option<u64> {
        Some(self.get(sid)?.acks?.acked)
    }
}

impl Machine {
    /// Takes note of what the client has got; what else was sent is to be sent again.
    pub(super) fn acknowledge(&mut self, sid: Id<Session>, said: Option<&RawValue>) {
        let shown = said.and_then(|ack| ack.get().parse::<u64>().ok());
        if self.sessions.get(sid).is_some_and(|session| session.stood.is_some()) {
            return self.stand_again(sid, shown);
        }
        let Self { sessions, hub, counters, .. } = self;
        let Some(session) = sessions.get_mut(sid) else { return };
        let Some(acks) = &mut session.acks else { return };
        let acked = acks.acknowledge(shown);
        session.gap.join(acks.tell_again(acked));
        for seat in &mut session.seats {
            while let Some(&(batch, next)) = seat.marks.front()
                && batch <= acked
            {
                seat.floor = next;
                seat.marks.pop_front();
            }
            if !seat.marks.is_empty() {
                seat.marks.clear();
                if let Some(subscription) = hub.subscription(seat.sub) {
                    counters.bayeux_resent += subscription.next().unwrap_or(0).saturating_sub(seat.floor);
                }
                hub.seek(seat.sub, seat.floor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_says_one_thing() {
        let mut acks = Acks::begin(100);
        assert!(acks.number(103));
        assert_eq!(acks.last, 3);
        // That was lost, and comes again: it says the same.
        assert_eq!(acks.acknowledge(Some(0)), 0);
        assert!(acks.number(103));
        assert_eq!(acks.last, 3);
        assert_eq!(acks.acknowledge(Some(9)), 3, "of what is to come nobody can have anything");
        // Older messages: they have no number that is a place.
        acks.use_up();
        assert!(!acks.number(103));
        assert_eq!((acks.last, acks.least), (4, 4));
        assert!(!acks.number(104), "it has been used");
        assert_eq!(acks.acknowledge(None), 5);
        assert!(acks.number(106));
        assert_eq!(acks.last, 6);
    }
}
