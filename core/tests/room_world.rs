//! Histories, values and sessions over restarts under other limits of memory: what has room is there again, what has none goes oldest first,
//! is counted, and told to who had not had it; nothing comes twice, and whoever comes then is let in. One seed, one clock.
//!
//! `SEEDS=1000` lives through more worlds, `SEED` names the first.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a test tells what it does, and may be told how many seeds to try"
)]
#[path = "support/bayeux.rs"]
mod bayeux;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use bayeux::Fellow;
use rcomet_core::chance::Chance;
use rcomet_core::journal::Ending;
use rcomet_core::time::Date;
use rcomet_core::{Rights, Role};
use serde_json::{Value, json};
use support::{START, Server, split};

/// Somebody with a session.
struct Reader {
    fellow: Fellow,
    reads: Vec<String>,
    /// Its session did not go on: it has been told to begin anew.
    is_over: bool,
    /// Messages that it has not had.
    lacks: BTreeSet<u64>,
    newest: u64,
}

impl Reader {
    fn reads(&self, channel: &str) -> bool {
        self.reads.iter().any(|name| {
            let pattern = name.strip_suffix("/**").or(name.strip_suffix("/*"));
            pattern.map_or(name == channel, |start| channel.starts_with(&format!("{start}/")))
        })
    }
}

struct World {
    server: Server,
    chance: Chance,
    seed: u64,
    /// What memory was limited to since the text was begun.
    limit: usize,
    readers: Vec<Reader>,
    /// By channel, which messages it got, from its first on.
    said: BTreeMap<String, Vec<u64>>,
    newest: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::from_seed(seed);
        let is_crowd = chance.percent(20);
        let limit = 300_000 + chance.below(if is_crowd { 50_000 } else { 700_000 }) as usize;
        let mut config = bayeux::config();
        config.limits.memory_bytes_max = limit;
        if chance.percent(50) {
            config.limits.explain_records_max = 0;
        }
        let mut server = Server::new(config);
        server.keep_journal();
        let (readers, said) = (Vec::new(), BTreeMap::new());
        let mut world =
            Self { server, chance, seed, limit, readers, said, newest: 0, counts: BTreeMap::new() };
        world.begin(if is_crowd { 120 } else { 30 });
        world
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn below(&mut self, n: u64) -> u64 {
        self.chance.below(n)
    }

    fn name(&mut self) -> String {
        format!("/{}/{}", ["a", "b"][self.below(2) as usize], self.below(12))
    }

    /// Sessions begin.
    fn begin(&mut self, most: u64) {
        let has_patterns = self.chance.percent(50);
        for _ in 0..self.below(most) {
            if self.server.machine.memory().total_bytes() > self.limit * 9 / 10 {
                break;
            }
            let fellow = if self.chance.percent(70) {
                Fellow::with_ack(&mut self.server)
            } else {
                Fellow::new(&mut self.server)
            };
            let mut reader =
                Reader { fellow, reads: Vec::new(), is_over: false, lacks: BTreeSet::new(), newest: 0 };
            for _ in 0..1 + self.below(6) {
                let pattern = ["/a/*", "/**", "/b/**"][self.below(3) as usize];
                let is_pattern = has_patterns && self.chance.percent(30);
                let name = if is_pattern { pattern.to_owned() } else { self.name() };
                if !reader.reads.contains(&name) {
                    let reply = reader.fellow.subscribe(&mut self.server, &name);
                    assert_eq!(reply[0]["successful"], true, "{reply}");
                    reader.reads.push(name);
                }
            }
            self.readers.push(reader);
        }
    }

    fn publish(&mut self, bytes: u64) {
        let (channel, n) = (self.name(), self.newest + 1);
        let mut message = json!({"channel": channel, "data": format!("{n} {}", "y".repeat(bytes as usize))});
        if self.chance.percent(10) {
            message["ttl"] = json!(100_000);
        }
        let text = message.to_string();
        let client = self.server.connect(Role::Admin);
        let fields = format!("Content-Type: application/json\r\nContent-Length: {}", text.len());
        self.server.send(client, format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}"));
        let answer = self.server.received(client);
        self.server.vanish(client);
        if !answer.starts_with("HTTP/1.1 200 ") {
            return self.count("publishes refused");
        }
        self.newest = n;
        for reader in self.readers.iter_mut().filter(|reader| reader.reads(&channel)) {
            reader.lacks.insert(n);
        }
        self.said.entry(channel).or_default().push(n);
    }

