//! A subscriber that understands what it gets, in each of icomet's framings.
//! Knows nothing of what ought to come.
#![allow(dead_code, reason = "each test file uses its own part")]
use rcomet_core::Role;
use serde_json::Value;

use super::support::{Client, Server};

/// A way of subscribing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// `/sub` without a callback.
    Poll,
    /// `/sub` with `cb=f`.
    Jsonp,
    /// `/stream`
    Stream,
    /// `/sse`
    Sse,
    /// `/iframe`
    Iframe,
}

impl Framing {
    pub const ALL: [Self; 5] = [Self::Poll, Self::Jsonp, Self::Stream, Self::Sse, Self::Iframe];
    pub const STREAMS: [Self; 3] = [Self::Stream, Self::Sse, Self::Iframe];

    pub fn target(self, query: &str) -> String {
        match self {
            Self::Poll => format!("/sub?{query}"),
            Self::Jsonp => format!("/sub?{query}&cb=f"),
            Self::Stream => format!("/stream?{query}"),
            Self::Sse => format!("/sse?{query}"),
            Self::Iframe => format!("/iframe?{query}"),
        }
    }

    pub fn is_stream(self) -> bool {
        Self::STREAMS.contains(&self)
    }

    /// The JSON text in one piece of a body.
    fn json(self, piece: &str) -> &str {
        let (before, after) = match self {
            Self::Poll | Self::Stream => ("", "\n"),
            Self::Jsonp => ("/**/f(", ");\n"),
            Self::Sse => ("data: ", "\n\n"),
            Self::Iframe => ("<script>parent.icomet_cb(", ");</script>\n"),
        };
        let piece = match piece.strip_prefix("id: ") {
            Some(rest) => rest.split_once('\n').expect("an id is a line").1,
            None => piece,
        };
        let inside = piece.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let inside = inside.unwrap_or_else(|| panic!("{piece:?} is not framed as {self:?}"));
        assert!(!inside.contains(['\n', '\r']), "one line: {inside:?}");
        assert!(self != Self::Iframe || !inside.contains('<'), "nothing closes the script: {inside}");
        assert!(
            !inside.contains(['\u{2028}', '\u{2029}']),
            "line ends in scripts of before 2019: {inside:?}"
        );
        inside
    }
}

/// Somebody who subscribed.
pub struct Listener {
    pub client: Client,
    pub framing: Framing,
    pub head: String,
    /// The last event id.
    pub id: String,
    /// The answer is over.
    pub ended: bool,
}

impl Listener {
    /// Subscribes on a connection of its own, and reads the head, which comes at once.
    pub fn subscribe(server: &mut Server, framing: Framing, query: &str) -> Self {
        let client = server.connect(Role::Front);
        let mut listener = Self { client, framing, head: String::new(), id: String::new(), ended: false };
        listener.ask(server, query);
        listener
    }

    /// Subscribes again on the same connection.
    pub fn ask(&mut self, server: &mut Server, query: &str) {
        let target = self.framing.target(query);
        server.send(self.client, format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        (self.head, self.ended) = (String::new(), false);
    }

    /// What has come since: each JSON text, an array as one.
    pub fn hear(&mut self, server: &mut Server) -> Vec<Value> {
        let received = server.received(self.client);
        let mut rest = received.as_str();
        if self.head.is_empty() && !rest.is_empty() {
            let (head, body) = rest.split_once("\r\n\r\n").expect("a head");
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            (self.head, rest) = (head.to_owned(), body);
        }
        let mut pieces = Vec::new();
        if self.head.contains("Transfer-Encoding: chunked") {
            while let Some((size, chunk)) = rest.split_once("\r\n") {
                assert!(!self.ended, "nothing comes behind the last chunk: {chunk:?}");
                let size = usize::from_str_radix(size, 16).expect("a chunk's size");
                self.ended = size == 0;
                pieces.push(&chunk[..size]);
                rest = chunk[size..].strip_prefix("\r\n").expect("a chunk ends with CRLF");
            }
        } else if !rest.is_empty() {
            assert!(self.head.contains(&format!("Content-Length: {}", rest.len())), "{}\n{rest}", self.head);
            self.ended = true;
            pieces.push(rest);
        }
        let prologue = |piece: &&str| self.framing == Framing::Iframe && piece.starts_with("<!DOCTYPE html>");
        pieces.retain(|piece| !piece.is_empty() && !prologue(piece));
        let mut values = Vec::new();
        for piece in pieces {
            if let Some(rest) = piece.strip_prefix("id: ") {
                self.id = rest.split('\n').next().unwrap_or_default().to_owned();
            }
            let json = self.framing.json(piece);
            values.push(serde_json::from_str(json).unwrap_or_else(|e| panic!("{json}: {e}")));
        }
        values
    }

    /// The same in short: `data 1 hello`, and `[data 1 hello, next_seq 2 ]` for an array.
    pub fn heard(&mut self, server: &mut Server) -> Vec<String> {
        self.hear(server).iter().map(brief).collect()
    }
}

/// Several requests' worth of a poll, or all that a stream says: message by message.
pub fn flat(values: &[Value]) -> Vec<&Value> {
    values.iter().flat_map(|v| v.as_array().map_or(vec![v], |items| items.iter().collect())).collect()
}

/// A message in short.
pub fn brief(value: &Value) -> String {
    if let Some(items) = value.as_array() {
        return format!("[{}]", items.iter().map(brief).collect::<Vec<_>>().join(", "));
    }
    let fields = value.as_object().expect("an object");
    assert_eq!(fields.len(), 4, "type, cname, seq, content: {value}");
    let (kind, content) = (value["type"].as_str().unwrap(), value["content"].as_str().unwrap());
    assert!(value["cname"].is_string());
    format!("{kind} {} {content}", value["seq"].as_i64().expect("seq is a number"))
}
