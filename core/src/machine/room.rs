//! Room for what a restart puts back: what is given up where memory is short, and what is refused.
//! Knows nothing of where it was, nor of what is published.
use super::Machine;

/// How it stands with the room.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Within so many bytes it was kept before, by the highest limit that it had; 0 is not known.
    before: usize,
    /// Nobody looks at all channels again before so many bytes are in use.
    looked: usize,
    /// Messages for which there was none.
    pub(super) given_up: usize,
}

/// So many times as much as there was ever room for may be in use while things are put back: what had filled memory may be ended by the
/// next line, and nothing is given up for that. A daemon has not written more.
const TIMES: usize = 2;
/// Where messages go for sessions, this part of the limit is free afterwards: for those who come back.
const FREE: usize = 16;
/// The same under a limit that is no lower: more than messages may not have (`READERS_PART` in `make_room.rs`), so that something can be
/// published.
const FREE_AGAIN: usize = 32;
/// No less than this part of the limit is given up at a time, if there is as much too much.
const PARTS: usize = 64;
/// This part of the limit more may be in use by what had room before: tables may be larger than they were.
const SLACK: usize = 8;

impl Machine {
    /// What is put back from now on was kept within so many bytes; 0 is not known.
    pub(super) fn begin_fitting(&mut self, before: usize) {
        self.journal.room = Room { before, ..Room::default() };
    }

    /// From there on it was kept within so many.
    pub(super) fn go_on_fitting(&mut self, before: usize) {
        self.journal.room.before = self.journal.room.before.max(before);
    }

    /// Sees to it that what has just been put back leads nowhere: beyond all that there ever was room for, the oldest messages of all
    /// channels go, but never the newest of any.
    ///
    /// # Errors
    /// That is not enough.
    pub(super) fn fit(&mut self) -> Result<(), String> {
        let limit = self.config.limits.memory_bytes_max.max(self.journal.room.before);
        let most = limit.saturating_mul(TIMES);
        if self.used_bytes() <= most.max(self.journal.room.looked) {
            return Ok(());
        }
        self.hub.forget_timers(self.post.now);
        self.tables_bytes = self.count_tables();
        if self.used_bytes() <= most {
            return Ok(());
        }
        self.give_up(limit);
        self.journal.room.looked = self.used_bytes().saturating_add(limit / SLACK);
        if self.hub.history_bytes() <= most { Ok(()) } else { Err(self.no_room()) }
    }

    /// Everything is put back but sessions: what is too much goes, as above. What had room before may take a little more now.
    pub(super) fn end_fitting(&mut self) {
        self.hub.forget_timers(self.post.now);
        self.tables_bytes = self.count_tables();
        let limit = self.config.limits.memory_bytes_max;
        let most = if self.has_less_room() { limit } else { limit.saturating_add(limit / SLACK) };
        if self.used_bytes() > most {
            self.give_up_all_above(limit);
        }
    }

    /// Where the limit is what it was, tables and all had room, or were there although they had none, and are to be there again: only
    /// messages can be too many then. Under a lower one all of it is to fit.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn check_room(&self) -> Result<(), String> {
        let bytes = if self.has_less_room() { self.used_bytes() } else { self.hub.history_bytes() };
        if bytes <= self.config.limits.memory_bytes_max { Ok(()) } else { Err(self.no_room()) }
    }

    /// Sessions are put back, too. After a crash they take more until their clients are back, and these have to be let in: what indexes of
    /// patterns have got again goes first. Where there was more room, messages make some for those who come. Where that is not enough,
    /// sessions do, or nobody could be served: so many are ended.
    ///
    /// # Errors
    /// That is not enough, either.
    pub(super) fn end_fitting_sessions(&mut self) -> Result<usize, String> {
        self.tables_bytes = self.count_tables();
        let limit = self.config.limits.memory_bytes_max;
        if !self.has_less_room() {
            if self.used_bytes() > limit {
                self.hub.thin_indexes(self.used_bytes() - (limit - limit / SLACK));
                self.tables_bytes = self.count_tables();
            }
            if self.used_bytes() <= limit {
                return Ok(0);
            }
        }
        // Under the same limit most have been in, and need less when they are back.
        let free = if self.has_less_room() { FREE } else { FREE_AGAIN };
        self.give_up_all_above(limit - limit / free);
        let ended = self.end_sessions_above(limit - limit / free);
        self.check_room()?;
        Ok(ended)
    }

    /// Gives up what is above that, a part at a time: what goes with it, tables and bodies that several have, is not known before.
    fn give_up_all_above(&mut self, most: usize) {
        loop {
            let too_much = self.used_bytes().saturating_sub(most);
            let part = too_much.min((too_much / 2).max(most / PARTS));
            let is_any = self.give_up(self.used_bytes() - part);
            self.tables_bytes = self.count_tables();
            if !is_any {
                return;
            }
        }
    }

    fn no_room(&self) -> String {
        let limit = self.config.limits.memory_bytes_max;
        let before = if self.has_less_room() {
            format!(", which was {} when it was written", self.journal.room.before)
        } else {
            String::new()
        };
        format!("there is no room for it: expected no more than limits.memory_bytes_max = {limit}{before}")
    }

    /// Gives up the oldest messages of all channels, until no more than so many bytes are in use. Whether there was any.
    fn give_up(&mut self, most: usize) -> bool {
        let (messages, copies) = self.hub.forget_oldest(self.used_bytes().saturating_sub(most));
        self.journal.room.given_up += messages;
        messages + copies > 0
    }

    fn has_less_room(&self) -> bool {
        self.config.limits.memory_bytes_max < self.journal.room.before
    }
}
