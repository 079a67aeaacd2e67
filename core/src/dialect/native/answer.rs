//! Answers to what a client asked: they carry its `id`.
use crate::bytes::escape;
use crate::dialect::{Outcome, Refusal};
use crate::wire::http1::response::number;

/// Writes an answer.
pub(super) fn answer(tag: Option<&str>, outcome: &Outcome<'_>, out: &mut Vec<u8>) {
    let kind = match outcome {
        Outcome::Subscribed { .. } => "subscribed",
        Outcome::Unsubscribed { .. } => "unsubscribed",
        Outcome::Published { .. } => "published",
        Outcome::Pong { .. } => "pong",
        Outcome::Refused(_) => "error",
        _ => "ok",
    };
    out.extend_from_slice(format!("{{\"type\":\"{kind}\"").as_bytes());
    if let Some(tag) = tag {
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(tag.as_bytes());
    }
    match outcome {
        Outcome::Subscribed { channel, seq, cursor } => {
            named(channel, out);
            out.extend_from_slice(b",\"seq\":");
            number(*seq, out);
            out.extend_from_slice(format!(",\"cursor\":\"{cursor}\"").as_bytes());
        }
        Outcome::Unsubscribed { channel } => named(channel, out),
        Outcome::Refused(refusal) => {
            out.extend_from_slice(b",\"status\":");
            number(u64::from(refusal.status().0), out);
            out.extend_from_slice(b",\"reason\":\"");
            escape::json(reason(refusal), out);
            out.push(b'"');
        }
        _ => {}
    }
    out.push(b'}');
}

fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Token => "the channel's token is missing or wrong",
        other => other.words(),
    }
}

fn named(channel: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"channel\":\"");
    escape::json(channel, out);
    out.push(b'"');
}
