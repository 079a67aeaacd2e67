//! WebSockets at locations of the push module: how they begin and end (`protocols/push-module.md`, section 5.5).
//! Knows nothing of what is sent by them.
use std::num::NonZeroU8;

use super::next_ping;
use crate::arena::Id;
use crate::conn::{Booth, Conn, Manner, Phase, Right, Role, WebSocket};
use crate::dialect::push::{META, plan, socket_style};
use crate::dialect::{DialectId, Outlet, Refusal, Request, Tongue, Voice, Watch};
use crate::hub::is_private;
use crate::machine::deliver::Delivery;
use crate::machine::heads::allow_origin;
use crate::machine::{Errand, Machine};
use crate::wire::http1::Status;
use crate::wire::http1::response::{End, HeadWriter};
use crate::wire::ws::handshake::{Asked, Deflate};
use crate::wire::ws::{CloseCode, frame};

/// What a client is told whose channels have all been deleted.
pub(super) const GONE: (CloseCode, &str) = (CloseCode::GOING_AWAY, "410 Gone");
/// What one is told who gives way to another.
pub(super) const REPLACED: (CloseCode, &str) = (CloseCode::POLICY, "409 Conflict");
/// What one is told who has been there for as long as it may.
const OVER: (CloseCode, &str) = (CloseCode::NORMAL, "408 Request Timeout");

/// A WebSocket that is to begin, when an application lets it.
#[derive(Debug)]
pub(crate) struct Entering {
    /// The value of `Sec-WebSocket-Accept`.
    accept: String,
    /// The subprotocol that is agreed on.
    subprotocol: Option<&'static str>,
    /// The compression that is agreed on.
    deflate: Option<Deflate>,
    /// What is read.
    pub(in crate::machine) watch: Option<Box<Watch>>,
    /// Where messages go.
    pub(super) outlet: Option<Box<Outlet>>,
    /// An application has been asked, and lets it.
    pub(in crate::machine) authorized: bool,
    /// Milliseconds after which it is asked for a sign of life, where the location says that.
    ping_ms: Option<u64>,
}

impl Entering {
    /// Names of the channels that it is about.
    pub(in crate::machine) fn names(&self) -> &[String] {
        let written = || self.outlet.as_ref().map_or(&[][..], |outlet| &outlet.posting.channels);
        self.watch.as_ref().map_or_else(written, |watch| &watch.channels)
    }

    /// Bytes that it takes besides those.
    pub(in crate::machine) fn bytes(&self) -> usize {
        self.accept.len() + self.outlet.as_ref().map_or(0, |outlet| outlet.bytes())
    }
}

impl Machine {
    /// Answers a handshake at a location; an application may have to be asked first.
    pub(super) fn enter(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        request: &Request<'_, '_>,
        asked: Asked<'_, '_>,
    ) {
        let subprotocol = asked.subprotocol(Tongue::Push.talker().subprotocols());
        let voice = Voice::new(DialectId::Push, 0);
        let plan = match plan(request, subprotocol == Some(META), &self.config) {
            Ok(plan) => plan,
            Err(refusal) => return self.refuse(id, manner, &voice, &refusal),
        };
        let deflate = self.agree(asked.deflate).filter(|_| plan.compression);
        let (watch, outlet, ping_ms) = (plan.watch, plan.outlet, plan.ping_ms);
        if let Err(refusal) = self.check_rights(id, watch.is_some(), outlet.is_some()) {
            return self.refuse(id, manner, &voice, &refusal);
        }
        let accept = asked.accept;
        let entering =
            Box::new(Entering { accept, subprotocol, deflate, watch, outlet, authorized: false, ping_ms });
        let role = request.role;
        match plan.hooks {
            Some(hooks) => self.ask_first(id, role, (manner, voice), hooks, Errand::Enter(entering)),
            None => self.let_in(id, role, manner, voice, *entering),
        }
    }

    /// Whether whoever comes in by the control socket may do what a WebSocket is for.
    fn check_rights(&self, id: Id<Conn>, reads: bool, writes: bool) -> Result<(), Refusal> {
        let Some(rights) = self.conns.get(id).map(|conn| conn.role.rights()) else { return Ok(()) };
        let may = |is_wanted: bool, right| !is_wanted || rights.has(right);
        if may(reads, Right::Read) && may(writes, Right::Write) { Ok(()) } else { Err(Refusal::Rights) }
    }

