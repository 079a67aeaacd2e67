//! The one log over all channels: its identity and its positions. (The messages themselves stand in the histories of
//! their channels, which are indexes over it.) Knows nothing of channels or dialects.
mod life;
mod token;

use std::fmt;
use std::str::FromStr;

pub use life::{Life, Lives};
pub use token::{Sealed, Sealer, Token};

/// The identity of a log. A log that is started anew has another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// Bits of an epoch: eight characters in base 36, so that a cursor stays short.
    const BITS: u32 = 40;

    /// The epoch that random bytes stand for.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self::from_bits(u64::from_le_bytes(bytes))
    }

    /// The epoch that these bits stand for, as far as it has so many.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << Self::BITS) - 1))
    }

    /// The same as bits, to be written down.
    pub fn bits(self) -> u64 {
        self.0
    }
}

/// A place in the log: after the message with this offset, or before everything when it is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Position {
    /// Which log.
    pub epoch: Epoch,
    /// How many messages have been appended up to here, over all channels.
    pub offset: u64,
}

/// A position as one channel's reader sees it: with the number of the last message it has, when that is known. It goes over
/// the wire as a [`Token`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// The place in the log.
    pub position: Position,
    /// The channel's own number of the last message seen; lets a gap be counted.
    pub seq: Option<u64>,
}

/// Hands out offsets.
#[derive(Debug)]
pub struct Log {
    epoch: Epoch,
    last: u64,
    /// What is added to an offset for those who know messages by one number.
    ids_from: u64,
}

impl Log {
    /// Numbers a second: as many messages may be appended, on the average of a log's life, for numbers not to be used
    /// again in the log after it.
    pub const IDS_A_SECOND: u64 = 100_000;

    /// A log in which nothing stands yet. Its messages get numbers beyond those of logs that were begun before: they
    /// count from the wall clock, as Simple-Comet-Server's do (`protocols/simple-comet.md`, section 1).
    pub fn new(epoch: Epoch, unix_ms: u64) -> Self {
        Self { epoch, last: 0, ids_from: unix_ms.saturating_mul(Self::IDS_A_SECOND / 1_000) }
    }

    /// A log that goes on where earlier ones have ended: `base` is the number before the first message of the first of them, and
    /// the next message gets the number behind `last`. Places in those logs are places in this one.
    pub fn resumed(epoch: Epoch, base: u64, last: u64) -> Self {
        Self { epoch, last: last.saturating_sub(base), ids_from: base }
    }

    /// The number by which the message with offset 0 would be known.
    pub fn base(&self) -> u64 {
        self.ids_from
    }

    /// The one number by which the message with this offset is known.
    pub fn id_of(&self, offset: u64) -> u64 {
        self.ids_from + offset
    }

    /// The offset of the message with this number, or of the last before it; 0 for numbers of another log.
    pub fn offset_of(&self, id: u64) -> u64 {
        id.saturating_sub(self.ids_from).min(self.last)
    }

    /// The place of the message with this number, also behind the log's end; 0 for numbers of another log.
    pub fn place_of(&self, id: u64) -> u64 {
        id.saturating_sub(self.ids_from)
    }

    /// The same, up to which the log goes from now on.
    pub fn reach(&mut self, id: u64) -> u64 {
        let offset = self.place_of(id);
        self.last = self.last.max(offset);
        offset
    }

    /// Which log this is.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Where it ends now.
    pub fn head(&self) -> Position {
        Position { epoch: self.epoch, offset: self.last }
    }

    /// The offset of the message that is being appended.
    pub fn append(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        base36(self.0, f)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.epoch.fmt(f)?;
        f.write_str("-")?;
        base36(self.offset, f)
    }
}

fn base36(mut n: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut digits = [0; 13];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdefghijklmnopqrstuvwxyz"[(n % 36) as usize];
        n /= 36;
        if n == 0 {
            break;
        }
    }
    f.write_str(std::str::from_utf8(&digits[at..]).unwrap_or_default())
}

fn from_base36(text: &str) -> Option<u64> {
    // `from_str_radix` would take a sign.
    if text.is_empty() || !text.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    u64::from_str_radix(text, 36).ok()
}

/// A text that is no position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoPosition;

impl FromStr for Position {
    type Err = NoPosition;
    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let (epoch, offset) = text.split_once('-').ok_or(NoPosition)?;
        let epoch = from_base36(epoch).filter(|e| e >> Epoch::BITS == 0).ok_or(NoPosition)?;
        Ok(Self { epoch: Epoch(epoch), offset: from_base36(offset).ok_or(NoPosition)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_back() {
        let epoch = Epoch::from_random([0xff; 8]);
        for offset in [0, 7, 1 << 40, u64::MAX] {
            let position = Position { epoch, offset };
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        assert!(Position { epoch, offset: 36 }.to_string().ends_with("-10"));
        for bad in [
            "",
            "7",
            "-",
            "a-",
            "-a",
            "+a-b",
            "a-b-c",
            "zzzzzzzzz-0",
            "a b-c",
            "\u{e4}-1",
            "zzzzzzzzzzzzzzzz-1",
        ] {
            assert_eq!(bad.parse::<Position>(), Err(NoPosition), "{bad}");
        }
    }

    #[test]
    fn numbers_go_on_from_the_clock() {
        let mut log = Log::new(Epoch::from_random([1; 8]), 1_795_219_200_123);
        assert_eq!(log.id_of(0), 179_521_920_012_300);
        assert!(log.id_of(1 << 40) < 1 << 53, "a script can count them");
        log.append();
        log.append();
        for (id, offset) in [(0, 0), (179_521_920_012_300, 0), (179_521_920_012_301, 1), (u64::MAX, 2)] {
            assert_eq!(log.offset_of(id), offset);
        }
    }

    #[test]
    fn a_log_goes_on_where_another_ended() {
        let mut log = Log::resumed(Epoch::from_random([1; 8]), 100, 180);
        assert_eq!((log.base(), log.head().offset, log.id_of(80), log.offset_of(150)), (100, 80, 180, 50));
        assert_eq!(log.append(), 81);
        assert_eq!(log.id_of(81), 181);
    }

    #[test]
    fn offsets_count_from_one() {
        let mut log = Log::new(Epoch::from_random([1; 8]), 0);
        assert_eq!((log.head().offset, log.append(), log.append(), log.head().offset), (0, 1, 2, 2));
    }
}
