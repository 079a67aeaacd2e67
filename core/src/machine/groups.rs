//! Limits of groups, also for those who do not ask at a location that says them: they hold for a channel by its name, so that
//! nobody gets round them at another location or in another dialect.
//! Knows nothing of who asks. A broadcast, which is for all channels, is not measured.
use std::collections::{BTreeMap, BTreeSet};

use super::Machine;
use super::publish_all::Blame;
use crate::dialect::{InGroup, Item, Refusal};
use crate::hub::{Census, GroupFull, group_of};

impl Machine {
    /// Whether the group of a channel of this name has room for so much more.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(super) fn check_group_of(&self, name: &str, more: &Census) -> Result<(), Refusal> {
        if !self.hub.is_counting_groups() {
            return Ok(());
        }
        let Some(group) = group_of(name) else { return Ok(()) };
        let usual = self.config.push.group_limits(group);
        self.hub.check_group(group, usual, more).map_err(Refusal::Group)
    }

    /// Whether the group of a location has room for so much more: what the location says of it goes before what others say.
    pub(super) fn check_group_at(&self, group: &InGroup, more: &Census) -> Result<(), GroupFull> {
        if !self.hub.is_counting_groups() {
            return Ok(());
        }
        let usual = group.limits.or(self.config.push.group_limits(&group.name));
        self.hub.check_group(&group.name, usual, more)
    }

    /// The same for one more reader.
    pub(super) fn check_reader_in_group(&self, name: &str) -> Result<(), Refusal> {
        self.check_group_of(name, &Census { subscribers: 1, ..Census::default() })
    }

    /// The same for a message of so many bytes; a full channel gives one away for each that it gets.
    pub(super) fn check_message_in_group(&self, name: &str, bytes: usize) -> Result<(), Refusal> {
        if !self.hub.is_counting_groups() || self.hub.find(name).is_some_and(|at| !self.hub.has_place(at)) {
            return Ok(());
        }
        self.check_group_of(name, &Census { messages: 1, bytes: bytes as u64, ..Census::default() })
    }

    /// The same for several messages at once, of which all are published or none.
    pub(super) fn check_batch_in_groups(&self, items: &[Item]) -> Result<(), Blame> {
        if !self.hub.is_counting_groups() {
            return Ok(());
        }
        // One name for each group, and what comes to it; new channels are counted once.
        let mut groups: BTreeMap<&str, (&str, Census)> = BTreeMap::new();
        let mut new: BTreeSet<&str> = BTreeSet::new();
        for item in items {
            let name = item.channel.as_str();
            let Some(group) = group_of(name) else { continue };
            let (_, more) = groups.entry(group).or_insert((name, Census::default()));
            let found = self.hub.find(name);
            more.channels += u64::from(found.is_none() && new.insert(name));
            if found.is_none_or(|at| self.hub.has_place(at)) {
                (more.messages, more.bytes) = (more.messages + 1, more.bytes + item.body.len() as u64);
            }
        }
        let check =
            |(name, more): &(&str, Census)| self.check_group_of(name, more).map_err(Blame::of(items, name));
        groups.values().try_for_each(check)
    }
}
