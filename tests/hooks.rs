//! The real daemon and a small application that it asks: allowed, refused, rewritten, down, slow, kept and given up.
//! Knows of protocols only what it takes to ask and be answered.
mod application;
mod daemon;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use application::{Application, Asked, Nobody, serve, whole};
use daemon::{ANYWHERE, Daemon, connect};

/// A daemon whose locations ask `upstream` (everything before the path), with a directory that is removed at the end.
struct Scene {
    daemon: Daemon,
    front: SocketAddr,
    admin: SocketAddr,
    config: PathBuf,
}

fn text(upstream: &str, limits: &str) -> String {
    format!(
        "[limits]\n{limits}\n\
         [[push.location]]\npath = \"/pub/{{id}}\"\nrole = \"publisher\"\n\
         publisher_upstream_request = \"{upstream}/rewrite\"\n\
         [[push.location]]\npath = \"/plain/{{id}}\"\nrole = \"publisher\"\n\
         [[push.location]]\npath = \"/sub/{{id}}\"\nrole = \"subscriber\"\n\
         authorize_request = \"{upstream}/auth\"\n\
         subscribe_request = \"{upstream}/came\"\nunsubscribe_request = \"{upstream}/went\"\n"
    )
}

impl Scene {
    fn new(name: &str, upstream: &str, limits: &str) -> Self {
        let config = std::env::temp_dir().join(format!("rcomet-hooks-{name}-{}.toml", std::process::id()));
        std::fs::write(&config, text(upstream, limits)).expect("to write");
        let path = config.to_str().expect("text").to_owned();
        let mut daemon = Daemon::start(&[&ANYWHERE[..], &["--config", &path]].concat());
        let (front, admin) = (daemon.listens("front"), daemon.listens("admin"));
        Self { daemon, front, admin, config }
    }

    fn counter(&self, name: &str) -> u64 {
        let metrics = daemon::ask(self.admin, "/metrics");
        let line = metrics.lines().find(|line| line.starts_with(&format!("rcomet_{name}_total ")));
        line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a counter")
    }

    fn subscribe(&self, fields: &str) -> TcpStream {
        let mut stream = connect(self.front);
        write!(stream, "GET /sub/a HTTP/1.1\r\nHost: x\r\n{fields}\r\n").expect("it is taken");
        stream
    }

    fn publish(&self, at: &str, body: &str) -> String {
        let mut stream = connect(self.admin);
        write!(
            stream,
            "POST /{at}/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer and an end");
        answer
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.config);
    }
}

/// The head of an answer, and as much of its body as it announces.
fn answer(stream: &mut TcpStream) -> (String, String) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).expect("a body");
    (head, String::from_utf8(body).expect("text"))
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_application_lets_in_refuses_and_rewrites() {
    let application = Application::start(|line, body| match line.split(' ').nth(1) {
        Some("/auth") => whole("200 OK", ""),
        Some("/rewrite") => match body {
            "keep" => "HTTP/1.1 304 Not Modified\r\n\r\n".into(),
            "drop" => "HTTP/1.1 204 No Content\r\n\r\n".into(),
            "swear" => whole("403 Forbidden", "mind your words"),
            // In chunks, and without a length.
            "shout" => {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nSHO\r\n2\r\nUT\r\n0\r\n\r\n".into()
            }
            "end" => "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nup to the end".into(),
            "large" => whole("200 OK", &"x".repeat(70_000)),
            _ => "SSH-2.0\r\n\r\n".into(),
        },
        _ => whole("200 OK", "heard"),
    });
    let scene = Scene::new("says", &format!("http://localhost:{}", application.address.port()), "");
    let mut stream = scene.subscribe("TE: chunked\r\nCookie: session=7\r\n");
    assert!(answer(&mut stream).0.starts_with("HTTP/1.1 200 OK\r\n"));
    // It is told by another connection than it will be asked by, and so by another of its threads.
    until("word of the beginning", || {
        application.asked().iter().any(|(lines, _)| lines[0] == "GET /came HTTP/1.1")
    });
    for (body, status) in [
        ("keep", "201 Created"),
        ("drop", "204 No Content"),
        ("swear", "403 Forbidden"),
        ("shout", "201 Created"),
        ("end", "201 Created"),
        ("large", "502 Bad Gateway"),
        ("nonsense", "502 Bad Gateway"),
    ] {
        let told = scene.publish("pub", body);
        assert!(told.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{body}: {told}");
        assert!(body != "swear" || told.ends_with("\r\n\r\nmind your words"), "{told}");
    }
    let mut heard = vec![0; "4\r\nkeep\r\n5\r\nSHOUT\r\nd\r\nup to the end\r\n".len()];
    stream.read_exact(&mut heard).expect("three messages");
    assert_eq!(String::from_utf8(heard).unwrap(), "4\r\nkeep\r\n5\r\nSHOUT\r\nd\r\nup to the end\r\n");
    drop(stream);
    let went = |(lines, _): &Asked| lines[0] == "GET /went HTTP/1.1";
    until("word of the end", || application.asked().iter().any(went));
    let asked = application.asked();
    let came: Vec<&str> = asked.iter().map(|(lines, _)| lines[0].split(' ').nth(1).unwrap()).collect();
    assert_eq!(came[..2], ["/auth", "/came"]);
    assert!(asked[0].0.contains(&"Cookie: session=7".to_owned()), "{:?}", asked[0]);
    assert!(asked[0].0.contains(&"X-Forwarded-For: 127.0.0.1".to_owned()));
    assert_eq!((scene.counter("hooks_failed"), scene.counter("hooks_too_large")), (1, 1));
}

#[test]
fn connections_are_kept_for_the_next_question() {
    let application = Application::start(|line, body| match line.split(' ').nth(1) {
        Some("/rewrite") if body == "last" => {
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlast".into()
        }
        _ => whole("200 OK", "changed"),
    });
    let scene = Scene::new("kept", &format!("http://{}", application.address), "");
    for i in 0..50 {
        assert!(scene.publish("pub", &format!("m{i}")).starts_with("HTTP/1.1 202 "));
    }
    assert_eq!((application.connections(), application.asked().len()), (1, 50));
    // One that is ended is not asked again; its end may be heard of late, and nobody notices.
    for _ in 0..10 {
        assert!(scene.publish("pub", "last").starts_with("HTTP/1.1 202 "));
        assert!(scene.publish("pub", "more").starts_with("HTTP/1.1 202 "));
    }
    assert_eq!(application.asked().len(), 70);
    assert_eq!(scene.counter("hooks_failed"), 0);
}

#[test]
fn only_so_many_connections_are_kept_and_only_so_long() {
    for (limits, pause_ms) in
        [("hook_connections_idle_max = 0", 0), ("hook_connection_idle_ms_max = 200", 700)]
    {
        let application = Application::start(|_, _| whole("200 OK", "changed"));
        let scene = Scene::new("idle", &format!("http://{}", application.address), limits);
        for i in 1..=3 {
            assert!(scene.publish("pub", "x").starts_with("HTTP/1.1 202 "));
            assert_eq!(application.connections(), i, "{limits}");
            std::thread::sleep(Duration::from_millis(pause_ms));
        }
    }
}

#[test]
fn a_connection_that_ended_while_it_was_kept_is_replaced() {
    // Ends every connection after one answer, without having said so.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                line.clear();
            }
            let _ = (&stream).write_all(b"HTTP/1.1 304 Not Modified\r\n\r\n");
        }
    });
    let scene = Scene::new("ended", &format!("http://{address}"), "");
    for i in 0..100 {
        let told = scene.publish("pub", &format!("m{i}"));
        assert!(told.starts_with("HTTP/1.1 202 "), "{i}: {told}");
    }
}

