//! What the core costs without sockets: delivery, memory, timers, and whether a large channel is felt by a small one.
//! Prints figures; asserts nothing about time. `cargo bench --bench core`, or with a part's name behind `--`.
#[path = "machine/journal.rs"]
mod journal;
#[path = "machine/mod.rs"]
mod machine;
#[path = "machine/tokens.rs"]
mod tokens;

use std::time::{Duration, Instant};

use machine::{NOW, TURN, connect, drain, machine, push, session, settle, subscribe, take, talk};
use rcomet_core::arena::Id;
use rcomet_core::time::Moment;
use rcomet_core::wheel::Wheel;
use rcomet_core::{Conn, Machine, Role, Todo};

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let parts: [(&str, fn()); 11] = [
        ("delivery", delivery),
        ("websocket", websocket),
        ("publish", publish),
        ("fairness", fairness),
        ("timers", timers),
        ("memory", memory),
        ("sessions", sessions),
        ("wires", wires),
        ("patterns", patterns),
        ("tokens", tokens::tokens),
        ("journal", journal::journal),
    ];
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            println!("## {name}");
            part();
            println!();
        }
    }
}

/// Connects WebSockets that say this, if anything, and have been answered.
fn websockets(machine: &mut Machine, extensions: &str, message: &str, n: usize) -> Vec<Id<Conn>> {
    let mut request = format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extensions}\r\n"
    )
    .into_bytes();
    if !message.is_empty() {
        // A mask of zeros changes nothing.
        request.extend_from_slice(&[0x81, 0x80 | message.len() as u8, 0, 0, 0, 0]);
        request.extend_from_slice(message.as_bytes());
    }
    let mut ids = Vec::with_capacity(n);
    for i in 0..n {
        let id = connect(machine, Role::Front);
        machine.recv(id, &request, NOW);
        ids.push(id);
        if i % TURN == 0 {
            settle(machine);
        }
    }
    settle(machine);
    ids
}

const SUBSCRIBE: &str = r#"{"type":"subscribe","channel":"room"}"#;
const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

/// How many times something is delivered for a figure.
const DELIVERIES: usize = 9;

/// The median of some rounds, with the least and the most.
fn rounds(n: usize, mut round: impl FnMut() -> f64) -> String {
    let mut got: Vec<f64> = (0..n).map(|_| round()).collect();
    got.sort_by(f64::total_cmp);
    format!("{:8.1} (min {:.1}, max {:.1})", got[n / 2], got[0], got[n - 1])
}

/// The same of deliveries to so many: what pumping takes, and all of it with what is taken, in nanoseconds for each of them. And the
/// bytes taken in all rounds. `set_up` has something published, and is not counted.
fn deliveries(machine: &mut Machine, n: usize, mut set_up: impl FnMut(&mut Machine)) -> (String, usize) {
    let (mut whole, mut bytes) = (Vec::with_capacity(DELIVERIES), 0);
    let core = rounds(DELIVERIES, || {
        set_up(machine);
        let (start, mut pumping) = (Instant::now(), Duration::ZERO);
        loop {
            let turn = Instant::now();
            let more = machine.pump(4096, NOW);
            pumping += turn.elapsed();
            bytes += drain(machine);
            if !more {
                break;
            }
        }
        whole.push(start.elapsed().as_nanos() as f64 / n as f64);
        pumping.as_nanos() as f64 / n as f64
    });
    whole.sort_by(f64::total_cmp);
    (format!("core {core}   with take {:8.1}", whole[DELIVERIES / 2]), bytes)
}

