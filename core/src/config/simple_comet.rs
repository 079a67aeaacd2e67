//! `[simple_comet]`: the switches of Simple-Comet-Server, and where it is spoken.
//! Knows nothing of requests.
use serde::Deserialize;

use super::ChannelPrefix;

/// `[simple_comet]`: Simple-Comet-Server's dialect, on listeners of its own, on the admin side and, if wanted, on the
/// public side (`protocols/simple-comet.md`, section 2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimpleComet {
    /// Speak it on the public side too: reading, and pushing to the channels of `front.publish`.
    pub on_front: bool,
    /// Speak it on the admin side too: everything.
    pub on_admin: bool,
    /// The path below which it is spoken on the public and the admin side. On listeners of its own it is `/`.
    pub base_path: BasePath,
    /// Let everybody who reaches a listener of `server.simple_comet` register channels and clients, push and delete, as
    /// the original does. Off by default: nothing is published anonymously.
    pub publish: bool,
    /// Name the origins of `http.origins` in answers of `server.simple_comet`, too. Off by default, as in the original: a proxy in
    /// front of it does, and a field that is there twice is refused by browsers.
    pub cors: bool,
    /// What stands before the names of its channels in all other dialects, at most 63 bytes: a name space of their own. By default
    /// there is one for all.
    pub channel_prefix: ChannelPrefix,
    /// Milliseconds a connection of a listener of its own may be idle between requests (`--http-timeout`).
    pub http_timeout_ms: u64,
    /// Milliseconds a registered client is known without a poll (`--session-timeout`).
    pub session_timeout_ms: u64,
    /// Milliseconds a session channel lives without polls and pushes (`--inactive-channel-timeout`).
    pub inactive_channel_timeout_ms: u64,
    /// The same for channels that everybody may read; 0 is for ever, as in the original.
    pub anonymous_channel_timeout_ms: u64,
    /// Messages that a channel keeps unless its registration says otherwise (`--max-messages-per-channel`).
    #[serde(alias = "messages_per_channel")]
    pub max_messages_per_channel: usize,
    /// Wrap JSON in `/*-secure- */` (`--quote-json`).
    pub quote_json: bool,
    /// Answer `/status.json` where everything is allowed (`--enable-status`).
    pub enable_status: bool,
    /// Milliseconds after which a poll that has heard nothing is told so. The client gives up after 30 seconds and must
    /// not be answered before.
    pub polling_timeout_ms: u64,
}

impl Default for SimpleComet {
    fn default() -> Self {
        Self {
            on_front: false,
            on_admin: true,
            base_path: BasePath::default(),
            publish: false,
            cors: false,
            channel_prefix: ChannelPrefix::default(),
            http_timeout_ms: 30_000,
            session_timeout_ms: 60_000,
            inactive_channel_timeout_ms: 90_000,
            anonymous_channel_timeout_ms: 0,
            max_messages_per_channel: 100,
            quote_json: false,
            enable_status: false,
            polling_timeout_ms: 45_000,
        }
    }
}

/// The client asks again after so long, and an answer before would be taken for messages.
const POLLING_TIMEOUT_MS_LEAST: u64 = 31_000;

impl SimpleComet {
    /// What is wrong, in words that begin with the option's path.
    pub(super) fn check(&self) -> Result<(), String> {
        for (name, value, least) in [
            ("http_timeout_ms", self.http_timeout_ms, 1),
            ("session_timeout_ms", self.session_timeout_ms, 1),
            ("inactive_channel_timeout_ms", self.inactive_channel_timeout_ms, 1),
            ("max_messages_per_channel", self.max_messages_per_channel as u64, 1),
            ("polling_timeout_ms", self.polling_timeout_ms, POLLING_TIMEOUT_MS_LEAST),
        ] {
            if value < least {
                return Err(format!("simple_comet.{name} = {value}: must be at least {least}"));
            }
        }
        Ok(())
    }
}

/// A path below which something is served: `/`, or something like `/comet`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BasePath(String);

impl BasePath {
    /// What follows it in `path`, beginning with a slash.
    pub fn below<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        path.strip_prefix(self.0.as_bytes()).filter(|rest| rest.first() == Some(&b'/'))
    }

    /// Whether it is `/`.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for BasePath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let path = text.strip_suffix('/').unwrap_or(&text);
        let is_path = |c: u8| c.is_ascii_alphanumeric() || b"/-._~".contains(&c);
        if text.starts_with('/') && !path.ends_with('/') && path.bytes().all(is_path) {
            Ok(Self(path.into()))
        } else {
            Err(format!("`{text}` is no path to serve below: expected `/` or something like /comet"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_spelling_works_too() {
        let read = |text: &str| serde_json::from_str::<SimpleComet>(text);
        assert_eq!(read(r#"{"messages_per_channel": 7}"#).unwrap().max_messages_per_channel, 7);
        assert_eq!(read(r#"{"max_messages_per_channel": 7}"#).unwrap().max_messages_per_channel, 7);
        assert!(read(r#"{"messages_per_channel": 7, "max_messages_per_channel": 7}"#).is_err());
    }

    #[test]
    fn what_cannot_work_is_named() {
        let zero = SimpleComet { max_messages_per_channel: 0, ..SimpleComet::default() };
        assert_eq!(zero.check(), Err("simple_comet.max_messages_per_channel = 0: must be at least 1".into()));
        let hasty = SimpleComet { polling_timeout_ms: 30_000, ..SimpleComet::default() };
        assert!(hasty.check().unwrap_err().starts_with("simple_comet.polling_timeout_ms = 30000: must be"));
        assert_eq!(SimpleComet::default().check(), Ok(()));
    }

    #[test]
    fn base_paths_are_paths() {
        let base = |text: &str| BasePath::try_from(text.to_owned());
        assert_eq!(base("/").unwrap().below(b"/channels"), Some(&b"/channels"[..]));
        assert_eq!(base("/comet/").unwrap(), base("/comet").unwrap());
        assert_eq!(base("/comet").unwrap().below(b"/comet/channels"), Some(&b"/channels"[..]));
        for path in [&b"/cometchannels"[..], b"/channels", b"/comet"] {
            assert_eq!(base("/comet").unwrap().below(path), None);
        }
        for bad in ["", "comet", "//", "/a b", "/a?b", "/a//"] {
            assert!(base(bad).is_err(), "{bad}");
        }
    }
}
