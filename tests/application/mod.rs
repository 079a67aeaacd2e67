//! A small application that the daemon asks, as a back end would be: real sockets, on threads of its own.
//! Knows nothing of the daemon.
#![allow(dead_code, reason = "each test file uses its own part")]
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use socket2::{Domain, Socket, Type};

/// A request as the application has read it: its first line and fields, and its body.
pub(crate) type Asked = (Vec<String>, String);

/// An application on a thread of its own: answers each request as `answers` says; an empty answer is none, and the
/// connection ends after an answer that says so.
pub(crate) struct Application {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Application {
    /// Listens on a port of its own.
    pub(crate) fn start(answers: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (connections, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (counted, heard, answers) = (Arc::clone(&connections), Arc::clone(&asked), Arc::new(answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                let (heard, answers) = (Arc::clone(&heard), Arc::clone(&answers));
                std::thread::spawn(move || {
                    let writer = stream.try_clone().expect("a socket");
                    serve(BufReader::new(stream), writer, &heard, &*answers);
                });
            }
        });
        Self { address, connections, asked }
    }

    /// What it has been asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panics with it").clone()
    }

    /// Connections that it has had.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Answers the requests of one connection, and notes them.
pub(crate) fn serve(
    mut reader: impl BufRead,
    mut writer: impl Write,
    heard: &Mutex<Vec<Asked>>,
    answers: &dyn Fn(&str, &str) -> String,
) {
    loop {
        let (mut lines, mut length) = (Vec::new(), 0);
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(n) if n > 0 => {}
                _ => return,
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some(n) = line.strip_prefix("Content-Length: ") {
                length = n.parse().expect("a length");
            }
            lines.push(line.to_owned());
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let body = String::from_utf8(body).expect("text");
        let answer = answers(&lines[0], &body);
        heard.lock().expect("no test panics with it").push((lines, body));
        if writer.write_all(answer.as_bytes()).is_err() || answer.contains("Connection: close") {
            return;
        }
    }
}

/// An address at which nobody listens, and nobody else can as long as this is held.
pub(crate) struct Nobody {
    pub(crate) address: SocketAddr,
    _socket: Socket,
}

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        let address = socket.local_addr().expect("bound").as_socket().expect("an address");
        Self { address, _socket: socket }
    }
}

/// An answer with this status and body.
pub(crate) fn whole(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
