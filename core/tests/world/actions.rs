//! What can happen in one step of a world. Knows nothing of what is right.
use std::net::IpAddr;

use rcomet_core::Role;
use rcomet_core::arena::Id;
use rcomet_core::time::{Date, Moment};

use super::hearing::Call;
use super::peer::{Kind, Peer};
use super::question::Ask;
use super::{START, World};

const ADDRESSES: [&str; 6] = ["127.0.0.1", "10.0.0.1", "10.0.0.2", "::1", "2001:db8::1", "::ffff:10.0.0.1"];

impl World {
    /// One turn: time has passed, some things happen, and the server does its work.
    pub fn step(&mut self, step: u64, steps: u64) {
        self.pass_time();
        self.read_on();
        for _ in 0..1 + self.chance.below(3) {
            self.act();
        }
        if step * 100 / steps >= 92 && !self.draining && self.chance.percent(1) && self.chance.percent(30) {
            self.trace(|_| "drain".into());
            self.draining = true;
            self.machine.drain(self.now);
            self.tally.note("drained");
        }
        let budgets = if self.regime.is_crowded { [1, 1, 2, 3] } else { [1, 2, 5, 64] };
        let budget = budgets[self.chance.below(4) as usize];
        self.turn(budget);
    }

    fn pass_time(&mut self) {
        let before = self.now.0 / 1000;
        // Nobody sleeps while there is something to do.
        let sleeps = !self.more && self.peers.iter().all(|p| !p.in_line);
        match self.chance.below(1000) {
            0..500 => {}
            500..850 => self.now = self.now.after_ms(self.chance.below(20)),
            _ if !sleeps => {}
            850..960 => self.now = self.now.after_ms(self.chance.below(200)),
            960..964 => self.now = self.now.after_ms(self.chance.below(10_000)),
            964..965 => self.now = self.now.after_ms(self.chance.below(60_000)),
            _ => self.sleep(self.now.after_ms(20_000)),
        }
        if self.now.0 / 1000 != before {
            self.machine.set_date(Date::from_unix(START + self.now.0 / 1000));
        }
    }

    fn act(&mut self) {
        match self.chance.below(1000) {
            0..90
                if self.peers.len() < self.regime.now().limits.connections_max || self.chance.percent(10) =>
            {
                self.connect();
            }
            90..105 => self.vanish(),
            105..125 if self.regime.is_crowded && self.more => self.vanish(),
            105..425 => self.ask(),
            425..430 => self.burst(),
            430..820 => self.send(),
            820..900 => self.turn_window(),
            900..920 => self.finish_sending(),
            920..921 => self.reconfigure(),
            921..923 if self.more => self.vanish(),
            923..935 => self.trouble_the_dead(),
            _ => {}
        }
    }

    fn pick(&mut self) -> Option<usize> {
        let n = self.peers.len() as u64;
        (n > 0).then(|| self.chance.below(n) as usize)
    }

    pub fn pick_stale(&mut self) -> Option<Id<rcomet_core::Conn>> {
        let n = self.stale.len() as u64;
        (n > 0).then(|| self.stale[self.chance.below(n) as usize])
    }

    fn connect(&mut self) {
        use Kind::{Admin, Announced, Ccomet, Poller, Publisher, Rude, Streamer};
        let kinds = [
            Poller, Poller, Poller, Streamer, Streamer, Streamer, Ccomet, Ccomet, Publisher, Publisher,
            Publisher, Admin, Announced, Rude,
        ];
        let mut kind = kinds[self.chance.below(14) as usize];
        if self.regime.is_crowded && self.chance.percent(50) {
            kind = Streamer;
        }
        let on_front = self.regime.now().ccomet.on_front && self.chance.percent(50);
        let role = match kind {
            Poller | Streamer => Role::Front,
            Ccomet if on_front => Role::Front,
            Ccomet => Role::Ccomet,
            Publisher | Admin | Announced => Role::Admin,
            Rude => [Role::Front, Role::Admin][self.chance.below(2) as usize],
        };
        let address = ADDRESSES[self.chance.below(6) as usize];
        self.connect_as(kind, role, address.parse().expect("an address"));
    }

