//! The push module's dialect in random worlds: one seed, one clock, no sockets. Readers of one channel and of several poll and
//! stream by second and tag, vanish with their answers on the way, and come back where they were; channels are deleted and come
//! again, the wall clock steps back, the server begins again with its journal, or is replaced by another that knows nothing of it, with
//! its clock behind. Everything heard is compared with a book of what was
//! taken: nothing is lost, doubled or out of order but what the book says may be gone; in the end everybody has
//! everything, and all is given back.
//!
//! `SEEDS=1000` lives through more worlds, `SEED=7` through one and tells what happens in it.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a test tells what it does, and is told by its surroundings"
)]
#[path = "push_world/book.rs"]
mod book;
#[path = "push_world/reader.rs"]
mod reader;
#[path = "push_world/socket.rs"]
mod socket;
mod support;
#[path = "push_world/way.rs"]
mod way;
#[path = "support/websocket.rs"]
mod websocket;

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use book::{Book, Place, place_of};
use rcomet_core::chance::Chance;
use rcomet_core::config::{Location, Push};
use rcomet_core::journal::Ending;
use rcomet_core::time::Date;
use rcomet_core::{Config, HookFailure, Role};
use reader::Reader;
use support::{START, Server, encode, split};

/// Some of them are in groups.
const CHANNELS: [&str; 5] = ["g/a", "g/b", "h/c", "d", "e"];

/// What has to happen somewhere in the default run.
const EXPECTED: &[&str] = &[
    "a channel that came again is heard",
    "a channel was deleted",
    "a poll answered at once",
    "a poll that waited",
    "a poll that waited for too long",
    "a socket gave way",
    "a socket has lasted long enough",
    "a socket's channels are gone",
    "a stream gave way",
    "a stream has lasted long enough",
    "a stream's channels are gone",
    "an answer is lost",
    "another server",
    "another server in the past",
    "another server in the same second",
    "gave way",
    "gone",
    "level in the end",
    "message heard",
    "nothing new",
    "published by a socket",
    "published by another dialect",
    "several in one answer",
    "somebody else waits",
    "the application fails",
    "the application is asked too much",
    "the application is too slow",
    "the application lets somebody in",
    "the application says no",
    "the clock steps back",
    "the same server again",
    "the same server again, in the past",
    "the same server with another log",
    "too many",
    "went on by an id",
    "went on by validators",
    "went on with another server",
    "window shut",
];

/// How often things have happened.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    fn note(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }
}

struct World {
    server: Server,
    chance: Chance,
    book: Book,
    readers: Vec<Reader>,
    tally: Tally,
    /// How many servers there have been before this one.
    era: u32,
    unix_s: u64,
    said: u64,
    tells: bool,
    config: Config,
}

