//! Dialects whose readers ask by GET, in a poll or a stream: how each asks, and what it makes of what it is answered.
use rcomet_core::Role;
use serde_json::Value;

use super::publishers::CONTROL;
use super::support::{Client, Server, dechunk, encode, split};
use super::{Listener, ROOM};

/// What is asked: by which listener, for what, with which fields.
pub type Question = (Role, String, String);
/// A message and the cursor behind it.
pub type Heard = (String, String);

/// How a dialect reads.
pub struct Reading {
    /// A request that goes on from a cursor; "" is the beginning.
    pub ask: fn(&str) -> Question,
    /// What an answer's head and body hold.
    pub hear: fn(&str, &str) -> Vec<Heard>,
    /// Its subscribers are answered once, and ask again.
    pub is_poll: bool,
}

/// Somebody who reads, and comes back when it is answered or cut off.
pub struct Reader {
    reading: &'static Reading,
    client: Option<Client>,
    /// The head of a stream, once it has come.
    head: String,
    cursor: String,
    had: Vec<String>,
}

impl Reader {
    pub fn boxed(reading: &'static Reading) -> Box<dyn Listener> {
        Box::new(Self { reading, client: None, head: String::new(), cursor: String::new(), had: Vec::new() })
    }

    fn ask(&mut self, server: &mut Server) {
        let (role, target, fields) = (self.reading.ask)(&self.cursor);
        let client = server.connect(role);
        server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n"));
        (self.client, self.head) = (Some(client), String::new());
    }
}

impl Listener for Reader {
    /// Takes what has come; a poll that is answered asks again.
    fn hear(&mut self, server: &mut Server) {
        for _ in 0..100 {
            let Some(client) = self.client else { return self.ask(server) };
            let mut received = server.received(client);
            if received.is_empty() {
                return;
            }
            if self.head.is_empty() {
                // The head of an icomet poll comes before its message.
                let (head, body) = split_open(&received);
                if head.starts_with("HTTP/1.1 304 ") {
                    // Nothing new: it will look in again.
                    server.vanish(client);
                    self.client = None;
                    return;
                }
                assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
                (self.head, received) = (head, body);
            }
            if received.is_empty() {
                return;
            }
            let is_chunked = self.head.contains("Transfer-Encoding: chunked") && received.contains("\r\n");
            let body = if is_chunked { dechunk(&received) } else { received };
            for (text, cursor) in (self.reading.hear)(&self.head, &body) {
                (self.cursor, _) = (cursor, self.had.push(text));
            }
            if self.reading.is_poll {
                server.vanish(client);
                self.client = None;
            }
        }
        panic!("it goes round and round");
    }

    fn vanish(&mut self, server: &mut Server) {
        if let Some(client) = self.client.take() {
            server.vanish(client);
        }
    }

    fn had(&self) -> &[String] {
        &self.had
    }
}

/// The head, and what has come of the body.
fn split_open(received: &str) -> (String, String) {
    if received.contains("Transfer-Encoding: chunked") {
        let (head, body) = received.split_once("\r\n\r\n").expect("a head");
        return (head.to_owned(), body.to_owned());
    }
    split(received)
}

