//! What subscribers get: bodies as they were published, and around them what each transport wants
//! (`protocols/push-module.md`, sections 2.2, 5.4, 5.5 and 5.6).
use super::{style, verdict};
use crate::config::{USUAL, Wording};
use crate::dialect::{Batch, Boundary, News, Refusal, Text};
use crate::hub::Message;
use crate::log::Life;
use crate::time::Date;
use crate::wire::http1::response::number;

/// What a message has that no dialect has said anything of.
const TEXT: &str = "text/plain";
/// The type of bytes of which nothing is known.
pub(crate) const BYTES: &str = "application/octet-stream";

/// Writes one piece of news.
pub(super) fn frame(style: u8, news: &News<'_>, out: &mut Text) {
    match news {
        News::Messages(batch) if style == style::LONG_POLL_PARTS && batch.to > batch.from + 1 => {
            parts(batch, out);
        }
        News::Messages(batch) => {
            let style = if batch.to == batch.from + 1 { alone(style) } else { style };
            for (_, message) in batch.channel.history().range(batch.from, batch.to) {
                one(style, batch.life, message, out);
            }
        }
        News::Refused { refusal, .. } if style::is_poll(style) => {
            let (_, words) = verdict(refusal);
            if !words.is_empty() {
                say(out, words);
            }
        }
        // Nobody who polls is told anything else in words.
        _ if style::is_poll(style) => {}
        News::Quiet { .. } if style == style::EVENTS => {
            let Text { bytes, wording, .. } = out;
            bytes.extend_from_slice(wording.as_deref().unwrap_or(&USUAL).ping.as_bytes());
            out.end_piece();
        }
        News::Closed { .. } if style == style::EVENTS => say(out, ":410: 410 Gone\n\n"),
        News::Refused { refusal: Refusal::Over, .. } if style == style::EVENTS => {
            say(out, ":408: 408 Request Timeout\n\n");
        }
        News::Refused { .. } if style == style::EVENTS => say(out, ":409: 409 Conflict\n\n"),
        News::Closed { .. } | News::Refused { .. } if style == style::MULTIPART => say(out, "--\r\n"),
        _ => {}
    }
}

fn say(out: &mut Text, words: &str) {
    out.bytes.extend_from_slice(words.as_bytes());
    out.end_piece();
}

/// A message that is the only one of an answer stands there as it is.
fn alone(style: u8) -> u8 {
    if style == style::LONG_POLL_LINES { style::LONG_POLL } else { style }
}

/// Several messages as one body; their ids stand in the head.
fn parts(batch: &Batch<'_>, out: &mut Text) {
    let Text { bytes, boundary, .. } = out;
    for (_, message) in batch.channel.history().range(batch.from, batch.to) {
        bytes.extend_from_slice(b"--");
        bytes.extend_from_slice(boundary.bytes());
        bytes.extend_from_slice(b"\r\n");
        content_type(message, bytes);
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&message.bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"--");
    bytes.extend_from_slice(boundary.bytes());
    bytes.extend_from_slice(b"--\r\n");
    out.end_piece();
}

fn one(style: u8, life: Life, message: &Message, out: &mut Text) {
    let body = &*message.bytes();
    let Text { bytes, wording, .. } = out;
    let wording = wording.as_deref().unwrap_or(&USUAL);
    match style {
        style::EVENTS => event((message, life), body, &wording.event, bytes),
        style::SOCKET | style::SOCKET_META => {
            if style == style::SOCKET_META {
                meta(message, life, bytes);
            }
            bytes.extend_from_slice(body);
            if is_binary(message) {
                return out.end_binary_piece();
            }
        }
        // A chunk of no bytes would end the stream.
        style::CHUNKED if body.is_empty() => return,
        style::RAW if body.is_empty() && wording.separator.is_empty() => return,
        style::RAW | style::LONG_POLL_LINES => {
            bytes.extend_from_slice(body);
            bytes.extend_from_slice(wording.separator.as_bytes());
        }
        style::MULTIPART => {
            bytes.extend_from_slice(b"\r\n");
            validators(message.unix_s, life.tag(message.tag), wording, bytes);
            content_type(message, bytes);
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(body);
            // The boundary is the reader's own, and follows.
            bytes.extend_from_slice(b"\r\n");
        }
        _ => bytes.extend_from_slice(body),
    }
    out.end_piece();
}

