//! The keyed hash behind every table whose keys come from strangers, and the table of channel names.
//! Knows nothing of what a name stands for.
use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use crate::arena::Id;
use crate::log::Sealer;

/// The key of the hash, drawn outside, so that nobody can choose names that collide, and a seed replays a world.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    low: u64,
    high: u64,
}

impl Seed {
    /// The key made of two words.
    pub fn new(low: u64, high: u64) -> Self {
        Self { low, high }
    }

    /// The two words, to be written down.
    pub(super) fn words(&self) -> [u64; 2] {
        [self.low, self.high]
    }

    /// What signs cursors: with words of its own, which tell nothing of these.
    pub fn sealer(&self) -> Sealer {
        let word = |number: u8| self.hash_one([b's', b'e', b'a', b'l', number]);
        Sealer::new(word(0), word(1))
    }

    /// What tells channels apart in a cursor, for nearly all of them.
    pub fn mark(&self, name: &str) -> u16 {
        self.hash_one(name) as u16
    }
}

impl BuildHasher for Seed {
    type Hasher = SipHasher13;
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.low, self.high)
    }
}

/// Finds ids by name without keeping the names a second time: the owner of the ids is asked for them.
pub struct Names<T> {
    table: HashTable<(u64, Id<T>)>,
    seed: Seed,
}

impl<T> Names<T> {
    /// No names yet.
    pub fn new(seed: Seed) -> Self {
        Self { table: HashTable::new(), seed }
    }

    fn hash(&self, name: &str) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write(name.as_bytes());
        hasher.finish()
    }

    /// The id for which `has_name` agrees, among those entered under `name`.
    pub fn find(&self, name: &str, mut has_name: impl FnMut(Id<T>) -> bool) -> Option<Id<T>> {
        let hash = self.hash(name);
        self.table.find(hash, |&(h, id)| h == hash && has_name(id)).map(|&(_, id)| id)
    }

    /// Enters an id under a name that has none.
    pub fn insert(&mut self, name: &str, id: Id<T>) {
        let hash = self.hash(name);
        self.table.insert_unique(hash, (hash, id), |&(h, _)| h);
    }

    /// Takes an id out.
    pub fn remove(&mut self, name: &str, id: Id<T>) {
        let hash = self.hash(name);
        if let Ok(entry) = self.table.find_entry(hash, |&(_, i)| i == id) {
            entry.remove();
        }
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes of the table.
    pub fn bytes(&self) -> usize {
        self.table.len() * (size_of::<(u64, Id<T>)>() + 1)
    }
}
