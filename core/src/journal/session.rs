//! Sessions of Bayeux, as they are written down: whole, and what happens to one. Knows nothing of how they are served.
//!
//! A session is written whole when it begins, when everything is written anew, and when the server ends on purpose. In between its
//! subscriptions are, and not what it is handed: with acknowledgements the number of a batch says where its client stands. Without,
//! it is written whole as well when its client has been away for a moment, and a line says that it is handed something then.
use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::write::is_false;

/// A session of Bayeux.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSession {
    /// Its secret.
    pub client: Box<str>,
    /// What stands before the names of its channels, and its client does not see.
    pub prefix: Box<str>,
    /// The browser that it belongs to.
    pub browser: Option<Box<str>>,
    /// Where its client came from.
    pub peer: IpAddr,
    /// It began on the admin side.
    pub is_admin: bool,
    /// The address of the listener that it began by.
    pub listener: Option<Box<str>>,
    /// Its client takes advice.
    pub takes_advice: bool,
    /// With the ack extension, the numbers of its batches.
    pub acks: Option<KeptAcks>,
    /// The last message that it has been handed, by its number over all channels.
    pub at: u64,
    /// Messages that it will never get, and has not been told of.
    pub lost: u64,
    /// It may have missed more than these, nobody knows how many.
    pub is_unsure: bool,
    /// Where it stands is for its client to say: the last server was cut off, and it has not been back since.
    pub is_open: bool,
    /// Something that it subscribes may be missing here: it goes on only until it has been handed what there is.
    pub parts: bool,
    /// Its client does not say where it stands, and stands here: it has been handed nothing since.
    pub rests: bool,
    /// Messages of channels that it does not read any more, which it will never get, and the last batch in which that was not told. 0
    /// is none.
    pub missed: (u64, u64),
    /// What it reads.
    pub seats: Vec<KeptSeat>,
}

/// Numbers of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptAcks {
    /// The message that they count from, by its number over all channels.
    pub from: u64,
    /// That of the last batch.
    pub last: u64,
    /// The last that is known to have come.
    pub acked: u64,
    /// Messages that were said to be missing with the last.
    pub lost: u64,
    /// Others were said to be missing perhaps, nobody knows how many.
    pub is_unsure: bool,
}

/// One subscription of a session. `floor`, `next` and those of the marks are numbers of messages in the channel or index, and count
/// when the server has ended on purpose; `since`, `had` and `handed` are places in the log, and count when it was cut off: an index is
/// another one then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSeat {
    /// The channel or pattern.
    pub name: Box<str>,
    /// The message before its first, by its number over all channels.
    pub since: u64,
    /// Where the log stood when the channel was made: which life of it this is.
    pub born: u64,
    /// The first message that its client is not known to have.
    pub floor: u64,
    /// The message that it is handed next.
    pub next: u64,
    /// Batches on their way, and the message that stood next behind each.
    pub marks: Vec<(u64, u64)>,
    /// A place before the floor and behind whatever its client is known to have, by its number over all channels.
    pub had: u64,
    /// A place before the next and behind whatever it has been handed, by its number over all channels.
    pub handed: u64,
    /// It was subscribed since the session was written whole, when this was the last batch: that one had nothing of it.
    pub behind: Option<u64>,
    /// Messages of earlier lives of the channel that it will never get, which is told with the next batch.
    pub lost: u64,
}

/// A subscription that a session has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// The session's secret.
    pub client: Box<str>,
    /// The channel or pattern.
    pub name: Box<str>,
    /// The message before its first, by its number over all channels.
    pub since: u64,
    /// Where the log stood when the channel was made.
    pub born: u64,
    /// With the ack extension, the number of the last batch.
    pub behind: u64,
    /// Messages of an earlier life of the channel that the session will never get.
    pub lost: u64,
}

/// A subscription that has ended with its channel: there was no room in the place of that, or no right to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The session's secret.
    pub client: Box<str>,
    /// The channel.
    pub name: Box<str>,
    /// With the ack extension, the number of the last batch.
    pub behind: u64,
    /// Messages of the channel that the session will never get; 1 if it had all.
    pub lost: u64,
}

