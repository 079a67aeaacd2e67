//! Delivery: bringing cursors up to the head, in slices.
//! Knows nothing of how a message is written; a visit is idempotent and may come too often, never too seldom.
use std::collections::VecDeque;

use super::history::LIVE_MESSAGES;
use super::subscription::{Base, Reads};
use super::{Channel, Hub, Lost, Owner, Subscription, What};
use crate::arena::Id;
use crate::time::Moment;

/// Visits in a row to one channel's members, or to those behind, before others have their turn.
const SLICE: usize = 128;

/// Batches handed to one subscriber in one visit at most; the rest follows in the next.
pub(super) const BATCHES_A_VISIT: usize = 16;

/// Channels whose members are due visits, each once: those that one slice serves, and those that take several.
#[derive(Default)]
pub(super) struct Hot {
    small: VecDeque<Id<Channel>>,
    large: VecDeque<Id<Channel>>,
    /// The one that is being walked: it stands in no queue meanwhile.
    walked: Option<Id<Channel>>,
}

impl Hot {
    /// Puts a channel with so many members at the end of its queue.
    pub(super) fn push(&mut self, id: Id<Channel>, members: usize) {
        if members <= SLICE { self.small.push_back(id) } else { self.large.push_back(id) }
    }

    fn is_empty(&self) -> bool {
        self.small.is_empty() && self.large.is_empty()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.small.len() + self.large.len() + usize::from(self.walked.is_some())
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Id<Channel>> {
        self.small.iter().chain(&self.large).copied().chain(self.walked)
    }

    /// How often a channel is queued.
    pub(super) fn count(&self, id: Id<Channel>) -> usize {
        self.small.iter().chain(&self.large).filter(|hot| **hot == id).count()
    }
}

/// What somebody lacks who is visited: messages of one channel, and what has to be known about them.
pub struct Visit<'a> {
    /// Who is visited.
    pub owner: Owner,
    /// What is visited.
    pub sub: Id<Subscription>,
    /// The channel's id.
    pub at: Id<Channel>,
    /// The channel.
    pub channel: &'a Channel,
    /// The number of the first message it lacks and can have.
    pub from: u64,
    /// One more than the number of the last that may be handed over now: the channel's head, or for a reader of several
    /// where another channel's turn comes.
    pub until: u64,
    /// What is missing before `from`.
    pub lost: Lost,
    /// The number of the next notice it has not been handed; `None` if it does not listen to them.
    pub notices: Option<u64>,
    /// Messages of this or another channel wait behind these.
    pub more: bool,
    /// How many other channels it reads, and goes on with when this one ends.
    pub others: usize,
    /// Others have come who take its place: it is told so, and leaves.
    pub gives_way: bool,
    /// Whether it may be told what differs from the message before `from`.
    pub base: Base,
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
    /// Took everything before this number and leaves (long polls).
    Last {
        /// The next message it would have wanted.
        next: u64,
    },
    /// Leaves, having taken nothing.
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
        mut hand: impl FnMut(&Self, &Visit<'_>) -> Took,
    ) -> bool {
        let mut left = budget;
        self.sweep(&mut left, now);
        while left > 0 && !(self.behind.is_empty() && self.hot.is_empty()) {
            let enough = left.saturating_sub(SLICE);
            for _ in 0..self.behind.len() {
                if left <= enough {
                    break;
                }
                if let Some(sub) = self.behind.pop_front() {
                    if let Some(subscription) = self.subscriptions.get_mut(sub) {
                        subscription.queued = false;
                    }
                    let cost = self.visit(sub, false, now, &mut hand);
                    left = left.saturating_sub(cost);
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
            let kept = channel.ruled.as_ref().map_or(usize::MAX, |keep| keep.bytes / 2);
            let most = self.settings.ahead_bytes.min(kept) as u64;
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
        hand: &mut impl FnMut(&Self, &Visit<'_>) -> Took,
    ) {
        self.hot.walked = Some(id);
        let end = left.saturating_sub(SLICE);
        while *left > end
            && let Some(channel) = self.channels.get_mut(id)
            && let Some(sub) = channel.next_visit()
        {
            if channel.gives_way.is_some() && self.is_replaced(id, sub) {
                *left = left.saturating_sub(1);
                self.send_away(id, sub, now, hand);
                continue;
            }
            *left = left.saturating_sub(self.visit(sub, true, now, hand));
        }
        self.hot.walked = None;
        let Some(channel) = self.channels.get_mut(id) else { return };
        if channel.walk.left > 0 {
            self.hot.push(id, channel.members.len());
        } else {
            channel.hot = false;
            // Everybody has been told.
            channel.gives_way = None;
            self.cool(id, now);
        }
    }

    /// Tells somebody to give way to others.
    fn send_away(
        &mut self,
        at: Id<Channel>,
        sub: Id<Subscription>,
        now: Moment,
        hand: &mut impl FnMut(&Self, &Visit<'_>) -> Took,
    ) {
        let (Some(channel), Some(subscription)) = (self.channels.get(at), self.subscriptions.get(sub)) else {
            return;
        };
        let head = channel.history.head();
        let visit = Visit {
            owner: subscription.owner,
            sub,
            at,
            channel,
            from: head,
            until: head,
            lost: Lost::Nothing,
            notices: None,
            more: false,
            others: 0,
            gives_way: true,
            base: Base::Unasked,
        };
        if hand(self, &visit) == Took::AndLeaves {
            self.leave(sub, now);
        }
    }

    /// Everybody has been visited: what was kept only for them can go, unless somebody is still catching up.
    fn cool(&mut self, id: Id<Channel>, now: Moment) {
        if self.behind.is_empty() {
            self.trim(id, false, now);
        }
        if let Some(channel) = self.channels.get(id).filter(|channel| !channel.members.is_empty()) {
            let head = channel.history.head();
            self.note(0, id, What::Served { head }, now);
        }
        self.bury(id);
    }

    /// Hands somebody what it lacks, until it has everything or has no room: so whoever has been visited is not behind,
    /// unless it is slow. Returns what it cost, in visits of readers of one channel.
    fn visit(
        &mut self,
        sub: Id<Subscription>,
        is_walk: bool,
        now: Moment,
        hand: &mut impl FnMut(&Self, &Visit<'_>) -> Took,
    ) -> usize {
        for _ in 0..BATCHES_A_VISIT {
            let Some(subscription) = self.subscriptions.get(sub) else { return 1 };
            let one = match &subscription.reads {
                Reads::One(one) => one,
                Reads::Many(_) => return self.visit_many(sub, is_walk, now, hand),
            };
            let Some(channel) = self.channels.get(one.channel) else { return 1 };
            if channel.is_level(one.next, one.notices) {
                return 1;
            }
            let id = one.channel;
            let history = channel.history();
            let (wanted, owner) = (one.next, subscription.owner);
            let from = history.live_from(wanted);
            let until = history.head();
            let visit = Visit {
                owner,
                sub,
                at: id,
                channel,
                from,
                until,
                lost: if from > wanted { Lost::Some(from - wanted) } else { Lost::Nothing },
                notices: (one.notices > 0).then_some(one.notices),
                more: false,
                others: 0,
                gives_way: false,
                base: subscription.base,
            };
            let took = hand(self, &visit);
            if from > wanted && took != Took::Nothing {
                self.note(owner, id, What::Missed { from: wanted, to: from }, now);
            }
            match took {
                Took::Nothing => return 1,
                Took::Upto { next, notices } => {
                    // What all get on a walk is noted once, when it is over.
                    if !is_walk {
                        self.note_run(owner, id, (from, next), now);
                    }
                    let Self { channels, subscriptions, .. } = self;
                    let (Some(reader), Some(channel)) = (subscriptions.get_mut(sub), channels.get(id)) else {
                        return 1;
                    };
                    if let Reads::One(one) = &mut reader.reads {
                        debug_assert!(one.next <= next && next <= channel.history.head());
                        (one.next, one.notices) = (next, notices);
                        if reader.base == Base::Unknown {
                            reader.base = reader.base.after(from, next);
                        }
                    }
                }
                Took::Last { next } => {
                    self.note_run(owner, id, (from, next), now);
                    self.unlist(sub, now);
                    return 1;
                }
                Took::AndLeaves => {
                    self.leave(sub, now);
                    return 1;
                }
            }
        }
        let level =
            |s: &Subscription| s.channel().and_then(|id| Some(s.is_level(id, self.channels.get(id)?)));
        if self.subscriptions.get(sub).is_some_and(|s| level(s) == Some(false)) {
            self.resume(sub);
        }
        1
    }
}
