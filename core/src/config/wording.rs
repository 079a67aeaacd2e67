//! What a location has said around messages besides what its transports want: an event, a separator, ids, pings.
//! Knows nothing of messages.
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::heartbeat::Heartbeat;
use super::location::Location;
use super::location_mistake::Mistake;
use super::location_path::{has_capture, has_variable, is_argument};
use super::push::Push;

/// Bytes of each text of a location that is repeated around messages.
pub const TEXT_BYTES_MAX: usize = 255;
/// Milliseconds between signs of life, at least: more often they would be what the server does.
const PING_MS_MIN: u64 = 1_000;

/// Texts that all who read at a location get around their messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// The event that every message is to event sources; empty for each message's own.
    pub event: Cow<'static, str>,
    /// What stands behind each message of a raw stream.
    pub separator: Cow<'static, str>,
    /// The whole id in one field, and no `Last-Modified`.
    pub is_compound: bool,
    /// The field of an answer that says the tag, or the whole id.
    pub id_field: Cow<'static, str>,
    /// What event sources are sent when nothing has happened for a while.
    pub ping: Cow<'static, str>,
    /// Milliseconds of that while; 0 for that of all dialects.
    pub ping_ms: u64,
}

/// What is said where nothing else was chosen.
pub static USUAL: Wording = Wording {
    event: Cow::Borrowed(""),
    separator: Cow::Borrowed("\n"),
    is_compound: false,
    id_field: Cow::Borrowed("Etag"),
    ping: Cow::Borrowed(":\n\n"),
    ping_ms: 0,
};

/// Which wording: 0 for the usual one, else a place in [`Wordings`], counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WordingId(u32);

/// All wordings that there have been since the start: who began to read before the configuration was read again goes on in
/// the one that it began with. It grows by what is new in a configuration, and by nothing else.
#[derive(Clone, Debug, Default)]
pub struct Wordings(Vec<Arc<Wording>>);

impl Wordings {
    /// Gives each location its wording.
    pub fn give(&mut self, push: &mut Push) {
        for location in &mut push.location {
            location.wording = self.id_of(location.wording());
        }
    }

    fn id_of(&mut self, wording: Wording) -> WordingId {
        if wording == USUAL {
            return WordingId::default();
        }
        let place = self.0.iter().position(|known| **known == wording).unwrap_or_else(|| {
            self.0.push(Arc::new(wording));
            self.0.len() - 1
        });
        WordingId(u32::try_from(place + 1).unwrap_or(0))
    }

    /// The wording of this place; `None` for the usual one.
    pub fn get(&self, id: WordingId) -> Option<&Arc<Wording>> {
        self.0.get((id.0 as usize).checked_sub(1)?)
    }
}

/// Where a subscriber's place may be named.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "IdSourceText")]
pub enum IdSource {
    /// A field of the request.
    Header(String),
    /// An argument of its query.
    Argument(String),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected { header = \"NAME\" } or { argument = \"NAME\" }, each for itself"
)]
enum IdSourceText {
    Header { header: String },
    Argument { argument: String },
}

impl From<IdSourceText> for IdSource {
    fn from(text: IdSourceText) -> Self {
        match text {
            IdSourceText::Header { header } => Self::Header(header),
            IdSourceText::Argument { argument } => Self::Argument(argument),
        }
    }
}

/// A list of them. Who writes one without the brackets is told of both.
pub(super) fn id_sources<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IdSource>, D::Error> {
    struct Sources;
    impl<'de> Visitor<'de> for Sources {
        type Value = Vec<IdSource>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list such as [{ header = \"NAME\" }, { argument = \"NAME\" }]")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            let mut sources = Vec::new();
            while let Some(source) = all.next_element()? {
                sources.push(source);
            }
            Ok(sources)
        }
    }
    from.deserialize_seq(Sources)
}

