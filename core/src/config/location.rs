//! `[[push.location]]`: one URL, or a family of them, and everything that holds there.
//! Knows nothing of what is asked there.
use serde::Deserialize;

use super::heartbeat::Heartbeat;
use super::location_pages::Pages;
use super::location_path::{LocationPath, Template};
use super::push::{Batching, Concurrency, Duty, FirstMessage, GroupMethod, Side, Transport};
use super::upstream::Upstream;
use super::wording::{IdSource, WordingId, id_sources};
use crate::conn::Role;
use crate::hub::GroupLimits;

/// `[[push.location]]`: a URL, or a family of them (`nchan-features.md`, section 1.1; in brackets their directives).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// The path, and where channel ids stand in it: `/activity?channel=`, or `/sub/{id}`.
    pub path: LocationPath,
    /// `publisher`, `subscriber`, `pubsub`, `group`, `stub_status` or `subscriber_info`.
    pub role: Duty,
    /// The sides it is on. A publisher's is on the admin side unless this says more, a subscriber's on the public side.
    #[serde(default)]
    pub on: Vec<Side>,
    /// Ids of the channels, made of what the path names (`nchan_channel_id`); if empty, what it names.
    #[serde(default)]
    pub channels: Vec<Template>,
    /// Ids of the channels that are published to, at a location for both, where these are others than those that are read
    /// (`nchan_publisher_channel_id`); if empty, the same.
    #[serde(default)]
    pub publisher_channels: Vec<Template>,
    /// What separates several ids in one (`nchan_channel_id_split_delimiter`); empty for none.
    #[serde(default)]
    pub split: String,
    /// Bytes that each of these ids may have, without the group; 0 is as many as there may be
    /// (`nchan_max_channel_id_length`).
    #[serde(default)]
    pub channel_id_bytes_max: usize,
    /// Milliseconds that a channel that is used here lives without subscribers and messages, if that is more than
    /// `icomet.channel_timeout_ms`, which other dialects count on (`nchan_channel_timeout`).
    #[serde(default)]
    pub channel_timeout_ms: u64,
    /// Channels of a group have a name space of their own, `group/id`; made of what the path names (`nchan_channel_group`).
    #[serde(default)]
    pub group: Option<Template>,
    /// Channels that the group may have; 0 is as many as there may be (`nchan_group_max_channels`).
    #[serde(default)]
    pub group_max_channels: u64,
    /// Subscribers that it may have (`nchan_group_max_subscribers`).
    #[serde(default)]
    pub group_max_subscribers: u64,
    /// Messages that it may keep (`nchan_group_max_messages`).
    #[serde(default)]
    pub group_max_messages: u64,
    /// Bytes of messages that it may keep (`nchan_group_max_messages_memory`).
    #[serde(default)]
    pub group_max_messages_memory: u64,
    /// What may be done at a group's location (`nchan_group_location`).
    #[serde(default = "GroupMethod::all")]
    pub group_methods: Vec<GroupMethod>,
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
    /// The event that messages are to event sources (`nchan_eventsource_event`): those that are published here, whatever their
    /// publisher says, and all that are read here; empty for each message's own.
    #[serde(default)]
    pub eventsource_event: String,
    /// Milliseconds after which an event source that has heard nothing is sent a sign of life; 0 for
    /// `icomet.polling_timeout_ms` (`nchan_eventsource_ping_interval`).
    #[serde(default)]
    pub eventsource_ping_ms: u64,
    /// Its event, its data and its comment (`nchan_eventsource_ping_event`, `_data`, `_comment`); an empty comment if all are.
    #[serde(default)]
    pub eventsource_ping_event: String,
    /// See there.
    #[serde(default)]
    pub eventsource_ping_data: String,
    /// See there.
    #[serde(default)]
    pub eventsource_ping_comment: String,
    /// What stands behind each message of a raw stream; a line feed is put behind it, unless it is empty
    /// (`nchan_subscriber_http_raw_stream_separator`).
    #[serde(default = "line_feed")]
    pub raw_stream_separator: String,
    /// The whole id in `Etag`, and no `Last-Modified` (`nchan_subscriber_compound_etag_message_id`).
    #[serde(default)]
    pub compound_etag_message_id: bool,
    /// A field that stands for `Etag` in answers (`nchan_subscriber_message_id_custom_etag_header`); empty for `Etag`.
    #[serde(default)]
    pub message_id_custom_etag_header: String,
    /// Where a place is looked for when there are no validators (`nchan_subscriber_last_message_id`).
    #[serde(default = "IdSource::usual", deserialize_with = "id_sources")]
    pub last_message_id: Vec<IdSource>,
    /// Answer 400 to a message id that cannot be read, as Nchan does; else it is as if there were none.
    #[serde(default)]
    pub strict_message_ids: bool,
    /// What of this is said around messages; the machine gives it.
    #[serde(skip)]
    pub wording: WordingId,
    /// How subscribers may get messages (`nchan_subscriber`); whether publishers may use WebSockets.
    #[serde(default = "transports")]
    pub transports: Vec<Transport>,
    /// Who waits when two do (`push_subscriber_concurrency`).
    #[serde(default)]
    pub concurrency: Concurrency,
    /// Where a subscriber begins that names no message (`nchan_subscriber_first_message`).
    #[serde(default)]
    pub first_message: FirstMessage,
    /// Milliseconds that a poll waits, or a stream lasts; 0 is for ever (`nchan_subscriber_timeout`).
    #[serde(default)]
    pub timeout_ms: u64,
    /// Subscribers of one channel; 0 for `limits.subscribers_per_channel_max` (`nchan_max_channel_subscribers`).
    #[serde(default)]
    pub subscribers_max: usize,
    /// Subscribers make no channels (`nchan_subscribe_existing_channels_only`).
    #[serde(default)]
    pub existing_only: bool,
    /// A reader of several channels is ended when one of them is deleted, as in Nchan; else it goes on with the others.
    #[serde(default)]
    pub delete_ends_all: bool,
    /// `Cache-Control: no-cache` in a request means that it wants what is new (`push_ignore_queue_on_no_cache`).
    #[serde(default)]
    pub no_cache_is_newest: bool,
    /// Origins whose pages may use it (`nchan_access_control_allow_origin`).
    #[serde(default)]
    pub access_control_allow_origin: Option<Pages>,
    /// Whether they may send cookies (`nchan_access_control_allow_credentials`); unless this says no, those that are named may.
    #[serde(default)]
    pub access_control_allow_credentials: Option<bool>,
    /// What a long poll gets when there are several messages (`nchan_longpoll_multipart_response`).
    #[serde(default)]
    pub longpoll_multipart: Batching,
    /// A text from a WebSocket that is answered with the other, and not published (`nchan_websocket_client_heartbeat`).
    #[serde(default)]
    pub websocket_client_heartbeat: Option<Heartbeat>,
    /// Milliseconds after which a WebSocket that was not heard is asked for a sign of life; 0 is never
    /// (`nchan_websocket_ping_interval`). If it is not said, `websocket.ping_ms` holds.
    #[serde(default)]
    pub websocket_ping_ms: Option<u64>,
    /// Whether messages of WebSockets may be compressed, where `websocket.compression` lets them
    /// (`nchan_deflate_message_for_websocket`).
    #[serde(default = "yes")]
    pub websocket_compression: bool,
    /// The channel in the group `meta` in which it is told what happens here, made of what the path names
    /// (`nchan_channel_events_channel_id`).
    #[serde(default)]
    pub channel_events_channel_id: Option<Template>,
    /// What is told: `{event}` and `{channel}` are what happened, and where (`nchan_channel_event_string`).
    #[serde(default)]
    pub channel_event_string: Option<Template>,
    /// What is said of each who reads (`nchan_subscriber_info_string`); `{transport} {address}` if it is not said.
    #[serde(default)]
    pub subscriber_info_string: Option<Template>,
    /// The application that says whether a request may be served (`nchan_authorize_request`).
    #[serde(default)]
    pub authorize_request: Option<Upstream>,
    /// The application that says what becomes of a message (`nchan_publisher_upstream_request`).
    #[serde(default)]
    pub publisher_upstream_request: Option<Upstream>,
    /// The application that is told when a stream begins (`nchan_subscribe_request`).
    #[serde(default)]
    pub subscribe_request: Option<Upstream>,
    /// The application that is told when a stream has ended (`nchan_unsubscribe_request`).
    #[serde(default)]
    pub unsubscribe_request: Option<Upstream>,
}

