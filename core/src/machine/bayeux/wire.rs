//! Sessions on WebSockets: what comes is answered message by message, and what a session lacks is pushed, whether a connect
//! waits or not (`protocols/bayeux.md`, section 12). With acknowledgements it waits for a connect, as over HTTP.
//! Knows nothing of how messages are gathered and handed over.
use super::batch::Outgoing;
use super::client_id::ClientId;
use super::connect::connect_reply;
use super::handover::Events;
use super::long::SLICE;
use super::session::Session;
use super::{Done, Speaker};
use crate::arena::Id;
use crate::conn::{Conn, Connect, Manner, OriginRef, Phase, Role, Wire};
use crate::dialect::bayeux::message::{self, NoBatch};
use crate::dialect::{DialectId, Talk, Voice};
use crate::hub::Channel;
use crate::machine::Machine;
use crate::time::Moment;
use crate::wire::ws::Fault;

/// How a WebSocket would be answered over HTTP: it is not.
const MANNER: Manner =
    Manner { is_11: true, keep_alive: true, head_only: false, bare: false, origin: OriginRef::None };

/// What a batch came to.
pub(in crate::machine) enum Spoken {
    /// It is done.
    Done,
    /// It has not been begun, or a part of it is done: listeners of this channel have to be served before, or those of all.
    Waits(Option<Id<Channel>>),
}

impl Machine {
    /// Serves a batch of messages that came over a WebSocket.
    ///
    /// # Errors
    /// It is none, and the connection is to be closed.
    pub(in crate::machine) fn talk_over(&mut self, id: Id<Conn>, talk: &Talk<'_>) -> Result<Spoken, Fault> {
        if let Some(long) = self.wire_mut(id).and_then(|wire| wire.long.take()) {
            return Ok(self.go_on_over(id, talk, long));
        }
        let limits = &self.config.limits;
        let texts = talk.texts.iter().map(|text| &**text);
        let most = limits.bayeux_batch_messages_max.min(SLICE);
        let batch = match message::read(texts, most, limits.bayeux_json_depth_max) {
            Ok(batch) => batch,
            // Clients of Faye's have used it as a ping.
            Err(NoBatch::Empty) => {
                self.say_message(id, b"[]", true);
                return Ok(Spoken::Done);
            }
            Err(NoBatch::Length) => return self.talk_long_over(id, talk),
            Err(why) => return Err(self.no_wire_batch(why)),
        };
        if let Some(at) = self.crowded_by(&batch) {
            return Ok(Spoken::Waits(Some(at)));
        }
        self.speak_over(id, |machine, speaker, replies| {
            machine.do_batch(speaker, &batch, batch.len() == 1, replies);
        });
        Ok(Spoken::Done)
    }

    /// What a socket is closed with for a message that is no batch.
    pub(super) fn no_wire_batch(&mut self, why: NoBatch) -> Fault {
        let words = self.no_batch(why);
        if why == NoBatch::Json { Fault::Nonsense(words) } else { Fault::TooMuch(words) }
    }

    /// Has messages done for whoever speaks on a WebSocket, and says their replies.
    pub(super) fn speak_over(
        &mut self,
        id: Id<Conn>,
        speak: impl FnOnce(&mut Self, &mut Speaker<'_>, &mut Vec<u8>),
    ) {
        let browser = self.wire_mut(id).and_then(|wire| wire.browser.clone());
        // Who had no cookie when it began, and was given none, has none now.
        let is_foreign = browser.is_none();
        let cookie = browser.as_deref();
        let talk = Talk { texts: Vec::new(), is_call: false, is_foreign, may_post: true, cookie };
        let voice = Voice::new(DialectId::Bayeux, 0);
        let mut speaker =
            Speaker { conn: id, role: Role::Front, manner: MANNER, voice: &voice, talk: &talk, cookie: None };
        let mut replies = std::mem::take(&mut self.sessions.replies);
        replies.clear();
        speak(self, &mut speaker, &mut replies);
        let (mut delivery, conns, _) = self.delivery();
        if let Some(conn) = conns.get_mut(id)
            && !replies.is_empty()
        {
            delivery.say_batch_over(conn, id, Outgoing::replies(&replies));
        }
        self.sessions.replies = replies;
    }

    /// The cookie for a browser that begins a WebSocket without one, if sessions are bound to browsers: later there is no
    /// head that could carry it.
    pub(in crate::machine) fn browser_cookie(&mut self, shown: Option<&str>) -> Option<String> {
        if !self.knows_browsers() || shown.and_then(ClientId::read).is_some() {
            return None;
        }
        Some(self.draw_id().as_str().to_owned())
    }

    pub(super) fn wire_mut(&mut self, id: Id<Conn>) -> Option<&mut Wire> {
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
        let acks = self.sessions.get(sid).is_some_and(|session| session.acks.is_some());
        // Of a client that acknowledges, messages wait for a connect that comes alone.
        if !acks || hold_ms.is_some() {
            self.hand_over_now(sid);
            self.settle_sessions();
        }
        let waits = until < Moment::NEVER;
        let Some(wire) = self.wire_mut(id) else { return Done::Answered };
        if !waits && let Some(connect) = wire.connect.take() {
            let now = self.post.now;
            let batch = self.sessions.repeated(sid);
            connect_reply(&mut self.sessions, (&self.config, now), (sid, batch), &connect, out);
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
            let batch = delivery.sessions.repeated(sid);
            delivery.answer_wire(conn, id, (sid, batch), &connect, Events::default());
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
