//! Streams of which an application is told that they have begun and ended.
//! Knows nothing of how they end: the hub says which have.
use super::super::Machine;
use crate::arena::Id;
use crate::dialect::hooks::Follow;
use crate::hub::Subscription;

impl Machine {
    /// A stream has begun.
    pub(in crate::machine) fn follow(&mut self, sub: Id<Subscription>, follow: Box<Follow>) {
        if self.hub.subscription(sub).is_none() {
            // The server is leaving: it has ended in the moment in which it began.
            return;
        }
        if let Some(upstream) = &follow.subscribe {
            self.tell_application(upstream, &follow.fields);
        }
        if let Some(events) = &follow.events {
            self.tell_event(events, "subscriber_enqueue");
        }
        if follow.unsubscribe.is_some() || follow.events.is_some() {
            self.hub.tell_end(sub);
            self.hooks.bytes += follow.bytes();
            self.hooks.followed.insert(sub, follow);
        }
    }

    /// Tells of those that have ended.
    pub(in crate::machine) fn tell_ends(&mut self) {
        while let Some(sub) = self.hub.next_end() {
            let Some(follow) = self.hooks.followed.remove(&sub) else { continue };
            self.hooks.bytes -= follow.bytes();
            if let Some(events) = &follow.events {
                self.tell_event(events, "subscriber_dequeue");
            }
            if let Some(upstream) = &follow.unsubscribe {
                self.tell_application(upstream, &follow.fields);
            }
        }
    }
}
