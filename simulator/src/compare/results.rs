//! The document of the comparison.
//! Knows nothing of how figures came about; what people have written below them stays.
use std::fmt::Write as _;

use super::book::Book;
use super::judge::{Judged, Verdict, judge, losses, span, subjects};
use super::rows::{AS_IT_COMES, Bar, FLOOR, Measure, RCOMET, Row};
use super::servers::{Kind, rcomet_config};
use super::stats::Spread;
use crate::report::number;

/// From here on the document is written by people.
const NOTES: &str = "## Why";
const NO_NOTES: &str = "\nNothing has been written yet.\n";
const HEAD: &str = "# Results

rcomet, the floor and other servers under the same load, side by side. Written by `make bench`; do not edit above \"Why\".

The **floor** is a server in `rcomet-sim` that does the system calls which the job cannot do without, and next to nothing else. \
Figures of one run are not worth much on a shared machine; **ratios to the floor in the same round** are, and they are what counts. \
There is none where the floor does not speak the kind of listening, nor for who never reads: the floor closes them, so that row is \
compared with rcomet without them.

Medians of runs by turns, each with a fresh server; least and greatest in brackets; how many runs, and of which commit, is said with \
each row. What is lost, doubled, reordered or refused is judged by the worst run. Servers ran on one core, clients on another. CPU is \
the server's time on a processor with all its processes, as the scheduler counts it; what the kernel does for a `send` on loopback, up \
to the other end's receive queue, is in there.

Fan-out and publish are closed loops: the next message leaves when everybody has the last. They show how fast a server can be; their \
latencies are those of a load that waits for the server, so that one which stalls also stalls what would have shown it. Channels, slow, \
storm and chat are open loops: messages leave at their times, and latency counts from there. In 65 idle seconds rcomet answers long polls \
and sends to streams twice (`polling_timeout_ms`, 30 s), and so does the floor there (`--noop-ms 30000`); Nchan is silent.

";

/// What people have written into the document.
pub fn notes(document: &str) -> String {
    document.find(NOTES).map(|at| document[at + NOTES.len()..].to_owned()).unwrap_or_default()
}

/// The bars as lines for a terminal.
pub fn summary(rows: &[Row], book: &Book) -> String {
    let mut out = String::new();
    for row in rows {
        for subject in subjects(row) {
            for bar in &row.bars {
                let judged = judge(row, bar, book, subject.label);
                let verdict = match judged.verdict {
                    Verdict::Met => "met   ",
                    Verdict::Missed => "MISSED",
                    Verdict::Unknown => "FAILED",
                    Verdict::Open => continue,
                };
                let (what, who) = (bar.measure.title(), subject.label);
                let _ = writeln!(
                    out,
                    "{verdict} {:<18} {who:<21} {what:<36} {} ({})",
                    row.name, judged.shown, judged.must
                );
            }
        }
    }
    out
}

/// The whole document.
pub fn write(rows: &[Row], book: &Book, notes: &str) -> String {
    let mut out = HEAD.to_owned();
    let _ = write!(
        out,
        "## What rcomet must show\n\nThe first figure is that of rcomet as it is set for polls (`poll_head = \"with_message\"`). \
         The last column is `{AS_IT_COMES}`: rcomet with nothing set, in the rows where it was measured beside that.\n\n\
         | scenario | measure | must | {RCOMET} | | {AS_IT_COMES} |\n| --- | --- | --- | --- | --- | --- |\n"
    );
    for row in rows {
        for bar in &row.bars {
            let Judged { verdict, must, shown } = judge(row, bar, book, RCOMET);
            let _ = write!(out, "| {} | {} | {must} | {shown} |", row.title, bar.measure.title());
            for words in [verdict_in_words(verdict), as_it_comes(row, bar, book)] {
                let _ = write!(out, " {words}{}|", if words.is_empty() { "" } else { " " });
            }
            out.push('\n');
        }
    }
    out.push_str("\n## Side by side\n");
    for row in rows {
        side_by_side(&mut out, row, book);
    }
    out.push_str("\n## What we lose\n\n");
    let lost: Vec<String> = rows.iter().flat_map(|row| losses(row, book)).collect();
    if lost.is_empty() {
        out.push_str(
            "Nothing of the above: every bar is met, and no peer is better in anything that was measured.\n",
        );
    }
    for sentence in lost {
        let _ = writeln!(out, "- {sentence}");
    }
    setting(&mut out, book);
    let notes = if notes.trim().is_empty() { NO_NOTES } else { notes };
    let _ = write!(out, "\n{NOTES}{notes}");
    out
}

