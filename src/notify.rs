//! Word to the service manager that has started us, if it wants any (sd_notify(3)): ready, reloading, leaving, alive.
//! Knows nothing of what that means for clients.
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rcomet_core::time::Moment;
use sd_notify::NotifyState;

/// Words that are kept for a manager that does not read. Of more the oldest are given up: what we are now is in the last ones.
const UNSAID_MAX: usize = 16;
/// Milliseconds until it is tried again whether it reads.
const AGAIN_MS: u64 = 100;

/// A service manager, or nobody. It is never waited for: one that does not read is told later.
pub(crate) struct Manager {
    /// Where it hears.
    socket: Option<OsString>,
    /// Milliseconds within which it wants to hear that we live.
    watchdog_ms: Option<u64>,
    /// What it could not be told yet.
    unsaid: VecDeque<String>,
    /// When that is tried again.
    again_at: Option<Moment>,
}

impl Manager {
    /// Whoever has started us.
    pub(crate) fn find() -> Self {
        let watchdog_ms =
            sd_notify::watchdog_enabled().and_then(|within| u64::try_from(within.as_millis()).ok());
        Self::at(std::env::var_os("NOTIFY_SOCKET"), watchdog_ms.filter(|ms| *ms > 0))
    }

    fn at(socket: Option<OsString>, watchdog_ms: Option<u64>) -> Self {
        Self { socket, watchdog_ms, unsaid: VecDeque::new(), again_at: None }
    }

    /// Milliseconds between two signs of life: half of what is allowed, as its manual has it.
    pub(crate) fn alive_every_ms(&self) -> Option<u64> {
        self.watchdog_ms.map(|ms| (ms / 2).max(1))
    }

    /// When [`Manager::go_on`] has something to do.
    pub(crate) fn again_at(&self) -> Option<Moment> {
        self.again_at
    }

    /// We serve.
    pub(crate) fn ready(&mut self, now: Moment) {
        self.say(&[NotifyState::Ready, NotifyState::Status("serving")], now);
    }

    /// We live. That is not kept for later: then it will be said anew.
    pub(crate) fn alive(&mut self) {
        if self.unsaid.is_empty() {
            let _ = self.send(&text(&[NotifyState::Watchdog]));
        }
    }

    /// The configuration is being read again; [`Manager::ready`] follows.
    pub(crate) fn reloading(&mut self, now: Moment) {
        match NotifyState::monotonic_usec_now() {
            Ok(usec) => self.say(&[NotifyState::Reloading, usec], now),
            Err(error) => log::debug!("there is no clock to tell the service manager by: {error}"),
        }
    }

    /// We leave.
    pub(crate) fn stopping(&mut self, now: Moment) {
        self.say(&[NotifyState::Stopping, NotifyState::Status("leaving")], now);
    }

    /// Says what could not be said before, if it is time.
    pub(crate) fn go_on(&mut self, now: Moment) {
        if self.again_at.is_some_and(|at| now >= at) {
            self.try_to_say(now);
        }
    }

    fn say(&mut self, what: &[NotifyState<'_>], now: Moment) {
        if self.socket.is_none() {
            return;
        }
        if self.unsaid.len() == UNSAID_MAX {
            self.unsaid.pop_front();
        }
        self.unsaid.push_back(text(what));
        self.try_to_say(now);
    }

    fn try_to_say(&mut self, now: Moment) {
        self.again_at = None;
        while let Some(word) = self.unsaid.front() {
            match self.send(word) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.again_at = Some(now.after_ms(AGAIN_MS));
                    return;
                }
                // Whoever wants to know and cannot be reached will see for himself.
                Err(error) => log::debug!("the service manager cannot be told: {error}"),
                Ok(()) => {}
            }
            self.unsaid.pop_front();
        }
    }

    fn send(&self, word: &str) -> io::Result<()> {
        let Some(place) = &self.socket else { return Ok(()) };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.send_to_addr(word.as_bytes(), &address(place)?).map(drop)
    }
}

/// The place that NOTIFY_SOCKET names: a path, or behind an `@` a name that is in no directory.
fn address(place: &OsStr) -> io::Result<SocketAddr> {
    match place.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(place),
    }
}

fn text(what: &[NotifyState<'_>]) -> String {
    what.iter().map(|state| format!("{state}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manager's ear at a place of its own, and what tells it.
    fn ear(name: &str) -> (UnixDatagram, Manager) {
        let place = OsString::from(format!("@rcomet-notify-{name}-{}", std::process::id()));
        let ear = UnixDatagram::bind_addr(&address(&place).expect("a name")).expect("it is free");
        ear.set_nonblocking(true).expect("a socket");
        (ear, Manager::at(Some(place), Some(1)))
    }

    fn heard(ear: &UnixDatagram) -> Vec<String> {
        let mut block = [0; 256];
        std::iter::from_fn(|| ear.recv(&mut block).ok().map(|n| String::from_utf8_lossy(&block[..n]).into()))
            .collect()
    }

    #[test]
    fn who_does_not_read_is_told_later_and_in_order() {
        let (ear, mut manager) = ear("late");
        // Until the kernel holds no more: how much that is, the machine says.
        while manager.again_at().is_none() {
            manager.ready(Moment(0));
        }
        manager.alive();
        manager.reloading(Moment(10));
        manager.stopping(Moment(20));
        assert_eq!((manager.again_at(), manager.unsaid.len()), (Some(Moment(120)), 3));
        let before = heard(&ear);
        assert!(!before.is_empty() && before.iter().all(|word| word == "READY=1\nSTATUS=serving\n"));
        manager.go_on(Moment(119));
        assert_eq!(heard(&ear), [""; 0], "it is not tried all the time");
        manager.go_on(Moment(120));
        assert_eq!(manager.again_at(), None);
        let then = heard(&ear);
        assert_eq!(then.len(), 3, "{then:?}");
        assert!(then[1].starts_with("RELOADING=1\nMONOTONIC_USEC="), "{then:?}");
        assert_eq!(then[2], "STOPPING=1\nSTATUS=leaving\n");
        manager.alive();
        assert_eq!(heard(&ear), ["WATCHDOG=1\n"]);
    }

    #[test]
    fn only_so_much_is_kept_and_that_is_the_latest() {
        let (ear, mut manager) = ear("bound");
        while manager.again_at().is_none() {
            manager.ready(Moment(0));
        }
        for _ in 0..UNSAID_MAX {
            manager.ready(Moment(0));
        }
        manager.stopping(Moment(0));
        assert_eq!(manager.unsaid.len(), UNSAID_MAX);
        // It makes room once for all that the kernel holds, and that may be less than is kept.
        let mut last = None;
        while let Some(at) = manager.again_at() {
            last = heard(&ear).pop().or(last);
            manager.go_on(at);
        }
        assert_eq!(heard(&ear).pop().or(last).as_deref(), Some("STOPPING=1\nSTATUS=leaving\n"));
    }

    #[test]
    fn who_is_not_there_is_not_told() {
        let (ear, mut manager) = ear("gone");
        drop(ear);
        manager.ready(Moment(0));
        assert_eq!((manager.again_at(), manager.unsaid.len()), (None, 0));
        let mut nobody = Manager::at(None, None);
        nobody.ready(Moment(0));
        assert_eq!((nobody.again_at(), nobody.unsaid.len(), nobody.alive_every_ms()), (None, 0, None));
    }
}
