//! Letting newcomers in: so many a turn, and patiently when descriptors have run out.
//! Knows nothing of what becomes of them.
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr};

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry};
use rcomet_core::Role;
use rcomet_core::time::Moment;

use super::doors::{Doors, Peers};
use super::listen::{Bound, Listening};
use super::socket_file::SocketFile;
use super::stream::Stream;
use super::token::About;

/// Newcomers that one listener lets in per turn, so that a storm of them does not starve those who are here.
const SLICE: usize = 256;
/// How long to wait before descriptors are tried again, should none of ours be given back before.
const RETRY_MS: u64 = 100;
/// Trouble that comes back within this time is the same trouble, and has been logged.
const EPISODE_MS: u64 = 10_000;

/// The listening sockets.
pub(super) struct Listeners {
    pub(super) list: Vec<Listener>,
    /// What is in force of what can be said anew.
    pub(super) doors: Option<Doors>,
    /// Who may use the control socket.
    pub(super) peers: Peers,
    /// The system would not accept; not before then is it asked again.
    retry_at: Option<Moment>,
    /// When it last would not.
    failed_at: Option<Moment>,
}

pub(super) struct Listener {
    pub(super) socket: Door,
    pub(super) role: Role,
    /// There may be newcomers in the kernel's queue. Events say so only once, so we have to remember.
    waiting: bool,
}

/// What newcomers come in by.
pub(super) enum Door {
    Tcp(TcpListener),
    /// The file, if it is ours, goes when nobody listens any more.
    Unix(UnixListener, Option<SocketFile>),
}

impl Door {
    /// The next newcomer and its address. Whoever comes by a socket file is on this machine.
    fn accept(&self) -> io::Result<(Stream, IpAddr)> {
        match self {
            // An IPv4 client on an IPv6 socket is still the IPv4 client.
            Self::Tcp(socket) => {
                socket.accept().map(|(stream, peer)| (Stream::Tcp(stream), peer.ip().to_canonical()))
            }
            Self::Unix(socket, _) => {
                socket.accept().map(|(stream, _)| (Stream::Unix(stream), Ipv4Addr::LOCALHOST.into()))
            }
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(socket) => socket,
            Self::Unix(socket, _) => socket,
        }
    }
}

impl Listeners {
    /// Listeners that announce newcomers as events of `registry`.
    ///
    /// # Errors
    /// The operating system refuses.
    pub(super) fn register(bound: Vec<Bound>, registry: &Registry) -> io::Result<Self> {
        let mut list = Vec::with_capacity(bound.len());
        for Bound { role, socket, .. } in bound {
            let mut socket = match socket {
                Listening::Tcp(socket) => Door::Tcp(TcpListener::from_std(socket)),
                Listening::Unix(socket, file) => Door::Unix(UnixListener::from_std(socket), Some(file)),
                Listening::GivenUnix(socket) => Door::Unix(UnixListener::from_std(socket), None),
            };
            registry.register(socket.source(), About::Listener(list.len()).into(), Interest::READABLE)?;
            list.push(Listener { socket, role, waiting: false });
        }
        Ok(Self { list, doors: None, peers: Peers::default(), retry_at: None, failed_at: None })
    }

    /// An event has announced newcomers.
    pub(super) fn announce(&mut self, number: usize) {
        if let Some(listener) = self.list.get_mut(number) {
            listener.waiting = true;
        }
    }

    /// Hands this turn's share of newcomers to `welcome`, with the number of the listener that each came by.
    pub(super) fn accept(&mut self, now: Moment, mut welcome: impl FnMut(usize, Stream, Role, IpAddr)) {
        if self.retry_at.is_some_and(|at| now < at) {
            return;
        }
        self.retry_at = None;
        for (number, listener) in self.list.iter_mut().enumerate() {
            let mut welcome = |stream, role, peer| welcome(number, stream, role, peer);
            if let Err(error) = listener.accept(&self.peers, &mut welcome) {
                return self.pause(&error, now);
            }
        }
    }

    /// Accepting has failed: out of descriptors or memory, or the network is in trouble. None of it is worth dying
    /// for, and none of it goes away by asking at once again.
    fn pause(&mut self, error: &io::Error, now: Moment) {
        if self.failed_at.is_none_or(|at| now.since(at) > EPISODE_MS) {
            log::warn!("cannot accept connections: {error}; those that are here are served, newcomers wait");
        }
        self.failed_at = Some(now);
        self.retry_at = Some(now.after_ms(RETRY_MS));
    }

    /// A descriptor has become free.
    pub(super) fn descriptor_freed(&mut self) {
        self.retry_at = None;
    }

    /// Whether newcomers wait who can be let in without an event.
    pub(super) fn more(&self) -> bool {
        self.retry_at.is_none() && self.list.iter().any(|listener| listener.waiting)
    }

    /// When accepting is to be tried again, if it has been paused.
    pub(super) fn retry_at(&self) -> Option<Moment> {
        self.retry_at
    }

    /// Stops listening. The kernel turns away whoever still waits in its queue.
    pub(super) fn close(&mut self) {
        self.list.clear();
        self.retry_at = None;
    }
}

