//! `[[push.location]]`: where the nginx push module's protocol is spoken, and how.
//! Knows nothing of what is asked there.
use serde::Deserialize;

use super::location_path::{LocationPath, Template};
use crate::conn::Role;
use crate::wire::http1::head::Head;

/// `[push]`: the dialect of the nginx push module, with a part of Nchan's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Push {
    /// Where it is spoken. The first that fits a request serves it.
    pub location: Vec<Location>,
}

impl Default for Push {
    /// The two URLs of the push module's README, each on its side.
    fn default() -> Self {
        let at = |path: &str, role| {
            let path = LocationPath::try_from(path.to_owned());
            path.ok().map(|path| Location::new(path, role))
        };
        let location = [at("/publish?channel=", Duty::Publisher), at("/activity?channel=", Duty::Subscriber)];
        Self { location: location.into_iter().flatten().collect() }
    }
}

/// What a location is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duty {
    /// Publishing, looking, deleting.
    Publisher,
    /// Subscribing.
    Subscriber,
    /// Subscribing by GET, the rest as a publisher.
    Pubsub,
}

/// A listener that a location may be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// `server.front`.
    Front,
    /// `server.admin`.
    Admin,
}

/// A way of getting messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// One message, waited for.
    LongPoll,
    /// One message, or 304.
    IntervalPoll,
    /// `text/event-stream`, for who accepts that.
    Eventsource,
    /// A chunk for each message, for who sends `TE: chunked`.
    Chunked,
    /// `multipart/mixed`, for who accepts that.
    Multipart,
    /// Messages with line ends behind them.
    RawStream,
}

/// What happens when somebody asks while somebody else waits on the same channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Concurrency {
    /// Both wait.
    #[default]
    Broadcast,
    /// Who waits goes on, and the newcomer is answered 409.
    First,
    /// The newcomer waits, and the other is answered 409.
    Last,
}

/// Where a subscriber begins that names no message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FirstText")]
pub enum FirstMessage {
    /// With the oldest message.
    #[default]
    Oldest,
    /// With the next that is published.
    Newest,
    /// With the so-many-th: counted from 1, or from the newest when negative.
    Nth(i32),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FirstText {
    Number(i32),
    Word(String),
}

impl TryFrom<FirstText> for FirstMessage {
    type Error = String;
    fn try_from(text: FirstText) -> Result<Self, String> {
        match text {
            FirstText::Number(n) if n != 0 => Ok(Self::Nth(n)),
            FirstText::Word(word) if word == "oldest" => Ok(Self::Oldest),
            FirstText::Word(word) if word == "newest" => Ok(Self::Newest),
            FirstText::Number(n) => Err(format!("`{n}` is no first message: the first is 1, the last -1")),
            FirstText::Word(word) => Err(format!(
                "`{word}` is no first message: expected `oldest`, `newest`, or a number, from the end if negative"
            )),
        }
    }
}

/// `[[push.location]]`: a URL, or a family of them (`nchan-features.md`, section 1.1; in brackets their directives).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// The path, and where channel ids stand in it: `/activity?channel=`, or `/sub/{id}`.
    pub path: LocationPath,
    /// `publisher`, `subscriber` or `pubsub`.
    pub role: Duty,
    /// The sides it is on. A publisher's is on the admin side unless this says more, a subscriber's on the public side.
    #[serde(default)]
    pub on: Vec<Side>,
    /// Ids of the channels, made of what the path names (`nchan_channel_id`); if empty, what it names.
    #[serde(default)]
    pub channels: Vec<Template>,
    /// What separates several ids in one (`nchan_channel_id_split_delimiter`); empty for none.
    #[serde(default)]
    pub split: String,
    /// Channels of a group have a name space of their own: `group/id` (`nchan_channel_group`).
    #[serde(default)]
    pub group: String,
    /// Messages that a channel keeps (`nchan_message_buffer_length`).
    #[serde(default = "messages_max")]
    pub messages_max: usize,
    /// Milliseconds that it keeps each; 0 is for ever (`nchan_message_timeout`).
    #[serde(default = "message_timeout_ms")]
    pub message_timeout_ms: u64,
    /// Keep messages at all (`nchan_store_messages`).
    #[serde(default = "yes")]
    pub store: bool,
    /// The type of messages that are published without one.
    #[serde(default)]
    pub content_type: String,
    /// How subscribers may get messages (`nchan_subscriber`).
    #[serde(default = "transports")]
    pub transports: Vec<Transport>,
    /// Who waits when two do (`push_subscriber_concurrency`).
    #[serde(default)]
    pub concurrency: Concurrency,
    /// Where a subscriber begins that names no message (`nchan_subscriber_first_message`).
    #[serde(default)]
    pub first_message: FirstMessage,
    /// Milliseconds that a poll waits; 0 is for ever (`nchan_subscriber_timeout`).
    #[serde(default)]
    pub timeout_ms: u64,
    /// Subscribers of one channel; 0 for `limits.subscribers_per_channel_max` (`nchan_max_channel_subscribers`).
    #[serde(default)]
    pub subscribers_max: usize,
    /// Subscribers make no channels (`nchan_subscribe_existing_channels_only`).
    #[serde(default)]
    pub existing_only: bool,
    /// `Cache-Control: no-cache` in a request means that it wants what is new (`push_ignore_queue_on_no_cache`).
    #[serde(default)]
    pub no_cache_is_newest: bool,
}

fn messages_max() -> usize {
    10
}

fn message_timeout_ms() -> u64 {
    3_600_000
}

fn yes() -> bool {
    true
}

fn transports() -> Vec<Transport> {
    vec![Transport::Eventsource, Transport::Chunked, Transport::Multipart, Transport::LongPoll]
}

