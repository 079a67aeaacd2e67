//! Answers as a client reads them (RFC 9112, section 6): a head, and a body by its length, in chunks, or up to the end.
//! Knows nothing of who asked what. Both parts are bounded.
use super::chunked::Chunked;
use super::head::find_end;

/// Bytes of an answer's head; more is a fault.
pub const FETCHED_HEAD_BYTES_MAX: usize = 8 << 10;

/// Fields of an answer's head; more is a fault.
const FIELDS_MAX: usize = 64;

/// Why an answer cannot be used. The connection it came by cannot be, either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is no HTTP, or could be read in two ways.
    Malformed,
    /// Its head has more than 8 KiB, or its body more than may be.
    TooLarge,
    /// The connection ended in the middle of it.
    Short,
}

/// One answer, as far as it has come.
#[derive(Debug)]
pub struct Fetched {
    body_bytes_max: usize,
    head: Vec<u8>,
    scanned: usize,
    status: u16,
    /// What may be said on: the values of the fields that were asked for, by their lower-case names.
    fields: Vec<(Box<str>, Box<[u8]>)>,
    body: Vec<u8>,
    stage: Stage,
    keep_alive: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Head,
    Length(u64),
    Chunked(Chunked),
    UpToTheEnd,
    Done,
}

impl Fetched {
    /// Nothing yet of an answer whose body may have so many bytes.
    pub fn new(body_bytes_max: usize) -> Self {
        Self {
            body_bytes_max,
            head: Vec::new(),
            scanned: 0,
            status: 0,
            fields: Vec::new(),
            body: Vec::new(),
            stage: Stage::Head,
            keep_alive: false,
        }
    }

