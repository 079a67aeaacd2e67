//! What subscribers get: one object an event, the same on every transport and for everybody who reads the channel.
use super::splice::splice;
use super::style;
use crate::bytes::escape;
use crate::dialect::{Batch, News, Text};
use crate::hub::{Base, Because, Change, Lost, Message};
use crate::log::Sealed;
use crate::wire::http1::response::number;

/// Writes what subscribers get. A poll's is one piece, else each object is.
pub(super) fn frame(style: u8, news: &[News<'_>], out: &mut Text) {
    let mut pen = Pen { style, count: 0, cursor: None, object: Vec::with_capacity(256) };
    if style == style::POLL {
        out.bytes.extend_from_slice(b"{\"events\":[");
    }
    for item in news {
        pen.news(item, out);
    }
    if style == style::POLL {
        match pen.cursor {
            Some(cursor) => out.bytes.extend_from_slice(format!("],\"cursor\":\"{cursor}\"}}").as_bytes()),
            None => out.bytes.extend_from_slice(b"],\"cursor\":null}"),
        }
        out.end_piece();
    }
}

/// What frames are written with.
struct Pen {
    style: u8,
    /// Objects written.
    count: usize,
    /// Where whoever has them all stands.
    cursor: Option<Sealed>,
    object: Vec<u8>,
}

impl Pen {
    fn news(&mut self, item: &News<'_>, out: &mut Text) {
        match *item {
            News::Messages(batch) => {
                // A batch has no holes: whoever reads it has each message when the next one comes.
                let mut has_base = out.base == Base::Held;
                for (seq, message) in batch.channel.history().range(batch.from, batch.to) {
                    self.message(&batch, seq, message, has_base, out);
                    has_base = out.base != Base::Unasked;
                }
            }
            News::Several(batches) => self.several(batches, out),
            News::Ready { channels, cursor } => {
                self.cursor = Some(cursor);
                if self.style != style::POLL {
                    self.object.clear();
                    self.object.extend_from_slice(
                        format!("{{\"type\":\"ready\",\"cursor\":\"{cursor}\"").as_bytes(),
                    );
                    strings("channels", channels, &mut self.object);
                    self.put("ready", Some(cursor), out);
                }
            }
            News::Gap { channel, next, lost } => {
                self.begin("gap", channel);
                field("next", next, &mut self.object);
                missing(lost, &mut self.object);
                self.put("gap", None, out);
            }
            News::Expiring { in_s } => {
                self.object.clear();
                self.object.extend_from_slice(b"{\"type\":\"expiring\"");
                field("in", in_s, &mut self.object);
                self.put("expiring", None, out);
            }
            News::Expired => {
                self.object.clear();
                self.object.extend_from_slice(b"{\"type\":\"expired\"");
                self.put("expired", None, out);
            }
            News::Closed { channel, .. } => {
                self.begin("closed", channel);
                self.put("closed", None, out);
            }
            News::Roster { channel, roster } => {
                self.begin("roster", channel);
                field("roster", roster.head() - 1, &mut self.object);
                strings("who", &roster.names(), &mut self.object);
                self.put("roster", None, out);
            }
            News::Notice { channel, number, notice } => {
                let kind = match notice.change {
                    Change::Join => "join",
                    Change::Leave => "leave",
                    Change::Sign => return,
                };
                self.begin(kind, channel.name());
                field("roster", number, &mut self.object);
                string("who", &notice.who, &mut self.object);
                self.put(kind, None, out);
            }
            News::Quiet { cursor, .. } => self.quiet(cursor, out),
            News::Refused { refusal, .. } if self.style != style::MESSAGES => {
                self.object.clear();
                self.object.extend_from_slice(b"{\"type\":\"error\"");
                super::answer::refusal(refusal, &mut self.object);
                self.put("error", None, out);
            }
            // Said in answers.
            News::NextSeq { .. } | News::Life { .. } | News::Refused { .. } => {}
        }
    }

    /// Nothing happened: proxies, and clients who watch, see that somebody is there. Over WebSocket, pings say it.
    fn quiet(&mut self, cursor: Option<Sealed>, out: &mut Text) {
        match self.style {
            style::POLL => self.cursor = cursor,
            style::EVENTS | style::STATS => {
                out.bytes.extend_from_slice(b":\n\n");
                out.end_piece();
            }
            style::LINES => {
                out.bytes.extend_from_slice(b"{\"type\":\"alive\"}\n");
                out.end_piece();
            }
            _ => {}
        }
    }

    /// Messages of several channels in the order of the log.
    fn several(&mut self, batches: &[Batch<'_>], out: &mut Text) {
        let mut order: Vec<(u64, usize, u64)> = Vec::new();
        let mut next: Vec<u64> = batches.iter().map(|batch| batch.from).collect();
        for (i, batch) in batches.iter().enumerate() {
            let range = batch.channel.history().range(batch.from, batch.to);
            order.extend(range.map(|(seq, message)| (message.offset, i, seq)));
        }
        order.sort_unstable();
        for &(_, i, seq) in &order {
            if let Some(message) = batches[i].channel.history().get(seq) {
                // What has expired in between is missing.
                self.gap_before(&batches[i], next[i], seq, out);
                // Of several channels nothing is known but what stands in this answer.
                let has_base = out.base != Base::Unasked && batches[i].from < seq;
                next[i] = seq + 1;
                self.message(&batches[i], seq, message, has_base, out);
            }
        }
        // And what has behind the last. The cursor is past its place, or whoever asks next would be told the same again.
        let mut last = order.last().map_or(0, |(offset, ..)| *offset);
        for (batch, next) in batches.iter().zip(next) {
            self.gap_before(batch, next, batch.to, out);
            let gone = batch.to.checked_sub(1).filter(|_| next < batch.to);
            if let Some((seq, message)) = gone.and_then(|seq| Some((seq, batch.channel.history().get(seq)?)))
                && message.offset > last
            {
                last = message.offset;
                self.cursor = Some(batch.cursor(seq, message));
            }
        }
    }

    /// Says that messages of a batch are missing before this one, if they are.
    fn gap_before(&mut self, batch: &Batch<'_>, next: u64, seq: u64, out: &mut Text) {
        if next < seq {
            let lost = Lost::Some(seq - next);
            self.news(&News::Gap { channel: batch.channel.name(), next: seq, lost }, out);
        }
    }

    /// One message; by what differs from the one before, if whoever reads this has that and it is shorter.
    fn message(&mut self, batch: &Batch<'_>, seq: u64, message: &Message, has_base: bool, out: &mut Text) {
        if self.style == style::STATS {
            out.bytes.extend_from_slice(b"data: ");
            out.bytes.extend_from_slice(message.body.as_bytes());
            out.bytes.extend_from_slice(b"\n\n");
            return out.end_piece();
        }
        let cursor = batch.cursor(seq, message);
        self.cursor = Some(cursor);
        self.begin("message", batch.channel.name());
        field("seq", seq, &mut self.object);
        self.object.extend_from_slice(format!(",\"cursor\":\"{cursor}\"").as_bytes());
        match if has_base { base(batch, seq) } else { None } {
            Some(base) => self.data_after(base, message, out),
            None => data(message, &mut self.object),
        }
        self.put("message", Some(cursor), out);
    }

    /// Appends what was published: by what differs from the base, if both are text and that is shorter.
    fn data_after(&mut self, base: &Message, message: &Message, out: &mut Text) {
        let start = self.object.len();
        if !base.is_base64() && !message.is_base64() {
            let splice = splice(&base.body, &message.body);
            self.object.extend_from_slice(b",\"splice\":[");
            number(splice.start as u64, &mut self.object);
            self.object.push(b',');
            number(splice.deleted as u64, &mut self.object);
            self.object.push(b']');
            let left_out = message.body.len() - splice.text.len();
            if let Some(bytes @ 1..) = left_out.checked_sub(self.object.len() - start) {
                out.saved.messages += 1;
                out.saved.bytes += bytes as u64;
                return string("data", splice.text, &mut self.object);
            }
            self.object.truncate(start);
        }
        data(message, &mut self.object);
    }

    fn begin(&mut self, kind: &str, channel: &str) {
        self.object.clear();
        self.object.extend_from_slice(b"{\"type\":\"");
        self.object.extend_from_slice(kind.as_bytes());
        self.object.push(b'"');
        string("channel", channel, &mut self.object);
    }

    /// Ends the object, and puts it where it belongs.
    fn put(&mut self, kind: &str, cursor: Option<Sealed>, out: &mut Text) {
        self.object.push(b'}');
        match self.style {
            style::EVENTS | style::STATS => {
                if let Some(cursor) = cursor {
                    out.bytes.extend_from_slice(format!("id: {cursor}\n").as_bytes());
                }
                if kind != "message" {
                    out.bytes.extend_from_slice(format!("event: {kind}\n").as_bytes());
                }
                out.bytes.extend_from_slice(b"data: ");
                out.bytes.extend_from_slice(&self.object);
                out.bytes.extend_from_slice(b"\n\n");
            }
            style::LINES => {
                out.bytes.extend_from_slice(&self.object);
                out.bytes.push(b'\n');
            }
            style::POLL => {
                if self.count > 0 {
                    out.bytes.push(b',');
                }
                out.bytes.extend_from_slice(&self.object);
            }
            _ => out.bytes.extend_from_slice(&self.object),
        }
        self.count += 1;
        if self.style != style::POLL {
            out.end_piece();
        }
    }
}

/// The message before number `seq`, if it is still there: whoever was told of a hole before `seq` is told the whole.
fn base<'b>(batch: &Batch<'b>, seq: u64) -> Option<&'b Message> {
    let history = batch.channel.history();
    let before = seq.checked_sub(1)?;
    history.get(before).filter(|_| history.is_live(before))
}

