//! Sessions on WebSockets: what comes is answered message by message, and what a session lacks is pushed, whether a connect
//! waits or not (`protocols/bayeux.md`, section 12). With acknowledgements it waits for a connect, as over HTTP.
//! Knows nothing of frames beyond their heads.
use std::num::NonZeroU8;

use super::batch::Outgoing;
use super::client_id::ClientId;
use super::connect::connect_reply;
use super::gather::{Fill, Gathered, gather};
use super::session::Session;
use super::{Done, Speaker, UNKNOWN};
use crate::arena::Id;
use crate::config::Gap;
use crate::conn::{Conn, Connect, Manner, OriginRef, Phase, Role, Wire};
use crate::dialect::bayeux::message::{self, NoBatch};
use crate::dialect::bayeux::style;
use crate::dialect::bayeux::write::{self, Advice, Reply};
use crate::dialect::{Batch, DialectId, News, Talk, Voice};
use crate::hub::{Channel, Hub, Lost};
use crate::machine::Machine;
use crate::machine::deliver::Delivery;
use crate::machine::frames::{Frame, Way, Wrap};
use crate::machine::websocket::DEFLATED_BEHIND_MAX;
use crate::time::Moment;
use crate::wire::ws::{Fault, Opcode, frame};

/// How a WebSocket would be answered over HTTP: it is not.
const MANNER: Manner =
    Manner { is_11: true, keep_alive: true, head_only: false, bare: false, origin: OriginRef::None };

/// What a batch came to.
pub(in crate::machine) enum Spoken {
    /// It is done.
    Done,
    /// It has not been begun: listeners of this channel have to be served before.
    Waits(Id<Channel>),
}

impl Machine {
    /// Serves a batch of messages that came over a WebSocket.
    ///
    /// # Errors
    /// It is none, and the connection is to be closed.
    pub(in crate::machine) fn talk_over(&mut self, id: Id<Conn>, talk: &Talk<'_>) -> Result<Spoken, Fault> {
        let limits = &self.config.limits;
        let texts = talk.texts.iter().map(|text| &**text);
        let (messages_max, depth_max) = (limits.bayeux_batch_messages_max, limits.bayeux_json_depth_max);
        let batch = match message::read(texts, messages_max, depth_max) {
            Ok(batch) => batch,
            // Clients of Faye's have used it as a ping.
            Err(NoBatch::Empty) => {
                self.say_message(id, b"[]", true);
                return Ok(Spoken::Done);
            }
            Err(why) => {
                let words = self.no_batch(why);
                return Err(if why == NoBatch::Json {
                    Fault::Nonsense(words)
                } else {
                    Fault::TooMuch(words)
                });
            }
        };
        if let Some(at) = self.crowded_by(&batch) {
            return Ok(Spoken::Waits(at));
        }
        let browser = self.wire_mut(id).and_then(|wire| wire.browser.clone());
        let talk = Talk { texts: Vec::new(), is_call: false, cookie: browser.as_deref() };
        let voice = Voice::new(DialectId::Bayeux, 0);
        let mut speaker =
            Speaker { conn: id, role: Role::Front, manner: MANNER, voice: &voice, talk: &talk, cookie: None };
        let mut replies = std::mem::take(&mut self.sessions.replies);
        replies.clear();
        self.do_batch(&mut speaker, &batch, &mut replies);
        let (mut delivery, conns, _) = self.delivery();
        if let Some(conn) = conns.get_mut(id)
            && !replies.is_empty()
        {
            delivery.say_batch_over(conn, id, Outgoing::replies(&replies));
        }
        self.sessions.replies = replies;
        Ok(Spoken::Done)
    }

    /// The cookie for a browser that begins a WebSocket without one, if sessions are bound to browsers: later there is no
    /// head that could carry it.
    pub(in crate::machine) fn browser_cookie(&mut self, shown: Option<&str>) -> Option<String> {
        if !self.knows_browsers() || shown.and_then(ClientId::read).is_some() {
            return None;
        }
        Some(self.draw_id().as_str().to_owned())
    }

