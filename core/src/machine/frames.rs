//! Shared frames: what many subscribers get is written once for each way of framing it.
//! Knows nothing of connections. What is one subscriber's alone stands before and after a frame, not in it.
use std::num::NonZeroU8;
use std::ops::Deref;

use bytes::Bytes;

use super::reply::give_back;
use crate::arena::Id;
use crate::bytes::Ledger;
use crate::config::{Websocket, WordingId, Wordings};
use crate::conn::Manner;
use crate::dialect::{Boundary, DialectId, News, Saved, Text, Voice};
use crate::hub::{Base, Channel, Lost};
use crate::wire::http1::response::{LAST_CHUNK, chunk_size};
use crate::wire::ws::Opcode;
use crate::wire::ws::deflate::Deflater;
use crate::wire::ws::frame;

/// Frames kept at hand. Deliveries come in slices of one channel, so the next subscriber wants what the last one had.
const AT_HAND: usize = 64;

/// How a frame is wrapped for HTTP, or for WebSocket.
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
    /// A WebSocket message for each piece, compressed if it is worth it and this window was agreed on.
    Messages(Option<NonZeroU8>),
}

/// A range of a channel's messages with what was missed before it.
pub(super) type Range = (Id<Channel>, u64, u64, Lost);

/// The way in which something is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Way {
    pub(super) dialect: DialectId,
    pub(super) style: u8,
    pub(super) wording: WordingId,
    /// Bytes before what its reader calls a channel.
    pub(super) prefix: u8,
    /// It answers somebody who has been waiting.
    pub(super) live: bool,
    pub(super) wrap: Wrap,
    /// Whether messages are told by what differs from the one before, and the first of them as well.
    pub(super) base: Base,
}

impl Way {
    /// A way of saying something live, with nothing around messages.
    pub(super) fn new(dialect: DialectId, style: u8, wrap: Wrap) -> Self {
        Self {
            dialect,
            style,
            wording: WordingId::default(),
            prefix: 0,
            live: true,
            wrap,
            base: Base::Unasked,
        }
    }

    /// The way of this voice.
    pub(super) fn of(voice: &Voice, live: bool, wrap: Wrap) -> Self {
        let base = if voice.deltas { Base::Unknown } else { Base::Unasked };
        let &Voice { dialect, style, wording, prefix, .. } = voice;
        Self { dialect, style, wording, prefix, live, wrap, base }
    }
}

/// A frame: shared by everybody who gets the same, or one subscriber's own, to be copied from.
pub(super) enum Frame<'f> {
    Shared(Bytes),
    Own(&'f [u8]),
}

impl Deref for Frame<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

/// What makes two frames the same. Whether the message before a range is still kept does not: a delta stays right for all who
/// have that message, and so does the whole.
type Key = (Range, Way);

/// Makes frames and keeps the latest at hand.
#[derive(Default)]
pub(super) struct Frames {
    at_hand: Vec<(Key, Bytes)>,
    /// What deltas have left out of each of them.
    saved: Vec<Saved>,
    /// The one that was wanted last, which is the one that is wanted next.
    latest: usize,
    oldest: usize,
    pen: Pen,
    ledger: Ledger,
}

/// What frames are written with.
#[derive(Default)]
struct Pen {
    text: Text,
    wordings: Wordings,
    scratch: Vec<u8>,
    deflater: Deflater,
    deflated: Vec<u8>,
    /// Bytes of a message from which on it is compressed.
    deflate_from: usize,
    /// Messages compressed.
    deflations: u64,
    /// What deltas have left out of what was written last.
    saved: Saved,
}

impl Frames {
    /// What stands between parts from now on.
    pub(super) fn set_boundary(&mut self, boundary: Boundary) {
        self.pen.text.boundary = boundary;
    }

    /// What readers can have around messages from now on.
    pub(super) fn set_wordings(&mut self, wordings: Wordings) {
        self.pen.wordings = wordings;
    }

    /// Only of channels whose names begin so is told who lists them by icomet's paths, if not of all.
    pub(super) fn set_told(&mut self, prefix: &str) {
        self.pen.text.told = Some(prefix).filter(|prefix| !prefix.is_empty()).map(Into::into);
    }

    /// The wordings that there are.
    pub(super) fn wordings(&self) -> &Wordings {
        &self.pen.wordings
    }

    /// Compresses messages as it is said there from now on.
    pub(super) fn set(&mut self, config: &Websocket) {
        self.pen.deflate_from = config.compression_bytes_min;
        self.pen.deflater.set(config.effort());
    }

