//! A connection after its upgrade: from bytes to messages, and everything that is refused before anybody asks what they mean.
//! Knows nothing of dialects.
mod booth;
mod life;
mod outlet;
mod review;
mod talk;
mod tell;
mod upgrade;

pub(crate) use booth::Entering;
pub(super) use tell::DEFLATED_BEHIND_MAX;

use super::Machine;
use super::deferred::{REQUESTS_A_TURN, at_once};
use crate::arena::Id;
use crate::conn::{Conn, Phase, WebSocket};
use crate::time::Moment;
use crate::wire::ws::deflate::Inflater;
use crate::wire::ws::reader::{Control, Found, Sizes, text};
use crate::wire::ws::{Fault, Opcode, frame};

/// Room that the scratch keeps from one message to the next; what a large one took more is given back.
const SCRATCH_BYTES: usize = 256 << 10;

/// Decompressed bytes that count as much as a request does when the turn's work is shared out.
const INFLATED_BYTES_A_REQUEST: usize = 1024;

/// What one message after the other is read into, of all connections.
#[derive(Default)]
pub(super) struct Scratch {
    message: Vec<u8>,
    inflated: Vec<u8>,
    inflater: Inflater,
    /// How many WebSockets there are.
    pub(super) open: usize,
    /// On how many of them Bayeux is spoken.
    pub(super) wires: usize,
    /// Bytes of what those at locations are for.
    pub(super) booths_bytes: usize,
}

impl Machine {
    /// Takes bytes of a WebSocket in, and does what its whole messages ask for.
    pub(super) fn take_frames(&mut self, id: Id<Conn>, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Phase::WebSocket(socket) = &mut conn.phase else { return };
        if !bytes.is_empty() {
            // Anything at all is a sign of life.
            socket.pong_by = Moment::NEVER;
            socket.ping_at = next_ping(self.post.now, socket.ping_ms(self.config.websocket.ping_ms));
        }
        let was_empty = conn.inbox.is_empty();
        if !was_empty || !self.may_read_frames(id) {
            self.keep(id, bytes);
        }
        if !self.may_read_frames(id) {
            return self.after_frames(id);
        }
        if was_empty {
            // The usual case: frames are read where they lie. What is left over is part of a head or of a control frame.
            let used = self.read_frames(id, bytes);
            if self.is_websocket(id) {
                self.keep(id, &bytes[used..]);
            }
        } else if let Some(conn) = self.conns.get_mut(id) {
            let mut taken = conn.inbox.take();
            let used = self.read_frames(id, taken.bytes());
            match self.conns.get_mut(id).filter(|conn| matches!(conn.phase, Phase::WebSocket(_))) {
                Some(conn) => conn.inbox.put_back(taken, used, &mut self.post.pool),
                None => taken.clear(&mut self.post.pool),
            }
        }
        self.after_frames(id);
    }

    fn is_websocket(&self, id: Id<Conn>) -> bool {
        self.websocket(id).is_some()
    }

    fn websocket(&self, id: Id<Conn>) -> Option<&WebSocket> {
        match &self.conns.get(id)?.phase {
            Phase::WebSocket(socket) => Some(socket),
            _ => None,
        }
    }

    fn websocket_mut(&mut self, id: Id<Conn>) -> Option<&mut WebSocket> {
        match &mut self.conns.get_mut(id)?.phase {
            Phase::WebSocket(socket) => Some(socket),
            _ => None,
        }
    }

    /// Whether the next message of a WebSocket may be looked at now.
    fn may_read_frames(&self, id: Id<Conn>) -> bool {
        self.conns.get(id).is_some_and(|conn| {
            let is_open = matches!(&conn.phase, Phase::WebSocket(socket) if !socket.is_asking());
            is_open && !conn.deferred && !self.is_clogged(conn)
        })
    }

    /// What a WebSocket is in after its bytes have been looked at.
    fn after_frames(&mut self, id: Id<Conn>) {
        let message_by = self.post.now.after_ms(self.config.websocket.message_ms_max);
        let (may_read, has_room) = (self.may_read_frames(id), self.room(id) > 0);
        let is_draining = self.is_draining();
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Phase::WebSocket(socket) = &mut conn.phase else { return };
        if !socket.reader.is_amid() {
            socket.message_by = Moment::NEVER;
        } else if socket.message_by == Moment::NEVER {
            socket.message_by = message_by;
        }
        if may_read && conn.ended {
            // What came whole has been answered, and nothing more will come.
            return self.end_websocket(id, None);
        }
        if may_read && is_draining && !socket.is_closing() {
            return self.say_goodbye(id);
        }
        conn.deadline = socket.deadline();
        self.post.rearm(conn, id);
        if has_room {
            self.post.unpause(conn, id);
        } else if !conn.paused {
            conn.paused = true;
            self.counters.pipelines_paused += 1;
        }
    }

