//! `[bayeux]`: where it is spoken, how long things last, and who may do what.
//! Knows nothing of sessions.
use serde::Deserialize;

use super::history::HistoryRules;
use super::rule::{ListenerAddress, Rule};
use super::segment_prefix::SegmentPrefix;
use crate::dialect::bayeux::name::{self, Kind};
use crate::dialect::bayeux::style;
use crate::hub::Pattern;
use crate::limits::Limits;

/// `[bayeux]`: Bayeux 1.0, on the public side and on the admin side.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bayeux {
    /// Paths at which it is spoken, each with everything below it: clients append words of their own. `/` may be among
    /// them; then only the path itself and `/handshake`, `/connect` and `/disconnect` are meant, and only requests that are Bayeux's.
    pub paths: Vec<MountPath>,
    /// Milliseconds that a connect waits for messages.
    pub timeout_ms: u64,
    /// Milliseconds that a client is told to wait before its next connect.
    pub interval_ms: u64,
    /// Milliseconds, beyond `interval_ms`, after which a session falls asleep whose client does not connect: it counts no
    /// more for its address, and gives way when there are too many. A pause that its client announces comes on top of that, but no
    /// more than an hour, or than `remember_ms` if that is longer.
    pub max_interval_ms: u64,
    /// Milliseconds that a sleeping session is remembered: a client that comes back goes on where it was. A session costs
    /// no queue, so there is no hurry. 0: it is over when it would fall asleep.
    pub remember_ms: u64,
    /// Channels and sets of them (`/a/*`, `/a/**`) to which anybody may publish from the public side, or by some of its listeners. None by
    /// default.
    pub publish: Vec<Rule>,
    /// Channels and sets of them that may be subscribed from the public side, or by some of its listeners. All by default.
    pub subscribe: Vec<Rule>,
    /// Serve WebSockets at the paths, on the public side; `websocket.enabled` must be too.
    pub websocket: bool,
    /// Answer scripts (JSONP, callback-polling). Pages of any site can use it; without it only those of `http.origins` can.
    pub jsonp: bool,
    /// Give browsers a cookie and serve a session only to the browser that began it. Sessions that were begun by a script (JSONP), or
    /// by a page of another site, are not bound: browsers do not send cookies with those.
    pub bind_sessions: bool,
    /// Milliseconds after which a client asks again whose browser has as many connects held as it may
    /// (`limits.bayeux_connects_per_browser_max`).
    pub multiple_clients_ms: u64,
    /// Hand text that was published by other dialects, and is JSON, to Bayeux clients as JSON. Otherwise it is a string.
    pub parse_text: bool,
    /// Say of each message when it was published (`timestamp`).
    pub timestamp: bool,
    /// What becomes of a session that has missed messages: `message`, one on `/service/rcomet/gap` says how many; or
    /// `rehandshake`, it is over and its client begins again.
    pub gap: Gap,
    /// Whole segments that stand before the names of its broadcast channels in all other dialects, such as `/bx`, at most 63 bytes: a
    /// name space of their own. `/meta` and `/service` have none. By default there is one for all.
    pub channel_prefix: SegmentPrefix,
}

/// What becomes of a session that has missed messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// It is told how many.
    #[default]
    Message,
    /// It is over.
    Rehandshake,
}

impl Default for Bayeux {
    fn default() -> Self {
        let paths = ["/bayeux", "/cometd", "/faye"];
        Self {
            paths: paths.map(|path| MountPath(path.into())).into(),
            timeout_ms: 30_000,
            interval_ms: 0,
            max_interval_ms: 60_000,
            // Longer than lunch; not a day, because a sleeper's channels and patterns count.
            remember_ms: 3_600_000,
            publish: Vec::new(),
            subscribe: vec![Rule { channel: NamePattern("/**".into()), listeners: Vec::new() }],
            websocket: true,
            jsonp: true,
            bind_sessions: false,
            multiple_clients_ms: 2_000,
            parse_text: false,
            timestamp: false,
            gap: Gap::Message,
            channel_prefix: SegmentPrefix::default(),
        }
    }
}

impl Bayeux {
    /// How its events are written: bits of a style.
    pub(crate) fn style(&self) -> u8 {
        let bit = |is_on, bit| if is_on { bit } else { 0 };
        bit(self.parse_text, style::PARSES_TEXT) | bit(self.timestamp, style::TIMESTAMP)
    }

    /// The listeners that rules name, and in which option.
    pub fn named_listeners(&self) -> impl Iterator<Item = (&'static str, &Rule, &ListenerAddress)> {
        let options = [("bayeux.publish", &self.publish), ("bayeux.subscribe", &self.subscribe)];
        let rules =
            options.into_iter().flat_map(|(option, rules)| rules.iter().map(move |rule| (option, rule)));
        rules.flat_map(|(option, rule)| rule.listeners.iter().map(move |listener| (option, rule, listener)))
    }

