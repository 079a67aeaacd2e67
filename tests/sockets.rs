//! The real daemon and real sockets: what only the kernel can do to us.
//! Knows of protocols only what it takes to make bytes flow.
mod daemon;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use daemon::{ANYWHERE, Daemon, connect};

/// A daemon with its front and its admin side.
fn start() -> (Daemon, SocketAddr, SocketAddr) {
    let mut daemon = Daemon::start(&ANYWHERE);
    let (front, admin) = (daemon.listens("front"), daemon.listens("admin"));
    (daemon, front, admin)
}

/// Reads on until `words` have come.
fn until(stream: &mut TcpStream, words: &str) -> String {
    let mut heard = Vec::new();
    let mut block = vec![0; 1 << 16];
    while !heard.ends_with(words.as_bytes()) && !contains(&heard, words) {
        match stream.read(&mut block) {
            Ok(n) if n > 0 => heard.extend_from_slice(&block[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => panic!("{other:?} instead of `{words}`, after {} bytes", heard.len()),
        }
    }
    String::from_utf8(heard).expect("text")
}

/// Whether `words` stand near the end: they are looked for after every read.
fn contains(heard: &[u8], words: &str) -> bool {
    let recent = &heard[heard.len().saturating_sub((1 << 16) + words.len())..];
    recent.windows(words.len()).any(|window| window == words.as_bytes())
}

fn ask(stream: &mut TcpStream, target: &str) {
    write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").expect("it is taken");
}

/// Publishes `length` bytes and waits for the answer.
fn publish(admin: &mut TcpStream, channel: &str, length: usize) {
    let body = format!("content={}", "x".repeat(length));
    let head = format!(
        "POST /push?cname={channel} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    admin.write_all((head + &body).as_bytes()).expect("it is taken");
    until(admin, "{\"type\":\"ok\"}");
}

/// One after the other on one connection: the kernel's buffers grow, until more is in them than a turn's share.
#[test]
fn uploads_of_many_blocks_are_read_to_their_end() {
    let (_daemon, front, admin) = start();
    let mut publisher = connect(admin);
    for _ in 0..20 {
        publish(&mut publisher, "big", 1_000_000);
    }
    let mut reader = connect(front);
    ask(&mut reader, "/sub?cname=big&seq=20");
    assert!(until(&mut reader, "x\"}]").len() > 1_000_000);
}

#[test]
fn what_was_asked_before_the_end_is_answered() {
    let (_daemon, front, _) = start();
    let mut client = connect(front);
    for _ in 0..3 {
        ask(&mut client, "/ping");
    }
    client.shutdown(Shutdown::Write).expect("a socket");
    let mut answers = String::new();
    client.read_to_string(&mut answers).expect("answers and an end");
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 3, "{answers}");
}

#[test]
fn a_flood_of_requests_is_answered_one_by_one() {
    let (_daemon, _, admin) = start();
    let mut client = connect(admin);
    let mut writer = client.try_clone().expect("a socket");
    let flood = thread::spawn(move || {
        for _ in 0..20_000 {
            ask(&mut writer, "/push?cname=flood&content=drop");
        }
        ask(&mut writer, "/info?cname=nobody");
    });
    let answers = until(&mut client, "nobody");
    flood.join().expect("everything is taken");
    assert_eq!(answers.matches("{\"type\":\"ok\"}").count(), 20_000);
}

/// Reading stops when enough stands behind a waiting poll. When the poll is over, no event says that there is more.
#[test]
fn what_stands_behind_a_waiting_poll_is_served_after_it() {
    let (_daemon, front, admin) = start();
    let mut client = connect(front);
    ask(&mut client, "/sub?cname=first&seq=0");
    until(&mut client, "next_seq");
    ask(&mut client, "/sub?cname=first&seq=1");
    let ping = "GET /ping HTTP/1.1\r\nHost: test\r\n\r\n";
    client.set_write_timeout(Some(Duration::from_secs(30))).expect("a socket");
    client.write_all(ping.repeat(5_000).as_bytes()).expect("the kernels hold it");
    ask(&mut client, "/sub?cname=last&seq=0");
    thread::sleep(Duration::from_millis(100));
    publish(&mut connect(admin), "first", 9);
    let answers = until(&mut client, "\"cname\":\"last\"");
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 5_000 + 2, "the poll, the pings, the last question");
}

/// A socket that is closed with bytes unread resets the connection, and the answer is lost with it.
#[test]
fn who_is_refused_in_the_middle_of_sending_reads_why() {
    // What comes is thrown away for so long; who sends later gets a reset, and this test may be kept waiting.
    let (_daemon, front, _) = Daemon::start_anywhere(&["--limit", "linger_ms_max=20000"]);
    let mut client = connect(front);
    client.write_all(b"THIS IS NO HTTP\r\n\r\n").expect("it is taken");
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(5));
        client.write_all(&[b'x'; 10_000]).expect("it is taken, and thrown away");
    }
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer and an end without a reset");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

/// The answer does not fit into the outbox, and nothing but the kernel's taking of it makes room: if that were not
/// followed by work, the rest would wait for somebody else's event.
#[test]
fn a_history_larger_than_the_outbox_arrives_without_waiting() {
    let (_daemon, front, admin) = start();
    let mut publisher = connect(admin);
    for _ in 0..60 {
        publish(&mut publisher, "past", 10_000);
    }
    let mut reader = connect(front);
    reader.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
    ask(&mut reader, "/stream?cname=past&seq=1");
    assert_eq!(until(&mut reader, "\"seq\":60,").matches("\"type\":\"data\"").count(), 60);
}

#[test]
fn a_reader_that_pauses_gets_what_is_kept_and_the_word_of_a_gap() {
    let (_daemon, front, admin) = start();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    // Little room here, so that the daemon notices the pause.
    socket.set_recv_buffer_size(1 << 16).expect("a socket");
    socket.connect(&front.into()).expect("somebody listens");
    let mut reader = TcpStream::from(socket);
    reader.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    ask(&mut reader, "/stream?cname=fast&seq=0");
    until(&mut reader, "next_seq");

    let mut publisher = connect(admin);
    for _ in 0..600 {
        publish(&mut publisher, "fast", 20_000);
    }
    let heard = until(&mut reader, "\"seq\":600,");
    let messages = heard.matches("\"type\":\"data\"").count();
    assert!(messages < 600 && heard.contains("\"type\":\"gap\""), "{messages} messages");
}

#[test]
fn everybody_who_waits_hears_one_message() {
    let (_daemon, front, admin) = start();
    let mut waiting: Vec<_> = (0..300).map(|_| connect(front)).collect();
    for client in &mut waiting {
        // The first answer says that the second question is about to wait.
        ask(client, "/sub?cname=many&seq=0");
        until(client, "next_seq");
        ask(client, "/sub?cname=many&seq=1");
    }
    publish(&mut connect(admin), "many", 9);
    for client in &mut waiting {
        until(client, "xxxxxxxxx");
    }
}

#[test]
fn who_waits_is_ended_cleanly_when_the_daemon_leaves() {
    let (mut daemon, front, _) = start();
    let mut waiting = connect(front);
    ask(&mut waiting, "/sub?cname=late&seq=0");
    until(&mut waiting, "next_seq");
    ask(&mut waiting, "/sub?cname=late&seq=1");
    until(&mut waiting, "\r\n\r\n");
    daemon.signal("TERM");
    let mut rest = String::new();
    waiting.read_to_string(&mut rest).expect("an end without a reset");
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "{rest}");
    drop(waiting);
    assert_eq!(daemon.exit_code(), Some(0));
}
