//! What happens to sessions while no connect of theirs waits: they are written down where they stand, fall asleep, and are forgotten.
//! Knows nothing of what they read.
use super::session::{Session, Sessions};
use crate::arena::Id;
use crate::conn::Conn;
use crate::hub::Hub;
use crate::time::Moment;

/// So long after its last answer a session without acknowledgements is written down where it stands, if no connect has come. A client
/// that polls on and on comes back sooner, and has no line a poll.
const RESTS_AFTER_MS: u64 = 1_000;

/// Sessions that have awoken and still stand in the line of those who sleep, beside as many as there are in it.
const AWOKEN_MAX: usize = 64;

/// What is due for a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expiry {
    /// Its client has been away for a moment: where it stands is to be written down.
    Rests,
    /// It fell asleep.
    Sleeps,
    /// It is to be forgotten.
    Over,
}

/// When a session rests that is left now: never, if nothing is written down.
pub(super) fn rests_at(hub: &Hub, now: Moment) -> Moment {
    if hub.keeps_notes() { now.after_ms(RESTS_AFTER_MS) } else { Moment::NEVER }
}

impl Sessions {
    /// The one that has been asleep for longest.
    pub(super) fn longest_asleep(&mut self) -> Option<Id<Session>> {
        while let Some(&entry) = self.sleepers.front() {
            if self.sleeps(entry) {
                return Some(entry.0);
            }
            self.sleepers.pop_front();
        }
        None
    }

    /// Whether it has not awoken since it fell asleep.
    pub(super) fn sleeps(&self, (id, until): (Id<Session>, Moment)) -> bool {
        self.table.get(id).is_some_and(|session| session.asleep && session.until == until)
    }

    /// Lets go of those who have awoken, when there are more of them than of those who sleep: each is looked at about once for one
    /// that comes.
    fn forget_awoken(&mut self) {
        if self.sleepers.len() > 2 * self.asleep + AWOKEN_MAX {
            let mut all = std::mem::take(&mut self.sleepers);
            all.retain(|entry| self.sleeps(*entry));
            self.sleepers = all;
        }
    }

    /// Its client was heard of: it stays awake until `until` at least.
    pub(super) fn touch(&mut self, id: Id<Session>, until: Moment) {
        let Some(session) = self.table.get_mut(id) else { return };
        let wakes = std::mem::take(&mut session.asleep);
        session.until = if wakes { until } else { session.until.max(until) };
        let peer = session.peer;
        if session.until < session.armed {
            session.armed = session.until;
            self.wheel.arm(session.until, id);
        }
        if wakes {
            self.asleep -= 1;
            self.count(peer, true);
        }
    }

    /// Its connect waits on this connection.
    pub(super) fn attach(&mut self, id: Id<Session>, conn: Id<Conn>) {
        if let Some(session) = self.table.get_mut(id) {
            session.conn = Some(conn);
        }
    }

    /// Its connect waits no more. If nothing else happens it is awake until `until`, and is written down at `rests_at` unless its
    /// client says where it stands.
    pub(super) fn detach(&mut self, id: Id<Session>, until: Moment, rests_at: Moment) {
        let Some(session) = self.table.get_mut(id) else { return };
        session.conn = None;
        session.until = until;
        session.rests_at = if session.acks.is_some() { Moment::NEVER } else { rests_at };
        let due = until.min(session.rests_at);
        if due < session.armed {
            session.armed = due;
            self.wheel.arm(due, id);
        }
    }

    pub(in crate::machine) fn deadline(&self) -> Option<Moment> {
        self.wheel.next()
    }

    /// Those for whom something is due. Whose time is over falls asleep for `remember_ms` first, if it is remembered at all.
    pub(super) fn expire(&mut self, remember_ms: u64, now: Moment) -> Vec<(Id<Session>, Expiry)> {
        let mut fired = std::mem::take(&mut self.fired);
        let mut over = Vec::new();
        self.wheel.advance(now, &mut fired);
        for id in fired.drain(..) {
            let Some(session) = self.table.get_mut(id) else { continue };
            if now < session.armed {
                // A newer entry stands for it.
                continue;
            }
            session.armed = Moment::NEVER;
            if session.conn.is_some() {
                // It is armed again when that is over.
                continue;
            }
            if now >= session.rests_at {
                session.rests_at = Moment::NEVER;
                if !session.rests {
                    over.push((id, Expiry::Rests));
                }
            }
            if now < session.until {
                session.armed = session.until.min(session.rests_at);
                self.wheel.arm(session.armed, id);
                continue;
            }
            if session.asleep || remember_ms == 0 {
                over.push((id, Expiry::Over));
                continue;
            }
            session.asleep = true;
            let until = now.after_ms(remember_ms);
            session.until = until;
            session.armed = session.until.min(session.rests_at);
            let (due, peer) = (session.armed, session.peer);
            self.wheel.arm(due, id);
            self.count(peer, false);
            self.asleep += 1;
            self.sleepers.push_back((id, until));
            self.forget_awoken();
            over.push((id, Expiry::Sleeps));
        }
        self.fired = fired;
        over
    }
}
