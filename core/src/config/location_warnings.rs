//! What of the push module's locations works, but cannot be meant: options that do nothing where they stand, and locations that
//! nobody can reach.
//! Knows nothing of what is asked there.
use super::Http;
use super::location::Location;
use super::location_path::{Template, has_capture};
use super::named::META;
use super::push::{Duty, Push, Transport};
use crate::conn::Role;

impl Push {
    /// In words for the administrator.
    pub(super) fn warnings(&self, http: &Http) -> Vec<String> {
        let all = &self.location;
        let idle = all.iter().flat_map(idle_options);
        let unreached = all.iter().enumerate().filter(|(at, location)| {
            let mut roles = [Role::Front, Role::Admin].into_iter().filter(|role| location.is_on(*role));
            *at > 0
                && roles.all(|role| {
                    all[..*at].iter().any(|one| one.is_on(role) && one.path.covers(&location.path))
                })
        });
        let unreached = unreached.map(|(at, location)| {
            format!(
                "push.location `{}` (number {} in the list) is never reached: one before it serves the same requests",
                location.path,
                at + 1
            )
        });
        let pages = all.iter().filter_map(|location| location.idle_pages(http));
        let of_events = all.iter().flat_map(idle_in_events);
        let captures = all.iter().flat_map(captures_in_queries);
        idle.chain(of_events).chain(captures).chain(pages).chain(unreached).collect()
    }
}

/// What does nothing in the group in which the server tells what happens.
fn idle_in_events(location: &Location) -> Vec<String> {
    let is_in_it = |group: &Template| group.names().next().is_none() && group.fill(&[]) == META;
    if !location.group.as_ref().is_some_and(is_in_it) {
        return Vec::new();
    }
    let path = &location.path;
    let mut said = Vec::new();
    if matches!(location.role, Duty::Publisher | Duty::Pubsub) {
        said.push(format!(
            "push.location `{path}`: nothing can be published here, for only the server publishes in the group `{META}`"
        ));
    }
    if matches!(location.role, Duty::Publisher | Duty::Pubsub | Duty::Subscriber)
        && location.channel_events_channel_id.is_some()
    {
        said.push(format!(
            "push.location `{path}`: channel_events_channel_id does nothing here, for it is not told what happens in the group `{META}`"
        ));
    }
    said
}

/// Applications' addresses with what nginx captures in their queries: it may be a price, and is hardly.
fn captures_in_queries(location: &Location) -> Vec<String> {
    let path = &location.path;
    let all = location.named_upstreams().filter(|(_, upstream)| has_capture(upstream.target()));
    all.map(|(option, upstream)| {
        format!(
            "push.location `{path}`: {option} asks for {} word for word, with a `$` and a digit: what the path names is told in \
             X-Channel-Id and X-Original-URI",
            upstream.target()
        )
    })
    .collect()
}

