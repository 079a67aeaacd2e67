//! Room for what a restart puts back: what is given up where memory is short, and what is refused.
//! Knows nothing of where it was, nor of what is published.
use super::Machine;

/// How it stands with the room.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Within so many bytes it was kept before; 0 is not known.
    before: usize,
    /// Nobody looks at all channels again before so many bytes are in use.
    looked: usize,
    /// Messages for which there was none.
    pub(super) given_up: usize,
}

/// This part of the limit more may be in use while things are put back that had room before: they do not come in the order in which
/// they grew, and their tables may be larger than they were.
const SLACK: usize = 8;
/// Where they had more room, this part of the limit is made free at once: whoever looks at all channels for what is oldest finds enough
/// to be worth it.
const FREED: usize = 16;

impl Machine {
    /// What is put back from now on was kept within so many bytes; 0 is not known.
    pub(super) fn begin_fitting(&mut self, before: usize) {
        self.journal.room = Room { before, ..Room::default() };
    }

    /// Sees to it that there is room for what has just been put back: else the oldest messages of all channels go, but never the newest
    /// of any.
    ///
    /// # Errors
    /// There is none, whatever is given up.
    pub(super) fn fit(&mut self) -> Result<(), String> {
        let limit = self.config.limits.memory_bytes_max;
        let beyond = limit.saturating_add(limit / SLACK);
        let (most, rest) =
            if self.has_less_room() { (limit, limit - limit / FREED) } else { (beyond, limit) };
        if self.used_bytes() <= most {
            return Ok(());
        }
        self.hub.forget_timers(self.post.now);
        self.tables_bytes = self.count_tables();
        if self.used_bytes() <= most.max(self.journal.room.looked) {
            return Ok(());
        }
        self.give_up(rest);
        self.journal.room.looked = self.used_bytes().saturating_add(limit / FREED);
        self.check_room(beyond)
    }

    /// Everything is put back: the same for all of it.
    ///
    /// # Errors
    /// As above.
    pub(super) fn end_fitting(&mut self) -> Result<(), String> {
        self.hub.forget_timers(self.post.now);
        self.tables_bytes = self.count_tables();
        self.fit()?;
        if !self.has_less_room() {
            return Ok(());
        }
        let limit = self.config.limits.memory_bytes_max;
        if self.used_bytes() > limit {
            self.give_up(limit);
        }
        self.check_room(limit)
    }

    /// Where the limit is what it was, tables and all had room, or were there although they had none, and are to be there again: only
    /// messages are too many then. Under a lower one all of it is to fit.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn check_room(&self, most: usize) -> Result<(), String> {
        let is_less = self.has_less_room();
        let bytes = if is_less { self.used_bytes() } else { self.hub.history_bytes() };
        if bytes <= most {
            return Ok(());
        }
        let limit = self.config.limits.memory_bytes_max;
        let before = if is_less {
            format!(", which was {} when it was written", self.journal.room.before)
        } else {
            String::new()
        };
        Err(format!(
            "there is no room for it: expected no more than limits.memory_bytes_max = {limit}{before}"
        ))
    }

    /// Gives up the oldest messages of all channels, until no more than so many bytes are in use.
    fn give_up(&mut self, most: usize) {
        self.journal.room.given_up += self.hub.forget_oldest(self.used_bytes().saturating_sub(most));
    }

    fn has_less_room(&self) -> bool {
        self.config.limits.memory_bytes_max < self.journal.room.before
    }
}
