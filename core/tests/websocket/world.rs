//! Worlds of WebSockets: random clients, one seed each, strict about every frame. What is asked is answered in its order;
//! what is read comes in order and once, or is said to be missing; and in the end everybody stands at the head, and all is
//! given back.
use std::collections::{BTreeMap, VecDeque};

use rcomet_core::Role;
use rcomet_core::chance::Chance;
use rcomet_core::time::Moment;

use super::config;
use super::deltas::Bases;
use super::support::{Server, encode};
use super::websocket::{Socket, frame};

#[path = "hearing.rs"]
mod hearing;

const CHANNELS: [&str; 4] = ["open.a", "open.b", "open.c", "open.d"];

/// What a client waits for the answer of.
#[derive(Clone, Debug)]
enum Asked {
    Subscribe { id: u64, channel: String },
    Unsubscribe { id: u64, channel: String },
    Publish { id: u64, channel: String, text: String },
    Pong(Vec<u8>),
    Close(u16),
}

/// How far a client is in a channel.
#[derive(Clone, Copy)]
struct Reading {
    /// The number of the next message.
    next: u64,
    /// It has just begun.
    is_new: bool,
    /// It has had everything before: since then nothing need be missing.
    attends: bool,
    /// It has asked for deltas.
    deltas: bool,
}

struct Peer {
    socket: Socket,
    /// Frames that it means to send.
    wire: Vec<u8>,
    /// The beginning of a frame that has come.
    heard: Vec<u8>,
    asked: VecDeque<Asked>,
    /// What it reads.
    reads: BTreeMap<String, Reading>,
    cursors: BTreeMap<String, (usize, u64, String)>,
    deflates: bool,
    clogged_at: Option<Moment>,
    /// It took less than came, since when its subscriptions may have missed something.
    was_slow: bool,
    /// The server asked for a sign of life.
    pinged: bool,
    is_over: bool,
    /// What deltas are put together with.
    bases: Bases,
}

struct World {
    server: Server,
    chance: Chance,
    peers: Vec<Peer>,
    /// What stands under a number of a channel's life, as it was first heard.
    told: BTreeMap<(String, usize, u64), String>,
    /// How many lives of a channel are over.
    lives: BTreeMap<String, usize>,
    asked_ever: u64,
    draining: bool,
    tally: BTreeMap<&'static str, u64>,
}

