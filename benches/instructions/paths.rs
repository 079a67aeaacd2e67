//! Instructions on the core's hot paths, as valgrind counts them: the same on a busy machine and on a quiet one.
//! Run by `make instructions`, which compares them with `baseline.toml`.
use gungraun::prelude::*;
use rcomet_core::arena::Id;
use rcomet_core::{Conn, Machine, Role};
use rcomet_instructions::{NOW, connect, drain, machine, push, session, settle, subscribe};

/// Subscribers, and requests: a figure for one is a thousandth of what is counted.
const MANY: usize = 1_000;

/// A core, the publisher, its subscribers, and the request with which they come back.
struct Room {
    machine: Machine,
    publisher: Id<Conn>,
    subscribers: Vec<Id<Conn>>,
    again: Vec<u8>,
}

/// Everybody listens, and one message has gone to all, so that what is made at the first time is there.
fn room(target: &str) -> Room {
    let mut machine = machine();
    let subscribers = subscribe(&mut machine, &format!("{target}&seq=1"), MANY);
    let publisher = connect(&mut machine, Role::Admin);
    let again = |seq| {
        format!("GET {target}&seq={seq} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n").into_bytes()
    };
    push(&mut machine, publisher, "room");
    settle(&mut machine);
    let mut room = Room { machine, publisher, subscribers, again: again(2) };
    if target.starts_with("/sub") {
        ask_again(&mut room);
        room.again = again(3);
    }
    room
}

fn ask_again(room: &mut Room) {
    for &id in &room.subscribers {
        room.machine.recv(id, &room.again, NOW);
    }
    settle(&mut room.machine);
}

fn empty(target: &str) -> Room {
    let mut machine = machine();
    let publisher = connect(&mut machine, Role::Admin);
    let subscribers = (0..MANY).map(|_| connect(&mut machine, Role::Front)).collect();
    let again = format!("GET {target}&seq=1 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n").into_bytes();
    Room { machine, publisher, subscribers, again }
}

/// A publisher with a thousand requests, so many in each read.
fn publisher(pipelined: usize) -> (Room, Vec<u8>, usize) {
    let one = format!("GET /push?cname=room&content={} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(100));
    (room("/sse?cname=other"), one.repeat(pipelined).into_bytes(), MANY / pipelined)
}

/// The same request by request, to a channel beside ten thousand patterns that it does not match.
fn beside_patterns() -> (Room, Vec<u8>, usize) {
    let mut machine = machine();
    for session_n in 0..100 {
        let names: Vec<String> = (0..100).map(|n| format!("/other/{session_n}/{n}/**")).collect();
        session(&mut machine, false, &names.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let publisher = connect(&mut machine, Role::Admin);
    push(&mut machine, publisher, "/a/b/c");
    settle(&mut machine);
    let content = "x".repeat(100);
    let one = format!("GET /push?cname=/a/b/c&content={content} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    (Room { machine, publisher, subscribers: Vec::new(), again: Vec::new() }, one.into_bytes(), MANY)
}

/// Bayeux's clients, each with its next connect: it acknowledges the answer before, as `rcomet-sim` does.
struct Meeting {
    machine: Machine,
    publisher: Id<Conn>,
    connects: Vec<(Id<Conn>, Vec<u8>)>,
}

/// Everybody waits, and one message has gone to all, so that what is made at the first time is there.
fn meeting() -> Meeting {
    let mut machine = machine();
    let clients: Vec<_> = (0..MANY).map(|_| session(&mut machine, true, &["/room"])).collect();
    let publisher = connect(&mut machine, Role::Admin);
    let mut meeting = Meeting { machine, publisher, connects: Vec::new() };
    for ack in 0..3 {
        let connect = |(id, client): &(Id<Conn>, String)| (*id, bayeux_connect(client, ack));
        meeting.connects = clients.iter().map(connect).collect();
        if ack < 2 {
            ask_all(&mut meeting);
            tell_all(&mut meeting);
        }
    }
    meeting
}

/// The same when all wait.
fn waiting() -> Meeting {
    let mut meeting = meeting();
    ask_all(&mut meeting);
    meeting
}

fn bayeux_connect(client: &str, ack: u64) -> Vec<u8> {
    let message = format!(
        "[{{\"channel\":\"/meta/connect\",\"id\":\"3\",\"clientId\":\"{client}\",\
         \"connectionType\":\"long-polling\",\"ext\":{{\"ack\":{ack}}}}}]"
    );
    let head = "POST /bayeux HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{message}", message.len()).into_bytes()
}

fn ask_all(meeting: &mut Meeting) {
    for (id, connect) in &meeting.connects {
        meeting.machine.recv(*id, connect, NOW);
    }
    settle(&mut meeting.machine);
}

fn tell_all(meeting: &mut Meeting) {
    let content = "x".repeat(100);
    let message = format!("[{{\"channel\":\"/room\",\"data\":\"{content}\"}}]");
    let head = "POST /bayeux HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{message}", message.len());
    meeting.machine.recv(meeting.publisher, request.as_bytes(), NOW);
    settle(&mut meeting.machine);
}

#[library_benchmark]
#[bench::stream(args = ("/stream?cname=room"), setup = room)]
#[bench::sse(args = ("/sse?cname=room"), setup = room)]
#[bench::poll(args = ("/sub?cname=room"), setup = room)]
#[bench::jsonp(args = ("/sub?cname=room&cb=icomet_cb_0"), setup = room)]
fn delivery(mut room: Room) -> Room {
    push(&mut room.machine, room.publisher, "room");
    settle(&mut room.machine);
    room
}

#[library_benchmark]
#[bench::poll(args = ("/sub?cname=room"), setup = empty)]
#[bench::jsonp(args = ("/sub?cname=room&cb=icomet_cb_0"), setup = empty)]
#[bench::sse(args = ("/sse?cname=room"), setup = empty)]
fn subscription(mut room: Room) -> Room {
    ask_again(&mut room);
    room
}

// A newcomer is let in, and waits by its first request.
#[library_benchmark]
#[bench::poll(args = ("/sub?cname=room"), setup = empty)]
fn arrival(mut room: Room) -> Room {
    for _ in 0..MANY {
        let id = connect(&mut room.machine, Role::Front);
        room.machine.recv(id, &room.again, NOW);
    }
    settle(&mut room.machine);
    room
}

#[library_benchmark]
#[bench::connect(setup = meeting)]
fn bayeux_asked(mut meeting: Meeting) -> Meeting {
    ask_all(&mut meeting);
    meeting
}

#[library_benchmark]
#[bench::delivery(setup = waiting)]
fn bayeux_told(mut meeting: Meeting) -> Meeting {
    tell_all(&mut meeting);
    meeting
}

#[library_benchmark]
#[bench::one_by_one(args = (1), setup = publisher)]
#[bench::pipelined(args = (20), setup = publisher)]
#[bench::beside_patterns(setup = beside_patterns)]
fn publish((mut room, request, times): (Room, Vec<u8>, usize)) -> Room {
    for _ in 0..times {
        room.machine.recv(room.publisher, &request, NOW);
        room.machine.pump(512, NOW);
        drain(&mut room.machine);
    }
    room
}

library_benchmark_group!(
    name = paths,
    benchmarks = [delivery, subscription, arrival, bayeux_asked, bayeux_told, publish]
);
main!(library_benchmark_groups = paths);
