//! The secrets of sessions.
use std::hash::{Hash, Hasher};

use subtle::ConstantTimeEq;

/// A session's secret: whoever knows it is the client. 128 random bits in hexadecimal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientId([u8; 32]);

impl ClientId {
    pub(super) fn from_random(bytes: [u8; 16]) -> Self {
        let mut hex = [0; 32];
        for (pair, byte) in hex.chunks_mut(2).zip(bytes) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        Self(hex)
    }

    /// What a client sends as its id, if it can be one.
    pub(super) fn read(text: &str) -> Option<Self> {
        Some(Self(text.as_bytes().try_into().ok()?))
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether its first `N` digits are these; that takes the same time for all that are wrong.
    pub(super) fn begins_with<const N: usize>(&self, digits: &str) -> bool {
        self.0[..N].ct_eq(digits.as_bytes()).into()
    }

    /// It in words, of which there are fewer to compare than bytes.
    fn words(&self) -> [u64; 4] {
        let (words, _) = self.0.as_chunks();
        std::array::from_fn(|i| u64::from_ne_bytes(words[i]))
    }
}

/// In the same time for every wrong one; where it is looked for depends on a hash with a key.
impl PartialEq for ClientId {
    fn eq(&self, other: &Self) -> bool {
        self.words().ct_eq(&other.words()).into()
    }
}
impl Eq for ClientId {}
impl Hash for ClientId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_counts() {
        let own = ClientId::from_random(std::array::from_fn(|i| i as u8 * 17));
        assert_eq!(own.as_str(), "00112233445566778899aabbccddeeff");
        assert!(ClientId::read(own.as_str()) == Some(own));
        for at in 0..32 {
            let mut wrong = own.0;
            wrong[at] ^= 1;
            assert!(ClientId(wrong) != own, "{at}");
        }
        for wrong in ["", &own.as_str()[..31], &own.as_str().repeat(2)] {
            assert!(ClientId::read(wrong).is_none(), "{wrong}");
        }
        assert!(own.begins_with::<8>("00112233"));
        for wrong in ["", "0011223", "001122334", "10112233", "00112234"] {
            assert!(!own.begins_with::<8>(wrong), "{wrong}");
        }
    }
}
