//! The file while the daemon runs. What has happened is in it before anybody is sent a word of it.
//! Knows nothing of sockets.
mod moving;
mod rewrite;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use mio::Waker;
use rcomet_core::Machine;
use rcomet_core::journal::First;
use rcomet_core::time::Moment;

use self::rewrite::{Next, write_all_anew};
use super::boot;
use super::sync::{Done, Syncer};

/// Room that is kept for what is written in a turn.
const BUFFER_BYTES_KEPT: usize = 1 << 20;
/// How long it is left alone when it could not be written.
const RETRY_MS: u64 = 1_000;

/// The file, written to.
pub(crate) struct Journal {
    path: PathBuf,
    /// Where the file is to be from now on. It moves when it is written anew.
    to: Option<PathBuf>,
    /// There was none, and the first has not been written yet.
    is_new: bool,
    file: File,
    length: u64,
    /// Bytes that were added since a share of another was written last.
    stored: usize,
    /// How long it was when all of it had been written anew.
    length_anew: u64,
    /// It could not be written anew, and is tried again then.
    no_sooner: Option<Moment>,
    next: Option<Next>,
    /// The thread is putting a file in place.
    is_installing: bool,
    /// One that was given up while it did: it may be there, and then it is ours.
    given_up: Option<File>,
    /// What holds for the file that is there. Its first line says whether it is 0.
    sync_ms: u64,
    /// What is to hold. Where the first line would be wrong then, the file is written anew first.
    wanted_ms: u64,
    /// When the disk is to take what has been written.
    sync_at: Option<Moment>,
    is_syncing: bool,
    syncer: Syncer,
    /// It cannot be written, and is tried again then.
    broken_until: Option<Moment>,
    buffer: Vec<u8>,
}

