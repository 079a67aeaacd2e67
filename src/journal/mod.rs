//! The file in which histories outlive the daemon: read at the start, written to while it runs, and written anew when it has
//! become long.
//! Knows nothing of what is in a line, but for the first and the last.
mod read;
mod sync;
mod writer;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mio::Waker;
use rcomet_core::Machine;
use rcomet_core::journal::{Ending, First, Replayed};
use rcomet_core::time::Moment;

pub(crate) use self::writer::Journal;
use crate::exit::Failure;
use crate::hold;

/// The file before the daemon runs: nobody else has it while we have it.
pub(crate) struct JournalFile {
    path: PathBuf,
    /// The file that is there, locked.
    held: Option<File>,
}

impl JournalFile {
    /// Takes the file.
    ///
    /// # Errors
    /// Another daemon has it, or it cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let (path, held) = hold::take("history.file", path, "the histories")?;
        Ok(Self { path, held })
    }

    /// The one that the daemon has already.
    pub(crate) fn ours(path: &Path) -> Self {
        Self { path: path.to_owned(), held: None }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is one already.
    pub(crate) fn is_there(&self) -> bool {
        self.held.is_some()
    }

    /// Sees whether it can be written, and leaves nothing behind.
    ///
    /// # Errors
    /// There is no room, or no right to write there.
    pub(crate) fn try_to_begin(&self) -> Result<(), String> {
        let draft = hold::draft_of(&self.path);
        let tried = hold::begin(&draft).and_then(|_| fs::remove_file(&draft));
        tried.map_err(|error| format!("history.file: {} cannot be written: {error}", self.path.display()))
    }

    /// Keeps in it from now on what a machine has that has been serving without one.
    ///
    /// # Errors
    /// It cannot be written, or there is no thread for it.
    pub(crate) fn start_later(self, sync_ms: u64, now: Moment, waker: Arc<Waker>) -> Result<Journal, String> {
        told_boot();
        Journal::begin_later(self.path.clone(), sync_ms, now, waker)
            .map_err(|error| format!("history.file: {} cannot be written: {error}", self.path.display()))
    }

    /// Lets everything happen again that is in the file, begins it anew, and keeps it from now on. `sync_ms` is how long what is
    /// written may take to be on the disk; 0 is that nobody hears of it before.
    ///
    /// # Errors
    /// Something in the file is not as it should be, there is no room for what is in it, or it cannot be written.
    pub(crate) fn start(
        self,
        machine: &mut Machine,
        sync_ms: u64,
        waker: Arc<Waker>,
    ) -> Result<Journal, String> {
        let failed = |why: String| format!("history.file: {}: {why}", self.path.display());
        if let Some(file) = &self.held {
            let found = read::replay(file, machine).map_err(failed)?;
            self.tell(&found).map_err(failed)?;
        }
        let first = machine.journal_first(told_boot(), sync_ms == 0);
        machine.keep_journal();
        Journal::begin(self.path.clone(), machine, &first, sync_ms, waker)
            .map_err(|error| failed(format!("cannot be written: {error}")))
    }

    /// Says what was found; keeps aside what could not be read.
    fn tell(&self, found: &read::Found) -> Result<(), String> {
        let place = self.path.display();
        let Replayed { channels, messages, sessions, left, given_up } = found.replayed;
        log::info!(
            "histories put back from {place}: {channels} channels with {messages} messages, {sessions} sessions"
        );
        if left > 0 {
            log::warn!(
                "{place}: {left} sessions of Bayeux do not go on: there may be fewer now, or there is no room for as many \
                 (limits.memory_bytes_max), or they may not read any more what they read, or nobody knows how far they had come; \
                 their clients begin anew"
            );
        }
        if given_up > 0 {
            log::warn!(
                "{place}: {given_up} messages, the oldest of all, are not put back, because there is no room for them \
                 (limits.memory_bytes_max): who has not had them is told of a gap"
            );
        }
        if let Some(why) = &found.cut {
            let copy = self.path.with_extension("damaged");
            // The file itself is replaced by a new one; under this name it stays.
            let _ = fs::remove_file(&copy);
            fs::hard_link(&self.path, &copy)
                .map_err(|error| format!("{why}; and it cannot be kept as {}: {error}", copy.display()))?;
            let kept = format!("the whole file is kept as {}", copy.display());
            log::warn!("{place}: {why}; what stands from there on is not put back; {kept}");
        }
        if found.ending == Ending::Torn {
            log::warn!(
                "{place} is not of a daemon's end, and its own may be missing: whoever comes back is told of a gap"
            );
        }
        Ok(())
    }
}

/// Where the machine says what time it has been running since: random(4).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Names the time since the machine was started: what was written in the same is in the file, however the daemon ended. 0 is a machine
/// that does not say: that is as if it had started just now.
fn boot() -> u128 {
    let text = fs::read_to_string(BOOT_ID).unwrap_or_default();
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    u128::from_str_radix(&digits, 16).unwrap_or(0)
}

/// The same, and a warning where it is not known.
fn told_boot() -> u128 {
    let boot = boot();
    if boot == 0 {
        log::warn!(
            "history.file: {BOOT_ID} cannot be read: after a crash of the daemon everybody is told of a gap, as after a failure of \
             the power (a unit of systemd must not have ProcSubset=pid)"
        );
    }
    boot
}

/// Whether a text was begun since the machine was started.
fn is_of_this_boot(first: &First) -> bool {
    first.boot != 0 && first.boot == boot()
}
