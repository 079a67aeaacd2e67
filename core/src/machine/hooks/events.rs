//! Events of channels: somebody has come or gone, something was published, a channel was deleted. They are messages of a
//! channel like any other, published in the order in which things happened.
//! Knows nothing of who reads them.
use std::sync::Arc;

use super::super::Machine;
use crate::dialect::hooks::Events;
use crate::hub::{Message, Posted};

/// How a channel of events is kept: what Nchan keeps of one.
const KEEP: Posted = Posted { messages_max: 100, age_ms: 10_000 };

/// An event that waits to be published.
pub(super) struct Waiting {
    events: Arc<Events>,
    what: &'static str,
    /// How many of the channels that it happened in have had theirs.
    done: usize,
}

impl Waiting {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.events.bytes()
    }
}

impl Machine {
    /// Something has happened.
    pub(in crate::machine) fn tell_event(&mut self, events: &Arc<Events>, what: &'static str) {
        if self.hooks.waiting.len() >= self.config.limits.channel_events_waiting_max || self.is_short_of(0) {
            self.counters.channel_events_refused += 1;
            return;
        }
        let waiting = Waiting { events: Arc::clone(events), what, done: 0 };
        self.hooks.bytes += waiting.bytes();
        self.hooks.waiting.push_back(waiting);
    }

    /// Publishes at most `budget` events; true if more can be published at once. Readers of events are not outrun.
    pub(in crate::machine) fn publish_events(&mut self, mut budget: usize) -> bool {
        let now = self.post.now;
        while let Some(waiting) = self.hooks.waiting.front_mut() {
            let Some(id) = waiting.events.ids.get(waiting.done) else {
                let bytes = waiting.bytes();
                self.hooks.bytes -= bytes;
                self.hooks.waiting.pop_front();
                continue;
            };
            if budget == 0 {
                return true;
            }
            let text = waiting.events.text(waiting.what, id);
            let events = Arc::clone(&waiting.events);
            if self.hub.find(&events.to).is_some_and(|at| self.hub.is_crowded(at, text.len())) {
                return true;
            }
            waiting.done += 1;
            budget -= 1;
            // It is ours, and has limits of its own.
            let at = self.make_channel(&events.to, self.channel_ms());
            let at = at.and_then(|at| self.make_room(at, Message::cost(text.len(), None, None)).map(|()| at));
            if let Ok(at) = at {
                self.hub.keep_as(at, KEEP, now);
                self.hub.publish(at, text.into(), None, now);
            } else {
                self.counters.channel_events_refused += 1;
            }
        }
        false
    }
}
