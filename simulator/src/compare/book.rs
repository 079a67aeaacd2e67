//! Everything that has been measured, and with what: kept as JSON from one call to the next.
//! Knows nothing of bars, and nothing of how it is shown.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::rows::{Entry, Measure, Row};
use crate::outcome::Outcome;

/// By row, by contestant, by measure, run after run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Book {
    rows: BTreeMap<String, BTreeMap<String, Page>>,
    /// Who was measured together. Rows in none of them are older than this list.
    #[serde(default)]
    takings: Vec<Taking>,
}

/// One contestant in one row.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// What was typed.
    pub command: String,
    /// Values by measure, one a round: nothing stands for a run that did not give any, so that those of one round keep their
    /// place beside each other.
    pub values: BTreeMap<String, Vec<Option<f64>>>,
    /// What was wrong, if anything was.
    pub complaints: Vec<String>,
}

/// Rows that were measured with the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Taking {
    rows: BTreeSet<String>,
    with: Setting,
}

/// What a row was measured with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// What the working tree was when measuring began.
    pub commit: String,
    /// Rounds.
    pub runs: usize,
    /// A second each, where it would have been more.
    pub quick: bool,
    /// The core of servers, and that of clients.
    pub cores: (usize, usize),
    /// (what, which) of the machine and of every program.
    pub versions: Vec<(String, String)>,
}

impl Setting {
    /// How often, and of what: `3 runs at 1a2b3c4`.
    pub fn words(&self) -> String {
        let runs = if self.runs == 1 { "1 run".to_owned() } else { format!("{} runs", self.runs) };
        format!("{runs}{} at {}", if self.quick { " of a second" } else { "" }, self.commit)
    }
}

impl Book {
    /// What was kept in this file; nothing, if there is none.
    ///
    /// # Errors
    /// It cannot be read: whoever wrote over it would lose what is in there.
    pub fn load(path: &Path) -> Result<Self, String> {
        let complain = |words: String| format!("{}: {words}", path.display());
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| complain(error.to_string())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(complain(error.to_string())),
        }
    }

    /// Leaves out what was measured with other commands than these rows have now: it is about something else.
    pub fn forget_changed(&mut self, rows: &[Row]) {
        self.rows.retain(|name, pages| {
            rows.iter().filter(|row| row.name == *name).all(|row| {
                let same = |entry: &Entry| {
                    pages.get(entry.label).is_none_or(|page| page.command == entry.command(row))
                };
                row.entries.iter().all(same)
            })
        });
        for taking in &mut self.takings {
            taking.rows.retain(|row| self.rows.contains_key(row));
        }
        self.takings.retain(|taking| !taking.rows.is_empty());
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Takes a row's figures in the place of older ones.
    pub fn enter(&mut self, row: &str, pages: BTreeMap<String, Page>, with: &Setting) {
        self.rows.insert(row.to_owned(), pages);
        for taking in &mut self.takings {
            taking.rows.remove(row);
        }
        self.takings.retain(|taking| !taking.rows.is_empty());
        match self.takings.iter_mut().find(|taking| taking.with == *with) {
            Some(taking) => {
                taking.rows.insert(row.to_owned());
            }
            None => {
                self.takings.push(Taking { rows: [row.to_owned()].into(), with: with.clone() });
            }
        }
    }

    /// The contestants of a row, if it has been measured.
    pub fn row(&self, row: &Row) -> Option<&BTreeMap<String, Page>> {
        self.rows.get(row.name)
    }

    /// One of them.
    pub fn page(&self, row: &Row, label: &str) -> Option<&Page> {
        self.row(row)?.get(label)
    }

    /// What has been read of one of them; `None` if nothing has.
    pub fn values(&self, row: &Row, label: &str, measure: Measure) -> Option<&[Option<f64>]> {
        let values = self.page(row, label)?.values.get(measure.key())?;
        values.iter().any(Option::is_some).then_some(values)
    }

    /// What this row was measured with, as far as that was kept.
    pub fn setting(&self, row: &Row) -> Option<&Setting> {
        self.takings.iter().find(|taking| taking.rows.contains(row.name)).map(|taking| &taking.with)
    }

    /// All that rows were measured with, and which rows.
    pub fn settings(&self) -> impl ExactSizeIterator<Item = (&BTreeSet<String>, &Setting)> {
        self.takings.iter().map(|taking| (&taking.rows, &taking.with))
    }
}

