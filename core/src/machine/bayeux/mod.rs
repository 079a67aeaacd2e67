//! Bayeux's sessions at work: batches of messages done one by one, each answered in order (`protocols/bayeux.md`).
//! Knows nothing of how messages are written, or of what a transport makes of them.
mod acks;
mod batch;
mod bound;
mod browsers;
mod check;
mod client_id;
mod connect;
mod gather;
mod give_way;
mod handover;
mod handshake;
mod keep;
mod long;
mod overlap;
mod part;
mod restore;
mod seats;
mod service;
mod session;
mod sleep;
mod subscribe;
mod wire;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

pub(in crate::machine) use give_way::Scarce;
pub(crate) use long::Long;
pub(in crate::machine) use restore::session_bytes;
pub(crate) use session::Session;
pub(in crate::machine) use session::{Sessions, TABLE_MAX};
pub(in crate::machine) use wire::Spoken;

use super::Machine;
use crate::arena::Id;
use crate::bytes::escape;
use crate::config::SegmentPrefix;
use crate::conn::{Conn, HeldTalk, Manner, Phase, Role};
use crate::dialect::bayeux::message::{self, Message, NoBatch, Timesync};
use crate::dialect::bayeux::name::{self, Kind};
use crate::dialect::bayeux::write::{Advice, Reply};
use crate::dialect::{Refusal, Talk, Voice};
use crate::hub;
use crate::journal::Entry;
use client_id::ClientId;
use sleep::Expiry;

/// Who is speaking, and how.
struct Speaker<'t> {
    conn: Id<Conn>,
    role: Role,
    manner: Manner,
    voice: &'t Voice,
    talk: &'t Talk<'t>,
    /// The cookie to be given to the browser with the answer.
    cookie: Option<ClientId>,
}

/// What a message came to.
enum Done {
    /// Its reply is written.
    Answered,
    /// It is a connect that waits: there is no answer yet.
    Waits,
}

/// What was subscribed is repeated in the reply if it is no longer.
const SUBSCRIPTION_BYTES_MAX: usize = 64 << 10;

const UNKNOWN: &str = "402::Unknown client";

impl Machine {
    /// Serves a batch of messages.
    pub(super) fn talk(&mut self, id: Id<Conn>, role: Role, manner: Manner, voice: Voice, talk: &Talk<'_>) {
        let limits = &self.config.limits;
        let texts = talk.texts.iter().map(|text| &**text);
        let most = limits.bayeux_batch_messages_max.min(long::SLICE);
        let batch = match message::read(texts, most, limits.bayeux_json_depth_max) {
            Ok(batch) => batch,
            Err(NoBatch::Length) => return self.talk_long(id, role, manner, voice, talk),
            Err(why) => {
                let refusal = Refusal::Parameter(self.no_batch(why));
                return self.refuse(id, manner, &voice, &refusal);
            }
        };
        if let Some(at) = self.crowded_by(&batch) {
            return self.hold_talk(id, HeldTalk::new(talk, manner, voice), Some(at));
        }
        let mut speaker = Speaker { conn: id, role, manner, voice: &voice, talk, cookie: None };
        let mut replies = std::mem::take(&mut self.sessions.replies);
        replies.clear();
        let waits = self.do_batch(&mut speaker, &batch, batch.len() == 1, &mut replies);
        if !waits {
            let cookie = speaker.cookie;
            self.say_replies(id, manner, &voice, &replies, cookie);
        }
        self.sessions.replies = replies;
    }

