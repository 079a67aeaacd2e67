//! Requests to applications that are under way: what is asked, for whom, and until when.
//! Knows nothing of connections to them: the shell makes those, and says what came of it.
mod answer;
mod ask;
mod events;
mod follow;
mod message;

use std::collections::VecDeque;

use events::Waiting;
use hashbrown::HashMap;

pub(crate) use ask::{Errand, Step};

use crate::arena::{Arena, Id};
use crate::config::Upstream;
use crate::conn::Conn;
use crate::dialect::hooks::Follow;
use crate::hub::{Seed, Subscription};
use crate::time::Moment;
use crate::wheel::Wheel;
use crate::wire::http1::fetched::Fetched;

/// One request to an application.
#[derive(Debug)]
pub struct Hook {
    upstream: Upstream,
    request: Box<[u8]>,
    /// Whose request waits for the answer; nobody's, if the application is only told something.
    of: Option<Id<Conn>>,
    until: Moment,
}

impl Hook {
    /// Whom to ask.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    pub(super) fn of(&self) -> Option<Id<Conn>> {
        self.of
    }

    /// The whole request, as it is sent.
    pub fn request(&self) -> &[u8] {
        &self.request
    }
}

/// What came of a request to an application.
#[derive(Debug)]
pub enum HookAnswer<'a> {
    /// A whole answer.
    Whole(&'a Fetched),
    /// None that can be used.
    Failed(HookFailure),
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HookFailure {
    /// It could not be connected to, or ended the connection, or what it said is no HTTP.
    Broken,
    /// Its answer is larger than may be.
    TooLarge,
    /// It did not answer in time.
    TooSlow,
}

/// All requests to applications.
pub(super) struct Hooks {
    table: Arena<Hook>,
    wheel: Wheel<Id<Hook>>,
    /// Whose beginning and end are told.
    followed: HashMap<Id<Subscription>, Box<Follow>, Seed>,
    /// Events of channels that wait to be published.
    waiting: VecDeque<Waiting>,
    /// Bytes of requests, of what is told of subscriptions, and of events.
    bytes: usize,
    fired: Vec<Id<Hook>>,
}

impl Hooks {
    /// None, of so many at most.
    pub(super) fn new(most: usize, seed: Seed) -> Self {
        Self {
            table: Arena::with_limit(most),
            wheel: Wheel::default(),
            followed: HashMap::with_hasher(seed),
            waiting: VecDeque::new(),
            bytes: 0,
            fired: Vec::new(),
        }
    }

    /// How many there may be from now on.
    pub(super) fn set_limit(&mut self, most: usize) {
        self.table.set_limit(most);
    }

    /// How many are under way.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// When one of them has taken too long.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.wheel.next()
    }

    /// Bytes of all this.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
            + self.table.len() * Arena::<Hook>::slot_bytes()
            + self.followed.len() * size_of::<(Id<Subscription>, Box<Follow>)>()
            + self.wheel.len() * size_of::<(u64, Id<Hook>)>()
    }

    /// Whether nothing is under way and nobody is followed.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty() && self.followed.is_empty() && self.waiting.is_empty() && self.bytes == 0
    }

    /// Puts one on its way; `None` when there are as many as may be.
    fn insert(&mut self, hook: Hook) -> Option<Id<Hook>> {
        let (until, bytes) = (hook.until, hook.request.len());
        let id = self.table.insert(hook)?;
        self.bytes += bytes;
        self.wheel.arm(until, id);
        Some(id)
    }

    /// Takes one out.
    fn remove(&mut self, id: Id<Hook>) -> Option<Hook> {
        let hook = self.table.remove(id)?;
        self.bytes -= hook.request.len();
        Some(hook)
    }

    /// How many are waited for.
    pub(super) fn asking(&self) -> usize {
        self.table.iter().filter(|(_, hook)| hook.of.is_some()).count()
    }

    pub(super) fn get(&self, id: Id<Hook>) -> Option<&Hook> {
        self.table.get(id)
    }
}
