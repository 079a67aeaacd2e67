//! What the administrator says through signals.
//! Knows nothing of how it is done.
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mio::{Interest, Registry};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook_mio::v1_0::Signals as Source;

use super::token::About;

/// The signals that mean something to us.
pub(crate) struct Signals(Source);

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// TERM, INT: see everybody off and leave; when said again, leave.
    Leave,
    /// HUP: read the configuration again.
    Reload,
}

impl Signals {
    /// Signals are kept from now on, until somebody asks for them. So it is done before anything is made that must not be left
    /// behind, and before anybody is told that we are here: whoever hears that may send one at once.
    ///
    /// # Errors
    /// The operating system refuses.
    pub(crate) fn catch() -> io::Result<Self> {
        // A file that may not become longer (`ulimit -f`) is one that cannot be written, of which whoever writes hears; and no end.
        signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        Ok(Self(Source::new([SIGHUP, SIGINT, SIGTERM])?))
    }

    /// They arrive as events of `registry`; those that have been kept arrive at once.
    ///
    /// # Errors
    /// The operating system refuses.
    pub(super) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        registry.register(&mut self.0, About::Signals.into(), Interest::READABLE)
    }

    /// What has been asked for since the last time.
    pub(super) fn orders(&mut self) -> Vec<Order> {
        self.0.pending().map(|signal| if signal == SIGHUP { Order::Reload } else { Order::Leave }).collect()
    }
}
