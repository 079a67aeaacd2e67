//! Publishes that are done once however often they are asked for: the keys of those that were done, each with the answer that it
//! got (draft-ietf-httpapi-idempotency-key-header).
//! Knows nothing of what was published. What was refused is not remembered: it may be asked for again.
use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::dialect::Once;
use crate::hub::Seed;
use crate::limits::Limits;
use crate::time::Moment;

/// Keys, and what they stand for.
pub(super) struct Table {
    known: HashMap<Arc<str>, Done, Seed>,
    /// The same keys, the first to be forgotten first.
    order: VecDeque<(Moment, Arc<str>)>,
    bytes: usize,
    /// How many are not the admin side's, and what they take.
    public: usize,
    public_bytes: usize,
}

struct Done {
    print: [u8; 32],
    answer: Box<[u8]>,
    until: Moment,
}

/// Whose a key is: strangers may choose the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope<'s> {
    /// The admin side's.
    Admin,
    /// That of whoever has a token with this `sub`.
    Named(&'s str),
    /// That of those whose tokens have none.
    Unnamed,
    /// That of those who show no token.
    Anybody,
}

/// What the keys of the admin side begin with.
const ADMIN: char = 'a';

impl Scope<'_> {
    /// Makes a key this one's.
    pub(super) fn put(self, key: &mut String) {
        // No key has the NUL in it, so the last one ends the name.
        *key = match self {
            Self::Admin => format!("{ADMIN}\0{key}"),
            Self::Named(sub) => format!("s{sub}\0{key}"),
            Self::Unnamed => format!("t\0{key}"),
            Self::Anybody => format!("n\0{key}"),
        };
    }
}

