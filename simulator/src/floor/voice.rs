//! How somebody is spoken to, and the bytes of a message in each of the ways.
//! Knows nothing of who gets them.
use std::io::Write as _;

use crate::frames::{self, TEXT};

/// Callback names are all of this length, so that a prepared answer has a fixed place for them.
pub(super) const CALLBACK_BYTES: usize = 11;

/// What is said of every message's time, where a dialect wants that: the number alone says what comes next.
const DATE: &str = "Sat, 21 Nov 2026 00:00:00 GMT";
/// The answer to the one key that this program sends, with the subprotocol that it asks for.
const UPGRADED_META: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ws+meta.nchan\r\n\r\n";
const JSON: &str = "application/json; charset=utf-8";

/// How somebody is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Sse,
    Poll,
    Jsonp([u8; CALLBACK_BYTES]),
    /// A long poll of the push module.
    Push,
    /// Its event source.
    Events,
    /// A poll of Simple Comet.
    Simple,
    /// A connect of Bayeux.
    Bayeux,
    /// A WebSocket.
    Socket,
    /// A WebSocket of the push module's, where each message says its id.
    Meta,
}

impl Voice {
    /// How many forms a message can have.
    pub(super) const FORMS: usize = 9;

    /// Whether one answer brings one message, and the next has to be asked for.
    pub(super) fn polls(self) -> bool {
        !matches!(self, Self::Sse | Self::Events | Self::Socket | Self::Meta)
    }

    /// The form's place among all.
    pub(super) fn form(self) -> usize {
        match self {
            Self::Sse => 0,
            Self::Poll => 1,
            Self::Jsonp(_) => 2,
            Self::Push => 3,
            Self::Events => 4,
            Self::Simple => 5,
            Self::Bayeux => 6,
            Self::Socket => 7,
            Self::Meta => 8,
        }
    }

    /// What somebody hears as soon as it listens: by that it knows that it is there.
    pub(super) fn welcome(self) -> &'static [u8] {
        match self {
            Self::Sse | Self::Events => b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
            Self::Meta => UPGRADED_META,
            Self::Socket => b"\x81\x15{\"type\":\"subscribed\"}",
            _ => b"",
        }
    }

    /// Appends a message as it is sent to everybody of this kind.
    pub(super) fn write(self, name: &[u8], number: u64, content: &[u8], out: &mut Vec<u8>) {
        let mut body = Vec::new();
        match self {
            Self::Sse => {
                out.extend_from_slice(b"data: ");
                icomet(name, number, content, out);
                return out.extend_from_slice(b"\n\n");
            }
            Self::Events => {
                let _ = write!(out, "id: 1:{number}\ndata: ");
                out.extend_from_slice(content);
                return out.extend_from_slice(b"\n\n");
            }
            Self::Poll => {
                icomet(name, number, content, &mut body);
                body.push(b'\n');
            }
            Self::Jsonp(callback) => {
                body.extend_from_slice(b"/**/");
                body.extend_from_slice(&callback);
                body.push(b'(');
                icomet(name, number, content, &mut body);
                body.extend_from_slice(b");\n");
            }
            Self::Push => {
                let _ = write!(out, "HTTP/1.1 200 OK\r\nLast-Modified: {DATE}\r\nEtag: {number}\r\n");
                let _ = write!(out, "Content-Length: {}\r\n\r\n", content.len());
                return out.extend_from_slice(content);
            }
            Self::Simple => {
                body.extend_from_slice(b"{\"messages\": {\"");
                body.extend_from_slice(name);
                let _ = write!(body, "\": [{{\"id\": {number}, \"content\": \"");
                body.extend_from_slice(content);
                let _ = write!(body, "\"}}]}}, \"last_id\": {number}, \"return_code\": 1}}");
            }
            Self::Bayeux => {
                body.extend_from_slice(b"[{\"channel\":\"/");
                body.extend_from_slice(name);
                body.extend_from_slice(b"\",\"data\":\"");
                body.extend_from_slice(content);
                let _ = write!(
                    body,
                    "\"}},{{\"channel\":\"/meta/connect\",\"id\":\"3\",\"successful\":true,\"ext\":{{\"ack\":{number}}}}}]"
                );
            }
            Self::Meta => {
                let _ = write!(body, "id: 1:{number}\ncontent-type: text/plain\n\n");
                body.extend_from_slice(content);
                return frames::write(TEXT, None, &body, out);
            }
            Self::Socket => {
                body.extend_from_slice(b"{\"type\":\"message\",\"channel\":\"");
                body.extend_from_slice(name);
                let _ = write!(body, "\",\"seq\":{number},\"data\":\"");
                body.extend_from_slice(content);
                body.extend_from_slice(b"\"}");
                return frames::write(TEXT, None, &body, out);
            }
        }
        answer(&body, out);
    }
}

/// Appends a whole answer with this body.
pub(super) fn answer(body: &[u8], out: &mut Vec<u8>) {
    let _ = write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nCache-Control: no-cache\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(body);
}

fn icomet(name: &[u8], number: u64, content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"data\",\"cname\":\"");
    out.extend_from_slice(name);
    let _ = write!(out, "\",\"seq\":{number},\"content\":\"");
    out.extend_from_slice(content);
    out.extend_from_slice(b"\"}");
}
