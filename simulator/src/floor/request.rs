//! The few words of a request that the floor looks for, in each of its dialects.
//! Knows nothing of anything else that a request may say: only this program sends them.
use memchr::{memchr, memmem};

use super::voice::{CALLBACK_BYTES, Voice};
use crate::frames;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Publish {
        channel: &'a [u8],
        content: &'a [u8],
    },
    Listen {
        channel: &'a [u8],
        voice: Voice,
        /// The number of the message that it wants first.
        next: u64,
    },
    /// Simple Comet wants channels to be made; here they make themselves.
    Register,
    /// What follows are a WebSocket's frames.
    Upgrade,
    /// A Bayeux client without a name.
    Handshake,
    /// One with a name begins to listen.
    Subscribe {
        client: usize,
        channel: &'a [u8],
    },
    /// It waits for what is behind this number, if it has heard anything.
    Connect {
        client: usize,
        after: Option<u64>,
    },
}

/// The request at the beginning of these bytes, which were written whole, and what follows it.
pub(super) fn first(bytes: &[u8]) -> Option<(Request<'_>, &[u8])> {
    let end = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let (head, rest) = bytes.split_at(end);
    if let Some(target) = head.strip_prefix(b"GET /") {
        return Some((get(&target[..memchr(b' ', target)?], head)?, rest));
    }
    let target = head.strip_prefix(b"POST /")?;
    let (length, _) = number(after(head, b"\r\nContent-Length: ")?)?;
    let (body, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((post(&target[..memchr(b' ', target)?], body)?, rest))
}

/// The same of a WebSocket's frames; a frame without a request, such as a farewell, is `None` as well.
pub(super) fn first_frame(bytes: &mut [u8]) -> Option<(Request<'_>, &mut [u8])> {
    let head = frames::Head::read(bytes).ok()??;
    let (frame, rest) = bytes.split_at_mut_checked(head.bytes + usize::try_from(head.length).ok()?)?;
    let text = &mut frame[head.bytes..];
    frames::apply(head.mask?, text);
    let text = &*text;
    if let Some(rest_of_it) = text.strip_prefix(b"{\"type\":\"publish\",\"channel\":\"") {
        let (channel, data) = rest_of_it.split_at(memchr(b'"', rest_of_it)?);
        let content = data.strip_prefix(b"\",\"data\":\"")?.strip_suffix(b"\"}")?;
        return Some((Request::Publish { channel, content }, rest));
    }
    let rest_of_it = text.strip_prefix(b"{\"type\":\"subscribe\",\"channel\":\"")?;
    let (channel, seq) = rest_of_it.split_at(memchr(b'"', rest_of_it)?);
    let (next, _) = number(seq.strip_prefix(b"\",\"seq\":")?)?;
    Some((Request::Listen { channel, voice: Voice::Socket, next }, rest))
}

/// Whether the rest of the first request is still on its way: what was written whole need not come so.
pub(super) fn is_cut(bytes: &[u8]) -> bool {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return true };
    let (head, rest) = bytes.split_at(end + 4);
    let length = after(head, b"\r\nContent-Length: ").and_then(number).map_or(0, |(length, _)| length);
    head.starts_with(b"POST ") && length > rest.len() as u64
}

/// The same of a frame.
pub(super) fn is_cut_frame(bytes: &[u8]) -> bool {
    let Ok(head) = frames::Head::read(bytes) else { return false };
    head.is_none_or(|head| head.bytes as u64 + head.length > bytes.len() as u64)
}

fn get<'a>(target: &'a [u8], head: &[u8]) -> Option<Request<'a>> {
    if target == b"ws" {
        return Some(Request::Upgrade);
    }
    let path = memchr(b'?', target)?;
    let (path, query) = (&target[..path], &target[path + 1..]);
    if let Some(channel) = path.strip_prefix(b"channels/") {
        let channel = channel.strip_suffix(b".json")?;
        let (last, _) = number(query.strip_prefix(b"since=")?)?;
        return Some(Request::Listen { channel, voice: Voice::Simple, next: last + 1 });
    }
    if path == b"activity" {
        let (channel, _) = value(query, b"channel=")?;
        let by_id = || after(head, b"\r\nLast-Event-ID: 1:");
        let (voice, place) = if after(head, b"\r\nUpgrade: websocket\r\n").is_some() {
            (Voice::Meta, by_id())
        } else if after(head, b"\r\nAccept: text/event-stream\r\n").is_some() {
            (Voice::Events, by_id())
        } else {
            (Voice::Push, after(head, b"\r\nIf-None-Match: "))
        };
        let last = place.map_or(Some(0), |place| Some(number(place)?.0))?;
        return Some(Request::Listen { channel, voice, next: last + 1 });
    }
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
    let (next, _) = number(next)?;
    let voice = match value(rest, b"cb=") {
        Some((callback, _)) => Voice::Jsonp(<[u8; CALLBACK_BYTES]>::try_from(callback).ok()?),
        None => voice,
    };
    Some(Request::Listen { channel, voice, next })
}

