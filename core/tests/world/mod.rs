//! A world of clients around the server: one seed, one clock, no sockets. See `core/tests/world.rs`.
mod actions;
mod answer;
mod asking;
mod book;
mod due;
mod finale;
mod hearing;
mod peer;
mod question;
mod reading;
mod record;
mod regime;
mod replies;
mod roster;
mod rude;
mod scene;
mod shell;
mod tally;
mod verdict;

use std::collections::BTreeMap;

use rcomet_core::arena::Id;
use rcomet_core::chance::Chance;
use rcomet_core::time::{Date, Moment};
use rcomet_core::{Conn, Machine};

use book::Book;
use peer::{Memory, Peer};
use regime::Regime;
pub use tally::Tally;

/// 2026-11-21 00:00:00 GMT.
const START: u64 = 1_795_219_200;

/// The server and everybody who talks with it.
pub struct World {
    machine: Machine,
    chance: Chance,
    now: Moment,
    /// The time of the turn before.
    before: Moment,
    regime: Regime,
    book: Book,
    peers: Vec<Peer>,
    /// Ids of connections that are gone.
    stale: Vec<Id<Conn>>,
    /// What those remember who are gone.
    memories: Vec<Memory>,
    peers_ever: usize,
    questions_ever: usize,
    /// By channel and name, who last took a place as CComet's clients do.
    taken: BTreeMap<(String, String), usize>,
    draining: bool,
    /// Nothing goes wrong any more.
    is_healed: bool,
    /// The server has more to do.
    more: bool,
    most_connections: usize,
    /// The most bytes that were ever unread or untaken at once.
    most_unfinished: usize,
    most_posts_bytes: usize,
    broadcasts_bytes: usize,
    tally: Tally,
    hash: u64,
    is_traced: bool,
}

impl World {
    fn new(seed: u64, is_traced: bool) -> Self {
        let mut chance = Chance::from_seed(seed);
        let regime = Regime::new(&mut chance);
        let entropy = Box::new(Chance::from_seed(chance.bits()));
        let now = Moment(chance.below(100_000));
        let machine = Machine::new(regime.now().clone(), entropy, now, Date::from_unix(START));
        let world = Self {
            machine,
            chance,
            now,
            before: now,
            regime,
            book: Book::default(),
            peers: Vec::new(),
            stale: Vec::new(),
            memories: Vec::new(),
            peers_ever: 0,
            questions_ever: 0,
            taken: BTreeMap::new(),
            draining: false,
            is_healed: false,
            more: false,
            most_connections: 0,
            most_unfinished: 0,
            most_posts_bytes: 0,
            broadcasts_bytes: 0,
            tally: Tally::default(),
            hash: 0xcbf2_9ce4_8422_2325,
            is_traced,
        };
        world.trace(|w| format!("{:#?}", w.regime.now()));
        world
    }

    fn trace(&self, line: impl Fn(&Self) -> String) {
        if self.is_traced {
            let mut line = line(self);
            line.truncate(line.floor_char_boundary(1_000));
            eprintln!("{:>7} {line}", self.now.0);
        }
    }

    fn place_of(&self, id: Id<Conn>) -> Option<usize> {
        self.peers.iter().position(|p| p.id == id)
    }
}

/// Lives through one world; returns what happened, and a hash of every byte that was said.
pub fn live(seed: u64, steps: u64, is_traced: bool) -> (Tally, u64) {
    let mut world = World::new(seed, is_traced);
    for step in 0..steps {
        world.step(step, steps);
    }
    world.finish();
    for (name, _, count) in world.machine.counters().list() {
        world.tally.add(name, count);
    }
    (world.tally, world.hash)
}
