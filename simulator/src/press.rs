//! The publishers: a few kept connections, each with so many requests on the way, and a line behind them.
//! Knows nothing of who listens.
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use hdrhistogram::Histogram;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::answer::{Answer, Piece};
use crate::errand::{prepare, read_answer};
use crate::frames::{self, PONG};
use crate::limits::explain;
use crate::payload::Stamp;
use crate::tally::histogram;
use crate::target::{Post, Published, Target};

const SCRATCH_BYTES: usize = 64 << 10;
/// How much of an answer is looked at.
const BODY_BYTES_MAX: usize = 1024;

/// All publishers of a run. Messages of one channel go over one connection, so that their order is known.
pub struct Press {
    target: Box<dyn Target>,
    admin: SocketAddr,
    first_token: usize,
    run: u32,
    size: usize,
    /// Requests that one connection has on the way at most.
    depth: usize,
    presses: Vec<Connection>,
    scratch: Vec<u8>,
    /// Each channel's last number: intended, and answered by the server.
    heads: Vec<u64>,
    answered_heads: Vec<u64>,
    /// Nobody takes messages any more: nothing is tried again.
    dead: bool,
    account: Account,
}

/// What came of publishing.
pub struct Account {
    /// Answers that took a message.
    pub taken: u64,
    /// Answers that did not.
    pub refused: u64,
    /// Requests whose connection ended before the answer.
    pub unanswered: u64,
    /// Answers to nothing: what has been published once was answered again.
    pub doubled: u64,
    /// From the intended sending to the answer, in nanoseconds; only of messages meant for `since` or later.
    pub latency: Histogram<u64>,
    /// Since when it is measured.
    pub since: Option<u64>,
    /// Answers to measured messages.
    pub measured: u64,
    /// What the first refusal said.
    pub complaint: Option<String>,
}

struct Connection {
    stream: TcpStream,
    answer: Answer,
    carry: Vec<u8>,
    out: Vec<u8>,
    /// How much of `out` the kernel has taken.
    sent: usize,
    /// Requests without an answer, and how many of them are in `out` or sent.
    asked: VecDeque<Note>,
    waiting: VecDeque<Note>,
    status: u16,
    /// The beginning of the body of the answer that is being read.
    body: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Note {
    channel: u32,
    number: u64,
    intended: u64,
}

/// How publishing is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Connections.
    pub connections: usize,
    /// Requests on the way on each, at most.
    pub depth: usize,
    /// Bytes of a message.
    pub size: usize,
    /// How many channels there are.
    pub channels: u32,
}

