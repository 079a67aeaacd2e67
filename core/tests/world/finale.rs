//! The end of a world: nothing goes wrong any more, and everything that is owed must come; then all is given back.
use std::collections::BTreeSet;

use rcomet_core::Role;

use super::World;
use super::peer::Kind;
use super::question::{Ask, Carrier, Question, Request};

impl World {
    pub fn finish(&mut self) {
        self.heal();
        self.check_nobody_is_left_behind();
        if !self.draining {
            for _ in 0..2 {
                self.say_something_everywhere();
                self.check_nobody_is_left_behind();
            }
        }
        // Whoever waits hears that nothing happened, and whoever is idle is sent away: all by deadlines.
        let ms = self.regime.most(|c| c.icomet.polling_timeout_ms) * 2;
        self.live_until(self.now.after_ms(ms));
        self.check_nobody_is_left_behind();
        self.give_back();
    }

    /// All windows open, everybody says what they meant to, and the server is left to work.
    fn heal(&mut self) {
        self.trace(|_| "heal".into());
        self.is_healed = true;
        self.tally.note("worlds");
        for number in self.numbers() {
            if let Some(i) = self.place_of_number(number) {
                self.set_window(i, true);
            }
            if let Some(i) = self.place_of_number(number) {
                self.send_from(i, usize::MAX);
            }
        }
        self.rest();
    }

    fn numbers(&self) -> Vec<usize> {
        self.peers.iter().map(|p| p.number).collect()
    }

    fn place_of_number(&self, number: usize) -> Option<usize> {
        self.peers.iter().position(|p| p.number == number)
    }

    /// Lets the server do everything that it can do without time passing; nobody shuts a window.
    fn rest(&mut self) {
        for round in 0..20_000 {
            self.read_on();
            self.turn(if round % 3 == 0 { 1 } else { 16 });
            for i in 0..self.peers.len() {
                self.set_window(i, true);
            }
            if !self.more && self.peers.iter().all(|p| !p.in_line && p.is_open && !p.is_blocked) {
                return;
            }
        }
        panic!("the server does not come to rest: {:?}", self.machine.load());
    }

    fn say_something_everywhere(&mut self) {
        let local = "127.0.0.1".parse().expect("an address");
        while self.peers.len() >= self.regime.now().limits.connections_max {
            // Somebody makes room.
            let Some(i) = self.peers.iter().position(|p| p.kind != Kind::Streamer).or(Some(0)) else {
                return;
            };
            self.part(i);
        }
        let Some(i) = self.connect_as(Kind::Publisher, Role::Admin, local) else { return };
        if self.peers[i].ear.is_last {
            return self.rest();
        }
        let number = self.peers[i].number;
        for (name, _) in self.book.all_alive() {
            let post = self.book.compose(&mut self.chance, Some(&name), None);
            self.book.posts[post].text.truncate(20);
            let text = format!("{post}|last");
            self.book.posts[post].text.clone_from(&text);
            let mut request = Request::get("/push").with("cname", &name).with("content", text);
            (request.method, request.carrier) = ("POST", Carrier::Form);
            let mut question = Question::new(Ask::Publish { channel: name, post });
            let bytes = request.write(&mut question, &mut self.chance);
            let Some(i) = self.place_of_number(number) else { return };
            self.peers[i].ask(question, &bytes);
            self.send_from(i, usize::MAX);
            self.rest();
        }
        self.tally.note("last words");
    }

    /// Every question is answered, and whoever waits has nothing to hear.
    fn check_nobody_is_left_behind(&mut self) {
        let mut listening = BTreeSet::new();
        for i in 0..self.peers.len() {
            let reads = self.machine.reads(self.peers[i].id).is_some();
            let described = self.machine.describe(self.peers[i].id);
            let peer = &mut self.peers[i];
            let number = peer.number;
            assert!(peer.untaken.is_empty(), "{number} is open, and has not got everything: {described}");
            let over = peer.is_over();
            if over {
                continue;
            }
            assert!(!peer.is_paused || reads, "{number} is not read from: {described}");
            let is_stream = peer.ear.streams.front().is_some();
            let behind =
                peer.ear.asked.iter().skip(usize::from(!is_stream && reads)).find(|q| q.whole.is_some());
            if let Some(question) = behind.filter(|_| !reads) {
                panic!("{number} is not answered: {question:?} {described}");
            }
            if !reads {
                assert!(!peer.ear.is_in_the_middle(), "{number} waits for the rest: {described}");
                continue;
            }
            let question = peer.ear.current().expect("who waits has asked");
            match &question.reading {
                Some(reading) => {
                    assert!(reading.is_level(&self.book), "{number} is left behind: {reading:?} {described}");
                    listening.insert(reading.channel.clone());
                    self.tally.note("stands at the head in the end");
                }
                None => {
                    let there: BTreeSet<_> =
                        self.book.all_alive().into_iter().map(|(name, _)| name).collect();
                    let told =
                        peer.announced.iter().filter(|(_, is)| **is).map(|(name, _)| name.clone()).collect();
                    assert_eq!(there, told, "{number} was not told of all channels");
                    self.tally.note("knows all channels in the end");
                }
            }
        }
    }

    /// Everybody leaves, channels expire, and nothing is left.
    fn give_back(&mut self) {
        if self.draining {
            let left =
                self.peers.iter().find(|p| !p.is_over()).map(|p| (p.number, self.machine.describe(p.id)));
            assert_eq!(left, None, "everybody was to be sent away");
        }
        while !self.peers.is_empty() {
            self.part(0);
        }
        let most = self.regime.most(|c| c.icomet.channel_timeout_ms.max(c.limits.roster_lease_ms)) + 4_000;
        self.live_until(self.now.after_ms(2 * most));
        assert_eq!(self.machine.load(), (0, 0), "every channel expires");
        assert_eq!(self.book.all_alive(), Vec::new());
        self.machine.check();
        assert!(self.machine.is_pristine(), "everything is given back: {:?}", self.machine.memory());
    }
}
