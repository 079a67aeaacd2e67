//! One subscriber's place: its connection, how far its answers have been read, and its account.
//! Knows nothing of the others.
use std::time::Duration;

use mio::net::TcpStream;
use socket2::SockRef;

use super::Standing;
use crate::answer::Answer;
use crate::tally::{Ledger, Tally};
use crate::target::{Kind, Target, Who};

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is none.
    Away,
    /// It is being made.
    Connecting,
    /// A question has been sent that has to be answered before it can listen.
    Introducing,
    /// The question that waits has been sent.
    Asked,
    /// The answer has begun.
    Parked,
}

pub(super) struct Seat {
    pub(super) who: Who,
    pub(super) stream: Option<TcpStream>,
    pub(super) phase: Phase,
    pub(super) answer: Answer,
    /// Bytes that were not complete enough to be understood.
    pub(super) carry: Vec<u8>,
    pub(super) ledger: Ledger,
    /// The number of the last message that was there before it.
    pub(super) begins_after: u64,
    /// Asks and never reads, but for what it has to hear before it can ask.
    pub(super) deaf: bool,
    /// What it is owed begins with the first message that it gets, which has not come yet.
    pub(super) late: bool,
    /// The answer that is being read has brought a message.
    pub(super) heard: bool,
    /// The server will end the connection after this answer, and has said so.
    pub(super) closes: bool,
    /// The server does not want it.
    pub(super) refused: bool,
    /// Its account is closed.
    retired: bool,
}

impl Seat {
    pub(super) fn new(kind: Kind, id: u32, channel: u32, last: u64, deaf: bool) -> Self {
        Self {
            who: Who { kind, id, channel, last, cursor: String::new(), step: 0 },
            stream: None,
            phase: Phase::Away,
            answer: Answer::default(),
            carry: Vec::new(),
            ledger: Ledger::after(last),
            begins_after: last,
            deaf,
            late: false,
            heard: false,
            closes: false,
            refused: false,
            retired: false,
        }
    }

    /// The answer to the question that waits has begun, if it has been asked and is not a refusal.
    pub(super) fn park(&mut self, standing: &mut Standing) {
        if self.phase == Phase::Asked && !self.refused {
            self.phase = Phase::Parked;
            standing.parked += 1;
        }
    }

    /// Drops the connection, and what was known of it.
    pub(super) fn disconnect(&mut self) {
        self.stream = None;
        self.answer = Answer::default();
        self.carry.clear();
        self.heard = false;
        self.closes = false;
    }

    /// Makes the connection end without a word, as if the network had gone: nothing waits for anything afterwards.
    pub(super) fn cut(&mut self) {
        if let Some(stream) = &self.stream {
            // If that is refused, it ends as others do.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// Whether it does not read what comes now.
    pub(super) fn is_deaf(&self) -> bool {
        self.deaf && self.phase != Phase::Introducing
    }

    /// Whether it should be made to connect: it may stand in the line twice, or have left in the meantime.
    pub(super) fn wants_to_connect(&self) -> bool {
        self.phase == Phase::Away && !self.retired && !self.refused
    }

    /// Closes the account: how many messages up to `owed` never came. One who does not read is owed nothing, nor is
    /// one whose account has not begun.
    pub(super) fn retire(&mut self, owed: u64) -> u64 {
        if std::mem::replace(&mut self.retired, true) || self.deaf || self.late {
            return 0;
        }
        self.ledger.lost(owed)
    }

    /// Looks at a status other than 200. 101 is a WebSocket's handshake, 304 and 408 are how some servers end a poll that has brought nothing.
    pub(super) fn status(&mut self, target: &dyn Target, status: u16, tally: &mut Tally, text: &str) {
        if !matches!(status, 101 | 201..=299 | 304 | 408) && !target.is_farewell(status, text) {
            self.refuse(tally, text);
        }
    }

    /// Looks at a piece of a body without a message.
    pub(super) fn look_for_complaint(&mut self, target: &dyn Target, body: &[u8], tally: &mut Tally) {
        if memchr::memmem::find(body, b"\"type\":\"gap\"").is_some() {
            tally.counts.declared += 1;
        }
        if target.refuses(body) {
            self.refuse(tally, &String::from_utf8_lossy(body));
        }
    }

    fn refuse(&mut self, tally: &mut Tally, text: &str) {
        self.refused = true;
        tally.counts.refused += 1;
        tally.complain(|| format!("a subscriber was refused: {}", text.trim()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{Dialect, Language, Name};

    /// A poll of the push module's is told so with the status of a limit that is reached.
    #[test]
    fn who_is_told_that_the_server_ends_is_not_refused() {
        let refused = |dialect: Dialect, status: u16, more: &str| {
            let target = Language::choose(Name::Rcomet, Some(dialect)).expect("rcomet speaks it").speak(1);
            let (mut seat, mut tally) = (Seat::new(Kind::Poll, 0, 0, 0, false), Tally::new());
            seat.status(&*target, status, &mut tally, &format!("HTTP/1.1 {status} Any\r\n{more}"));
            assert_eq!(u64::from(seat.refused), tally.counts.refused);
            seat.refused
        };
        let answer = |words: &str| {
            let bytes = words.len();
            format!("Content-Type: text/plain\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n{words}")
        };
        let end = &answer("the server is going away, or an administrator has ended this request: ask again");
        assert!(!refused(Dialect::Push, 503, end));
        assert!(!refused(Dialect::Push, 408, end));
        assert!(refused(Dialect::Push, 503, &answer("memory_bytes_max is reached: try again later")));
        assert!(refused(Dialect::Push, 503, &answer("The server is full.")));
        assert!(refused(Dialect::Push, 403, end));
        assert!(refused(Dialect::Icomet, 503, end));
    }
}