/// Options that are set at a location and do nothing there.
fn idle_options(location: &Location) -> Vec<String> {
    let usual = Location::new(location.path.clone(), location.role);
    let of_groups = [("group_methods", location.group_methods != usual.group_methods)];
    let of_lists = [("subscriber_info_string", location.subscriber_info_string.is_some())];
    let of_both = [
        ("websocket_ping_ms", location.websocket_ping_ms.is_some()),
        ("websocket_compression", !location.websocket_compression),
        ("channel_timeout_ms", location.channel_timeout_ms != usual.channel_timeout_ms),
        ("channel_events_channel_id", location.channel_events_channel_id.is_some()),
        ("channel_event_string", location.channel_event_string.is_some()),
        ("eventsource_event", location.eventsource_event != usual.eventsource_event),
        ("transports", location.transports != usual.transports),
    ];
    // A group's location may not have channels at all.
    let of_named = [
        ("channels", !location.channels.is_empty() && location.role != Duty::Group),
        ("split", !location.split.is_empty()),
    ];
    let of_publishers = [
        ("messages_max", location.messages_max != usual.messages_max),
        ("message_timeout_ms", location.message_timeout_ms != usual.message_timeout_ms),
        ("store", location.store != usual.store),
        ("content_type", location.content_type != usual.content_type),
        ("publisher_upstream_request", location.publisher_upstream_request.is_some()),
        ("websocket_client_heartbeat", location.websocket_client_heartbeat.is_some()),
    ];
    let of_subscribers = [
        ("concurrency", location.concurrency != usual.concurrency),
        ("timeout_ms", location.timeout_ms != usual.timeout_ms),
        ("subscribers_max", location.subscribers_max != usual.subscribers_max),
        ("first_message", location.first_message != usual.first_message),
        ("existing_only", location.existing_only),
        ("delete_ends_all", location.delete_ends_all),
        ("no_cache_is_newest", location.no_cache_is_newest),
        ("longpoll_multipart", location.longpoll_multipart != usual.longpoll_multipart),
        ("strict_message_ids", location.strict_message_ids),
        ("last_message_id", location.last_message_id != usual.last_message_id),
        ("compound_etag_message_id", location.compound_etag_message_id),
        ("message_id_custom_etag_header", !location.message_id_custom_etag_header.is_empty()),
        ("raw_stream_separator", location.raw_stream_separator != usual.raw_stream_separator),
        ("eventsource_ping_ms", location.eventsource_ping_ms > 0),
        ("eventsource_ping_event", !location.eventsource_ping_event.is_empty()),
        ("eventsource_ping_data", !location.eventsource_ping_data.is_empty()),
        ("eventsource_ping_comment", !location.eventsource_ping_comment.is_empty()),
        ("subscribe_request", location.subscribe_request.is_some()),
        ("unsubscribe_request", location.unsubscribe_request.is_some()),
    ];
    let reads = matches!(location.role, Duty::Subscriber | Duty::Pubsub);
    let publishes = matches!(location.role, Duty::Publisher | Duty::Pubsub);
    let idle = [
        (reads || publishes, &of_both[..], "publishers' and subscribers'"),
        (
            reads || publishes || location.role == Duty::SubscriberInfo,
            &of_named[..],
            "publishers', subscribers' and subscriber_info",
        ),
        (publishes, &of_publishers[..], "publishers'"),
        (reads, &of_subscribers[..], "subscribers'"),
        (location.role == Duty::Group, &of_groups[..], "groups'"),
        (location.role == Duty::SubscriberInfo, &of_lists[..], "subscriber_info"),
    ];
    let idle = idle.into_iter().filter(|(is_here, _, _)| !is_here);
    let set = idle.flat_map(|(_, options, whose)| options.iter().map(move |option| (option, whose)));
    let says = |((name, is_set), whose): (&(&str, bool), &str)| {
        let path = &location.path;
        is_set
            .then(|| format!("push.location `{path}`: {name} does nothing here, it is for {whose} locations"))
    };
    let lacking = idle_alone(location, reads || publishes);
    set.filter_map(says).chain(lacking).chain(idle_for_sockets(location, reads, publishes)).collect()
}

/// Those that would do something if another option were there.
fn idle_alone(location: &Location, reads_or_publishes: bool) -> Vec<String> {
    let in_no_group = location.group.is_none();
    let tells_nobody = reads_or_publishes && location.channel_events_channel_id.is_none();
    let options = [
        ("group_max_channels", in_no_group && location.group_max_channels > 0, "a group"),
        ("group_max_subscribers", in_no_group && location.group_max_subscribers > 0, "a group"),
        ("group_max_messages", in_no_group && location.group_max_messages > 0, "a group"),
        ("group_max_messages_memory", in_no_group && location.group_max_messages_memory > 0, "a group"),
        (
            "channel_event_string",
            tells_nobody && location.channel_event_string.is_some(),
            "channel_events_channel_id",
        ),
    ];
    let set = options.iter().filter(|(_, is_set, _)| *is_set);
    set.map(|(name, _, lacks)| {
        format!("push.location `{}`: {name} does nothing here without {lacks}", location.path)
    })
    .collect()
}

