//! The lines, read. What is wrong with one is told in words, and what was expected.
use std::sync::Arc;

use super::write::{ChannelLine, EntryLine, FORM, FirstLine, KindName, MessageLine};
use super::{Entry, First, Opened, Said, Shape};
use crate::hub::{Kind, Media, Posted, Registered};
use crate::log::{Epoch, Lives};

/// Numbers of messages stay below this, so that scripts can count them (2^53 is what a double holds).
const NUMBERS_END: u64 = 1 << 53;

/// A line behind the first.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Something has happened.
    Entry(Entry),
    /// Nothing follows; the number of the last message.
    End(u64),
}

impl First {
    /// Reads the first line, with or without its end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let line: FirstLine = serde_json::from_slice(trimmed(bytes)).map_err(|error| {
            format!("{}: expected {{\"rcomet_history\":1,\"epoch\":NUMBER,…}}", plain(&error))
        })?;
        if line.rcomet_history != FORM {
            return Err(format!(
                "it is in form {}, which is not known here: expected {FORM}",
                line.rcomet_history
            ));
        }
        let FirstLine { epoch, key, base, head, ended, stamp, lives, unsure, boot, synced, memory, .. } =
            line;
        let lives = Lives::from_lines(&lives)?;
        let (from, to) = unsure.unwrap_or((base, base));
        let in_order = base <= head && base <= ended && ended <= head && base <= from && from <= to;
        if !(in_order && head.max(to) < NUMBERS_END) {
            return Err("the numbers are out of order: expected base <= ended <= head < 2^53, and `unsure` from base on".into());
        }
        let hexadecimal = |name: &str, digits: &str| {
            let number = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32);
            number.ok_or_else(|| format!("`{name}`: expected 32 hexadecimal digits"))
        };
        let (boot, key) = (hexadecimal("boot", &boot)?, hexadecimal("key", &key)?);
        let key = [(key >> 64) as u64, key as u64];
        Ok(Self {
            epoch: Epoch::from_bits(epoch),
            key,
            base,
            head,
            ended,
            stamp,
            lives,
            unsure,
            boot,
            synced,
            memory,
        })
    }
}

impl Line {
    /// Reads a line behind the first, with or without its end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let line: EntryLine<'_> = serde_json::from_slice(trimmed(bytes)).map_err(|error| {
            format!("{}: expected something such as {{\"m\":{{\"to\":\"CHANNEL\",…}}}}", plain(&error))
        })?;
        Ok(Self::Entry(match line {
            EntryLine::Channel(line) => Entry::Channel(Box::new(channel(line)?)),
            EntryLine::Index(line) => Entry::Index(Box::new(channel(line)?)),
            EntryLine::Shape(line) => Entry::Shape(Box::new(Shape {
                channel: line.name.into(),
                posted: line.posted.map(|(messages_max, age_ms)| Posted { messages_max, age_ms }),
                idle_ms: line.idle,
                registered: line.registered.map(|(messages_max, life_ms, sessions)| Registered {
                    messages_max,
                    life_ms,
                    sessions,
                }),
                token: line.token,
                until_ms: line.until,
            })),
            EntryLine::M(line) => Entry::Message(Box::new(message(line)?)),
            EntryLine::Broadcast(body) => Entry::Broadcast(body.into()),
            EntryLine::Swept(count) => Entry::Swept(count),
            EntryLine::Memory(bytes) => Entry::Memory(bytes),
            EntryLine::Clear(name) => Entry::Clear(name.into()),
            EntryLine::Trimmed((name, base)) => Entry::Trimmed(name.into(), base),
            EntryLine::Close((name, last)) if last < NUMBERS_END => Entry::Close(name.into(), last),
            EntryLine::Close((_, last)) => return Err(format!("close {last}: expected a number below 2^53")),
            EntryLine::Session(line) => Entry::Session(Box::new(line.into())),
            EntryLine::Subscribed(line) => Entry::Subscribed(Box::new(line.into())),
            EntryLine::Unsubscribed((client, name)) => Entry::Unsubscribed(client.into(), name.into()),
            EntryLine::Missed(line) => Entry::Missed(Box::new(line.into())),
            EntryLine::Handed(client) => Entry::Handed(client.into()),
            EntryLine::Over(client) => Entry::Over(client.into()),
            EntryLine::End(head) => return Ok(Self::End(head)),
        }))
    }
}

fn channel(line: ChannelLine<'_>) -> Result<Opened, String> {
    let in_order = line.born <= line.forgotten && line.forgotten < NUMBERS_END;
    if !in_order || !(1..NUMBERS_END).contains(&line.next) {
        return Err(
            "the channel's numbers are out of order: expected born <= forgotten < 2^53, and next from 1 on"
                .into(),
        );
    }
    Ok(Opened {
        channel: line.name.into(),
        made: line.made,
        born: line.born,
        next: line.next,
        forgotten: line.forgotten,
        last: line.last,
    })
}

fn message(line: MessageLine<'_>) -> Result<Said, String> {
    if !(1..NUMBERS_END).contains(&line.id) || !(1..NUMBERS_END).contains(&line.seq) {
        return Err(format!("id {} and seq {}: expected numbers from 1 on, below 2^53", line.id, line.seq));
    }
    // Who was not asked for a type is not who named none.
    let has_media = line.content_type.is_some() || line.base64 || !line.event.is_empty();
    let content_type = line.content_type.unwrap_or_default().into();
    let media = Media { content_type, event: line.event.into(), is_base64: line.base64 };
    Ok(Said {
        channel: line.to.into(),
        id: line.id,
        seq: line.seq,
        time_ms: line.ms,
        second: line.s,
        tag: line.tag,
        kind: match line.kind {
            None => Kind::Data,
            Some(KindName::Json) => Kind::Json,
            Some(KindName::Broadcast) => Kind::Broadcast,
        },
        until_ms: line.until,
        origin: line.origin.map(Into::into),
        sender: line.sender.map(Into::into),
        media: has_media.then(|| Arc::new(media)),
        ext: line.ext.map(Into::into),
        body: line.body.into(),
    })
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").unwrap_or(bytes)
}

/// What the parser says, without its own idea of lines.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => format!("{} (column {})", &text[..end], error.column()),
        None => text,
    }
}
