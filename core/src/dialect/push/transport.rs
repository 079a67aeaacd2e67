//! Which of a location's transports a request asks for (`protocols/push-module.md`, section 5.1).
use super::style;
use crate::config::{Batching, Location, Transport};
use crate::wire::http1::head::Head;

/// How messages are sent: what the request asks for, as far as the location has it.
pub(super) fn transport(head: &Head<'_, '_>, location: &Location) -> Option<u8> {
    let has = |transport| location.transports.contains(&transport);
    let accepts = |name: &str| accepts(head.field("accept").unwrap_or_default(), name);
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
        Some(match location.longpoll_multipart {
            Batching::Off => style::LONG_POLL,
            Batching::On => style::LONG_POLL_PARTS,
            Batching::Raw => style::LONG_POLL_LINES,
        })
    } else {
        None
    }
}

/// Whether a list names this type, and not to say that it is worth nothing.
fn accepts(accept: &[u8], name: &str) -> bool {
    let accept = accept.to_ascii_lowercase();
    let mut kinds = accept.split(|&c| c == b',');
    kinds.any(|kind| memchr::memmem::find(kind, name.as_bytes()).is_some() && !is_worthless(kind))
}

fn takes_chunks(te: &[u8]) -> bool {
    te.split(|&c| c == b',').any(|coding| {
        let word = coding.split(|&c| c == b';').next().unwrap_or_default();
        word.trim_ascii().eq_ignore_ascii_case(b"chunked") && !is_worthless(coding)
    })
}

/// Whether one of a list has the weight 0 (RFC 9110, section 12.4.2).
fn is_worthless(one: &[u8]) -> bool {
    let mut words = one.split(|&c| c == b';').skip(1).map(<[u8]>::trim_ascii);
    words.any(|word| {
        let is_zero = word.get(..3).is_some_and(|q| q.eq_ignore_ascii_case(b"q=0"));
        is_zero && !word.iter().any(|c| (b'1'..=b'9').contains(c))
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

    #[test]
    fn types_are_accepted_unless_they_are_worth_nothing() {
        for (accept, wanted) in [
            ("text/event-stream", true),
            ("text/html, Text/Event-Stream;q=0.1", true),
            ("text/event-stream;q=0", false),
            ("text/event-stream ; Q=0.000, text/plain", false),
            ("text/plain;q=0, text/event-stream", true),
            ("*/*", false),
        ] {
            assert_eq!(accepts(accept.as_bytes(), "text/event-stream"), wanted, "{accept}");
        }
    }
}
