//! The frames of HTTP answers: where a head ends, what is body, when an answer is complete. Behind an answer with 101,
//! those of WebSocket.
//! Knows nothing of what the bytes mean, and keeps none of them.
use std::ops::Range;

use memchr::{memchr, memmem};

use crate::frames::{self, CLOSE, NotAFrame, PING, PONG};

/// How far one connection's answers have been followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// The next byte begins an answer.
    #[default]
    Head,
    /// So many bytes of body are missing.
    Length(u64),
    /// The next byte begins the line with a chunk's size.
    ChunkSize,
    /// So many bytes of a chunk are missing, its line end included.
    Chunk(u64),
    /// The empty line behind the last chunk is missing.
    Trailer,
    /// The body ends with the connection.
    ToTheEnd,
    /// The protocol was changed, and that has not been said yet.
    Switched,
    /// The next byte begins a WebSocket's frame.
    Frame,
    /// So many bytes of a frame are missing.
    Payload {
        /// How many.
        left: u64,
        /// The message ends with this frame.
        last: bool,
    },
}

/// What comes next in the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A whole head.
    Head(Head),
    /// Some of the body.
    Body(Range<usize>),
    /// The answer is complete.
    End,
    /// A WebSocket's message is complete.
    Message,
    /// The other end of a WebSocket wants a sign of life, with this in it.
    Ping(Range<usize>),
    /// The other end of a WebSocket says farewell.
    Close,
}

/// What is looked at in a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// Where it stands.
    pub range: Range<usize>,
    /// Whether the server will close the connection after it.
    pub closes: bool,
}

/// Whoever sends this does not speak HTTP, or WebSocket where that was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHttp;

impl From<NotAFrame> for NotHttp {
    fn from(_: NotAFrame) -> Self {
        Self
    }
}

impl Answer {
    /// The next piece from `*at` on. `None`: more bytes are needed, and those from `*at` on have to be shown again.
    ///
    /// # Errors
    /// The bytes are no HTTP; nothing that follows can be understood.
    pub fn next(&mut self, bytes: &[u8], at: &mut usize) -> Result<Option<Piece>, NotHttp> {
        loop {
            let rest = &bytes[*at..];
            match *self {
                Self::Length(0) => {
                    *self = Self::Head;
                    return Ok(Some(Piece::End));
                }
                Self::Switched => {
                    *self = Self::Frame;
                    return Ok(Some(Piece::End));
                }
                Self::Payload { left: 0, last } => {
                    *self = Self::Frame;
                    if last {
                        return Ok(Some(Piece::Message));
                    }
                }
                _ if rest.is_empty() => return Ok(None),
                Self::Head => return self.head(bytes, at),
                Self::Length(left) => {
                    let n = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    *self = Self::Length(left - n as u64);
                    return Ok(Some(Piece::Body(take(at, n))));
                }
                Self::Payload { left, last } => {
                    let n = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    *self = Self::Payload { left: left - n as u64, last };
                    return Ok(Some(Piece::Body(take(at, n))));
                }
                Self::Frame => match self.frame(bytes, at)? {
                    Some(Piece::Body(_)) => {}
                    other => return Ok(other),
                },
                Self::ToTheEnd => return Ok(Some(Piece::Body(take(at, rest.len())))),
                Self::ChunkSize => {
                    let Some(end) = memchr(b'\n', rest) else { return Ok(None) };
                    let size = chunk_size(&rest[..end]).ok_or(NotHttp)?;
                    *at += end + 1;
                    *self = if size == 0 { Self::Trailer } else { Self::Chunk(size + 2) };
                }
                Self::Chunk(left) => {
                    let n = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    *self = if n as u64 == left { Self::ChunkSize } else { Self::Chunk(left - n as u64) };
                    return Ok(Some(Piece::Body(take(at, n))));
                }
                Self::Trailer => {
                    let Some(end) = memchr(b'\n', rest) else { return Ok(None) };
                    *at += end + 1;
                    if end <= 1 {
                        *self = Self::Head;
                        return Ok(Some(Piece::End));
                    }
                }
            }
        }
    }

