//! The lines, read. Every fault is told with its line and what was expected there.
use std::collections::VecDeque;
use std::sync::Arc;

use super::write::{First, Last, Line};
use super::{FORM, Kept, KeptValue, NUMBERS_END, Preface};
use crate::hub::{Media, Posted};
use crate::log::Lives;

/// The lines that have been read so far.
#[derive(Debug, Default)]
pub struct Reading {
    line: usize,
    preface: Option<Preface>,
    values: Vec<(usize, KeptValue)>,
    is_clean: Option<bool>,
    bytes: usize,
    /// Bodies of the last broadcasts, the newest first: many values may have the same.
    broadcasts: VecDeque<Arc<str>>,
}

/// Bodies of broadcasts that one is compared with.
const BODIES_COMPARED: usize = 64;

impl Reading {
    /// Takes the next line, with or without its end.
    ///
    /// # Errors
    /// What is wrong with it, in words that begin with its number.
    pub fn line(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.line += 1;
        let at = |what: String| format!("line {}: {what}", self.line);
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let Some(preface) = &self.preface else {
            self.preface = Some(first(bytes).map_err(at)?);
            return Ok(());
        };
        if self.is_clean.is_some() {
            return Err(at("something stands behind the end: expected nothing".into()));
        }
        if bytes.starts_with(b"{\"end\"") {
            let last: Last = serde_json::from_slice(bytes).map_err(|error| {
                at(format!("{}: expected {{\"end\":COUNT,\"clean\":BOOL}}", plain(&error)))
            })?;
            if last.end != self.values.len() as u64 {
                return Err(at(format!(
                    "the end speaks of {} values, and {} stand before it: some are missing, or twice there",
                    last.end,
                    self.values.len()
                )));
            }
            self.is_clean = Some(last.clean);
            return Ok(());
        }
        let mut value = value(bytes, preface).map_err(at)?;
        self.bytes += value.bytes();
        if value.is_broadcast {
            if let Some(known) = self.broadcasts.iter().find(|known| **known == value.body) {
                self.bytes -= known.len();
                value.body = Arc::clone(known);
            } else {
                self.broadcasts.truncate(BODIES_COMPARED - 1);
                self.broadcasts.push_front(Arc::clone(&value.body));
            }
        }
        self.values.push((self.line, value));
        Ok(())
    }

    /// Bytes that what has been read takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of it, when no line follows.
    ///
    /// # Errors
    /// It is not whole.
    pub fn end(self) -> Result<Kept, String> {
        let Self { line, preface, values, is_clean, .. } = self;
        let Some(preface) = preface else {
            return Err("line 1: there is nothing: expected {\"rcomet_values\":1,…}".into());
        };
        let Some(is_clean) = is_clean else {
            return Err(format!(
                "line {}: nothing follows: expected a value, or {{\"end\":{}}}; the file has been cut",
                line + 1,
                values.len()
            ));
        };
        Ok(Kept { preface, values, is_clean })
    }
}

fn first(bytes: &[u8]) -> Result<Preface, String> {
    let expected = "expected {\"rcomet_values\":1,\"base\":NUMBER,\"head\":NUMBER}";
    let First { rcomet_values, base, head, unsure, lives, memory } =
        serde_json::from_slice(bytes).map_err(|error| format!("{}: {expected}", plain(&error)))?;
    if rcomet_values != FORM {
        return Err(format!("values are in form {rcomet_values}, which is not known here: expected {FORM}"));
    }
    let (from, to) = unsure.unwrap_or((base, base));
    if !(base <= from && from <= to && base <= head && head.max(to) < NUMBERS_END) {
        return Err(
            "the numbers are out of order: expected base <= head < 2^53, and `unsure` from base on".into()
        );
    }
    Ok(Preface { base, head, unsure, lives: Lives::from_lines(&lives)?, memory })
}

fn value(bytes: &[u8], preface: &Preface) -> Result<KeptValue, String> {
    let line: Line<'_> = serde_json::from_slice(bytes).map_err(|error| {
        format!(
            "{}: expected a value such as {{\"channel\":\"k\",\"version\":NUMBER,…,\"value\":\"v\"}}",
            plain(&error)
        )
    })?;
    let (version, after) = (line.version, line.after);
    if !(preface.base <= after && after < version && version < NUMBERS_END) {
        return Err(format!(
            "version {version} behind {after}: expected base <= after < version < 2^53, where base is {}",
            preface.base
        ));
    }
    if line.seq == 0 || line.seq >= NUMBERS_END {
        return Err(format!("seq {}: expected a number from 1 on, below 2^53", line.seq));
    }
    if line.keep_messages == 0 {
        return Err("keep_messages 0: expected at least 1".into());
    }
    let has_media = line.content_type.is_some() || line.base64 || !line.event.is_empty();
    let content_type = line.content_type.unwrap_or_default().into();
    let media = Media { content_type, event: line.event.into(), is_base64: line.base64 };
    Ok(KeptValue {
        channel: line.channel.into(),
        made: line.made,
        version,
        after,
        seq: line.seq,
        time_ms: line.time_ms,
        second: line.second,
        tag: line.tag,
        keep: Posted { messages_max: line.keep_messages, age_ms: line.keep_ms },
        until_ms: line.until_ms,
        body: line.value.into(),
        is_json: line.json,
        is_broadcast: line.broadcast,
        sender: line.sender.map(Into::into),
        media: has_media.then(|| Arc::new(media)),
        ext: line.ext.map(Into::into),
    })
}

/// What the parser says, without its own idea of lines.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => format!("{} (column {})", &text[..end], error.column()),
        None => text,
    }
}