impl Page {
    /// Notes a run.
    pub fn add(&mut self, row: &Row, outcome: &Outcome) {
        for measure in row.measures() {
            self.values.entry(measure.key().to_owned()).or_default().push(measure.of(outcome));
        }
        let counts = &outcome.counts;
        if !outcome.is_good() {
            let words = [outcome.failure.as_deref(), outcome.complaint.as_deref()];
            let words: Vec<&str> = words.into_iter().flatten().collect();
            self.complaints.push(format!(
                "{} lost, {} doubled, {} reordered, {} refused. {}",
                counts.lost,
                counts.doubled,
                counts.reordered,
                counts.refused,
                words.join(". ")
            ));
        }
    }

    /// Notes a run that came to nothing.
    pub fn miss(&mut self, row: &Row, words: String) {
        for measure in row.measures() {
            self.values.entry(measure.key().to_owned()).or_default().push(None);
        }
        self.complaints.push(words);
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::{self, FLOOR, RCOMET};
    use super::super::stats::Spread;
    use super::*;

    fn setting(commit: &str, runs: usize) -> Setting {
        Setting { commit: commit.to_owned(), runs, ..Setting::default() }
    }

    #[test]
    fn each_row_says_with_what_it_was_measured() {
        let rows = rows::all();
        let mut book = Book::default();
        for row in &rows[..3] {
            book.enter(row.name, BTreeMap::new(), &setting("one", 3));
        }
        book.enter(rows[1].name, BTreeMap::new(), &setting("two", 1));
        assert_eq!(book.settings().len(), 2);
        assert_eq!(book.setting(&rows[0]), Some(&setting("one", 3)));
        assert_eq!(book.setting(&rows[1]).map(Setting::words).as_deref(), Some("1 run at two"));
        assert_eq!(book.setting(&rows[3]), None);
        for row in &rows[..3] {
            book.enter(row.name, BTreeMap::new(), &setting("three", 3));
        }
        assert_eq!(book.settings().len(), 1, "nobody was measured with the others any more");
    }

    #[test]
    fn what_was_measured_with_another_command_is_not_shown_under_the_new_one() {
        let rows = rows::all();
        let mut book = Book::default();
        for (row, command) in
            [(&rows[0], rows[0].entries[1].command(&rows[0])), (&rows[1], "another".to_owned())]
        {
            let page = Page { command, ..Page::default() };
            book.enter(row.name, [(RCOMET.to_owned(), page)].into(), &setting("one", 3));
        }
        book.forget_changed(&rows);
        assert!(book.row(&rows[0]).is_some() && book.setting(&rows[0]).is_some());
        assert!(book.row(&rows[1]).is_none() && book.setting(&rows[1]).is_none());
    }

    #[test]
    fn what_was_kept_without_settings_is_read() {
        let text = r#"{"rows": {"fanout-sse": {"rcomet": {"command": "c", "values": {"p50_us": [1.0, 2]}, "complaints": []}}}}"#;
        let book: Book = serde_json::from_str(text).expect("an older file");
        let row = &rows::all()[0];
        assert_eq!(book.values(row, RCOMET, Measure::P50), Some(&[Some(1.0), Some(2.0)][..]));
        assert_eq!(book.setting(row), None);
    }

    #[test]
    fn a_run_that_failed_does_not_move_the_others_to_another_round() {
        let row = &rows::all()[0];
        let mut pages =
            BTreeMap::from([(RCOMET.to_owned(), Page::default()), (FLOOR.to_owned(), Page::default())]);
        let note =
            |page: &mut Page, value| page.values.entry("p50_us".to_owned()).or_default().push(Some(value));
        let own = pages.get_mut(RCOMET).expect("it is there");
        own.miss(row, "it said nothing".to_owned());
        note(own, 20.0);
        let floor = pages.get_mut(FLOOR).expect("it is there");
        note(floor, 1.0);
        note(floor, 10.0);
        let mut book = Book::default();
        book.enter(row.name, pages, &setting("one", 2));
        let values = |label| book.values(row, label, Measure::P50).expect("values");
        let ratio = Spread::of_ratios(values(RCOMET), values(FLOOR)).expect("one round has both");
        assert_eq!((ratio.min, ratio.max), (2.0, 2.0));
    }
}