/// Appends a member that is a number.
pub(super) fn field(name: &str, value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    number(value, out);
}

/// Appends how many are missing; where that is not known, why not.
pub(super) fn missing(lost: Lost, out: &mut Vec<u8>) {
    match lost {
        Lost::Nothing => field("missing", 0, out),
        Lost::Some(count) => field("missing", count, out),
        Lost::Unknown(because) => {
            out.extend_from_slice(b",\"missing\":null");
            string("because", because.word(), out);
            if let Because::Epoch(epoch) = because {
                string("epoch", &epoch.to_string(), out);
            }
        }
    }
}

/// Appends a member that is a string.
pub(super) fn string(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    escape::json(value, out);
    out.push(b'"');
}

/// Appends what was published. Bytes that are no text go as base64, and that is said.
pub(super) fn data(message: &Message, out: &mut Vec<u8>) {
    string("data", &message.body, out);
    if message.is_base64() {
        out.extend_from_slice(b",\"encoding\":\"base64\"");
    }
}

/// Appends a member that is a list of strings.
pub(super) fn strings(name: &str, values: &[&str], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":[");
    for (i, value) in values.iter().enumerate() {
        out.extend_from_slice(if i > 0 { b",\"" } else { b"\"" });
        escape::json(value, out);
        out.push(b'"');
    }
    out.push(b']');
}
