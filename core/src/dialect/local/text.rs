//! Lines of text, and requests of CometServer's, to what they ask for. Wire: `docs/control.md`, "Text" and "CometServer's
//! protocol" (`protocols/php-cometserver.md`, section 2).
use std::borrow::Cow;

use super::http::PAGE;
use super::key::channel_of;
use super::{style, value};
use crate::dialect::{Decoded, DialectId, DumpPage, KeyTask, Order, Refusal, Verb, Voice};

/// Reads a line.
pub fn line(line: &[u8]) -> Decoded<'_> {
    Decoded { verb: said(line), voice: voice(style::LINE) }
}

/// Reads a request of CometServer's, with its terminator: that is part of its last field, and a field by itself only where a
/// space stands before it.
pub fn legacy(request: &[u8]) -> Decoded<'_> {
    let mut fields = request.split(|&c| c == b' ');
    let verb = match fields.next().unwrap_or_default() {
        b"write" => {
            let key = fields.next().unwrap_or_default();
            Ok(write(key, value::of_wire(fields.next().filter(|f| !is_end(f)).unwrap_or_default())))
        }
        b"read" => Ok(key(fields.next().unwrap_or_default(), KeyTask::Read)),
        b"dump" if fields.next().is_some() => {
            Ok(Verb::Dump(DumpPage { prefix: Vec::new(), after: None, limit: usize::MAX }))
        }
        b"stop" if fields.next().is_some() => Ok(Verb::Order(Order::Stop)),
        _ => Err(Refusal::Parameter("No valid command recived")),
    };
    Decoded { verb, voice: voice(style::LEGACY) }
}

/// Whether a field is the terminator and nothing else.
fn is_end(field: &[u8]) -> bool {
    matches!(field, b"\0" | b"\r")
}

fn voice(style: u8) -> Voice {
    Voice::new(DialectId::Local, style)
}

fn key<'b>(key: &[u8], task: KeyTask<'b>) -> Verb<'b> {
    Verb::Key { name: channel_of(key), task }
}

fn write<'b>(to: &[u8], stored: value::Stored<'b>) -> Verb<'b> {
    let (body, media) = (stored.body, stored.media);
    key(to, KeyTask::Write { body, media, ttl_ms: 0, history: 0 })
}

const VERBS: &str = "expected write, read, wait, refresh, delete, dump, status, reload, stop or help";

fn said(line: &[u8]) -> Result<Verb<'_>, Refusal> {
    let (verb, rest) = split(line);
    match verb {
        b"write" => {
            let (to, value) = named(rest, "expected write KEY VALUE")?;
            let value = match value {
                [b'"', ..] => quoted(value)?,
                plain => Cow::Borrowed(plain),
            };
            Ok(match value {
                Cow::Borrowed(value) => write(&to, value::of_bytes(value)),
                Cow::Owned(value) => {
                    let value::Stored { body, media } = value::of_bytes(&value);
                    write(&to, value::Stored { body: body.into_owned().into(), media })
                }
            })
        }
        b"read" => of_key(rest, "expected read KEY", KeyTask::Read),
        b"refresh" => of_key(rest, "expected refresh KEY", KeyTask::Refresh),
        b"delete" => of_key(rest, "expected delete KEY", KeyTask::Delete),
        b"wait" => {
            const SHAPE: &str = "expected wait KEY, wait KEY VERSION or wait KEY VERSION SECONDS";
            let (name, rest) = named(rest, SHAPE)?;
            let (since, seconds) = split(rest);
            let since = if since == b"-" { None } else { number(since, SHAPE)? };
            let wait_ms = number(seconds, SHAPE)?.map(|s| s.saturating_mul(1_000));
            Ok(key(&name, KeyTask::Wait { since, wait_ms }))
        }
        b"dump" => {
            let after =
                number(rest, "expected dump, or dump AFTER with the number that the last page ended with")?;
            Ok(Verb::Dump(DumpPage { prefix: Vec::new(), after, limit: 10 * PAGE }))
        }
        b"status" => alone(rest, Order::Status),
        b"reload" => alone(rest, Order::Reload),
        b"stop" => alone(rest, Order::Stop),
        b"help" => alone(rest, Order::Help),
        _ => Err(Refusal::Parameter(VERBS)),
    }
}

fn alone(rest: &[u8], order: Order) -> Result<Verb<'static>, Refusal> {
    match rest {
        b"" => Ok(Verb::Order(order)),
        _ => Err(Refusal::Parameter("nothing stands behind this word")),
    }
}

