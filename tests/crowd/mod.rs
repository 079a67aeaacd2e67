//! Many subscribers in one thread, each strict about HTTP and about numbers.
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// How a subscriber listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Poll,
    Sse,
}

struct Member {
    stream: TcpStream,
    kind: Kind,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// In the middle of an answer: its head has come.
    body: Option<Framing>,
    text: String,
    /// The number of the next message it wants.
    next: u64,
    /// What went wrong, if anything.
    fault: Option<String>,
    ended: bool,
    /// At the end, no answer was left unfinished.
    well_formed: bool,
    asked: bool,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(usize),
    Chunked,
}

pub struct Crowd {
    poll: Poll,
    members: Vec<Member>,
    channel: String,
}

impl Crowd {
    /// Connects everybody and sends everybody's first request.
    pub fn connect(front: SocketAddr, channel: &str, kinds: &[(Kind, usize)]) -> Self {
        let poll = Poll::new().unwrap();
        let mut crowd = Self { poll, members: Vec::new(), channel: channel.into() };
        for (kind, count) in kinds {
            for _ in 0..*count {
                let stream = std::net::TcpStream::connect(front).expect("it listens");
                stream.set_nonblocking(true).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut stream = TcpStream::from_std(stream);
                let token = Token(crowd.members.len());
                let both = Interest::READABLE | Interest::WRITABLE;
                crowd.poll.registry().register(&mut stream, token, both).unwrap();
                crowd.members.push(Member::new(stream, *kind));
                let i = crowd.members.len() - 1;
                crowd.members[i].ask(channel);
            }
        }
        crowd
    }

    /// Lets everybody go on until `done`, or fails.
    pub fn run_until(&mut self, done: impl Fn(&Self) -> bool, within: Duration) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < within, "after {within:?}: {}", self.summary());
            self.turn(Duration::from_millis(50));
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {
            self.turn(Duration::from_millis(10));
        }
    }

    fn turn(&mut self, wait: Duration) {
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(wait)).unwrap();
        for event in &events {
            let member = &mut self.members[event.token().0];
            member.read(&self.channel);
            member.write();
        }
    }

    /// Whether everybody has every message up to `last`.
    pub fn all_have(&self, last: u64) -> bool {
        self.members.iter().all(|m| m.next > last || m.fault.is_some() || m.ended)
    }

    pub fn all_ended(&self) -> bool {
        self.members.iter().all(|m| m.ended)
    }

    fn summary(&self) -> String {
        let least = self.members.iter().map(|m| m.next).min();
        let ended = self.members.iter().filter(|m| m.ended).count();
        let fault = self.members.iter().find_map(|m| m.fault.as_deref());
        format!("the last one wants number {least:?}, {ended} have ended, first fault: {fault:?}")
    }

    /// Nobody has missed, doubled or reordered anything.
    pub fn assert_perfect(&self, last: u64) {
        for member in &self.members {
            assert_eq!(member.fault, None, "{:?}", member.kind);
            assert!(!member.ended, "a {:?} was cut off, who wanted {} next", member.kind, member.next);
            assert_eq!(member.next, last + 1);
        }
    }

    /// Everybody's connection has ended where an answer ends.
    pub fn assert_well_formed_ends(&self) {
        for member in &self.members {
            assert_eq!(member.fault, None, "{:?}", member.kind);
            assert!(member.well_formed, "{:?} ended within an answer: {:?}", member.kind, member.text);
        }
    }
}

impl Member {
    fn new(stream: TcpStream, kind: Kind) -> Self {
        Self {
            stream,
            kind,
            outgoing: Vec::new(),
            incoming: Vec::new(),
            body: None,
            text: String::new(),
            next: 1,
            fault: None,
            ended: false,
            well_formed: false,
            asked: false,
        }
    }

    fn ask(&mut self, channel: &str) {
        let path = if self.kind == Kind::Poll { "sub" } else { "sse" };
        let request =
            format!("GET /{path}?cname={channel}&seq={} HTTP/1.1\r\nHost: localhost\r\n\r\n", self.next);
        self.outgoing.extend_from_slice(request.as_bytes());
        self.asked = true;
        self.write();
    }

