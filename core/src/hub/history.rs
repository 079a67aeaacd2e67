//! What one channel keeps: its last messages, by number, bytes and age. The history is the send queue of everybody who
//! listens. Knows nothing of who that is.
use std::collections::VecDeque;
use std::sync::Arc;

use super::media::Media;
use super::mortal::Mortal;
use crate::time::Moment;

/// What kind of message it is; dialects write them differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text, published to this channel.
    Data,
    /// JSON that is no string, published to this channel by a dialect whose messages are JSON.
    Json,
    /// Published to all channels at once.
    Broadcast,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its offset in the log.
    pub offset: u64,
    /// When it was appended.
    pub at: Moment,
    /// The same on the wall clock, in seconds since 1970; never less than that of a message before.
    pub unix_s: u32,
    /// Counts the messages of all channels within that second: with it, a place in the log. In ids the log's life stands behind
    /// it ([`crate::log::Life::tag`]).
    pub tag: u32,
    /// Data or broadcast.
    pub kind: Kind,
    /// What was published.
    pub body: Arc<str>,
    /// Who published it, when the dialect says so (CComet's `sname`).
    pub sender: Option<Arc<str>>,
    /// What was said of the body, by dialects that say something; else it is text.
    pub media: Option<Arc<Media>>,
    /// What few messages have besides.
    pub beside: Option<Arc<Beside>>,
}

/// What few messages have besides: it stands apart, so that the others do not pay for it.
#[derive(Debug, Default)]
pub struct Beside {
    /// In the index of a pattern, the channel that it was published to.
    pub channel: Option<Box<str>>,
    /// What the publisher's extensions have to say, as JSON (Bayeux's `ext`).
    pub ext: Option<Box<str>>,
    /// What its reader knows it by, as JSON: the answer to something that was asked.
    pub id: Option<Box<str>>,
    /// When it is no longer handed to anybody.
    pub until: Option<Moment>,
}

/// Two counters stand before the bytes of an `Arc`.
const ARC: usize = 2 * size_of::<usize>();

impl Beside {
    /// Bytes that one costs with so many bytes of text.
    pub fn cost(texts: usize) -> usize {
        size_of::<Self>() + ARC + texts
    }
}

impl Message {
    /// Bytes it costs to keep, tables included.
    pub fn weight(&self) -> usize {
        let sender = self.sender.as_ref().map(|s| s.len());
        // Most share theirs with others, but nobody can know for how long.
        let media = self.media.as_deref().map(Media::bytes);
        // A broadcast's body is one for all channels, and on an account of its own.
        let body = if self.kind == Kind::Broadcast { 0 } else { self.body.len() + ARC };
        let beside = self.beside.as_ref().map_or(0, |b| {
            let texts = [&b.channel, &b.ext, &b.id].into_iter().flatten().map(|text| text.len());
            Beside::cost(texts.sum())
        });
        Self::cost(0, sender, media) - ARC + body + beside
    }

    /// Bytes that one of so long a body costs, with what is said of its sender and of its body if something is.
    pub fn cost(body: usize, sender: Option<usize>, media: Option<usize>) -> usize {
        let shared = [Some(body), sender, media].into_iter().flatten().map(|bytes| bytes + ARC);
        size_of::<Self>() + shared.sum::<usize>()
    }

    /// The channel that it was published to, when it stands in the index of a pattern.
    pub fn channel(&self) -> Option<&str> {
        self.beside.as_ref()?.channel.as_deref()
    }

    /// What its reader knows it by, as JSON.
    pub fn id(&self) -> Option<&str> {
        self.beside.as_ref()?.id.as_deref()
    }

    /// When it is no longer handed to anybody.
    pub fn until(&self) -> Option<Moment> {
        self.beside.as_ref()?.until
    }

    /// What its publisher's extensions have to say, as JSON.
    pub fn ext(&self) -> Option<&str> {
        self.beside.as_ref()?.ext.as_deref()
    }
}

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// At most so many messages once everybody has them.
    pub messages: usize,
    /// At most so many bytes, but always the newest message while somebody waits.
    pub bytes: usize,
    /// At most so long; 0 is for ever.
    pub age_ms: u64,
    /// Whether the newest message is kept however many bytes it has, also when nobody waits: it is the value of a key.
    pub newest: bool,
}

/// While listeners are being served, at least so many messages are kept whatever [`Keep::messages`] says, so that a
/// burst within one turn reaches those who listen.
pub(super) const LIVE_MESSAGES: usize = 1024;

/// A point in a history's past.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    /// The number the next message got.
    pub(super) next: u64,
    /// Bytes of all messages appended until then.
    pub(super) appended: u64,
}

/// The messages of one channel, numbered 1, 2, 3 ... without gaps.
#[derive(Debug)]
pub struct History {
    pub(super) messages: VecDeque<Message>,
    next: u64,
    pub(super) bytes: usize,
    /// Bytes of all messages ever appended.
    appended: u64,
    /// Where in the log the last message stood that is not kept any more; 0 if all are.
    forgotten: u64,
    /// What is known of messages that are good for a time only; nothing where there are none.
    pub(super) mortal: Option<Box<Mortal>>,
}

impl Default for History {
    fn default() -> Self {
        Self { messages: VecDeque::new(), next: 1, bytes: 0, appended: 0, forgotten: 0, mortal: None }
    }
}

impl History {
    /// One that goes on from an earlier life: the next message gets this number, and the last that is forgotten stood there in the
    /// log.
    pub(super) fn resumed(next: u64, forgotten: u64) -> Self {
        Self { next, forgotten, ..Self::default() }
    }

    /// The number the next message will get.
    pub fn head(&self) -> u64 {
        self.next
    }

