//! Sessions that belong to a browser (`bayeux.bind_sessions`): whose they are, and what is said to others (`protocols/bayeux.md`,
//! section 14).
//! Knows nothing of how many connects a browser may have.
use super::client_id::ClientId;
use super::session::Session;
use super::{Speaker, UNKNOWN};
use crate::arena::Id;
use crate::dialect::Talk;
use crate::dialect::bayeux::message::Message;
use crate::dialect::bayeux::write::{Advice, Reply};
use crate::machine::Machine;

/// A client that shows another cookie than its session's, or none, shakes hands again after this: one whose browser keeps no
/// cookies would do so for ever.
const STRANGER_MS: u64 = 5_000;

impl Machine {
    /// Whether a session that begins with this request is to be known by its browser. Scripts have no cookies, and pages of other
    /// sites would never show theirs again.
    pub(super) fn is_of_browser(&self, talk: &Talk<'_>) -> bool {
        self.knows_browsers() && !talk.is_call && !(talk.is_foreign && self.config.bayeux.bind_sessions)
    }

    /// Whether a session belongs to the browser that asks. One that a script has begun belongs to none.
    pub(super) fn is_own(&self, speaker: &Speaker<'_>, id: Id<Session>) -> bool {
        if !self.config.bayeux.bind_sessions {
            return true;
        }
        let Some(browser) = self.sessions.get(id).and_then(|session| session.browser) else { return true };
        speaker.talk.cookie.and_then(ClientId::read).is_some_and(|shown| shown == browser)
    }

    /// Says to a connect that its session is not known, or not to this browser.
    pub(super) fn say_unknown_to_connect(
        &self,
        speaker: &Speaker<'_>,
        message: &Message<'_>,
        out: &mut Vec<u8>,
    ) {
        let named = message.client_id.as_deref().and_then(ClientId::read);
        let found = named.and_then(|client| self.sessions.find(&client));
        if found.is_none_or(|id| self.is_own(speaker, id)) {
            return Self::say_unknown(message, super::connect::CHANNEL, out);
        }
        Reply::begin(out, message.echo(), super::connect::CHANNEL, false)
            .error(UNKNOWN)
            .advice(Advice::Later { interval_ms: STRANGER_MS })
            .end();
    }
}
