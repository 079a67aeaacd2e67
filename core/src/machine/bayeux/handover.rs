//! What a session on a WebSocket lacks: pushed, or said with the reply to the connect that waits, as one message a batch.
//! Knows nothing of what clients say, nor of frames beyond their heads.
use std::num::NonZeroU8;

use super::UNKNOWN;
use super::batch::Outgoing;
use super::connect::connect_reply;
use super::gather::{Fill, Gathered, gather};
use super::session::Session;
use crate::arena::Id;
use crate::config::Gap;
use crate::conn::{Conn, Connect, Phase};
use crate::dialect::bayeux::style;
use crate::dialect::bayeux::write::{Advice, Reply};
use crate::dialect::{Batch, DialectId, News};
use crate::hub::{Hub, Lost};
use crate::machine::deliver::Delivery;
use crate::machine::frames::{Frame, Way, Wrap};
use crate::machine::websocket::DEFLATED_BEHIND_MAX;
use crate::time::Moment;
use crate::wire::ws::{Opcode, frame};

/// Messages for one session, as they are said.
#[derive(Default)]
pub(super) struct Events<'a> {
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
        let acks = self.sessions.get(sid)?.acks.is_some();
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
            is_short: self.is_short_now(),
        };
        let mut events = std::mem::take(&mut self.sessions.events);
        events.clear();
        let gathered = gather(hub, self.sessions.get(sid)?, fill, &mut events);
        let moves = gathered.moves.clone();
        if gathered.is_news() {
            if gathered.gap.is_some() && self.config.bayeux.gap == Gap::Rehandshake {
                self.count_gap(&gathered);
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
        let acks = self.sessions.get(sid).is_some_and(|session| session.acks.is_some());
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
        if gathered.gap.is_some() {
            let mut gap = Vec::new();
            gathered.write_gap(&mut gap);
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
        gathered.write_gap(&mut gap);
        let shared = self.shared_events(hub, &gathered, 0, Wrap::Bare);
        let batch = self.sessions.number(sid, hub, &gathered);
        self.answer_wire(conn, id, (sid, batch), &connect, Events { own: [&gap, events], shared });
        self.note(sid, &gathered, batch);
    }

    /// Says the reply to a connect behind these events; it has this number, if the client acknowledges them.
    pub(super) fn answer_wire(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        (sid, batch): (Id<Session>, Option<u64>),
        connect: &Connect,
        events: Events<'_>,
    ) {
        let mut replies = std::mem::take(&mut self.sessions.replies_of_connects);
        replies.clear();
        let setting = (self.config, self.post.now);
        connect_reply(self.sessions, setting, (sid, batch), connect, &mut replies);
        let Events { own, shared } = events;
        self.say_batch_over(conn, id, Outgoing { events: own, shared, replies: &replies, cookie: None });
        self.sessions.replies_of_connects = replies;
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
        self.sessions.detach(sid, self.post.now, Moment::NEVER);
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
        let way = Way { prefix: gathered.prefix, ..Way::new(DialectId::Bayeux, style, wrap) };
        let news = [News::Messages(Batch::new(hub.peek(channel)?, from, to, hub))];
        Some(self.frames.shared((channel, from, to, Lost::Nothing), way, &news))
    }

    /// Says a batch as one message.
    pub(super) fn say_batch_over(&mut self, conn: &mut Conn, id: Id<Conn>, batch: Outgoing<'_>) {
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
