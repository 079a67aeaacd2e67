//! Groups of channels: those whose names have the same beginning, up to a slash. What is in each is counted, and compared
//! with limits when somebody asks.
//! Knows nothing of who is refused what.
use std::collections::VecDeque;
use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::{Channel, Full, Hub, Seed};
use crate::arena::{Arena, Id};
use crate::time::Moment;

/// How much of everything a group may have; 0 is as much as there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GroupLimits {
    /// Channels.
    pub channels: u64,
    /// Subscribers, one of several channels counted in each.
    pub subscribers: u64,
    /// Messages kept.
    pub messages: u64,
    /// Bytes of messages kept.
    pub bytes: u64,
}

impl GroupLimits {
    /// These, and of another what they do not say.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let or = |own: u64, other: u64| if own > 0 { own } else { other };
        Self {
            channels: or(self.channels, other.channels),
            subscribers: or(self.subscribers, other.subscribers),
            messages: or(self.messages, other.messages),
            bytes: or(self.bytes, other.bytes),
        }
    }
}

/// What is in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    /// Channels.
    pub channels: u64,
    /// Subscribers, one of several channels counted in each.
    pub subscribers: u64,
    /// Messages kept.
    pub messages: u64,
    /// Bytes of messages kept.
    pub bytes: u64,
    /// How much there may be.
    pub limits: GroupLimits,
}

/// Which limit of a group is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupFull {
    /// Channels.
    Channels,
    /// Subscribers.
    Subscribers,
    /// Messages.
    Messages,
    /// Bytes of messages.
    Bytes,
}

/// One group.
#[derive(Debug)]
pub struct Group {
    name: Box<str>,
    has: Census,
    /// Its limits were set for it; else it has none of its own.
    is_set: bool,
}

/// All groups. A group is known while there is a channel in it, or limits were set for it.
pub(super) struct Groups {
    table: Arena<Group>,
    names: HashTable<Id<Group>>,
    seed: Seed,
    names_bytes: usize,
    /// Groups that are being emptied: the slot that is looked at next, and the number of the first channel that came later.
    emptied: VecDeque<(Id<Group>, usize, u64)>,
}

/// The group that a channel's name puts it into.
pub fn group_of(name: &str) -> Option<&str> {
    name.split_once('/').map(|(group, _)| group).filter(|group| !group.is_empty())
}

/// Whether there is room for so much more.
fn compare(has: &Census, more: &Census) -> Result<(), GroupFull> {
    let limits = has.limits;
    for (has, more, most, full) in [
        (has.channels, more.channels, limits.channels, GroupFull::Channels),
        (has.subscribers, more.subscribers, limits.subscribers, GroupFull::Subscribers),
        (has.messages, more.messages, limits.messages, GroupFull::Messages),
        (has.bytes, more.bytes, limits.bytes, GroupFull::Bytes),
    ] {
        if most > 0 && more > 0 && has.saturating_add(more) > most {
            return Err(full);
        }
    }
    Ok(())
}

impl Groups {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            table: Arena::with_limit(usize::MAX),
            names: HashTable::new(),
            seed,
            names_bytes: 0,
            emptied: VecDeque::new(),
        }
    }

    fn find(&self, name: &str) -> Option<Id<Group>> {
        let hash = self.seed.hash_one(name);
        self.names.find(hash, |id| self.table.get(*id).is_some_and(|g| &*g.name == name)).copied()
    }

    fn open(&mut self, name: &str) -> Option<Id<Group>> {
        if let Some(id) = self.find(name) {
            return Some(id);
        }
        let group = Group { name: name.into(), has: Census::default(), is_set: false };
        let id = self.table.insert(group)?;
        let Self { table, names, seed, .. } = self;
        let hash_of = |id: &Id<Group>| seed.hash_one(table.get(*id).map_or("", |g| &g.name));
        names.insert_unique(seed.hash_one(name), id, hash_of);
        self.names_bytes += name.len();
        Some(id)
    }

    /// Forgets a group in which nothing is and for which nothing was set.
    fn close(&mut self, id: Id<Group>) {
        let Some(group) = self.table.get(id).filter(|g| g.has.channels == 0 && !g.is_set) else { return };
        let hash = self.seed.hash_one(&*group.name);
        if let Ok(entry) = self.names.find_entry(hash, |known| *known == id) {
            entry.remove();
        }
        self.names_bytes -= group.name.len();
        self.table.remove(id);
    }

    /// A channel comes to a group.
    fn admit(&mut self, channel: &mut Channel) {
        let Some(id) = group_of(&channel.name).and_then(|name| self.open(name)) else { return };
        channel.group = Some(id);
        if let Some(group) = self.table.get_mut(id) {
            group.has.channels += 1;
            group.has.subscribers += channel.members.len() as u64;
            group.has.messages += channel.history.len() as u64;
            group.has.bytes += channel.history.bytes() as u64;
        }
    }

    /// A channel leaves its group, with all that is in it.
    pub(super) fn dismiss(&mut self, channel: &mut Channel) {
        let Some(id) = channel.group.take() else { return };
        if let Some(group) = self.table.get_mut(id) {
            group.has.channels -= 1;
            group.has.subscribers -= channel.members.len() as u64;
            group.has.messages -= channel.history.len() as u64;
            group.has.bytes -= channel.history.bytes() as u64;
        }
        self.close(id);
    }

    /// Somebody has come to a channel of a group, or has left one.
    pub(super) fn count_reader(&mut self, of: Option<Id<Group>>, came: bool) {
        if let Some(group) = of.and_then(|id| self.table.get_mut(id)) {
            group.has.subscribers = group.has.subscribers.saturating_add_signed(if came { 1 } else { -1 });
        }
    }

    /// A channel's history was another before: so many messages, so many bytes.
    pub(super) fn count_history(&mut self, channel: &Channel, before: (usize, usize)) {
        if let Some(group) = channel.group.and_then(|id| self.table.get_mut(id)) {
            let (messages, bytes) = channel.history.weight();
            group.has.messages = group.has.messages + messages as u64 - before.0 as u64;
            group.has.bytes = group.has.bytes + bytes as u64 - before.1 as u64;
        }
    }

    pub(super) fn is_emptying(&self) -> bool {
        !self.emptied.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.len() * (Arena::<Group>::slot_bytes() + size_of::<Id<Group>>()) + self.names_bytes
    }

    /// Panics if what is counted is not what is there.
    pub(super) fn check(&self, channels: &Arena<Channel>) {
        for (id, group) in self.table.iter() {
            let mut has = Census { limits: group.has.limits, ..Census::default() };
            for (_, channel) in channels.iter().filter(|(_, channel)| channel.group == Some(id)) {
                has.channels += 1;
                has.subscribers += channel.members.len() as u64;
                has.messages += channel.history.len() as u64;
                has.bytes += channel.history.bytes() as u64;
            }
            assert_eq!(has, group.has, "what is in {} is counted", group.name);
            assert!(group.is_set || group.has.channels > 0, "an empty group is forgotten");
        }
    }
}