#[test]
fn an_application_that_is_down_comes_up_again() {
    let nobody = Nobody::new();
    let scene = Scene::new("down", &format!("http://{}", nobody.address), "");
    let mut client = scene.subscribe("");
    assert!(answer(&mut client).0.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    assert!(scene.publish("pub", "x").starts_with("HTTP/1.1 502 "));
    // Another one, where the configuration says after a reload.
    let application = Application::start(|_, _| whole("200 OK", "y"));
    std::fs::write(&scene.config, text(&format!("http://{}", application.address), "")).expect("to write");
    scene.daemon.signal("HUP");
    until("the application to be found", || scene.publish("pub", "x").starts_with("HTTP/1.1 202 "));
    write!(client, "GET /sub/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is taken");
    assert_eq!(answer(&mut client).1, "y");
    assert!(scene.counter("hooks_failed") >= 2);
}

#[test]
fn a_slow_application_costs_only_those_who_wait_for_it() {
    let application = Application::start(|line, _| {
        if line.contains("/auth") {
            std::thread::sleep(Duration::from_secs(30));
        }
        whole("200 OK", "y")
    });
    let limits = "hooks_max = 3\nhook_ms_max = 4000";
    let scene = Scene::new("slow", &format!("http://{}", application.address), limits);
    let start = Instant::now();
    let mut waiting: Vec<TcpStream> = (0..3).map(|_| scene.subscribe("")).collect();
    until("three questions", || application.connections() == 3);
    let mut fourth = scene.subscribe("");
    assert!(answer(&mut fourth).0.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    // Who leaves gives the place up; and others are served meanwhile.
    drop(waiting.pop());
    assert!(scene.publish("plain", "z").starts_with("HTTP/1.1 202 "));
    until("a place", || {
        let mut another = scene.subscribe("");
        another.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket");
        another.read(&mut [0]).is_err()
    });
    for mut client in waiting {
        assert!(answer(&mut client).0.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"));
    }
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(scene.counter("hooks_too_slow") >= 2 && scene.counter("hooks_refused") >= 1);
}

#[test]
fn an_application_can_be_behind_a_socket_file() {
    let path = std::env::temp_dir().join(format!("rcomet-hooks-app-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).expect("a socket file");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let writer = stream.try_clone().expect("a socket");
            serve(BufReader::new(stream), writer, &shared, &|_, body| whole("200 OK", &body.to_uppercase()));
        }
    });
    let scene = Scene::new("unix", &format!("unix:{}:", path.display()), "");
    assert!(scene.publish("pub", "loud").starts_with("HTTP/1.1 202 "));
    assert!(scene.publish("pub", "louder").starts_with("HTTP/1.1 202 "));
    let asked = heard.lock().expect("no test panics with it").clone();
    assert_eq!(asked[0].0[..2], ["POST /rewrite HTTP/1.1", "Host: localhost"]);
    let mut client = scene.subscribe("");
    assert_eq!(answer(&mut client).1, "LOUD");
    let _ = std::fs::remove_file(&path);
    assert!(scene.publish("pub", "x").starts_with("HTTP/1.1 202 "), "the connection that was kept goes on");
}