impl IdSource {
    /// Where it is named if nothing is said (`nchan_subscriber_last_message_id`).
    pub fn usual() -> Vec<Self> {
        vec![Self::Header("Last-Event-ID".into()), Self::Argument("last_event_id".into())]
    }
}

impl Location {
    /// The fields of a request in which a reader may name a place, beyond the validators of HTTP.
    pub fn id_fields(&self) -> impl Iterator<Item = &str> {
        let asked = self.last_message_id.iter().filter_map(|source| match source {
            IdSource::Header(name) => Some(name.as_str()),
            IdSource::Argument(_) => None,
        });
        let own = Some(self.message_id_custom_etag_header.as_str()).filter(|name| !name.is_empty());
        asked.chain(own)
    }

    /// What is said around messages here.
    pub fn wording(&self) -> Wording {
        let mut separator = self.raw_stream_separator.clone();
        // Nchan ends it with a line, unless there is none.
        if !separator.is_empty() && !separator.ends_with('\n') {
            separator.push('\n');
        }
        let mut ping = String::new();
        for (name, text) in [
            (":", &self.eventsource_ping_comment),
            ("event: ", &self.eventsource_ping_event),
            ("data: ", &self.eventsource_ping_data),
        ] {
            if !text.is_empty() {
                ping.extend([name, text, "\n"]);
            }
        }
        if ping.is_empty() {
            ping.push_str(":\n");
        }
        ping.push('\n');
        let id_field = &self.message_id_custom_etag_header;
        Wording {
            event: self.eventsource_event.clone().into(),
            separator: separator.into(),
            is_compound: self.compound_etag_message_id,
            id_field: if id_field.is_empty() { "Etag".into() } else { id_field.clone().into() },
            ping: ping.into(),
            ping_ms: self.eventsource_ping_ms,
        }
    }

