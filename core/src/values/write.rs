//! The lines, written.
use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{FORM, KeptValue, Preface};

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct First {
    pub(super) rcomet_values: u64,
    pub(super) base: u64,
    pub(super) head: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unsure: Option<(u64, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) lives: Vec<(u32, u32, u32)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) memory: usize,
}

/// A value's line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) channel: Cow<'a, str>,
    pub(super) made: u64,
    pub(super) version: u64,
    pub(super) after: u64,
    pub(super) seq: u64,
    pub(super) time_ms: u64,
    pub(super) second: u32,
    pub(super) tag: u32,
    pub(super) keep_messages: usize,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) keep_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) json: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) broadcast: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) base64: bool,
    /// Empty where the publisher named none; not there where it was not asked for one.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub(super) event: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sender: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ext: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) value: Cow<'a, str>,
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Last {
    pub(super) end: u64,
    pub(super) clean: bool,
}

fn is_zero<T: Default + PartialEq>(n: &T) -> bool {
    *n == T::default()
}

fn is_false(is: &bool) -> bool {
    !*is
}

/// Appends the first line.
pub fn preface_line(preface: &Preface, out: &mut Vec<u8>) {
    let Preface { base, head, unsure, lives, memory } = *preface;
    append(&First { rcomet_values: FORM, base, head, unsure, lives: lives.to_lines(), memory }, out);
}

/// Appends a value's line.
pub fn value_line(value: &KeptValue, out: &mut Vec<u8>) {
    let media = value.media.as_deref();
    append(
        &Line {
            channel: Cow::Borrowed(&value.channel),
            made: value.made,
            version: value.version,
            after: value.after,
            seq: value.seq,
            time_ms: value.time_ms,
            second: value.second,
            tag: value.tag,
            keep_messages: value.keep.messages_max,
            keep_ms: value.keep.age_ms,
            until_ms: value.until_ms,
            json: value.is_json,
            broadcast: value.is_broadcast,
            base64: media.is_some_and(|media| media.is_base64),
            content_type: media.map(|media| Cow::Borrowed(&*media.content_type)),
            event: Cow::Borrowed(media.map_or("", |media| &media.event)),
            sender: value.sender.as_deref().map(Cow::Borrowed),
            ext: value.ext.as_deref().map(Cow::Borrowed),
            value: Cow::Borrowed(&value.body),
        },
        out,
    );
}

/// Appends the last line: how many values there are, and whether nothing was published after them.
pub fn end_line(values: u64, is_clean: bool, out: &mut Vec<u8>) {
    append(&Last { end: values, clean: is_clean }, out);
}

fn append(line: &impl Serialize, out: &mut Vec<u8>) {
    // Numbers and texts always can be written, and memory takes everything.
    let _ = serde_json::to_writer(&mut *out, line);
    out.push(b'\n');
}