    fn write_value(&mut self) {
        let (name, n) = (format!("k{}", self.below(300)), self.newest + 1);
        let value = "v".repeat(self.below(300) as usize);
        let client = self.server.connect(Role::Control(Rights::All));
        self.server.send(client, format!("write {name} {value}\n"));
        if self.server.received(client).starts_with("ok ") {
            self.newest = n;
            self.said.entry(name).or_default().push(n);
            self.count("values");
        }
        self.server.vanish(client);
    }

    fn act(&mut self) {
        match self.below(100) {
            0 => {
                let name = format!("k{}", self.below(300));
                if self.said.remove(&name).is_some() {
                    self.server.ask(Role::Admin, &format!("/close?cname={name}"));
                    self.count("closed");
                }
            }
            1 => self.server.pass_ms(500),
            2..10 => self.write_value(),
            10 => (0..self.below(40)).for_each(|_| self.server.rewrite(5_000)),
            _ => {
                let most = if self.chance.percent(10) { 8_000 } else { 600 };
                let bytes = self.below(most);
                self.publish(bytes);
            }
        }
    }

    /// The number of the oldest message that each channel keeps, and of the next that it gets.
    fn standings(&self) -> BTreeMap<String, (u64, u64)> {
        let standing = |name: &String| {
            let it = self.server.machine.standing(name).unwrap_or_else(|| panic!("{name} is there"));
            (name.clone(), (it.base, it.head))
        };
        self.said.keys().map(standing).collect()
    }

    /// One connects until it hears nothing more; whether it was let in.
    fn come_back(&mut self, i: usize) -> bool {
        let seed = self.seed;
        let Self { server, readers, .. } = self;
        let reader = &mut readers[i];
        reader.fellow.move_to_new_connection(server);
        let mut is_told = false;
        let is_in = loop {
            reader.fellow.connect(server);
            let answer = server.received(reader.fellow.connection);
            if !answer.starts_with("HTTP/1.1 200 ") {
                break answer.is_empty();
            }
            let heard: Value = serde_json::from_str(&split(&answer).1).expect("JSON");
            for reply in heard.as_array().expect("an array") {
                if let (Some(_), Some(batch)) = (reader.fellow.acked, reply["ext"]["ack"].as_u64()) {
                    reader.fellow.acked = Some(batch);
                }
                if reply["error"] == "402::Unknown client" {
                    (reader.is_over, is_told) = (true, true);
                    continue;
                }
                assert!(
                    reply["channel"] != "/meta/connect" || reply["successful"] == true,
                    "{seed}: {reply}"
                );
                is_told |= reply["channel"] == "/service/rcomet/gap";
                let n = reply["data"].as_str().and_then(|text| text.split(' ').next()?.parse().ok());
                if let Some(n) = n {
                    assert!(
                        n > reader.newest,
                        "{seed}: {n} behind {}, {i} {:?}",
                        reader.newest,
                        reader.reads
                    );
                    reader.newest = n;
                    reader.lacks.remove(&n);
                }
            }
            if reader.is_over {
                break true;
            }
        };
        server.vanish(reader.fellow.connection);
        if is_in || is_told {
            let lacks = std::mem::take(&mut reader.lacks);
            assert!(is_told || lacks.is_empty(), "{seed}: {i} {:?} lacks {lacks:?}", reader.reads);
        }
        is_in
    }

    fn is_ready(&mut self) -> bool {
        let client = self.server.connect(Role::Front);
        let answer = self.server.get(client, "/readyz");
        self.server.vanish(client);
        answer.starts_with("HTTP/1.1 200 ")
    }

