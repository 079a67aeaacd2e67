//! The floor: the least that a server can do. Figures of a real one are given as ratios to it, where it does the same:
//! it closes who never reads, does nothing while nothing happens, and does not know all ways to listen.
//!
//! It does the system calls that the job cannot do without, and next to nothing else: one `accept` and one `epoll_ctl`
//! a connection, one `recv` a request, one `send` a delivery, one `epoll_wait` for many of them. It speaks with
//! `rcomet-sim` only: it looks for the end of a request and for the few words that it needs, knows of no limits, and
//! closes whoever does not read.
//!
//! What it is not allowed to leave out is the promise: a subscriber gets what follows the number that it asks for,
//! also when it asks a moment too late. So it keeps the last messages of a channel.
//!
//! It answers in the dialects that rcomet has for subscribers who listen long, each message in each of them prepared once.
mod channel;
mod ear;
mod fault;
mod request;
mod sign;
mod voice;

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::time::Instant;

use clap::Args;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use self::channel::Channel;
use self::ear::{Ear, Sent, send};
pub use self::fault::Fault;
use self::request::Request;
use self::sign::Signs;
use self::voice::Voice;

const LISTENER_TOKENS: usize = 1 << 40;
const EVENTS: usize = 1024;
const SCRATCH_BYTES: usize = 64 << 10;
/// How often it looks for the rest of a request.
const TRIES: u32 = 10_000;
const TAKEN: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"type\":\"ok\"}\n";
const TAKEN_FRAME: &[u8] = b"\x81\x14{\"type\":\"published\"}";
/// The answer to the one key that this program sends.
const UPGRADED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Where it listens.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Where subscribers come in; publishers may as well
    #[arg(long, default_value = "127.0.0.1:8100")]
    pub front: SocketAddr,
    /// Where publishers come in; subscribers may as well
    #[arg(long, default_value = "127.0.0.1:8000")]
    pub admin: SocketAddr,
    /// Do one thing wrong on purpose, to see that it is noticed: drop=N, double=N or reorder=N, for one subscriber and message N
    /// of a channel, counted from when somebody first listens to it; drop-answer=N or double-answer=N, for its publisher;
    /// end=N: the server ends when message N is published
    #[arg(long)]
    pub fault: Option<Fault>,
    /// Milliseconds after which icomet's polls, event streams and WebSockets that wait hear that the server is there, as rcomet's do
    /// [default: never]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub noop_ms: u64,
}

struct Floor {
    connections: Slab<Connection>,
    channels: Vec<Channel>,
    names: HashMap<Box<[u8]>, usize>,
    fault: Option<Fault>,
    signs: Signs,
    /// When the system has said what there is to do.
    now: Instant,
    /// Bayeux's clients, by their numbers.
    sessions: Vec<Session>,
    /// The channel that was published to last, if nobody has been served since.
    hot: Option<usize>,
    /// Waiting subscribers of a channel that is being served; kept for its memory.
    served: Vec<usize>,
    /// What is answered to one read; kept for its memory.
    answers: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// What it listens to; a publisher listens to nothing.
    ear: Option<Ear>,
    /// It has become a WebSocket.
    socket: bool,
    /// When it hears a sign of life next.
    sign_at: Option<Instant>,
}

/// A Bayeux client, which may come by another connection every time.
#[derive(Clone, Copy)]
struct Session {
    channel: usize,
    /// The number of the message that it gets if it has not acknowledged any.
    next: u64,
}