    /// Begins a WebSocket at a location.
    pub(in crate::machine) fn let_in(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        voice: Voice,
        entering: Entering,
    ) {
        let Entering { accept, subprotocol, deflate, watch, outlet, authorized, ping_ms } = entering;
        let booth = Booth { sub: None, authorized, outlet, asked: None, verdict: None, ping_ms, bytes: 0 };
        let bytes = size_of::<Booth>() + booth.outlet.as_ref().map_or(0, |outlet| outlet.bytes());
        if self.is_draining() {
            return self.say_no(id, manner, Status::UNAVAILABLE, &[], super::upgrade::LEAVING);
        }
        if booth.outlet.as_ref().is_some_and(|outlet| outlet.location.is_none()) {
            // There is another configuration since its application was asked.
            return self.refuse(id, manner, &voice, &Refusal::NotFound);
        }
        let written = booth.outlet.iter().flat_map(|outlet| &outlet.posting.channels);
        let is_shut = self.is_shut(role, &booth);
        let admitted = if is_shut || role != Role::Admin && written.into_iter().any(|name| is_private(name)) {
            Err(Refusal::Publish)
        } else if self.is_short_of(bytes) {
            Err(Refusal::Memory)
        } else {
            watch.as_ref().map(|watch| self.admit_watcher(role, watch)).transpose()
        };
        let places = match admitted {
            Ok(places) => places,
            Err(refusal) => return self.refuse(id, manner, &voice, &refusal),
        };
        if !self.may_wait(id) {
            return;
        }
        let Self { conns, post, head: out, config, date, heads, .. } = self;
        let Some(conn) = conns.get_mut(id) else { return };
        out.clear();
        let mut writer = HeadWriter::begin(out, Status::SWITCHING_PROTOCOLS, date)
            .field("Upgrade", "websocket")
            .field("Connection", "Upgrade")
            .field("Sec-WebSocket-Accept", &accept);
        if let Some(subprotocol) = subprotocol {
            writer = writer.field("Sec-WebSocket-Protocol", subprotocol);
        }
        if let Some(deflate) = deflate {
            writer = writer.field("Sec-WebSocket-Extensions", &deflate.answer());
        }
        allow_origin(writer, manner.origin, &config.http, heads.askers.of(id)).end(End::Close, true);
        post.say(conn, id, out);
        let window = deflate.and_then(|deflate| NonZeroU8::new(deflate.window));
        let mut socket = WebSocket::new(Tongue::Push, window);
        socket.style = socket_style(subprotocol == Some(META));
        socket.ping_at = next_ping(post.now, ping_ms.unwrap_or(config.websocket.ping_ms));
        socket.booth = Some(Box::new(Booth { bytes, ..booth }));
        conn.deadline = socket.deadline();
        conn.phase = Phase::WebSocket(Box::new(socket));
        post.rearm(conn, id);
        self.scratch.open += 1;
        self.scratch.booths_bytes += bytes;
        self.counters.websockets_opened += 1;
        if let (Some(mut watch), Some(places)) = (watch, places) {
            self.counters.subscribed += 1;
            let sub = self.join_places(id, &watch, &places);
            if let Some(booth) = self.booth_mut(id) {
                booth.sub = sub;
            }
            if let (Some(sub), Some(follow)) = (sub, watch.follow.take()) {
                self.follow(sub, follow);
            }
        }
    }

    pub(super) fn booth_mut(&mut self, id: Id<Conn>) -> Option<&mut Booth> {
        self.websocket_mut(id)?.booth.as_deref_mut()
    }

    /// Takes back what a WebSocket at a location held that is one no more.
    pub(super) fn bury_booth(&mut self, booth: Booth) {
        self.scratch.booths_bytes -= booth.bytes;
        if let Some(sub) = booth.sub {
            self.hub.leave(sub, self.post.now);
        }
        if let Some(asked) = booth.asked {
            self.held_bytes -= asked.bytes.len();
            self.give_up_question(asked.hook);
        }
    }

    /// Ends a WebSocket at a location because of what its client has sent.
    pub(in crate::machine) fn turn_away(&mut self, id: Id<Conn>, refusal: &Refusal) {
        self.count_refusal(refusal);
        let (code, words) = match refusal {
            Refusal::HookFailed => (CloseCode::INTERNAL, "502 Bad Gateway"),
            Refusal::HookTooSlow => (CloseCode::INTERNAL, "504 Gateway Timeout"),
            Refusal::Forbidden | Refusal::Publish => (CloseCode::POLICY, "403 Forbidden"),
            Refusal::TooFast => (CloseCode::TRY_AGAIN, refusal.words()),
            refusal if refusal.status() == Status::UNAVAILABLE => (CloseCode::TRY_AGAIN, refusal.words()),
            refusal => (CloseCode::POLICY, refusal.words()),
        };
        let has_said = self.websocket(id).is_none_or(WebSocket::is_closing);
        self.end_websocket(id, (!has_said).then_some((Some(code), words)));
    }
}

impl Delivery<'_> {
    /// Tells a WebSocket at a location why it is over; whoever calls this lets its subscription leave the hub.
    pub(super) fn close_booth(&mut self, conn: &mut Conn, id: Id<Conn>, why: (CloseCode, &str)) {
        let Phase::WebSocket(socket) = &mut conn.phase else { return };
        if let Some(booth) = &mut socket.booth {
            booth.sub = None;
        }
        if socket.is_closing() {
            return;
        }
        self.counters.conflicts += u64::from(why == REPLACED);
        socket.close_by = self.post.now.after_ms(self.config.websocket.close_ms_max);
        conn.deadline = socket.deadline();
        self.head.clear();
        frame::close(Some(why.0), why.1, self.head);
        self.post.say(conn, id, self.head);
        self.post.rearm(conn, id);
    }

    /// The same for one who gives way, or whose time is over.
    pub(in crate::machine) fn send_booth_away(&mut self, conn: &mut Conn, id: Id<Conn>, refusal: &Refusal) {
        self.close_booth(conn, id, if matches!(refusal, Refusal::Over) { OVER } else { REPLACED });
    }
}
