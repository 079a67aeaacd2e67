//! Sessions for a restart: written down whole when they begin, when they rest and when the server ends on purpose, and what they
//! subscribe in between.
//! Knows nothing of files, nor of how they are taken up.
use std::collections::BTreeMap;

use super::name;
use super::seats::Seat;
use super::service::MAILBOX;
use super::session::Session;
use crate::arena::Id;
use crate::conn::Role;
use crate::hub::Channel;
use crate::journal::{Entry, KeptSeat, KeptSession, Missed, Subscribed};
use crate::machine::Machine;

impl Machine {
    /// The session in this slot, to be written down.
    pub(in crate::machine) fn kept_session(&self, slot: usize) -> Option<KeptSession> {
        self.kept_as(self.sessions.table.id_at(slot)?)
    }

    fn kept_as(&self, id: Id<Session>) -> Option<KeptSession> {
        let session = self.sessions.table.get(id)?;
        let is_admin = match session.role {
            Role::Front => false,
            Role::Admin => true,
            _ => return None,
        };
        let mut gap = session.gap;
        let mut seats = Vec::new();
        for seat in &session.seats {
            if &*seat.name == MAILBOX {
                // What was for it alone is not kept; it is told that something was.
                gap.lost += self.unread(seat, session.acks.is_some());
            } else if let Some(kept) = session.stood.as_ref().and_then(|stood| stood.find(&seat.name)) {
                seats.push(kept.clone());
            } else if let Some(mut kept) = self.kept_seat(seat, session.acks.is_some()) {
                if session.stood.is_some() {
                    // Whatever its client shows of batches before, this is behind them.
                    (kept.behind, kept.lost) = (Some(u64::MAX), 0);
                }
                seats.push(kept);
            } else {
                gap.lost += 1;
            }
        }
        let acks = session.acks.map(|acks| acks.kept());
        Some(KeptSession {
            client: session.client.as_str().into(),
            prefix: session.prefix.text().into(),
            browser: session.browser.map(|browser| browser.as_str().into()),
            peer: session.peer(),
            is_admin,
            listener: self.listener_at(session.listener).map(Into::into),
            takes_advice: session.takes_advice,
            acks: session.stood.as_ref().map_or(acks, |stood| stood.acks),
            at: self.hub.id_of(session.at),
            lost: gap.lost,
            is_unsure: gap.is_unsure,
            is_open: session.stood.is_some(),
            parts: session.parts,
            rests: session.rests,
            missed: session.stood.as_ref().map_or((0, 0), |stood| stood.missed),
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

    fn kept_seat(&self, seat: &Seat, acknowledges: bool) -> Option<KeptSeat> {
        let sub = self.hub.subscription(seat.sub)?;
        let (channel, next) = (self.hub.peek(sub.channel()?)?, sub.next()?);
        let history = channel.history();
        let base = history.base();
        // As far behind as may be, for elsewhere channels may have ended meanwhile.
        let before = |seq: u64| {
            let message = history.get(seq);
            let offset = message.map_or(self.hub.head().offset, |message| message.offset.saturating_sub(1));
            self.hub.id_of(offset.max(seat.since))
        };
        let had = seat.floor.min(next);
        let first = if acknowledges { had } else { next };
        Some(KeptSeat {
            name: seat.name.clone(),
            since: self.hub.id_of(seat.since),
            born: self.hub.id_of(channel.life().offset),
            floor: seat.floor,
            next,
            marks: seat.marks.iter().copied().collect(),
            // What it lacks of what is gone is lost. What it has had may stand before that, and channels may still have it that are in
            // a pattern: it is not to come again.
            had: before(had.max(base)),
            handed: before(next.max(base)),
            behind: None,
            lost: base.saturating_sub(first),
        })
    }

    /// Notes a session as it is. One whose client does not say where it stands rests there, until it is handed more.
    pub(super) fn note_session(&mut self, id: Id<Session>) {
        if !self.hub.keeps_notes() {
            return;
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.rests = session.acks.is_none();
        }
        if let Some(kept) = self.kept_as(id) {
            self.hub.note_entry(|| Entry::Session(Box::new(kept)));
        }
    }

    /// Notes that a session is handed something, and does not stand any more where it was written down: that is known before its
    /// client can have heard of it.
    pub(super) fn note_moved_on(&mut self, id: Id<Session>) {
        let Self { hub, sessions, .. } = self;
        if let Some(session) = sessions.get(id) {
            hub.note_entry(|| Entry::Handed(session.client.as_str().into()));
        }
    }

    /// Notes that a session has begun to read something, and that it will not get so many messages of an earlier life of it.
    pub(super) fn note_seat(&mut self, id: Id<Session>, name: &str, lost: u64) {
        if !self.hub.keeps_notes() {
            return;
        }
        let Some(session) = self.sessions.get(id) else { return };
        let Some(kept) =
            session.find(name).ok().and_then(|at| self.kept_seat(&session.seats[at], session.acks.is_some()))
        else {
            return;
        };
        let behind = session.acks.map_or(0, |acks| acks.last);
        let behind = if session.stood.is_some() { u64::MAX } else { behind };
        let (client, KeptSeat { name, since, born, .. }) = (session.client.as_str().into(), kept);
        self.hub.note_entry(|| {
            Entry::Subscribed(Box::new(Subscribed { client, name, since, born, behind, lost }))
        });
    }

    /// Notes that a session does not read something any more.
    pub(super) fn note_unseat(&mut self, id: Id<Session>, name: &str) {
        let Self { hub, sessions, .. } = self;
        if let Some(session) = sessions.get(id) {
            hub.note_entry(|| Entry::Unsubscribed(session.client.as_str().into(), name.into()));
        }
    }

    /// A session does not read something any more that it believes to read, and will not get so many messages of that: which it is told, by
    /// the next server if it comes to that. Where it stands for another server is for its client to say first, and this is behind that.
    pub(super) fn miss(&mut self, id: Id<Session>, name: &str, lost: u64) {
        let Self { hub, sessions, .. } = self;
        let Some(session) = sessions.get_mut(id) else { return };
        let behind = match &mut session.stood {
            Some(stood) => {
                stood.miss(lost, u64::MAX);
                u64::MAX
            }
            None => {
                session.gap.lost += lost;
                session.acks.map_or(0, |acks| acks.last)
            }
        };
        hub.note_entry(|| {
            let (client, name) = (session.client.as_str().into(), name.into());
            Entry::Missed(Box::new(Missed { client, name, behind, lost }))
        });
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
}
