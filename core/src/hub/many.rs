//! Readers of several channels: they are handed runs of messages, each run of one channel, in the order of the log.
//! Knows nothing of what becomes of a run.
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::fanout::BATCHES_A_VISIT;
use super::session::Session;
use super::subscription::{Access, Base, Ear, Many, Reads, Seat, Standing};
use super::{Channel, Full, Hub, Lost, Owner, Subscription, Took, Visit, What};
use crate::arena::Id;
use crate::time::Moment;

/// The seats of one reader that lack something, by the place in the log of the first message they lack.
pub(super) type Due = BinaryHeap<Reverse<(u64, u32)>>;

/// Seats looked at that count as one visit.
const SEATS_A_VISIT: usize = 32;

/// What a reader of several channels wants.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Channels, each with the number of the first message wanted.
    pub places: &'a [(Id<Channel>, u64)],
    /// Names of channels that are not there. When they have come to be by the time that it is handed something, it is
    /// handed what stands in them too: whoever goes on from one place in the log would miss it else.
    pub absent: Vec<Box<str>>,
    /// Which of those it may read.
    pub access: Access,
    /// It takes its seat in one of those as soon as that has come to be.
    pub awaits: bool,
    /// The client in whose name it reads, who is kept alive by it.
    pub session: Option<Id<Session>>,
    /// The name to be listed under in each of them. With one it hears of others, from now on.
    pub who: Option<&'a str>,
}

impl Hub {
    /// Joins several channels, each at a message of its own.
    ///
    /// # Errors
    /// [`Full`] when one of the channels has as many subscribers as it may; nothing has changed then.
    pub fn join_many(
        &mut self,
        wanted: Wanted<'_>,
        owner: Owner,
        now: Moment,
    ) -> Result<Id<Subscription>, Full> {
        let Wanted { places, absent, access, awaits, session, who } = wanted;
        let seat =
            |&(channel, next): &(Id<Channel>, u64)| Seat { channel, next, seat: 0, base: Base::Unasked };
        let mut seats: Vec<Seat> = places.iter().map(seat).collect();
        seats.sort_unstable_by_key(|seat| seat.channel.to_bits());
        seats.dedup_by_key(|seat| seat.channel.to_bits());
        let most = self.settings.subscribers_max;
        if seats.iter().any(|s| self.channels.get(s.channel).is_none_or(|c| c.members.len() >= most)) {
            return Err(Full);
        }
        let mut many = Many::new(access, awaits, session);
        (many.absent, many.who) = (absent, who.map(Into::into));
        let many = Box::new(many);
        let subscription = Subscription {
            reads: Reads::Many(many),
            seat: 0,
            queued: false,
            told: false,
            watches: false,
            base: Base::Unasked,
            owner,
        };
        let sub = self.subscriptions.insert(subscription).ok_or(Full)?;
        let mut is_level = true;
        let mut ears = Vec::with_capacity(if who.is_some() { seats.len() } else { 0 });
        for seat in &mut seats {
            let ear = who.and_then(|who| self.arrive(seat.channel, who, owner));
            let notices = ear.as_ref().map_or(0, |ear| ear.notices);
            ears.extend(ear);
            let Some(channel) = self.channels.get_mut(seat.channel) else { continue };
            seat.seat = channel.seat(sub);
            self.groups.count_reader(channel.group, true);
            channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
            is_level &= channel.is_level(seat.next, notices);
        }
        if let Some(session) = session {
            self.sessions.hold(session);
        }
        if let Some(many) = self.many_mut(sub) {
            seats.shrink_to_fit();
            (many.seats, many.ears) = (seats, ears);
            let bytes = many.bytes();
            self.many_bytes += bytes;
        }
        for &(channel, next) in places {
            self.note(owner, channel, What::Joined { next }, now);
        }
        if !is_level {
            self.resume(sub);
        }
        Ok(sub)
    }

