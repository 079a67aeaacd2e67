//! One peer: what it means to say, what is on its way, what has come, and what it remembers.
//! Knows nothing of the server but what a client can see.
use std::collections::BTreeMap;
use std::net::IpAddr;

use rcomet_core::arena::Id;
use rcomet_core::time::Moment;
use rcomet_core::{Conn, Role};

use super::answer::Ear;
use super::question::Question;

/// What kind of client it is; it decides what it asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Poller,
    Streamer,
    Ccomet,
    Publisher,
    Admin,
    Announced,
    Rude,
}

/// What a client remembers of one channel.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub next: Option<u64>,
    /// The last event id, with the life and the number it stood for.
    pub id: Option<(String, usize, u64)>,
    pub life: Option<String>,
    pub roster: Option<i64>,
}

/// What a client remembers from one connection to the next.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub places: BTreeMap<String, Place>,
    pub who: Option<String>,
}

/// See above.
pub struct Peer {
    /// Unique over all time.
    pub number: usize,
    pub id: Id<Conn>,
    pub role: Role,
    pub address: IpAddr,
    pub kind: Kind,
    pub memory: Memory,
    pub ear: Ear,
    /// What it means to say and has not sent.
    pub outgoing: Vec<u8>,
    /// What it has sent and the server has not read.
    pub wire: Vec<u8>,
    /// Bytes it ever meant to say, and bytes the server ever read.
    pub meant: u64,
    pub given: u64,
    /// It means to finish sending; it has, and the server knows.
    pub fin: bool,
    pub ended: bool,
    /// It takes what comes.
    pub is_open: bool,
    /// The server has been told that its socket is full.
    pub is_blocked: bool,
    /// What the server has said and the peer has not taken.
    pub untaken: Vec<u8>,
    /// The server stopped reading for want of room.
    pub is_paused: bool,
    /// The server wants to read on in the next turn.
    pub in_line: bool,
    /// It came when there was no room for it.
    pub is_refused: bool,
    /// When an answer last ended, or the connection began.
    pub answered_at: Moment,
    /// Since when it has something to take and has not taken enough of it.
    pub progress_at: Moment,
    /// How much of it it has taken since.
    pub taken: usize,
    /// When it last had taken everything.
    pub emptied_at: Moment,
    /// When the server shut its sending side.
    pub shut_at: Option<Moment>,
    /// Where it was seen listening under its name, in the life of a channel.
    pub listed: Option<(usize, String)>,
    /// What each channel is known to be by `/psub`: there or gone.
    pub announced: BTreeMap<String, bool>,
}

impl Peer {
    pub fn new(number: usize, id: Id<Conn>, role: Role, address: IpAddr, kind: Kind, now: Moment) -> Self {
        Self {
            number,
            id,
            role,
            address,
            kind,
            memory: Memory::default(),
            ear: Ear::new(),
            outgoing: Vec::new(),
            wire: Vec::new(),
            meant: 0,
            given: 0,
            fin: false,
            ended: false,
            is_open: true,
            is_blocked: false,
            untaken: Vec::new(),
            is_paused: false,
            in_line: false,
            is_refused: false,
            answered_at: now,
            progress_at: now,
            taken: 0,
            emptied_at: now,
            shut_at: None,
            listed: None,
            announced: BTreeMap::new(),
        }
    }

    /// Means to ask something.
    pub fn ask(&mut self, mut question: Question, bytes: &[u8]) {
        question.start = self.meant;
        self.meant += bytes.len() as u64;
        question.end = self.meant;
        self.outgoing.extend_from_slice(bytes);
        self.ear.asked.push_back(Box::new(question));
    }

    /// The server has read `n` more bytes.
    pub fn gave(&mut self, n: usize, now: Moment) {
        self.given += n as u64;
        let given = self.given;
        let questions = self.ear.asked.iter_mut().filter(|q| q.start < given && q.whole.is_none());
        for question in questions {
            question.came = question.came.or(Some(now));
            if question.start + question.size.head <= given {
                question.head = question.head.or(Some(now));
            }
            if question.end <= given {
                question.whole = Some(now);
            }
        }
    }

    /// Whether the server has shut its sending side.
    pub fn is_shut(&self) -> bool {
        self.shut_at.is_some()
    }

    /// Whether an answer ended the connection, or nothing more can come for another reason.
    pub fn is_over(&self) -> bool {
        self.ear.is_last || self.is_shut() || self.ended
    }
}
