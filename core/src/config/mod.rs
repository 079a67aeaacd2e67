//! What an administrator can choose, as far as the core is concerned. Every value is checked where it is read, so an
//! error can name its line. Knows nothing of files or command lines.
mod bayeux;
mod caps;
mod channel_prefix;
mod heartbeat;
mod history;
mod host_name;
mod location;
mod location_mistake;
mod location_pages;
mod location_path;
mod location_strings;
mod location_warnings;
mod named;
mod pattern;
mod push;
mod rule;
mod rules;
mod segment_prefix;
mod simple_comet;
mod token;
mod upstream;
mod websocket;
mod wording;

use bytes::Bytes;
use serde::Deserialize;

pub use bayeux::{Bayeux, Gap, MountPath, NamePattern};
pub use channel_prefix::{ChannelPrefix, without, without_prefix};
pub use heartbeat::Heartbeat;
pub use history::{HistoryRule, HistoryRules};
pub use host_name::HostName;
pub use location::Location;
pub use location_pages::Pages;
pub use location_path::{LocationPath, Template};
pub use named::Named;
pub use pattern::{ChannelPattern, Origin};
pub use push::{Batching, Concurrency, Duty, FirstMessage, GroupMethod, Push, Side, Transport};
pub use rule::{ListenerAddress, Rule};
pub use rules::{AddressRule, AddressRules};
pub use segment_prefix::SegmentPrefix;
pub use simple_comet::{BasePath, SimpleComet};
pub use token::{TokenKey, Tokens};
pub use upstream::{Upstream, UpstreamPlace};
pub use websocket::{CompressionStrategy, Websocket};
pub use wording::{IdSource, USUAL, Wording, WordingId, Wordings};

use crate::conn::Role;
use crate::limits::Limits;

/// The whole of the configuration. [`Default`] is a server that works and is safe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// How much of everything.
    pub limits: Limits,
    /// What channels keep.
    pub history: HistoryRules,
    /// What holds for every dialect.
    pub http: Http,
    /// The public side.
    pub front: Front,
    /// Signed tokens.
    pub token: Tokens,
    /// The side of the application servers.
    pub admin: Admin,
    /// icomet's own settings.
    pub icomet: Icomet,
    /// CComet's own settings.
    pub ccomet: Ccomet,
    /// Simple Comet's own settings.
    pub simple_comet: SimpleComet,
    /// How WebSockets are spoken.
    pub websocket: Websocket,
    /// Bayeux's own settings.
    pub bayeux: Bayeux,
    /// Where the push module's protocol is spoken.
    pub push: Push,
    /// Milliseconds after a change in which the last values of keys are given out to be saved; 0 is never.
    pub values_ms: u64,
    /// Pages served on the public side, such as the demo's.
    pub pages: Vec<Page>,
    /// Pages served on the admin side: the dashboard.
    pub admin_pages: Vec<Page>,
}

/// `[http]`: what holds for every dialect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Origins whose pages may read answers of the public side (CORS): `*` for all, or a list such as `https://example.org`.
    pub origins: Vec<Origin>,
    /// Begin JSONP answers with `/**/`, so that they cannot be taken for another kind of file. Scripts do not notice;
    /// switch it off for clients that are not browsers and expect the callback's name first. Simple Comet never does:
    /// its callbacks have a mark of their own.
    pub jsonp_prefix: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self { origins: vec![Origin::any()], jsonp_prefix: true }
    }
}

/// Who may subscribe on the public side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Everybody.
    #[default]
    None,
    /// Whoever shows the channel's token, which `/sign` gives to the application server.
    Token,
}

/// `[front]`: the public side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Front {
    /// `none`, or `token`: a subscriber must show the channel's token.
    pub auth: Auth,
    /// Channels to which anybody may publish from the public side: names, or beginnings of names that end in `*`. None by default.
    pub publish: Vec<ChannelPattern>,
}

/// `[admin]`: the side of the application servers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Addresses that may use the admin side: `all`, an address, a network such as `10.0.0.0/8`, or icomet's short form `192.168`.
    pub allow: Vec<AddressRule>,
    /// Addresses that may not. A rule that names an address or network wins over `all`, and `allow` over `deny`.
    pub deny: Vec<AddressRule>,
    /// Names with dots by which the admin side is reached, without a port: such as that of a proxy in front. Under others a
    /// request is refused, for anybody can make a name of theirs lead here, and have a page ask by it.
    pub hosts: Vec<HostName>,
    /// Serve the dashboard, a page that shows what the server does, at `/dashboard`.
    pub dashboard: bool,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            allow: AddressRule::loopback().to_vec(),
            deny: vec![AddressRule::All],
            hosts: Vec::new(),
            dashboard: true,
        }
    }
}

/// When the head of a poll's answer is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PollHead {
    /// As soon as the poll waits, as icomet does: proxies and clients see that the server is there.
    #[default]
    AtOnce,
    /// Together with the message: one write and some 200 bytes less a poll.
    WithMessage,
}

