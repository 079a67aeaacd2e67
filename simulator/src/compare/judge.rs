//! What is met and what is missed, and what is lost against others.
//! Knows nothing of how figures came about, and nothing of the document.
use super::book::Book;
use super::rows::{Against, Bar, Entry, FLOOR, Limit, Measure, Row};
use super::stats::Spread;
use crate::report::number;

/// What has become of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is met.
    Met,
    /// It is not.
    Missed,
    /// Nothing can be said although it was looked at: that counts like a bar that is missed.
    Unknown,
    /// It has not been looked at: by nobody, or not with the one to compare with.
    Open,
}

/// A bar, judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What has become of it.
    pub verdict: Verdict,
    /// What it must be.
    pub must: String,
    /// What it is.
    pub shown: String,
}

impl Judged {
    /// Whether it stands among what is lost.
    pub fn is_lost(&self) -> bool {
        matches!(self.verdict, Verdict::Missed | Verdict::Unknown)
    }
}

/// Those of a row for whom its bars are: rcomet as it is tuned, and as it comes.
pub fn subjects(row: &Row) -> impl Iterator<Item = &Entry> {
    row.entries.iter().filter(|entry| entry.is_subject())
}

/// Judges one of them. What must not happen must not happen in any run; everything else is judged by the median.
pub fn judge(row: &Row, bar: &Bar, book: &Book, label: &str) -> Judged {
    let unit = match bar.against {
        Against::Entry(other) => Some(other),
        Against::Value => None,
    };
    let show = |value: f64| match unit {
        Some(_) => format!("{value:.2}"),
        None => number(value, bar.measure.key()),
    };
    let (word, limit) = match bar.limit {
        Limit::AtMost(limit) => ("at most", limit),
        Limit::AtLeast(limit) => ("at least", limit),
    };
    let against = unit.map(|other| format!(" × {other}")).unwrap_or_default();
    let must = format!("{word} {}{against}", show(limit));
    let unmeasured = |verdict, shown: String| Judged { verdict, must: must.clone(), shown };
    let Some(page) = book.page(row, label) else {
        return unmeasured(Verdict::Open, "not measured".to_owned());
    };
    if !page.values.contains_key(bar.measure.key()) && page.complaints.is_empty() {
        return unmeasured(Verdict::Open, "not measured".to_owned());
    }
    if let Some(other) = unit
        && book.page(row, other).is_none()
    {
        return unmeasured(Verdict::Open, format!("not measured: {other} is not here"));
    }
    let spread = book.values(row, label, bar.measure).and_then(|own| match unit {
        Some(other) => Spread::of_ratios(own, book.values(row, other, bar.measure)?),
        None => Spread::of(own),
    });
    let Some(spread) = spread else {
        return unmeasured(Verdict::Unknown, "not measured".to_owned());
    };
    let faults = bar.measure == Measure::Faults;
    let met = match faults {
        true => bar.limit.allows(spread.max) && page.complaints.is_empty(),
        false => bar.limit.allows(spread.median),
    };
    let mut shown = span(spread, show);
    if faults && !page.complaints.is_empty() {
        shown.push_str(", with complaints");
    }
    Judged { verdict: if met { Verdict::Met } else { Verdict::Missed }, must, shown }
}

/// The median, and least and greatest if they differ.
pub fn span(spread: Spread, show: impl Fn(f64) -> String) -> String {
    if spread.min == spread.max {
        return show(spread.median);
    }
    format!("{} ({} to {})", show(spread.median), show(spread.min), show(spread.max))
}

