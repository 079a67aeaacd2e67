//! What one channel keeps: its last messages, by number, bytes and age. The history is the send queue of everybody who
//! listens. Knows nothing of who that is.
use std::collections::VecDeque;
use std::sync::Arc;

use super::media::Media;
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
    /// Counts the messages of all channels within that second: with it, a place in the log.
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
}

impl Message {
    /// Bytes it costs to keep, tables included.
    pub fn weight(&self) -> usize {
        // Two counters stand before the bytes of an `Arc`.
        const ARC: usize = 2 * size_of::<usize>();
        let sender = self.sender.as_ref().map_or(0, |s| s.len() + ARC);
        // A broadcast's body is one for all channels, and on an account of its own.
        let body = if self.kind == Kind::Broadcast { 0 } else { self.body.len() + ARC };
        let beside = self.beside.as_ref().map_or(0, |b| {
            let texts = [&b.channel, &b.ext, &b.id].into_iter().flatten().map(|text| text.len());
            size_of::<Beside>() + ARC + texts.sum::<usize>()
        });
        // Most share theirs with others, but nobody can know for how long.
        let media = self.media.as_ref().map_or(0, |media| media.bytes() + ARC);
        size_of::<Self>() + body + sender + beside + media
    }

    /// The channel that it was published to, when it stands in the index of a pattern.
    pub fn channel(&self) -> Option<&str> {
        self.beside.as_ref()?.channel.as_deref()
    }

    /// What its reader knows it by, as JSON.
    pub fn id(&self) -> Option<&str> {
        self.beside.as_ref()?.id.as_deref()
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
    messages: VecDeque<Message>,
    next: u64,
    bytes: usize,
    /// Bytes of all messages ever appended.
    appended: u64,
    /// Where in the log the last message stood that is not kept any more; 0 if all are.
    forgotten: u64,
}

impl Default for History {
    fn default() -> Self {
        Self { messages: VecDeque::new(), next: 1, bytes: 0, appended: 0, forgotten: 0 }
    }
}

impl History {
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
        self.messages.push_back(message);
        (seq, self.trim(keep, somebody_listens, now))
    }

