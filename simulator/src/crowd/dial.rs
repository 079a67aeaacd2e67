//! One connection to the server, from the address that is due for it.
//! Knows nothing of what is said over it.
use std::io;
use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::limits::{Sources, lacks_ports};

/// Begins to connect for seat number `index`. Where its address has no port left, another one is tried.
pub(super) fn dial(sources: &Sources, index: usize, front: SocketAddr, deaf: bool) -> io::Result<TcpStream> {
    let connected = match (sources.address(index), deaf) {
        (None, false) => TcpStream::connect(front),
        (source, deaf) => connect_from(source, front, deaf),
    };
    match (connected, sources.spare(index)) {
        (Err(error), spare @ Some(_)) if lacks_ports(&error) => connect_from(spare, front, deaf),
        (connected, _) => connected,
    }
}

fn connect_from(source: Option<SocketAddr>, server: SocketAddr, deaf: bool) -> io::Result<TcpStream> {
    let domain = socket2::Domain::for_address(server);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM.nonblocking(), None)?;
    if let Some(source) = source {
        socket.bind(&source.into())?;
    }
    if deaf {
        // As small as the kernel allows, so that it does not hide for long that nobody reads.
        socket.set_recv_buffer_size(1)?;
    }
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
            Err(error)
        }
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}
