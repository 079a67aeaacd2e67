//! The one road by which bytes reach a connection's outbox, and by which the shell hears of it.
//! Knows nothing of what is said. Whoever wants to say something comes through here, so no bytes lie unannounced.
use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

use super::Hook;
use super::frames::Frame;
use crate::arena::Id;
use crate::bytes::outbox::Pieces;
use crate::bytes::pool::{BLOCK_BYTES, Pool};
use crate::conn::{Conn, Phase};
use crate::limits::Limits;
use crate::time::Moment;
use crate::wheel::Wheel;

/// What the shell must do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Todo {
    /// Bytes wait for this connection: transmit, write and report until nothing waits or the kernel would block.
    Write(Id<Conn>),
    /// Reading had stopped for want of room; there is room again, and edge-triggered events do not repeat themselves.
    Read(Id<Conn>),
    /// Everything has been sent: shut the sending side, and go on reading until the peer ends or [`Todo::Close`] comes.
    Shutdown(Id<Conn>),
    /// Ask an application: see [`crate::Machine::hook`], and say [`crate::Machine::hook_answered`].
    Hook(Id<Hook>),
    /// Nobody waits any more for what an application says to this.
    Unhook(Id<Hook>),
    /// Read the configuration again, and say [`crate::Machine::reloaded`] in this turn.
    Reload(Id<Conn>),
    /// End, as a signal would have it.
    Stop,
    /// Save the last values of keys: see [`crate::Machine::begin_saving`].
    Save,
    /// Close the socket, and say [`crate::Machine::closed`].
    Close(Id<Conn>),
}

/// Outboxes, timers of connections, and wishes.
pub(super) struct Post {
    pub(super) pieces: Pieces,
    pub(super) pool: Pool,
    pub(super) todo: VecDeque<Todo>,
    pub(super) wheel: Wheel<Id<Conn>>,
    pub(super) now: Moment,
    pub(super) stall_ms: u64,
    pub(super) least_bytes: u32,
    pub(super) linger_ms: u64,
}

impl Post {
    pub(super) fn new(now: Moment, limits: &Limits) -> Self {
        Self {
            pieces: Pieces::default(),
            pool: Pool::default(),
            todo: VecDeque::new(),
            wheel: Wheel::default(),
            now,
            stall_ms: limits.write_stall_ms_max,
            least_bytes: limits.write_least_bytes,
            linger_ms: limits.linger_ms_max,
        }
    }

    /// Puts other limits in force.
    pub(super) fn set(&mut self, limits: &Limits) {
        self.stall_ms = limits.write_stall_ms_max;
        self.least_bytes = limits.write_least_bytes;
        self.linger_ms = limits.linger_ms_max;
    }

    /// Says shared bytes.
    pub(super) fn say_shared(&mut self, conn: &mut Conn, id: Id<Conn>, bytes: Bytes) {
        let was_empty = conn.outbox.is_empty();
        self.pieces.push_shared(&mut conn.outbox, bytes);
        self.announce(conn, id, was_empty);
    }

    /// Says a copy of these bytes.
    pub(super) fn say(&mut self, conn: &mut Conn, id: Id<Conn>, bytes: &[u8]) {
        let was_empty = conn.outbox.is_empty();
        self.pieces.push_copy(&mut conn.outbox, bytes, &mut self.pool);
        self.announce(conn, id, was_empty);
    }

    /// Says a frame.
    pub(super) fn say_frame(&mut self, conn: &mut Conn, id: Id<Conn>, frame: Frame<'_>) {
        match frame {
            Frame::Shared(bytes) => self.say_shared(conn, id, bytes),
            Frame::Own(bytes) => self.say(conn, id, bytes),
        }
    }

    /// Says what `head` holds, then a frame, then `after`; `head` is written upon. What fits into the block that the head
    /// needs anyway is copied: one piece is one block and a shorter call.
    pub(super) fn say_around(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        head: &mut Vec<u8>,
        frame: Frame<'_>,
        after: &[u8],
    ) {
        match frame {
            Frame::Shared(bytes) if head.len() + bytes.len() + after.len() > BLOCK_BYTES => {
                self.say(conn, id, head);
                self.say_shared(conn, id, bytes);
                self.say(conn, id, after);
            }
            frame => {
                head.extend_from_slice(&frame);
                head.extend_from_slice(after);
                self.say(conn, id, head);
            }
        }
    }

    fn announce(&mut self, conn: &mut Conn, id: Id<Conn>, was_empty: bool) {
        if was_empty && !conn.outbox.is_empty() {
            (conn.progress, conn.taken) = (self.now, 0);
            self.rearm(conn, id);
        }
        if !conn.writing && !conn.outbox.is_empty() {
            conn.writing = true;
            self.todo.push_back(Todo::Write(id));
        }
    }

    /// What waits for a connection.
    pub(super) fn slices<'a>(&'a self, conn: &Conn, iov: &mut [IoSlice<'a>]) -> usize {
        self.pieces.slices(&conn.outbox, iov)
    }

    /// The kernel took `n` bytes.
    pub(super) fn sent(&mut self, conn: &mut Conn, n: usize) {
        self.pieces.sent(&mut conn.outbox, n, &mut self.pool);
        conn.taken = conn.taken.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        if conn.taken >= self.least_bytes {
            (conn.progress, conn.taken) = (self.now, 0);
        }
        if conn.outbox.is_empty() {
            conn.writing = false;
        }
    }

    /// Nothing more is read from this connection; it ends when what waits is sent.
    pub(super) fn hang_up(&mut self, conn: &mut Conn, id: Id<Conn>) {
        conn.inbox.clear(&mut self.pool);
        conn.phase = Phase::Closing;
        conn.deadline = Moment::NEVER;
        self.unpause(conn, id);
        if conn.outbox.is_empty() {
            self.shut(conn, id);
        } else {
            self.rearm(conn, id);
        }
    }

    /// What waited for a closing connection is sent.
    pub(super) fn shut(&mut self, conn: &mut Conn, id: Id<Conn>) {
        if conn.ended {
            self.todo.push_back(Todo::Close(id));
            return;
        }
        conn.phase = Phase::Lingering;
        conn.deadline = self.now.after_ms(self.linger_ms);
        self.todo.push_back(Todo::Shutdown(id));
        self.rearm(conn, id);
    }

    /// Ends a connection at once, whatever waits.
    pub(super) fn cut(&mut self, conn: &mut Conn, id: Id<Conn>) {
        conn.phase = Phase::Lingering;
        conn.deadline = Moment::NEVER;
        self.todo.push_back(Todo::Close(id));
    }

    /// There is room to read into again.
    pub(super) fn unpause(&mut self, conn: &mut Conn, id: Id<Conn>) {
        if std::mem::take(&mut conn.paused) {
            self.todo.push_back(Todo::Read(id));
        }
    }

    /// Sets the wheel to look at a connection no later than it is due.
    pub(super) fn rearm(&mut self, conn: &mut Conn, id: Id<Conn>) {
        let due = conn.due(self.stall_ms);
        if due < conn.armed {
            conn.armed = due;
            self.wheel.arm(due, id);
        }
    }

    /// Gives everything back that a connection held.
    pub(super) fn forget(&mut self, conn: &mut Conn) {
        self.pieces.clear(&mut conn.outbox, &mut self.pool);
        conn.inbox.clear(&mut self.pool);
    }
}