fn room() -> String {
    encode(ROOM)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

pub const ICOMET: Reading = Reading {
    ask: |cursor| icomet("sub", cursor),
    hear: |_, body| {
        let value = json(body);
        value.as_array().cloned().unwrap_or(vec![value]).iter().filter_map(icomet_message).collect()
    },
    is_poll: true,
};

pub const ICOMET_JSONP: Reading = Reading {
    ask: |cursor| {
        let (role, target, fields) = icomet("sub", cursor);
        (role, target + "&cb=f", fields)
    },
    hear: |_, body| {
        let inside = body.strip_prefix("/**/f(").and_then(|body| body.strip_suffix(");\n")).expect(body);
        let value = json(inside);
        value.as_array().cloned().unwrap_or(vec![value]).iter().filter_map(icomet_message).collect()
    },
    is_poll: true,
};

pub const ICOMET_STREAM: Reading = Reading {
    ask: |cursor| icomet("stream", cursor),
    hear: |_, body| body.lines().map(json).filter_map(|value| icomet_message(&value)).collect(),
    is_poll: false,
};

/// The cursor is the event's id, which stands for a place in the one log.
pub const ICOMET_SSE: Reading = Reading {
    ask: |cursor| (Role::Front, format!("/sse?cname={}&seq=1", room()), resumes(cursor)),
    hear: |_, body| {
        let of = |event: &str| {
            let (id, data) = event.strip_prefix("id: ").and_then(|rest| rest.split_once('\n')).expect(event);
            (word(&json(data.strip_prefix("data: ").expect("a message"))["content"]), id.to_owned())
        };
        body.split("\n\n").filter(|event| !event.is_empty()).map(of).collect()
    },
    is_poll: false,
};

fn icomet(path: &str, cursor: &str) -> Question {
    let seq = if cursor.is_empty() { "1" } else { cursor };
    (Role::Front, format!("/{path}?cname={}&seq={seq}", room()), String::new())
}

fn icomet_message(item: &Value) -> Option<Heard> {
    let next = item["seq"].as_u64()? + 1;
    (item["type"] == "data").then(|| (word(&item["content"]), next.to_string()))
}

/// What an event source says that comes back.
fn resumes(cursor: &str) -> String {
    if cursor.is_empty() { String::new() } else { format!("Last-Event-ID: {cursor}\r\n") }
}

pub const CCOMET: Reading = Reading {
    ask: |cursor| {
        let seqid = if cursor.is_empty() { "0" } else { cursor };
        let target = format!("/subscribe?channel={}&sname=ann&seqid={seqid}&callback=f", room());
        (Role::Ccomet, target, String::new())
    },
    hear: |_, body| {
        let inside = body.strip_prefix("/**/f('").and_then(|b| b.strip_suffix("')")).expect("a call");
        let next = |item: &Value| (word(&item["seqid"]).parse::<u64>().unwrap() + 1).to_string();
        let items = json(&inside.replace("\\\\", "\\"));
        items.as_array().unwrap().iter().map(|item| (word(&item["msg"]), next(item))).collect()
    },
    is_poll: true,
};

pub const SIMPLE: Reading = Reading {
    ask: |cursor| (Role::SimpleComet, format!("/channels/{}.json?since={cursor}", room()), String::new()),
    hear: simple_hear,
    is_poll: true,
};

/// With another channel in which things happen, too: its messages are not asked for here.
pub const SIMPLE_SEVERAL: Reading = Reading {
    ask: |cursor| {
        let target = format!("/channels/quiet%7C{}%7Cnone.json?since={cursor}", room());
        (Role::SimpleComet, target, String::new())
    },
    hear: simple_hear,
    is_poll: true,
};

fn simple_hear(_: &str, body: &str) -> Vec<Heard> {
    let value = json(body);
    let last = value["last_id"].to_string();
    let room = value["messages"][ROOM].as_array().cloned().unwrap_or_default();
    let count = room.len();
    let cursor = |i: usize, m: &Value| if i + 1 == count { last.clone() } else { m["id"].to_string() };
    room.iter().enumerate().map(|(i, m)| (word(&m["content"]), cursor(i, m))).collect()
}

pub const SIMPLE_JSONP: Reading = Reading {
    ask: |cursor| (Role::SimpleComet, format!("/channels/{}.jsonp?since={cursor}", room()), String::new()),
    hear: |head, body| {
        let inside = body.strip_prefix("_JSONP_comet_cb(").and_then(|body| body.strip_suffix(");"));
        simple_hear(head, inside.expect(body))
    },
    is_poll: true,
};

/// What a poll of the push module goes on from: the validators of its last answer, as they stood there.
fn validators(cursor: &str) -> String {
    let (date, tag) = cursor.split_once('|').unwrap_or_default();
    if tag.is_empty() {
        String::new()
    } else {
        format!("If-Modified-Since: {date}\r\nIf-None-Match: {tag}\r\n")
    }
}

/// The validators of an answer.
fn validated(head: &str) -> String {
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).expect(head);
    format!("{}|{}", field("Last-Modified: "), field("Etag: "))
}

pub const PUSH: Reading = Reading {
    ask: |cursor| (Role::Front, format!("/activity?channel={}", room()), validators(cursor)),
    hear: |head, body| vec![(body.to_owned(), validated(head))],
    is_poll: true,
};

/// The same, with the other field that clients put their place into.
pub const PUSH_BY_ID: Reading = Reading {
    ask: |cursor| (Role::Front, format!("/activity?channel={}", room()), resumes(cursor)),
    // The clock stands still in these tests.
    hear: |head, body| {
        let tag = head.lines().find_map(|line| line.strip_prefix("Etag: ")).expect(head);
        vec![(body.to_owned(), format!("{}:{tag}", super::support::START))]
    },
    is_poll: true,
};

/// Asks, and is told at once that there is nothing new.
pub const PUSH_INTERVAL: Reading = Reading {
    ask: |cursor| (Role::Front, format!("/interval?channel={}", room()), validators(cursor)),
    hear: |head, body| vec![(body.to_owned(), validated(head))],
    is_poll: true,
};

