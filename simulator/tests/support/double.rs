//! A small server with manners of its own: publishers are told that all is well, and subscribers get what the test says.
//! Knows nothing of messages.
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// The answer to a publisher, in icomet's dialect.
const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"type\":\"ok\"}\n";

/// Serves until the test ends. Who listens gets `answer`; then its connection ends, unless it `waits`.
pub(crate) fn serve(answer: &'static [u8], waits: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || talk(stream, answer, waits));
        }
    });
    address
}

/// Until the other end has gone, which is no fault.
fn talk(mut stream: TcpStream, answer: &[u8], waits: bool) {
    let (mut unread, mut block) = (Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = stream.read(&mut block) {
        unread.extend_from_slice(&block[..n]);
        while let Some(end) = unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let publishes = unread.starts_with(b"GET /push");
            unread.drain(..end + 4);
            let said = stream.write_all(if publishes { TAKEN } else { answer });
            if said.is_err() || !(publishes || waits) {
                return;
            }
        }
    }
}
