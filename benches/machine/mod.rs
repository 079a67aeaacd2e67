//! A core with people in it, and somebody who plays the shell.
//! Knows nothing of what is measured.
use std::hint::black_box;
use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr};

use rcomet_core::arena::Id;
use rcomet_core::chance::Chance;
use rcomet_core::time::{Date, Moment};
use rcomet_core::{Config, Conn, Machine, Role, Todo};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// It is always the same moment.
pub const NOW: Moment = Moment(1_000);

/// Requests between two turns' work: less than the server serves in one turn, so that none is put off.
pub const TURN: usize = 512;

pub fn machine() -> Machine {
    let mut config = Config::default();
    config.limits.connections_max = 2_000_000;
    config.limits.subscribers_per_channel_max = 2_000_000;
    config.limits.memory_bytes_max = 16 << 30;
    Machine::new(config, Box::new(Chance::from_seed(1)), NOW, Date::from_unix(1_795_219_200))
}

pub fn connect(machine: &mut Machine, role: Role) -> Id<Conn> {
    machine.open(role, HERE, NOW).expect("there is room")
}

pub fn subscribe(machine: &mut Machine, target: &str, n: usize) -> Vec<Id<Conn>> {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
    let mut ids = Vec::with_capacity(n);
    for i in 0..n {
        let id = connect(machine, Role::Front);
        machine.recv(id, request.as_bytes(), NOW);
        ids.push(id);
        if i % TURN == 0 {
            settle(machine);
        }
    }
    settle(machine);
    ids
}

pub fn settle(machine: &mut Machine) {
    loop {
        let more = machine.pump(4096, NOW);
        drain(machine);
        if !more {
            return;
        }
    }
}

/// Takes everything that waits, as a kernel with room would.
pub fn drain(machine: &mut Machine) -> usize {
    let mut bytes = 0;
    while let Some(todo) = machine.next_todo() {
        match todo {
            Todo::Write(id) => bytes += take(machine, id),
            Todo::Close(id) => machine.closed(id),
            Todo::Read(_) | Todo::Shutdown(_) | Todo::Hook(_) | Todo::Unhook(_) => {}
            Todo::Reload(_) | Todo::Stop | Todo::Save => {}
        }
    }
    bytes
}

pub fn take(machine: &mut Machine, id: Id<Conn>) -> usize {
    let mut iov = [IoSlice::new(&[]); 16];
    let n = machine.transmit(id, &mut iov);
    let bytes = iov[..n].iter().map(|s| black_box(s).len()).sum();
    machine.sent(id, bytes, NOW);
    bytes
}

pub fn push(machine: &mut Machine, publisher: Id<Conn>, channel: &str) {
    let content = "x".repeat(100);
    let request = format!("GET /push?cname={channel}&content={content} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    machine.recv(publisher, request.as_bytes(), NOW);
}

/// Sends a Bayeux message and reads what comes of it.
pub fn talk(machine: &mut Machine, id: Id<Conn>, message: &str) {
    let head = "POST /cometd HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{message}", message.len());
    machine.recv(id, request.as_bytes(), NOW);
}

/// A Bayeux session with these subscriptions, of a client that acknowledges what it gets or does not.
pub fn session(machine: &mut Machine, acknowledges: bool, names: &[&str]) -> (Id<Conn>, String) {
    let id = connect(machine, Role::Front);
    let ext = if acknowledges { ",\"ext\":{\"ack\":true}" } else { "" };
    talk(machine, id, &format!("{{\"channel\":\"/meta/handshake\",\"version\":\"1.0\"{ext}}}"));
    let mut iov = [IoSlice::new(&[]); 16];
    let n = machine.transmit(id, &mut iov);
    let answer: Vec<u8> = iov[..n].iter().flat_map(|s| s.to_vec()).collect();
    let answer = String::from_utf8(answer).expect("text");
    let (_, behind) = answer.split_once("\"clientId\":\"").expect("an id");
    let client = behind[..32].to_owned();
    machine.sent(id, answer.len(), NOW);
    let names = names.join("\",\"");
    let message = format!(
        "{{\"channel\":\"/meta/subscribe\",\"clientId\":\"{client}\",\"subscription\":[\"{names}\"]}}"
    );
    talk(machine, id, &message);
    settle(machine);
    (id, client)
}
