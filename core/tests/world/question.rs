//! A question: what a peer asks, as meaning and as bytes. Knows nothing of answers.
use rcomet_core::chance::Chance;
use rcomet_core::time::Moment;

use super::reading::Reading;

/// What is asked.
#[derive(Clone, Debug)]
pub enum Ask {
    Publish {
        channel: String,
        post: usize,
    },
    Broadcast {
        post: usize,
    },
    /// For so long; `None` for as long as channels live.
    Sign {
        channel: String,
        life_ms: Option<u64>,
    },
    SignIn {
        channel: String,
    },
    Close {
        channel: String,
    },
    Clear {
        channel: String,
    },
    Totals,
    Count {
        channel: String,
    },
    Exists {
        channel: String,
    },
    Ping,
    Options,
    /// HEAD of `/psub`: the head of a stream, and the connection goes on.
    HeadOfAnnouncements,
    Announcements,
    /// A subscription; what it hears is judged by its reading.
    Listen,
    /// A proper request that is answered with this status; the connection goes on.
    Refused(u16),
    /// No proper request: answered with one of these, and the connection ends.
    Bad(&'static [u16]),
    /// It never comes whole.
    Unfinished,
}

/// How large a request is, in the terms of the limits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Size {
    pub line: u64,
    pub head: u64,
    pub fields: u64,
    pub body: u64,
}

/// One question of one peer.
#[derive(Clone, Debug)]
pub struct Question {
    pub ask: Ask,
    pub reading: Option<Box<Reading>>,
    /// The function that an answer must call.
    pub cb: Option<String>,
    pub is_ccomet: bool,
    pub is_11: bool,
    /// The connection shall end with the answer.
    pub closes: bool,
    pub expects: bool,
    pub size: Size,
    /// Where its bytes stand in everything that the peer ever means to send.
    pub start: u64,
    pub end: u64,
    /// When its first byte, and its last, reached the server.
    pub came: Option<Moment>,
    pub whole: Option<Moment>,
    /// When the last byte of its head did.
    pub head: Option<Moment>,
}

impl Question {
    pub fn new(ask: Ask) -> Self {
        Self {
            ask,
            reading: None,
            cb: None,
            is_ccomet: false,
            is_11: true,
            closes: false,
            expects: false,
            size: Size::default(),
            start: 0,
            end: 0,
            came: None,
            whole: None,
            head: None,
        }
    }

    pub fn listen(reading: Reading) -> Self {
        let (cb, is_11) = (reading.cb.clone(), reading.is_11);
        let mut question = Self::new(Ask::Listen);
        (question.reading, question.cb, question.is_11) = (Some(Box::new(reading)), cb, is_11);
        question
    }

    /// Whether its answer goes on for as long as everybody likes.
    pub fn is_stream(&self) -> bool {
        match &self.reading {
            Some(reading) => reading.form.is_stream(),
            None => matches!(self.ask, Ask::Announcements),
        }
    }

    /// Whether its answer may come later than it was asked.
    pub fn may_wait(&self) -> bool {
        self.reading.is_some() || matches!(self.ask, Ask::Announcements)
    }
}

/// How the parameters travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    Query,
    Form,
    Chunks,
    Json,
}

/// A request in the making.
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub params: Vec<(&'static str, String)>,
    pub carrier: Carrier,
    pub fields: Vec<String>,
}

impl Request {
    pub fn get(path: &str) -> Self {
        Self {
            method: "GET",
            path: path.into(),
            params: Vec::new(),
            carrier: Carrier::Query,
            fields: Vec::new(),
        }
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.params.push((name, value.to_string()));
        self
    }

    /// Writes it, and how large it is into the question.
    pub fn write(&self, question: &mut Question, chance: &mut Chance) -> Vec<u8> {
        let form: Vec<String> =
            self.params.iter().map(|(n, v)| format!("{n}={}", encode(v, chance))).collect();
        let in_query = self.carrier == Carrier::Query;
        let query = if in_query && !form.is_empty() { format!("?{}", form.join("&")) } else { String::new() };
        let version = if question.is_11 { "1.1" } else { "1.0" };
        let mut head = format!("{} {}{query} HTTP/{version}\r\n", self.method, self.path);
        question.size.line = head.len() as u64 - 1;
        let mut fields = vec!["Host: x".to_owned()];
        if question.closes && question.is_11 {
            fields.push("Connection: close".into());
        }
        fields.extend(self.fields.iter().cloned());
        let mut body = Vec::new();
        match self.carrier {
            Carrier::Query => {}
            Carrier::Form => body = form.join("&").into_bytes(),
            Carrier::Chunks => body = form.join("&").into_bytes(),
            Carrier::Json => {
                let members: serde_json::Map<String, serde_json::Value> =
                    self.params.iter().map(|(n, v)| ((*n).to_owned(), v.as_str().into())).collect();
                body = serde_json::Value::from(members).to_string().into_bytes();
                fields.push("Content-Type: application/json".into());
            }
        }
        question.size.body = body.len() as u64;
        match self.carrier {
            Carrier::Query => {}
            Carrier::Form | Carrier::Json => fields.push(format!("Content-Length: {}", body.len())),
            Carrier::Chunks => {
                fields.push("Transfer-Encoding: chunked".into());
                body = chunked(&body, chance);
            }
        }
        if question.expects {
            fields.push("Expect: 100-continue".into());
        }
        for _ in 0..chance.below(3) {
            fields.push(format!("X-Junk: {}", "j".repeat(chance.below(20) as usize)));
        }
        question.size.fields = fields.len() as u64;
        for field in &fields {
            head.push_str(field);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        question.size.head = head.len() as u64;
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }
}

fn chunked(mut body: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut out = Vec::new();
    while !body.is_empty() {
        let n = 1 + chance.below(body.len() as u64) as usize;
        let extension = if chance.percent(10) { ";name=\"value\"" } else { "" };
        out.extend_from_slice(format!("{n:x}{extension}\r\n").as_bytes());
        out.extend_from_slice(&body[..n]);
        out.extend_from_slice(b"\r\n");
        body = &body[n..];
    }
    out.extend_from_slice(if chance.percent(10) { b"0\r\nTrailer: x\r\n\r\n" } else { b"0\r\n\r\n" });
    out
}

/// A form value; what need not be encoded sometimes is.
fn encode(text: &str, chance: &mut Chance) -> String {
    let all = chance.percent(10);
    let mut out = String::new();
    for c in text.bytes() {
        match c {
            b' ' if !all => out.push('+'),
            c if !all && (c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'|')) => {
                out.push(char::from(c));
            }
            c => out.push_str(&format!("%{c:02X}")),
        }
    }
    out
}
