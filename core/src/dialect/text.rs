//! Text in the making.
use std::sync::Arc;

use crate::config::Wording;
use crate::hub::Base;

/// What stands between the parts of a multipart body: drawn at random, and for one body, so that nobody knows it
/// who writes a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Boundary([u8; 32]);

impl Boundary {
    /// The boundary that these random bytes make.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
        Self(bytes.map(|byte| DIGITS[usize::from(byte & 63)]))
    }

    /// Its characters; RFC 2046, section 5.1.1.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What deltas have left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Saved {
    /// Messages of which a part was left out.
    pub messages: u64,
    /// Bytes by which they are shorter, at least.
    pub bytes: u64,
}

/// Text in the making, in pieces that a stream sends as one chunk each.
#[derive(Default)]
pub struct Text {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What stands between parts, where there are any.
    pub boundary: Boundary,
    /// What stands around messages; `None` for the usual.
    pub wording: Option<Arc<Wording>>,
    /// What whoever reads it has of the channel, for deltas.
    pub base: Base,
    /// What deltas have left out of it.
    pub saved: Saved,
    /// Bytes that stand before what its reader calls a channel.
    pub prefix: u8,
    /// What stands before the names of those channels that are told of; `None` where all are.
    pub told: Option<Arc<str>>,
    /// Where pieces end.
    ends: Vec<usize>,
    /// Which of them are bytes, and not text; most have none.
    binary: Vec<usize>,
}

impl Text {
    /// Ends a piece.
    pub fn end_piece(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// Ends a piece of which a WebSocket makes a message of bytes.
    pub fn end_binary_piece(&mut self) {
        self.binary.push(self.ends.len());
        self.end_piece();
    }

    /// The pieces, and whether each is text.
    pub fn messages(&self) -> impl Iterator<Item = (bool, &[u8])> {
        let is_text = |place: usize| self.binary.binary_search(&place).is_err();
        self.pieces().enumerate().map(move |(place, piece)| (is_text(place), piece))
    }

    /// The pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(from, &to)| &self.bytes[from..to])
    }

    /// Forgets everything but the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.binary.clear();
        self.saved = Saved::default();
    }
}