fn delivery() {
    println!(
        "nanoseconds a subscriber for one message of 100 bytes; core: pump only; with take: transmit and sent too"
    );
    for (what, target) in [
        ("stream", "/stream?cname=room&seq=1"),
        ("sse", "/sse?cname=room&seq=1"),
        ("poll", "/sub?cname=room&seq=1"),
        ("jsonp poll", "/sub?cname=room&seq=1&cb=icomet_cb_0"),
    ] {
        for n in [1_000, 100_000] {
            let polls = what.ends_with("poll");
            let mut machine = machine();
            let ids = subscribe(&mut machine, target, n);
            let publisher = connect(&mut machine, Role::Admin);
            let mut seq = 0;
            let (figures, _) = deliveries(&mut machine, n, |machine| {
                seq += 1;
                if polls && seq > 1 {
                    let again = target.replace("seq=1", &format!("seq={seq}"));
                    let request = format!("GET {again} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
                    for (i, id) in ids.iter().enumerate() {
                        machine.recv(*id, request.as_bytes(), NOW);
                        if i % TURN == 0 {
                            settle(machine);
                        }
                    }
                    settle(machine);
                }
                push(machine, publisher, "room");
            });
            println!("{what:>12} x {n:>7}: {figures}");
        }
    }
}

fn websocket() {
    const N: usize = 100_000;
    println!("nanoseconds a WebSocket of 100,000 for one message; with take: transmit and sent too");
    for (what, extensions, size) in [
        ("plain, 100 bytes", "", 100),
        ("plain, 1,000 bytes", "", 1_000),
        ("deflate, 100 bytes", DEFLATE, 100),
        ("deflate, 1,000 bytes", DEFLATE, 1_000),
    ] {
        let mut machine = machine();
        websockets(&mut machine, extensions, SUBSCRIBE, N);
        let publisher = connect(&mut machine, Role::Admin);
        let content = "some words, and others ".repeat(size / 23 + 1);
        let target = format!("/push?cname=room&content={}", content[..size].replace(' ', "+"));
        let before = machine.counters().frames_deflated;
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let (figures, bytes) =
            deliveries(&mut machine, N, |machine| machine.recv(publisher, request.as_bytes(), NOW));
        println!(
            "{what:>20}: {figures}   {} bytes each, compressions a message: {:.1}",
            bytes / DELIVERIES / N,
            (machine.counters().frames_deflated - before) as f64 / DELIVERIES as f64,
        );
    }
}

fn publish() {
    println!("nanoseconds a publish of 100 bytes, from the bytes of the request to the bytes of the answer");
    for pipelined in [1, 16] {
        let mut machine = machine();
        let publisher = connect(&mut machine, Role::Admin);
        let one =
            format!("GET /push?cname=room&content={} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(100));
        let request = one.repeat(pipelined);
        let figure = rounds(9, || {
            let times = 20_000 / pipelined;
            let start = Instant::now();
            for i in 0..times {
                machine.recv(publisher, request.as_bytes(), NOW);
                drain(&mut machine);
                if i * pipelined % TURN < pipelined {
                    machine.pump(512, NOW);
                }
            }
            let figure = start.elapsed();
            assert!(machine.counters().published >= (times * pipelined) as u64, "nothing was put off");
            figure.as_nanos() as f64 / (times * pipelined) as f64
        });
        println!("pipelined by {pipelined:>2}: {figure}");
    }
}

fn sessions() {
    println!("nanoseconds a Bayeux session, whose connect waits, for one message of 100 bytes");
    for n in [1_000, 10_000] {
        let mut machine = machine();
        let all: Vec<_> = (0..n).map(|_| session(&mut machine, false, &["/room"])).collect();
        let publisher = connect(&mut machine, Role::Admin);
        let (figures, _) = deliveries(&mut machine, n, |machine| {
            for (i, (id, client)) in all.iter().enumerate() {
                let message =
                    format!("{{\"channel\":\"/meta/connect\",\"id\":\"7\",\"clientId\":\"{client}\"}}");
                talk(machine, *id, &message);
                if i % TURN == 0 {
                    settle(machine);
                }
            }
            settle(machine);
            push(machine, publisher, "/room");
        });
        assert!(machine.counters().delivered >= (DELIVERIES * n) as u64);
        println!("x {n:>6}: {figures}");
    }
}

fn wires() {
    println!("nanoseconds a Bayeux session on a WebSocket, for one message of 100 bytes");
    for (what, extensions) in [("plain", ""), ("deflate", DEFLATE)] {
        for n in [1_000, 10_000] {
            let mut machine = machine();
            let handshake = format!(
                "GET /cometd HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extensions}\r\n"
            );
            for i in 0..n {
                let (_, client) = session(&mut machine, false, &["/room"]);
                let id = connect(&mut machine, Role::Front);
                machine.recv(id, handshake.as_bytes(), NOW);
                let connect =
                    format!("{{\"channel\":\"/meta/connect\",\"id\":\"7\",\"clientId\":\"{client}\"}}");
                // A mask of zeros changes nothing.
                let head = [0x81, 0x80 | connect.len() as u8, 0, 0, 0, 0];
                machine.recv(id, &[&head, connect.as_bytes()].concat(), NOW);
                if i % TURN == 0 {
                    settle(&mut machine);
                }
            }
            settle(&mut machine);
            let publisher = connect(&mut machine, Role::Admin);
            let (figures, _) = deliveries(&mut machine, n, |machine| push(machine, publisher, "/room"));
            assert_eq!(machine.counters().delivered, (DELIVERIES * n) as u64);
            println!("{what:>8} x {n:>6}: {figures}");
        }
    }
}

fn patterns() {
    println!(
        "nanoseconds a publish to /a/b/c, with so many pattern subscriptions that do not match, and with one that does"
    );
    for n in [0, 1_000, 100_000] {
        let mut machine = machine();
        let names: Vec<String> = (0..n).map(|i| format!("/other/{i}/**")).collect();
        for chunk in names.chunks(100) {
            let names: Vec<&str> = chunk.iter().map(String::as_str).collect();
            session(&mut machine, false, &names);
        }
        let publisher = connect(&mut machine, Role::Admin);
        let figure = |machine: &mut Machine, turn: usize| {
            rounds(9, || {
                let start = Instant::now();
                for i in 0..10_000 {
                    push(machine, publisher, "/a/b/c");
                    drain(machine);
                    if i % turn == 0 {
                        machine.pump(512, NOW);
                    }
                }
                start.elapsed().as_nanos() as f64 / 10_000.0
            })
        };
        let none = figure(&mut machine, TURN);
        session(&mut machine, false, &["/a/b/*"]);
        println!("{n:>7}: matched by none {none}   by one {}", figure(&mut machine, 128));
    }
}

fn fairness() {
    println!(
        "microseconds from a publish to a channel of ten until all ten have it, while another channel of 100,000"
    );
    println!(
        "is (busy) or is not (quiet) being delivered to. Its cost: with turns of ten visits; what a subscriber"
    );
    println!("feels: with turns of 512, as the daemon's, of which the large channel takes what is left");
    let mut machine = machine();
    subscribe(&mut machine, "/stream?cname=large&seq=1", 100_000);
    let small = subscribe(&mut machine, "/stream?cname=small&seq=1", 10);
    let publisher = connect(&mut machine, Role::Admin);
    for (budget, busy) in [(10, false), (10, true), (512, false), (512, true)] {
        let figure = rounds(201, || {
            settle(&mut machine);
            if busy {
                push(&mut machine, publisher, "large");
                machine.pump(512, NOW);
                drain(&mut machine);
            }
            let start = Instant::now();
            push(&mut machine, publisher, "small");
            let mut served = 0;
            while served < small.len() {
                machine.pump(budget, NOW);
                while let Some(todo) = machine.next_todo() {
                    if let Todo::Write(id) = todo {
                        take(&mut machine, id);
                        served += usize::from(small.contains(&id));
                    }
                }
            }
            start.elapsed().as_nanos() as f64 / 1_000.0
        });
        println!("turns of {budget:>3}, {:>5}: {figure}", if busy { "busy" } else { "quiet" });
    }
}

fn timers() {
    println!("nanoseconds a timer, for a million of 30 seconds spread over 5 seconds");
    const N: u64 = 1_000_000;
    let mut wheel = Wheel::default();
    let per = |start: Instant| start.elapsed().as_nanos() as f64 / N as f64;
    let start = Instant::now();
    for i in 0..N {
        wheel.arm(Moment(30_000 + i * 5_000 / N), i as u32);
    }
    println!("  armed: {:6.1}", per(start));
    // A timer is moved by its owner's deadline: the entry fires and is armed again for later.
    let (mut fired, mut moved, mut gone) = (Vec::new(), 0u64, 0u64);
    let start = Instant::now();
    let mut now = 0;
    while gone < N {
        now += 10;
        wheel.advance(Moment(now), &mut fired);
        for key in fired.drain(..) {
            if now < 40_000 {
                wheel.arm(Moment(now + 30_000), key);
                moved += 1;
            } else {
                gone += 1;
            }
        }
    }
    println!("  fired and armed again ({moved}), then fired ({gone}): {:6.1}", per(start) / 2.0);
}

fn memory() {
    const N: usize = 1_000_000;
    println!(
        "bytes a parked connection, a million of them; resident: what the process grew by, as the kernel counts"
    );
    for (what, target) in [
        ("poll", "/sub?cname=room&seq=1"),
        ("jsonp poll", "/sub?cname=room&seq=1&cb=icomet_cb_0"),
        ("stream", "/stream?cname=room&seq=1"),
    ] {
        let before = resident();
        let mut machine = machine();
        let ids = subscribe(&mut machine, target, N);
        let grown = resident().saturating_sub(before).saturating_sub(ids.capacity() * size_of::<Id<Conn>>());
        let counted = machine.memory();
        println!(
            "{what:>12}: resident {:6.1}   tables counted {:6.1}   (Conn {} bytes)",
            grown as f64 / N as f64,
            counted.tables_bytes as f64 / N as f64,
            size_of::<Conn>(),
        );
    }
    for (what, extensions, message) in [
        ("idle WebSocket", "", ""),
        ("subscribed WebSocket", "", SUBSCRIBE),
        ("the same, deflate", DEFLATE, SUBSCRIBE),
    ] {
        let before = resident();
        let mut machine = machine();
        let ids = websockets(&mut machine, extensions, message, N);
        let grown = resident().saturating_sub(before).saturating_sub(ids.capacity() * size_of::<Id<Conn>>());
        let (all, tables) = (grown as f64 / N as f64, machine.memory().tables_bytes as f64 / N as f64);
        println!("{what:>20}: resident {all:6.1}   tables counted {tables:6.1}");
    }
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    pages * 4096
}