impl Press {
    /// Connects the publishers.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn connect(
        target: Box<dyn Target>,
        admin: SocketAddr,
        run: u32,
        manner: Manner,
        registry: &Registry,
        first_token: usize,
    ) -> io::Result<Self> {
        prepare(&*target, admin, manner.channels)?;
        let mut presses = Vec::with_capacity(manner.connections);
        for index in 0..manner.connections {
            presses.push(Connection::open(&*target, admin, registry, Token(first_token + index))?);
        }
        Ok(Self {
            target,
            admin,
            first_token,
            run,
            size: manner.size,
            depth: manner.depth,
            presses,
            scratch: vec![0; SCRATCH_BYTES],
            heads: vec![0; manner.channels as usize],
            answered_heads: vec![0; manner.channels as usize],
            dead: false,
            account: Account {
                taken: 0,
                refused: 0,
                unanswered: 0,
                doubled: 0,
                latency: histogram(),
                since: None,
                measured: 0,
                complaint: None,
            },
        })
    }

    /// Publishes one message that was meant to be sent at `intended`; it leaves with [`Self::flush`], or when there is
    /// room.
    pub fn post(&mut self, channel: u32, intended: u64) {
        let head = &mut self.heads[channel as usize];
        *head += 1;
        let note = Note { channel, number: *head, intended };
        let index = channel as usize % self.presses.len();
        self.hand_to(index, note);
    }

    /// Publishes over a certain connection, whatever the channel: for load without listeners.
    pub fn post_over(&mut self, connection: usize, channel: u32, intended: u64) {
        let head = &mut self.heads[channel as usize];
        *head += 1;
        let note = Note { channel, number: *head, intended };
        self.hand_to(connection, note);
    }

    fn hand_to(&mut self, index: usize, note: Note) {
        let press = &mut self.presses[index];
        if press.asked.len() < self.depth {
            press.write(note, &*self.target, self.run, self.size);
        } else {
            press.waiting.push_back(note);
        }
    }

    /// Hands everything to the kernel that it takes.
    ///
    /// # Errors
    /// A publisher cannot connect again.
    pub fn flush(&mut self, registry: &Registry) -> io::Result<()> {
        let last = if self.dead { 0 } else { self.presses.len() };
        for index in 0..last {
            if self.presses[index].out.len() > self.presses[index].sent
                && self.presses[index].flush().is_err()
            {
                self.reconnect(index, registry)?;
            }
        }
        Ok(())
    }

    /// An event has come for a publisher. Calls `answered` with the connection of each answer.
    ///
    /// # Errors
    /// A publisher cannot connect again.
    pub fn hear(
        &mut self,
        index: usize,
        event: &Event,
        registry: &Registry,
        now: u64,
        answered: &mut Vec<usize>,
    ) -> io::Result<()> {
        if self.dead {
            return Ok(());
        }
        let alive = self.read(index, event, now, answered).and_then(|()| self.presses[index].flush());
        match alive {
            Ok(()) => Ok(()),
            Err(_) => self.reconnect(index, registry),
        }
    }

    fn read(&mut self, index: usize, event: &Event, now: u64, answered: &mut Vec<usize>) -> io::Result<()> {
        if !event.is_readable() && !event.is_read_closed() {
            return Ok(());
        }
        loop {
            let press = &mut self.presses[index];
            let kept = press.carry.len();
            self.scratch[..kept].copy_from_slice(&press.carry);
            let n = match press.stream.read(&mut self.scratch[kept..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let filled = kept + n;
            let bytes = &self.scratch[..filled];
            let mut at = 0;
            while let Some(piece) =
                press.answer.next(bytes, &mut at).map_err(|_| io::Error::from(ErrorKind::InvalidData))?
            {
                match piece {
                    Piece::Head(head) => {
                        press.status = head.status;
                        if !self.target.takes(head.status) {
                            let text = String::from_utf8_lossy(&bytes[head.range.start..]);
                            let text = || format!("a publish was refused: {}", text.trim());
                            self.account.complaint.get_or_insert_with(text);
                        }
                    }
                    Piece::Body(range) => {
                        let room = BODY_BYTES_MAX.saturating_sub(press.body.len()).min(range.len());
                        press.body.extend_from_slice(&bytes[range][..room]);
                    }
                    Piece::Ping(range) => {
                        frames::write(PONG, Some(frames::mask(now)), &bytes[range], &mut press.out);
                    }
                    Piece::Close => return Err(ErrorKind::UnexpectedEof.into()),
                    Piece::End | Piece::Message => {
                        let says = self.target.published(&press.body);
                        if says == Published::Refused {
                            let text = String::from_utf8_lossy(&press.body);
                            let text = || format!("a publish was refused: {}", text.trim());
                            self.account.complaint.get_or_insert_with(text);
                        }
                        press.body.clear();
                        if says == Published::Unknown {
                            continue;
                        }
                        let Some(note) = press.asked.pop_front() else {
                            self.account.doubled += 1;
                            continue;
                        };
                        answered.push(index);
                        if let Some(next) = press.waiting.pop_front() {
                            press.write(next, &*self.target, self.run, self.size);
                        }
                        if says == Published::Refused || !self.target.takes(press.status) {
                            self.account.refused += 1;
                            continue;
                        }
                        self.account.taken += 1;
                        let head = &mut self.answered_heads[note.channel as usize];
                        *head = note.number.max(*head);
                        if self.account.since.is_some_and(|since| note.intended >= since) {
                            self.account.measured += 1;
                            self.account.latency.saturating_record(now.saturating_sub(note.intended));
                        }
                    }
                }
            }
            press.carry.clear();
            press.carry.extend_from_slice(&self.scratch[at..filled]);
            if filled < self.scratch.len() && !event.is_read_closed() {
                return Ok(());
            }
        }
    }

    /// A publisher's connection has ended. What was on the way may have been taken or not: it is not sent again.
    fn reconnect(&mut self, index: usize, registry: &Registry) -> io::Result<()> {
        // Once is enough: what this cannot do no other can.
        let fresh = Connection::open(&*self.target, self.admin, registry, Token(self.first_token + index))
            .inspect_err(|_| self.dead = true)?;
        let old = std::mem::replace(&mut self.presses[index], fresh);
        self.account.unanswered += old.asked.len() as u64;
        let press = &mut self.presses[index];
        press.waiting = old.waiting;
        while press.asked.len() < self.depth {
            let Some(note) = press.waiting.pop_front() else { break };
            press.write(note, &*self.target, self.run, self.size);
        }
        press.flush()
    }

    /// How many messages have been published, or are about to be.
    pub fn published(&self) -> u64 {
        self.heads.iter().sum()
    }

    /// Messages that have not been answered.
    pub fn open(&self) -> usize {
        self.presses.iter().map(|press| press.asked.len() + press.waiting.len()).sum()
    }

    /// Messages that have left and have not been answered.
    pub fn unanswered(&self) -> u64 {
        self.presses.iter().map(|press| press.asked.len() as u64).sum()
    }

    /// The last number of each channel.
    pub fn heads(&self) -> &[u64] {
        &self.heads
    }

    /// The last number of this channel that the server has answered: what it can be asked for.
    pub fn answered_head(&self, channel: u32) -> u64 {
        self.answered_heads[channel as usize]
    }

    /// The account until now.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Measures from now on, or no longer.
    pub fn measure(&mut self, since: Option<u64>) {
        self.account.since = since;
    }
}

impl Connection {
    fn open(target: &dyn Target, admin: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = std::net::TcpStream::connect(admin).map_err(explain)?;
        let mut greeting = Vec::new();
        target.greet(&mut greeting);
        let (mut status, mut answer) = (0, Answer::default());
        if !greeting.is_empty() {
            stream.write_all(&greeting)?;
            (status, answer) = read_answer(&mut stream)?;
            if !target.takes(status) {
                return Err(io::Error::other(format!("publishers are greeted with {status}")));
            }
        }
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            answer,
            carry: Vec::new(),
            out: Vec::new(),
            sent: 0,
            asked: VecDeque::new(),
            waiting: VecDeque::new(),
            status,
            body: Vec::new(),
        })
    }

    fn write(&mut self, note: Note, target: &dyn Target, run: u32, size: usize) {
        let Note { channel, number, intended } = note;
        self.asked.push_back(note);
        target.publish(&Post { stamp: Stamp { run, channel, number, intended }, size }, &mut self.out);
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.sent < self.out.len() {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.sent = 0;
        Ok(())
    }
}
