//! The document of the comparison.
//! Knows nothing of how figures came about; what people have written below them stays.
use std::fmt::Write as _;

use super::rows::{Against, Bar, FLOOR, Limit, Measure, RCOMET, Row};
use super::servers::{Kind, Shop, rcomet_config};
use super::stats::Spread;
use super::{Book, machine};
use crate::report::number;

/// From here on the document is written by people.
const NOTES: &str = "## Why";
const NO_NOTES: &str = "\nNothing has been written yet.\n";

/// What people have written into the document.
pub fn notes(document: &str) -> String {
    document.find(NOTES).map(|at| document[at + NOTES.len()..].to_owned()).unwrap_or_default()
}

/// The bars as lines for a terminal.
pub fn summary(rows: &[Row], book: &Book) -> String {
    let mut out = String::new();
    for row in rows {
        for bar in &row.bars {
            if let Some(judged) = judge(row, bar, book) {
                let verdict = if judged.met { "met   " } else { "MISSED" };
                let _ = writeln!(
                    out,
                    "{verdict} {:<18} {:<34} {} ({})",
                    row.name,
                    bar.measure.title(),
                    judged.shown,
                    judged.must
                );
            }
        }
    }
    out
}

/// The whole document.
pub fn write(rows: &[Row], book: &Book, shop: &Shop, runs: usize, notes: &str) -> String {
    let mut out = String::from(
        "# Results\n\nrcomet, the floor and other servers under the same load, side by side. Written by `make bench`; \
         do not edit above \"Why\".\n\nThe **floor** is a server in `rcomet-sim` that does the system calls which the job cannot \
         do without, and next to nothing else. Figures of one run are not worth much on a shared machine; **ratios to the floor \
         in the same round** are, and they are what counts.\n\n",
    );
    let (server_core, client_core) = shop.cores();
    let _ = writeln!(
        out,
        "Medians of {runs} runs, by turns, each with a fresh server; least and greatest in brackets. Servers ran on core {server_core}, \
         clients on core {client_core}. CPU is the server's time on a processor with all its processes, as the scheduler counts it; \
         what the kernel does for a `send` on loopback, up to the other end's receive queue, is in there.\n"
    );
    out.push_str("## What rcomet must show\n\n| scenario | measure | must | rcomet | |\n| --- | --- | --- | --- | --- |\n");
    for row in rows {
        for bar in &row.bars {
            let Some(judged) = judge(row, bar, book) else {
                let _ = writeln!(out, "| {} | {} | | not measured | |", row.title, bar.measure.title());
                continue;
            };
            let verdict = if judged.met { "met" } else { "**missed**" };
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {verdict} |",
                row.title,
                bar.measure.title(),
                judged.must,
                judged.shown
            );
        }
    }
    out.push_str("\n## Side by side\n");
    for row in rows {
        side_by_side(&mut out, row, book);
    }
    losses(&mut out, rows, book);
    setting(&mut out, shop);
    let notes = if notes.trim().is_empty() { NO_NOTES } else { notes };
    let _ = write!(out, "\n{NOTES}{notes}");
    out
}

struct Judged {
    met: bool,
    must: String,
    shown: String,
}

fn judge(row: &Row, bar: &Bar, book: &Book) -> Option<Judged> {
    let own = values(book, row, RCOMET, bar.measure)?;
    let (spread, unit) = match bar.against {
        Against::Entry(other) => {
            (Spread::of_ratios(own, values(book, row, other, bar.measure)?)?, Some(other))
        }
        Against::Value => (Spread::of(own)?, None),
    };
    let show = |value: f64| match unit {
        Some(_) => format!("{value:.2}"),
        None => number(value, bar.measure.key()),
    };
    let (word, limit) = match bar.limit {
        Limit::AtMost(limit) => ("at most", limit),
        Limit::AtLeast(limit) => ("at least", limit),
    };
    let unit = unit.map(|other| format!(" × {other}")).unwrap_or_default();
    Some(Judged {
        met: bar.limit.allows(spread.median),
        must: format!("{word} {}{unit}", show(limit)),
        shown: if spread.min == spread.max {
            show(spread.median)
        } else {
            format!("{} ({} to {})", show(spread.median), show(spread.min), show(spread.max))
        },
    })
}

