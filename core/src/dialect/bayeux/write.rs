//! Replies and events, written (`protocols/bayeux.md`, sections 2 and 5 to 9). A reply has `successful` and no `data`, an
//! event has `data` and no `successful`: clients tell them apart by that.
//! Knows nothing of who gets them.
use super::message::Timesync;
use super::style;
use crate::bytes::escape;
use crate::hub::{Kind, Message};
use crate::time::{Date, Moment};
use crate::wire::http1::response::number;

/// One reply in the making.
pub struct Reply<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Reply<'o> {
    /// Begins a reply, behind others if there are any. `id` is JSON as it came.
    pub fn begin(out: &'o mut Vec<u8>, id: Option<&str>, channel: &str, successful: bool) -> Self {
        if !out.is_empty() {
            out.push(b',');
        }
        out.push(b'{');
        if let Some(id) = id {
            out.extend_from_slice(b"\"id\":");
            json(id, out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"channel\":\"");
        escape::json(channel, out);
        let word: &[u8] = if successful { b"\",\"successful\":true" } else { b"\",\"successful\":false" };
        out.extend_from_slice(word);
        Self { out }
    }

    /// A member whose value is a string.
    pub fn text(self, name: &str, value: &str) -> Self {
        let Self { out } = self.name(name);
        out.push(b'"');
        escape::json(value, out);
        out.push(b'"');
        Self { out }
    }

    /// A member whose value is JSON.
    pub fn json(self, name: &str, value: &str) -> Self {
        let Self { out } = self.name(name);
        json(value, out);
        Self { out }
    }

    /// What extensions are answered: what there is to be said of acknowledgements, and the time.
    pub fn ext(self, ack: Option<Ack>, sync: Option<&Timesync>, now: Moment) -> Self {
        if ack.is_none() && sync.is_none() {
            return self;
        }
        let Self { out } = self.name("ext");
        out.push(b'{');
        if let Some(ack) = ack {
            out.extend_from_slice(b"\"ack\":");
            match ack {
                Ack::Agreed => out.extend_from_slice(b"true"),
                Ack::Batch(batch) => number(batch, out),
            }
        }
        if let Some(Timesync { sent, unix_ms, off_ms, at }) = sync {
            let (comma, p) = (if ack.is_some() { "," } else { "" }, now.since(*at));
            let a = off_ms.map_or(String::new(), |off| format!(",\"a\":{off}"));
            let text = format!("{comma}\"timesync\":{{\"tc\":{sent},\"ts\":{unix_ms},\"p\":{p}{a}}}");
            out.extend_from_slice(text.as_bytes());
        }
        out.push(b'}');
        Self { out }
    }

    /// What is wrong.
    pub fn error(self, error: &str) -> Self {
        self.text("error", error)
    }

    /// What the client is to do next.
    pub fn advice(self, advice: Advice) -> Self {
        let Self { out } = self.name("advice");
        advice.write(out);
        Self { out }
    }

    fn name(self, name: &str) -> Self {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self
    }

    /// Ends it.
    pub fn end(self) {
        self.out.push(b'}');
    }
}

/// What is said of acknowledgements (section 16).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ack {
    /// That there are some.
    Agreed,
    /// The number of the batch that ends here, by which the client acknowledges it.
    Batch(u64),
}

/// What a client is to do next (section 8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advice {
    /// Connect again after `interval_ms`, and wait for the reply for up to `timeout_ms`.
    Retry {
        /// The pause before it.
        interval_ms: u64,
        /// How long the server holds it.
        timeout_ms: u64,
    },
    /// Begin again with a handshake.
    Handshake,
    /// Begin again, but not at once.
    Later {
        /// The pause before it.
        interval_ms: u64,
    },
    /// There are several clients in one browser: connect again after `interval_ms`, without being held.
    Multiple {
        /// The pause before it.
        interval_ms: u64,
    },
    /// Give up.
    None,
}