impl Journal {
    /// Begins the file anew with all that the machine has.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn begin(
        path: PathBuf,
        machine: &mut Machine,
        first: &First,
        sync_ms: u64,
        waker: Arc<Waker>,
    ) -> io::Result<Self> {
        let (file, length) = write_all_anew(&path, machine, first, false)?;
        Ok(Self::with(path, file, length, sync_ms, Syncer::start(waker)?))
    }

    fn with(path: PathBuf, file: File, length: u64, sync_ms: u64, syncer: Syncer) -> Self {
        Self {
            path,
            to: None,
            is_new: false,
            file,
            length,
            stored: 0,
            length_anew: length,
            no_sooner: None,
            next: None,
            is_installing: false,
            given_up: None,
            sync_ms,
            wanted_ms: sync_ms,
            sync_at: None,
            is_syncing: false,
            syncer,
            broken_until: None,
            buffer: Vec::new(),
        }
    }

    /// From now on the disk is to have what is written after so many milliseconds; with 0, before anybody hears of it. From 0 and to
    /// 0 it holds as soon as the file has been written anew.
    pub(crate) fn set_sync_ms(&mut self, sync_ms: u64, now: Moment) {
        self.wanted_ms = sync_ms;
        if !self.is_of_another_kind() {
            self.sync_ms = sync_ms;
            self.sync_at = self.sync_at.map(|at| at.min(now.after_ms(sync_ms)));
        }
    }

    /// Writes what has happened. To be called before anything is sent.
    pub(crate) fn store(&mut self, machine: &mut Machine, now: Moment) {
        if !machine.has_entries() {
            return;
        }
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES_KEPT);
        machine.write_entries(&mut self.buffer);
        // What cannot be written is written with everything else, when that can be.
        if self.broken_until.is_none() {
            if let Err(error) = self.write() {
                return self.give_up(machine, &error, now);
            }
            if self.sync_ms > 0 && self.sync_at.is_none() {
                self.sync_at = Some(now.after_ms(self.sync_ms));
            }
        }
        if self.next.as_ref().is_some_and(|next| next.is_whole)
            && let Err(error) = self.write_next(machine, usize::MAX)
        {
            self.give_up(machine, &error, now);
        }
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.length += self.buffer.len() as u64;
        self.stored += self.buffer.len();
        if self.sync_ms == 0 { self.file.sync_data() } else { Ok(()) }
    }

    /// It cannot be written. Its last line is left without an end, which says that something may be missing.
    fn give_up(&mut self, machine: &mut Machine, error: &io::Error, now: Moment) {
        for (file, length) in
            [Some((&self.file, self.length)), self.next.as_ref().map(|next| (&next.file, next.length))]
                .into_iter()
                .flatten()
        {
            if let Err(error) = file.set_len(length.saturating_sub(1)) {
                log::error!("history.file: {} cannot be marked, either: {error}", self.path.display());
            }
        }
        if self.broken_until.is_none() || std::mem::take(&mut self.is_new) {
            log::error!(
                "history.file: {} cannot be written: {error}; nothing is published until it can be",
                self.path.display()
            );
        }
        if let Some(next) = self.next.take().filter(|next| next.is_whole) {
            self.given_up = Some(next.file);
        }
        machine.end_anew(false);
        machine.set_journal_broken(true);
        self.sync_at = None;
        self.broken_until = Some(now.after_ms(RETRY_MS));
    }

    /// When something is to be done although nothing happens.
    pub(crate) fn due(&self) -> Option<Moment> {
        let sync_at = self.sync_at.filter(|_| !self.is_syncing);
        let retry_at = self.broken_until.filter(|_| self.next.is_none() && !self.is_installing);
        let idle = self.next.is_none() && !self.is_installing && self.broken_until.is_none();
        let turn_at = (idle && self.is_to_change()).then(|| self.no_sooner.unwrap_or_default());
        [sync_at, retry_at, turn_at].into_iter().flatten().min()
    }

    /// Goes on with what takes longer than a turn; whether there is more to do at once.
    pub(crate) fn go_on(&mut self, machine: &mut Machine, now: Moment) -> bool {
        self.store(machine, now);
        while let Some(done) = self.syncer.done() {
            match done {
                Done::Synced(how) => {
                    self.is_syncing = false;
                    if let Err(error) = how {
                        self.give_up(machine, &error, now);
                    }
                }
                Done::Installed(how) => {
                    self.is_installing = false;
                    self.installed(machine, how, now);
                }
            }
        }
        if let Err(error) = self.sync_if_due(now) {
            self.give_up(machine, &error, now);
        }
        self.rewrite(machine, now)
    }

    fn sync_if_due(&mut self, now: Moment) -> io::Result<()> {
        if self.is_syncing || self.sync_at.is_none_or(|at| now < at) {
            return Ok(());
        }
        self.sync_at = None;
        self.syncer.sync(&self.file)?;
        self.is_syncing = true;
        Ok(())
    }

    /// Writes what there still is, and that nothing follows.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn end(mut self, machine: &mut Machine, now: Moment) -> io::Result<()> {
        self.store(machine, now);
        self.syncer.end();
        let place = self.place().to_owned();
        let others = self.to.as_ref().map(|_| format!("; {} has the histories", self.path.display()));
        let told = |error: io::Error| {
            let others = others.as_deref().unwrap_or_default();
            io::Error::other(format!("history.file: {} cannot be written: {error}{others}", place.display()))
        };
        self.see_that_it_is_free(&place).map_err(told)?;
        if self.broken_until.is_some() || self.next.is_some() || self.to.is_some() {
            machine.end_anew(false);
            machine.keep_journal();
            (self.next, self.given_up) = (None, None);
            let first = machine.journal_first(boot(), self.sync_ms == 0);
            write_all_anew(&place, machine, &first, true).map_err(told)?;
            if place != self.path {
                self.moved(machine, place);
            }
            return Ok(());
        }
        let mut line = Vec::new();
        machine.write_end(&mut line);
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_all());
        if written.is_err() {
            // Without an end it is as good as after a kill.
            let _ = self.file.set_len(self.length);
        }
        written.map_err(told)
    }
}
