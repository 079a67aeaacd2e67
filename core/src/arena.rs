//! Tables whose entries are named by generational ids: a stale id finds nothing, never a stranger.
//! Knows nothing of what it holds.
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::num::NonZeroU32;

use slab::Slab;

/// Names an entry of an [`Arena<T>`]. Eight bytes, and so is an `Option` of it.
pub struct Id<T> {
    index: u32,
    generation: NonZeroU32,
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The id packed into one word, for the operating system's tokens.
    pub fn to_bits(self) -> u64 {
        (u64::from(self.generation.get()) << 32) | u64::from(self.index)
    }

    /// The id that was packed into `bits`; `None` for a word that never was one.
    pub fn from_bits(bits: u64) -> Option<Self> {
        let generation = NonZeroU32::new((bits >> 32) as u32)?;
        Some(Self { index: bits as u32, generation, of: PhantomData })
    }

    /// Whether it was given before this moment of its table; of what lies two billion entries back, nobody knows.
    pub fn is_before(self, moment: Generation) -> bool {
        (moment.0.get().wrapping_sub(self.generation.get()) as i32) > 0
    }

    /// The slot; unique among the living, used again after the dead.
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// A moment in the life of a table: see [`Arena::generation`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Generation(NonZeroU32);

/// A table with a limit.
pub struct Arena<T> {
    slots: Slab<(NonZeroU32, T)>,
    generation: NonZeroU32,
    limit: usize,
}

impl<T> Arena<T> {
    /// A table that holds `limit` entries at most.
    pub fn with_limit(limit: usize) -> Self {
        Self { slots: Slab::new(), generation: NonZeroU32::MIN, limit: limit.min(u32::MAX as usize) }
    }

    /// Changes the limit; what is there stays.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit.min(u32::MAX as usize);
    }

    /// The most entries the table takes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Adds an entry; `None` when the table is full.
    pub fn insert(&mut self, value: T) -> Option<Id<T>> {
        if self.slots.len() >= self.limit {
            return None;
        }
        let generation = self.generation;
        self.generation = generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let index = self.slots.insert((generation, value)) as u32;
        Some(Id { index, generation, of: PhantomData })
    }

    /// Now: whatever is in the table is older, and whatever comes is not.
    pub fn generation(&self) -> Generation {
        Generation(self.generation)
    }

    /// The entry, if it still lives.
    #[inline]
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        self.slots.get(id.index as usize).filter(|s| s.0 == id.generation).map(|s| &s.1)
    }

    /// The entry, to change it, if it still lives.
    #[inline]
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        self.slots.get_mut(id.index as usize).filter(|s| s.0 == id.generation).map(|s| &mut s.1)
    }

    /// Takes the entry out, if it still lives.
    pub fn remove(&mut self, id: Id<T>) -> Option<T> {
        self.get(id)?;
        Some(self.slots.remove(id.index as usize).1)
    }

    /// The id of whatever lives in slot `index` now, for walks that are done in slices.
    pub fn id_at(&self, index: usize) -> Option<Id<T>> {
        let slot = self.slots.get(index)?;
        Some(Id { index: index as u32, generation: slot.0, of: PhantomData })
    }

    /// How many slots have ever been in use at once: the end of a walk with [`Arena::id_at`].
    pub fn slots(&self) -> usize {
        self.slots.capacity()
    }

    /// Every entry with its id, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.slots
            .iter()
            .map(|(index, slot)| (Id { index: index as u32, generation: slot.0, of: PhantomData }, &slot.1))
    }

    /// How many entries live.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing lives.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes of one slot, for the memory accounts.
    pub const fn slot_bytes() -> usize {
        // Slab keeps a tag beside each value unless the value has a niche; `NonZeroU32` is one.
        size_of::<(NonZeroU32, T)>()
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.index, self.generation) == (other.index, other.generation)
    }
}
impl<T> Eq for Id<T> {}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_bits().hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.index, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_id_finds_nothing() {
        let mut arena = Arena::with_limit(2);
        let first = arena.insert("first").unwrap();
        assert_eq!(arena.remove(first), Some("first"));
        let second = arena.insert("second").unwrap();
        assert_eq!(first.index(), second.index(), "the slot is used again");
        assert_eq!(arena.get(first), None);
        assert_eq!(arena.remove(first), None);
        assert_eq!(arena.get(second), Some(&"second"));
    }

    #[test]
    fn who_came_before_is_known() {
        let mut arena = Arena::with_limit(9);
        let first = arena.insert(1).unwrap();
        let moment = arena.generation();
        let second = arena.insert(2).unwrap();
        assert!(first.is_before(moment) && !second.is_before(moment));
        arena.remove(first);
        let third = arena.insert(3).unwrap();
        assert!(third.index() == first.index() && !third.is_before(moment));
        let last = Id::<()>::from_bits(u64::MAX).unwrap();
        assert!(last.is_before(moment), "the numbers have begun anew");
    }

    #[test]
    fn a_full_table_says_no() {
        let mut arena = Arena::with_limit(1);
        let id = arena.insert(1).unwrap();
        assert!(arena.insert(2).is_none());
        arena.remove(id);
        assert!(arena.insert(3).is_some());
    }

    #[test]
    fn ids_survive_the_operating_system() {
        let mut arena = Arena::with_limit(9);
        let id = arena.insert(()).unwrap();
        assert_eq!(Id::from_bits(id.to_bits()), Some(id));
        assert_eq!(Id::<()>::from_bits(7), None);
        assert_eq!(size_of::<Option<Id<()>>>(), 8);
    }

    #[test]
    fn a_walk_finds_every_living_entry() {
        let mut arena = Arena::with_limit(9);
        let ids: Vec<_> = (0..5).map(|n| arena.insert(n).unwrap()).collect();
        arena.remove(ids[2]);
        let walked: Vec<_> = (0..arena.slots()).filter_map(|i| arena.id_at(i)).collect();
        assert_eq!(walked, [ids[0], ids[1], ids[3], ids[4]]);
    }
}