fn post<'a>(target: &'a [u8], body: &'a [u8]) -> Option<Request<'a>> {
    if target == b"bayeux" {
        return bayeux(body);
    }
    if target == b"channels.json" {
        return Some(Request::Register);
    }
    if let Some(channel) = target.strip_prefix(b"channels/") {
        let channel = channel.strip_suffix(b".json")?;
        return Some(Request::Publish { channel, content: body.strip_prefix(b"content=")? });
    }
    let (channel, _) = value(target.strip_prefix(b"publish?")?, b"channel=")?;
    Some(Request::Publish { channel, content: body })
}

fn bayeux(body: &[u8]) -> Option<Request<'_>> {
    let body = body.strip_prefix(b"[{\"channel\":\"/")?;
    let (channel, rest) = body.split_at(memchr(b'"', body)?);
    let client = || {
        let text = after(rest, b"\"clientId\":\"")?;
        usize::try_from(number(text)?.0).ok()
    };
    Some(match channel {
        b"meta/handshake" => Request::Handshake,
        b"meta/subscribe" => {
            let channel = after(rest, b"\"subscription\":\"/")?;
            Request::Subscribe { client: client()?, channel: &channel[..memchr(b'"', channel)?] }
        }
        b"meta/connect" => {
            let (last, _) = number(after(rest, b"\"ext\":{\"ack\":")?)?;
            Request::Connect { client: client()?, after: (last > 0).then_some(last) }
        }
        _ => {
            let content = rest.strip_prefix(b"\",\"data\":\"")?.strip_suffix(b"\"}]")?;
            Request::Publish { channel, content }
        }
    })
}

/// The value of the first parameter, which has to be this one, and what follows it.
fn value<'a>(query: &'a [u8], name: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let query = query.strip_prefix(name)?;
    Some(match memchr(b'&', query) {
        Some(end) => (&query[..end], &query[end + 1..]),
        None => (query, &[]),
    })
}

/// What follows the first of these words.
fn after<'a>(text: &'a [u8], words: &[u8]) -> Option<&'a [u8]> {
    memmem::find(text, words).map(|at| &text[at + words.len()..])
}

