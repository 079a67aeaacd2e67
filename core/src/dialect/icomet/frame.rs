//! What icomet's subscribers get: objects of four fields, in five framings and, for `/psub`, lines.
use std::borrow::Cow;

use super::form;
use crate::bytes::escape;
use crate::config::without;
use crate::dialect::{Batch, News, Refusal, Text};
use crate::hub::{Change, Kind, Lost, Message};
use crate::log::Sealed;
use crate::wire::http1::response::{number, signed};

/// What `/iframe` begins with. The domain is that of the site, so that a page on another host of it can be reached.
pub(super) const IFRAME_PROLOGUE: &str = "<!DOCTYPE html><html><head><meta charset=\"utf-8\">\
<meta http-equiv=\"Cache-Control\" content=\"no-store\"><script>\
try{document.domain=window.location.hostname.split('.').slice(-2).join('.')}catch(e){}\
</script></head><body>\n";

/// Writes what subscribers of one style get.
pub(super) fn frame(style: u8, news: &[News<'_>], live: bool, out: &mut Text) {
    match style & form::MASK {
        form::POLL => poll(style, news, live, out),
        form::LINES => each(
            style,
            news,
            |_, object, text| {
                text.bytes.extend_from_slice(object);
                text.bytes.push(b'\n');
                text.end_piece();
            },
            out,
        ),
        form::SSE => each(
            style,
            news,
            |id, object, text| {
                if let Some(id) = id {
                    text.bytes.extend_from_slice(format!("id: {id}\n").as_bytes());
                }
                text.bytes.extend_from_slice(b"data: ");
                text.bytes.extend_from_slice(object);
                text.bytes.extend_from_slice(b"\n\n");
                text.end_piece();
            },
            out,
        ),
        form::IFRAME => each(
            style,
            news,
            |_, object, text| {
                text.bytes.extend_from_slice(b"<script>parent.icomet_cb(");
                text.bytes.extend_from_slice(object);
                text.bytes.extend_from_slice(b");</script>\n");
                text.end_piece();
            },
            out,
        ),
        _ => each(
            style,
            news,
            |_, object, text| {
                text.bytes.extend_from_slice(object);
                text.bytes.push(b'\n');
                text.end_piece();
            },
            out,
        ),
    }
}

/// A waiting poll gets one plain object; what was in the history before is an array, also when it is only one; so is
/// a broadcast with the number that follows it. With `no_batch` it is one plain object always.
fn poll(style: u8, news: &[News<'_>], live: bool, out: &mut Text) {
    let start = out.bytes.len();
    out.bytes.push(b'[');
    let mut count = 0;
    let no_batch = style & form::NO_BATCH != 0;
    let mut history = false;
    each(
        style,
        news,
        |_, object, text| {
            if no_batch && count > 0 {
                return;
            }
            if count > 0 {
                text.bytes.push(b',');
            }
            text.bytes.extend_from_slice(object);
            count += 1;
        },
        out,
    );
    for item in news {
        history |= matches!(item, News::Messages(_)) && !live;
    }
    if no_batch || (count == 1 && !history) {
        out.bytes.remove(start);
    } else {
        out.bytes.push(b']');
    }
    out.end_piece();
}

/// Gives every object of the news to `take`, with the event id that goes with it.
fn each(
    style: u8,
    news: &[News<'_>],
    mut take: impl FnMut(Option<Sealed>, &[u8], &mut Text),
    out: &mut Text,
) {
    let mut object = Vec::with_capacity(256);
    let prefix = out.prefix;
    for item in news {
        object.clear();
        let id = match *item {
            News::Messages(batch) => {
                messages(style, batch, &mut take, out);
                continue;
            }
            News::Several(batches) => {
                for &batch in batches {
                    messages(style, batch, &mut take, out);
                }
                continue;
            }
            News::Gap { .. } if style & form::NO_GAPS != 0 => continue,
            News::Gap { channel, next, lost } => {
                let count = match lost {
                    Lost::Some(count) => count.to_string(),
                    Lost::Nothing | Lost::Unknown(_) => String::new(),
                };
                fields("gap", without(channel, prefix), next, &count, &mut object);
                None
            }
            News::NextSeq { channel, next, cursor } => {
                fields("next_seq", without(channel, prefix), next, "", &mut object);
                Some(cursor)
            }
            // Of those who have one cursor for all their channels.
            News::Ready { .. } | News::Expiring { .. } | News::Expired => continue,
            News::Life { channel, next, life } => {
                fields("epoch", without(channel, prefix), next, &life.to_string(), &mut object);
                None
            }
            News::Quiet { channel, echo, .. } => {
                begin("noop", without(channel, prefix), &mut object);
                signed(echo.number(), &mut object);
                end("", &mut object);
                None
            }
            News::Closed { channel, next } => {
                fields("close", without(channel, prefix), next, "", &mut object);
                None
            }
            News::Roster { channel, roster } => {
                let names = serde_json::to_string(&roster.names()).unwrap_or_default();
                fields("roster", without(channel, prefix), roster.head() - 1, &names, &mut object);
                None
            }
            News::Notice { channel, number, notice } => {
                let kind = match notice.change {
                    Change::Join => "join",
                    Change::Leave => "leave",
                    Change::Sign => continue,
                };
                fields(kind, without(channel.name(), prefix), number, &notice.who, &mut object);
                None
            }
            News::Refused { channel, refusal } => {
                fields(refusal_type(refusal), without(channel, prefix), 0, refusal.words(), &mut object);
                None
            }
        };
        take(id, &object, out);
    }
}

fn messages(
    style: u8,
    batch: Batch<'_>,
    take: &mut impl FnMut(Option<Sealed>, &[u8], &mut Text),
    out: &mut Text,
) {
    let name = without(batch.channel.name(), out.prefix);
    let mut object = Vec::with_capacity(256);
    for (seq, message) in batch.channel.history().range(batch.from, batch.to) {
        object.clear();
        if style & form::MASK == form::LINES {
            if let Some(line) = line(&message.body, out.told.as_deref()) {
                object.extend_from_slice(line.as_bytes());
                take(None, &object, out);
            }
            continue;
        }
        let id = batch.cursor(seq, message);
        data(name, seq, message, &mut object);
        take(Some(id), &object, out);
        // For clients of before 2015, which did not count broadcasts.
        if message.kind == Kind::Broadcast {
            object.clear();
            fields("next_seq", name, seq + 1, "", &mut object);
            take(None, &object, out);
        }
    }
}

/// What is told of a channel that has come or gone, `1 NAME` or `0 NAME`, by the name that it has here; nothing of one that has none.
fn line<'m>(body: &'m str, told: Option<&str>) -> Option<Cow<'m, str>> {
    let Some(prefix) = told else { return Some(Cow::Borrowed(body)) };
    let (what, name) = body.split_once(' ')?;
    Some(Cow::Owned(format!("{what} {}", name.strip_prefix(prefix)?)))
}

fn data(channel: &str, seq: u64, message: &Message, out: &mut Vec<u8>) {
    let kind = match message.kind {
        Kind::Data | Kind::Json => "data",
        Kind::Broadcast => "broadcast",
    };
    fields(kind, channel, seq, &message.body, out);
}

fn refusal_type(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Token => "401",
        Refusal::TooManyChannels
        | Refusal::TooManySubscribers
        | Refusal::TooFast
        | Refusal::Memory
        | Refusal::Storage => "429",
        _ => "400",
    }
}

fn fields(kind: &str, channel: &str, seq: u64, content: &str, out: &mut Vec<u8>) {
    begin(kind, channel, out);
    number(seq, out);
    end(content, out);
}

fn begin(kind: &str, channel: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"cname\":\"");
    escape::json(channel, out);
    out.extend_from_slice(b"\",\"seq\":");
}

fn end(content: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"content\":\"");
    escape::json(content, out);
    out.extend_from_slice(b"\"}");
}
