//! One message for ten thousand Bayeux sessions on one channel: what it says is written once, and copied for none of them.
#[allow(dead_code, reason = "what measures the core uses more of it")]
#[path = "../../benches/machine/mod.rs"]
mod machine;

use std::alloc::System;

use machine::{NOW, TURN, connect, drain, machine, session, settle, talk};
use rcomet_core::{Machine, Role};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SESSIONS: usize = 10_000;
/// Of `data`: a copy for each would be half a gigabyte.
const BYTES: usize = 50_000;
/// What may be allocated for each: the block in which its head and its reply stand, and a little more.
const OWN_MAX: usize = 5_000;

/// How they ask for what there is.
#[derive(Clone, Copy, Debug)]
enum Way {
    Post,
    Script,
    Socket,
}

/// A session that waits for what is published.
fn wait(machine: &mut Machine, way: Way, acks: bool, name: &str) {
    let (id, client) = session(machine, acks, &[name]);
    let ext = if acks { r#","ext":{"ack":0}"# } else { "" };
    let message = format!(r#"{{"channel":"/meta/connect","id":"7","clientId":"{client}"{ext}}}"#);
    match way {
        Way::Post => talk(machine, id, &message),
        Way::Script => {
            let request =
                format!("GET /cometd?jsonp=f&message={message} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            machine.recv(id, request.as_bytes(), NOW);
        }
        Way::Socket => {
            let head = "GET /cometd HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            let id = connect(machine, Role::Front);
            // A mask of zeros changes nothing.
            let frame = [0x81, 0x80 | message.len() as u8, 0, 0, 0, 0];
            assert!(message.len() < 126);
            machine.recv(id, &[head.as_bytes(), &frame, message.as_bytes()].concat(), NOW);
        }
    }
}

// One test: whoever allocates beside it would be counted.
#[test]
fn what_all_hear_is_copied_for_none() {
    for (way, acks, name) in [
        (Way::Post, false, "/room"),
        (Way::Post, true, "/room"),
        (Way::Post, false, "/*"),
        (Way::Script, true, "/room"),
        (Way::Socket, false, "/room"),
        (Way::Socket, true, "/**"),
    ] {
        let mut machine = machine();
        for n in 0..SESSIONS {
            wait(&mut machine, way, acks, name);
            if n % TURN == 0 {
                settle(&mut machine);
            }
        }
        settle(&mut machine);
        let publisher = connect(&mut machine, Role::Admin);
        let data = format!(r#"{{"text":"{}","more":[1,{{}}]}}"#, "x".repeat(BYTES));
        let message = format!(r#"{{"channel":"/room","data":{data}}}"#);
        let (before, delivered) = (machine.memory(), machine.counters().delivered);
        let region = Region::new(ALLOCATOR);
        talk(&mut machine, publisher, &message);
        // Nobody takes anything yet: all answers are on their way at once.
        while machine.pump(4096, NOW) {}
        let change = region.change();
        let allocated = change.bytes_allocated + change.bytes_reallocated.unsigned_abs();
        let what = format!("{way:?}, acknowledged: {acks}, {name}");
        assert_eq!(machine.counters().delivered - delivered, SESSIONS as u64, "{what}");
        let frames = machine.memory().frames_bytes - before.frames_bytes;
        assert!((BYTES..2 * BYTES).contains(&frames), "{what}: {frames} bytes of frames");
        assert!(allocated < SESSIONS * OWN_MAX, "{what}: {} bytes for each", allocated / SESSIONS);
        assert!(drain(&mut machine) > SESSIONS * BYTES, "{what}: everybody gets it whole");
        assert_eq!(machine.memory().frames_bytes, before.frames_bytes, "{what}: and it is given back");
    }
}
