//! Cursors as clients carry them: 32 characters, signed, the same for every transport and for any number of channels.
//! Knows nothing of what is behind a position.
use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use siphasher::sip::SipHasher24;
use subtle::ConstantTimeEq;

use super::{Cursor, Epoch, NoPosition, Position};

/// Bytes of the epoch, of the offset, of the number of the channel's message there, and of a mark that tells channels apart;
/// the rest is the tag.
const EPOCH: usize = 5;
const OFFSET: usize = 6;
const SEQ: usize = 4;
const MARK: usize = 2;
const SAID: usize = EPOCH + OFFSET + SEQ + MARK;
const BYTES: usize = 24;

/// Signs cursors, so that nobody is sent to a place that this server has not named. The key is drawn at the start: a cursor of
/// the process before is no better known than a forged one, and its log is gone as well.
#[derive(Clone, Copy, Debug)]
pub struct Sealer {
    low: u64,
    high: u64,
}

impl Sealer {
    /// Signs with a key made of two words.
    pub fn new(low: u64, high: u64) -> Self {
        Self { low, high }
    }

    /// A cursor, to be written as a token; `mark` is that of the channel whose number it has. The work is done in writing it.
    pub fn seal(self, cursor: Cursor, mark: u16) -> Sealed {
        Sealed { sealer: self, cursor, mark }
    }

    /// The cursor in a token, if this signed it; its number is only given for the channel of this mark.
    pub fn open(self, token: Token, mark: u16) -> Option<Cursor> {
        let Token(bytes) = token;
        let is_ours: bool = bytes[SAID..].ct_eq(&self.tag(&bytes[..SAID])).into();
        let number = |from: usize, length: usize| number(&bytes[from..from + length]);
        is_ours.then(|| Cursor {
            position: Position { epoch: Epoch(number(0, EPOCH)), offset: number(EPOCH, OFFSET) },
            seq: number(EPOCH + OFFSET, SEQ)
                .checked_sub(1)
                .filter(|_| number(EPOCH + OFFSET + SEQ, MARK) == u64::from(mark)),
        })
    }

    fn tag(self, said: &[u8]) -> [u8; BYTES - SAID] {
        let mut hasher = SipHasher24::new_with_keys(self.low, self.high);
        hasher.write(said);
        let mut tag = [0; BYTES - SAID];
        tag.copy_from_slice(&hasher.finish().to_le_bytes()[..BYTES - SAID]);
        tag
    }
}

/// The number that these bytes write, the greatest first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte))
}

/// What a client shows as a cursor: of the right shape, but nobody knows yet whether it was signed here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token([u8; BYTES]);

impl Token {
    /// One that nobody has signed.
    pub const UNKNOWN: Self = Self([0; BYTES]);

    /// The log that it claims to be of, whoever has made it.
    pub fn epoch(self) -> Epoch {
        let Self(bytes) = self;
        Epoch(number(&bytes[..EPOCH]))
    }
}

/// A cursor that is signed where it is written.
#[derive(Clone, Copy, Debug)]
pub struct Sealed {
    sealer: Sealer,
    cursor: Cursor,
    mark: u16,
}

impl Sealed {
    /// The token, to be kept or compared.
    pub fn token(&self) -> Token {
        let Cursor { position, seq } = self.cursor;
        let mut bytes = [0; BYTES];
        let mut at = 0;
        let mut put = |number: u64, length: usize| {
            // 2^48 messages are more than a log sees: at a million a second they would last for nine years.
            bytes[at..at + length].copy_from_slice(&number.to_be_bytes()[8 - length..]);
            at += length;
        };
        put(position.epoch.0, EPOCH);
        put(position.offset, OFFSET);
        // A number that does not fit is not told: then what is missing is not counted.
        put(seq.and_then(|seq| u32::try_from(seq.saturating_add(1)).ok()).map_or(0, u64::from), SEQ);
        put(u64::from(self.mark), MARK);
        let tag = self.sealer.tag(&bytes[..SAID]);
        bytes[SAID..].copy_from_slice(&tag);
        Token(bytes)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; BYTES / 3 * 4];
        let length = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text).unwrap_or(0);
        f.write_str(std::str::from_utf8(&text[..length]).unwrap_or_default())
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.token().fmt(f)
    }
}

impl FromStr for Token {
    type Err = NoPosition;
    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let mut bytes = [0; BYTES];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(BYTES) => Ok(Self(bytes)),
            _ => Err(NoPosition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(offset: u64, seq: Option<u64>) -> Cursor {
        Cursor { position: Position { epoch: Epoch::from_random([0xa7; 8]), offset }, seq }
    }

    #[test]
    fn cursors_are_short_and_read_back() {
        let sealer = Sealer::new(1, 2);
        for (offset, seq) in [
            (0, None),
            (7, Some(3)),
            (1 << 40, Some(1 << 20)),
            ((1 << 48) - 1, Some((1 << 32) - 2)),
            (9, Some(0)),
        ] {
            let text = sealer.seal(cursor(offset, seq), 0xabcd).to_string();
            assert_eq!(text.len(), 32, "{text}");
            assert!(text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'), "{text}");
            assert_eq!(sealer.open(text.parse().unwrap(), 0xabcd), Some(cursor(offset, seq)));
            assert_eq!(sealer.open(text.parse().unwrap(), 0xabce), Some(cursor(offset, None)));
        }
        let large = sealer.seal(cursor(1 << 33, Some(1 << 32)), 1).token();
        assert_eq!(sealer.open(large, 1), Some(cursor(1 << 33, None)));
    }

    #[test]
    fn what_was_not_signed_here_is_not_opened() {
        let sealer = Sealer::new(1, 2);
        let token = sealer.seal(cursor(7, Some(3)), 5).token();
        assert_eq!(Sealer::new(1, 3).open(token, 5), None);
        for at in 0..BYTES {
            for bit in 0..8 {
                let mut bytes = token.0;
                bytes[at] ^= 1 << bit;
                assert_eq!(sealer.open(Token(bytes), 5), None, "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let whole = Sealer::new(1, 2).seal(cursor(7, None), 0).to_string();
        let long = format!("{whole}A");
        for bad in [
            "",
            "7",
            "a-b.c",
            &whole[..31],
            &long,
            &format!("{}+", &whole[..31]),
            &format!("{}\u{e4}", &whole[..30]),
        ] {
            assert_eq!(bad.parse::<Token>(), Err(NoPosition), "{bad}");
        }
    }
}
