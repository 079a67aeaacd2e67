//! Room for requests that come in pieces on the admin side and the control socket where memory is full: who looks after the
//! server, or publishes, is heard in any case. What is lent is not part of `memory_bytes_max`, and has a limit of its own.
//! Knows nothing of what is asked for.
use std::collections::BTreeMap;

use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Phase, Rights, Role};

/// What is lent, and to whom.
#[derive(Debug, Default)]
pub(super) struct Loans {
    /// Bytes of each connection that has a loan.
    by_conn: BTreeMap<u64, usize>,
    bytes: usize,
}

impl Loans {
    /// Bytes that are lent.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nobody has a loan, which is what is usual.
    pub(super) fn is_empty(&self) -> bool {
        self.by_conn.is_empty()
    }

    fn of(&self, id: Id<Conn>) -> usize {
        self.by_conn.get(&id.to_bits()).copied().unwrap_or(0)
    }

    /// An inbox had room for so many bytes `before`, and has for so many now. The first time all of it is lent.
    pub(super) fn grow(&mut self, id: Id<Conn>, before: usize, now: usize) {
        let more = if self.by_conn.contains_key(&id.to_bits()) { now.saturating_sub(before) } else { now };
        self.set(id, self.of(id) + more);
    }

    fn set(&mut self, id: Id<Conn>, bytes: usize) {
        let before = if bytes == 0 {
            self.by_conn.remove(&id.to_bits())
        } else {
            self.by_conn.insert(id.to_bits(), bytes)
        };
        self.bytes = self.bytes - before.unwrap_or(0) + bytes;
    }
}

impl Machine {
    /// Whether so many bytes more of a request are lent; `None` where there is no room for them otherwise, either. What is refused to
    /// somebody who may be lent something is counted.
    pub(super) fn lends(&mut self, id: Id<Conn>, bytes: usize) -> Option<bool> {
        // Pieces that stood in the way of their message would take more of its channel than the message does.
        if !self.is_short_for_messages(bytes) {
            return Some(false);
        }
        let (is_short, fits) = (self.is_short_of(bytes), self.fits_loan(id, bytes));
        if is_short && fits != Some(true) {
            self.counters.admin_partials_refused += u64::from(fits == Some(false));
            return None;
        }
        Some(fits == Some(true))
    }

    /// Whether so many bytes more may be lent to it; `None` if it is lent nothing.
    fn fits_loan(&self, id: Id<Conn>, bytes: usize) -> Option<bool> {
        let conn = self.conns.get(id)?;
        let is_partial = matches!(conn.phase, Phase::Ready | Phase::Body(_));
        if !is_partial || !self.is_entitled(conn) {
            return None;
        }
        let others = self.loans.bytes - self.loans.of(id);
        Some(others + conn.inbox.capacity_with(bytes) <= self.config.limits.admin_partial_bytes_max)
    }

    /// Whether it is one of those who are lent something. Strangers would use up what is for others.
    pub(super) fn is_entitled(&self, conn: &Conn) -> bool {
        match conn.role {
            Role::Admin => self.rules.allows(conn.peer),
            Role::Control(rights) => rights != Rights::None,
            _ => false,
        }
    }

    /// What a connection has not in use any more, or for a request that is not whole, is given back.
    pub(super) fn settle_loan(&mut self, id: Id<Conn>) {
        let lent = self.loans.of(id);
        if lent > 0 {
            let in_use = self.conns.get(id).map_or(0, lendable_bytes);
            self.loans.set(id, lent.min(in_use));
        }
    }

    /// The same of all, for those that have ended, or have waited too long.
    pub(super) fn settle_loans(&mut self) {
        if self.loans.is_empty() {
            return;
        }
        let all: Vec<u64> = self.loans.by_conn.keys().copied().collect();
        all.into_iter().filter_map(Id::from_bits).for_each(|id| self.settle_loan(id));
    }

    /// Every promise about what is lent.
    ///
    /// # Panics
    /// When one is broken.
    pub(super) fn check_loans(&self) {
        assert_eq!(self.loans.bytes, self.loans.by_conn.values().sum::<usize>());
        assert!(self.loans.bytes <= self.post.pool.lent_bytes(), "what is lent is in use");
        for (&bits, &bytes) in &self.loans.by_conn {
            let conn = Id::from_bits(bits).and_then(|id| self.conns.get(id)).expect("somebody has it");
            assert!(bytes > 0 && bytes <= lendable_bytes(conn), "{conn:?} has {bytes} bytes");
        }
    }
}

/// Bytes that half a request takes. What stands behind a request that waits is no half one.
fn lendable_bytes(conn: &Conn) -> usize {
    if matches!(conn.phase, Phase::Ready | Phase::Body(_)) { conn.inbox.capacity() } else { 0 }
}
