//! A WebSocket's client end that takes nothing for granted: every frame of the server is checked.
//! Knows nothing of what ought to come.
#![allow(dead_code, reason = "each test file uses its own part")]
use rcomet_core::Role;
use serde_json::Value;

use super::support::{Client, Server};

/// The fields of a handshake; the key is the standard's own example.
pub const HANDSHAKE: &str = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
pub const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

/// A frame of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Opcode, with the bit for compression.
    pub first: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn text(&self) -> String {
        assert_eq!(self.first & 0x0f, 1, "{self:?} is no text");
        String::from_utf8(self.inflated()).expect("text is UTF-8")
    }

    pub fn inflated(&self) -> Vec<u8> {
        if self.first & 0x40 == 0 {
            return self.payload.clone();
        }
        let mut out = Vec::with_capacity(8 << 20);
        let mut inflate = flate2::Decompress::new(false);
        let whole = [&self.payload[..], &[0, 0, 0xff, 0xff]].concat();
        inflate.decompress_vec(&whole, &mut out, flate2::FlushDecompress::Sync).expect("it is compressed");
        out
    }

    /// The code and the reason of a close.
    pub fn close(&self) -> (u16, String) {
        assert_eq!(self.first, 0x88, "{self:?} is no close");
        let code =
            if self.payload.is_empty() { 0 } else { u16::from_be_bytes([self.payload[0], self.payload[1]]) };
        (
            code,
            String::from_utf8(self.payload.get(2..).unwrap_or_default().to_vec()).expect("a reason is UTF-8"),
        )
    }
}

/// A client's frame, masked.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=0xffff => {
            out.push(0xfe);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0xff);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    let mask = [0xa5, 0x5a, payload.len() as u8, first];
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

pub fn text(message: &str) -> Vec<u8> {
    frame(0x81, message.as_bytes())
}

pub fn close(code: u16) -> Vec<u8> {
    frame(0x88, &code.to_be_bytes())
}

/// The frames in what a server sent; all of them must be whole, unmasked and as short as can be.
pub fn frames(bytes: &[u8]) -> Vec<Frame> {
    let (frames, used) = frames_before(bytes);
    assert_eq!(used, bytes.len(), "the last frame is not whole");
    frames
}

/// The whole frames at the beginning of what a server sent, and how many bytes they are.
pub fn frames_before(whole: &[u8]) -> (Vec<Frame>, usize) {
    let mut all = Vec::new();
    let mut bytes = whole;
    while bytes.len() >= 2 {
        let (first, short) = (bytes[0], bytes[1]);
        if bytes.len() < 10 && (short == 127 || short == 126 && bytes.len() < 4) {
            break;
        }
        assert!(first & 0x80 != 0, "a server does not fragment");
        assert!(first & 0x30 == 0 && matches!(first & 0x0f, 1 | 2 | 8 | 9 | 10), "{first:x}");
        assert!(short & 0x80 == 0, "a server does not mask");
        let (length, at) = match short {
            126 => (u64::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            127 => (u64::from_be_bytes(bytes[2..10].try_into().expect("eight bytes")), 10),
            n => (u64::from(n), 2),
        };
        assert!(at == 2 || length > 125 && (at == 4 || length > 0xffff), "as short as it can be");
        assert!(first & 0x08 == 0 || length <= 125 && first & 0x40 == 0, "control frames are short");
        let end = at + length as usize;
        if end > bytes.len() {
            break;
        }
        all.push(Frame { first: first & 0x4f, payload: bytes[at..end].to_vec() });
        if all.last().is_some_and(|f| f.first == 0x08) {
            all.last_mut().expect("it is there").first = 0x88;
            assert_eq!(end, bytes.len(), "nothing comes behind a close");
        }
        bytes = &bytes[end..];
    }
    (all, whole.len() - bytes.len())
}

/// A connected WebSocket.
#[derive(Clone, Copy)]
pub struct Socket(pub Client);

impl Socket {
    /// Connects to `/ws`.
    pub fn open(server: &mut Server) -> Self {
        Self::open_with(server, "/ws", "").0
    }

    /// Connects with more fields; also gives the head of the answer.
    pub fn open_with(server: &mut Server, path: &str, fields: &str) -> (Self, String) {
        let client = server.connect(Role::Front);
        server.send(client, format!("GET {path} HTTP/1.1\r\n{HANDSHAKE}{fields}\r\n"));
        // Messages may come with the handshake.
        let received = server.received_bytes(client);
        let end =
            received.windows(4).position(|four| four == b"\r\n\r\n").map_or(received.len(), |at| at + 4);
        let head = String::from_utf8(received[..end].to_vec()).expect("a head is text");
        server.put_back(client, &received[end..]);
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
        assert!(head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        assert!(!head.contains("Content-"), "there is no content: {head}");
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        (Self(client), head)
    }

    pub fn send(self, server: &mut Server, bytes: impl AsRef<[u8]>) {
        server.send(self.0, bytes);
    }

    pub fn say(self, server: &mut Server, message: &str) {
        server.send(self.0, text(message));
    }

    pub fn hear(self, server: &mut Server) -> Vec<Frame> {
        frames(&server.received_bytes(self.0))
    }

    /// What has come as JSON, one text for each message.
    pub fn heard(self, server: &mut Server) -> Vec<String> {
        self.hear(server).iter().map(Frame::text).collect()
    }

    /// Says something and gives the answers.
    pub fn ask(self, server: &mut Server, message: &str) -> Vec<Value> {
        self.say(server, message);
        self.heard(server).iter().map(|text| serde_json::from_str(text).expect("JSON")).collect()
    }

    /// The one close that has come, and nothing else.
    pub fn closed_with(self, server: &mut Server) -> u16 {
        match &self.hear(server)[..] {
            [one] => one.close().0,
            other => panic!("not a close alone: {other:?}"),
        }
    }
}
