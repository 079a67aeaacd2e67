//! Sessions after a restart: taken up where they stood, if the server was ended on purpose; else where their clients say that they
//! stand, or where they rested.
//! Knows nothing of files.
//!
//! After an end on purpose a place in a channel or in the index of a pattern is a number: both go on with theirs. After another end
//! places in the log count, and indexes are made anew.
use std::collections::VecDeque;

use super::acks::{Acks, Gap};
use super::client_id::ClientId;
use super::name;
use super::seats::Seat;
use super::session::Session;
use crate::arena::Id;
use crate::conn::{Conn, Role};
use crate::hub::{Because, Channel, From, Join, Lost, Start};
use crate::journal::{KeptSeat, KeptSession};
use crate::machine::Machine;

/// What a session will take. After a crash one that acknowledges keeps what is known of it besides, until its client says how far it has come.
pub(in crate::machine) fn session_bytes(kept: &KeptSession, is_clean: bool) -> usize {
    let stands = kept.acks.is_some() && (kept.is_open || !is_clean);
    let beside = |bytes: usize| if stands { bytes } else { 0 };
    let seats = kept.seats.iter().map(|seat| {
        size_of::<Seat>() + 64 + seat.name.len() + beside(size_of::<KeptSeat>() + seat.name.len())
    });
    size_of::<Session>() + 256 + beside(size_of::<KeptSession>()) + seats.sum::<usize>()
}

impl Machine {
    /// Makes the indexes of patterns anew that sessions read, where so many bytes are left free for these.
    pub(in crate::machine) fn rebuild_indexes(&mut self, kept: &[KeptSession], sessions_bytes: usize) {
        let used = self.used_bytes().saturating_add(sessions_bytes);
        let bytes_free = self.config.limits.memory_bytes_max.saturating_sub(used);
        let names = kept.iter().flat_map(|session| &session.seats).map(|seat| &*seat.name);
        self.hub.rebuild_indexes(names.filter(|name| name::is_pattern(name)), bytes_free, self.post.now);
    }

    /// Takes up sessions, after an end on purpose or another; how many.
    pub(in crate::machine) fn restore_sessions(&mut self, kept: Vec<KeptSession>, is_clean: bool) -> usize {
        kept.into_iter().filter_map(|session| self.restore_session(session, is_clean).then_some(())).count()
    }

    /// Takes up those of a text that may have lost its end, as far as their clients say what they have: they get what there is, and then
    /// shake hands anew. Of others the text cannot even tell what they had been handed; how many were taken up.
    pub(in crate::machine) fn restore_parting(&mut self, kept: Vec<KeptSession>) -> usize {
        let theirs = kept.into_iter().filter(|session| session.acks.is_some());
        self.restore_sessions(theirs.map(|session| KeptSession { parts: true, ..session }).collect(), false)
    }

    /// Ends sessions until no more than so many bytes are in use, those first that were handed something longest ago, with channels that
    /// are there for nobody else; how many.
    pub(in crate::machine) fn end_sessions_above(&mut self, most: usize) -> usize {
        if self.used_bytes() <= most {
            return 0;
        }
        let mut all: Vec<(u64, Id<Session>)> = self.sessions.table.iter().map(|(id, s)| (s.at, id)).collect();
        all.sort_by_key(|(at, _)| *at);
        let before = self.sessions.len();
        for (_, id) in all {
            if self.used_bytes() <= most {
                break;
            }
            let seats = self.sessions.get(id).map_or(&[][..], |session| &session.seats);
            let channels = seats.iter().filter_map(|seat| self.hub.subscription(seat.sub)?.channel());
            let channels: Vec<Id<Channel>> = channels.collect();
            self.end_session(id);
            channels.into_iter().for_each(|at| self.hub.close_unused(at, self.post.now));
            self.tables_bytes = self.count_tables();
        }
        self.hub.release_seats();
        before - self.sessions.len()
    }

