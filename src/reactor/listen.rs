//! Taking an address to listen on, and saying well why it could not be had.
//! Knows nothing of who comes in by it.
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use rcomet_core::Role;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel holds ready for us. It cuts the number down to its own limit (net.core.somaxconn).
const BACKLOG: i32 = 4096;

/// An address that is ours.
pub(crate) struct Bound {
    /// Which side of the server it is.
    pub(crate) role: Role,
    /// The address, with the port that was really given where 0 was asked for.
    pub(crate) address: SocketAddr,
    pub(super) socket: TcpListener,
}

impl Bound {
    /// Takes `address` for `role`. What the kernel may hold for one connection is limited to `send_buffer_bytes`; 0
    /// leaves that to the kernel.
    ///
    /// # Errors
    /// It cannot be had; then the server must not start.
    pub(crate) fn take(
        role: Role,
        address: SocketAddr,
        send_buffer_bytes: usize,
    ) -> Result<Self, CannotListen> {
        let socket =
            listen(address, send_buffer_bytes).map_err(|error| CannotListen { role, address, error })?;
        let address = socket.local_addr().map_err(|error| CannotListen { role, address, error })?;
        Ok(Self { role, address, socket })
    }
}

fn listen(address: SocketAddr, send_buffer_bytes: usize) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Without it a restart would have to wait for the last connections of the one before. On Linux it does not let two
    // servers share a port, which SO_REUSEPORT would.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // An address means itself on every system: for both kinds, both are listed.
        socket.set_only_v6(true)?;
    }
    if send_buffer_bytes > 0 {
        // Accepted sockets inherit it, so it costs no system call for each.
        socket.set_send_buffer_size(send_buffer_bytes)?;
    }
    // Messages are small and late ones are worth little: they do not wait for company. Inherited, too.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The name of a role, as the configuration has it.
pub(crate) fn name_of(role: Role) -> &'static str {
    match role {
        Role::Front => "front",
        Role::Admin => "admin",
        Role::Ccomet => "ccomet",
    }
}

/// An address could not be had.
#[derive(Debug)]
pub(crate) struct CannotListen {
    role: Role,
    address: SocketAddr,
    error: io::Error,
}

impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {} ({}): ", self.address, name_of(self.role))?;
        match self.error.kind() {
            ErrorKind::AddrInUse => f.write_str("address already in use; is another rcomet running?"),
            ErrorKind::AddrNotAvailable => f.write_str("no interface of this machine has this address"),
            ErrorKind::PermissionDenied if self.address.port() < 1024 => {
                f.write_str("permission denied; ports below 1024 need the capability CAP_NET_BIND_SERVICE")
            }
            _ => self.error.fmt(f),
        }
    }
}

impl Error for CannotListen {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_once() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let first = Bound::take(Role::Front, any, 0).expect("a free port");
        assert_ne!(first.address.port(), 0);
        let Err(error) = Bound::take(Role::Admin, first.address, 0) else { panic!("the same port twice") };
        assert_eq!(
            error.to_string(),
            format!(
                "cannot listen on {} (admin): address already in use; is another rcomet running?",
                first.address
            )
        );
    }

    #[test]
    fn an_address_of_another_machine_is_named_as_such() {
        // TEST-NET-1 (RFC 5737) belongs to nobody.
        let Err(error) = Bound::take(Role::Front, "192.0.2.1:8100".parse().expect("an address"), 0) else {
            panic!("somebody else's address")
        };
        let wanted = "cannot listen on 192.0.2.1:8100 (front): no interface of this machine has this address";
        assert_eq!(error.to_string(), wanted);
    }
}