    /// Does what messages ask for, in order, and writes their replies; true if one of them is answered later, and not
    /// among these.
    fn do_batch(
        &mut self,
        speaker: &mut Speaker<'_>,
        batch: &[Option<Message<'_>>],
        is_alone: bool,
        replies: &mut Vec<u8>,
    ) -> bool {
        let mut waits = false;
        for message in batch {
            match message {
                None => Reply::begin(replies, None, "", false).error("400::Bad message").end(),
                Some(message) => {
                    let done = self.do_message(speaker, message, is_alone, replies);
                    waits |= matches!(done, Done::Waits);
                }
            }
        }
        waits
    }

    fn no_batch(&mut self, why: NoBatch) -> &'static str {
        if matches!(why, NoBatch::Depth | NoBatch::Length) {
            self.counters.bayeux_batches_refused += 1;
        }
        match why {
            NoBatch::Json => "expected messages: a JSON array of objects, or one object",
            NoBatch::Empty => "expected at least one message",
            NoBatch::Length => "more messages than one batch may have",
            NoBatch::Depth => "more is nested than bayeux_json_depth_max",
        }
    }

    fn do_message(
        &mut self,
        speaker: &mut Speaker<'_>,
        message: &Message<'_>,
        is_alone: bool,
        out: &mut Vec<u8>,
    ) -> Done {
        // Whole names only: `/meta/subscribe/x` is not `/meta/subscribe` (section 3).
        match message.channel.as_deref() {
            Some("/meta/handshake") => self.handshake(speaker, message, out),
            Some("/meta/connect") => return self.connect(speaker, message, is_alone, out),
            Some("/meta/subscribe") => self.subscribe(speaker, message, out),
            Some("/meta/unsubscribe") => self.unsubscribe(speaker, message, out),
            Some("/meta/disconnect") => self.disconnect(speaker, message, out),
            Some(channel) => self.publish_message(speaker, message, channel, out),
            None => {
                Reply::begin(out, message.echo(), "", false).error("400::Missing channel").end();
            }
        }
        Done::Answered
    }

    /// The session in whose name a message is sent, if it is known and its sender's.
    fn session_of(&mut self, speaker: &Speaker<'_>, message: &Message<'_>) -> Option<Id<Session>> {
        let found = message.client_id.as_deref().and_then(ClientId::read);
        let found = found.and_then(|client| self.sessions.find(&client));
        let id = found.filter(|id| self.is_own(speaker, *id));
        if let Some(id) = id {
            let awake_until = self.post.now.after_ms(self.config.bayeux.max_interval_ms);
            self.sessions.touch(id, awake_until);
        } else {
            self.counters.bayeux_unknown_clients += 1;
        }
        id
    }

    /// Says that a session is not known: on connects with what to do about it, elsewhere without, because clients take
    /// advice from any message (section 19).
    fn say_unknown(message: &Message<'_>, channel: &str, out: &mut Vec<u8>) {
        let reply = Reply::begin(out, message.echo(), channel, false);
        let subscription = message.subscription.filter(|raw| raw.get().len() <= SUBSCRIPTION_BYTES_MAX);
        let reply = match subscription {
            Some(raw) => reply.json("subscription", raw.get()),
            None => reply,
        };
        let reply = reply.error(UNKNOWN);
        if channel == "/meta/connect" { reply.advice(Advice::Handshake).end() } else { reply.end() }
    }

    fn disconnect(&mut self, speaker: &Speaker<'_>, message: &Message<'_>, out: &mut Vec<u8>) {
        let Some(id) = self.session_of(speaker, message) else {
            return Self::say_unknown(message, "/meta/disconnect", out);
        };
        self.release(id, None);
        self.end_session(id);
        self.counters.bayeux_sessions_closed += 1;
        let sync = self.timesync(message);
        let reply = Reply::begin(out, message.echo(), "/meta/disconnect", true);
        reply.ext(None, sync.as_ref(), self.post.now).end();
    }

    /// The time, for a client that asks for it.
    fn timesync(&mut self, message: &Message<'_>) -> Option<Timesync> {
        Timesync::read(message.extension("timesync")?, self.unix_ms(), self.post.now)
    }