    /// Takes bytes in; returns how many of them are this answer's. Fewer than there are means that something stands behind
    /// it.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut used = 0;
        while used < bytes.len() || self.stage == Stage::Length(0) {
            let rest = &bytes[used..];
            match &mut self.stage {
                Stage::Head => used += self.take_head(rest)?,
                Stage::Length(left) => {
                    let n = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= n as u64;
                    self.body.extend_from_slice(&rest[..n]);
                    if *left == 0 {
                        self.stage = Stage::Done;
                    }
                    used += n;
                }
                Stage::Chunked(chunked) => {
                    let (body, most) = (&mut self.body, self.body_bytes_max);
                    let mut fits = true;
                    let n = chunked.decode(rest, |data| {
                        fits = body.len() + data.len() <= most;
                        if fits {
                            body.extend_from_slice(data);
                        }
                        fits
                    });
                    used += n.map_err(|_| if fits { Fault::Malformed } else { Fault::TooLarge })?;
                    if chunked.is_done() {
                        self.stage = Stage::Done;
                    }
                }
                Stage::UpToTheEnd => {
                    if self.body.len() + rest.len() > self.body_bytes_max {
                        return Err(Fault::TooLarge);
                    }
                    self.body.extend_from_slice(rest);
                    used += rest.len();
                }
                Stage::Done => break,
            }
        }
        Ok(used)
    }

    /// The peer has finished sending.
    ///
    /// # Errors
    /// [`Fault::Short`] when the answer was not whole.
    pub fn end(&mut self) -> Result<(), Fault> {
        match self.stage {
            Stage::UpToTheEnd | Stage::Done => {
                self.stage = Stage::Done;
                Ok(())
            }
            _ => Err(Fault::Short),
        }
    }

    /// Whether it is whole.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Whether anything of it has come.
    pub fn has_begun(&self) -> bool {
        !self.head.is_empty() || self.stage != Stage::Head
    }

    /// Whether its connection can be asked again.
    pub fn keeps_alive(&self) -> bool {
        self.keep_alive && self.stage == Stage::Done
    }

    /// Its status; 0 before it is known.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The value of the first field of this lower-case name.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(n, _)| **n == *name).map(|(_, value)| &**value)
    }

    /// All fields by lower-case name, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Its body, as far as it has come.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Takes bytes of the head; returns how many there were. Answers before the last (1xx) are passed over.
    fn take_head(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let before = self.head.len();
        let most = (FETCHED_HEAD_BYTES_MAX - before).min(bytes.len());
        self.head.extend_from_slice(&bytes[..most]);
        let Some(end) = find_end(&self.head, &mut self.scanned) else {
            return if self.head.len() >= FETCHED_HEAD_BYTES_MAX { Err(Fault::TooLarge) } else { Ok(most) };
        };
        self.head.truncate(end);
        let head = std::mem::take(&mut self.head);
        self.scanned = 0;
        self.read_head(&head)?;
        Ok(end - before)
    }

    fn read_head(&mut self, head: &[u8]) -> Result<(), Fault> {
        let mut table = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut table);
        match response.parse(head) {
            Ok(httparse::Status::Complete(n)) if n == head.len() => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Fault::TooLarge),
            _ => return Err(Fault::Malformed),
        }
        let status = response.code.unwrap_or(0);
        match status {
            // Only who asks for it is given another protocol.
            101 => return Err(Fault::Malformed),
            100..200 => return Ok(()),
            200..600 => {}
            _ => return Err(Fault::Malformed),
        }
        let (mut length, mut chunked, mut close) = (None, false, response.version != Some(1));
        for field in response.headers.iter() {
            let value = field.value.trim_ascii();
            if field.name.eq_ignore_ascii_case("content-length") {
                let said = std::str::from_utf8(value).ok().filter(|v| v.bytes().all(|c| c.is_ascii_digit()));
                let said: u64 = said.and_then(|v| v.parse().ok()).ok_or(Fault::Malformed)?;
                if length.is_some_and(|before| before != said) {
                    return Err(Fault::Malformed);
                }
                length = Some(said);
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Fault::Malformed);
                }
                chunked = true;
            } else if field.name.eq_ignore_ascii_case("connection") {
                close |= value.split(|&c| c == b',').any(|w| w.trim_ascii().eq_ignore_ascii_case(b"close"));
            }
            self.fields.push((field.name.to_ascii_lowercase().into(), value.into()));
        }
        if chunked && length.is_some() {
            // One of the two is wrong, and what follows would be read as the next answer.
            return Err(Fault::Malformed);
        }
        self.status = status;
        self.keep_alive = !close;
        self.stage = match length {
            _ if matches!(status, 204 | 304) => Stage::Done,
            Some(n) if n > self.body_bytes_max as u64 => return Err(Fault::TooLarge),
            Some(n) => Stage::Length(n),
            None if chunked => Stage::Chunked(Chunked::default()),
            None => {
                self.keep_alive = false;
                Stage::UpToTheEnd
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Read = Result<(u16, String, usize, bool, bool), Fault>;

    fn read(pieces: &[&[u8]], ends: bool) -> Read {
        let (mut fetched, mut used) = (Fetched::new(100), 0);
        for piece in pieces {
            used += fetched.take(piece)?;
        }
        if ends {
            fetched.end()?;
        }
        let body = String::from_utf8_lossy(fetched.body()).into_owned();
        Ok((fetched.status(), body, used, fetched.is_done(), fetched.keeps_alive()))
    }

    /// Whole, byte by byte, and with something behind it.
    #[track_caller]
    fn reads(text: &str, status: u16, body: &str, keep_alive: bool) {
        let want = Ok((status, body.to_owned(), text.len(), true, keep_alive));
        assert_eq!(read(&[text.as_bytes()], false), want);
        assert_eq!(read(&text.as_bytes().chunks(1).collect::<Vec<_>>(), false), want);
        assert_eq!(read(&[format!("{text}HTTP/1.1 200 OK").as_bytes()], false), want);
    }

    #[test]
    fn answers_end_where_they_say() {
        reads("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true);
        reads("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: Close\r\n\r\n", 200, "", false);
        reads("HTTP/1.0 403 No\r\nContent-Length: 2\r\n\r\nno", 403, "no", false);
        reads("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true);
        reads("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, "", true);
        reads(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            200,
            "abcde",
            true,
        );
        reads("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, "x", true);
    }

    #[test]
    fn without_a_length_the_end_is_the_end() {
        let text = b"HTTP/1.1 200 OK\r\n\r\nall of it";
        let want = |done| Ok((200, "all of it".to_owned(), text.len(), done, false));
        assert_eq!(read(&[text], false), want(false));
        assert_eq!(read(&[text], true), want(true));
    }

    #[test]
    fn what_is_too_large_or_means_two_things_is_a_fault() {
        let large = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(101));
        let chunks =
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n{}", "x".repeat(101));
        let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(FETCHED_HEAD_BYTES_MAX));
        let fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(65));
        for text in [&large, &chunks, &head, &fields, "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"] {
            assert_eq!(read(&[text.as_bytes()], true), Err(Fault::TooLarge), "{text}");
        }
        for text in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 999 What\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
        ] {
            assert_eq!(read(&[text.as_bytes()], false), Err(Fault::Malformed), "{text}");
        }
        for text in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"] {
            assert_eq!(read(&[text.as_bytes()], true), Err(Fault::Short), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..200) {
            let mut text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            text.extend_from_slice(&bytes);
            for all in [&bytes, &text] {
                let (one, other) = all.split_at(cut.min(all.len()));
                let whole = read(&[all], true);
                prop_assert_eq!(whole, read(&[one, other], true));
            }
        }
    }
}
