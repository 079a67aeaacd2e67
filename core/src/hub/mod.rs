//! Channels, their histories and their subscribers.
//! Knows nothing of HTTP, sockets or dialects. Publishing appends and marks; delivery is [`Hub::pump`].
mod channel;
mod check;
mod fanout;
mod history;
mod index;
mod life;
mod many;
mod media;
mod names;
mod pattern;
mod roster;
mod session;
mod subscription;
mod sweep;

use std::collections::VecDeque;
use std::sync::Arc;

pub use channel::{Channel, Posted, Registered, Token};
pub use fanout::{Took, Visit};
pub use history::{Beside, History, Keep, Kind, Message};
pub use many::Wanted;
pub use media::Media;
pub use names::Seed;
pub use pattern::{Pattern, Patterns};
pub use roster::{Change, Notice, Roster};
pub use session::{Denied, Session};
pub use subscription::{Access, Subscription};

use crate::arena::{Arena, Id};
use crate::counters::Counters;
use crate::limits::Limits;
use crate::log::{Cursor, Log, Position};
use crate::time::Moment;
use crate::wheel::Wheel;
use fanout::Hot;
use many::Due;
use media::MediaTable;
use names::Names;
use session::Sessions;
use subscription::{One, Reads, Standing};
use sweep::{Announcing, Broadcasts};

/// Whom a subscription delivers to: a connection's id, as bits. The hub only carries it.
pub type Owner = u64;

/// What the hub must know of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Channels in all.
    pub channels_max: usize,
    /// Subscribers of one channel.
    pub subscribers_max: usize,
    /// What a channel keeps.
    pub keep: Keep,
    /// Bytes that may be published to a channel before those who listen are served: half of what is kept for them, and
    /// of what each can have waiting.
    pub ahead_bytes: usize,
    /// Milliseconds a channel lives without subscribers.
    pub channel_timeout_ms: u64,
    /// Broadcasts on their way.
    pub broadcasts_max: usize,
    /// People in one roster.
    pub roster_max: usize,
    /// Milliseconds a person without a connection is present.
    pub lease_ms: u64,
    /// Registered clients in all.
    pub sessions_max: usize,
    /// Milliseconds a registered client is known without asking.
    pub session_timeout_ms: u64,
    /// Patterns that are read at once.
    pub patterns_max: usize,
}

impl Settings {
    /// The settings that these limits and these lives of a channel and of a client make.
    pub fn new(limits: &Limits, channel_timeout_ms: u64, session_timeout_ms: u64) -> Self {
        Self {
            channels_max: limits.channels_max,
            subscribers_max: limits.subscribers_per_channel_max,
            keep: Keep {
                messages: limits.history_messages_max,
                bytes: limits.history_bytes_max,
                age_ms: limits.history_age_ms_max,
            },
            ahead_bytes: limits.history_bytes_max.min(limits.outbox_bytes_max) / 2,
            channel_timeout_ms,
            broadcasts_max: limits.broadcasts_waiting_max,
            roster_max: limits.roster_max,
            lease_ms: limits.roster_lease_ms,
            sessions_max: limits.sessions_max,
            session_timeout_ms,
            patterns_max: limits.patterns_max,
        }
    }
}

/// Where a subscription begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// With what is published from now on.
    New,
    /// With the message of this number.
    Next(u64),
    /// With the oldest message there is.
    Oldest,
    /// After the last message seen, wherever that was.
    After(Cursor),
}

/// Where a subscription begins, in the words of those who know messages by second and tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// With the oldest message there is.
    Oldest,
    /// With what is published from now on.
    New,
    /// So many messages behind the oldest.
    FromOldest(u64),
    /// With so many of the newest.
    FromNewest(u64),
    /// Behind the message of this second and tag; without a tag, behind the first of the second.
    Behind {
        /// Seconds since 1970.
        unix_s: u32,
        /// Counts within the second.
        tag: Option<u32>,
    },
}

/// What a reader has missed. A gap is always said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Lost {
    /// Nothing.
    Nothing,
    /// So many messages of this channel.
    Some(u64),
    /// It cannot be known: the cursor is from another log or another life of the channel.
    Unknown,
}

