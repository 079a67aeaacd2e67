//! The command line against the real daemon, over a real control socket: begun and ended, written and read, reloaded, watched,
//! and started by a service manager. Knows nothing of what goes over the wire: `core/tests/control.rs` does.
#[path = "control_socket/access.rs"]
mod access;
#[path = "control_socket/aloof.rs"]
mod aloof;
#[path = "control_socket/boot.rs"]
mod boot;
#[path = "control_socket/comet.rs"]
mod comet;
#[path = "control_socket/group.rs"]
mod group;
#[path = "control_socket/hung.rs"]
mod hung;
#[path = "control_socket/image.rs"]
mod image;
#[path = "control_socket/kept.rs"]
mod kept;
#[path = "control_socket/keys.rs"]
mod keys;
#[path = "control_socket/life.rs"]
mod life;
#[path = "control_socket/manager.rs"]
mod manager;
#[path = "control_socket/mistakes.rs"]
mod mistakes;
#[path = "control_socket/pid_files.rs"]
mod pid_files;
#[path = "control_socket/reloading.rs"]
mod reloading;
#[path = "control_socket/watching.rs"]
mod watching;

mod patience;

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use patience::PATIENCE;

/// A directory of a test's own, with the control socket in it. What is left of a daemon is ended with it.
pub(crate) struct Home {
    pub(crate) directory: PathBuf,
}

impl Home {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("rcomet-control-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // Not in the target directory: its path may be longer than a socket's may be.
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).expect("a directory");
        Self { directory }
    }

    /// A home in which a daemon runs, without any port.
    pub(crate) fn running(more: &[&str]) -> Self {
        let home = Self::new();
        let output = home.rcomet(&[&["start", "--no-tcp"], more].concat());
        assert_eq!(code(&output), 0, "{output:?}");
        home
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join("control.sock")
    }

    /// Writes a file here; gives its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.directory.join(name);
        fs::write(&path, content).expect("to write");
        path.display().to_string()
    }

    /// The names of the files here.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).expect("a directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rcomet"));
        command
            .args(arguments)
            .env("RCOMET_CONTROL", self.socket())
            .env_remove("RCOMET_LOG")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn rcomet(&self, arguments: &[&str]) -> Output {
        patience::output(&mut self.command(arguments))
    }

    /// What a command prints that must do what it is asked for.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.rcomet(arguments);
        assert_eq!((code(&output), stderr(&output)), (0, String::new()), "{arguments:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// A command that goes on, with its standard output to be read.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    /// The number of the daemon's process.
    pub(crate) fn pid(&self) -> u32 {
        let status: serde_json::Value =
            serde_json::from_str(&self.says(&["status", "--json"])).expect("JSON");
        status["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a number")
    }

    /// Waits until the status has this.
    pub(crate) fn wait_until(&self, name: &str, value: u64) {
        let start = Instant::now();
        loop {
            let status: serde_json::Value =
                serde_json::from_str(&self.says(&["status", "--json"])).expect("JSON");
            if status[name] == value {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "waited for {name} {value}: {status}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.rcomet(&["stop"]);
        let _ = fs::remove_dir_all(&self.directory);
    }
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Copies a program. Another process does it: what a test beside this one starts meanwhile would keep a copy open that was opened
/// here, and nothing is run that somebody may write to.
pub(crate) fn copy(program: &Path, to: &Path) {
    let copied = Command::new("cp").args([program, to]).status().expect("cp");
    assert!(copied.success(), "{} cannot be copied", program.display());
}

pub(crate) fn signal(name: &str, pid: u32) {
    let kill = format!("kill -{name} {pid}");
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
}

/// Whether a process is there and not dead.
pub(crate) fn lives(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

/// A connection to this socket that does not wait for ever.
pub(crate) fn knock(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
