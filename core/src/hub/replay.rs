//! Channels made anew from a journal: what happened once happens again, with the stamps that it had.
//! Knows nothing of where a journal is.
use std::sync::Arc;

use super::history::{Beside, History};
use super::{Channel, Full, Hub, Kind, Message, Secret, Seed};
use crate::arena::Id;
use crate::counters::Counters;
use crate::journal::{Entry, First, Opened, Said, Shape};
use crate::log::{Epoch, Life, Log, Position};
use crate::time::Moment;
use crate::wheel::Wheel;

/// As few timers are not worth it.
const TIMERS_LEFT: usize = 256;

impl Hub {
    /// Becomes the hub that a journal is of, as it was when its text was begun. Only for one to which nothing has been published.
    pub fn become_as(&mut self, first: &First) {
        self.log = Log::resumed(first.epoch, first.base, first.head);
        self.ended = self.log.offset_of(first.ended);
        self.stamps.reach_next(first.stamp);
        (self.life, self.lives) = (Life::of(first.epoch), first.lives);
        self.cursors = Seed::new(first.key[0], first.key[1]);
        self.sealer = self.cursors.sealer();
    }

    /// Lets something happen again. `zero_unix_ms` is the wall clock at [`Moment`] 0.
    ///
    /// # Errors
    /// [`Full`] when there are as many channels as there may be.
    pub fn replay(&mut self, entry: Entry, zero_unix_ms: u64, now: Moment) -> Result<(), Full> {
        match entry {
            Entry::Channel(opened) => self.replay_opened(&opened, now)?,
            Entry::Index(opened) => self.replay_index(&opened, now),
            Entry::Shape(shape) => self.replay_shape(&shape, zero_unix_ms, now),
            Entry::Message(said) => self.replay_said(*said, zero_unix_ms, now),
            Entry::Broadcast(body) => self.push_broadcast(body),
            Entry::Swept(count) => self.broadcasts.drop_oldest(count),
            Entry::Clear(name) => {
                if let Some(id) = self.find(&name) {
                    self.replay_clear(id);
                }
            }
            Entry::Trimmed(name, base) => {
                if let Some(id) = self.find(&name) {
                    self.replay_trimmed(id, base);
                }
            }
            Entry::Close(name, last) => {
                self.ended = self.ended.max(self.log.reach(last));
                if let Some(id) = self.find(&name) {
                    self.replay_close(id, now);
                }
            }
            // Not the hub's.
            Entry::Memory(_)
            | Entry::Session(_)
            | Entry::Subscribed(_)
            | Entry::Unsubscribed(..)
            | Entry::Missed(_)
            | Entry::Handed(_)
            | Entry::Over(_) => {}
        }
        Ok(())
    }

    /// Without bringing it up to date with broadcasts first: that is noted on its own.
    fn replay_close(&mut self, id: Id<Channel>, now: Moment) {
        let last = self.broadcasts.last();
        if let Some(channel) = self.channels.get_mut(id) {
            channel.broadcasts = last;
        }
        self.close(id, now);
    }

