//! Patterns of channel names, and a table that finds which of many match a name without walking them: everything that
//! could match is generated from the name and looked up.
//! Knows nothing of what a pattern stands for.
use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

use super::names::Seed;
use crate::arena::Id;

/// A set of channel names. Segments are what stands between slashes; Bayeux 1.0, section 2.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Pattern<'p> {
    /// `/a/*`: one more segment than this name.
    Child(&'p str),
    /// `/a/**`: one more segment or several.
    Below(&'p str),
    /// `a.*`: names that begin so, whatever they mean by it.
    Prefix(&'p str),
}

impl<'p> Pattern<'p> {
    /// Reads `/a/*` and `/a/**`. Both begin with a slash, and have no star but at the end and no empty segment.
    pub fn of_segments(text: &'p str) -> Option<Self> {
        let (parent, is_deep) = match text.strip_suffix("/**") {
            Some(parent) => (parent, true),
            None => (text.strip_suffix("/*")?, false),
        };
        let is_path = parent.is_empty() || (parent.starts_with('/') && !parent.ends_with('/'));
        if !is_path || parent.contains("//") || parent.contains('*') {
            return None;
        }
        Some(if is_deep { Self::Below(parent) } else { Self::Child(parent) })
    }

    /// Whether the channel called `name` is in the set. The table agrees with this; it is only faster.
    pub fn matches(self, name: &str) -> bool {
        let below = |parent: &str| name.strip_prefix(parent).and_then(|rest| rest.strip_prefix('/'));
        match self {
            Self::Child(parent) => below(parent).is_some_and(|rest| !rest.is_empty() && !rest.contains('/')),
            Self::Below(parent) => below(parent).is_some_and(|rest| !rest.is_empty()),
            Self::Prefix(beginning) => name.starts_with(beginning),
        }
    }

    fn parts(self) -> (u8, &'p str) {
        match self {
            Self::Child(text) => (0, text),
            Self::Below(text) => (1, text),
            Self::Prefix(text) => (2, text),
        }
    }
}

struct Entry<T> {
    hash: u64,
    kind: u8,
    text: Box<str>,
    id: Id<T>,
}

/// Ids by pattern, each pattern once.
pub struct Patterns<T> {
    table: HashTable<Entry<T>>,
    seed: Seed,
    /// How many prefixes there are of each length in bytes: only these lengths are looked up.
    prefixes: Vec<u32>,
    /// How many patterns of segments there are.
    segments: usize,
    text_bytes: usize,
}

impl<T> Patterns<T> {
    /// No patterns yet.
    pub fn new(seed: Seed) -> Self {
        Self { table: HashTable::new(), seed, prefixes: Vec::new(), segments: 0, text_bytes: 0 }
    }

    fn hash(&self, (kind, text): (u8, &str)) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write_u8(kind);
        hasher.write(text.as_bytes());
        hasher.finish()
    }

    /// The id of a pattern.
    pub fn find(&self, pattern: Pattern<'_>) -> Option<Id<T>> {
        let (kind, text) = pattern.parts();
        let hash = self.hash((kind, text));
        self.table.find(hash, |e| e.hash == hash && e.kind == kind && &*e.text == text).map(|e| e.id)
    }

    /// Enters a pattern that is not there yet.
    pub fn insert(&mut self, pattern: Pattern<'_>, id: Id<T>) {
        debug_assert!(self.find(pattern).is_none(), "{pattern:?} is there");
        let (kind, text) = pattern.parts();
        let hash = self.hash((kind, text));
        self.table.insert_unique(hash, Entry { hash, kind, text: text.into(), id }, |e| e.hash);
        self.text_bytes += text.len();
        match pattern {
            Pattern::Prefix(_) => {
                if self.prefixes.len() <= text.len() {
                    self.prefixes.resize(text.len() + 1, 0);
                }
                self.prefixes[text.len()] += 1;
            }
            _ => self.segments += 1,
        }
    }

    /// Takes a pattern out; what it stood for.
    pub fn remove(&mut self, pattern: Pattern<'_>) -> Option<Id<T>> {
        let (kind, text) = pattern.parts();
        let hash = self.hash((kind, text));
        let entry =
            self.table.find_entry(hash, |e| e.hash == hash && e.kind == kind && &*e.text == text).ok()?;
        let (entry, _) = entry.remove();
        self.text_bytes -= text.len();
        match pattern {
            Pattern::Prefix(_) => {
                self.prefixes[text.len()] -= 1;
                while self.prefixes.last() == Some(&0) {
                    self.prefixes.pop();
                }
            }
            _ => self.segments -= 1,
        }
        Some(entry.id)
    }

    /// Shows every id whose pattern matches `name`, each once, in an order that depends on nothing but the patterns and
    /// the name.
    pub fn each_match(&self, name: &str, mut show: impl FnMut(Id<T>)) {
        self.each_candidate(name, |pattern| {
            if let Some(id) = self.find(pattern) {
                show(id);
            }
        });
    }

    /// Every pattern that would match `name`, if there is one: as many as the name has segments, and one for each length of prefixes,
    /// however many patterns there are.
    fn each_candidate<'n>(&self, name: &'n str, mut look: impl FnMut(Pattern<'n>)) {
        if self.segments > 0 && name.starts_with('/') {
            // What stands behind the last slash may be nothing: then it is no segment.
            let has_segment = |at: &usize| at + 1 < name.len();
            if let Some(at) = name.rfind('/').filter(has_segment) {
                look(Pattern::Child(&name[..at]));
            }
            for at in name.match_indices('/').map(|(at, _)| at).filter(has_segment) {
                look(Pattern::Below(&name[..at]));
            }
        }
        for (length, _) in self.prefixes.iter().enumerate().filter(|(_, n)| **n > 0) {
            // A prefix ends where a character ends, or it is none of this name.
            let Some(beginning) = name.get(..length) else { continue };
            look(Pattern::Prefix(beginning));
        }
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Bytes of the table, for the memory accounts.
    pub fn bytes(&self) -> usize {
        self.table.len() * (size_of::<Entry<T>>() + 1)
            + self.text_bytes
            + self.prefixes.len() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arena::Arena;

    #[test]
    fn patterns_of_segments() {
        for (text, wanted) in [
            ("/a/*", Some(Pattern::Child("/a"))),
            ("/a/b/**", Some(Pattern::Below("/a/b"))),
            ("/*", Some(Pattern::Child(""))),
            ("/**", Some(Pattern::Below(""))),
            ("/a", None),
            ("a/*", None),
            ("/a*", None),
            ("/*/b/*", None),
            ("/a//*", None),
            ("//*", None),
            ("/a/***", None),
            ("*", None),
        ] {
            assert_eq!(Pattern::of_segments(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_matches_what() {
        let matches = |text, name| Pattern::of_segments(text).expect("a pattern").matches(name);
        assert!(matches("/a/*", "/a/b") && !matches("/a/*", "/a/b/c") && !matches("/a/*", "/a"));
        assert!(matches("/a/**", "/a/b") && matches("/a/**", "/a/b/c") && !matches("/a/**", "/a"));
        assert!(!matches("/a/**", "/ab/c") && matches("/**", "/a") && matches("/*", "/a"));
        assert!(!matches("/**", "a") && !matches("/a/*", "/a/"));
        assert!(Pattern::Prefix("news.").matches("news.") && !Pattern::Prefix("news.").matches("news"));
    }

    /// What a name costs does not depend on how many patterns there are that it does not match.
    #[test]
    fn a_name_is_looked_up_so_many_times_among_however_many_patterns() {
        let mut table = Patterns::new(Seed::new(1, 2));
        let mut ids = Arena::with_limit(100_001);
        let mut add = |table: &mut Patterns<()>, text: &str| {
            let id = ids.insert(()).expect("room");
            table.insert(Pattern::of_segments(text).expect("a pattern"), id);
            id
        };
        let looks = |table: &Patterns<()>, name| {
            let (mut looks, mut found) = (0, Vec::new());
            table.each_candidate(name, |_| looks += 1);
            table.each_match(name, |id| found.push(id));
            (looks, found)
        };
        assert_eq!(looks(&table, "/a/b/c"), (0, vec![]));
        for n in 0..100_000 {
            add(&mut table, &format!("/other/{n}/{}", if n % 2 == 0 { "*" } else { "**" }));
            if [1, 1_000, 99_999].contains(&n) {
                assert_eq!(looks(&table, "/a/b/c"), (4, vec![]), "/a/b/*, /a/b/**, /a/** and /**");
                assert_eq!(looks(&table, "news"), (0, vec![]), "only names with a slash have segments");
            }
        }
        let id = add(&mut table, "/a/**");
        assert_eq!(looks(&table, "/a/b/c"), (4, vec![id]));
    }

    proptest! {
        /// The table agrees with asking every pattern.
        #[test]
        fn the_table_finds_what_matches(
            texts in proptest::collection::btree_set("(/[ab]){0,3}/\\*{1,2}|[abé/.]{0,4}", 0..40),
            names in proptest::collection::vec("(/[ab]){1,4}|[abé/.]{1,6}", 1..20),
        ) {
            let mut table = Patterns::new(Seed::new(1, 2));
            let mut ids = Arena::with_limit(100);
            let mut all: Vec<(Pattern<'_>, Id<()>)> = Vec::new();
            for text in &texts {
                let pattern = Pattern::of_segments(text).unwrap_or(Pattern::Prefix(text));
                let id = ids.insert(()).expect("room");
                table.insert(pattern, id);
                all.push((pattern, id));
            }
            // Every third is taken out again.
            for (pattern, id) in all.iter().step_by(3) {
                prop_assert_eq!(table.remove(*pattern), Some(*id));
                prop_assert_eq!(table.remove(*pattern), None);
            }
            let left: Vec<_> = all.iter().enumerate().filter(|(i, _)| i % 3 > 0).map(|(_, p)| *p).collect();
            prop_assert_eq!(table.len(), left.len());
            for name in &names {
                let mut found = Vec::new();
                table.each_match(name, |id| found.push(id.to_bits()));
                let mut wanted: Vec<u64> =
                    left.iter().filter(|(p, _)| p.matches(name)).map(|(_, id)| id.to_bits()).collect();
                found.sort_unstable();
                wanted.sort_unstable();
                prop_assert_eq!(found, wanted, "{}", name);
            }
            for (pattern, id) in left {
                prop_assert_eq!(table.remove(pattern), Some(id));
            }
            prop_assert_eq!(table.bytes(), 0);
        }
    }
}
