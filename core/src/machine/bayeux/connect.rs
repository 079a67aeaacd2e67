//! Connects: what there is is answered at once, else they wait (`protocols/bayeux.md`, sections 6 and 16).
//! Knows nothing of how sessions begin.

use super::acks::Gap;
use super::batch::Outgoing;
use super::gather::{Fill, Gathered, gather};
use super::handshake::TRANSPORTS;
use super::session::{Session, Sessions};
use super::sleep::rests_at;
use super::{Done, Speaker};
use crate::arena::{Arena, Id};
use crate::config::{self, Config};
use crate::conn::{Attached, Conn, Connect, Phase};
use crate::dialect::bayeux::message::{Message, Timesync};
use crate::dialect::bayeux::write::{Ack, Advice, Reply};
use crate::hub::{Hub, Took, Visit};
use crate::machine::Machine;
use crate::machine::deliver::Delivery;
use crate::machine::frames::Wrap;
use crate::machine::tell::Asker;
use crate::time::Moment;

pub(super) const CHANNEL: &str = "/meta/connect";

/// A pause that a client announces is waited for so long at most, or for as long as those who sleep are remembered: who is awake gives
/// way to nobody, and nobody is to be so for as long as it likes.
const PAUSE_MS: u64 = 3_600_000;

impl Machine {
    pub(super) fn connect(
        &mut self,
        speaker: &Speaker<'_>,
        message: &Message<'_>,
        is_alone: bool,
        out: &mut Vec<u8>,
    ) -> Done {
        let Some(sid) = self.session_of(speaker, message) else {
            self.say_unknown_to_connect(speaker, message, out);
            return Done::Answered;
        };
        if message.connection_type.as_deref().is_some_and(|name| !TRANSPORTS.contains(&name)) {
            Reply::begin(out, message.echo(), CHANNEL, false)
                .error("301::Connection types not supported")
                .advice(Advice::None)
                .end();
            return Done::Answered;
        }
        self.release(sid, Some(speaker.conn));
        let [acked, sync] = message.extensions(["ack", "timesync"]);
        self.acknowledge(sid, acked);
        if self.part(sid, speaker) {
            Self::say_unknown(message, CHANNEL, out);
            return Done::Answered;
        }
        // The client's own pause counts when it announces one (section 4).
        let pause_max_ms = self.config.bayeux.remember_ms.max(PAUSE_MS);
        let pause_ms = message.advised("interval").unwrap_or(0).min(pause_max_ms);
        let pause_ms = pause_ms.max(self.config.bayeux.interval_ms);
        let hold_ms = message.advised("timeout").unwrap_or(u64::MAX).min(self.config.bayeux.timeout_ms);
        let connect = Connect {
            id: message.echo().map(Into::into),
            advise: message.advice.is_some(),
            is_one_too_many: false,
            pause_ms,
            sync: sync.and_then(|said| Timesync::read(said, self.unix_ms(), self.post.now)).map(Box::new),
        };
        if self.is_wire(speaker.conn) {
            return self.connect_wire(sid, speaker.conn, connect, is_alone.then_some(hold_ms), out);
        }
        if !is_alone {
            // Its reply stands among the others; messages wait for a connect that comes alone.
            let now = self.post.now;
            let batch = self.sessions.repeated(sid);
            connect_reply(&mut self.sessions, (&self.config, now), (sid, batch), &connect, out);
            self.detach(sid, pause_ms);
            return Done::Answered;
        }
        let (manner, voice) = (speaker.manner, speaker.voice.clone());
        let mut attached = Attached { session: sid, connect, manner, voice };
        let is_one_too_many = self.is_browser_busy(sid);
        let is_draining = self.is_draining();
        let (mut delivery, conns, hub) = self.delivery();
        let Some(conn) = conns.get_mut(speaker.conn) else { return Done::Waits };
        let fill = delivery.fill();
        let mut events = std::mem::take(&mut delivery.sessions.events);
        events.clear();
        let Some(session) = delivery.sessions.get(sid) else { return Done::Waits };
        let gathered = gather(hub, session, fill, &mut events);
        let may_wait = hold_ms > 0 && !is_draining && !conn.ended && !is_one_too_many;
        let waits = !gathered.is_news() && may_wait;
        if waits {
            conn.deadline = delivery.post.now.after_ms(hold_ms);
            conn.phase = Phase::Attached(Box::new(attached));
            delivery.post.rearm(conn, speaker.conn);
            delivery.sessions.attach(sid, speaker.conn);
            delivery.sessions.remember(sid, gathered.moves.into_iter());
        } else {
            if is_one_too_many && !gathered.is_news() && hold_ms > 0 {
                delivery.counters.bayeux_connects_paced += 1;
                attached.connect.is_one_too_many = true;
                let pause_ms = attached.connect.pause_ms.max(delivery.config.bayeux.multiple_clients_ms);
                attached.connect.pause_ms = pause_ms;
            }
            delivery.answer_connect(conn, speaker.conn, &attached, hub, gathered, &events);
        }
        delivery.sessions.events = events;
        self.settle_sessions();
        Done::Waits
    }

