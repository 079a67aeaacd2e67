//! Seconds and tags: what messages are known by to those who go by the clock. They never go back, whatever the clock does.
//! Knows nothing of messages, nor of the life that ids say besides ([`crate::log::Life`]).

/// The second and the tag of the next message.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    clock_s: u32,
    /// The earliest that are free. A clock that was wrong while nothing was published has left no trace in them.
    next: (u32, u32),
}

impl Stamps {
    /// The wall clock has moved, be it forwards or backwards.
    pub(super) fn set_clock(&mut self, unix_seconds: u64) {
        self.clock_s = u32::try_from(unix_seconds).unwrap_or(u32::MAX);
    }

    /// Those of a message that is published now.
    pub(super) fn take(&mut self) -> (u32, u32) {
        if self.clock_s > self.next.0 {
            self.next = (self.clock_s, 0);
        }
        let stamp = self.next;
        self.next = behind(stamp.0, stamp.1);
        stamp
    }

    /// Messages from now on are behind this second and tag.
    pub(super) fn reach(&mut self, second: u32, tag: u32) {
        self.next = self.next.max(behind(second, tag));
    }

    /// Messages from now on have these, or greater ones.
    pub(super) fn reach_next(&mut self, next: (u32, u32)) {
        self.next = self.next.max(next);
    }

    /// What no message has had, nor anything behind it.
    pub(super) fn next(&self) -> (u32, u32) {
        self.next
    }
}

/// The second and the tag behind these. A second has as many as there are numbers; the next begins early then.
fn behind(unix_s: u32, tag: u32) -> (u32, u32) {
    tag.checked_add(1).map_or((unix_s.saturating_add(1), 0), |tag| (unix_s, tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_a_second_has_no_more_tags_the_next_one_begins() {
        let mut stamps = Stamps::default();
        stamps.set_clock(100);
        stamps.reach(100, u32::MAX - 2);
        let taken: Vec<_> = (0..4).map(|_| stamps.take()).collect();
        assert_eq!(taken, [(100, u32::MAX - 1), (100, u32::MAX), (101, 0), (101, 1)]);
        // The clock, which is behind now, changes nothing before it has caught up; nor does what is read from a journal.
        stamps.set_clock(101);
        stamps.reach(100, u32::MAX);
        assert_eq!(stamps.next(), (101, 2));
        stamps.reach(101, u32::MAX);
        assert_eq!((stamps.take(), stamps.take()), ((102, 0), (102, 1)));
    }

    /// A clock may be wrong until it has been set: only what was published by it counts.
    #[test]
    fn a_clock_that_was_wrong_for_a_while_is_forgotten_unless_something_was_published() {
        let mut stamps = Stamps::default();
        stamps.set_clock(9_000);
        stamps.set_clock(100);
        assert_eq!(stamps.take(), (100, 0));
        stamps.set_clock(5_000);
        assert_eq!(stamps.take(), (5_000, 0));
        stamps.set_clock(101);
        assert_eq!(stamps.take(), (5_000, 1));
        stamps.set_clock(5_001);
        assert_eq!(stamps.take(), (5_001, 0));
    }
}
