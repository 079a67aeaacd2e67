//! What sessions read: their seats, and where they stood in them before a crash.
//! Knows nothing of what is read there.
use std::collections::VecDeque;

use super::session::{Session, Sessions};
use crate::arena::Id;
use crate::hub::Subscription;
use crate::journal::KeptSession;

/// One subscription of a session.
#[derive(Debug)]
pub(crate) struct Seat {
    /// The channel or pattern, as all others call it.
    pub(super) name: Box<str>,
    pub(super) sub: Id<Subscription>,
    /// The place in the log before its first message: where it ended when this was subscribed, if it began with what was new.
    pub(super) since: u64,
    /// With acknowledgements: the first message that the client is not known to have. Else one that has not been handed
    /// over and that nothing lacking stands before; it may be ahead of the cursor for as long as the hub is walked.
    pub(super) floor: u64,
    /// With acknowledgements: batches on their way, and the message that stood next behind each.
    pub(super) marks: VecDeque<(u64, u64)>,
}

impl Sessions {
    /// Gives a session a seat, which it must not have yet.
    pub(super) fn seat(&mut self, id: Id<Session>, seat: Seat) {
        let Some(session) = self.table.get_mut(id) else { return };
        if let Err(place) = session.find(&seat.name) {
            self.seats += 1;
            self.names_bytes += seat.name.len();
            session.seats.insert(place, seat);
        }
    }

    /// Takes a seat away; its subscription is the caller's to end.
    pub(super) fn unseat(&mut self, id: Id<Session>, name: &str) -> Option<Seat> {
        let session = self.table.get_mut(id)?;
        let place = session.find(name).ok()?;
        let seat = session.seats.remove(place);
        self.seats -= 1;
        self.names_bytes -= seat.name.len();
        if let Some(stood) = &mut session.stood {
            self.stood_bytes -= stood.bytes();
            stood.unsubscribe(name);
            self.stood_bytes += stood.bytes();
        }
        Some(seat)
    }

    /// Keeps what was written down of a session until its client says where it stands, or takes that away.
    pub(super) fn stand(
        &mut self,
        id: Id<Session>,
        stood: Option<Box<KeptSession>>,
    ) -> Option<Box<KeptSession>> {
        let bytes = |stood: &Option<Box<KeptSession>>| stood.as_ref().map_or(0, |stood| stood.bytes());
        let session = self.table.get_mut(id)?;
        self.stood_bytes += bytes(&stood);
        let before = std::mem::replace(&mut session.stood, stood);
        self.stood_bytes -= bytes(&before);
        before
    }
}