fn messages_max() -> usize {
    10
}

fn message_timeout_ms() -> u64 {
    3_600_000
}

fn line_feed() -> String {
    "\n".into()
}

fn yes() -> bool {
    true
}

fn transports() -> Vec<Transport> {
    vec![
        Transport::Websocket,
        Transport::Eventsource,
        Transport::Chunked,
        Transport::Multipart,
        Transport::LongPoll,
    ]
}

impl Location {
    /// A location with nothing out of the ordinary.
    pub fn new(path: LocationPath, role: Duty) -> Self {
        Self {
            path,
            role,
            on: Vec::new(),
            channels: Vec::new(),
            publisher_channels: Vec::new(),
            split: String::new(),
            channel_id_bytes_max: 0,
            channel_timeout_ms: 0,
            group: None,
            group_max_channels: 0,
            group_max_subscribers: 0,
            group_max_messages: 0,
            group_max_messages_memory: 0,
            group_methods: GroupMethod::all(),
            messages_max: messages_max(),
            message_timeout_ms: message_timeout_ms(),
            store: yes(),
            content_type: String::new(),
            eventsource_event: String::new(),
            eventsource_ping_ms: 0,
            eventsource_ping_event: String::new(),
            eventsource_ping_data: String::new(),
            eventsource_ping_comment: String::new(),
            raw_stream_separator: line_feed(),
            compound_etag_message_id: false,
            message_id_custom_etag_header: String::new(),
            last_message_id: IdSource::usual(),
            strict_message_ids: false,
            wording: WordingId::default(),
            transports: transports(),
            concurrency: Concurrency::default(),
            first_message: FirstMessage::default(),
            timeout_ms: 0,
            subscribers_max: 0,
            existing_only: false,
            delete_ends_all: false,
            no_cache_is_newest: false,
            access_control_allow_origin: None,
            access_control_allow_credentials: None,
            longpoll_multipart: Batching::Off,
            websocket_client_heartbeat: None,
            websocket_ping_ms: None,
            websocket_compression: yes(),
            channel_events_channel_id: None,
            channel_event_string: None,
            subscriber_info_string: None,
            authorize_request: None,
            publisher_upstream_request: None,
            subscribe_request: None,
            unsubscribe_request: None,
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

    /// How much a group may have that is asked for here.
    pub fn group_limits(&self) -> GroupLimits {
        GroupLimits {
            channels: self.group_max_channels,
            subscribers: self.group_max_subscribers,
            messages: self.group_max_messages,
            bytes: self.group_max_messages_memory,
        }
    }

    /// Whether somebody wants to know here what is in a group.
    pub fn counts_groups(&self) -> bool {
        self.role == Duty::Group || self.group_limits() != GroupLimits::default()
    }

    /// The applications that are asked or told something here.
    pub fn upstreams(&self) -> impl Iterator<Item = &Upstream> {
        self.named_upstreams().map(|(_, upstream)| upstream)
    }

    /// The same, each with its option.
    pub(super) fn named_upstreams(&self) -> impl Iterator<Item = (&'static str, &Upstream)> {
        let all = [
            ("authorize_request", &self.authorize_request),
            ("publisher_upstream_request", &self.publisher_upstream_request),
            ("subscribe_request", &self.subscribe_request),
            ("unsubscribe_request", &self.unsubscribe_request),
        ];
        all.into_iter().filter_map(|(option, upstream)| Some((option, upstream.as_ref()?)))
    }

    /// The methods that it knows.
    pub fn methods(&self) -> &'static str {
        match self.role {
            Duty::Subscriber => "GET, OPTIONS",
            Duty::StubStatus | Duty::SubscriberInfo => "GET, HEAD, OPTIONS",
            Duty::Group => GroupMethod::methods(&self.group_methods),
            Duty::Publisher | Duty::Pubsub => "GET, HEAD, POST, PUT, DELETE, OPTIONS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishing_from_the_public_side_has_to_be_asked_for() {
        for (json, front, admin) in [
            (r#"{"path": "/p?id=", "role": "publisher"}"#, false, true),
            (r#"{"path": "/p?id=", "role": "pubsub"}"#, false, true),
            (r#"{"path": "/p?id=", "role": "subscriber"}"#, true, false),
            (r#"{"path": "/p?id=", "role": "pubsub", "on": ["front"]}"#, true, false),
            (r#"{"path": "/p?id=", "role": "publisher", "on": ["front", "admin"]}"#, true, true),
        ] {
            let location: Location = serde_json::from_str(json).expect(json);
            assert_eq!((location.is_on(Role::Front), location.is_on(Role::Admin)), (front, admin), "{json}");
            assert!(!location.is_on(Role::Ccomet) && !location.is_on(Role::SimpleComet));
        }
    }
}
