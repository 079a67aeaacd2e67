//! What messages ask for, done, and answered.
//! Knows nothing of how they are written.
use std::collections::BTreeSet;

use crate::arena::Id;
use crate::conn::{Conn, HeldMessage, Phase, Role, Seat, Several};
use crate::dialect::{Batch, Bulk, Call, Item, Listen, News, Outcome, Refusal, Verb, Voice};
use crate::hub::{Because, Channel, From, Join, Lost, Start, Subscription};
use crate::machine::Machine;
use crate::machine::bayeux::Spoken;
use crate::machine::deliver::people;
use crate::machine::events::standing;
use crate::machine::private::check_private;
use crate::machine::read::Place;
use crate::token::{Act, is_signed};
use crate::wire::ws::Fault;

/// A subscription that is asked for, and the word under which it is answered.
type Asked<'m> = (Option<&'m str>, Listen<'m>);

/// A subscription that has begun.
type Begun = (Id<Channel>, Start);

impl Machine {
    /// Does what a message asks for, from the call `done` on, and answers. A publish may have to wait; then the message is
    /// kept, and understood once more when its turn has come.
    pub(super) fn act_on(&mut self, id: Id<Conn>, message: &[u8], is_text: bool, done: usize) {
        let Some(socket) = self.websocket(id) else { return };
        if socket.booth.is_some() {
            return self.publish_sent(id, message, is_text);
        }
        let (talker, topic) = (socket.tongue.talker(), socket.topic.as_deref().unwrap_or_default());
        let calls = match std::str::from_utf8(message) {
            Ok(text) if is_text => talker.text(topic, text, &self.config),
            Err(_) if is_text => Err(Fault::NotUtf8),
            _ => talker.binary(topic, message, &self.config),
        };
        let calls = match calls {
            Ok(calls) => calls,
            Err(fault) => return self.fail(id, fault),
        };
        let count = calls.len();
        // The message counts as one request, and so does each thing more that it asks for.
        self.served += count.saturating_sub(done + 1);
        if matches!(calls.first(), Some(Call::Do { verb: Verb::Listen(_), .. })) {
            return self.begin_all(id, calls);
        }
        for (number, call) in calls.into_iter().enumerate().skip(done) {
            if let Call::Do { verb: Verb::PublishAll(bulk), .. } = &call
                && let Some(at) = self.crowded_by_items(id, &bulk.items)
            {
                return self.hold(id, Some(at), HeldMessage { bytes: message.into(), is_text, done: number });
            }
            if let Call::Do { verb: Verb::Talk(talk), .. } = &call {
                match self.talk_over(id, talk) {
                    Ok(Spoken::Done) => continue,
                    Ok(Spoken::Waits(at)) => {
                        let held = HeldMessage { bytes: message.into(), is_text, done: number };
                        return self.hold(id, at, held);
                    }
                    Err(fault) => return self.fail(id, fault),
                }
            }
            self.answer_call(id, call, message, is_text);
        }
    }

    /// Begins what a message subscribes to, all of it, and then answers each: with the last that has begun comes a place, and
    /// whoever goes on behind it has begun all of them.
    fn begin_all(&mut self, id: Id<Conn>, calls: Vec<Call<'_>>) {
        // Such a message asks for nothing else.
        let asked: Vec<Asked<'_>> = calls
            .into_iter()
            .filter_map(|call| match call {
                Call::Do { tag, verb: Verb::Listen(listen) } => Some((tag, listen)),
                _ => None,
            })
            .collect();
        let Some((_, Listen { token, .. })) = asked.first() else { return };
        // What they have in common is looked at once: the signed token that is for all of them, and how many people are to be
        // named at once.
        if is_signed(token) {
            if let Err(refusal) = self.renew(id, token) {
                asked.iter().for_each(|one| self.refuse_listen(id, one, &refusal));
                return self.count_refusal(&refusal);
            }
            self.revoke(id);
        }
        let crowd = self.check_company(id, &asked).err();
        let mut begun = Vec::with_capacity(asked.len());
        for (_, listen) in &asked {
            // What is not counted has a refusal of its own.
            begun.push(match &crowd {
                Some(_) if self.is_counted(id, listen) => None,
                _ => Some(self.sit_down(id, listen)),
            });
        }
        let last = begun.iter().rposition(|one| matches!(one, Some(Ok(Some(_)))));
        for (number, (one, begun)) in asked.iter().zip(begun).enumerate() {
            match (begun, &crowd) {
                (Some(Ok(Some((at, start)))), _) => {
                    self.say_begun(id, one, at, &start, last == Some(number));
                }
                (Some(Err(refusal)), _) => {
                    self.count_refusal(&refusal);
                    self.refuse_listen(id, one, &refusal);
                }
                (None, Some(refusal)) => self.refuse_listen(id, one, refusal),
                (Some(Ok(None)), _) | (None, None) => {}
            }
        }
        if let Some(refusal) = &crowd {
            self.count_refusal(refusal);
        }
    }

