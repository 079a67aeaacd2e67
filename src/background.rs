//! Life in the background: away from the terminal, with word to whoever waits for the start.
//! Knows nothing of what is served. The other end is `lifecycle.rs`.
use std::env;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::RawFd;

use rlimit::Resource;

use crate::activation;
use crate::exit::Failure;

/// What stands before the words of a failure, on the pipe to whoever has started us.
pub(crate) const FAILED: &str = "failed ";
/// What is said there when all is well.
pub(crate) const READY: &str = "ready\n";

/// Descriptors that are closed by trying, where the system does not tell which are open.
const TRIED_MAX: u64 = 1 << 16;

/// Whether whoever has started us waits for word, on our standard output.
pub(crate) struct Background {
    is_awaited: bool,
}

impl Background {
    /// Leaves the terminal and the session of whoever has started us, if that is wanted, and what they had open: a lock of theirs would
    /// else be held for as long as we live. To be called before anything is opened.
    ///
    /// # Errors
    /// The operating system refuses.
    pub(crate) fn enter(wanted: bool) -> io::Result<Self> {
        if wanted {
            rustix::process::setsid()?;
            close_inherited();
        }
        Ok(Self { is_awaited: wanted })
    }

    /// Leaves the directory in which we were started, so that nobody has to keep it for us. To be called when all that is named in
    /// relation to it has been opened, or has got its whole name.
    ///
    /// # Errors
    /// The operating system refuses.
    pub(crate) fn settle(&self) -> io::Result<()> {
        if self.is_awaited { env::set_current_dir("/") } else { Ok(()) }
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

/// Closes everything but the standard streams, and the sockets that were handed to us.
fn close_inherited() {
    let listed = fs::read_dir("/proc/self/fd").map(|entries| {
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect::<Vec<RawFd>>()
    });
    let all = listed.unwrap_or_else(|_| {
        // Nobody tells, so all that there can be are tried, within reason.
        let most = Resource::NOFILE.get_soft().unwrap_or(u64::MAX).min(TRIED_MAX);
        (3..RawFd::try_from(most).unwrap_or(RawFd::MAX)).collect()
    });
    let given = activation::descriptors();
    for fd in all.into_iter().filter(|fd| *fd > 2 && !given.contains(fd)) {
        // Among them is the list's own, which is closed already.
        let _ = nix::unistd::close(fd);
    }
}
