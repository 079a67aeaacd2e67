//! Sessions: clients that outlive their connections. A session is a set of cursors, not a queue: what it has not had yet
//! stands in the histories of its channels.
//! Knows nothing of what is said to it.
use std::collections::VecDeque;
use std::net::IpAddr;

use hashbrown::HashMap;

use super::acks::{Acks, Gap};
use super::browsers::Browsers;
use super::client_id::ClientId;
use super::seats::Seat;
use crate::arena::{Arena, Id};
use crate::config::SegmentPrefix;
use crate::conn::{Conn, Role};
use crate::hub::{Owner, Seed};
use crate::journal::KeptSession;
use crate::machine::site::site;
use crate::time::Moment;
use crate::wheel::Wheel;

/// Sessions are owners of subscriptions beside connections: this bit, of an index that no table reaches, tells them apart.
const SESSION_BIT: u64 = 1 << 31;
/// As many entries has the table of sessions at most, and that of connections.
pub(in crate::machine) const TABLE_MAX: usize = SESSION_BIT as usize - 1;
/// Dead sessions of which it is known which living one has taken their place.
const SUCCESSORS_MAX: usize = 1024;

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) client: ClientId,
    /// What stands before the names of its channels, and does for as long as it lives.
    pub(super) prefix: SegmentPrefix,
    /// Sorted by name, as all others call them.
    pub(super) seats: Vec<Seat>,
    /// Where its connect waits, or the WebSocket that it is on.
    pub(super) conn: Option<Id<Conn>>,
    /// With the ack extension, the numbers of its batches.
    pub(super) acks: Option<Acks>,
    /// The last place in the log that it has been handed something from.
    pub(super) at: u64,
    /// What it has missed, and has not been told of.
    pub(super) gap: Gap,
    /// As it was written down by a server that was cut off: its client has not said yet where it stands.
    pub(super) stood: Option<Box<KeptSession>>,
    /// The side of the server that it began on.
    pub(super) role: Role,
    /// The listener that it began by.
    pub(super) listener: u8,
    /// The browser that it belongs to.
    pub(super) browser: Option<ClientId>,
    /// Its client takes advice: one that does not would ask again at once, whatever it is told.
    pub(super) takes_advice: bool,
    /// It was told to pause between connects, because its browser has others.
    pub(super) is_paced: bool,
    pub(super) peer: IpAddr,
    /// Its client has not been heard of for so long that it may be forgotten.
    pub(super) asleep: bool,
    /// Without a connect it falls asleep then, or is forgotten.
    pub(super) until: Moment,
    /// When the wheel will next look at it.
    pub(super) armed: Moment,
    /// Something that it subscribed may be forgotten: it is over when it has been handed what there is.
    pub(super) parts: bool,
    /// Where it stands is written down, and it has been handed nothing since. Only of those whose clients do not say it.
    pub(super) rests: bool,
    /// Without a connect, where it stands is written down then.
    pub(super) rests_at: Moment,
}

/// All sessions, and what is to be done for them once the hub has been round.
pub(crate) struct Sessions {
    pub(in crate::machine) table: Arena<Session>,
    pub(super) by_client: HashMap<ClientId, Id<Session>, Seed>,
    pub(super) wheel: Wheel<Id<Session>>,
    pub(super) fired: Vec<Id<Session>>,
    /// Sessions of each address that has any awake, loopback excepted.
    addresses: HashMap<IpAddr, u32, Seed>,
    /// Those who fell asleep, longest ago first, and until when; some have awoken since.
    pub(super) sleepers: VecDeque<(Id<Session>, Moment)>,
    /// The dead, and who has taken their place, latest last.
    successors: VecDeque<(ClientId, Id<Session>)>,
    /// Sessions of each browser that has a cookie.
    pub(super) browsers: Browsers,
    pub(super) seats: usize,
    /// How many are asleep.
    pub(super) asleep: usize,
    pub(super) names_bytes: usize,
    /// There has been a session with a prefix.
    has_prefixes: bool,
    /// Bytes of what was written down of those whose clients have not come back.
    pub(super) stood_bytes: usize,
    /// Cursors to be moved.
    pub(super) moves: Vec<(Id<Session>, usize, u64)>,
    /// Sessions with a seat in a channel that has ended.
    pub(super) homeless: Vec<(Id<Session>, Id<crate::hub::Channel>)>,
    /// WebSockets whose sessions lack more than they were handed.
    pub(super) unfinished: Vec<Id<Conn>>,
    /// Sessions that are over because of what they have missed.
    pub(super) doomed: Vec<Id<Session>>,
    /// Sessions with a batch whose number is no place, and the last message that a number of theirs may be taken for.
    pub(super) odd: Vec<Id<Session>>,
    pub(super) reached: u64,
    /// Sessions that have been handed something, and it was written down of them where they stand.
    pub(super) moved_on: Vec<Id<Session>>,
    /// Scratch.
    pub(super) events: Vec<u8>,
    pub(super) replies: Vec<u8>,
    pub(super) replies_of_connects: Vec<u8>,
}

impl Session {
    /// The owner of its subscriptions.
    pub(in crate::machine) fn owner(id: Id<Self>) -> Owner {
        id.to_bits() | SESSION_BIT
    }

    /// Where its client came from.
    pub(in crate::machine) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The seat of a channel or pattern, or where it would be.
    pub(super) fn find(&self, name: &str) -> Result<usize, usize> {
        self.seats.binary_search_by(|seat| (*seat.name).cmp(name))
    }
}