    /// What is said of `news` in this way; shared, if they are messages `range` and nothing else.
    pub(super) fn frame(&mut self, range: Option<Range>, way: Way, news: &[News<'_>]) -> Frame<'_> {
        match range {
            Some(range) => Frame::Shared(self.shared(range, way, news)),
            None => Frame::Own(self.make(way, news)),
        }
    }

    /// The frame for `range`, made of `news` if it is not at hand. A range of a channel never changes, so it may be old.
    pub(super) fn shared(&mut self, range: Range, way: Way, news: &[News<'_>]) -> Bytes {
        if let Some(frame) = self.find(&range, &way) {
            return frame;
        }
        let bytes = self.pen.write(way, news);
        let frame = self.ledger.share(bytes);
        self.put_at_hand((range, way), frame)
    }

    /// The frame for `range`, if it is at hand.
    #[inline]
    pub(super) fn find(&mut self, range: &Range, way: &Way) -> Option<Bytes> {
        if let Some((key, frame)) = self.at_hand.get(self.latest)
            && key.0 == *range
            && key.1 == *way
        {
            return Some(frame.clone());
        }
        self.find_earlier(range, way)
    }

    #[inline(never)]
    fn find_earlier(&mut self, range: &Range, way: &Way) -> Option<Bytes> {
        self.latest = self.at_hand.iter().position(|((r, w), _)| r == range && w == way)?;
        Some(self.at_hand[self.latest].1.clone())
    }

    /// Shares `bytes`, which somebody else has written for `range`.
    pub(super) fn keep(&mut self, range: Range, way: Way, bytes: &[u8]) -> Bytes {
        let frame = self.ledger.share(bytes);
        self.put_at_hand((range, way), frame)
    }

    fn put_at_hand(&mut self, key: Key, frame: Bytes) -> Bytes {
        if self.at_hand.len() < AT_HAND {
            self.latest = self.at_hand.len();
            self.at_hand.push((key, frame.clone()));
            self.saved.push(self.pen.saved);
        } else {
            self.latest = self.oldest;
            self.at_hand[self.oldest] = (key, frame.clone());
            self.saved[self.oldest] = self.pen.saved;
            self.oldest = (self.oldest + 1) % AT_HAND;
        }
        frame
    }

    /// What deltas have left out of the frame that was asked for last: the one for a range, or one subscriber's own.
    pub(super) fn saved(&self, range: Option<Range>) -> Saved {
        match range {
            Some(_) => self.saved.get(self.latest).copied().unwrap_or_default(),
            None => self.pen.saved,
        }
    }

    /// A frame for one subscriber, to be copied from.
    pub(super) fn make(&mut self, way: Way, news: &[News<'_>]) -> &[u8] {
        self.pen.write(way, news)
    }

    /// One message for one client, to be copied from.
    pub(super) fn message(&mut self, message: &[u8], is_text: bool, window: Option<NonZeroU8>) -> &[u8] {
        self.pen.scratch.clear();
        let opcode = if is_text { Opcode::Text } else { Opcode::Binary };
        self.pen.message(opcode, message, window);
        &self.pen.scratch
    }

    /// Forgets whole answers, which have the date in them. Whatever else is at hand stays right.
    pub(super) fn forget_answers(&mut self) {
        for place in (0..self.at_hand.len()).rev() {
            if let ((_, Way { wrap: Wrap::Answer(_), .. }), _) = self.at_hand[place] {
                self.at_hand.swap_remove(place);
                self.saved.swap_remove(place);
            }
        }
        (self.latest, self.oldest) = (0, 0);
    }

    /// Forgets what is at hand; what waits for connections stays alive with them.
    pub(super) fn forget(&mut self) {
        self.at_hand.clear();
        self.saved.clear();
        (self.latest, self.oldest) = (0, 0);
    }

    /// Bytes of all frames alive.
    pub(super) fn bytes(&self) -> usize {
        self.ledger.bytes()
    }

    /// Messages compressed since it was last asked.
    pub(super) fn deflations(&mut self) -> u64 {
        std::mem::take(&mut self.pen.deflations)
    }
}

impl Pen {
    fn write(&mut self, way: Way, news: &[News<'_>]) -> &[u8] {
        let Way { dialect, style, wording, prefix, live, wrap, base } = way;
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        // What one long frame has taken is not kept.
        give_back(&mut text.bytes);
        give_back(&mut self.scratch);
        text.wording = self.wordings.get(wording).cloned();
        text.base = base;
        text.prefix = prefix;
        self.scratch.clear();
        let speaker = dialect.speaker();
        speaker.frame(style, news, live, &mut text);
        self.saved = text.saved;
        match wrap {
            // What goes around a whole answer's body is written by whoever knows the date.
            Wrap::Bare | Wrap::Answer(_) => {
                self.text = text;
                return &self.text.bytes;
            }
            Wrap::WholeBody => {
                let end = speaker.epilogue(false).as_bytes();
                chunk_size(text.bytes.len() + end.len(), &mut self.scratch);
                self.scratch.extend_from_slice(&text.bytes);
                self.scratch.extend_from_slice(end);
                self.scratch.extend_from_slice(b"\r\n");
                self.scratch.extend_from_slice(LAST_CHUNK);
            }
            Wrap::Chunks => {
                for piece in text.pieces() {
                    chunk_size(piece.len(), &mut self.scratch);
                    self.scratch.extend_from_slice(piece);
                    self.scratch.extend_from_slice(b"\r\n");
                }
            }
            Wrap::Messages(window) => {
                for (is_text, piece) in text.messages() {
                    self.message(if is_text { Opcode::Text } else { Opcode::Binary }, piece, window);
                }
            }
        }
        self.text = text;
        &self.scratch
    }

    /// Writes one message behind what there is; compressed, if that makes it shorter.
    fn message(&mut self, opcode: Opcode, message: &[u8], window: Option<NonZeroU8>) {
        if let Some(window) = window
            && message.len() >= self.deflate_from.max(1)
        {
            self.deflated.clear();
            self.deflater.deflate(window.get(), message, &mut self.deflated);
            self.deflations += 1;
            if self.deflated.len() < message.len() {
                frame::begin(opcode, true, self.deflated.len(), &mut self.scratch);
                return self.scratch.extend_from_slice(&self.deflated);
            }
        }
        frame::whole(opcode, message, &mut self.scratch);
    }
}
