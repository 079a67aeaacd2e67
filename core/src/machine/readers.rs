//! Those who read channels, by name of what they speak and by address: Nchan's `nchan_subscriber_info`.
//! Knows nothing of how it is written.
use std::net::IpAddr;

use super::Machine;
use super::bayeux::Sessions;
use crate::arena::Id;
use crate::conn::{Conn, Manner, Phase};
use crate::dialect::{DialectId, Outcome, Refusal, Voice};

impl Machine {
    /// Names those who read these channels, as many as may be named.
    pub(super) fn say_readers(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, names: &[String]) {
        let found: Vec<_> = names.iter().filter_map(|name| self.hub.find(name)).collect();
        if found.is_empty() {
            let name = names.first().cloned().unwrap_or_default();
            return self.refuse(id, manner, voice, &Refusal::NoChannel(name));
        }
        let most = self.config.limits.status_names_max;
        let all: usize = found.iter().filter_map(|at| self.hub.peek(*at)).map(|c| c.members()).sum();
        if self.is_short_of(all.min(most) * 64) {
            return self.refuse(id, manner, voice, &Refusal::Memory);
        }
        let owners = found.iter().flat_map(|at| self.hub.owners(*at));
        let readers: Vec<_> = owners.take(most).filter_map(|owner| self.reader(owner)).collect();
        let outcome = Outcome::Readers { readers: &readers, left_out: all.saturating_sub(most) };
        self.answer(id, manner, voice, &outcome);
    }

    /// How somebody reads, and where from. A session that nobody waits for now reads, too.
    fn reader(&self, owner: u64) -> Option<(&'static str, IpAddr)> {
        if let Some(session) = Sessions::owner(owner) {
            return Some((DialectId::Bayeux.speaker().name(), self.sessions.get(session)?.peer()));
        }
        let conn = self.conns.get(Id::from_bits(owner)?)?;
        let kind = match &conn.phase {
            Phase::Parked(parked) => parked.voice.dialect.speaker().kind(parked.voice.style),
            Phase::WebSocket(socket) => socket.tongue.talker().dialect().speaker().kind(socket.style),
            _ => return None,
        };
        Some((kind, conn.peer))
    }
}
