//! Who says nothing on the control socket, and gives way when others have no place.
//! Knows nothing of what is said there.
use std::collections::VecDeque;

use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Phase, Role};
use crate::time::Moment;

/// Milliseconds in which a place is nobody else's, though nothing whole has been asked: scripts are slow now and then.
const SILENT_MS: u64 = 1_000;
/// Connections that are looked at for one newcomer.
const LOOKS: usize = 64;
/// Connections that may be in the line though they are gone, beside as many as live.
const GONE_MAX: usize = 256;

/// Connections to the control socket, about in the order in which they came. Those that had something to do when somebody looked
/// stand at the end again.
#[derive(Default)]
pub(super) struct Line {
    ids: VecDeque<Id<Conn>>,
}

impl Line {
    pub(super) fn bytes(&self) -> usize {
        self.ids.capacity() * size_of::<Id<Conn>>()
    }
}

impl Machine {
    /// Who gives way to a newcomer: somebody on the control socket who keeps one of `connections_max` places and says nothing, or only
    /// half of something. To be asked before [`Machine::open`], until nobody does; its socket is to be closed, and [`Machine::closed`] told, at once.
    pub fn gives_way(&mut self, now: Moment) -> Option<Id<Conn>> {
        if self.conns.len() < self.config.limits.connections_max {
            return None;
        }
        for _ in 0..self.silence.ids.len().min(LOOKS) {
            let id = self.silence.ids.pop_front()?;
            let Some(conn) = self.conns.get(id) else { continue };
            if self.is_silent(conn, now) {
                self.counters.silent_closed += 1;
                return Some(id);
            }
            self.silence.ids.push_back(id);
        }
        None
    }

    /// Somebody has come in by a socket of this kind.
    pub(super) fn note_newcomer(&mut self, id: Id<Conn>, role: Role) {
        if !matches!(role, Role::Control(_)) {
            return;
        }
        if self.silence.ids.len() > 2 * self.conns.len() + GONE_MAX {
            let conns = &self.conns;
            self.silence.ids.retain(|id| conns.get(*id).is_some());
        }
        self.silence.ids.push_back(id);
    }

    fn is_silent(&self, conn: &Conn, now: Moment) -> bool {
        let limits = &self.config.limits;
        let given_ms = match conn.phase {
            Phase::Ready if conn.deferred || !conn.outbox.is_empty() => return false,
            Phase::Ready if conn.inbox.is_empty() => self.config.idle_ms(conn.role),
            Phase::Ready => limits.head_ms_max,
            Phase::Body(_) => limits.body_ms_max,
            _ => return false,
        };
        // Its deadline was set when it fell silent.
        now.after_ms(given_ms) >= conn.deadline.after_ms(SILENT_MS)
    }
}
