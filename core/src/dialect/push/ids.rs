//! Where a subscriber's place comes from: two validators, or one id (`protocols/push-module.md`, sections 2.1, 5.2, 5.7).
//! One `time:tag` is a place in all channels, so what Nchan writes as a list is written as one number here; its lists are
//! understood.
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::{FirstMessage, IdSource, Location};
use crate::dialect::Refusal;
use crate::hub::Place;
use crate::wire::http1::head::Head;
use crate::wire::params::Params;

const INVALID: Refusal = Refusal::Parameter("Message ID invalid");

/// Where a request begins, among so many channels.
pub(super) fn place(head: &Head<'_, '_>, location: &Location, channels: usize) -> Result<Place, Refusal> {
    let no_cache = |name: &str| {
        let field = head.field(name).unwrap_or_default().to_ascii_lowercase();
        memchr::memmem::find(&field, b"no-cache").is_some()
    };
    if location.no_cache_is_newest && (no_cache("cache-control") || no_cache("pragma")) {
        return Ok(Place::New);
    }
    // What cannot be read is no id, as if there were none: a client that lost its place begins anew, and is not sent away.
    let read = |id: &[u8]| match compound(id, channels) {
        Err(why) if location.strict_message_ids => Err(why),
        read => Ok(read.unwrap_or(None)),
    };
    let none_match = head.field("if-none-match").map(plain);
    // Where the whole id is in one field, a date that somebody else has added means nothing.
    let date = head.field("if-modified-since").filter(|_| !location.compound_etag_message_id);
    let id = match date {
        Some(date) => match seconds(date) {
            Some(unix_s) => Some(match behind(unix_s, none_match.unwrap_or_default(), channels) {
                Err(why) if location.strict_message_ids => return Err(why),
                place => place.unwrap_or(Place::Behind { unix_s, tag: None }),
            }),
            None => None,
        },
        None => match none_match {
            Some(id) => read(id)?,
            None => None,
        },
    };
    if let Some(place) = id {
        return Ok(place);
    }
    let query = Params::of_query(head.query);
    // A client that has seen more says so in the field, and keeps the argument it began with.
    for source in &location.last_message_id {
        let argument;
        let id = match source {
            IdSource::Header(name) => head.field(name),
            IdSource::Argument(name) => {
                argument = query.get_spelled(name);
                argument.as_deref().map(str::as_bytes)
            }
        };
        if let Some(place) = id.map_or(Ok(None), |id| read(plain(id)))? {
            return Ok(place);
        }
    }
    if let Some(place) = head.field("etag").map_or(Ok(None), |id| read(plain(id)))? {
        return Ok(place);
    }
    Ok(match location.first_message {
        FirstMessage::Oldest => Place::Oldest,
        FirstMessage::Newest => Place::New,
        FirstMessage::Nth(n) if n > 0 => Place::FromOldest(u64::from(n.unsigned_abs()) - 1),
        FirstMessage::Nth(n) => Place::FromNewest(n.unsigned_abs().into()),
    })
}

/// Without the quotes and the mark of weakness that proxies and clients may put around it.
fn plain(value: &[u8]) -> &[u8] {
    let value = value.strip_prefix(b"W/").unwrap_or(value);
    value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value)
}

