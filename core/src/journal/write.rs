//! The lines, written.
use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::session::{MissedLine, SessionLine, SubscribedLine};
use super::{Entry, First, Opened, Said, Shape};
use crate::hub::Kind;

/// The form of the text.
pub(super) const FORM: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstLine {
    pub(super) rcomet_history: u64,
    pub(super) epoch: u64,
    /// In hexadecimal, as `boot`: not every program reads numbers of that size.
    pub(super) key: String,
    pub(super) base: u64,
    pub(super) head: u64,
    pub(super) ended: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) stamp: (u32, u32),
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) lives: Vec<(u32, u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unsure: Option<(u64, u64)>,
    pub(super) boot: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) synced: bool,
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) memory: usize,
}

/// Everything behind the first line: one object, named by its only member.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EntryLine<'a> {
    #[serde(borrow)]
    Channel(ChannelLine<'a>),
    #[serde(borrow)]
    Shape(ShapeLine<'a>),
    #[serde(borrow)]
    M(MessageLine<'a>),
    #[serde(borrow)]
    Broadcast(Cow<'a, str>),
    Swept(u64),
    Memory(u64),
    #[serde(borrow)]
    Clear(Cow<'a, str>),
    #[serde(borrow)]
    Trimmed((Cow<'a, str>, u64)),
    #[serde(borrow)]
    Close((Cow<'a, str>, u64)),
    #[serde(borrow)]
    Index(ChannelLine<'a>),
    #[serde(borrow)]
    Session(SessionLine<'a>),
    #[serde(borrow)]
    Subscribed(SubscribedLine<'a>),
    #[serde(borrow)]
    Unsubscribed((Cow<'a, str>, Cow<'a, str>)),
    #[serde(borrow)]
    Missed(MissedLine<'a>),
    #[serde(borrow)]
    Handed(Cow<'a, str>),
    #[serde(borrow)]
    Over(Cow<'a, str>),
    /// The number of the last message: nothing follows.
    End(u64),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelLine<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    pub(super) made: u64,
    pub(super) born: u64,
    pub(super) next: u64,
    pub(super) forgotten: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<(u32, u32)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShapeLine<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    /// Messages and milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) posted: Option<(usize, u64)>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) idle: u64,
    /// Messages, milliseconds, and whether it is for registered clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) registered: Option<(usize, u64, bool)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<[u8; 16]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageLine<'a> {
    #[serde(borrow)]
    pub(super) to: Cow<'a, str>,
    pub(super) id: u64,
    pub(super) seq: u64,
    pub(super) ms: u64,
    pub(super) s: u32,
    pub(super) tag: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<KindName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<u64>,
    /// In the index of a pattern, the channel that it was published to.
    #[serde(default, rename = "of", skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sender: Option<Cow<'a, str>>,
    /// Empty where the publisher named none; not there where it was not asked for one.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub(super) event: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) base64: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ext: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) body: Cow<'a, str>,
}

/// Kinds that are not the usual one.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindName {
    Json,
    Broadcast,
}

fn is_none<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

pub(super) fn is_false(is: &bool) -> bool {
    !*is
}

impl First {
    /// Appends it as a line.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Self { epoch, key, base, head, ended, stamp, lives, unsure, boot, synced, memory } = *self;
        let lives = lives.to_lines();
        let (epoch, boot) = (epoch.bits(), format!("{boot:032x}"));
        let key = format!("{:016x}{:016x}", key[0], key[1]);
        let rcomet_history = FORM;
        append(
            &FirstLine {
                rcomet_history,
                epoch,
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
            },
            out,
        );
    }
}

impl Entry {
    /// Appends it as a line.
    pub fn write(&self, out: &mut Vec<u8>) {
        let line = match self {
            Self::Channel(opened) => EntryLine::Channel(channel(opened)),
            Self::Index(opened) => EntryLine::Index(channel(opened)),
            Self::Shape(shape) => {
                let Shape { channel, posted, idle_ms, registered, token, until_ms } = &**shape;
                EntryLine::Shape(ShapeLine {
                    name: Cow::Borrowed(channel),
                    posted: posted.map(|own| (own.messages_max, own.age_ms)),
                    idle: *idle_ms,
                    registered: registered.map(|own| (own.messages_max, own.life_ms, own.sessions)),
                    token: *token,
                    until: *until_ms,
                })
            }
            Self::Message(said) => EntryLine::M(message(said)),
            Self::Broadcast(body) => EntryLine::Broadcast(Cow::Borrowed(body)),
            Self::Swept(count) => EntryLine::Swept(*count),
            Self::Memory(bytes) => EntryLine::Memory(*bytes),
            Self::Clear(channel) => EntryLine::Clear(Cow::Borrowed(channel)),
            Self::Trimmed(channel, base) => EntryLine::Trimmed((Cow::Borrowed(channel), *base)),
            Self::Close(channel, last) => EntryLine::Close((Cow::Borrowed(channel), *last)),
            Self::Session(kept) => EntryLine::Session((&**kept).into()),
            Self::Subscribed(begun) => EntryLine::Subscribed((&**begun).into()),
            Self::Unsubscribed(client, name) => {
                EntryLine::Unsubscribed((Cow::Borrowed(client), Cow::Borrowed(name)))
            }
            Self::Missed(missed) => EntryLine::Missed((&**missed).into()),
            Self::Handed(client) => EntryLine::Handed(Cow::Borrowed(client)),
            Self::Over(client) => EntryLine::Over(Cow::Borrowed(client)),
        };
        append(&line, out);
    }
}

/// Appends the line that says that nothing follows, with the number of the last message.
pub fn write_end(head: u64, out: &mut Vec<u8>) {
    append(&EntryLine::End(head), out);
}

fn channel(opened: &Opened) -> ChannelLine<'_> {
    let Opened { ref channel, made, born, next, forgotten, last } = *opened;
    ChannelLine { name: Cow::Borrowed(channel), made, born, next, forgotten, last }
}

fn message(said: &Said) -> MessageLine<'_> {
    let media = said.media.as_deref();
    MessageLine {
        to: Cow::Borrowed(&said.channel),
        id: said.id,
        seq: said.seq,
        ms: said.time_ms,
        s: said.second,
        tag: said.tag,
        kind: match said.kind {
            Kind::Data => None,
            Kind::Json => Some(KindName::Json),
            Kind::Broadcast => Some(KindName::Broadcast),
        },
        until: said.until_ms,
        origin: said.origin.as_deref().map(Cow::Borrowed),
        sender: said.sender.as_deref().map(Cow::Borrowed),
        content_type: media.map(|media| Cow::Borrowed(&*media.content_type)),
        event: Cow::Borrowed(media.map_or("", |media| &media.event)),
        base64: media.is_some_and(|media| media.is_base64),
        ext: said.ext.as_deref().map(Cow::Borrowed),
        body: Cow::Borrowed(&said.body),
    }
}

fn append(line: &impl Serialize, out: &mut Vec<u8>) {
    // Numbers and texts always can be written, and memory takes everything.
    let _ = serde_json::to_writer(&mut *out, line);
    out.push(b'\n');
}
