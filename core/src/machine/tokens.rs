//! Signed tokens at work: who shows one, what it lets them do, and what happens when its time is over.
//! Knows nothing of keys or claims, nor of how what is told is written.
use super::Machine;
use super::bearers::{Bearer, Bearers};
use super::tell::Asker;
use crate::arena::Id;
use crate::config::Config;
use crate::conn::{Conn, Phase, Role, Seat};
use crate::dialect::{Hold, News, Outcome, Refusal, Verb};
use crate::hub::{Because, Channel, From, Lost, Start, Subscription, is_private};
use crate::time::Moment;
use crate::token::{Act, Expected, Grant, Known, is_signed};
use crate::wire::ws::CloseCode;

/// Requests that a signature counts as when the turn's work is shared out: by a public key it takes about as long as so many.
const REQUESTS_A_SIGNATURE: usize = 32;

/// Milliseconds after which a connection's token is looked at in any case. Timers are not taken back: what is in the wheel for
/// connections that are gone is not there for as long as their tokens would have been good.
const LOOK_MS: u64 = 60_000;

/// What part of the memory must be free for tokens to be remembered, one in so many.
const KNOWN_LEAVES: usize = 8;

/// Why a WebSocket is closed, in the close.
const EXPIRED: &str = "the token has expired";

/// What somebody shows who wants to do something in channels.
#[derive(Clone, Copy)]
pub(super) struct Shown<'s> {
    /// The channel's own token, if it is that.
    pub(super) token: &'s str,
    /// What a signed one allows.
    pub(super) grant: Option<&'s Grant>,
    /// What is to be done.
    pub(super) act: Act,
}

