//! Last values over a restart: given out when something has changed, and taken back at the start.
//! Knows nothing of files: what is given out is put somewhere by the shell.
use super::{Machine, Todo};
use crate::arena::Id;
use crate::hub::{Because, Channel, From, Full, Lost, Start};
use crate::log::{Cursor, Log, Position, Token};
use crate::time::Moment;
use crate::values::{Kept, KeptValue, Preface, Restored};

/// Bytes of values that are handed over at once.
const BATCH_BYTES: usize = 1 << 20;
/// Slots that are looked at for one batch: a turn's share.
const BATCH_SLOTS: usize = 1024;

/// How far the values are saved.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// The state that is saved, or being saved.
    seen: u64,
    /// When the shell is told.
    due: Option<Moment>,
    /// The shell has been told, and has not said how it went.
    busy: bool,
    /// The slot that is looked at next.
    at: usize,
    /// Behind the first place and up to the second something may have been published that is lost: the last server before
    /// this one has not ended, but broken off.
    pub(super) unsure: Option<(u64, u64)>,
}

impl Machine {
    /// Puts back what an earlier server has saved. Only for a server that nobody has talked with.
    ///
    /// Versions go on, also when the clock has been set back. When the earlier one ended well, so do the channels' own numbers.
    ///
    /// # Errors
    /// What cannot be put back, in words that begin with its line. The server is not to be used then.
    pub fn restore(&mut self, kept: &Kept) -> Result<Restored, String> {
        let now = self.post.now;
        let Preface { base, head, unsure, lives, memory } = kept.preface;
        self.begin_fitting(memory);
        let zero_unix_ms = self.unix_ms().saturating_sub(now.0);
        let newest = kept.values.iter().map(|(_, value)| value.version).fold(head, u64::max);
        let (_, by_clock) = self.hub.numbers();
        // A reader of the one before may know numbers behind the last that was saved: as many as it may have given in a minute.
        let beyond = if kept.is_clean { newest } else { newest + 60 * Log::IDS_A_SECOND };
        let start = by_clock.max(beyond);
        self.hub.resume_log(base, start, lives);
        // What was lost before that is lost still.
        let lost = || (unsure.map_or(head, |(from, _)| from.min(head)), start);
        self.keeping.unsure = if kept.is_clean { unsure } else { Some(lost()) };
        let mut values: Vec<&(usize, KeptValue)> = kept.values.iter().collect();
        // In the order in which their channels were made.
        values.sort_by_key(|(_, value)| value.made);
        let mut restored = Restored::default();
        for (line, value) in values {
            let at =
                |what: String| format!("line {line}: the channel `{}`: {what}", value.channel.escape_debug());
            self.check_name(&value.channel).map_err(|_| {
                let most = self.config.limits.channel_name_bytes_max;
                at(format!("expected a name of 1 to {most} bytes (limits.channel_name_bytes_max) without control characters"))
            })?;
            if self.hub.find(&value.channel).is_some() {
                return Err(at("it is there twice: expected each channel once".into()));
            }
            match self.hub.restore(value, kept.is_clean, zero_unix_ms, now) {
                Ok(true) => restored.values += 1,
                Ok(false) => restored.expired += 1,
                Err(Full) => {
                    return Err(at(format!(
                        "it is one too many: expected no more than limits.channels_max = {}",
                        self.config.limits.channels_max
                    )));
                }
            }
            self.tables_bytes = self.count_tables();
            self.check_room().map_err(at)?;
        }
        self.hub.end_resuming();
        self.counters.values_restored += restored.values;
        self.keeping.seen = self.hub.kept_changes();
        Ok(restored)
    }

    /// Begins to give out what is to be kept; says where the log stands.
    pub fn begin_saving(&mut self) -> Preface {
        self.keeping.at = 0;
        self.keeping.busy = true;
        self.keeping.due = None;
        self.keeping.seen = self.hub.kept_changes();
        let (base, head) = self.hub.numbers();
        let memory = self.config.limits.memory_bytes_max;
        Preface { base, head, unsure: self.keeping.unsure, lives: self.hub.lives(), memory }
    }

