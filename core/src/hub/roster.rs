//! Who is in a channel by name, and the last comings and goings. A lease, not a connection: somebody between two polls
//! is present. Knows nothing of how it is told.
use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;

use super::Owner;
use super::names::Seed;
use crate::time::Moment;

/// The last so many comings and goings can be told one by one; whoever is further behind gets the whole roster.
const RING: usize = 64;

/// The two counters before the bytes of an `Arc`.
const ARC_BYTES: usize = 2 * size_of::<usize>();

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Somebody came.
    Join,
    /// Somebody left: gone for longer than the lease.
    Leave,
    /// Somebody signed in (CComet's `/sign`); does not make them present.
    Sign,
}

/// One coming or going.
#[derive(Clone, Debug)]
pub struct Notice {
    /// What happened.
    pub change: Change,
    /// The name.
    pub who: Arc<str>,
}

#[derive(Debug)]
struct Person {
    /// Subscriptions under this name now.
    seats: u32,
    /// Until when a person without a seat is still present.
    until: Moment,
    /// The latest subscription's owner, for dialects in which the newest takes the place of the one before.
    latest: Owner,
}

/// The people of one channel. Notices are numbered from a number that no roster before it has reached, so that one of another life of
/// the channel, or of the server, is known to be none of this.
#[derive(Debug)]
pub struct Roster {
    people: HashMap<Arc<str>, Person, Seed>,
    ring: VecDeque<Notice>,
    next: u64,
    /// No lease ends before.
    due: Moment,
    /// Bytes of the names of all people.
    names_bytes: usize,
}

/// A name was not added because the roster is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RosterFull;

impl Roster {
    pub(super) fn new(seed: Seed, first: u64) -> Self {
        Self {
            people: HashMap::with_hasher(seed),
            ring: VecDeque::new(),
            next: first.max(1),
            due: Moment::NEVER,
            names_bytes: 0,
        }
    }

    /// The number the next notice will get.
    pub fn head(&self) -> u64 {
        self.next
    }

    /// Where the numbers of another roster may begin that begins no earlier than at `least`. One that has said nothing yet is told apart
    /// from this too.
    pub(super) fn beyond(&self, least: u64) -> u64 {
        least.max(self.next + 1)
    }

    /// The notice with this number, if it is still known.
    pub fn notice(&self, number: u64) -> Option<&Notice> {
        let base = self.next - self.ring.len() as u64;
        self.ring.get(usize::try_from(number.checked_sub(base)?).ok()?)
    }

    /// Everybody present, in the order of their names.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.people.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names
    }

    /// Bytes of the names of everybody present, and of what stands between them in a list.
    pub fn list_bytes(&self) -> usize {
        self.names_bytes
    }

    /// How many are present.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether nobody is present.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Says that something happened.
    pub(super) fn tell(&mut self, change: Change, who: Arc<str>) {
        if self.ring.len() == RING {
            self.ring.pop_front();
        }
        self.ring.push_back(Notice { change, who });
        self.next += 1;
    }

    /// Somebody took a seat; true when they were not here before.
    pub(super) fn arrive(&mut self, who: &str, owner: Owner, most: usize) -> Result<bool, RosterFull> {
        if let Some(person) = self.people.get_mut(who) {
            person.seats += 1;
            person.latest = owner;
            return Ok(false);
        }
        if self.people.len() >= most {
            return Err(RosterFull);
        }
        let name: Arc<str> = who.into();
        self.names_bytes += name.len() + ARC_BYTES;
        self.people.insert(Arc::clone(&name), Person { seats: 1, until: Moment::NEVER, latest: owner });
        self.tell(Change::Join, name);
        Ok(true)
    }

    /// Somebody left a seat; if it was their last, they are still present until `until`.
    pub(super) fn depart(&mut self, who: &str, until: Moment) {
        let Some(person) = self.people.get_mut(who) else { return };
        person.seats = person.seats.saturating_sub(1);
        if person.seats == 0 {
            person.until = until;
            self.due = self.due.min(until);
        }
    }

    /// When [`Roster::expire`] may have something to do.
    pub(super) fn due(&self) -> Moment {
        self.due
    }

    /// The owner of the latest seat taken under this name, while anybody sits under it.
    pub(super) fn latest(&self, who: &str) -> Option<Owner> {
        self.people.get(who).filter(|p| p.seats > 0).map(|p| p.latest)
    }

    /// Lets those go whose lease is over; returns whether anybody went.
    pub(super) fn expire(&mut self, now: Moment) -> bool {
        if now < self.due {
            return false;
        }
        self.due = Moment::NEVER;
        let mut gone: Vec<Arc<str>> = Vec::new();
        for (name, person) in &self.people {
            if person.seats > 0 {
                continue;
            }
            if person.until <= now {
                gone.push(Arc::clone(name));
            } else {
                self.due = self.due.min(person.until);
            }
        }
        // The order of a hash table must not show.
        gone.sort_unstable();
        for name in &gone {
            self.people.remove(&**name);
            self.names_bytes -= name.len() + ARC_BYTES;
            self.tell(Change::Leave, Arc::clone(name));
        }
        !gone.is_empty()
    }

    /// Bytes it takes, about: names, tables, the ring.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.names_bytes
            + self.people.capacity() * size_of::<(Arc<str>, Person)>()
            + self.ring.capacity() * size_of::<Notice>()
    }

    pub(super) fn seats(&self) -> usize {
        self.people.values().map(|p| p.seats as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_between_two_polls_is_present() {
        let mut roster = Roster::new(Seed::new(1, 2), 1);
        assert_eq!(roster.arrive("ann", 1, 9), Ok(true));
        roster.depart("ann", Moment(100));
        assert_eq!((roster.expire(Moment(99)), roster.due()), (false, Moment(100)));
        assert_eq!(roster.arrive("ann", 2, 9), Ok(false), "no second join");
        assert!(!roster.expire(Moment(500)));
        roster.depart("ann", Moment(600));
        assert!(roster.expire(Moment(600)));
        let told: Vec<_> = (1..roster.head()).map(|n| roster.notice(n).unwrap().change).collect();
        assert_eq!(told, [Change::Join, Change::Leave]);
    }

    #[test]
    fn several_seats_are_one_person() {
        let mut roster = Roster::new(Seed::new(1, 2), 1);
        roster.arrive("ann", 1, 9).unwrap();
        roster.arrive("ann", 2, 9).unwrap();
        roster.depart("ann", Moment(1));
        assert!(!roster.expire(Moment(9)));
        assert_eq!((roster.len(), roster.latest("ann")), (1, Some(2)));
    }

    #[test]
    fn a_full_roster_says_no_and_old_notices_are_forgotten() {
        let mut roster = Roster::new(Seed::new(1, 2), 1);
        roster.arrive("ann", 1, 1).unwrap();
        assert_eq!(roster.arrive("bob", 2, 1), Err(RosterFull));
        for _ in 0..RING {
            roster.tell(Change::Sign, "bob".into());
        }
        assert!(
            roster.notice(1).is_none()
                && roster.notice(2).is_some()
                && roster.notice(roster.head()).is_none()
        );
    }
}
