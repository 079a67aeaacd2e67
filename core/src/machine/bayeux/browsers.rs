//! Browsers, known by a cookie: which sessions are of one, and whether it has as many connects held as it may
//! (`protocols/bayeux.md`, section 14).
//! Knows nothing of what is said to them.
use hashbrown::HashMap;

use super::client_id::ClientId;
use super::session::{Session, Sessions};
use crate::arena::Id;
use crate::conn::Phase;
use crate::hub::Seed;
use crate::machine::Machine;

/// Sessions of one browser that are looked at: the newest. So many windows nobody has, and a cookie can be had by anybody.
const KNOWN_MAX: usize = 64;

/// Sessions of each browser.
pub(super) struct Browsers {
    of: HashMap<ClientId, Vec<Id<Session>>, Seed>,
    sessions: usize,
}

impl Browsers {
    pub(super) fn new(seed: Seed) -> Self {
        Self { of: HashMap::with_hasher(seed), sessions: 0 }
    }

    fn join(&mut self, browser: ClientId, id: Id<Session>) {
        let known = self.of.entry(browser).or_default();
        if known.len() >= KNOWN_MAX {
            known.remove(0);
            self.sessions -= 1;
        }
        known.push(id);
        self.sessions += 1;
    }

    /// A session is over.
    pub(super) fn leave(&mut self, browser: ClientId, id: Id<Session>) {
        let Some(known) = self.of.get_mut(&browser) else { return };
        let before = known.len();
        known.retain(|one| *one != id);
        self.sessions -= before - known.len();
        if known.is_empty() {
            self.of.remove(&browser);
        }
    }

    /// Bytes of all this.
    pub(super) fn bytes(&self) -> usize {
        self.of.len() * size_of::<(ClientId, Vec<Id<Session>>)>() + self.sessions * size_of::<Id<Session>>()
    }
}

impl Sessions {
    /// A session is of this browser.
    pub(super) fn set_browser(&mut self, id: Id<Session>, browser: ClientId) {
        if let Some(session) = self.get_mut(id) {
            session.browser = Some(browser);
            self.browsers.join(browser, id);
        }
    }
}

impl Machine {
    /// Whether browsers are given a cookie to be known by.
    pub(super) fn knows_browsers(&self) -> bool {
        self.config.bayeux.bind_sessions || self.config.limits.bayeux_connects_per_browser_max > 0
    }

    /// Whether the browser of a session has as many connects of others held as it may. WebSockets do not count, and who takes
    /// no advice is held all the same.
    pub(super) fn is_browser_busy(&self, sid: Id<Session>) -> bool {
        let most = self.config.limits.bayeux_connects_per_browser_max as usize;
        let Some(session) = self.sessions.get(sid).filter(|session| most > 0 && session.takes_advice) else {
            return false;
        };
        let known = session.browser.and_then(|browser| self.sessions.browsers.of.get(&browser));
        let is_held = |other: &&Id<Session>| {
            let conn = self.sessions.get(**other).and_then(|session| self.conns.get(session.conn?));
            **other != sid && matches!(conn.map(|conn| &conn.phase), Some(Phase::Attached(_)))
        };
        known.is_some_and(|known| known.iter().filter(is_held).count() >= most)
    }
}
