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
        let crowded = items.iter().find_map(|item| {
            let found = self.hub.find(&item.channel);
            self.hub.crowded(&item.channel, found, item.body.len())
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

    /// Appends all, once it is known that all can be; gives where each stands.
    fn publish_all(&mut self, items: &[Item]) -> Result<Vec<(u64, Sealed)>, Refusal> {
        let now = self.post.now;
        let mut at: Vec<Id<Channel>> = Vec::with_capacity(items.len());
        for item in items {
            at.push(self.open_channel(&item.channel, self.channel_ms())?);
        }
        for (&at, item) in at.iter().zip(items) {
            let of_this: usize = items.iter().filter(|other| other.channel == item.channel).map(size).sum();
            self.make_room(at, of_this)?;
        }
        if self.is_short_of(items.iter().map(size).sum()) {
            return Err(Refusal::Memory);
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
