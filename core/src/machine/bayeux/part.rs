//! Sessions that part: what they subscribed last may have been lost with the end of the text that they were written down in, and
//! a session that reads less than its client believes would be silence. So such a session hands over what its channels still hold, and
//! when it has nothing more to say it is over: its client shakes hands anew, and subscribes again.
//! Knows nothing of why a text has lost its end.
use super::Speaker;
use super::gather::gather;
use super::session::Session;
use crate::arena::Id;
use crate::machine::Machine;

impl Machine {
    /// Ends a session that parts and lacks nothing more, which the connect that comes by this connection is to be told; whether it has.
    /// What its client has not acknowledged it lacks.
    pub(super) fn part(&mut self, id: Id<Session>, speaker: &Speaker<'_>) -> bool {
        if self.sessions.get(id).is_none_or(|session| !session.parts) {
            return false;
        }
        let fill = self.delivery().0.fill();
        let Some(session) = self.sessions.get(id) else { return false };
        if gather(&self.hub, session, fill, &mut Vec::new()).is_news() {
            return false;
        }
        let waits_at = session.conn;
        if waits_at == Some(speaker.conn) {
            self.unwire(speaker.conn);
        }
        self.end_session(id);
        self.counters.bayeux_unknown_clients += 1;
        true
    }
}
