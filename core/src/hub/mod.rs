//! Channels, their histories and their subscribers.
//! Knows nothing of HTTP, sockets or dialects. Publishing appends and marks; delivery is [`Hub::pump`].
mod beside;
mod channel;
mod check;
mod chronicle;
mod fanout;
mod groups;
mod history;
mod index;
mod join;
mod journal;
mod kept;
mod life;
mod mailbox;
mod many;
mod media;
mod mortal;
mod names;
mod pattern;
mod publish;
mod rebuild;
mod replay;
mod revive;
mod roster;
mod rules;
mod secret;
mod session;
mod settings;
mod stamps;
mod start;
mod subscription;
mod sweep;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use channel::{Channel, Posted, Registered};
pub use chronicle::{Chronicle, Record, What};
pub use fanout::{Took, Visit};
pub use groups::{Census, Group, GroupFull, GroupLimits, group_of};
pub use history::{Beside, History, Keep, Kind, Message};
pub use join::Join;
pub use mailbox::is_private;
pub use many::Wanted;
pub use media::{Media, body_of, bytes_of};
pub use names::Seed;
pub use pattern::{Pattern, Patterns};
pub use roster::{Change, Notice, Roster};
pub use secret::Secret;
pub use session::{Denied, Session};
pub use settings::Settings;
pub use start::{Because, From, Lost, Place, Start};
pub use subscription::{Access, Base, Subscription};

use crate::arena::{Arena, Id};
use crate::config::ChannelPattern;
use crate::counters::Counters;
use crate::log::{Life, Lives, Log, Position, Sealer};
use crate::time::Moment;
use crate::wheel::Wheel;
use fanout::Hot;
use groups::Groups;
use many::Due;
use media::MediaTable;
use names::Names;
use revive::Awaited;
use session::Sessions;
use stamps::Stamps;
use sweep::{Announcing, Broadcasts};

/// Whom a subscription delivers to: a connection's id, as bits. The hub only carries it.
pub type Owner = u64;

/// A table is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Bytes that a name takes in the table in which names have an order, which is never quite full.
const SORTED_BYTES: usize = 40;

/// All channels.
pub struct Hub {
    names: Names<Channel>,
    /// The same in the order of their names.
    sorted: BTreeMap<Arc<str>, Id<Channel>>,
    /// What channels keep whose names these patterns match; the first holds.
    rules: Vec<(ChannelPattern, Keep)>,
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
    groups: Groups,
    /// Whether groups are counted: only where somebody wants to know.
    counts_groups: bool,
    /// Names that have ended and are waited for by readers of several channels.
    awaited: Awaited,
    /// The indexes that one message goes to; kept for its room.
    matched: Vec<Id<Channel>>,
    settings: Settings,
    seed: Seed,
    /// What marks channels in cursors, and what signs those.
    cursors: Seed,
    sealer: Sealer,
    stamps: Stamps,
    /// The life of the log, and those that it has had before: its messages are known by their ids, too.
    life: Life,
    lives: Lives,
    /// What is said of bodies.
    media: MediaTable,
    /// How many channels were ever made.
    made: u64,
    /// Where in the log the last message stands of any channel that has ended: behind it, no life before the present one has
    /// anything that a reader could have missed.
    ended: u64,
    /// Counts what happens to values that are kept over a restart.
    kept_changes: u64,
    /// Bytes of those who read several channels.
    many_bytes: usize,
    /// What somebody who is visited lacks; kept for its room.
    due: Due,
    /// Bytes of all messages kept, and how many there are.
    history_bytes: usize,
    messages: usize,
    /// Bytes of all names and rosters.
    names_bytes: usize,
    /// Where the numbers of the next roster begin: beyond those of all that there have been, in this life of the server or before.
    roster_from: u64,
    fired: Vec<Id<Channel>>,
    /// Subscriptions that have ended and whose end is to be told.
    ends: VecDeque<Id<Subscription>>,
    counters: Counters,
    chronicle: Chronicle,
    /// What has happened, where a journal is kept.
    notes: Option<Box<journal::Notes>>,
}

impl Hub {
    /// A hub without channels, whose log is empty.
    pub fn new(settings: Settings, log: Log, seed: Seed) -> Self {
        // How many channels there may be is decided by their names: closed ones wait here for their members.
        let mut channels = Arena::with_limit(usize::MAX);
        let log_epoch = log.epoch();
        let announcing = Announcing::new(&mut channels, log.head());
        // Microseconds since 1970: no roster has changed a million times a second, and JavaScript can count as far.
        let roster_from = log.base().saturating_mul(1_000_000 / Log::IDS_A_SECOND);
        let chronicle = Chronicle::new(&settings);
        Self {
            names: Names::new(seed),
            sorted: BTreeMap::new(),
            rules: Vec::new(),
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
            groups: Groups::new(seed),
            counts_groups: settings.counts_groups,
            awaited: Awaited::new(seed),
            matched: Vec::new(),
            settings,
            seed,
            cursors: seed,
            sealer: seed.sealer(),
            stamps: Stamps::default(),
            life: Life::of(log_epoch),
            lives: Lives::default(),
            media: MediaTable::default(),
            made: 0,
            ended: 0,
            kept_changes: 0,
            many_bytes: 0,
            due: Due::new(),
            history_bytes: 0,
            messages: 0,
            names_bytes: 0,
            roster_from,
            fired: Vec::new(),
            ends: VecDeque::new(),
            counters: Counters::default(),
            chronicle,
            notes: None,
        }
    }

