//! Sessions over a restart: written down when the server ends on purpose, and taken up when the next one begins.
//! Knows nothing of files.
//!
//! Where a session stands in a channel or in the index of a pattern is a number: both go on with theirs.
use std::collections::{BTreeMap, VecDeque};

use super::client_id::ClientId;
use super::name;
use super::service::MAILBOX;
use super::session::{Seat, Session};
use crate::arena::Id;
use crate::conn::Role;
use crate::hub::{Channel, Join};
use crate::journal::{KeptSeat, KeptSession};
use crate::machine::Machine;

impl Machine {
    /// The session in this slot, to be written down.
    pub(in crate::machine) fn kept_session(&self, slot: usize) -> Option<KeptSession> {
        let session = self.sessions.table.get(self.sessions.table.id_at(slot)?)?;
        let is_admin = match session.role {
            Role::Front => false,
            Role::Admin => true,
            _ => return None,
        };
        let mut lost = session.lost;
        let mut seats = Vec::new();
        for seat in &session.seats {
            if &*seat.name == MAILBOX {
                // What was for it alone is not kept; it is told that something was.
                lost += self.unread(seat, session.batch.is_some());
            } else if let Some(kept) = self.kept_seat(seat) {
                seats.push(kept);
            } else {
                lost += 1;
            }
        }
        Some(KeptSession {
            client: session.client.as_str().into(),
            browser: session.browser.map(|browser| browser.as_str().into()),
            peer: session.peer(),
            is_admin,
            takes_advice: session.takes_advice,
            batch: session.batch,
            at: self.hub.id_of(session.at),
            lost,
            seats,
        })
    }

    /// Messages that a session has not had, or is not known to have.
    fn unread(&self, seat: &Seat, acknowledges: bool) -> u64 {
        let sub = self.hub.subscription(seat.sub);
        let channel = sub.and_then(|sub| self.hub.peek(sub.channel()?));
        let next = sub.and_then(|sub| sub.next());
        let next = next.map(|next| if acknowledges { next.min(seat.floor) } else { next });
        channel.zip(next).map_or(0, |(channel, next)| channel.history().head().saturating_sub(next))
    }

    fn kept_seat(&self, seat: &Seat) -> Option<KeptSeat> {
        let sub = self.hub.subscription(seat.sub)?;
        Some(KeptSeat {
            name: seat.name.clone(),
            since: self.hub.id_of(seat.since),
            born: self.hub.id_of(self.hub.peek(sub.channel()?)?.life().offset),
            floor: seat.floor,
            next: sub.next()?,
            marks: seat.marks.iter().copied().collect(),
        })
    }

    /// The indexes of patterns that sessions read, and in each the first message that somebody may still have to be handed.
    pub(in crate::machine) fn unread_indexes(&self) -> BTreeMap<u64, (Id<Channel>, u64)> {
        let mut unread: BTreeMap<u64, (Id<Channel>, u64)> = BTreeMap::new();
        for seat in self.sessions.table.iter().flat_map(|(_, session)| &session.seats) {
            let Some(sub) = self.hub.subscription(seat.sub).filter(|_| name::is_pattern(&seat.name)) else {
                continue;
            };
            let (Some(at), Some(next)) = (sub.channel(), sub.next()) else { continue };
            let marked = seat.marks.iter().map(|(_, next)| *next);
            let from = marked.chain([next, seat.floor]).min().unwrap_or(next);
            let entry = unread.entry(at.to_bits()).or_insert((at, from));
            entry.1 = entry.1.min(from);
        }
        unread
    }

    /// Takes up sessions; how many.
    pub(in crate::machine) fn restore_sessions(&mut self, kept: &[KeptSession]) -> usize {
        kept.iter().filter(|session| self.restore_session(session)).count()
    }

    /// Takes up one, if there is room and it may still read what it reads: else its client has to shake hands anew, and is told why
    /// when it subscribes.
    fn restore_session(&mut self, kept: &KeptSession) -> bool {
        let now = self.post.now;
        let (Some(client), role) =
            (ClientId::read(&kept.client), if kept.is_admin { Role::Admin } else { Role::Front })
        else {
            return false;
        };
        let bytes = size_of::<Session>()
            + 256
            + kept.seats.iter().map(|seat| size_of::<Seat>() + 64 + seat.name.len()).sum::<usize>();
        let may = |seat: &KeptSeat| {
            let is_pattern = name::is_pattern(&seat.name);
            let is_there =
                if is_pattern { self.hub.find_index(&seat.name) } else { self.hub.find(&seat.name) };
            // A token that was shown was a channel's, which has come back with it; patterns have none.
            let needs_more = self.needs_token(role) && (is_pattern || is_there.is_none());
            (is_there.is_some() || !is_pattern) && !needs_more && self.may_subscribe(role, &seat.name)
        };
        if self.sessions.find(&client).is_some()
            || self.sessions.len() >= self.config.limits.bayeux_sessions_max
            || self.is_short_of(bytes)
            || !kept.seats.iter().all(may)
        {
            return false;
        }
        let until = now.after_ms(self.awake_ms());
        let Some(id) = self.sessions.insert(client, kept.peer, kept.batch, until) else { return false };
        if let Some(session) = self.sessions.get_mut(id) {
            session.role = role;
            session.takes_advice = kept.takes_advice;
            session.at = self.hub.offset_of(kept.at);
            session.lost = kept.lost;
        }
        if let Some(browser) = kept.browser.as_deref().and_then(ClientId::read) {
            self.sessions.set_browser(id, browser);
        }
        for seat in &kept.seats {
            if !self.restore_seat(id, seat)
                && let Some(session) = self.sessions.get_mut(id)
            {
                session.lost += 1;
            }
        }
        true
    }

    fn restore_seat(&mut self, id: Id<Session>, kept: &KeptSeat) -> bool {
        let now = self.post.now;
        let is_pattern = name::is_pattern(&kept.name);
        let at = if is_pattern { self.hub.find_index(&kept.name) } else { self.hub.find(&kept.name) };
        let at = at.or_else(|| self.open_channel(&kept.name, self.channel_ms()).ok().filter(|_| !is_pattern));
        let Some((at, channel)) = at.and_then(|at| Some((at, self.hub.peek(at)?))) else { return false };
        let (base, head) = (channel.history().base(), channel.history().head());
        // In another life of the channel all is new, and what was unread in its own is gone.
        let is_same = is_pattern || self.hub.id_of(channel.life().offset) == kept.born;
        let number = |next: u64| if is_same { next.clamp(1, head) } else { base };
        let (next, floor) = (number(kept.next), number(kept.floor));
        let marks = kept.marks.iter().filter(|_| is_same);
        let marks: VecDeque<(u64, u64)> = marks.map(|(batch, next)| (*batch, number(*next))).collect();
        let join = Join { next, owner: Session::owner(id), who: None, notices: None };
        let Ok(sub) = self.hub.join(at, join, now) else { return false };
        let since = self.hub.offset_of(kept.since);
        self.sessions.seat(id, Seat { name: kept.name.clone(), sub, since, floor, marks });
        is_same
    }
}
