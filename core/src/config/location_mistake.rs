//! What is wrong with a location, and which of its options says so. What an option may be for itself is looked at where it is read.
//! Knows nothing of files.
use std::fmt;

use super::location::Location;
use super::location_path::Template;
use super::push::Duty;

/// Something that cannot be meant, in an option of a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    option: &'static str,
    words: String,
}

impl Mistake {
    /// It, in words for the administrator.
    pub(super) fn new(option: &'static str, words: impl Into<String>) -> Self {
        Self { option, words: words.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.option, self.words)
    }
}

impl Location {
    /// The first that is to be found.
    pub(super) fn check(&self) -> Result<(), Mistake> {
        let path = &self.path;
        let wrong = |option, words: String| Err(Mistake::new(option, words));
        self.check_templates()?;
        if !self.publisher_channels.is_empty() && self.role != Duty::Pubsub {
            return wrong(
                "publisher_channels",
                format!("`{path}`: publisher_channels are for role = \"pubsub\""),
            );
        }
        if self.role == Duty::Group && (path.names().count() != 1 || !self.channels.is_empty()) {
            let option = if self.channels.is_empty() { "path" } else { "channels" };
            return wrong(option, format!("`{path}` names no group: write /group/{{id}} or /group?id="));
        }
        let is_for_none = matches!(self.role, Duty::Group | Duty::StubStatus | Duty::SubscriberInfo);
        if let Some((option, _)) = self.named_upstreams().next().filter(|_| is_for_none) {
            return wrong(
                option,
                format!("`{path}`: applications are asked about publishers and subscribers only"),
            );
        }
        self.check_strings()?;
        if self.role != Duty::StubStatus && self.channels.is_empty() && path.names().next().is_none() {
            return wrong(
                "path",
                format!("`{path}` names no channel: write /sub/{{id}}, /sub?id=, or channels"),
            );
        }
        self.check_wording()?;
        self.check_pages()?;
        if self.group.as_ref().is_some_and(Template::has_slash) {
            let words = format!("`{path}` has a slash in its group: it ends where the first one is");
            return wrong("group", words);
        }
        if self.transports.is_empty() {
            return wrong("transports", format!("`{path}` has no transports"));
        }
        Ok(())
    }

