//! Subscribers in processes of their own: one processor core cannot play more of them than it can read.
//! Knows nothing of scenarios: orders go out by a pipe, and how everybody stands comes back.
mod work;

use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};

use clap::Args;
use mio::unix::pipe::Receiver;
use mio::{Interest, Registry, Token};
use serde::{Deserialize, Serialize};

pub use self::work::work;
use crate::crowd::{Order, Standing};
use crate::tally::{Packed, Tally};
use crate::target::{Dialect, Name};

/// What a process of subscribers is told at its start.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The server
    #[arg(long, value_enum)]
    pub target: Name,
    /// What is spoken with it
    #[arg(long, value_enum)]
    pub dialect: Dialect,
    /// Where it listens
    #[arg(long)]
    pub front: SocketAddr,
    /// What tells this run's messages from others'
    #[arg(long)]
    pub run: u32,
    /// Which of the processes it is
    #[arg(long)]
    pub part: u8,
    /// How many subscribers it will have at most
    #[arg(long)]
    pub subscribers: usize,
}

/// What goes to a process: one line each.
#[derive(Debug, Serialize, Deserialize)]
enum Word {
    Do(Order),
    /// These are the last numbers of all channels: make up the account and end.
    Settle(Vec<u64>),
}

/// What comes from a process: one line each.
#[derive(Debug, Serialize, Deserialize)]
enum Report {
    Standing(Standing),
    Failed(String),
    Account(Box<Packed>),
}

/// A process of subscribers.
pub struct Crew {
    process: Child,
    orders: BufWriter<ChildStdin>,
    reports: Receiver,
    unread: Vec<u8>,
    standing: Standing,
    account: Option<Tally>,
}

impl Crew {
    /// Starts this program once more.
    ///
    /// # Errors
    /// The system does not.
    pub fn start(options: &Options, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("crew")
            .args(["--target", &options.target.to_string()])
            .args(["--dialect", &options.dialect.to_string()])
            .args(["--front", &options.front.to_string()])
            .args(["--run", &options.run.to_string()])
            .args(["--part", &options.part.to_string()])
            .args(["--subscribers", &options.subscribers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = BufWriter::new(process.stdin.take().ok_or(ErrorKind::BrokenPipe)?);
        let mut reports = Receiver::from(process.stdout.take().ok_or(ErrorKind::BrokenPipe)?);
        reports.set_nonblocking(true)?;
        registry.register(&mut reports, token, Interest::READABLE)?;
        let unread = Vec::new();
        Ok(Self { process, orders, reports, unread, standing: Standing::default(), account: None })
    }

    /// How its subscribers stood when it last said so.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Gives an order; it leaves with [`Self::flush`].
    ///
    /// # Errors
    /// The process has ended.
    pub fn order(&mut self, order: Order) -> io::Result<()> {
        self.say(&Word::Do(order))
    }

    /// Lets orders leave.
    ///
    /// # Errors
    /// The process has ended.
    pub fn flush(&mut self) -> io::Result<()> {
        self.orders.flush()
    }

    /// Asks for the account; it comes as a report.
    ///
    /// # Errors
    /// The process has ended.
    pub fn settle(&mut self, heads: &[u64]) -> io::Result<()> {
        self.say(&Word::Settle(heads.to_vec()))?;
        self.flush()
    }

    /// The account, once it has come.
    pub fn account(&mut self) -> Option<Tally> {
        self.account.take()
    }

    /// Whether the account has come.
    pub fn has_settled(&self) -> bool {
        self.account.is_some()
    }

    fn say(&mut self, word: &Word) -> io::Result<()> {
        serde_json::to_writer(&mut self.orders, word)?;
        self.orders.write_all(b"\n")
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// The process has ended too early, or says why it cannot go on.
    pub fn hear(&mut self) -> Result<(), String> {
        let mut block = [0; 16 << 10];
        let mut ended = false;
        while !ended {
            match self.reports.read(&mut block) {
                Ok(0) => ended = true,
                Ok(n) => self.unread.extend_from_slice(&block[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        let mut at = 0;
        while let Some(end) = memchr::memchr(b'\n', &self.unread[at..]) {
            let line = &self.unread[at..at + end];
            match serde_json::from_slice(line).map_err(|error| error.to_string())? {
                Report::Standing(standing) => self.standing = standing,
                Report::Failed(words) => return Err(words),
                Report::Account(packed) => self.account = packed.unpack(),
            }
            at += end + 1;
        }
        self.unread.drain(..at);
        if ended && !self.has_settled() {
            return Err("a process of subscribers has ended".to_owned());
        }
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