    /// Ends the connect of a session that waits, without messages: a newer one has come by the connection `by`, or the
    /// session is over.
    pub(super) fn release(&mut self, sid: Id<Session>, by: Option<Id<Conn>>) {
        let Some(waits) = self.sessions.get(sid).and_then(|session| session.conn) else { return };
        if self.is_wire(waits) {
            self.end_wire_connect(waits);
            if by != Some(waits) {
                self.unwire(waits);
            }
            return;
        }
        debug_assert!(by != Some(waits), "who waits does not ask");
        self.end_attached(waits, true);
    }

    /// Answers a connect that waits with nothing but its reply; `keeps` its connection, if its client does.
    pub(in crate::machine) fn end_attached(&mut self, id: Id<Conn>, keeps: bool) {
        let (mut delivery, conns, hub) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        if !matches!(conn.phase, Phase::Attached(_)) {
            return;
        }
        if let Phase::Attached(mut attached) = std::mem::replace(&mut conn.phase, Phase::Ready) {
            attached.manner.keep_alive &= keeps;
            delivery.answer_connect(conn, id, &attached, hub, Gathered::default(), b"");
        }
    }

    /// Cuts a connection on which a connect waits.
    pub(in crate::machine) fn cut_attached(&mut self, id: Id<Conn>) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if !matches!(conn.phase, Phase::Attached(_)) {
            return;
        }
        if let Phase::Attached(attached) = std::mem::replace(&mut conn.phase, Phase::Ready) {
            self.post.cut(conn, id);
            self.abandon(&attached);
        }
    }

    /// The connection on which a connect waits is gone: its session waits no more.
    pub(in crate::machine) fn abandon(&mut self, attached: &Attached) {
        self.detach(attached.session, attached.connect.pause_ms);
    }

    pub(super) fn detach(&mut self, sid: Id<Session>, pause_ms: u64) {
        let until = self.post.now.after_ms(pause_ms.saturating_add(self.config.bayeux.max_interval_ms));
        self.sessions.detach(sid, until, rests_at(&self.hub, self.post.now));
    }

    /// Does what had to wait until the hub had been round: cursors are moved, sessions find the channels that have taken
    /// the place of others, or are over.
    pub(in crate::machine) fn settle_sessions(&mut self) {
        loop {
            let Self { sessions, hub, post, .. } = self;
            // In their order: the last place of a cursor that was moved more than once is where it is.
            for (sid, i, next) in std::mem::take(&mut sessions.moves) {
                if let Some(seat) = sessions.get(sid).and_then(|session| session.seats.get(i)) {
                    let before = hub.subscription(seat.sub).and_then(|s| Some((s.channel()?, s.next()?)));
                    if let Some((at, from)) = before {
                        hub.note_handed(Session::owner(sid), at, (from, next), post.now);
                    }
                    hub.seek(seat.sub, next);
                }
            }
            if let Some((sid, old)) = self.sessions.homeless.pop() {
                self.rehouse(sid, old);
                // Nobody will visit it for what it has lost.
                if self.sessions.get(sid).is_some_and(|session| session.gap.is_some()) {
                    self.hand_over_now(sid);
                }
            } else if let Some(id) = self.sessions.unfinished.pop() {
                self.rouse(id);
            } else if let Some(sid) = self.sessions.doomed.pop() {
                self.end_session(sid);
            } else if let Some(sid) = self.sessions.odd.pop() {
                self.note_session(sid);
            } else if let Some(sid) = self.sessions.moved_on.pop() {
                self.note_moved_on(sid);
            } else {
                let reached = std::mem::take(&mut self.sessions.reached);
                if reached > 0 {
                    self.hub.use_up(reached);
                }
                return;
            }
        }
    }
}