impl Machine {
    /// What the signed token allows that is among those shown; `None` if there is none among them.
    ///
    /// # Errors
    /// It is refused, or there are several.
    pub(super) fn signed<'t>(
        &mut self,
        role: Role,
        shown: impl Iterator<Item = &'t str>,
    ) -> Result<Option<Grant>, Refusal> {
        if role == Role::Admin || self.bearers.keys.is_empty() {
            return Ok(None);
        }
        let mut signed = shown.filter(|token| is_signed(token));
        let Some(token) = signed.next() else { return Ok(None) };
        if signed.any(|other| other != token) {
            return Err(Refusal::Parameter("one signed token a request: name all channels in it"));
        }
        let now_s = self.date.unix_seconds();
        if let Some(known) = self.bearers.known.find(token, now_s) {
            self.counters.tokens_accepted += 1;
            self.counters.tokens_known += 1;
            return Ok(Some(known.clone()));
        }
        self.served += REQUESTS_A_SIGNATURE;
        let config = &self.config;
        let set = |text: &'_ String| !text.is_empty();
        let expected = Expected {
            now_s,
            leeway_s: config.token.leeway_seconds,
            issuer: Some(&config.token.issuer).filter(|text| set(text)).map(String::as_str),
            audience: Some(&config.token.audience).filter(|text| set(text)).map(String::as_str),
            bytes_max: config.limits.token_bytes_max,
            rules_max: config.limits.token_rules_max,
        };
        let grant = self.bearers.keys.verify(token, &expected).map_err(Refusal::Signed)?;
        self.counters.tokens_accepted += 1;
        if self.has_room_for_known(Known::bytes_of(&grant))
            && self.bearers.known.remember(token, &grant, now_s)
        {
            self.counters.tokens_forgotten += 1;
        }
        Ok(Some(grant))
    }

    /// What only saves time has no part in the last of the memory: newcomers need that.
    fn has_room_for_known(&self, bytes: usize) -> bool {
        !self.is_short_of(bytes + self.config.limits.memory_bytes_max / KNOWN_LEAVES)
    }

    /// And it gives way where there is no room.
    pub(super) fn forget_known_if_short(&mut self) {
        if !self.bearers.known.is_empty() && !self.has_room_for_known(0) {
            self.bearers.known.forget(self.config.limits.tokens_known_max);
        }
    }

    /// What is said to somebody who is not let in.
    pub(super) fn not_let_in(&self, grant: Option<&Grant>) -> Refusal {
        match grant {
            Some(_) => Refusal::NotGranted,
            None if self.config.token.required => Refusal::NoToken,
            None => Refusal::Token,
        }
    }

    /// The same to somebody who subscribes on a connection. Only those on a WebSocket know signed tokens.
    pub(super) fn not_let_in_here(&self, id: Id<Conn>) -> Refusal {
        match self.conns.get(id).map(|conn| &conn.phase) {
            Some(Phase::WebSocket(_)) => self.not_let_in(self.bearers.grant(id)),
            _ => Refusal::Token,
        }
    }

    /// The channel of this name for somebody who shows this, and whether it is the signed token that lets them in; made if
    /// there is none and they may.
    pub(super) fn readable(
        &mut self,
        role: Role,
        name: &str,
        shown: Shown<'_>,
    ) -> Result<(Id<Channel>, bool), Refusal> {
        let is_granted = shown.grant.is_some_and(|grant| grant.allows(shown.act, name));
        let needs_token = self.needs_token(role) && !is_granted;
        let at = match self.hub.find(name) {
            Some(at) => at,
            None if needs_token => return Err(self.not_let_in(shown.grant)),
            None => self.open_channel(name, 0)?,
        };
        // It may have been registered for clients who are known by name, and they are not known here.
        let for_sessions = self.hub.peek(at).and_then(Channel::registered).is_some_and(|own| own.sessions);
        // What is between a client of Bayeux and the server is nobody else's, whatever pattern a signed token names.
        let is_others = role != Role::Admin && (is_private(name) || for_sessions && !is_granted);
        let is_shut = needs_token || is_others;
        if is_shut && !self.hub.has_token(at, shown.token) {
            return Err(self.not_let_in(shown.grant));
        }
        Ok((at, is_granted && (self.needs_token(role) || for_sessions)))
    }

    /// Whether somebody may go by this name. Whoever has a token with a name goes by that.
    pub(super) fn check_bearer(
        &self,
        role: Role,
        grant: Option<&Grant>,
        who: &str,
        channel: &str,
    ) -> Result<(), Refusal> {
        let Some(grant) = grant else { return Ok(()) };
        if grant.sub.as_deref().is_some_and(|sub| sub != who) {
            return Err(Refusal::NotTheirName);
        }
        if self.needs_token(role) && !grant.allows(Act::Presence, channel) {
            return Err(Refusal::NotGranted);
        }
        Ok(())
    }

    /// Whether a client on a public side may publish to a channel.
    pub(super) fn check_publisher(
        &self,
        role: Role,
        grant: Option<&Grant>,
        channel: &str,
    ) -> Result<(), Refusal> {
        let is_open =
            || !self.config.token.required && self.config.front.publish.iter().any(|p| p.matches(channel));
        if role == Role::Admin || grant.is_some_and(|grant| grant.allows(Act::Publish, channel)) || is_open()
        {
            return Ok(());
        }
        Err(match grant {
            Some(_) => Refusal::NotGranted,
            None if self.config.token.required => Refusal::NoToken,
            None => Refusal::Publish,
        })
    }

    /// The token of a connection is in force from now on, in the place of one before. Without a subscription, it is a
    /// WebSocket's.
    pub(super) fn bear(&mut self, id: Id<Conn>, mut grant: Grant, sub: Option<Id<Subscription>>) {
        if sub.is_some() {
            // It has been used; what stays is its end.
            grant.rules = Box::default();
        }
        let armed = self.bearers.table.get(&id.to_bits()).map_or(Moment::NEVER, |before| before.armed);
        self.bearers.forget(id);
        let half_s = grant.until_s.saturating_sub(self.date.unix_seconds()) / 2;
        self.bearers.bytes += grant.bytes();
        let bearer = Bearer { grant, sub, armed, half_s, told: false, lapsed: false };
        self.bearers.table.insert(id.to_bits(), bearer);
        self.arm_bearer(id);
    }

    fn arm_bearer(&mut self, id: Id<Conn>) {
        let (now, unix_ms) = (self.post.now, self.unix_ms());
        let Bearers { table, wheel, warn_s, .. } = &mut self.bearers;
        let Some(bearer) = table.get_mut(&id.to_bits()) else { return };
        let early_s = if bearer.told { 0 } else { bearer.warn_s(*warn_s) };
        let until_s = bearer.grant.until_s.saturating_sub(early_s);
        let due = now.after_ms(until_s.saturating_mul(1_000).saturating_sub(unix_ms));
        let due = due.min(now.after_ms(LOOK_MS));
        if due < bearer.armed {
            bearer.armed = due;
            wheel.arm(due, id);
        }
    }

    /// Tells those whose tokens expire soon, and ends those whose have.
    pub(super) fn expire_tokens(&mut self, now: Moment) {
        if self.bearers.wheel.is_empty() {
            return;
        }
        let mut fired = std::mem::take(&mut self.bearers.fired);
        self.bearers.wheel.advance(now, &mut fired);
        for id in fired.drain(..) {
            self.look_at_token(id, now);
        }
        self.bearers.fired = fired;
    }

    fn look_at_token(&mut self, id: Id<Conn>, now: Moment) {
        let now_s = self.unix_ms() / 1_000;
        let most_s = self.bearers.warn_s;
        let Some(bearer) = self.bearers.table.get_mut(&id.to_bits()) else { return };
        if now < bearer.armed {
            // A newer entry stands for this connection.
            return;
        }
        bearer.armed = Moment::NEVER;
        let warn_s = bearer.warn_s(most_s);
        let (sub, left_s) = (bearer.sub, bearer.grant.until_s.saturating_sub(now_s));
        let is_there = match self.conns.get(id).map(|conn| &conn.phase) {
            _ if bearer.lapsed => false,
            Some(Phase::Parked(parked)) => Some(parked.sub) == sub,
            Some(Phase::WebSocket(socket)) => sub.is_none() && !socket.is_closing(),
            _ => false,
        };
        if !is_there {
            return self.bearers.forget(id);
        }
        if left_s == 0 {
            self.counters.tokens_expired += 1;
            self.bearers.forget(id);
            return self.end_bearer(id);
        }
        if left_s <= warn_s
            && let Some(bearer) = self.bearers.table.get_mut(&id.to_bits())
            && !std::mem::replace(&mut bearer.told, true)
        {
            self.tell_bearer(id, left_s);
        }
        // The wall clock may have been set: it is due when that says so.
        self.arm_bearer(id);
    }

    fn tell_bearer(&mut self, id: Id<Conn>, in_s: u64) {
        let (mut delivery, conns, hub) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        let news = [News::Expiring { in_s }];
        match &conn.phase {
            Phase::WebSocket(_) => delivery.tell(conn, id, &news),
            Phase::Parked(parked) if parked.hold == Hold::Stream => {
                let (manner, voice) = (parked.manner, parked.voice.clone());
                delivery.say_news(conn, Asker { id, manner, voice: &voice }, &news);
            }
            Phase::Parked(parked) => {
                // Its answer says it.
                let sub = parked.sub;
                if let Phase::Parked(parked) = std::mem::replace(&mut conn.phase, Phase::Ready) {
                    delivery.end_quietly(conn, id, *parked, hub);
                }
                let now = self.post.now;
                self.hub.leave(sub, now);
            }
            _ => {}
        }
    }

    fn end_bearer(&mut self, id: Id<Conn>) {
        let now = self.post.now;
        self.hub.note_sent_away(id.to_bits(), "its token had expired", now);
        let (mut delivery, conns, hub) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        if matches!(conn.phase, Phase::WebSocket(_)) {
            delivery.tell(conn, id, &[News::Expired]);
            return self.end_websocket(id, Some((Some(CloseCode::POLICY), EXPIRED)));
        }
        let Phase::Parked(parked) = std::mem::replace(&mut conn.phase, Phase::Ready) else { return };
        let sub = parked.sub;
        match parked.hold {
            Hold::Stream => {
                delivery.say_news(conn, Asker::of(id, &parked), &[News::Expired]);
                delivery.end_stream(conn, id, parked.manner);
            }
            Hold::Poll => delivery.end_poll_with(conn, id, *parked, hub, Some(News::Expired)),
        }
        hub.leave(sub, now);
    }

    /// A token is shown on a WebSocket, and takes the place of the one before.
    pub(super) fn renew(&mut self, id: Id<Conn>, token: &str) -> Result<(), Refusal> {
        let Some(grant) = self.signed(Role::Front, [token].into_iter())? else {
            return Err(Refusal::NoSigned);
        };
        if self.is_short_of(grant.bytes()) {
            return Err(Refusal::Memory);
        }
        self.bear(id, grant, None);
        Ok(())
    }

    /// Seconds that the token of a connection is still good.
    pub(super) fn expires_in(&self, id: Id<Conn>) -> u64 {
        self.bearers.grant(id).map_or(0, |grant| grant.until_s.saturating_sub(self.date.unix_seconds()))
    }

    /// Ends the subscriptions of a WebSocket that its token does not allow.
    pub(super) fn revoke(&mut self, id: Id<Conn>) {
        if !self.needs_token(Role::Front) {
            return;
        }
        let Some(grant) = self.bearers.grant(id) else { return };
        let Some(Phase::WebSocket(socket)) = self.conns.get(id).map(|conn| &conn.phase) else { return };
        let named = |seat: &Seat| Some((*seat, self.hub.peek(seat.channel)?.name().to_owned()));
        let not_allowed = |(_, name): &(Seat, String)| !grant.allows(Act::Subscribe, name);
        let over: Vec<(Seat, String)> = socket.seats.iter().filter_map(named).filter(not_allowed).collect();
        if !over.is_empty() {
            let why = "the token that it showed last does not allow the channel";
            self.hub.note_sent_away(id.to_bits(), why, self.post.now);
        }
        for (seat, name) in over {
            self.leave_seat(id, seat);
            self.answer_tagged(id, None, &Outcome::Revoked { channel: &name });
        }
    }

    /// How a subscription begins that a signed token lets in. One that allows no history goes on behind no place but one that was
    /// given out here.
    pub(super) fn start_granted(
        &mut self,
        at: Id<Channel>,
        from: From,
        allows_history: bool,
    ) -> Option<Start> {
        let start = self.hub.start(at, from, self.post.now)?;
        let is_strange = matches!(from, From::Shown(token) if !self.hub.has_given(token));
        if allows_history || !is_strange {
            return Some(start);
        }
        let head = self.hub.peek(at)?.history().head();
        let because = match start.lost {
            Lost::Unknown(because) => because,
            Lost::Nothing | Lost::Some(_) => Because::Cursor,
        };
        Some(Start { next: head, lost: Lost::Unknown(because), ahead: false })
    }
}