impl Location {
    /// A location with nothing out of the ordinary.
    pub fn new(path: LocationPath, role: Duty) -> Self {
        Self {
            path,
            role,
            on: Vec::new(),
            channels: Vec::new(),
            split: String::new(),
            group: String::new(),
            messages_max: messages_max(),
            message_timeout_ms: message_timeout_ms(),
            store: yes(),
            content_type: String::new(),
            transports: transports(),
            concurrency: Concurrency::default(),
            first_message: FirstMessage::default(),
            timeout_ms: 0,
            subscribers_max: 0,
            existing_only: false,
            no_cache_is_newest: false,
        }
    }

    /// Whether it is on such a listener. Nothing is published from the public side unless it is said that it may be.
    pub fn is_on(&self, role: Role) -> bool {
        let side = match role {
            Role::Front => Side::Front,
            Role::Admin => Side::Admin,
            _ => return false,
        };
        let usual = if self.role == Duty::Subscriber { Side::Front } else { Side::Admin };
        if self.on.is_empty() { side == usual } else { self.on.contains(&side) }
    }

    /// Names of the channels that a request means; `None` when it names none.
    pub fn names(&self, head: &Head<'_, '_>) -> Option<Vec<String>> {
        let variables = self.path.variables(head)?;
        let ids: Vec<String> = if self.channels.is_empty() {
            variables.iter().map(|(_, value)| value.clone()).collect()
        } else {
            self.channels.iter().map(|template| template.fill(&variables)).collect()
        };
        let ids: Vec<&str> = if self.split.is_empty() {
            ids.iter().map(String::as_str).collect()
        } else {
            ids.iter().flat_map(|id| id.split(self.split.as_str())).collect()
        };
        if ids.is_empty() || ids.iter().any(|id| id.is_empty()) {
            return None;
        }
        let group =
            |id: &&str| if self.group.is_empty() { (*id).into() } else { format!("{}/{id}", self.group) };
        Some(ids.iter().map(group).collect())
    }

    /// The methods that it knows.
    pub fn methods(&self) -> &'static str {
        match self.role {
            Duty::Subscriber => "GET, OPTIONS",
            Duty::Publisher | Duty::Pubsub => "GET, HEAD, POST, PUT, DELETE, OPTIONS",
        }
    }

    fn check(&self) -> Result<(), String> {
        for template in &self.channels {
            if let Some(unknown) = template.names().find(|name| !self.path.names().any(|n| n == *name)) {
                return Err(format!("the path `{}` names no `{unknown}`", self.path));
            }
        }
        if self.channels.is_empty() && self.path.names().next().is_none() {
            return Err(format!(
                "`{}` names no channel: write /sub/{{id}}, /sub?id=, or channels",
                self.path
            ));
        }
        if self.content_type.chars().any(char::is_control) || self.group.chars().any(char::is_control) {
            return Err(format!("`{}` has a control character in its content_type or group", self.path));
        }
        if self.transports.is_empty() {
            return Err(format!("`{}` has no transports", self.path));
        }
        Ok(())
    }
}

impl Push {
    /// The location that serves a request.
    pub fn find(&self, role: Role, head: &Head<'_, '_>) -> Option<&Location> {
        self.location.iter().find(|location| location.is_on(role) && location.path.fits(head.raw_path))
    }

    /// What is wrong, in words that begin with the option's path.
    pub(super) fn check(&self) -> Result<(), String> {
        self.location.iter().try_for_each(Location::check).map_err(|why| format!("push.location: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(json: &str) -> Result<Location, String> {
        let location: Location = serde_json::from_str(json).map_err(|e| e.to_string())?;
        location.check().map(|()| location)
    }

    #[test]
    fn publishing_from_the_public_side_has_to_be_asked_for() {
        for (json, front, admin) in [
            (r#"{"path": "/p?id=", "role": "publisher"}"#, false, true),
            (r#"{"path": "/p?id=", "role": "pubsub"}"#, false, true),
            (r#"{"path": "/p?id=", "role": "subscriber"}"#, true, false),
            (r#"{"path": "/p?id=", "role": "pubsub", "on": ["front"]}"#, true, false),
            (r#"{"path": "/p?id=", "role": "publisher", "on": ["front", "admin"]}"#, true, true),
        ] {
            let location = location(json).expect(json);
            assert_eq!((location.is_on(Role::Front), location.is_on(Role::Admin)), (front, admin), "{json}");
            assert!(!location.is_on(Role::Ccomet) && !location.is_on(Role::SimpleComet));
        }
        assert_eq!(Push::default().location.len(), 2);
        assert_eq!(Push::default().check(), Ok(()));
    }

    #[test]
    fn what_cannot_work_is_named() {
        for (json, words) in [
            (r#"{"path": "/p", "role": "publisher"}"#, "names no channel"),
            (r#"{"path": "/p/{a}", "role": "publisher", "channels": ["{b}"]}"#, "names no `b`"),
            (r#"{"path": "/p?id=", "role": "publisher", "transports": []}"#, "no transports"),
            (r#"{"path": "/p?id=", "role": "publisher", "first_message": 0}"#, "no first message"),
            (r#"{"path": "/p?id=", "role": "publisher", "first_message": "last"}"#, "no first message"),
            (r#"{"path": "/p?id=", "role": "sub"}"#, "unknown variant"),
            (r#"{"role": "publisher"}"#, "missing field `path`"),
        ] {
            let refused = location(json).expect_err(json);
            assert!(refused.contains(words), "{refused}");
        }
        let fixed = location(r#"{"path": "/news", "role": "subscriber", "channels": ["news"]}"#);
        assert!(fixed.is_ok(), "{fixed:?}");
    }
}
