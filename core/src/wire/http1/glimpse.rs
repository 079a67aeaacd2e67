//! What can be seen of a request that is refused before it is understood: for whom it was, so that the refusal can be written as
//! they read it. Nothing is done by what is seen here.
//! Knows nothing of what the paths are.
use super::head::{Framing, Head, method, percent_decoded, target};
use crate::limits::HEADERS_CEILING;

/// Fields that have come whole, as far as they can be told from each other.
pub fn fields(unread: &[u8]) -> Vec<httparse::Header<'_>> {
    let mut lines = unread.split_inclusive(|c| *c == b'\n').skip(1).take(HEADERS_CEILING);
    let mut fields = Vec::new();
    for line in lines.by_ref().map_while(|line| line.strip_suffix(b"\n")) {
        if line.trim_ascii().is_empty() {
            break;
        }
        let mut parts = line.splitn(2, |c| *c == b':');
        let name = std::str::from_utf8(parts.next().unwrap_or_default());
        if let (Ok(name), Some(value)) = (name, parts.next()) {
            fields.push(httparse::Header { name, value: value.trim_ascii() });
        }
    }
    fields
}

/// The request that these bytes begin with, where so much of its first line is there that its path is known.
pub fn head<'h, 'b>(unread: &'b [u8], fields: &'h [httparse::Header<'b>]) -> Option<Head<'h, 'b>> {
    let line_end = memchr::memchr2(b'\r', b'\n', unread);
    let line = &unread[..line_end.unwrap_or(unread.len())];
    let mut words = line.splitn(3, |c| *c == b' ');
    let method = method(std::str::from_utf8(words.next()?).ok()?);
    let asked = words.next()?;
    let is_whole = words.next().is_some() || line_end.is_some();
    // What has been cut short can still have its path whole.
    if !is_whole && memchr::memchr2(b'?', b'#', asked).is_none() {
        return None;
    }
    let readable = match std::str::from_utf8(asked) {
        Ok(asked) => asked,
        Err(e) => std::str::from_utf8(&asked[..e.valid_up_to()]).ok()?,
    };
    // Bytes that are no text within the path: it is another than what stands before them.
    if readable.len() < asked.len() && memchr::memchr2(b'?', b'#', readable.as_bytes()).is_none() {
        return None;
    }
    let (raw_path, query) = target(readable, method).ok()?;
    Some(Head {
        method,
        path: percent_decoded(raw_path),
        raw_path,
        query,
        is_11: true,
        framing: Framing::Length(0),
        keep_alive: false,
        expects_continue: false,
        fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http1::Method;

    fn path(unread: &[u8]) -> Option<(Method, String)> {
        let fields = fields(unread);
        let head = head(unread, &fields)?;
        Some((head.method, String::from_utf8_lossy(head.raw_path).into_owned()))
    }

    #[test]
    fn a_path_is_known_as_soon_as_it_is_whole() {
        let whole = "GET /events?channel=a HTTP/1.1\r\nHost: x\r\n";
        for end in 0..whole.len() {
            let known = path(&whole.as_bytes()[..end]);
            let expected = (end >= "GET /events?".len()).then(|| (Method::Get, "/events".to_owned()));
            assert_eq!(known, expected, "{end}");
        }
        let bare = "POST /publish HTTP/1.1\r\n";
        for end in 0..bare.len() {
            let known = path(&bare.as_bytes()[..end]).is_some();
            assert_eq!(known, end >= "POST /publish ".len(), "{end}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed() {
        for (unread, expected) in [
            (&b""[..], None),
            (b"\x16\x03\x01\x02\x00\x01", None),
            (b"GET", None),
            (b"GET ping HTTP/1.1\r\n", None),
            (b"GET /ev\xffents HTTP/1.1\r\n", None),
            (b"GET /events?channel=\xff HTTP/1.1\r\n", Some((Method::Get, "/events"))),
            (b"GET http://host/events?a HTTP/1.1\r\n", Some((Method::Get, "/events"))),
            (b"BREW /events HTTP/1.1\r\n", Some((Method::Other, "/events"))),
            (b"GET /events\n", Some((Method::Get, "/events"))),
            (b"GET /events HTTP/9\r\n\r\n", Some((Method::Get, "/events"))),
        ] {
            let expected = expected.map(|(method, path)| (method, path.to_owned()));
            assert_eq!(path(unread), expected, "{:?}", String::from_utf8_lossy(unread));
        }
    }

    #[test]
    fn fields_are_those_that_have_come_whole() {
        let unread =
            b"POST /publish HTTP/1.1\r\nBad Name: 1\r\nno field\r\nContent-Type:  application/json \r\nHos";
        let fields = fields(unread);
        let head = head(unread, &fields).expect("a head");
        assert_eq!(head.field("content-type"), Some(&b"application/json"[..]));
        assert_eq!(head.field("host"), None);
        assert_eq!(super::fields(b"GET / HTTP/1.1\r\nA: 1\r\n\r\nB: 2\r\n").len(), 1, "a body has no fields");
        let many = [&b"GET / HTTP/1.1\r\n"[..], &b"A: 1\r\n".repeat(HEADERS_CEILING + 9)].concat();
        assert_eq!(super::fields(&many).len(), HEADERS_CEILING);
    }
}