    pub(super) fn many(&self, sub: Id<Subscription>) -> Option<(&Many, Owner)> {
        let subscription = self.subscriptions.get(sub)?;
        match &subscription.reads {
            Reads::Many(many) => Some((many, subscription.owner)),
            Reads::One(_) => None,
        }
    }

    pub(super) fn many_mut(&mut self, sub: Id<Subscription>) -> Option<&mut Many> {
        match &mut self.subscriptions.get_mut(sub)?.reads {
            Reads::Many(many) => Some(many),
            Reads::One(_) => None,
        }
    }

    /// From now on a reader of several is over when one of its channels is: none of them counts as another.
    pub fn end_with_any(&mut self, sub: Id<Subscription>) {
        if let Some(many) = self.many_mut(sub) {
            many.ends_with_any = true;
        }
    }

    /// Takes a reader of several out of its channels, after it has been taken out of the table.
    pub(super) fn unseat_many(&mut self, sub: Id<Subscription>, many: &Many, watches: bool, now: Moment) {
        self.many_bytes -= many.bytes();
        if many.awaits {
            many.absent.iter().for_each(|name| self.awaited.remove(name, sub));
        }
        for (i, seat) in many.seats.iter().enumerate() {
            self.uncount_watcher(watches, seat.channel);
            self.unseat(seat.channel, seat.seat as usize);
            self.after_leaving(seat.channel, many.listed_as(i), now);
        }
        if let Some(session) = many.session {
            self.sessions.release(session, self.settings.session_timeout_ms, now);
        }
    }

    /// Where in the log the first message stands that a seat lacks, after everything else when its channel has only
    /// ended, or has news of people only; `None` when it lacks nothing.
    fn lacks(&self, many: &Many, i: usize) -> Option<u64> {
        let seat = &many.seats[i];
        let channel = self.channels.get(seat.channel)?;
        if channel.is_level(seat.next, many.notices(i)) {
            return None;
        }
        let history = channel.history();
        if seat.next < history.base() {
            // What has been forgotten has its turn in the order, too: whoever was told of something behind it, and comes
            // back with that cursor, would not be told of it any more.
            return Some(history.offset_before(history.base()));
        }
        // So has a message that has expired: then it is told to be missing.
        Some(history.get(seat.next).map_or(u64::MAX, |message| message.offset))
    }

    /// Collects what a reader of several lacks; returns how many seats were looked at. On a walk, only hot channels can
    /// have something for somebody who had everything before: all others have been walked since.
    fn collect_due(&self, many: &Many, is_walk: bool, due: &mut Due) -> usize {
        let only_hot = is_walk && many.standing == Standing::Level && self.hot.len() * 4 < many.seats.len();
        let mut look = |i: usize| {
            if let Some(offset) = self.lacks(many, i) {
                due.push(Reverse((offset, i as u32)));
            }
        };
        if only_hot {
            // A channel is listed once, but the one that is being walked may have been queued anew meanwhile.
            let mut seats: Vec<usize> = self.hot.iter().filter_map(|id| many.find(id)).collect();
            seats.sort_unstable();
            seats.dedup();
            seats.into_iter().for_each(&mut look);
            self.hot.len()
        } else {
            (0..many.seats.len()).for_each(&mut look);
            many.seats.len()
        }
    }

