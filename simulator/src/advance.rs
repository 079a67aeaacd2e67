//! What is progress, for who waits: something that cannot go on for ever.
//! Knows nothing of what is waited for, nor how long.
use crate::crowd::Standing;

/// How far it has come.
pub struct Advance {
    reached: Standing,
    open: usize,
}

impl Advance {
    /// It begins here, with so many publishes unanswered.
    pub fn from(standing: Standing, open: usize) -> Self {
        Self { reached: standing, open }
    }

    /// Whether something has come about that had not. Who hangs up and asks again has come no further: a server that ends
    /// each answer at once could keep everybody waiting with that.
    pub fn goes_on(&mut self, present: Standing, open: usize) -> bool {
        let reached = &mut self.reached;
        if present.fresh > reached.fresh || present.refused > reached.refused || open < self.open {
            // Who has got something may ask for the next: that counts anew.
            (self.reached, self.open) = (present, open);
            return true;
        }
        let further = present.asked > reached.asked || present.parked > reached.parked;
        reached.asked = reached.asked.max(present.asked);
        reached.parked = reached.parked.max(present.parked);
        further
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(asked: u64, parked: u64, fresh: u64) -> Standing {
        Standing { asked, parked, fresh, ..Standing::default() }
    }

    #[test]
    fn only_what_was_never_reached_is_progress() {
        let mut advance = Advance::from(standing(0, 0, 0), 3);
        assert!(advance.goes_on(standing(2, 0, 0), 3));
        assert!(advance.goes_on(standing(2, 1, 0), 3));
        for present in [standing(0, 0, 0), standing(2, 1, 0), standing(1, 1, 0), standing(2, 0, 0)] {
            assert!(!advance.goes_on(present, 3), "who comes back comes no further: {present:?}");
        }
        let ended = Standing { ended: 7, away: 1, connecting: 1, ..standing(2, 1, 0) };
        assert!(!advance.goes_on(ended, 3));
        assert!(advance.goes_on(standing(0, 0, 1), 3), "a message");
        assert!(advance.goes_on(standing(1, 0, 1), 3), "who asks for the next");
        assert!(advance.goes_on(standing(1, 0, 1), 2), "an answer to a publish");
        assert!(!advance.goes_on(standing(1, 0, 1), 2));
        assert!(advance.goes_on(Standing { refused: 1, ..standing(0, 0, 1) }, 2));
    }
}
