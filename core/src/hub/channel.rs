//! One channel: its history, the members who read it, and how long it lives.
//! Knows nothing of other channels.
use std::sync::Arc;

use super::history::{History, Keep, Mark};
use super::roster::Roster;
use super::secret::Secret;
use super::{Group, Settings, Subscription};
use crate::arena::{Arena, Generation, Id};
use crate::log::Position;
use crate::time::Moment;

/// One channel.
pub struct Channel {
    pub(super) name: Arc<str>,
    pub(super) history: History,
    pub(super) members: Vec<Id<Subscription>>,
    pub(super) walk: Walk,
    /// In the queue of those whose members are due visits.
    pub(super) hot: bool,
    pub(super) roster: Option<Box<Roster>>,
    pub(super) secret: Option<Box<Secret>>,
    /// Where the log stood when this channel was made: the identity of its life.
    pub(super) born: Position,
    /// Without members it lives until then.
    pub(super) idle_until: Moment,
    /// When the wheel will next look at it.
    pub(super) armed: Moment,
    /// When `/psub` is told again that it exists.
    pub(super) announce_at: Moment,
    /// The number of the last broadcast in its history.
    pub(super) broadcasts: u64,
    /// So many channels were made before it.
    pub(super) number: u64,
    /// Tells it apart in a cursor.
    pub(super) mark: u16,
    /// What was asked for when it was registered, if it was.
    pub(super) registered: Option<Box<Registered>>,
    /// The group that it is counted in.
    pub(super) group: Option<Id<Group>>,
    /// How many of its members are watchers: see [`super::Hub::watch`].
    pub(super) watchers: u32,
    /// The last to come of those.
    pub(super) watcher: Option<Id<Subscription>>,
    /// Watchers that came before this moment are to give way: they are told on the walk that is due.
    pub(super) gives_way: Option<Generation>,
    /// It is no channel but the index of a pattern: nothing is published to it, and it has no name to be found by.
    pub(super) is_index: bool,
    /// What it keeps by the rule for its name, if there is one.
    pub(super) ruled: Option<Box<Keep>>,
    /// How whoever published to it last wants it to be kept.
    pub(super) posted: Option<Box<Posted>>,
    /// Milliseconds it lives without members and messages, as whoever used it last wants it, if that is more than usual.
    pub(super) idle_ms: u64,
    /// Second and tag of its last message, also when that is no longer kept.
    pub(super) last: Option<(u32, u32)>,
    /// A second of the server's life, and messages that were published in it.
    pub(super) pace: (u32, u32),
    /// When somebody last asked for its messages.
    pub(super) asked: Option<Moment>,
    /// Somebody has had a seat here.
    pub(super) joined: bool,
    /// It has been closed, and is here only until its members know.
    pub(super) closed: bool,
}

/// The second of the server's life that a moment is in.
pub(super) fn second_of(now: Moment) -> u32 {
    (now.0 / 1_000) as u32
}

/// What a channel that was registered on purpose has of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Registered {
    /// Messages it keeps.
    pub messages_max: usize,
    /// Milliseconds it lives without subscribers and messages; [`u64::MAX`] is for ever.
    pub life_ms: u64,
    /// Only registered clients may read it.
    pub sessions: bool,
}

/// How a publisher wants a channel to be kept, where that is said with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posted {
    /// Messages it keeps.
    pub messages_max: usize,
    /// Milliseconds it keeps each of them; 0 is for ever.
    pub age_ms: u64,
}

/// The visits that a channel's members are still due. The walk goes round and round and never begins anew, so that
/// those at its end are reached however often something happens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walk {
    /// One past the seat that is visited next.
    pub(super) at: usize,
    /// Visits left; 0 when everybody has been seen since the last event.
    pub(super) left: usize,
    /// Where the history stood when this lap and the one before began: whoever has room has everything before
    /// the latter.
    pub(super) lap: [Mark; 2],
}

