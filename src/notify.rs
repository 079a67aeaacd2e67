//! Word to the service manager that has started us, if it wants any (sd_notify(3)): ready, reloading, leaving, alive.
//! Knows nothing of what that means for clients.
use sd_notify::{NotifyState, notify};

/// A service manager, or nobody.
pub(crate) struct Manager {
    /// Milliseconds within which it wants to hear that we live.
    watchdog_ms: Option<u64>,
}

impl Manager {
    /// Whoever has started us.
    pub(crate) fn find() -> Self {
        let watchdog_ms =
            sd_notify::watchdog_enabled().and_then(|within| u64::try_from(within.as_millis()).ok());
        Self { watchdog_ms: watchdog_ms.filter(|ms| *ms > 0) }
    }

    /// Milliseconds between two signs of life: half of what is allowed, as its manual has it.
    pub(crate) fn alive_every_ms(&self) -> Option<u64> {
        self.watchdog_ms.map(|ms| (ms / 2).max(1))
    }

    /// We serve.
    pub(crate) fn ready(&self) {
        say(&[NotifyState::Ready, NotifyState::Status("serving")]);
    }

    /// We live.
    pub(crate) fn alive(&self) {
        say(&[NotifyState::Watchdog]);
    }

    /// The configuration is being read again; [`Manager::ready`] follows.
    pub(crate) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => say(&[NotifyState::Reloading, now]),
            Err(error) => log::debug!("there is no clock to tell the service manager by: {error}"),
        }
    }

    /// We leave.
    pub(crate) fn stopping(&self) {
        say(&[NotifyState::Stopping, NotifyState::Status("leaving")]);
    }
}

fn say(what: &[NotifyState<'_>]) {
    // Nobody may want to know; whoever does and cannot be reached will see for himself.
    if let Err(error) = notify(what) {
        log::debug!("the service manager cannot be told: {error}");
    }
}
