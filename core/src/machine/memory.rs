//! The account of memory: what is used, by kind, and whether there is room for more.
//! Knows nothing of what is refused when there is none.
use super::Machine;
use crate::arena::{Arena, Id};
use crate::conn::Conn;
use crate::hub::Subscription;

/// Where the memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Messages kept.
    pub history_bytes: usize,
    /// Blocks that hold half requests and unsent answers, spare ones included; and publishes that wait.
    pub blocks_bytes: usize,
    /// Shared frames on their way.
    pub frames_bytes: usize,
    /// Tables of connections, channels, subscriptions and timers.
    pub tables_bytes: usize,
}

impl Memory {
    /// All of it.
    pub fn total_bytes(&self) -> usize {
        self.history_bytes + self.blocks_bytes + self.frames_bytes + self.tables_bytes
    }
}

impl Machine {
    /// Where the memory is, counted exactly; walks over all channels.
    pub fn memory(&self) -> Memory {
        Memory {
            history_bytes: self.hub.history_bytes(),
            blocks_bytes: self.post.pool.bytes() + self.held_bytes + self.hooks.bytes(),
            frames_bytes: self.frames.bytes(),
            tables_bytes: self.hub.table_bytes() + self.own_tables(),
        }
    }

    pub(super) fn own_tables(&self) -> usize {
        // A subscription of a WebSocket takes less than this.
        let parked = (self.hub.subscribers() - self.sessions.seats()) * size_of::<crate::conn::Parked>();
        let websockets = self.scratch.open * size_of::<crate::conn::WebSocket>()
            + self.scratch.wires * size_of::<crate::conn::Wire>()
            + self.scratch.booths_bytes;
        self.conns.len() * Arena::<Conn>::slot_bytes()
            + self.post.wheel.bytes()
            + self.watching_until.len() * size_of::<(u64, (Id<Conn>, Id<Subscription>))>()
            + self.post.pieces.bytes()
            + self.sessions.bytes()
            + self.bearers.bytes()
            + self.heads.askers.bytes()
            + self.once.bytes()
            + self.silence.bytes()
            + parked
            + websockets
    }

    pub(super) fn count_tables(&self) -> usize {
        self.hub.quick_table_bytes() + self.own_tables()
    }

    /// Bytes in use, tables as of the beginning of this turn, but for those that are lent beyond the limit.
    pub(super) fn used_bytes(&self) -> usize {
        let buffers =
            self.post.pool.lent_bytes() + self.frames.bytes() + self.held_bytes + self.hub.many_bytes();
        let buffers = (buffers + self.hooks.bytes()).saturating_sub(self.loans.bytes());
        self.tables_bytes + self.hub.history_bytes() + buffers
    }

    /// Whether so many bytes more would be too many.
    pub(super) fn is_short_of(&self, bytes: usize) -> bool {
        self.used_bytes().saturating_add(bytes) > self.config.limits.memory_bytes_max
    }
}