impl Listener {
    fn accept(&mut self, peers: &Peers, welcome: &mut impl FnMut(Stream, Role, IpAddr)) -> io::Result<()> {
        let mut left = SLICE;
        while self.waiting && left > 0 {
            left -= 1;
            match self.socket.accept() {
                Ok((stream, peer)) => {
                    let role = match self.role {
                        Role::Control(rights) => Role::Control(peers.rights(stream.user(), rights)),
                        other => other,
                    };
                    welcome(stream, role, peer);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => self.waiting = false,
                    // Its client has left the queue again; the next may be there.
                    ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream as Client;
    use std::path::PathBuf;

    use mio::Poll;

    use super::*;
    use crate::settings::{Access, Address};

    /// Who has connected by a socket file stands in the queue when the call returns; the network does not promise that.
    fn listeners(name: &str) -> (Listeners, PathBuf, Poll) {
        let poll = Poll::new().expect("epoll");
        let path = std::env::temp_dir().join(format!("rcomet-accept-{name}-{}.sock", std::process::id()));
        let address = Address::Unix(path.clone());
        let bound = Bound::take(Role::Front, &address, &Access::default()).expect("it is free");
        (Listeners::register(vec![bound], poll.registry()).expect("epoll"), path, poll)
    }

    #[test]
    fn a_storm_is_let_in_by_slices_and_remembered() {
        let (mut listeners, path, _poll) = listeners("storm");
        let clients: Vec<_> = (0..SLICE + 3).map(|_| Client::connect(&path).expect("to connect")).collect();
        listeners.announce(0);
        let mut count = 0;
        listeners.accept(Moment(0), |_, _, role, peer| {
            assert!(matches!(role, Role::Front) && peer.is_loopback());
            count += 1;
        });
        assert_eq!(count, SLICE);
        assert!(listeners.more(), "nobody announces the others again");
        listeners.accept(Moment(0), |_, _, _, _| count += 1);
        assert_eq!(count, clients.len());
        assert!(!listeners.more());
    }

    #[test]
    fn newcomers_have_the_buffer_that_is_in_force_when_they_come() {
        let poll = Poll::new().expect("epoll");
        let anywhere = Address::Ip(([127, 0, 0, 1], 0).into());
        let bound = Bound::take(Role::Front, &anywhere, &Access::default()).expect("a free port");
        let address = bound.address.to_string();
        let mut listeners = Listeners::register(vec![bound], poll.registry()).expect("epoll");
        let mut buffer_with = |send_buffer_bytes| {
            let doors =
                Doors { usual: Access::default(), control: Vec::new(), peers: Vec::new(), send_buffer_bytes };
            listeners.set_doors(&doors).expect("it can be");
            let _client = std::net::TcpStream::connect(&address).expect("to connect");
            let mut size = None;
            while size.is_none() {
                listeners.announce(0);
                listeners.accept(Moment(0), |_, stream, _, _| {
                    let Stream::Tcp(stream) = stream else { panic!("it came over the network") };
                    size = socket2::SockRef::from(&stream).send_buffer_size().ok();
                });
            }
            size.expect("a size")
        };
        let usual = buffer_with(0);
        // The kernel doubles what it is told.
        assert_eq!(buffer_with(40_000), 80_000);
        assert_ne!(usual, 80_000);
        assert_eq!(buffer_with(50_000), 100_000);
        // What was said cannot be unsaid, but be as much as there is.
        let most = std::fs::read_to_string("/proc/sys/net/core/wmem_max").expect("Linux says so");
        let most: usize = most.trim().parse().expect("a number");
        assert_eq!(buffer_with(0), 2 * most);
    }

    #[test]
    fn the_mode_of_a_socket_file_is_set_once_at_the_start_and_by_each_reload() {
        use std::fs::{self, Permissions};
        use std::os::unix::fs::PermissionsExt as _;

        let (mut listeners, path, _poll) = listeners("mode");
        let mode = || fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
        let usual = Access::default();
        let made = usual.mode.0;
        let doors = Doors { usual, control: Vec::new(), peers: Vec::new(), send_buffer_bytes: 0 };
        assert_eq!(mode(), made);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("it is ours");
        listeners.set_doors(&doors).expect("the start");
        assert_eq!(mode(), 0o640, "what was set by hand while the daemon started");
        listeners.set_doors(&doors).expect("a reload");
        assert_eq!(mode(), made);
    }

    #[test]
    fn trouble_pauses_until_a_descriptor_is_free_or_time_has_passed() {
        let (mut listeners, path, _poll) = listeners("trouble");
        let _client = Client::connect(&path).expect("to connect");
        listeners.announce(0);
        listeners.pause(&io::Error::other("no descriptors"), Moment(1_000));
        assert_eq!(listeners.retry_at(), Some(Moment(1_100)));
        assert!(!listeners.more());
        listeners.accept(Moment(1_099), |_, _, _, _| panic!("too early"));

        listeners.descriptor_freed();
        assert!(listeners.more());
        listeners.pause(&io::Error::other("no descriptors"), Moment(1_050));
        let mut count = 0;
        listeners.accept(Moment(1_150), |_, _, _, _| count += 1);
        assert_eq!((count, listeners.retry_at()), (1, None));
    }
}
