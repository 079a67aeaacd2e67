//! Delivery: bringing cursors up to the head, in slices.
//! Knows nothing of how a message is written; a visit is idempotent and may come too often, never too seldom.
use std::collections::VecDeque;

use super::history::LIVE_MESSAGES;
use super::{Channel, Hub, Owner, Subscription};
use crate::arena::Id;
use crate::time::Moment;

/// Visits in a row to one channel's members, or to those behind, before others have their turn.
const SLICE: usize = 128;

/// Batches handed to one subscriber in one visit at most; the rest follows in the next.
const BATCHES_A_VISIT: usize = 16;

/// Channels whose members are due visits, each once: those that one slice serves, and those that take several.
#[derive(Default)]
pub(super) struct Hot {
    small: VecDeque<Id<Channel>>,
    large: VecDeque<Id<Channel>>,
}

impl Hot {
    /// Puts a channel with so many members at the end of its queue.
    pub(super) fn push(&mut self, id: Id<Channel>, members: usize) {
        if members <= SLICE { self.small.push_back(id) } else { self.large.push_back(id) }
    }

    fn is_empty(&self) -> bool {
        self.small.is_empty() && self.large.is_empty()
    }

    /// How often a channel is queued.
    pub(super) fn count(&self, id: Id<Channel>) -> usize {
        self.small.iter().chain(&self.large).filter(|hot| **hot == id).count()
    }
}

/// What a subscriber did with what it was shown.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Took {
    /// Took everything before these numbers and stays (streams).
    Upto {
        /// The next message it wants.
        next: u64,
        /// The next notice it wants.
        notices: u64,
    },
    /// Took what it wanted and leaves (long polls).
    AndLeaves,
    /// Has no room: its cursor stays where it is until [`Hub::resume`].
    Nothing,
}

impl Hub {
    /// Visits at most `budget` subscribers and does other work that is owed; `hand` is shown each who is behind. True
    /// if more remains.
    pub fn pump(
        &mut self,
        budget: usize,
        now: Moment,
        mut hand: impl FnMut(&Self, Owner, &Channel, &Subscription) -> Took,
    ) -> bool {
        let mut left = budget;
        self.sweep(&mut left, now);
        while left > 0 && !(self.behind.is_empty() && self.hot.is_empty()) {
            for _ in 0..SLICE.min(left).min(self.behind.len()) {
                left -= 1;
                if let Some(sub) = self.behind.pop_front() {
                    if let Some(subscription) = self.subscriptions.get_mut(sub) {
                        subscription.queued = false;
                    }
                    self.visit(sub, now, &mut hand);
                }
            }
            // Small ones first, a slice of them; then a slice of a large one. So a channel of ten waits for nobody's
            // hundred thousand, and many small ones do not keep a large one waiting.
            let enough = left.saturating_sub(SLICE);
            while left > enough
                && let Some(id) = self.hot.small.pop_front()
            {
                self.walk(id, &mut left, now, &mut hand);
            }
            if let Some(id) = self.hot.large.pop_front() {
                self.walk(id, &mut left, now, &mut hand);
            }
        }
        self.owes_work()
    }

    /// Whether so much has been published to a channel that those who listen must be served before another message of
    /// so many bytes is: half of what is kept for them in any case.
    pub fn is_crowded(&self, id: Id<Channel>, more_bytes: usize) -> bool {
        self.channels.get(id).is_some_and(|channel| {
            let (messages, bytes) = channel.lag();
            let most = self.settings.ahead_bytes as u64;
            messages >= LIVE_MESSAGES as u64 / 2 || (messages > 0 && bytes + more_bytes as u64 > most)
        })
    }

    /// Whether [`Hub::pump`] has something to do.
    pub fn owes_work(&self) -> bool {
        !(self.behind.is_empty() && self.hot.is_empty()) || self.sweeps()
    }

    /// One slice of a channel's walk; then it goes to the end of its queue.
    fn walk(
        &mut self,
        id: Id<Channel>,
        left: &mut usize,
        now: Moment,
        hand: &mut impl FnMut(&Self, Owner, &Channel, &Subscription) -> Took,
    ) {
        for _ in 0..SLICE.min(*left) {
            let Some(channel) = self.channels.get_mut(id) else { return };
            let Some(sub) = channel.next_visit() else { break };
            *left -= 1;
            self.visit(sub, now, hand);
        }
        let Some(channel) = self.channels.get_mut(id) else { return };
        if channel.walk.left > 0 {
            self.hot.push(id, channel.members.len());
        } else {
            channel.hot = false;
            self.cool(id, now);
        }
    }

    /// Everybody has been visited: what was kept only for them can go, unless somebody is still catching up.
    fn cool(&mut self, id: Id<Channel>, now: Moment) {
        if self.behind.is_empty() {
            self.trim(id, false, now);
        }
        self.bury(id);
    }

    /// Hands somebody what it lacks, until it has everything or has no room: so whoever has been visited is not behind,
    /// unless it is slow.
    fn visit(
        &mut self,
        sub: Id<Subscription>,
        now: Moment,
        hand: &mut impl FnMut(&Self, Owner, &Channel, &Subscription) -> Took,
    ) {
        for _ in 0..BATCHES_A_VISIT {
            let Some(subscription) = self.subscriptions.get(sub) else { return };
            let Some(channel) = self.channels.get(subscription.channel) else { return };
            if channel.is_level(subscription) {
                return;
            }
            let id = subscription.channel;
            match hand(self, subscription.owner, channel, subscription) {
                Took::Nothing => return,
                Took::Upto { next, notices } => {
                    let Self { channels, subscriptions, .. } = self;
                    let (Some(reader), Some(channel)) = (subscriptions.get_mut(sub), channels.get(id)) else {
                        return;
                    };
                    debug_assert!(reader.next <= next && next <= channel.history.head());
                    (reader.next, reader.notices) = (next, notices);
                }
                Took::AndLeaves => {
                    let Self { channels, subscriptions, .. } = &mut *self;
                    let Some(gone) = subscriptions.remove(sub) else { return };
                    let Some(channel) = channels.get_mut(id) else { return };
                    let moved = channel.unseat(subscriptions, gone.seat as usize);
                    self.look_after(moved);
                    return self.after_leaving(id, gone.who.as_deref(), now);
                }
            }
        }
        let level = |s: &Subscription| self.channels.get(s.channel).is_none_or(|c| c.is_level(s));
        if self.subscriptions.get(sub).is_some_and(|s| !level(s)) {
            self.resume(sub);
        }
    }
}
