//! rcomet, the floor and every peer that is installed, side by side: the same load, the same cores, by turns.
//! Knows nothing of how a load is played: for that it starts this program again, with the commands that it then shows.
mod book;
mod judge;
mod machine;
mod measure;
mod pin;
mod results;
mod rows;
mod servers;
mod stats;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use self::book::{Book, Page, Setting};
use self::rows::{Entry, Row};
use self::servers::Shop;
use crate::outcome::Outcome;
use crate::report;

/// What is compared, and how thoroughly.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Runs of each row; medians of them are shown
    #[arg(long, default_value_t = 3)]
    pub runs: usize,
    /// A short look: one run of everything, a second each. Not written into benches/ unless --results says so
    #[arg(long)]
    pub quick: bool,
    /// Only these rows; the others keep the figures of the last time. Can be repeated
    #[arg(long, value_name = "ROW")]
    pub only: Vec<String>,
    /// Measure nothing: write the document again from what has been measured
    #[arg(long, conflicts_with_all = ["only", "list"])]
    pub rewrite: bool,
    /// Say which rows there are, and what is installed
    #[arg(long)]
    pub list: bool,
    /// The document that is written [default: benches/RESULTS.md, or target/bench-quick.md with --quick]
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
    /// Where a page with plots is written for each row, of its last run
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench")]
    pub pages: PathBuf,
    /// The daemon [default: beside this program]
    #[arg(long, value_name = "FILE")]
    pub rcomet: Option<PathBuf>,
    /// Where configurations of peers are, and where npm has put Faye
    #[arg(long, value_name = "DIRECTORY", default_value = "simulator/peers")]
    pub peers: PathBuf,
    /// The program of Simple-Comet-Server, for python3 with Twisted, if it is to take part
    #[arg(long, value_name = "FILE.py")]
    pub simple_comet: Option<PathBuf>,
    /// The core that servers get [default: the first that may be used]
    #[arg(long, value_name = "CORE")]
    pub server_core: Option<usize>,
    /// The core that clients get [default: the second that may be used]
    #[arg(long, value_name = "CORE")]
    pub client_core: Option<usize>,
}

/// Runs the comparison and writes the document. Whether rcomet has an outcome in every run of it, and none of them with a complaint: a
/// bar that is missed is a result like others.
///
/// # Errors
/// Something that everything needs is not there.
pub fn run(options: &Options) -> Result<bool, String> {
    let all = rows::all();
    let document = options.results.clone().unwrap_or_else(|| {
        PathBuf::from(if options.quick { "target/bench-quick.md" } else { "benches/RESULTS.md" })
    });
    let store = document.with_extension("json");
    if options.rewrite {
        let mut book = Book::load(&store)?;
        book.forget_changed(&all);
        book.save(&store)?;
        write_document(&document, &all, &book)?;
        return Ok(true);
    }
    let shop = Shop::look(options)?;
    if options.list {
        for row in &all {
            println!("{:<20} {}", row.name, row.title);
        }
        println!("\n{}", shop.inventory());
        return Ok(true);
    }
    for name in &options.only {
        if !all.iter().any(|row| row.name == *name) {
            return Err(format!("there is no row `{name}`; --list shows them"));
        }
    }
    let mut book = Book::load(&store)?;
    book.forget_changed(&all);
    let runs = if options.quick { 1 } else { options.runs.max(1) };
    let chosen: Vec<&Row> = all
        .iter()
        .filter(|row| options.only.is_empty() || options.only.iter().any(|name| name == row.name))
        .collect();
    eprintln!("{}", shop.inventory());
    // Before anything is written: that alone would make the working tree differ from its commit.
    let setting = Setting {
        commit: machine::commit(),
        runs,
        quick: options.quick,
        cores: shop.cores(),
        versions: machine::describe(&shop),
    };
    let bar = progress(
        chosen.iter().map(|row| row.entries.iter().filter(|e| shop.has(e.server)).count() * runs).sum(),
    );
    for row in &chosen {
        let mut pages: BTreeMap<String, Page> = BTreeMap::new();
        let mut last: BTreeMap<&str, Outcome> = BTreeMap::new();
        // By turns, so that what the machine does meanwhile happens to everybody.
        for _ in 0..runs {
            for entry in row.entries.iter().filter(|entry| shop.has(entry.server)) {
                bar.set_message(format!("{} · {}", row.name, entry.label));
                let page = pages.entry(entry.label.to_owned()).or_default();
                match measure(&shop, row, entry, options) {
                    Ok(mut outcome) => {
                        page.add(row, &outcome);
                        outcome.name = Some(entry.label.to_owned());
                        last.insert(entry.label, outcome);
                    }
                    Err(words) => page.miss(row, words),
                }
                page.command = entry.command(row);
                bar.inc(1);
            }
        }
        let outcomes: Vec<Outcome> =
            row.entries.iter().filter_map(|entry| last.remove(entry.label)).collect();
        write_page(&options.pages, row.name, &outcomes)?;
        book.enter(row.name, pages, &setting);
        // After each row, so that what has been measured is not lost with what comes, and both files say the same.
        book.save(&store)?;
        write_document(&document, &all, &book)?;
    }
    bar.finish_and_clear();
    println!("{}", results::summary(&all, &book));
    println!("written: {}; pages with plots: {}/", document.display(), options.pages.display());
    let failures: Vec<String> = chosen.iter().flat_map(|row| judge::failures(row, &book)).collect();
    for words in &failures {
        eprintln!("!!! {words}");
    }
    Ok(failures.is_empty())
}

/// Writes the document, and leaves in it what people have written.
fn write_document(document: &Path, rows: &[Row], book: &Book) -> Result<(), String> {
    let notes = fs::read_to_string(document).map(|text| results::notes(&text)).unwrap_or_default();
    fs::write(document, results::write(rows, book, &notes))
        .map_err(|error| format!("{}: {error}", document.display()))
}

fn measure(shop: &Shop, row: &Row, entry: &Entry, options: &Options) -> Result<Outcome, String> {
    let (server_core, client_core) = shop.cores();
    pin::to(server_core)?;
    let server = shop.start(entry.server);
    pin::to(client_core)?;
    let server = server?;
    let mut command = Command::new(shop.simulator());
    command.args(entry.words(row, options.quick)).args(server.arguments()).args(["--json", "-"]);
    let output = command.stderr(Stdio::piped()).output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        format!("no outcome: {}", if said.is_empty() { "it said nothing" } else { said })
    })
}

fn write_page(directory: &Path, row: &str, outcomes: &[Outcome]) -> Result<(), String> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let path = directory.join(format!("{row}.html"));
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(&path, report::page(outcomes)))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Shows itself on a terminal only.
fn progress(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} · {elapsed} (about {eta} left) · {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(length as u64).with_style(style);
    bar.enable_steady_tick(std::time::Duration::from_millis(500));
    bar
}