fn side_by_side(out: &mut String, row: &Row, book: &Book) {
    let Some(pages) = book.rows.get(row.name) else { return };
    let measures = row.measures();
    let _ = writeln!(out, "\n### {}\n", row.title);
    let _ = writeln!(out, "`rcomet-sim {}`, alone: `make bench ONLY={}`\n", row.scenario, row.name);
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
        let Some(page) = pages.get(entry.label) else {
            let _ = writeln!(out, "| {} | not installed |", entry.label);
            continue;
        };
        let _ = write!(out, "| {} |", entry.label);
        for &measure in &measures {
            let own = page.values.get(measure.key());
            let spread = own.and_then(|own| Spread::of(own));
            let shown = spread.map_or_else(
                || "–".to_owned(),
                |spread| {
                    let show = |value| number(value, measure.key());
                    if spread.min == spread.max {
                        show(spread.median)
                    } else {
                        format!("{} ({} to {})", show(spread.median), show(spread.min), show(spread.max))
                    }
                },
            );
            let _ = write!(out, " {shown} |");
            if compared(measure) {
                let ratio = own
                    .zip(values(book, row, FLOOR, measure))
                    .and_then(|(own, floor)| Spread::of_ratios(own, floor));
                let ratio = ratio.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median));
                let _ = write!(out, " {ratio} |");
            }
        }
        out.push('\n');
    }
    for (label, page) in pages {
        for complaint in &page.complaints {
            let _ = writeln!(out, "\n{label}, one run: {complaint}");
        }
    }
}

/// Bars that were missed, and everything in which a peer is better.
fn losses(out: &mut String, rows: &[Row], book: &Book) {
    out.push_str("\n## What we lose\n\n");
    let mut any = false;
    for row in rows {
        for bar in &row.bars {
            if let Some(judged) = judge(row, bar, book).filter(|judged| !judged.met) {
                any = true;
                let _ = writeln!(
                    out,
                    "- {}: {} is {}, and must be {}.",
                    row.title,
                    bar.measure.title(),
                    judged.shown,
                    judged.must
                );
            }
        }
        for measure in row.measures().into_iter().filter(|measure| measure.is_its_own()) {
            let Some(own) = values(book, row, RCOMET, measure).and_then(|own| Spread::of(own)) else {
                continue;
            };
            for entry in
                row.entries.iter().filter(|entry| !entry.label.starts_with(RCOMET) && entry.label != FLOOR)
            {
                let Some(peer) = values(book, row, entry.label, measure).and_then(|peer| Spread::of(peer))
                else {
                    continue;
                };
                let worse = if measure.more_is_better() {
                    own.median < peer.median
                } else {
                    own.median > peer.median
                };
                if worse {
                    any = true;
                    let _ = writeln!(
                        out,
                        "- {}: {} is {} with {}, and {} with rcomet.",
                        row.title,
                        measure.title(),
                        number(peer.median, measure.key()),
                        entry.label,
                        number(own.median, measure.key())
                    );
                }
            }
        }
    }
    if !any {
        out.push_str(
            "Nothing of the above: every bar is met, and no peer is better in anything that was measured.\n",
        );
    }
}

fn setting(out: &mut String, shop: &Shop) {
    out.push_str("\n## Machine, versions, settings\n\n| | |\n| --- | --- |\n");
    for (what, which) in machine::describe(shop) {
        let _ = writeln!(out, "| {what} | {which} |");
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

fn values<'a>(book: &'a Book, row: &Row, label: &str, measure: Measure) -> Option<&'a Vec<f64>> {
    book.rows.get(row.name)?.get(label)?.values.get(measure.key()).filter(|values| !values.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::{Page, rows};
    use super::*;

    fn book(own: &[f64], floor: &[f64]) -> Book {
        let mut book = Book::default();
        let row = book.rows.entry("fanout-sse".to_owned()).or_default();
        for (label, values) in [(RCOMET, own), (FLOOR, floor)] {
            let mut page = Page::default();
            page.values.insert("cpu_per_100k_deliveries_ms".to_owned(), values.to_vec());
            row.insert(label.to_owned(), page);
        }
        book
    }

    #[test]
    fn a_bar_is_judged_by_the_median_of_neighbours() {
        let rows = rows::all();
        let met = summary(&rows, &book(&[110.0, 900.0, 114.0], &[100.0, 100.0, 100.0]));
        assert!(met.starts_with("met    fanout-sse") && met.contains("1.14 (1.10 to 9.00)"), "{met}");
        let missed = summary(&rows, &book(&[120.0], &[100.0]));
        assert!(
            missed.starts_with("MISSED fanout-sse") && missed.contains("at most 1.15 × floor"),
            "{missed}"
        );
    }

    #[test]
    fn what_people_have_written_stays() {
        let text = format!("# Results\n\nfigures\n\n{NOTES}\n\nBecause of this.\n");
        assert_eq!(notes(&text), "\n\nBecause of this.\n");
        assert_eq!(notes("# Results\n"), "");
    }
}
