//! The file written anew, beside the one that holds: in shares while the daemon serves, or at once, and put in its place when all is
//! in it.
//! Knows nothing of what a line says.
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rcomet_core::Machine;
use rcomet_core::journal::First;
use rcomet_core::time::Moment;

use super::Journal;
use crate::hold;
use crate::journal::boot;

/// A file that is shorter is not written anew.
const REWRITE_BYTES_MIN: u64 = 4 << 20;
/// It is when it has become so many times as long as when it was last written anew.
const REWRITE_TIMES: u64 = 3;
/// Bytes of it that are written in one turn.
const SHARE_BYTES: usize = 128 << 10;
/// How long it is not written anew when that could not be done.
const AGAIN_MS: u64 = 60_000;

/// A file that is written anew, beside the one that holds.
pub(super) struct Next {
    pub(super) file: File,
    /// Where it is to be.
    pub(super) to: PathBuf,
    pub(super) length: u64,
    /// All of it is there, and it is being put in place. From now on it gets what the other gets.
    pub(super) is_whole: bool,
    /// What its first line was written for.
    pub(super) sync_ms: u64,
}

impl Journal {
    /// Whether the first line says what is no longer to be so.
    pub(super) fn is_of_another_kind(&self) -> bool {
        (self.wanted_ms == 0) != (self.sync_ms == 0)
    }

    /// Whether it is to be another file although this one is not too long.
    pub(super) fn is_to_change(&self) -> bool {
        self.is_of_another_kind() || self.to.is_some()
    }

    /// Where the file is when it has been written anew.
    pub(super) fn place(&self) -> &Path {
        self.to.as_deref().unwrap_or(&self.path)
    }

    /// Begins to write the file anew, if that is to be, and writes a share of it; whether there is more to do at once.
    pub(super) fn rewrite(&mut self, machine: &mut Machine, now: Moment) -> bool {
        if self.wants_anew(now)
            && let Err(error) = self.begin_anew(machine)
        {
            self.give_up_next(machine, &error, now);
        }
        if self.next.as_ref().is_none_or(|next| next.is_whole) {
            return false;
        }
        // Twice what has come meanwhile: else there would be no end of it.
        let share = SHARE_BYTES + 2 * std::mem::take(&mut self.stored);
        let written = self.write_next(machine, share);
        let is_all = matches!(written, Ok(true));
        let done = written.and_then(|is_all| if is_all { self.install() } else { Ok(()) });
        if let Err(error) = done {
            self.give_up_next(machine, &error, now);
            return false;
        }
        !is_all
    }

    fn wants_anew(&self, now: Moment) -> bool {
        let is_long = self.length > REWRITE_BYTES_MIN.max(self.length_anew.saturating_mul(REWRITE_TIMES));
        let is_time = self.no_sooner.is_none_or(|moment| now >= moment);
        let has_reason = is_long || self.is_to_change();
        let is_wanted = self.broken_until.map_or(has_reason && is_time, |until| now >= until);
        self.next.is_none() && !self.is_installing && is_wanted
    }

    fn begin_anew(&mut self, machine: &mut Machine) -> io::Result<()> {
        if self.broken_until.is_some() {
            machine.keep_journal();
        }
        // One that is not in its place has the draft's.
        let to = self.place().to_owned();
        self.given_up = self.given_up.take().filter(|file| hold::is_there(file, &to));
        self.see_that_it_is_free(&to)?;
        let mut file = hold::begin(&hold::draft_of(&to))?;
        let mut line = Vec::new();
        let sync_ms = self.wanted_ms;
        machine.journal_first(boot(), sync_ms == 0).write(&mut line);
        file.write_all(&line)?;
        machine.begin_anew();
        self.next = Some(Next { file, to, length: line.len() as u64, is_whole: false, sync_ms });
        Ok(())
    }

    fn install(&mut self) -> io::Result<()> {
        let Some(next) = &mut self.next else { return Ok(()) };
        self.syncer.install(&next.file, hold::draft_of(&next.to), next.to.clone())?;
        next.is_whole = true;
        self.is_installing = true;
        Ok(())
    }