    fn write(&mut self) {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(n) => drop(self.outgoing.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                // A reset shows in reading too.
                Err(_) => return,
            }
        }
    }

    fn read(&mut self, channel: &str) {
        let mut block = [0; 64 << 10];
        loop {
            match self.stream.read(&mut block) {
                Ok(0) => return self.end(),
                Ok(n) => {
                    self.incoming.extend_from_slice(&block[..n]);
                    self.understand(channel);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) => {
                    self.fault.get_or_insert_with(|| format!("{e}"));
                    return self.end();
                }
            }
        }
    }

    fn end(&mut self) {
        if !self.ended {
            self.ended = true;
            // A poll that was answered asks again at once, and may find that the server has ended meanwhile: its
            // question stays open, as HTTP allows. What must not be is half an answer.
            self.well_formed = self.body.is_none() && self.incoming.is_empty();
            let _already_gone = self.stream.shutdown(std::net::Shutdown::Both);
        }
    }

    fn understand(&mut self, channel: &str) {
        while self.fault.is_none() && self.step(channel) {}
    }

    /// Understands one more part of an answer, if it is there.
    fn step(&mut self, channel: &str) -> bool {
        match self.body {
            None => {
                let Some(end) = self.incoming.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
                let head: Vec<u8> = self.incoming.drain(..end + 4).collect();
                let head = String::from_utf8(head).unwrap();
                if !head.starts_with("HTTP/1.1 200 OK\r\n") || !self.asked {
                    self.fault = Some(format!("unexpected head {head:?}"));
                    return false;
                }
                let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: "));
                self.body = Some(length.map_or(Framing::Chunked, |n| Framing::Length(n.parse().unwrap())));
                true
            }
            Some(Framing::Length(n)) => {
                if self.incoming.len() < n {
                    return false;
                }
                let body: Vec<u8> = self.incoming.drain(..n).collect();
                self.text.push_str(&String::from_utf8(body).unwrap());
                self.finish(channel);
                true
            }
            Some(Framing::Chunked) => {
                let Some(end) = self.incoming.windows(2).position(|w| w == b"\r\n") else { return false };
                let size = std::str::from_utf8(&self.incoming[..end]).unwrap().to_owned();
                let Ok(size) = usize::from_str_radix(&size, 16) else {
                    self.fault = Some(format!("{size:?} is no size of a chunk"));
                    return false;
                };
                if self.incoming.len() < end + 2 + size + 2 {
                    return false;
                }
                let chunk: Vec<u8> = self.incoming.drain(..end + 2 + size + 2).collect();
                if !chunk.ends_with(b"\r\n") {
                    self.fault = Some("a chunk does not end with CRLF".into());
                    return false;
                }
                self.text.push_str(std::str::from_utf8(&chunk[end + 2..end + 2 + size]).unwrap());
                if size == 0 {
                    self.finish(channel);
                } else if self.kind == Kind::Sse {
                    self.take_numbers();
                }
                true
            }
        }
    }

    /// An answer is whole.
    fn finish(&mut self, channel: &str) {
        self.body = None;
        self.asked = false;
        self.take_numbers();
        if self.kind == Kind::Poll && self.fault.is_none() {
            self.ask(channel);
        }
    }

    fn take_numbers(&mut self) {
        let text = std::mem::take(&mut self.text);
        if text.contains("\"type\":\"gap\"") {
            self.fault = Some(format!("a gap was declared: {text:?}"));
        }
        for number in numbers_in(&text) {
            if number != self.next {
                self.fault.get_or_insert_with(|| format!("wanted {}, got {number}", self.next));
            }
            self.next = number + 1;
        }
    }
}

/// The numbers of all data messages in a text.
pub fn numbers_in(text: &str) -> Vec<u64> {
    text.split("{\"type\":\"data\",")
        .skip(1)
        .filter_map(|part| part.split_once("\"seq\":"))
        .filter_map(|(_, rest)| rest.split(',').next()?.parse().ok())
        .collect()
}
