//! Histories over a restart: everything that happens to channels is written down, and happens again at the start.
//! Knows nothing of files: what is written down is put somewhere by the shell, before anybody hears of what it says.
use std::collections::BTreeMap;

use super::Machine;
use super::bayeux::session_bytes;
use super::room::Room;
use crate::dialect::Refusal;
use crate::hub::Full;
use crate::journal::{Ending, Entry, First, KeptSession, Replayed, write_end};
use crate::log::{Epoch, Log};

/// How it stands with the journal.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Where a log of this server's own would begin, by the clock.
    by_clock: u64,
    /// It cannot be written.
    broken: bool,
    /// Entries replayed since tables were counted.
    replayed: usize,
    /// Sessions that are taken up when all channels are there, by their secrets.
    sessions: BTreeMap<Box<str>, KeptSession>,
    /// The slot of the session that is written anew next.
    slot: usize,
    /// Room for what is put back.
    pub(super) room: Room,
}

/// Sessions that are looked at for one share of a text that is begun anew.
const SLOTS_AT_ONCE: usize = 256;

impl Journal {
    /// Keeps what happens to sessions; gives back everything else.
    fn keep_session(&mut self, entry: Entry) -> Option<Entry> {
        match entry {
            Entry::Session(kept) => {
                self.sessions.insert(kept.client.clone(), *kept);
            }
            Entry::Subscribed(begun) => {
                if let Some(kept) = self.sessions.get_mut(&begun.client) {
                    kept.subscribe(*begun);
                }
            }
            Entry::Unsubscribed(client, name) => {
                if let Some(kept) = self.sessions.get_mut(&client) {
                    kept.unsubscribe(&name);
                }
            }
            Entry::Missed(missed) => {
                if let Some(kept) = self.sessions.get_mut(&missed.client) {
                    kept.unsubscribe(&missed.name);
                    kept.miss(missed.lost, missed.behind);
                }
            }
            Entry::Handed(client) => {
                if let Some(kept) = self.sessions.get_mut(&client) {
                    kept.rests = false;
                }
            }
            Entry::Over(client) => {
                self.sessions.remove(&client);
            }
            other => return Some(other),
        }
        None
    }
}

/// Entries that are replayed before tables are counted again.
const COUNTED_EVERY: usize = 256;

impl Machine {
    /// Becomes the server that a journal is of. Only for one that nobody has talked with; [`Machine::replay`] for every entry, and
    /// [`Machine::end_replay`] follow.
    pub fn begin_replay(&mut self, first: &First) {
        self.journal.by_clock = self.hub.numbers().1;
        self.keeping.unsure = first.unsure;
        self.begin_fitting(first.memory);
        self.hub.become_as(first);
    }

    /// Lets something happen again.
    ///
    /// # Errors
    /// What there is no room for, or what may not be. The server is not to be used then.
    pub fn replay(&mut self, entry: Entry) -> Result<(), String> {
        let now = self.post.now;
        let zero_unix_ms = self.unix_ms().saturating_sub(now.0);
        let limits = &self.config.limits;
        if let Entry::Channel(opened) = &entry {
            self.check_name(&opened.channel).map_err(|_| {
                format!(
                    "the channel `{}`: expected a name of 1 to {} bytes (limits.channel_name_bytes_max) without control characters",
                    opened.channel.escape_debug(),
                    limits.channel_name_bytes_max
                )
            })?;
        }
        if let Entry::Memory(limit) = entry {
            self.go_on_fitting(usize::try_from(limit).unwrap_or(usize::MAX));
            return Ok(());
        }
        let Some(entry) = self.journal.keep_session(entry) else { return Ok(()) };
        let grows = matches!(entry, Entry::Message(_));
        self.hub.replay(entry, zero_unix_ms, now).map_err(|Full| {
            format!(
                "a channel too many: expected no more than limits.channels_max = {}",
                self.config.limits.channels_max
            )
        })?;
        self.journal.replayed += 1;
        if self.journal.replayed.is_multiple_of(COUNTED_EVERY) {
            self.tables_bytes = self.count_tables();
        }
        if grows { self.fit() } else { Ok(()) }
    }

    /// Ends a replay. The log goes on: cursors stay good, unless something may have been lost. Then it is another log, and whoever
    /// comes back is told that something may be missing.
    ///
    /// # Errors
    /// There is no room for all of it. The server is not to be used then.
    pub fn end_replay(&mut self, ending: Ending) -> Result<Replayed, String> {
        let now = self.post.now;
        let (_, newest) = self.hub.numbers();
        // Places are used up also by what is not written down: as many as there may be in a minute, and then what the clock says.
        let beyond = match ending {
            Ending::Clean(head) => newest.max(head),
            Ending::Whole | Ending::Torn => newest + 60 * Log::IDS_A_SECOND,
        };
        let start = self.journal.by_clock.max(beyond);
        let epoch = (ending == Ending::Torn).then(|| {
            let mut word = [0; 8];
            self.entropy.fill(&mut word);
            // What was lost before that is lost still.
            let from = self.keeping.unsure.map_or(newest, |(from, _)| from.min(newest));
            self.keeping.unsure = Some((from, start));
            Epoch::from_random(word)
        });
        self.hub.end_replay(start, epoch, now);
        let kept = std::mem::take(&mut self.journal.sessions);
        let kept: Vec<KeptSession> = kept.into_values().collect();
        let is_clean = matches!(ending, Ending::Clean(_));
        let (count, bytes) = (kept.len(), kept.iter().map(|kept| session_bytes(kept, is_clean)).sum());
        self.end_fitting();
        let sessions = match ending {
            Ending::Clean(_) => self.restore_sessions(kept, true),
            Ending::Whole | Ending::Torn => {
                // Of an end that was begun, their numbers.
                self.hub.close_unread_indexes();
                // Those who read them come first: without them nobody would.
                self.rebuild_indexes(&kept, bytes);
                self.tables_bytes = self.count_tables();
                if ending == Ending::Torn {
                    // What was subscribed last may be missing: who shakes hands anew reads what it believes to read.
                    self.restore_parting(kept)
                } else {
                    self.restore_sessions(kept, false)
                }
            }
        };
        self.hub.close_unread_indexes();
        let sessions = sessions - self.end_fitting_sessions()?;
        self.counters.bayeux_sessions_restored += sessions as u64;
        let given_up = std::mem::take(&mut self.journal.room).given_up;
        let replayed = Replayed {
            channels: self.hub.channels(),
            messages: self.hub.messages(),
            sessions,
            left: count - sessions,
            given_up,
        };
        self.counters.history_restored += replayed.messages as u64;
        self.counters.history_given_up += replayed.given_up as u64;
        Ok(replayed)
    }