    pub fn connect_as(&mut self, kind: Kind, role: Role, address: IpAddr) -> Option<usize> {
        // Somebody who is on the way out takes nobody in.
        if self.draining {
            return None;
        }
        let limits = &self.regime.now().limits;
        let counted = !address.to_canonical().is_loopback();
        let same = self.peers.iter().filter(|p| p.address.to_canonical() == address.to_canonical()).count();
        let of_address = limits.connections_per_address_max;
        let full = self.peers.len() >= limits.connections_max;
        let crowded = counted && of_address > 0 && same >= of_address as usize;
        let short = self.regime.is_short_of_memory();
        let Some(id) = self.machine.open(role, address, self.now) else {
            assert!(self.peers.len() >= limits.connections_max + 64, "there was room to say no");
            return None;
        };
        self.peers_ever += 1;
        let mut peer = Peer::new(self.peers_ever, id, role, address, kind, self.now);
        peer.is_refused = full || crowded || short;
        self.trace(|_| format!("{} comes: {kind:?} {role:?} {address}", peer.number));
        if self.chance.percent(60) && !self.memories.is_empty() {
            let at = self.chance.below(self.memories.len() as u64) as usize;
            peer.memory = self.memories[at].clone();
        }
        if peer.memory.who.is_none() && self.chance.percent(50) {
            peer.memory.who = Some(self.any_person());
        }
        self.peers.push(peer);
        let i = self.peers.len() - 1;
        self.after(Call::Of(i));
        let peer = &mut self.peers[i];
        if full || crowded {
            assert!(peer.ear.is_last, "a newcomer beyond the limits came in");
        }
        peer.is_refused = peer.ear.is_last;
        Some(i)
    }

    fn vanish(&mut self) {
        if let Some(i) = self.pick() {
            self.part(i);
        }
    }

    fn ask(&mut self) {
        let Some(i) = self.pick() else { return };
        let most = if self.chance.percent(10) { 6 } else { 2 };
        if self.says_nothing(i) || self.peers[i].ear.asked.len() >= most {
            return;
        }
        self.ask_something(i);
        if self.chance.percent(60) {
            self.send_from(i, usize::MAX);
        }
    }

    /// Whether a peer has said its last, or heard it.
    fn says_nothing(&self, i: usize) -> bool {
        let peer = &self.peers[i];
        let is_final = |a: &Ask| matches!(a, Ask::Bad(_) | Ask::Unfinished);
        peer.is_over() || peer.fin || peer.ear.asked.iter().any(|q| is_final(&q.ask) || q.closes)
    }

    /// A long pipeline at once.
    fn burst(&mut self) {
        let Some(i) = self.pick().filter(|&i| self.peers[i].kind == Kind::Publisher) else { return };
        if self.says_nothing(i) {
            return;
        }
        for _ in 0..60 + self.chance.below(60) {
            self.publish_shortly(i);
        }
        self.send_from(i, usize::MAX);
        self.tally.note("burst");
    }

    /// Sends a random prefix of what a random peer means to say.
    fn send(&mut self) {
        let Some(i) = self.pick() else { return };
        let waiting = self.peers[i].outgoing.len() as u64;
        if waiting > 0 {
            let n = if self.chance.percent(50) { 1 + self.chance.below(waiting) } else { waiting };
            self.send_from(i, n as usize);
        }
    }

    /// Puts bytes on the wire; the server's shell hears of it.
    pub fn send_from(&mut self, i: usize, n: usize) {
        let peer = &mut self.peers[i];
        if peer.ended {
            return;
        }
        let n = n.min(peer.outgoing.len());
        peer.wire.extend(peer.outgoing.drain(..n));
        self.read(i);
    }

    fn turn_window(&mut self) {
        let Some(i) = self.pick() else { return };
        self.set_window(i, !self.peers[i].is_open);
    }

    pub fn set_window(&mut self, i: usize, open: bool) {
        let peer = &mut self.peers[i];
        peer.is_open = open;
        // The kernel says that it takes more only to those who were told that it does not.
        if open && std::mem::take(&mut peer.is_blocked) {
            self.write(i);
        }
    }

    fn finish_sending(&mut self) {
        let Some(i) = self.pick() else { return };
        let peer = &mut self.peers[i];
        // Mostly those who have heard that it is over; others do it in the middle of something.
        if !peer.is_shut() && !self.chance.percent(15) {
            return;
        }
        peer.fin = true;
        peer.outgoing.clear();
        self.read(i);
    }

    fn reconfigure(&mut self) {
        let config = self.regime.reroll(&mut self.chance);
        self.trace(|_| format!("reconfigured: {:?} {:?}", config.limits, config.icomet));
        self.machine.reconfigure(config);
        self.tally.note("reconfigured");
    }

    /// Lets time pass until then, stopping wherever the server has something to do, as a shell would.
    pub fn live_until(&mut self, until: Moment) {
        for _ in 0..100_000 {
            if self.now >= until && !self.more {
                return;
            }
            if !self.more && self.peers.iter().all(|p| !p.in_line) {
                self.sleep(until);
            }
            self.read_on();
            self.turn(64);
        }
        panic!("the server does not come to rest");
    }
}
