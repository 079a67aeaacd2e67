//! What is told to who waits for the next value of a key. Wire: `docs/control.md`, "HTTP" and "Text".
use super::answer::{NOT_TEXT, error, text};
use super::json::Object;
use super::key::key_of;
use super::{style, value};
use crate::dialect::{News, Refusal};
use crate::hub::Lost;

/// What has been missed: nothing, so many, or it cannot be known how many.
type Missing = Option<Option<u64>>;

/// Writes it, without the line end.
pub(super) fn frame(how: u8, news: &[News<'_>], out: &mut Vec<u8>) {
    let is_http = style::framing(how) == style::HTTP;
    let mut missing: Missing = (how & style::MISSED != 0).then_some(None);
    for item in news {
        match *item {
            News::Gap { lost, .. } => {
                missing = Some(match lost {
                    Lost::Some(count) => Some(count),
                    Lost::Nothing | Lost::Unknown(_) => None,
                });
            }
            News::Messages(batch) => {
                let Some(message) = batch.channel.history().get(batch.from) else { continue };
                let (version, bytes) = (batch.ids_from + message.offset, value::of_message(message));
                if is_http {
                    let object = Object::begin(out)
                        .bytes("key", &key_of(batch.channel.name()))
                        .number("version", version)
                        .number("time", u64::from(message.unix_s));
                    let object = match missing {
                        Some(count) => object.some_number("missing", count),
                        None => object,
                    };
                    return object.bytes("value", &bytes).end();
                }
                return line(version, &bytes, missing, out);
            }
            News::Quiet { channel, echo, .. } => return timeout(is_http, channel, echo.number(), out),
            News::Closed { channel, .. } => return nothing(is_http, channel, "deleted", out),
            News::Refused { channel, .. } if is_http => return nothing(true, channel, "refused", out),
            News::Refused { refusal, .. } => return refused(refusal, out),
            _ => {}
        }
    }
    // Something was missed, and there is nothing behind it.
    nothing(is_http, "", "timeout", out);
}

fn line(version: u64, bytes: &[u8], missing: Missing, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(format!("ok {version} ").as_bytes());
    if !text(bytes, out) {
        out.truncate(start);
        return out.extend_from_slice(NOT_TEXT);
    }
    match missing {
        Some(Some(count)) => out.extend_from_slice(format!(" missing {count}").as_bytes()),
        Some(None) => out.extend_from_slice(b" missing ?"),
        None => {}
    }
}

/// Nothing has been written; and the version behind which to ask again, so that what is written meanwhile is not missed.
fn timeout(is_http: bool, channel: &str, version: i64, out: &mut Vec<u8>) {
    if is_http {
        let object = Object::begin(out).bytes("key", &key_of(channel)).word("timeout", "true");
        return object.number("since", u64::try_from(version).unwrap_or(0)).end();
    }
    out.extend_from_slice(format!("error timeout nothing has been written since {version}").as_bytes());
}

/// There is no value, and why.
fn nothing(is_http: bool, channel: &str, why: &str, out: &mut Vec<u8>) {
    if is_http {
        return Object::begin(out).bytes("key", &key_of(channel)).word(why, "true").end();
    }
    let words = match why {
        "deleted" => "the key was deleted",
        _ => "nothing has been written",
    };
    out.extend_from_slice(format!("error {why} {words}").as_bytes());
}

fn refused(refusal: &Refusal, out: &mut Vec<u8>) {
    error(refusal, out);
    // The line end comes with the answer's.
    out.pop();
}