    /// Changes the settings; what is there stays, and is trimmed when it is next touched.
    pub fn set(&mut self, settings: Settings) {
        self.count_groups(settings.counts_groups);
        self.chronicle.set(&settings);
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

    /// What signs cursors.
    pub fn sealer(&self) -> Sealer {
        self.sealer
    }

    /// Where the log ends.
    pub fn head(&self) -> Position {
        self.log.head()
    }

    /// The number by which a message is known outside of its channel, from its offset.
    pub fn id_of(&self, offset: u64) -> u64 {
        self.log.id_of(offset)
    }

    /// Messages that are published from now on get numbers behind this one.
    pub fn use_up(&mut self, id: u64) {
        self.log.reach(id);
    }

    /// The offset of the message with such a number, or of the last before it in this log.
    pub fn offset_of(&self, id: u64) -> u64 {
        self.log.offset_of(id)
    }

    /// The wall clock has moved. When it has stepped back, messages go on in the second of the last.
    pub fn set_clock(&mut self, unix_seconds: u64) {
        self.stamps.set_clock(unix_seconds);
    }

    /// What the ids of this log's messages say besides second and number.
    pub fn life(&self) -> Life {
        self.life
    }

    /// Ends the life that the log has had so far: from now on it has that of its epoch.
    pub(super) fn begin_life(&mut self) {
        let life = Life::of(self.log.epoch());
        if life != self.life {
            self.lives.end(self.life, self.stamps.next());
            self.life = life;
        }
    }

    /// How many channels were ever made.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// How many channels have a name.
    pub fn channels(&self) -> usize {
        self.names.len()
    }

    /// Slots of the table of channels: the end of a walk with [`Hub::named_at`].
    pub fn slots(&self) -> usize {
        self.channels.slots()
    }

    /// The channel in this slot, if one is there that has a name.
    pub fn named_at(&self, slot: usize) -> Option<(Id<Channel>, &Channel)> {
        let id = self.channels.id_at(slot)?;
        let channel = self.channels.get(id)?;
        let is_named = !channel.closed && !channel.is_index && id != self.announcing.feed;
        is_named.then_some((id, channel))
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
        counters.messages_expired += since.messages_expired;
        counters.channels_opened += since.channels_opened;
        counters.channels_closed += since.channels_closed;
        counters.roster_refused += since.roster_refused;
        counters.broadcasts_refused += since.broadcasts_refused;
        counters.sessions_refused += since.sessions_refused;
    }

    /// Bytes of messages kept.
    pub fn history_bytes(&self) -> usize {
        self.history_bytes
    }

    /// Messages kept.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// A channel's history was another before: so many messages, so many bytes.
    fn weigh(&mut self, id: Id<Channel>, before: (usize, usize)) {
        let Some(channel) = self.channels.get(id) else { return };
        self.history_bytes = self.history_bytes + channel.history.bytes() - before.1;
        self.messages = self.messages + channel.history.len() - before.0;
        self.groups.count_history(channel, before);
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
            + self.sorted.len() * SORTED_BYTES
            + self.names_bytes
            + self.wheel.bytes()
            + self.broadcasts.bytes()
            + self.sessions.bytes()
            + self.patterns.bytes()
            + self.groups.bytes()
            + self.awaited.bytes()
            + self.media.bytes()
            + self.chronicle.bytes()
    }

    /// Where those of `owners`, in their order, stand who read a channel: the number of the next message for each.
    pub fn standing_of(&self, id: Id<Channel>, owners: &[Owner]) -> Vec<(Owner, u64)> {
        let members = self.channels.get(id).map_or(&[][..], |channel| &channel.members);
        let readers = members.iter().filter_map(|sub| self.subscriptions.get(*sub));
        let wanted = readers.filter(|reader| owners.binary_search(&reader.owner).is_ok());
        wanted
            .filter_map(|reader| Some((reader.owner, reader.seats().find(|(channel, _)| *channel == id)?.1)))
            .collect()
    }

    /// Who reads a channel.
    pub fn owners(&self, id: Id<Channel>) -> impl Iterator<Item = Owner> {
        let members = self.channels.get(id).map_or(&[][..], |channel| &channel.members);
        members.iter().filter_map(|sub| self.subscriptions.get(*sub)).map(|sub| sub.owner)
    }

    /// Who reads a channel under this name.
    pub fn owners_as<'h>(&'h self, id: Id<Channel>, who: &'h str) -> impl Iterator<Item = Owner> + 'h {
        let members = self.channels.get(id).map_or(&[][..], |channel| &channel.members);
        let named = move |sub: &&Subscription| sub.who_in(id) == Some(who);
        members.iter().filter_map(|sub| self.subscriptions.get(*sub)).filter(named).map(|sub| sub.owner)
    }
}

#[cfg(test)]
mod tests;
