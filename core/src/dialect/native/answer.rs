//! Answers to what a client asked: over WebSocket they carry its `id`, over HTTP they are the body.
use super::frame::{data, field, missing, string, strings};
use crate::dialect::{Answer, JSON, Outcome, Refusal};
use crate::hub::{Channel, Roster};
use crate::log::Sealed;
use crate::wire::http1::Status;

/// Media type of errors (RFC 9457).
const PROBLEM: &str = "application/problem+json";

/// Writes an answer over WebSocket.
pub(super) fn answer(tag: Option<&str>, outcome: &Outcome<'_>, out: &mut Vec<u8>) {
    let kind = match outcome {
        Outcome::Subscribed { .. } => "subscribed",
        Outcome::Unsubscribed { .. } => "unsubscribed",
        Outcome::Published { .. } => "published",
        Outcome::Pong { .. } => "pong",
        Outcome::Authenticated { .. } => "authenticated",
        Outcome::Refused(_) | Outcome::RefusedIn { .. } | Outcome::Revoked { .. } => "error",
        _ => "ok",
    };
    out.extend_from_slice(format!("{{\"type\":\"{kind}\"").as_bytes());
    if let Some(tag) = tag {
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(tag.as_bytes());
    }
    match outcome {
        Outcome::Subscribed { channel, seq, cursor } => {
            string("channel", channel, out);
            field("seq", *seq, out);
            if let Some(cursor) = cursor {
                token(*cursor, out);
            }
        }
        Outcome::Unsubscribed { channel } => string("channel", channel, out),
        Outcome::Authenticated { expires_s } => field("expires_in", *expires_s, out),
        Outcome::Revoked { channel } => {
            string("channel", channel, out);
            refusal(&Refusal::NotGranted, out);
        }
        Outcome::Refused(refused) => refusal(refused, out),
        Outcome::RefusedIn { channel, refusal: refused, .. } => {
            string("channel", channel, out);
            refusal(refused, out);
        }
        _ => {}
    }
    out.push(b'}');
}

/// Appends the members that say why not.
pub(super) fn refusal(refusal: &Refusal, out: &mut Vec<u8>) {
    field("status", u64::from(refusal.status().code()), out);
    string("reason", reason(refusal), out);
}

fn reason(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::Token => "the channel's token is missing or wrong",
        other => other.detail(),
    }
}

fn token(cursor: Sealed, out: &mut Vec<u8>) {
    out.extend_from_slice(format!(",\"cursor\":\"{cursor}\"").as_bytes());
}

/// Writes the body of an answer over HTTP.
pub(super) fn body(outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer {
    match outcome {
        Outcome::Refused(refused) => return problem(refused.status(), reason(refused), out),
        Outcome::RefusedIn { channel, index, refusal } => {
            return problem_of(Some((channel, *index)), refusal.status(), reason(refusal), out);
        }
        Outcome::Done { .. } => return Answer { status: Status::NO_CONTENT, content_type: JSON },
        Outcome::PublishedAll(placed) => {
            list("published", placed.iter(), out, |placed, out| {
                string("channel", placed.channel, out);
                field("seq", placed.seq, out);
                token(placed.cursor, out);
            });
        }
        Outcome::History { batch, lost, cursor, more } => {
            begin("channel", batch.channel.name(), out);
            out.push(b',');
            let range = batch.channel.history().range(batch.from, batch.to);
            each("messages", range, out, |(seq, message), out| {
                field("seq", seq, out);
                token(batch.cursor(seq, message), out);
                data(message, out);
            });
            token(*cursor, out);
            missing(*lost, out);
            out.extend_from_slice(format!(",\"more\":{more}").as_bytes());
        }
        Outcome::Presence([(channel, found)]) => {
            begin("channel", channel, out);
            presence(*found, out);
        }
        Outcome::Presence(listed) => {
            list("channels", listed.iter(), out, |(channel, found), out| {
                string("channel", channel, out);
                presence(*found, out);
            });
        }
        Outcome::Directory { channels, more } => {
            out.push(b'{');
            each("channels", channels.iter(), out, |channel, out| {
                string("channel", channel.name(), out);
                figures(channel, out);
            });
            match channels.last().filter(|_| *more) {
                Some(last) => string("after", last.name(), out),
                None => out.extend_from_slice(b",\"after\":null"),
            }
        }
        Outcome::Described(channel, cursor) => {
            begin("channel", channel.name(), out);
            figures(channel, out);
            field("bytes", channel.history().bytes() as u64, out);
            field("first", channel.history().base(), out);
            token(*cursor, out);
            people(Some(channel), out);
        }
        Outcome::Disconnected(count) => {
            out.extend_from_slice(format!("{{\"disconnected\":{count}").as_bytes());
        }
        // Nothing else is asked for over HTTP.
        _ => out.push(b'{'),
    }
    out.extend_from_slice(b"}\n");
    Answer { status: Status::OK, content_type: JSON }
}

/// Writes why something is not done (RFC 9457).
pub(crate) fn problem(status: Status, why: &str, out: &mut Vec<u8>) -> Answer {
    problem_of(None, status, why, out)
}

/// The same, of one channel, and perhaps of one message: members of our own, as RFC 9457 has them in section 3.2.
fn problem_of(of: Option<(&str, Option<usize>)>, status: Status, why: &str, out: &mut Vec<u8>) -> Answer {
    out.extend_from_slice(b"{\"type\":\"about:blank\"");
    string("title", status.reason(), out);
    field("status", u64::from(status.code()), out);
    string("detail", why, out);
    if let Some((channel, index)) = of {
        string("channel", channel, out);
        if let Some(index) = index {
            field("index", index as u64, out);
        }
    }
    out.extend_from_slice(b"}\n");
    Answer { status, content_type: PROBLEM }
}

fn figures(channel: &Channel, out: &mut Vec<u8>) {
    let history = channel.history();
    field("subscribers", channel.members() as u64, out);
    field("messages", history.live() as u64, out);
    field("next", history.head(), out);
}

fn presence(found: Option<&Channel>, out: &mut Vec<u8>) {
    field("subscribers", found.map_or(0, Channel::members) as u64, out);
    people(found, out);
}

fn people(channel: Option<&Channel>, out: &mut Vec<u8>) {
    let roster = channel.and_then(Channel::roster);
    strings("who", &roster.map(Roster::names).unwrap_or_default(), out);
    field("roster", roster.map_or(0, |roster| roster.head() - 1), out);
}

/// Begins an object with its first member.
fn begin(name: &str, value: &str, out: &mut Vec<u8>) {
    let start = out.len();
    string(name, value, out);
    out[start] = b'{';
}

/// An object whose only member, so far, is a list.
fn list<T>(name: &str, items: impl Iterator<Item = T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    out.push(b'{');
    each(name, items, out, write);
}

/// A member that is a list of objects. `write` appends members, each with a comma before it.
fn each<T>(name: &str, items: impl Iterator<Item = T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    out.extend_from_slice(format!("\"{name}\":[").as_bytes());
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let start = out.len();
        write(item, out);
        out[start] = b'{';
        out.push(b'}');
    }
    out.push(b']');
}
