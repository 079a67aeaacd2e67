//! How a WebSocket lives and ends: signs of life, closes on either side, stalls, the way out, and what is given back.
use rcomet_core::{Config, Role};

use super::support::Server;
use super::websocket::{HANDSHAKE, Socket, close, frame, text};
use super::{config, server};

const PING: &[u8] = &[0x89, 0x00];

#[test]
fn whoever_is_silent_is_asked_and_whoever_stays_silent_is_cut() {
    let mut server = server();
    let (dead, alive) = (Socket::open(&mut server), Socket::open(&mut server));
    server.pass_ms(29_000);
    alive.ask(&mut server, r#"{"type":"ping"}"#);
    server.pass_ms(1_100);
    assert_eq!(server.received_bytes(dead.0), PING);
    assert!(server.received_bytes(alive.0).is_empty(), "it has given a sign of life");
    server.pass_ms(15_000);
    assert!(!server.is_closed(dead.0));
    server.pass_ms(5_000);
    assert!(server.is_closed(dead.0) && server.received_bytes(dead.0).is_empty());
    for _ in 0..20 {
        server.pass_ms(10_000);
        if server.received_bytes(alive.0) == PING {
            alive.send(&mut server, frame(0x8a, b""));
        }
        assert!(!server.is_closed(alive.0));
    }
    assert_eq!(server.machine.counters().websocket_pongs_missed, 1);
    let mut never = Server::new(config(|c| c.websocket.ping_ms = 0));
    let socket = Socket::open(&mut never);
    never.pass_ms(10_000_000);
    assert!(never.received_bytes(socket.0).is_empty() && !never.is_closed(socket.0));
}

#[test]
fn a_close_is_answered_and_ends_the_connection() {
    let mut server = server();
    for (sent, want) in [
        (close(1000), 1000),
        (close(1001), 1001),
        (close(3000), 3000),
        (frame(0x88, b""), 0),
        (frame(0x88, b"\x03\xe8bye"), 1000),
        (frame(0x88, b"\x03"), 1002),
        (close(1005), 1002),
        (close(999), 1002),
        (frame(0x88, &[3, 232, 0xff]), 1007),
    ] {
        let socket = Socket::open(&mut server);
        socket.send(&mut server, [sent, text("not heard any more")].concat());
        assert_eq!(socket.closed_with(&mut server), want);
        assert!(server.is_shut(socket.0) && !server.is_closed(socket.0), "the peer may end first");
        server.finish_sending(socket.0);
        assert!(server.is_closed(socket.0));
    }
    assert!(server.machine.is_pristine());
}

#[test]
fn whoever_does_not_end_after_a_close_is_cut() {
    let mut server = server();
    let socket = Socket::open(&mut server);
    socket.send(&mut server, close(1000));
    server.pass_ms(1_900);
    socket.send(&mut server, [0; 1000]);
    assert!(!server.is_closed(socket.0));
    server.pass_ms(200);
    assert!(server.is_closed(socket.0));
}

#[test]
fn what_came_before_the_end_is_answered() {
    let mut server = server();
    let socket = Socket::open(&mut server);
    socket.say(&mut server, r#"{"type":"subscribe","channel":"open.a"}"#);
    server.send_in_this_turn(socket.0, text(r#"{"type":"publish","channel":"open.a","data":"1","id":1}"#));
    server.finish_sending(socket.0);
    let heard = socket.heard(&mut server);
    assert!(heard[1].contains("published"), "{heard:?}");
    assert!(server.is_closed(socket.0));
    assert_eq!(server.machine.load().1, 0);
}

#[test]
fn on_the_way_out_everybody_is_told_and_may_answer() {
    let mut server = server();
    let sockets: Vec<Socket> = (0..4).map(|_| Socket::open(&mut server)).collect();
    for socket in &sockets {
        socket.ask(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    }
    server.clog(sockets[2].0, true);
    server.push("a", "last");
    server.machine.drain(server.now);
    server.turn();
    for socket in [sockets[0], sockets[1], sockets[3]] {
        let got = socket.hear(&mut server);
        assert_eq!(got.len(), 2);
        assert!(got[0].text().contains("\"last\""), "what waits comes first");
        assert_eq!(got[1].close().0, 1001);
        assert!(!server.is_shut(socket.0));
    }
    assert_eq!(server.machine.load().1, 0, "nobody subscribes any more");
    sockets[0].send(&mut server, [text("{}"), close(1001)].concat());
    assert!(server.is_shut(sockets[0].0) && server.received_bytes(sockets[0].0).is_empty());
    server.finish_sending(sockets[0].0);
    server.vanish(sockets[1].0);
    server.clog(sockets[2].0, false);
    assert_eq!(sockets[2].hear(&mut server).last().expect("a close").close().0, 1001);
    let late = server.connect(Role::Front);
    server.send(late, format!("GET /ws HTTP/1.1\r\n{HANDSHAKE}\r\n"));
    assert!(server.received(late).starts_with("HTTP/1.1 503 "));
    server.vanish(late);
    server.pass_ms(2_100);
    server.pass_ms(2_100);
    assert_eq!(server.machine.connections(), 0);
    assert_eq!(server.machine.counters().websocket_closes_unanswered, 2);
    assert!(server.machine.is_pristine());
}

#[test]
fn another_configuration_keeps_everybody() {
    let mut server = server();
    let socket = Socket::open(&mut server);
    socket.ask(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    let mut other = Config::default();
    other.websocket.enabled = false;
    other.websocket.message_bytes_max = 100;
    server.machine.reconfigure(other);
    server.turn();
    server.push("a", "1");
    assert_eq!(socket.hear(&mut server).len(), 1);
    socket.send(&mut server, text(&"x".repeat(101)));
    assert_eq!(socket.closed_with(&mut server), 1009);
}

#[test]
fn a_peer_that_takes_nothing_is_cut_and_gives_everything_back() {
    let mut server = Server::new(config(|c| {
        c.websocket.echo = true;
        c.limits.outbox_bytes_max = 1_000;
    }));
    let socket = Socket::open(&mut server);
    socket.ask(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    server.clog(socket.0, true);
    server.push("a", "1");
    server.pass_ms(61_000);
    assert!(server.is_closed(socket.0));
    assert_eq!((server.machine.counters().stalled_closed, server.machine.load().1), (1, 0));
    // An echo of more and more to somebody who takes nothing: reading stops, and nothing grows.
    let (socket, _) = Socket::open_with(&mut server, "/echo", "");
    server.clog(socket.0, true);
    for _ in 0..1_000 {
        socket.send(&mut server, text(&"x".repeat(500)));
    }
    let memory = server.machine.memory();
    assert!(memory.blocks_bytes < 200_000, "{memory:?}");
    server.clog(socket.0, false);
    assert_eq!(socket.hear(&mut server).len(), 1_000, "and all of it is answered when there is room");
    server.clog(socket.0, true);
    socket.send(&mut server, text("x"));
    socket.send(&mut server, &frame(0x01, &[b'x'; 500])[..300]);
    server.pass_ms(61_000);
    assert!(server.is_closed(socket.0));
    assert!(server.machine.is_pristine());
}

#[test]
fn publishers_wait_for_listeners_here_too() {
    let mut server = Server::new(config(|c| {
        c.limits.history_bytes_max = 20_000;
        c.limits.outbox_bytes_max = 100_000;
    }));
    let reader = Socket::open(&mut server);
    reader.ask(&mut server, r#"{"type":"subscribe","channel":"open.a"}"#);
    let publisher = Socket::open(&mut server);
    let flood: Vec<u8> = (0..400)
        .flat_map(|n| {
            text(&format!(r#"{{"type":"publish","channel":"open.a","data":"{}","id":{n}}}"#, "x".repeat(500)))
        })
        .collect();
    server.send_in_this_turn(publisher.0, &flood);
    server.turn_once();
    assert!(server.machine.memory().blocks_bytes > 0, "some have to wait");
    server.turn();
    let answers = publisher.heard(&mut server);
    assert_eq!(answers.len(), 400);
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(*answer, format!(r#"{{"type":"published","id":{n}}}"#));
    }
    let heard = reader.heard(&mut server);
    assert_eq!(heard.len(), 400);
    assert!(heard.iter().all(|text| text.contains("message")), "nobody has missed anything");
    // One that is gone while it waits gives everything back.
    server.send_in_this_turn(publisher.0, &flood);
    server.vanish(publisher.0);
    server.vanish(reader.0);
    server.pass_ms(100_000);
    assert!(server.machine.is_pristine());
}