    /// The new file is in its place.
    fn change_over(&mut self, machine: &mut Machine, now: Moment) {
        // It may have been given up meanwhile: then what is in its place says so.
        let Some(Next { file, to, length, sync_ms, .. }) = self.next.take() else { return };
        self.sync_ms = sync_ms;
        if !self.is_of_another_kind() {
            self.sync_ms = self.wanted_ms;
        }
        if to != self.path {
            self.moved(machine, to);
        }
        let old = std::mem::replace(&mut self.file, file);
        self.syncer.close(old);
        (self.length, self.length_anew, self.stored, self.no_sooner) = (length, length, 0, None);
        self.given_up = None;
        machine.end_anew(true);
        if self.sync_ms > 0 {
            self.sync_at = Some(now.after_ms(self.sync_ms));
        }
        if self.broken_until.take().is_some() {
            machine.set_journal_broken(false);
            let how =
                if std::mem::take(&mut self.is_new) { "has the histories now" } else { "is written again" };
            log::info!("history.file: {} {how}", self.path.display());
        }
        log::debug!("{} has been written anew: {length} bytes", self.path.display());
    }

    /// Writes a share of the file that is written anew; whether all of it is there.
    pub(super) fn write_next(&mut self, machine: &mut Machine, share: usize) -> io::Result<bool> {
        let Some(next) = &mut self.next else { return Ok(true) };
        self.buffer.clear();
        let is_all = machine.write_more(share, &mut self.buffer);
        next.file.write_all(&self.buffer)?;
        next.length += self.buffer.len() as u64;
        if next.is_whole && next.sync_ms == 0 {
            next.file.sync_data()?;
        }
        Ok(is_all)
    }

    /// The thread has put the new file in place, or could not.
    pub(super) fn installed(&mut self, machine: &mut Machine, how: io::Result<()>, now: Moment) {
        let is_there = self.next.as_ref().is_some_and(|next| hold::is_there(&next.file, &next.to));
        match how {
            Ok(()) => self.change_over(machine, now),
            // It was given up meanwhile.
            Err(_) if self.next.is_none() => {}
            Err(error) if is_there => self.give_up(machine, &error, now),
            Err(error) => self.give_up_next(machine, &error, now),
        }
    }

    /// Another one cannot be written beside it. If it is well itself, it serves on, and becomes longer for a while.
    fn give_up_next(&mut self, machine: &mut Machine, error: &io::Error, now: Moment) {
        if self.broken_until.is_some() {
            return self.give_up(machine, error, now);
        }
        if let Some(to) = &self.to {
            log::warn!(
                "history.file: {} cannot be written: {error}; {} has the histories until it can be",
                to.display(),
                self.path.display()
            );
        } else {
            log::warn!(
                "history.file: {} cannot be written anew: {error}; it goes on as it is",
                self.path.display()
            );
        }
        if let Some(next) = self.next.take() {
            let _ = fs::remove_file(hold::draft_of(&next.to));
        }
        machine.end_anew(false);
        self.no_sooner = Some(now.after_ms(AGAIN_MS));
    }
}

/// Writes everything at once into a new file, and puts that in place. `is_end` says that nothing follows.
pub(super) fn write_all_anew(
    path: &Path,
    machine: &mut Machine,
    first: &First,
    is_end: bool,
) -> io::Result<(File, u64)> {
    let draft = hold::draft_of(path);
    let mut file = hold::begin(&draft)?;
    let written = (|| {
        let (mut length, mut buffer) = (0, Vec::new());
        first.write(&mut buffer);
        machine.begin_anew();
        loop {
            let is_all = machine.write_more(SHARE_BYTES, &mut buffer);
            if is_all && is_end {
                machine.write_end(&mut buffer);
            }
            file.write_all(&buffer)?;
            length += buffer.len() as u64;
            buffer.clear();
            if is_all {
                break;
            }
        }
        file.sync_all()?;
        fs::rename(&draft, path)?;
        hold::sync_name(path)?;
        Ok(length)
    })();
    machine.end_anew(false);
    match written {
        Ok(length) => Ok((file, length)),
        Err(error) => {
            let _ = fs::remove_file(&draft);
            Err(error)
        }
    }
}
