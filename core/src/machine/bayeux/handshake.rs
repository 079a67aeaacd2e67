//! How sessions begin, and go on where they stopped (`protocols/bayeux.md`, sections 1.4 and 5).
//! Knows nothing of what is subscribed.
use super::acks::Acks;
use super::client_id::ClientId;
use super::session::Session;
use super::{Speaker, quoted};
use crate::arena::Id;
use crate::config::Config;
use crate::conn::Role;
use crate::dialect::bayeux::message::{Message, string};
use crate::dialect::bayeux::write::{Ack, Advice, Reply};
use crate::machine::Machine;

const CHANNEL: &str = "/meta/handshake";

/// Every transport that messages may come by; what is done is the same for all.
pub(super) const TRANSPORTS: [&str; 4] =
    ["websocket", "long-polling", "callback-polling", "cross-origin-long-polling"];

/// After a handshake that was refused for want of room.
const LATER_MS: u64 = 5_000;

impl Machine {
    pub(super) fn handshake(&mut self, speaker: &mut Speaker<'_>, message: &Message<'_>, out: &mut Vec<u8>) {
        let offered = self.transports(speaker);
        let quoted: Vec<String> = offered.iter().map(|name| quoted(name)).collect();
        let transports = format!("[{}]", quoted.join(","));
        let refused = |out: &mut Vec<u8>, error: &str, advice: Advice| {
            let reply = Reply::begin(out, message.echo(), CHANNEL, false).error(error).text("version", "1.0");
            reply.json("supportedConnectionTypes", &transports).advice(advice).end();
        };
        let least = message.minimum_version.as_deref().unwrap_or("1.0");
        // Anything that is no number is no reason to send somebody away.
        let major = least.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_some_and(|major| major > 1) {
            return refused(out, "300::Version mismatch", Advice::None);
        }
        if !message.has_transport(&offered) {
            return refused(out, "301::Connection types not supported", Advice::None);
        }
        let resumed = self.resume(speaker, message);
        let id = match resumed.map_or_else(|| self.begin_session(speaker, message), Ok) {
            Ok(id) => id,
            Err(error) => return refused(out, error, Advice::Later { interval_ms: LATER_MS }),
        };
        let sync = self.timesync(message);
        let Some(session) = self.sessions.get(id) else { return };
        let bayeux = &self.config.bayeux;
        let advice = Advice::Retry { interval_ms: bayeux.interval_ms, timeout_ms: bayeux.timeout_ms };
        let reply = Reply::begin(out, message.echo(), CHANNEL, true).text("version", "1.0");
        let reply = reply.json("supportedConnectionTypes", &transports);
        let reply = reply.text("clientId", session.client.as_str()).advice(advice);
        let ack = session.acks.map(|_| Ack::Agreed);
        reply.ext(ack, sync.as_ref(), self.post.now).end();
    }

    /// What is offered on a side of the server, to whoever asks so. Of what could also be sent as a POST, clients take that at once; where
    /// the browser then keeps the answer from the page, they do not come back to scripts (section 10).
    fn transports(&self, speaker: &Speaker<'_>) -> Vec<&'static str> {
        let Config { bayeux, websocket, http, .. } = &self.config;
        let has_websocket = speaker.role == Role::Front && bayeux.websocket && websocket.enabled;
        let names_origins = !http.origins.is_empty() && http.origins.iter().all(|one| one.as_str() != "*");
        let is_offered = |name: &&str| match *name {
            "websocket" => has_websocket,
            "callback-polling" => bayeux.jsonp,
            // Faye prefers it to scripts, and sends cookies with it: browsers refuse that where every origin is let in (section 10).
            "cross-origin-long-polling" => names_origins && speaker.talk.may_post,
            _ => speaker.talk.may_post,
        };
        TRANSPORTS.into_iter().filter(is_offered).collect()
    }

    /// The session that a handshake goes on with: the one it names, if that is still known, or the one that has taken
    /// its place. The jquery.comet plugin names the old one, and sometimes twice; other clients can in
    /// `ext.rcomet.resume`.
    fn resume(&mut self, speaker: &Speaker<'_>, message: &Message<'_>) -> Option<Id<Session>> {
        let by_ext = message
            .extension("rcomet")
            .and_then(|own| crate::dialect::bayeux::message::member(own, "resume"));
        let by_ext = by_ext.and_then(|id| string(id.get()));
        let named = message.client_id.as_deref().or(by_ext.as_deref()).and_then(ClientId::read)?;
        let found = self.sessions.find(&named).or_else(|| self.sessions.successor(&named));
        let id = found.filter(|id| self.is_own(speaker, *id))?;
        let awake_until = self.post.now.after_ms(self.awake_ms());
        self.sessions.touch(id, awake_until);
        self.counters.bayeux_sessions_resumed += 1;
        Some(id)
    }

    fn begin_session(
        &mut self,
        speaker: &mut Speaker<'_>,
        message: &Message<'_>,
    ) -> Result<Id<Session>, &'static str> {
        let (most, of_address_most) =
            (self.config.limits.bayeux_sessions_max, self.config.limits.bayeux_sessions_per_address_max);
        let conn = self.conns.get(speaker.conn).ok_or("500::Internal error")?;
        let (peer, listener) = (conn.peer, conn.listener);
        if !peer.is_loopback() && of_address_most > 0 && self.sessions.of_address(peer) >= of_address_most {
            self.counters.bayeux_sessions_refused += 1;
            return Err("403::Too many sessions of this address");
        }
        // Those whose clients have not been heard of for long give way.
        while self.sessions.len() >= most
            && let Some(old) = self.sessions.longest_asleep()
        {
            self.end_session(old);
        }
        if self.sessions.len() >= most {
            self.counters.bayeux_sessions_refused += 1;
            return Err("403::Too many sessions");
        }
        if self.is_short_of(size_of::<Session>() + 256) {
            self.counters.memory_refused += 1;
            return Err("500::Out of memory, try again later");
        }
        let client = self.draw_id();
        let acks = message.extension("ack").filter(|ack| ack.get() == "true");
        let acks = acks.map(|_| Acks::begin(self.hub.numbers().1));
        let until = self.post.now.after_ms(self.awake_ms());
        let id = self.sessions.insert(client, peer, acks, until).ok_or("403::Too many sessions")?;
        self.sessions.set_prefix(id, self.config.bayeux.channel_prefix.clone());
        self.counters.bayeux_sessions_opened += 1;
        if let Some(dead) = message.client_id.as_deref().and_then(ClientId::read) {
            self.sessions.succeed(dead, id);
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.role = speaker.role;
            session.listener = listener;
            session.takes_advice = message.connection_types.is_some();
        }
        if self.is_of_browser(speaker.talk) {
            let browser = speaker.talk.cookie.and_then(ClientId::read).unwrap_or_else(|| {
                let drawn = self.draw_id();
                speaker.cookie = Some(drawn);
                drawn
            });
            self.sessions.set_browser(id, browser);
        }
        self.note_session(id);
        Ok(id)
    }

    /// Milliseconds that a session stays awake without a connect.
    pub(super) fn awake_ms(&self) -> u64 {
        self.config.bayeux.interval_ms.saturating_add(self.config.bayeux.max_interval_ms)
    }

    pub(super) fn draw_id(&mut self) -> ClientId {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        ClientId::from_random(bytes)
    }
}
