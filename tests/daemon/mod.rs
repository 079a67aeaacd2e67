//! The real daemon as a child of a test: started, listened to, signalled.
//! Knows nothing of what it serves.
#![allow(dead_code, reason = "each test file uses its own part")]
#[path = "../patience/mod.rs"]
pub(crate) mod patience;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use patience::Lines;

/// Any two ports.
pub(crate) const ANYWHERE: [&str; 4] = ["--front", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

/// A connection that does not wait for ever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    stream
}

/// A daemon that runs. Dropping it ends it.
pub(crate) struct Daemon {
    process: Child,
    said: Lines,
}

impl Daemon {
    /// Runs the daemon with these flags.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rcomet"));
        // Daemons of several tests would want the same.
        Self::of(command.arg("run").args(arguments).args(["--control", ""]))
    }

    /// The daemon that this begins.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut process = command.env_remove("RCOMET_LOG").stderr(Stdio::piped()).spawn().expect("it starts");
        let said = Lines::of(process.stderr.take().expect("a pipe"));
        Self { process, said }
    }

    /// Reads on until a line with `words` in it.
    pub(crate) fn says(&mut self, words: &str) -> String {
        let mut heard = String::new();
        loop {
            match self.said.try_next() {
                Ok(Some(line)) if line.contains(words) => return line.trim_end().to_owned(),
                Ok(Some(line)) => heard += &format!("{line}\n"),
                Ok(None) => panic!("it never said `{words}`, but:\n{heard}"),
                Err(late) => panic!("waiting for `{words}`: {late}, after:\n{heard}"),
            }
        }
    }

    /// Where it listens; to be asked in the order in which it says so.
    pub(crate) fn listens(&mut self, role: &str) -> SocketAddr {
        let line = self.says(&format!("listening {role} "));
        let address = line.rsplit(' ').next().expect("an address");
        address.parse().expect("an address")
    }

    /// Runs it on ports of its own choice; gives where the front and the admin side listen.
    pub(crate) fn start_anywhere(more: &[&str]) -> (Self, SocketAddr, SocketAddr) {
        let mut daemon = Self::start(&[&ANYWHERE[..], more].concat());
        let (front, admin) = (daemon.listens("front"), daemon.listens("admin"));
        (daemon, front, admin)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Resident memory, as the kernel counts it.
    pub(crate) fn resident_bytes(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.process.id())).expect("it runs");
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
        pages.expect("the kernel's own format") * 4096
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    /// Waits for its end.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        patience::exit(&mut self.process).code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One GET on a new connection; gives the body of the answer.
pub(crate) fn ask(address: SocketAddr, target: &str) -> String {
    let mut stream = connect(address);
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and an end");
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

/// Waits until exactly so many subscribe.
pub(crate) fn wait_for_subscribers(admin: SocketAddr, n: usize) {
    let want = format!("\"subscribers\": {n}}}");
    let start = Instant::now();
    loop {
        let info = ask(admin, "/info");
        if info.contains(&want) {
            return;
        }
        assert!(start.elapsed() < patience::PATIENCE, "waited for {n} subscribers, and there is {info}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