    /// What is to be said where histories keep by their age what a client that comes back late never hears of. Only to whoever has chosen
    /// something for Bayeux, and nothing for how long sessions are remembered.
    pub(super) fn forgets_early(&self, history: &HistoryRules, limits: &Limits) -> Option<String> {
        let usual = Self::default();
        // The names of its channels begin with a slash, and with what stands before it.
        let beginning = format!("{}/", self.channel_prefix.text());
        let rules = history.rule.iter().enumerate().filter(|(_, rule)| rule.channels.meets(&beginning));
        let rules =
            rules.map(|(i, rule)| (rule.keep(limits).age_ms, format!("history.rule: number {}", i + 1)));
        let all = rules.chain([(limits.history_age_ms_max, "limits.history_age_ms_max".to_owned())]);
        let (age_ms, option) = all.max_by_key(|(age_ms, _)| *age_ms)?;
        let known_ms = self.max_interval_ms.saturating_add(self.remember_ms);
        if *self == usual || self.remember_ms != usual.remember_ms || age_ms <= known_ms {
            return None;
        }
        Some(format!(
            "{option} keeps messages for {} s, and Bayeux's sessions are forgotten after {} s (bayeux.max_interval_ms and \
             bayeux.remember_ms): a client that comes back later is not told what it has missed; bayeux.remember_ms = {age_ms} covers it",
            age_ms / 1_000,
            known_ms / 1_000
        ))
    }

    /// What is wrong, in words for the administrator.
    ///
    /// # Errors
    /// The first thing that cannot work.
    pub(super) fn check(&self) -> Result<(), String> {
        // Less, and clients that ask again at once would go round and round.
        if self.timeout_ms < 100 {
            return Err(format!("bayeux.timeout_ms = {}: must be at least 100", self.timeout_ms));
        }
        if self.max_interval_ms < 100 {
            return Err(format!("bayeux.max_interval_ms = {}: must be at least 100", self.max_interval_ms));
        }
        // Clients that ask again at once would go round and round.
        if self.multiple_clients_ms < 100 {
            return Err(format!(
                "bayeux.multiple_clients_ms = {}: must be at least 100",
                self.multiple_clients_ms
            ));
        }
        Ok(())
    }
}

/// A path, with everything below it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MountPath(String);