    /// Takes up one, if there may be as many and it may still read what it reads: else its client has to shake hands anew, and is told why
    /// when it subscribes.
    fn restore_session(&mut self, mut kept: KeptSession, is_clean: bool) -> bool {
        let now = self.post.now;
        let (Some(client), role) =
            (ClientId::read(&kept.client), if kept.is_admin { Role::Admin } else { Role::Front })
        else {
            return false;
        };
        // Where nobody listens any more, rules for that listener are nobody's.
        let listener = kept.listener.as_deref().and_then(|address| self.listener_called(role, address));
        let prefix = self.config.bayeux.channel_prefix.clone();
        let may = |seat: &KeptSeat| {
            let is_pattern = name::is_pattern(&seat.name);
            let is_there =
                if is_pattern { self.hub.find_index(&seat.name) } else { self.hub.find(&seat.name) };
            // A token that was shown was a channel's, which has come back with it; patterns have none, and another life has another.
            let is_same = is_there.is_some_and(|at| self.is_same_life(at, seat));
            let needs_more = self.needs_token(role) && (is_pattern || !is_same);
            (is_there.is_some() || !is_pattern)
                && !needs_more
                && self.may_subscribe(
                    role,
                    listener.and_then(|at| self.listener_at(at)),
                    name::told(&seat.name, prefix.bytes()),
                )
        };
        if self.sessions.find(&client).is_some()
            || self.sessions.len() >= self.config.limits.bayeux_sessions_max
            // Its client would call other channels by the names that it knows.
            || *kept.prefix != *prefix.text()
            || !kept.seats.iter().all(may)
        {
            return false;
        }
        kept.is_open |= !is_clean;
        if !kept.is_open || kept.acks.is_none() {
            // Nobody will say whether it has been told.
            kept.lost += std::mem::take(&mut kept.missed).0;
        }
        let until = now.after_ms(self.awake_ms());
        let acks = kept.acks.map(Acks::resume);
        let Some(id) = self.sessions.insert(client, kept.peer, acks, until) else { return false };
        self.sessions.set_prefix(id, prefix);
        if let Some(session) = self.sessions.get_mut(id) {
            session.role = role;
            session.listener = listener.unwrap_or(Conn::NO_LISTENER);
            session.takes_advice = kept.takes_advice;
            session.at = self.hub.offset_of(kept.at);
            session.gap = Gap { lost: kept.lost, is_unsure: kept.is_unsure };
            // The text that is begun now says where.
            session.rests = session.acks.is_none();
            session.parts = kept.parts;
        }
        if let Some(browser) = kept.browser.as_deref().and_then(ClientId::read) {
            self.sessions.set_browser(id, browser);
        }
        if kept.is_open {
            self.reopen(id, kept);
            return true;
        }
        for seat in &kept.seats {
            if !self.restore_seat(id, seat)
                && let Some(session) = self.sessions.get_mut(id)
            {
                session.gap.lost += 1;
            }
        }
        true
    }

    fn restore_seat(&mut self, id: Id<Session>, kept: &KeptSeat) -> bool {
        let Some(at) = self.seat_of(kept) else { return false };
        // In another life of the channel all is new, and what was unread in its own is gone.
        let is_same = self.is_same_life(at, kept);
        let Some(channel) = self.hub.peek(at) else { return false };
        let (base, head) = (channel.history().base(), channel.history().head());
        let number = |next: u64| if is_same { next.clamp(1, head) } else { base };
        let (next, floor) = (number(kept.next), number(kept.floor));
        let marks = kept.marks.iter().filter(|_| is_same);
        let marks: VecDeque<(u64, u64)> = marks.map(|(batch, next)| (*batch, number(*next))).collect();
        self.take_again(id, at, kept, (floor, next), marks) && is_same
    }

    /// The channel or index of a seat; the channel is made if it is not there.
    fn seat_of(&mut self, kept: &KeptSeat) -> Option<Id<Channel>> {
        if name::is_pattern(&kept.name) {
            return self.hub.find_index(&kept.name);
        }
        self.hub.find(&kept.name).or_else(|| self.open_channel(&kept.name, self.channel_ms()).ok())
    }

    /// Whether a channel is still in the life in which a seat was taken. Indexes have but one.
    fn is_same_life(&self, at: Id<Channel>, kept: &KeptSeat) -> bool {
        let is_same = |channel: &Channel| self.hub.id_of(channel.life().offset) == kept.born;
        name::is_pattern(&kept.name) || self.hub.peek(at).is_some_and(is_same)
    }

    fn take_again(
        &mut self,
        id: Id<Session>,
        at: Id<Channel>,
        kept: &KeptSeat,
        (floor, next): (u64, u64),
        marks: VecDeque<(u64, u64)>,
    ) -> bool {
        let join = Join { next, owner: Session::owner(id), who: None, notices: None };
        let Ok(sub) = self.hub.join(at, join, self.post.now) else { return false };
        let since = self.hub.offset_of(kept.since);
        self.sessions.seat(id, Seat { name: kept.name.clone(), sub, since, floor, marks });
        true
    }

