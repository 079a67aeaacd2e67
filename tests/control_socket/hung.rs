//! A daemon that hangs: its socket takes whoever comes, and nobody answers. Whoever has said how long to wait does not wait longer.
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use super::*;

/// A question without a limit is given 10 seconds. Three times that is for machines that are busy.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn time_limits_hold_when_nobody_answers() {
    let home = Home::new();
    // The kernel takes connections, and that is all.
    let hung = UnixListener::bind(home.socket()).expect("it is free");
    let cases: [(&[&str], i32); 7] = [
        (&["status"], 6),
        (&["stop", "--timeout", "1"], 6),
        (&["stop", "--timeout", "0"], 6),
        (&["read", "k", "--timeout", "1"], 6),
        (&["read", "k", "--wait", "--timeout", "1"], 6),
        (&["read", "k", "--since", "0", "--timeout", "1"], 6),
        (&["start", "--no-tcp", "--wait", "1"], 7),
    ];
    for (command, wanted) in cases {
        let begun = Instant::now();
        let output = home.rcomet(command);
        assert_eq!((code(&output), stdout(&output)), (wanted, String::new()), "{command:?}: {output:?}");
        assert!(begun.elapsed() < SOON, "{command:?} has waited for {:?}", begun.elapsed());
        let place = home.socket().display().to_string();
        let words = stderr(&output);
        assert!(words.contains(&place) && words.contains("does not answer"), "{command:?}: {words}");
    }
    let comet = home.rcomet(&["--comet", "status"]);
    assert_eq!((code(&comet), stdout(&comet)), (6, String::new()), "{comet:?}");
    drop(hung);
}

/// Nobody has said how long to wait, and still nobody is kept for a minute.
#[test]
fn a_command_without_a_limit_comes_back_as_well() {
    let home = Home::new();
    let hung = UnixListener::bind(home.socket()).expect("it is free");
    let begun = Instant::now();
    let commands: [&[&str]; 10] = [
        &["write", "k", "v"],
        &["delete", "k"],
        &["refresh", "k"],
        &["read", "k"],
        &["dump"],
        &["publish", "c", "m"],
        &["subscribe", "c"],
        &["channels"],
        &["clients"],
        &["reload"],
    ];
    let asking: Vec<Child> = commands.iter().map(|command| home.spawn(command)).collect();
    for (command, child) in commands.iter().zip(asking) {
        let output = child.wait_with_output().expect("it is ours");
        assert_eq!((code(&output), stdout(&output)), (6, String::new()), "{command:?}: {output:?}");
        assert!(stderr(&output).contains("does not answer"), "{command:?}: {output:?}");
    }
    assert!(begun.elapsed() < SOON, "they have waited for {:?}", begun.elapsed());
    drop(hung);
}

#[test]
fn a_limit_that_no_clock_reaches_is_none() {
    let home = Home::running(&[]);
    let most = u64::MAX.to_string();
    home.says(&["write", "k", "v"]);
    assert_eq!(home.says(&["read", "k", "--timeout", &most]), "v");
    assert_eq!(home.says(&["read", "k", "--since", "0", "--timeout", &most]), "v");
    assert!(home.says(&["stop", "--timeout", &most]).starts_with("rcomet has stopped"));
    assert!(home.says(&["start", "--no-tcp", "--wait", &most]).starts_with("rcomet runs"));
}

#[test]
fn they_hold_on_the_admin_side_as_well() {
    let home = Home::new();
    let hung = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", hung.local_addr().expect("bound"));
    for command in [&["status", "--url", &url][..], &["read", "k", "--timeout", "1", "--url", &url]] {
        let begun = Instant::now();
        let output = home.rcomet(command);
        assert_eq!(
            (code(&output), stderr(&output)),
            (6, format!("rcomet: {url} does not answer\n")),
            "{command:?}"
        );
        assert!(begun.elapsed() < SOON, "{command:?} has waited for {:?}", begun.elapsed());
    }
}

/// Those who asked before stand in the kernel's line, and it is full: there is no answer even to a connect.
#[test]
fn they_hold_where_nobody_can_connect_any_more() {
    use socket2::{Domain, SockAddr, Socket, Type};
    let home = Home::new();
    let hung = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    hung.bind(&SockAddr::unix(home.socket()).expect("a path")).expect("it is free");
    hung.listen(0).expect("it is bound");
    let waits = UnixStream::connect(home.socket()).expect("there is room for one");
    for (command, wanted) in [
        (&["status"][..], 6),
        (&["stop", "--timeout", "1"], 6),
        (&["read", "k", "--timeout", "1"], 6),
        (&["start", "--no-tcp", "--wait", "1"], 7),
    ] {
        let begun = Instant::now();
        let output = home.rcomet(command);
        assert_eq!((code(&output), stdout(&output)), (wanted, String::new()), "{command:?}: {output:?}");
        assert!(stderr(&output).contains("does not answer"), "{command:?}: {output:?}");
        assert!(begun.elapsed() < SOON, "{command:?} has waited for {:?}", begun.elapsed());
    }
    drop(waits);
}

/// An answer that comes byte by byte is no answer in time.
#[test]
fn a_trickle_is_no_answer() {
    use std::io::Write as _;
    let home = Home::new();
    let socket = UnixListener::bind(home.socket()).expect("it is free");
    let mut asking = home.spawn(&["read", "k", "--timeout", "1"]);
    // The first connection only looks whether somebody is there.
    let (_looks, _) = socket.accept().expect("it comes");
    let (mut asks, _) = socket.accept().expect("it comes");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = asking.try_wait().expect("it is ours") {
            break status;
        }
        assert!(begun.elapsed() < SOON, "it reads on");
        let _ = asks.write_all(b"H");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(status.code(), Some(6));
}