    /// Hands a reader of several what it lacks, run by run in the order of the log; returns what it cost in visits.
    pub(super) fn visit_many(
        &mut self,
        sub: Id<Subscription>,
        is_walk: bool,
        now: Moment,
        hand: &mut impl FnMut(&Self, &Visit<'_>) -> Took,
    ) -> usize {
        let mut due = std::mem::take(&mut self.due);
        due.clear();
        let Some((many, _)) = self.many(sub) else { return 1 };
        if many.standing == Standing::Stuck {
            self.due = due;
            return 1;
        }
        let mut looked_at = self.collect_due(many, is_walk, &mut due);
        if many.awaits {
            self.await_reborn(sub, &due);
        }
        let Some((many, _)) = self.many(sub) else { return 1 };
        if !due.is_empty() && !many.absent.is_empty() {
            self.adopt_absent(sub, now);
            due.clear();
            let Some((many, _)) = self.many(sub) else { return 1 };
            looked_at += self.collect_due(many, false, &mut due) + many.absent.len();
        }
        let mut ended: Vec<Id<Channel>> = Vec::new();
        let mut runs = 0;
        let standing = loop {
            let Some(Reverse((_, i))) = due.pop() else { break Standing::Level };
            if runs == BATCHES_A_VISIT {
                break Standing::Behind;
            }
            runs += 1;
            let Some((many, owner)) = self.many(sub) else { break Standing::Level };
            let before = many.seats[i as usize];
            let took = self.hand_run(sub, i as usize, &due, ended.len(), hand);
            match took {
                Took::Nothing => break Standing::Stuck,
                Took::Last { next } => {
                    self.due = due;
                    self.note_turn(owner, (before, next), false, now);
                    self.unlist(sub, now);
                    return 1 + looked_at / SEATS_A_VISIT;
                }
                Took::AndLeaves => {
                    self.due = due;
                    self.leave(sub, now);
                    return 1 + looked_at / SEATS_A_VISIT;
                }
                Took::Upto { next, notices } => {
                    let from = match before.base {
                        Base::Unknown => self
                            .channels
                            .get(before.channel)
                            .map_or(next, |c| c.history.live_from(before.next)),
                        _ => next,
                    };
                    let Some(many) = self.many_mut(sub) else { break Standing::Level };
                    let seat = &mut many.seats[i as usize];
                    debug_assert!(seat.next <= next);
                    seat.next = next;
                    seat.base = seat.base.after(from, next);
                    let seat = *seat;
                    if let Some(ear) = many.ears.get_mut(i as usize) {
                        ear.notices = notices;
                    }
                    self.note_turn(owner, (before, next), is_walk, now);
                    let Some(channel) = self.channels.get(seat.channel) else { continue };
                    if channel.history().head() > next {
                        let lacks = self.many(sub).and_then(|(many, _)| self.lacks(many, i as usize));
                        due.extend(lacks.map(|offset| Reverse((offset, i))));
                    } else if channel.closed {
                        ended.push(seat.channel);
                    }
                }
            }
        };
        self.due = due;
        if let Some(many) = self.many_mut(sub) {
            many.standing = standing;
        }
        for channel in ended {
            self.give_up_seat(sub, channel, now);
        }
        if standing == Standing::Behind {
            self.resume(sub);
        }
        1 + runs + looked_at / SEATS_A_VISIT
    }

    /// What was handed over beside the walk that notes it for all, or skipped.
    fn note_turn(&mut self, owner: Owner, (before, next): (Seat, u64), is_walk: bool, now: Moment) {
        let live = self.channels.get(before.channel).map_or(0, |c| c.history.live_from(before.next));
        let from = live.max(before.next).min(next);
        self.note_missed(owner, before.channel, (before.next, from), now);
        if !is_walk {
            self.note_run(owner, before.channel, (from, next), now);
        }
    }

    /// Shows one run: the messages of one channel that stand before everything else that is lacking.
    fn hand_run(
        &self,
        sub: Id<Subscription>,
        i: usize,
        due: &Due,
        ended: usize,
        hand: &mut impl FnMut(&Self, &Visit<'_>) -> Took,
    ) -> Took {
        let Some((many, owner)) = self.many(sub) else { return Took::Nothing };
        let seat = many.seats[i];
        let Some(channel) = self.channels.get(seat.channel) else { return Took::Nothing };
        let history = channel.history();
        let from = history.live_from(seat.next);
        let until = match due.peek() {
            Some(Reverse((offset, _))) => history.first_after(*offset).max(from),
            None => history.head(),
        };
        let lost = if from > seat.next { Lost::Some(from - seat.next) } else { Lost::Nothing };
        let more = !due.is_empty() || until < history.head();
        let others = if many.ends_with_any { 0 } else { many.seats.len() - 1 - ended };
        let visit = Visit {
            owner,
            sub,
            at: seat.channel,
            channel,
            from,
            until,
            lost,
            notices: many.ears.get(i).map(|ear| ear.notices).filter(|notices| *notices > 0),
            more,
            others,
            gives_way: false,
            base: seat.base,
        };
        hand(self, &visit)
    }

    /// Takes seats in channels that were not there and are now. All that stands in them is new to the reader.
    pub(super) fn adopt_absent(&mut self, sub: Id<Subscription>, now: Moment) {
        let Some(many) = self.many_mut(sub) else { return };
        let (before, access) = (many.bytes(), many.access);
        let mut absent = std::mem::take(&mut many.absent);
        let mut found = Vec::new();
        absent.retain(|name| {
            let at = self.find(name).filter(|&at| {
                self.channels
                    .get(at)
                    .is_some_and(|c| access.allows(c) && c.members.len() < self.settings.subscribers_max)
            });
            found.extend(at);
            at.is_none()
        });
        for at in found {
            self.settle(at, now);
            // What it has forgotten by now is missing, and is said to be.
            let whose = self.many(sub).and_then(|(many, owner)| Some((many.who.clone()?, owner)));
            let ear = whose.and_then(|(who, owner)| self.arrive(at, &who, owner));
            let Some(channel) = self.channels.get_mut(at) else { continue };
            let mut seat = Seat { channel: at, next: 1, seat: channel.seat(sub), base: Base::Unasked };
            self.groups.count_reader(channel.group, true);
            self.count_watcher(sub, at);
            let Some(many) = self.many_mut(sub) else { return };
            if many.wants_deltas {
                seat.base = Base::Unknown;
            }
            match many.seats.binary_search_by_key(&at.to_bits(), |s| s.channel.to_bits()) {
                // It cannot sit there already: while it does, the name is not absent.
                Ok(_) => debug_assert!(false, "two seats in one channel"),
                Err(place) => {
                    many.seats.insert(place, seat);
                    if let Some(ear) = ear {
                        // Of others who have come already it has not heard.
                        many.ears.insert(place, Ear { notices: 1, ..ear });
                    }
                }
            }
            if let Some(owner) = self.subscriptions.get(sub).map(|s| s.owner) {
                self.note(owner, at, What::Joined { next: 1 }, now);
            }
        }
        let Some(many) = self.many_mut(sub) else { return };
        many.absent = absent;
        let after = many.bytes();
        self.many_bytes = self.many_bytes + after - before;
    }

    /// One of several channels has ended: the reader goes on with the others.
    fn give_up_seat(&mut self, sub: Id<Subscription>, channel: Id<Channel>, now: Moment) {
        let name: Option<Box<str>> = self.channels.get(channel).map(|c| (*c.name).into());
        let again = name.as_deref().and_then(|name| self.find(name));
        let Some(many) = self.many_mut(sub) else { return };
        if many.find(channel).is_none() {
            return;
        }
        // Another channel may come to be under its name, or has, and is read already. Who takes seats one by one asks for it.
        let already = again.is_some_and(|at| many.find(at).is_some());
        let wants_again = !already && !many.is_by_seat;
        if let Some(name) = name.filter(|name| wants_again && !many.absent.contains(name)) {
            let before = many.bytes();
            many.absent.push(name.clone());
            let (after, awaits) = (many.bytes(), many.awaits);
            self.many_bytes = self.many_bytes + after - before;
            if awaits {
                self.await_name(name, sub);
            }
        }
        self.vacate(sub, channel, now);
    }
}

#[cfg(test)]
#[path = "many_tests.rs"]
mod tests;
