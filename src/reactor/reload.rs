//! Another configuration for the running daemon: checked first, put in force whole or not at all.
//! Knows nothing of files.
use rcomet_core::Config;
use rcomet_core::time::Moment;

use super::{Doors, Reactor};
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
    /// Another file for last values, or none from now on; `None` leaves it at what there is.
    pub(crate) values: Option<Option<ValuesFile>>,
    /// What is to be said of it: what cannot be had without a restart, and what is probably not meant.
    pub(crate) notes: Vec<String>,
}

/// Where another configuration comes from.
pub(crate) trait Reload {
    /// Reads it, and checks all of it.
    ///
    /// # Errors
    /// Why there is none that can be used.
    fn read(&mut self) -> Result<Fresh, String>;

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
        let Fresh { config, doors, drain_ms_max, sync_ms, values, notes } = reload.read()?;
        let place = values.as_ref().map(|file| file.as_ref().map(|file| file.path().display().to_string()));
        let saver = values.map(|file| self.saver_of(file)).transpose()?;
        self.listeners.set_doors(&doors)?;
        // Nothing fails from here on.
        self.upstreams.set(&config);
        self.machine.reconfigure(config);
        self.drain_ms_max = drain_ms_max;
        if let Some(journal) = &mut self.journal {
            journal.set_sync_ms(sync_ms, now);
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
}
