//! Publishing several messages together: all of them, or none.
//! Knows nothing of how they were written.
use std::sync::Arc;

use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Held, Manner, Phase, Post};
use crate::dialect::{Item, Outcome, Placed, Refusal, Voice};
use crate::hub::Channel;
use crate::log::Sealed;

impl Machine {
    /// Publishes and answers, or waits with both until those who listen have what came before.
    pub(super) fn publish_all_or_hold(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: Voice,
        items: Vec<Item>,
    ) {
        if let Err(refusal) = self.check_batch(&items) {
            return self.refuse(id, manner, &voice, &refusal);
        }
        let crowded = items.iter().find_map(|item| {
            let found = self.hub.find(&item.channel);
            self.hub.crowded(&item.channel, found, of_channel(&items, &item.channel))
        });
        if let Some(at) = crowded
            && let Some(conn) = self.conns.get_mut(id)
        {
            let post = Post { batch: Some(items), ..Post::default() };
            self.held_bytes += post.bytes();
            conn.phase = Phase::Held(Box::new(Held { channel: String::new(), post, manner, voice }));
            return self.defer(id, Some(at));
        }
        match self.publish_all(&items) {
            Err(refusal) => self.refuse(id, manner, &voice, &refusal),
            Ok(stands) => {
                let placed: Vec<Placed<'_>> = items
                    .iter()
                    .zip(stands)
                    .map(|(item, (seq, cursor))| Placed { channel: &item.channel, seq, cursor })
                    .collect();
                self.answer(id, manner, &voice, &Outcome::PublishedAll(&placed));
            }
        }
    }

    /// Whether those who listen can be handed all of it without being outrun, and whether every name can be a channel's.
    fn check_batch(&self, items: &[Item]) -> Result<(), Refusal> {
        if items.len() > self.config.limits.publish_messages_max {
            return Err(Refusal::TooMuchAtOnce);
        }
        let mut new = 0;
        for (i, item) in items.iter().enumerate() {
            let is_again = items[..i].iter().any(|other| other.channel == item.channel);
            if is_again {
                continue;
            }
            let is_one = items[i + 1..].iter().all(|other| other.channel != item.channel);
            if !is_one && of_channel(items, &item.channel) > self.hub.ahead_bytes() {
                return Err(Refusal::TooMuchAtOnce);
            }
            self.check_name(&item.channel)?;
            new += usize::from(self.hub.find(&item.channel).is_none());
        }
        self.check_batch_in_groups(items)?;
        if new > 0 && self.hub.channels() + new > self.config.limits.channels_max {
            return Err(Refusal::TooManyChannels);
        }
        Ok(())
    }

    /// Appends all, once it is known that all can be; gives where each stands.
    fn publish_all(&mut self, items: &[Item]) -> Result<Vec<(u64, Sealed)>, Refusal> {
        let now = self.post.now;
        let total: usize = items.iter().map(size).sum();
        // Each channel can make room in its own history; if that is not enough, nobody's is touched.
        let spare: usize = items
            .iter()
            .filter_map(|item| self.hub.peek(self.hub.find(&item.channel)?))
            .zip(items)
            .map(|(channel, item)| channel.history().bytes().min(size(item)))
            .sum();
        if self.is_short_of(total.saturating_sub(spare)) {
            return Err(Refusal::Memory);
        }
        let mut at: Vec<Id<Channel>> = Vec::with_capacity(items.len());
        for item in items {
            at.push(self.open_channel(&item.channel, self.channel_ms())?);
        }
        for (&at, item) in at.iter().zip(items) {
            self.make_room(at, size(item))?;
        }
        let mut stands = Vec::with_capacity(items.len());
        for (at, item) in at.into_iter().zip(items) {
            // Only a closed channel takes nothing, and a closed one has no name to be found by.
            let seq = self.hub.publish(at, Arc::clone(&item.body), None, now).ok_or(Refusal::NotFound)?;
            let channel = self.hub.peek(at).ok_or(Refusal::NotFound)?;
            stands.push((seq, self.hub.seal(channel, self.hub.cursor(channel, seq + 1))));
        }
        Ok(stands)
    }
}

/// What a message takes.
fn size(item: &Item) -> usize {
    item.body.len() + 256
}

/// What the messages of one channel take.
fn of_channel(items: &[Item], channel: &str) -> usize {
    items.iter().filter(|item| item.channel == channel).map(size).sum()
}
