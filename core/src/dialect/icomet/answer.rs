//! Answers of icomet's calls that are over at once: byte for byte what its clients know, blanks included.
use crate::bytes::escape;
use crate::config::without;
use crate::dialect::{Answer, JSON, Outcome, PLAIN, Refusal, SCRIPT, Voice};
use crate::wire::http1::Status;
use crate::wire::http1::response::number;

/// Writes an answer.
pub(super) fn answer(voice: &Voice, outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer {
    let ok = |content_type| Answer { status: Status::OK, content_type };
    match outcome {
        Outcome::Refused(refusal) => refused(refusal, voice.prefix, out),
        Outcome::Broadcast => {
            out.extend_from_slice(b"ok\n");
            ok(PLAIN)
        }
        Outcome::Done { next } => {
            out.extend_from_slice(b"ok ");
            number(*next, out);
            out.push(b'\n');
            ok(PLAIN)
        }
        _ => {
            // A call, if one was asked for; `/info` and `/check` know no callback and never have one.
            out.extend_from_slice(voice.before.as_deref().unwrap_or_default().as_bytes());
            object(outcome, voice.prefix, out);
            out.extend_from_slice(if voice.before.is_some() { b");\n" } else { b"\n" });
            ok(if voice.before.is_some() { SCRIPT } else { JSON })
        }
    }
}

fn object(outcome: &Outcome<'_>, prefix: u8, out: &mut Vec<u8>) {
    let text = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(text.as_bytes());
    match outcome {
        Outcome::Signed { channel, oldest, token, expires_s, poll_s } => {
            text(out, "{\"type\":\"sign\",\"cname\":\"");
            escape::json(without(channel, prefix), out);
            text(out, "\",\"seq\":");
            number(*oldest, out);
            text(out, ",\"token\":\"");
            text(out, token);
            text(out, "\",\"expires\":");
            number(*expires_s, out);
            text(out, ",\"sub_timeout\":");
            number(*poll_s, out);
            text(out, "}");
        }
        Outcome::Pong { poll_s } => {
            text(out, "{\"type\":\"ping\",\"sub_timeout\":");
            number(*poll_s, out);
            text(out, "}");
        }
        Outcome::Totals { channels, subscribers } => {
            text(out, concat!("{\"version\": \"", env!("CARGO_PKG_VERSION"), "\", \"channels\": "));
            number(*channels as u64, out);
            text(out, ", \"subscribers\": ");
            number(*subscribers as u64, out);
            text(out, "}");
        }
        Outcome::Count { channel, subscribers } => {
            text(out, "{\"cname\": \"");
            escape::json(without(channel, prefix), out);
            text(out, "\", \"subscribers\": ");
            number(*subscribers as u64, out);
            text(out, "}");
        }
        Outcome::Exists { channel, exists: true } => {
            text(out, "{\"");
            escape::json(without(channel, prefix), out);
            text(out, "\": 1}");
        }
        Outcome::Exists { exists: false, .. } => text(out, "{}"),
        _ => text(out, "{\"type\":\"ok\"}"),
    }
}

fn refused(refusal: &Refusal, prefix: u8, out: &mut Vec<u8>) -> Answer {
    match refusal {
        // Plain text, whatever the name holds: icomet sent it as html.
        Refusal::NoChannel(name) => {
            out.extend_from_slice(b"channel[");
            out.extend_from_slice(without(name, prefix).as_bytes());
            out.extend_from_slice(b"] not connected\n");
        }
        _ => {
            out.extend_from_slice(refusal.words().as_bytes());
            out.push(b'\n');
        }
    }
    let status = match refusal {
        Refusal::TooManyChannels => Status::TOO_MANY_CHANNELS,
        _ => refusal.status(),
    };
    Answer { status, content_type: PLAIN }
}