    fn wire_mut(&mut self, id: Id<Conn>) -> Option<&mut Wire> {
        match &mut self.conns.get_mut(id)?.phase {
            Phase::WebSocket(socket) => socket.wire.as_deref_mut(),
            _ => None,
        }
    }

    pub(super) fn is_wire(&mut self, id: Id<Conn>) -> bool {
        self.wire_mut(id).is_some()
    }

    /// A connect that came over a WebSocket: from now on the session is on it.
    pub(super) fn connect_wire(
        &mut self,
        sid: Id<Session>,
        id: Id<Conn>,
        connect: Connect,
        hold_ms: Option<u64>,
        out: &mut Vec<u8>,
    ) -> Done {
        let until = hold_ms.filter(|ms| *ms > 0 && !self.is_draining());
        let until = until.map_or(Moment::NEVER, |ms| self.post.now.after_ms(ms));
        if self.wire_mut(id).is_some_and(|wire| wire.session.is_some_and(|other| other != sid)) {
            // One at a time: the other's connect is answered, and it is where it can be connected from anywhere.
            self.end_wire_connect(id);
            self.unwire(id);
        }
        let Some(wire) = self.wire_mut(id) else { return Done::Answered };
        wire.pause_ms = connect.pause_ms;
        (wire.session, wire.connect, wire.until) = (Some(sid), Some(connect), until);
        self.sessions.attach(sid, id);
        let acks = self.sessions.get(sid).is_some_and(|session| session.batch.is_some());
        // Of a client that acknowledges, messages wait for a connect that comes alone.
        if !acks || hold_ms.is_some() {
            self.hand_over_now(sid);
            self.settle_sessions();
        }
        let waits = until < Moment::NEVER;
        let Some(wire) = self.wire_mut(id) else { return Done::Answered };
        if !waits && let Some(connect) = wire.connect.take() {
            let now = self.post.now;
            connect_reply(&mut self.sessions, (&self.config, now), sid, &connect, out);
        }
        self.set_deadline(id);
        Done::Answered
    }

    /// Hands a session on a WebSocket what it lacks. What has to be done after that is left to the caller.
    pub(super) fn hand_over_now(&mut self, sid: Id<Session>) {
        let (mut delivery, conns, hub) = self.delivery();
        if let Some(id) = delivery.sessions.get(sid).and_then(|session| session.conn)
            && let Some(conn) = conns.get_mut(id)
        {
            delivery.hand_over(conn, id, sid, hub);
        }
    }

    /// Answers a connect that waits on a WebSocket with nothing but its reply.
    pub(in crate::machine) fn end_wire_connect(&mut self, id: Id<Conn>) {
        let (mut delivery, conns, _) = self.delivery();
        if let Some(conn) = conns.get_mut(id)
            && let Phase::WebSocket(socket) = &mut conn.phase
            && let Some(wire) = &mut socket.wire
            && let Some(sid) = wire.session
            && let Some(connect) = wire.connect.take()
        {
            wire.until = Moment::NEVER;
            delivery.answer_wire(conn, id, sid, &connect, Events::default());
        }
        self.set_deadline(id);
    }

    /// Takes the session off a WebSocket; it can be connected from anywhere.
    pub(in crate::machine) fn unwire(&mut self, id: Id<Conn>) {
        let Some(wire) = self.wire_mut(id) else { return };
        let (session, pause_ms) = (wire.session.take(), wire.pause_ms);
        (wire.connect, wire.until) = (None, Moment::NEVER);
        if let Some(sid) = session {
            self.detach(sid, pause_ms);
        }
        self.set_deadline(id);
    }

    /// A WebSocket is gone: its session waits no more.
    pub(in crate::machine) fn bury_wire(&mut self, wire: &Wire) {
        if let Some(sid) = wire.session {
            self.detach(sid, wire.pause_ms);
        }
    }

    /// There is room on a WebSocket again, or there was not enough in one go: what its session lacks is looked at.
    pub(in crate::machine) fn rouse(&mut self, id: Id<Conn>) {
        let Some(sid) = self.wire_mut(id).and_then(|wire| wire.session) else { return };
        let Self { sessions, hub, .. } = self;
        let Some(session) = sessions.get(sid) else { return };
        for seat in &session.seats {
            let lacks = session
                .reads(hub, seat)
                .is_some_and(|(_, channel, next)| next < channel.history().head() || channel.is_closed());
            if lacks {
                hub.resume(seat.sub);
            }
        }
    }

