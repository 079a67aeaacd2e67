//! What happened in all worlds, counted: a world that has become too tame is noticed.
//! Knows nothing of what the names mean.
use std::collections::BTreeMap;

/// Counts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    /// It happened once more.
    pub fn note(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    /// It happened so many times more.
    pub fn add(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_insert(0) += times;
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            self.add(what, *times);
        }
    }

    /// How often it happened.
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// What was expected to happen and never did.
    pub fn missing<'a>(&self, expected: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        expected.filter(|what| self.of(what) == 0).collect()
    }

    /// One line for each name.
    pub fn table(&self) -> String {
        self.0.iter().map(|(what, times)| format!("{times:>10}  {what}\n")).collect()
    }
}
