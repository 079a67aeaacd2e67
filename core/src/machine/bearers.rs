//! The connections that a signed token is in force on, and when each of those is looked at again; and the tokens that were
//! right lately.
//! Knows nothing of what they are told then.
use hashbrown::HashMap;

use crate::arena::Id;
use crate::config::Tokens;
use crate::conn::Conn;
use crate::hub::{Seed, Subscription};
use crate::limits::Limits;
use crate::time::Moment;
use crate::token::{Grant, Keys, Known};
use crate::wheel::Wheel;

/// Connections whose token is in force: WebSockets with what theirs allows, streams and polls with its end only.
pub(super) struct Bearers {
    pub(super) keys: Keys,
    /// Tokens whose signature need not be looked at again.
    pub(super) known: Known,
    pub(super) table: HashMap<u64, Bearer, Seed>,
    pub(super) wheel: Wheel<Id<Conn>>,
    pub(super) fired: Vec<Id<Conn>>,
    /// Bytes of the grants.
    pub(super) bytes: usize,
    pub(super) warn_s: u64,
}

pub(super) struct Bearer {
    pub(super) grant: Grant,
    /// What ends with it; a WebSocket ends as a whole.
    pub(super) sub: Option<Id<Subscription>>,
    /// When the wheel will next look at it.
    pub(super) armed: Moment,
    /// Half of the seconds that it was good for when it was shown. Whoever answers a warning with a token that has hardly more
    /// time left is told again when half of that is over, and not at once, for ever.
    pub(super) half_s: u64,
    /// It has been told that its end is near.
    pub(super) told: bool,
    /// It is not in force any more; the entry stands for the timer that is under way.
    pub(super) lapsed: bool,
}

impl Bearer {
    /// How many seconds before its end that is told, where nobody is told more than `most_s` before.
    pub(super) fn warn_s(&self, most_s: u64) -> u64 {
        self.half_s.min(most_s)
    }
}

impl Bearers {
    pub(super) fn new(config: &Tokens, limits: &Limits, seed: Seed) -> Self {
        Self {
            keys: config.keys(),
            known: Known::new(limits.tokens_known_max, seed),
            table: HashMap::with_hasher(seed),
            wheel: Wheel::default(),
            fired: Vec::new(),
            bytes: 0,
            warn_s: config.warn_seconds,
        }
    }

    /// Other keys: who has been let in by one that is gone stays until its token's end.
    pub(super) fn set(&mut self, config: &Tokens, limits: &Limits) {
        self.keys = config.keys();
        self.known.forget(limits.tokens_known_max);
        self.warn_s = config.warn_seconds;
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.wheel.next()
    }

    /// Bytes, for the account of memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
            + self.known.bytes()
            + self.table.len() * size_of::<(u64, Bearer)>()
            + self.wheel.len() * size_of::<(u64, Id<Conn>)>()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The connection is gone, or its token is not in force any more.
    pub(super) fn forget(&mut self, id: Id<Conn>) {
        if !self.table.is_empty()
            && let Some(gone) = self.table.remove(&id.to_bits())
        {
            self.bytes -= gone.grant.bytes();
        }
    }

    /// The connection serves another request, perhaps another client's behind a proxy: its token was the last one's. Its timer
    /// is not armed anew for each of many, so the entry stays until that fires.
    pub(super) fn lapse(&mut self, id: Id<Conn>) {
        if !self.table.is_empty()
            && let Some(bearer) = self.table.get_mut(&id.to_bits())
        {
            bearer.lapsed = true;
        }
    }

    /// What the token of a connection allows.
    pub(super) fn grant(&self, id: Id<Conn>) -> Option<&Grant> {
        if self.table.is_empty() {
            return None;
        }
        self.table.get(&id.to_bits()).filter(|bearer| !bearer.lapsed).map(|bearer| &bearer.grant)
    }

    /// In how many seconds the token of a poll expires, if that is soon; `now_s` is the wall clock.
    pub(super) fn expiring(&self, id: Id<Conn>, sub: Id<Subscription>, now_s: u64) -> Option<u64> {
        if self.table.is_empty() {
            return None;
        }
        // Another poll on the same connection may have shown none.
        let bearer = self.table.get(&id.to_bits()).filter(|bearer| bearer.sub == Some(sub));
        bearer.map(|bearer| &bearer.grant).and_then(|grant| grant.expires_soon(self.warn_s, now_s))
    }
}