fn is_public(key: &str) -> bool {
    !key.starts_with(ADMIN)
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known<'t> {
    /// Nothing.
    New,
    /// The same was asked for, and answered so.
    Same(&'t [u8]),
    /// Something else was asked for.
    Other,
}

/// Bytes of an entry besides its key and answer.
const ENTRY: usize = size_of::<(Arc<str>, Done)>() + size_of::<(Moment, Arc<str>)>() + 2 * size_of::<usize>();

impl Table {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            known: HashMap::with_hasher(seed),
            order: VecDeque::new(),
            bytes: 0,
            public: 0,
            public_bytes: 0,
        }
    }

    /// What is known of a request. What is over by `now` is not.
    pub(super) fn find(&self, once: &Once, now: Moment) -> Known<'_> {
        match self.known.get(&*once.key).filter(|done| now < done.until) {
            None => Known::New,
            Some(done) if done.print == once.print => Known::Same(&done.answer),
            Some(_) => Known::Other,
        }
    }

    /// A request has been done and answered so; it is remembered until then.
    pub(super) fn insert(&mut self, once: &Once, answer: &[u8], until: Moment) {
        let key: Arc<str> = once.key.as_str().into();
        self.count(&key, answer.len(), true);
        let done = Done { print: once.print, answer: answer.into(), until };
        if let Some(before) = self.known.insert(Arc::clone(&key), done) {
            // It was over, and nobody has looked since.
            self.count(&key, before.answer.len(), false);
            self.order.retain(|(_, other)| *other != key);
        }
        self.order.push_back((until, key));
    }

    fn count(&mut self, key: &str, answer: usize, more: bool) {
        let one = |count: &mut usize, by: usize| if more { *count += by } else { *count -= by };
        let bytes = ENTRY + key.len() + answer;
        one(&mut self.bytes, bytes);
        if is_public(key) {
            one(&mut self.public, 1);
            one(&mut self.public_bytes, bytes);
        }
    }

    /// Whether another can be remembered, with an answer of so many bytes, where so many may be and so many bytes of them. The
    /// public sides have half of the room, so that nobody there keeps the application from publishing.
    pub(super) fn has_room(&self, once: &Once, answer: usize, limits: &Limits) -> bool {
        let (keys, bytes) = (limits.idempotency_keys_max, limits.idempotency_bytes_max);
        let cost = Self::cost(once, answer);
        let has_all = self.known.len() < keys && self.bytes + cost <= bytes;
        has_all
            && (!is_public(&once.key) || (self.public < keys / 2 && self.public_bytes + cost <= bytes / 2))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Bytes, for the account of memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that a request would take with an answer of so many.
    pub(super) fn cost(once: &Once, answer: usize) -> usize {
        ENTRY + once.key.len() + answer
    }

    /// When the first is to be forgotten.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.order.front().map(|(until, _)| *until)
    }

    /// Forgets what is over.
    pub(super) fn expire(&mut self, now: Moment) {
        while let Some((until, key)) = self.order.front()
            && *until <= now
        {
            if let Some(gone) = self.known.remove(key) {
                let key = Arc::clone(key);
                self.count(&key, gone.answer.len(), false);
            }
            self.order.pop_front();
        }
        if self.order.is_empty() {
            self.order = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(key: &str, print: u8) -> Once {
        Once { key: key.into(), print: [print; 32] }
    }

    #[test]
    fn what_was_done_is_known_for_its_time() {
        let mut table = Table::new(Seed::new(1, 2));
        assert_eq!(table.find(&once("a", 1), Moment(0)), Known::New);
        table.insert(&once("a", 1), b"answer", Moment(100));
        table.insert(&once("b", 1), b"", Moment(200));
        assert_eq!(table.find(&once("a", 1), Moment(99)), Known::Same(b"answer"));
        assert_eq!(table.find(&once("a", 2), Moment(99)), Known::Other);
        assert_eq!(table.find(&once("a", 2), Moment(100)), Known::New, "also before anybody has tidied up");
        table.insert(&once("a", 2), b"another", Moment(300));
        assert_eq!((table.len(), table.deadline()), (2, Some(Moment(200))));
        table.expire(Moment(250));
        assert_eq!((table.len(), table.find(&once("a", 2), Moment(250))), (1, Known::Same(b"another")));
        assert_eq!(table.bytes(), Table::cost(&once("a", 2), 7));
        table.expire(Moment(300));
        assert_eq!((table.len(), table.bytes(), table.deadline()), (0, 0, None));
    }

    #[test]
    fn the_public_sides_have_half_of_the_room() {
        let mut table = Table::new(Seed::new(1, 2));
        let scoped = |scope: Scope<'_>, key: &str| {
            let mut once = once(key, 1);
            scope.put(&mut once.key);
            once
        };
        let room = |keys: usize| Limits { idempotency_keys_max: keys, ..Limits::default() };
        let scopes = [Scope::Anybody, Scope::Unnamed, Scope::Named(""), Scope::Named("a"), Scope::Named("n")];
        let mut keys: Vec<String> = scopes.iter().map(|scope| scoped(*scope, "k").key).collect();
        keys.push(scoped(Scope::Admin, "k").key);
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 6, "nobody's key is another's: {keys:?}");
        for (n, scope) in scopes.into_iter().enumerate() {
            assert_eq!(table.has_room(&scoped(scope, "k"), 0, &room(8)), n < 4);
            table.insert(&scoped(scope, "k"), b"", Moment(100 + n as u64));
        }
        // Once more, when it was over and nobody has looked: it is still one.
        table.insert(&scoped(Scope::Anybody, "k"), b"", Moment(200));
        assert_eq!((table.len(), table.public), (5, 5));
        for n in 0..3 {
            let own = scoped(Scope::Admin, &n.to_string());
            assert!(table.has_room(&own, 0, &room(8)));
            table.insert(&own, b"", Moment(300));
        }
        assert!(!table.has_room(&scoped(Scope::Admin, "k"), 0, &room(8)));
        table.expire(Moment(200));
        assert_eq!((table.len(), table.public), (3, 0));
        assert!(table.has_room(&scoped(Scope::Anybody, "k"), 0, &room(8)));
    }

    #[test]
    fn answers_have_so_many_bytes_and_no_more() {
        let mut table = Table::new(Seed::new(1, 2));
        let (own, public) = (once("ak", 1), once("nk", 1));
        let most = Table::cost(&own, 1_000);
        let limits = Limits { idempotency_bytes_max: most, ..Limits::default() };
        let has_room = |table: &Table, once: &Once, answer| table.has_room(once, answer, &limits);
        assert!(has_room(&table, &own, 1_000) && !has_room(&table, &own, 1_001));
        let half = most / 2 - Table::cost(&public, 0);
        assert!(has_room(&table, &public, half) && !has_room(&table, &public, half + 1));
        table.insert(&public, &vec![b'x'; half], Moment(9));
        assert!(!has_room(&table, &once("nl", 1), 0) && has_room(&table, &once("al", 1), 0));
        table.expire(Moment(9));
        assert!(has_room(&table, &public, half) && table.public_bytes == 0);
    }
}