/// Who asks for a subscription with this id asks for deltas.
fn wants_deltas(id: u64) -> bool {
    id.is_multiple_of(2)
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::from_seed(seed);
        let tight = chance.percent(60);
        let server = Server::with_seed(
            config(|c| {
                c.icomet.channel_timeout_ms = 100_000_000;
                c.limits.history_messages_max = if tight { 10 } else { 1_000 };
                c.limits.history_bytes_max = if tight { 8_000 } else { 1 << 20 };
                c.limits.outbox_bytes_max = if tight { 1_500 } else { 50_000 };
                c.limits.pipeline_bytes_max = 400;
                c.limits.batch_bytes_max = 2_000;
                c.limits.write_least_bytes = 1;
                c.websocket.subscriptions_max = 3;
                c.websocket.compression_bytes_min = 100;
                c.websocket.control_frames_per_minute_max = 10_000;
                c.websocket.message_ms_max = 1_000_000;
            }),
            seed,
        );
        Self {
            server,
            chance,
            peers: Vec::new(),
            told: BTreeMap::new(),
            lives: BTreeMap::new(),
            asked_ever: 0,
            draining: false,
            tally: BTreeMap::new(),
        }
    }

    fn note(&mut self, what: &'static str) {
        *self.tally.entry(what).or_insert(0) += 1;
    }

    fn pick(&mut self) -> Option<usize> {
        let n = self.peers.len() as u64;
        (n > 0).then(|| self.chance.below(n) as usize)
    }

    fn channel(&mut self) -> String {
        CHANNELS[self.chance.below(4) as usize].into()
    }

    fn text(&mut self) -> String {
        self.asked_ever += 1;
        let long = if self.chance.percent(20) { self.chance.below(900) } else { self.chance.below(60) };
        format!("{}|wörld <😀>\u{2028}{}", self.asked_ever, "ab".repeat(long as usize))
    }

    fn step(&mut self) {
        match self.chance.below(100) {
            0..5 => self.open(),
            5..40 => self.mean(),
            40..70 => self.send(),
            70..75 => self.turn_window(),
            75..80 => self.take_some(),
            80..90 => {
                let (channel, text) = (self.channel(), self.text());
                self.server.push(&channel, &text);
                self.note("pushed");
            }
            90 if self.chance.percent(30) => self.close_channel(),
            91..93 => {
                if let Some(i) = self.pick() {
                    self.server.vanish(self.peers[i].socket.0);
                    self.peers.remove(i);
                }
            }
            93..98 => {
                let ms = if self.chance.percent(8) { 40_000 } else { 200 };
                self.server.pass_ms(self.chance.below(ms));
            }
            _ => {}
        }
        self.listen();
    }

    fn open(&mut self) {
        if self.peers.len() >= 8 || self.draining {
            return;
        }
        let extension = match self.chance.below(4) {
            0 => "",
            1 => "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n",
            _ => "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
        };
        let (socket, head) = Socket::open_with(&mut self.server, "/ws", extension);
        assert_eq!(head.contains("permessage-deflate"), !extension.is_empty());
        let cursors = self.pick().map(|i| self.peers[i].cursors.clone()).unwrap_or_default();
        self.peers.push(Peer {
            socket,
            wire: Vec::new(),
            heard: Vec::new(),
            asked: VecDeque::new(),
            reads: BTreeMap::new(),
            cursors,
            deflates: !extension.is_empty(),
            clogged_at: None,
            was_slow: false,
            pinged: false,
            is_over: false,
            bases: Bases::default(),
        });
    }

    /// Somebody means to say something.
    fn mean(&mut self) {
        let Some(i) = self.pick() else { return };
        let is_last = |asked: &Asked| matches!(asked, Asked::Close(_));
        if self.peers[i].is_over || self.peers[i].asked.iter().any(is_last) {
            return;
        }
        self.asked_ever += 1;
        let id = self.asked_ever;
        let channel = self.channel();
        let asked = match self.chance.below(20) {
            0..6 => Asked::Subscribe { id, channel },
            6..8 => Asked::Unsubscribe { id, channel },
            8..17 => Asked::Publish { id, channel, text: self.text() },
            17..19 => Asked::Pong((0..self.chance.below(126)).map(|_| self.chance.bits() as u8).collect()),
            _ if self.chance.percent(30) => Asked::Close([1000, 1001, 3500][self.chance.below(3) as usize]),
            _ => return,
        };
        let message = match &asked {
            Asked::Subscribe { channel, .. } => {
                let known = self.peers[i].cursors.get(channel).map(|(_, _, cursor)| cursor.clone());
                let mut ask = serde_json::json!({"type":"subscribe","id":id,"channel":channel});
                match (self.chance.below(3), known) {
                    (0, _) => ask["seq"] = (-1).into(),
                    (1, Some(cursor)) => ask["cursor"] = cursor.into(),
                    _ => {}
                }
                if wants_deltas(id) {
                    ask["delta"] = true.into();
                }
                ask
            }
            Asked::Unsubscribe { channel, .. } => {
                serde_json::json!({"type":"unsubscribe","id":id,"channel":channel})
            }
            Asked::Publish { channel, text, .. } => {
                serde_json::json!({"type":"publish","id":id,"channel":channel,"data":text})
            }
            Asked::Pong(payload) => {
                self.peers[i].wire.extend(frame(0x89, payload));
                return self.peers[i].asked.push_back(asked);
            }
            Asked::Close(code) => {
                self.peers[i].wire.extend(frame(0x88, &code.to_be_bytes()));
                return self.peers[i].asked.push_back(asked);
            }
        };
        self.write(i, message.to_string().as_bytes());
        self.peers[i].asked.push_back(asked);
    }

    /// Frames a message: whole or in fragments, with a ping between them, compressed or not.
    fn write(&mut self, i: usize, message: &[u8]) {
        let (mut payload, mut first) = (message.to_vec(), 0x01);
        if self.peers[i].deflates && self.chance.percent(40) {
            let mut small = Vec::with_capacity(payload.len() + 100);
            let mut compress = flate2::Compress::new(flate2::Compression::fast(), false);
            compress
                .compress_vec(&payload, &mut small, flate2::FlushCompress::Sync)
                .expect("it is compressed");
            small.truncate(small.len() - 4);
            (payload, first) = (small, 0x41);
            self.note("compressed by a client");
        }
        let mut rest = &payload[..];
        while self.chance.percent(30) {
            let (fragment, behind) = rest.split_at(self.chance.below(rest.len() as u64 + 1) as usize);
            let peer = &mut self.peers[i];
            peer.wire.extend(frame(first, fragment));
            (first, rest) = (0x00, behind);
            if self.chance.percent(30) {
                let peer = &mut self.peers[i];
                peer.wire.extend(frame(0x8a, b"nobody asked"));
            }
            self.note("fragment");
        }
        self.peers[i].wire.extend(frame(first | 0x80, rest));
    }

    /// A random prefix of what somebody means to say goes out.
    fn send(&mut self) {
        let Some(i) = self.pick() else { return };
        let waits = self.peers[i].wire.len() as u64;
        let n = if self.chance.percent(50) { waits } else { self.chance.below(waits + 1) };
        let bytes: Vec<u8> = self.peers[i].wire.drain(..n as usize).collect();
        if self.chance.percent(50) {
            self.server.send(self.peers[i].socket.0, bytes);
        } else {
            self.server.send_in_this_turn(self.peers[i].socket.0, bytes);
        }
    }

    fn turn_window(&mut self) {
        let Some(i) = self.pick() else { return };
        let now = self.server.now;
        let peer = &mut self.peers[i];
        peer.clogged_at = if peer.clogged_at.is_some() { None } else { Some(now) };
        peer.was_slow = true;
        let (client, is_clogged) = (peer.socket.0, peer.clogged_at.is_some());
        self.server.clog(client, is_clogged);
    }

    fn take_some(&mut self) {
        let Some(i) = self.pick() else { return };
        if self.peers[i].clogged_at.is_some() {
            self.server.take(self.peers[i].socket.0, 1 + self.chance.below(500) as usize);
        }
    }

    fn close_channel(&mut self) {
        let channel = self.channel();
        let answer = self.server.ask(Role::Admin, &format!("/close?cname={}", encode(&channel)));
        if answer.starts_with("ok") {
            // Whoever has not been told still reads what is over: for them this life is not told apart.
            *self.lives.entry(channel).or_insert(0) += 1;
            self.note("channel closed");
        }
    }

    /// Nothing goes wrong any more: whatever is owed must come.
    fn finish(&mut self) {
        for _ in 0..50 {
            for i in 0..self.peers.len() {
                let peer = &mut self.peers[i];
                peer.clogged_at = None;
                let (client, bytes) = (peer.socket.0, std::mem::take(&mut peer.wire));
                self.server.clog(client, false);
                self.server.send(client, bytes);
            }
            self.listen();
        }
        for peer in &self.peers {
            assert!(peer.asked.is_empty() || self.draining, "not answered: {:?}", peer.asked);
            assert!(peer.heard.is_empty() && !peer.is_over);
            for (channel, Reading { next, .. }) in &peer.reads {
                let head = self.server.machine.standing(channel).expect("it is read").head;
                assert!(*next == head || self.draining, "{channel} stands at {head}, its reader at {next}");
            }
        }
        for peer in std::mem::take(&mut self.peers) {
            self.server.vanish(peer.socket.0);
        }
        self.server.pass_ms(300_000_000);
        assert!(self.server.machine.is_pristine());
    }
}

