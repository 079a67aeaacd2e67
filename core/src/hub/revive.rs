//! Names that are waited for: of channels that have ended while somebody who reads several is still there.
//! Knows nothing of what is in them.
use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};

use hashbrown::HashMap;

use super::many::Due;
use super::{Channel, Hub, Seed, Subscription};
use crate::arena::Id;
use crate::time::Moment;

/// Names, and who waits for each.
pub(super) struct Awaited {
    names: HashMap<Box<str>, BTreeSet<u64>, Seed>,
    /// Those whose name has come to be, and who have not taken their seats yet.
    owed: VecDeque<BTreeSet<u64>>,
    bytes: usize,
}

/// Bytes of one who waits, in a set.
const WAITS_BYTES: usize = 2 * size_of::<u64>();

impl Awaited {
    pub(super) fn new(seed: Seed) -> Self {
        Self { names: HashMap::with_hasher(seed), owed: VecDeque::new(), bytes: 0 }
    }

    fn insert(&mut self, name: Box<str>, sub: Id<Subscription>) {
        let name_bytes = name.len() + size_of::<(Box<str>, BTreeSet<u64>)>();
        let waiting = self.names.entry(name).or_default();
        self.bytes += if waiting.is_empty() { name_bytes } else { 0 };
        self.bytes += if waiting.insert(sub.to_bits()) { WAITS_BYTES } else { 0 };
    }

    /// Somebody does not wait any more.
    pub(super) fn remove(&mut self, name: &str, sub: Id<Subscription>) {
        let Some(waiting) = self.names.get_mut(name) else { return };
        self.bytes -= if waiting.remove(&sub.to_bits()) { WAITS_BYTES } else { 0 };
        if waiting.is_empty() {
            self.names.remove(name);
            self.bytes -= name.len() + size_of::<(Box<str>, BTreeSet<u64>)>();
        }
    }

    pub(super) fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Hub {
    /// A name has ended for somebody, who waits for it from now on; it may be there again already.
    pub(super) fn await_name(&mut self, name: Box<str>, sub: Id<Subscription>) {
        if self.find(&name).is_some() {
            self.awaited.owed.push_back(BTreeSet::from([sub.to_bits()]));
            self.awaited.bytes += WAITS_BYTES;
        } else {
            self.awaited.insert(name, sub);
        }
    }

    /// Of the channels that a reader is to be told something of, some may have ended and be there again already: it
    /// waits for those names, so that it takes its seats in them before it is handed what was published later.
    pub(super) fn await_reborn(&mut self, sub: Id<Subscription>, due: &Due) {
        let Some((many, _)) = self.many(sub) else { return };
        let mut reborn = Vec::new();
        for Reverse((_, i)) in due {
            let seat = many.seats.get(*i as usize).and_then(|seat| self.channels.get(seat.channel));
            let Some(ended) = seat.filter(|channel| channel.closed) else { continue };
            let again = self.find(&ended.name).filter(|at| many.find(*at).is_none());
            if again.is_some() && !many.absent.iter().any(|name| **name == *ended.name) {
                reborn.push((*ended.name).into());
            }
        }
        if let Some(many) = self.many_mut(sub).filter(|_| !reborn.is_empty()) {
            let before = many.bytes();
            many.absent.extend(reborn);
            let after = many.bytes();
            self.many_bytes = self.many_bytes + after - before;
        }
    }

    /// A channel of this name has come to be: those who wait for it take their seats in the next turn's work.
    pub(super) fn revive(&mut self, name: &str) {
        if let Some(waiting) = self.awaited.names.remove(name) {
            self.awaited.bytes -= name.len() + size_of::<(Box<str>, BTreeSet<u64>)>();
            self.awaited.owed.push_back(waiting);
        }
    }

    /// Lets some of them take their seats.
    pub(super) fn sweep_revived(&mut self, share: &mut usize, now: Moment) {
        while *share > 0
            && let Some(waiting) = self.awaited.owed.front_mut()
        {
            *share -= 1;
            let Some(sub) = waiting.pop_first().and_then(Id::from_bits) else {
                self.awaited.owed.pop_front();
                continue;
            };
            self.awaited.bytes -= WAITS_BYTES;
            if self.many(sub).is_some() {
                self.adopt_absent(sub, now);
                // Those that are not there after all are waited for on.
                let absent: Vec<Box<str>> =
                    self.many(sub).map_or_else(Vec::new, |(many, _)| many.absent.clone());
                absent.into_iter().for_each(|name| self.awaited.insert(name, sub));
                self.resume(sub);
            }
        }
    }

    /// Counts a subscription among the watchers of its channels: those of whom it matters how many there are.
    pub fn watch(&mut self, sub: Id<Subscription>) {
        let Some(subscription) = self.subscriptions.get_mut(sub) else { return };
        subscription.watches = true;
        let channels: Vec<Id<Channel>> = subscription.seats().map(|(at, _)| at).collect();
        channels.into_iter().for_each(|at| self.count_watcher(sub, at));
    }

    /// The same in a channel that it has come to, if it is one.
    pub(super) fn count_watcher(&mut self, sub: Id<Subscription>, at: Id<Channel>) {
        let watches = self.subscriptions.get(sub).is_some_and(|s| s.watches);
        if let Some(channel) = self.channels.get_mut(at).filter(|_| watches) {
            channel.watchers += 1;
            channel.watcher = Some(sub);
        }
    }

    /// A watcher leaves a channel.
    pub(super) fn uncount_watcher(&mut self, watches: bool, at: Id<Channel>) {
        if let Some(channel) = self.channels.get_mut(at).filter(|_| watches) {
            channel.watchers = channel.watchers.saturating_sub(1);
        }
    }

    /// The only watcher of a channel, where that is known without a walk.
    pub fn only_watcher(&self, at: Id<Channel>) -> Option<Id<Subscription>> {
        let channel = self.channels.get(at).filter(|channel| channel.watchers == 1)?;
        channel.watcher.filter(|sub| self.subscriptions.get(*sub).is_some_and(|s| s.seat_in(at).is_some()))
    }

    /// All watchers that a channel has now are to give way: the walk that is due tells them.
    pub fn replace_watchers(&mut self, at: Id<Channel>) {
        let now = self.subscriptions.generation();
        if let Some(channel) = self.channels.get_mut(at) {
            channel.gives_way = Some(now);
        }
        self.stir(at);
    }

    /// Whether somebody who is visited in a channel is to give way there.
    pub(super) fn is_replaced(&self, at: Id<Channel>, sub: Id<Subscription>) -> bool {
        let moment = self.channels.get(at).and_then(|channel| channel.gives_way);
        moment.is_some_and(|moment| sub.is_before(moment))
            && self.subscriptions.get(sub).is_some_and(|s| s.watches)
    }
}
