//! Requests at a location (`protocols/push-module.md`, sections 2, 3 and 5).
use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{answer, ids, style};
use crate::config::{Config, Duty, Location, Transport};
use crate::conn::Role;
use crate::dialect::{Decoded, DialectId, Hold, Posting, Refusal, Request, Verb, Voice, Watch};
use crate::hub::{Media, Place, Posted};
use crate::wire::http1::Method;
use crate::wire::http1::head::Head;

/// Whether a location serves a request.
pub(in crate::dialect) fn is_at(role: Role, head: &Head<'_, '_>, config: &Config) -> bool {
    config.push.find(role, head).is_some()
}

/// Reads a request.
pub(super) fn decode<'b>(request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
    let head = request.head;
    let format = answer::format(head.field("accept").unwrap_or_default());
    let mut voice = Voice { dialect: DialectId::Push, style: format, before: None };
    let Some(location) = config.push.find(request.role, head) else {
        return Decoded { verb: Err(Refusal::NotFound), voice };
    };
    let is_subscriber = match (location.role, head.method) {
        (Duty::Subscriber, _) | (Duty::Pubsub, Method::Get) => true,
        (Duty::Publisher | Duty::Pubsub, _) => false,
    };
    let verb = if !is_ours(head, config) {
        Err(Refusal::Forbidden)
    } else if is_subscriber && head.method != Method::Get {
        Err(Refusal::Method(location.methods()))
    } else {
        let mut channels = location.names(head).unwrap_or_default();
        // Named more than once, a channel is still one.
        let mut known = BTreeSet::new();
        channels.retain(|name| known.insert(name.clone()));
        if channels.is_empty() {
            Err(Refusal::NoChannels)
        } else if channels.len() > config.limits.channels_per_subscription_max {
            Err(Refusal::TooManyInOne)
        } else if is_subscriber {
            watch(head, location, channels, &mut voice).map(Verb::Watch)
        } else {
            publish(request, location, channels, config)
        }
    };
    Decoded { verb, voice }
}

/// Whether pages of the origin that a request comes from may ask: a page of the same host always may.
fn is_ours(head: &Head<'_, '_>, config: &Config) -> bool {
    let Some(origin) = head.field("origin") else { return true };
    let host = head.field("host").unwrap_or_default();
    let is_same = memchr::memmem::find(origin, b"://").is_some_and(|at| &origin[at + 3..] == host);
    is_same
        || config
            .http
            .origins
            .iter()
            .any(|o| o.as_str() == "*" || o.as_str().as_bytes().eq_ignore_ascii_case(origin))
}

fn publish<'b>(
    request: &Request<'_, 'b>,
    location: &Location,
    channels: Vec<String>,
    config: &Config,
) -> Result<Verb<'b>, Refusal> {
    let head = request.head;
    match head.method {
        Method::Post | Method::Put => {}
        Method::Get | Method::Head => return Ok(Verb::Look(channels)),
        Method::Delete => return Ok(Verb::End(channels)),
        Method::Options => return Err(Refusal::Method(location.methods())),
    }
    let text = |value: Option<&[u8]>| {
        let value = value.unwrap_or_default();
        if value.len() > config.limits.media_type_bytes_max {
            return Err(Refusal::MediaType);
        }
        let text = std::str::from_utf8(value).map_err(|_| Refusal::MediaType)?;
        Ok(Box::<str>::from(text))
    };
    let mut content_type = text(head.field("content-type"))?;
    if content_type.is_empty() {
        content_type = location.content_type.as_str().into();
    }
    let media = Media { content_type, event: text(head.field("x-eventsource-event"))? };
    let body = std::str::from_utf8(request.body)
        .map_err(|_| Refusal::Body("the message is not UTF-8, and nothing else is kept here"))?;
    let keep = Posted {
        messages_max: if location.store { location.messages_max } else { 0 },
        age_ms: location.message_timeout_ms,
    };
    Ok(Verb::Post { posting: Box::new(Posting { channels, media, keep }), body: Cow::Borrowed(body) })
}

/// Reads what a subscriber wants, and how.
fn watch(
    head: &Head<'_, '_>,
    location: &Location,
    channels: Vec<String>,
    voice: &mut Voice,
) -> Result<Watch, Refusal> {
    let place = ids::place(head, location, channels.len())?;
    voice.style = transport(head, location).ok_or(Refusal::Forbidden)?;
    let hold = match voice.style {
        style::LONG_POLL | style::INTERVAL_POLL => Hold::Poll,
        _ => Hold::Stream,
    };
    let echo = match place {
        Place::Behind { unix_s, tag: Some(tag) } => (i64::from(unix_s) << 32) | i64::from(tag),
        _ => 0,
    };
    Ok(Watch {
        channels,
        place,
        hold,
        at_once: voice.style == style::INTERVAL_POLL,
        is_raw: voice.style == style::RAW,
        concurrency: location.concurrency,
        timeout_ms: location.timeout_ms,
        subscribers_max: location.subscribers_max,
        existing_only: location.existing_only,
        echo,
    })
}

/// How messages are sent: what the request asks for, as far as the location has it (section 5.1).
fn transport(head: &Head<'_, '_>, location: &Location) -> Option<u8> {
    let has = |transport| location.transports.contains(&transport);
    let accepts = |name: &str| {
        let accept = head.field("accept").unwrap_or_default().to_ascii_lowercase();
        memchr::memmem::find(&accept, name.as_bytes()).is_some()
    };
    if has(Transport::Eventsource) && accepts("text/event-stream") {
        Some(style::EVENTS)
    } else if has(Transport::Chunked) && head.is_11 && takes_chunks(head.field("te").unwrap_or_default()) {
        Some(style::CHUNKED)
    } else if has(Transport::Multipart) && accepts("multipart/mixed") {
        Some(style::MULTIPART)
    } else if has(Transport::IntervalPoll) {
        Some(style::INTERVAL_POLL)
    } else if has(Transport::RawStream) {
        Some(style::RAW)
    } else if has(Transport::LongPoll) {
        Some(style::LONG_POLL)
    } else {
        None
    }
}

fn takes_chunks(te: &[u8]) -> bool {
    te.split(|&c| c == b',').any(|coding| {
        let mut words = coding.split(|&c| c == b';').map(<[u8]>::trim_ascii);
        let is_it = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"chunked"));
        is_it
            && !words.any(|word| word.starts_with(b"q=0") && !word.iter().any(|c| (b'1'..=b'9').contains(c)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_taken_unless_they_are_worth_nothing() {
        for (te, wanted) in [
            ("chunked", true),
            ("trailers, Chunked;q=0.5", true),
            ("chunked;q=0", false),
            ("chunked; q=0.000", false),
            ("trailers", false),
            ("", false),
        ] {
            assert_eq!(takes_chunks(te.as_bytes()), wanted, "{te}");
        }
    }
}
