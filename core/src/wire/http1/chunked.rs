//! Chunked request bodies (RFC 9112, section 7.1), decoded as they come.
//! Knows nothing of where the bytes come from. Strict about line ends: what proxies could read otherwise is refused.
use super::Reject;

/// Bytes of a chunk-size line with its extensions, and of all trailer fields together; more is refused.
const LINE_MAX: u32 = 512;
const TRAILER_MAX: u32 = 4096;

/// Where a decoder stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chunked {
    state: State,
    /// Bytes left of this chunk, or its size as read so far.
    left: u64,
    /// Bytes of the line or the trailer so far.
    line: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    SizeFirst,
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the first byte of a trailer line.
    Trailer,
    TrailerLine,
    TrailerLf,
    LastLf,
    Done,
}

impl Chunked {
    /// Whether the last chunk and its trailer have been read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Reads from `raw`, giving decoded pieces to `take`; returns how many bytes of `raw` belong to the body. Stops
    /// after its end.
    ///
    /// # Errors
    /// [`Reject::Bad`] for what is not chunked, [`Reject::BodyTooLarge`] when `take` says no.
    pub fn decode(&mut self, raw: &[u8], mut take: impl FnMut(&[u8]) -> bool) -> Result<usize, Reject> {
        let mut at = 0;
        while at < raw.len() && self.state != State::Done {
            if self.state == State::Data {
                let n = usize::try_from(self.left).unwrap_or(usize::MAX).min(raw.len() - at);
                if !take(&raw[at..at + n]) {
                    return Err(Reject::BodyTooLarge);
                }
                self.left -= n as u64;
                at += n;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            self.step(raw[at])?;
            at += 1;
        }
        Ok(at)
    }

    fn step(&mut self, c: u8) -> Result<(), Reject> {
        self.state = match (self.state, c) {
            (State::SizeFirst | State::Size, c) if c.is_ascii_hexdigit() => {
                let digit = u64::from(char::from(c).to_digit(16).unwrap_or(0));
                if self.left >> 56 != 0 {
                    return Err(Reject::BodyTooLarge);
                }
                self.left = self.left << 4 | digit;
                self.count(LINE_MAX)?;
                State::Size
            }
            (State::Size, b'\r') => State::SizeLf,
            (State::Size, b';') => State::Extension,
            (State::Extension, b'\r') => State::SizeLf,
            (State::Extension, c) if c == b'\t' || !c.is_ascii_control() => {
                self.count(LINE_MAX)?;
                State::Extension
            }
            (State::SizeLf, b'\n') => {
                self.line = 0;
                if self.left == 0 { State::Trailer } else { State::Data }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SizeFirst,
            (State::Trailer, b'\r') => State::LastLf,
            (State::Trailer | State::TrailerLine, c) if c == b'\t' || !c.is_ascii_control() => {
                self.count(TRAILER_MAX)?;
                State::TrailerLine
            }
            (State::TrailerLine, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => State::Trailer,
            (State::LastLf, b'\n') => State::Done,
            _ => return Err(Reject::Bad("the chunked body is not SIZE CRLF DATA CRLF")),
        };
        Ok(())
    }

    fn count(&mut self, most: u32) -> Result<(), Reject> {
        self.line += 1;
        if self.line > most {
            Err(Reject::Bad("a chunk-size line or the trailer is too long"))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, usize, bool), Reject> {
        let (mut chunked, mut body, mut used) = (Chunked::default(), Vec::new(), 0);
        for piece in pieces {
            used += chunked.decode(piece, |data| {
                body.extend_from_slice(data);
                body.len() <= 1000
            })?;
        }
        Ok((body, used, chunked.is_done()))
    }

    /// Whole, byte by byte, and with something behind it.
    #[track_caller]
    fn reads(text: &[u8], want: &[u8]) {
        assert_eq!(decode(&[text]), Ok((want.to_vec(), text.len(), true)));
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(decode(&bytes), Ok((want.to_vec(), text.len(), true)));
        assert_eq!(decode(&[text, b"GET /"]), Ok((want.to_vec(), text.len(), true)));
        assert_eq!(decode(&[&[text, b"GET /"].concat()]), Ok((want.to_vec(), text.len(), true)));
    }

    #[test]
    fn chunks_become_a_body() {
        reads(b"0\r\n\r\n", b"");
        reads(b"5\r\nhello\r\n0\r\n\r\n", b"hello");
        reads(
            b"5;ext=\"v\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n",
            b"hello0123456789",
        );
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for bad in [
            &b"5\nhello\r\n0\r\n\r\n"[..],
            b"5\r\nhelloX0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"\r\n5\r\n",
            b"g\r\n",
            b"-1\r\n",
            b"0x5\r\n",
            b"5\r\r\n",
            b"0\r\n\n",
            b"0\r\nTrailer\n\r\n",
            b"5;a\0b\r\n",
            b"5 5\r\nhello\r\n",
        ] {
            assert!(matches!(decode(&[bad]), Err(Reject::Bad(_))), "{:?}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn everything_has_a_limit() {
        assert_eq!(decode(&[b"ffffffffffffffff1\r\n"]), Err(Reject::BodyTooLarge));
        assert_eq!(decode(&[&[&b"7d0\r\n"[..], &[b'x'; 2000]].concat()]), Err(Reject::BodyTooLarge));
        assert!(matches!(decode(&[&[b'0'; 600]]), Err(Reject::Bad(_))));
        let trailer = [&b"0\r\n"[..], &b"a: b\r\n".repeat(2000)].concat();
        assert!(matches!(decode(&[&trailer]), Err(Reject::Bad(_))));
    }

    #[test]
    fn strangers_never_make_it_panic() {
        let mut chance = Chance::from_seed(9);
        for _ in 0..20_000 {
            let mut text = b"5;x\r\nhello\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\n".to_vec();
            for _ in 0..3 {
                let at = chance.below(text.len() as u64) as usize;
                text[at] = b"0fF\r\n; x\xff"[chance.below(9) as usize];
            }
            let cut = chance.below(text.len() as u64) as usize;
            assert_eq!(decode(&[&text]).map(|d| d.0), decode(&[&text[..cut], &text[cut..]]).map(|d| d.0));
        }
    }
}