    /// Reads frames until one must wait or none is whole; returns how many bytes are done with.
    fn read_frames(&mut self, id: Id<Conn>, bytes: &[u8]) -> usize {
        let mut scratch = std::mem::take(&mut self.scratch.message);
        scratch.clear();
        let used = self.read_frames_into(id, bytes, &mut scratch);
        if !scratch.is_empty() {
            // A message has begun that goes on in another read.
            let is_short = self.is_short_of(scratch.len());
            let Self { conns, post, .. } = self;
            if let Some(conn) = conns.get_mut(id)
                && let Phase::WebSocket(socket) = &mut conn.phase
            {
                if is_short {
                    self.fail(id, Fault::Memory);
                } else {
                    socket.message = post.pool.lend();
                    post.pool.extend(&mut socket.message, &scratch);
                }
            }
        }
        scratch.clear();
        scratch.shrink_to(SCRATCH_BYTES);
        self.scratch.message = scratch;
        used
    }

    /// The same; a message that has begun in these bytes stands in `scratch` when it is not whole.
    fn read_frames_into(&mut self, id: Id<Conn>, bytes: &[u8], scratch: &mut Vec<u8>) -> usize {
        let config = &self.config.websocket;
        let sizes = Sizes { frame_max: config.frame_bytes_max, message_max: config.message_bytes_max };
        let is_short = self.is_short_of(bytes.len());
        let mut used = 0;
        for _ in 0..at_once(self.deferred.len()) {
            if !self.may_read_frames(id) || self.served >= REQUESTS_A_TURN {
                break;
            }
            let Self { conns, post, .. } = self;
            let Some(conn) = conns.get_mut(id) else { break };
            let Phase::WebSocket(socket) = &mut conn.phase else { break };
            let (unread, may_deflate) = (&bytes[used..], socket.window.is_some());
            let is_kept = socket.message.capacity() > 0;
            if is_kept && is_short {
                self.fail(id, Fault::Memory);
                break;
            }
            let WebSocket { reader, message, .. } = &mut **socket;
            let read = if is_kept {
                post.pool.write(message, |message| reader.read(unread, message, may_deflate, sizes))
            } else {
                reader.read(unread, scratch, may_deflate, sizes)
            };
            let (n, found) = match read {
                Ok(read) => read,
                Err(fault) => {
                    self.fail(id, fault);
                    break;
                }
            };
            used += n;
            match found {
                Found::Nothing => return used,
                Found::Control(control) => self.hear_control(id, &control),
                Found::Message { is_text, is_deflated } if is_kept => {
                    let whole = std::mem::take(message);
                    self.hear_message(id, &whole, is_text, is_deflated);
                    self.post.pool.give_back(whole);
                }
                Found::Message { is_text, is_deflated } => {
                    self.hear_message(id, scratch, is_text, is_deflated);
                    scratch.clear();
                }
            }
            self.served += 1;
        }
        if !self.is_websocket(id) {
            scratch.clear();
            return bytes.len();
        }
        if used < bytes.len() && self.may_read_frames(id) {
            self.defer(id, None);
        }
        used
    }

    /// A whole message: decompressed and checked, it is for the dialect.
    fn hear_message(&mut self, id: Id<Conn>, message: &[u8], is_text: bool, is_deflated: bool) {
        self.counters.websocket_messages += 1;
        if !is_deflated {
            return self.hear(id, message, is_text);
        }
        let mut inflated = std::mem::take(&mut self.scratch.inflated);
        inflated.clear();
        let most = self.config.websocket.message_bytes_max;
        let outcome = self.scratch.inflater.inflate(message, most, &mut inflated);
        // A short message may become a long one: its share of the turn is what it has become.
        self.served += inflated.len() / INFLATED_BYTES_A_REQUEST;
        match outcome {
            Ok(()) => self.hear(id, &inflated, is_text),
            Err(fault) => self.fail(id, fault),
        }
        inflated.clear();
        inflated.shrink_to(SCRATCH_BYTES);
        self.scratch.inflated = inflated;
    }

    fn hear(&mut self, id: Id<Conn>, message: &[u8], is_text: bool) {
        if is_text && let Err(fault) = text(message) {
            return self.fail(id, fault);
        }
        if self.websocket(id).is_some_and(|socket| !socket.is_closing()) {
            self.act_on(id, message, is_text, 0);
        }
    }

    /// A control frame: pings are answered, a close is answered and ends it.
    fn hear_control(&mut self, id: Id<Conn>, control: &Control) {
        let most = self.config.websocket.control_frames_per_minute_max;
        let minute = self.post.now.0 / 60_000;
        let Some(socket) = self.websocket_mut(id) else { return };
        if socket.minute != minute {
            (socket.minute, socket.controls) = (minute, 0);
        }
        socket.controls += 1;
        let is_closing = socket.is_closing();
        if socket.controls > most {
            return self.fail(id, Fault::TooManyControls);
        }
        match control.opcode {
            Opcode::Ping if !is_closing => {
                self.head.clear();
                frame::whole(Opcode::Pong, control.payload(), &mut self.head);
                let Self { conns, post, head, .. } = self;
                if let Some(conn) = conns.get_mut(id) {
                    post.say(conn, id, head);
                }
            }
            Opcode::Close => match frame::close_code(control.payload()) {
                Ok(_) if is_closing => self.end_websocket(id, None),
                Ok(code) => self.end_websocket(id, Some((code, ""))),
                Err(fault) => self.fail(id, fault),
            },
            _ => {}
        }
    }
}

/// When somebody who has been heard now is to be asked for a sign of life.
fn next_ping(now: Moment, ping_ms: u64) -> Moment {
    if ping_ms == 0 { Moment::NEVER } else { now.after_ms(ping_ms) }
}
