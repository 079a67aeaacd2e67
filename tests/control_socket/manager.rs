//! Under a service manager: its notifications, its watchdog and its sockets, with real ones in its place.
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::mpsc::{self, Receiver};

use super::*;

/// A service manager. What it is told is read as it comes, whatever the test does meanwhile.
struct Manager {
    words: Receiver<(Instant, String)>,
}

impl Manager {
    fn at(path: &Path) -> Self {
        Self::with(UnixDatagram::bind(path).expect("it is free"))
    }

    fn with(socket: UnixDatagram) -> Self {
        let (sender, words) = mpsc::channel();
        std::thread::spawn(move || {
            let mut block = [0; 4096];
            while let Ok(n) = socket.recv(&mut block) {
                let word = String::from_utf8_lossy(&block[..n]).into_owned();
                if sender.send((Instant::now(), word)).is_err() {
                    return;
                }
            }
        });
        Self { words }
    }

    fn hears_when(&self) -> (Instant, String) {
        self.words.recv_timeout(PATIENCE).expect("word in time")
    }

    fn hears(&self) -> String {
        self.hears_when().1
    }

    /// The next word that is no sign of life.
    fn hears_news(&self) -> String {
        loop {
            let word = self.hears();
            if !word.contains("WATCHDOG=1") {
                return word;
            }
        }
    }
}

#[test]
fn it_is_told_when_we_are_ready_reload_live_and_leave() {
    let home = Home::new();
    let ear = home.directory.join("notify");
    let manager = Manager::at(&ear);
    let file = home.file("rcomet.toml", "[server]\nfront = []\nadmin = []\n");
    let start = Instant::now();
    let mut daemon = home
        .command(&["run", "--config", &file])
        .env("NOTIFY_SOCKET", &ear)
        .env("WATCHDOG_USEC", "200000")
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    assert!(manager.hears().starts_with("READY=1\n"), "and it is: nobody waits for it");
    assert!(home.says(&["status"]).contains("listens"));
    for n in 0..10 {
        let (at, word) = manager.hears_when();
        assert!(word.starts_with("WATCHDOG=1"), "{word}");
        // Each may be late, and none may be early.
        assert!(at - start >= Duration::from_millis(100) * n, "twice within what is allowed, and no more");
    }
    for reload in ["by signal", "by command"] {
        match reload {
            "by signal" => signal("HUP", daemon.id()),
            _ => assert_eq!(code(&home.rcomet(&["reload"])), 0),
        }
        let word = manager.hears_news();
        assert!(word.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reload}: {word}");
        assert!(manager.hears_news().starts_with("READY=1\n"), "{reload}");
    }
    home.file("rcomet.toml", "nonsense");
    assert_eq!(code(&home.rcomet(&["reload"])), 5);
    assert!(manager.hears_news().starts_with("RELOADING=1\n"));
    assert!(manager.hears_news().starts_with("READY=1\n"), "as it was");
    signal("TERM", daemon.id());
    assert!(manager.hears_news().starts_with("STOPPING=1\n"));
    assert_eq!(patience::exit(&mut daemon).code(), Some(0));
}

/// A manager that is busy with something else costs the daemon nothing, and hears later what it has to know.
#[test]
fn a_manager_that_does_not_listen_is_not_waited_for() {
    let home = Home::new();
    let ear = home.directory.join("notify");
    let socket = UnixDatagram::bind(&ear).expect("it is free");
    let file = home.file("rcomet.toml", "[server]\nfront = []\nadmin = []\n");
    let mut daemon = home
        .command(&["run", "--config", &file])
        .env("NOTIFY_SOCKET", &ear)
        .env("WATCHDOG_USEC", "2000")
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let other = UnixDatagram::unbound().expect("a socket");
    other.set_nonblocking(true).expect("a socket");
    until("the kernel to hold no more", || other.send_to(b"WATCHDOG=1", &ear).is_err());
    until("somebody to listen", || UnixStream::connect(home.socket()).is_ok());
    home.says(&["write", "k", "v"]);
    assert_eq!(code(&home.rcomet(&["reload"])), 0);
    assert_eq!(home.says(&["read", "k"]), "v");
    let manager = Manager::with(socket);
    for wanted in ["READY=1\n", "RELOADING=1\n", "READY=1\n"] {
        let word = manager.hears_news();
        assert!(word.starts_with(wanted), "{wanted}: {word}");
    }
    home.says(&["stop"]);
    assert!(manager.hears_news().starts_with("STOPPING=1\n"));
    assert_eq!(patience::exit(&mut daemon).code(), Some(0));
}

/// Runs the daemon with a listening socket as its descriptor 3, as a service manager does.
fn activated(home: &Home, socket: OwnedFd, name: &str, flags: &str) -> Child {
    let script = format!(
        "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={name} exec {} run {flags}",
        env!("CARGO_BIN_EXE_rcomet")
    );
    Command::new("sh")
        .args(["-c", &script])
        .env("RCOMET_CONTROL", home.socket())
        .stdin(Stdio::from(socket))
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell")
}

#[test]
fn sockets_that_are_given_are_served() {
    let home = Home::new();
    let front = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = front.local_addr().expect("bound").to_string();
    // Who connects before the daemon is there is served when it is.
    let mut early = std::net::TcpStream::connect(&address).expect("the kernel listens");
    early.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut daemon = activated(&home, front.into(), "rcomet-front.socket", "--admin 127.0.0.1:0");
    std::io::Write::write_all(&mut early, b"GET /healthz HTTP/1.0\r\n\r\n").expect("it is taken");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut early, &mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    until("the control socket", || home.socket().exists());
    let status = home.says(&["status"]);
    assert!(status.contains(&format!("listens         {address} (front)\n")), "{status}");
    assert_eq!(status.matches("(front)").count(), 1, "there and nowhere else");
    signal("TERM", daemon.id());
    assert_eq!(patience::exit(&mut daemon).code(), Some(0));
}

