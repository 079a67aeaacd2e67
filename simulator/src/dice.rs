//! Chance that can be repeated: what happens to whom, and when.

/// A generator (xorshift64*), good enough to spread load.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same seed, the same throws.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn throw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// One of the first `n` numbers.
    pub fn below(&mut self, n: u32) -> u32 {
        (((self.throw() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// A waiting time with this mean, as between events that know nothing of each other; never more than ten times it.
    pub fn wait(&mut self, mean: f64) -> f64 {
        let share = (self.throw() >> 11) as f64 / (1u64 << 53) as f64;
        mean * (-(1.0 - share).ln()).min(10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_are_spread_and_repeatable() {
        let mut dice = Dice::new(7);
        let mut again = Dice::new(7);
        let mut counts = [0; 10];
        let mut waited = 0.0;
        for _ in 0..10_000 {
            let n = dice.below(10);
            assert_eq!(n, again.below(10));
            counts[n as usize] += 1;
            waited += dice.wait(2.0);
            again.wait(2.0);
        }
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
        assert!((1.9..2.1).contains(&(waited / 10_000.0)), "{waited}");
    }
}