/// The number at the beginning, and what follows it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    let add = |sum: u64, digit: &u8| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
    (!digits.is_empty()).then(|| (digits.iter().fold(0, add), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Stamp;
    use crate::target::{Dialect, Kind, Language, Name, Post, Target, Who};

    const CHANNEL: &[u8] = b"s0000abcd-7";

    fn speak(dialect: Dialect) -> Box<dyn Target> {
        Language::choose(Name::Floor, Some(dialect)).expect("its own words").speak(0xabcd)
    }

    fn who(kind: Kind) -> Who {
        Who { kind, id: 26, channel: 7, last: 41, cursor: String::new(), step: 0 }
    }

    /// Understands all of it, and finds every publish.
    fn understand(target: &dyn Target, who: &mut [Who]) -> Vec<Request<'static>> {
        let mut text = Vec::new();
        for who in who {
            target.listen(who, &mut text);
        }
        let stamp = Stamp { run: 1, channel: 7, number: 3, intended: 4 };
        target.publish(&Post { stamp, size: 60 }, &mut text);
        let mut rest: &[u8] = text.leak();
        let mut found = Vec::new();
        while let Some((request, more)) = first(rest) {
            found.push(request);
            rest = more;
        }
        assert_eq!(rest, b"", "{found:?}");
        let mut content = Vec::new();
        stamp.write(60, &mut content);
        let publish = Request::Publish { channel: CHANNEL, content: content.leak() };
        assert_eq!(found.pop(), Some(publish));
        found
    }

    fn listen(voice: Voice, next: u64) -> Request<'static> {
        Request::Listen { channel: CHANNEL, voice, next }
    }

    #[test]
    fn it_understands_what_this_program_asks() {
        let mut all = [who(Kind::Jsonp), who(Kind::Sse), who(Kind::Poll)];
        assert_eq!(
            understand(&*speak(Dialect::Icomet), &mut all),
            [listen(Voice::Jsonp(*b"cb_0000001a"), 42), listen(Voice::Sse, 42), listen(Voice::Poll, 42),]
        );
        assert_eq!(first(b"GET /nonsense HTTP/1.1\r\n\r\n"), None);
    }

    #[test]
    fn polls_and_events_go_on_where_they_were_in_every_dialect() {
        let mut all =
            [Kind::Poll, Kind::Poll, Kind::Sse, Kind::Sse, Kind::Websocket, Kind::Websocket].map(who);
        all[1].cursor = "Sat, 21 Nov 2026 00:00:00 GMT|5".to_owned();
        all[3].cursor = "1:6".to_owned();
        all[5].cursor = "1:7".to_owned();
        assert_eq!(
            understand(&*speak(Dialect::Push), &mut all),
            [
                listen(Voice::Push, 1),
                listen(Voice::Push, 6),
                listen(Voice::Events, 1),
                listen(Voice::Events, 7),
                listen(Voice::Meta, 1),
                listen(Voice::Meta, 8),
            ]
        );
        let mut all = [who(Kind::Poll), who(Kind::Poll)];
        all[1].cursor = "5".to_owned();
        assert_eq!(
            understand(&*speak(Dialect::SimpleComet), &mut all),
            [listen(Voice::Simple, 1), listen(Voice::Simple, 6)]
        );
        let mut all = [who(Kind::Poll), who(Kind::Poll), who(Kind::Poll), who(Kind::Poll)];
        for (who, step) in all.iter_mut().zip([0, 1, 2, 2]) {
            (who.cursor, who.step) = (if step == 0 { "" } else { "12 0" }.to_owned(), step);
        }
        all[3].cursor = "12 9".to_owned();
        assert_eq!(
            understand(&*speak(Dialect::Bayeux), &mut all),
            [
                Request::Handshake,
                Request::Subscribe { client: 12, channel: CHANNEL },
                Request::Connect { client: 12, after: None },
                Request::Connect { client: 12, after: Some(9) },
            ]
        );
    }

    #[test]
    fn frames_are_understood_behind_an_upgrade() {
        let target = speak(Dialect::Websocket);
        let mut client = who(Kind::Websocket);
        let mut text = Vec::new();
        target.listen(&client, &mut text);
        assert_eq!(first(&text), Some((Request::Upgrade, &[][..])));
        client.step = 1;
        text.clear();
        target.listen(&client, &mut text);
        let stamp = Stamp { run: 1, channel: 7, number: 3, intended: 4 };
        target.publish(&Post { stamp, size: 60 }, &mut text);
        let (request, rest) = first_frame(&mut text).expect("a subscription");
        assert_eq!(request, listen(Voice::Socket, 42));
        let mut content = Vec::new();
        stamp.write(60, &mut content);
        let (request, rest) = first_frame(rest).expect("a publish");
        assert_eq!((request, rest.len()), (Request::Publish { channel: CHANNEL, content: &content }, 0));
    }

    #[test]
    fn what_is_cut_is_known_from_what_is_wrong() {
        let get = &b"GET /push?cname=a&content=1 HTTP/1.1\r\nHost: x\r\n\r\n"[..];
        let post = &b"POST /publish HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345"[..];
        for whole in [get, post, b"GET /nothing HTTP/1.1\r\n\r\n"] {
            assert!((1..whole.len()).all(|n| is_cut(&whole[..n])) && !is_cut(whole), "{whole:?}");
        }
        let frame = &[0x81, 0x82, 0, 0, 0, 0, b'h', b'i'][..];
        assert!((1..frame.len()).all(|n| is_cut_frame(&frame[..n])) && !is_cut_frame(frame));
        assert!(!is_cut_frame(&[0xff, 0x00]));
    }
}