impl Sessions {
    pub(in crate::machine) fn new(seed: Seed) -> Self {
        Self {
            table: Arena::with_limit(TABLE_MAX),
            by_client: HashMap::with_hasher(seed),
            wheel: Wheel::default(),
            fired: Vec::new(),
            addresses: HashMap::with_hasher(seed),
            sleepers: VecDeque::new(),
            successors: VecDeque::new(),
            browsers: Browsers::new(seed),
            seats: 0,
            asleep: 0,
            names_bytes: 0,
            has_prefixes: false,
            stood_bytes: 0,
            moves: Vec::new(),
            homeless: Vec::new(),
            unfinished: Vec::new(),
            doomed: Vec::new(),
            odd: Vec::new(),
            reached: 0,
            moved_on: Vec::new(),
            events: Vec::new(),
            replies: Vec::new(),
            replies_of_connects: Vec::new(),
        }
    }

    /// The session that owns a subscription, if a session does.
    pub(in crate::machine) fn owner(owner: Owner) -> Option<Id<Session>> {
        if owner & SESSION_BIT == 0 {
            return None;
        }
        Id::from_bits(owner & !SESSION_BIT)
    }

    /// The connection on which a session waits, if it does.
    pub(in crate::machine) fn connection(&self, id: Id<Session>) -> Option<Id<Conn>> {
        self.table.get(id)?.conn
    }

    pub(in crate::machine) fn get(&self, id: Id<Session>) -> Option<&Session> {
        self.table.get(id)
    }

    pub(super) fn get_mut(&mut self, id: Id<Session>) -> Option<&mut Session> {
        self.table.get_mut(id)
    }

    /// What stands before the names of a new session's channels.
    pub(super) fn set_prefix(&mut self, id: Id<Session>, prefix: SegmentPrefix) {
        self.has_prefixes |= !prefix.is_empty();
        if let Some(session) = self.table.get_mut(id) {
            session.prefix = prefix;
        }
    }

    /// Whether no session has a prefix, and none has had one.
    pub(super) fn are_plain(&self) -> bool {
        !self.has_prefixes
    }

    pub(super) fn find(&self, client: &ClientId) -> Option<Id<Session>> {
        self.by_client.get(client).copied()
    }

    /// Who has taken the place of a session that is no more.
    pub(super) fn successor(&self, client: &ClientId) -> Option<Id<Session>> {
        let found = self.successors.iter().rev().find(|(dead, _)| dead == client)?;
        self.table.get(found.1).map(|_| found.1)
    }

    pub(super) fn succeed(&mut self, dead: ClientId, by: Id<Session>) {
        if self.successors.len() >= SUCCESSORS_MAX {
            self.successors.pop_front();
        }
        self.successors.push_back((dead, by));
    }

    /// Sessions of an address that are awake.
    pub(super) fn of_address(&self, peer: IpAddr) -> u32 {
        self.addresses.get(&site(peer)).copied().unwrap_or(0)
    }

    pub(super) fn insert(
        &mut self,
        client: ClientId,
        peer: IpAddr,
        acks: Option<Acks>,
        until: Moment,
    ) -> Option<Id<Session>> {
        let session = Session {
            client,
            prefix: SegmentPrefix::default(),
            seats: Vec::new(),
            conn: None,
            acks,
            at: 0,
            gap: Gap::default(),
            stood: None,
            role: Role::Front,
            listener: Conn::NO_LISTENER,
            browser: None,
            takes_advice: true,
            is_paced: false,
            peer,
            asleep: false,
            until,
            armed: until,
            parts: false,
            rests: false,
            rests_at: Moment::NEVER,
        };
        let id = self.table.insert(session)?;
        self.by_client.insert(client, id);
        self.wheel.arm(until, id);
        self.count(peer, true);
        Some(id)
    }

    pub(super) fn count(&mut self, peer: IpAddr, comes: bool) {
        if peer.is_loopback() {
            return;
        }
        let site = site(peer);
        let count = self.addresses.entry(site).or_insert(0);
        *count = if comes { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            self.addresses.remove(&site);
        }
    }

    /// Takes a session out; its subscriptions are the caller's to end.
    pub(super) fn remove(&mut self, id: Id<Session>) -> Option<Session> {
        let session = self.table.remove(id)?;
        self.by_client.remove(&session.client);
        if let Some(browser) = session.browser {
            self.browsers.leave(browser, id);
        }
        if session.asleep {
            self.asleep -= 1;
        } else {
            self.count(session.peer, false);
        }
        self.stood_bytes -= session.stood.as_ref().map_or(0, |stood| stood.bytes());
        self.seats -= session.seats.len();
        self.names_bytes -= session.seats.iter().map(|seat| seat.name.len()).sum::<usize>();
        Some(session)
    }

    /// How many there are.
    pub(in crate::machine) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many of them have been heard of.
    pub(in crate::machine) fn awake(&self) -> usize {
        self.table.len() - self.asleep
    }

    /// Bytes of all tables.
    pub(in crate::machine) fn bytes(&self) -> usize {
        let entry = Arena::<Session>::slot_bytes() + size_of::<(ClientId, Id<Session>)>() + 1;
        self.table.len() * entry
            + self.seats * size_of::<Seat>()
            + self.names_bytes
            + self.stood_bytes
            + self.browsers.bytes()
            + self.wheel.bytes()
            + self.sleepers.len() * size_of::<(Id<Session>, Moment)>()
            + self.successors.len() * size_of::<(ClientId, Id<Session>)>()
    }

    /// How many subscriptions they have.
    pub(in crate::machine) fn seats(&self) -> usize {
        self.seats
    }

    /// Whether nothing is left of anybody.
    pub(in crate::machine) fn is_pristine(&self) -> bool {
        self.table.is_empty()
            && self.addresses.is_empty()
            && self.seats == 0
            && self.browsers.bytes() == 0
            && self.stood_bytes == 0
    }
}
