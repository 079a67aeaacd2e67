//! Taking an address to listen on, and saying well why it could not be had.
//! Knows nothing of who comes in by it.
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;

use rcomet_core::Role;
use socket2::{Domain, Protocol, Socket, Type};

use super::socket_file::{SocketFile, Turn};
use crate::settings::{Access, Address};

/// Connections that the kernel holds ready for us. It cuts the number down to its own limit (net.core.somaxconn).
const BACKLOG: i32 = 4096;

/// An address that is ours.
pub(crate) struct Bound {
    /// Which side of the server it is.
    pub(crate) role: Role,
    /// The address, with the port that was really given where 0 was asked for.
    pub(crate) address: Address,
    pub(super) socket: Listening,
}

/// A listening socket.
pub(super) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
    /// Its file is somebody else's.
    GivenUnix(UnixListener),
}

/// A listening socket that the process was started with.
pub(crate) enum Given {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Bound {
    /// A socket that was made by somebody else, who listens already: it goes on as it is.
    ///
    /// # Errors
    /// It cannot be used.
    pub(crate) fn given(role: Role, given: Given) -> io::Result<Self> {
        let (address, socket) = match given {
            Given::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                (Address::Ip(socket.local_addr()?), Listening::Tcp(socket))
            }
            Given::Unix(socket) => {
                socket.set_nonblocking(true)?;
                let path = socket.local_addr()?.as_pathname().unwrap_or(Path::new("(no name)")).to_owned();
                (Address::Unix(path), Listening::GivenUnix(socket))
            }
        };
        Ok(Self { role, address, socket })
    }

    /// Takes `address` for `role`. A socket file is for those whom `access` names.
    ///
    /// # Errors
    /// It cannot be had; then the server must not start.
    pub(crate) fn take(role: Role, address: &Address, access: &Access) -> Result<Self, CannotListen> {
        let taken = match address {
            Address::Ip(ip) => listen(*ip).and_then(|socket| {
                let given = socket.local_addr()?;
                Ok((Address::Ip(given), Listening::Tcp(socket)))
            }),
            Address::Unix(path) => {
                listen_at(path, access).map(|(socket, file)| (address.clone(), Listening::Unix(socket, file)))
            }
        };
        match taken {
            Ok((address, socket)) => Ok(Self { role, address, socket }),
            Err(error) => Err(CannotListen { role, address: address.clone(), error }),
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Without it a restart would have to wait for the last connections of the one before. On Linux it does not let two
    // servers share a port, which SO_REUSEPORT would.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // An address means itself on every system: for both kinds, both are listed.
        socket.set_only_v6(true)?;
    }
    // Messages are small and late ones are worth little: they do not wait for company. Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn listen_at(path: &Path, access: &Access) -> io::Result<(UnixListener, SocketFile)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Whoever starts at the same time waits until it is seen that somebody lives here.
    let turn = Turn::wait(path);
    let file = SocketFile::bind(&socket, path, access)?;
    socket.listen(BACKLOG)?;
    drop(turn);
    socket.set_nonblocking(true)?;
    Ok((socket.into(), file))
}

/// An address could not be had.
#[derive(Debug)]
pub(crate) struct CannotListen {
    role: Role,
    address: Address,
    error: io::Error,
}

impl CannotListen {
    /// Whether somebody else listens there.
    pub(crate) fn is_taken(&self) -> bool {
        self.error.kind() == ErrorKind::AddrInUse
    }
}

impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {} ({}): ", self.address, self.role.name())?;
        match self.error.kind() {
            ErrorKind::AddrInUse => f.write_str("address already in use; is another rcomet running?"),
            ErrorKind::AddrNotAvailable => f.write_str("no interface of this machine has this address"),
            ErrorKind::PermissionDenied if matches!(self.address, Address::Ip(ip) if ip.port() < 1024) => {
                f.write_str("permission denied; ports below 1024 need the capability CAP_NET_BIND_SERVICE")
            }
            ErrorKind::NotFound => f.write_str("the directory of this socket file is not there"),
            _ => self.error.fmt(f),
        }
    }
}

