//! Request heads: where one ends, what it says, and every way in which it could mean two things at once.
//! Knows nothing of limits in time or of connections.
use std::borrow::Cow;
use std::mem::MaybeUninit;

use super::{Method, Reject};
use crate::limits::HEADERS_CEILING;

/// Room for header fields on the stack of whoever parses.
pub type HeaderTable<'b> = [MaybeUninit<httparse::Header<'b>>; HEADERS_CEILING];

/// An unused [`HeaderTable`].
pub fn header_table<'b>() -> HeaderTable<'b> {
    [const { MaybeUninit::uninit() }; HEADERS_CEILING]
}

/// How the end of the body is known (RFC 9112, section 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// So many bytes; 0 when nothing was said.
    Length(u64),
    /// Chunks, until the last.
    Chunked,
}

/// One request head, borrowed from the bytes it was parsed from.
#[derive(Debug)]
pub struct Head<'h, 'b> {
    /// What is to be done.
    pub method: Method,
    /// The path, percent-decoded; `*` for the server as a whole.
    pub path: Cow<'b, [u8]>,
    /// The path as it came.
    pub raw_path: &'b [u8],
    /// What followed the first `?`, as it came; without a fragment.
    pub query: &'b str,
    /// HTTP/1.1 rather than 1.0.
    pub is_11: bool,
    /// How the body ends.
    pub framing: Framing,
    /// Whether the client keeps the connection.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// All fields, in order.
    pub fields: &'h [httparse::Header<'b>],
}

impl<'b> Head<'_, 'b> {
    /// The value of the first field called `name`, without regard to case.
    pub fn field(&self, name: &str) -> Option<&'b [u8]> {
        self.fields.iter().find(|f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value.trim_ascii())
    }
}

/// Finds the end of a head: the number of bytes up to and with its empty line. `scanned` says how much was searched
/// before, and is moved on, so that a head that comes byte by byte is searched once.
pub fn find_end(buf: &[u8], scanned: &mut usize) -> Option<usize> {
    let mut at = scanned.saturating_sub(2);
    while let Some(newline) = memchr::memchr(b'\n', &buf[at..]) {
        let after = at + newline + 1;
        match buf.get(after..) {
            Some([b'\n', ..]) => return Some(after + 1),
            Some([b'\r', b'\n', ..]) => return Some(after + 2),
            _ => at = after,
        }
    }
    *scanned = buf.len();
    None
}

/// How many bytes of empty lines stand before the request line: a robust server skips them (RFC 9112, section 2.2).
pub fn leading_empty_lines(buf: &[u8]) -> usize {
    buf.iter().take_while(|&&c| c == b'\r' || c == b'\n').count()
}

/// Parses a whole head, as found by [`find_end`].
///
/// # Errors
/// A [`Reject`] for everything that is not a request, or that two readers could understand in two ways.
pub fn parse<'h, 'b>(
    whole: &'b [u8],
    table: &'h mut HeaderTable<'b>,
    headers_max: usize,
) -> Result<Head<'h, 'b>, Reject> {
    let mut request = httparse::Request::new(&mut []);
    let room = headers_max.min(HEADERS_CEILING);
    match request.parse_with_uninit_headers(whole, &mut table[..room]) {
        Ok(httparse::Status::Complete(n)) if n == whole.len() => {}
        Ok(_) => return Err(Reject::Bad("the request head does not end where its empty line is")),
        Err(e) => return Err(reject(e, whole)),
    }
    let method = method(request.method.unwrap_or_default());
    let is_11 = request.version == Some(1);
    let (raw_path, query) = target(request.path.unwrap_or_default(), method)?;
    let fields: &'h [httparse::Header<'b>] = request.headers;
    let said = Said::collect(fields)?;
    if is_11 && said.hosts != 1 {
        return Err(Reject::Bad("an HTTP/1.1 request has exactly one Host field"));
    }
    Ok(Head {
        method,
        path: percent_decoded(raw_path),
        raw_path,
        query,
        is_11,
        framing: said.framing(is_11)?,
        // HTTP/1.0's keep-alive was never well defined beside proxies: such a connection is always closed.
        keep_alive: is_11 && !said.close,
        expects_continue: is_11 && said.expects_continue,
        fields,
    })
}

