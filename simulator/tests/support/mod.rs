//! The real program as a child of a test: servers that are started, runs that are looked at.
//! Knows nothing of what is tested.
#![allow(dead_code, reason = "each test file uses its own part")]
pub(crate) mod double;
#[path = "../../../tests/patience/mod.rs"]
pub(crate) mod patience;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use patience::{Lines, output_within};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a run may take that lasts a second or two where there is nothing else to do.
const A_RUN: Duration = Duration::from_secs(300);

/// This program.
pub(crate) const SIM: &str = env!("CARGO_BIN_EXE_rcomet-sim");

/// The daemon, built the same way as this program, unless it is there already and newer than all that it is made of.
pub(crate) fn rcomet() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = PathBuf::from(SIM).with_file_name("rcomet");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let top = Path::new(manifest).parent().expect("a directory");
        let sources = ["src", "core/src", "core/Cargo.toml", "Cargo.toml", "Cargo.lock"];
        let changed = sources.iter().filter_map(|name| changed(&top.join(name))).max();
        if std::fs::metadata(&path)
            .and_then(|built| built.modified())
            .is_ok_and(|built| Some(built) > changed)
        {
            return path;
        }
        let mut build = Command::new(env!("CARGO"));
        build.args([
            "build",
            "--quiet",
            "--package",
            "rcomet",
            "--bin",
            "rcomet",
            "--manifest-path",
            manifest,
        ]);
        if path.components().any(|part| part.as_os_str() == "release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo").success(), "rcomet can be built");
        path
    })
}

/// When the newest of what is in there was changed; `None` where there is nothing, as beside a test that was built elsewhere.
fn changed(path: &Path) -> Option<SystemTime> {
    let own = std::fs::metadata(path).and_then(|about| about.modified()).ok();
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| changed(&entry.path())).chain(own).max()
}

/// The daemon's configuration for every dialect: as `make bench` has it.
const POLYGLOT: &str = include_str!("../../peers/rcomet.toml");
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A server on ports of its own choice. Dropping it ends it.
pub(crate) struct Server {
    process: Child,
    target: &'static str,
    dialect: Option<&'static str>,
    front: String,
    admin: String,
}

impl Server {
    /// The floor, with a fault or without.
    pub(crate) fn floor(fault: Option<&str>) -> Self {
        let mut command = Command::new(SIM);
        command.args(["floor", "--front", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.args(fault.map(|fault| format!("--fault={fault}")));
        Self::start("floor", &mut command)
    }

    /// The floor, which says to who waits that it is there, so often.
    pub(crate) fn floor_with_noops(every_ms: u64) -> Self {
        let mut command = Command::new(SIM);
        command.args(["floor", "--front", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.args(["--noop-ms", &every_ms.to_string()]);
        Self::start("floor", &mut command)
    }

    /// Where its subscribers come in.
    pub(crate) fn front(&self) -> &str {
        &self.front
    }

    /// The daemon.
    pub(crate) fn rcomet(more: &[&str]) -> Self {
        let mut command = Command::new(rcomet());
        command.args(["run", "--front", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).args(more);
        Self::start("rcomet", &mut command)
    }

    /// The daemon, where everything that this program can speak is understood, and everybody may publish.
    pub(crate) fn rcomet_in(dialect: &'static str) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let config = std::env::temp_dir().join(format!("rcomet-sim-{}-{number}.toml", std::process::id()));
        std::fs::write(&config, POLYGLOT).expect("a file");
        let mut server = Self::rcomet(&["--config", &config.display().to_string()]);
        server.dialect = Some(dialect);
        let _ = std::fs::remove_file(config);
        server
    }

    /// The daemon, spoken to as CComet's clients do.
    pub(crate) fn rcomet_for_ccomet() -> Self {
        let config = std::env::temp_dir().join(format!("rcomet-sim-{}.toml", std::process::id()));
        std::fs::write(&config, "[ccomet]\non_front = true\npublish = true\n").expect("a file");
        let mut server = Self::rcomet(&["--config", &config.display().to_string()]);
        server.target = "ccomet";
        server.admin.clone_from(&server.front);
        let _ = std::fs::remove_file(config);
        server
    }

    /// How to reach it.
    pub(crate) fn arguments(&self) -> Vec<&str> {
        let mut words = vec!["--target", self.target, "--front", &self.front, "--admin", &self.admin];
        words.extend(self.dialect.into_iter().flat_map(|dialect| ["--dialect", dialect]));
        words
    }

    fn start(target: &'static str, command: &mut Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let said = Lines::of(process.stderr.take().expect("a pipe"));
        let listens = |role: &str| loop {
            let line = said.next();
            if line.contains(&format!("listening {role} ")) {
                return line.trim_end().rsplit(' ').next().expect("an address").to_owned();
            }
        };
        let (front, admin) = (listens("front"), listens("admin"));
        Self { process, target, dialect: None, front, admin }
    }

    /// Plays a scenario, given as words with blanks between them.
    pub(crate) fn play(&self, scenario: &str) -> Run {
        let pid = self.process.id().to_string();
        let mut command = Command::new(SIM);
        command.args(scenario.split_whitespace()).args(self.arguments());
        command.args(["--server-pid", &pid, "--json", "-"]).stdin(Stdio::null());
        Run::of(scenario, &output_within(&mut command, A_RUN))
    }

    /// Plays a scenario against a server that is stopped for so long again and again, and goes on as long between.
    pub(crate) fn play_stopped(&self, scenario: &str, pause: Duration) -> Run {
        let pid = Pid::from_child(&self.process);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    for signal in [Signal::STOP, Signal::CONT] {
                        kill_process(pid, signal).expect("it runs");
                        std::thread::sleep(pause);
                    }
                }
            });
            let run = self.play(scenario);
            over.store(true, Ordering::Relaxed);
            run
        })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The same, as people see it.
    pub(crate) fn table(&self, scenario: &str) -> (Option<i32>, String) {
        let mut command = Command::new(SIM);
        command.args(scenario.split_whitespace()).args(self.arguments()).stdin(Stdio::null());
        let output = output_within(&mut command, A_RUN);
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a run has come to.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) outcome: Value,
    scenario: String,
}

impl Run {
    fn of(scenario: &str, output: &Output) -> Self {
        let outcome = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{scenario}: {error}: {}", String::from_utf8_lossy(&output.stderr))
        });
        Self { code: output.status.code(), outcome, scenario: scenario.to_owned() }
    }

    /// One of the counts.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.outcome["counts"][name].as_u64().unwrap_or_else(|| panic!("{}: no count {name}", self.scenario))
    }

    /// One of the figures.
    pub(crate) fn figure(&self, name: &str) -> f64 {
        self.outcome["figures"][name]
            .as_f64()
            .unwrap_or_else(|| panic!("{}: no figure {name}", self.scenario))
    }

    /// (lost, doubled, reordered)
    pub(crate) fn faults(&self) -> (u64, u64, u64) {
        (self.count("lost"), self.count("doubled"), self.count("reordered"))
    }

    /// Everybody got everything, once and in order, and the program says so.
    pub(crate) fn assert_perfect(&self) -> &Self {
        assert_eq!(self.faults(), (0, 0, 0), "{}: {}", self.scenario, self.outcome);
        assert_eq!(self.code, Some(0), "{}: {}", self.scenario, self.outcome);
        self
    }
}