impl MountPath {
    /// Whether `path` is meant; of the root only the path itself and what CometD's clients append to it (`protocols/bayeux.md`,
    /// section 10), and only for requests that are Bayeux's, which is asked only then.
    pub fn has(&self, path: &[u8], is_talk: impl FnOnce() -> bool) -> bool {
        if self.0 == "/" {
            return matches!(path, b"/" | b"/handshake" | b"/connect" | b"/disconnect") && is_talk();
        }
        path.strip_prefix(self.0.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }
}

impl TryFrom<String> for MountPath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let is_plain = text.bytes().all(|c| c.is_ascii_graphic() && !matches!(c, b'?' | b'#' | b'%'));
        let is_path = text == "/" || (text.starts_with('/') && !text.ends_with('/'));
        if is_plain && is_path && !text.contains("//") {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` is no path: expected `/`, or something like /bayeux without a slash at its end"
            ))
        }
    }
}

/// A channel, or a set of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NamePattern(String);

impl NamePattern {
    /// The channel or set, as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the channel called `name` is meant.
    pub fn matches(&self, name: &str) -> bool {
        Pattern::of_segments(&self.0).map_or(self.0 == name, |pattern| pattern.matches(name))
    }

    /// Whether everything that the pattern `other` matches is meant.
    pub fn covers(&self, other: &str) -> bool {
        let (Some(own), Some(asked)) = (Pattern::of_segments(&self.0), Pattern::of_segments(other)) else {
            return false;
        };
        match (own, asked) {
            (Pattern::Child(own), Pattern::Child(asked)) => own == asked,
            (Pattern::Below(own), Pattern::Child(asked) | Pattern::Below(asked)) => {
                asked.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            _ => false,
        }
    }
}

impl TryFrom<String> for NamePattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        // A rule for what no client can name would be in force and allow nothing; so would one for what is never asked.
        if name::kind(&text) == Kind::Meta {
            return Err(format!(
                "`{text}` is the protocol's own, and no rule's: expected /some/name, /some/* or /some/**, not below /meta"
            ));
        }
        if name::is_channel(&text) || name::is_pattern(&text) {
            Ok(Self(text))
        } else {
            Err(format!("`{text}` is no channel of Bayeux's: expected /some/name, /some/* or /some/**"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        NamePattern::try_from(text.to_owned()).expect("a pattern")
    }

    #[test]
    fn paths_have_what_is_below_them() {
        let has = |mount: &str, path: &str, is_talk| {
            MountPath::try_from(mount.to_owned()).expect("a path").has(path.as_bytes(), || is_talk)
        };
        assert!(has("/cometd", "/cometd", false) && has("/cometd", "/cometd/handshake", false));
        assert!(!has("/cometd", "/cometdx", true) && !has("/cometd", "/", true));
        assert!(has("/", "/", true) && !has("/", "/", false) && !has("/", "/stream", true));
        assert!(has("/", "/connect", true) && !has("/", "/connect", false) && !has("/", "/connect/x", true));
        for bad in ["", "cometd", "/a/", "/a//b", "/a b", "/a?b"] {
            assert!(MountPath::try_from(bad.to_owned()).unwrap_err().contains("expected"), "{bad}");
        }
    }

    #[test]
    fn histories_that_keep_longer_than_sessions_are_remembered_are_worth_a_warning() {
        let warned = |bayeux: &str, history: &str, age_ms: u64| {
            let bayeux: Bayeux = serde_json::from_str(bayeux).expect("a section");
            let history: HistoryRules = serde_json::from_str(history).expect("rules");
            bayeux.forgets_early(&history, &Limits { history_age_ms_max: age_ms, ..Limits::default() })
        };
        let (used, none) = (r#"{"publish":["/chat/*"]}"#, "{}");
        let rule = |name: &str, age: u64| format!(r#"{{"rule":[{{"match":"{name}","age_seconds":{age}}}]}}"#);
        let words = "keeps messages for 3661 s, and Bayeux's sessions are forgotten after 3660 s";
        for name in ["/chat/*", "/*", "*", "/chat/1"] {
            let said = warned(used, &rule(name, 3_661), 0).expect(name);
            assert!(said.starts_with(&format!("history.rule: number 1 {words}")), "{said}");
            assert!(said.ends_with("bayeux.remember_ms = 3661000 covers it"), "{said}");
        }
        assert!(
            warned(used, none, 3_661_000).is_some_and(|said| said.starts_with("limits.history_age_ms_max"))
        );
        // Not of its channels; not longer; as long as a channel lives, which sleepers read; and who has not chosen anything, or has chosen that.
        assert_eq!(warned(used, &rule("chat/*", 3_661), 0), None);
        assert_eq!(warned(used, &rule("/chat/*", 3_660), 0), None);
        assert_eq!(warned(used, none, 0), None);
        assert_eq!(warned("{}", &rule("/*", 3_661), 0), None);
        let prefixed = r#"{"channel_prefix":"/bx"}"#;
        assert!(warned(prefixed, &rule("/bx/*", 3_661), 0).is_some());
        assert_eq!(warned(prefixed, &rule("/chat/*", 3_661), 0), None);
        let chosen = r#"{"publish":["/chat/*"],"remember_ms":0}"#;
        assert_eq!(warned(chosen, &rule("/*", 3_661), 0), None);
    }

    #[test]
    fn sets_cover_sets() {
        assert!(pattern("/a").matches("/a") && !pattern("/a").matches("/a/b"));
        assert!(pattern("/a/**").covers("/a/**") && pattern("/a/**").covers("/a/*"));
        assert!(pattern("/a/**").covers("/a/b/*") && pattern("/**").covers("/a/*"));
        assert!(!pattern("/a/**").covers("/ab/*") && !pattern("/a/*").covers("/a/**"));
        assert!(!pattern("/a").covers("/a/*") && !pattern("/a/b/**").covers("/a/**"));
        for bad in ["", "/", "a", "/a*", "/*/b", "/chat/", "/a//b", "/a//*", "/a:b", "/a:b/**", "/\u{e4}"] {
            assert!(NamePattern::try_from(bad.to_owned()).unwrap_err().contains("expected"), "{bad}");
        }
    }

    #[test]
    fn no_rule_is_for_what_the_protocol_does_itself() {
        for bad in ["/meta", "/meta/x", "/meta/connect", "/meta/*", "/meta/**"] {
            let why = NamePattern::try_from(bad.to_owned()).unwrap_err();
            assert!(why.starts_with(&format!("`{bad}` is the protocol's own")), "{why}");
        }
        assert!(pattern("/metal/x").matches("/metal/x") && pattern("/service/*").matches("/service/x"));
        assert!(pattern("/**").matches("/metal"));
    }
}
