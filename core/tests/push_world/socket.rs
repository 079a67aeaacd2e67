//! Readers and publishers by WebSocket, who believe as little as the others.
use rcomet_core::Role;

use super::Tally;
use super::book::{Book, Id};
use super::reader::Reader;
use super::support::{Client, Server, encode};
use super::way::Way;
use super::websocket::{HANDSHAKE, close, frame, frames, frames_before, text};

/// What asks for one; with ids, or nobody could go on.
pub const FIELDS: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: x, ws+meta.nchan\r\n";

/// Publishes by a socket of its own; gives the description that it is answered with.
pub fn publish(server: &mut Server, channel: &str, message: &str) -> String {
    let client = server.connect(Role::Admin);
    let head = format!("GET /pub/{} HTTP/1.1\r\n{HANDSHAKE}Accept: text/json\r\n\r\n", encode(channel));
    server.send(client, [head.as_bytes(), &text(message)].concat());
    let received = server.received_bytes(client);
    let end = received.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let answer = frames(&received[end..])[0].text();
    server.vanish(client);
    answer
}

impl Reader {
    pub fn hear_socket(
        &mut self,
        server: &mut Server,
        client: Client,
        book: &Book,
        era: u32,
        tally: &mut Tally,
    ) {
        self.frames.extend(server.received_bytes(client));
        if self.head.is_empty() && !self.hear_head(server, book, era, tally) {
            return self.hear_end(server, client);
        }
        let (frames, used) = frames_before(&self.frames);
        self.frames.drain(..used);
        for one in frames {
            match one.first & 0x0f {
                1 => self.hear_message(&one.text(), book, era, tally),
                9 => server.send_in_this_turn(client, frame(0x8a, &one.payload)),
                8 => {
                    let (code, reason) = one.close();
                    match (code, &*reason) {
                        (1001, "410 Gone") => tally.note("a socket's channels are gone"),
                        (1008, "409 Conflict") => tally.note("a socket gave way"),
                        (1000, "408 Request Timeout") => {
                            assert!(self.way == Way::SocketLast);
                            assert!(server.now.since(self.asked_at) >= 9_000);
                            tally.note("a socket has lasted long enough");
                        }
                        other => panic!("{other:?} is no close to expect"),
                    }
                    server.send_in_this_turn(client, close(code));
                    server.vanish(client);
                    self.client = None;
                    self.clogged = false;
                    return self.forget();
                }
                other => panic!("{other} is no opcode to expect"),
            }
        }
        self.hear_end(server, client);
    }

    /// The head of the answer; false while it has not come, or is none of a handshake.
    fn hear_head(&mut self, server: &Server, book: &Book, era: u32, tally: &mut Tally) -> bool {
        let Some(end) = self.frames.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
        let head = String::from_utf8(self.frames[..end].to_vec()).expect("a head is text");
        assert!(self.asks, "an answer to no question: {head}");
        self.head = head;
        if self.head.starts_with("HTTP/1.1 101 ") {
            assert_eq!(self.field("Sec-WebSocket-Protocol").as_deref(), Some("ws+meta.nchan"));
            self.frames.drain(..end + 4);
            return true;
        }
        let length: usize = self.field("Content-Length").map_or(0, |n| n.parse().expect("a length"));
        if self.frames.len() >= end + 4 + length {
            let body = String::from_utf8(self.frames[end + 4..end + 4 + length].to_vec()).expect("text");
            self.frames.drain(..end + 4 + length);
            self.hear_answer(&body, server.now, book, era, tally);
            self.asks = false;
        }
        self.head.clear();
        false
    }

    fn hear_message(&mut self, message: &str, book: &Book, era: u32, tally: &mut Tally) {
        let (id, rest) = message.strip_prefix("id: ").and_then(|rest| rest.split_once('\n')).expect("an id");
        let body = match rest.strip_prefix("content-type: ") {
            Some(rest) => rest.split_once("\n\n").expect("an empty line").1,
            None => rest.strip_prefix('\n').expect("an empty line"),
        };
        let (second, tag) = id.split_once(':').expect("an id");
        let id: Id = (second.parse().expect("a second"), tag.parse().expect("a tag"));
        self.take_known(id, body, book, era, tally);
    }

    fn hear_end(&mut self, server: &Server, client: Client) {
        if server.is_closed(client) {
            assert!(self.clogged || !self.asks || server.is_shut(client), "cut for no reason");
            self.client = None;
            self.clogged = false;
            self.forget();
        }
    }
}
