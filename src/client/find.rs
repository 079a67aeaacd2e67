//! Which daemon is meant: a socket or an address that is named, or the first of the usual places where somebody answers.
//! Knows nothing of what is asked.
use std::io::{self, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::{Client, Place, Wire};
use crate::cli::Target;
use crate::exit::Failure;
use crate::place;

/// How long a socket file may have no room for one more who connects.
const ROOM: Duration = Duration::from_secs(5);

impl Client {
    /// The daemon that is meant.
    ///
    /// # Errors
    /// None runs, or it is not for this user.
    pub(crate) fn find(target: &Target) -> Result<Self, Failure> {
        if let Some(url) = &target.url {
            return Ok(Self { place: Place::Admin(authority(url)?.to_owned()) });
        }
        let named: Vec<_> = target.socket.iter().cloned().collect();
        let places = if named.is_empty() { place::for_client() } else { named };
        let mut refused = None;
        for path in &places {
            match dial(path, ROOM) {
                Ok(_) => return Ok(Self { place: Place::Socket(path.clone()) }),
                Err(error) => refused = refused.or_else(|| forbidden(path, &error)),
            }
        }
        Err(refused.unwrap_or_else(|| nobody(&places)))
    }

    /// The daemon at this socket, whether it runs or not.
    pub(crate) fn at(path: &Path) -> Self {
        Self { place: Place::Socket(path.into()) }
    }

    /// A new connection; made until then, if there is such a moment.
    pub(super) fn connect(&self, until: Option<Instant>) -> Result<Wire, Failure> {
        match &self.place {
            Place::Socket(path) => {
                let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                dial(path, left.unwrap_or(ROOM).min(ROOM)).map(Wire::Unix).map_err(|error| {
                    forbidden(path, &error).unwrap_or_else(|| nobody(std::slice::from_ref(path)))
                })
            }
            Place::Admin(authority) => {
                connect_to(authority, until).map(Wire::Tcp).map_err(|error| match error.kind() {
                    ErrorKind::ConnectionRefused => {
                        Failure::NotRunning(format!("no daemon answers at http://{authority}"))
                    }
                    ErrorKind::TimedOut => Failure::TimedOut(format!("http://{authority} does not answer")),
                    _ => Failure::Other(format!("cannot connect to http://{authority}: {error}")),
                })
            }
        }
    }
}

/// To the first of its addresses that takes it.
fn connect_to(authority: &str, until: Option<Instant>) -> io::Result<TcpStream> {
    let Some(until) = until else { return TcpStream::connect(authority) };
    let mut last = io::Error::new(ErrorKind::NotFound, "it has no address");
    for address in authority.to_socket_addrs()? {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// To a socket file. So many may wait there that nobody else can, where a daemon hangs: that is not waited for longer than this.
fn dial(path: &Path, time: Duration) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(time.max(Duration::from_millis(1))))?;
    socket.connect(&SockAddr::unix(path)?)?;
    socket.set_write_timeout(None)?;
    Ok(OwnedFd::from(socket).into())
}

/// What somebody who is there has against us.
fn forbidden(path: &Path, error: &io::Error) -> Option<Failure> {
    match error.kind() {
        ErrorKind::PermissionDenied => Some(refused_at(path)),
        ErrorKind::WouldBlock => Some(Failure::TimedOut(format!("{} does not answer", path.display()))),
        _ => None,
    }
}

/// A socket is there, but not for this user.
fn refused_at(path: &Path) -> Failure {
    Failure::Refused(format!("you may not use {}: it is for its owner and its group", path.display()))
}

fn nobody(places: &[std::path::PathBuf]) -> Failure {
    let places: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
    Failure::NotRunning(match &places[..] {
        [] => {
            "no daemon runs, and there is no place to look for one: name its socket with --socket PATH".into()
        }
        places => format!("no daemon runs: nobody answers at {}", places.join(" or ")),
    })
}

/// Host and port of a URL.
fn authority(url: &str) -> Result<&str, Failure> {
    let wrong =
        || Failure::Usage(format!("`{url}` is no address of an admin side: expected http://HOST:PORT"));
    let authority = url.strip_prefix("http://").ok_or_else(wrong)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let port = authority.rsplit_once(':').and_then(|(host, port)| Some(port).filter(|_| !host.is_empty()));
    let is_whole =
        !authority.contains(['/', '?', '#', '@']) && port.is_some_and(|port| port.parse::<u16>().is_ok());
    if is_whole { Ok(authority) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_hosts_and_ports() {
        assert_eq!(authority("http://127.0.0.1:8000/"), Ok("127.0.0.1:8000"));
        assert_eq!(authority("http://[::1]:8000"), Ok("[::1]:8000"));
        for bad in ["127.0.0.1:8000", "http://x", "http://x:1/y", "https://x:1", "http://:1", "http://a@b:1"]
        {
            assert_eq!(authority(bad).map_err(|failure| failure.code()), Err(2), "{bad}");
        }
    }
}
