//! One reader: a cursor in one channel, or in several at once.
//! Knows nothing of what is handed to it.
use super::mailbox::is_private;
use super::session::Session;
use super::{Channel, Owner};
use crate::arena::Id;

/// One reader: a cursor, not a queue. Most read one channel, and cost no more for there being others who read many.
#[derive(Debug)]
pub struct Subscription {
    pub(super) reads: Reads,
    /// Index in the channel's members for a reader of one, kept true by [`Channel::unseat`].
    pub(super) seat: u32,
    /// Already in the queue of those behind.
    pub(super) queued: bool,
    /// Its end is to be told.
    pub(super) told: bool,
    /// It is counted as a watcher in its channels.
    pub(super) watches: bool,
    /// What a reader of one has of its channel, for deltas.
    pub(super) base: Base,
    /// Whom to hand it to; the hub only carries it.
    pub(super) owner: Owner,
}

/// Whether a reader may be told what differs from the message before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Base {
    /// It has not asked for that.
    #[default]
    Unasked,
    /// It has asked, and nobody knows whether it has the message before.
    Unknown,
    /// It was handed the message before by this very subscription.
    Held,
}

impl Base {
    /// What is known after messages `from..next` have been handed over. What is skipped later, because it was trimmed or has expired,
    /// needs no look: it is the message before the next one then, and is not there to be a base.
    pub(super) fn after(self, from: u64, next: u64) -> Self {
        if self == Self::Unknown && from < next { Self::Held } else { self }
    }

    /// What is known after the cursor was moved.
    pub(super) fn moved(self) -> Self {
        if self == Self::Held { Self::Unknown } else { self }
    }
}

/// What is read.
#[derive(Debug)]
pub(super) enum Reads {
    /// One channel.
    One(One),
    /// Several, in the order of the log.
    Many(Box<Many>),
}

/// A cursor in one channel.
#[derive(Debug)]
pub(super) struct One {
    pub(super) channel: Id<Channel>,
    /// The number of the next message it has not been handed.
    pub(super) next: u64,
    /// The number of the next notice it has not been handed; 0 if it does not listen to them.
    pub(super) notices: u64,
    /// The name it is listed under.
    pub(super) who: Option<Box<str>>,
}

/// Cursors in several channels, handed over as one.
#[derive(Debug)]
pub(super) struct Many {
    /// Sorted by channel.
    pub(super) seats: Vec<Seat>,
    pub(super) standing: Standing,
    /// The client of whom it is, kept alive by it.
    pub(super) session: Option<Id<Session>>,
    /// Channels that it wants and that were not there when it was last looked at.
    pub(super) absent: Vec<Box<str>>,
    /// What it may read of those.
    pub(super) access: Access,
    /// It takes its seat in one of those as soon as that has come to be, and not only when it is handed something.
    pub(super) awaits: bool,
    /// The name it is listed under, in all of them.
    pub(super) who: Option<Box<str>>,
    /// With a name, what it knows of the people of each channel, in the order of the seats: most have none, and pay for none.
    pub(super) ears: Vec<Ear>,
    /// Its seats are taken one by one ([`super::Hub::join_beside`]), some perhaps under names of their own. A channel that has ended
    /// is not wanted again.
    pub(super) is_by_seat: bool,
    /// It is over when one of its channels is.
    pub(super) ends_with_any: bool,
    /// It has asked for deltas in all channels, those that come to be as well.
    pub(super) wants_deltas: bool,
}

/// Which channels may be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Those that everybody may read.
    pub open: bool,
    /// Those that were registered for clients with a session.
    pub sessions: bool,
    /// Those whose names are private ([`super::is_private`]).
    pub private: bool,
}

impl Access {
    /// Whether this channel may be.
    pub fn allows(self, channel: &Channel) -> bool {
        if is_private(channel.name()) && !self.private {
            return false;
        }
        if channel.registered().is_some_and(|own| own.sessions) { self.sessions } else { self.open }
    }
}

/// A seat in one of several channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) channel: Id<Channel>,
    /// The number of the next message it has not been handed.
    pub(super) next: u64,
    /// Index in the channel's members.
    pub(super) seat: u32,
    /// What it has of the channel, for deltas.
    pub(super) base: Base,
}

/// What a reader of several knows of the people in one of its channels.
#[derive(Clone, Default, Debug)]
pub(super) struct Ear {
    /// The number of the next notice it has not been handed; 0 if it does not listen to them.
    pub(super) notices: u64,
    /// It is listed there under its name; a roster may have been full.
    pub(super) listed: bool,
    /// The name, where it is not the same in all of them.
    pub(super) own: Option<Box<str>>,
}

/// What is known of a reader of several without looking at all its channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// It has everything of those of its channels that are not hot.
    Level,
    /// It may lack something anywhere.
    Behind,
    /// It has no room; [`super::Hub::resume`] will be called.
    Stuck,
}

