//! Response heads and chunk framing.
//! Knows nothing of when or to whom.
use super::Status;
use crate::time::Date;

/// How the end of a response body is told (RFC 9112, section 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// `Content-Length`.
    Length(usize),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection: what is left for HTTP/1.0.
    Close,
}

/// A response head in the making. Fields that every response has come first; then [`HeadWriter::field`]; then
/// [`HeadWriter::end`].
pub struct HeadWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> HeadWriter<'a> {
    /// Writes the status line and the date.
    pub fn begin(out: &'a mut Vec<u8>, status: Status, date: &Date) -> Self {
        if status == Status::OK {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\nDate: ");
        } else {
            out.extend_from_slice(b"HTTP/1.1 ");
            number(u64::from(status.code()), out);
            out.push(b' ');
            out.extend_from_slice(status.reason().as_bytes());
            out.extend_from_slice(b"\r\nDate: ");
        }
        out.extend_from_slice(date.as_bytes());
        out.extend_from_slice(b"\r\n");
        Self { out }
    }

    /// Goes on behind the beginning of another head: see [`HeadWriter::so_far`].
    pub fn resume(out: &'a mut Vec<u8>, beginning: &[u8]) -> Self {
        out.extend_from_slice(beginning);
        Self { out }
    }

    /// What has been written.
    pub fn so_far(&self) -> &[u8] {
        self.out
    }

    /// Writes one field. Neither part may come from a stranger without having been checked: a line end would end it.
    pub fn field(self, name: &str, value: &str) -> Self {
        debug_assert!(!value.bytes().any(|c| c == b'\r' || c == b'\n'), "a field value is one line");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        self.out.extend_from_slice(value.as_bytes());
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Writes fields that somebody else knows, each with its line end.
    pub fn with(self, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        write(self.out);
        self
    }

    /// Writes how the body ends, whether the connection goes on, and the empty line.
    pub fn end(self, end: End, keep_alive: bool) {
        match end {
            End::Length(length) => {
                self.out.extend_from_slice(b"Content-Length: ");
                number(length as u64, self.out);
                self.out.extend_from_slice(b"\r\n");
            }
            End::Chunked => self.out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            End::Close => {}
        }
        self.out.extend_from_slice(if keep_alive { b"\r\n" } else { b"Connection: close\r\n\r\n" });
    }
}

/// `HTTP/1.1 100 Continue` (RFC 9110, section 15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The chunk that ends a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Appends the size line of a chunk of `length` bytes.
pub fn chunk_size(length: usize, out: &mut Vec<u8>) {
    let mut digits = [0; 16];
    let mut at = digits.len();
    let mut rest = length;
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal.
pub fn number(mut n: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a signed number in decimal.
pub fn signed(n: i64, out: &mut Vec<u8>) {
    if n < 0 {
        out.push(b'-');
    }
    number(n.unsigned_abs(), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_what_http_wants() {
        let date = Date::from_unix(0);
        let mut out = Vec::new();
        HeadWriter::begin(&mut out, Status::OK, &date)
            .field("Content-Type", "text/plain")
            .end(End::Length(7), true);
        assert_eq!(
            out,
            b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n"
        );
        out.clear();
        HeadWriter::begin(&mut out, Status::NOT_FOUND, &date).end(End::Chunked, false);
        assert!(out.starts_with(b"HTTP/1.1 404 Not Found\r\nDate: "));
        assert!(out.ends_with(b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"));
    }

    #[test]
    fn numbers() {
        for n in [0, 9, 10, 255, 4096, 65_535, u64::MAX] {
            let (mut decimal, mut hex) = (Vec::new(), Vec::new());
            number(n, &mut decimal);
            chunk_size(n as usize, &mut hex);
            assert_eq!(decimal, n.to_string().as_bytes());
            assert_eq!(hex, format!("{n:x}\r\n").as_bytes());
        }
        for n in [0, -1, i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            signed(n, &mut out);
            assert_eq!(out, n.to_string().as_bytes());
        }
    }
}