/// Everything that rcomet loses in a row, one sentence each: bars, runs that were not what they should be, and what others do
/// better.
pub fn losses(row: &Row, book: &Book) -> Vec<String> {
    let mut lost = Vec::new();
    for subject in subjects(row) {
        let who = subject.label;
        for bar in &row.bars {
            let judged = judge(row, bar, book, who);
            if judged.is_lost() {
                let (what, shown, must) = (bar.measure.title(), judged.shown, judged.must);
                lost.push(format!("{}, {who}: {what} is {shown}, and must be {must}.", row.title));
            }
        }
    }
    for entry in row.entries.iter().filter(|entry| entry.server.is_rcomet()) {
        for complaint in book.page(row, entry.label).iter().flat_map(|page| &page.complaints) {
            let first = complaint.lines().next().unwrap_or_default();
            lost.push(format!("{}, {}, one run: {first}", row.title, entry.label));
        }
    }
    for subject in subjects(row) {
        for measure in row.measures().into_iter().filter(|measure| measure.is_its_own()) {
            let median = |label| Spread::of(book.values(row, label, measure)?).map(|spread| spread.median);
            let Some(own) = median(subject.label) else { continue };
            let peers = row.entries.iter().filter(|peer| !peer.server.is_rcomet() && peer.label != FLOOR);
            for (peer, theirs) in peers.filter_map(|peer| Some((peer.label, median(peer.label)?))) {
                let worse = if measure.more_is_better() { own < theirs } else { own > theirs };
                if worse {
                    let show = |value| number(value, measure.key());
                    let (what, who) = (measure.title(), subject.label);
                    let (own, theirs) = (show(own), show(theirs));
                    lost.push(format!(
                        "{}: {what} is {theirs} with {peer}, and {own} with {who}.",
                        row.title
                    ));
                }
            }
        }
    }
    lost
}