    fn set_deadline(&mut self, id: Id<Conn>) {
        let Self { conns, post, .. } = self;
        if let Some(conn) = conns.get_mut(id)
            && let Phase::WebSocket(socket) = &conn.phase
        {
            conn.deadline = socket.deadline();
            post.rearm(conn, id);
        }
    }
}

/// Messages for one session, as they are said.
#[derive(Default)]
struct Events<'a> {
    /// What is its alone; each may be nothing.
    own: [&'a [u8]; 2],
    /// What others get as well.
    shared: Option<bytes::Bytes>,
}

impl Delivery<'_> {
    /// Hands a session what it lacks by the WebSocket that it is on, and gives where its seats go. `None` when it takes
    /// nothing now: there is no room, or no connect of one that acknowledges.
    pub(super) fn hand_over(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        sid: Id<Session>,
        hub: &Hub,
    ) -> Option<Vec<(usize, u64)>> {
        let waits = conn.outbox.len();
        let Phase::WebSocket(socket) = &mut conn.phase else { return None };
        let acks = self.sessions.get(sid)?.batch.is_some();
        let wire = socket.wire.as_deref().filter(|wire| wire.session == Some(sid))?;
        if acks && wire.connect.is_none() {
            return None;
        }
        if waits >= self.config.limits.outbox_bytes_max || (self.is_short && waits > 0) {
            socket.thirsty = true;
            self.counters.subscribers_slow += 1;
            return None;
        }
        // To be compressed once for all who get it, each is handed over by itself.
        let window = socket.window.filter(|_| !acks);
        let fill = Fill {
            bytes_max: self.config.limits.batch_bytes_max,
            singly_behind: window.map_or(0, |_| DEFLATED_BEHIND_MAX),
            style: self.config.bayeux.style(),
        };
        let mut events = std::mem::take(&mut self.sessions.events);
        events.clear();
        let gathered = gather(hub, self.sessions.get(sid)?, fill, &mut events);
        let moves = gathered.moves.clone();
        if gathered.is_news() {
            if gathered.lost > 0 && self.config.bayeux.gap == Gap::Rehandshake {
                self.counters.lost += gathered.lost;
                self.give_up_wire(conn, id, sid);
            } else if acks {
                self.answer_waiting(conn, id, sid, (hub, gathered), &events);
            } else {
                self.push(conn, id, sid, (hub, gathered), &events, window);
            }
        } else {
            self.note(sid, &gathered, None);
        }
        self.sessions.events = events;
        Some(moves)
    }

    /// Whether a session takes messages by the WebSocket that it is on whenever there is room.
    pub(super) fn takes(&self, conn: &Conn, sid: Id<Session>) -> bool {
        let acks = self.sessions.get(sid).is_some_and(|session| session.batch.is_some());
        match &conn.phase {
            Phase::WebSocket(socket) => socket.wire.as_ref().is_some_and(|w| !acks || w.connect.is_some()),
            _ => false,
        }
    }

    /// Pushes what was gathered, each kind of it as a message of its own.
    fn push(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        sid: Id<Session>,
        (hub, gathered): (&Hub, Gathered),
        events: &[u8],
        window: Option<NonZeroU8>,
    ) {
        self.note(sid, &gathered, None);
        if gathered.lost > 0 {
            let mut gap = Vec::new();
            write::gap(gathered.lost, &mut gap);
            self.say_batch_over(conn, id, Outgoing::replies(&gap));
        }
        if let Some((channel, from, _)) = gathered.range {
            let head = hub.peek(channel).map_or(0, |channel| channel.history().head());
            let window = window.filter(|_| head - from <= DEFLATED_BEHIND_MAX);
            let wrap = Wrap::Messages(window);
            if let Some(frame) = self.shared_events(hub, &gathered, style::WHOLE, wrap) {
                self.post.say_shared(conn, id, frame);
            }
        } else if !events.is_empty() {
            self.say_batch_over(conn, id, Outgoing::replies(events));
        }
        if gathered.more {
            self.sessions.unfinished.push(id);
        }
    }

    /// Answers the connect that waits with what was gathered.
    fn answer_waiting(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        sid: Id<Session>,
        (hub, gathered): (&Hub, Gathered),
        events: &[u8],
    ) {
        let Phase::WebSocket(socket) = &mut conn.phase else { return };
        let Some(wire) = &mut socket.wire else { return };
        let Some(connect) = wire.connect.take() else { return };
        wire.until = Moment::NEVER;
        conn.deadline = socket.deadline();
        let mut gap = Vec::new();
        if gathered.lost > 0 {
            write::gap(gathered.lost, &mut gap);
        }
        let shared = self.shared_events(hub, &gathered, 0, Wrap::Bare);
        let batch = self.answer_wire(conn, id, sid, &connect, Events { own: [&gap, events], shared });
        self.note(sid, &gathered, batch);
    }

    /// Says the reply to a connect behind these events; gives its number, if the client acknowledges them.
    fn answer_wire(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        sid: Id<Session>,
        connect: &Connect,
        events: Events<'_>,
    ) -> Option<u64> {
        let mut replies = std::mem::take(&mut self.sessions.replies_of_connects);
        replies.clear();
        let batch = connect_reply(self.sessions, (self.config, self.post.now), sid, connect, &mut replies);
        let Events { own, shared } = events;
        self.say_batch_over(conn, id, Outgoing { events: own, shared, replies: &replies, cookie: None });
        self.sessions.replies_of_connects = replies;
        batch
    }

    /// A session has missed messages and is over for it.
    fn give_up_wire(&mut self, conn: &mut Conn, id: Id<Conn>, sid: Id<Session>) {
        let Phase::WebSocket(socket) = &mut conn.phase else { return };
        let Some(wire) = &mut socket.wire else { return };
        let connect = wire.connect.take();
        (wire.session, wire.until) = (None, Moment::NEVER);
        conn.deadline = socket.deadline();
        if let Some(connect) = connect {
            let mut reply = Vec::new();
            let head = Reply::begin(&mut reply, connect.id.as_deref(), super::connect::CHANNEL, false);
            head.error(UNKNOWN).advice(Advice::Handshake).end();
            self.say_batch_over(conn, id, Outgoing::replies(&reply));
        }
        self.sessions.detach(sid, self.post.now);
        self.sessions.doomed.push(sid);
    }

    /// The frame of messages that others get as well.
    pub(super) fn shared_events(
        &mut self,
        hub: &Hub,
        gathered: &Gathered,
        style: u8,
        wrap: Wrap,
    ) -> Option<bytes::Bytes> {
        let (channel, from, to) = gathered.range?;
        let style = style | self.config.bayeux.style();
        let way = Way::new(DialectId::Bayeux, style, wrap);
        let news = [News::Messages(Batch::new(hub.peek(channel)?, from, to, hub))];
        Some(self.frames.shared((channel, from, to, Lost::Nothing), way, &news))
    }

    /// Says a batch as one message.
    fn say_batch_over(&mut self, conn: &mut Conn, id: Id<Conn>, batch: Outgoing<'_>) {
        let Outgoing { events, shared, replies, .. } = batch;
        let events = events.into_iter().filter(|part| !part.is_empty());
        let own: usize = events.clone().map(|part| part.len() + 1).sum();
        let frame = shared.map_or(Frame::Own(b""), Frame::Shared);
        self.tail.clear();
        if !frame.is_empty() {
            self.tail.push(b',');
        }
        self.tail.extend_from_slice(replies);
        self.tail.push(b']');
        self.head.clear();
        frame::begin(Opcode::Text, false, 1 + own + frame.len() + self.tail.len(), self.head);
        self.head.push(b'[');
        for part in events {
            self.head.extend_from_slice(part);
            self.head.push(b',');
        }
        self.post.say_around(conn, id, self.head, frame, self.tail);
    }
}
