//! One subscription as its peer sees it: what was asked, and how far it has got.
//! Knows nothing of HTTP.
use rcomet_core::time::Moment;

use super::book::{Book, Reader};

/// How it is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Poll,
    Stream,
    Sse,
    Iframe,
    Ccomet,
}

impl Form {
    pub fn is_stream(self) -> bool {
        matches!(self, Self::Stream | Self::Sse | Self::Iframe)
    }
}

/// Where it was asked to begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    New,
    Next(u64),
    Oldest,
    /// After the message with this number, in this life.
    After {
        life: usize,
        seq: u64,
    },
}

/// One subscription.
#[derive(Clone, Debug)]
pub struct Reading {
    pub channel: String,
    pub form: Form,
    pub start: Start,
    pub cb: Option<String>,
    pub no_batch: bool,
    pub says_gaps: bool,
    pub who: Option<String>,
    pub roster: Option<i64>,
    pub echo: i64,
    pub epoch: Option<String>,
    pub token: Option<String>,
    /// The place in the log from which it resumes.
    pub place: Option<String>,
    pub is_11: bool,
    /// The channel's life, once it is known.
    pub life: Option<usize>,
    /// It was seen waiting.
    pub waited: bool,
    /// Its window was so full for a while that it may have missed something.
    pub slow: bool,
    /// It had everything once, and has taken everything at once since.
    pub attends: bool,
    /// When it last heard something, or began to wait.
    pub heard_at: Moment,
    /// The number of the next message, when it is known.
    pub next: Option<u64>,
    /// The event id of the last message or number, for `Last-Event-ID`.
    pub id: Option<(String, u64)>,
    /// Records heard.
    pub heard: u64,
    /// The number that has to be told behind a broadcast.
    pub pair: Option<u64>,
    /// The last record was a gap.
    pub gap: bool,
    /// The first record told the channel's life.
    pub life_told: bool,
    /// Its end was said.
    pub closed: bool,
}

impl Reading {
    pub fn new(channel: &str, form: Form, start: Start) -> Self {
        Self {
            channel: channel.into(),
            form,
            start,
            cb: None,
            no_batch: false,
            says_gaps: true,
            who: None,
            roster: None,
            echo: 0,
            epoch: None,
            token: None,
            place: None,
            is_11: true,
            life: None,
            waited: false,
            slow: false,
            attends: false,
            heard_at: Moment(0),
            next: None,
            id: None,
            heard: 0,
            pair: None,
            gap: false,
            life_told: false,
            closed: false,
        }
    }

    /// The channel's life is known now.
    pub fn bind(&mut self, life: usize, book: &Book) {
        if self.life.is_none() {
            self.life = Some(life);
            self.next = match self.start {
                Start::Next(n) => Some(n),
                Start::After { life: before, seq } if before == life => Some(seq + 1),
                // Whoever had nothing of a life before, at the place in the log where this one began, misses nothing.
                Start::After { seq: 0, .. } if book.lives[life].born.map(|b| b.to_string()) == self.place => {
                    Some(1)
                }
                _ => None,
            };
        }
    }

    /// The channel's life, which is known once something is heard.
    pub fn life(&self) -> usize {
        self.life.expect("a subscription that hears something is to a life of its channel")
    }

    /// What it may miss.
    pub fn reader(&self) -> Reader {
        match (self.waited && !self.slow, self.attends) {
            (false, _) => Reader::Comes,
            (true, false) => Reader::Waits,
            (true, true) => Reader::Attends,
        }
    }

    /// Whether it stands where nothing is left to hear.
    pub fn is_level(&self, book: &Book) -> bool {
        match (self.life, self.next) {
            (Some(life), Some(next)) => book.lives[life].blurred || next == book.lives[life].head(),
            (Some(life), None) => self.start == Start::Oldest && book.lives[life].head() == 1,
            _ => false,
        }
    }
}