fn verdict_in_words(verdict: Verdict) -> String {
    match verdict {
        Verdict::Met => "met",
        Verdict::Missed => "**missed**",
        Verdict::Unknown => "**failed**",
        Verdict::Open => "",
    }
    .to_owned()
}

/// The same bar for rcomet with nothing set, where it takes part and was measured.
fn as_it_comes(row: &Row, bar: &Bar, book: &Book) -> String {
    if !subjects(row).any(|entry| entry.label == AS_IT_COMES) {
        return String::new();
    }
    let Judged { verdict, shown, .. } = judge(row, bar, book, AS_IT_COMES);
    match verdict {
        Verdict::Open => String::new(),
        verdict => format!("{shown}: {}", verdict_in_words(verdict)),
    }
}

fn side_by_side(out: &mut String, row: &Row, book: &Book) {
    let Some(pages) = book.row(row) else { return };
    let measures = row.measures();
    let _ = writeln!(out, "\n### {}\n", row.title);
    let with = book.setting(row).map_or_else(String::new, |setting| format!("; {}", setting.words()));
    let _ = writeln!(out, "`rcomet-sim {}`, alone: `make bench ONLY={}`{with}\n", row.scenario, row.name);
    let _ = write!(out, "| |");
    let has_floor = row.entries.iter().any(|entry| entry.label == FLOOR);
    let compared = |measure: Measure| has_floor && measure != Measure::Faults;
    let mut rule = String::from("\n| --- |");
    for &measure in &measures {
        let _ = write!(out, " {} |", measure.title());
        rule.push_str(" ---: |");
        if compared(measure) {
            out.push_str(" × floor |");
            rule.push_str(" ---: |");
        }
    }
    let _ = writeln!(out, "{rule}");
    for entry in &row.entries {
        if !pages.contains_key(entry.label) {
            let _ = writeln!(out, "| {} | not installed |", entry.label);
            continue;
        }
        let _ = write!(out, "| {} |", entry.label);
        for &measure in &measures {
            let own = book.values(row, entry.label, measure);
            let shown = own
                .and_then(Spread::of)
                .map_or_else(|| "–".to_owned(), |spread| span(spread, |value| number(value, measure.key())));
            let _ = write!(out, " {shown} |");
            if compared(measure) {
                let ratio = own
                    .zip(book.values(row, FLOOR, measure))
                    .and_then(|(own, floor)| Spread::of_ratios(own, floor));
                let ratio = ratio.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median));
                let _ = write!(out, " {ratio} |");
            }
        }
        out.push('\n');
    }
    for (label, page) in pages {
        for complaint in &page.complaints {
            // What a program has said may be several lines, and is not to be read as anything but text.
            let text = complaint.trim().replace('\n', "\n    ");
            let _ = writeln!(out, "\n{label}, one run:\n\n    {text}");
        }
    }
}

