//! The server about itself: what `/metrics` has, who is connected, who is slow and where the memory is, once or as a stream with
//! an event a second. Nothing is done for it while nobody watches.
//! Knows nothing of the page that shows it.
mod survey;
mod write;

pub(super) use survey::kind_of;
use survey::{SLOTS_A_SLICE, Survey};

use super::Machine;
use super::listen::Waiting;
use super::tell::Asker;
use crate::arena::Id;
use crate::conn::{Conn, Manner};
use crate::dialect::{Answer, Echo, Hold, JSON, Refusal, Voice};
use crate::hub::{Channel, Join};
use crate::time::Moment;
use crate::wire::http1::Status;

/// The time between two events.
const PERIOD_MS: u64 = 1_000;

/// What is there while somebody watches.
#[derive(Debug, Default)]
pub(super) struct Stats {
    survey: Survey,
    /// Where the events stand: a mailbox that all who watch read.
    feed: Option<Id<Channel>>,
    /// When the next is due, while there is a feed.
    due: Moment,
}

impl Stats {
    /// When [`Machine::tell_stats`] has something to do.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.feed.map(|_| self.due)
    }
}

impl Machine {
    /// Answers with how things are now.
    pub(super) fn say_stats(&mut self, id: Id<Conn>, manner: Manner) {
        self.stats.survey.walk(SLOTS_A_SLICE, &self.conns, &self.hub, self.post.now);
        let body = self.write_stats();
        self.reply(id, manner, Answer { status: Status::OK, content_type: JSON }, &[], body.as_bytes());
    }

    /// Begins a stream of it.
    pub(super) fn listen_to_stats(&mut self, id: Id<Conn>, manner: Manner, voice: Voice) {
        if manner.head_only || !self.may_wait(id) {
            // Nobody would read it.
            let (mut delivery, conns, _) = self.delivery();
            let Some(conn) = conns.get_mut(id).filter(|_| manner.head_only) else { return };
            delivery.begin(conn, Asker { id, manner, voice: &voice });
            return delivery.end_stream(conn, id, manner);
        }
        let found = self.stats.feed.filter(|feed| self.hub.peek(*feed).is_some_and(|c| c.members() > 0));
        let Some(feed) = found.or_else(|| self.hub.open_mailbox()) else {
            return self.refuse(id, manner, &voice, &Refusal::Memory);
        };
        let members = self.hub.peek(feed).map_or(0, Channel::members);
        if members >= self.config.limits.subscribers_per_channel_max {
            return self.refuse(id, manner, &voice, &Refusal::TooManySubscribers);
        }
        let now = self.post.now;
        let next = self.hub.peek(feed).map_or(1, |c| c.history().head());
        let (mut delivery, conns, _) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        delivery.begin(conn, Asker { id, manner, voice: &voice });
        // Its reader is in it at once, or it would stay for ever.
        let Ok(sub) = self.hub.join(feed, Join { next, owner: id.to_bits(), who: None, notices: None }, now)
        else {
            return;
        };
        let quiet_until = Moment::NEVER;
        self.wait(id, sub, Waiting { manner, voice, hold: Hold::Stream, echo: Echo::default(), quiet_until });
        if self.stats.feed != Some(feed) {
            self.stats.feed = Some(feed);
        }
        // Whoever comes does not wait for the next second.
        self.stats.due = now;
    }

    /// Tells those who watch, when it is time.
    pub(super) fn tell_stats(&mut self, now: Moment) {
        let Some(feed) = self.stats.feed.filter(|_| self.stats.due <= now) else { return };
        if self.hub.peek(feed).is_none_or(|channel| channel.members() == 0) {
            // Nobody watches any more.
            self.stats = Stats::default();
            return;
        }
        self.stats.due = now.after_ms(PERIOD_MS);
        self.stats.survey.walk(SLOTS_A_SLICE, &self.conns, &self.hub, now);
        let body = self.write_stats();
        if !self.is_short_of(body.len()) {
            self.hub.say_in(feed, body.into(), now);
        }
    }
}
