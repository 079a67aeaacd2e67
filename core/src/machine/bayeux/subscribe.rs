//! What sessions subscribe and give up (`protocols/bayeux.md`, sections 3 and 7).
//! Knows nothing of delivery.
use std::borrow::Cow;
use std::collections::VecDeque;

use super::seats::Seat;
use super::service::MAILBOX;
use super::session::Session;
use super::{SUBSCRIPTION_BYTES_MAX, Scarce, Speaker, error};
use crate::arena::Id;
use crate::conn::Role;
use crate::dialect::Refusal;
use crate::dialect::bayeux::message::{Message, NoBatch, member, string};
use crate::dialect::bayeux::name::{self, Kind};
use crate::dialect::bayeux::write::Reply;
use crate::hub::{Census, Channel, From, Join, Place, Start};
use crate::machine::Machine;

const MISSING: &str = "402:subscription:Missing required parameter";
const TOO_MANY: &str = "403::Too many subscriptions";
const INVALID: &str = "405::Invalid channel";

impl Machine {
    pub(super) fn subscribe(&mut self, speaker: &Speaker<'_>, message: &Message<'_>, out: &mut Vec<u8>) {
        self.change_subscriptions("/meta/subscribe", speaker, message, out, |machine, id, mut names| {
            machine.check_subscriptions(speaker, message, id, &names)?;
            machine.name_whole(id, &mut names);
            let begin = replay(message);
            if let Err(refusal) = machine.check_seats(id, &names, speaker.role) {
                machine.count_refusal(&refusal);
                return Err(error(&refusal));
            }
            let mut added: Vec<&str> = Vec::new();
            for name in &names {
                match machine.add_subscription(id, name, begin, speaker.role) {
                    Ok(true) => added.push(name),
                    Ok(false) => {}
                    Err(refusal) => {
                        // All or nothing: a client cannot know which of several it has got.
                        for name in added {
                            machine.drop_subscription(id, name);
                        }
                        machine.count_refusal(&refusal);
                        return Err(error(&refusal));
                    }
                }
            }
            for name in added {
                machine.note_seat(id, name, 0);
            }
            Ok(())
        });
    }

    pub(super) fn unsubscribe(&mut self, speaker: &Speaker<'_>, message: &Message<'_>, out: &mut Vec<u8>) {
        self.change_subscriptions("/meta/unsubscribe", speaker, message, out, |machine, id, mut names| {
            machine.name_whole(id, &mut names);
            for name in names.iter().filter(|name| **name != MAILBOX) {
                // What it does not read is no news to whoever reads the notes: a list of strangers would be written down.
                if machine.drop_subscription(id, name) {
                    machine.note_unseat(id, name);
                }
            }
            Ok(())
        });
    }

