//! The subscribers of one process: connecting, asking, reading, asking again.
//! Knows nothing of scenarios: it does what it is ordered to, and says how it stands.
mod dial;
mod order;
mod seat;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::event::Event;
use mio::{Interest, Registry, Token};

use self::dial::dial;
pub use self::order::{Order, Standing};
use self::seat::{Phase, Seat};
use crate::answer::{NotHttp, Piece};
use crate::frames::{self, PONG};
use crate::limits::{Sources, explain};
use crate::payload::Scanner;
use crate::tally::{Heard, Ledger, Tally};
use crate::target::Target;

/// What is read at once, and beyond what no head may grow.
const SCRATCH_BYTES: usize = 128 << 10;

/// All subscribers of this process.
pub struct Crowd {
    target: Box<dyn Target>,
    front: SocketAddr,
    sources: Sources,
    run: u32,
    seats: Vec<Seat>,
    scanner: Scanner,
    scratch: Vec<u8>,
    request: Vec<u8>,
    /// Seats that are to connect when there is room in the window.
    in_line: VecDeque<usize>,
    window: usize,
    standing: Standing,
    tally: Tally,
    /// Since when deliveries are measured.
    measuring: Option<u64>,
}

/// Why a connection cannot go on.
enum Broken {
    /// The server has ended it, or the network has.
    Ended,
    /// What came over it is neither HTTP nor WebSocket.
    Garbled,
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Ended
    }
}

impl From<NotHttp> for Broken {
    fn from(_: NotHttp) -> Self {
        Self::Garbled
    }
}

impl Crowd {
    /// Nobody yet. Messages of other runs than `run` are not heard.
    pub fn new(target: Box<dyn Target>, front: SocketAddr, sources: Sources, run: u32) -> Self {
        Self {
            target,
            front,
            sources,
            run,
            seats: Vec::new(),
            scanner: Scanner::new(),
            scratch: vec![0; SCRATCH_BYTES],
            request: Vec::new(),
            in_line: VecDeque::new(),
            window: usize::MAX,
            standing: Standing::default(),
            tally: Tally::new(),
            measuring: None,
        }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        Standing { away: self.in_line.len() as u64, ..self.standing }
    }

    /// What somebody was refused with.
    pub fn complaint(&self) -> Option<&str> {
        self.tally.complaint.as_deref()
    }

    /// Does as ordered.
    pub fn obey(&mut self, order: Order, registry: &Registry) {
        match order {
            Order::Seats { first, count, step, kind, channels, last, deaf } => {
                for id in (0..count).map(|n| first + n * step) {
                    self.seats.push(Seat::new(kind, id, id % channels, last, deaf));
                }
            }
            Order::Seat { id, kind, channel, last, late } => {
                let mut seat = Seat::new(kind, id, channel, last, false);
                seat.late = late && !self.target.resumes_by_number();
                self.seats.push(seat);
            }
            Order::Open { first, window } => {
                self.window = window as usize;
                self.in_line.extend(first as usize..self.seats.len());
            }
            Order::Reopen { index } => {
                self.close(index as usize);
                self.in_line.push_back(index as usize);
            }
            Order::Cut { window } => {
                self.window = window as usize;
                self.in_line.clear();
                for index in 0..self.seats.len() {
                    self.seats[index].cut();
                    self.close(index);
                    self.in_line.push_back(index);
                }
            }
            Order::Retire { index } => {
                let index = index as usize;
                self.close(index);
                let last = self.seats[index].ledger.last();
                self.tally.counts.lost += self.seats[index].retire(last);
            }
            Order::Measure { since } => self.measuring = since,
        }
        self.connect_more(registry);
    }

    /// The account, up to the last message of each channel.
    pub fn settle(mut self, heads: &[u64]) -> Tally {
        for seat in &mut self.seats {
            let head = heads.get(seat.who.channel as usize).copied().unwrap_or(0);
            self.tally.counts.lost += seat.retire(head);
        }
        self.tally
    }

