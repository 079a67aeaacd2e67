//! The few words of a request that the floor looks for.
//! Knows nothing of anything else that a request may say: only this program sends them.
use memchr::{memchr, memmem};

use super::channel::{CALLBACK_BYTES, Voice};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Publish { channel: &'a [u8], content: &'a [u8] },
    Listen { channel: &'a [u8], voice: Voice, next: u64 },
}

/// The requests in these bytes, which end with the last of them; `None` for one that is not understood.
pub(super) fn all(bytes: &[u8]) -> impl Iterator<Item = Option<Request<'_>>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let end = memmem::find(rest, b"\r\n\r\n")? + 4;
        let (one, more) = rest.split_at(end);
        rest = more;
        Some(one_of(one))
    })
}

fn one_of(bytes: &[u8]) -> Option<Request<'_>> {
    let target = bytes.strip_prefix(b"GET /")?;
    let target = &target[..memchr(b' ', target)?];
    let path = memchr(b'?', target)?;
    let (path, query) = (&target[..path], &target[path + 1..]);
    let (channel, rest) = value(query, b"cname=")?;
    let voice = match path {
        b"push" => {
            let (content, _) = value(rest, b"content=")?;
            return Some(Request::Publish { channel, content });
        }
        b"sse" => Voice::Sse,
        b"sub" => Voice::Poll,
        _ => return None,
    };
    let (next, rest) = value(rest, b"seq=")?;
    let next = next.iter().try_fold(0u64, |sum, digit| {
        digit.is_ascii_digit().then(|| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
    })?;
    let voice = match value(rest, b"cb=") {
        Some((callback, _)) => Voice::Jsonp(<[u8; CALLBACK_BYTES]>::try_from(callback).ok()?),
        None => voice,
    };
    Some(Request::Listen { channel, voice, next })
}

/// The value of the first parameter, which has to be this one, and what follows it.
fn value<'a>(query: &'a [u8], name: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let query = query.strip_prefix(name)?;
    Some(match memchr(b'&', query) {
        Some(end) => (&query[..end], &query[end + 1..]),
        None => (query, &[]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Stamp;
    use crate::target::{Kind, Language, Name, Post, Who};

    #[test]
    fn it_understands_what_this_program_asks() {
        let target = Language::choose(Name::Floor, None).expect("its own words").speak(0xabcd);
        let mut who = Who { kind: Kind::Jsonp, id: 26, channel: 7, last: 41, cursor: String::new(), step: 0 };
        let mut text = Vec::new();
        target.listen(&who, &mut text);
        who.kind = Kind::Sse;
        target.listen(&who, &mut text);
        who.kind = Kind::Poll;
        target.listen(&who, &mut text);
        let stamp = Stamp { run: 1, channel: 7, number: 3, intended: 4 };
        target.publish(&Post { stamp, size: 60 }, &mut text);
        text.extend_from_slice(b"GET /nonsense HTTP/1.1\r\n\r\n");
        let channel = &b"s0000abcd-7"[..];
        let mut content = Vec::new();
        stamp.write(60, &mut content);
        assert_eq!(
            all(&text).collect::<Vec<_>>(),
            [
                Some(Request::Listen { channel, voice: Voice::Jsonp(*b"cb_0000001a"), next: 42 }),
                Some(Request::Listen { channel, voice: Voice::Sse, next: 42 }),
                Some(Request::Listen { channel, voice: Voice::Poll, next: 42 }),
                Some(Request::Publish { channel, content: &content }),
                None,
            ]
        );
    }
}
