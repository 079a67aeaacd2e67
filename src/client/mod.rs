//! A client of a running daemon: HTTP over its control socket, or its admin side. One request a connection; it waits.
//! Knows nothing of what is asked.
mod answer;
mod find;
mod stream;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process;
use std::time::{Duration, Instant};

use rcomet_core::wire::http1::fetched::Fetched;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(crate) use self::answer::Answer;
pub(crate) use self::stream::Lines;
use crate::exit::Failure;

/// Bytes of an answer's body that are taken.
const BODY_BYTES_MAX: usize = 256 << 20;

/// How long an answer may take that nothing is waited for in: who is silent for longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// A limit that is longer is none: no clock goes so far.
const CENTURY_S: u64 = 100 * 365 * 86_400;

/// The least time that anybody is given to answer: who has said that there is none wants an answer all the same.
const SECOND: Duration = Duration::from_secs(1);

/// The moment that lies so many seconds ahead.
pub(crate) fn in_seconds(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds.min(CENTURY_S))
}

/// Where the daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A control socket.
    Socket(PathBuf),
    /// An admin side: host and port.
    Admin(String),
}

/// A daemon that answers.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    place: Place,
}

/// A connection to it.
enum Wire {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Wire {
    /// How long the next read and the next write may take.
    fn set_patience(&self, reads: Option<Duration>, writes: Duration) -> io::Result<()> {
        match self {
            Self::Unix(stream) => {
                stream.set_read_timeout(reads)?;
                stream.set_write_timeout(Some(writes))
            }
            Self::Tcp(stream) => {
                stream.set_read_timeout(reads)?;
                stream.set_write_timeout(Some(writes))
            }
        }
    }

    /// Waits until there is something to read, for as long as a read would. Whoever reads what we print may have seen enough meanwhile
    /// (`| head -1`), and would else be waited for until there is something more to print.
    fn wait(&self) -> io::Result<()> {
        let time = match self {
            Self::Unix(stream) => stream.read_timeout()?,
            Self::Tcp(stream) => stream.read_timeout()?,
        };
        let out = io::stdout();
        let mut ends = [PollFd::new(self, PollFlags::IN), PollFd::new(&out, PollFlags::empty())];
        let ready = poll(&mut ends, time.and_then(|time| Timespec::try_from(time).ok()).as_ref())?;
        // The one is said of a pipe, the other of a socket; of neither while its other end may read.
        if ready > 0 && ends[1].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
            process::exit(0);
        }
        if ready == 0 { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }

    fn shut(&self) {
        // Whoever is gone is gone.
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is asked.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    /// Path and query, escaped.
    pub(crate) target: &'a str,
    /// What is wanted: a media type.
    pub(crate) accept: &'a str,
    /// The body and its media type.
    pub(crate) body: Option<(&'a str, &'a [u8])>,
    /// How long nothing of an answer may come; `None` for as long as it likes.
    pub(crate) patience: Option<Duration>,
    /// When all of it must have come; `None` for no such moment.
    pub(crate) until: Option<Instant>,
}

impl<'a> Ask<'a> {
    /// A question without a body.
    pub(crate) fn new(method: &'a str, target: &'a str) -> Self {
        let (accept, patience) = ("application/json", Some(PATIENCE));
        Self { method, target, accept, body: None, patience, until: None }
    }

    /// With this body.
    pub(crate) fn with(self, content_type: &'a str, body: &'a [u8]) -> Self {
        Self { body: Some((content_type, body)), ..self }
    }

    /// With an answer that may take this long, besides.
    pub(crate) fn waiting(self, wait: Duration) -> Self {
        Self { patience: Some(PATIENCE + wait), ..self }
    }

    /// With this time for all of it, from now; a second at least.
    pub(crate) fn within(self, time: Duration) -> Self {
        Self { until: Instant::now().checked_add(time.max(SECOND)), ..self }
    }

