//! A message to 5,000 WebSockets with permessage-deflate is compressed once, however many turns it takes to hand it out.
#[allow(dead_code, reason = "what measures the core uses more of it")]
#[path = "../../benches/machine/mod.rs"]
mod machine;

use machine::{NOW, TURN, connect, drain, machine, push, settle};
use rcomet_core::Role;

const SOCKETS: usize = 5_000;
const MESSAGES: u64 = 7;
const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const SUBSCRIBE: &[u8] = br#"{"type":"subscribe","channel":"room"}"#;

#[test]
fn one_compression_a_message() {
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
    let before = *machine.counters();
    let publisher = connect(&mut machine, Role::Admin);
    let mut turns = 0;
    for _ in 0..MESSAGES {
        push(&mut machine, publisher, "room");
        while machine.pump(100, NOW) {
            drain(&mut machine);
            turns += 1;
        }
        drain(&mut machine);
    }
    let after = *machine.counters();
    assert!(turns > 300, "{turns} turns");
    assert_eq!(after.delivered - before.delivered, MESSAGES * SOCKETS as u64);
    assert_eq!(after.frames_deflated - before.frames_deflated, MESSAGES);
}