fn of_key<'b>(rest: &'b [u8], words: &'static str, task: KeyTask<'b>) -> Result<Verb<'b>, Refusal> {
    match named(rest, words)? {
        (name, b"") => Ok(key(&name, task)),
        _ => Err(Refusal::Parameter(words)),
    }
}

/// A word, and what stands behind the space after it.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, b""),
    }
}

/// A key, which is a word or a JSON string, and what stands behind the space after it.
fn named<'b>(text: &'b [u8], words: &'static str) -> Result<(Cow<'b, [u8]>, &'b [u8]), Refusal> {
    if text.is_empty() {
        return Err(Refusal::Parameter(words));
    }
    if text[0] != b'"' {
        let (name, rest) = split(text);
        return Ok((Cow::Borrowed(name), rest));
    }
    let mut strings = serde_json::Deserializer::from_slice(text).into_iter::<String>();
    let Some(Ok(name)) = strings.next() else { return Err(Refusal::Parameter(NO_STRING)) };
    match &text[strings.byte_offset()..] {
        b"" => Ok((Cow::Owned(name.into_bytes()), b"")),
        [b' ', rest @ ..] => Ok((Cow::Owned(name.into_bytes()), rest)),
        _ => Err(Refusal::Parameter(words)),
    }
}

const NO_STRING: &str = "what begins with a quotation mark is a JSON string, and this is none";

fn quoted(text: &[u8]) -> Result<Cow<'static, [u8]>, Refusal> {
    let value: String = serde_json::from_slice(text).map_err(|_| Refusal::Parameter(NO_STRING))?;
    Ok(Cow::Owned(value.into_bytes()))
}

fn number(word: &[u8], words: &'static str) -> Result<Option<u64>, Refusal> {
    if word.is_empty() {
        return Ok(None);
    }
    let digits = std::str::from_utf8(word).ok().filter(|text| text.bytes().all(|c| c.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).map(Some).ok_or(Refusal::Parameter(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(decoded: Decoded<'_>) -> String {
        match decoded.verb {
            Ok(Verb::Key { name, task: KeyTask::Write { body, .. } }) => format!("{name}={body}"),
            Ok(Verb::Key { name, task }) => format!("{name}: {task:?}"),
            Ok(other) => format!("{other:?}"),
            Err(Refusal::Parameter(words)) => words.into(),
            Err(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn lines_say_what_they_mean() {
        let said = |text: &str| shown(line(text.as_bytes()));
        assert_eq!(said("write a hello  world "), "a=hello  world ");
        assert_eq!(said("write a"), "a=");
        assert_eq!(said("write \"a b\" \"x\\ny\""), "a b=x\ny");
        assert_eq!(said("write a say \"x\""), "a=say \"x\"");
        assert_eq!(said("write a \"x"), NO_STRING);
        assert_eq!(said("write \"a\"b c"), "expected write KEY VALUE");
        assert_eq!(said("write"), "expected write KEY VALUE");
        assert_eq!(said("read a"), "a: Read");
        assert_eq!(said("read a b"), "expected read KEY");
        assert_eq!(said("read \"\""), "raw:: Read");
        assert_eq!(said("wait a"), "a: Wait { since: None, wait_ms: None }");
        assert_eq!(said("wait a 7 2"), "a: Wait { since: Some(7), wait_ms: Some(2000) }");
        assert_eq!(said("wait a - 2"), "a: Wait { since: None, wait_ms: Some(2000) }");
        assert!(said("wait a b").starts_with("expected wait KEY"));
        assert!(said("wait a 1 2 3").starts_with("expected wait KEY"));
        assert_eq!(said("stop"), "Order(Stop)");
        assert_eq!(said("stop now"), "nothing stands behind this word");
        assert_eq!(said("WRITE a b"), VERBS);
    }

    #[test]
    fn its_fields_stand_between_single_spaces() {
        let said = |text: &str| shown(legacy(text.as_bytes()));
        assert_eq!(said("write a 1 \0"), "a=1");
        assert_eq!(said("write a b c d \0"), "a=b");
        assert_eq!(said("write e  \0"), "e=");
        assert_eq!(said("write b 2\0"), "b=2\0");
        assert_eq!(said("write x\0"), "raw:x%00=");
        assert_eq!(said("read a\0"), "raw:a%00: Read");
        assert_eq!(said("read  \0"), "raw:: Read");
        assert_eq!(said("read a \r"), "a: Read");
        for bad in ["dump\0", "bogus \0", " \0", "\0", "\r", "WRITE a 1 \0", "read\0", "stop\0"] {
            assert_eq!(said(bad), "No valid command recived", "{bad:?}");
        }
    }
}