fn setting(out: &mut String, book: &Book) {
    out.push_str("\n## Machine, versions, settings\n");
    let settings = book.settings();
    let several = settings.len() > 1;
    for (rows, setting) in settings {
        if several {
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let _ = writeln!(out, "\n{}:", rows.join(", "));
        }
        let _ = writeln!(out, "\n| | |\n| --- | --- |\n| commit, runs | {} |", setting.words());
        let (server, client) = setting.cores;
        let _ = writeln!(out, "| cores | servers on {server}, clients on {client} |");
        for (what, which) in &setting.versions {
            let _ = writeln!(out, "| {what} | {which} |");
        }
    }
    let _ = writeln!(
        out,
        "\n`rcomet` is started with this, and defaults for everything else:\n\n```toml\n{}```\n\nin the rows of its other dialects with \
         [rcomet.toml](../simulator/peers/rcomet.toml) instead. `rcomet (head at once)` with nothing \
         but defaults: it sends the head of a poll's answer as soon as the poll waits, as icomet does, which is one more `write` \
         a poll. nginx and Nchan: one worker, [nginx.conf](../simulator/peers/nginx.conf). Faye: memory engine, \
         [faye.js](../simulator/peers/faye.js).\n\nEach command is shown without what says where the server is: `--target`, \
         `--front`, `--admin` and `--server-pid`; `make bench` fills these in. Simple-Comet-Server is in no registry: it takes part where \
         `--simple-comet` says where its program is. Not measured, because no distribution packages it: icomet. Who has one \
         running uses `rcomet-sim SCENARIO --target icomet`.",
        rcomet_config(Kind::Rcomet)
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::book::{Page, Setting};
    use super::super::rows;
    use super::*;

    #[test]
    fn the_document_says_what_each_row_was_measured_with_and_what_went_wrong() {
        let all = rows::all();
        let mut book = Book::default();
        for (row, commit) in [(&all[0], "abc"), (&all[1], "def")] {
            let setting = Setting { commit: commit.to_owned(), runs: 3, ..Setting::default() };
            let mut page = Page::default();
            page.miss(row, "no outcome: two\nlines".to_owned());
            let pages = BTreeMap::from([(RCOMET.to_owned(), page)]);
            book.enter(row.name, pages, &setting);
        }
        let text = write(&all, &book, "\n\nBecause of this.\n");
        for words in [
            "`make bench ONLY=fanout-sse`; 3 runs at abc\n",
            "`make bench ONLY=fanout-sse-15k`; 3 runs at def\n",
            "\nfanout-sse:\n\n| | |\n| --- | --- |\n| commit, runs | 3 runs at abc |\n",
            "rcomet, one run:\n\n    no outcome: two\n    lines\n",
            "| at most 1.15 × floor | not measured: floor is not here | | |\n",
            "## Why\n\nBecause of this.\n",
        ] {
            assert!(text.contains(words), "{words} is not in {text}");
        }
        assert!(summary(&all, &book).contains("FAILED fanout-sse "));
    }

    #[test]
    fn what_comes_without_settings_is_judged_beside_what_is_set() {
        let all = rows::all();
        let row = all.iter().find(|row| row.name == "idle-poll").unwrap();
        let key = "resident_memory_per_connection_bytes".to_owned();
        let pages = [(RCOMET, 400.0), (AS_IT_COMES, 600.0)].map(|(label, bytes)| {
            let values = BTreeMap::from([(key.clone(), vec![Some(bytes)])]);
            (label.to_owned(), Page { values, ..Page::default() })
        });
        let mut book = Book::default();
        book.enter(row.name, BTreeMap::from(pages), &Setting::default());
        let text = write(&all, &book, "");
        assert!(text.contains("| at most 512 | 400 | met | 600: **missed** |\n"), "{text}");
        assert!(text.contains(&format!("| must | rcomet | | {AS_IT_COMES} |\n")), "{text}");
    }

    #[test]
    fn what_people_have_written_stays() {
        let text = format!("# Results\n\nfigures\n\n{NOTES}\n\nBecause of this.\n");
        assert_eq!(notes(&text), "\n\nBecause of this.\n");
        assert_eq!(notes("# Results\n"), "");
    }
}
