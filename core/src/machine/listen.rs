//! The beginning of a subscription: who may, where it begins, what is told at once, and what is left waiting.
//! Knows nothing of how it is written.
use super::Machine;
use super::tell::{Asker, Tidings};
use super::tokens::without_history;
use crate::arena::Id;
use crate::conn::{Conn, Manner, Parked, Phase, Role};
use crate::dialect::{Ahead, Appetite, Batch, Echo, Hold, Listen, News, Refusal, Tail, Voice};
use crate::hub::{Channel, From, Join, Lost, Start, Subscription, is_private};
use crate::time::Moment;
use crate::token::Act;

/// A subscription that was admitted: whose, to what, and where it begins.
struct Entry<'l> {
    manner: Manner,
    voice: Voice,
    listen: &'l Listen<'l>,
    at: Id<Channel>,
    start: Start,
    /// It is to be told that the channel's life is another.
    life: bool,
}

/// How it is to wait.
pub(super) struct Waiting {
    pub(super) manner: Manner,
    pub(super) voice: Voice,
    pub(super) hold: Hold,
    pub(super) echo: Echo,
    pub(super) quiet_until: Moment,
}

impl Machine {
    /// Begins a subscription.
    pub(super) fn listen(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        voice: Voice,
        listen: &Listen<'_>,
    ) {
        let at = match self.admit_listener(id, role, listen) {
            Ok(at) => at,
            Err(refusal) => return self.refuse_listener(id, manner, &voice, listen, &refusal),
        };
        let now = self.post.now;
        let Some(mut start) = self.hub.start(at, listen.from, now) else { return };
        let life = self.life_to_tell(at, listen, &mut start);
        if let Some(who) = &listen.who {
            self.hub.meet(at, who, id.to_bits(), now);
        }
        self.hub.note_asked(at, now);
        self.counters.subscribed += 1;
        self.count_lost(id, at, &start);
        let entry = Entry { manner, voice, listen, at, start, life };
        match listen.hold {
            Hold::Poll => self.begin_poll(id, entry),
            Hold::Stream => self.begin_stream(id, entry),
        }
    }

    /// The channel of a subscription that may be begun, if it is there.
    pub(super) fn check_listener(
        &self,
        id: Id<Conn>,
        role: Role,
        listen: &Listen<'_>,
    ) -> Result<Option<Id<Channel>>, Refusal> {
        // Only a WebSocket's token allows something here: it was shown on the connection.
        let grant = self.bearers.grant(id);
        let is_granted = grant.is_some_and(|grant| grant.allows(Act::Subscribe, &listen.channel));
        let needs_token = self.needs_token(role) && !is_granted;
        let is_by_grant = is_granted && self.needs_token(role);
        if is_by_grant && !grant.is_some_and(|grant| grant.allows(Act::History, &listen.channel)) {
            without_history(listen.from)?;
        }
        if let Some(who) = &listen.who {
            self.check_bearer(role, grant, who, &listen.channel)?;
            self.check_person(who)?;
        }
        let at = self.hub.find(&listen.channel);
        let has_own = at.is_some_and(|at| self.hub.has_token(at, &listen.token));
        // Whoever must show a token cannot make a channel.
        if needs_token && !has_own {
            return Err(self.not_let_in_here(id));
        }
        // It was registered for clients who are known by name, and they are not known here.
        let own = at.and_then(|at| self.hub.peek(at)).and_then(Channel::registered);
        let for_sessions = own.is_some_and(|own| own.sessions);
        // And what is between a client of Bayeux and the server is nobody else's, whatever pattern a signed token names.
        let is_others = is_private(&listen.channel) || for_sessions && !is_granted;
        if is_others && role != Role::Admin && !has_own {
            return Err(Refusal::Token);
        }
        Ok(at)
    }

    pub(super) fn admit_listener(
        &mut self,
        id: Id<Conn>,
        role: Role,
        listen: &Listen<'_>,
    ) -> Result<Id<Channel>, Refusal> {
        let found = self.check_listener(id, role, listen)?;
        if let Some(who) = &listen.who
            && self.is_short_of(who.len())
        {
            return Err(Refusal::Memory);
        }
        let at = match found {
            Some(at) => at,
            None => self.open_channel(&listen.channel, 0)?,
        };
        if listen.replaces
            && let Some(who) = &listen.who
        {
            self.replace(at, who, id);
        }
        if !self.has_seat(at, self.config.limits.subscribers_per_channel_max) {
            return Err(Refusal::TooManySubscribers);
        }
        self.check_reader_in_group(&listen.channel)?;
        self.hub.prolong(at, self.channel_ms(), self.post.now);
        Ok(at)
    }

