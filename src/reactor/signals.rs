//! What the administrator says through signals.
//! Knows nothing of how it is done.
use std::io;

use mio::{Interest, Registry};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals as Source;

use super::token::About;

/// The signals that mean something to us.
pub(super) struct Signals(Source);

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// TERM, INT: see everybody off and leave; when said again, leave.
    Leave,
    /// HUP: read the configuration again.
    Reload,
}

impl Signals {
    /// Signals that arrive as events of `registry`.
    ///
    /// # Errors
    /// The operating system refuses.
    pub(super) fn register(registry: &Registry) -> io::Result<Self> {
        let mut source = Source::new([SIGHUP, SIGINT, SIGTERM])?;
        registry.register(&mut source, About::Signals.into(), Interest::READABLE)?;
        Ok(Self(source))
    }

    /// What has been asked for since the last time.
    pub(super) fn orders(&mut self) -> Vec<Order> {
        self.0.pending().map(|signal| if signal == SIGHUP { Order::Reload } else { Order::Leave }).collect()
    }
}
