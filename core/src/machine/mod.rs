//! The whole server but for sockets: the contract with the shell. What happens inside stands next door.
mod admit;
mod askers;
mod attend;
mod bayeux;
mod bearers;
mod check;
mod clients;
mod command;
mod control;
mod deferred;
mod deliver;
mod directory;
mod events;
mod expire;
mod explain;
mod explain_left;
mod explain_past;
mod explain_patterns;
mod explain_records;
mod frames;
mod groups;
mod heads;
mod hooks;
mod journal;
mod kept;
mod keys;
mod listen;
mod loans;
mod make_room;
mod memory;
mod metrics;
mod of_config;
mod once;
mod orders;
mod pace;
mod pages;
mod parts;
mod perform;
mod post;
mod posting;
mod private;
mod problem;
mod publish_all;
mod read;
mod readers;
mod refuse;
mod register;
mod reply;
mod room;
mod serve;
mod silence;
mod site;
mod stats;
mod tell;
mod tokens;
mod watch;
mod websocket;

use std::collections::VecDeque;
use std::io::IoSlice;
use std::net::IpAddr;

use hashbrown::HashMap;

use bayeux::Sessions;
pub(crate) use bayeux::{Long, Session};
pub use check::Standing;
pub(crate) use hooks::{Errand, Step};
pub use hooks::{Hook, HookAnswer, HookFailure};
pub use memory::Memory;
pub use post::Todo;
pub(crate) use websocket::Entering;

use crate::arena::{Arena, Id};
use crate::chance::Entropy;
use crate::config::{AddressRules, Config};
use crate::conn::{Conn, Phase};
use crate::counters::Counters;
use crate::dialect::Beaten;
use crate::hub::{Channel, Hub, Seed, Subscription};
use crate::log::{Epoch, Log};
use crate::time::{Date, Moment};
use crate::wheel::Wheel;
use frames::Frames;
use heads::Heads;
use of_config::{conns_max, keep_rules, settings};
use post::Post;

/// Connections beyond `connections_max` that may be there at once, only to be told 503: so many descriptors more are
/// needed.
pub const REFUSALS_MAX: usize = 64;