/// Where a subscription will begin in fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start {
    /// The number of the first message it gets.
    pub next: u64,
    /// What it has missed before that.
    pub lost: Lost,
    /// It asked for a number that no message has yet: one who counts should be told where the numbers are.
    pub ahead: bool,
}

/// A table is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Tags that are left to a log of the same second before this one, for each millisecond that it had.
const TAGS_A_MS: u32 = 100;

/// All channels.
pub struct Hub {
    names: Names<Channel>,
    channels: Arena<Channel>,
    subscriptions: Arena<Subscription>,
    /// Channels whose members are due visits, each once.
    hot: Hot,
    /// Single subscriptions that are behind: late joiners, slow ones with room again. Each once.
    behind: VecDeque<Id<Subscription>>,
    log: Log,
    wheel: Wheel<Id<Channel>>,
    broadcasts: Broadcasts,
    announcing: Announcing,
    sessions: Sessions,
    /// Indexes over the messages of all channels that a pattern matches, each there while somebody reads it.
    patterns: Patterns<Channel>,
    /// The indexes that one message goes to; kept for its room.
    matched: Vec<Id<Channel>>,
    settings: Settings,
    seed: Seed,
    /// The wall clock, in seconds; never goes back, so that what is stamped with it does not.
    unix_s: u32,
    /// The tag of the next message of this second.
    next_tag: u32,
    /// What is said of bodies.
    media: MediaTable,
    /// How many channels were ever made.
    made: u64,
    /// Bytes of those who read several channels.
    many_bytes: usize,
    /// What somebody who is visited lacks; kept for its room.
    due: Due,
    /// Bytes of all messages kept.
    history_bytes: usize,
    /// Bytes of all names and rosters.
    names_bytes: usize,
    fired: Vec<Id<Channel>>,
    counters: Counters,
}

