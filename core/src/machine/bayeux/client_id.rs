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
