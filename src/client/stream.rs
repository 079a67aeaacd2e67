//! An answer that goes on: lines, as they come.
//! Knows nothing of what they say.
use std::io::{ErrorKind, Read};

use rcomet_core::wire::http1::chunked::Chunked;
use rcomet_core::wire::http1::fetched::{FETCHED_HEAD_BYTES_MAX, Fetched};
use rcomet_core::wire::http1::head::find_end;

use super::answer::refusal;
use super::{PATIENCE, Wire, is_timeout};
use crate::exit::Failure;

/// Bytes of a line at most.
const LINE_BYTES_MAX: usize = 64 << 20;

/// The lines of an answer.
pub(crate) struct Lines {
    wire: Wire,
    name: String,
    chunked: Chunked,
    /// What has come and is not taken yet.
    text: Vec<u8>,
    /// How far it has been searched for an end.
    searched: usize,
    ended: bool,
}

impl Lines {
    /// Reads the head.
    pub(super) fn begin(mut wire: Wire, name: String) -> Result<Self, Failure> {
        let broken = |error: std::io::Error| match error {
            error if is_timeout(&error) => Failure::TimedOut(format!("{name} does not answer")),
            error => Failure::Other(format!("{name}: {error}")),
        };
        let (mut raw, mut scanned, mut block) = (Vec::new(), 0, vec![0; 16 << 10]);
        let end = loop {
            if let Some(end) = find_end(&raw, &mut scanned) {
                break end;
            }
            let n = wire.read(&mut block).map_err(broken)?;
            if n == 0 || raw.len() > FETCHED_HEAD_BYTES_MAX {
                return Err(Failure::Other(format!("{name}: the answer cannot be read")));
            }
            raw.extend_from_slice(&block[..n]);
        };
        let status =
            raw.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(0);
        if status != 200 {
            let mut whole = Fetched::new(1 << 20);
            let mut taken = whole.take(&raw).map(drop);
            while taken.is_ok() && !whole.is_done() {
                let n = wire.read(&mut block).map_err(broken)?;
                taken = if n == 0 { whole.end() } else { whole.take(&block[..n]).map(drop) };
            }
            return Err(refusal(status, whole.body()));
        }
        wire.set_patience(None, PATIENCE)?;
        let rest = raw.split_off(end);
        let mut lines =
            Self { wire, name, chunked: Chunked::default(), text: Vec::new(), searched: 0, ended: false };
        lines.take(&rest)?;
        Ok(lines)
    }

    fn take(&mut self, raw: &[u8]) -> Result<(), Failure> {
        let text = &mut self.text;
        let taken = self.chunked.decode(raw, |data| {
            text.extend_from_slice(data);
            text.len() <= LINE_BYTES_MAX
        });
        self.ended |= self.chunked.is_done();
        taken.map(drop).map_err(|_| Failure::Other(format!("{}: the answer cannot be read", self.name)))
    }

    /// The next line, without its end; `None` when there are no more.
    ///
    /// # Errors
    /// The connection is dead.
    pub(crate) fn next(&mut self) -> Result<Option<String>, Failure> {
        let mut block = vec![0; 64 << 10];
        loop {
            let end =
                self.text[self.searched..].iter().position(|c| *c == b'\n').map(|at| self.searched + at);
            if let Some(end) = end {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                self.searched = 0;
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            self.searched = self.text.len();
            if self.ended {
                return Ok(None);
            }
            match self.wire.wait().and_then(|()| self.wire.read(&mut block)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Other(format!("{}: {error}", self.name))),
                Ok(0) => self.ended = true,
                Ok(n) => self.take(&block[..n])?,
            }
        }
    }
}
