//! The loop around the core: one poll, one scratch block, and every socket.
//! Knows nothing of what the bytes mean, nor where the configuration comes from.
mod accept;
mod clock;
mod doors;
mod listen;
mod reload;
mod report;
mod signals;
mod socket;
mod socket_file;
mod sockets;
mod stream;
mod token;
mod turn;

use std::io;
use std::sync::Arc;

use mio::{Poll, Waker};
use rcomet_core::arena::Id;
use rcomet_core::chance::Entropy;
use rcomet_core::time::Moment;
use rcomet_core::values::{Kept, Restored};
use rcomet_core::{Conn, Machine};

use self::accept::Listeners;
use self::clock::Clock;
pub(crate) use self::doors::Doors;
pub(crate) use self::listen::{Bound, Given};
pub(crate) use self::reload::{Fresh, Histories, Reload};
use self::report::Report;
pub(crate) use self::signals::Signals;
use self::sockets::Sockets;
pub(crate) use self::stream::Stream;
use self::token::About;
pub(crate) use self::token::upstream_token;
use crate::journal::{Journal, JournalFile};
use crate::notify::Manager;
use crate::upstream::Upstreams;
use crate::values::{Saver, ValuesFile};

/// Bytes of the one block that all connections are read into. What is not finished in it is copied by the core.
const SCRATCH_BYTES: usize = 64 << 10;

/// Everything the operating system gave us, and the machine that decides what is done with it.
pub(crate) struct Reactor {
    poll: Poll,
    clock: Clock,
    signals: Signals,
    listeners: Listeners,
    sockets: Sockets,
    upstreams: Upstreams,
    machine: Machine,
    scratch: Box<[u8]>,
    /// Connections whose reading goes on in the next turn: they had more than one turn's share, or had been paused.
    in_line: Vec<Id<Conn>>,
    /// The machine has more work than one turn's share.
    more: bool,
    report: Report,
    life: Life,
    drain_ms_max: u64,
    /// Who saves last values, if they are kept.
    saver: Option<Saver>,
    waker: Option<Arc<Waker>>,
    /// Where histories are written, if they outlive the daemon.
    journal: Option<Journal>,
    manager: Manager,
    /// When the service manager is next told that we live.
    alive_at: Option<Moment>,
}

/// Where the process is between its start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Serving,
    /// Nobody new comes in; those who are here are seen off.
    Draining {
        since: Moment,
    },
    Over,
}

impl Reactor {
    /// A reactor that serves what `bound` brings in, by what `fresh` says, obeys `signals`, also those that have come already,
    /// and says `about` itself what it is asked.
    ///
    /// # Errors
    /// The operating system refuses epoll, or something that is said of listeners.
    pub(crate) fn new(
        fresh: Fresh,
        entropy: Box<dyn Entropy>,
        bound: Vec<Bound>,
        mut signals: Signals,
        about: rcomet_core::About,
    ) -> io::Result<Self> {
        let Fresh { config, doors, drain_ms_max, .. } = fresh;
        let poll = Poll::new()?;
        let mut clock = Clock::start();
        let upstreams = Upstreams::new(&config);
        let mut machine = Machine::new(config, entropy, clock.now(), clock.date());
        machine.set_about(about);
        let mut listeners = Listeners::register(bound, poll.registry())?;
        listeners.set_doors(&doors).map_err(io::Error::other)?;
        let manager = Manager::find();
        signals.register(poll.registry())?;
        Ok(Self {
            signals,
            listeners,
            sockets: Sockets::default(),
            upstreams,
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            in_line: Vec::new(),
            more: false,
            report: Report::default(),
            life: Life::Serving,
            drain_ms_max,
            saver: None,
            waker: None,
            journal: None,
            alive_at: manager.alive_every_ms().map(|_| clock.now()),
            manager,
            poll,
            clock,
            machine,
        })
    }

    /// Who saves in this file.
    fn saver_of(&mut self, file: Option<ValuesFile>) -> Result<Option<Saver>, String> {
        let Some(file) = file else { return Ok(None) };
        let saver = Saver::start(file, self.waker()?);
        saver.map(Some).map_err(|error| format!("no thread to save values: {error}"))
    }

    /// What wakes the loop: one for all threads, because a poll has one.
    fn waker(&mut self) -> Result<Arc<Waker>, String> {
        if self.waker.is_none() {
            let waker = Waker::new(self.poll.registry(), About::Saver.into()).map_err(|e| e.to_string())?;
            self.waker = Some(Arc::new(waker));
        }
        self.waker.clone().ok_or_else(|| "there is nothing to wake the loop".into())
    }

    /// Puts back the histories that an earlier daemon has left, and keeps them in this file from now on.
    ///
    /// # Errors
    /// There is no room for them, something is wrong with them, or the file cannot be written.
    pub(crate) fn keep_histories(&mut self, file: JournalFile, sync_ms: u64) -> Result<(), String> {
        let waker = self.waker()?;
        self.journal = Some(file.start(&mut self.machine, sync_ms, waker)?);
        Ok(())
    }

    /// Puts back the values that an earlier daemon has left, and keeps them in this file from now on.
    ///
    /// # Errors
    /// There is no room for them, or the file cannot be written.
    pub(crate) fn keep_values(&mut self, mut file: ValuesFile, kept: Option<&Kept>) -> Result<(), String> {
        if let Some(kept) = kept {
            let place = file.path().display();
            let restored =
                self.machine.restore(kept).map_err(|why| format!("control.values_file: {place}: {why}"))?;
            let Restored { values, expired } = restored;
            log::info!("values put back from {place}: {values}; over meanwhile: {expired}");
            if !kept.is_clean {
                log::warn!(
                    "{place} is not of a daemon's end: what was written after it was saved last is lost"
                );
            }
        }
        // So it is known now whether it can be written; and that this daemon has not ended is in it from the beginning.
        file.save(&mut self.machine, false)?;
        self.machine.values_saved(true);
        self.saver = self.saver_of(Some(file))?;
        Ok(())
    }
}
