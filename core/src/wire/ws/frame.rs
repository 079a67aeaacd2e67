//! Frames: heads of those that come, heads of those that go, and the mask (RFC 6455, section 5.2).
//! Knows nothing of messages that consist of several.
use super::{CloseCode, Fault, Opcode};

/// Bytes of the payload of a control frame at most (RFC 6455, section 5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// The head of a frame from a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The last fragment of its message.
    pub fin: bool,
    /// The first reserved bit: the message is compressed (RFC 7692, section 6).
    pub rsv1: bool,
    /// What it is.
    pub opcode: Opcode,
    /// What its payload is masked with.
    pub mask: [u8; 4],
    /// Bytes of its payload.
    pub length: u64,
    /// Bytes of the head itself.
    pub size: usize,
}

/// Reads the head of a client's frame; `None` while there is more to come of it. A rule that is broken is noticed with
/// the byte that breaks it.
///
/// # Errors
/// The rule that it breaks. Whether a set `rsv1` means something was negotiated, and is not looked at here.
pub fn head(bytes: &[u8]) -> Result<Option<Head>, Fault> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    if first & 0x30 != 0 {
        return Err(Fault::Protocol("a reserved bit is set"));
    }
    let opcode = Opcode::from_bits(first & 0x0f).ok_or(Fault::Protocol("the opcode is reserved"))?;
    let (fin, rsv1) = (first & 0x80 != 0, first & 0x40 != 0);
    if opcode.is_control() && !fin {
        return Err(Fault::Protocol("a control frame is not fragmented"));
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    if second & 0x80 == 0 {
        return Err(Fault::Protocol("a client masks its frames"));
    }
    let short = second & 0x7f;
    if opcode.is_control() && usize::from(short) > CONTROL_BYTES_MAX {
        return Err(Fault::Protocol("a control frame has at most 125 bytes"));
    }
    let (length, at) = match short {
        126 => {
            let Some(&[high, low]) = bytes.get(2..4) else { return Ok(None) };
            (u64::from(u16::from_be_bytes([high, low])), 4)
        }
        127 => {
            let Some(Ok(wide)) = bytes.get(2..10).map(<[u8; 8]>::try_from) else { return Ok(None) };
            (u64::from_be_bytes(wide), 10)
        }
        short => (u64::from(short), 2),
    };
    if length >> 63 != 0 {
        return Err(Fault::Protocol("the highest bit of a length is not set"));
    }
    if (short == 126 && length < 126) || (short == 127 && length <= u64::from(u16::MAX)) {
        return Err(Fault::Protocol("a length is written as short as it can be"));
    }
    let Some(Ok(mask)) = bytes.get(at..at + 4).map(<[u8; 4]>::try_from) else { return Ok(None) };
    Ok(Some(Head { fin, rsv1, opcode, mask, length, size: at + 4 }))
}

/// Writes the head of a server's frame: a whole message, unmasked, so that it is the same for everybody who gets it.
pub fn begin(opcode: Opcode, is_deflated: bool, length: usize, out: &mut Vec<u8>) {
    out.push(0x80 | if is_deflated { 0x40 } else { 0 } | opcode.bits());
    match length {
        0..=125 => out.push(length as u8),
        126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Writes a whole frame of a server.
pub fn whole(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    begin(opcode, false, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Writes a close frame. A reason that is too long for a control frame is cut off between two characters.
pub fn close(code: Option<CloseCode>, reason: &str, out: &mut Vec<u8>) {
    let Some(code) = code else { return begin(Opcode::Close, false, 0, out) };
    let most = CONTROL_BYTES_MAX - 2;
    let end = (0..=reason.len().min(most)).rev().find(|&i| reason.is_char_boundary(i)).unwrap_or(0);
    begin(Opcode::Close, false, 2 + end, out);
    out.extend_from_slice(&code.0.to_be_bytes());
    out.extend_from_slice(&reason.as_bytes()[..end]);
}

/// What the payload of a close frame says; `None` when it says nothing (RFC 6455, section 5.5.1).
///
/// # Errors
/// It breaks a rule.
pub fn close_code(payload: &[u8]) -> Result<Option<CloseCode>, Fault> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(Fault::Protocol("a close frame has no payload or a code of two bytes")),
        [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
    };
    if !code.is_sendable() {
        return Err(Fault::Protocol("the close code may not be sent"));
    }
    std::str::from_utf8(reason).map_err(|_| Fault::NotUtf8)?;
    Ok(Some(code))
}

/// Masks, or unmasks, in place; returns the mask for what follows (RFC 6455, section 5.3).
pub fn mask(bytes: &mut [u8], mask: [u8; 4]) -> [u8; 4] {
    let wide = u64::from(u32::from_ne_bytes(mask)) * 0x1_0000_0001;
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    let mut next = mask;
    next.rotate_left(rest.len() % 4);
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_short_as_they_can_be() {
        for (length, size) in [(0, 2), (125, 2), (126, 4), (0xffff, 4), (0x1_0000, 10)] {
            let mut out = Vec::new();
            begin(Opcode::Text, false, length, &mut out);
            assert_eq!((out.len(), out[0]), (size, 0x81), "{length}");
        }
        let mut out = Vec::new();
        begin(Opcode::Binary, true, 1, &mut out);
        assert_eq!(out, [0xc2, 1]);
    }

    #[test]
    fn a_mask_goes_on_where_it_stopped() {
        for length in 0..40 {
            for cut in 0..=length {
                let plain: Vec<u8> = (0..length as u8).collect();
                let (mut whole, mut parts) = (plain.clone(), plain.clone());
                mask(&mut whole, [1, 20, 30, 47]);
                let obvious: Vec<u8> =
                    plain.iter().enumerate().map(|(i, b)| b ^ [1, 20, 30, 47][i % 4]).collect();
                let next = mask(&mut parts[..cut], [1, 20, 30, 47]);
                mask(&mut parts[cut..], next);
                assert_eq!((&whole, &parts), (&obvious, &obvious), "{length} cut at {cut}");
            }
        }
    }

    #[test]
    fn reasons_are_cut_between_characters() {
        let mut out = Vec::new();
        close(Some(CloseCode::NORMAL), &"ä".repeat(100), &mut out);
        assert_eq!(out.len(), 2 + 2 + 122);
        assert_eq!(close_code(&out[2..]), Ok(Some(CloseCode::NORMAL)));
        assert_eq!(close_code(b""), Ok(None));
        assert!(close_code(&[3]).is_err());
        assert_eq!(close_code(&[3, 232, 0xff]), Err(Fault::NotUtf8));
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
            assert!(close_code(&u16::to_be_bytes(code)).is_err(), "{code}");
        }
    }
}