/// Those that would do something if there were WebSockets.
fn idle_for_sockets(location: &Location, reads: bool, publishes: bool) -> Vec<String> {
    if location.transports.contains(&Transport::Websocket) {
        return Vec::new();
    }
    let both = reads || publishes;
    let options = [
        ("websocket_ping_ms", both && location.websocket_ping_ms.is_some()),
        ("websocket_compression", both && !location.websocket_compression),
        ("websocket_client_heartbeat", publishes && location.websocket_client_heartbeat.is_some()),
    ];
    let set = options.iter().filter(|(_, is_set)| *is_set);
    let says = |name: &str| {
        let path = &location.path;
        format!("push.location `{path}`: {name} does nothing here, its transports have no websocket")
    };
    set.map(|(name, _)| says(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(locations: &str) -> Vec<String> {
        let location: Vec<Location> = serde_json::from_str(locations).expect("locations");
        Push { location }.warnings(&Http::default())
    }

    #[test]
    fn options_at_the_wrong_location_are_told() {
        let said = warnings(
            r#"[{"path": "/sub/{id}", "role": "subscriber", "messages_max": 50, "message_timeout_ms": 5, "websocket_client_heartbeat": ["a", "b"]},
                {"path": "/pub/{id}", "role": "publisher", "concurrency": "last", "timeout_ms": 5, "subscriber_info_string": "{who}"},
                {"path": "/both/{id}", "role": "pubsub", "group_methods": ["get"]},
                {"path": "/told/{id}", "role": "publisher", "last_message_id": [], "subscribe_request": "http://127.0.0.1:9000/came"},
                {"path": "/stub", "role": "stub_status", "store": false, "existing_only": true, "channel_events_channel_id": "x"},
                {"path": "/group/{id}", "role": "group", "group_methods": ["get"], "websocket_ping_ms": 5, "channel_timeout_ms": 5, "websocket_compression": false}]"#,
        );
        let of = |path: &str, name: &str, whose: &str| {
            format!("push.location `{path}`: {name} does nothing here, it is for {whose} locations")
        };
        assert_eq!(
            said,
            [
                of("/sub/{id}", "messages_max", "publishers'"),
                of("/sub/{id}", "message_timeout_ms", "publishers'"),
                of("/sub/{id}", "websocket_client_heartbeat", "publishers'"),
                of("/pub/{id}", "concurrency", "subscribers'"),
                of("/pub/{id}", "timeout_ms", "subscribers'"),
                of("/pub/{id}", "subscriber_info_string", "subscriber_info"),
                of("/both/{id}", "group_methods", "groups'"),
                of("/told/{id}", "last_message_id", "subscribers'"),
                of("/told/{id}", "subscribe_request", "subscribers'"),
                of("/stub", "channel_events_channel_id", "publishers' and subscribers'"),
                of("/stub", "store", "publishers'"),
                of("/stub", "existing_only", "subscribers'"),
                of("/group/{id}", "websocket_ping_ms", "publishers' and subscribers'"),
                of("/group/{id}", "websocket_compression", "publishers' and subscribers'"),
                of("/group/{id}", "channel_timeout_ms", "publishers' and subscribers'"),
            ]
        );
        let polls = r#"[{"path": "/x/{id}", "role": "pubsub", "transports": ["long_poll"], "websocket_compression": false,
            "websocket_ping_ms": 5, "websocket_client_heartbeat": ["a", "b"]}]"#;
        let none = |name: &str| {
            format!("push.location `/x/{{id}}`: {name} does nothing here, its transports have no websocket")
        };
        let names = ["websocket_ping_ms", "websocket_compression", "websocket_client_heartbeat"];
        assert_eq!(warnings(polls), names.map(none));
        assert_eq!(warnings(&polls.replace("long_poll", "websocket")), Vec::<String>::new());
        let both = r#"[{"path": "/x/{id}", "role": "pubsub", "messages_max": 50, "concurrency": "last"}]"#;
        assert_eq!(warnings(both), Vec::<String>::new());
    }

    #[test]
    fn options_that_lack_another_or_a_channel_are_told() {
        let limits = r#""group_max_channels": 1, "group_max_subscribers": 1, "group_max_messages": 1, "group_max_messages_memory": 1"#;
        for (location, wanted) in [
            (
                format!(r#"{{"path": "/x", "role": "publisher", "channels": ["a"], {limits}}}"#),
                &[
                    "group_max_channels does nothing here without a group",
                    "group_max_subscribers does nothing here without a group",
                    "group_max_messages does nothing here without a group",
                    "group_max_messages_memory does nothing here without a group",
                ][..],
            ),
            (format!(r#"{{"path": "/x", "role": "subscriber", "channels": ["a"], "group": "g", {limits}}}"#), &[]),
            // A location for groups is in none.
            (
                r#"{"path": "/x", "role": "group", "group_max_messages": 1}"#.into(),
                &["group_max_messages does nothing here without a group"],
            ),
            (
                r#"{"path": "/x", "role": "pubsub", "channel_event_string": "{event}"}"#.into(),
                &["channel_event_string does nothing here without channel_events_channel_id"],
            ),
            (
                r#"{"path": "/x", "role": "pubsub", "channel_event_string": "{event}", "channel_events_channel_id": "e"}"#
                    .into(),
                &[],
            ),
            (
                r#"{"path": "/x", "role": "subscriber_info", "channel_event_string": "{event}", "transports": ["long_poll"]}"#
                    .into(),
                &[
                    "channel_event_string does nothing here, it is for publishers' and subscribers' locations",
                    "transports does nothing here, it is for publishers' and subscribers' locations",
                ],
            ),
            (r#"{"path": "/x", "role": "subscriber_info", "channels": ["a"], "split": ","}"#.into(), &[]),
            (
                r#"{"path": "/x", "role": "stub_status", "channels": ["a"], "split": ",", "transports": ["long_poll"]}"#.into(),
                &[
                    "transports does nothing here, it is for publishers' and subscribers' locations",
                    "channels does nothing here, it is for publishers', subscribers' and subscriber_info locations",
                    "split does nothing here, it is for publishers', subscribers' and subscriber_info locations",
                ],
            ),
            (
                r#"{"path": "/x", "role": "group", "split": ",", "transports": ["websocket"]}"#.into(),
                &[
                    "transports does nothing here, it is for publishers' and subscribers' locations",
                    "split does nothing here, it is for publishers', subscribers' and subscriber_info locations",
                ],
            ),
            // Whether there are WebSockets.
            (r#"{"path": "/x", "role": "publisher", "transports": ["long_poll"]}"#.into(), &[]),
        ] {
            let wanted: Vec<String> = wanted.iter().map(|words| format!("push.location `/x`: {words}")).collect();
            assert_eq!(warnings(&format!("[{location}]")), wanted, "{location}");
        }
    }

    #[test]
    fn what_the_server_tells_itself_is_not_published() {
        let in_events = |role: &str, group: &str, more: &str| {
            warnings(&format!(r#"[{{"path": "/x/{{id}}", "role": "{role}", "group": "{group}"{more}}}]"#))
        };
        for (role, is_told) in [("publisher", true), ("pubsub", true), ("subscriber", false)] {
            let said = in_events(role, "meta", "");
            assert_eq!(said.len(), usize::from(is_told), "{said:?}");
            assert!(said.iter().all(|words| words.contains("nothing can be published here")), "{said:?}");
            assert_eq!(in_events(role, "metas", ""), Vec::<String>::new());
            assert_eq!(in_events(role, "{id}", ""), Vec::<String>::new());
        }
        let said = in_events("subscriber", "meta", r#", "channel_events_channel_id": "e""#);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("channel_events_channel_id does nothing here"), "{said:?}");
        assert_eq!(
            in_events("subscriber", "a", r#", "channel_events_channel_id": "e""#),
            Vec::<String>::new()
        );
    }

    #[test]
    fn an_address_with_what_nginx_captures_is_told() {
        for option in
            ["authorize_request", "publisher_upstream_request", "subscribe_request", "unsubscribe_request"]
        {
            let of = |target: &str| {
                warnings(&format!(
                    r#"[{{"path": "/x/{{id}}", "role": "pubsub", "{option}": "http://127.0.0.1:1{target}"}}]"#
                ))
            };
            let said = of("/a?id=$1");
            assert_eq!(said.len(), 1, "{said:?}");
            let wanted = format!(
                "push.location `/x/{{id}}`: {option} asks for /a?id=$1 word for word, with a `$` and a digit: what"
            );
            assert!(said[0].starts_with(&wanted), "{said:?}");
            assert_eq!(of("/a?id=$"), Vec::<String>::new());
        }
    }

    #[test]
    fn a_location_behind_another_of_its_path_is_told() {
        for (locations, wanted) in [
            (r#"[{"path": "/s/{id}", "role": "subscriber"}, {"path": "/s/{x}", "role": "subscriber"}]"#, 1),
            (
                r#"[{"path": "/s/{id}", "role": "subscriber"}, {"path": "/s/news?c=", "role": "subscriber"}]"#,
                1,
            ),
            (
                r#"[{"path": "/s/news?c=", "role": "subscriber"}, {"path": "/s/{id}", "role": "subscriber"}]"#,
                0,
            ),
            // On two sides, one path is two places.
            (r#"[{"path": "/s/{id}", "role": "subscriber"}, {"path": "/s/{id}", "role": "publisher"}]"#, 0),
            (
                r#"[{"path": "/s/{id}", "role": "subscriber"}, {"path": "/s/{id}", "role": "publisher"},
                    {"path": "/s/{id}", "role": "pubsub", "on": ["front", "admin"]}]"#,
                1,
            ),
        ] {
            let said = warnings(locations);
            assert_eq!(said.len(), wanted, "{locations}: {said:?}");
            assert!(said.iter().all(|words| words.contains("is never reached")), "{said:?}");
        }
    }
}
