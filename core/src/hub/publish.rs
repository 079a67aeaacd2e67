//! How messages get into histories and out of them: appended, stamped, trimmed.
//! Knows nothing of delivery: it marks the channel, and [`Hub::pump`] does the rest.
use std::sync::Arc;

use super::channel::second_of;
use super::{Beside, Channel, Hub, Keep, Kind, Media, Message};
use crate::arena::Id;
use crate::time::Moment;

impl Hub {
    /// Appends a message; returns its number. Delivery happens in [`Hub::pump`].
    pub fn publish(
        &mut self,
        id: Id<Channel>,
        body: Arc<str>,
        sender: Option<Arc<str>>,
        now: Moment,
    ) -> Option<u64> {
        self.settle(id, now);
        let channel = self.channels.get_mut(id).filter(|c| !c.closed)?;
        channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
        Some(self.append(id, Kind::Data, body, (sender, None), now))
    }

    /// Appends a message of which something is said; returns its number.
    pub fn publish_media(
        &mut self,
        id: Id<Channel>,
        body: Arc<str>,
        media: Media,
        now: Moment,
    ) -> Option<u64> {
        self.settle(id, now);
        let channel = self.channels.get_mut(id).filter(|c| !c.closed)?;
        channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
        let media = self.media.share(media);
        Some(self.append(id, Kind::Data, body, (None, Some(media)), now))
    }

    /// Appends a channel's last message once more, good for as long as it is; returns its number. `None` if it is not kept, or
    /// not good any more.
    pub fn publish_again(&mut self, id: Id<Channel>, now: Moment) -> Option<u64> {
        self.settle(id, now);
        let channel = self.channels.get_mut(id).filter(|c| !c.closed)?;
        // What has expired keeps its place behind others.
        let newest = channel.history.head() - 1;
        let last = channel.history.get(newest).filter(|_| channel.history.is_live(newest))?.clone();
        let beside = last.until().map(|until| Arc::new(Beside { until: Some(until), ..Beside::default() }));
        let is_mortal = beside.is_some();
        channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
        // A broadcast's body is on the account of all channels; said again, it is this one's.
        let kind = if last.kind == Kind::Broadcast { Kind::Data } else { last.kind };
        let message = self.stamped(id, kind, last.body, now);
        let again = Message { sender: last.sender, media: last.media, beside, ..message };
        let seq = self.append_message(id, again);
        if is_mortal {
            self.arm(id, now);
        }
        Some(seq)
    }

    /// Bytes that the same takes.
    pub fn again_bytes(&self, id: Id<Channel>) -> usize {
        let history = self.channels.get(id).map(|channel| &channel.history);
        let Some(last) = history.and_then(|history| history.get(history.head() - 1)) else { return 0 };
        let (sender, media) =
            (last.sender.as_ref().map(|s| s.len()), last.media.as_deref().map(Media::bytes));
        Message::cost(last.body.len(), sender, media) + last.until().map_or(0, |_| Beside::cost(0))
    }

    pub(super) fn append(
        &mut self,
        id: Id<Channel>,
        kind: Kind,
        body: Arc<str>,
        (sender, media): (Option<Arc<str>>, Option<Arc<Media>>),
        now: Moment,
    ) -> u64 {
        if self.channels.get(id).is_none() {
            return 0;
        }
        let message = self.stamped(id, kind, body, now);
        self.append_message(id, Message { sender, media, ..message })
    }

    /// A message that has its place in the log, its second and its tag.
    pub(super) fn stamped(&mut self, id: Id<Channel>, kind: Kind, body: Arc<str>, now: Moment) -> Message {
        let (offset, (unix_s, tag)) = (self.log.append(), self.stamps.take());
        if let Some(channel) = self.channels.get_mut(id) {
            channel.last = Some((unix_s, tag));
            channel.pace = (second_of(now), channel.published_within(now).saturating_add(1));
        }
        Message { offset, at: now, unix_s, tag, kind, body, sender: None, media: None, beside: None }
    }

    /// Puts a message into its channel, and into the index of every pattern that the channel's name is in.
    pub(super) fn append_message(&mut self, id: Id<Channel>, message: Message) -> u64 {
        self.counters.published += 1;
        self.counters.published_bytes += message.body.len() as u64;
        if !self.patterns.is_empty() {
            self.append_to_indexes(id, &message);
        }
        self.append_to(id, message)
    }

    pub(super) fn append_to(&mut self, id: Id<Channel>, message: Message) -> u64 {
        self.note_message(id, &message);
        let Some(channel) = self.channels.get_mut(id) else { return 0 };
        let listens = !channel.members.is_empty();
        let mark = channel.history.mark();
        let before = channel.history.weight();
        let keep = channel.keep(&self.settings.keep);
        let (seq, trimmed) = channel.history.append(message, &keep, listens);
        self.counters.trimmed += trimmed as u64;
        self.kept_changes += u64::from(channel.is_kept());
        if channel.stir(mark) {
            self.hot.push(id, channel.members.len());
        }
        self.weigh(id, before);
        seq
    }

    /// Forgets what a channel need not keep.
    pub(super) fn trim(&mut self, id: Id<Channel>, somebody_listens: bool, now: Moment) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        let before = channel.history.weight();
        let keep = channel.keep(&self.settings.keep);
        let (expired, gone) = channel.history.expire(now);
        self.counters.messages_expired += expired as u64;
        self.counters.trimmed += (gone + channel.history.trim(&keep, somebody_listens, now)) as u64;
        self.weigh(id, before);
    }

    /// Bytes of a channel's messages that may be let go to make room for others: all but those of the newest while somebody
    /// listens.
    pub fn spare_bytes(&self, id: Id<Channel>) -> usize {
        match self.channels.get(id) {
            Some(channel) if channel.members.is_empty() => channel.history.bytes(),
            _ => self.older_bytes(id),
        }
    }

    /// Bytes of all of a channel's messages but the newest.
    pub fn older_bytes(&self, id: Id<Channel>) -> usize {
        let Some(channel) = self.channels.get(id) else { return 0 };
        let history = &channel.history;
        let newest = history.get(history.head().saturating_sub(1));
        history.bytes().saturating_sub(newest.map_or(0, Message::weight))
    }

    /// Takes room from a channel's history until `bytes` are free or only what waits is left; returns whether anything
    /// was taken.
    pub fn make_room(&mut self, id: Id<Channel>, bytes: usize, now: Moment) -> bool {
        // A value makes room for the one that takes its place.
        self.take_room(id, bytes, false, now)
    }

    /// The same, but the newest message stays.
    pub fn make_room_before_newest(&mut self, id: Id<Channel>, bytes: usize, now: Moment) -> bool {
        bytes > 0 && self.take_room(id, bytes, true, now)
    }

    fn take_room(&mut self, id: Id<Channel>, bytes: usize, newest: bool, now: Moment) -> bool {
        let Some(channel) = self.channels.get_mut(id) else { return false };
        let before = channel.history.weight();
        let usual = channel.keep(&self.settings.keep);
        let keep = Keep { bytes: before.1.saturating_sub(bytes), newest, ..usual };
        self.counters.trimmed += channel.history.trim(&keep, !channel.members.is_empty(), now) as u64;
        let is_less = channel.history.bytes() < before.1;
        self.weigh(id, before);
        if is_less {
            self.note_trimmed(id);
        }
        is_less
    }
}
