//! A daemon that runs out of descriptors: it goes on serving whom it has, and takes newcomers again when it can.
mod daemon;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use daemon::{Daemon, ask, connect, wait_for_subscribers};

const SUBSCRIBERS: usize = 10;

fn subscribe(front: std::net::SocketAddr) -> TcpStream {
    let mut stream = connect(front);
    write!(stream, "GET /stream?cname=room&seq=1 HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is taken");
    stream
}

/// Reads until what was read ends in these words.
fn read_up_to(stream: &mut TcpStream, words: &str) {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(words.as_bytes()) {
        assert_eq!(stream.read(&mut byte).expect("more"), 1, "ended at {:?}", String::from_utf8_lossy(&text));
        text.push(byte[0]);
    }
}

#[test]
fn it_survives_without_descriptors_and_recovers() {
    let (mut daemon, front, admin) = Daemon::start_anywhere(&[]);
    let mut publisher = connect(admin);
    let mut served: Vec<TcpStream> = (0..SUBSCRIBERS).map(|_| subscribe(front)).collect();
    wait_for_subscribers(admin, SUBSCRIBERS);

    // As many as are open now, and not one more.
    let open = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("it runs").count() as u64;
    let pid = i32::try_from(daemon.pid()).expect("a process id");
    let (_, most) = rlimit::Resource::NOFILE.get().expect("a limit");
    let limit_to = |soft: u64| rlimit::prlimit(pid, rlimit::Resource::NOFILE, Some((soft, most)), None);
    limit_to(open).expect("it is our child");

    // The kernel takes these connections; the daemon cannot.
    let mut waiting: Vec<TcpStream> = (0..5).map(|_| subscribe(front)).collect();
    daemon.says("cannot accept connections");

    // Those it has are served meanwhile.
    let request = "GET /push?cname=room&content=one HTTP/1.1\r\nHost: x\r\n\r\n";
    write!(publisher, "{request}").expect("it is taken");
    read_up_to(&mut publisher, "{\"type\":\"ok\"}\n");
    for stream in &mut served {
        read_up_to(stream, "\"content\":\"one\"}\n");
    }
    let last = waiting.last_mut().expect("five of them");
    last.set_read_timeout(Some(Duration::from_millis(300))).expect("a socket");
    assert!(last.read(&mut [0]).is_err(), "nobody has taken this one yet");

    // As many leave as are waiting: now they are taken, and have missed nothing.
    served.truncate(SUBSCRIBERS - waiting.len());
    for stream in &mut waiting {
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
        read_up_to(stream, "\"content\":\"one\"}\n");
    }
    limit_to(most).expect("more again");
    assert_eq!(ask(admin, "/check?cname=room"), "{\"room\": 1}\n");
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(), Some(0));
}
