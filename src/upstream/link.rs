//! One connection to an application: what of a question has been sent, and what of its answer has come.
//! Knows nothing of other connections.
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use rcomet_core::arena::Id;
use rcomet_core::config::UpstreamPlace;
use rcomet_core::time::Moment;
use rcomet_core::wire::http1::fetched::{Fault, Fetched};
use rcomet_core::{Hook, HookFailure};

use crate::reactor::Stream;

/// A connection.
pub(crate) struct Link {
    stream: Stream,
    place: UpstreamPlace,
    asked: Option<Asked>,
    /// Something has been asked and answered by it before.
    reused: bool,
    /// Nothing came behind the last answer.
    clean: bool,
    idle_until: Moment,
    /// In the queue of those that are looked at when they have waited for long.
    queued: bool,
    /// It leads to where its application may not be any more.
    retired: bool,
}

struct Asked {
    hook: Id<Hook>,
    /// Bytes of the question that have been sent.
    sent: usize,
    answer: Fetched,
}

/// How far a question has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// An event will say when it goes on.
    Waits,
    /// It has been answered.
    Done,
    /// The connection was kept from before, and has ended without a word: another may do.
    Stale,
    /// There will be no answer that can be used.
    Failed(HookFailure),
}

impl Link {
    /// Begins to connect.
    ///
    /// # Errors
    /// There is no address, or no descriptor, or a socket file at which nobody listens.
    pub(super) fn connect(place: &UpstreamPlace, address: Option<SocketAddr>) -> io::Result<Self> {
        let stream = match place {
            UpstreamPlace::Tcp(..) => {
                let stream = TcpStream::connect(address.ok_or(ErrorKind::NotFound)?)?;
                // A question is one write: nothing is to be waited for.
                let _ = stream.set_nodelay(true);
                Stream::Tcp(stream)
            }
            UpstreamPlace::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        let place = place.clone();
        Ok(Self {
            stream,
            place,
            asked: None,
            reused: false,
            clean: true,
            idle_until: Moment::NEVER,
            queued: false,
            retired: false,
        })
    }

    /// Sees to it that events are told.
    ///
    /// # Errors
    /// The kernel has no memory for one more.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.stream.register(registry, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Where it leads.
    pub(super) fn place(&self) -> &UpstreamPlace {
        &self.place
    }

    /// What is being asked.
    pub(super) fn hook(&self) -> Option<Id<Hook>> {
        self.asked.as_ref().map(|asked| asked.hook)
    }

    /// Whether nothing is being asked.
    pub(super) fn is_idle(&self) -> bool {
        self.asked.is_none()
    }

    /// Until when it is kept.
    pub(super) fn idle_until(&self) -> Moment {
        self.idle_until
    }

    /// Whether it can be asked again: nothing came behind the last answer.
    pub(super) fn is_clean(&self) -> bool {
        self.clean && !self.retired
    }

    /// It is not to be kept when it has been answered.
    pub(super) fn retire(&mut self) {
        self.retired = true;
    }

    /// Keeps it for the next question; whether it has to be put into the queue of those that wait.
    pub(super) fn rest_until(&mut self, moment: Moment) -> bool {
        (self.idle_until, self.reused) = (moment, true);
        !std::mem::replace(&mut self.queued, true)
    }

    /// It has been taken out of that queue.
    pub(super) fn leave_queue(&mut self) {
        self.queued = false;
    }

    /// A question begins, whose answer may have so many bytes of body.
    pub(super) fn begin(&mut self, hook: Id<Hook>, body_bytes_max: usize) {
        self.asked = Some(Asked { hook, sent: 0, answer: Fetched::new(body_bytes_max) });
    }

    /// Takes the answer; the question is over.
    pub(super) fn answer(&mut self) -> Option<Fetched> {
        self.asked.take().map(|asked| asked.answer)
    }

    /// Sends and reads as far as it goes.
    pub(super) fn go_on(&mut self, request: &[u8], scratch: &mut [u8]) -> Progress {
        let Some(asked) = &mut self.asked else {
            // It rests. Whatever it says, or its end, makes it useless.
            return match self.stream.read(scratch) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => Progress::Waits,
                _ => Progress::Failed(HookFailure::Broken),
            };
        };
        while asked.sent < request.len() {
            match self.stream.write(&request[asked.sent..]) {
                Ok(0) => break,
                Ok(n) => asked.sent += n,
                Err(error) if is_pending(&error) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It may have answered all the same, and ended the connection because it has no use for the rest.
                Err(_) => break,
            }
        }
        // It comes to an end: an answer has only so many bytes.
        loop {
            match self.stream.read(scratch) {
                Ok(0) => {
                    return match asked.answer.end() {
                        Ok(()) => Progress::Done,
                        Err(_) => self.broken(),
                    };
                }
                Ok(n) => match asked.answer.take(&scratch[..n]) {
                    Ok(used) => {
                        self.clean = used == n;
                        if asked.answer.is_done() {
                            // An answer before the whole question: what is missing of it would be read as the next.
                            self.clean &= asked.sent == request.len();
                            return Progress::Done;
                        }
                    }
                    Err(Fault::TooLarge) => return Progress::Failed(HookFailure::TooLarge),
                    Err(Fault::Malformed | Fault::Short) => return Progress::Failed(HookFailure::Broken),
                },
                Err(error) if is_pending(&error) => return Progress::Waits,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.broken(),
            }
        }
    }

    fn broken(&self) -> Progress {
        let untouched = self.asked.as_ref().is_some_and(|asked| !asked.answer.has_begun());
        if self.reused && untouched { Progress::Stale } else { Progress::Failed(HookFailure::Broken) }
    }
}

/// Whether it is only not yet connected, or the kernel takes or has no more now.
fn is_pending(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