    /// Forgets a session and leaves its channels. If a connect waits, it must have been answered.
    pub(super) fn end_session(&mut self, id: Id<Session>) {
        let Some(session) = self.sessions.remove(id) else { return };
        debug_assert!(session.conn.is_none(), "nobody waits for a session that is gone");
        self.hub.note_entry(|| Entry::Over(session.client.as_str().into()));
        for seat in session.seats {
            self.hub.leave(seat.sub, self.post.now);
        }
    }

    fn publish_message(
        &mut self,
        speaker: &Speaker<'_>,
        message: &Message<'_>,
        channel: &str,
        out: &mut Vec<u8>,
    ) {
        let refused = |out: &mut Vec<u8>, error: &str| {
            Reply::begin(out, message.echo(), channel, false).error(error).end();
        };
        if name::kind(channel) == Kind::Meta {
            return refused(out, "403::Forbidden channel");
        }
        if !name::is_channel(channel) || channel.len() > self.config.limits.channel_name_bytes_max {
            self.counters.names_refused += 1;
            return refused(out, "405::Invalid channel");
        }
        // Application servers need no session to publish.
        let session = if speaker.role != Role::Admin || message.client_id.is_some() {
            let Some(id) = self.session_of(speaker, message) else {
                return Self::say_unknown(message, channel, out);
            };
            Some(id)
        } else {
            None
        };
        let Some(data) = message.data else {
            return refused(out, "402:data:Missing required parameter");
        };
        let whole = self.prefix_of(session).before(channel);
        if !self.may_publish(speaker, channel, &whole) {
            self.counters.publishes_refused += 1;
            return refused(out, "403::publish_denied");
        }
        let is_service = name::kind(channel) == Kind::Service;
        let done = match (session, Self::addressee(speaker, message)) {
            (_, Some(to)) if is_service => self.answer_one(channel, data, (to, message)),
            (Some(id), _) if is_service => {
                let ext = self.service_ext(id, message);
                self.append_data(channel, data, ext.as_deref())
            }
            _ => {
                // What is for us alone is not for others.
                let ext = message.ext.filter(|ext| message::member(ext, "rcomet").is_none());
                self.append_data(&whole, data, ext.map(RawValue::get).filter(|ext| ext.starts_with('{')))
            }
        };
        match done {
            Ok(()) => Reply::begin(out, message.echo(), channel, true).end(),
            Err(refusal) => {
                self.count_refusal(&refusal);
                refused(out, error(&refusal));
            }
        }
    }

    /// What stands before the names of channels for a session, or for an application server without one.
    fn prefix_of(&self, id: Option<Id<Session>>) -> &SegmentPrefix {
        let session = id.and_then(|id| self.sessions.get(id));
        session.map_or(&self.config.bayeux.channel_prefix, |session| &session.prefix)
    }

    /// What all others call the channel of a message that has not been looked at yet.
    fn whole_name<'m>(&self, message: &Message<'_>, channel: &'m str) -> Cow<'m, str> {
        if self.sessions.are_plain() && self.config.bayeux.channel_prefix.is_empty() {
            return Cow::Borrowed(channel);
        }
        let named = message.client_id.as_deref().and_then(ClientId::read);
        self.prefix_of(named.and_then(|client| self.sessions.find(&client))).before(channel)
    }

    /// Whether a channel may be published to, which is called `whole` by all others.
    fn may_publish(&self, speaker: &Speaker<'_>, channel: &str, whole: &str) -> bool {
        if self.config.token.required && speaker.role != Role::Admin {
            // Its messages have no place for a token.
            return false;
        }
        let listener = self.listener_of(speaker.conn);
        let mut rules = self.config.bayeux.publish.iter();
        speaker.role == Role::Admin
            || rules.any(|rule| rule.channel.matches(channel) && rule.holds_at(listener))
            || self.config.front.publish.iter().any(|pattern| pattern.matches(whole))
    }