    /// The number of the oldest message kept; [`History::head`] when there is none.
    pub fn base(&self) -> u64 {
        self.next - self.messages.len() as u64
    }

    /// How many messages are kept.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Messages and bytes kept.
    pub(super) fn weight(&self) -> (usize, usize) {
        (self.messages.len(), self.bytes)
    }

    /// Where it stands: the number the next message will get, and the bytes of all messages ever appended.
    pub(super) fn mark(&self) -> Mark {
        Mark { next: self.next, appended: self.appended }
    }

    /// Bytes of all messages kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a message; returns its number and how many old ones had to go.
    pub fn append(&mut self, message: Message, keep: &Keep, somebody_listens: bool) -> (u64, usize) {
        let seq = self.next;
        self.next += 1;
        self.bytes += message.weight();
        self.appended += message.weight() as u64;
        let now = message.at;
        if let Some(until) = message.until() {
            self.note_mortal(seq, until);
        }
        self.messages.push_back(message);
        (seq, self.trim(keep, somebody_listens, now))
    }

    /// Forgets what need not be kept; returns how many messages went.
    pub fn trim(&mut self, keep: &Keep, somebody_listens: bool, now: Moment) -> usize {
        let (most, least) =
            if somebody_listens { (keep.messages.max(LIVE_MESSAGES), 1) } else { (keep.messages, 0) };
        let least = least.max(usize::from(keep.newest));
        let before = self.messages.len();
        while let Some(oldest) = self.messages.front() {
            let too_old = keep.age_ms > 0 && now.since(oldest.at) >= keep.age_ms;
            let too_much = self.bytes > keep.bytes && self.messages.len() > least;
            if !(too_old || too_much || self.messages.len() > most) {
                break;
            }
            self.pop();
        }
        if self.messages.is_empty() {
            // A quiet channel holds no buffer.
            self.messages = VecDeque::new();
        }
        before - self.messages.len()
    }

    pub(super) fn pop(&mut self) {
        if let Some(message) = self.messages.pop_front() {
            self.bytes -= message.weight();
            self.forgotten = message.offset;
            self.forget_mortal();
        }
    }

    /// Where in the log the last message before number `seq` stood; 0 when there was none.
    pub fn offset_before(&self, seq: u64) -> u64 {
        self.get(seq.saturating_sub(1)).map_or(self.forgotten, |message| message.offset)
    }

    /// Forgets everything but the numbers; returns how many messages went.
    pub fn clear(&mut self) -> usize {
        self.bytes = 0;
        self.forgotten = self.messages.back().map_or(self.forgotten, |message| message.offset);
        self.mortal = None;
        std::mem::take(&mut self.messages).len()
    }

    /// The message with this number, if it is kept.
    pub fn get(&self, seq: u64) -> Option<&Message> {
        let index = seq.checked_sub(self.base())?;
        self.messages.get(usize::try_from(index).ok()?)
    }

    /// The number of the first kept message after `offset`; [`History::head`] when there is none.
    pub fn first_after(&self, offset: u64) -> u64 {
        self.base() + self.messages.partition_point(|m| m.offset <= offset) as u64
    }

    /// The number of the first kept message behind this second and tag; without a tag, behind the first of the second.
    pub fn first_behind(&self, unix_s: u32, tag: Option<u32>) -> u64 {
        let behind = |tag| self.messages.partition_point(|m| (m.unix_s, m.tag) <= (unix_s, tag));
        let index = match tag {
            Some(tag) => behind(tag),
            None => {
                let first = self.messages.partition_point(|m| m.unix_s < unix_s);
                first + usize::from(self.messages.get(first).is_some_and(|m| m.unix_s == unix_s))
            }
        };
        self.base() + index as u64
    }

    /// Messages `from..to` with their numbers, oldest first, as far as they are kept and have not expired.
    pub fn range(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, &Message)> {
        let base = self.base();
        let start = from.clamp(base, self.next);
        let end = to.clamp(start, self.next);
        let indexes = (start - base) as usize..(end - base) as usize;
        let all = self.messages.range(indexes).enumerate().map(move |(i, m)| (start + i as u64, m));
        all.filter(|(seq, _)| self.mortal.is_none() || self.is_live(*seq))
    }

    /// Where a batch that begins at `from` has to end so as not to be larger than `bytes_max`, and to have no hole where a message
    /// has expired; at least one message.
    pub fn batch_end(&self, from: u64, bytes_max: usize) -> u64 {
        // The usual case first: somebody who has all but the newest.
        if from + 1 >= self.next {
            return self.next;
        }
        let until = self.live_until(from);
        let mut bytes = 0;
        for (seq, message) in self.range(from, until) {
            bytes += message.weight();
            if bytes > bytes_max && seq > from {
                return seq;
            }
        }
        until
    }

    /// Bytes of the table, for the memory accounts.
    pub fn table_bytes(&self) -> usize {
        let mortal = self.mortal.as_ref().map_or(0, |mortal| mortal.bytes());
        (self.messages.capacity() - self.messages.len()) * size_of::<Message>() + mortal
    }

    /// When the next message is due to go for its age, or because it was good until then.
    pub fn next_expiry(&self, keep: &Keep) -> Option<Moment> {
        let oldest = self.messages.front().filter(|_| keep.age_ms > 0);
        let too_old = oldest.map(|oldest| oldest.at.after_ms(keep.age_ms));
        [too_old, self.next_death()].into_iter().flatten().min()
    }

    /// Every structural promise.
    pub fn check(&self) {
        assert_eq!(self.bytes, self.messages.iter().map(Message::weight).sum::<usize>());
        assert!(self.messages.iter().zip(self.messages.iter().skip(1)).all(|(a, b)| a.offset < b.offset));
        assert!(self.base() >= 1);
        self.check_mortal();
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
