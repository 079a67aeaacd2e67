//! What comes in on the control socket: HTTP, a line of text, or a request of CometServer's. Wire: `docs/control.md`, "How
//! the three are told apart". Knows nothing of what is asked for.

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'b> {
    /// Nothing whole yet.
    More,
    /// A request line of HTTP.
    Http,
    /// An empty line, of so many bytes.
    Blank(usize),
    /// A line of text without its end, and how many bytes it has with it.
    Line(&'b [u8], usize),
    /// A request of CometServer's, which its terminator is part of.
    Legacy(&'b [u8]),
}

/// Listens to `bytes`, of which `scanned` have been searched for an end before; of HTTP that is the end of the head, and its
/// first line is looked for anew. `in_lines` when lines of text have come before: CometServer's clients ask once and no more.
pub fn hear<'b>(bytes: &'b [u8], scanned: &mut usize, in_lines: bool) -> Heard<'b> {
    let from = if may_be_http(bytes) { 0 } else { *scanned };
    let Some(at) = memchr::memchr3(b'\n', b'\r', 0, &bytes[from..]).map(|at| at + from) else {
        *scanned = bytes.len();
        return Heard::More;
    };
    let line = &bytes[..at];
    let used = match (bytes[at], bytes.get(at + 1)) {
        (b'\n', _) => at + 1,
        (b'\r', Some(b'\n')) => at + 2,
        // Its LF is on the way.
        (b'\r', None) if in_lines || is_http(line) => {
            *scanned = at;
            return Heard::More;
        }
        _ => return Heard::Legacy(&bytes[..=at]),
    };
    if line.is_empty() {
        Heard::Blank(used)
    } else if is_http(line) {
        Heard::Http
    } else {
        Heard::Line(line, used)
    }
}

/// Whether these bytes begin as a request of HTTP does: then the line is no longer than a request line may be.
pub fn may_be_http(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_uppercase)
}

/// Whether this is a request line (RFC 9112, section 3).
fn is_http(line: &[u8]) -> bool {
    let version = line.len().checked_sub(9).map(|at| &line[at..]);
    // Words of text are small letters: a value may end as a request line does.
    may_be_http(line) && version.is_some_and(|version| version.starts_with(b" HTTP/") && version[7] == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(bytes: &[u8]) -> Heard<'_> {
        hear(bytes, &mut 0, false)
    }

    #[test]
    fn the_three_are_told_apart() {
        assert_eq!(heard(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Heard::Http);
        assert_eq!(heard(b"GET / HTTP/1.0\n\n"), Heard::Http);
        assert_eq!(heard(b"read a\nread b\n"), Heard::Line(b"read a", 7));
        assert_eq!(heard(b"read a\r\n"), Heard::Line(b"read a", 8));
        assert_eq!(heard(b"read a \0"), Heard::Legacy(b"read a \0"));
        assert_eq!(heard(b"read a \r"), Heard::Legacy(b"read a \r"));
        assert_eq!(heard(b"GET / HTTP/1.1 \0"), Heard::Legacy(b"GET / HTTP/1.1 \0"));
        assert_eq!(heard(b"\r\nread"), Heard::Blank(2));
        assert_eq!((heard(b"\r"), heard(b"\0")), (Heard::Legacy(b"\r"), Heard::Legacy(b"\0")));
        assert_eq!(heard(b"write k a\r"), Heard::Legacy(b"write k a\r"));
        let later = |bytes| hear(bytes, &mut 0, true);
        assert_eq!(
            (later(b"write k a\r"), later(b"write k a\r\n")),
            (Heard::More, Heard::Line(b"write k a", 11))
        );
        let log = b"write last GET /index.html HTTP/1.1\n";
        assert_eq!(heard(log), Heard::Line(&log[..log.len() - 1], log.len()));
    }

    #[test]
    fn what_comes_byte_by_byte_is_searched_once() {
        let whole = b"GET /keys/a HTTP/1.1\r\n\r\n";
        let mut scanned = 0;
        for end in 0..=21 {
            assert_eq!(hear(&whole[..end], &mut scanned, false), Heard::More, "{end}");
            assert!(scanned >= end.min(20));
        }
        assert_eq!(hear(whole, &mut scanned, false), Heard::Http);
    }
}