/// Serves until the process is ended.
///
/// # Errors
/// An address is taken, or the system will not wait for events.
pub fn serve(options: &Options) -> io::Result<()> {
    let _ = crate::limits::raise_descriptors(19_000).or_else(|_| crate::limits::raise_descriptors(900));
    let mut poll = Poll::new()?;
    let mut listeners = Vec::new();
    for (role, address) in [("front", options.front), ("admin", options.admin)] {
        let mut listener = listen(address)?;
        eprintln!("listening {role} {}", listener.local_addr()?);
        poll.registry().register(
            &mut listener,
            Token(LISTENER_TOKENS + listeners.len()),
            Interest::READABLE,
        )?;
        listeners.push(listener);
    }
    let mut floor = Floor {
        connections: Slab::new(),
        channels: Vec::new(),
        names: HashMap::new(),
        fault: options.fault,
        signs: Signs::new(options.noop_ms),
        now: Instant::now(),
        sessions: Vec::new(),
        hot: None,
        served: Vec::new(),
        answers: Vec::new(),
    };
    let mut events = Events::with_capacity(EVENTS);
    let mut scratch = vec![0; SCRATCH_BYTES];
    loop {
        match poll.poll(&mut events, floor.signs.rest(floor.now)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        if options.noop_ms > 0 {
            floor.now = Instant::now();
            floor.give_signs();
        }
        for event in &events {
            let token = event.token().0;
            if let Some(listener) = token.checked_sub(LISTENER_TOKENS) {
                floor.accept(&listeners[listener], &poll)?;
            } else if event.is_readable() || event.is_read_closed() {
                floor.read(token, event.is_read_closed(), &mut scratch);
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM.nonblocking(),
        None,
    )?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it, so that it costs nothing for each of them.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(TcpListener::from_std(socket.into()))
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> io::Result<()> {
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    let fresh = Connection { stream, ear: None, socket: false, sign_at: None };
                    let index = self.connections.insert(fresh);
                    let stream = &mut self.connections[index].stream;
                    poll.registry().register(stream, Token(index), Interest::READABLE)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(crate::limits::explain(error)),
            }
        }
    }

    fn read(&mut self, index: usize, to_the_end: bool, scratch: &mut [u8]) {
        let (mut cut, mut tries) = (0, 0);
        loop {
            let Some(connection) = self.connections.get_mut(index) else { return };
            let n = match connection.stream.read(&mut scratch[cut..]) {
                Ok(0) => return self.close(index),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock && cut == 0 => return,
                // Hardly ever: the other end has written all of it.
                Err(error) if error.kind() == ErrorKind::WouldBlock && tries < TRIES => {
                    tries += 1;
                    std::thread::yield_now();
                    continue;
                }
                Err(_) => return self.close(index),
            };
            let filled = cut + n;
            let Some(left) = self.take(index, &mut scratch[..filled]) else { return self.close(index) };
            scratch.copy_within(filled - left..filled, 0);
            cut = left;
            if cut == 0 && filled < scratch.len() && !to_the_end {
                return;
            }
        }
    }

    /// Takes what has come: whole requests, because the other end writes them whole. How many bytes are left of one whose rest is still on
    /// its way; `None` if it cannot go on.
    fn take(&mut self, index: usize, bytes: &mut [u8]) -> Option<usize> {
        if self.connections[index].ear.is_some() {
            // A subscriber repeats its question, and where it stands is known.
            return self.wait(index).then_some(0);
        }
        let mut answers = std::mem::take(&mut self.answers);
        answers.clear();
        let left = match self.connections[index].socket {
            true => self.take_frames(index, bytes, &mut answers),
            false => self.take_requests(index, bytes, &mut answers),
        };
        let stream = &mut self.connections[index].stream;
        let answered = answers.is_empty() || send(stream, &answers) != Sent::Dead;
        self.answers = answers;
        if let Some(channel) = self.hot.take() {
            self.serve_channel(channel);
        }
        let Some(connection) = self.connections.get(index) else { return Some(0) };
        let goes_on = answered && (connection.ear.is_none() || self.wait(index));
        left.filter(|_| goes_on)
    }

    fn take_requests(&mut self, index: usize, mut bytes: &[u8], answers: &mut Vec<u8>) -> Option<usize> {
        while !bytes.is_empty() {
            let Some((request, rest)) = request::first(bytes) else {
                return request::is_cut(bytes).then_some(bytes.len());
            };
            self.obey(index, request, TAKEN, answers);
            bytes = rest;
        }
        Some(0)
    }

    fn take_frames(&mut self, index: usize, mut bytes: &mut [u8], answers: &mut Vec<u8>) -> Option<usize> {
        while !bytes.is_empty() {
            if request::is_cut_frame(bytes) {
                return Some(bytes.len());
            }
            let (request, rest) = request::first_frame(bytes)?;
            self.obey(index, request, TAKEN_FRAME, answers);
            bytes = rest;
        }
        Some(0)
    }

    /// Does what one request asks for, and appends what is answered at once.
    fn obey(&mut self, index: usize, request: Request<'_>, taken: &[u8], answers: &mut Vec<u8>) {
        match request {
            Request::Publish { channel, content } => {
                let channel = self.channel(channel);
                self.channels[channel].append(content);
                match self.fault {
                    None => answers.extend_from_slice(taken),
                    Some(_) => fault::answer(&mut self.fault, &self.channels[channel], taken, answers),
                }
                // Who waits is served when the publisher has its answers, but channel by channel.
                if let Some(hot) = self.hot.replace(channel)
                    && hot != channel
                {
                    self.serve_channel(hot);
                }
            }
            Request::Listen { channel, voice, next } => {
                let channel = self.channel(channel);
                self.channels[channel].listen();
                answers.extend_from_slice(voice.welcome());
                self.connections[index].ear = Some(Ear { channel, voice, next, place: None, pretends: 0 });
            }
            Request::Register => answers.extend_from_slice(taken),
            Request::Upgrade => {
                self.connections[index].socket = true;
                answers.extend_from_slice(UPGRADED);
            }
            Request::Handshake => {
                let client = self.sessions.len();
                self.sessions.push(Session { channel: 0, next: 1 });
                let body = format!(
                    "[{{\"channel\":\"/meta/handshake\",\"clientId\":\"{client}\",\"successful\":true,\
                     \"ext\":{{\"ack\":true}}}}]"
                );
                voice::answer(body.as_bytes(), answers);
            }
            Request::Subscribe { client, channel } => {
                let channel = self.channel(channel);
                self.channels[channel].listen();
                let next = self.channels[channel].head() + 1;
                if let Some(session) = self.sessions.get_mut(client) {
                    *session = Session { channel, next };
                    answers.extend_from_slice(taken);
                }
            }
            Request::Connect { client, after } => {
                let Some(&Session { channel, next }) = self.sessions.get(client) else { return };
                let next = after.map_or(next, |last| last + 1);
                self.connections[index].ear =
                    Some(Ear { channel, voice: Voice::Bayeux, next, place: None, pretends: 0 });
            }
        }
    }

    fn channel(&mut self, name: &[u8]) -> usize {
        if let Some(&channel) = self.names.get(name) {
            return channel;
        }
        self.channels.push(Channel::new(name));
        self.names.insert(name.into(), self.channels.len() - 1);
        self.channels.len() - 1
    }

    /// Gives a subscriber what is there for it, and lets it wait if that was not an answer.
    fn wait(&mut self, index: usize) -> bool {
        let Self { connections, channels, fault, signs, now, .. } = self;
        let Connection { stream, ear: Some(ear), sign_at, .. } = &mut connections[index] else {
            return false;
        };
        let channel = &mut channels[ear.channel];
        match ear.bring_up_to_date(stream, channel, fault) {
            Sent::Dead => return false,
            Sent::Answer => {}
            Sent::Silence => {
                if ear.place.is_none() {
                    ear.place = Some(channel.waiting.len());
                    channel.waiting.push(index);
                }
                if sign_at.is_none() {
                    *sign_at = signs.queue(index, *now);
                }
            }
        }
        true
    }

    /// Brings everybody who waits up to date. Polls are answered and leave; streams stay.
    fn serve_channel(&mut self, channel: usize) {
        let mut served = std::mem::take(&mut self.served);
        std::mem::swap(&mut served, &mut self.channels[channel].waiting);
        for &index in &served {
            let Self { connections, channels, fault, .. } = self;
            let Some(Connection { stream, ear: Some(ear), .. }) = connections.get_mut(index) else {
                continue;
            };
            let channel = &mut channels[channel];
            ear.place = None;
            match ear.bring_up_to_date(stream, channel, fault) {
                Sent::Dead => self.close(index),
                Sent::Answer => {}
                Sent::Silence => {
                    ear.place = Some(channel.waiting.len());
                    channel.waiting.push(index);
                }
            }
        }
        served.clear();
        self.served = served;
    }

    fn close(&mut self, index: usize) {
        self.leave(index);
        self.connections.try_remove(index);
    }

    /// This one does not wait any more.
    fn leave(&mut self, index: usize) {
        let Some(Connection { ear: Some(ear), .. }) = self.connections.get_mut(index) else { return };
        let channel = ear.channel;
        let Some(place) = ear.place.take() else { return };
        let waiting = &mut self.channels[channel].waiting;
        waiting.swap_remove(place);
        if let Some(&moved) = waiting.get(place)
            && let Some(ear) = &mut self.connections[moved].ear
        {
            ear.place = Some(place);
        }
    }
}
