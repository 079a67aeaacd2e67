//! The floor: the least that a server can do. Every figure of a real one is given as a ratio to it.
//!
//! It does the system calls that the job cannot do without, and next to nothing else: one `accept` and one `epoll_ctl`
//! a connection, one `recv` a request, one `send` a delivery, one `epoll_wait` for many of them. It speaks with
//! `rcomet-sim` only: it looks for the end of a request and for the few words that it needs, knows of no limits, and
//! closes whoever does not read.
//!
//! What it is not allowed to leave out is the promise: a subscriber gets what follows the number that it asks for,
//! also when it asks a moment too late. So it keeps the last messages of a channel.
mod channel;
mod fault;
mod request;

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use clap::Args;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use self::channel::{Channel, Voice};
pub use self::fault::Fault;
use self::request::Request;

const LISTENER_TOKENS: usize = 1 << 40;
const EVENTS: usize = 1024;
const SCRATCH_BYTES: usize = 64 << 10;
const TAKEN: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"type\":\"ok\"}\n";

/// Where it listens.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Where subscribers come in; publishers may as well
    #[arg(long, default_value = "127.0.0.1:8100")]
    pub front: SocketAddr,
    /// Where publishers come in; subscribers may as well
    #[arg(long, default_value = "127.0.0.1:8000")]
    pub admin: SocketAddr,
    /// Do one thing wrong on purpose, to see that it is noticed: drop=N, double=N or reorder=N, for message N and one
    /// subscriber
    #[arg(long)]
    pub fault: Option<Fault>,
}

struct Floor {
    connections: Slab<Connection>,
    channels: Vec<Channel>,
    names: HashMap<Box<[u8]>, usize>,
    fault: Option<Fault>,
    /// Waiting subscribers of a channel that is being served; kept for its memory.
    served: Vec<usize>,
}

struct Connection {
    stream: TcpStream,
    /// What it listens to; a publisher listens to nothing.
    ear: Option<Ear>,
}

#[derive(Clone, Copy)]
struct Ear {
    channel: usize,
    voice: Voice,
    /// The number of the message that it gets next.
    next: u64,
    /// Its place among those who wait; `None` while it does not.
    place: Option<usize>,
    /// The message under whose number it has got another one, on purpose; 0 is none.
    pretends: u64,
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
        served: Vec::new(),
    };
    let mut events = Events::with_capacity(EVENTS);
    let mut scratch = vec![0; SCRATCH_BYTES];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
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
                    let index = self.connections.insert(Connection { stream, ear: None });
                    let stream = &mut self.connections[index].stream;
                    poll.registry().register(stream, Token(index), Interest::READABLE)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn read(&mut self, index: usize, to_the_end: bool, scratch: &mut [u8]) {
        loop {
            let Some(connection) = self.connections.get_mut(index) else { return };
            let n = match connection.stream.read(scratch) {
                Ok(0) => return self.close(index),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.close(index),
            };
            if !self.take(index, &scratch[..n]) {
                return self.close(index);
            }
            if n < scratch.len() && !to_the_end {
                return;
            }
        }
    }

    /// Takes what one read has brought: whole requests, because the other end writes them whole.
    fn take(&mut self, index: usize, bytes: &[u8]) -> bool {
        if !bytes.ends_with(b"\r\n\r\n") {
            return false;
        }
        if self.connections[index].ear.is_some() {
            // A subscriber repeats its question, and where it stands is known.
            return self.wait(index);
        }
        let mut hot = None;
        let mut published = 0;
        let mut answers: &[u8] = &[];
        let mut many = Vec::new();
        for request in request::all(bytes) {
            match request {
                Some(Request::Publish { channel, content }) => {
                    let channel = self.channel(channel);
                    self.channels[channel].append(content);
                    published += 1;
                    if hot.is_some_and(|hot| hot != channel) {
                        self.serve_channel(hot.unwrap_or(channel));
                    }
                    hot = Some(channel);
                }
                Some(Request::Listen { channel, voice, next }) => {
                    let channel = self.channel(channel);
                    self.connections[index].ear =
                        Some(Ear { channel, voice, next, place: None, pretends: 0 });
                    return self.begin(index) && self.wait(index);
                }
                None => return false,
            }
        }
        if published == 1 {
            answers = TAKEN;
        } else if published > 1 {
            many = TAKEN.repeat(published);
        }
        if !many.is_empty() {
            answers = &many;
        }
        let answered = send(&mut self.connections[index].stream, answers) != Sent::Dead;
        if let Some(channel) = hot {
            self.serve_channel(channel);
        }
        answered
    }

    fn channel(&mut self, name: &[u8]) -> usize {
        if let Some(&channel) = self.names.get(name) {
            return channel;
        }
        self.channels.push(Channel::new(name));
        self.names.insert(name.into(), self.channels.len() - 1);
        self.channels.len() - 1
    }

    /// A stream's head goes out at once: that is how its reader knows that it is there.
    fn begin(&mut self, index: usize) -> bool {
        let Connection { stream, ear } = &mut self.connections[index];
        let Some(Ear { voice: Voice::Sse, .. }) = ear else { return true };
        send(stream, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n") != Sent::Dead
    }

    /// Gives a subscriber what is there for it, and lets it wait if that was not an answer.
    fn wait(&mut self, index: usize) -> bool {
        let Self { connections, channels, fault, .. } = self;
        let Connection { stream, ear: Some(ear) } = &mut connections[index] else { return false };
        let channel = &mut channels[ear.channel];
        match bring_up_to_date(stream, ear, channel, fault) {
            Sent::Dead => return false,
            Sent::Answer => {}
            Sent::Silence => {
                if ear.place.is_none() {
                    ear.place = Some(channel.waiting.len());
                    channel.waiting.push(index);
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
            let Some(Connection { stream, ear: Some(ear) }) = connections.get_mut(index) else { continue };
            let channel = &mut channels[channel];
            ear.place = None;
            match bring_up_to_date(stream, ear, channel, fault) {
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
        let Some(Connection { ear, .. }) = self.connections.try_remove(index) else { return };
        let Some(Ear { channel, place: Some(place), .. }) = ear else { return };
        let waiting = &mut self.channels[channel].waiting;
        waiting.swap_remove(place);
        if let Some(&moved) = waiting.get(place)
            && let Some(ear) = &mut self.connections[moved].ear
        {
            ear.place = Some(place);
        }
    }
}

/// What has become of a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// It has got the answer to its question, and will ask again.
    Answer,
    /// It waits on.
    Silence,
    /// It takes no more.
    Dead,
}

/// Sends one subscriber what it does not have: all of it to a stream, one message to a poll.
fn bring_up_to_date(
    stream: &mut TcpStream,
    ear: &mut Ear,
    channel: &mut Channel,
    fault: &mut Option<Fault>,
) -> Sent {
    while ear.next <= channel.head() {
        let number = ear.next;
        ear.next += 1;
        let sent = if fault.is_some() {
            fault::deliver(stream, ear, channel, fault, number)
        } else {
            match channel.frame(number, ear.voice) {
                // What is no longer kept is skipped: the subscriber will say that it is lost.
                None => Sent::Silence,
                Some(frame) => send(stream, frame),
            }
        };
        match sent {
            Sent::Dead => return Sent::Dead,
            Sent::Answer if ear.voice.polls() => return Sent::Answer,
            _ => {}
        }
    }
    Sent::Silence
}

fn send(stream: &mut TcpStream, bytes: &[u8]) -> Sent {
    if stream.write(bytes).is_ok_and(|n| n == bytes.len()) { Sent::Answer } else { Sent::Dead }
}
