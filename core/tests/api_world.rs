//! Publishers whose answers get lost: each asks again with the same key until it has an answer, and what it published is there
//! once. Between them, others publish without keys, listeners hold them up, memory runs short, limits change.
//!
//! `SEEDS=1000` lives through more worlds.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a test tells what it does, and may be told how many seeds to try"
)]
#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use rcomet_core::chance::Chance;
use rcomet_core::{Config, Role};
use serde_json::{Value, json};
use support::{Client, Server, split};

const CHANNELS: [&str; 3] = ["a", "b", "c"];

/// One that wants something to be published, once.
struct Publisher {
    key: String,
    text: String,
    /// The request under way.
    asks: Option<Client>,
    answers: Vec<Value>,
}

#[derive(Default)]
struct Tally {
    lost: u64,
    replayed: u64,
    refused: u64,
    published: u64,
}

struct World {
    server: Server,
    chance: Chance,
    publishers: Vec<Publisher>,
    listeners: Vec<Client>,
    made: u64,
    tally: Tally,
    /// How often each text was published, as those who listen hear it.
    heard: BTreeMap<String, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::from_seed(seed);
        let mut config = Config::default();
        config.limits.history_messages_max = 100_000;
        config.limits.idempotency_seconds = 1_000_000;
        let mut server = Server::with_seed(config, chance.bits());
        server.budget = [1, 5, 4096][chance.below(3) as usize];
        Self {
            server,
            chance,
            publishers: Vec::new(),
            listeners: Vec::new(),
            made: 0,
            tally: Tally::default(),
            heard: BTreeMap::new(),
        }
    }

    fn step(&mut self) {
        match self.chance.below(12) {
            0..2 if self.publishers.len() < 6 => self.begin(),
            0..5 => self.ask(),
            5..8 => self.lose(),
            8 => self.listen(),
            9 => self.flood(),
            10 => self.limit(),
            _ => self.hear(),
        }
    }

    /// Somebody wants to publish to one channel or several, perhaps for a time only.
    fn begin(&mut self) {
        self.made += 1;
        let mut channels = CHANNELS.to_vec();
        channels.truncate(1 + self.chance.below(3) as usize);
        let text = json!({"channels": channels, "data": format!("once {}", self.made)}).to_string();
        let key = format!("key {}", self.made);
        self.publishers.push(Publisher { key, text, asks: None, answers: Vec::new() });
    }

    fn any(&mut self) -> Option<usize> {
        let count = self.publishers.len() as u64;
        if count == 0 { None } else { Some(self.chance.below(count) as usize) }
    }

    fn ask(&mut self) {
        let Some(i) = self.any() else { return };
        if self.publishers[i].asks.is_some() {
            return;
        }
        let client = self.server.connect(Role::Admin);
        let Publisher { key, text, .. } = &self.publishers[i];
        let fields = format!(
            "Content-Type: application/json\r\nIdempotency-Key: \"{key}\"\r\nContent-Length: {}",
            text.len()
        );
        let request = format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}");
        let cut = if self.chance.percent(20) {
            self.chance.below(request.len() as u64) as usize
        } else {
            request.len()
        };
        // In the same turn as others: one may have to wait for those who listen.
        self.server.send_in_this_turn(client, &request[..cut]);
        if cut < request.len() {
            self.tally.lost += 1;
            return self.server.vanish(client);
        }
        if self.chance.percent(50) {
            self.server.turn_once();
        } else {
            self.server.turn();
        }
        self.publishers[i].asks = Some(client);
    }

    /// A connection dies: what the server says on it, or has said, is not heard.
    fn lose(&mut self) {
        let Some(i) = self.any() else { return };
        let Some(client) = self.publishers[i].asks.take() else { return };
        if self.chance.percent(70) {
            self.tally.lost += 1;
            return self.server.vanish(client);
        }
        self.server.turn();
        let answer = self.server.received(client);
        self.server.vanish(client);
        self.take(i, &answer);
    }

    fn take(&mut self, i: usize, answer: &str) {
        let (head, body) = split(answer);
        let said: Value = serde_json::from_str(&body).expect("JSON");
        if head.starts_with("HTTP/1.1 200 ") {
            let replayed = head.contains("Idempotent-Replayed: true");
            self.tally.replayed += u64::from(replayed);
            self.tally.published += 1;
            self.publishers[i].answers.push(said);
            let answers = &self.publishers[i].answers;
            assert!(
                answers.iter().all(|answer| *answer == answers[0]),
                "one answer for one key: {answers:?}"
            );
            // Some ask again although they know, and then have had enough.
            if answers.len() > 1 || self.chance.percent(60) {
                self.publishers.swap_remove(i);
            }
        } else {
            assert!(head.starts_with("HTTP/1.1 503 ") || head.starts_with("HTTP/1.1 429 "), "{head}");
            assert!(!head.contains("Idempotent-Replayed"), "{head}");
            self.tally.refused += 1;
        }
    }

    fn listen(&mut self) {
        if self.listeners.len() > 4 {
            return;
        }
        let client = self.server.connect(Role::Front);
        self.server.send(client, "GET /events?channel=c HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n");
        self.listeners.push(client);
    }

    /// So much at once that who publishes next has to wait.
    fn flood(&mut self) {
        let client = self.server.connect(Role::Admin);
        let list = vec![json!({"channel": "c", "data": "flood"}); 300];
        let text = json!({"messages": list}).to_string();
        let fields = format!("Content-Type: application/json\r\nContent-Length: {}", text.len());
        let request = format!("POST /publish HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{text}");
        self.server.send_in_this_turn(client, request.repeat(2));
    }

    fn limit(&mut self) {
        let mut config = self.server.machine.config().clone();
        config.limits.channels_max = [1, 100][self.chance.below(2) as usize];
        config.limits.idempotency_keys_max = [1, 100_000, 100_000][self.chance.below(3) as usize];
        self.server.machine.reconfigure(config);
    }

    fn hear(&mut self) {
        self.server.turn();
        self.listeners.iter().for_each(|client| drop(self.server.received(*client)));
    }

    /// In the end everybody gets an answer, and everything is there once.
    fn finish(&mut self) {
        let mut config = self.server.machine.config().clone();
        (config.limits.channels_max, config.limits.idempotency_keys_max) = (100, 100_000);
        self.server.machine.reconfigure(config);
        for _ in 0..1_000 {
            if self.publishers.is_empty() {
                break;
            }
            self.ask();
            self.server.turn();
            self.lose();
        }
        assert!(self.publishers.is_empty(), "everybody gets an answer in the end");
        self.server.turn();
        let client = self.server.connect(Role::Front);
        let query = CHANNELS.map(|name| format!("channel={name}")).join("&");
        self.server.send(
            client,
            format!("GET /events?{query}&history=all HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n"),
        );
        let (_, body) = split(&self.server.received(client));
        for line in body.lines() {
            let said: Value = serde_json::from_str(line).expect("JSON");
            if let Some(text) = said["data"].as_str().filter(|text| text.starts_with("once")) {
                let text = format!("{} in {}", text, said["channel"]);
                *self.heard.entry(text).or_insert(0) += 1;
            }
        }
        assert!(self.heard.values().all(|times| *times == 1), "once: {:?}", self.heard);
    }
}

#[test]
fn what_is_asked_for_again_is_published_once() {
    let seeds = std::env::var("SEEDS").map_or(16, |n| n.parse().expect("a number"));
    let mut all = Tally::default();
    let mut texts = 0;
    for seed in 0..seeds {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step();
        }
        world.finish();
        texts += world.heard.len() as u64;
        assert!(world.server.machine.counters().publishes_replayed >= world.tally.replayed);
        all.lost += world.tally.lost;
        all.replayed += world.tally.replayed;
        all.refused += world.tally.refused;
        all.published += world.tally.published;
    }
    let Tally { lost, replayed, refused, published } = all;
    println!("{published} answers, {replayed} of them again, {refused} refusals, {lost} lost; {texts} texts");
    assert!(
        lost > 10 * seeds && replayed > 3 * seeds && refused > seeds && texts > 20 * seeds,
        "{lost} {replayed} {refused} {texts}"
    );
}
