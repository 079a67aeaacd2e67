//! From bytes to requests: heads, bodies, pipelines, and everything that is refused before anybody asks what it means.
//! Knows nothing of dialects.
use super::Machine;
use super::command::Command;
use super::deferred::{REQUESTS_A_TURN, at_once};
use crate::arena::Id;
use crate::conn::{Body, BodyFraming, Conn, Phase, Role};
use crate::wire::http1::chunked::Chunked;
use crate::wire::http1::head::{self, Framing};
use crate::wire::http1::response::CONTINUE;
use crate::wire::http1::{Method, Reject, Status};
use crate::wire::ws::Fault;

/// What is said to who could have been lent room for a request that comes in pieces, when so much is lent already.
const LENT: &str =
    "memory_bytes_max is reached, and admin_partial_bytes_max for requests in pieces: try again later";

/// What is said of a method that is known nowhere.
const UNKNOWN_METHOD: Reject =
    Reject::NotImplemented("the method is none of GET, HEAD, POST, PUT, DELETE, OPTIONS");

impl Machine {
    /// Takes bytes of a connection in, and serves every request that is whole.
    pub(super) fn take_in(&mut self, id: Id<Conn>, bytes: &[u8]) {
        self.take_in_request(id, bytes);
        if !self.loans.is_empty() {
            self.settle_loan(id);
        }
    }

    fn take_in_request(&mut self, id: Id<Conn>, bytes: &[u8]) {
        if let Some(Phase::WebSocket(_)) = self.conns.get(id).map(|conn| &conn.phase) {
            return self.take_frames(id, bytes);
        }
        let Some(used) = self.feed_body(id, bytes) else { return };
        let rest = &bytes[used..];
        // What was answered may have been the last.
        let Some(conn) = self.conns.get_mut(id).filter(|conn| !conn.is_over()) else { return };
        let was_empty = conn.inbox.is_empty();
        if !self.may_serve(id) {
            self.keep(id, rest);
            return;
        }
        let used = if was_empty {
            // The usual case: requests are read where they lie, and only an unfinished tail is copied.
            let (used, scanned) = self.serve_all(id, rest, 0);
            if self.conns.get(id).is_some_and(|conn| !conn.is_over()) && used < rest.len() {
                self.keep(id, &rest[used..]);
                if let Some(conn) = self.conns.get_mut(id) {
                    conn.inbox.scanned = scanned as u32;
                }
            }
            used
        } else {
            self.keep(id, rest);
            let Some(conn) = self.conns.get_mut(id).filter(|conn| !conn.is_over()) else { return };
            let mut taken = conn.inbox.take();
            let (used, scanned) = self.serve_all(id, taken.bytes(), taken.scanned as usize);
            match self.conns.get_mut(id).filter(|conn| !conn.is_over()) {
                Some(conn) => {
                    conn.inbox.put_back(taken, used, &mut self.post.pool);
                    conn.inbox.scanned = scanned as u32;
                }
                None => taken.clear(&mut self.post.pool),
            }
            used
        };
        if let Some(Phase::WebSocket(_)) = self.conns.get(id).map(|conn| &conn.phase) {
            // It has become one, and its first messages may stand behind the handshake.
            return self.take_frames(id, b"");
        }
        // With no bytes it is looked at again after it had to wait: the time that this took was not the peer's.
        self.after_reading(id, was_empty || used > 0 || bytes.is_empty());
    }

    /// Keeps bytes that cannot be understood yet, if the server has room for them or lends it; else the connection ends. Whether it
    /// has.
    pub(super) fn keep(&mut self, id: Id<Conn>, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let Some(lends) = self.lends(id, bytes.len()) else {
            self.end_for_memory(id, bytes);
            return false;
        };
        let Some(conn) = self.conns.get_mut(id) else { return false };
        let before = conn.inbox.capacity();
        conn.inbox.push(bytes, &mut self.post.pool);
        if lends {
            self.loans.grow(id, before, conn.inbox.capacity());
        }
        true
    }