    fn replay_clear(&mut self, id: Id<Channel>) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        let before = channel.history.weight();
        channel.history.clear();
        self.weigh(id, before);
    }

    fn replay_trimmed(&mut self, id: Id<Channel>, base: u64) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        let before = channel.history.weight();
        while channel.history.base() < base && !channel.history.is_empty() {
            channel.history.pop();
        }
        self.weigh(id, before);
    }

    fn replay_opened(&mut self, opened: &Opened, now: Moment) -> Result<(), Full> {
        if let Some(before) = self.find(&opened.channel) {
            // The same life, told anew: nothing of it has ended.
            let ended = self.ended;
            self.replay_close(before, now);
            self.ended = ended;
        }
        let id = self.open(&opened.channel, self.settings.channel_timeout_ms, now)?;
        let born = Position { epoch: self.log.epoch(), offset: self.log.place_of(opened.born) };
        let forgotten = self.log.place_of(opened.forgotten);
        self.made = self.made.max(opened.made.saturating_add(1));
        if let Some((second, tag)) = opened.last {
            self.reach_second(second, tag);
        }
        if let Some(channel) = self.channels.get_mut(id) {
            (channel.born, channel.number, channel.last) = (born, opened.made, opened.last);
            let forgotten = if forgotten > born.offset { forgotten } else { 0 };
            channel.history = History::resumed(opened.next, forgotten);
        }
        Ok(())
    }

    /// If there may be no more of them, nobody finds it.
    fn replay_index(&mut self, opened: &Opened, now: Moment) {
        let Ok(id) = self.open_index(&opened.channel, now) else { return };
        let offset = self.log.place_of(opened.born);
        let forgotten = self.log.place_of(opened.forgotten);
        if let Some(index) = self.channels.get_mut(id) {
            index.born.offset = offset;
            index.history = History::resumed(opened.next, forgotten);
        }
    }

    fn replay_shape(&mut self, shape: &Shape, zero_unix_ms: u64, now: Moment) {
        let Some(id) = self.find(&shape.channel) else { return };
        if let Some(channel) = self.channels.get_mut(id) {
            channel.posted = shape.posted.map(Box::new);
            channel.idle_ms = shape.idle_ms;
            channel.registered = shape.registered.map(Box::new);
            channel.secret = shape.token.map(|bytes| Box::new(Secret::new(bytes)));
            let until = |unix_ms: u64| Moment(unix_ms.saturating_sub(zero_unix_ms));
            channel.outlive(shape.until_ms.map_or(Moment::NEVER, until));
            channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
        }
        self.arm(id, now);
    }

    fn replay_said(&mut self, said: Said, zero_unix_ms: u64, now: Moment) {
        let found = match said.origin {
            Some(_) => self.find_index(&said.channel),
            None => self.find(&said.channel),
        };
        let offset = self.log.reach(said.id);
        self.reach_second(said.second, said.tag);
        let Some(id) = found else { return };
        let moment = |unix_ms: u64| Moment(unix_ms.saturating_sub(zero_unix_ms));
        let until = said.until_ms.map(moment);
        let beside = (until.is_some() || said.ext.is_some() || said.origin.is_some())
            .then(|| Arc::new(Beside { until, ext: said.ext, channel: said.origin, id: None }));
        let media = said.media.map(|media| self.media.share((*media).clone()));
        let is_broadcast = said.kind == Kind::Broadcast;
        let body = if is_broadcast { self.broadcasts.shared(said.body) } else { said.body };
        let last = self.broadcasts.last();
        let Some(channel) = self.channels.get_mut(id) else { return };
        if said.seq < channel.history.head() {
            // It is there already.
            return;
        }
        if said.seq > channel.history.head() {
            // What stood between was trimmed before it could be written down.
            let before = channel.history.weight();
            channel.history = History::resumed(said.seq, offset.saturating_sub(1));
            self.weigh(id, before);
        }
        let Some(channel) = self.channels.get_mut(id) else { return };
        if is_broadcast && channel.broadcasts < last {
            channel.broadcasts += 1;
        }
        channel.last = Some((said.second, said.tag));
        // A clock that was set back has seen nothing of what is still to come.
        let at = Moment(moment(said.time_ms).0.min(now.0));
        self.append_to(
            id,
            Message {
                offset,
                at,
                unix_s: said.second,
                tag: said.tag,
                kind: said.kind,
                body,
                sender: said.sender,
                media,
                beside,
            },
        );
        self.trim(id, false, now);
        self.arm(id, now);
    }

    /// Takes the oldest messages of all channels, but not the newest of any, until so many bytes are free or there is nothing more to
    /// take; how many they were, and how many copies of messages in indexes of patterns went. Walks over all.
    pub fn forget_oldest(&mut self, bytes: usize) -> (usize, usize) {
        let mut older: Vec<(u64, usize)> = Vec::new();
        for (_, channel) in self.channels.iter() {
            let messages = &channel.history.messages;
            let but_one = messages.len().saturating_sub(1);
            older.extend(messages.iter().take(but_one).map(|message| (message.offset, message.weight())));
        }
        older.sort_unstable();
        let mut freed = 0;
        let last = older.iter().find(|(_, weight)| {
            freed += weight;
            freed >= bytes
        });
        let Some(up_to) = last.or(older.last()).map(|(offset, _)| *offset).filter(|_| bytes > 0) else {
            return (0, 0);
        };
        let before = self.messages;
        let mut copies = 0;
        for slot in 0..self.channels.slots() {
            let Some(id) = self.channels.id_at(slot) else { continue };
            let Some(channel) = self.channels.get_mut(id) else { continue };
            let weight = channel.history.weight();
            let is_older = |history: &History| history.messages.front().is_some_and(|m| m.offset <= up_to);
            // What is in a mailbox is nowhere else.
            let is_copy = channel.is_index && !channel.name.is_empty();
            while channel.history.len() > 1 && is_older(&channel.history) {
                channel.history.pop();
                copies += usize::from(is_copy);
            }
            if channel.history.weight() != weight {
                // Its places count until they are given back.
                channel.history.messages.shrink_to_fit();
            }
            self.weigh(id, weight);
        }
        (before - self.messages - copies, copies)
    }

    /// Forgets timers of channels that are gone, or have newer ones, when they are more than half of all.
    pub fn forget_timers(&mut self, now: Moment) {
        if self.wheel.len() <= 2 * self.channels.len() + TIMERS_LEFT {
            return;
        }
        self.wheel = Wheel::default();
        self.wheel.advance(now, &mut self.fired);
        for slot in 0..self.channels.slots() {
            let Some(id) = self.channels.id_at(slot) else { continue };
            if let Some(channel) = self.channels.get_mut(id) {
                channel.armed = Moment::NEVER;
            }
            self.arm(id, now);
        }
    }

    /// Messages from now on are behind this second and tag.
    pub(super) fn reach_second(&mut self, second: u32, tag: u32) {
        self.stamps.reach(second, tag);
    }

    /// Ends a replay: the log goes on behind the number `last`; as another log if `epoch` is one, which is also another life for
    /// all channels. What only registered clients may read ends: who they are is not known any more.
    pub fn end_replay(&mut self, last: u64, epoch: Option<Epoch>, now: Moment) {
        let base = self.log.base();
        self.log = Log::resumed(epoch.unwrap_or(self.log.epoch()), base, last);
        self.begin_life();
        if let Some(epoch) = epoch {
            self.ended = self.log.head().offset;
            for slot in 0..self.channels.slots() {
                if let Some(channel) = self.channels.id_at(slot).and_then(|id| self.channels.get_mut(id)) {
                    channel.born.epoch = epoch;
                }
            }
        }
        let for_sessions = |channel: &Channel| channel.registered().is_some_and(|own| own.sessions);
        let names: Vec<Arc<str>> =
            self.named().filter(|channel| for_sessions(channel)).map(|c| Arc::clone(&c.name)).collect();
        for id in names.iter().filter_map(|name| self.find(name)).collect::<Vec<_>>() {
            self.close(id, now);
        }
        // What has happened before is not this server's doing.
        self.counters = Counters::default();
    }

    /// Ends the indexes that nobody has come to read.
    pub fn close_unread_indexes(&mut self) {
        for slot in 0..self.channels.slots() {
            if let Some(id) = self.channels.id_at(slot) {
                self.close_index(id);
            }
        }
    }
}
