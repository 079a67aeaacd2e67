//! A message to 5,000 WebSockets with permessage-deflate is compressed once, however many turns it takes to hand it out.
#[allow(dead_code, reason = "what measures the core uses more of it")]
#[path = "../../benches/machine/mod.rs"]
mod machine;

use machine::{NOW, TURN, connect, drain, machine, settle};
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
    let figures = |machine: &mut rcomet_core::Machine| {
        let counters = machine.counters();
        (counters.delivered, counters.frames_deflated)
    };
    let before = figures(&mut machine);
    let publisher = connect(&mut machine, Role::Admin);
    let text = "again+and+".repeat(100);
    let request = format!("GET /push?cname=room&content={text} HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut turns = 0;
    for _ in 0..MESSAGES {
        machine.recv(publisher, request.as_bytes(), NOW);
        while machine.pump(100, NOW) {
            drain(&mut machine);
            turns += 1;
        }
        drain(&mut machine);
    }
    let after = figures(&mut machine);
    assert!(turns > 300, "{turns} turns");
    assert_eq!(after.0 - before.0, MESSAGES * SOCKETS as u64);
    assert_eq!(after.1 - before.1, MESSAGES);
}
