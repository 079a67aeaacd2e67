//! Which daemon is meant: a socket or an address that is named, or the first of the usual places where somebody answers.
//! Knows nothing of what is asked.
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::{Client, Place, Wire};
use crate::cli::Target;
use crate::exit::Failure;
use crate::place;

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
            match UnixStream::connect(path) {
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

    /// A new connection.
    pub(super) fn connect(&self) -> Result<Wire, Failure> {
        match &self.place {
            Place::Socket(path) => UnixStream::connect(path).map(Wire::Unix).map_err(|error| {
                forbidden(path, &error).unwrap_or_else(|| nobody(std::slice::from_ref(path)))
            }),
            Place::Admin(authority) => {
                TcpStream::connect(authority).map(Wire::Tcp).map_err(|error| match error.kind() {
                    ErrorKind::ConnectionRefused => {
                        Failure::NotRunning(format!("no daemon answers at http://{authority}"))
                    }
                    _ => Failure::Other(format!("cannot connect to http://{authority}: {error}")),
                })
            }
        }
    }
}

fn forbidden(path: &Path, error: &io::Error) -> Option<Failure> {
    let is_forbidden = error.kind() == ErrorKind::PermissionDenied;
    is_forbidden.then(|| refused_at(path))
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
