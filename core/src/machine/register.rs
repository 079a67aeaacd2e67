//! Channels and clients that are made and ended on purpose, and the list of them.
//! Knows nothing of how it is asked for.
use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Manner, Phase};
use crate::dialect::{DialectId, Outcome, Refusal, Voice};
use crate::hub::{Channel, Denied, Registered, Secret};

impl Machine {
    /// Makes a channel known, and gives the number of its oldest message and its token, in hexadecimal.
    pub(super) fn sign(&mut self, name: &str, life_ms: u64) -> Result<(u64, String), Refusal> {
        let at = self.open_channel(name, life_ms)?;
        let entropy = &mut self.entropy;
        let token = self.hub.token(at, || {
            let mut random = [0; 16];
            entropy.fill(&mut random);
            random
        });
        let token = token.map(Secret::hex).unwrap_or_default();
        let oldest = self.hub.channel(at, self.post.now).map_or(1, |c| c.history().base());
        Ok((oldest, token))
    }

    /// Makes a channel with what is its own. One that came into being by being used becomes such a channel.
    pub(super) fn register(&mut self, name: &str, as_what: Registered) -> Result<(), Refusal> {
        let known = self.hub.find(name);
        if known.and_then(|at| self.hub.peek(at)).and_then(Channel::registered).is_some() {
            return Err(Refusal::ChannelTaken);
        }
        let at = self.open_channel(name, as_what.life_ms)?;
        self.hub.register(at, as_what, self.post.now);
        Ok(())
    }

    /// Makes a client known.
    pub(super) fn register_session(&mut self, name: &str) -> Result<(), Refusal> {
        let fits = name.len() <= self.config.limits.session_name_bytes_max;
        if !fits || name.chars().any(char::is_control) {
            return Err(Refusal::SessionName);
        }
        if self.is_short_of(name.len()) {
            return Err(Refusal::Memory);
        }
        let registered = self.hub.register_session(name, self.post.now);
        registered.map(|_| ()).map_err(|denied| match denied {
            Denied::Taken => Refusal::SessionTaken,
            Denied::Full => Refusal::TooManySessions,
        })
    }

    /// Ends a channel, if there is one; whether there was.
    pub(super) fn delete(&mut self, name: Option<&str>) -> bool {
        let at = name.and_then(|name| self.hub.find(name));
        at.and_then(|at| self.hub.close(at, self.post.now)).is_some()
    }

    /// Says which channels and clients there are.
    pub(super) fn say_census(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice) {
        let waits = |conn: &Conn| matches!(&conn.phase, Phase::Parked(parked) if parked.voice.dialect == DialectId::SimpleComet);
        let held = self.conns.iter().filter(|(_, conn)| waits(conn)).count();
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        let (channels, sessions, left_out) = self
            .hub
            .census(self.config.simple_comet.channel_prefix.text(), self.config.limits.status_names_max);
        let outcome = Outcome::Census { channels: &channels, sessions: &sessions, held, left_out };
        let answer = voice.dialect.speaker().answer(voice, &outcome, &mut body);
        self.reply(id, manner, answer, &[], &body);
        self.body = body;
    }
}