    /// Appends what was published.
    fn append_data(&mut self, channel: &str, data: &RawValue, ext: Option<&str>) -> Result<(), Refusal> {
        let (kind, body) = body_of(data);
        let ext_bytes = ext.map_or(0, |ext| hub::Beside::cost(ext.len()));
        let at = self.open_for(channel, hub::Message::cost(body.len(), None, None) + ext_bytes)?;
        self.hub.publish_json(at, kind, body, ext, self.post.now).ok_or(Refusal::NotFound)?;
        Ok(())
    }

    /// A channel that is to be published to, or an index of it, whose listeners must be served before.
    fn crowded_by(&self, batch: &[Option<Message<'_>>]) -> Option<Id<hub::Channel>> {
        // All of them may be for the same channel.
        let bytes =
            batch.iter().flatten().filter_map(|message| message.data).map(|data| data.get().len()).sum();
        batch.iter().flatten().find_map(|message| {
            message.data?;
            let channel = message.channel.as_deref().filter(|name| name::kind(name) != Kind::Meta)?;
            let whole = self.whole_name(message, channel);
            self.hub.crowded(&whole, self.hub.find(&whole), bytes)
        })
    }

    /// The batch waits as a whole, as it has not been begun, or the rest of it.
    fn hold_talk(&mut self, id: Id<Conn>, held: HeldTalk, at: Option<Id<hub::Channel>>) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        self.held_bytes += held.bytes;
        conn.phase = Phase::HeldTalk(Box::new(held));
        self.defer(id, at);
    }

    /// Goes on with a batch that has waited; its bytes have been taken off the account.
    pub(super) fn resume_talk(&mut self, id: Id<Conn>, held: HeldTalk) {
        let Some(role) = self.conns.get(id).map(|conn| conn.role.over_http()) else { return };
        if held.long.is_some() {
            return self.go_on(id, role, held);
        }
        let HeldTalk { texts, is_call, is_foreign, may_post, cookie, manner, voice, .. } = held;
        let texts = texts.into_iter().map(Into::into).collect();
        let talk = Talk { texts, is_call, is_foreign, may_post, cookie: cookie.as_deref() };
        self.talk(id, role, manner, voice, &talk);
    }

    /// Does what is due at `now`.
    pub(super) fn expire_sessions(&mut self) {
        let remember_ms = self.config.bayeux.remember_ms;
        for (id, expiry) in self.sessions.expire(remember_ms, self.post.now) {
            match expiry {
                Expiry::Rests => self.note_session(id),
                Expiry::Sleeps => {}
                Expiry::Over => self.end_session(id),
            }
            if expiry == Expiry::Sleeps || (expiry == Expiry::Over && remember_ms == 0) {
                self.counters.bayeux_sessions_expired += 1;
            }
        }
    }
}

/// What is published: a string is text, which every dialect has; anything else stays JSON as it came.
fn body_of(data: &RawValue) -> (hub::Kind, Arc<str>) {
    let text = data.get();
    match message::string(text).filter(|_| text.starts_with('"')) {
        Some(text) => (hub::Kind::Data, text.into()),
        None => (hub::Kind::Json, text.into()),
    }
}

/// A refusal as Bayeux says it (section 9).
fn error(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Memory => "500::Out of memory, try again later",
        Refusal::Storage => "500::The history cannot be stored, try again later",
        Refusal::TooFast => "429::Too many messages, try again later",
        Refusal::TooManyChannels => "403::Too many channels",
        Refusal::TooManyPatterns => "403::Too many patterns",
        Refusal::TooManySubscribers => "403::Too many subscribers",
        Refusal::Name => "405::Invalid channel",
        Refusal::Token => "403::Token error",
        Refusal::NotFound => "404::Unknown client or channel",
        _ => "500::Internal error",
    }
}

/// JSON of a string.
fn quoted(text: &str) -> String {
    let mut out = vec![b'"'];
    escape::json(text, &mut out);
    out.push(b'"');
    String::from_utf8(out).unwrap_or_default()
}
