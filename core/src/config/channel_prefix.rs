//! What stands before the names of a dialect's channels, so that they are a name space of their own among those of all.
//! Knows nothing of dialects.
use std::borrow::Cow;

use serde::Deserialize;

/// Bytes that a prefix has at most: how many they are stands in the style of an answer.
const BYTES_MAX: usize = 63;

/// The beginning of names, which its clients do not see; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ChannelPrefix(String);

impl ChannelPrefix {
    /// The channel that a client calls so.
    pub fn before<'n>(&self, name: Cow<'n, str>) -> Cow<'n, str> {
        if self.0.is_empty() { name } else { Cow::Owned(format!("{}{name}", self.0)) }
    }

    /// It, as text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// How long it is.
    pub fn bytes(&self) -> u8 {
        self.0.len() as u8
    }

    /// The bits of a style that say how long it is; the lowest two are the dialect's.
    pub fn style(&self) -> u8 {
        (self.0.len() as u8) << 2
    }
}

/// What a client calls a channel, in an answer of this style.
pub fn without_prefix(name: &str, style: u8) -> &str {
    without(name, style >> 2)
}

/// What a client calls a channel, behind a prefix of so many bytes.
pub fn without(name: &str, prefix_bytes: u8) -> &str {
    name.get(usize::from(prefix_bytes)..).unwrap_or(name)
}

impl TryFrom<String> for ChannelPrefix {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text.len() <= BYTES_MAX && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{}` is no prefix of channels: expected at most {BYTES_MAX} bytes without control characters",
                text.escape_debug()
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_before_a_name_is_taken_away_again() {
        for text in ["", "a", "shop/", &"\u{e4}".repeat(31), &"x".repeat(63)] {
            let prefix = ChannelPrefix::try_from(text.to_owned()).expect("a prefix");
            for name in ["", "room", "r\u{f6}m"] {
                let whole = prefix.before(name.into());
                assert_eq!(whole, format!("{text}{name}"));
                for bits in 0..4 {
                    assert_eq!(without_prefix(&whole, prefix.style() | bits), name);
                }
            }
        }
        for bad in ["x".repeat(64), "a\nb".to_owned()] {
            assert!(ChannelPrefix::try_from(bad).is_err());
        }
    }
}