/// The answer to a request of a Bayeux client.
fn asked_in_bayeux(address: &str, messages: &str) -> String {
    let mut socket = std::net::TcpStream::connect(address).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let length = messages.len();
    let request = format!(
        "POST /bayeux HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{messages}"
    );
    std::io::Write::write_all(&mut socket, request.as_bytes()).expect("it is taken");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut socket, &mut answer).expect("an answer");
    answer
}

/// Rules for a listener hold by the manager's socket, whatever the file says of addresses; and only of others is warned.
#[test]
fn rules_hold_for_a_socket_that_is_given() {
    let home = Home::new();
    let front = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let given = front.local_addr().expect("bound").to_string();
    // Of another machine: the daemon is not to listen there, since it has the manager's.
    let text = format!(
        "[server]\nfront = [\"192.0.2.1:1\"]\nadmin = []\n[bayeux]\nsubscribe = [{{ channel = \"/given\", listeners = [\"{given}\"] }}, \
         {{ channel = \"/other\", listeners = [\"192.0.2.1:1\"] }}]\n"
    );
    let file = home.file("own.toml", &text);
    let daemon = activated(&home, front.into(), "front", &format!("--config {file}"));
    until("the control socket", || home.socket().exists());
    let hello = "[{\"channel\":\"/meta/handshake\",\"version\":\"1.0\",\"supportedConnectionTypes\":[\"long-polling\"]}]";
    let answer = asked_in_bayeux(&given, hello);
    let (_, rest) = answer.split_once("\"clientId\":\"").expect("a session");
    let client = rest.split('"').next().expect("its id");
    let subscribe = |channel: &str| {
        let message = format!(
            "[{{\"channel\":\"/meta/subscribe\",\"clientId\":\"{client}\",\"subscription\":\"{channel}\"}}]"
        );
        asked_in_bayeux(&given, &message)
    };
    assert!(subscribe("/given").contains("\"successful\":true"));
    assert!(subscribe("/other").contains("403::subscribe_denied"));

    let words = "bayeux.subscribe: the rule for `/other` names the listener 192.0.2.1:1, where nothing of the front side listens: \
                 nobody comes in by it\n";
    let reload = home.rcomet(&["reload"]);
    assert_eq!((stderr(&reload), code(&reload)), (format!("rcomet: note: {words}"), 0));
    signal("TERM", daemon.id());
    let log = stderr(&patience::rest(daemon));
    let warned: Vec<&str> = log.lines().filter(|line| line.contains("names the listener")).collect();
    assert_eq!(warned.len(), 2, "at the start and by the reload: {log}");
    assert!(warned.iter().all(|line| line.ends_with(words.trim_end())), "{log}");
}

#[test]
fn a_control_socket_can_be_given_and_stays_with_who_made_it() {
    let home = Home::new();
    let listener = UnixListener::bind(home.socket()).expect("it is free");
    let mut daemon = activated(&home, listener.into(), "control", "--no-tcp");
    home.says(&["write", "k", "v"]);
    assert_eq!(home.says(&["read", "k"]), "v");
    home.says(&["stop"]);
    assert_eq!(patience::exit(&mut daemon).code(), Some(0));
    assert!(home.socket().exists(), "it is not ours to remove");
}

#[test]
fn a_socket_that_nobody_knows_is_refused() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let daemon = activated(&home, listener.into(), "mystery.socket", "--no-tcp");
    let output = patience::rest(daemon);
    assert_eq!(code(&output), 1);
    let wanted = "rcomet: nobody knows what the socket 3 of LISTEN_FDS (`mystery.socket`) is for: its FileDescriptorName= must be";
    assert!(stderr(&output).contains(wanted), "{output:?}");
}

/// The service manager's own tool, where it is installed: it starts the daemon when somebody connects.
#[test]
fn a_service_managers_own_tool_activates_it() {
    let tool = "systemd-socket-activate";
    if Command::new(tool).arg("--version").output().is_err() {
        return println!("{tool} is not installed: the tests before this hand over sockets as it does");
    }
    let home = Home::new();
    // No port: one that is free now may be another's when the tool takes it.
    let front = home.directory.join("front.sock");
    let mut manager = Command::new(tool)
        .args([&format!("--listen={}", front.display()), "--fdname=front"])
        .arg(format!("--setenv=RCOMET_CONTROL={}", home.socket().display()))
        .args([env!("CARGO_BIN_EXE_rcomet"), "run", "--admin", "127.0.0.1:0"])
        .stderr(Stdio::null())
        .spawn()
        .expect("it is installed");
    let start = Instant::now();
    let mut early = loop {
        match UnixStream::connect(&front) {
            Ok(stream) => break stream,
            Err(_) if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => panic!("{tool} does not listen: {error}"),
        }
    };
    early.set_read_timeout(Some(PATIENCE)).expect("a socket");
    std::io::Write::write_all(&mut early, b"GET /healthz HTTP/1.0\r\n\r\n").expect("it is taken");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut early, &mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let status = home.says(&["status"]);
    assert!(status.contains(&format!("listens         unix:{} (front)\n", front.display())), "{status}");
    // It is the process that the tool was.
    assert_eq!(home.pid(), manager.id());
    home.says(&["stop"]);
    assert_eq!(patience::exit(&mut manager).code(), Some(0));
}
