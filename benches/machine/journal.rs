//! What it costs that histories outlive the server: lines written for each publish, and read at the start.
use std::time::Instant;

use rcomet_core::Role;
use rcomet_core::journal::{Ending, First, Line};

use super::machine::{NOW, connect, drain, machine};
use super::rounds;

pub fn journal() {
    println!("nanoseconds a publish of 100 bytes, without a journal and with its line");
    let request =
        format!("GET /push?cname=room&content={} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(100));
    const TIMES: usize = 20_000;
    for keeps in [false, true] {
        let mut machine = machine();
        let publisher = connect(&mut machine, Role::Admin);
        if keeps {
            machine.keep_journal();
        }
        let mut text = Vec::new();
        let figure = rounds(9, || {
            let start = Instant::now();
            for i in 0..TIMES {
                machine.recv(publisher, request.as_bytes(), NOW);
                if keeps {
                    text.clear();
                    machine.write_entries(&mut text);
                }
                drain(&mut machine);
                if i % 512 == 0 {
                    machine.pump(512, NOW);
                }
            }
            start.elapsed().as_nanos() as f64 / TIMES as f64
        });
        println!("{}: {figure}", if keeps { "with a line" } else { "without    " });
    }
    println!("nanoseconds a message that is put back, of 100,000 in 1,000 channels");
    let mut before = machine();
    let mut text = Vec::new();
    before.journal_first(0, false).write(&mut text);
    before.keep_journal();
    let publisher = connect(&mut before, Role::Admin);
    const MESSAGES: usize = 100_000;
    for n in 0..MESSAGES {
        let request = format!(
            "GET /push?cname=room{}&content={} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            n % 1_000,
            "x".repeat(100)
        );
        before.recv(publisher, request.as_bytes(), NOW);
        drain(&mut before);
        before.pump(512, NOW);
    }
    before.write_entries(&mut text);
    println!("bytes a line: {}", text.len() / MESSAGES);
    let figure = rounds(5, || {
        let mut after = machine();
        let start = Instant::now();
        let mut lines = text.split_inclusive(|byte| *byte == b'\n');
        after.begin_replay(&First::read(lines.next().unwrap_or_default()).expect("it was written here"));
        for line in lines {
            if let Ok(Line::Entry(entry)) = Line::read(line) {
                after.replay(entry).expect("there is room");
            }
        }
        let replayed = after.end_replay(Ending::Whole).expect("there is room");
        assert_eq!((replayed.channels, replayed.messages), (1_000, MESSAGES));
        start.elapsed().as_nanos() as f64 / MESSAGES as f64
    });
    println!("put back: {figure}");
}
