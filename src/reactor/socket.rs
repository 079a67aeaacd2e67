//! One connection's socket: how far it has been read, whether it can be written.
//! Knows nothing of the table it is in, nor of what the bytes mean.
use std::io::{self, ErrorKind, IoSlice};

use rcomet_core::arena::Id;
use rcomet_core::time::Moment;
use rcomet_core::{Conn, Machine};

use super::stream::Stream;
use crate::journal::Journal;

/// Reads that one connection gets in one turn, so that a fast publisher does not starve the others.
const READS_PER_TURN: usize = 4;
/// Pieces that are handed to the kernel in one call.
const SLICES: usize = 64;
/// So many are looked for first: there is rarely more than one, and a long list costs something also while it is empty.
const FEW_SLICES: usize = 4;

/// A connected socket.
pub(super) struct Socket {
    stream: Stream,
    inbound: Inbound,
    outbound: Outbound,
    in_line: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inbound {
    Open,
    /// The kernel has said that the peer's end waits behind the bytes. It will not say so again.
    Ending,
    /// The end has been read and told.
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outbound {
    Open,
    /// The kernel takes no more; an event will say when it does.
    Blocked,
}

/// How a turn's reading has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Until an event, or the machine, says that there is more.
    Rests,
    /// There may be more, and nobody will say so.
    GoesOn,
}

impl Socket {
    /// A socket that has just been accepted.
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, inbound: Inbound::Open, outbound: Outbound::Open, in_line: false }
    }

    /// The stream, for registering it.
    pub(super) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// An event says that the peer has finished sending.
    pub(super) fn peer_ends(&mut self) {
        if self.inbound == Inbound::Open {
            self.inbound = Inbound::Ending;
        }
    }

    /// An event says that the kernel takes bytes. True if that had been waited for; otherwise the write comes in its
    /// place in the turn, with everything that has gathered until then.
    pub(super) fn unblock(&mut self) -> bool {
        let waited = self.outbound == Outbound::Blocked;
        self.outbound = Outbound::Open;
        waited
    }

    /// Notes that the connection stands in the line of those whose reading goes on; true if it did not stand there.
    pub(super) fn get_in_line(&mut self) -> bool {
        !std::mem::replace(&mut self.in_line, true)
    }

    /// Notes that it has left that line.
    pub(super) fn leave_line(&mut self) {
        self.in_line = false;
    }

    /// Reads a turn's share and hands it to the machine, never more at once than it has room for.
    ///
    /// # Errors
    /// The connection is dead and has to be closed.
    pub(super) fn read(
        &mut self,
        id: Id<Conn>,
        machine: &mut Machine,
        scratch: &mut [u8],
        now: Moment,
    ) -> io::Result<Reading> {
        for _ in 0..READS_PER_TURN {
            let room = machine.room(id).min(scratch.len());
            if room == 0 || self.inbound == Inbound::Ended {
                return Ok(Reading::Rests);
            }
            match self.stream.read(&mut scratch[..room]) {
                Ok(0) => {
                    self.inbound = Inbound::Ended;
                    machine.ended(id, now);
                }
                Ok(n) => {
                    machine.recv(id, &scratch[..n], now);
                    // Less than was asked for means that there was no more, and what comes later is announced; only
                    // the end, once announced, has to be read up to.
                    if n < room && self.inbound == Inbound::Open {
                        return Ok(Reading::Rests);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Reading::Rests),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Reading::GoesOn)
    }

    /// Writes what the machine has for this connection, until it has no more or the kernel takes no more.
    ///
    /// # Errors
    /// The connection is dead and has to be closed.
    pub(super) fn write(
        &mut self,
        id: Id<Conn>,
        machine: &mut Machine,
        journal: &mut Option<Journal>,
        now: Moment,
    ) -> io::Result<()> {
        while self.outbound == Outbound::Open {
            // Nobody is told anything that would be forgotten with the process; and what is sent can make room for more.
            if let Some(journal) = journal {
                journal.store(machine, now);
            }
            let mut slices = [IoSlice::new(&[]); FEW_SLICES];
            let written = match machine.transmit(id, &mut slices) {
                0 => return Ok(()),
                // One piece is the usual case, and the kernel has a shorter way for it.
                1 => self.stream.write(&slices[0]),
                FEW_SLICES => self.write_many(id, machine),
                filled => self.stream.write_vectored(&slices[..filled]),
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) if !machine.sent(id, n, now) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.outbound = Outbound::Blocked,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    #[cold]
    fn write_many(&mut self, id: Id<Conn>, machine: &Machine) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = machine.transmit(id, &mut slices);
        self.stream.write_vectored(&slices[..filled])
    }

    /// Tells the peer that nothing more comes.
    ///
    /// # Errors
    /// The connection is dead and has to be closed.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.stream.shut_sending()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Ipv4Addr, Shutdown};
    use std::os::unix::net::UnixStream as Client;

    use rcomet_core::chance::Chance;
    use rcomet_core::time::Date;
    use rcomet_core::{Config, Role};

    use super::*;

    const NOW: Moment = Moment(0);

    /// A machine with one connection, the connection's socket, and the peer's end of it. What one end of such a pair does is there
    /// for the other when the call returns, which the network does not promise.
    fn connected() -> (Machine, Id<Conn>, Socket, Client) {
        let mut machine =
            Machine::new(Config::default(), Box::new(Chance::from_seed(1)), NOW, Date::from_unix(0));
        let (client, stream) = Client::pair().expect("two ends");
        stream.set_nonblocking(true).expect("a socket");
        let id = machine.open(Role::Front, Ipv4Addr::LOCALHOST.into(), NOW).expect("there is room");
        (machine, id, Socket::new(Stream::Unix(mio::net::UnixStream::from_std(stream))), client)
    }

    #[test]
    fn a_fast_peer_gets_a_share_and_its_reading_goes_on() {
        let (mut machine, id, mut socket, mut client) = connected();
        client.write_all(&[b'x'; READS_PER_TURN * 100 + 50]).expect("the kernel holds it");
        let mut scratch = [0; 100];
        assert_eq!(socket.read(id, &mut machine, &mut scratch, NOW).expect("alive"), Reading::GoesOn);
        assert_eq!(socket.read(id, &mut machine, &mut scratch, NOW).expect("alive"), Reading::Rests);
        assert!(socket.get_in_line() && !socket.get_in_line(), "it stands in line once");
        socket.leave_line();
        assert!(socket.get_in_line());
    }

    #[test]
    fn an_end_that_was_announced_is_read_up_to() {
        let (mut machine, id, mut socket, mut client) = connected();
        client.write_all(b"GET /ping HTTP/1.1\r\n").expect("the kernel holds it");
        client.shutdown(Shutdown::Write).expect("a socket");
        socket.peer_ends();
        assert_eq!(socket.read(id, &mut machine, &mut [0; 100], NOW).expect("alive"), Reading::Rests);
        assert!(socket.inbound == Inbound::Ended);
        socket.peer_ends();
        assert!(socket.inbound == Inbound::Ended, "events repeat what has ended long ago");
    }

    #[test]
    fn only_a_write_that_was_blocked_is_woken_by_an_event() {
        let (mut machine, id, mut socket, _client) = connected();
        assert!(!socket.unblock());
        socket.outbound = Outbound::Blocked;
        socket.write(id, &mut machine, &mut None, NOW).expect("it does not even try");
        assert!(socket.unblock() && !socket.unblock());
    }
}