impl Hub {
    /// A hub without channels, whose log is empty.
    pub fn new(settings: Settings, log: Log, seed: Seed) -> Self {
        // How many channels there may be is decided by their names: closed ones wait here for their members.
        let mut channels = Arena::with_limit(usize::MAX);
        let announcing = Announcing::new(&mut channels, log.head());
        Self {
            names: Names::new(seed),
            channels,
            subscriptions: Arena::with_limit(usize::MAX),
            hot: Hot::default(),
            behind: VecDeque::new(),
            log,
            wheel: Wheel::default(),
            broadcasts: Broadcasts::default(),
            announcing,
            sessions: Sessions::new(seed),
            patterns: Patterns::new(seed),
            matched: Vec::new(),
            settings,
            seed,
            unix_s: 0,
            next_tag: 0,
            media: MediaTable::default(),
            made: 0,
            many_bytes: 0,
            due: Due::new(),
            history_bytes: 0,
            names_bytes: 0,
            fired: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// Changes the settings; what is there stays, and is trimmed when it is next touched.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// The channel called `name`, if there is one.
    pub fn find(&self, name: &str) -> Option<Id<Channel>> {
        self.names.find(name, |id| self.channels.get(id).is_some_and(|c| &*c.name == name))
    }

    /// The channel with this id, up to date with all broadcasts.
    pub fn channel(&mut self, id: Id<Channel>, now: Moment) -> Option<&Channel> {
        self.settle(id, now);
        self.channels.get(id)
    }

    /// The channel with this id, as it stands.
    pub fn peek(&self, id: Id<Channel>) -> Option<&Channel> {
        self.channels.get(id)
    }

    /// A subscription, if it still lives.
    pub fn subscription(&self, id: Id<Subscription>) -> Option<&Subscription> {
        self.subscriptions.get(id)
    }

    /// Where the log ends.
    pub fn head(&self) -> Position {
        self.log.head()
    }

    /// The number by which a message is known outside of its channel, from its offset.
    pub fn id_of(&self, offset: u64) -> u64 {
        self.log.id_of(offset)
    }

    /// The offset of the message with such a number, or of the last before it in this log.
    pub fn offset_of(&self, id: u64) -> u64 {
        self.log.offset_of(id)
    }

    /// The wall clock has moved. When it has stepped back, messages go on in the last second that there was.
    pub fn set_clock(&mut self, unix_seconds: u64) {
        let unix_s = u32::try_from(unix_seconds).unwrap_or(u32::MAX);
        if unix_s > self.unix_s {
            (self.unix_s, self.next_tag) = (unix_s, 0);
        }
    }

    /// Begins in the middle of a second: a log before this one may have used tags of it.
    pub fn begin_second_at(&mut self, ms: u16) {
        self.next_tag = u32::from(ms) * TAGS_A_MS;
    }

    /// How many channels have a name.
    pub fn channels(&self) -> usize {
        self.names.len()
    }

    /// How many subscriptions there are.
    pub fn subscribers(&self) -> usize {
        self.subscriptions.len()
    }

    /// How many subscriptions of named channels there are.
    pub fn listeners(&self) -> usize {
        let announced = self.channels.get(self.announcing.feed).map_or(0, Channel::members);
        self.subscriptions.len() - announced
    }

    /// The number the next notice of a channel will get, if it has a roster.
    pub fn notices(&self, id: Id<Channel>) -> Option<u64> {
        self.channels.get(id)?.roster().map(Roster::head)
    }

    /// Adds what happened since the last call to `counters`.
    pub fn drain_counters(&mut self, counters: &mut Counters) {
        let since = std::mem::take(&mut self.counters);
        counters.published += since.published;
        counters.published_bytes += since.published_bytes;
        counters.trimmed += since.trimmed;
        counters.channels_opened += since.channels_opened;
        counters.channels_closed += since.channels_closed;
        counters.roster_refused += since.roster_refused;
        counters.broadcasts_refused += since.broadcasts_refused;
        counters.sessions_refused += since.sessions_refused;
    }

    /// Appends a message; returns its number. Delivery happens in [`Hub::pump`].
    pub fn publish(
        &mut self,
        id: Id<Channel>,
        body: Arc<str>,
        sender: Option<Arc<str>>,
        now: Moment,
    ) -> Option<u64> {
        self.settle(id, now);
        let channel = self.channels.get_mut(id).filter(|c| !c.closed)?;
        channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
        Some(self.append(id, Kind::Data, body, (sender, None), now))
    }

    /// Appends a message of which something is said; returns its number.
    pub fn publish_media(
        &mut self,
        id: Id<Channel>,
        body: Arc<str>,
        media: Media,
        now: Moment,
    ) -> Option<u64> {
        self.settle(id, now);
        let channel = self.channels.get_mut(id).filter(|c| !c.closed)?;
        channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
        let media = self.media.share(media);
        Some(self.append(id, Kind::Data, body, (None, Some(media)), now))
    }

    fn append(
        &mut self,
        id: Id<Channel>,
        kind: Kind,
        body: Arc<str>,
        (sender, media): (Option<Arc<str>>, Option<Arc<Media>>),
        now: Moment,
    ) -> u64 {
        if self.channels.get(id).is_none() {
            return 0;
        }
        let message = self.stamped(id, kind, body, now);
        self.append_message(id, Message { sender, media, ..message })
    }

    /// A message that has its place in the log, its second and its tag.
    fn stamped(&mut self, id: Id<Channel>, kind: Kind, body: Arc<str>, now: Moment) -> Message {
        let (offset, unix_s, tag) = (self.log.append(), self.unix_s, self.next_tag);
        self.next_tag = self.next_tag.saturating_add(1);
        if let Some(channel) = self.channels.get_mut(id) {
            channel.last = Some((unix_s, tag));
        }
        Message { offset, at: now, unix_s, tag, kind, body, sender: None, media: None, beside: None }
    }

    /// Puts a message into its channel, and into the index of every pattern that the channel's name is in.
    fn append_message(&mut self, id: Id<Channel>, message: Message) -> u64 {
        self.counters.published += 1;
        self.counters.published_bytes += message.body.len() as u64;
        if !self.patterns.is_empty() {
            self.append_to_indexes(id, &message);
        }
        self.append_to(id, message)
    }

    fn append_to(&mut self, id: Id<Channel>, message: Message) -> u64 {
        let Some(channel) = self.channels.get_mut(id) else { return 0 };
        let listens = !channel.members.is_empty();
        let mark = channel.history.mark();
        let before = channel.history.bytes();
        let keep = channel.keep(&self.settings.keep);
        let (seq, trimmed) = channel.history.append(message, &keep, listens);
        self.counters.trimmed += trimmed as u64;
        self.history_bytes = self.history_bytes + channel.history.bytes() - before;
        if channel.stir(mark) {
            self.hot.push(id, channel.members.len());
        }
        seq
    }

    /// Where a subscription that asks for `from` would begin.
    pub fn start(&mut self, id: Id<Channel>, from: From, now: Moment) -> Option<Start> {
        self.settle(id, now);
        let epoch = self.log.epoch();
        let listens = self.channels.get(id).is_some_and(|c| !c.members.is_empty());
        self.trim(id, listens, now);
        let channel = self.channels.get(id)?;
        let keeps = channel.keep(&self.settings.keep).messages > 0;
        let head = channel.history.head();
        // Without history, what is still kept for those who listen is not for those who come.
        let base = if keeps { channel.history.base() } else { head };
        let at = |next: u64, lost: Lost| Start { next, lost, ahead: false };
        Some(match from {
            From::New => Start { next: head, lost: Lost::Nothing, ahead: true },
            From::Oldest => at(base, Lost::Nothing),
            From::Next(seq) if seq > head => Start { next: head, lost: Lost::Nothing, ahead: true },
            From::Next(seq) if seq < base => at(base, Lost::Some(base - seq.max(1))),
            From::Next(seq) => at(seq, Lost::Nothing),
            From::After(cursor) => {
                // Where this life began, the last message of the one before may stand: whoever is there has seen nothing of it.
                let (place, born) = (cursor.position.offset, channel.born.offset);
                let same_life = cursor.position.epoch == epoch
                    && (place > born || place == born && cursor.seq.unwrap_or(0) == 0);
                // The number only counts if it stands at that place: it may be another channel's.
                let is_here = |seq: u64| {
                    let offset_of = |n: u64| channel.history.get(n).map(|m| m.offset);
                    offset_of(seq).is_none_or(|o| o <= place) && offset_of(seq + 1).is_none_or(|o| o > place)
                };
                match cursor.seq.filter(|&seq| same_life && is_here(seq)) {
                    Some(seq) if seq >= head => Start { next: head, lost: Lost::Unknown, ahead: false },
                    Some(seq) if seq + 1 < base => at(base, Lost::Some(base - seq - 1)),
                    Some(seq) => at(seq + 1, Lost::Nothing),
                    None if !same_life => at(base, Lost::Unknown),
                    None => {
                        let next = channel.history.first_after(cursor.position.offset).max(base);
                        // What was trimmed may have stood after the cursor, or not.
                        let whole = base == 1 || next > base;
                        at(next, if whole { Lost::Nothing } else { Lost::Unknown })
                    }
                }
            }
        })
    }

    /// Where a subscription would begin that has everything of all channels up to this place in the log. Of a channel
    /// that keeps a number of its own, no more than that is given to those who come.
    pub fn start_after(&mut self, id: Id<Channel>, offset: u64, now: Moment) -> Option<Start> {
        self.settle(id, now);
        let listens = self.channels.get(id).is_some_and(|c| !c.members.is_empty());
        self.trim(id, listens, now);
        let channel = self.channels.get(id)?;
        let history = &channel.history;
        let most = channel.keep(&self.settings.keep).messages as u64;
        let base = history.base().max(history.head().saturating_sub(most));
        let next = history.first_after(offset).max(base);
        // What was trimmed may have stood after the cursor, or not.
        let whole = base == 1 || next > base || offset <= channel.born.offset;
        let lost = if whole { Lost::Nothing } else { Lost::Unknown };
        Some(Start { next, lost, ahead: false })
    }

    /// Where a subscription would begin that has everything up to a second and a tag, or that counts from an end.
    pub fn start_at(&mut self, id: Id<Channel>, place: Place, now: Moment) -> Option<Start> {
        self.settle(id, now);
        let listens = self.channels.get(id).is_some_and(|c| !c.members.is_empty());
        self.trim(id, listens, now);
        let channel = self.channels.get(id)?;
        let history = &channel.history;
        let most = channel.keep(&self.settings.keep).messages as u64;
        // What is kept only for those who listen is not for those who come.
        let (head, base) = (history.head(), history.base().max(history.head().saturating_sub(most)));
        let next = match place {
            Place::Oldest => base,
            Place::New => head,
            Place::FromOldest(n) => base.saturating_add(n).min(head),
            Place::FromNewest(n) => head.saturating_sub(n).max(base),
            // Nothing has been published behind it: whatever its second is, it waits for the next message.
            Place::Behind { unix_s, tag } => history.first_behind(unix_s, tag).max(base),
        };
        Some(Start { next, lost: Lost::Nothing, ahead: false })
    }

    /// The cursor of somebody who has everything of a channel up to, but without, the message `next`.
    pub fn cursor(&self, channel: &Channel, next: u64) -> Cursor {
        let last = channel.history.get(next.saturating_sub(1));
        // Nothing kept before `next`: the place where the channel stands now, or where it was born.
        let offset = match last {
            Some(message) => message.offset,
            None if next == channel.history.head() => self.log.head().offset,
            None => channel.born.offset,
        };
        Cursor { position: Position { epoch: self.log.epoch(), offset }, seq: Some(next.saturating_sub(1)) }
    }

    /// Joins a channel at message `next`. With a name the subscriber is listed, and hears of others from the notice
    /// `notices` on.
    ///
    /// # Errors
    /// [`Full`] when the channel has as many subscribers as it may; nothing has changed then.
    pub fn join(&mut self, id: Id<Channel>, join: Join<'_>, now: Moment) -> Result<Id<Subscription>, Full> {
        let Self { channels, subscriptions, behind, settings, seed, counters, names_bytes, .. } = self;
        let channel =
            channels.get_mut(id).filter(|c| c.members.len() < settings.subscribers_max).ok_or(Full)?;
        let mut stirred = false;
        let mut listed = None;
        let mut notices = 0;
        if let Some(who) = join.who {
            let before = channel.roster_bytes();
            let roster = channel.roster.get_or_insert_with(|| Box::new(Roster::new(*seed)));
            notices = join.notices.unwrap_or(roster.head()).clamp(1, roster.head());
            match roster.arrive(who, join.owner, settings.roster_max) {
                Ok(is_new) => {
                    stirred = is_new;
                    listed = Some(who.into());
                }
                // Not listed, but it hears of those who are.
                Err(_) => counters.roster_refused += 1,
            }
            *names_bytes = *names_bytes + channel.roster_bytes() - before;
        }
        let queued = !channel.is_level(join.next, notices);
        let one = One { channel: id, next: join.next, notices, who: listed };
        let subscription = Subscription { reads: Reads::One(one), seat: 0, queued, owner: join.owner };
        let sub = subscriptions.insert(subscription).ok_or(Full)?;
        let seat = channel.seat(sub);
        channel.outlive(now.after_ms(channel.life_ms(settings)));
        if let Some(subscription) = subscriptions.get_mut(sub) {
            subscription.seat = seat;
        }
        if queued {
            behind.push_back(sub);
        }
        if stirred {
            self.stir(id);
        }
        Ok(sub)
    }

    fn stir(&mut self, id: Id<Channel>) {
        if let Some(channel) = self.channels.get_mut(id)
            && channel.stir(channel.history.mark())
        {
            self.hot.push(id, channel.members.len());
        }
    }

    /// Leaves. Whoever was listed under a name stays in the roster for the time of its lease.
    pub fn leave(&mut self, id: Id<Subscription>, now: Moment) {
        let Some(gone) = self.subscriptions.remove(id) else { return };
        match gone.reads {
            Reads::One(one) => {
                self.unseat(one.channel, gone.seat as usize);
                self.after_leaving(one.channel, one.who.as_deref(), now);
            }
            Reads::Many(many) => self.unseat_many(&many, now),
        }
    }

    /// Frees a seat. Whoever was moved into it may have been passed by the walk: if there is something to hand over, it
    /// is not left to the walk.
    fn unseat(&mut self, id: Id<Channel>, seat: usize) {
        let Self { channels, subscriptions, .. } = self;
        let Some(channel) = channels.get_mut(id) else { return };
        if let Some(moved) = channel.unseat(id, subscriptions, seat)
            && channel.hot
            && subscriptions.get(moved).is_some_and(|s| !s.is_level(id, channel))
        {
            self.look_after(moved);
        }
    }

    /// Sees to it that somebody is visited, unless it waits for room.
    fn look_after(&mut self, sub: Id<Subscription>) {
        if let Some(subscription) = self.subscriptions.get(sub)
            && !matches!(&subscription.reads, Reads::Many(many) if many.standing == Standing::Stuck)
        {
            self.resume(sub);
        }
    }

    /// Forgets what a channel need not keep.
    fn trim(&mut self, id: Id<Channel>, somebody_listens: bool, now: Moment) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        let before = channel.history.bytes();
        let keep = channel.keep(&self.settings.keep);
        self.counters.trimmed += channel.history.trim(&keep, somebody_listens, now) as u64;
        self.history_bytes = self.history_bytes + channel.history.bytes() - before;
    }

    /// Moves a subscriber to message `next`, forward or back.
    pub fn seek(&mut self, id: Id<Subscription>, next: u64) {
        let Self { channels, subscriptions, .. } = self;
        if let Some(subscription) = subscriptions.get_mut(id)
            && let Reads::One(one) = &mut subscription.reads
            && let Some(channel) = channels.get(one.channel)
        {
            one.next = next.min(channel.history.head());
        }
    }

    /// The subscriber has room again, or wants another look.
    pub fn resume(&mut self, id: Id<Subscription>) {
        let Some(subscription) = self.subscriptions.get_mut(id) else { return };
        if let Reads::Many(many) = &mut subscription.reads {
            many.standing = Standing::Behind;
        }
        if !subscription.queued {
            subscription.queued = true;
            self.behind.push_back(id);
        }
    }

    /// Takes room from a channel's history until `bytes` are free or only what waits is left; returns whether anything
    /// was taken.
    pub fn make_room(&mut self, id: Id<Channel>, bytes: usize, now: Moment) -> bool {
        let Some(channel) = self.channels.get_mut(id) else { return false };
        let before = channel.history.bytes();
        let keep = Keep { bytes: before.saturating_sub(bytes), ..channel.keep(&self.settings.keep) };
        self.counters.trimmed += channel.history.trim(&keep, !channel.members.is_empty(), now) as u64;
        self.history_bytes = self.history_bytes + channel.history.bytes() - before;
        channel.history.bytes() < before
    }

    /// Bytes of messages kept.
    pub fn history_bytes(&self) -> usize {
        self.history_bytes
    }

    /// Bytes of all tables, counted anew; walks over all channels.
    pub fn table_bytes(&self) -> usize {
        let channels: usize = self.channels.iter().map(|(_, c)| c.bytes()).sum();
        channels + self.quick_table_bytes() + self.many_bytes - self.names_bytes
    }

    /// Bytes of those who read several channels, beyond what every reader takes.
    pub fn many_bytes(&self) -> usize {
        self.many_bytes
    }

    /// Bytes of the tables that are known without a walk.
    pub fn quick_table_bytes(&self) -> usize {
        self.channels.len() * Arena::<Channel>::slot_bytes()
            + self.subscriptions.len() * (Arena::<Subscription>::slot_bytes() + size_of::<Id<Subscription>>())
            + self.names.bytes()
            + self.names_bytes
            + self.wheel.bytes()
            + self.broadcasts.bytes()
            + self.sessions.bytes()
            + self.patterns.bytes()
            + self.media.bytes()
    }

    /// Who reads a channel.
    pub fn owners(&self, id: Id<Channel>) -> impl Iterator<Item = Owner> {
        let members = self.channels.get(id).map_or(&[][..], |channel| &channel.members);
        members.iter().filter_map(|sub| self.subscriptions.get(*sub)).map(|sub| sub.owner)
    }
}

/// What a subscriber asks of a channel.
#[derive(Clone, Copy, Debug)]
pub struct Join<'a> {
    /// The number of the first message wanted.
    pub next: u64,
    /// Whom to hand it to.
    pub owner: Owner,
    /// The name to be listed under.
    pub who: Option<&'a str>,
    /// The first notice wanted; `None` for only those to come.
    pub notices: Option<u64>,
}

#[cfg(test)]
mod tests;
