//! A world around the control socket: administrators and scripts that write, read, wait, refresh, delete and list keys in lines of
//! text, over HTTP and as CometServer's clients do, in pieces, cut in the middle, silent, half closed or taking nothing; beside
//! them subscribers of the same channels, who must hear everything once and in order, whatever the others do.
//!
//! `SEEDS=1000` lives through more worlds, `SEED=7` through one.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a test tells what it does, and may be told how many seeds to try"
)]
#[path = "control_world/asking.rs"]
mod asking;
#[path = "control_world/book.rs"]
mod book;
#[path = "control_world/manners.rs"]
mod manners;
#[path = "control_world/ordering.rs"]
mod ordering;
mod support;
#[path = "control_world/waiter.rs"]
mod waiter;

use std::collections::BTreeMap;

use book::Book;
use rcomet_core::chance::Chance;
use rcomet_core::{Config, Rights, Role};
use support::{Client, Server};
use waiter::Waiter;

const ALL: Role = Role::Control(Rights::All);
const KEYS: [&str; 4] = ["a", "b", "two words", "c"];

/// How somebody speaks on the control socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tongue {
    Line,
    Http,
    Comet,
}

struct World {
    server: Server,
    chance: Chance,
    /// What became of every key, as its subscriber hears it.
    books: BTreeMap<&'static str, Book>,
    waiters: Vec<Waiter>,
    /// Those who have said something and then nothing more, or take nothing.
    nuisances: Vec<Client>,
    /// What was written whole, but by somebody who did not hear what became of it.
    unsure: Vec<String>,
    /// Versions of values that are known, by value.
    versions: BTreeMap<String, u64>,
    newest_version: u64,
    made: u64,
    tally: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::from_seed(seed);
        let mut config = Config::default();
        config.limits.history_messages_max = [3, 1_000][chance.below(2) as usize];
        config.limits.command_bytes_max = 200;
        config.limits.dump_bytes_max = 250;
        let mut server = Server::with_seed(config, chance.bits());
        server.budget = [1, 5, 4096][chance.below(3) as usize];
        let books = KEYS.map(|key| (key, Book::open(&mut server, key)));
        Self {
            server,
            chance,
            books: books.into_iter().collect(),
            waiters: Vec::new(),
            nuisances: Vec::new(),
            unsure: Vec::new(),
            versions: BTreeMap::new(),
            newest_version: 0,
            made: 0,
            tally: BTreeMap::new(),
        }
    }

    fn note(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn key(&mut self) -> &'static str {
        KEYS[self.chance.below(KEYS.len() as u64) as usize]
    }

    fn tongue(&mut self) -> Tongue {
        [Tongue::Line, Tongue::Http, Tongue::Comet][self.chance.below(3) as usize]
    }

    fn step(&mut self) {
        match self.chance.below(20) {
            0..6 => self.write(),
            6 => self.write_and_vanish(),
            7 => self.read(),
            8 => self.refresh(),
            9 if self.chance.percent(30) => self.delete(),
            9 | 10 => self.begin_to_wait(),
            11 => self.dump(),
            12..14 => self.be_a_nuisance(),
            14 => self.publish_by_the_admin_side(),
            15 => self.leave_in_the_middle(),
            16 => self.write_several(),
            17 => self.reload(),
            _ => self.pass_time(),
        }
        self.hear();
        self.wait_on();
    }

    /// All subscribers have what was published at once: nobody holds them up.
    fn hear(&mut self) {
        for book in self.books.values_mut() {
            book.hear(&mut self.server);
        }
        let alive = self.server.ask(Role::Front, "/healthz");
        assert_eq!(alive, "ok\n", "a stranger is served");
    }

    /// What those who wait have heard; they ask again.
    fn wait_on(&mut self) {
        for at in 0..self.waiters.len() {
            let mut waiter = self.waiters.swap_remove(at);
            let book = &self.books[waiter.key];
            for what in waiter.hear(&mut self.server, book, &self.versions) {
                self.note(what);
            }
            self.waiters.push(waiter);
            let last = self.waiters.len() - 1;
            self.waiters.swap(at, last);
        }
        self.hear_only();
    }

    fn hear_only(&mut self) {
        for book in self.books.values_mut() {
            book.hear(&mut self.server);
        }
    }

    fn pass_time(&mut self) {
        let ms = [1, 500, 12_000, 40_000][self.chance.below(4) as usize];
        self.server.pass_ms(ms);
        self.note("time passed");
    }

    /// Everybody stands still; all is as it should be, and then everybody goes.
    fn end(mut self) -> BTreeMap<&'static str, u64> {
        for client in std::mem::take(&mut self.nuisances) {
            self.server.clog(client, false);
        }
        // Longer than half a request is waited for.
        self.server.pass_ms(120_000);
        self.hear();
        self.wait_on();
        for key in KEYS {
            self.read_key(key, Tongue::Http);
            self.read_key(key, Tongue::Line);
        }
        for waiter in &self.waiters {
            waiter.is_level(&self.books[waiter.key]);
        }
        // Of what nobody heard back, each was done once or not at all.
        for value in &self.unsure {
            let times: usize = self.books.values().map(|book| book.times(value)).sum();
            assert!(times <= 1, "`{value}` was written {times} times");
        }
        let clients: Vec<Client> = self
            .waiters
            .iter()
            .filter_map(|w| w.client)
            .chain(self.books.values().map(|b| b.client))
            .collect();
        for client in clients {
            self.server.vanish(client);
        }
        self.server.pass_ms(200_000);
        assert_eq!(self.server.machine.connections(), 0, "whoever said nothing more has been sent off");
        assert!(self.server.machine.is_pristine(), "all is given back");
        let counters = *self.server.machine.counters();
        for (name, count) in [
            ("too long", counters.commands_too_long),
            ("too slow", counters.requests_too_slow),
            ("dumps cut", counters.dumps_cut),
        ] {
            *self.tally.entry(name).or_default() += count;
        }
        self.tally
    }
}

fn live(seed: u64) -> BTreeMap<&'static str, u64> {
    let mut world = World::new(seed);
    for _ in 0..120 {
        world.step();
    }
    world.end()
}

/// What must have happened somewhere, or the worlds are too tame to be believed.
const EXPECTED: [&str; 24] = [
    "by CometServer's bytes",
    "cut in the middle",
    "deleted",
    "dump given up",
    "dumped",
    "dumps cut",
    "half closed",
    "in pieces",
    "listened to",
    "missing told",
    "over HTTP",
    "published by the admin side",
    "read",
    "refreshed",
    "reload given up",
    "reload of one half closed",
    "reloaded",
    "said nothing more",
    "several lines at once",
    "time passed",
    "too long",
    "too slow",
    "waited in vain",
    "written in a line",
];

#[test]
fn many_worlds() {
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse::<u64>().expect("a number"));
    if let Some(seed) = number("SEED") {
        return println!("{:#?}", live(seed));
    }
    let seeds = number("SEEDS").unwrap_or(200);
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..seeds {
        let lived = std::panic::catch_unwind(|| live(seed));
        let lived = lived.unwrap_or_else(|_| {
            panic!(
                "seed {seed} fails; SEED={seed} cargo test -p rcomet-core --test control_world -- --nocapture"
            )
        });
        for (what, count) in lived {
            *tally.entry(what).or_default() += count;
        }
    }
    println!("{tally:#?}");
    if seeds >= 200 {
        let missing: Vec<&&str> =
            EXPECTED.iter().filter(|what| tally.get(**what).copied().unwrap_or(0) == 0).collect();
        assert!(missing.is_empty(), "never happened: {missing:?}");
    }
}
