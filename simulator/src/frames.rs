//! WebSocket's frames (RFC 6455, section 5): heads written and read, and masks.
//! Knows nothing of handshakes, or of what messages mean.

/// A piece of a message that goes on from the frame before.
pub const CONTINUATION: u8 = 0;
/// A message of text.
pub const TEXT: u8 = 1;
/// A message of bytes.
pub const BINARY: u8 = 2;
/// The other end says farewell.
pub const CLOSE: u8 = 8;
/// The other end asks for a sign of life.
pub const PING: u8 = 9;
/// The sign of life.
pub const PONG: u8 = 10;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub opcode: u8,
    /// Whether the message ends with it.
    pub last: bool,
    /// With what its bytes are masked: a client's are.
    pub mask: Option<[u8; 4]>,
    /// Bytes of the payload.
    pub length: u64,
    /// Bytes of the head itself.
    pub bytes: usize,
}

/// Reserved bits are set, or an opcode that has no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAFrame;

impl Head {
    /// The head at the beginning of `bytes`; `None` if some of it is missing.
    ///
    /// # Errors
    /// It is none.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, NotAFrame> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = first & 0x0f;
        if first & 0x70 != 0 || !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
            return Err(NotAFrame);
        }
        let wide = match second & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let masked = second & MASKED != 0;
        let bytes = 2 + wide + if masked { 4 } else { 0 };
        if rest.len() + 2 < bytes {
            return Ok(None);
        }
        let number = rest[..wide].iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        let length = if wide == 0 { u64::from(second & !MASKED) } else { number };
        let mask = masked.then(|| [rest[wide], rest[wide + 1], rest[wide + 2], rest[wide + 3]]);
        Ok(Some(Self { opcode, last: first & FINAL != 0, mask, length, bytes }))
    }
}

/// Appends a whole message in one frame, masked if there is a mask.
pub fn write(opcode: u8, mask: Option<[u8; 4]>, payload: &[u8], out: &mut Vec<u8>) {
    let bit = if mask.is_some() { MASKED } else { 0 };
    out.push(FINAL | opcode);
    match (u16::try_from(payload.len()), u8::try_from(payload.len())) {
        (_, Ok(length @ ..126)) => out.push(bit | length),
        (Ok(length), _) => {
            out.push(bit | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(bit | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(mask.as_ref().map_or(&[], |mask| &mask[..]));
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = mask {
        apply(mask, &mut out[start..]);
    }
}

/// Masks a payload, or takes the mask off.
pub fn apply(mask: [u8; 4], payload: &mut [u8]) {
    for (byte, key) in payload.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// A mask that is never nothing. It need not be hard to guess: this program is not a browser that runs strangers' code.
pub fn mask(seed: u64) -> [u8; 4] {
    ((seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 | 0x0101_0101).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_at_every_size_and_split() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            for mask in [None, Some(mask(7))] {
                let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
                let mut frame = Vec::new();
                write(PING, mask, &payload, &mut frame);
                let head = Head::read(&frame).expect("a frame").expect("whole");
                assert_eq!((head.opcode, head.last, head.mask), (PING, true, mask));
                assert_eq!((head.length, head.bytes + length), (length as u64, frame.len()));
                for split in 0..head.bytes {
                    assert_eq!(Head::read(&frame[..split]), Ok(None), "{length} at {split}");
                }
                let body = &mut frame[head.bytes..];
                assert!(length == 0 || mask.is_none() || *body != payload[..], "it is masked");
                mask.inspect(|&mask| apply(mask, body));
                assert_eq!(*body, payload[..]);
            }
        }
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for first in [0xc1, 0x91, 0x83, 0x8b] {
            assert_eq!(Head::read(&[first, 0]), Err(NotAFrame), "{first:x}");
        }
        assert!(!Head::read(&[0x01, 0x00]).expect("a frame").expect("whole").last, "more follows");
    }
}
