//! Listening sockets that a service manager has made for us (sd_listen_fds(3)), and which side of the server each is.
//! Knows nothing of what is served there.
use std::env;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::RawFd;

use listenfd::ListenFd;
use rcomet_core::{Rights, Role};

use crate::reactor::{Bound, Given};
use crate::settings::{Address, Settings};

/// The descriptors that may be taken for such sockets, also by who was started by another process than the manager: what names no
/// process is for everybody. They are `LISTEN_FDS` from 3 on, or from `LISTEN_FDS_FIRST_FD`.
pub(crate) fn descriptors() -> Range<RawFd> {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<RawFd>().ok());
    let is_for_us = env::var_os("LISTEN_PID").is_none_or(|pid| pid.is_empty());
    let count = number("LISTEN_FDS").filter(|_| is_for_us).unwrap_or(0);
    let first = number("LISTEN_FDS_FIRST_FD").unwrap_or(3);
    first..first.saturating_add(count)
}

/// The sockets we were started with. A side that has one listens there and nowhere else.
///
/// # Errors
/// One of them cannot be used, or nobody can tell what it is for.
pub(crate) fn sockets(settings: &Settings) -> Result<Vec<Bound>, String> {
    let mut given = ListenFd::from_env();
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names: Vec<&str> = names.split(':').collect();
    let mut bound = Vec::new();
    for at in 0..given.len() {
        let name = names.get(at).copied().unwrap_or_default();
        let socket = take(&mut given, at).ok_or_else(|| {
            format!("the socket {} of LISTEN_FDS (`{name}`) does not listen on TCP or a file", at + 3)
        })?;
        let role = role_by_name(name).or_else(|| role_by_address(&socket, settings)).ok_or_else(|| {
            format!(
                "nobody knows what the socket {} of LISTEN_FDS (`{name}`) is for: its FileDescriptorName= must be front, \
                 admin, ccomet, simple_comet, control, control-read or control-write",
                at + 3
            )
        })?;
        let one = Bound::given(role, socket).map_err(|error| {
            format!("the socket {} of LISTEN_FDS (`{name}`) cannot be used: {error}", at + 3)
        })?;
        bound.push(one);
    }
    Ok(bound)
}

fn take(given: &mut ListenFd, at: usize) -> Option<Given> {
    if let Ok(Some(socket)) = given.take_unix_listener(at) {
        return Some(Given::Unix(socket));
    }
    given.take_tcp_listener(at).ok().flatten().map(Given::Tcp)
}

/// A socket is for the side whose name it has, or whose name its unit has: `rcomet-front.socket`.
fn role_by_name(name: &str) -> Option<Role> {
    let name = name.strip_suffix(".socket").unwrap_or(name);
    let name = name.strip_prefix("rcomet-").unwrap_or(name);
    Some(match name {
        "front" => Role::Front,
        "admin" => Role::Admin,
        "ccomet" => Role::Ccomet,
        "simple_comet" | "simple-comet" => Role::SimpleComet,
        "control" => Role::Control(Rights::All),
        "control-read" => Role::Control(Rights::Read),
        "control-write" => Role::Control(Rights::Write),
        _ => return None,
    })
}

/// Or for the side whose address it has.
fn role_by_address(given: &Given, settings: &Settings) -> Option<Role> {
    let address = match given {
        Given::Tcp(socket) => Address::Ip(socket.local_addr().map(canonical).ok()?),
        Given::Unix(socket) => {
            let path = socket.local_addr().ok()?.as_pathname()?.to_owned();
            let control = settings.control.sockets().into_iter().find(|socket| socket.path == path);
            if let Some(control) = control {
                return Some(control.role);
            }
            Address::Unix(path)
        }
    };
    let sides = settings.server.roles();
    sides.into_iter().find(|(_, _, addresses)| addresses.contains(&address)).map(|(role, _, _)| role)
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_socket_is_for() {
        assert_eq!(role_by_name("front"), Some(Role::Front));
        assert_eq!(role_by_name("rcomet-simple-comet.socket"), Some(Role::SimpleComet));
        assert_eq!(role_by_name("rcomet-control.socket"), Some(Role::Control(Rights::All)));
        assert_eq!((role_by_name("rcomet.socket"), role_by_name("")), (None, None));
    }
}