/// Whether somebody may begin so whom a signed token lets in that allows no history.
pub(super) fn without_history(from: From) -> Result<(), Refusal> {
    match from {
        From::Oldest | From::Newest(_) | From::Next(_) => Err(Refusal::NotGranted),
        From::New | From::After(_) | From::Shown(_) => Ok(()),
    }
}

/// What is said of a verb that is kept from those who can show no token where tokens are required: it changes something, or looks
/// at what is the publishers' affair.
pub(super) fn withheld(verb: &Verb<'_>) -> Option<Refusal> {
    match verb {
        Verb::Publish { .. }
        | Verb::PublishTo { .. }
        | Verb::Post { .. }
        | Verb::Register { .. }
        | Verb::RegisterSession(_)
        | Verb::Delete(_)
        | Verb::Broadcast { .. }
        | Verb::End { .. }
        | Verb::Group { .. }
        | Verb::Sign { .. }
        | Verb::SignIn { .. }
        | Verb::Close(_)
        | Verb::Clear(_)
        | Verb::Census => Some(Refusal::Publish),
        Verb::Look(_) | Verb::Figures | Verb::Readers { .. } => Some(Refusal::Token),
        // What the application has let be is let be.
        Verb::Hooked { hooks, verb } if hooks.authorize.is_none() => withheld(verb),
        _ => None,
    }
}

/// Whether nothing is done on this side without a token.
pub(super) fn is_closed(config: &Config, role: Role) -> bool {
    role != Role::Admin && config.token.required
}
