//! Room for messages where memory is short: who gives some up, and how much.
//! Knows nothing of what is published, or by whom.
use std::cmp::Reverse;

use super::Machine;
use crate::arena::Id;
use crate::dialect::Refusal;
use crate::hub::{Beside, Channel};

/// This part of the limit is not for messages: however much is published, those who read have to be let in.
const READERS_PART: usize = 64;

/// For what a channel makes room that is published to together with others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Giving {
    /// For its own message.
    Own,
    /// For all: they get the same message.
    All,
}

/// A channel, or an index of a pattern, and how many bytes it has to answer for: those that it is to get, and of a channel what its
/// messages take in indexes, too. Who reads a pattern could keep publishers from it otherwise.
type Share = (Id<Channel>, usize);

impl Machine {
    /// Sees to it that a message of `size` bytes more fits, with its copies in the indexes of patterns, and that what happens can be
    /// written down: a channel that publishes while memory is short loses its own oldest, and so do those indexes.
    pub(super) fn make_room(&mut self, at: Id<Channel>, size: usize) -> Result<(), Refusal> {
        self.check_journal()?;
        if !self.may_be_short_of(1, size) {
            return Ok(());
        }
        let copies = self.copies_of(at, size);
        let own = copies.iter().fold(size, |sum, (_, bytes)| sum.saturating_add(*bytes));
        self.take_room(&[(at, own)], &copies, size, Giving::Own)
    }

    /// The same for what is published to several channels: so many messages for each, so many bytes of them, and `beside` for what is
    /// made for them. If there cannot be enough, none loses anything for it.
    pub(super) fn make_room_in<'n>(
        &mut self,
        wanted: impl Iterator<Item = (&'n str, usize, usize)> + Clone,
        beside: usize,
        giving: Giving,
    ) -> Result<(), Refusal> {
        self.check_journal()?;
        let messages = wanted.clone().map(|(_, count, _)| count).sum();
        let size = wanted.clone().fold(beside, |sum, (.., bytes)| sum.saturating_add(bytes));
        if !self.may_be_short_of(messages, size) {
            return Ok(());
        }
        let known = |one: (&str, usize, usize)| {
            let copies = self.copies(std::iter::once(one));
            Some((
                self.hub.find(one.0)?,
                copies.iter().fold(one.2, |sum, (_, bytes)| sum.saturating_add(*bytes)),
            ))
        };
        let mut channels: Vec<Share> = wanted.clone().filter_map(known).collect();
        // A channel that is named twice has its history once.
        channels.sort_by_key(|(at, _)| at.to_bits());
        channels.dedup_by(|next, first| {
            let is_same = next.0 == first.0;
            first.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        // Whole messages go, so who has most goes first.
        channels.sort_by_key(|&(at, _)| Reverse(self.hub.spare_bytes(at)));
        let copies = self.copies(wanted);
        self.take_room(&channels, &copies, size, giving)
    }

    /// Bytes that a message of `size` in this channel takes, with its copies.
    pub(super) fn size_with_copies(&self, at: Id<Channel>, size: usize) -> usize {
        self.copies_of(at, size).iter().fold(size, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// What one message of the channel takes in the indexes of patterns.
    fn copies_of(&self, at: Id<Channel>, size: usize) -> Vec<Share> {
        self.hub
            .peek(at)
            .map(|channel| self.copies([(channel.name(), 1, size)].into_iter()))
            .unwrap_or_default()
    }

    /// What messages of channels take in the indexes of patterns, where each says which channel it is of.
    fn copies<'n>(&self, wanted: impl Iterator<Item = (&'n str, usize, usize)>) -> Vec<Share> {
        let with_names =
            wanted.map(|(name, count, bytes)| (name, count, bytes + count * Beside::cost(name.len())));
        self.hub.shares_of_patterns(with_names).into_iter().map(|(index, _, bytes)| (index, bytes)).collect()
    }

    /// Whether so many messages could be too much with as many copies as there can be: a name is in one pattern of each of its
    /// segments, and in two of the last. It is looked closer at then.
    fn may_be_short_of(&self, messages: usize, size: usize) -> bool {
        if self.hub.indexes() == 0 {
            return self.is_short_for_messages(size);
        }
        let name = self.config.limits.channel_name_bytes_max;
        let copy = size.saturating_add(messages.saturating_mul(Beside::cost(name)));
        self.is_short_for_messages(size.saturating_add(copy.saturating_mul(2 + name / 2)))
    }

    /// Whether so many bytes more of messages would be too many.
    pub(super) fn is_short_for_messages(&self, bytes: usize) -> bool {
        self.is_short_of(bytes.saturating_add(self.config.limits.memory_bytes_max / READERS_PART))
    }

    fn take_room(
        &mut self,
        channels: &[Share],
        copies: &[Share],
        size: usize,
        giving: Giving,
    ) -> Result<(), Refusal> {
        let size = copies.iter().fold(size, |sum, (_, bytes)| sum.saturating_add(*bytes));
        let limit = self.config.limits.memory_bytes_max;
        let (used, most, now) = (self.used_bytes(), limit - limit / READERS_PART, self.post.now);
        let missing = used.saturating_add(size).saturating_sub(most);
        if missing == 0 {
            return Ok(());
        }
        let may_give = |&(at, bytes): &Share| {
            self.hub.spare_bytes(at).min(if giving == Giving::Own { bytes } else { usize::MAX })
        };
        let copies_may = |&(at, bytes): &Share| self.hub.spare_bytes(at).min(bytes);
        let spare =
            channels.iter().map(may_give).chain(copies.iter().map(copies_may)).fold(0, usize::saturating_add);
        // If all that they can lose is not enough, what is published is refused, and what was there stays. But what is too much already,
        // since the limit was lowered or tables have grown, has to go some time: all but the newest.
        if spare < size.min(missing) {
            for &(at, _) in channels.iter().chain(copies) {
                let too_much = self.used_bytes().saturating_sub(most);
                self.hub.make_room_before_newest(at, too_much, now);
            }
            return Err(Refusal::Memory);
        }
        // First each gives for what it gets, an index before the channel that pays for it else; then for others, or for what is too much.
        let all = channels.iter().map(|&(at, _)| (at, usize::MAX));
        for (at, bytes) in copies.iter().chain(channels).copied().chain(all) {
            let missing = (self.used_bytes() + size).saturating_sub(most);
            if missing.min(bytes) > 0 {
                self.hub.make_room(at, missing.min(bytes), now);
            }
        }
        // What takes the place of as much makes nothing worse.
        if self.used_bytes() + size <= most.max(used) { Ok(()) } else { Err(Refusal::Memory) }
    }
}