impl Channel {
    pub(super) fn new(name: &str, born: Position, idle_until: Moment, broadcasts: u64) -> Self {
        Self {
            name: name.into(),
            history: History::default(),
            members: Vec::new(),
            walk: Walk::default(),
            hot: false,
            roster: None,
            secret: None,
            born,
            idle_until,
            armed: Moment::NEVER,
            announce_at: Moment::NEVER,
            broadcasts,
            number: 0,
            mark: 0,
            registered: None,
            group: None,
            watchers: 0,
            watcher: None,
            gives_way: None,
            is_index: false,
            ruled: None,
            posted: None,
            idle_ms: 0,
            last: None,
            pace: (0, 0),
            asked: None,
            joined: false,
            closed: false,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// So many channels were made before it.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Tells it apart in a cursor.
    pub fn mark(&self) -> u16 {
        self.mark
    }

    /// Its messages.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How many subscriptions it has.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Who is here by name, if anybody ever was.
    pub fn roster(&self) -> Option<&Roster> {
        self.roster.as_deref()
    }

    /// The identity of its life: another one after a restart of the server, or after it expired or was closed.
    pub fn life(&self) -> Position {
        self.born
    }

    /// How many of its subscribers are watchers.
    pub fn watchers(&self) -> u32 {
        self.watchers
    }

    /// Messages that were published in the second of this moment.
    pub fn published_within(&self, now: Moment) -> u32 {
        let (second, count) = self.pace;
        if second == second_of(now) { count } else { 0 }
    }

    /// Whether it has been closed.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// How it was registered, if it was.
    pub fn registered(&self) -> Option<&Registered> {
        self.registered.as_deref()
    }

    /// What it keeps, where `usual` is what those do for whose name there is no rule.
    pub(super) fn keep(&self, usual: &Keep) -> Keep {
        let newest = self.posted.as_ref().is_some_and(|own| own.messages_max > 0);
        let usual = &Keep { newest, ..*self.ruled.as_deref().unwrap_or(usual) };
        match (&self.registered, &self.posted) {
            (Some(own), _) => Keep { messages: own.messages_max, ..*usual },
            (None, Some(own)) => {
                let ages = [own.age_ms, usual.age_ms];
                let age_ms = ages.into_iter().filter(|ms| *ms > 0).min().unwrap_or(0);
                Keep { messages: own.messages_max.min(usual.messages), age_ms, ..*usual }
            }
            (None, None) => *usual,
        }
    }

    /// Second and tag of its last message, also when that is no longer kept.
    pub fn last(&self) -> Option<(u32, u32)> {
        self.last
    }

    /// When somebody last asked for its messages.
    pub fn asked(&self) -> Option<Moment> {
        self.asked
    }

    /// Milliseconds it lives without subscribers.
    pub(super) fn life_ms(&self, settings: &Settings) -> u64 {
        // Other dialects may use it too, and count on the usual.
        let usual = settings.channel_timeout_ms.max(self.idle_ms);
        match (&self.registered, &self.posted) {
            (Some(own), _) => own.life_ms,
            // As long as there is something in it.
            (None, Some(own)) if own.messages_max > 0 && own.age_ms > 0 => own.age_ms.max(usual),
            (None, Some(own)) if own.messages_max > 0 => u64::MAX,
            (None, _) => usual,
        }
    }

    /// It lives at least until then.
    pub(super) fn outlive(&mut self, moment: Moment) {
        self.idle_until = self.idle_until.max(moment);
    }

    /// Whether a reader at message `next` and notice `notices` (0 for one who does not listen to them) has everything.
    pub(super) fn is_level(&self, next: u64, notices: u64) -> bool {
        let heard = notices == 0 || self.roster.as_ref().is_none_or(|roster| notices == roster.head());
        next == self.history.head() && heard && !self.closed
    }

    /// Everybody is due a visit, having had everything up to `before` if they had room; true if the channel is to be
    /// put into the queue for it.
    pub(super) fn stir(&mut self, before: Mark) -> bool {
        self.walk.left = self.members.len();
        let to_queue = !self.hot && self.walk.left > 0;
        if to_queue {
            // Everybody with room was level before this.
            self.walk.lap = [before; 2];
        }
        self.hot |= to_queue;
        to_queue
    }

    /// How many messages and bytes somebody with room may be behind at most.
    pub(super) fn lag(&self) -> (u64, u64) {
        if !self.hot {
            return (0, 0);
        }
        let (now, then) = (self.history.mark(), self.walk.lap[1]);
        (now.next - then.next, now.appended - then.appended)
    }

    /// Gives a new member a seat.
    pub(super) fn seat(&mut self, id: Id<Subscription>) -> u32 {
        self.joined = true;
        self.members.push(id);
        if self.walk.left > 0 {
            // The round has become longer by one.
            self.walk.left += 1;
        }
        (self.members.len() - 1) as u32
    }

    /// The next member who is due a visit.
    pub(super) fn next_visit(&mut self) -> Option<Id<Subscription>> {
        self.walk.left = self.walk.left.checked_sub(1)?;
        let n = self.members.len();
        if self.walk.at == 0 || self.walk.at > n {
            self.walk.at = n;
            self.walk.lap = [self.history.mark(), self.walk.lap[0]];
        }
        self.walk.at = self.walk.at.checked_sub(1)?;
        self.members.get(self.walk.at).copied()
    }

    /// Frees a seat in this channel, whose id is `id`; returns who was moved into it and may now be missed by the walk.
    pub(super) fn unseat(
        &mut self,
        id: Id<Self>,
        subscriptions: &mut Arena<Subscription>,
        seat: usize,
    ) -> Option<Id<Subscription>> {
        self.members.swap_remove(seat);
        if self.members.len() * 4 < self.members.capacity() && self.members.capacity() > 64 {
            self.members.shrink_to(self.members.len() * 2);
        }
        self.walk.left = self.walk.left.min(self.members.len());
        let moved = self.members.get(seat).copied()?;
        if let Some(subscription) = subscriptions.get_mut(moved) {
            subscription.set_seat(id, seat as u32);
        }
        if self.walk.at == seat && self.walk.left > 0 {
            // The walk stands here: it only has to look at this seat again.
            self.walk.at = seat + 1;
            self.walk.left += 1;
            return None;
        }
        Some(moved)
    }

    /// Bytes of its roster.
    pub(super) fn roster_bytes(&self) -> usize {
        self.roster.as_ref().map_or(0, |roster| roster.bytes())
    }

    /// Bytes it takes besides its history's messages.
    pub(super) fn bytes(&self) -> usize {
        self.name.len()
            + self.members.capacity() * size_of::<Id<Subscription>>()
            + self.history.table_bytes()
            + self.secret.as_ref().map_or(0, |_| size_of::<Secret>())
            + self.registered.as_ref().map_or(0, |_| size_of::<Registered>())
            + self.posted.as_ref().map_or(0, |_| size_of::<Posted>())
            + self.ruled.as_ref().map_or(0, |_| size_of::<Keep>())
            + self.roster_bytes()
    }
}