    /// A refusal of a subscription is a whole answer with status 200: scripts and event sources see no other.
    fn refuse_listener(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        listen: &Listen<'_>,
        refusal: &Refusal,
    ) {
        self.count_refusal(refusal);
        self.note_refusals(id, [&*listen.channel].into_iter(), refusal);
        let news = [News::Refused { channel: &listen.channel, refusal }];
        let (mut delivery, conns, _) = self.delivery();
        if let Some(conn) = conns.get_mut(id) {
            let tidings = Tidings { news: &news, range: None, live: false, tail: Tail::default() };
            delivery.whole_answer(conn, Asker { id, manner, voice }, tidings);
        }
    }

    /// Somebody listening under the same name gives way: its client has given up and asked again.
    fn replace(&mut self, at: Id<Channel>, who: &str, by: Id<Conn>) {
        let Some(old) = self.hub.seated_as(at, who).and_then(Id::from_bits).filter(|old| *old != by) else {
            return;
        };
        // Its connection may be waiting for something else by now.
        let is_seat =
            |sub| self.hub.subscription(sub).is_some_and(|s| s.channel() == Some(at) && s.who() == Some(who));
        if let Some(conn) = self.conns.get_mut(old)
            && let Phase::Parked(parked) = &conn.phase
            && is_seat(parked.sub)
        {
            let sub = parked.sub;
            self.post.cut(conn, old);
            self.hub.leave(sub, self.post.now);
        }
    }

    /// A subscriber that keeps the channel's life in mind is told when it is another; its numbers mean nothing then.
    fn life_to_tell(&mut self, at: Id<Channel>, listen: &Listen<'_>, start: &mut Start) -> bool {
        let Some(known) = &listen.life else { return false };
        let Some(channel) = self.hub.peek(at) else { return false };
        if **known == *channel.life().to_string() {
            return false;
        }
        let (base, head) = (channel.history().base(), channel.history().head());
        if !known.is_empty() {
            let next = if listen.from == From::New { head } else { base };
            *start = Start { next, lost: Lost::Nothing, ahead: false };
        }
        // The number is told with the life, and that nothing of the one before is to be had is said by it too.
        start.ahead = false;
        if matches!(start.lost, Lost::Unknown(_)) {
            start.lost = Lost::Nothing;
        }
        true
    }

    fn begin_poll(&mut self, id: Id<Conn>, entry: Entry<'_>) {
        let Entry { manner, voice, listen, at, start, life } = entry;
        let appetite = voice.dialect.speaker().appetite(voice.style, false);
        let batch_max = self.config.limits.batch_bytes_max;
        // Who shows a cursor is always told what is missing, where that is said at all. To one that counts by itself the next number
        // says as much where nothing is left, and an array would stop icomet.js for good.
        let hears_gap = matches!(listen.from, From::Shown(_)) && self.config.icomet.gap_records;
        let (mut delivery, conns, hub) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        let Some(channel) = hub.peek(at) else { return };
        let mut news = beginning(channel, hub, &voice, listen, start, life);
        let is_alone = matches!(&news[..], [News::Gap { .. }, News::NextSeq { .. }, ..]);
        if is_alone && !hears_gap {
            news.remove(0);
        }
        let head = channel.history().head();
        let mut to = start.next;
        if start.next < head && !life {
            to = match appetite {
                Appetite::Everything => channel.history().batch_end(start.next, batch_max),
                Appetite::OneObject | Appetite::OneMessage => start.next + 1,
            };
            let batch = Batch::new(channel, start.next, to, hub);
            // Before who is here, behind what was missed.
            let place = news.iter().position(|n| matches!(n, News::Roster { .. } | News::Notice { .. }));
            news.insert(place.unwrap_or(news.len()), News::Messages(batch));
        }
        if appetite == Appetite::OneObject {
            // A client that counts must be given the message: it would ignore a gap, and ask for the same again.
            news.retain(|n| hears_gap || !matches!(n, News::Gap { .. }));
            news.truncate(1);
            if matches!(&news[..], [News::Gap { .. }]) {
                to = start.next;
            }
        }
        if !news.is_empty() {
            let only_messages = news.iter().all(|n| matches!(n, News::Messages(_) | News::Gap { .. }));
            let range = (only_messages && to > start.next).then_some((at, start.next, to, start.lost));
            delivery.counters.delivered += to - start.next;
            let tidings = Tidings { news: &news, range, live: false, tail: Tail::default() };
            delivery.whole_answer(conn, Asker { id, manner, voice: &voice }, tidings);
            return self.hub.note_handed(id.to_bits(), at, (start.next, to), self.post.now);
        }
        let quiet_until = delivery.quiet_until(&voice);
        let notices = hub.notices(at);
        drop(news);
        let join = Join { next: start.next, owner: id.to_bits(), who: listen.who.as_deref(), notices };
        self.park(
            id,
            at,
            join,
            Waiting { manner, voice, hold: Hold::Poll, echo: listen.echo.into(), quiet_until },
        );
    }

