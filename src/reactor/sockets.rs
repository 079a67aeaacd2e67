//! The table of sockets, side by side with the machine's table of connections.
//! Knows nothing of reading or writing.
use rcomet_core::Conn;
use rcomet_core::arena::Id;

use super::socket::Socket;

/// Sockets, each in the slot that its id names. The machine hands out the ids, so the table needs no free list.
#[derive(Default)]
pub(super) struct Sockets {
    slots: Vec<Option<(Id<Conn>, Socket)>>,
}

impl Sockets {
    /// Puts a socket into its slot.
    pub(super) fn insert(&mut self, id: Id<Conn>, socket: Socket) {
        if self.slots.len() <= id.index() {
            self.slots.resize_with(id.index() + 1, || None);
        }
        debug_assert!(self.slots[id.index()].is_none(), "{id:?}: the machine gives a slot that is in use");
        self.slots[id.index()] = Some((id, socket));
    }

    /// The socket of exactly this connection; a late event finds nothing.
    pub(super) fn get_mut(&mut self, id: Id<Conn>) -> Option<&mut Socket> {
        match self.slots.get_mut(id.index()) {
            Some(Some((of, socket))) if *of == id => Some(socket),
            _ => None,
        }
    }

    /// Takes the socket of exactly this connection out; dropping it closes it.
    pub(super) fn remove(&mut self, id: Id<Conn>) -> Option<Socket> {
        let slot = self.slots.get_mut(id.index())?;
        slot.take_if(|(of, _)| *of == id).map(|(_, socket)| socket)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::reactor::stream::Stream;

    fn socket() -> Socket {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("to connect");
        Socket::new(Stream::Tcp(mio::net::TcpStream::from_std(stream)))
    }

    fn id(generation: u64, index: u64) -> Id<Conn> {
        Id::from_bits(generation << 32 | index).expect("a generation")
    }

    #[test]
    fn a_late_event_finds_nothing() {
        let mut sockets = Sockets::default();
        assert!(sockets.get_mut(id(1, 5)).is_none());
        sockets.insert(id(1, 5), socket());
        assert!(sockets.get_mut(id(1, 5)).is_some() && sockets.get_mut(id(2, 5)).is_none());
        assert!(sockets.remove(id(2, 5)).is_none(), "a stranger's id takes nothing out");
        assert!(sockets.remove(id(1, 5)).is_some() && sockets.remove(id(1, 5)).is_none());
        sockets.insert(id(2, 5), socket());
        assert!(sockets.get_mut(id(1, 5)).is_none() && sockets.get_mut(id(2, 5)).is_some());
    }
}
