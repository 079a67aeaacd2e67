//! Shared frames: what many subscribers get is written once for each way of framing it.
//! Knows nothing of connections. What is one subscriber's alone stands before and after a frame, not in it.
use bytes::Bytes;

use crate::arena::Id;
use crate::bytes::Ledger;
use crate::conn::Manner;
use crate::dialect::{DialectId, News, Text};
use crate::hub::{Channel, Lost};
use crate::wire::http1::response::{LAST_CHUNK, chunk_size};

/// Frames kept at hand. Deliveries come in slices of one channel, so the next subscriber wants what the last one had.
const AT_HAND: usize = 16;

/// How a frame is wrapped for HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wrap {
    /// Not at all: something of the subscriber's own goes around it, or the length is told in the head.
    Bare,
    /// A whole chunked body for a poll without a callback, with its last chunk.
    WholeBody,
    /// A chunk for each piece.
    Chunks,
    /// A whole answer to a poll without a callback, head and all, for everybody with these manners.
    Answer(Manner),
}

/// What makes two frames the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key {
    pub(super) channel: Id<Channel>,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) lost: Lost,
    pub(super) dialect: DialectId,
    pub(super) style: u8,
    pub(super) live: bool,
    pub(super) wrap: Wrap,
}

/// Makes frames and keeps the latest at hand.
#[derive(Default)]
pub(super) struct Frames {
    at_hand: Vec<(Key, Bytes)>,
    oldest: usize,
    text: Text,
    scratch: Vec<u8>,
    ledger: Ledger,
}

impl Frames {
    /// The frame for `key`, made of `news` if it is not at hand. A range of a channel never changes, so it may be old.
    pub(super) fn shared(&mut self, key: Key, news: &[News<'_>]) -> Bytes {
        if let Some(frame) = self.find(&key) {
            return frame;
        }
        let bytes =
            write(&mut self.text, &mut self.scratch, key.dialect, key.style, key.live, key.wrap, news);
        let frame = self.ledger.share(bytes);
        self.put_at_hand(key, frame)
    }

    /// The frame for `key`, if it is at hand.
    pub(super) fn find(&self, key: &Key) -> Option<Bytes> {
        self.at_hand.iter().find(|(k, _)| k == key).map(|(_, frame)| frame.clone())
    }

    /// Shares `bytes`, which somebody else has written for `key`.
    pub(super) fn keep(&mut self, key: Key, bytes: &[u8]) -> Bytes {
        let frame = self.ledger.share(bytes);
        self.put_at_hand(key, frame)
    }

    fn put_at_hand(&mut self, key: Key, frame: Bytes) -> Bytes {
        if self.at_hand.len() < AT_HAND {
            self.at_hand.push((key, frame.clone()));
        } else {
            self.at_hand[self.oldest] = (key, frame.clone());
            self.oldest = (self.oldest + 1) % AT_HAND;
        }
        frame
    }

    /// A frame for one subscriber, to be copied from.
    pub(super) fn make(
        &mut self,
        dialect: DialectId,
        style: u8,
        live: bool,
        wrap: Wrap,
        news: &[News<'_>],
    ) -> &[u8] {
        write(&mut self.text, &mut self.scratch, dialect, style, live, wrap, news)
    }

    /// Forgets what is at hand; what waits for connections stays alive with them.
    pub(super) fn forget(&mut self) {
        self.at_hand.clear();
        self.oldest = 0;
    }

    /// Bytes of all frames alive.
    pub(super) fn bytes(&self) -> usize {
        self.ledger.bytes()
    }
}

fn write<'a>(
    text: &'a mut Text,
    scratch: &'a mut Vec<u8>,
    dialect: DialectId,
    style: u8,
    live: bool,
    wrap: Wrap,
    news: &[News<'_>],
) -> &'a [u8] {
    text.clear();
    scratch.clear();
    let speaker = dialect.speaker();
    speaker.frame(style, news, live, text);
    match wrap {
        // What goes around a whole answer's body is written by whoever knows the date.
        Wrap::Bare | Wrap::Answer(_) => return &text.bytes,
        Wrap::WholeBody => {
            let end = speaker.epilogue(false).as_bytes();
            chunk_size(text.bytes.len() + end.len(), scratch);
            scratch.extend_from_slice(&text.bytes);
            scratch.extend_from_slice(end);
            scratch.extend_from_slice(b"\r\n");
            scratch.extend_from_slice(LAST_CHUNK);
        }
        Wrap::Chunks => {
            for piece in text.pieces() {
                chunk_size(piece.len(), scratch);
                scratch.extend_from_slice(piece);
                scratch.extend_from_slice(b"\r\n");
            }
        }
    }
    scratch
}
