//! Connections that stand in line: what they ask for beyond their share of a turn, and what waits until listeners have been served.
//! Knows nothing of what is asked for.
use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Held, Phase};
use crate::hub::Channel;

/// Requests served between two deliveries, of all connections together: about a millisecond. The rest is put off, first
/// come, first served, so that nobody waits for more than one round of all who want something.
pub(super) const REQUESTS_A_TURN: usize = 1024;
/// Requests of one connection served at once: what a pipeline usually holds.
const REQUESTS_AT_ONCE: usize = 64;
/// The same while many stand in line: a round of 1,000 of them is then over in milliseconds.
const REQUESTS_IN_LINE: usize = 4;
/// So many in line are many.
const LONG_LINE: usize = 16;

/// Requests, or messages, of one connection that are served at once while so many connections stand in line.
pub(super) fn at_once(in_line: usize) -> usize {
    if in_line < LONG_LINE { REQUESTS_AT_ONCE } else { REQUESTS_IN_LINE }
}

impl Machine {
    /// Puts a connection's further requests off to the next turn, or until everybody has got what was published to a
    /// channel.
    pub(super) fn defer(&mut self, id: Id<Conn>, until_served: Option<Id<Channel>>) {
        if let Some(conn) = self.conns.get_mut(id)
            && !conn.deferred
        {
            conn.deferred = true;
            self.deferred.push_back((id, until_served));
        }
    }

    /// Serves those who were put off, as many as one turn has time for.
    pub(super) fn serve_deferred(&mut self) {
        self.served = 0;
        for _ in 0..self.deferred.len() {
            if self.served >= REQUESTS_A_TURN {
                break;
            }
            let Some((id, channel)) = self.deferred.pop_front() else { break };
            let Some(conn) = self.conns.get_mut(id) else { continue };
            let size = match &conn.phase {
                Phase::Held(held) => held.post.bytes(),
                Phase::WebSocket(socket) => socket.held.as_ref().map_or(0, |held| held.bytes.len()),
                Phase::HeldTalk(held) => held.bytes,
                _ => 0,
            };
            if channel.is_some_and(|channel| self.hub.is_crowded(channel, size)) {
                self.deferred.push_back((id, channel));
                continue;
            }
            conn.deferred = false;
            if matches!(conn.phase, Phase::Held(_))
                && let Phase::Held(held) = std::mem::replace(&mut conn.phase, Phase::Ready)
            {
                self.held_bytes -= size;
                self.served += 1;
                let Held { channel, post, manner, voice } = *held;
                self.publish_or_hold(id, manner, voice, &channel, post);
            }
            self.talk_on(id);
            if let Some(conn) = self.conns.get_mut(id)
                && matches!(conn.phase, Phase::HeldTalk(_))
                && let Phase::HeldTalk(held) = std::mem::replace(&mut conn.phase, Phase::Ready)
            {
                self.held_bytes -= size;
                self.served += 1;
                self.resume_talk(id, *held);
            }
            self.take_in(id, b"");
        }
        self.served = 0;
    }
}