impl Sessions {
    /// Has cursors moved once the hub can be changed.
    fn remember(&mut self, sid: Id<Session>, moves: impl Iterator<Item = (usize, u64)>) {
        self.moves.extend(moves.map(|(i, next)| (sid, i, next)));
    }
}

impl Delivery<'_> {
    /// A subscription of a session lacks something: if its connect waits, it gets everything that the session lacks.
    pub(in crate::machine) fn hand_session(
        &mut self,
        conns: &mut Arena<Conn>,
        hub: &Hub,
        visit: &Visit<'_>,
    ) -> Took {
        let Some(sid) = Sessions::owner(visit.owner) else { return Took::AndLeaves };
        let Some(session) = self.sessions.get(sid) else { return Took::AndLeaves };
        let mut events = Vec::new();
        let mut took = Took::Nothing;
        let waits = session.conn.and_then(|id| Some((id, conns.get_mut(id)?)));
        if let Some((id, conn)) = waits {
            if matches!(conn.phase, Phase::WebSocket(_)) {
                return self.visit_wire(conn, id, sid, (hub, visit));
            }
            let gathered = gather(hub, session, self.fill(), &mut events);
            took = upto(hub, session, visit, &gathered.moves);
            if !gathered.is_news() {
                self.sessions.remember(sid, gathered.moves.into_iter());
            } else if let Phase::Attached(attached) = std::mem::replace(&mut conn.phase, Phase::Ready) {
                self.answer_connect(conn, id, &attached, hub, gathered, &events);
            }
        }
        if visit.channel.is_closed() {
            self.sessions.homeless.push((sid, visit.at));
            return Took::Nothing;
        }
        took
    }

    /// Answers a connect with what was gathered, and takes the session off the connection.
    pub(super) fn answer_connect(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        attached: &Attached,
        hub: &Hub,
        gathered: Gathered,
        events: &[u8],
    ) {
        let sid = attached.session;
        let to = Asker { id, manner: attached.manner, voice: &attached.voice };
        let pause_ms = attached.connect.pause_ms.saturating_add(self.config.bayeux.max_interval_ms);
        let now = self.post.now;
        self.sessions.detach(sid, now.after_ms(pause_ms), rests_at(hub, now));
        let mut replies = std::mem::take(&mut self.sessions.replies_of_connects);
        replies.clear();
        if gathered.gap.is_some() && self.config.bayeux.gap == config::Gap::Rehandshake {
            self.count_gap(&gathered);
            let reply = Reply::begin(&mut replies, attached.connect.id.as_deref(), CHANNEL, false);
            reply.error(super::UNKNOWN).advice(Advice::Handshake).end();
            self.say_batch(conn, to, Outgoing::replies(&replies));
            self.sessions.doomed.push(sid);
            self.sessions.replies_of_connects = replies;
            return;
        }
        let batch = self.sessions.number(sid, hub, &gathered);
        let setting = (self.config, self.post.now);
        connect_reply(self.sessions, setting, (sid, batch), &attached.connect, &mut replies);
        self.note(sid, &gathered, batch);
        let mut gap = Vec::new();
        gathered.write_gap(&mut gap);
        let shared = self.shared_events(hub, &gathered, 0, Wrap::Bare);
        let batch = Outgoing { events: [&gap, events], shared, replies: &replies, cookie: None };
        self.say_batch(conn, to, batch);
        self.sessions.replies_of_connects = replies;
    }

    /// Takes note of what a session is handed, in the batch of this number if its client acknowledges them.
    pub(super) fn note(&mut self, sid: Id<Session>, gathered: &Gathered, batch: Option<u64>) {
        self.counters.delivered += gathered.count;
        self.count_gap(gathered);
        let Some(session) = self.sessions.get_mut(sid) else { return };
        session.at = session.at.max(gathered.at);
        if gathered.gap.is_some() {
            session.gap = Gap::default();
            if let Some(acks) = &mut session.acks {
                acks.tell(gathered.gap);
            }
        }
        let moves_on = gathered.is_news() && std::mem::take(&mut session.rests);
        let acks = session.acks.is_some();
        for &(i, next) in &gathered.moves {
            match (session.seats.get_mut(i), batch) {
                (Some(seat), Some(batch)) => seat.marks.push_back((batch, next)),
                (Some(seat), None) if !acks => seat.floor = seat.floor.max(next),
                _ => {}
            }
        }
        self.sessions.remember(sid, gathered.moves.iter().copied());
        if moves_on {
            self.sessions.moved_on.push(sid);
        }
    }

    pub(super) fn count_gap(&mut self, gathered: &Gathered) {
        self.counters.lost += gathered.gap.lost;
        self.counters.gaps_unknown += u64::from(gathered.gap.is_unsure);
    }

    /// What goes into one answer.
    pub(super) fn fill(&self) -> Fill {
        Fill {
            bytes_max: self.config.limits.batch_bytes_max,
            singly_behind: 0,
            style: self.config.bayeux.style(),
            is_short: self.is_short_now(),
        }
    }

    /// Visits a session that is on a WebSocket.
    fn visit_wire(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        sid: Id<Session>,
        (hub, visit): (&Hub, &Visit<'_>),
    ) -> Took {
        let is_closed = visit.channel.is_closed();
        let asks = self.takes(conn, sid);
        let handed = self.hand_over(conn, id, sid, hub);
        let Some(session) = self.sessions.get(sid) else { return Took::AndLeaves };
        let Some(moves) = handed else {
            if is_closed && !asks {
                // It does not wait now: what it has not got of this life it will not get.
                self.sessions.homeless.push((sid, visit.at));
            }
            return Took::Nothing;
        };
        let took = upto(hub, session, visit, &moves);
        if !is_closed {
            return took;
        }
        let next =
            session.seats.iter().filter_map(|seat| session.reads(hub, seat)).find(|(at, ..)| *at == visit.at);
        if next.is_some_and(|(_, channel, next)| next < channel.history().head()) {
            // There is more of it, which comes first.
            return took;
        }
        self.sessions.homeless.push((sid, visit.at));
        Took::Nothing
    }
}