    /// An event has come for the seat with this number.
    pub fn hear(&mut self, index: usize, event: &Event, registry: &Registry, now: u64) {
        let outcome = self.try_hear(index, event, now);
        if let Err(broken) = outcome {
            self.break_off(index, &broken);
        }
        self.connect_more(registry);
    }

    fn try_hear(&mut self, index: usize, event: &Event, now: u64) -> Result<(), Broken> {
        if self.seats[index].phase == Phase::Connecting {
            if event.is_error() {
                return Err(Broken::Ended);
            }
            if !event.is_writable() {
                return Ok(());
            }
            self.ask(index)?;
        }
        if self.seats[index].is_deaf() || !(event.is_readable() || event.is_read_closed()) {
            return Ok(());
        }
        self.read(index, event.is_read_closed(), now)
    }

    /// Reads until the socket is drained. One read is enough if it did not fill the buffer, unless the end is behind it.
    fn read(&mut self, index: usize, to_the_end: bool, now: u64) -> Result<(), Broken> {
        loop {
            let seat = &mut self.seats[index];
            let Some(stream) = &mut seat.stream else { return Ok(()) };
            let kept = seat.carry.len();
            if kept >= SCRATCH_BYTES / 2 {
                return Err(Broken::Garbled);
            }
            self.scratch[..kept].copy_from_slice(&seat.carry);
            let n = match stream.read(&mut self.scratch[kept..]) {
                Ok(0) => return Err(Broken::Ended),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let filled = kept + n;
            self.digest(index, filled, now)?;
            if filled < self.scratch.len() && !to_the_end {
                return Ok(());
            }
        }
    }

    fn digest(&mut self, index: usize, filled: usize, now: u64) -> Result<(), Broken> {
        let mut at = 0;
        loop {
            let bytes = &self.scratch[..filled];
            let seat = &mut self.seats[index];
            let Some(piece) = seat.answer.next(bytes, &mut at)? else { break };
            match piece {
                Piece::Head(head) => {
                    if head.status != 200 {
                        let text = String::from_utf8_lossy(&bytes[head.range.start..filled]);
                        seat.status(&*self.target, head.status, &mut self.tally, &text);
                    }
                    self.target.head(&mut seat.who, &bytes[head.range]);
                    seat.closes = head.closes;
                    seat.park(&mut self.standing);
                }
                Piece::Body(range) => {
                    let body = &bytes[range.clone()];
                    let (mut any, by_number) = (false, self.target.resumes_by_number());
                    let kept = self.scanner.scan(body, |stamp| {
                        if stamp.run != self.run || stamp.channel != seat.who.channel {
                            return;
                        }
                        any = true;
                        if !by_number && stamp.number <= seat.begins_after {
                            return;
                        }
                        if std::mem::take(&mut seat.late) {
                            seat.ledger = Ledger::after(stamp.number - 1);
                        }
                        self.tally.counts.delivered += 1;
                        match seat.ledger.hear(stamp.number) {
                            Heard::InOrder => {}
                            Heard::Late => self.tally.counts.reordered += 1,
                            Heard::Again => {
                                self.tally.counts.doubled += 1;
                                return;
                            }
                        }
                        self.standing.fresh += 1;
                        if let Some(since) = self.measuring
                            && stamp.intended >= since
                        {
                            self.tally.measure(since, stamp.intended, now);
                        }
                    });
                    seat.who.last = seat.ledger.last();
                    seat.heard |= any;
                    self.target.body(&mut seat.who, body);
                    // Where an answer has no head of its own, the first of its body says that somebody waits.
                    seat.park(&mut self.standing);
                    if !any && kept == 0 {
                        seat.look_for_complaint(&*self.target, body, &mut self.tally);
                    }
                    let kept = kept.max(self.target.unfinished(&seat.who, body));
                    if kept > 0 && range.end == filled && !seat.answer.is_complete() {
                        seat.answer.give_back(kept);
                        at -= kept;
                        break;
                    }
                }
                Piece::Message => seat.heard = false,
                Piece::Ping(range) => {
                    self.request.clear();
                    frames::write(PONG, Some(frames::mask(now)), &bytes[range], &mut self.request);
                    if let Some(stream) = &mut seat.stream {
                        stream.write_all(&self.request)?;
                    }
                }
                Piece::Close => return Err(Broken::Ended),
                Piece::End => {
                    if !std::mem::take(&mut seat.heard) && self.target.listens(&seat.who) {
                        self.tally.counts.empty += 1;
                    }
                    if seat.refused {
                        self.standing.refused += 1;
                        return Err(Broken::Ended);
                    }
                    if !self.target.goes_on(&mut seat.who) || seat.closes {
                        return Err(Broken::Ended);
                    }
                    self.leave_phase(index);
                    self.ask(index)?;
                }
            }
        }
        let seat = &mut self.seats[index];
        seat.carry.clear();
        seat.carry.extend_from_slice(&self.scratch[at..filled]);
        Ok(())
    }

    fn ask(&mut self, index: usize) -> io::Result<()> {
        self.leave_phase(index);
        let seat = &mut self.seats[index];
        let Some(stream) = &mut seat.stream else { return Ok(()) };
        self.request.clear();
        self.target.listen(&seat.who, &mut self.request);
        // A request is small and the one before has been read, so the kernel takes it whole.
        if stream.write(&self.request)? != self.request.len() {
            return Err(ErrorKind::WriteZero.into());
        }
        if self.target.listens(&seat.who) {
            seat.phase = Phase::Asked;
            self.standing.asked += 1;
            if self.request.is_empty() {
                // It has been heard already, and nothing else will say so.
                seat.park(&mut self.standing);
            }
        } else {
            seat.phase = Phase::Introducing;
            self.standing.connecting += 1;
        }
        Ok(())
    }

    /// Connects those who could not be connected before.
    pub fn try_again(&mut self, registry: &Registry) {
        self.connect_more(registry);
    }

    fn connect_more(&mut self, registry: &Registry) {
        while (self.standing.connecting as usize) < self.window {
            let Some(index) = self.in_line.pop_front() else { return };
            if !self.seats[index].wants_to_connect() {
                continue;
            }
            if let Err(error) = self.connect(index, registry) {
                self.tally.complain(|| format!("cannot connect: {}", explain(error)));
                self.tally.counts.broken += 1;
                self.in_line.push_back(index);
                return;
            }
        }
    }

    fn connect(&mut self, index: usize, registry: &Registry) -> io::Result<()> {
        let mut stream = dial(&self.sources, index, self.front, self.seats[index].deaf)?;
        registry.register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        let seat = &mut self.seats[index];
        seat.stream = Some(stream);
        seat.phase = Phase::Connecting;
        self.standing.connecting += 1;
        Ok(())
    }

    /// The server has ended a connection: it is counted, and made again.
    fn break_off(&mut self, index: usize, broken: &Broken) {
        let seat = &self.seats[index];
        let expected = seat.closes || seat.refused || seat.deaf;
        if !expected {
            self.tally.counts.broken += 1;
        }
        if matches!(broken, Broken::Garbled) {
            self.tally.complain(|| "an answer that is neither HTTP nor WebSocket".to_owned());
        }
        if seat.phase == Phase::Parked && !seat.who.kind.polls() {
            self.standing.ended += 1;
        }
        let comes_back = !seat.refused && !seat.deaf;
        self.close(index);
        if comes_back {
            self.in_line.push_back(index);
        }
    }

    fn close(&mut self, index: usize) {
        self.leave_phase(index);
        // Dropping a stream takes it out of the poll as well.
        self.seats[index].disconnect();
        self.target.hung_up(&mut self.seats[index].who);
    }

    fn leave_phase(&mut self, index: usize) {
        let standing = &mut self.standing;
        match std::mem::replace(&mut self.seats[index].phase, Phase::Away) {
            Phase::Away => {}
            Phase::Connecting | Phase::Introducing => standing.connecting -= 1,
            Phase::Asked => standing.asked -= 1,
            Phase::Parked => {
                standing.asked -= 1;
                standing.parked -= 1;
            }
        }
    }
}
