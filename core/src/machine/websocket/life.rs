//! How long a WebSocket lives: signs of life, closes on either side, and what it gives back in the end.
//! Knows nothing of messages.
use super::next_ping;
use crate::arena::Id;
use crate::conn::{Conn, Phase, WebSocket};
use crate::machine::Machine;
use crate::time::Moment;
use crate::wire::ws::{CloseCode, Fault, Opcode, frame};

impl Machine {
    /// A moment has come at which something is due.
    pub(in crate::machine) fn tend_websocket(&mut self, id: Id<Conn>) {
        let now = self.post.now;
        if self.websocket(id).and_then(|socket| socket.wire.as_ref()).is_some_and(|wire| now >= wire.until) {
            self.counters.noops += 1;
            self.end_wire_connect(id);
        }
        let config = &self.config.websocket;
        let (ping_ms, pong_ms_max) = (config.ping_ms, config.pong_ms_max);
        let Self { conns, post, head, .. } = self;
        let Some(conn) = conns.get_mut(id) else { return };
        let Phase::WebSocket(socket) = &mut conn.phase else { return };
        if now >= socket.close_by {
            self.counters.websocket_closes_unanswered += 1;
            return self.end_websocket(id, None);
        }
        if now >= socket.message_by {
            return self.fail(id, Fault::TooSlow);
        }
        if now >= socket.pong_by {
            self.counters.websocket_pongs_missed += 1;
            self.hub.note_sent_away(id.to_bits(), "it gave no sign of life when it was asked for one", now);
            self.release_websocket(id);
            let Some(conn) = self.conns.get_mut(id) else { return };
            return self.post.cut(conn, id);
        }
        let asks = now >= socket.ping_at && conn.outbox.is_empty();
        if asks {
            (socket.ping_at, socket.pong_by) = (Moment::NEVER, now.after_ms(pong_ms_max));
        } else if now >= socket.ping_at {
            // It has something to take, and is cut if it does not.
            socket.ping_at = next_ping(now, socket.ping_ms(ping_ms));
        }
        conn.deadline = socket.deadline();
        if asks {
            head.clear();
            frame::whole(Opcode::Ping, b"", head);
            post.say(conn, id, head);
        }
        post.rearm(conn, id);
    }

    /// Fails a connection: it is told why, and nothing more is read from it (RFC 6455, section 7.1.7).
    pub(in crate::machine) fn fail(&mut self, id: Id<Conn>, fault: Fault) {
        let counter = match fault {
            Fault::FrameTooLarge => &mut self.counters.websocket_frames_too_large,
            Fault::MessageTooLarge => &mut self.counters.websocket_messages_too_large,
            Fault::TooSlow => &mut self.counters.websocket_messages_too_slow,
            Fault::TooManyControls => &mut self.counters.websocket_controls_flooded,
            Fault::Memory => &mut self.counters.memory_refused,
            // The dialect has counted it.
            Fault::TooMuch(_) => &mut 0,
            Fault::Protocol(_) | Fault::NotUtf8 | Fault::NotDeflate | Fault::Binary | Fault::Nonsense(_) => {
                &mut self.counters.websocket_faults
            }
        };
        *counter += 1;
        let has_said = self.websocket(id).is_none_or(WebSocket::is_closing);
        let words = fault.to_string();
        self.end_websocket(id, (!has_said).then_some((Some(fault.code()), &words)));
    }

    /// Ends a WebSocket when what waits for it is sent, and a close if there is one to say.
    pub(in crate::machine) fn end_websocket(
        &mut self,
        id: Id<Conn>,
        close: Option<(Option<CloseCode>, &str)>,
    ) {
        self.release_websocket(id);
        let Self { conns, post, head, .. } = self;
        let Some(conn) = conns.get_mut(id) else { return };
        if let Some((code, reason)) = close {
            head.clear();
            frame::close(code, reason, head);
            post.say(conn, id, head);
        }
        post.hang_up(conn, id);
    }

    /// The server is on its way out: the client is told behind what waits for it, and may answer.
    pub(in crate::machine) fn say_goodbye(&mut self, id: Id<Conn>) {
        let close_by = self.post.now.after_ms(self.config.websocket.close_ms_max);
        let Some(socket) = self.websocket_mut(id) else { return };
        if socket.is_closing() || socket.held.is_some() || socket.is_asking() {
            // What it is in the middle of comes first.
            return;
        }
        socket.close_by = close_by;
        let seats = std::mem::take(&mut socket.seats);
        let read = socket.booth.as_mut().and_then(|booth| booth.sub.take());
        for sub in seats.into_iter().map(|seat| seat.sub).chain(read) {
            self.hub.leave(sub, self.post.now);
        }
        self.unwire(id);
        let Self { conns, post, head, .. } = self;
        let Some(conn) = conns.get_mut(id) else { return };
        head.clear();
        frame::close(Some(CloseCode::GOING_AWAY), "the server is going away", head);
        post.say(conn, id, head);
        conn.deadline = close_by;
        post.rearm(conn, id);
    }

    /// Takes back all that a WebSocket holds, if it is one; what comes now must end the connection.
    pub(in crate::machine) fn release_websocket(&mut self, id: Id<Conn>) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if !matches!(conn.phase, Phase::WebSocket(_)) {
            return;
        }
        if let Phase::WebSocket(socket) = std::mem::replace(&mut conn.phase, Phase::Closing) {
            self.bury_websocket(*socket);
        }
    }

    /// Takes back what a WebSocket held that is one no more.
    pub(in crate::machine) fn bury_websocket(&mut self, mut socket: WebSocket) {
        for seat in std::mem::take(&mut socket.seats) {
            self.hub.leave(seat.sub, self.post.now);
        }
        if socket.message.capacity() > 0 {
            self.post.pool.give_back(std::mem::take(&mut socket.message));
        }
        if let Some(wire) = socket.wire {
            self.bury_wire(&wire);
            self.scratch.wires -= 1;
        }
        if let Some(held) = socket.held {
            self.held_bytes -= held.bytes.len();
        }
        if let Some(booth) = socket.booth {
            self.bury_booth(*booth);
        }
        self.scratch.open -= 1;
    }
}