    /// What is wrong with the texts of a location, each of which stands in a line, or in the head of an answer.
    pub(super) fn check_wording(&self) -> Result<(), Mistake> {
        let path = &self.path;
        let wrong = |option, words: String| Err(Mistake::new(option, words));
        for (name, text) in [
            ("content_type", &self.content_type),
            ("eventsource_event", &self.eventsource_event),
            ("eventsource_ping_event", &self.eventsource_ping_event),
            ("eventsource_ping_data", &self.eventsource_ping_data),
            ("eventsource_ping_comment", &self.eventsource_ping_comment),
        ] {
            if text.chars().any(char::is_control) {
                return wrong(name, format!("`{path}` has a control character in its {name}"));
            }
            if text.len() > TEXT_BYTES_MAX {
                return wrong(name, format!("`{path}` has more than {TEXT_BYTES_MAX} bytes in its {name}"));
            }
            // It would be said word for word.
            if has_variable(text) {
                let words =
                    format!("`{path}` has a variable of nginx in its {name}: expected what is to be said");
                return wrong(name, words);
            }
        }
        if has_variable(&self.raw_stream_separator) || has_capture(&self.raw_stream_separator) {
            let words = format!(
                "`{path}` has a variable of nginx in its raw_stream_separator: expected what is to stand behind each message, word for word"
            );
            return wrong("raw_stream_separator", words);
        }
        if has_variable(&self.split) || has_capture(&self.split) {
            let words = format!(
                "`{path}` has a variable of nginx in its split: expected what is to stand between two ids, word for word"
            );
            return wrong("split", words);
        }
        if self.raw_stream_separator.len() > TEXT_BYTES_MAX {
            let words = format!("`{path}` has more than {TEXT_BYTES_MAX} bytes in its raw_stream_separator");
            return wrong("raw_stream_separator", words);
        }
        let heartbeat = self.websocket_client_heartbeat.iter();
        for text in heartbeat.flat_map(|Heartbeat { asks, answers }| [asks, answers]) {
            if has_variable(text) || has_capture(text) {
                let words = format!(
                    "`{path}` has a variable of nginx in its websocket_client_heartbeat: expected what is sent and what it is answered \
                     with, word for word"
                );
                return wrong("websocket_client_heartbeat", words);
            }
        }
        if self.eventsource_ping_ms > 0 && self.eventsource_ping_ms < PING_MS_MIN {
            let words = format!("`{path}` pings more than once in {PING_MS_MIN} ms");
            return wrong("eventsource_ping_ms", words);
        }
        for source in &self.last_message_id {
            let (IdSource::Header(name) | IdSource::Argument(name)) = source;
            if has_variable(name) || has_capture(name) {
                let words = format!(
                    "`{path}` has a variable of nginx in its last_message_id: expected the name of a field or an argument, word for word"
                );
                return wrong("last_message_id", words);
            }
            if let IdSource::Argument(name) = source
                && (!is_argument(name) || name.len() > TEXT_BYTES_MAX)
            {
                let words = if name.is_empty() {
                    format!("`{path}`: an argument without a name, in its last_message_id")
                } else {
                    format!(
                        "`{path}`: `{name}` is no name of an argument, in its last_message_id: expected one such as last_event_id"
                    )
                };
                return wrong("last_message_id", words);
            }
        }
        let of_requests = self.last_message_id.iter().filter_map(|source| match source {
            IdSource::Header(name) => Some(("last_message_id", name)),
            IdSource::Argument(_) => None,
        });
        let own = Some(("message_id_custom_etag_header", &self.message_id_custom_etag_header));
        for (option, name) in of_requests.chain(own.filter(|(_, name)| !name.is_empty())) {
            // RFC 9110, section 5.6.2: a token.
            let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
            if name.is_empty() || name.len() > TEXT_BYTES_MAX || !name.bytes().all(is_token) {
                return wrong(option, format!("`{path}`: `{name}` is no name of a field, in its {option}"));
            }
        }
        const TAKEN: [&str; 7] = [
            "content-length",
            "content-type",
            "transfer-encoding",
            "connection",
            "date",
            "last-modified",
            "set-cookie",
        ];
        let own = self.message_id_custom_etag_header.to_ascii_lowercase();
        if TAKEN.contains(&own.as_str()) {
            let words = format!("`{path}`: `{own}` means something else, and can be no message's id");
            return wrong("message_id_custom_etag_header", words);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(more: &str) -> Location {
        let json = format!(r#"{{"path": "/s/{{id}}", "role": "subscriber"{more}}}"#);
        serde_json::from_str(&json).expect("a location")
    }

    #[test]
    fn what_says_nothing_has_the_usual_wording() {
        assert_eq!(location("").wording(), USUAL);
        let (mut wordings, mut push) = (Wordings::default(), Push::default());
        wordings.give(&mut push);
        assert!(push.location.iter().all(|location| location.wording == WordingId::default()));
    }

    #[test]
    fn a_wording_that_was_given_stays_what_it_was() {
        let mut wordings = Wordings::default();
        let mut push = Push { location: vec![location(r#", "eventsource_event": "a""#), location("")] };
        wordings.give(&mut push);
        let first = push.location[0].wording;
        push.location[0].eventsource_event = "b".into();
        wordings.give(&mut push);
        let second = push.location[0].wording;
        let event = |id| wordings.get(id).map(|wording| wording.event.to_string());
        assert_eq!((event(first), event(second)), (Some("a".into()), Some("b".into())));
        push.location[0].eventsource_event = "a".into();
        wordings.give(&mut push);
        assert_eq!((push.location[0].wording, wordings.0.len()), (first, 2));
    }

    #[test]
    fn a_separator_ends_its_line_unless_there_is_none() {
        for (said, wanted) in
            [("--", "--\n"), ("", ""), ("\n\n", "\n\n"), ("\u{1e}", "\u{1e}\n"), ("$$ $", "$$ $\n")]
        {
            let location = Location { raw_stream_separator: said.into(), ..location("") };
            assert_eq!(location.wording().separator, wanted, "{said:?}");
            assert_eq!(location.check_wording(), Ok(()), "{said:?}");
        }
    }

    #[test]
    fn where_a_place_may_be_named_is_a_list() {
        let read = |more: &str| {
            let json = format!(r#"{{"path": "/s/{{id}}", "role": "subscriber", "last_message_id": {more}}}"#);
            let location: Location = serde_json::from_str(&json).map_err(|why| why.to_string())?;
            location.check_wording().map(|()| location.last_message_id).map_err(|why| why.to_string())
        };
        for one in [r#"{"header": "X-Y"}"#, r#""$arg_x""#, "3"] {
            let why = read(one).expect_err(one);
            let wanted = r#"expected a list such as [{ header = "NAME" }, { argument = "NAME" }]"#;
            assert!(why.contains(wanted), "{why}");
        }
        assert_eq!(
            read(r#"[{"argument": "a.b[c]$"}, {"header": "X-Y"}]"#),
            Ok(vec![IdSource::Argument("a.b[c]$".into()), IdSource::Header("X-Y".into())])
        );
        assert_eq!(read("[]"), Ok(Vec::new()));
        assert!(read(&format!(r#"[{{"argument": "{}"}}]"#, "x".repeat(TEXT_BYTES_MAX + 1))).is_err());
    }

    #[test]
    fn what_cannot_be_said_is_named() {
        for (more, words) in [
            (r#", "eventsource_event": "a\nb""#, "control character in its eventsource_event"),
            (r#", "eventsource_ping_data": "a\rb""#, "control character in its eventsource_ping_data"),
            (r#", "raw_stream_separator": "-- $1 --""#, "variable of nginx in its raw_stream_separator"),
            (r#", "raw_stream_separator": "$request_id""#, "variable of nginx in its raw_stream_separator"),
            (r#", "raw_stream_separator": "a${b}""#, "expected what is to stand behind each message"),
            (r#", "eventsource_ping_ms": 10"#, "more than once in 1000 ms"),
            (r#", "message_id_custom_etag_header": "a b""#, "no name of a field"),
            (r#", "message_id_custom_etag_header": "Content-Length""#, "means something else"),
            (r#", "last_message_id": [{"header": ""}]"#, "no name of a field"),
            (r#", "last_message_id": [{"argument": " "}]"#, "` ` is no name of an argument"),
            (r#", "last_message_id": [{"argument": "a=b"}]"#, "`a=b` is no name of an argument"),
            (r#", "last_message_id": [{"argument": "a&b"}]"#, "expected one such as last_event_id"),
            (r#", "last_message_id": [{"argument": "%20"}]"#, "is no name of an argument"),
            (r#", "last_message_id": [{"argument": "$arg_x"}]"#, "variable of nginx in its last_message_id"),
            (r#", "last_message_id": [{"argument": "$1"}]"#, "expected the name of a field or an argument"),
            (r#", "last_message_id": [{"header": "$http_x"}]"#, "variable of nginx in its last_message_id"),
            (
                r#", "websocket_client_heartbeat": ["ping", "$msec"]"#,
                "variable of nginx in its websocket_client_heartbeat",
            ),
            (r#", "websocket_client_heartbeat": ["$5", "pong"]"#, "expected what is sent and what"),
        ] {
            let why = location(more).check_wording().expect_err(more).to_string();
            assert!(why.contains(words), "{more}: {why}");
        }
        for (length, is_ok) in [(TEXT_BYTES_MAX, true), (TEXT_BYTES_MAX + 1, false)] {
            let text = "x".repeat(length);
            let separated = Location { raw_stream_separator: text.clone(), ..location("") };
            let named = Location { eventsource_event: text, ..location("") };
            for one in [separated, named] {
                assert_eq!(one.check_wording().is_ok(), is_ok, "{length}");
            }
        }
    }
}