#[test]
fn many_worlds() {
    let seeds = std::env::var("SEEDS").map_or(60, |n| n.parse().expect("a number"));
    let only = std::env::var("SEED").ok().map(|n| n.parse::<u64>().expect("a number"));
    let mut tally: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in only.map_or(0..seeds, |seed| seed..seed + 1) {
        let lived = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for step in 0..800 {
                if step == 760 && seed % 3 == 0 {
                    world.draining = true;
                    world.server.machine.drain(world.server.now);
                    world.server.turn();
                }
                world.step();
            }
            world.finish();
            world.tally
        });
        let Ok(lived) = lived else {
            panic!("SEED={seed} cargo test -p rcomet-core --test websocket many_worlds")
        };
        for (what, n) in lived {
            *tally.entry(what).or_insert(0) += n;
        }
    }
    if only.is_none() && seeds >= 60 {
        for what in [
            "pushed",
            "compressed by a client",
            "fragment",
            "channel closed",
            "cut",
            "told to go away",
            "close answered",
            "ping",
            "compressed for a client",
            "subscribed",
            "unsubscribed",
            "published",
            "subscribed twice",
            "too many subscriptions",
            "message",
            "delta",
            "gap at the start",
            "gap while reading",
            "gap of another life",
            "closed told",
        ] {
            assert!(tally.contains_key(what), "the worlds have become too tame: no {what}; {tally:?}");
        }
    }
}
