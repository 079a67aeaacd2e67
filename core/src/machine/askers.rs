//! The origins that answers name because their requests did, where no list has them.
//! Knows nothing of who may ask.
use hashbrown::HashMap;

use crate::arena::Id;
use crate::conn::Conn;
use crate::hub::Seed;

/// What the last request of a connection said it came from. Only connections of pages of other origins, at locations, have one.
pub(super) struct Askers {
    table: HashMap<u64, Box<str>, Seed>,
    /// Bytes of the origins.
    bytes: usize,
}

impl Askers {
    pub(super) fn new(seed: Seed) -> Self {
        Self { table: HashMap::with_hasher(seed), bytes: 0 }
    }

    /// Remembers it, until another request of the connection says something else.
    pub(super) fn note(&mut self, id: Id<Conn>, origin: &str) {
        if self.table.get(&id.to_bits()).is_some_and(|known| **known == *origin) {
            return;
        }
        self.bytes += origin.len();
        if let Some(before) = self.table.insert(id.to_bits(), origin.into()) {
            self.bytes -= before.len();
        }
    }

    /// The origin that this connection's answers name; empty if there is none.
    pub(super) fn of(&self, id: Id<Conn>) -> &str {
        self.table.get(&id.to_bits()).map_or("", |origin| &**origin)
    }

    /// The connection is no more.
    pub(super) fn forget(&mut self, id: Id<Conn>) {
        if self.table.is_empty() {
            return;
        }
        if let Some(origin) = self.table.remove(&id.to_bits()) {
            self.bytes -= origin.len();
        }
    }

    /// Bytes, for the account of memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.table.len() * size_of::<(u64, Box<str>)>()
    }
}
