//! The command line.
use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::clock::MILLISECOND;
use crate::compare;
use crate::crew;
use crate::floor;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::payload::STAMP_BYTES;
use crate::report;
use crate::scenario::Scenario;
use crate::server::Server;
use crate::target::{Dialect, Language, Name};
use crate::world::Place;

/// Messages were lost, doubled or reordered, or somebody was refused.
const IMPERFECT: u8 = 1;
/// The run could not take place, or what it has shown could not be written.
const FAILED: u8 = 2;

/// Puts a comet server under load, counts what is lost, doubled or reordered, and says what it cost.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Scenario(Scenario),
    /// A server that does only what the job cannot do without: what all others are compared with
    Floor(floor::Options),
    /// rcomet, the floor and every peer that is installed, side by side
    Compare(compare::Options),
    /// One page with the plots of several outcomes laid over each other
    Report(Report),
    /// Plays subscribers for another of these
    #[command(hide = true)]
    Crew(crew::Options),
}

/// What all scenarios have in common.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Which server it is: decides the URLs, and how messages are recognised. Servers that speak one dialect only need nothing
    /// else
    #[arg(long, short, global = true, value_enum, default_value_t = Name::Rcomet, help_heading = "Server")]
    pub target: Name,
    /// What is spoken with rcomet or the floor, by subscribers and publishers [default: icomet]
    #[arg(long, short, global = true, value_enum, help_heading = "Server")]
    pub dialect: Option<Dialect>,
    /// Where subscribers connect [default: the server's usual place]
    #[arg(long, global = true, value_parser = address, help_heading = "Server")]
    pub front: Option<SocketAddr>,
    /// Where publishers connect [default: the server's usual place]. WebSockets come in where subscribers do
    #[arg(long, global = true, value_parser = address, help_heading = "Server")]
    pub admin: Option<SocketAddr>,
    /// A process of the server, to say what it uses, with all its children; can be repeated
    #[arg(long, global = true, value_name = "PID", help_heading = "Server")]
    pub server_pid: Vec<u32>,
    /// Bytes of a message [default: 100, and 8000 for slow]
    #[arg(long, global = true, help_heading = "Load")]
    pub size: Option<usize>,
    /// Processes that the subscribers are spread over, when one core cannot play them all
    #[arg(long, global = true, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64), help_heading = "Load")]
    pub processes: u8,
    /// Milliseconds without any progress after which the rest is counted as lost
    #[arg(long, global = true, default_value_t = 10_000, value_parser = crate::numbers::patience_ms(), help_heading = "Load")]
    pub patience_ms: u64,
    /// Write the outcome as JSON; - is standard output. It is opened before the run
    #[arg(long, global = true, value_name = "FILE", help_heading = "Output")]
    pub json: Option<PathBuf>,
    /// Write the outcome as a page with plots. It is opened before the run
    #[arg(long, global = true, value_name = "FILE.html", help_heading = "Output")]
    pub report: Option<PathBuf>,
    /// What the run is called in pages, beside others [default: the server]
    #[arg(long, global = true, value_name = "WORDS", help_heading = "Output")]
    pub name: Option<String>,
}

/// Outcomes that are looked at together.
#[derive(Clone, Debug, Args)]
struct Report {
    /// What `--json` has written
    #[arg(required = true, value_name = "FILE.json")]
    outcomes: Vec<PathBuf>,
    /// The page
    #[arg(long, short, value_name = "FILE.html")]
    output: PathBuf,
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    let matches = <Cli as clap::CommandFactory>::command();
    // What is said of the common options is not what is said of the program.
    let about = matches.get_about().cloned().unwrap_or_default();
    let matches = <Common as Args>::augment_args(matches).about(about).long_about(None).get_matches();
    let (cli, common) = match (
        <Cli as clap::FromArgMatches>::from_arg_matches(&matches),
        <Common as clap::FromArgMatches>::from_arg_matches(&matches),
    ) {
        (Ok(cli), Ok(common)) => (cli, common),
        (Err(error), _) | (_, Err(error)) => error.exit(),
    };
    let outcome = match cli.command {
        Command::Scenario(scenario) => play(&scenario, &common),
        Command::Compare(options) => {
            return match compare::run(&options) {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => ExitCode::from(IMPERFECT),
                Err(words) => fail(&words),
            };
        }
        Command::Report(options) => {
            return match lay_over(&options) {
                Ok(()) => ExitCode::SUCCESS,
                Err(words) => fail(&words),
            };
        }
        Command::Crew(options) => {
            return match crew::work(&options) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error.to_string()),
            };
        }
        Command::Floor(options) => {
            return match floor::serve(&options) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error.to_string()),
            };
        }
    };
    match outcome {
        Ok(outcome) if outcome.is_good() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(IMPERFECT),
        Err(words) => fail(&words),
    }
}

fn fail(words: &str) -> ExitCode {
    eprintln!("rcomet-sim: {words}");
    ExitCode::from(FAILED)
}

fn play(scenario: &Scenario, common: &Common) -> Result<Outcome, String> {
    if common.size.is_some_and(|size| size < STAMP_BYTES) {
        return Err(format!("a message carries {STAMP_BYTES} bytes at least: what is needed to count it"));
    }
    let place = common.place()?;
    let to_stdout = common.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
    let open = |path: &Option<PathBuf>| path.as_deref().map(Output::open).transpose();
    let json = if to_stdout { None } else { open(&common.json)? };
    let page = open(&common.report)?;
    let mut outcome = scenario.play(place, common.size.unwrap_or_else(|| scenario.usual_size()))?;
    outcome.name.clone_from(&common.name);
    let text = serde_json::to_string_pretty(&outcome).map_err(|error| error.to_string())?;
    // What is seen comes first: a disk may be full.
    if to_stdout {
        println!("{text}");
    } else {
        print!("{}", report::table(&outcome));
    }
    let json = json.map_or(Ok(()), |file| file.write(&text));
    let page = page.map_or(Ok(()), |file| file.write(&report::page(std::slice::from_ref(&outcome))));
    json.and(page).map(|()| outcome)
}

fn lay_over(options: &Report) -> Result<(), String> {
    let mut outcomes = Vec::new();
    for path in &options.outcomes {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let outcome: Outcome =
            serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        outcomes.push(outcome);
    }
    fs::write(&options.output, report::page(&outcomes))
        .map_err(|error| format!("{}: {error}", options.output.display()))
}

impl Common {
    fn place(&self) -> Result<Place, String> {
        let language = Language::choose(self.target, self.dialect)?;
        let (front, admin) = language.addresses();
        let front = self.front.map_or_else(|| address(front), Ok)?;
        let admin = match language.dialect() {
            Dialect::Websocket => front,
            _ => self.admin.map_or_else(|| address(admin), Ok)?,
        };
        Ok(Place {
            language,
            front,
            admin,
            run: run_id(),
            server: Server::new(self.server_pid.clone()),
            patience_ns: self.patience_ms * MILLISECOND,
            processes: self.processes,
        })
    }
}

/// A number that two runs against one server do not share.
fn run_id() -> u32 {
    (crate::clock::now() / 1_000) as u32 ^ std::process::id().rotate_left(16)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.to_socket_addrs()
        .map_err(|error| format!("`{text}`: {error}"))?
        .next()
        .ok_or_else(|| format!("`{text}` is the address of nothing"))
}
