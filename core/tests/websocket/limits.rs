//! Every limit of WebSockets, reached: what happens, and what is counted.
use rcomet_core::chance::Chance;
use rcomet_core::{Config, Counters};

use super::config;
use super::support::Server;
use super::websocket::{DEFLATE, Socket, frame, text};

fn echo(set: impl Fn(&mut Config)) -> Server {
    Server::new(config(|c| {
        c.websocket.echo = true;
        set(c);
    }))
}

/// Opens an echo, sends this, and gives the code of the close that comes alone.
fn refused(server: &mut Server, bytes: impl AsRef<[u8]>, count: impl Fn(&Counters) -> u64) -> u16 {
    let before = count(server.machine.counters());
    let (socket, _) = Socket::open_with(server, "/echo", DEFLATE);
    socket.send(server, bytes);
    let code = socket.closed_with(server);
    assert_eq!(count(server.machine.counters()), before + 1, "it is counted");
    assert!(server.is_shut(socket.0), "nothing more is read");
    server.vanish(socket.0);
    assert!(server.machine.is_pristine());
    code
}

#[test]
fn frames_and_messages_that_are_too_large() {
    let mut server = echo(|c| {
        c.websocket.frame_bytes_max = 1_000;
        c.websocket.message_bytes_max = 1_500;
    });
    let head = &frame(0x81, &[b'x'; 1_001])[..8];
    assert_eq!(refused(&mut server, head, |c| c.websocket_frames_too_large), 1009);
    let two = [frame(0x01, &[b'x'; 1_000]), frame(0x00, &[b'x'; 501])[..8].to_vec()].concat();
    assert_eq!(refused(&mut server, two, |c| c.websocket_messages_too_large), 1009);
    let mut bomb = Vec::with_capacity(1_000);
    let mut compress = flate2::Compress::new(flate2::Compression::fast(), false);
    compress.compress_vec(&[0; 1_501], &mut bomb, flate2::FlushCompress::Sync).expect("it is compressed");
    let bomb = frame(0xc2, &bomb[..bomb.len() - 4]);
    assert_eq!(refused(&mut server, bomb, |c| c.websocket_messages_too_large), 1009);
    let (socket, _) = Socket::open_with(&mut server, "/echo", "");
    socket.send(&mut server, [frame(0x01, &[b'x'; 1_000]), frame(0x80, &[b'x'; 500])].concat());
    assert_eq!(socket.hear(&mut server)[0].payload.len(), 1_500);
}

/// A thousand bytes become a million: they are not many messages to be served in one turn.
#[test]
fn many_that_grow_are_served_one_by_one() {
    let mut server = echo(|c| c.limits.pipeline_bytes_max = 1 << 20);
    let (socket, _) = Socket::open_with(&mut server, "/echo", DEFLATE);
    let mut small = Vec::with_capacity(10_000);
    let mut compress = flate2::Compress::new(flate2::Compression::best(), false);
    compress
        .compress_vec(&[b'x'; 1 << 20], &mut small, flate2::FlushCompress::Sync)
        .expect("it is compressed");
    let flood = frame(0xc1, &small[..small.len() - 4]).repeat(30);
    server.send_in_this_turn(socket.0, flood);
    assert!(server.machine.counters().websocket_messages <= 1, "the others wait for their turn");
    server.turn();
    let got = socket.hear(&mut server);
    assert!(got.len() == 30 && got.iter().all(|frame| frame.inflated().len() == 1 << 20));
}

#[test]
fn messages_that_take_too_long() {
    let mut server = echo(|_| {});
    let (socket, _) = Socket::open_with(&mut server, "/echo", "");
    socket.send(&mut server, frame(0x01, b"half"));
    for _ in 0..29 {
        server.pass_ms(1_000);
        socket.send(&mut server, [frame(0x89, b""), frame(0x00, b"")].concat());
    }
    assert!(!server.is_shut(socket.0));
    server.pass_ms(1_100);
    assert_eq!(socket.hear(&mut server).last().expect("a close").close().0, 1008);
    assert_eq!(server.machine.counters().websocket_messages_too_slow, 1);
}

#[test]
fn floods_of_pings() {
    let mut server = echo(|c| c.websocket.ping_ms = 0);
    let (socket, _) = Socket::open_with(&mut server, "/echo", "");
    for _ in 0..3 {
        for _ in 0..600 {
            socket.send(&mut server, frame(0x89, b"x"));
        }
        assert_eq!(socket.hear(&mut server).len(), 600);
        server.pass_ms(60_000);
    }
    let flood: Vec<u8> = (0..601).flat_map(|_| frame(0x8a, b"")).collect();
    socket.send(&mut server, flood);
    assert_eq!(socket.closed_with(&mut server), 1008);
    assert_eq!(server.machine.counters().websocket_controls_flooded, 1);
}

