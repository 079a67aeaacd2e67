//! What CComet's subscribers get: an array of items, as the text of a single-quoted string. Escaped twice.
use crate::bytes::escape;
use crate::config::without_prefix;
use crate::dialect::{News, Refusal, Text};
use crate::hub::Change;

/// Writes the inside of the string.
pub(super) fn frame(style: u8, news: &[News<'_>], out: &mut Text) {
    let mut array = b"[".to_vec();
    let mut messages = false;
    for item in news {
        match *item {
            News::Messages(batch) => {
                messages = true;
                for (seq, message) in batch.channel.history().range(batch.from, batch.to) {
                    let sender = message.sender.as_deref().unwrap_or_default();
                    // Its numbers begin with 0.
                    let name = without_prefix(batch.channel.name(), style);
                    push("MSG", &message.body, sender, seq - 1, name, &mut array);
                }
            }
            // One alone, and never behind a message: the client would go on from its number and miss one.
            News::Notice { channel, notice, .. }
                if notice.change == Change::Sign && !messages && array.len() == 1 =>
            {
                let name = without_prefix(channel.name(), style);
                push("SIGN", "SIGN", &notice.who, channel.history().head() - 1, name, &mut array);
            }
            News::Refused { refusal, .. } => {
                let kind = if *refusal == Refusal::Token { "401" } else { "404" };
                array.extend_from_slice(format!("{{\"type\" : \"{kind}\", \"reason\" : \"").as_bytes());
                escape::json(refusal.words(), &mut array);
                array.extend_from_slice(b"\"}");
            }
            News::Closed { .. } => {
                array.extend_from_slice(b"{\"type\" : \"404\", \"reason\" : \"the channel was closed\"}");
            }
            // What its clients have no words for: they would show it as a message.
            News::Notice { .. }
            | News::Several(_)
            | News::Gap { .. }
            | News::NextSeq { .. }
            | News::Life { .. }
            | News::Quiet { .. }
            | News::Expiring { .. }
            | News::Expired
            | News::Ready { .. }
            | News::Roster { .. } => {}
        }
    }
    array.push(b']');
    escape::single_quoted(&array, &mut out.bytes);
    out.end_piece();
}

fn push(kind: &str, message: &str, sender: &str, seqid: u64, channel: &str, out: &mut Vec<u8>) {
    if out.len() > 1 {
        out.push(b',');
    }
    for (before, text) in [
        ("{ \"type\":\"", kind),
        ("\",\"msg\":\"", message),
        ("\",\"sname\":\"", sender),
        ("\",\"seqid\":\"", seqid.to_string().as_str()),
        ("\",\"channel\":\"", channel),
    ] {
        out.extend_from_slice(before.as_bytes());
        escape::json(text, out);
    }
    out.extend_from_slice(b"\"}");
}