    /// There is no memory for what a connection sends: it is told so if nothing else is being answered, and ends.
    fn end_for_memory(&mut self, id: Id<Conn>, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if matches!(conn.phase, Phase::WebSocket(_)) {
            return self.fail(id, Fault::Memory);
        }
        self.counters.memory_refused += 1;
        match &conn.phase {
            Phase::Parked(parked) => {
                let sub = parked.sub;
                self.post.cut(conn, id);
                self.hub.leave(sub, self.post.now);
            }
            Phase::Held(held) => {
                self.held_bytes -= held.post.bytes();
                self.post.cut(conn, id);
            }
            Phase::HeldTalk(held) => {
                self.held_bytes -= held.bytes;
                self.post.cut(conn, id);
            }
            Phase::Attached(_) => self.cut_attached(id),
            Phase::Hooked(_) => self.cut_hooked(id),
            Phase::Ordered(_) => self.post.cut(conn, id),
            Phase::Ready if conn.deferred => self.post.cut(conn, id),
            _ => {
                let is_entitled = self.conns.get(id).is_some_and(|conn| self.is_entitled(conn));
                let words = if is_entitled { LENT } else { "memory_bytes_max is reached: try again later" };
                let Some(conn) = self.conns.get_mut(id) else { return };
                let mut taken = conn.inbox.take();
                let unread = if taken.is_empty() { bytes } else { taken.bytes() };
                if self.begins_as_text(id, unread) {
                    self.refuse_text_for_memory(id);
                } else {
                    self.refuse_unread(id, Status::UNAVAILABLE, (words, words), unread);
                }
                taken.clear(&mut self.post.pool);
            }
        }
    }

    /// Whether the next request of a connection may be served now.
    fn may_serve(&self, id: Id<Conn>) -> bool {
        self.conns.get(id).is_some_and(|conn| {
            matches!(conn.phase, Phase::Ready) && !conn.deferred && !self.is_clogged(conn)
        })
    }

    /// What a connection is in after its bytes have been looked at; `anew` when what is left has only now begun.
    fn after_reading(&mut self, id: Id<Conn>, anew: bool) {
        let may_serve = self.may_serve(id);
        let has_room = self.room(id) > 0;
        let head_until = self.post.now.after_ms(self.config.limits.head_ms_max);
        let Some(conn) = self.conns.get_mut(id) else { return };
        if !matches!(conn.phase, Phase::Ready) || conn.deferred {
            // What was served has made room, and for a body there is room in any case; or there is none any more.
            if has_room {
                self.post.unpause(conn, id);
            } else if !conn.paused {
                conn.paused = true;
                self.counters.pipelines_paused += 1;
            }
            return;
        }
        if may_serve {
            if conn.ended {
                return self.end_of_input(id);
            }
            if anew && !conn.inbox.is_empty() {
                conn.deadline = head_until;
                self.post.rearm(conn, id);
            }
            self.post.unpause(conn, id);
        } else if !has_room && !conn.paused {
            // Answers wait that nobody takes: when they are taken, it must be said that there is room again.
            conn.paused = true;
            self.counters.pipelines_paused += 1;
        }
    }

    /// Serves requests from `bytes` until one must wait or none is whole; returns how many bytes are done with, and
    /// how far behind them the end of a head has been looked for.
    fn serve_all(&mut self, id: Id<Conn>, bytes: &[u8], mut scanned: usize) -> (usize, usize) {
        let mut used = 0;
        for _ in 0..at_once(self.deferred.len()) {
            if !self.may_serve(id) {
                return (used, 0);
            }
            if self.served >= REQUESTS_A_TURN {
                break;
            }
            if self.conns.get(id).is_some_and(|conn| matches!(conn.role, Role::Control(_))) {
                match self.serve_command(id, &bytes[used..], &mut scanned) {
                    Command::Http => {}
                    Command::More => return (used, scanned),
                    Command::Over => return (bytes.len(), 0),
                    Command::Served(n) => {
                        (used, scanned) = (used + n, 0);
                        self.served += 1;
                        continue;
                    }
                }
            }
            let empty = head::leading_empty_lines(&bytes[used..]);
            if empty > 0 {
                (used, scanned) = (used + empty, 0);
            }
            let unread = &bytes[used..];
            let end = head::find_end(unread, &mut scanned);
            if let Err(reject) = self.check_head_size(unread, end) {
                self.reject(id, reject, unread);
                return (bytes.len(), 0);
            }
            let Some(end) = end else { return (used, scanned) };
            scanned = 0;
            self.served += 1;
            match self.serve_next(id, unread, end) {
                Some(n) => used += n,
                None => return (bytes.len(), 0),
            }
        }
        if used < bytes.len() && self.may_serve(id) {
            self.defer(id, None);
        }
        (used, 0)
    }

    fn check_head_size(&self, unread: &[u8], end: Option<usize>) -> Result<(), Reject> {
        let limits = &self.config.limits;
        let so_far = end.unwrap_or(unread.len());
        if so_far <= limits.request_line_bytes_max {
            return Ok(());
        }
        let line = unread.iter().position(|&c| c == b'\n').unwrap_or(so_far);
        if line > limits.request_line_bytes_max {
            return Err(Reject::LineTooLong);
        }
        if so_far > limits.head_bytes_max { Err(Reject::HeadTooLarge) } else { Ok(()) }
    }

