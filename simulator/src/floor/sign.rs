//! Signs of life: what who waits hears every so often, as rcomet's noops and pings. Without them the floor is silent.
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Floor;
use super::ear::{Ear, Sent, send};
use super::voice::{self, Voice};

/// Who hears one next. All wait equally long, so whoever came first is first.
pub(super) struct Signs {
    every: Option<Duration>,
    line: VecDeque<(Instant, usize)>,
}

impl Signs {
    /// One every so many milliseconds; 0 is never.
    pub(super) fn new(every_ms: u64) -> Self {
        let every = (every_ms > 0).then(|| Duration::from_millis(every_ms));
        Self { every, line: VecDeque::new() }
    }

    /// Puts this connection in line; when its turn is.
    pub(super) fn queue(&mut self, index: usize, now: Instant) -> Option<Instant> {
        let due = now + self.every?;
        self.line.push_back((due, index));
        Some(due)
    }

    /// Whose turn it is, and when it was.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<(Instant, usize)> {
        if self.line.front()?.0 > now {
            return None;
        }
        self.line.pop_front()
    }

    /// How long nobody's turn is; `None` is for ever.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        let (due, _) = self.line.front()?;
        Some(due.saturating_duration_since(now))
    }
}

impl Floor {
    /// Says to those whose turn it is that the server is there. Polls are answered by that and leave; streams stay.
    pub(super) fn give_signs(&mut self) {
        while let Some((due, index)) = self.signs.next_due(self.now) {
            // Whoever has gone meanwhile may have left its number to another.
            let Some(connection) = self.connections.get_mut(index) else { continue };
            if connection.sign_at != Some(due) {
                continue;
            }
            connection.sign_at = None;
            // Who is not waiting is about to ask again.
            let Some(ear @ Ear { place: Some(_), .. }) = connection.ear else { continue };
            self.answers.clear();
            ear.voice.sign(&mut self.answers);
            if self.answers.is_empty() {
                continue;
            }
            if send(&mut connection.stream, &self.answers) == Sent::Dead {
                self.close(index);
            } else if ear.voice.polls() {
                self.leave(index);
            } else {
                connection.sign_at = self.signs.queue(index, self.now);
            }
        }
    }
}

impl Voice {
    /// Appends a sign of life as it is sent to everybody of this kind: an answer without a message to a poll, a line or a ping to
    /// what stays. Nothing, where none is prepared.
    pub(super) fn sign(self, out: &mut Vec<u8>) {
        const NOOP: &[u8] = b"{\"type\":\"noop\",\"cname\":\"\",\"seq\":\"0\"}";
        match self {
            Self::Sse => out.extend_from_slice(&[b"data: ", NOOP, b"\n\n"].concat()),
            Self::Poll => voice::answer(&[NOOP, b"\n"].concat(), out),
            Self::Jsonp(callback) => {
                voice::answer(&[b"/**/", &callback[..], b"(", NOOP, b");\n"].concat(), out);
            }
            Self::Socket | Self::Meta => out.extend_from_slice(b"\x89\x00"),
            Self::Events => out.extend_from_slice(b":\n\n"),
            Self::Push | Self::Simple | Self::Bayeux => {}
        }
    }
}
