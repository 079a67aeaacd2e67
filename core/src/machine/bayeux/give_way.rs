//! Sleepers give way: a pattern or channel that is there for nobody but sessions that sleep makes room for what somebody wants now, and
//! so does a sleeper's place in a channel.
//! Knows nothing of what that is.
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
        let Some(readers) = self.kept_by_sleepers(scarce) else { return false };
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

    /// Whether one more subscriber than there are fits in a channel that has room for `most`. If not, sessions give way that sleep there, of
    /// those who came first; but none if that is not enough.
    pub(in crate::machine) fn has_seat(&mut self, at: Id<Channel>, most: usize) -> bool {
        let Some(surplus) = (self.hub.peek(at).map_or(0, Channel::members) + 1).checked_sub(most) else {
            return true;
        };
        let readers = self.hub.readers(at).take(LOOKS_MAX).filter_map(Sessions::owner);
        let sleepers = readers.filter(|id| self.sessions.get(*id).is_some_and(|session| session.asleep));
        let sleepers: Vec<_> = sleepers.take(surplus.min(READERS_MAX)).collect();
        if sleepers.len() < surplus {
            return false;
        }
        for id in sleepers {
            self.end_session(id);
        }
        true
    }

    fn kept_by_sleepers(&self, scarce: Scarce) -> Option<Vec<Id<Session>>> {
        let Self { sessions, hub, .. } = self;
        let mut looks = 0;
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
                if !may_go {
                    continue;
                }
                let mut readers = Vec::new();
                // Who came last is the likeliest to be awake.
                let all_sleep = hub.readers(at).rev().all(|owner| {
                    looks += 1;
                    let may_look = looks < LOOKS_MAX && readers.len() < READERS_MAX;
                    let reader = Sessions::owner(owner)
                        .filter(|id| may_look && sessions.get(*id).is_some_and(|s| s.asleep));
                    readers.extend(reader);
                    reader.is_some()
                });
                if all_sleep {
                    return Some(readers);
                }
            }
            if looks >= LOOKS_MAX {
                break;
            }
        }
        None
    }
}