    fn refuse_listen(&mut self, id: Id<Conn>, (tag, listen): &Asked<'_>, refusal: &Refusal) {
        // Who asks for what it has was not kept out.
        if !matches!(refusal, Refusal::Parameter(_)) {
            self.note_refusals(id, [&*listen.channel].into_iter(), refusal);
        }
        // Without an id, the name of a channel says that it is not read.
        if tag.is_none() && self.seat_in(id, &listen.channel).is_some() {
            return self.answer_tagged(id, None, &Outcome::Refused(refusal));
        }
        let channel = &*self.shortened(&listen.channel);
        self.answer_tagged(id, *tag, &Outcome::RefusedIn { channel, index: None, refusal });
    }

    /// Whether there is room to say who is in all of the channels that a message subscribes to under a name. Others do not count: how many
    /// people are there is nothing for those who may not read them.
    fn check_company(&self, id: Id<Conn>, asked: &[Asked<'_>]) -> Result<(), Refusal> {
        if asked.len() < 2 || asked.iter().all(|(_, listen)| listen.who.is_none()) {
            return Ok(());
        }
        let counted: BTreeSet<&str> = asked
            .iter()
            .filter(|(_, listen)| self.is_counted(id, listen))
            .map(|(_, listen)| &*listen.channel)
            .collect();
        let names: Vec<&str> = counted.into_iter().collect();
        let at: Vec<Option<Id<Channel>>> = names.iter().map(|name| self.hub.find(name)).collect();
        if at.len() < 2 { Ok(()) } else { self.check_presence(&names, &at) }
    }

    /// Whether a subscription may begin and is none yet: who is in its channel will be told.
    fn is_counted(&self, id: Id<Conn>, listen: &Listen<'_>) -> bool {
        self.seat_in(id, &listen.channel).is_none() && self.check_listener(id, Role::Front, listen).is_ok()
    }

    /// A channel whose listeners must be served before these are published, if whoever asks for it may.
    fn crowded_by_items(&self, id: Id<Conn>, items: &[Item]) -> Option<Id<Channel>> {
        let grant = self.bearers.grant(id);
        if items.iter().any(|item| self.check_publisher(Role::Front, grant, &item.channel).is_err()) {
            return None;
        }
        self.crowded_by_batch(items)
    }

    pub(super) fn hold(&mut self, id: Id<Conn>, at: Option<Id<Channel>>, held: HeldMessage) {
        let size = held.bytes.len();
        let Some(socket) = self.websocket_mut(id) else { return };
        socket.held = Some(Box::new(held));
        self.held_bytes += size;
        self.defer(id, at);
    }

    /// Goes on with a message that had to wait.
    pub(in crate::machine) fn talk_on(&mut self, id: Id<Conn>) {
        if let Some(held) = self.websocket_mut(id).and_then(|socket| socket.held.take()) {
            self.held_bytes -= held.bytes.len();
            self.act_on(id, &held.bytes, held.is_text, held.done);
        }
    }

    /// Does one thing and answers it.
    pub(super) fn answer_call(&mut self, id: Id<Conn>, call: Call<'_>, message: &[u8], is_text: bool) {
        match call {
            Call::Echo => self.say_message(id, message, is_text),
            Call::Refuse { tag, refusal } => {
                self.count_refusal(&refusal);
                self.answer_tagged(id, tag, &Outcome::Refused(&refusal));
            }
            Call::Do { tag, verb } => {
                if let Err(refusal) = self.do_and_answer(id, tag, verb) {
                    self.count_refusal(&refusal);
                    self.answer_tagged(id, tag, &Outcome::Refused(&refusal));
                }
            }
        }
    }

    fn do_and_answer(&mut self, id: Id<Conn>, tag: Option<&str>, verb: Verb<'_>) -> Result<(), Refusal> {
        check_private(Role::Front, &verb)?;
        match verb {
            Verb::PublishAll(Bulk { items, .. }) => {
                let grant = self.bearers.grant(id);
                items.iter().try_for_each(|item| self.check_publisher(Role::Front, grant, &item.channel))?;
                let several = Several { items, once: None };
                self.check_batch(&several).map_err(|blame| blame.refusal)?;
                self.publish_all(&several.items).map_err(|blame| blame.refusal)?;
                let known_by = self.hub.id_of(self.hub.head().offset);
                self.answer_tagged(id, tag, &Outcome::Published { id: known_by });
            }
            Verb::Authenticate(token) => {
                self.renew(id, &token)?;
                let expires_s = self.expires_in(id);
                self.answer_tagged(id, tag, &Outcome::Authenticated { expires_s });
                self.revoke(id);
            }
            Verb::Unlisten(channel) => {
                self.get_up(id, &channel)?;
                self.answer_tagged(id, tag, &Outcome::Unsubscribed { channel: &channel });
            }
            Verb::Ping => self.answer_tagged(id, tag, &Outcome::Pong { poll_s: self.poll_s() }),
            // No dialect asks for these here.
            _ => return Err(Refusal::NotFound),
        }
        Ok(())
    }

    /// Begins a subscription, beside those that there are. Nothing is said of it yet.
    fn sit_down(&mut self, id: Id<Conn>, listen: &Listen<'_>) -> Result<Option<Begun>, Refusal> {
        let now = self.post.now;
        if self.seat_in(id, &listen.channel).is_some() {
            return Err(Refusal::Parameter("this connection has subscribed to the channel already"));
        }
        if let Some(seat) = self.seat_called(id, &listen.channel) {
            // It asks for another life of a channel of whose end it was still to be told.
            self.tell_end(id, seat);
        }
        let Some(socket) = self.websocket(id) else { return Ok(None) };
        if socket.seats.len() >= self.config.websocket.subscriptions_max {
            return Err(Refusal::TooManySubscriptions);
        }
        let at = self.admit_listener(id, Role::Front, listen)?;
        let has_past = self.bearers.grant(id).is_none_or(|grant| grant.allows(Act::History, &listen.channel))
            || !self.needs_token(Role::Front)
            || self.hub.has_token(at, &listen.token);
        let Some(mut start) = self.start_granted(at, listen.from, has_past) else { return Ok(None) };
        if start.ahead && matches!(listen.from, From::Next(_)) {
            // It counts on messages of another life: what there is, is new to it.
            let Some(oldest) = self.hub.start(at, From::Oldest, now) else { return Ok(None) };
            start = Start { lost: Lost::Unknown(Because::Cursor), ..oldest };
        }
        if let Some(who) = &listen.who {
            self.hub.meet(at, who, id.to_bits(), now);
        }
        let notices = self.hub.notices(at);
        let join = Join { next: start.next, owner: id.to_bits(), who: listen.who.as_deref(), notices };
        // There was room when it was admitted, in this very turn.
        let joined = match self.subscription_of(id) {
            Some(sub) => self.hub.join_beside(sub, at, join, now).map(|()| sub),
            None => self.hub.join(at, join, now),
        };
        let Ok(sub) = joined else { return Err(Refusal::TooManySubscribers) };
        self.counters.subscribed += 1;
        self.count_lost(id, at, &start);
        if listen.deltas {
            self.hub.want_deltas(sub, Some(at));
        }
        if let Some(socket) = self.websocket_mut(id) {
            // Most have one: room for exactly as many as there are.
            socket.seats.reserve_exact(1);
            socket.seats.push(Seat { channel: at, sub });
        }
        Ok(Some((at, start)))
    }

    /// Says of a subscription that it has begun, and where everything goes on that this connection reads.
    fn say_begun(
        &mut self,
        id: Id<Conn>,
        (tag, listen): &Asked<'_>,
        at: Id<Channel>,
        start: &Start,
        is_last: bool,
    ) {
        let Some(socket) = self.websocket(id) else { return };
        let voice = Voice::new(socket.tongue.talker().dialect(), socket.style);
        // Of the channels that it has read before, it may not have everything yet.
        let own = self.subscription_of(id).and_then(|sub| self.hub.subscription(sub));
        let cursor = own.filter(|_| is_last).map(|own| {
            let places: Vec<Place> = own.seats().collect();
            standing(&self.hub, &places)
        });
        let (mut delivery, conns, hub) = self.delivery();
        let (Some(conn), Some(channel)) = (conns.get_mut(id), hub.peek(at)) else { return };
        if start.lost != Lost::Nothing {
            // Before the place behind it: whoever goes on from there has been told.
            delivery.tell(
                conn,
                id,
                &[News::Gap { channel: channel.name(), next: start.next, lost: start.lost }],
            );
        }
        let subscribed = Outcome::Subscribed { channel: &listen.channel, seq: start.next - 1, cursor };
        self.answer_tagged(id, *tag, &subscribed);
        let (mut delivery, conns, hub) = self.delivery();
        let (Some(conn), Some(channel)) = (conns.get_mut(id), hub.peek(at)) else { return };
        let mut news = Vec::new();
        if let (Some(_), Some(roster)) = (&listen.who, channel.roster()) {
            let from = listen.roster.map(|n| n.saturating_add(1));
            people(channel, roster, from, &voice, &mut news);
        }
        delivery.tell(conn, id, &news);
    }

    /// By which this connection reads all of its channels, if it has any.
    fn subscription_of(&self, id: Id<Conn>) -> Option<Id<Subscription>> {
        Some(self.websocket(id)?.seats.first()?.sub)
    }

    /// Ends the subscription to a channel.
    fn get_up(&mut self, id: Id<Conn>, name: &str) -> Result<(), Refusal> {
        let Some(seat) = self.seat_called(id, name) else {
            return Err(Refusal::Parameter("this connection has not subscribed to the channel"));
        };
        self.leave_seat(id, seat);
        Ok(())
    }

    pub(in crate::machine) fn leave_seat(&mut self, id: Id<Conn>, seat: Seat) {
        if let Some(socket) = self.websocket_mut(id) {
            socket.seats.retain(|one| *one != seat);
        }
        self.hub.leave_one(seat.sub, seat.channel, self.post.now);
    }

    /// The subscription to the channel of this name; it may be closed by now, and another have its name.
    fn seat_called(&self, id: Id<Conn>, name: &str) -> Option<Seat> {
        let is_called = |seat: &&Seat| self.hub.peek(seat.channel).is_some_and(|c| c.name() == name);
        self.websocket(id)?.seats.iter().find(is_called).copied()
    }

    /// The same, where the channel lives.
    fn seat_in(&self, id: Id<Conn>, name: &str) -> Option<Seat> {
        let seat = self.seat_called(id, name)?;
        self.hub.peek(seat.channel).is_some_and(|channel| !channel.is_closed()).then_some(seat)
    }

    /// Tells of the end of a channel before its turn has come: what is left of it, as far as one delivery takes it.
    fn tell_end(&mut self, id: Id<Conn>, seat: Seat) {
        let (mut delivery, conns, hub) = self.delivery();
        if let (Some(conn), Some(channel), Some(sub)) =
            (conns.get_mut(id), hub.peek(seat.channel), hub.subscription(seat.sub))
        {
            let (name, history) = (channel.name(), channel.history());
            let next = sub.seats().find(|(at, _)| *at == seat.channel).map_or(1, |(_, next)| next);
            let (head, from) = (history.head(), history.live_from(next));
            let to = history.batch_end(from, delivery.config.limits.batch_bytes_max);
            let mut news = Vec::new();
            for (missed, after) in [(from - next, from), (head - to, head)] {
                if missed > 0 {
                    news.push(News::Gap { channel: name, next: after, lost: Lost::Some(missed) });
                    delivery.counters.lost += missed;
                }
                if after == from && from < to {
                    news.push(News::Messages(Batch::new(channel, from, to, hub)));
                }
            }
            delivery.counters.delivered += to - from;
            news.push(News::Closed { channel: name, next: head });
            delivery.tell(conn, id, &news);
        }
        self.leave_seat(id, seat);
    }

    pub(in crate::machine) fn answer_tagged(
        &mut self,
        id: Id<Conn>,
        tag: Option<&str>,
        outcome: &Outcome<'_>,
    ) {
        let Some(socket) = self.websocket(id) else { return };
        let talker = socket.tongue.talker();
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        talker.answer(tag, outcome, &mut body);
        if !body.is_empty() {
            self.say_message(id, &body, true);
        }
        self.body = body;
    }

    /// Says one message to one client.
    pub(in crate::machine) fn say_message(&mut self, id: Id<Conn>, message: &[u8], is_text: bool) {
        let Self { conns, post, frames, .. } = self;
        let Some(conn) = conns.get_mut(id) else { return };
        let Phase::WebSocket(socket) = &conn.phase else { return };
        let frame = frames.message(message, is_text, socket.window);
        post.say(conn, id, frame);
    }
}
