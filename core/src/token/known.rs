//! Tokens whose signature was found to be right lately, so that who shows one with each request has it checked once.
//! Knows nothing of keys: when those change, everything is forgotten.
use std::collections::VecDeque;

use hashbrown::HashMap;
use ring::digest::{SHA256, digest};

use super::Grant;
use crate::hub::Seed;

/// Entries that may be passed over for having been used when one must give way: a newcomer costs no walk over all of them.
const SPARED_MAX: usize = 16;

/// What a token is known by: the SHA-256 of its bytes. A look-up may take its time by how much of a digest is like another's;
/// that says nothing of the token, which has to be found first.
type Print = [u8; 32];

#[derive(Debug)]
struct Entry {
    grant: Grant,
    /// It has been shown since it was last passed over.
    used: bool,
}

/// Tokens that were right, and what each allows. What was refused is not remembered.
#[derive(Debug)]
pub struct Known {
    table: HashMap<Print, Entry, Seed>,
    /// Those in the table, each once; the first gives way first.
    order: VecDeque<Print>,
    most: usize,
    grants_bytes: usize,
}

impl Known {
    /// Nothing is known; at most so many will be. With 0, none is remembered.
    pub fn new(most: usize, seed: Seed) -> Self {
        Self { table: HashMap::with_hasher(seed), order: VecDeque::new(), most, grants_bytes: 0 }
    }

    /// Forgets all: keys or what is expected of tokens may be other ones. At most so many will be known from now on.
    pub fn forget(&mut self, most: usize) {
        (self.table, self.order) = (HashMap::with_hasher(*self.table.hasher()), VecDeque::new());
        (self.most, self.grants_bytes) = (most, 0);
    }

    /// What this token allows, if it is known and its time is now; `now_s` is the second since 1970.
    pub fn find(&mut self, token: &str, now_s: u64) -> Option<&Grant> {
        if self.table.is_empty() {
            return None;
        }
        let entry = self.table.get_mut(&print(token))?;
        if !entry.grant.is_good(now_s) {
            // Whoever looks at all of it has the words.
            return None;
        }
        entry.used = true;
        Some(&entry.grant)
    }

    /// Bytes that this grant would take.
    pub fn bytes_of(grant: &Grant) -> usize {
        grant.bytes() + size_of::<(Print, Entry)>() - size_of::<Grant>() + size_of::<Print>()
    }

    /// Remembers what a token allows that was right. True if another had to give way that was still good.
    pub fn remember(&mut self, token: &str, grant: &Grant, now_s: u64) -> bool {
        if self.most == 0 {
            return false;
        }
        // The time of those at the front has often come; so what is over does not stay for as long as there is room.
        for _ in 0..2 {
            let front = self.order.front().and_then(|print| self.table.get(print));
            if !front.is_some_and(|entry| entry.grant.is_over(now_s)) {
                break;
            }
            self.drop_front();
        }
        let print = print(token);
        if let Some(before) = self.table.get_mut(&print) {
            // Its time had not come, or clocks were set.
            before.used = true;
            return false;
        }
        let mut gave_way = false;
        while self.order.len() >= self.most {
            self.spare();
            let front = self.order.front().and_then(|print| self.table.get(print));
            gave_way |= front.is_some_and(|entry| !entry.grant.is_over(now_s));
            self.drop_front();
        }
        self.grants_bytes += grant.bytes();
        self.order.push_back(print);
        self.table.insert(print, Entry { grant: grant.clone(), used: false });
        gave_way
    }

    /// Puts those at the front behind the others that have been shown since they were put there.
    fn spare(&mut self) {
        for _ in 0..SPARED_MAX {
            let front = self.order.front().and_then(|print| self.table.get_mut(print));
            if !front.is_some_and(|entry| std::mem::take(&mut entry.used)) {
                return;
            }
            self.order.rotate_left(1);
        }
    }

    fn drop_front(&mut self) {
        if let Some(gone) = self.order.pop_front().and_then(|print| self.table.remove(&print)) {
            self.grants_bytes -= gone.grant.bytes();
        }
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Bytes, for the account of memory.
    pub fn bytes(&self) -> usize {
        let entry = size_of::<(Print, Entry)>() - size_of::<Grant>() + size_of::<Print>();
        self.grants_bytes + self.table.len() * entry
    }
}

fn print(token: &str) -> Print {
    let mut print = [0; 32];
    print.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    print
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(from_s: u64, until_s: u64) -> Grant {
        Grant { sub: Some("ann".into()), from_s, until_s, rules: Box::default() }
    }

    fn known(most: usize) -> Known {
        Known::new(most, Seed::new(1, 2))
    }

    #[test]
    fn what_was_right_is_known_for_its_time_and_as_it_was_written() {
        let mut known = known(2);
        assert!(known.find("a", 5).is_none());
        assert!(!known.remember("a", &grant(5, 10), 5));
        assert_eq!(known.find("a", 9), Some(&grant(5, 10)));
        assert!(known.find("a", 10).is_none() && known.find("a", 4).is_none(), "before and after");
        assert!(known.find("b", 5).is_none() && known.find("a ", 5).is_none() && known.find("", 5).is_none());
        assert_eq!(known.bytes(), Known::bytes_of(&grant(5, 10)));
        known.forget(2);
        assert!(known.find("a", 9).is_none() && known.is_empty() && known.bytes() == 0);
    }

    #[test]
    fn those_that_are_shown_stay_and_others_give_way() {
        let mut known = known(2);
        assert!(!known.remember("a", &grant(0, 100), 1) && !known.remember("b", &grant(0, 100), 1));
        assert!(known.find("a", 1).is_some());
        assert!(known.remember("c", &grant(0, 100), 1));
        assert!(known.find("a", 1).is_some() && known.find("b", 1).is_none() && known.find("c", 1).is_some());
        assert_eq!((known.len(), known.order.len()), (2, 2));
        // Where all are in use, the oldest goes, and nobody is walked for ever.
        assert!(known.remember("d", &grant(0, 100), 1));
        assert_eq!((known.len(), known.order.len()), (2, 2));
        assert!(known.find("d", 1).is_some());
    }

    #[test]
    fn what_is_over_leaves_by_itself() {
        let mut known = known(8);
        for (i, token) in ["a", "b", "c"].into_iter().enumerate() {
            known.remember(token, &grant(0, 10 + i as u64), 1);
        }
        assert!(!known.remember("d", &grant(0, 100), 50));
        assert_eq!(known.len(), 2, "two of three that are over");
        assert!(!known.remember("e", &grant(0, 100), 50));
        assert_eq!((known.len(), known.bytes()), (2, 2 * Known::bytes_of(&grant(0, 100))));
    }

    #[test]
    fn with_no_room_nothing_is_remembered() {
        let mut known = known(0);
        assert!(!known.remember("a", &grant(0, 100), 1));
        assert!(known.is_empty() && known.find("a", 1).is_none());
    }
}
