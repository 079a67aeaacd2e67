//! Keys, which are any bytes, and the names of the channels that they are. Wire: `docs/control.md`, "Keys".
use std::borrow::Cow;

use crate::wire::http1::head::percent_decoded;

/// What the names of channels begin with whose keys could not be names.
const MARK: &str = "raw:";

/// The name of the channel that this key is.
pub fn channel_of(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(name) if is_plain(name) => name.to_owned(),
        _ => {
            let mut name = MARK.to_owned();
            for chunk in key.utf8_chunks() {
                for c in chunk.valid().chars() {
                    if c == '%' || c.is_control() {
                        let mut bytes = [0; 4];
                        c.encode_utf8(&mut bytes).bytes().for_each(|byte| escape(byte, &mut name));
                    } else {
                        name.push(c);
                    }
                }
                chunk.invalid().iter().for_each(|byte| escape(*byte, &mut name));
            }
            name
        }
    }
}

/// The key that a channel of this name is.
pub fn key_of(name: &str) -> Cow<'_, [u8]> {
    match name.strip_prefix(MARK) {
        Some(rest) => {
            let key = percent_decoded(rest.as_bytes());
            // A name that no key gives was made by somebody else: it is shown as it is.
            if channel_of(&key) == name { key } else { Cow::Borrowed(name.as_bytes()) }
        }
        None => Cow::Borrowed(name.as_bytes()),
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(MARK) && !name.chars().any(char::is_control)
}

fn escape(byte: u8, name: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    name.push('%');
    name.push(char::from(HEX[usize::from(byte >> 4)]));
    name.push(char::from(HEX[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_can_be_a_name_is_one() {
        for plain in ["news", "two words", "a%3A1%3A%7B", "käse", "/chat/a", "-"] {
            assert_eq!(channel_of(plain.as_bytes()), plain);
            assert_eq!(&*key_of(plain), plain.as_bytes());
        }
    }

    #[test]
    fn what_cannot_is_written_otherwise() {
        for (key, name) in [
            (&b""[..], "raw:"),
            (b"a\nb", "raw:a%0Ab"),
            (b"a\0", "raw:a%00"),
            (b"100%\n", "raw:100%25%0A"),
            (b"\xff\xc3\xa4", "raw:%FF\u{e4}"),
            (b"raw:x", "raw:raw:x"),
            ("\u{85}".as_bytes(), "raw:%C2%85"),
        ] {
            assert_eq!(channel_of(key), name);
            assert_eq!(&*key_of(name), key);
        }
        assert_eq!(&*key_of("raw:x"), b"raw:x", "nobody's key: shown as it is");
    }

    proptest! {
        #[test]
        fn every_key_comes_back(key in proptest::collection::vec(any::<u8>(), 0..40)) {
            let name = channel_of(&key);
            prop_assert!(!name.is_empty() && !name.chars().any(char::is_control));
            prop_assert_eq!(&*key_of(&name), &key[..]);
        }
    }
}
