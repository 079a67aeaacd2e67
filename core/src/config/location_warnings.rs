//! What of the push module's locations works, but cannot be meant: options that do nothing where they stand, and locations that
//! nobody can reach.
//! Knows nothing of what is asked there.
use super::Http;
use super::location::Location;
use super::push::{Duty, Push};
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
        idle.chain(pages).chain(unreached).collect()
    }
}

/// Options that are set at a location and do nothing there.
fn idle_options(location: &Location) -> Vec<String> {
    let usual = Location::new(location.path.clone(), location.role);
    let of_groups = [("group_methods", location.group_methods != usual.group_methods)];
    let of_both = [
        ("websocket_ping_ms", location.websocket_ping_ms.is_some()),
        ("channel_timeout_ms", location.channel_timeout_ms != usual.channel_timeout_ms),
    ];
    let of_publishers = [
        ("messages_max", location.messages_max != usual.messages_max),
        ("message_timeout_ms", location.message_timeout_ms != usual.message_timeout_ms),
        ("store", location.store != usual.store),
        ("content_type", location.content_type != usual.content_type),
        ("publisher_upstream_request", location.publisher_upstream_request.is_some()),
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
    ];
    let (idle, whose) = match location.role {
        Duty::Subscriber => (&of_publishers[..], "publishers'"),
        Duty::Publisher => (&of_subscribers[..], "subscribers'"),
        Duty::Group | Duty::StubStatus | Duty::SubscriberInfo => {
            (&of_both[..], "publishers' and subscribers'")
        }
        Duty::Pubsub => (&[][..], ""),
    };
    let elsewhere = of_groups.iter().filter(|_| location.role != Duty::Group).map(|one| (one, "groups'"));
    let set = idle.iter().map(|one| (one, whose)).chain(elsewhere).filter(|((_, is_set), _)| *is_set);
    let says = |((name, _), whose): (&(&str, bool), &str)| {
        format!("push.location `{}`: {name} does nothing here, it is for {whose} locations", location.path)
    };
    set.map(says).collect()
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
            r#"[{"path": "/sub/{id}", "role": "subscriber", "messages_max": 50, "message_timeout_ms": 5},
                {"path": "/pub/{id}", "role": "publisher", "concurrency": "last", "timeout_ms": 5},
                {"path": "/both/{id}", "role": "pubsub", "group_methods": ["get"]},
                {"path": "/group/{id}", "role": "group", "group_methods": ["get"], "websocket_ping_ms": 5, "channel_timeout_ms": 5}]"#,
        );
        let of = |path: &str, name: &str, whose: &str| {
            format!("push.location `{path}`: {name} does nothing here, it is for {whose} locations")
        };
        assert_eq!(
            said,
            [
                of("/sub/{id}", "messages_max", "publishers'"),
                of("/sub/{id}", "message_timeout_ms", "publishers'"),
                of("/pub/{id}", "concurrency", "subscribers'"),
                of("/pub/{id}", "timeout_ms", "subscribers'"),
                of("/both/{id}", "group_methods", "groups'"),
                of("/group/{id}", "websocket_ping_ms", "publishers' and subscribers'"),
                of("/group/{id}", "channel_timeout_ms", "publishers' and subscribers'"),
            ]
        );
        let both = r#"[{"path": "/x/{id}", "role": "pubsub", "messages_max": 50, "concurrency": "last"}]"#;
        assert_eq!(warnings(both), Vec::<String>::new());
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
