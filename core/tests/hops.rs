//! One cursor on every transport: readers hop at random between event streams, lines, long polls, WebSockets, icomet's `/sse` and
//! back, are cut off in the middle of what they hear, and go on with the last cursor that they have seen. Nothing is lost, nothing
//! comes twice, and what is no longer kept is said to be missing.
//!
//! In some worlds the server is restarted now and then, with the histories that a journal has kept. When everything that anybody
//! can have heard of is in that, cursors stay good and nobody notices; when its end is lost, everybody is told of a gap.
//!
//! In some worlds messages are good for a time only; in some, tokens are, and may not allow all that is asked for. Half of the hops ask
//! for deltas, and put messages together.
//!
//! `SEEDS=1000` lives through more worlds.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a test tells what it does, and may be told how many seeds to try"
)]
#[path = "support/deltas.rs"]
mod deltas;
#[path = "hops/hearing.rs"]
mod hearing;
#[path = "support/jwt.rs"]
mod jwt;
#[path = "hops/lines.rs"]
mod lines;
#[path = "support/mod.rs"]
mod support;
#[path = "support/websocket.rs"]
mod websocket;

use std::collections::BTreeMap;

use deltas::Bases;
use rcomet_core::chance::Chance;
use rcomet_core::journal::Ending;
use rcomet_core::time::Date;
use rcomet_core::{Config, Role};
use serde_json::{Value, json};
use support::{Client, START, Server};

const CHANNELS: [&str; 4] = ["a", "b", "c", "d"];

/// How a reader is told things.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Transport {
    Events,
    Lines,
    Poll,
    /// icomet's, for one channel.
    Sse,
    WebSocket,
}

#[derive(Debug)]
struct Reader {
    channels: Vec<&'static str>,
    /// The last cursor that was seen.
    cursor: Option<String>,
    /// By channel, the number that is next; `None` until something of it was seen.
    next: BTreeMap<&'static str, u64>,
    hearing: Option<(Transport, Client)>,
    heard: String,
    /// Frames that have come, by WebSocket: the last may not be whole.
    frames: Vec<u8>,
    /// Where it was last.
    last: Option<Transport>,
    /// How often it has changed transports.
    hops: u64,
    /// What it shows, where something has to be shown.
    token: Option<String>,
    /// It takes nothing.
    is_clogged: bool,
    /// It has asked for deltas, which are put together with these.
    deltas: bool,
    bases: Bases,
}

/// What a channel's message says: more or less what the one before it says, in one place.
fn text(channel: &str, seq: u64) -> String {
    let places = ["", "\u{e9}", "\u{1f600}", "\u{1f601}\u{1f601}"];
    let many = "so".repeat(seq as usize % 7);
    format!("{channel} stands at {}{seq}{many} \u{1f600} since it was read", places[seq as usize % 4])
}