impl Advice {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Retry { interval_ms, timeout_ms } => {
                out.extend_from_slice(b"{\"reconnect\":\"retry\",\"interval\":");
                number(interval_ms, out);
                out.extend_from_slice(b",\"timeout\":");
                number(timeout_ms, out);
                out.push(b'}');
            }
            Self::Handshake => out.extend_from_slice(b"{\"reconnect\":\"handshake\",\"interval\":0}"),
            Self::Later { interval_ms } => {
                out.extend_from_slice(b"{\"reconnect\":\"handshake\",\"interval\":");
                number(interval_ms, out);
                out.push(b'}');
            }
            Self::Multiple { interval_ms } => {
                out.extend_from_slice(b"{\"multiple-clients\":true,\"reconnect\":\"retry\",\"interval\":");
                number(interval_ms, out);
                out.push(b'}');
            }
            Self::None => out.extend_from_slice(b"{\"reconnect\":\"none\"}"),
        }
    }
}

/// Appends a message as an event of `channel`. It has nothing of its publisher but `data` and `ext`: an `advice` or
/// `successful` among what a stranger sends would be taken for the server's.
pub fn event(channel: &str, message: &Message, style: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"channel\":\"");
    escape::json(channel, out);
    out.extend_from_slice(b"\",\"data\":");
    let is_json = message.kind == Kind::Json
        || (style & style::PARSES_TEXT != 0
            && !message.is_base64()
            && serde_json::from_str::<serde::de::IgnoredAny>(&message.body).is_ok());
    if is_json {
        json(&message.body, out);
    } else {
        out.push(b'"');
        escape::json(&message.body, out);
        out.push(b'"');
    }
    if let Some(id) = message.id() {
        out.extend_from_slice(b",\"id\":");
        json(id, out);
        // Who asks looks at it.
        out.extend_from_slice(b",\"successful\":true");
    }
    if let Some(ext) = message.ext() {
        out.extend_from_slice(b",\"ext\":");
        json(ext, out);
    }
    if style & style::TIMESTAMP != 0 {
        out.extend_from_slice(b",\"timestamp\":\"");
        out.extend_from_slice(Date::from_unix(message.unix_s.into()).as_bytes());
        out.push(b'"');
    }
    out.push(b'}');
}

/// Appends the event that says that messages are missing, or, if nobody knows how many, that some may be.
pub fn gap(lost: Option<u64>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"channel\":\"");
    out.extend_from_slice(super::GAP_CHANNEL.as_bytes());
    out.extend_from_slice(b"\",\"data\":{\"lost\":");
    match lost {
        Some(lost) => number(lost, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b"}}");
}

/// Appends JSON as it is, but for U+2028 and U+2029, which end a line in scripts of before 2019. In JSON they can only
/// stand in strings.
pub fn json(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut clean = 0;
    for at in memchr::memchr_iter(0xe2, bytes) {
        if let Some(&[0x80, end @ (0xa8 | 0xa9)]) = bytes.get(at + 1..at + 3) {
            out.extend_from_slice(&bytes[clean..at]);
            out.extend_from_slice(if end == 0xa8 { b"\\u2028" } else { b"\\u2029" });
            clean = at + 3;
        }
    }
    out.extend_from_slice(&bytes[clean..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_follow_each_other() {
        let mut out = Vec::new();
        Reply::begin(&mut out, Some("7"), "/meta/connect", true).end();
        let retry = Advice::Retry { interval_ms: 0, timeout_ms: 30_000 };
        Reply::begin(&mut out, None, "/\"", false).error("402::x").advice(retry).end();
        Reply::begin(&mut out, None, "/a", true).json("subscription", "[\"\u{2028}\"]").end();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"id\":7,\"channel\":\"/meta/connect\",\"successful\":true},\
             {\"channel\":\"/\\\"\",\"successful\":false,\"error\":\"402::x\",\
             \"advice\":{\"reconnect\":\"retry\",\"interval\":0,\"timeout\":30000}},\
             {\"channel\":\"/a\",\"successful\":true,\"subscription\":[\"\\u2028\"]}"
        );
    }

    #[test]
    fn line_ends_of_scripts_are_escaped_and_nothing_else() {
        let mut out = Vec::new();
        json("\"\u{2028}a\u{2029}\u{20ac}é<\u{2030}\"", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"\\u2028a\\u2029\u{20ac}é<\u{2030}\"");
    }
}
