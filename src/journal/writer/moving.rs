//! Another place for the histories while the daemon runs: from one file to another, from none to one, from one to none.
//! Knows nothing of configurations.
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mio::Waker;
use rcomet_core::Machine;
use rcomet_core::time::Moment;

use super::{Journal, Syncer};
use crate::hold;

impl Journal {
    /// Begins a file where there was none. Until all is in it there is nothing in its place: a crash loses what it would have lost
    /// before.
    ///
    /// # Errors
    /// It cannot be written, or there is no thread for it.
    pub(in crate::journal) fn begin_later(
        path: PathBuf,
        sync_ms: u64,
        now: Moment,
        waker: Arc<Waker>,
    ) -> io::Result<Self> {
        let draft = hold::draft_of(&path);
        // Stands in for the file that there is not yet, and has no name.
        let file = hold::begin(&draft)?;
        fs::remove_file(&draft)?;
        let mut journal = Self::with(path, file, 0, sync_ms, Syncer::start(waker)?);
        // As one that could not be written, but for the publishers, who need not wait for it.
        (journal.is_new, journal.broken_until) = (true, Some(now));
        Ok(journal)
    }

    /// From now on the file is to be there. This one has everything until that has, and is removed then.
    pub(crate) fn move_to(&mut self, path: &Path) {
        self.clear_away();
        if self.is_new {
            path.clone_into(&mut self.path);
        }
        self.to = Some(path.to_owned()).filter(|path| *path != self.path);
        self.no_sooner = None;
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what could not be written where the file was to be.
    fn clear_away(&mut self) {
        let was_given_up = self.broken_until.is_some() || self.to.is_some();
        if was_given_up && self.next.is_none() && !self.is_installing {
            let _ = fs::remove_file(hold::draft_of(self.place()));
        }
    }

    /// Where it is being moved at this moment, if it is.
    pub(crate) fn is_moving_to(&self) -> Option<&Path> {
        let is_under_way = self.next.is_some() || self.is_installing;
        Some(self.place()).filter(|_| is_under_way && (self.to.is_some() || self.is_new))
    }

    /// Nothing is written down any more. What is there stays, and says that something is missing behind it.
    pub(crate) fn leave(mut self, machine: &mut Machine, now: Moment) {
        self.store(machine, now);
        self.clear_away();
        let mut line = Vec::new();
        machine.end_journal(&mut line);
        // One that could not be written has its mark already.
        let ours = (&self.file, self.length, &self.path);
        let files = [Some(ours).filter(|_| self.broken_until.is_none())];
        let next = self.next.as_ref().map(|next| (&next.file, next.length, &next.to));
        for (mut file, length, path) in files.into_iter().chain([next]).flatten() {
            let marked = file.write_all(&line).or_else(|_| file.set_len(length.saturating_sub(1)));
            if let Err(error) = marked {
                log::error!("history.file: {} cannot be marked: {error}", path.display());
            }
        }
        if let Some(next) = self.next.as_ref().filter(|next| !next.is_whole) {
            let _ = fs::remove_file(hold::draft_of(&next.to));
        }
        let path = self.path.display();
        log::info!("history.file: histories are in memory alone from now on, and not in {path}");
    }

    /// Whether nothing would be overwritten there but what is ours.
    pub(super) fn see_that_it_is_free(&self, at: &Path) -> io::Result<()> {
        let next = self.next.as_ref().map(|next| &next.file);
        let ours = [self.given_up.as_ref(), next, Some(&self.file)];
        if ours.into_iter().flatten().any(|file| hold::is_there(file, at)) {
            return Ok(());
        }
        match fs::symlink_metadata(at) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(_) if at == self.path && !self.is_new => Ok(()),
            Ok(_) => Err(io::Error::other("there is something else meanwhile")),
        }
    }

    /// All is in another place now: what was before is no longer needed, and must not be taken for the same log.
    pub(super) fn moved(&mut self, machine: &mut Machine, to: PathBuf) {
        let from = std::mem::replace(&mut self.path, to);
        self.to = self.to.take().filter(|to| *to != self.path);
        let marked = self.file.set_len(self.length.saturating_sub(1));
        let is_ours = hold::is_there(&self.file, &from);
        let gone = marked.and_then(|()| if is_ours { fs::remove_file(&from) } else { Ok(()) });
        let (from, to) = (from.display(), self.path.display());
        machine.journal_elsewhere(Some(to.to_string()));
        match gone {
            Ok(()) => log::info!("history.file: the histories have been moved from {from} to {to}"),
            Err(error) => {
                log::warn!("history.file: {to} has the histories; {from} cannot be removed: {error}");
            }
        }
    }
}