fn config(chance: &mut Chance, messages_max: usize, age_ms: u64) -> Config {
    let of = |text: String| serde_json::from_str::<Location>(&text).expect("a location");
    let sub = |path: &str, more: &str| {
        of(format!(r#"{{"path": "/{path}?ids=", "split": ",", "role": "subscriber"{more}}}"#))
    };
    let most = 1 + chance.below(6);
    let life_ms = chance.below(200_000);
    let location = vec![
        of(format!(
            r#"{{"path": "/pub/{{id}}", "role": "publisher", "messages_max": {messages_max}, "message_timeout_ms": {age_ms}}}"#
        )),
        sub("sub", &format!(r#", "channel_timeout_ms": {life_ms}, "channel_id_bytes_max": 100"#)),
        sub("lines", &format!(r#", "longpoll_multipart": "raw", "subscribers_max": {most}"#)),
        sub("parts", r#", "longpoll_multipart": "on""#),
        sub("interval", r#", "transports": ["interval_poll"]"#),
        sub("first", r#", "concurrency": "first", "timeout_ms": 9000"#),
        sub("last", r#", "concurrency": "last", "timeout_ms": 9000"#),
        sub("brief", r#", "timeout_ms": 20000"#),
        sub("asked", r#", "authorize_request": "http://127.0.0.1:1/""#),
        of(r#"{"path": "/group/{g}", "role": "group"}"#.into()),
    ];
    let mut config = Config { push: Push { location }, ..Config::default() };
    config.limits.hooks_max = 3;
    config.limits.hook_ms_max = 3_000;
    config.limits.outbox_bytes_max = 600;
    config.limits.batch_bytes_max = 700;
    config.limits.write_stall_ms_max = 5_000;
    config
}

impl World {
    fn new(seed: u64, tells: bool) -> Self {
        let mut chance = Chance::from_seed(seed);
        let (messages_max, age_ms) = (1 + chance.below(12) as usize, 5_000 + chance.below(50_000));
        let config = config(&mut chance, messages_max, age_ms);
        let mut server = Server::with_seed(config.clone(), seed);
        server.budget = 1 + chance.below(40) as usize;
        server.keep_journal();
        let readers = (0..2 + chance.below(9)).map(|_| Reader::new(&mut chance)).collect();
        let book = Book { messages_max, age_ms, ..Book::default() };
        let tally = Tally::default();
        Self { server, chance, book, readers, tally, era: 0, unix_s: START, said: 0, tells, config }
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.tells {
            println!("{:>8} ms  {}", self.server.now.0, what());
        }
    }

    fn channel(&mut self) -> &'static str {
        CHANNELS[self.chance.below(CHANNELS.len() as u64) as usize]
    }

    fn request(&mut self, method: &str, channel: &str, body: &str) -> String {
        let client = self.server.connect(Role::Admin);
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.server.send(
            client,
            format!(
                "{method} /pub/{} HTTP/1.1\r\nHost: x\r\nAccept: text/json\r\n{length}\r\n{body}",
                encode(channel)
            ),
        );
        let answer = self.server.received(client);
        self.server.vanish(client);
        answer
    }

    fn last_place(answer: &str) -> Place {
        let body = if answer.starts_with('{') { answer.to_owned() } else { split(answer).1 };
        let json: serde_json::Value = serde_json::from_str(&body).expect(answer);
        let (second, tag) =
            json["last_message_id"].as_str().and_then(|id| id.split_once(':')).expect("an id");
        place_of((second.parse().expect("a second"), tag.parse().expect("a tag")))
    }

    fn publish(&mut self) {
        let channel = self.channel();
        self.said += 1;
        let text = format!("{}{}", self.said, "x".repeat(self.chance.below(40) as usize));
        let now = self.server.now;
        if self.chance.percent(20) {
            self.server.push(channel, &text);
            // Its id is told to who asks; a channel of that name may keep it longer or shorter from then on.
            let answer = self.request("GET", channel, "");
            self.book.write(Self::last_place(&answer), channel, text, now);
            return self.tally.note("published by another dialect");
        }
        if self.chance.percent(20) {
            let answer = socket::publish(&mut self.server, channel, &text);
            self.book.write(Self::last_place(&answer), channel, text, now);
            return self.tally.note("published by a socket");
        }
        let answer = self.request("POST", channel, &text);
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        self.tell(|| format!("{channel}: {text} is {:?}", Self::last_place(&answer)));
        self.book.write(Self::last_place(&answer), channel, text, now);
    }

    fn delete(&mut self) {
        let channel = self.channel();
        if self.request("DELETE", channel, "").starts_with("HTTP/1.1 200 ") {
            self.tell(|| format!("{channel} is deleted"));
            self.book.end(channel);
            self.tally.note("a channel was deleted");
        }
    }

    fn pass(&mut self, ms: u64) {
        self.server.pass_ms(ms);
        self.book.now = self.server.now;
        self.unix_s += ms / 1_000;
        if self.chance.percent(6) {
            self.unix_s -= self.chance.below(100);
            self.tally.note("the clock steps back");
        }
        self.server.machine.set_date(Date::from_unix(self.unix_s));
    }

    /// The server dies, and another begins: nothing is kept, and its clock may be behind.
    fn restart(&mut self) {
        let seed = self.chance.bits();
        self.tally.note("another server");
        match self.chance.below(10) {
            0..4 => {
                self.unix_s -= 1 + self.chance.below(1_000);
                self.tally.note("another server in the past");
            }
            4..6 => self.tally.note("another server in the same second"),
            _ => self.unix_s += 2,
        }
        let now = self.server.now;
        self.server = Server::begun_at(self.config.clone(), seed, Date::from_unix(self.unix_s));
        self.server.budget = 1 + self.chance.below(40) as usize;
        // The shell's clocks begin anew in each process; one steady clock for all makes the book simpler.
        self.server.pass_ms(now.0);
        self.server.keep_journal();
        let Book { messages_max, age_ms, .. } = self.book;
        self.book = Book { messages_max, age_ms, now: self.server.now, ..Book::default() };
        self.readers.iter_mut().for_each(Reader::lose_server);
        self.era += 1;
    }

    /// The server dies, and begins again with its journal, of which nothing is lost even where it says so. Its clock may be behind.
    fn come_again(&mut self) {
        let (seed, endings) = (self.chance.bits(), [Ending::Clean(0), Ending::Whole, Ending::Torn]);
        let ending = endings[self.chance.below(3) as usize];
        self.tally.note("the same server again");
        if self.chance.percent(60) {
            self.unix_s -= self.chance.below(300);
            self.tally.note("the same server again, in the past");
        }
        if ending == Ending::Torn {
            self.tally.note("the same server with another log");
        }
        // What was on its way when it died.
        self.hear();
        self.server.restart_at(ending, seed, Date::from_unix(self.unix_s));
        self.readers.iter_mut().for_each(Reader::lose_server);
    }

    fn step(&mut self) {
        let who = self.chance.below(self.readers.len() as u64) as usize;
        match self.chance.below(100) {
            0..30 => self.publish(),
            30..60 => self.readers[who].ask(
                &mut self.server,
                &mut self.chance,
                (&self.book, self.era),
                &mut self.tally,
            ),
            60..66 => self.readers[who].vanish(&mut self.server, &mut self.tally),
            66..72 => {
                let shut = !self.readers[who].clogged;
                self.readers[who].clog(&mut self.server, shut);
                self.tally.note("window shut");
            }
            72..76 => self.delete(),
            76..96 => {
                let ms =
                    if self.chance.percent(20) { self.chance.below(8_000) } else { self.chance.below(300) };
                self.pass(ms);
            }
            96 => {
                self.readers[who] = {
                    self.readers[who].vanish(&mut self.server, &mut self.tally);
                    Reader::new(&mut self.chance)
                };
            }
            98 | 99 => self.reply(),
            97 if self.chance.percent(15) => self.restart(),
            97 if self.chance.percent(25) => self.come_again(),
            _ => {
                self.server.turn_once();
            }
        }
        if self.chance.percent(70) {
            self.server.turn();
            self.hear();
        }
    }

    /// The application answers its oldest question.
    fn reply(&mut self) {
        if self.server.asked.is_empty() {
            return;
        }
        match self.chance.below(10) {
            0 => self.server.reply_to_hook("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"),
            1 => self.server.fail_hook(HookFailure::Broken),
            _ => {
                self.server.reply_to_hook("HTTP/1.1 204 No Content\r\n\r\n");
                self.tally.note("the application lets somebody in");
            }
        }
    }

    fn hear(&mut self) {
        for reader in &mut self.readers {
            if !reader.clogged {
                reader.hear(&mut self.server, &self.book, self.era, &mut self.tally);
            }
        }
    }

    /// Everything heals, and what is owed must come; then all is given back.
    fn finish(mut self) -> Tally {
        for reader in &mut self.readers {
            reader.clog(&mut self.server, false);
        }
        self.server.turn();
        self.hear();
        for _ in 0..3 {
            self.publish();
        }
        for _ in 0..120 {
            self.server.turn();
            while !self.server.asked.is_empty() {
                self.server.reply_to_hook("HTTP/1.1 204 No Content\r\n\r\n");
            }
            self.hear();
            for reader in &mut self.readers {
                reader.ask(&mut self.server, &mut self.chance, (&self.book, self.era), &mut self.tally);
            }
        }
        while !self.server.asked.is_empty() {
            self.server.reply_to_hook("HTTP/1.1 204 No Content\r\n\r\n");
        }
        self.server.turn();
        self.hear();
        for reader in &self.readers {
            if reader.check_is_level(&self.server, &self.book, self.era) {
                self.tally.note("level in the end");
            }
        }
        for reader in &mut self.readers {
            reader.vanish(&mut self.server, &mut self.tally);
        }
        // What was to end by a clock that has been set back since lives longer.
        self.server.pass_ms(20_000_000);
        assert_eq!(self.server.machine.load(), (0, 0), "nobody and nothing is left");
        assert!(self.server.machine.is_pristine(), "all is given back");
        self.tally
    }
}

fn live(seed: u64, steps: u64, tells: bool) -> Tally {
    let mut world = World::new(seed, tells);
    for _ in 0..steps {
        world.step();
    }
    world.finish()
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |n| n.parse().expect("a number"))
}

#[test]
fn many_worlds() {
    let steps = number("STEPS", 600);
    if std::env::var("SEED").is_ok() {
        println!("{:#?}", live(number("SEED", 0), steps, true).0);
        return;
    }
    let seeds = number("SEEDS", 150);
    let mut tally = Tally::default();
    for seed in 0..seeds {
        match catch_unwind(|| live(seed, steps, false)) {
            Ok(counts) => counts.0.into_iter().for_each(|(what, n)| *tally.0.entry(what).or_default() += n),
            Err(_) => panic!(
                "the world of seed {seed} fails; to see it happen:\n\
                 SEED={seed} STEPS={steps} cargo test -p rcomet-core --test push_world many_worlds -- --nocapture"
            ),
        }
    }
    println!("{:#?}", tally.0);
    if seeds >= 150 {
        let missing: Vec<_> = EXPECTED.iter().filter(|what| !tally.0.contains_key(*what)).collect();
        assert!(missing.is_empty(), "the worlds have become too tame: {missing:?} never happened");
    }
}
