//! What is to be known of channels by name, and the end of their readers.
//! Knows nothing of how it is asked for or written.
use super::Machine;
use super::events::standing;
use crate::arena::Id;
use crate::conn::{Conn, Manner, Phase, Role};
use crate::dialect::{Answer, Batch, Outcome, Page, Past, Refusal, Voice};
use crate::hub::Channel;

impl Machine {
    /// Says what is kept of a channel.
    pub(super) fn say_history(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        voice: &Voice,
        past: &Past<'_>,
    ) {
        let found = match self.shown_channel(role, &past.channel, &past.token) {
            Ok(at) => at.and_then(|at| Some((at, self.hub.start(at, past.from, self.post.now)?))),
            Err(refusal) => return self.refuse(id, manner, voice, &refusal),
        };
        let Some((at, start)) = found else {
            return self.refuse(id, manner, voice, &Refusal::NoChannel(past.channel.clone().into_owned()));
        };
        let (most, bytes) = (past.limit as u64, self.config.limits.batch_bytes_max);
        if self.is_short_of(2 * bytes) {
            return self.refuse(id, manner, voice, &Refusal::Memory);
        }
        self.reply_with(id, manner, |machine, out| {
            let hub = &machine.hub;
            let outcome = match hub.peek(at) {
                Some(channel) => {
                    let history = channel.history();
                    let to = history.batch_end(start.next, bytes).min(start.next.saturating_add(most));
                    let batch = Batch::new(channel, start.next, to, hub);
                    let last = history.get(to.saturating_sub(1)).filter(|_| to > start.next);
                    let cursor = match last {
                        Some(message) => batch.cursor(to - 1, message),
                        None => standing(hub, &[(at, start.next)]),
                    };
                    Outcome::History { batch, lost: start.lost, cursor, more: to < history.head() }
                }
                None => Outcome::Refused(&Refusal::NotFound),
            };
            voice.dialect.speaker().answer(voice, &outcome, out)
        });
    }

    /// The channel of this name, if there is one, for somebody who shows this token.
    fn shown_channel(&mut self, role: Role, name: &str, token: &str) -> Result<Option<Id<Channel>>, Refusal> {
        if self.hub.find(name).is_none() && !self.needs_token(role) {
            return Ok(None);
        }
        self.readable(role, name, token).map(Some)
    }

    /// Says who is listed in a channel.
    pub(super) fn say_presence(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        voice: &Voice,
        (channel, token): (&str, &str),
    ) {
        match self.shown_channel(role, channel, token) {
            Err(refusal) => self.refuse(id, manner, voice, &refusal),
            Ok(at) => self.reply_with(id, manner, |machine, out| {
                let found = at.and_then(|at| machine.hub.peek(at));
                voice.dialect.speaker().answer(voice, &Outcome::Presence { channel, found }, out)
            }),
        }
    }

    /// Names channels.
    pub(super) fn say_directory(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, page: &Page<'_>) {
        if page.busiest {
            return self.say_busiest(id, manner, voice, page);
        }
        let mut found: Vec<&str> = self
            .hub
            .names()
            .filter(|name| {
                name.starts_with(&*page.prefix) && page.after.as_deref().is_none_or(|after| *name > after)
            })
            .collect();
        let more = found.len() > page.limit;
        if more {
            found.select_nth_unstable(page.limit);
            found.truncate(page.limit);
        }
        found.sort_unstable();
        let at: Vec<Id<Channel>> = found.iter().filter_map(|name| self.hub.find(name)).collect();
        self.reply_with(id, manner, |machine, out| {
            let channels: Vec<&Channel> = at.iter().filter_map(|at| machine.hub.peek(*at)).collect();
            voice.dialect.speaker().answer(voice, &Outcome::Directory { channels: &channels, more }, out)
        });
    }

    /// Names the channels with most subscribers.
    fn say_busiest(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, page: &Page<'_>) {
        let rank = |channel: &&Channel| (std::cmp::Reverse(channel.members()), channel.number());
        let named = self.hub.named().filter(|channel| channel.name().starts_with(&*page.prefix));
        let mut channels: Vec<&Channel> = named.collect();
        if channels.len() > page.limit {
            channels.select_nth_unstable_by_key(page.limit, rank);
            channels.truncate(page.limit);
        }
        channels.sort_unstable_by_key(rank);
        let mut body = Vec::new();
        let outcome = Outcome::Directory { channels: &channels, more: false };
        let answer = voice.dialect.speaker().answer(voice, &outcome, &mut body);
        self.reply(id, manner, answer, &[], &body);
    }

    /// Describes one.
    pub(super) fn say_channel(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, name: &str) {
        match self.hub.find(name) {
            None => self.refuse(id, manner, voice, &Refusal::NoChannel(name.into())),
            Some(at) => {
                // What is too old is forgotten before it is counted.
                self.hub.kept(at, self.post.now);
                self.reply_with(id, manner, |machine, out| {
                    let outcome = match machine.hub.peek(at) {
                        Some(channel) => {
                            let end = machine.hub.cursor(channel, channel.history().head());
                            Outcome::Described(channel, machine.hub.seal(channel, end))
                        }
                        None => Outcome::Refused(&Refusal::NotFound),
                    };
                    voice.dialect.speaker().answer(voice, &outcome, out)
                });
            }
        }
    }

    pub(super) fn reply_with(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        write: impl FnOnce(&Self, &mut Vec<u8>) -> Answer,
    ) {
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        let answer = write(self, &mut body);
        self.reply(id, manner, answer, &[], &body);
        self.body = body;
    }

    /// Ends the connections of those who read a channel, as on the way out: waiting polls get an answer, streams their end.
    /// Clients with sessions of their own come back to them.
    pub(super) fn send_off(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        (channel, who): (&str, Option<&str>),
    ) {
        let Some(at) = self.hub.find(channel) else {
            return self.refuse(id, manner, voice, &Refusal::NoChannel(channel.into()));
        };
        let readers: Vec<Id<Conn>> = match who {
            Some(who) => self.hub.seated_as(at, who).and_then(Id::from_bits).into_iter().collect(),
            None => self.hub.owners(at).filter_map(Id::from_bits).collect(),
        };
        let before = self.leaving.len();
        let listening: Vec<Id<Conn>> = readers.into_iter().filter(|reader| self.listens(*reader)).collect();
        self.leaving.extend(listening);
        let count = self.leaving.len() - before;
        self.counters.disconnected += count as u64;
        self.answer(id, manner, voice, &Outcome::Disconnected(count));
    }

    fn listens(&self, id: Id<Conn>) -> bool {
        let phase = self.conns.get(id).map(|conn| &conn.phase);
        matches!(phase, Some(Phase::Parked(_) | Phase::WebSocket(_)))
    }

    /// Ends some of the connections that are to be ended; true if more remain.
    pub(super) fn let_some_go(&mut self, budget: usize) -> bool {
        for _ in 0..budget {
            let Some(id) = self.leaving.pop_front() else { break };
            // It may have left by itself.
            if self.listens(id) {
                self.end_cleanly(id);
            }
        }
        !self.leaving.is_empty()
    }
}
