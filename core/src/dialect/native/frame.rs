//! What subscribers get: one object a message, the same for everybody who reads the channel.
use crate::bytes::escape;
use crate::dialect::{Batch, News, Text};
use crate::hub::{Change, Lost};
use crate::wire::http1::response::number;

/// Writes what subscribers get; each object is a piece.
pub(super) fn frame(news: &[News<'_>], out: &mut Text) {
    for item in news {
        match *item {
            News::Messages(batch) => {
                messages(batch, out);
                continue;
            }
            News::Several(batches) => {
                batches.iter().for_each(|batch| messages(*batch, out));
                continue;
            }
            News::Gap { channel, next, lost } => {
                begin("gap", channel, &mut out.bytes);
                field("next", next, &mut out.bytes);
                match lost {
                    Lost::Some(count) => field("missing", count, &mut out.bytes),
                    Lost::Nothing | Lost::Unknown => out.bytes.extend_from_slice(b",\"missing\":null"),
                }
            }
            News::Closed { channel, .. } => begin("closed", channel, &mut out.bytes),
            News::Roster { channel, roster } => {
                begin("roster", channel, &mut out.bytes);
                field("roster", roster.head() - 1, &mut out.bytes);
                let names = serde_json::to_string(&roster.names()).unwrap_or_default();
                out.bytes.extend_from_slice(b",\"who\":");
                out.bytes.extend_from_slice(names.as_bytes());
            }
            News::Notice { channel, number, notice } => {
                let kind = match notice.change {
                    Change::Join => "join",
                    Change::Leave => "leave",
                    Change::Sign => continue,
                };
                begin(kind, channel.name(), &mut out.bytes);
                field("roster", number, &mut out.bytes);
                string("who", &notice.who, &mut out.bytes);
            }
            // Said in answers, or by pings.
            News::NextSeq { .. } | News::Life { .. } | News::Quiet { .. } | News::Refused { .. } => continue,
        }
        out.bytes.push(b'}');
        out.end_piece();
    }
}

fn messages(batch: Batch<'_>, out: &mut Text) {
    for (seq, message) in batch.channel.history().range(batch.from, batch.to) {
        let cursor = batch.cursor(seq, message);
        begin("message", batch.channel.name(), &mut out.bytes);
        field("seq", seq, &mut out.bytes);
        out.bytes.extend_from_slice(format!(",\"cursor\":\"{cursor}\"").as_bytes());
        string("data", &message.body, &mut out.bytes);
        out.bytes.push(b'}');
        out.end_piece();
    }
}

fn begin(kind: &str, channel: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.push(b'"');
    string("channel", channel, out);
}

fn field(name: &str, value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    number(value, out);
}

fn string(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    escape::json(value, out);
    out.push(b'"');
}
