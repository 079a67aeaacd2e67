//! What the server itself is told and asked: to end, to read its configuration again, how it stands.
//! Knows nothing of processes or files: the shell does what is wanted, and says how it went.
use super::{Machine, Todo};
use crate::arena::Id;
use crate::conn::{Conn, Manner, Ordered, Phase};
use crate::dialect::{About, Order, Outcome, Report, Voice};

impl Machine {
    /// Says what the shell knows of the process, for those who ask.
    pub fn set_about(&mut self, about: About) {
        self.about = about;
    }

    /// Does what the server is told.
    pub(super) fn take_order(&mut self, id: Id<Conn>, manner: Manner, voice: Voice, order: Order) {
        match order {
            Order::Help => self.answer(id, manner, &voice, &Outcome::Help),
            Order::Status => {
                let figures = self.standing_figures();
                let about = std::mem::take(&mut self.about);
                let (uptime_ms, draining) = (self.post.now.since(self.started), self.is_draining());
                let report = Report { about: &about, uptime_ms, draining, figures: &figures };
                self.answer(id, manner, &voice, &Outcome::Report(report));
                self.about = about;
            }
            Order::Stop => {
                let manner = Manner { keep_alive: false, ..manner };
                self.answer(id, manner, &voice, &Outcome::Stopping(self.about.pid));
                self.post.todo.push_back(Todo::Stop);
            }
            Order::Reload => {
                let Some(conn) = self.conns.get_mut(id) else { return };
                conn.phase = Phase::Ordered(Box::new(Ordered { manner, voice }));
                self.post.todo.push_back(Todo::Reload(id));
            }
        }
    }

    /// The configuration has been read again and is in force, and this is to be said of it; or it stays as it was, and why.
    /// Tells whoever wanted it.
    pub fn reloaded(&mut self, id: Id<Conn>, how: Result<&[String], &str>) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if !matches!(conn.phase, Phase::Ordered(_)) {
            return;
        }
        if let Phase::Ordered(ordered) = std::mem::replace(&mut conn.phase, Phase::Ready) {
            let Ordered { mut manner, voice } = *ordered;
            manner.keep_alive &= !self.is_draining();
            self.answer(id, manner, &voice, &Outcome::Reloaded(how));
            self.defer_rest(id);
        }
    }

    /// What came behind a request that had to wait is served in the next turn.
    fn defer_rest(&mut self, id: Id<Conn>) {
        let waits =
            |conn: &Conn| matches!(conn.phase, Phase::Ready) && (!conn.inbox.is_empty() || conn.paused);
        if self.conns.get(id).is_some_and(waits) {
            self.defer(id, None);
        }
    }

    fn standing_figures(&mut self) -> [(&'static str, u64); 14] {
        let (channels, subscribers) = self.load();
        let all = |count: usize| count as u64;
        let (used, most) = (self.used_bytes(), self.config.limits.memory_bytes_max);
        let (messages, history, websockets) =
            (self.hub.messages(), self.hub.history_bytes(), self.scratch.open);
        let sessions = self.sessions.len();
        let (connections, connections_max) = (self.conns.len(), self.config.limits.connections_max);
        let limits_reached = self.counters().limits().iter().map(|(_, _, count)| *count).sum();
        let counters = self.counters();
        [
            ("connections", all(connections)),
            ("connections_max", all(connections_max)),
            ("websockets", all(websockets)),
            ("bayeux_sessions", all(sessions)),
            ("channels", all(channels)),
            ("subscribers", all(subscribers)),
            ("messages", all(messages)),
            ("history_bytes", all(history)),
            ("memory_bytes", all(used)),
            ("memory_bytes_max", all(most)),
            ("requests", counters.requests),
            ("published", counters.published),
            ("delivered", counters.delivered),
            ("limits_reached", limits_reached),
        ]
    }
}