/// Complaints about rcomet in a row, whole, and bars of which nothing can be said: a comparison with any of them has failed.
pub fn failures(row: &Row, book: &Book) -> Vec<String> {
    let mut found = Vec::new();
    for entry in row.entries.iter().filter(|entry| entry.server.is_rcomet()) {
        for complaint in book.page(row, entry.label).iter().flat_map(|page| &page.complaints) {
            found.push(format!("{}, {}: {complaint}", row.name, entry.label));
        }
    }
    for subject in subjects(row) {
        for bar in &row.bars {
            if judge(row, bar, book, subject.label).verdict == Verdict::Unknown {
                found.push(format!(
                    "{}, {}: {} was not measured",
                    row.name,
                    subject.label,
                    bar.measure.title()
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::book::{Page, Setting};
    use super::super::rows::{self, AS_IT_COMES, RCOMET};
    use super::*;

    /// A book of one row: (who, measure, values).
    fn book(row: &Row, values: &[(&str, Measure, &[Option<f64>])]) -> Book {
        let mut pages: BTreeMap<String, Page> = BTreeMap::new();
        for (label, measure, values) in values {
            let page = pages.entry((*label).to_owned()).or_default();
            page.values.insert(measure.key().to_owned(), values.to_vec());
        }
        let mut book = Book::default();
        book.enter(row.name, pages, &Setting::default());
        book
    }

    fn row(name: &str) -> Row {
        rows::all().into_iter().find(|row| row.name == name).expect("there is one")
    }

    fn verdict(row: &Row, measure: Measure, book: &Book) -> (Verdict, String) {
        let bar = row.bars.iter().find(|bar| bar.measure == measure).expect("there is one");
        let judged = judge(row, bar, book, RCOMET);
        (judged.verdict, judged.shown)
    }

    const CPU: Measure = Measure::Figure("cpu_per_100k_deliveries_ms");

    #[test]
    fn a_bar_is_judged_by_the_median_of_neighbours() {
        let row = row("fanout-sse");
        let floor = [Some(100.0); 3];
        let met =
            book(&row, &[(RCOMET, CPU, &[Some(110.0), Some(900.0), Some(114.0)]), (FLOOR, CPU, &floor)]);
        assert_eq!(verdict(&row, CPU, &met), (Verdict::Met, "1.14 (1.10 to 9.00)".to_owned()));
        let missed = book(&row, &[(RCOMET, CPU, &[Some(120.0)]), (FLOOR, CPU, &floor)]);
        assert_eq!(verdict(&row, CPU, &missed), (Verdict::Missed, "1.20".to_owned()));
        assert!(losses(&row, &missed)[0].ends_with("is 1.20, and must be at most 1.15 × floor."));
    }

    #[test]
    fn a_loss_in_one_run_is_a_loss() {
        let row = row("storm");
        let none = book(&row, &[(RCOMET, Measure::Faults, &[Some(0.0); 3])]);
        assert_eq!(verdict(&row, Measure::Faults, &none).0, Verdict::Met);
        assert_eq!((losses(&row, &none), failures(&row, &none)), (vec![], vec![]));
        let some = book(&row, &[(RCOMET, Measure::Faults, &[Some(0.0), Some(0.0), Some(57.0)])]);
        assert_eq!(verdict(&row, Measure::Faults, &some), (Verdict::Missed, "0 (0 to 57)".to_owned()));
        assert_eq!(losses(&row, &some).len(), 1);
    }

    #[test]
    fn a_run_without_an_outcome_is_a_loss_and_a_failure() {
        for name in ["storm", "idle-poll"] {
            let row = row(name);
            let mut page = Page::default();
            page.miss(&row, "no outcome: this needs 600\nulimit -n 600".to_owned());
            let mut book = Book::default();
            book.enter(row.name, [(RCOMET.to_owned(), page)].into(), &Setting::default());
            for bar in &row.bars {
                assert_eq!(judge(&row, bar, &book, RCOMET).verdict, Verdict::Unknown, "{name}");
            }
            let lost = losses(&row, &book).join("\n");
            assert!(
                lost.contains("is not measured, and must be") && lost.contains("this needs 600"),
                "{lost}"
            );
            assert!(failures(&row, &book).join("\n").contains("ulimit -n 600"), "it is said whole");
        }
    }

    #[test]
    fn a_run_that_failed_is_not_hidden_by_counts_of_nothing() {
        let row = row("storm");
        let page = Page {
            values: [("faults".to_owned(), vec![Some(0.0); 3])].into(),
            complaints: vec!["not everybody came back".to_owned()],
            ..Page::default()
        };
        let mut book = Book::default();
        book.enter(row.name, [(RCOMET.to_owned(), page)].into(), &Setting::default());
        assert_eq!(verdict(&row, Measure::Faults, &book).0, Verdict::Missed);
        assert_eq!(failures(&row, &book).len(), 1);
    }

    #[test]
    fn what_nobody_has_looked_at_is_open() {
        let row = row("publish");
        let requests = Measure::Figure("requests_per_second");
        assert_eq!(verdict(&row, requests, &Book::default()).0, Verdict::Open);
        let alone = book(&row, &[(RCOMET, requests, &[Some(9.0)])]);
        let (verdict, shown) = verdict(&row, requests, &alone);
        assert_eq!((verdict, shown.as_str()), (Verdict::Open, "not measured: nginx return 200 is not here"));
        assert!(failures(&row, &alone).is_empty());
    }

    #[test]
    fn the_default_is_judged_as_well() {
        let row = row("fanout-poll");
        let one = |value| [Some(value)];
        let book = book(
            &row,
            &[
                (FLOOR, CPU, &one(100.0)),
                (RCOMET, CPU, &one(110.0)),
                (AS_IT_COMES, CPU, &one(197.0)),
                ("Nchan", CPU, &one(158.0)),
            ],
        );
        let lost = losses(&row, &book).join("\n");
        assert!(lost.contains(&format!("{AS_IT_COMES}: {} is 1.97, and must be", CPU.title())), "{lost}");
        assert!(lost.contains(&format!("is 158 with Nchan, and 197 with {AS_IT_COMES}.")), "{lost}");
        assert!(!lost.contains(" with rcomet."), "{lost}");
    }
}