    fn restart(&mut self, limit: usize, ending: Ending) {
        let before = self.standings();
        let mut config = self.server.machine.config().clone();
        config.limits.memory_bytes_max = limit;
        let date = Date::from_unix(START + self.server.now.0 / 1_000);
        let what = format!(
            "seed {}: from {} to {limit}, {ending:?}, {:?}",
            self.seed,
            self.limit,
            self.server.machine.memory()
        );
        let seed = self.chance.bits();
        let replayed = match self.server.restart_with(config, ending, seed, date) {
            Ok(replayed) => replayed,
            Err(why) => {
                assert!(limit < self.limit, "{what}: {why}");
                return self.count("refused");
            }
        };
        let after = self.standings();
        let what = format!("{what}: {:?}, {replayed:?}", self.server.machine.memory());
        assert_eq!(replayed.sessions + replayed.left, self.readers.len(), "{what}");
        let (mut gone, mut newest_gone, mut oldest_kept) = (0, 0, u64::MAX);
        for (name, (base, head)) in &before {
            let now = after[name];
            assert!(
                now.1 == *head && (*base..*head).contains(&now.0),
                "{name}: {base}..{head}, {now:?}, {what}"
            );
            let said = |seq: u64| self.said[name][seq as usize - 1];
            if now.0 > *base {
                newest_gone = newest_gone.max(said(now.0 - 1));
            }
            if now.0 + 1 < *head {
                oldest_kept = oldest_kept.min(said(now.0));
            }
            gone += (now.0 - base) as usize;
        }
        assert!(newest_gone < oldest_kept, "the oldest go: {newest_gone}, {oldest_kept}, {what}");
        // What patterns had of them counts, too.
        assert!(gone <= replayed.given_up, "{gone}, {what}");
        if limit >= self.limit && gone > 0 {
            // Only sessions can need more than before.
            assert!(ending != Ending::Clean(0) && !self.readers.is_empty(), "{gone}, {what}");
            self.count("room for sessions");
        }
        if replayed.left > 0 {
            // Messages went first, and no more sessions than had to.
            assert_eq!(oldest_kept, u64::MAX, "{what}");
            let used = self.server.machine.memory().total_bytes();
            let free = if limit < self.limit { limit / 16 } else { limit / 32 };
            assert!(replayed.sessions == 0 || used + limit / 32 > limit - free, "{what}");
            self.count("restarts without all sessions");
        }
        let is_lower = limit < self.limit;
        self.limit = limit;
        self.count(if gone > 0 { "restarts with less" } else { "restarts with all" });
        if replayed.left > 0 && replayed.sessions == 0 {
            self.readers.clear();
        }
        if oldest_kept == u64::MAX && (replayed.left == 0 || replayed.sessions == 0) {
            // Nothing more can go: it depends on what is left.
            return self.count("restarts with nothing but the newest");
        }
        // Where memory was full it is full again; where something had to go there is more.
        let has_more = is_lower || replayed.left > 0 || gone > 0;
        assert!(self.is_ready() || !has_more, "{what}");
        if replayed.left > 0 || self.chance.percent(50) {
            for i in 0..self.readers.len() {
                let is_in = self.come_back(i);
                assert!(
                    is_in || replayed.left == 0 && !(is_lower && gone > 0),
                    "{i}, {:?}, {what}",
                    self.server.machine.memory()
                );
                self.count(if is_in { "came back" } else { "came in vain" });
            }
            let count = self.readers.len();
            self.readers.retain(|reader| !reader.is_over);
            assert_eq!(count - self.readers.len(), replayed.left, "{what}");
        }
    }

    fn live(&mut self) {
        for _ in 0..8 {
            (0..self.below(400)).for_each(|_| self.act());
            if !self.readers.is_empty() && self.chance.percent(50) {
                let i = self.below(self.readers.len() as u64) as usize;
                self.come_back(i);
            }
            let ending = if self.chance.percent(50) { Ending::Clean(0) } else { Ending::Whole };
            let percent = match self.below(4) {
                0 => 30 + self.below(70),
                1 => 100 + self.below(100),
                _ => 100,
            };
            self.restart(self.limit * percent as usize / 100, ending);
        }
    }
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn what_has_room_is_there_again() {
    let (seeds, first) = (number("SEEDS", 30), number("SEED", 1));
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in first..first + seeds {
        let mut world = World::new(seed);
        world.live();
        for (what, n) in world.counts {
            *counts.entry(what).or_default() += n;
        }
    }
    println!("{counts:?}");
    for what in [
        "restarts with less",
        "restarts with all",
        "restarts without all sessions",
        "came back",
        "closed",
        "values",
    ] {
        assert!(seeds < 30 || counts.contains_key(what), "there was none: {what}");
    }
}