    /// Whether nothing of the body is missing.
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Length(0) | Self::Payload { left: 0, .. })
    }

    /// Takes back the last `n` bytes of the body piece that was just given: they will be shown again.
    pub fn give_back(&mut self, n: usize) {
        match self {
            Self::Length(left) | Self::Chunk(left) | Self::Payload { left, .. } => *left += n as u64,
            Self::ChunkSize if n > 0 => *self = Self::Chunk(n as u64),
            _ => {}
        }
    }

    /// Reads a frame's head. A piece of body without bytes stands for "go on".
    fn frame(&mut self, bytes: &[u8], at: &mut usize) -> Result<Option<Piece>, NotHttp> {
        let rest = &bytes[*at..];
        let Some(head) = frames::Head::read(rest)? else { return Ok(None) };
        if head.mask.is_some() {
            // Servers do not mask.
            return Err(NotHttp);
        }
        if !matches!(head.opcode, CLOSE | PING | PONG) {
            take(at, head.bytes);
            *self = Self::Payload { left: head.length, last: head.last };
            return Ok(Some(Piece::Body(*at..*at)));
        }
        let whole = head.bytes as u64 + head.length;
        if head.length > 125 {
            return Err(NotHttp);
        }
        if (rest.len() as u64) < whole {
            return Ok(None);
        }
        take(at, head.bytes);
        let payload = take(at, head.length as usize);
        Ok(Some(match head.opcode {
            CLOSE => Piece::Close,
            PING => Piece::Ping(payload),
            _ => Piece::Body(payload.end..payload.end),
        }))
    }

    fn head(&mut self, bytes: &[u8], at: &mut usize) -> Result<Option<Piece>, NotHttp> {
        let rest = &bytes[*at..];
        let Some(end) = memmem::find(rest, b"\r\n\r\n").map(|end| end + 4) else { return Ok(None) };
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Response::new(&mut fields);
        parsed.parse(&rest[..end]).map_err(|_| NotHttp)?;
        let status = parsed.code.ok_or(NotHttp)?;
        let (mut length, mut chunked, mut closes) = (None, false, parsed.version == Some(0));
        for field in parsed.headers.iter() {
            if field.name.eq_ignore_ascii_case("content-length") {
                length = std::str::from_utf8(field.value).ok().and_then(|text| text.trim().parse().ok());
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = field.value.eq_ignore_ascii_case(b"chunked");
            } else if field.name.eq_ignore_ascii_case("connection") {
                closes = field.value.eq_ignore_ascii_case(b"close");
            }
        }
        *self = match (chunked, length, status) {
            (_, _, 101) => Self::Switched,
            (_, _, 100..=199 | 204 | 304) => Self::Length(0),
            (true, _, _) => Self::ChunkSize,
            (false, Some(length), _) => Self::Length(length),
            (false, None, _) => Self::ToTheEnd,
        };
        Ok(Some(Piece::Head(Head { status, range: take(at, end), closes })))
    }
}

fn take(at: &mut usize, n: usize) -> Range<usize> {
    let start = *at;
    *at += n;
    start..*at
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits == 0 || digits > 15 {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What all pieces say together, with the bytes cut at `split`.
    fn follow(text: &[u8], split: usize) -> (Vec<u16>, Vec<u8>, usize, Answer) {
        let (mut statuses, mut body, mut ends) = (Vec::new(), Vec::new(), 0);
        let mut answer = Answer::default();
        let mut from = 0;
        for end in [split, text.len()] {
            let bytes = &text[from..end];
            let mut at = 0;
            while let Some(piece) = answer.next(bytes, &mut at).expect("it is HTTP") {
                match piece {
                    Piece::Head(head) => statuses.push(head.status),
                    Piece::Body(range) => body.extend_from_slice(&bytes[range]),
                    Piece::End | Piece::Message => ends += 1,
                    Piece::Ping(range) => body.extend_from_slice(&bytes[range]),
                    Piece::Close => body.push(b'.'),
                }
            }
            from += at;
        }
        (statuses, body, ends, answer)
    }

    #[test]
    fn answers_are_followed_through_every_split() {
        let text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n\
            HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nno\n\
            HTTP/1.1 304 Not Modified\r\nEtag: 1\r\n\r\n\
            HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        for split in 0..text.len() {
            let (statuses, body, ends, answer) = follow(text, split);
            assert_eq!(statuses, [200, 404, 304, 200], "split at {split}");
            assert_eq!(body, b"hello\r\nno\n", "split at {split}");
            assert_eq!((ends, answer), (4, Answer::Head), "split at {split}");
        }
    }

    #[test]
    fn a_websocket_is_followed_through_every_split() {
        let mut text = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n".to_vec();
        frames::write(frames::TEXT, None, b"hello", &mut text);
        frames::write(PING, None, b"!", &mut text);
        text.extend_from_slice(b"\x01\x03one\x80\x03two");
        frames::write(PONG, None, b"unasked", &mut text);
        frames::write(frames::TEXT, None, b"", &mut text);
        frames::write(frames::TEXT, None, &[b'x'; 300], &mut text);
        frames::write(CLOSE, None, b"\x03\xe8", &mut text);
        let whole = [&b"hello!onetwo"[..], &[b'x'; 300], b"."].concat();
        for split in 0..text.len() {
            let (statuses, body, ends, answer) = follow(&text, split);
            assert_eq!((statuses.as_slice(), ends), (&[101][..], 5), "split at {split}");
            assert_eq!(body, whole, "split at {split}");
            assert_eq!(answer, Answer::Frame, "split at {split}");
        }
        for wrong in [&b"\x81\x81abcdx"[..], b"\x89\x7e\x00\x80", b"\xc1\x01x"] {
            let mut answer = Answer::Frame;
            assert_eq!(answer.next(wrong, &mut 0), Err(NotHttp), "{wrong:?}");
        }
    }

    #[test]
    fn bytes_given_back_come_again() {
        for (text, from) in [
            (&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"[..], 50),
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..], 38),
        ] {
            let mut answer = Answer::default();
            let mut at = 0;
            assert!(matches!(answer.next(text, &mut at), Ok(Some(Piece::Head(_)))));
            let Ok(Some(Piece::Body(first))) = answer.next(text, &mut at) else { panic!("a body") };
            answer.give_back(first.len());
            at -= first.len();
            assert_eq!(at, from);
            assert_eq!(answer.next(text, &mut at), Ok(Some(Piece::Body(first))));
            assert_eq!(answer.next(text, &mut at), Ok(Some(Piece::End)));
        }
    }

    #[test]
    fn what_is_no_http_is_refused() {
        for text in [&b"hello\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"] {
            let mut answer = Answer::default();
            let mut at = 0;
            while !matches!(answer.next(text, &mut at), Err(NotHttp)) {
                assert!(at < text.len(), "nobody noticed");
            }
        }
    }
}
