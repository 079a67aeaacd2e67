//! Bodies of type multipart/form-data (RFC 7578; RFC 2046, section 5.1), read where they lie.
//! Knows nothing of files: a part is its name and its bytes.
use std::borrow::Cow;

use memchr::memmem;

/// The longest boundary there may be (RFC 2046, section 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;
/// Parts that are looked at; what stands behind them is ignored.
const PARTS_MAX: usize = 256;

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'b> {
    /// What `Content-Disposition` calls it.
    pub name: Cow<'b, [u8]>,
    /// Its bytes.
    pub value: &'b [u8],
}

/// The boundary that a `Content-Type` names.
pub fn boundary(content_type: &[u8]) -> Option<Cow<'_, [u8]>> {
    parameter(content_type, b"boundary").filter(|b| !b.is_empty() && b.len() <= BOUNDARY_BYTES_MAX)
}

/// The parts of a body that have a name; what is cut short is left out.
pub fn parts<'b>(body: &'b [u8], boundary: &[u8]) -> impl Iterator<Item = Part<'b>> {
    let delimiter = [b"\r\n--", boundary].concat();
    // The first delimiter may stand at the very beginning, without a line end before it.
    let mut rest = match body.strip_prefix(&delimiter[2..]) {
        Some(rest) => Some(rest),
        None => memmem::find(body, &delimiter).map(|at| &body[at + delimiter.len()..]),
    };
    let pieces = std::iter::from_fn(move || {
        let (piece, next) = split_at(rest?, &delimiter)?;
        rest = (!next.starts_with(b"--")).then_some(next);
        Some(piece)
    });
    pieces.take(PARTS_MAX).filter_map(part)
}

fn split_at<'b>(text: &'b [u8], delimiter: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = memmem::find(text, delimiter)?;
    Some((&text[..at], &text[at + delimiter.len()..]))
}

/// A part begins with the rest of the delimiter's line; its fields end with an empty line.
fn part(piece: &[u8]) -> Option<Part<'_>> {
    let (head, value) = split_at(piece, b"\r\n\r\n")?;
    let mut lines = head.split(|&c| c == b'\n').map(<[u8]>::trim_ascii);
    let disposition = lines.find_map(|line| {
        let at = memchr::memchr(b':', line)?;
        line[..at].trim_ascii().eq_ignore_ascii_case(b"content-disposition").then_some(&line[at + 1..])
    })?;
    Some(Part { name: parameter(disposition, b"name")?, value })
}

/// `name=value` or `name="value"` among what follows the first `;` of a header field.
fn parameter<'b>(field: &'b [u8], name: &[u8]) -> Option<Cow<'b, [u8]>> {
    let mut rest = &field[memchr::memchr(b';', field)? + 1..];
    loop {
        let equals = memchr::memchr2(b'=', b';', rest)?;
        let is_it = rest[equals] == b'=' && rest[..equals].trim_ascii().eq_ignore_ascii_case(name);
        if rest[equals] == b';' {
            rest = &rest[equals + 1..];
            continue;
        }
        let after = rest[equals + 1..].trim_ascii_start();
        let (value, behind) = match after.strip_prefix(b"\"") {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = memchr::memchr(b';', after).unwrap_or(after.len());
                (Cow::Borrowed(after[..end].trim_ascii()), &after[end..])
            }
        };
        if is_it {
            return Some(value);
        }
        rest = &behind[memchr::memchr(b';', behind)? + 1..];
    }
}

/// What stands before the closing quote, and what follows it. A backslash is one, unless a quote or another follows.
fn unquoted(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let end = memchr::memchr2(b'"', b'\\', text)?;
    if text[end] == b'"' {
        return Some((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&c) = text.get(at) {
        match (c, text.get(at + 1)) {
            (b'"', _) => return Some((Cow::Owned(out), &text[at + 1..])),
            (b'\\', Some(&next @ (b'"' | b'\\'))) => {
                out.push(next);
                at += 2;
            }
            _ => {
                out.push(c);
                at += 1;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &[u8]) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        parts(body, b"XX").map(|part| (text(&part.name), text(part.value))).collect()
    }

    #[test]
    fn boundaries_are_named_in_the_type() {
        let of = |text: &'static str| boundary(text.as_bytes()).map(Cow::into_owned);
        assert_eq!(of("multipart/form-data; boundary=XX"), Some(b"XX".to_vec()));
        assert_eq!(
            of("multipart/form-data; charset=\"a;b\"; Boundary=\"X;\\\"X\" ; q=1"),
            Some(b"X;\"X".to_vec())
        );
        for bad in ["multipart/form-data", "m; boundary=", "m; boundary=\"x", "m; xboundary=x", "m; boundary"]
        {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!(boundary(format!("m; boundary={}", "x".repeat(71)).as_bytes()), None);
    }

    #[test]
    fn what_stands_around_parts_is_ignored() {
        let part = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1";
        let whole = [("a".to_owned(), "1".to_owned())];
        assert_eq!(read(format!("{part}\r\n--XX--").as_bytes()), whole);
        assert_eq!(read(format!("preamble\r\n{part}\r\n--XX--epilogue\r\n--XX\r\n").as_bytes()), whole);
        assert_eq!(read(part.as_bytes()), [], "cut short");
        assert_eq!(read(b"--XX\r\n\r\nno name\r\n--XX--"), []);
        assert_eq!(read(b"--XX--"), []);
    }

    proptest! {
        #[test]
        fn nothing_panics(body in proptest::collection::vec(any::<u8>(), 0..200), kind in any::<Vec<u8>>()) {
            let _ = boundary(&kind);
            let _ = read(&body);
            let _ = read(&[b"--XX\r\nContent-Disposition: ".as_slice(), &body, b"\r\n--XX--"].concat());
        }
    }
}