/// The server. See the crate's documentation for the contract.
pub struct Machine {
    config: Config,
    rules: AddressRules,
    conns: Arena<Conn>,
    /// Connections of each site that has any, loopback excepted.
    addresses: HashMap<IpAddr, u32, Seed>,
    hub: Hub,
    sessions: Sessions,
    post: Post,
    frames: Frames,
    beaten: Beaten,
    heads: Heads,
    hooks: hooks::Hooks,
    bearers: bearers::Bearers,
    once: once::Table,
    scratch: websocket::Scratch,
    stats: stats::Stats,
    /// Connections with requests that were put off to the next turn.
    deferred: VecDeque<(Id<Conn>, Option<Id<Channel>>)>,
    /// Connections that somebody wants ended.
    leaving: VecDeque<Id<Conn>>,
    silence: silence::Line,
    /// Requests served since the last delivery.
    served: usize,
    date: Date,
    /// When it was made: time need not begin at [`Moment`] 0.
    started: Moment,
    /// The wall clock at [`Moment`] 0, in milliseconds since 1970.
    zero_unix_ms: u64,
    entropy: Box<dyn Entropy>,
    counters: Counters,
    drain: control::Drain,
    keeping: kept::Keeping,
    journal: journal::Journal,
    about: crate::dialect::About,
    /// Bytes of publishes that wait.
    held_bytes: usize,
    loans: loans::Loans,
    /// Bytes of tables, looked at once a turn.
    tables_bytes: usize,
    fired: Vec<Id<Conn>>,
    /// Streams that last only so long.
    watching_until: Wheel<(Id<Conn>, Id<Subscription>)>,
    watched_too_long: Vec<(Id<Conn>, Id<Subscription>)>,
    /// Scratch for heads and for bodies, so that none is allocated for an answer.
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Machine {
    /// A server with nobody in it. `entropy` must be the operating system's generator outside of tests: tokens come
    /// from it.
    pub fn new(config: Config, mut entropy: Box<dyn Entropy>, now: Moment, date: Date) -> Self {
        let mut words = [[0; 8]; 3];
        for word in &mut words {
            entropy.fill(word);
        }
        let seed = Seed::new(u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]));
        let log = Log::new(Epoch::from_random(words[2]), date.unix_ms());
        let mut hub = Hub::new(settings(&config), log, seed);
        hub.set_clock(date.unix_seconds());
        hub.set_rules(keep_rules(&config), now);
        let mut machine = Self {
            rules: AddressRules::new(&config.admin.allow, &config.admin.deny),
            conns: Arena::with_limit(conns_max(&config)),
            addresses: HashMap::with_hasher(seed),
            hub,
            sessions: Sessions::new(seed),
            post: Post::new(now, &config.limits),
            frames: Frames::default(),
            beaten: Beaten::of(&config),
            heads: Heads::new(seed),
            hooks: hooks::Hooks::new(config.limits.hooks_max, seed),
            bearers: bearers::Bearers::new(&config.token, &config.limits, seed),
            once: once::Table::new(seed),
            scratch: websocket::Scratch::default(),
            stats: stats::Stats::default(),
            deferred: VecDeque::new(),
            leaving: VecDeque::new(),
            silence: silence::Line::default(),
            served: 0,
            started: now,
            zero_unix_ms: date.unix_ms().saturating_sub(now.0),
            date,
            entropy,
            counters: Counters::default(),
            drain: control::Drain::No,
            keeping: kept::Keeping::default(),
            journal: journal::Journal::default(),
            about: crate::dialect::About::default(),
            held_bytes: 0,
            loans: loans::Loans::default(),
            tables_bytes: 0,
            fired: Vec::new(),
            watching_until: Wheel::default(),
            watched_too_long: Vec::new(),
            head: Vec::new(),
            body: Vec::new(),
            config,
        };
        machine.frames.set(&machine.config.websocket);
        machine.give_wordings();
        // Wheels that are empty are turned to now at once; with something in them it takes rounds.
        machine.expire(now);
        machine.tables_bytes = machine.count_tables();
        machine
    }

    /// How many bytes it takes from this connection now; 0 to stop reading until [`Todo::Read`].
    pub fn room(&self, id: Id<Conn>) -> usize {
        self.conns.get(id).map_or(usize::MAX, |conn| self.room_of(conn))
    }

    fn room_of(&self, conn: &Conn) -> usize {
        match conn.phase {
            Phase::Parked(_) => self.config.limits.pipeline_bytes_max.saturating_sub(conn.inbox.len()),
            Phase::Held(_)
            | Phase::Attached(_)
            | Phase::HeldTalk(_)
            | Phase::Hooked(_)
            | Phase::Ordered(_) => self.config.limits.pipeline_bytes_max.saturating_sub(conn.inbox.len()),
            Phase::WebSocket(ref socket) if socket.is_asking() => {
                self.config.limits.pipeline_bytes_max.saturating_sub(conn.inbox.len())
            }
            Phase::Ready | Phase::WebSocket(_) if conn.deferred || self.is_clogged(conn) => {
                self.config.limits.pipeline_bytes_max.saturating_sub(conn.inbox.len())
            }
            _ => usize::MAX,
        }
    }

    /// Whether so much waits for a connection that no further request of it is served before.
    fn is_clogged(&self, conn: &Conn) -> bool {
        conn.outbox.len() > self.config.limits.outbox_bytes_max
    }

    /// Bytes arrived.
    pub fn recv(&mut self, id: Id<Conn>, bytes: &[u8], now: Moment) {
        self.post.now = now;
        self.counters.received_bytes += bytes.len() as u64;
        self.take_in(id, bytes);
        let Some(conn) = self.conns.get(id) else { return };
        if !conn.paused && self.room_of(conn) == 0 {
            self.counters.pipelines_paused += 1;
            if let Some(conn) = self.conns.get_mut(id) {
                conn.paused = true;
            }
        }
    }

    /// The peer has finished sending; it may still listen. A waiting subscription ends at once, as icomet's does.
    pub fn ended(&mut self, id: Id<Conn>, now: Moment) {
        self.post.now = now;
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.ended = true;
        match &conn.phase {
            Phase::Parked(parked) => {
                let sub = parked.sub;
                self.post.cut(conn, id);
                self.hub.leave(sub, now);
            }
            Phase::Attached(_) => self.cut_attached(id),
            Phase::Lingering => self.post.cut(conn, id),
            // What came whole is answered, when its turn has come or there is room for answers; half a request never
            // will be.
            Phase::Ready if conn.deferred || !(conn.inbox.is_empty() || conn.outbox.is_empty()) => {}
            Phase::WebSocket(_) if conn.deferred || !(conn.inbox.is_empty() || conn.outbox.is_empty()) => {}
            Phase::WebSocket(_) => self.end_websocket(id, None),
            Phase::Ready | Phase::Body(_) => self.end_of_input(id),
            Phase::Closing | Phase::Held(_) | Phase::HeldTalk(_) | Phase::Hooked(_) => {}
            Phase::Ordered(_) => {}
        }
    }

    /// The connection is gone.
    pub fn closed(&mut self, id: Id<Conn>) {
        let Some(mut conn) = self.conns.remove(id) else { return };
        match std::mem::replace(&mut conn.phase, Phase::Closing) {
            Phase::Parked(parked) => self.hub.leave(parked.sub, self.post.now),
            Phase::Held(held) => self.held_bytes -= held.post.bytes(),
            Phase::WebSocket(socket) => self.bury_websocket(*socket),
            Phase::HeldTalk(held) => self.held_bytes -= held.bytes,
            Phase::Attached(attached) => self.abandon(&attached),
            Phase::Hooked(hooked) => self.give_up_hook(&hooked),
            _ => {}
        }
        self.bearers.forget(id);
        self.heads.askers.forget(id);
        self.post.forget(&mut conn);
        self.settle_loan(id);
        self.dismiss(&conn);
        self.counters.connections_closed += 1;
    }

    /// Fills `iov` with what waits for this connection, oldest first; returns how many slices it filled.
    pub fn transmit<'a>(&'a self, id: Id<Conn>, iov: &mut [IoSlice<'a>]) -> usize {
        self.conns.get(id).map_or(0, |conn| self.post.slices(conn, iov))
    }

    /// The kernel took `n` bytes of what [`Machine::transmit`] showed; whether more waits.
    pub fn sent(&mut self, id: Id<Conn>, n: usize, now: Moment) -> bool {
        self.post.now = now;
        let Some(conn) = self.conns.get_mut(id) else { return false };
        self.counters.sent_bytes += n as u64;
        self.post.sent(conn, n);
        let is_empty = conn.outbox.is_empty();
        match &mut conn.phase {
            Phase::Closing if is_empty => self.post.shut(conn, id),
            Phase::Parked(parked) if parked.thirsty && is_empty => {
                parked.thirsty = false;
                self.hub.resume(parked.sub);
            }
            Phase::WebSocket(socket) if is_empty => {
                if std::mem::take(&mut socket.thirsty) {
                    if let Some(seat) = socket.seats.first() {
                        self.hub.resume(seat.sub);
                    }
                    if let Some(sub) = socket.booth.as_ref().and_then(|booth| booth.sub) {
                        self.hub.resume(sub);
                    }
                    if socket.wire.is_some() {
                        self.rouse(id);
                    }
                }
                let Some(conn) = self.conns.get(id) else { return false };
                if !conn.deferred && (!conn.inbox.is_empty() || conn.paused) {
                    self.take_in(id, b"");
                }
            }
            // Whoever ended its side while a request of it waited for somebody is let go with the last of its answers.
            Phase::Ready if is_empty && (!conn.inbox.is_empty() || conn.ended) && !conn.deferred => {
                self.take_in(id, b"");
            }
            // Whoever is deferred is told when its turn has come: until then there may be no room.
            Phase::Ready if is_empty && conn.paused && !conn.deferred => self.post.unpause(conn, id),
            _ => {}
        }
        self.conns.get(id).is_some_and(|conn| !conn.outbox.is_empty())
    }

    /// When [`Machine::expire`] has something to do.
    pub fn deadline(&self) -> Option<Moment> {
        let own =
            [self.post.wheel.next(), self.hub.deadline(), self.sessions.deadline(), self.hooks.deadline()];
        let own = own.into_iter().chain([
            self.watching_until.next(),
            self.bearers.deadline(),
            self.once.deadline(),
            self.stats.deadline(),
            self.values_due(),
        ]);
        own.flatten().min()
    }

    /// The next wish.
    pub fn next_todo(&mut self) -> Option<Todo> {
        self.post.todo.pop_front()
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// How many channels and subscriptions there are.
    pub fn load(&self) -> (usize, usize) {
        (self.hub.channels(), self.hub.subscribers())
    }

    /// What happened so far.
    pub fn counters(&mut self) -> &Counters {
        self.hub.drain_counters(&mut self.counters);
        self.counters.frames_deflated += self.frames.deflations();
        &self.counters
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The wall clock has moved on by a second or more.
    pub fn set_date(&mut self, date: Date) {
        self.hub.set_clock(date.unix_seconds());
        self.date = date;
        self.heads.forget();
        self.frames.forget_answers();
    }

    /// The wall clock, in milliseconds since 1970: that of the start, unless it has been set since. The date is to the second.
    fn unix_ms(&mut self) -> u64 {
        let by_start = self.zero_unix_ms.saturating_add(self.post.now.0);
        if (by_start / 1_000).abs_diff(self.date.unix_seconds()) <= 1 {
            return by_start;
        }
        self.zero_unix_ms = self.date.unix_ms().saturating_sub(self.post.now.0);
        self.date.unix_ms()
    }
}