impl Hub {
    /// Begins to count groups, or stops; walks over all channels when that has changed.
    pub(super) fn count_groups(&mut self, counts: bool) {
        if counts == self.counts_groups {
            return;
        }
        self.counts_groups = counts;
        for index in 0..self.channels.slots() {
            let Some(id) = self.channels.id_at(index) else { continue };
            let named = self.channels.get_mut(id).filter(|channel| !channel.closed && !channel.is_index);
            let Some(channel) = named else { continue };
            if counts {
                self.groups.admit(channel);
            } else {
                self.groups.dismiss(channel);
            }
        }
    }

    /// A channel has been made.
    pub(super) fn put_into_group(&mut self, id: Id<Channel>) {
        if self.counts_groups
            && let Some(channel) = self.channels.get_mut(id)
        {
            self.groups.admit(channel);
        }
    }

    /// What is in a group, and what may be, where `usual` holds unless limits were set for it.
    pub fn group(&self, name: &str, usual: GroupLimits) -> Census {
        let group = self.groups.find(name).and_then(|id| self.groups.table.get(id));
        let mut has = group.map_or_else(Census::default, |group| group.has);
        if !group.is_some_and(|group| group.is_set) {
            has.limits = usual;
        }
        has
    }

    /// Limits of a group from now on, whatever those say who ask for something in it.
    ///
    /// # Errors
    /// [`Full`] when there are as many groups as there may be channels.
    pub fn set_group(&mut self, name: &str, limits: GroupLimits) -> Result<(), Full> {
        let is_known = self.groups.find(name).is_some();
        if !is_known && self.groups.table.len() >= self.settings.channels_max {
            return Err(Full);
        }
        let id = self.groups.open(name).ok_or(Full)?;
        if let Some(group) = self.groups.table.get_mut(id) {
            (group.has.limits, group.is_set) = (limits, true);
        }
        Ok(())
    }

    /// Whether a group has room for so many more of everything, where `usual` holds unless limits were set for it.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn check_group(&self, name: &str, usual: GroupLimits, more: &Census) -> Result<(), GroupFull> {
        compare(&self.group(name, usual), more)
    }

    /// Whether what is in groups is counted.
    pub fn is_counting_groups(&self) -> bool {
        self.counts_groups
    }

    /// Whether a channel keeps one message more when one is published to it.
    pub fn has_place(&self, at: Id<Channel>) -> bool {
        let keeps = |channel: &Channel| channel.keep(&self.settings.keep).messages;
        self.channels.get(at).is_some_and(|channel| channel.history.len() < keeps(channel))
    }

    /// Begins to end all channels of a group that are there now; [`Hub::pump`] does it, in slices.
    pub fn empty_group(&mut self, name: &str) {
        if let Some(id) = self.groups.find(name) {
            self.groups.emptied.push_back((id, 0, self.made));
        }
    }

    /// Ends channels of groups that are being emptied.
    pub(super) fn sweep_groups(&mut self, share: &mut usize, now: Moment) {
        while *share > 0
            && let Some((group, at, made)) = self.groups.emptied.pop_front()
        {
            *share -= 1;
            if self.groups.table.get(group).is_none() || at >= self.channels.slots() {
                continue;
            }
            self.groups.emptied.push_front((group, at + 1, made));
            if let Some(id) = self.channels.id_at(at)
                && self.channels.get(id).is_some_and(|c| c.group == Some(group) && c.number < made)
            {
                self.close(id, now);
            }
        }
    }
}