impl KeptSession {
    /// Up to where a client has all of a seat that shows this number.
    pub fn place(&self, seat: &KeptSeat, shown: u64) -> u64 {
        let Some(acks) = self.acks else { return seat.handed };
        let place = acks.from.saturating_add(shown).max(seat.since);
        match seat.behind {
            Some(behind) if shown <= behind => seat.since,
            Some(_) => place,
            None if shown <= acks.acked => seat.had,
            // This one may be no place.
            None if shown == acks.last => seat.handed,
            None => place,
        }
    }

    /// What it reads by this name.
    pub fn find(&self, name: &str) -> Option<&KeptSeat> {
        let at = self.seats.binary_search_by(|seat| (*seat.name).cmp(name)).ok()?;
        self.seats.get(at)
    }

    /// Takes note of a subscription.
    pub fn subscribe(&mut self, begun: Subscribed) {
        let Subscribed { name, since, born, behind, lost, .. } = begun;
        let lost = self.find(&name).map_or(0, |before| before.lost) + lost;
        let seat = KeptSeat {
            name,
            since,
            born,
            floor: 0,
            next: 0,
            marks: Vec::new(),
            had: since,
            handed: since,
            behind: Some(behind),
            lost,
        };
        match self.seats.binary_search_by(|other| other.name.cmp(&seat.name)) {
            Ok(at) => self.seats[at] = seat,
            Err(at) => self.seats.insert(at, seat),
        }
    }

    /// A subscription has ended. What was lost with an earlier life of its channel is to be told all the same.
    pub fn unsubscribe(&mut self, name: &str) {
        if let Ok(at) = self.seats.binary_search_by(|seat| (*seat.name).cmp(name)) {
            let seat = self.seats.remove(at);
            self.miss(seat.lost, seat.behind.unwrap_or(0));
        }
    }

    /// So many messages it will never get, which is told behind this batch.
    pub fn miss(&mut self, lost: u64, behind: u64) {
        if lost > 0 {
            self.missed = (self.missed.0.saturating_add(lost), self.missed.1.max(behind));
        }
    }

    /// What it has missed that is not told up to this batch, at most.
    pub fn missed_behind(&self, shown: u64) -> u64 {
        let (lost, behind) = self.missed;
        if shown <= behind { lost } else { 0 }
    }

    /// Bytes of it where it waits for its client.
    pub fn bytes(&self) -> usize {
        let names: usize = self.seats.iter().map(|seat| size_of::<KeptSeat>() + seat.name.len()).sum();
        let listener = self.listener.as_ref().map_or(0, |own| own.len());
        size_of::<Self>() + self.client.len() + self.prefix.len() + listener + names
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionLine<'a> {
    #[serde(borrow)]
    client: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    browser: Option<Cow<'a, str>>,
    peer: IpAddr,
    #[serde(default, skip_serializing_if = "is_false")]
    admin: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listener: Option<Cow<'a, str>>,
    advice: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    from: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acked: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<(u64, bool)>,
    at: u64,
    lost: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    unsure: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    open: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    parts: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    rests: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missed: Option<(u64, u64)>,
    seats: Vec<SeatLine<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeatLine<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    since: u64,
    born: u64,
    floor: u64,
    next: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    marks: Vec<(u64, u64)>,
    #[serde(default)]
    had: u64,
    #[serde(default)]
    handed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    behind: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    lost: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscribedLine<'a> {
    #[serde(borrow)]
    client: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    since: u64,
    born: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    behind: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    lost: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MissedLine<'a> {
    #[serde(borrow)]
    client: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_zero")]
    behind: u64,
    lost: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl<'a> From<&'a KeptSession> for SessionLine<'a> {
    fn from(kept: &'a KeptSession) -> Self {
        let seat = |seat: &'a KeptSeat| SeatLine {
            name: Cow::Borrowed(&seat.name),
            since: seat.since,
            born: seat.born,
            floor: seat.floor,
            next: seat.next,
            marks: seat.marks.clone(),
            had: seat.had,
            handed: seat.handed,
            behind: seat.behind,
            lost: seat.lost,
        };
        Self {
            client: Cow::Borrowed(&kept.client),
            prefix: Some(&*kept.prefix).filter(|prefix| !prefix.is_empty()).map(Cow::Borrowed),
            browser: kept.browser.as_deref().map(Cow::Borrowed),
            peer: kept.peer,
            admin: kept.is_admin,
            listener: kept.listener.as_deref().map(Cow::Borrowed),
            advice: kept.takes_advice,
            batch: kept.acks.map(|acks| acks.last),
            from: kept.acks.map_or(0, |acks| acks.from),
            acked: kept.acks.map(|acks| acks.acked).filter(|acked| Some(*acked) != kept.acks.map(|a| a.last)),
            told: kept.acks.map(|acks| (acks.lost, acks.is_unsure)).filter(|told| *told != (0, false)),
            at: kept.at,
            lost: kept.lost,
            unsure: kept.is_unsure,
            open: kept.is_open,
            parts: kept.parts,
            rests: kept.rests,
            missed: Some(kept.missed).filter(|missed| *missed != (0, 0)),
            seats: kept.seats.iter().map(seat).collect(),
        }
    }
}

