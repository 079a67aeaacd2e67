//! A timer wheel of four levels. Entries are never removed: a fired key looks at its owner's real deadline.
//! Knows nothing of what the keys name.
use crate::time::Moment;

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = 4;
/// Milliseconds of one tick; four levels of 64 slots reach 46 hours, and what lies beyond is looked at again then.
pub const TICK_MS: u64 = 10;
/// The room of drained slots is passed on to those that fill next: this many pieces of it are kept, each for this many entries.
/// More is given back, so that one busy moment is not paid for ever; nor in each slot that the same timers go round through.
const SPARES: usize = 8;
const SPARE_ENTRIES: usize = 1024;

/// Hands over keys when their moment has come, in no particular order within one tick.
pub struct Wheel<K> {
    tick: u64,
    slots: Vec<Vec<(u64, K)>>,
    /// Room for the next slots.
    spares: Vec<Vec<(u64, K)>>,
    /// One bit a slot that holds anything.
    occupied: [u64; LEVELS],
    len: usize,
}

impl<K: Copy> Default for Wheel<K> {
    fn default() -> Self {
        let slots = (0..LEVELS * SLOTS).map(|_| Vec::new()).collect();
        Self { tick: 0, slots, spares: Vec::new(), occupied: [0; LEVELS], len: 0 }
    }
}

impl<K: Copy> Wheel<K> {
    /// Entries waiting, also those whose owner has since changed its mind.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fires `key` at the first tick that is not before `when`, and not before the next tick.
    pub fn arm(&mut self, when: Moment, key: K) {
        let tick = when.0.div_ceil(TICK_MS).max(self.tick + 1);
        self.place(tick, key);
        self.len += 1;
    }

    fn place(&mut self, tick: u64, key: K) {
        // Beyond the reach of the wheel the entry waits in its last slot, and is placed anew from there.
        let seen = tick.min(self.tick + (1 << (BITS * LEVELS as u32)) - 1);
        let differ = (self.tick ^ seen) | (SLOTS as u64 - 1);
        let level = ((differ.ilog2() / BITS) as usize).min(LEVELS - 1);
        let slot = ((seen >> (BITS * level as u32)) as usize) % SLOTS;
        let entries = &mut self.slots[level * SLOTS + slot];
        if entries.capacity() == 0
            && let Some(spare) = self.spares.pop()
        {
            *entries = spare;
        }
        entries.push((tick, key));
        self.occupied[level] |= 1 << slot;
    }

    /// The earliest moment at which [`Wheel::advance`] has work, if only moving entries one level down.
    pub fn next(&self) -> Option<Moment> {
        (0..LEVELS).filter_map(|level| self.next_in(level)).min().map(|tick| Moment(tick * TICK_MS))
    }

    fn next_in(&self, level: usize) -> Option<u64> {
        if self.occupied[level] == 0 {
            return None;
        }
        let shift = BITS * level as u32;
        let at = (self.tick >> shift) as u32 % SLOTS as u32;
        let ahead = self.occupied[level].rotate_right((at + 1) % SLOTS as u32).trailing_zeros() + 1;
        Some(((self.tick >> shift) + u64::from(ahead)) << shift)
    }

    /// Moves time forward and appends every key whose moment has come to `fired`.
    pub fn advance(&mut self, now: Moment, fired: &mut Vec<K>) {
        let target = now.0 / TICK_MS;
        while let Some(next) = self.next().map(|m| m.0 / TICK_MS).filter(|tick| *tick <= target) {
            self.tick = next;
            for level in (0..LEVELS).rev() {
                let shift = BITS * level as u32;
                if next & ((1 << shift) - 1) != 0 {
                    continue;
                }
                let slot = ((next >> shift) as usize) % SLOTS;
                if self.occupied[level] & (1 << slot) != 0 {
                    self.empty(level, slot, fired);
                }
            }
        }
        self.tick = self.tick.max(target);
    }

    fn empty(&mut self, level: usize, slot: usize, fired: &mut Vec<K>) {
        self.occupied[level] &= !(1 << slot);
        let mut due = std::mem::take(&mut self.slots[level * SLOTS + slot]);
        for &(tick, key) in &due {
            if tick <= self.tick {
                self.len -= 1;
                fired.push(key);
            } else {
                self.place(tick, key);
            }
        }
        if self.spares.len() < SPARES {
            due.clear();
            due.shrink_to(SPARE_ENTRIES);
            self.spares.push(due);
        }
    }

    /// Bytes the wheel holds, for the memory accounts.
    pub fn bytes(&self) -> usize {
        self.len * size_of::<(u64, K)>() + self.slots.capacity() * size_of::<Vec<(u64, K)>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    /// The obviously right wheel: a list.
    #[test]
    fn agrees_with_a_list() {
        let mut chance = Chance::from_seed(7);
        for _ in 0..200 {
            let (mut wheel, mut list, mut now) = (Wheel::default(), Vec::new(), 0);
            for key in 0..300u64 {
                let reach = [50, 5_000, 400_000, 50_000_000, 500_000_000][chance.below(5) as usize];
                let when = now + chance.below(reach);
                wheel.arm(Moment(when), key);
                list.push((when.div_ceil(TICK_MS).max(now / TICK_MS + 1), key));
                let step = [5, 300, 20_000, 2_000_000, 300_000_000][chance.below(5) as usize];
                now += chance.below(step);
                let (mut got, mut want) = (Vec::new(), Vec::new());
                wheel.advance(Moment(now), &mut got);
                list.retain(|&(tick, key)| {
                    let due = tick <= now / TICK_MS;
                    if due {
                        want.push(key);
                    }
                    !due
                });
                got.sort_unstable();
                want.sort_unstable();
                assert_eq!(got, want);
                assert_eq!(wheel.len(), list.len());
            }
        }
    }

    #[test]
    fn never_fires_early_and_never_sleeps_past_a_deadline() {
        let mut wheel = Wheel::default();
        wheel.arm(Moment(30_000), 'x');
        let mut fired = Vec::new();
        while let Some(next) = wheel.next() {
            assert!(next <= Moment(30_000));
            wheel.advance(next, &mut fired);
        }
        assert_eq!(fired, ['x']);
    }
}