#[test]
fn more_subscriptions_than_one_may_have() {
    let mut server = Server::new(config(|c| {
        c.websocket.subscriptions_max = 2;
        c.limits.channel_name_bytes_max = 10;
    }));
    let socket = Socket::open(&mut server);
    for (channel, kind, status) in
        [("a", "subscribed", 0), ("toolongtobea", "error", 400), ("b", "subscribed", 0), ("c", "error", 429)]
    {
        let answer = socket.ask(&mut server, &format!(r#"{{"type":"subscribe","channel":"{channel}"}}"#));
        assert_eq!(answer[0]["type"], kind);
        assert_eq!(answer[0]["status"].as_u64().unwrap_or(0), status);
    }
    assert_eq!(server.machine.counters().websocket_subscriptions_refused, 1);
    assert_eq!(server.machine.load(), (2, 1), "no channel is made for who may not subscribe");
    // A message that names more than there may ever be is answered once, however many they are.
    let names = (0..100_000).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(",");
    let answers = socket.ask(&mut server, &format!(r#"{{"type":"subscribe","channels":[{names}],"id":7}}"#));
    assert_eq!(answers.len(), 1);
    assert_eq!((&answers[0]["status"], &answers[0]["id"]), (&429.into(), &7.into()));
    assert_eq!(server.machine.counters().websocket_subscriptions_refused, 2);
}

#[test]
fn no_more_people_are_named_at_once_than_one_answer_may_name() {
    let mut server = Server::new(config(|c| c.limits.presence_bytes_max = 10_000));
    for n in 0..40 {
        let person = Socket::open(&mut server);
        for channel in ["a", "b"] {
            let heard = person.ask(
                &mut server,
                &format!(r#"{{"type":"subscribe","channel":"{channel}","who":"person-number-{n}"}}"#),
            );
            assert_eq!(heard[0]["type"], "subscribed");
        }
    }
    let socket = Socket::open(&mut server);
    let answers = socket.ask(&mut server, r#"{"type":"subscribe","channels":["a","b"],"who":"Ann","id":1}"#);
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["status"] == 413 && answer["id"] == 1), "{answers:?}");
    assert_eq!(server.machine.counters().presences_refused, 1);
    let one = socket.ask(&mut server, r#"{"type":"subscribe","channel":"a","who":"Ann"}"#);
    assert_eq!(one[0]["type"], "subscribed");
    let other = Socket::open(&mut server);
    let nameless = other.ask(&mut server, r#"{"type":"subscribe","channels":["a","b"]}"#);
    assert!(nameless.iter().all(|answer| answer["type"] == "subscribed"), "{nameless:?}");
}

#[test]
fn people_of_a_channel_count_once_and_not_where_one_is_told_already() {
    let mut server = Server::new(config(|c| c.limits.presence_bytes_max = 10_000));
    for n in 0..20 {
        let who = format!(r#"{{"type":"subscribe","channel":"a","who":"person-number-{n}"}}"#);
        assert_eq!(Socket::open(&mut server).ask(&mut server, &who)[0]["type"], "subscribed");
    }
    let statuses = |server: &mut Server, socket: Socket, names: &[&str]| -> Vec<u64> {
        let names = serde_json::to_string(names).expect("it is text");
        let ask = format!(r#"{{"type":"subscribe","channels":{names},"who":"Ann","id":1}}"#);
        let heard = socket.ask(server, &ask);
        let said = heard.iter().filter(|said| said["id"] == 1);
        said.map(|said| said["status"].as_u64().unwrap_or(0)).collect()
    };
    let socket = Socket::open(&mut server);
    assert_eq!(statuses(&mut server, socket, &["a", "a", "a", "a", "b"]), [0, 400, 400, 400, 0]);
    assert_eq!(statuses(&mut server, socket, &["a", "c", "a", "a", "a"]), [400, 0, 400, 400, 400]);
    assert_eq!(server.machine.counters().presences_refused, 0);
}

#[test]
fn what_channels_of_one_message_have_in_common_is_not_multiplied_without_bound() {
    let mut server = Server::new(config(|_| {}));
    let socket = Socket::open(&mut server);
    let names = (0..1_000).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(",");
    for (member, bytes, answers) in
        [("token", 500_000, 1), ("who", 500_000, 1), ("token", 16_000, 1_000), ("who", 100, 1)]
    {
        let common = "x".repeat(bytes);
        let names = if answers == 1 && bytes == 100 { "\"a\"" } else { &names };
        let heard = socket.ask(
            &mut server,
            &format!(r#"{{"type":"subscribe","channels":[{names}],"{member}":"{common}"}}"#),
        );
        let said = heard.iter().filter(|said| said["type"] != "roster").count();
        assert_eq!(said, answers, "{member} of {bytes}");
        if bytes == 500_000 {
            assert_eq!(heard[0]["status"], 400, "{member}");
        }
    }
}

#[test]
fn no_memory_for_more() {
    let mut server = echo(|c| c.limits.memory_bytes_max = 150_000);
    let sockets: Vec<Socket> = (0..50).map(|_| Socket::open_with(&mut server, "/echo", "").0).collect();
    for socket in &sockets {
        socket.send(&mut server, &frame(0x81, &[b'x'; 9_000])[..8_000]);
    }
    assert!(server.machine.memory().total_bytes() < 300_000, "{:?}", server.machine.memory());
    let told = sockets.iter().filter(|s| server.is_shut(s.0)).count();
    assert!(told > 20, "{told}");
    assert!(server.machine.counters().memory_refused >= told as u64);
    for socket in &sockets {
        server.vanish(socket.0);
    }
    assert!(server.machine.is_pristine());
}

#[test]
fn idle_ones_are_small_and_hold_no_buffer() {
    let mut server = Server::default();
    let sockets: Vec<Socket> = (0..1_000).map(|_| Socket::open(&mut server)).collect();
    for socket in &sockets {
        socket.ask(&mut server, r#"{"type":"subscribe","channel":"a"}"#);
    }
    let memory = server.machine.memory();
    assert_eq!(server.machine.counters().websockets_opened, 1_000);
    // Besides, it is remembered of each that it has come, which is bounded by itself.
    assert!(memory.tables_bytes / 1_000 <= 512 + 64, "{memory:?}");
    // What is kept spare is for the next, however many there are.
    assert!(memory.blocks_bytes <= 4 * 2_048 && memory.frames_bytes == 0, "{memory:?}");
}

/// Whatever comes: nothing panics, and nothing is left behind.
#[test]
fn noise() {
    let mut chance = Chance::from_seed(7);
    for round in 0..300 {
        let mut server = echo(|c| {
            c.limits.memory_bytes_max = 2 << 20;
            c.limits.outbox_bytes_max = 2_000;
            c.limits.pipeline_bytes_max = 1_000;
            c.websocket.message_bytes_max = 5_000;
            c.websocket.compression_bytes_min = 0;
        });
        let path = ["/ws", "/echo"][round % 2];
        let (socket, _) = Socket::open_with(&mut server, path, DEFLATE);
        for _ in 0..40 {
            let mut bytes = match chance.below(6) {
                0 => text(r#"{"type":"subscribe","channel":"open.x","seq":-1,"who":"w"}"#),
                1 => text(r#"{"type":"publish","channel":"open.x","data":"dddddddddddddd"}"#),
                2 => {
                    let first = [0x01, 0x00, 0x80, 0x89, 0x8a, 0xc1, 0x82, 0x41][chance.below(8) as usize];
                    frame(first, &vec![b'y'; chance.below(120) as usize])
                }
                3 => frame(0x82, &vec![0; chance.below(5_000) as usize]),
                4 => text(&"z".repeat(chance.below(300) as usize)),
                _ => (0..chance.below(20)).map(|_| chance.bits() as u8).collect(),
            };
            if chance.percent(10) && !bytes.is_empty() {
                let at = chance.below(bytes.len() as u64) as usize;
                bytes[at] = chance.bits() as u8;
            }
            let cut = chance.below(bytes.len() as u64 + 1) as usize;
            socket.send(&mut server, &bytes[..cut]);
            match chance.below(20) {
                0 => server.clog(socket.0, true),
                1..4 => server.clog(socket.0, false),
                4 => server.pass_ms(chance.below(10_000)),
                _ => {}
            }
            socket.send(&mut server, &bytes[cut..]);
            assert!(server.machine.memory().blocks_bytes < 200_000);
        }
        match chance.below(3) {
            0 => server.vanish(socket.0),
            1 => {
                server.finish_sending(socket.0);
                server.clog(socket.0, false);
                server.pass_ms(100_000);
            }
            _ => {
                server.machine.drain(server.now);
                server.clog(socket.0, false);
                server.pass_ms(100_000);
            }
        }
        server.vanish(socket.0);
        server.pass_ms(200_000);
        assert!(server.machine.is_pristine(), "round {round}");
    }
}