    /// How long the next piece may take. Not nothing: the sockets take that for no end.
    fn patience_now(&self) -> Option<Duration> {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        let shortest = [self.patience, left].into_iter().flatten().min();
        shortest.map(|time| time.max(Duration::from_millis(1)))
    }
}

impl Client {
    /// Asks, and gives the answer, whatever its status.
    ///
    /// # Errors
    /// Nobody listens, or what comes is no answer.
    pub(crate) fn ask(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let mut wire = self.send(ask)?;
        let mut fetched = Fetched::new(BODY_BYTES_MAX);
        let mut buffer = vec![0; 64 << 10];
        while !fetched.is_done() {
            if ask.until.is_some() {
                wire.set_patience(ask.patience_now(), PATIENCE)?;
            }
            let n = self.read(ask, &mut wire, &mut buffer)?;
            let taken = if n == 0 { fetched.end() } else { fetched.take(&buffer[..n]).map(|_| ()) };
            taken.map_err(|fault| {
                Failure::Other(format!("{}: the answer cannot be read: {fault:?}", self.name()))
            })?;
        }
        wire.shut();
        Ok(Answer::new(fetched.status(), fetched.body().to_vec()))
    }

    /// Asks for something that goes on, one line after the other.
    ///
    /// # Errors
    /// Nobody listens, or it is refused.
    pub(crate) fn listen(&self, ask: &Ask<'_>) -> Result<Lines, Failure> {
        // The head comes at once; what follows it, when there is something to say.
        let wire = self.send(ask)?;
        Lines::begin(wire, self.name())
    }

    fn send(&self, ask: &Ask<'_>) -> Result<Wire, Failure> {
        let mut wire = self.connect(ask.until)?;
        let patience = ask.patience_now();
        wire.set_patience(patience, patience.unwrap_or(PATIENCE).min(PATIENCE))?;
        let host = match &self.place {
            Place::Socket(_) => "localhost",
            Place::Admin(authority) => authority,
        };
        let mut request = format!(
            "{} {} HTTP/1.1\r\nHost: {host}\r\nAccept: {}\r\nConnection: close\r\n",
            ask.method, ask.target, ask.accept
        )
        .into_bytes();
        if let Some((content_type, body)) = ask.body {
            let fields = format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n", body.len());
            request.extend_from_slice(fields.as_bytes());
            request.extend_from_slice(body);
        } else {
            request.extend_from_slice(b"\r\n");
        }
        match wire.write_all(&request) {
            // It was refused before it was read whole: the answer says why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) if is_timeout(&error) => return Err(self.hangs()),
            other => other.map_err(|error| Failure::Other(format!("{}: {error}", self.name())))?,
        }
        Ok(wire)
    }

    fn read(&self, ask: &Ask<'_>, wire: &mut Wire, buffer: &mut [u8]) -> Result<usize, Failure> {
        // Whoever has something done wants to know what came of it, whether anybody reads that or not.
        let is_awaited = ask.patience.is_none_or(|time| time > PATIENCE);
        loop {
            let ready = if is_awaited { wire.wait() } else { Ok(()) };
            match ready.and_then(|()| wire.read(buffer)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => {
                    return Err(self.hangs());
                }
                Err(error) => return Err(Failure::Other(format!("{}: {error}", self.name()))),
                Ok(n) => return Ok(n),
            }
        }
    }

    fn hangs(&self) -> Failure {
        Failure::TimedOut(format!("{} does not answer", self.name()))
    }

    /// Where it is, in words.
    pub(crate) fn name(&self) -> String {
        match &self.place {
            Place::Socket(path) => path.display().to_string(),
            Place::Admin(authority) => format!("http://{authority}"),
        }
    }
}

/// Whether a socket's own limit on time has passed.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Escapes one part of a path, or a value of a query (RFC 3986, section 2.3).
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_no_clock_can_tell_is_far_away() {
        let day = Duration::from_secs(86_400);
        assert!(in_seconds(u64::MAX) > Instant::now() + 365 * day);
        assert!(in_seconds(1) < Instant::now() + day);
    }

    #[test]
    fn parts_of_paths_are_escaped() {
        assert_eq!(escaped("a b/c%é~".as_bytes()), "a%20b%2Fc%25%C3%A9~");
    }
}