impl Error for CannotListen {}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;
    use crate::settings::Mode;

    fn take(role: Role, address: &Address) -> Result<Bound, String> {
        Bound::take(role, address, &Access::default()).map_err(|error| error.to_string())
    }

    fn refusal(role: Role, address: &Address) -> String {
        take(role, address).map(drop).expect_err("it cannot be had")
    }

    #[test]
    fn an_address_is_taken_once() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let first = take(Role::Front, &any).expect("a free port");
        assert_ne!(first.address, any);
        let wanted = format!(
            "cannot listen on {} (admin): address already in use; is another rcomet running?",
            first.address
        );
        assert_eq!(refusal(Role::Admin, &first.address), wanted);
    }

    #[test]
    fn an_address_of_another_machine_is_named_as_such() {
        // TEST-NET-1 (RFC 5737) belongs to nobody.
        let wanted = "cannot listen on 192.0.2.1:8100 (front): no interface of this machine has this address";
        assert_eq!(refusal(Role::Front, &"192.0.2.1:8100".parse().expect("an address")), wanted);
    }

    /// A directory that is removed at the end.
    struct Room(PathBuf);

    impl Room {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("rcomet-listen-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("a directory");
            Self(path)
        }

        fn file(&self, name: &str) -> (PathBuf, Address) {
            let path = self.0.join(name);
            (path.clone(), Address::Unix(path))
        }
    }

    impl Drop for Room {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_socket_file_has_its_mode_and_goes_with_its_server() {
        let room = Room::new("mode");
        let (path, address) = room.file("a.sock");
        let access = Access { mode: Mode(0o660), ..Access::default() };
        let bound =
            Bound::take(Role::SimpleComet, &address, &access).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o660);
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn the_file_of_a_living_server_is_refused_and_that_of_a_dead_one_replaced() {
        let room = Room::new("stale");
        let (path, address) = room.file("a.sock");
        let living = take(Role::Front, &address).expect("it is free");
        let refused = refusal(Role::Admin, &address);
        assert!(
            refused.ends_with("(admin): address already in use; is another rcomet running?"),
            "{refused}"
        );
        assert!(path.exists());
        drop(living);
        // Dying leaves the file behind.
        drop(UnixListener::bind(&path).expect("it is free"));
        assert!(path.exists());
        let next = take(Role::Front, &address).expect("nobody lives there");
        std::os::unix::net::UnixStream::connect(&path).expect("it listens");
        // Somebody else's file under the same name is not removed.
        fs::remove_file(&path).expect("it was there");
        let other = UnixListener::bind(&path).expect("it is free");
        drop(next);
        assert!(path.exists());
        drop(other);
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let room = Room::new("file");
        let (path, address) = room.file("a.txt");
        fs::write(&path, "precious").expect("to write");
        let refused = refusal(Role::Front, &address);
        assert!(refused.contains("there is a file of this name that is no socket"), "{refused}");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious");
        let (_, nowhere) = room.file("no/such/a.sock");
        assert!(refusal(Role::Front, &nowhere).ends_with("the directory of this socket file is not there"));
    }

    #[test]
    fn owners_are_names_or_numbers() {
        let room = Room::new("owner");
        let (path, address) = room.file("a.sock");
        let own = fs::metadata(&room.0)
            .map(|found| std::os::unix::fs::MetadataExt::uid(&found))
            .expect("it is there");
        let access = Access { owner: own.to_string(), ..Access::default() };
        assert!(Bound::take(Role::Front, &address, &access).is_ok());
        let access = Access { group: "no such group".into(), ..Access::default() };
        let refused = Bound::take(Role::Front, &address, &access).map(drop).expect_err("nobody").to_string();
        assert!(refused.ends_with("there is no group no such group"), "{refused}");
        assert!(!path.exists(), "nothing stays behind");
    }
}
