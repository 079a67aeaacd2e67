//! A channel of the floor: the last messages, each with the bytes that everybody of one kind gets.
//! Knows nothing of connections but their numbers.
use std::io::Write as _;

/// Messages that are kept.
const KEPT: u64 = 4096;
/// Callback names are all of this length, so that a prepared answer has a fixed place for them.
pub(super) const CALLBACK_BYTES: usize = 11;

/// How somebody is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Sse,
    Poll,
    Jsonp([u8; CALLBACK_BYTES]),
}

impl Voice {
    pub(super) fn polls(self) -> bool {
        self != Self::Sse
    }
}

pub(super) struct Channel {
    name: Box<[u8]>,
    head: u64,
    kept: Vec<Message>,
    /// The numbers of the connections that wait.
    pub(super) waiting: Vec<usize>,
}

/// A message and its forms, each of which is made when it is first needed. All memory is used again.
#[derive(Default)]
struct Message {
    content: Vec<u8>,
    sse: Vec<u8>,
    poll: Vec<u8>,
    jsonp: Vec<u8>,
    callback_at: usize,
}

impl Channel {
    pub(super) fn new(name: &[u8]) -> Self {
        Self { name: name.into(), head: 0, kept: Vec::new(), waiting: Vec::new() }
    }

    /// The number of the last message.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    pub(super) fn append(&mut self, content: &[u8]) {
        let place = (self.head % KEPT) as usize;
        self.head += 1;
        if place == self.kept.len() {
            self.kept.push(Message::default());
        }
        let Message { content: kept, sse, poll, jsonp, .. } = &mut self.kept[place];
        for bytes in [sse, poll, jsonp] {
            bytes.clear();
        }
        kept.clear();
        kept.extend_from_slice(content);
    }

    /// The bytes that somebody gets for this message; `None` if it is not kept any more.
    pub(super) fn frame(&mut self, number: u64, voice: Voice) -> Option<&mut [u8]> {
        if number == 0 || number > self.head || self.head - number >= KEPT {
            return None;
        }
        let message = &mut self.kept[((number - 1) % KEPT) as usize];
        Some(match voice {
            Voice::Sse => {
                if message.sse.is_empty() {
                    message.sse.extend_from_slice(b"data: ");
                    write_message(&self.name, number, &message.content, &mut message.sse);
                    message.sse.extend_from_slice(b"\n\n");
                }
                &mut message.sse
            }
            Voice::Poll => {
                if message.poll.is_empty() {
                    let mut body = Vec::new();
                    write_message(&self.name, number, &message.content, &mut body);
                    body.push(b'\n');
                    write_head(body.len(), &mut message.poll);
                    message.poll.extend_from_slice(&body);
                }
                &mut message.poll
            }
            Voice::Jsonp(callback) => {
                if message.jsonp.is_empty() {
                    let mut body = b"/**/".to_vec();
                    body.extend_from_slice(&[b'_'; CALLBACK_BYTES]);
                    body.push(b'(');
                    write_message(&self.name, number, &message.content, &mut body);
                    body.extend_from_slice(b");\n");
                    write_head(body.len(), &mut message.jsonp);
                    message.callback_at = message.jsonp.len() + 4;
                    message.jsonp.extend_from_slice(&body);
                }
                message.jsonp[message.callback_at..][..CALLBACK_BYTES].copy_from_slice(&callback);
                &mut message.jsonp
            }
        })
    }
}

fn write_head(length: usize, out: &mut Vec<u8>) {
    let _ = write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nCache-Control: no-cache\r\n\
         Content-Length: {length}\r\n\r\n"
    );
}

fn write_message(name: &[u8], number: u64, content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"data\",\"cname\":\"");
    out.extend_from_slice(name);
    let _ = write!(out, "\",\"seq\":{number},\"content\":\"");
    out.extend_from_slice(content);
    out.extend_from_slice(b"\"}");
}