/// Seconds of an HTTP date behind 1970.
fn seconds(date: &[u8]) -> Option<u32> {
    // Browsers of old put `; length=` and a number behind it.
    let date = date.split(|&c| c == b';').next().unwrap_or(date).trim_ascii_end();
    let time = time(std::str::from_utf8(date).ok()?)?;
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (seconds > 0).then(|| u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// The time that a date names, on whatever day of the week it says that this is: the rest says it all (RFC 9110, section 5.6.7).
fn time(date: &str) -> Option<SystemTime> {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    if let Ok(time) = httpdate::parse_http_date(date) {
        return Some(time);
    }
    let (said, rest) = date.split_at(date.find([',', ' '])?);
    let is_short = said.len() == 3;
    let mut names = DAYS.iter().map(|day| if is_short { &day[..3] } else { day });
    names.clone().find(|name| *name == said)?;
    names.find_map(|name| httpdate::parse_http_date(&format!("{name}{rest}")).ok())
}

/// `time:tags`; `None` when it is nothing of the kind.
fn compound(id: &[u8], channels: usize) -> Result<Option<Place>, Refusal> {
    let Some(colon) = memchr::memchr(b':', id) else { return Ok(None) };
    let unix_s = whole(&id[..colon]).ok_or(INVALID)?;
    let unix_s = u32::try_from(unix_s).unwrap_or(u32::MAX);
    let tags = &id[colon + 1..];
    if tags.is_empty() {
        return Err(INVALID);
    }
    let is_list = tags.iter().any(|c| b",[]-".contains(c));
    if !is_list && whole(tags).is_none() {
        return Err(INVALID);
    }
    behind(unix_s, tags, channels).map(Some)
}

/// The place that a second and its tags name: behind the last of them, for the log has one order for all channels.
fn behind(unix_s: u32, tags: &[u8], channels: usize) -> Result<Place, Refusal> {
    if !tags.contains(&b',') && !tags.contains(&b'[') && tags != b"-" {
        // The original takes the absolute value of what is negative, and 0 for what is no number.
        let tag = whole(tags.strip_prefix(b"-").unwrap_or(tags));
        return Ok(Place::Behind { unix_s, tag });
    }
    let entries = tags.split(|&c| c == b',');
    let marked = tags.iter().filter(|&&c| c == b'[').count();
    if entries.clone().count() > channels || marked > 1 || (marked == 0 && tags.contains(&b',')) {
        return Err(INVALID);
    }
    let mut last = None;
    for entry in entries {
        let entry = match (entry.strip_prefix(b"["), entry.strip_suffix(b"]")) {
            (Some(_), Some(_)) => &entry[1..entry.len() - 1],
            (None, None) => entry,
            _ => return Err(INVALID),
        };
        if entry != b"-" {
            last = last.max(Some(whole(entry).ok_or(INVALID)?));
        }
    }
    Ok(match last {
        Some(tag) => Place::Behind { unix_s, tag: Some(tag) },
        None => Place::Behind { unix_s: unix_s.saturating_sub(1), tag: Some(u64::MAX) },
    })
}

/// A number of digits and nothing else; what is too large is the largest.
fn whole(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0u64, |n, d| n.saturating_mul(10).saturating_add(u64::from(d - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(tag: Option<u64>) -> Result<Place, Refusal> {
        Ok(Place::Behind { unix_s: 9, tag })
    }

    #[test]
    fn tags_are_numbers_and_garbage_is_none() {
        for (tags, wanted) in [
            ("0", at(Some(0))),
            ("7", at(Some(7))),
            ("-7", at(Some(7))),
            ("", at(None)),
            ("x", at(None)),
            ("99999999999999999999999", at(Some(u64::MAX))),
        ] {
            assert_eq!(behind(9, tags.as_bytes(), 1), wanted, "{tags}");
        }
        for quoted in ["\"3\"", "W/\"3\"", "3"] {
            assert_eq!(behind(9, plain(quoted.as_bytes()), 1), at(Some(3)), "{quoted}");
        }
    }

    #[test]
    fn lists_are_places_too() {
        for (id, channels, wanted) in [
            ("9:[1],0,-", 3, Some(at(Some(1)))),
            ("9:-,[5]", 3, Some(at(Some(5)))),
            ("9:[-],-", 2, Some(Ok(Place::Behind { unix_s: 8, tag: Some(u64::MAX) }))),
            ("9:4", 3, Some(at(Some(4)))),
            ("nothing", 3, None),
        ] {
            let read = compound(id.as_bytes(), channels);
            assert_eq!(read.clone().ok().flatten(), wanted.map(Result::unwrap), "{id}: {read:?}");
        }
        for bad in
            ["x:1", ":1", "9:", "9:x", "9:1,2", "9:[1],[2]", "9:[1,2", "9:1],2", "9:[1],2,3,4", "9:[1],,2"]
        {
            assert_eq!(compound(bad.as_bytes(), 3), Err(INVALID), "{bad}");
        }
    }

    #[test]
    fn dates_that_are_none_are_no_place() {
        assert_eq!(seconds(b"Sat, 21 Nov 2026 00:00:00 GMT"), Some(1_795_219_200));
        // Each form, with a day of the week that it was not.
        for wrong in
            ["Mon, 21 Nov 2026 00:00:00 GMT", "Monday, 21-Nov-26 00:00:00 GMT", "Mon Nov 21 00:00:00 2026"]
        {
            assert_eq!(seconds(wrong.as_bytes()), Some(1_795_219_200), "{wrong}");
        }
        for none in ["Xyz, 21 Nov 2026 00:00:00 GMT", "Sat, 31 Feb 2026 00:00:00 GMT", "Mon,"] {
            assert_eq!(seconds(none.as_bytes()), None, "{none}");
        }
        for none in ["", "Thu, 01 Jan 1970 00:00:00 GMT", "yesterday", "Mon, 01 Jan 1900 00:00:00 GMT"] {
            assert_eq!(seconds(none.as_bytes()), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(id in proptest::collection::vec(any::<u8>(), 0..40), n in 0usize..4) {
            let _ = compound(&id, n);
            let _ = behind(9, &id, n);
            let _ = seconds(&id);
            let _ = compound(&[b"9:", id.as_slice()].concat(), n);
        }
    }
}
