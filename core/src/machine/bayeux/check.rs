//! What must be true of all sessions, for tests and the simulated world.
use super::session::{Session, Sessions};
use crate::arena::Id;
use crate::conn::Conn;

impl Sessions {
    /// Every structural promise; shows each session that waits, and where.
    pub(in crate::machine) fn check(&self, hub: &crate::hub::Hub) -> Vec<(Id<Session>, Id<Conn>)> {
        let (mut seats, mut asleep, mut waiting) = (0, 0, Vec::new());
        for (id, session) in self.table.iter() {
            assert_eq!(self.find(&session.client), Some(id), "a session is found by its id");
            assert!(session.seats.windows(2).all(|w| w[0].name < w[1].name), "each subscribed once");
            for seat in &session.seats {
                let sub = hub.subscription(seat.sub).expect("a seat has a subscription");
                assert_eq!(Self::owner(sub.owner()), Some(id), "and it is its own");
                let next_mark = seat.marks.front().map_or(u64::MAX, |(_, next)| *next);
                let next = sub.next().expect("it reads one channel");
                assert!(seat.floor <= next && (session.acks.is_none() || seat.floor <= next_mark));
            }
            seats += session.seats.len();
            asleep += usize::from(session.asleep);
            waiting.extend(session.conn.map(|conn| (id, conn)));
            let is_armed = session.armed <= session.until;
            assert!(is_armed || session.conn.is_some(), "nobody is forgotten by the clock");
            assert!(!session.asleep || session.conn.is_none(), "who waits is awake");
        }
        assert_eq!((seats, asleep), (self.seats, self.asleep));
        assert_eq!(self.by_client.len(), self.table.len());
        assert!(self.moves.is_empty() && self.homeless.is_empty() && self.doomed.is_empty());
        assert!(self.unfinished.is_empty() && self.odd.is_empty() && self.moved_on.is_empty());
        waiting
    }
}
