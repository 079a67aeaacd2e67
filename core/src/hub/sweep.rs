//! Work on all channels at once, done in slices: broadcasts, and telling `/psub` what channels there are.
//! Knows nothing of subscribers. A broadcast is in the log at once, and in a channel before anything else happens there.
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::{Channel, Full, Hub, Kind};
use crate::arena::{Arena, Id};
use crate::journal::Entry;
use crate::log::Position;
use crate::time::Moment;

/// Broadcasts that not all channels have yet, numbered from 1.
#[derive(Default)]
pub(super) struct Broadcasts {
    waiting: VecDeque<(u64, Arc<str>)>,
    /// Bodies that may still be kept somewhere.
    bodies: Vec<Weak<str>>,
    last: u64,
    /// The slot the sweep looks at next, and the broadcast up to which its round brings everybody.
    at: usize,
    goal: u64,
}

impl Broadcasts {
    /// The number of the last one.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Those that not all channels have yet, oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Arc<str>> {
        self.waiting.iter().map(|(_, body)| body)
    }

    /// All channels have so many of the oldest.
    pub(super) fn drop_oldest(&mut self, count: u64) {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.waiting.len());
        self.waiting.drain(..count);
        (self.at, self.goal) = (0, self.last);
    }

    /// A body, shared with all channels that keep the same, if it was a late broadcast.
    pub(super) fn shared(&mut self, body: Arc<str>) -> Arc<str> {
        let known = self.bodies.iter().rev().take(BODIES_COMPARED).filter_map(Weak::upgrade);
        if let Some(known) = known.into_iter().find(|known| **known == *body) {
            return known;
        }
        self.bodies.retain(|body| body.strong_count() > 0);
        self.bodies.push(Arc::downgrade(&body));
        body
    }

    pub(super) fn bytes(&self) -> usize {
        self.bodies.iter().filter_map(Weak::upgrade).map(|body| body.len() + 32).sum()
    }
}

/// Bodies of broadcasts that one which is put back is compared with.
const BODIES_COMPARED: usize = 64;

/// The stream of channels coming and going, as a channel without a name of its own.
pub(super) struct Announcing {
    /// Where the lines stand.
    pub(super) feed: Id<Channel>,
    /// A walk over all channels for listeners who are new: the slot it looks at next.
    walk: Option<usize>,
}

impl Announcing {
    pub(super) fn new(channels: &mut Arena<Channel>, head: Position) -> Self {
        let feed = channels.insert(Channel::new("", head, Moment::NEVER, u64::MAX));
        Self { feed: feed.unwrap_or_else(|| unreachable!("the table is new and has room")), walk: None }
    }
}

impl Hub {
    /// Publishes to every channel there is. Costs the same however many there are: each gets it when it is next
    /// touched, or when the sweep comes by.
    ///
    /// # Errors
    /// [`Full`] when as many broadcasts as may be are still on their way.
    pub fn broadcast(&mut self, body: Arc<str>) -> Result<(), Full> {
        if self.broadcasts.waiting.len() >= self.settings.broadcasts_max {
            self.counters.broadcasts_refused += 1;
            return Err(Full);
        }
        self.note_entry(|| Entry::Broadcast(Arc::clone(&body)));
        self.push_broadcast(body);
        Ok(())
    }

    pub(super) fn push_broadcast(&mut self, body: Arc<str>) {
        self.broadcasts.last += 1;
        self.broadcasts.bodies.retain(|body| body.strong_count() > 0);
        self.broadcasts.bodies.push(Arc::downgrade(&body));
        self.broadcasts.waiting.push_back((self.broadcasts.last, body));
        if self.broadcasts.waiting.len() == 1 {
            (self.broadcasts.at, self.broadcasts.goal) = (0, self.broadcasts.last);
        }
    }

    /// Brings a channel up to date with all broadcasts.
    pub(super) fn settle(&mut self, id: Id<Channel>, now: Moment) {
        let last = self.broadcasts.last;
        while let Some(channel) = self.channels.get_mut(id)
            && channel.broadcasts < last
            && !channel.closed
        {
            let number = channel.broadcasts + 1;
            channel.broadcasts = number;
            channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
            let first = self.broadcasts.waiting.front().map_or(u64::MAX, |(n, _)| *n);
            let body = number.checked_sub(first).and_then(|i| self.broadcasts.waiting.get(i as usize));
            if let Some((_, body)) = body {
                let body = Arc::clone(body);
                self.append(id, Kind::Broadcast, body, (None, None), now);
            }
        }
    }

    pub(super) fn sweeps(&self) -> bool {
        !self.broadcasts.waiting.is_empty()
            || self.announcing.walk.is_some()
            || self.groups.is_emptying()
            || self.awaited.is_owed()
    }

    pub(super) fn sweep(&mut self, left: &mut usize, now: Moment) {
        // At most half of the budget: delivery goes on meanwhile.
        let mut share = left.div_ceil(2);
        *left -= share;
        while share > 0 && !self.broadcasts.waiting.is_empty() {
            share -= 1;
            if let Some(id) = self.channels.id_at(self.broadcasts.at) {
                self.settle(id, now);
            }
            self.broadcasts.at += 1;
            if self.broadcasts.at >= self.channels.slots() {
                let goal = self.broadcasts.goal;
                let before = self.broadcasts.waiting.len();
                self.broadcasts.waiting.retain(|(number, _)| *number > goal);
                let swept = (before - self.broadcasts.waiting.len()) as u64;
                self.note_entry(|| Entry::Swept(swept));
                (self.broadcasts.at, self.broadcasts.goal) = (0, self.broadcasts.last);
            }
        }
        while share > 0
            && let Some(at) = self.announcing.walk
        {
            share -= 1;
            if let Some(id) = self.channels.id_at(at) {
                self.announce(id, true, now);
            }
            self.announcing.walk = Some(at + 1).filter(|&next| next < self.channels.slots());
        }
        self.sweep_groups(&mut share, now);
        self.sweep_revived(&mut share, now);
        *left += share;
    }

    /// The channel in which the lines of `/psub` stand. A new listener also gets a line for each channel there is.
    pub fn announcements(&mut self) -> Id<Channel> {
        self.announcing.walk = Some(0);
        self.announcing.feed
    }

    /// Tells that a channel is there (`1 name`), or is gone (`0 name`), and when to tell it again.
    pub(super) fn announce(&mut self, id: Id<Channel>, is_there: bool, now: Moment) {
        let feed = self.announcing.feed;
        let heard = self.channels.get(feed).is_some_and(|f| !f.members.is_empty());
        let Some(channel) =
            self.channels.get_mut(id).filter(|c| id != feed && is_there != c.closed && !c.is_index)
        else {
            return;
        };
        // Told again and again only while somebody listens; a new listener starts it by the walk.
        channel.announce_at =
            if heard { now.after_ms(self.settings.channel_timeout_ms) } else { Moment::NEVER };
        if heard {
            let line = format!("{} {}", u8::from(is_there), channel.name);
            self.append(feed, Kind::Data, line.into(), (None, None), now);
        }
    }
}