    /// Gives out some more of what is to be kept; whether there may be more. A turn's share: some values of all that there are, or
    /// none among many channels.
    pub fn next_values(&mut self, out: &mut Vec<KeptValue>) -> bool {
        let (now, zero_unix_ms) = (self.post.now, self.unix_ms().saturating_sub(self.post.now.0));
        let (from, end) = (self.keeping.at, self.hub.slots());
        let mut bytes = 0;
        for slot in from..end.min(from + BATCH_SLOTS) {
            if bytes > BATCH_BYTES {
                break;
            }
            self.keeping.at = slot + 1;
            if let Some(value) = self.hub.kept_at(slot, zero_unix_ms, now) {
                bytes += value.bytes();
                out.push(value);
            }
        }
        self.keeping.at < end
    }

    /// Says how saving went; what could not be saved is due again.
    pub fn values_saved(&mut self, well: bool) {
        self.keeping.busy = false;
        if well {
            self.counters.values_saves += 1;
            // Something may have changed meanwhile, and nobody looks before there is an event.
            self.watch_values();
        } else {
            self.counters.values_saves_failed += 1;
            self.keeping.due = self.keeping_ms().map(|ms| self.post.now.after_ms(ms));
        }
    }

    /// Values are kept in another place from now on, or nowhere: where that is, in words. All of them are to be saved there, and at once.
    /// How saving went that was under way is not said any more.
    pub fn save_elsewhere(&mut self, place: Option<String>) {
        self.about.values = place;
        self.keeping.busy = false;
        self.keeping.due = self.keeping_ms().map(|_| self.post.now);
    }

    /// The settings have changed: what is due is so no later than they say now.
    pub(super) fn hurry_values(&mut self) {
        if let (Some(due), Some(ms)) = (self.keeping.due, self.keeping_ms()) {
            self.keeping.due = Some(due.min(self.post.now.after_ms(ms)));
        }
    }

    fn keeping_ms(&self) -> Option<u64> {
        Some(self.config.values_ms).filter(|ms| *ms > 0)
    }

    /// When values are to be saved.
    pub(super) fn values_due(&self) -> Option<Moment> {
        self.keeping.due
    }

    /// Notes that something has changed.
    pub(super) fn watch_values(&mut self) {
        let is_new = self.hub.kept_changes() != self.keeping.seen;
        if is_new && !self.keeping.busy && self.keeping.due.is_none() {
            self.keeping.due = self.keeping_ms().map(|ms| self.post.now.after_ms(ms));
        }
    }

    /// Wishes that they be saved, when it is time.
    pub(super) fn expire_values(&mut self, now: Moment) {
        if self.keeping.due.is_some_and(|due| due <= now) {
            self.keeping.due = None;
            if self.keeping_ms().is_some() {
                self.keeping.busy = true;
                self.post.todo.push_back(Todo::Save);
            }
        }
    }

    /// Where somebody begins in a channel who has all up to a version, and what that means. Only the versions of this log, and of
    /// those that it goes on from, name a place.
    pub(super) fn start_behind(&mut self, at: Id<Channel>, since: Option<u64>, now: Moment) -> Option<Start> {
        let from = match since {
            None => From::New,
            Some(0) => From::Newest(1),
            Some(version) if version < self.hub.id_of(0) => From::Shown(Token::UNKNOWN),
            // It knows of something that is lost, and may be newer than what there is.
            Some(version)
                if self.is_lost(version) && self.hub.newest_offset(at) < self.hub.offset_of(version) =>
            {
                From::Shown(Token::UNKNOWN)
            }
            Some(version) => {
                let epoch = self.hub.head().epoch;
                let position = Position { epoch, offset: self.hub.offset_of(version) };
                From::After(Cursor { position, seq: None })
            }
        };
        let start = self.hub.start(at, from, now)?;
        let crosses = |(_, to): (u64, u64)| since.is_some_and(|version| 0 < version && version < to);
        if start.lost == Lost::Nothing && self.keeping.unsure.is_some_and(crosses) {
            let because = Because::Epoch(self.hub.head().epoch);
            return Some(Start { lost: Lost::Unknown(because), ..start });
        }
        Some(start)
    }

    fn is_lost(&self, version: u64) -> bool {
        self.keeping.unsure.is_some_and(|(from, to)| from < version && version <= to)
    }
}