/// `[icomet]`: the native dialect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Icomet {
    /// Milliseconds after which a poll or stream that has heard nothing gets a `noop`.
    pub polling_timeout_ms: u64,
    /// Milliseconds a channel lives without subscribers. Keep it above 1.3 times `polling_timeout_ms`: that long a client may be silent.
    pub channel_timeout_ms: u64,
    /// `at_once` as icomet does, or `with_message`.
    pub poll_head: PollHead,
    /// Answer polls with one plain object and never with an array, for clients that cannot take arrays. A request may ask for it with `no_batch=1`.
    pub no_batch: bool,
    /// Tell a subscriber that has missed messages with a record of type `gap`; otherwise only the numbers show it.
    pub gap_records: bool,
    /// What stands before the names of channels of icomet's paths in all other dialects, our own API among them, at most 63 bytes: a
    /// name space of their own. By default there is one for all.
    pub channel_prefix: ChannelPrefix,
}

impl Default for Icomet {
    fn default() -> Self {
        Self {
            polling_timeout_ms: 30_000,
            channel_timeout_ms: 60_000,
            poll_head: PollHead::AtOnce,
            no_batch: false,
            gap_records: true,
            channel_prefix: ChannelPrefix::default(),
        }
    }
}

/// `[ccomet]`: the dialect of CComet, on listeners of its own and, if wanted, on the public side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ccomet {
    /// Speak it on the public side too. `/sub` and `/pub` are told apart from icomet's by the names of their parameters.
    pub on_front: bool,
    /// Let everybody publish with it, as CComet does. Off by default: nothing is published anonymously.
    pub publish: bool,
    /// What stands before the names of its channels in all other dialects, at most 63 bytes: a name space of their own. By default
    /// there is one for all.
    pub channel_prefix: ChannelPrefix,
}

/// A page that is served as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its path, beginning with a slash.
    pub path: String,
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: Bytes,
}

impl Config {
    /// What is wrong with this configuration, in words for the administrator.
    ///
    /// # Errors
    /// The first thing that cannot work.
    pub fn check(&self) -> Result<(), String> {
        self.limits.check().map_err(|why| format!("limits.{why}"))?;
        if self.icomet.polling_timeout_ms < 1_000 {
            return Err(format!(
                "icomet.polling_timeout_ms = {}: must be at least 1000, because clients are told whole seconds",
                self.icomet.polling_timeout_ms
            ));
        }
        if self.icomet.channel_timeout_ms == 0 {
            return Err("icomet.channel_timeout_ms = 0: must be at least 1".into());
        }
        self.token.check()?;
        self.history.check()?;
        self.websocket.check().map_err(|why| format!("websocket.{why}"))?;
        self.simple_comet.check()?;
        self.bayeux.check()?;
        self.push.check()
    }

    /// Milliseconds a connection of such a listener may be idle between requests.
    pub fn idle_ms(&self, role: Role) -> u64 {
        match role {
            Role::SimpleComet => self.simple_comet.http_timeout_ms,
            Role::Front | Role::Admin | Role::Ccomet | Role::Control(_) => self.limits.idle_ms_max,
        }
    }

    /// What works but is probably not meant, in words for the administrator.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let silent = self
            .icomet
            .polling_timeout_ms
            .saturating_add(self.icomet.polling_timeout_ms.saturating_mul(3) / 10);
        if self.icomet.channel_timeout_ms < silent {
            warnings.push(format!(
                "icomet.channel_timeout_ms = {} is less than 1.3 times polling_timeout_ms = {}: a client that comes back \
                 after its longest pause may find that its channel has expired",
                self.icomet.channel_timeout_ms, self.icomet.polling_timeout_ms
            ));
        }
        let is_open = |location: &&Location| {
            location.role != Duty::Publisher
                && location.is_on(Role::Front)
                && location.authorize_request.is_some()
                && self.front.auth == Auth::None
        };
        if let Some(location) = self.push.location.iter().find(is_open) {
            warnings.push(format!(
                "push.location `{}` has an authorize_request, but front.auth = \"none\" lets everybody read the same channels by \
                 other dialects: with \"token\" only those get in whom the application lets in, or who show a token",
                location.path
            ));
        }
        warnings.extend(self.push.warnings(&self.http));
        warnings.extend(self.capped());
        warnings.extend(self.bayeux.forgets_early(&self.history, &self.limits));
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_safe_and_works() {
        let config = Config::default();
        assert_eq!(config.check(), Ok(()));
        assert_eq!(config.warnings(), Vec::<String>::new());
        assert!(config.front.publish.is_empty() && !config.ccomet.publish && !config.simple_comet.publish);
    }

    #[test]
    fn a_side_door_is_worth_a_warning() {
        let mut config = Config::default();
        let asked = Upstream::try_from("http://127.0.0.1:1/".to_owned()).expect("an address");
        config.push.location[1].authorize_request = Some(asked);
        assert!(
            config.warnings()[0].starts_with("push.location `/activity?channel=` has an authorize_request")
        );
        config.front.auth = Auth::Token;
        assert_eq!(config.warnings(), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_work_is_named() {
        let mut config = Config::default();
        config.icomet.polling_timeout_ms = 10;
        assert!(
            config.check().unwrap_err().starts_with("icomet.polling_timeout_ms = 10: must be at least 1000")
        );
        let mut config = Config::default();
        config.limits.headers_max = 0;
        assert_eq!(config.check().unwrap_err(), "limits.headers_max = 0: must be at least 1");
    }
}
