//! Small patterns in the configuration: channel names, and origins of pages.
//! Knows nothing of what they allow.
use serde::Deserialize;

/// A channel's name, or the beginning of one when it ends in `*`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ChannelPattern {
    name: String,
    is_prefix: bool,
}

impl ChannelPattern {
    /// Whether a channel can be meant whose name begins so.
    pub(super) fn meets(&self, beginning: &str) -> bool {
        self.name.starts_with(beginning) || (self.is_prefix && beginning.starts_with(&self.name))
    }

    /// Whether the channel called `name` is meant.
    pub fn matches(&self, name: &str) -> bool {
        if self.is_prefix { name.starts_with(&self.name) } else { name == self.name }
    }

    /// Bytes of its text.
    pub fn bytes(&self) -> usize {
        self.name.len()
    }
}

impl TryFrom<String> for ChannelPattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let is_prefix = text.ends_with('*');
        let name = text.strip_suffix('*').unwrap_or(&text);
        if text.is_empty() || name.contains('*') {
            return Err(format!(
                "`{text}` is no channel pattern: expected a name, or the beginning of one and a `*`"
            ));
        }
        Ok(Self { name: name.into(), is_prefix })
    }
}

/// An origin of pages (RFC 6454): `*`, or scheme, host and, if not the default, port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(String);

impl Origin {
    /// Every origin.
    pub fn any() -> Self {
        Self("*".into())
    }

    /// Whether it is every origin.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// As the header writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Origin {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_host = |h: &str| {
            !h.is_empty()
                && h.bytes().all(|c| c.is_ascii_graphic() && !matches!(c, b'/' | b'?' | b'#' | b'@' | b','))
        };
        if text == "*" || host.is_some_and(is_host) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(format!(
                "`{text}` is no origin: expected `*` or something like https://example.org, without a path"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_names_or_beginnings() {
        let pattern = |text: &str| ChannelPattern::try_from(text.to_owned());
        assert!(pattern("chat").unwrap().matches("chat") && !pattern("chat").unwrap().matches("chats"));
        assert!(
            pattern("chat.*").unwrap().matches("chat.lobby") && !pattern("chat.*").unwrap().matches("chat")
        );
        assert!(pattern("*").unwrap().matches("anything"));
        assert!(pattern("").is_err() && pattern("a*b").is_err() && pattern("a**").is_err());
    }

    #[test]
    fn origins_are_checked() {
        let origin = |text: &str| Origin::try_from(text.to_owned());
        assert_eq!(origin("https://Example.org:8443").unwrap().as_str(), "https://example.org:8443");
        assert!(origin("*").is_ok());
        for bad in ["", "example.org", "https://", "https://a/b", "https://a\r\nX: y", "null"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
