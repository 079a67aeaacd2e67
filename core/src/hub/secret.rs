//! What whoever reads a channel may have to show.
//! Knows nothing of who has to.
use subtle::ConstantTimeEq;

/// A channel's secret: `/sign` gives it to the application server, who gives it to the subscriber. There is no `==` for it, which takes
/// longer the more of a guess is right.
#[derive(Clone, Copy)]
pub struct Secret([u8; 16]);

impl Secret {
    /// As it was drawn, or written down.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// As it is written down.
    pub(super) fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// As it is shown: 32 digits.
    pub fn hex(self) -> String {
        self.digits().map(char::from).iter().collect()
    }

    /// Whether this is it; that takes the same time for every wrong one of its length.
    pub(super) fn is(self, shown: &str) -> bool {
        self.digits().ct_eq(shown.as_bytes()).into()
    }

    fn digits(self) -> [u8; 32] {
        let mut hex = [0; 32];
        for (pair, byte) in hex.chunks_mut(2).zip(self.0) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        hex
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_counts() {
        let secret = Secret::new(std::array::from_fn(|i| i as u8 * 17));
        let shown = secret.hex();
        assert_eq!(shown, "00112233445566778899aabbccddeeff");
        assert!(secret.is(&shown));
        for at in 0..32 {
            let mut wrong = shown.clone().into_bytes();
            wrong[at] ^= 1;
            assert!(!secret.is(std::str::from_utf8(&wrong).expect("digits")), "{at}");
        }
        for wrong in ["", &shown[..31], &shown[1..], &format!("{shown}0"), &shown.to_uppercase()] {
            assert!(!secret.is(wrong), "{wrong}");
        }
    }
}
