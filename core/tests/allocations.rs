//! Handing a message to those who listen by streams and sockets allocates nothing for each of them: what is allocated is the message's.
#[allow(dead_code, reason = "what measures the core uses more of it")]
#[path = "../../benches/machine/mod.rs"]
mod machine;

use std::alloc::System;

use machine::{NOW, connect, machine, push, settle, subscribe};
use rcomet_core::{Machine, Role};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const LISTENERS: usize = 1_000;
const MESSAGES: usize = 20;
/// What the publisher's request, the message and its frame may take together.
const OF_A_MESSAGE_MAX: usize = 50;

/// Allocations for the messages that everybody there is handed.
fn allocations(machine: &mut Machine) -> usize {
    let publisher = connect(machine, Role::Admin);
    // The tables have grown by then.
    for _ in 0..3 {
        push(machine, publisher, "room");
        settle(machine);
    }
    let delivered = machine.counters().delivered;
    let region = Region::new(ALLOCATOR);
    for _ in 0..MESSAGES {
        push(machine, publisher, "room");
        settle(machine);
    }
    let change = region.change();
    assert_eq!(machine.counters().delivered - delivered, (LISTENERS * MESSAGES) as u64);
    change.allocations + change.reallocations
}

fn streams(target: &str) -> Machine {
    let mut machine = machine();
    subscribe(&mut machine, target, LISTENERS);
    machine
}

fn sockets(extensions: &str) -> Machine {
    const SUBSCRIBE: &[u8] = br#"{"type":"subscribe","channel":"room"}"#;
    let handshake = format!(
        "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extensions}\r\n"
    );
    // A mask of zeros changes nothing.
    let head = [0x81, 0x80 | SUBSCRIBE.len() as u8, 0, 0, 0, 0];
    let mut machine = machine();
    for _ in 0..LISTENERS {
        let id = connect(&mut machine, Role::Front);
        machine.recv(id, &[handshake.as_bytes(), &head, SUBSCRIBE].concat(), NOW);
        settle(&mut machine);
    }
    machine
}

// One test: whoever allocates beside it would be counted.
#[test]
fn none_for_each_listener() {
    let kinds = [
        ("icomet's stream", streams("/stream?cname=room")),
        ("event streams", streams("/sse?cname=room")),
        ("native event streams", streams("/events?channel=room")),
        ("WebSockets", sockets("")),
        ("compressed WebSockets", sockets("Sec-WebSocket-Extensions: permessage-deflate\r\n")),
    ];
    for (kind, mut machine) in kinds {
        let found = allocations(&mut machine);
        assert!(
            found <= MESSAGES * OF_A_MESSAGE_MAX,
            "{kind}: {found} for {MESSAGES} messages to {LISTENERS}"
        );
    }
}
