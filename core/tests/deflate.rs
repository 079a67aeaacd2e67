//! A message to 5,000 WebSockets with permessage-deflate is compressed once, however many turns it takes to hand it out.
#[allow(dead_code, reason = "what measures the core uses more of it")]
#[path = "../../benches/machine/mod.rs"]
mod machine;

use machine::{NOW, TURN, connect, drain, machine, settle};
use rcomet_core::arena::Id;
use rcomet_core::time::Date;
use rcomet_core::{Conn, Machine, Role};

const SOCKETS: usize = 5_000;
const MESSAGES: u64 = 7;
const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const SUBSCRIBE: &[u8] = br#"{"type":"subscribe","channel":"room"}"#;

#[test]
fn one_compression_a_message() {
    let mut world = World::new();
    for n in 0..MESSAGES {
        world.publish(n);
        world.hand_out();
    }
    world.check(MESSAGES);
}

#[test]
fn one_compression_a_message_while_seconds_pass_and_more_are_published() {
    let mut world = World::new();
    for n in 0..MESSAGES {
        world.publish(n);
        for _ in 0..20 {
            world.turn();
        }
    }
    world.hand_out();
    world.check(MESSAGES);
}

/// A machine with its sockets, and what it had counted when they were there.
struct World {
    machine: Machine,
    publisher: Id<Conn>,
    before: (u64, u64),
    turns: u64,
}

impl World {
    fn new() -> Self {
        let mut machine = machine();
        for i in 0..SOCKETS {
            let id = connect(&mut machine, Role::Front);
            // A mask of zeros changes nothing.
            let head = [0x81, 0x80 | SUBSCRIBE.len() as u8, 0, 0, 0, 0];
            machine.recv(id, &[HANDSHAKE.as_bytes(), &head, SUBSCRIBE].concat(), NOW);
            if i % TURN == 0 {
                settle(&mut machine);
            }
        }
        settle(&mut machine);
        let before = figures(&mut machine);
        let publisher = connect(&mut machine, Role::Admin);
        Self { machine, publisher, before, turns: 0 }
    }

    fn publish(&mut self, n: u64) {
        let text = format!("{n}+") + &"again+and+".repeat(100);
        let request = format!("GET /push?cname=room&content={text} HTTP/1.1\r\nHost: x\r\n\r\n");
        self.machine.recv(self.publisher, request.as_bytes(), NOW);
    }

    /// A hundred deliveries; a second passes by. True if there is more to do.
    fn turn(&mut self) -> bool {
        let more = self.machine.pump(100, NOW);
        drain(&mut self.machine);
        self.turns += 1;
        self.machine.set_date(Date::from_unix(1_700_000_000 + self.turns));
        more
    }

    fn hand_out(&mut self) {
        while self.turn() {}
    }

    fn check(mut self, messages: u64) {
        let after = figures(&mut self.machine);
        assert!(self.turns > 150, "{} turns", self.turns);
        assert_eq!(after.0 - self.before.0, messages * SOCKETS as u64);
        assert_eq!(after.1 - self.before.1, messages);
    }
}

/// Deliveries and compressions.
fn figures(machine: &mut Machine) -> (u64, u64) {
    let counters = machine.counters();
    (counters.delivered, counters.frames_deflated)
}