    /// The first line of a journal that is begun now: in this boot of the machine, and on the disk, or not, before anybody hears of
    /// it.
    pub fn journal_first(&self, boot: u128, synced: bool) -> First {
        let memory = self.config.limits.memory_bytes_max;
        First { unsure: self.keeping.unsure, boot, synced, memory, ..self.hub.first() }
    }

    /// What happens from now on is to be written down: [`Machine::write_entries`] before anything is sent.
    pub fn keep_journal(&mut self) {
        self.hub.keep_notes(true);
    }

    /// Histories are written down elsewhere from now on, or nowhere: where that is, in words.
    pub fn journal_elsewhere(&mut self, place: Option<String>) {
        self.about.history = place;
    }

    /// What happens from now on is not written down any more. Appends to what was written an end that is none, because it lacks its
    /// own: so a text is left behind which something is missing.
    pub fn end_journal(&mut self, out: &mut Vec<u8>) {
        write_end(self.hub.numbers().1, out);
        out.pop();
        self.hub.keep_notes(false);
        self.journal.broken = false;
    }

    /// Whether something has happened that is not written down.
    pub fn has_entries(&self) -> bool {
        self.hub.has_notes()
    }

    /// Appends what has happened as lines.
    pub fn write_entries(&mut self, out: &mut Vec<u8>) {
        let zero_unix_ms = self.unix_ms().saturating_sub(self.post.now.0);
        self.counters.history_entries += self.hub.write_notes(zero_unix_ms, out) as u64;
    }

    /// Begins to write everything down anew, behind a new first line: shares of it come from [`Machine::write_more`].
    pub fn begin_anew(&mut self) {
        self.hub.write_anew(true);
        self.journal.slot = 0;
    }

    /// Appends about so many bytes more of everything, and of what has happened since; whether all of it is there then. Goes on
    /// until [`Machine::end_anew`].
    pub fn write_more(&mut self, bytes: usize, out: &mut Vec<u8>) -> bool {
        let (now, zero_unix_ms) = (self.post.now, self.unix_ms().saturating_sub(self.post.now.0));
        let end = self.sessions.table.slots();
        let mut looked_at = 0;
        while self.hub.write_more(bytes, zero_unix_ms, now, out) {
            if self.journal.slot >= end {
                return true;
            }
            if looked_at >= SLOTS_AT_ONCE {
                return false;
            }
            looked_at += 1;
            let slot = self.journal.slot;
            self.journal.slot += 1;
            if let Some(kept) = self.kept_session(slot) {
                self.hub.note_anew(|| Entry::Session(Box::new(kept)));
            }
        }
        false
    }

    /// The new text has taken the old one's place, or has been given up.
    pub fn end_anew(&mut self, well: bool) {
        self.hub.write_anew(false);
        self.counters.history_rewrites += u64::from(well);
    }

    /// Appends the sessions with what they have not had of patterns, and the line that says that nothing follows.
    pub fn write_end(&mut self, out: &mut Vec<u8>) {
        let zero_unix_ms = self.unix_ms().saturating_sub(self.post.now.0);
        for (index, from) in self.unread_indexes().into_values() {
            self.hub.write_index(index, from, zero_unix_ms, out);
        }
        for kept in (0..self.sessions.table.slots()).filter_map(|slot| self.kept_session(slot)) {
            Entry::Session(Box::new(kept)).write(out);
        }
        write_end(self.hub.numbers().1, out);
    }

    /// The journal cannot be written, or can be again. Until then nothing more is published: what is accepted would be lost with the
    /// process. What has happened so far is not written down any more, for everything is written anew when it can be.
    pub fn set_journal_broken(&mut self, is_broken: bool) {
        if is_broken {
            self.counters.history_failures += u64::from(!self.journal.broken);
            self.hub.keep_notes(false);
        }
        self.journal.broken = is_broken;
    }

    /// Whether what is published now can be written down, if it is to be.
    pub(super) fn check_journal(&self) -> Result<(), Refusal> {
        if self.journal.broken { Err(Refusal::Storage) } else { Ok(()) }
    }

    pub(super) fn is_journal_broken(&self) -> bool {
        self.journal.broken
    }
}