struct World {
    server: Server,
    chance: Chance,
    readers: Vec<Reader>,
    published: BTreeMap<&'static str, u64>,
    keeps_all: bool,
    /// Tokens have to be shown.
    has_tokens: bool,
    /// Messages are good for a time.
    has_ttl: bool,
    /// What is written down may be lost at its end.
    tears: bool,
    restarts: u64,
    gaps: u64,
    messages: u64,
    /// Requests refused, and ends of tokens told.
    refused: u64,
    ends: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::from_seed(seed);
        let mut config = Config::default();
        let keeps_all = chance.percent(60);
        if !keeps_all {
            config.limits.history_messages_max = 1 + chance.below(6) as usize;
        }
        let (has_tokens, has_ttl) = (chance.percent(40), !keeps_all && chance.percent(50));
        if has_tokens {
            config.token.keys = vec![jwt::key()];
            config.token.required = true;
            (config.token.leeway_seconds, config.token.warn_seconds) = (0, 2);
        }
        config.limits.batch_bytes_max = [200, 2_000, 65_536][chance.below(3) as usize];
        // Whoever reads nothing for a while is soon full, and what is told later is told at once.
        config.limits.outbox_bytes_max = [256, 1_000, 262_144][chance.below(3) as usize];
        let mut server = Server::with_seed(config, chance.bits());
        if chance.percent(60) {
            server.keep_journal();
        }
        let tears = !keeps_all && chance.percent(50);
        server.budget = [1, 7, 4096][chance.below(3) as usize];
        let readers = (0..3).map(|_| Self::reader(&mut chance)).collect();
        let published = BTreeMap::new();
        let (gaps, messages, refused, ends) = (0, 0, 0, 0);
        Self {
            server,
            chance,
            readers,
            published,
            keeps_all,
            has_tokens,
            has_ttl,
            tears,
            restarts: 0,
            gaps,
            messages,
            refused,
            ends,
        }
    }

    fn reader(chance: &mut Chance) -> Reader {
        let mut channels = CHANNELS.to_vec();
        channels.rotate_left(chance.below(4) as usize);
        channels.truncate(1 + chance.below(4) as usize);
        Reader {
            channels,
            cursor: None,
            next: BTreeMap::new(),
            hearing: None,
            heard: String::new(),
            frames: Vec::new(),
            last: None,
            hops: 0,
            token: None,
            is_clogged: false,
            deltas: false,
            bases: Bases::default(),
        }
    }

    fn step(&mut self) {
        let i = self.chance.below(self.readers.len() as u64) as usize;
        if (self.has_tokens || self.has_ttl) && self.chance.percent(10) {
            return self.pass();
        }
        if self.chance.percent(10) {
            return self.clog(i);
        }
        if self.server.journal.is_some() && self.chance.percent(6) {
            return self.write_down();
        }
        match self.chance.below(10) {
            0..4 => self.publish(),
            4..7 => self.hear(i, false),
            7 => self.cut(i),
            _ => self.hop(i),
        }
    }

    /// A reader takes nothing for a while.
    fn clog(&mut self, i: usize) {
        let Some((_, client)) = self.readers[i].hearing else { return };
        let reader = &mut self.readers[i];
        reader.is_clogged = !reader.is_clogged;
        self.server.clog(client, reader.is_clogged);
    }

    /// The journal is written anew, or the server ends and another goes on.
    fn write_down(&mut self) {
        if self.chance.percent(90) {
            return self.server.rewrite(1 + self.chance.below(3_000) as usize);
        }
        self.restarts += 1;
        let ending = match self.chance.below(3) {
            0 => Ending::Clean(0),
            1 if self.tears => {
                self.server.tear(self.chance.below(500) as usize);
                Ending::Torn
            }
            _ => Ending::Whole,
        };
        // What was on its way arrives, or does not.
        for i in 0..self.readers.len() {
            if self.chance.percent(50) {
                self.hear(i, true);
            }
            let reader = &mut self.readers[i];
            reader.hearing = None;
            reader.is_clogged = false;
        }
        self.server.restart(ending, self.chance.bits());
        if ending == Ending::Torn {
            for channel in CHANNELS {
                // Numbers go on behind the last that was kept.
                let last = self.server.machine.standing(channel).map_or(0, |standing| standing.head - 1);
                self.published.insert(channel, last);
            }
        }
        for i in 0..self.readers.len() {
            self.hop(i);
        }
    }

    fn publish(&mut self) {
        let channel = CHANNELS[self.chance.below(4) as usize];
        let seq = self.published.entry(channel).or_insert(0);
        *seq += 1;
        let text = text(channel, *seq);
        if !self.has_ttl || self.chance.percent(50) {
            return self.server.push(channel, &text);
        }
        let text = json!({"channel": channel, "data": text, "ttl": 1 + self.chance.below(4)}).to_string();
        let client = self.server.connect(Role::Admin);
        let fields = format!("Content-Type: application/json\r\nContent-Length: {}", text.len());
        self.server.send(client, format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}"));
        assert!(self.server.received(client).starts_with("HTTP/1.1 200 "));
        self.server.vanish(client);
    }

    /// Time passes, on both clocks.
    fn pass(&mut self) {
        for _ in 0..=self.chance.below(3) {
            self.server.pass_ms(1_000);
            self.server.machine.set_date(Date::from_unix(START + self.server.now.0 / 1_000));
        }
    }

    /// A token for a reader: good for a while, and perhaps not for all that it wants.
    fn token(&mut self, i: usize) -> String {
        if let Some(token) = &self.readers[i].token {
            return token.clone();
        }
        let until = START + self.server.now.0 / 1_000 + 1 + self.chance.below(20);
        let missing = self.chance.percent(10);
        let channels = &self.readers[i].channels[usize::from(missing)..];
        let rules: Vec<Value> =
            channels.iter().map(|name| json!({"match": name, "do": ["subscribe", "history"]})).collect();
        let token = jwt::token(&json!({"exp": until, "channels": rules}));
        self.readers[i].token = Some(token.clone());
        token
    }

    /// Begins anew on another transport, with nothing but the cursor.
    fn hop(&mut self, i: usize) {
        self.hear(i, true);
        let reader = &mut self.readers[i];
        if let Some((_, client)) = reader.hearing.take() {
            self.server.vanish(client);
        }
        reader.heard.clear();
        reader.frames.clear();
        reader.is_clogged = false;
        reader.bases.begin_anew();
        reader.deltas = self.chance.percent(50);
        let mut transport = [
            Transport::Events,
            Transport::Lines,
            Transport::Poll,
            Transport::Sse,
            Transport::WebSocket,
            Transport::WebSocket,
        ][self.chance.below(6) as usize];
        // It tells no place before the first message.
        let is_whole = reader.channels.len() == 1 && reader.cursor.is_some();
        if transport == Transport::Sse && (!is_whole || self.has_tokens) {
            transport = Transport::Poll;
        }
        let reader = &mut self.readers[i];
        reader.hops += u64::from(reader.last != Some(transport));
        reader.last = Some(transport);
        let token = if self.has_tokens { format!("&token={}", self.token(i)) } else { String::new() };
        if transport == Transport::WebSocket {
            return self.hop_to_websocket(i, &token);
        }
        let reader = &self.readers[i];
        let client = self.server.connect(Role::Front);
        let names: Vec<String> = reader.channels.iter().map(|name| format!("channel={name}")).collect();
        let mut query = names.join("&") + &token;
        if reader.deltas {
            query += "&delta=1";
        }
        let mut fields = String::new();
        if let Some(cursor) = &reader.cursor {
            if transport == Transport::Sse || (transport == Transport::Events && self.chance.percent(50)) {
                fields = format!("Last-Event-ID: {cursor}\r\n");
            } else {
                query += &format!("&cursor={cursor}");
            }
        } else {
            query += "&history=all";
        }
        let (path, accept) = match transport {
            Transport::Events => (format!("/events?{query}"), "text/event-stream"),
            Transport::Lines => (format!("/events?{query}"), "application/x-ndjson"),
            Transport::Poll => (format!("/events?{query}"), "application/json"),
            Transport::Sse | Transport::WebSocket => (format!("/sse?cname={}", reader.channels[0]), "*/*"),
        };
        self.server.send(client, format!("GET {path} HTTP/1.0\r\nAccept: {accept}\r\n{fields}\r\n"));
        self.readers[i].hearing = Some((transport, client));
    }

    fn hear(&mut self, i: usize, ends: bool) {
        let Some((transport, client)) = self.readers[i].hearing else {
            if !ends && self.has_tokens {
                self.hop(i);
            }
            return;
        };
        if transport == Transport::WebSocket {
            let bytes = self.server.received_bytes(client);
            self.take_in_frames(i, &bytes);
            if !ends && self.readers[i].hearing.is_some() && self.server.is_shut(client) {
                // Its token is over, or it has not answered when it was asked for a sign of life.
                self.server.vanish(client);
                self.readers[i].hearing = None;
                self.hop(i);
            }
            return;
        }
        let bytes = self.server.received(client);
        self.readers[i].heard += &bytes;
        self.take_in(i, transport);
        // A stream whose token is over has ended: it comes again with another.
        if !ends && self.has_tokens && self.readers[i].hearing.is_some() && self.server.is_shut(client) {
            self.server.vanish(client);
            self.readers[i].hearing = None;
            return self.hop(i);
        }
        // A poll has been answered: it asks again.
        if !ends && transport == Transport::Poll && self.server.is_shut(client) {
            self.server.vanish(client);
            self.readers[i].hearing = None;
            self.hop(i);
        }
    }

    /// In the end everybody has everything.
    fn finish(&mut self) {
        for i in 0..self.readers.len() {
            for _ in 0..200 {
                self.hear(i, false);
                self.server.turn();
            }
            self.hop(i);
            for _ in 0..200 {
                self.hear(i, false);
                self.server.turn();
            }
            let reader = &self.readers[i];
            for &channel in &reader.channels {
                let last = self.published.get(channel).copied().unwrap_or(0);
                if self.has_ttl && !reader.next.contains_key(channel) {
                    // There was nothing left of it to be seen.
                    continue;
                }
                let next = reader.next.get(channel).copied().unwrap_or(1);
                assert_eq!(next, last + 1, "{channel} of {reader:?}");
            }
        }
    }
}

