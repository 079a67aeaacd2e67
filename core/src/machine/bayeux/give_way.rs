//! Sleepers give way: a pattern or channel that is there for nobody but sessions that sleep makes room for what somebody wants now, and
//! so does a sleeper's place in a channel.
//! Knows nothing of what that is.
use std::collections::BTreeSet;

use super::name;
use super::session::{Session, Sessions};
use crate::arena::Id;
use crate::hub::Channel;
use crate::machine::Machine;

/// Readers of patterns and channels that are looked at for one that may go: the search must not hold up the loop.
const LOOKS_MAX: usize = 4_096;

/// Of those, readers of one pattern or channel. One with more of them stays, or what everybody reads would take all looks; nor are more
/// sessions ended for one newcomer.
const READERS_MAX: usize = 1_024;

/// What there is no room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::machine) enum Scarce {
    /// Another pattern.
    Pattern,
    /// Another channel.
    Channel,
}

impl Machine {
    /// Ends the sessions that keep a pattern or channel from going, where all of them sleep; the one that has slept longest is looked
    /// at first. Whether there is room for one more now.
    ///
    /// A channel goes only if it would not be there any more but for them. Those who sleep lose what they would have got: they are told
    /// `402` as if they had slept too long.
    pub(in crate::machine) fn sleepers_give_way(&mut self, scarce: Scarce) -> bool {
        let Some(readers) = self.kept_by_sleepers(scarce, 1, &[]) else { return false };
        let now = self.post.now;
        let mut overdue: Vec<Id<Channel>> = Vec::new();
        for id in readers {
            let seats = self.sessions.get(id).map_or(&[][..], |session| &session.seats);
            let channels = seats.iter().filter_map(|seat| self.hub.subscription(seat.sub)?.channel());
            overdue.extend(channels.filter(|at| self.hub.is_overdue(*at, now)));
            self.end_session(id);
        }
        for at in overdue {
            if self.hub.peek(at).is_some_and(|channel| channel.members() == 0) {
                self.hub.close(at, now);
            }
        }
        true
    }

    /// Whether sleepers can make room for so many; none is ended. What is in `wanted` stays, whoever sleeps there.
    pub(super) fn sleepers_may_give_way(&self, scarce: Scarce, lacks: usize, wanted: &[Id<Channel>]) -> bool {
        lacks == 0 || self.kept_by_sleepers(scarce, lacks, wanted).is_some()
    }

    /// Whether one more subscriber than there are fits in a channel that has room for `most`. If not, sessions give way that sleep there, of
    /// those who came first; but none if that is not enough.
    pub(in crate::machine) fn has_seat(&mut self, at: Id<Channel>, most: usize) -> bool {
        let Some(sleepers) = self.in_the_way(at, most) else { return false };
        for id in sleepers {
            self.end_session(id);
        }
        true
    }

    /// The same for one more in each of several channels: none is ended if there is no room in one of them.
    pub(in crate::machine) fn has_seats(&mut self, at: &[Id<Channel>], most: usize) -> bool {
        at.iter().all(|at| self.may_have_seat(*at, most)) && at.iter().all(|at| self.has_seat(*at, most))
    }

    /// Whether [`Self::has_seat`] would find one; none is ended.
    pub(in crate::machine) fn may_have_seat(&self, at: Id<Channel>, most: usize) -> bool {
        self.in_the_way(at, most).is_some()
    }

    /// The sleepers who have to go before there is a seat; `None` if that is not enough.
    fn in_the_way(&self, at: Id<Channel>, most: usize) -> Option<Vec<Id<Session>>> {
        let Some(surplus) = (self.hub.peek(at).map_or(0, Channel::members) + 1).checked_sub(most) else {
            return Some(Vec::new());
        };
        let readers = self.hub.readers(at).take(LOOKS_MAX).filter_map(Sessions::owner);
        let sleepers = readers.filter(|id| self.sessions.get(*id).is_some_and(|session| session.asleep));
        let sleepers: Vec<_> = sleepers.take(surplus.min(READERS_MAX)).collect();
        (sleepers.len() >= surplus).then_some(sleepers)
    }

    /// The sessions that keep so many patterns or channels from going, besides those that are wanted.
    fn kept_by_sleepers(
        &self,
        scarce: Scarce,
        lacks: usize,
        wanted: &[Id<Channel>],
    ) -> Option<Vec<Id<Session>>> {
        let Self { sessions, hub, .. } = self;
        let (mut looks, looks_max) = (0, LOOKS_MAX.saturating_mul(lacks));
        let (mut found, mut all) = (0, Vec::new());
        // Those, and what has been found already.
        let mut stays: BTreeSet<u64> = wanted.iter().map(|at| at.to_bits()).collect();
        for entry in &sessions.sleepers {
            looks += 1;
            let sleeper = sessions.get(entry.0).filter(|_| sessions.sleeps(*entry));
            for seat in sleeper.iter().flat_map(|session| &session.seats) {
                looks += 1;
                let Some(at) = hub.subscription(seat.sub).and_then(|sub| sub.channel()) else { continue };
                let may_go = match scarce {
                    Scarce::Pattern => name::is_pattern(&seat.name),
                    Scarce::Channel => hub.is_overdue(at, self.post.now),
                };
                if !may_go || stays.contains(&at.to_bits()) {
                    continue;
                }
                let mut readers = Vec::new();
                // Who came last is the likeliest to be awake.
                let all_sleep = hub.readers(at).rev().all(|owner| {
                    looks += 1;
                    let may_look = looks < looks_max && readers.len() < READERS_MAX;
                    let reader = Sessions::owner(owner)
                        .filter(|id| may_look && sessions.get(*id).is_some_and(|s| s.asleep));
                    readers.extend(reader);
                    reader.is_some()
                });
                if all_sleep {
                    all.append(&mut readers);
                    stays.insert(at.to_bits());
                    found += 1;
                    if found == lacks {
                        return Some(all);
                    }
                }
            }
            if looks >= looks_max {
                break;
            }
        }
        None
    }
}