/// All messages that there are in one answer, as parts.
pub const PUSH_BATCH: Reading = Reading {
    ask: |cursor| (Role::Front, format!("/batch?channel={}", room()), validators(cursor)),
    hear: |head, body| {
        let cursor = validated(head);
        let Some((_, boundary)) = head.split_once("multipart/mixed; boundary=") else {
            return vec![(body.to_owned(), cursor)];
        };
        let line = format!("\r\n--{}", boundary.lines().next().unwrap());
        let text = format!("\r\n{body}");
        let parts = text.split(&line).filter_map(|part| part.split_once("\r\n\r\n"));
        parts.map(|(_, text)| (text.to_owned(), cursor.clone())).collect()
    },
    is_poll: true,
};

/// The same, one behind the other: one that comes alone has nothing behind it.
pub const PUSH_LINES: Reading = Reading {
    ask: |cursor| (Role::Front, format!("/lines?channel={}", room()), validators(cursor)),
    hear: |head, body| {
        let texts = body.strip_suffix("\u{1e}\n").unwrap_or(body).split("\u{1e}\n");
        texts.map(|text| (text.to_owned(), validated(head))).collect()
    },
    is_poll: true,
};

pub const PUSH_EVENTS: Reading = Reading {
    ask: |cursor| {
        let fields = "Accept: text/event-stream\r\n".to_owned() + &resumes(cursor);
        (Role::Front, format!("/activity?channel={}", room()), fields)
    },
    hear: |_, body| {
        let of = |event: &str| {
            let (id, data) =
                event.strip_prefix("id: ").and_then(|rest| rest.split_once("\ndata: ")).expect(event);
            (data.to_owned(), id.to_owned())
        };
        body.split("\n\n").filter(|event| !event.is_empty() && !event.starts_with(':')).map(of).collect()
    },
    is_poll: false,
};

/// Its parts have their ids in their heads.
pub const PUSH_MULTIPART: Reading = Reading {
    ask: |cursor| {
        let fields = "Accept: multipart/mixed\r\n".to_owned() + &resumes(cursor);
        (Role::Front, format!("/activity?channel={}", room()), fields)
    },
    hear: |head, body| {
        let (_, boundary) = head.split_once("boundary=").expect(head);
        let boundary = format!("\r\n--{}", boundary.lines().next().unwrap());
        let of = |part: &str| {
            let (head, body) = part.split_once("\r\n\r\n")?;
            let tag = head.lines().find_map(|line| line.strip_prefix("Etag: ")).expect(head);
            Some((body.to_owned(), format!("{}:{tag}", super::support::START)))
        };
        body.split(&boundary).filter_map(of).collect()
    },
    is_poll: false,
};

pub const EVENTS: Reading = Reading {
    ask: |cursor| events("text/event-stream", cursor),
    hear: |_, body| {
        let data = |event: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix("data: "))?;
            native_message(&json(line))
        };
        body.split("\n\n").filter_map(data).collect()
    },
    is_poll: false,
};

pub const LINES: Reading = Reading {
    ask: |cursor| events("application/x-ndjson", cursor),
    hear: |_, body| body.lines().map(json).filter_map(|object| native_message(&object)).collect(),
    is_poll: false,
};

pub const LONG_POLL: Reading = Reading {
    ask: |cursor| events("application/json", cursor),
    hear: |_, body| json(body)["events"].as_array().unwrap().iter().filter_map(native_message).collect(),
    is_poll: true,
};

/// Last values, one after another. A version from before this server: everything that is kept is behind it.
pub const KEYS: Reading = Reading {
    ask: |cursor| {
        let since = if cursor.is_empty() { "1" } else { cursor };
        (CONTROL, format!("/keys/{}?wait=30&since={since}", room()), String::new())
    },
    hear: |_, body| {
        let value = json(body);
        vec![(value["value"].as_str().unwrap().to_owned(), value["version"].to_string())]
    },
    is_poll: true,
};

fn events(accept: &str, cursor: &str) -> Question {
    let from = if cursor.is_empty() { "history=all".to_owned() } else { format!("cursor={cursor}") };
    (Role::Front, format!("/events?channel={}&{from}", room()), format!("Accept: {accept}\r\n"))
}

/// A message of ours and its cursor; nothing else is one.
pub fn native_message(object: &Value) -> Option<Heard> {
    (object["type"] == "message").then(|| (word(&object["data"]), word(&object["cursor"])))
}
