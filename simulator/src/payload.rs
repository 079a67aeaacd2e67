//! What a message carries: which run, which channel, which number, and when it was meant to be sent.
//! Knows nothing of how servers wrap it.
//!
//! All of it is letters, digits and `~`, so that no server has a reason to escape it, and every field has its fixed place,
//! so that finding the marker is all the parsing there is.
use memchr::memmem::Finder;

const MARK: &[u8] = b"rcS~";
const RUN_AT: usize = 4;
const CHANNEL_AT: usize = RUN_AT + 8;
const NUMBER_AT: usize = CHANNEL_AT + 8;
const TIME_AT: usize = NUMBER_AT + 12;

/// Bytes that a message has at least.
pub const STAMP_BYTES: usize = TIME_AT + 16;

/// A message's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which run it belongs to: what an earlier one has left behind is not counted.
    pub run: u32,
    /// The channel's index.
    pub channel: u32,
    /// The channel's count of messages, from 1.
    pub number: u64,
    /// When it was meant to be sent, by [`crate::clock::now`].
    pub intended: u64,
}

impl Stamp {
    /// Appends the message, filled up to `size` bytes.
    pub fn write(&self, size: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(MARK);
        write_hex(u64::from(self.run), 8, out);
        write_hex(u64::from(self.channel), 8, out);
        write_hex(self.number, 12, out);
        write_hex(self.intended, 16, out);
        out.resize(start + size.max(STAMP_BYTES), b'x');
    }

    /// Reads a stamp whose marker stands at the beginning of `bytes`.
    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            run: read_hex(&bytes[RUN_AT..CHANNEL_AT])? as u32,
            channel: read_hex(&bytes[CHANNEL_AT..NUMBER_AT])? as u32,
            number: read_hex(&bytes[NUMBER_AT..TIME_AT])?,
            intended: read_hex(&bytes[TIME_AT..STAMP_BYTES])?,
        })
    }

    /// Overwrites the number of the first message in `bytes`, if there is one. For servers that lie on purpose.
    pub fn renumber(bytes: &mut [u8], number: u64) {
        if let Some(at) = memchr::memmem::find(bytes, MARK) {
            let mut digits = Vec::with_capacity(12);
            write_hex(number, 12, &mut digits);
            bytes[at + NUMBER_AT..at + TIME_AT].copy_from_slice(&digits);
        }
    }
}

/// Finds messages in what a server sends.
pub struct Scanner {
    finder: Finder<'static>,
}

impl Scanner {
    /// Ready for use.
    pub fn new() -> Self {
        Self { finder: Finder::new(MARK) }
    }

    /// Calls `heard` for each whole stamp, and gives how many bytes at the end may be the beginning of one: these have
    /// to come again, with what follows.
    pub fn scan(&self, bytes: &[u8], mut heard: impl FnMut(Stamp)) -> usize {
        let mut at = 0;
        while let Some(found) = self.finder.find(&bytes[at..]) {
            let start = at + found;
            if bytes.len() - start < STAMP_BYTES {
                return bytes.len() - start;
            }
            match Stamp::read(&bytes[start..]) {
                Some(stamp) => {
                    heard(stamp);
                    at = start + STAMP_BYTES;
                }
                None => at = start + MARK.len(),
            }
        }
        let rest = &bytes[at..];
        (1..MARK.len()).rev().find(|&n| rest.ends_with(&MARK[..n])).unwrap_or(0)
    }
}

fn write_hex(value: u64, digits: u32, out: &mut Vec<u8>) {
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(value >> (4 * place) & 15) as usize]);
    }
}

fn read_hex(bytes: &[u8]) -> Option<u64> {
    bytes.iter().try_fold(0, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(number: u64) -> Stamp {
        Stamp { run: 0xfeed_0001, channel: 7, number, intended: 0x0123_4567_89ab_cdef }
    }

    fn scan(bytes: &[u8]) -> (Vec<Stamp>, usize) {
        let mut found = Vec::new();
        let kept = Scanner::new().scan(bytes, |stamp| found.push(stamp));
        (found, kept)
    }

    #[test]
    fn what_is_written_is_read_at_every_split() {
        let mut text = b"[{\"content\":\"".to_vec();
        stamp(1).write(100, &mut text);
        text.extend_from_slice(b"\"},{rcS~not one\"");
        stamp(0xffff_ffff_ffff).write(0, &mut text);
        text.push(b'"');
        assert_eq!(scan(&text), (vec![stamp(1), stamp(0xffff_ffff_ffff)], 0));
        for split in 0..text.len() {
            let (mut found, kept) = scan(&text[..split]);
            let (more, _) = scan(&text[split - kept..]);
            found.extend(more);
            assert_eq!(found, [stamp(1), stamp(0xffff_ffff_ffff)], "split at {split}");
        }
    }

    #[test]
    fn a_number_can_be_forged() {
        let mut text = b"data: ".to_vec();
        stamp(5).write(60, &mut text);
        Stamp::renumber(&mut text, 6);
        assert_eq!(scan(&text).0, [stamp(6)]);
    }
}