    /// Serves the request whose head is the first `end` bytes of `unread`, as far as it is there; returns how many
    /// bytes are done with, or `None` when the connection is ending.
    fn serve_next(&mut self, id: Id<Conn>, unread: &[u8], end: usize) -> Option<usize> {
        let mut table = head::header_table();
        let head = match head::parse(&unread[..end], &mut table, self.config.limits.headers_max) {
            Ok(head) => head,
            Err(reject) => {
                self.reject(id, reject, unread);
                return None;
            }
        };
        if head.method == Method::Other
            && self.conns.get(id).is_none_or(|conn| self.config.push.find(conn.role, &head).is_none())
        {
            self.reject(id, UNKNOWN_METHOD, unread);
            return None;
        }
        let behind = &unread[end..];
        let framing = match head.framing {
            Framing::Length(n) if n > self.config.limits.body_bytes_max as u64 => {
                self.reject(id, Reject::BodyTooLarge, unread);
                return None;
            }
            Framing::Length(n) => {
                let n = n as usize;
                if let Some(body) = behind.get(..n) {
                    self.serve_one(id, &head, body);
                    return Some(end + n);
                }
                BodyFraming::Length(n)
            }
            Framing::Chunked => BodyFraming::Chunked(Chunked::default()),
        };
        let waits = head.expects_continue;
        let body_until = self.post.now.after_ms(self.config.limits.body_ms_max);
        if !self.keep(id, &unread[..end]) {
            return None;
        }
        let conn = self.conns.get_mut(id)?;
        conn.phase = Phase::Body(Body { head: end, framing });
        conn.deadline = body_until;
        self.post.rearm(conn, id);
        if waits && behind.is_empty() {
            self.post.say(conn, id, CONTINUE);
        }
        Some(end + self.feed_body(id, behind)?)
    }

    /// Bytes of a body whose head came before go behind it, and the request is served when it is whole. Returns how
    /// many bytes were the body's, or `None` when the connection is over and its bytes do not matter.
    fn feed_body(&mut self, id: Id<Conn>, bytes: &[u8]) -> Option<usize> {
        let lends = match self.conns.get(id)?.phase {
            Phase::Body(_) => self.lends(id, bytes.len()),
            _ => Some(false),
        };
        let Some(lends) = lends else {
            self.end_for_memory(id, bytes);
            return None;
        };
        let conn = self.conns.get_mut(id)?;
        let body = match &mut conn.phase {
            Phase::Body(body) => body,
            Phase::Closing | Phase::Lingering => return None,
            Phase::Ready | Phase::Parked(_) | Phase::Held(_) | Phase::WebSocket(_) => return Some(0),
            Phase::Attached(_) | Phase::HeldTalk(_) | Phase::Hooked(_) | Phase::Ordered(_) => return Some(0),
        };
        let (inbox, pool) = (&mut conn.inbox, &mut self.post.pool);
        let before = inbox.capacity();
        let used = match &mut body.framing {
            BodyFraming::Length(left) => {
                let n = bytes.len().min(*left);
                *left -= n;
                inbox.push(&bytes[..n], pool);
                Ok(n)
            }
            BodyFraming::Chunked(chunked) => {
                let most = body.head + self.config.limits.body_bytes_max;
                chunked.decode(bytes, |data| {
                    let fits = inbox.len() + data.len() <= most;
                    if fits {
                        inbox.push(data, pool);
                    }
                    fits
                })
            }
        };
        if lends {
            self.loans.grow(id, before, inbox.capacity());
        }
        let whole = match &body.framing {
            BodyFraming::Length(left) => *left == 0,
            BodyFraming::Chunked(chunked) => chunked.is_done(),
        };
        let head_end = body.head;
        let used = match used {
            Ok(used) => used,
            Err(reject) => {
                self.reject_held(id, reject);
                return None;
            }
        };
        if whole {
            let mut taken = conn.inbox.take();
            conn.phase = Phase::Ready;
            let (head, body) = taken.bytes().split_at(head_end);
            let mut table = head::header_table();
            // It was parsed before, with the same outcome, when the body was not there yet.
            match head::parse(head, &mut table, self.config.limits.headers_max) {
                Ok(head) => self.serve_one(id, &head, body),
                Err(reject) => self.reject(id, reject, taken.bytes()),
            }
            taken.clear(&mut self.post.pool);
        }
        Some(used)
    }
}
