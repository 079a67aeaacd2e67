//! What is to be known of channels by name, and the end of their readers.
//! Knows nothing of how it is asked for or written.
use std::borrow::Cow;

use super::Machine;
use super::events::{CHANNELS_A_REQUEST, standing};
use super::reply::give_back;
use super::tokens::Shown;
use crate::arena::Id;
use crate::conn::{Conn, Manner, Phase, Role};
use crate::dialect::{Answer, Batch, Outcome, Page, Past, Refusal, Voice};
use crate::hub::{Channel, From, Roster};
use crate::token::Act;

/// Bytes that one byte of a name can become in JSON.
pub(super) const ESCAPED: usize = 6;
/// Bytes of what is said of a channel's people besides names.
const ENTRY_BYTES: usize = 96;

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
        let found = self.shown_channels(role, &[&*past.channel], &[&*past.token], Act::History);
        let found = match found.map(|found| found.first().copied().flatten()) {
            Ok(at) => at.and_then(|at| Some((at, self.hub.start(at, past.from, self.post.now)?))),
            Err(refusal) => return self.refuse(id, manner, voice, &refusal),
        };
        let Some((at, start)) = found else {
            return self.refuse(id, manner, voice, &Refusal::NoChannel(past.channel.clone().into_owned()));
        };
        let limits = &self.config.limits;
        // Where there is little room pages are shorter: who asks is told that more follows.
        let free = limits.memory_bytes_max.saturating_sub(self.used_bytes());
        let (most, bytes) = (past.limit as u64, limits.batch_bytes_max.min(free / 2));
        let to = self.hub.peek(at).map_or(start.next, |channel| {
            let history = channel.history();
            // Whoever goes on behind a cursor is told what is missing at the place where it is; who asks for what there is
            // gets what there is.
            match past.from {
                From::Newest(_) => history.page_end(start.next, past.limit, bytes),
                _ => history.batch_end(start.next, bytes).min(start.next.saturating_add(most)),
            }
        });
        let messages = self.hub.peek(at).map(|channel| channel.history().range(start.next, to));
        let bytes = messages.map_or(0, |messages| messages.map(|(_, message)| message.weight()).sum());
        if self.is_short_of(bytes.saturating_mul(2)) {
            return self.refuse(id, manner, voice, &Refusal::Memory);
        }
        self.reply_with(id, manner, |machine, out| {
            let hub = &machine.hub;
            let outcome = match hub.peek(at) {
                Some(channel) => {
                    let history = channel.history();
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

    /// The channels of these names, as far as they are there, for somebody who shows these tokens and wants to do this.
    fn shown_channels(
        &mut self,
        role: Role,
        names: &[&str],
        tokens: &[&str],
        act: Act,
    ) -> Result<Vec<Option<Id<Channel>>>, Refusal> {
        let grant = self.signed(role, tokens.iter().copied())?;
        let mut found = Vec::with_capacity(names.len());
        for (i, name) in names.iter().enumerate() {
            let is_granted = grant.as_ref().is_some_and(|grant| grant.allows(act, name));
            if self.hub.find(name).is_none() && (is_granted || !self.needs_token(role)) {
                found.push(None);
                continue;
            }
            let token = if let [one] = tokens { one } else { tokens.get(i).copied().unwrap_or_default() };
            let (at, _) = self.readable(role, name, Shown { token, grant: grant.as_ref(), act })?;
            found.push(Some(at));
        }
        Ok(found)
    }

    /// Says who is listed in channels.
    pub(super) fn say_presence(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        voice: &Voice,
        (channels, tokens): (&[Cow<'_, str>], &[Cow<'_, str>]),
    ) {
        if channels.len() > self.config.limits.channels_per_subscription_max {
            return self.refuse(id, manner, voice, &Refusal::TooManyInOne);
        }
        self.served += channels.len() / CHANNELS_A_REQUEST;
        let names: Vec<&str> = channels.iter().map(|name| &**name).collect();
        let tokens: Vec<&str> = tokens.iter().map(|token| &**token).collect();
        let shown = self.shown_channels(role, &names, &tokens, Act::Presence);
        match shown.and_then(|at| self.check_presence(&names, &at).map(|()| at)) {
            Err(refusal) => self.refuse(id, manner, voice, &refusal),
            Ok(at) => self.reply_with(id, manner, |machine, out| {
                let found = |at: Option<Id<Channel>>| at.and_then(|at| machine.hub.peek(at));
                let listed: Vec<_> = names.iter().copied().zip(at.into_iter().map(found)).collect();
                voice.dialect.speaker().answer(voice, &Outcome::Presence(&listed), out)
            }),
        }
    }

    /// Whether there is room to say who is in these channels.
    pub(super) fn check_presence(&self, names: &[&str], at: &[Option<Id<Channel>>]) -> Result<(), Refusal> {
        let bytes = self.presence_bytes(names, at);
        if at.len() > 1 && bytes > self.config.limits.presence_bytes_max {
            return Err(Refusal::TooManyPresent);
        }
        if self.is_short_of(3 * bytes) { Err(Refusal::Memory) } else { Ok(()) }
    }

    /// Bytes that are enough to say who is in these channels, however their names are written.
    fn presence_bytes(&self, names: &[&str], at: &[Option<Id<Channel>>]) -> usize {
        let listed = at.iter().flatten().filter_map(|at| self.hub.peek(*at)?.roster());
        let people: usize = listed.map(Roster::list_bytes).sum();
        let names: usize = names.iter().map(|name| ENTRY_BYTES + name.len() * ESCAPED).sum();
        people * ESCAPED + names
    }

    /// Names channels.
    pub(super) fn say_directory(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, page: &Page<'_>) {
        if page.busiest {
            return self.say_busiest(id, manner, voice, page);
        }
        let after = page.after.as_deref().unwrap_or_default();
        let mut at: Vec<Id<Channel>> = self.hub.page(&page.prefix, after).take(page.limit + 1).collect();
        let more = at.len() > page.limit;
        at.truncate(page.limit);
        // What is too old is forgotten before it is counted.
        for at in &at {
            self.hub.kept(*at, self.post.now);
        }
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
        give_back(&mut body);
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
            Some(who) => self.hub.owners_as(at, who).filter_map(Id::from_bits).collect(),
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