    /// Forgets what need not be kept; returns how many messages went.
    pub fn trim(&mut self, keep: &Keep, somebody_listens: bool, now: Moment) -> usize {
        let (most, least) =
            if somebody_listens { (keep.messages.max(LIVE_MESSAGES), 1) } else { (keep.messages, 0) };
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

    fn pop(&mut self) {
        if let Some(message) = self.messages.pop_front() {
            self.bytes -= message.weight();
            self.forgotten = message.offset;
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

    /// Messages `from..to` with their numbers, oldest first, as far as they are kept.
    pub fn range(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, &Message)> {
        let base = self.base();
        let start = from.clamp(base, self.next);
        let end = to.clamp(start, self.next);
        let indexes = (start - base) as usize..(end - base) as usize;
        self.messages.range(indexes).enumerate().map(move |(i, m)| (start + i as u64, m))
    }

    /// Where a batch that begins at `from` has to end so as not to be larger than `bytes_max`; at least one message.
    pub fn batch_end(&self, from: u64, bytes_max: usize) -> u64 {
        // The usual case first: somebody who has all but the newest.
        if from + 1 >= self.next {
            return self.next;
        }
        let mut bytes = 0;
        for (seq, message) in self.range(from, self.next) {
            bytes += message.weight();
            if bytes > bytes_max && seq > from {
                return seq;
            }
        }
        self.next
    }

    /// Bytes of the table, for the memory accounts.
    pub fn table_bytes(&self) -> usize {
        (self.messages.capacity() - self.messages.len()) * size_of::<Message>()
    }

    /// When the oldest message is due to go for its age.
    pub fn next_expiry(&self, keep: &Keep) -> Option<Moment> {
        let oldest = self.messages.front().filter(|_| keep.age_ms > 0)?;
        Some(oldest.at.after_ms(keep.age_ms))
    }

    /// Every structural promise.
    pub fn check(&self) {
        assert_eq!(self.bytes, self.messages.iter().map(Message::weight).sum::<usize>());
        assert!(self.messages.iter().zip(self.messages.iter().skip(1)).all(|(a, b)| a.offset < b.offset));
        assert!(self.base() >= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(n: u64) -> Message {
        Message {
            offset: n * 10,
            at: Moment(n * 1000),
            unix_s: n as u32 / 4,
            tag: n as u32 % 4,
            kind: Kind::Data,
            body: format!("m{n}").into(),
            sender: None,
            beside: None,
            media: None,
        }
    }

    fn filled(n: u64, keep: &Keep, listens: bool) -> History {
        let mut history = History::default();
        for i in 1..=n {
            assert_eq!(history.append(message(i), keep, listens).0, i);
            history.check();
        }
        history
    }

    const MANY: Keep = Keep { messages: 10, bytes: 1 << 20, age_ms: 0 };

    #[test]
    fn the_last_n_are_kept() {
        let history = filled(25, &MANY, false);
        assert_eq!((history.base(), history.head()), (16, 26));
        assert!(history.get(15).is_none() && history.get(26).is_none());
        assert_eq!(&*history.get(16).unwrap().body, "m16");
    }

    #[test]
    fn more_is_kept_while_somebody_listens() {
        let mut history = filled(25, &MANY, true);
        assert_eq!(history.base(), 1);
        assert_eq!(history.trim(&MANY, false, Moment(0)), 15);
    }

    #[test]
    fn bytes_and_age_count_too() {
        let weight = message(1).weight();
        let history = filled(9, &Keep { bytes: 3 * weight, ..MANY }, false);
        assert_eq!(history.base(), 7);
        let history = filled(9, &Keep { bytes: 1, ..MANY }, true);
        assert_eq!(history.base(), 9, "the newest stays for those who listen");
        let mut history = filled(9, &MANY, false);
        let aged = Keep { age_ms: 4_000, ..MANY };
        assert_eq!(history.next_expiry(&aged), Some(Moment(5_000)));
        assert_eq!(history.trim(&aged, true, Moment(9_000)), 5);
        assert_eq!(history.base(), 6);
    }

    #[test]
    fn positions_find_their_message() {
        let history = filled(25, &MANY, false);
        for (offset, want) in [(0, 16), (159, 16), (160, 17), (249, 25), (250, 26), (9999, 26)] {
            assert_eq!(history.first_after(offset), want, "after {offset}");
        }
    }

    #[test]
    fn seconds_and_tags_find_their_message() {
        let history = filled(25, &MANY, false);
        for (unix_s, tag, want) in [
            (0, Some(9), 16),
            (4, Some(0), 17),
            (4, Some(2), 19),
            (4, Some(9), 20),
            (4, None, 17),
            (3, None, 16),
            (6, Some(1), 26),
            (9, None, 26),
        ] {
            assert_eq!(history.first_behind(unix_s, tag), want, "behind {unix_s}:{tag:?}");
        }
    }

    #[test]
    fn batches_end_where_they_must() {
        let history = filled(9, &MANY, false);
        let weight = message(1).weight();
        assert_eq!(history.batch_end(1, 3 * weight), 4);
        assert_eq!(history.batch_end(1, 0), 2, "at least one");
        assert_eq!(history.batch_end(9, 0), 10);
        assert_eq!(history.batch_end(1, usize::MAX), 10);
        assert_eq!(history.range(3, 6).map(|(n, _)| n).collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(history.range(10, 10).count(), 0);
        assert_eq!(history.range(12, 15).count(), 0);
    }

    #[test]
    fn clearing_keeps_the_numbers() {
        let mut history = filled(9, &MANY, false);
        assert_eq!(history.clear(), 9);
        assert_eq!((history.base(), history.head(), history.bytes()), (10, 10, 0));
        assert_eq!(history.append(message(10), &MANY, false).0, 10);
    }
}
