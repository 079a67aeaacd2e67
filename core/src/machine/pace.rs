//! How fast may be published to one channel.
//! Knows nothing of who publishes: a channel's readers are handed all of it, whoever sends it.
use super::Machine;
use crate::arena::Id;
use crate::dialect::Refusal;
use crate::hub::Channel;

impl Machine {
    /// Whether so many messages more may be published to a channel in this second.
    pub(super) fn check_pace(&self, at: Id<Channel>, messages: usize) -> Result<(), Refusal> {
        self.check_pace_of(Some(at), messages)
    }

    /// The same of a channel that may not be there yet.
    pub(super) fn check_pace_of(&self, at: Option<Id<Channel>>, messages: usize) -> Result<(), Refusal> {
        let most = self.config.limits.channel_messages_per_second_max;
        if most == 0 {
            return Ok(());
        }
        let channel = at.and_then(|at| self.hub.peek(at));
        let published = channel.map_or(0, |channel| channel.published_within(self.post.now));
        if messages.saturating_add(published as usize) > most as usize {
            Err(Refusal::TooFast)
        } else {
            Ok(())
        }
    }
}
