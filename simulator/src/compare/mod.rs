//! rcomet, the floor and every peer that is installed, side by side: the same load, the same cores, by turns.
//! Knows nothing of how a load is played: for that it starts this program again, with the commands that it then shows.
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
use serde::{Deserialize, Serialize};

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

/// Everything that has been measured: by row, by contestant, by measure, run after run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Book {
    rows: BTreeMap<String, BTreeMap<String, Page>>,
}

/// One contestant in one row.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Page {
    /// What was typed.
    command: String,
    /// Values by measure.
    values: BTreeMap<String, Vec<f64>>,
    /// What was wrong, if anything was.
    complaints: Vec<String>,
}

/// Runs the comparison and writes the document.
///
/// # Errors
/// Something that everything needs is not there.
pub fn run(options: &Options) -> Result<(), String> {
    let shop = Shop::look(options)?;
    let all = rows::all();
    if options.list {
        for row in &all {
            println!("{:<20} {}", row.name, row.title);
        }
        println!("\n{}", shop.inventory());
        return Ok(());
    }
    for name in &options.only {
        if !all.iter().any(|row| row.name == *name) {
            return Err(format!("there is no row `{name}`; --list shows them"));
        }
    }
    let document = options.results.clone().unwrap_or_else(|| {
        PathBuf::from(if options.quick { "target/bench-quick.md" } else { "benches/RESULTS.md" })
    });
    let store = document.with_extension("json");
    let mut book = load(&store);
    let runs = if options.quick { 1 } else { options.runs.max(1) };
    let chosen: Vec<&Row> = all
        .iter()
        .filter(|row| options.only.is_empty() || options.only.iter().any(|name| name == row.name))
        .collect();
    eprintln!("{}", shop.inventory());
    let bar = progress(
        chosen.iter().map(|row| row.entries.iter().filter(|e| shop.has(e.server)).count() * runs).sum(),
    );
    for row in chosen {
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
                    Err(words) => page.complaints.push(words),
                }
                page.command = entry.command(row);
                bar.inc(1);
            }
        }
        let outcomes: Vec<Outcome> =
            row.entries.iter().filter_map(|entry| last.remove(entry.label)).collect();
        write_page(&options.pages, row.name, &outcomes)?;
        book.rows.insert(row.name.to_owned(), pages);
        // After each row, so that what has been measured is not lost with what comes.
        save(&store, &book)?;
    }
    bar.finish_and_clear();
    let notes = fs::read_to_string(&document).map(|text| results::notes(&text)).unwrap_or_default();
    let text = results::write(&all, &book, &shop, runs, &notes);
    fs::write(&document, text).map_err(|error| format!("{}: {error}", document.display()))?;
    println!("{}", results::summary(&all, &book));
    println!("written: {}; pages with plots: {}/", document.display(), options.pages.display());
    Ok(())
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
        format!("no outcome: {}", said.trim().lines().last().unwrap_or("it said nothing"))
    })
}

impl Page {
    fn add(&mut self, row: &Row, outcome: &Outcome) {
        for measure in row.measures() {
            if let Some(value) = measure.of(outcome) {
                self.values.entry(measure.key().to_owned()).or_default().push(value);
            }
        }
        let counts = &outcome.counts;
        if !outcome.is_good() {
            let failure = outcome.failure.as_deref().unwrap_or("");
            self.complaints.push(format!(
                "{} lost, {} doubled, {} reordered, {} refused {failure}",
                counts.lost, counts.doubled, counts.reordered, counts.refused
            ));
        }
    }
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

fn load(path: &Path) -> Book {
    fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn save(path: &Path, book: &Book) -> Result<(), String> {
    let text = serde_json::to_string_pretty(book).map_err(|error| error.to_string())?;
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Shows itself on a terminal only.
fn progress(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} · {elapsed} (about {eta} left) · {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(length as u64).with_style(style);
    bar.enable_steady_tick(std::time::Duration::from_millis(500));
    bar
}