fn event((message, life): (&Message, Life), body: &[u8], of_all: &str, bytes: &mut Vec<u8>) {
    let its_own = || message.media.as_deref().map_or("", |media| &*media.event);
    let event = if of_all.is_empty() { its_own() } else { of_all };
    if !event.is_empty() {
        bytes.extend_from_slice(b"event: ");
        bytes.extend_from_slice(event.as_bytes());
        bytes.push(b'\n');
    }
    id(message, life, bytes);
    // An event source ends lines at CR as well: left in place, what follows would be read as a field.
    let mut rest = body;
    loop {
        let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        bytes.extend_from_slice(b"data: ");
        bytes.extend_from_slice(&rest[..end]);
        bytes.push(b'\n');
        match &rest[end..] {
            [b'\r', b'\n', behind @ ..] | [_, behind @ ..] => rest = behind,
            [] => break,
        }
    }
    bytes.push(b'\n');
}

/// The id of a message, on a line of its own.
fn id(message: &Message, life: Life, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(b"id: ");
    number(u64::from(message.unix_s), bytes);
    bytes.push(b':');
    number(life.tag(message.tag), bytes);
    bytes.push(b'\n');
}

/// What stands before a message where `ws+meta.nchan` is spoken: its id, its type if it has one, and an empty line.
fn meta(message: &Message, life: Life, bytes: &mut Vec<u8>) {
    id(message, life, bytes);
    let content_type = message.media.as_deref().map_or(TEXT, |media| &media.content_type);
    if !content_type.is_empty() {
        bytes.extend_from_slice(b"content-type: ");
        bytes.extend_from_slice(content_type.as_bytes());
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
}

/// Whether a WebSocket's message of it is one of bytes: by its type as in Nchan, and where it is no text.
fn is_binary(message: &Message) -> bool {
    message.media.as_deref().is_some_and(|media| media.is_base64 || &*media.content_type == BYTES)
}

/// Writes the fields of an answer's head.
pub(super) fn fields(
    style: u8,
    news: &[News<'_>],
    boundary: &Boundary,
    wording: &Wording,
    out: &mut Vec<u8>,
) {
    if style::is_poll(style) {
        match news.first() {
            Some(News::Messages(batch)) => {
                // Of several, the place is behind the last.
                let is_one = batch.to == batch.from + 1;
                if let Some(message) = batch.channel.history().get(batch.to - 1) {
                    match style {
                        style::LONG_POLL_PARTS if !is_one => multipart(boundary, out),
                        style::LONG_POLL_LINES if !is_one => {}
                        _ => content_type(message, out),
                    }
                    validators(message.unix_s, batch.life.tag(message.tag), wording, out);
                }
                out.extend_from_slice(b"Vary: If-None-Match, If-Modified-Since\r\n");
            }
            // The place that it named itself.
            Some(News::Quiet { echo, .. }) => {
                if let Some((unix_s, tag)) = echo.place() {
                    validators(unix_s, tag, wording, out);
                    out.extend_from_slice(b"Vary: If-None-Match, If-Modified-Since\r\n");
                }
            }
            Some(News::Refused { refusal, .. }) if !verdict(refusal).1.is_empty() => {
                out.extend_from_slice(b"Content-Type: ");
                out.extend_from_slice(super::answer::content_type(style).as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            _ => {}
        }
    } else if style == style::EVENTS {
        out.extend_from_slice(b"Content-Type: ");
        out.extend_from_slice(super::answer::content_type(style).as_bytes());
        out.extend_from_slice(b"\r\n");
    } else if style == style::MULTIPART {
        multipart(boundary, out);
    }
}

fn multipart(boundary: &Boundary, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Content-Type: multipart/mixed; boundary=");
    out.extend_from_slice(boundary.bytes());
    out.extend_from_slice(b"\r\n");
}

/// Its type as the publisher wrote it, none if there was none.
fn content_type(message: &Message, out: &mut Vec<u8>) {
    let content_type = message.media.as_deref().map_or(TEXT, |media| &media.content_type);
    if !content_type.is_empty() {
        out.extend_from_slice(b"Content-Type: ");
        out.extend_from_slice(content_type.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// `Etag`, spelled so and without quotes: there are clients that look for just that.
fn validators(unix_s: u32, tag: u64, wording: &Wording, out: &mut Vec<u8>) {
    if !wording.is_compound {
        out.extend_from_slice(b"Last-Modified: ");
        out.extend_from_slice(Date::from_unix(unix_s.into()).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(wording.id_field.as_bytes());
    out.extend_from_slice(b": ");
    if wording.is_compound {
        number(u64::from(unix_s), out);
        out.push(b':');
    }
    number(tag, out);
    out.extend_from_slice(b"\r\n");
}