#[test]
fn ten_thousand_hops() {
    let seeds = std::env::var("SEEDS").map_or(60, |n| n.parse().expect("a number"));
    let (mut hops, mut gaps, mut messages, mut refused, mut ends) = (0, 0, 0, 0, 0);
    let (mut restarts, mut rewritten, mut deltas) = (0, 0, 0);
    for seed in 0..seeds {
        let mut world = World::new(seed);
        for _ in 0..800 {
            world.step();
        }
        world.finish();
        hops += world.readers.iter().map(|reader| reader.hops).sum::<u64>();
        gaps += world.gaps;
        messages += world.messages;
        restarts += world.restarts;
        deltas += world.readers.iter().map(|reader| reader.bases.deltas).sum::<u64>();
        rewritten += world.server.journal.map_or(0, |journal| journal.rewritten);
        (refused, ends) = (refused + world.refused, ends + world.ends);
    }
    println!("{restarts} restarts, {rewritten} times written anew");
    assert!(restarts > seeds && rewritten > seeds, "{restarts} {rewritten}");
    println!("{deltas} deltas");
    assert!(deltas > 60 * seeds, "{deltas}");
    println!("{hops} hops, {messages} messages, {gaps} gaps, {refused} refused, {ends} ends of tokens");
    assert!(refused > seeds && ends > seeds, "{refused} {ends}");
    assert!(hops > 170 * seeds && gaps > seeds && messages > 450 * seeds, "{hops} {messages} {gaps}");
}