impl From<SessionLine<'_>> for KeptSession {
    fn from(line: SessionLine<'_>) -> Self {
        let seat = |seat: SeatLine<'_>| KeptSeat {
            name: seat.name.into(),
            since: seat.since,
            born: seat.born,
            floor: seat.floor,
            next: seat.next,
            marks: seat.marks,
            had: seat.had,
            handed: seat.handed,
            behind: seat.behind,
            lost: seat.lost,
        };
        let (from, acked, (lost, is_unsure)) = (line.from, line.acked, line.told.unwrap_or_default());
        let mut seats: Vec<KeptSeat> = line.seats.into_iter().map(seat).collect();
        seats.sort_by(|one, other| one.name.cmp(&other.name));
        seats.dedup_by(|next, first| next.name == first.name);
        Self {
            client: line.client.into(),
            prefix: line.prefix.map(Into::into).unwrap_or_default(),
            browser: line.browser.map(Into::into),
            peer: line.peer,
            is_admin: line.admin,
            listener: line.listener.map(Into::into),
            takes_advice: line.advice,
            acks: line.batch.map(|last| KeptAcks {
                from,
                last,
                acked: acked.unwrap_or(last),
                lost,
                is_unsure,
            }),
            at: line.at,
            lost: line.lost,
            is_unsure: line.unsure,
            is_open: line.open,
            parts: line.parts,
            rests: line.rests,
            missed: line.missed.unwrap_or_default(),
            seats,
        }
    }
}

impl<'a> From<&'a Subscribed> for SubscribedLine<'a> {
    fn from(begun: &'a Subscribed) -> Self {
        let Subscribed { ref client, ref name, since, born, behind, lost } = *begun;
        Self { client: Cow::Borrowed(client), name: Cow::Borrowed(name), since, born, behind, lost }
    }
}

impl From<SubscribedLine<'_>> for Subscribed {
    fn from(line: SubscribedLine<'_>) -> Self {
        let SubscribedLine { client, name, since, born, behind, lost } = line;
        Self { client: client.into(), name: name.into(), since, born, behind, lost }
    }
}

impl<'a> From<&'a Missed> for MissedLine<'a> {
    fn from(missed: &'a Missed) -> Self {
        let Missed { ref client, ref name, behind, lost } = *missed;
        Self { client: Cow::Borrowed(client), name: Cow::Borrowed(name), behind, lost }
    }
}

impl From<MissedLine<'_>> for Missed {
    fn from(line: MissedLine<'_>) -> Self {
        let MissedLine { client, name, behind, lost } = line;
        Self { client: client.into(), name: name.into(), behind, lost }
    }
}