fn reject(error: httparse::Error, whole: &[u8]) -> Reject {
    match error {
        httparse::Error::TooManyHeaders => Reject::HeadTooLarge,
        // The parser takes whatever stands behind the target for a version.
        httparse::Error::Version if names_a_version(whole) => Reject::Version,
        httparse::Error::Version => Reject::Bad("the request line is not METHOD TARGET VERSION"),
        httparse::Error::HeaderName => {
            Reject::Bad("a header field name has a character that is not a token's")
        }
        httparse::Error::HeaderValue => Reject::Bad("a header field value has a control character"),
        httparse::Error::NewLine => Reject::Bad("a line end is not CRLF"),
        httparse::Error::Token => Reject::Bad("the request line is not METHOD TARGET VERSION"),
        httparse::Error::Status => Reject::Bad("not a request"),
    }
}

fn names_a_version(whole: &[u8]) -> bool {
    let line = whole.split(|&c| c == b'\n').next().unwrap_or_default().trim_ascii();
    line.split(|&c| c == b' ').nth(2).is_some_and(|word| word.starts_with(b"HTTP/"))
}

pub(super) fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "HEAD" => Method::Head,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        _ => Method::Other,
    }
}

/// Origin form, absolute form, or the asterisk (RFC 9112, section 3.2).
pub(super) fn target(target: &str, method: Method) -> Result<(&[u8], &str), Reject> {
    let target = memchr::memchr(b'#', target.as_bytes()).map_or(target, |at| &target[..at]);
    let local = match target.as_bytes() {
        [b'/', ..] => target,
        b"*" if method == Method::Options => return Ok((b"*", "")),
        _ => after_authority(target)
            .ok_or(Reject::Bad("the request target is neither a path nor an absolute http URL"))?,
    };
    let (path, query) = match memchr::memchr(b'?', local.as_bytes()) {
        Some(at) => (&local[..at], &local[at + 1..]),
        None => (local, ""),
    };
    let path = if path.is_empty() { "/" } else { path };
    Ok((path.as_bytes(), query))
}

fn after_authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let rest = rest.strip_prefix("//")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    if end == 0 { None } else { Some(&rest[end..]) }
}

/// `%XX` decoded; what is no such sequence stays as it is.
pub fn percent_decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&c) = text.get(at) {
        let hex = |i: usize| text.get(at + i).and_then(|&d| char::from(d).to_digit(16));
        if c == b'%'
            && let (Some(high), Some(low)) = (hex(1), hex(2))
        {
            out.push((high * 16 + low) as u8);
            at += 3;
        } else {
            out.push(c);
            at += 1;
        }
    }
    Cow::Owned(out)
}

/// What the fields say of framing and of the connection.
#[derive(Default)]
struct Said {
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    expects_continue: bool,
}

impl Said {
    fn collect(fields: &[httparse::Header<'_>]) -> Result<Self, Reject> {
        let mut said = Self::default();
        for field in fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            // By length first: most fields are none of these.
            match field.name.len() {
                4 if is("host") => said.hosts += 1,
                6 if is("expect") => {
                    if !field.value.trim_ascii().eq_ignore_ascii_case(b"100-continue") {
                        return Err(Reject::Expectation);
                    }
                    said.expects_continue = true;
                }
                10 if is("connection") => {
                    said.close |= tokens(field.value).any(|t| t.eq_ignore_ascii_case(b"close"));
                }
                14 if is("content-length") => said.add_length(field.value)?,
                17 if is("transfer-encoding") => said.add_coding(field.value)?,
                _ => {}
            }
        }
        Ok(said)
    }

    fn add_length(&mut self, value: &[u8]) -> Result<(), Reject> {
        if self.length.is_some() {
            return Err(Reject::Bad("more than one Content-Length"));
        }
        let digits = value.trim_ascii();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Reject::Bad("Content-Length is not a number"));
        }
        let number = std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok());
        self.length = Some(number.ok_or(Reject::BodyTooLarge)?);
        Ok(())
    }

    fn add_coding(&mut self, value: &[u8]) -> Result<(), Reject> {
        if self.chunked {
            return Err(Reject::Bad("more than one Transfer-Encoding"));
        }
        if !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
            return Err(Reject::NotImplemented("the only transfer coding known here is chunked"));
        }
        self.chunked = true;
        Ok(())
    }

    fn framing(&self, is_11: bool) -> Result<Framing, Reject> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Reject::Bad("both Transfer-Encoding and Content-Length")),
            (true, None) if !is_11 => Err(Reject::Bad("Transfer-Encoding in HTTP/1.0")),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// The members of a comma-separated list.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&c| c == b',').map(<[u8]>::trim_ascii)
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
