//! A thousand polls and a thousand event streams on one channel, a thousand messages as fast as one connection can
//! publish them, and somebody who never reads. Then the way out, under that load.
mod crowd;
mod daemon;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use crowd::{Crowd, Kind};
use daemon::Daemon;

const EACH: usize = 1_000;
const MESSAGES: u64 = 1_000;
const CHANNEL: &str = "room";

/// A connection whose receive buffer is as small as the kernel allows.
fn connect_with_small_window(address: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(1).expect("a small one");
    socket.connect(&address.into()).expect("it listens");
    socket.into()
}

/// Publishes from the first to the last, pipelining as much as the kernel takes, and reads every answer.
fn publish_all(admin: SocketAddr) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut writer = TcpStream::connect(admin).unwrap();
        let mut reader = writer.try_clone().unwrap();
        let answers = std::thread::spawn(move || {
            let mut text = Vec::new();
            let mut block = [0; 64 << 10];
            let ok = b"{\"type\":\"ok\"}\n";
            let mut count = 0;
            while count < MESSAGES {
                let n = reader.read(&mut block).unwrap();
                assert!(n > 0, "the publisher was cut off after {count} answers");
                text.extend_from_slice(&block[..n]);
                while let Some(at) = text.windows(ok.len()).position(|w| w == ok) {
                    text.drain(..at + ok.len());
                    count += 1;
                }
            }
        });
        let filling = "x".repeat(400);
        for n in 1..=MESSAGES {
            let request = format!(
                "GET /push?cname={CHANNEL}&content={n}-{filling} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            );
            writer.write_all(request.as_bytes()).unwrap();
        }
        answers.join().unwrap();
    })
}

#[test]
fn two_thousand_subscribers_get_a_thousand_messages_and_a_clean_end() {
    // Our end of all connections is in this process, and the usual soft limit is 1,024.
    let _ = rlimit::increase_nofile_limit(4_096);
    // Everybody may take as long as it takes: all of the crowd read by turns in one thread.
    let config = Path::new(env!("CARGO_TARGET_TMPDIR")).join("load.toml");
    let say = |stall_ms: u32| {
        let limits =
            format!("outbox_bytes_max = 65536\nidle_ms_max = 600000\nwrite_stall_ms_max = {stall_ms}");
        let icomet = "polling_timeout_ms = 600000\nchannel_timeout_ms = 800000";
        let text = format!("[server]\ndrain_ms_max = 60000\n[limits]\n{limits}\n[icomet]\n{icomet}\n");
        std::fs::write(&config, text).expect("to write");
    };
    say(600_000);
    let (mut daemon, front, admin) = Daemon::start_anywhere(&["--config", config.to_str().expect("a path")]);
    let mut crowd = Crowd::connect(front, CHANNEL, &[(Kind::Poll, EACH), (Kind::Sse, EACH)]);
    // Somebody who asks for everything and never reads: a small window, so that the kernel does not hide it.
    let deaf = connect_with_small_window(front);
    (&deaf)
        .write_all(format!("GET /stream?cname={CHANNEL}&seq=1 HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .unwrap();
    daemon::wait_for_subscribers(admin, 2 * EACH + 1);
    let before = daemon.resident_bytes();

    let publisher = publish_all(admin);
    let start = Instant::now();
    crowd.run_until(|c| c.all_have(MESSAGES), Duration::from_secs(400));
    publisher.join().unwrap();
    println!("{} deliveries in {:?}", 2 * EACH as u64 * MESSAGES, start.elapsed());
    crowd.assert_perfect(MESSAGES);

    // Everybody is kept for its cursor and its limit; what the whole test cost beside that is small.
    let grown = daemon.resident_bytes().saturating_sub(before);
    println!("resident memory grew by {} KiB", grown / 1024);
    assert!(grown < 64 << 20, "memory grew by {grown} bytes");

    // Now it may no longer take nothing for so long, so it is closed; the others have taken everything.
    say(2_000);
    daemon.signal("HUP");
    daemon.says("the configuration has been read again");
    let mut deaf = deaf;
    deaf.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let start = Instant::now();
    while !daemon::ask(admin, "/metrics").contains("rcomet_stalled_closed_total 1\n") {
        assert!(start.elapsed() < Duration::from_secs(120), "it is still there");
        crowd.run_for(Duration::from_millis(100));
    }
    let mut got = Vec::new();
    let _reset_or_end = deaf.read_to_end(&mut got);
    let numbers = crowd::numbers_in(&String::from_utf8_lossy(&got));
    assert!(numbers.windows(2).all(|w| w[0] + 1 == w[1]), "what it got is in order and without a hole");
    assert!(numbers.len() < MESSAGES as usize, "it was not slow enough to show anything");

    // The way out, with everybody waiting and a publisher at work.
    let noise = std::thread::spawn(move || {
        for n in 0.. {
            let Ok(mut stream) = TcpStream::connect(admin) else { return n };
            let request = format!("GET /push?cname={CHANNEL}&content=late{n} HTTP/1.1\r\nHost: x\r\n\r\n");
            if stream.write_all(request.as_bytes()).is_err() || stream.read(&mut [0; 512]).unwrap_or(0) == 0 {
                return n;
            }
        }
        0
    });
    crowd.run_for(Duration::from_millis(300));
    daemon.signal("TERM");
    crowd.run_until(Crowd::all_ended, Duration::from_secs(60));
    let published = noise.join().unwrap();
    assert!(published > 0, "there was load while it ended");
    crowd.assert_well_formed_ends();
    assert_eq!(daemon.exit_code(), Some(0), "a clean exit");
}
