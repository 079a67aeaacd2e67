//! Clients that outlive a connection: a name, and until when it is good without anybody asking.
//! Knows nothing of what they read.
use super::names::{Names, Seed};
use crate::arena::{Arena, Id};
use crate::time::Moment;
use crate::wheel::Wheel;

/// One client.
#[derive(Debug)]
pub struct Session {
    name: Box<str>,
    /// Without a poll that waits it is forgotten then.
    until: Moment,
    /// Polls of it that wait; it is not forgotten while there are any.
    held: u32,
    /// When the wheel will next look at it.
    armed: Moment,
    /// So many came before it.
    number: u64,
}

/// Why a client was not registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// The name is taken.
    Taken,
    /// There are as many as there may be.
    Full,
}

/// All clients.
pub(super) struct Sessions {
    names: Names<Session>,
    table: Arena<Session>,
    wheel: Wheel<Id<Session>>,
    fired: Vec<Id<Session>>,
    names_bytes: usize,
    next_number: u64,
}

impl Sessions {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            names: Names::new(seed),
            table: Arena::with_limit(usize::MAX),
            wheel: Wheel::default(),
            fired: Vec::new(),
            names_bytes: 0,
            next_number: 0,
        }
    }

    pub(super) fn register(
        &mut self,
        name: &str,
        most: usize,
        timeout_ms: u64,
        now: Moment,
    ) -> Result<Id<Session>, Denied> {
        if self.find(name).is_some() {
            return Err(Denied::Taken);
        }
        if self.table.len() >= most {
            return Err(Denied::Full);
        }
        let until = now.after_ms(timeout_ms);
        let session = Session { name: name.into(), until, held: 0, armed: until, number: self.next_number };
        let id = self.table.insert(session).ok_or(Denied::Full)?;
        self.next_number += 1;
        self.names_bytes += name.len();
        self.names.insert(name, id);
        self.wheel.arm(until, id);
        Ok(id)
    }

    pub(super) fn find(&self, name: &str) -> Option<Id<Session>> {
        self.names.find(name, |id| self.table.get(id).is_some_and(|s| &*s.name == name))
    }

    /// Somebody has asked in its name.
    pub(super) fn touch(&mut self, id: Id<Session>, timeout_ms: u64, now: Moment) {
        if let Some(session) = self.table.get_mut(id) {
            session.until = now.after_ms(timeout_ms);
            if session.until < session.armed {
                // The time has been made shorter.
                session.armed = session.until;
                self.wheel.arm(session.until, id);
            }
        }
    }

    /// A poll of it waits.
    pub(super) fn hold(&mut self, id: Id<Session>) {
        if let Some(session) = self.table.get_mut(id) {
            session.held += 1;
        }
    }

    /// A poll of it waits no more; its time runs from now.
    pub(super) fn release(&mut self, id: Id<Session>, timeout_ms: u64, now: Moment) {
        if let Some(session) = self.table.get_mut(id) {
            session.held = session.held.saturating_sub(1);
        }
        self.touch(id, timeout_ms, now);
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.wheel.next()
    }

    /// Forgets those whose time is over.
    pub(super) fn expire(&mut self, timeout_ms: u64, now: Moment) {
        let mut fired = std::mem::take(&mut self.fired);
        self.wheel.advance(now, &mut fired);
        for id in fired.drain(..) {
            let Some(session) = self.table.get_mut(id) else { continue };
            if now < session.armed {
                continue;
            }
            let due = if session.held > 0 { now.after_ms(timeout_ms.max(1)) } else { session.until };
            if due <= now {
                if let Some(gone) = self.table.remove(id) {
                    self.names.remove(&gone.name, id);
                    self.names_bytes -= gone.name.len();
                }
                continue;
            }
            session.armed = due;
            self.wheel.arm(due, id);
        }
        self.fired = fired;
    }

    /// The names of the first `most`, in the order in which they came, and how many there are.
    pub(super) fn names(&self, most: usize) -> (Vec<&str>, usize) {
        let mut all: Vec<&Session> = self.table.iter().map(|(_, session)| session).collect();
        all.sort_unstable_by_key(|session| session.number);
        (all.iter().take(most).map(|session| &*session.name).collect(), all.len())
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.len() * Arena::<Session>::slot_bytes()
            + self.names.bytes()
            + self.names_bytes
            + self.wheel.bytes()
    }

    /// Every structural promise; `held` is how many subscriptions name a session.
    pub(super) fn check(&self, held: usize) {
        assert_eq!(self.names.len(), self.table.len(), "every client is found by its name");
        assert_eq!(self.names_bytes, self.table.iter().map(|(_, s)| s.name.len()).sum::<usize>());
        assert_eq!(self.table.iter().map(|(_, s)| s.held as usize).sum::<usize>(), held);
        for (id, session) in self.table.iter() {
            assert_eq!(self.find(&session.name), Some(id));
            assert!(session.armed <= session.until || session.held > 0, "nobody is forgotten by the clock");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_forgotten_unless_it_asks_or_waits() {
        let mut sessions = Sessions::new(Seed::new(1, 2));
        let id = sessions.register("a", 1, 100, Moment(0)).unwrap();
        assert_eq!(sessions.register("a", 9, 100, Moment(0)), Err(Denied::Taken));
        assert_eq!(sessions.register("b", 1, 100, Moment(0)), Err(Denied::Full));
        sessions.touch(id, 100, Moment(60));
        sessions.expire(100, Moment(100));
        assert!(sessions.find("a").is_some(), "it has asked");
        sessions.hold(id);
        sessions.check(1);
        for t in [160, 300, 1_000] {
            sessions.expire(100, Moment(t));
            assert!(sessions.find("a").is_some(), "it waits");
        }
        sessions.release(id, 100, Moment(1_000));
        sessions.expire(100, Moment(1_099));
        assert!(sessions.find("a").is_some());
        sessions.expire(100, Moment(1_100));
        assert_eq!((sessions.find("a"), sessions.len()), (None, 0));
        sessions.check(0);
    }

    #[test]
    fn names_come_in_the_order_of_their_registration() {
        let mut sessions = Sessions::new(Seed::new(1, 2));
        for name in ["c", "a", "b"] {
            sessions.register(name, 9, 100, Moment(0)).unwrap();
        }
        assert_eq!(sessions.names(9), (vec!["c", "a", "b"], 3));
        assert_eq!(sessions.names(2), (vec!["c", "a"], 3));
    }
}
