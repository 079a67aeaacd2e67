//! Another configuration for the running daemon: checked first, put in force whole or not at all.
//! Knows nothing of files.
use std::path::Path;

use rcomet_core::Config;
use rcomet_core::time::Moment;

use super::{Doors, Reactor};
use crate::journal::{Journal, JournalFile};
use crate::values::ValuesFile;

/// Everything that can be put in force while the daemon runs.
pub(crate) struct Fresh {
    /// The core's.
    pub(crate) config: Config,
    /// What can be said anew of listeners.
    pub(crate) doors: Doors,
    /// Milliseconds that connections have to end.
    pub(crate) drain_ms_max: u64,
    /// Milliseconds until the disk has what is written into the file of histories.
    pub(crate) sync_ms: u64,
    /// Another file for histories, or none from now on; `None` leaves it at what there is.
    pub(crate) histories: Option<Option<JournalFile>>,
    /// Another file for last values, or none from now on; `None` leaves it at what there is.
    pub(crate) values: Option<Option<ValuesFile>>,
    /// What is to be said of it: what cannot be had without a restart, and what is probably not meant.
    pub(crate) notes: Vec<String>,
}

/// Where the file of histories is while another configuration is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Histories<'a> {
    pub(crate) path: Option<&'a Path>,
    /// It is being moved there at this moment.
    pub(crate) moves_to: Option<&'a Path>,
}

/// Where another configuration comes from.
pub(crate) trait Reload {
    /// Reads it, and checks all of it. `histories` is where those are.
    ///
    /// # Errors
    /// Why there is none that can be used.
    fn read(&mut self, histories: Histories<'_>) -> Result<Fresh, String>;

    /// What was read last is in force.
    fn adopted(&mut self);

    /// What was read last will not be in force.
    fn given_up(&mut self);
}

impl Reactor {
    /// Puts what `reload` reads in force; gives what is to be said of it.
    pub(super) fn reload(&mut self, reload: &mut dyn Reload, now: Moment) -> Result<Vec<String>, String> {
        self.manager.reloading(now);
        let how = self.try_to_reload(reload, now);
        if let Err(why) = &how {
            reload.given_up();
            log::error!("the configuration stays as it was: {why}");
        }
        self.manager.ready(now);
        how
    }

    fn try_to_reload(&mut self, reload: &mut dyn Reload, now: Moment) -> Result<Vec<String>, String> {
        let kept = self.journal.as_ref();
        let kept =
            Histories { path: kept.map(Journal::path), moves_to: kept.and_then(Journal::is_moving_to) };
        let Fresh { config, doors, drain_ms_max, sync_ms, histories, values, notes } = reload.read(kept)?;
        let place = values.as_ref().map(|file| file.as_ref().map(|file| file.path().display().to_string()));
        let saver = values.map(|file| self.saver_of(file)).transpose()?;
        let histories = histories.map(|file| self.histories_in(file, sync_ms, now)).transpose()?;
        self.listeners.set_doors(&doors)?;
        // Nothing fails from here on.
        self.upstreams.set(&config);
        self.machine.reconfigure(config);
        self.drain_ms_max = drain_ms_max;
        if let Some(journal) = &mut self.journal {
            journal.set_sync_ms(sync_ms, now);
        }
        if let Some(histories) = histories {
            self.move_histories(histories, now);
        }
        if let (Some(saver), Some(place)) = (saver, place) {
            // The one before ends by itself: what it has saved stays, and is of no daemon's end.
            self.saver = saver;
            self.machine.save_elsewhere(place);
        }
        reload.adopted();
        for note in &notes {
            log::warn!("{note}");
        }
        log::info!("the configuration has been read again");
        Ok(notes)
    }

    /// What is needed for histories to be there.
    fn histories_in(&mut self, file: Option<JournalFile>, sync_ms: u64, now: Moment) -> Result<Move, String> {
        Ok(match file {
            None => Move::Nowhere,
            Some(file) if self.journal.is_some() => Move::To(file),
            Some(file) => Move::Begin(Box::new(file.start_later(sync_ms, now, self.waker()?)?)),
        })
    }

    fn move_histories(&mut self, how: Move, now: Moment) {
        match (how, self.journal.take()) {
            (Move::Begin(journal), _) => self.journal = Some(*journal),
            (Move::To(file), Some(mut journal)) => {
                journal.move_to(file.path());
                self.journal = Some(journal);
            }
            (Move::Nowhere, Some(journal)) => journal.leave(&mut self.machine, now),
            (Move::To(_) | Move::Nowhere, None) => {}
        }
        let place = self.journal.as_ref().map(|journal| journal.path().display().to_string());
        self.machine.journal_elsewhere(place);
    }
}

/// Where histories are to be from now on.
enum Move {
    /// In a file, where there was none.
    Begin(Box<Journal>),
    /// In another file.
    To(JournalFile),
    /// In memory alone.
    Nowhere,
}