    fn begin_stream(&mut self, id: Id<Conn>, entry: Entry<'_>) {
        let Entry { manner, voice, listen, at, start, life } = entry;
        let (mut delivery, conns, hub) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        let Some(channel) = hub.peek(at) else { return };
        let news = beginning(channel, hub, &voice, listen, start, life);
        delivery.begin(conn, Asker { id, manner, voice: &voice });
        if !news.is_empty() {
            delivery.say_news(conn, Asker { id, manner, voice: &voice }, &news);
        }
        drop(news);
        let quiet_until = delivery.quiet_until(&voice);
        let notices = hub.notices(at);
        let join = Join { next: start.next, owner: id.to_bits(), who: listen.who.as_deref(), notices };
        self.park(
            id,
            at,
            join,
            Waiting { manner, voice, hold: Hold::Stream, echo: listen.echo.into(), quiet_until },
        );
    }

    /// `/psub`: an endless stream of lines.
    pub(super) fn listen_to_announcements(&mut self, id: Id<Conn>, manner: Manner, voice: Voice) {
        let at = self.hub.announcements();
        let (next, members) = self.hub.peek(at).map_or((1, 0), |c| (c.history().head(), c.members()));
        if members >= self.config.limits.subscribers_per_channel_max {
            return self.refuse(id, manner, &voice, &Refusal::TooManySubscribers);
        }
        let (mut delivery, conns, _) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        delivery.begin(conn, Asker { id, manner, voice: &voice });
        if manner.head_only {
            return delivery.end_stream(conn, id, manner);
        }
        let join = Join { next, owner: id.to_bits(), who: None, notices: None };
        let quiet_until = Moment::NEVER;
        self.park(
            id,
            at,
            join,
            Waiting { manner, voice, hold: Hold::Stream, echo: Echo::default(), quiet_until },
        );
    }

    pub(super) fn park(&mut self, id: Id<Conn>, at: Id<Channel>, join: Join<'_>, waiting: Waiting) {
        if self.may_wait(id)
            // There was room when it was admitted, in this very turn.
            && let Ok(sub) = self.hub.join(at, join, self.post.now)
        {
            self.wait(id, sub, waiting);
        }
    }

    /// Whether a connection may wait. Whoever has finished sending is not waited for, as one who does so while waiting is
    /// not.
    pub(super) fn may_wait(&mut self, id: Id<Conn>) -> bool {
        match self.conns.get_mut(id) {
            Some(conn) if conn.ended => {
                self.post.cut(conn, id);
                false
            }
            conn => conn.is_some(),
        }
    }

    /// Lets a connection wait with a subscription that has begun.
    pub(super) fn wait(&mut self, id: Id<Conn>, sub: Id<Subscription>, waiting: Waiting) {
        let Waiting { manner, voice, hold, echo, quiet_until } = waiting;
        let (mut delivery, conns, _) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        let head_sent = hold == Hold::Stream || delivery.begins_at_once(&voice);
        if hold == Hold::Poll && head_sent {
            delivery.begin(conn, Asker { id, manner, voice: &voice });
        }
        let parked = Parked { sub, voice, manner, hold, head_sent, thirsty: false, echo };
        conn.phase = Phase::Parked(Box::new(parked));
        conn.deadline = quiet_until;
        delivery.post.rearm(conn, id);
        if self.is_draining() {
            // It was asked before; those who waited have been sent away already.
            self.end_cleanly(id);
        }
    }
}

/// What a subscriber is told before any message.
fn beginning<'a>(
    channel: &'a Channel,
    hub: &crate::hub::Hub,
    voice: &Voice,
    listen: &Listen<'_>,
    start: Start,
    life: bool,
) -> Vec<News<'a>> {
    let name = channel.name();
    let mut news = Vec::new();
    if life {
        news.push(News::Life { channel: name, next: start.next, life: channel.life() });
    }
    if start.lost != Lost::Nothing {
        news.push(News::Gap { channel: name, next: start.next, lost: start.lost });
    }
    let nothing_left = start.lost != Lost::Nothing && start.next == channel.history().head();
    if listen.ahead == Ahead::Tell && (start.ahead || nothing_left) {
        let cursor = hub.seal(channel, hub.cursor(channel, start.next));
        news.push(News::NextSeq { channel: name, next: start.next, cursor });
    }
    if listen.ahead == Ahead::Wait {
        // A dialect that lets its clients wait has no words for any of this.
        news.clear();
    }
    if let (Some(_), Some(roster), Ahead::Tell) = (&listen.who, channel.roster(), listen.ahead) {
        super::deliver::people(channel, roster, listen.roster.map(|n| n.saturating_add(1)), voice, &mut news);
    }
    news
}