    /// Takes up a session of a server that was cut off. A client that acknowledges says with its next connect what it has. Another has
    /// what it had when its session came to rest, if it has been handed nothing since; else nobody knows what it has: nothing is sent
    /// again, and it is told if it may have missed something.
    fn reopen(&mut self, id: Id<Session>, mut kept: KeptSession) {
        let (acknowledges, rests) = (kept.acks.is_some(), kept.rests);
        let mut gap = Gap { lost: kept.lost, is_unsure: kept.is_unsure };
        // Than its client believes: there is no room.
        let mut reads_less = false;
        for seat in std::mem::take(&mut kept.seats) {
            let Some(at) = self.seat_of(&seat) else {
                reads_less = true;
                continue;
            };
            let begin = self.start_of(at, &seat, if acknowledges { seat.had } else { seat.handed });
            let head = self.hub.peek(at).map_or(1, |channel| channel.history().head());
            let next = if acknowledges || rests { begin.next } else { head };
            if !acknowledges {
                gap.lost += seat.lost;
                match begin.lost {
                    Lost::Nothing => gap.is_unsure |= begin.next < next,
                    Lost::Some(count) => gap.lost += count,
                    Lost::Unknown(_) => gap.is_unsure = true,
                }
            }
            if self.take_again(id, at, &seat, (next, next), VecDeque::new()) {
                kept.seats.push(seat);
            } else {
                reads_less = true;
            }
        }
        gap.is_unsure |= reads_less;
        // What its client shows of batches does not say that it has been told.
        kept.parts |= acknowledges && reads_less;
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.parts |= kept.parts;
        if !acknowledges && !rests {
            // They may have been told, or handed over.
            gap.is_unsure |= std::mem::take(&mut gap.lost) > 0;
        }
        session.gap = gap;
        if acknowledges {
            self.sessions.stand(id, Some(Box::new(kept)));
        }
    }

    /// Where a seat begins whose client has everything up to this message.
    fn start_of(&mut self, at: Id<Channel>, kept: &KeptSeat, place: u64) -> Start {
        let (now, offset) = (self.post.now, self.hub.offset_of(place));
        let start = if name::is_pattern(&kept.name) {
            self.hub.start_in_index(at, offset, now)
        } else if self.is_same_life(at, kept) {
            self.hub.start_after(at, offset, now)
        } else {
            // Nobody has had anything of another life, or it would have been written down; what was unread in its own is gone.
            let lost = if self.hub.has_ended_behind(offset) {
                Lost::Unknown(Because::Channel)
            } else {
                Lost::Nothing
            };
            self.hub.start(at, From::Oldest, now).map(|start| Start { lost, ..start })
        };
        start.unwrap_or(Start { next: 1, lost: Lost::Unknown(Because::Channel), ahead: false })
    }

    /// The client of a session that was cut off is back, and shows the number of the last batch that it has; without one it is as if it
    /// did not acknowledge.
    pub(super) fn stand_again(&mut self, id: Id<Session>, shown: Option<u64>) {
        let Some(kept) = self.sessions.stand(id, None) else { return };
        let Some(acks) = kept.acks else { return };
        // Nobody can have what is still to come.
        let newest = self.hub.numbers().1.saturating_sub(acks.from);
        let shown = shown.map(|shown| shown.min(newest));
        // What was lost with the end of a text nobody knows.
        let (mut lost, mut is_unsure) = (kept.missed_behind(shown.unwrap_or(0)), kept.parts);
        for seat in &kept.seats {
            let Some(session) = self.sessions.get(id) else { return };
            let Some(sub) = session.find(&seat.name).ok().map(|place| session.seats[place].sub) else {
                continue;
            };
            let Some(at) = self.hub.subscription(sub).and_then(|sub| sub.channel()) else { continue };
            let begin = self.start_of(at, seat, shown.map_or(seat.handed, |shown| kept.place(seat, shown)));
            let head = self.hub.peek(at).map_or(1, |channel| channel.history().head());
            let next = if shown.is_some() { begin.next } else { head };
            match seat.behind {
                Some(behind) if shown.is_none_or(|shown| shown <= behind) => lost += seat.lost,
                // Who says more stands behind what was gone, or behind some of it.
                None if shown.is_none_or(|it| it <= acks.acked || it == acks.last) => {
                    is_unsure |= seat.lost > 0;
                }
                _ => {}
            }
            match begin.lost {
                Lost::Some(count) => lost += count,
                Lost::Unknown(_) => is_unsure = true,
                Lost::Nothing => is_unsure |= shown.is_none() && begin.next < head,
            }
            self.hub.seek(sub, next);
            if let Some(session) = self.sessions.get_mut(id)
                && let Ok(place) = session.find(&seat.name)
            {
                (session.seats[place].floor, session.seats[place].marks) = (next, VecDeque::new());
            }
        }
        let stands_at = shown.unwrap_or(newest);
        let at = self.hub.offset_of(acks.from.saturating_add(stands_at));
        if let Some(session) = self.sessions.get_mut(id) {
            let has_less = shown.is_none_or(|shown| shown <= acks.acked);
            if !(has_less || shown == Some(acks.last)) {
                // What was lost before was told with a batch that it has.
                session.gap = Gap::default();
            } else if shown != Some(acks.last) {
                session.gap.join(Gap { lost: acks.lost, is_unsure: acks.is_unsure });
            }
            session.gap.join(Gap { lost, is_unsure });
            session.at = session.at.max(at);
            if let Some(acks) = &mut session.acks {
                acks.stand(stands_at);
            }
        }
        self.note_session(id);
    }
}