/// How far a visited session got in the channel where it was.
fn upto(hub: &Hub, session: &Session, visit: &Visit<'_>, moves: &[(usize, u64)]) -> Took {
    let own = moves.iter().find(|(i, _)| {
        let read = session.seats.get(*i).and_then(|seat| session.reads(hub, seat));
        read.is_some_and(|(at, ..)| at == visit.at)
    });
    match own {
        Some((_, next)) if *next >= visit.from => Took::Upto { next: *next, notices: 0 },
        _ => Took::Nothing,
    }
}

/// Writes the reply to a connect. The batch that it ends has this number, if the client acknowledges them.
pub(super) fn connect_reply(
    sessions: &mut Sessions,
    (config, now): (&Config, Moment),
    (sid, batch): (Id<Session>, Option<u64>),
    connect: &Connect,
    out: &mut Vec<u8>,
) {
    let mut reply = Reply::begin(out, connect.id.as_deref(), CHANNEL, true);
    let was_paced = sessions
        .get_mut(sid)
        .is_some_and(|session| std::mem::replace(&mut session.is_paced, connect.is_one_too_many));
    if connect.is_one_too_many {
        reply = reply.advice(Advice::Multiple { interval_ms: config.bayeux.multiple_clients_ms });
    } else if connect.advise || was_paced {
        // Clients go on with the last pause that they were told.
        let (interval_ms, timeout_ms) = (config.bayeux.interval_ms, config.bayeux.timeout_ms);
        reply = reply.advice(Advice::Retry { interval_ms, timeout_ms });
    }
    reply.ext(batch.map(Ack::Batch), connect.sync.as_deref(), now).end();
}
