//! Life in the background: away from the terminal, with word to whoever waits for the start.
//! Knows nothing of what is served. The other end is `lifecycle.rs`.
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use crate::exit::Failure;

/// What stands before the words of a failure, on the pipe to whoever has started us.
pub(crate) const FAILED: &str = "failed ";
/// What is said there when all is well.
pub(crate) const READY: &str = "ready\n";

/// Whether whoever has started us waits for word, on our standard output.
pub(crate) struct Background {
    is_awaited: bool,
}

impl Background {
    /// Leaves the terminal and the session of whoever has started us, if that is wanted.
    ///
    /// # Errors
    /// The operating system refuses.
    pub(crate) fn enter(wanted: bool) -> io::Result<Self> {
        if wanted {
            rustix::process::setsid()?;
        }
        Ok(Self { is_awaited: wanted })
    }

    /// Says how the start went, once, and lets go of the pipe: whoever waits reads its end.
    pub(crate) fn report(&mut self, how: Result<(), &(dyn Error + 'static)>) {
        if !std::mem::take(&mut self.is_awaited) {
            return;
        }
        let text = match how {
            Ok(()) => READY.to_owned(),
            Err(error) => {
                let code = error.downcast_ref::<Failure>().map_or(1, Failure::code);
                format!("{FAILED}{code}\n{error}")
            }
        };
        let mut out = io::stdout();
        // Whoever was waiting may have gone.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        let nothing = OpenOptions::new().write(true).open("/dev/null").and_then(|null: File| {
            rustix::stdio::dup2_stdout(null)?;
            Ok(())
        });
        if let Err(error) = nothing {
            log::warn!("standard output stays open: {error}");
        }
    }
}