impl Many {
    /// One that reads nothing yet.
    pub(super) fn new(access: Access, awaits: bool, session: Option<Id<Session>>) -> Self {
        let (seats, absent, ears) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            seats,
            standing: Standing::Level,
            session,
            absent,
            access,
            awaits,
            who: None,
            ears,
            is_by_seat: false,
            ends_with_any: false,
            wants_deltas: false,
        }
    }

    /// Which of its seats is in this channel.
    pub(super) fn find(&self, channel: Id<Channel>) -> Option<usize> {
        self.seats.binary_search_by_key(&channel.to_bits(), |seat| seat.channel.to_bits()).ok()
    }

    /// Bytes it takes, with its places in the channels' lists.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.seats.len() * (size_of::<Seat>() + size_of::<Id<Subscription>>())
            // Who takes them one by one keeps a list of them.
            + if self.is_by_seat { self.seats.len() * size_of::<(Id<Channel>, Id<Subscription>)>() } else { 0 }
            + self.absent.iter().map(|name| name.len() + size_of::<Box<str>>()).sum::<usize>()
            + self.who.as_ref().map_or(0, |who| who.len())
            + self.ears.len() * size_of::<Ear>()
            + self.ears.iter().filter_map(|ear| ear.own.as_ref()).map(|own| own.len()).sum::<usize>()
    }

    /// The number of the next notice of a seat's channel that it has not been handed; 0 if it does not listen to them.
    pub(super) fn notices(&self, seat: usize) -> u64 {
        self.ears.get(seat).map_or(0, |ear| ear.notices)
    }

    /// The name that it is listed under in a seat's channel.
    pub(super) fn listed_as(&self, seat: usize) -> Option<&str> {
        let ear = self.ears.get(seat).filter(|ear| ear.listed)?;
        ear.own.as_deref().or(self.who.as_deref())
    }
}

impl Subscription {
    /// Whom to hand it to.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// The channel it reads, if it reads just one.
    pub fn channel(&self) -> Option<Id<Channel>> {
        match &self.reads {
            Reads::One(one) => Some(one.channel),
            Reads::Many(_) => None,
        }
    }

    /// The number of the next message it has not been handed, if it reads just one channel.
    pub fn next(&self) -> Option<u64> {
        match &self.reads {
            Reads::One(one) => Some(one.next),
            Reads::Many(_) => None,
        }
    }

    /// Every channel it reads, and the number of the next message it has not been handed there.
    pub fn seats(&self) -> impl Iterator<Item = (Id<Channel>, u64)> {
        let (one, many): (_, &[Seat]) = match &self.reads {
            Reads::One(one) => (Some((one.channel, one.next)), &[]),
            Reads::Many(many) => (None, &many.seats),
        };
        one.into_iter().chain(many.iter().map(|seat| (seat.channel, seat.next)))
    }

    /// The name it is listed under; where it has several, one of them.
    pub fn who(&self) -> Option<&str> {
        match &self.reads {
            Reads::One(one) => one.who.as_deref(),
            Reads::Many(many) => {
                many.who.as_deref().or_else(|| many.ears.iter().find_map(|ear| ear.own.as_deref()))
            }
        }
    }

    /// The name that it has in a channel, whether there was room to list it or not.
    pub(crate) fn who_in(&self, channel: Id<Channel>) -> Option<&str> {
        match &self.reads {
            Reads::One(one) => one.who.as_deref(),
            Reads::Many(many) => {
                let ear = many.find(channel).and_then(|i| many.ears.get(i));
                ear.and_then(|ear| ear.own.as_deref()).or(many.who.as_deref())
            }
        }
    }

    /// Whether it is listed in this channel.
    pub(super) fn is_listed_in(&self, channel: Id<Channel>) -> bool {
        match &self.reads {
            Reads::One(one) => one.who.is_some(),
            Reads::Many(many) => many.find(channel).is_some_and(|seat| many.listed_as(seat).is_some()),
        }
    }

    /// Whether it wants channels that were not there: then it may lack something that no seat of its shows.
    pub fn misses_channels(&self) -> bool {
        matches!(&self.reads, Reads::Many(many) if !many.absent.is_empty())
    }

    /// Its index in the members of a channel that it reads.
    pub(super) fn seat_in(&self, channel: Id<Channel>) -> Option<u32> {
        match &self.reads {
            Reads::One(one) => (one.channel == channel).then_some(self.seat),
            Reads::Many(many) => many.find(channel).map(|i| many.seats[i].seat),
        }
    }

    pub(super) fn set_seat(&mut self, channel: Id<Channel>, to: u32) {
        match &mut self.reads {
            Reads::One(_) => self.seat = to,
            Reads::Many(many) => {
                if let Some(i) = many.find(channel) {
                    many.seats[i].seat = to;
                }
            }
        }
    }

    /// Whether it has everything of a channel that it reads.
    pub(super) fn is_level(&self, id: Id<Channel>, channel: &Channel) -> bool {
        match &self.reads {
            Reads::One(one) => channel.is_level(one.next, one.notices),
            Reads::Many(many) => {
                many.find(id).is_none_or(|i| channel.is_level(many.seats[i].next, many.notices(i)))
            }
        }
    }
}
