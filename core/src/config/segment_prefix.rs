//! What stands before the names of Bayeux's broadcast channels: whole segments, so that a name behind it is one of Bayeux's as well.
//! Knows nothing of sessions.
use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::dialect::bayeux::name::{self, Kind};

/// Bytes that one has at most, as other prefixes.
const BYTES_MAX: usize = 63;

/// The first segments of names, which clients do not see; none by default. `/meta` and `/service` are outside: what is between a
/// client and the server is told by these names in every dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SegmentPrefix(Arc<str>);

impl SegmentPrefix {
    /// What all others call the channel or pattern that a client calls so.
    pub fn before<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.0.is_empty() || name::kind(name) != Kind::Broadcast {
            return Cow::Borrowed(name);
        }
        Cow::Owned(format!("{}{name}", self.0))
    }

    /// It, as text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How long it is.
    pub fn bytes(&self) -> u8 {
        self.0.len() as u8
    }
}

impl TryFrom<String> for SegmentPrefix {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let is_prefix = name::is_channel(&text) && name::kind(&text) == Kind::Broadcast;
        if text.is_empty() || (is_prefix && text.len() <= BYTES_MAX) {
            return Ok(Self(text.into()));
        }
        Err(format!(
            "`{}` is no prefix of Bayeux's channels: expected nothing, or whole segments such as /bx with a slash before each and \
             none at the end, of letters, digits, blanks and ! # $ ( ) + - . @ _ {{ }} ~, the first neither meta nor service, at most \
             {BYTES_MAX} bytes",
            text.escape_debug()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_before_a_name_is_taken_away_again() {
        for text in ["", "/a", "/a/b", "/metal", &format!("/{}", "x".repeat(62))] {
            let prefix = SegmentPrefix::try_from(text.to_owned()).expect("a prefix");
            for short in ["/room", "/a/room", "/*", "/**", "/a/**"] {
                let whole = prefix.before(short);
                assert_eq!(whole, format!("{text}{short}"));
                assert_eq!(name::told(&whole, prefix.bytes()), short);
            }
            for private in ["/service", "/service/x", "/meta/connect", "/service/*"] {
                assert_eq!(prefix.before(private), private);
                assert_eq!(name::told(private, prefix.bytes()), private);
            }
        }
    }

    #[test]
    fn only_whole_segments_of_broadcast_channels_are_prefixes() {
        let long = format!("/{}", "x".repeat(63));
        for bad in [
            "/",
            "bx",
            "/bx/",
            "//bx",
            "/a//b",
            "/meta",
            "/meta/x",
            "/service",
            "/service/x",
            "/*",
            "/a:b",
            &long,
        ] {
            let said = SegmentPrefix::try_from(bad.to_owned()).unwrap_err();
            assert!(
                said.starts_with(&format!("`{bad}` is no prefix")) && said.contains("expected"),
                "{said}"
            );
        }
    }
}