    fn change_subscriptions(
        &mut self,
        channel: &str,
        speaker: &Speaker<'_>,
        message: &Message<'_>,
        out: &mut Vec<u8>,
        change: impl FnOnce(&mut Self, Id<Session>, Vec<Cow<'_, str>>) -> Result<(), &'static str>,
    ) {
        let Some(id) = self.session_of(speaker, message) else {
            return Self::say_unknown(message, channel, out);
        };
        // Few have more, from before the limit was lowered, and some names twice. What is longer would be looked through in vain.
        let has = self.sessions.get(id).map_or(0, |session| session.seats.len());
        let most = 2 * self.config.limits.bayeux_subscriptions_max.max(has).max(1);
        let result = match message.subscriptions(most) {
            Ok(names) => change(self, id, names),
            Err(NoBatch::Length) => {
                self.counters.bayeux_subscriptions_refused += 1;
                Err(TOO_MANY)
            }
            Err(_) => Err(MISSING),
        };
        let sync = self.timesync(message);
        let reply = Reply::begin(out, message.echo(), channel, result.is_ok());
        let reply = reply.ext(None, sync.as_ref(), self.post.now);
        // Repeated as it came.
        let subscription = message.subscription.filter(|raw| raw.get().len() <= SUBSCRIPTION_BYTES_MAX);
        let reply = match subscription {
            Some(raw) => reply.json("subscription", raw.get()),
            None => reply,
        };
        match result {
            Ok(()) => reply.end(),
            Err(error) => reply.error(error).end(),
        }
    }

    /// Turns names as a session's client writes them into those that all others have for the same.
    fn name_whole(&self, id: Id<Session>, names: &mut [Cow<'_, str>]) {
        let prefix = self.prefix_of(Some(id));
        if prefix.is_empty() {
            return;
        }
        for name in names {
            if let Cow::Owned(whole) = prefix.before(name) {
                *name = Cow::Owned(whole);
            }
        }
    }

    /// Whether all of these, which are as the client writes them, may be subscribed; nothing has changed if not.
    fn check_subscriptions(
        &mut self,
        speaker: &Speaker<'_>,
        message: &Message<'_>,
        id: Id<Session>,
        names: &[Cow<'_, str>],
    ) -> Result<(), &'static str> {
        let role = speaker.role;
        let most = self.config.limits.channel_name_bytes_max;
        let prefix = self.prefix_of(Some(id)).clone();
        // Read once: both it and the names may be as long as a request.
        let token =
            if self.needs_token(role) { Some(shown_token(message).unwrap_or_default()) } else { None };
        let mut fresh = 0;
        for name in names {
            let is_pattern = name::is_pattern(name);
            let whole = &*prefix.before(name);
            if whole.len() > most || !(is_pattern || name::is_channel(name)) {
                self.counters.names_refused += 1;
                return Err(INVALID);
            }
            match name::kind(name) {
                Kind::Meta => return Err("403::Forbidden channel"),
                Kind::Service => continue,
                Kind::Broadcast => {}
            }
            if !self.may_subscribe(role, self.listener_of(speaker.conn), name) {
                return Err("403::subscribe_denied");
            }
            // Patterns have none.
            let is_token_of = |shown| self.hub.find(whole).is_some_and(|at| self.hub.has_token(at, shown));
            if token.as_deref().is_some_and(|shown| !is_token_of(shown)) {
                self.counters.tokens_refused += 1;
                return Err("403::Token error");
            }
            // It was registered for clients who are known by name, and they are not known here.
            let registered = self.hub.find(whole).and_then(|at| self.hub.peek(at)?.registered());
            if registered.is_some_and(|own| own.sessions) && role != Role::Admin {
                return Err("403::subscribe_denied");
            }
            fresh += usize::from(self.sessions.get(id).is_some_and(|session| session.find(whole).is_err()));
        }
        let has = self.sessions.get(id).map_or(0, |session| session.seats.len());
        if fresh > 0 && has + fresh > self.config.limits.bayeux_subscriptions_max {
            self.counters.bayeux_subscriptions_refused += 1;
            return Err(TOO_MANY);
        }
        Ok(())
    }

    /// Whether `bayeux.subscribe` allows a channel or pattern, called as clients call it, to whoever comes in there, by that listener.
    pub(super) fn may_subscribe(&self, role: Role, listener: Option<&str>, name: &str) -> bool {
        let is_pattern = name::is_pattern(name);
        let mut rules = self.config.bayeux.subscribe.iter();
        role == Role::Admin
            || rules.any(|rule| {
                let of = &rule.channel;
                (if is_pattern { of.covers(name) } else { of.matches(name) }) && rule.holds_at(listener)
            })
    }

    /// Whether there is room for all of several, once those have given way who sleep: nobody is ended for what is refused as a whole.
    fn check_seats(&self, id: Id<Session>, names: &[Cow<'_, str>], role: Role) -> Result<(), Refusal> {
        if names.len() < 2 {
            return Ok(());
        }
        let limits = &self.config.limits;
        let mut fresh: Vec<&str> = names.iter().map(|name| &**name).collect();
        fresh.retain(|name| self.takes_seat(id, name, role));
        fresh.sort_unstable();
        fresh.dedup();
        let (mut there, mut patterns, mut channels) = (Vec::new(), 0, 0);
        for name in fresh {
            let is_pattern = name::is_pattern(name);
            match if is_pattern { self.hub.find_index(name) } else { self.hub.find(name) } {
                Some(at) if !self.may_have_seat(at, limits.subscribers_per_channel_max) => {
                    return Err(Refusal::TooManySubscribers);
                }
                Some(at) => there.push(at),
                None if is_pattern => patterns += 1,
                None => {
                    self.check_group_of(name, &Census { channels: 1, ..Census::default() })?;
                    channels += 1;
                }
            }
        }
        let lacks = |new: usize, has: usize, most: usize| (has + new).saturating_sub(most).min(new);
        let lacking = lacks(patterns, self.hub.indexes(), limits.patterns_max);
        if !self.sleepers_may_give_way(Scarce::Pattern, lacking, &there) {
            return Err(Refusal::TooManyPatterns);
        }
        let lacking = lacks(channels, self.hub.channels(), limits.channels_max);
        if !self.sleepers_may_give_way(Scarce::Channel, lacking, &there) {
            return Err(Refusal::TooManyChannels);
        }
        Ok(())
    }

    /// Whether a session gets a seat by subscribing: it has none yet, and what it subscribes is not private.
    fn takes_seat(&self, id: Id<Session>, name: &str, role: Role) -> bool {
        // What clients say to a service is for the application server, which reads it by its name.
        let is_private = name::kind(name) == Kind::Service && (role != Role::Admin || name::is_pattern(name));
        !is_private && self.sessions.get(id).is_some_and(|session| session.find(name).is_err())
    }

    /// Subscribes; false if it was subscribed already, or is private and needs no seat.
    fn add_subscription(
        &mut self,
        id: Id<Session>,
        name: &str,
        begin: Place,
        role: Role,
    ) -> Result<bool, Refusal> {
        if !self.takes_seat(id, name, role) {
            return Ok(false);
        }
        if self.is_short_of(size_of::<Seat>() + 64 + name.len()) {
            return Err(Refusal::Memory);
        }
        let now = self.post.now;
        let seats = self.config.limits.subscribers_per_channel_max;
        let at = if name::is_pattern(name) {
            let most = self.config.limits.patterns_max;
            let found = self.hub.find_index(name);
            if found.is_some_and(|at| !self.has_seat(at, seats)) {
                return Err(Refusal::TooManySubscribers);
            }
            let is_new = found.is_none();
            while is_new && self.hub.indexes() >= most {
                // Those whose clients have not been heard of for long give way.
                if !self.sleepers_give_way(Scarce::Pattern) {
                    return Err(Refusal::TooManyPatterns);
                }
            }
            let at = self.hub.open_index(name, now).map_err(|_| Refusal::Name)?;
            // A pattern has no past, or it would depend on who else reads it.
            let begin = self.hub.start(at, From::New, now);
            self.take_seat(id, name, at, begin)?;
            return Ok(true);
        } else {
            self.open_channel(name, self.channel_ms())?
        };
        if !self.has_seat(at, seats) {
            return Err(Refusal::TooManySubscribers);
        }
        let begin = self.hub.start_at(at, begin, now);
        self.take_seat(id, name, at, begin)?;
        Ok(true)
    }

    /// Takes a seat in a channel or index.
    pub(super) fn take_seat(
        &mut self,
        id: Id<Session>,
        name: &str,
        at: Id<Channel>,
        begin: Option<Start>,
    ) -> Result<(), Refusal> {
        let now = self.post.now;
        let next = begin.ok_or(Refusal::NotFound)?.next;
        let join = Join { next, owner: Session::owner(id), who: None, notices: None };
        let joined = self.hub.join(at, join, now);
        let Ok(sub) = joined else { return Err(Refusal::TooManySubscribers) };
        let first = self.hub.peek(at).and_then(|channel| channel.history().get(next));
        let since = first.map_or(self.hub.head().offset, |message| message.offset.saturating_sub(1));
        let seat = Seat { name: name.into(), sub, since, floor: next, marks: VecDeque::new() };
        self.sessions.seat(id, seat);
        if let Some(acks) = self.sessions.get_mut(id).and_then(|session| session.acks.as_mut()) {
            acks.use_up();
        }
        Ok(())
    }

    /// Gives up a subscription; whether there was one.
    fn drop_subscription(&mut self, id: Id<Session>, name: &str) -> bool {
        let Some(seat) = self.sessions.unseat(id, name) else { return false };
        self.hub.leave(seat.sub, self.post.now);
        true
    }

    /// A channel that a session reads has ended. Another of its name takes its place; what the session had not got
    /// is lost with it, which it is told. The next life has another token: where one is needed, the session has to show it.
    /// Where it does not follow, or finds no room, it is told a gap in any case.
    pub(super) fn rehouse(&mut self, id: Id<Session>, old: Id<Channel>) {
        let Some(session) = self.sessions.get(id) else { return };
        let in_old = |seat: &Seat| self.hub.subscription(seat.sub).is_some_and(|s| s.channel() == Some(old));
        let Some(place) = session.seats.iter().position(in_old) else { return };
        let name = session.seats[place].name.clone();
        let is_over = self.needs_token(session.role);
        let unread = self.hub.peek(old).zip(self.hub.subscription(session.seats[place].sub));
        let unread = unread.map_or(0, |(channel, sub)| {
            channel.history().head().saturating_sub(sub.next().unwrap_or(u64::MAX))
        });
        self.drop_subscription(id, &name);
        let follows = !is_over && self.move_on(id, &name);
        if !follows {
            // That it hears nothing more is said, also if it had everything so far.
            return self.miss(id, &name, unread.max(1));
        }
        // None if it slept, and gave way to the channel.
        if let Some(session) = self.sessions.get_mut(id) {
            session.gap.lost += unread;
            self.note_seat(id, &name, unread);
        }
    }

    /// Takes a seat in the next life of a channel; whether there was room.
    fn move_on(&mut self, id: Id<Session>, name: &str) -> bool {
        let Ok(at) = self.open_channel(name, self.channel_ms()) else {
            self.counters.channels_refused += 1;
            return false;
        };
        if self.sessions.get(id).is_none() {
            return false;
        }
        // All that stands in it is new to the session: it came to be after the other had ended.
        let begin = self.hub.start(at, From::Oldest, self.post.now);
        self.take_seat(id, name, at, begin).is_ok()
    }
}

/// The channel's token that a subscription shows: `ext.rcomet.token`.
fn shown_token<'r>(message: &Message<'r>) -> Option<Cow<'r, str>> {
    string(member(message.extension("rcomet")?, "token")?.get())
}

/// Where a subscription begins: with what is new, or with so many of the newest messages that there are
/// (`ext.rcomet.history`).
fn replay(message: &Message<'_>) -> Place {
    let asked = message.extension("rcomet").and_then(|own| member(own, "history"));
    match asked.and_then(|n| n.get().parse().ok()) {
        None | Some(0) => Place::New,
        Some(n) => Place::FromNewest(n),
    }
}