    /// What is wrong with what is made of what the path names.
    fn check_templates(&self) -> Result<(), Mistake> {
        let path = &self.path;
        let channels = self.channels.iter().map(|one| ("channels", one));
        let published = self.publisher_channels.iter().map(|one| ("publisher_channels", one));
        let group = self.group.iter().map(|one| ("group", one));
        let events = self.channel_events_channel_id.iter().map(|one| ("channel_events_channel_id", one));
        for (option, template) in channels.chain(published).chain(group).chain(events) {
            if let Some(unknown) = template.names().find(|name| !path.names().any(|n| n == *name)) {
                return Err(Mistake::new(option, format!("the path `{path}` names no `{unknown}`")));
            }
            if template.has_capture() {
                let words = format!(
                    "`{path}` has a variable of nginx, such as $1, in an id or a group: write {{name}} for what the path names"
                );
                return Err(Mistake::new(option, words));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(json: &str) -> Result<Location, String> {
        let location: Location = serde_json::from_str(json).map_err(|e| e.to_string())?;
        location.check().map(|()| location).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn what_cannot_work_is_named() {
        for (json, words) in [
            (r#"{"path": "/p", "role": "publisher"}"#, "names no channel"),
            (r#"{"path": "/p/{a}", "role": "publisher", "channels": ["{b}"]}"#, "names no `b`"),
            (r#"{"path": "/p?id=", "role": "publisher", "transports": []}"#, "no transports"),
            (r#"{"path": "/p?id=", "role": "publisher", "first_message": "last"}"#, "no first message"),
            (r#"{"path": "/p?id=", "role": "sub"}"#, "unknown variant"),
            (r#"{"role": "publisher"}"#, "missing field `path`"),
            (r#"{"path": "/g/{a}/{b}", "role": "group"}"#, "names no group"),
            (r#"{"path": "/g/{a}", "role": "group", "authorize_request": "http://a/"}"#, "subscribers only"),
            (r#"{"path": "/i", "role": "subscriber_info"}"#, "names no channel"),
            (r#"{"path": "/p/{a}", "role": "pubsub", "publisher_channels": ["{b}"]}"#, "names no `b`"),
            (r#"{"path": "/p/{a}", "role": "publisher", "publisher_channels": ["{a}"]}"#, "are for role"),
            (r#"{"path": "/p/{a}", "role": "publisher", "group": "a/b"}"#, "a slash in its group"),
            (r#"{"path": "/p/{a}", "role": "publisher", "group": "{b}"}"#, "names no `b`"),
            (r#"{"path": "/p/{a}", "role": "publisher", "channel_event_string": "{id}"}"#, "and no `id`"),
            (r#"{"path": "/p", "role": "publisher", "channels": ["$arg_id"]}"#, "write {name}"),
            (r#"{"path": "/p", "role": "publisher", "channels": ["$1"]}"#, "write {name}"),
            (r#"{"path": "/p/{a}", "role": "publisher", "channels": ["user-$1-{a}"]}"#, "write {name}"),
            (r#"{"path": "/p/{a}", "role": "pubsub", "publisher_channels": ["{a}$2"]}"#, "write {name}"),
            (r#"{"path": "/p/{a}", "role": "publisher", "group": "$1"}"#, "write {name}"),
            (r#"{"path": "/p/{a}", "role": "pubsub", "channel_events_channel_id": "$1"}"#, "write {name}"),
            (
                r#"{"path": "/p/{a}", "role": "pubsub", "eventsource_event": "$arg_e"}"#,
                "its eventsource_event",
            ),
            (r#"{"path": "/p/{a}", "role": "pubsub", "eventsource_ping_event": "${e}"}"#, "ping_event"),
            (r#"{"path": "/p/{a}", "role": "pubsub", "eventsource_ping_data": "now $msec"}"#, "ping_data"),
            (r#"{"path": "/p/{a}", "role": "pubsub", "eventsource_ping_comment": "$pid"}"#, "ping_comment"),
            (
                r#"{"path": "/p/{a}", "role": "pubsub", "websocket_client_heartbeat": ["a", "b", "c"]}"#,
                "expected a list of two texts",
            ),
            (
                r#"{"path": "/p/{a}", "role": "pubsub", "websocket_client_heartbeat": ["a"]}"#,
                "expected a list of two texts",
            ),
            (r#"{"path": "/p/{a}", "role": "publisher", "authorize_request": "https://a/"}"#, "TLS"),
            (
                r#"{"path": "/p/{a}", "role": "pubsub", "split": "$arg_x"}"#,
                "a variable of nginx in its split: expected what is to stand between two ids, word for word",
            ),
            (r#"{"path": "/p/{a}", "role": "pubsub", "split": "$1"}"#, "a variable of nginx in its split"),
            (
                r#"{"path": "/p/{a}", "role": "pubsub", "last_message_id": [{}]}"#,
                r#"expected { header = "NAME" } or { argument = "NAME" }"#,
            ),
            (
                r#"{"path": "/p/{a}", "role": "pubsub", "last_message_id": [{"argument": ""}]}"#,
                "an argument without a name, in its last_message_id",
            ),
            (
                r#"{"path": "/p/{a}", "role": "pubsub", "last_message_id": ["$arg_x"]}"#,
                r#"expected { header = "NAME" } or { argument = "NAME" }"#,
            ),
            (
                r#"{"path": "/p/{a}", "role": "pubsub", "last_message_id": [{"header": "a", "argument": "b"}]}"#,
                r#"expected { header = "NAME" } or { argument = "NAME" }"#,
            ),
            (
                r#"{"path": "/p/{a}", "role": "pubsub", "last_message_id": [{"cookie": "a"}]}"#,
                r#"expected { header = "NAME" } or { argument = "NAME" }"#,
            ),
        ] {
            let refused = location(json).expect_err(json);
            assert!(refused.contains(words), "{refused}");
        }
        for json in [
            r#"{"path": "/news", "role": "subscriber", "channels": ["news"]}"#,
            r#"{"path": "/p/{a}", "role": "pubsub", "eventsource_ping_data": "$5", "channel_event_string": "$5 {event}"}"#,
            r#"{"path": "/p/{a}", "role": "pubsub", "websocket_client_heartbeat": ["ping", "pong"]}"#,
            r#"{"path": "/p/{a}", "role": "pubsub", "split": "$"}"#,
        ] {
            let fine = location(json);
            assert!(fine.is_ok(), "{fine:?}");
        }
    }

    #[test]
    fn the_option_that_is_wrong_is_named() {
        for (role, more, option) in [
            ("publisher", r#""channels": ["a", "{b}"]"#, "channels"),
            ("pubsub", r#""publisher_channels": ["$1"]"#, "publisher_channels"),
            ("publisher", r#""publisher_channels": ["{a}"]"#, "publisher_channels"),
            ("publisher", r#""group": "{b}""#, "group"),
            ("publisher", r#""group": "a/b""#, "group"),
            ("publisher", r#""channel_events_channel_id": "$1""#, "channel_events_channel_id"),
            ("publisher", r#""channel_event_string": "{id}""#, "channel_event_string"),
            ("publisher", r#""content_type": "a\nb""#, "content_type"),
            ("subscriber", r#""subscriber_info_string": "{event}""#, "subscriber_info_string"),
            ("subscriber", r#""eventsource_ping_data": "now $msec""#, "eventsource_ping_data"),
            ("subscriber", r#""eventsource_ping_ms": 1"#, "eventsource_ping_ms"),
            ("subscriber", r#""last_message_id": [{"header": ""}]"#, "last_message_id"),
            ("subscriber", r#""message_id_custom_etag_header": "date""#, "message_id_custom_etag_header"),
            (
                "subscriber",
                r#""access_control_allow_origin": "*", "access_control_allow_credentials": true"#,
                "access_control_allow_credentials",
            ),
            ("subscriber", r#""transports": []"#, "transports"),
            ("subscriber", r#""split": "${x}""#, "split"),
            ("group", r#""channels": ["a"]"#, "channels"),
            ("group", r#""unsubscribe_request": "http://a/""#, "unsubscribe_request"),
        ] {
            let why =
                location(&format!(r#"{{"path": "/x/{{a}}", "role": "{role}", {more}}}"#)).expect_err(more);
            assert!(why.starts_with(&format!("{option}: ")), "{more}: {why}");
        }
        for role in ["publisher", "group"] {
            let why = location(&format!(r#"{{"path": "/x", "role": "{role}"}}"#)).expect_err(role);
            assert!(why.starts_with("path: "), "{why}");
        }
    }
}
