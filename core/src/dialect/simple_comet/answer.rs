//! Answers that are over at once: objects, byte for byte as the original writes them.
use super::{style, verdict};
use crate::bytes::escape;
use crate::config::without_prefix;
use crate::dialect::{Outcome, Refusal};
use crate::wire::http1::response::number;

/// What every success ends with.
pub(super) const SUCCESS: &[u8] = b"\"return_code\": 1, \"error_message\": \"\"}";

/// Writes an object.
pub(super) fn object(style: u8, outcome: &Outcome<'_>, out: &mut Vec<u8>) {
    match outcome {
        Outcome::Refused(refusal) => return error(refusal, out),
        Outcome::Registered { channel } => {
            field("{\"channel_id\": ", without_prefix(channel, style), style, out);
        }
        Outcome::SessionRegistered { session } => field("{\"client_id\": ", session, style, out),
        Outcome::Published { id } => {
            out.extend_from_slice(b"{\"message_id\": ");
            number(*id, out);
        }
        Outcome::Deleted { channel, removed } => {
            match channel {
                Some(channel) => field("{\"channel_id\": ", without_prefix(channel, style), style, out),
                None => out.extend_from_slice(b"{\"channel_id\": null"),
            }
            if *removed {
                return out
                    .extend_from_slice(b", \"removed\": true, \"return_code\": 2, \"error_message\": \"\"}");
            }
            out.extend_from_slice(b", \"removed\": false");
        }
        Outcome::Census { channels, sessions, held, left_out } => {
            out.extend_from_slice(b"{\"status\": {\"channels\": [");
            names(channels.iter().map(|name| without_prefix(name, style)), style, out);
            out.extend_from_slice(b"], \"clients\": [");
            names(sessions.iter().copied(), style, out);
            out.extend_from_slice(b"], \"held_connections_count\": ");
            number(*held as u64, out);
            if *left_out > 0 {
                out.extend_from_slice(b", \"left_out\": ");
                number(*left_out as u64, out);
            }
            out.push(b'}');
        }
        // Nothing else is asked for in this dialect.
        _ => return out.extend_from_slice(&[b"{", SUCCESS].concat()),
    }
    out.extend_from_slice(b", ");
    out.extend_from_slice(SUCCESS);
}

/// Writes the object that says no.
pub(super) fn error(refusal: &Refusal, out: &mut Vec<u8>) {
    let (code, text) = verdict(refusal);
    out.extend_from_slice(b"{\"return_code\": ");
    out.extend_from_slice(code.as_bytes());
    out.extend_from_slice(b", \"error_message\": ");
    string(text, 0, out);
    out.push(b'}');
}

/// Writes a string.
pub(super) fn string(text: &str, style: u8, out: &mut Vec<u8>) {
    out.push(b'"');
    // In a comment, nothing may end it.
    escape::ascii_json(text, style & style::QUOTED != 0, out);
    out.push(b'"');
}

fn field(before: &str, text: &str, style: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(before.as_bytes());
    string(text, style, out);
}

fn names<'n>(names: impl Iterator<Item = &'n str>, style: u8, out: &mut Vec<u8>) {
    for (i, name) in names.enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        string(name, style, out);
    }
}
