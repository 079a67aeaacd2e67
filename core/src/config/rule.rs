//! Who may do something in Bayeux: at which channels, and by which listeners.
//! Knows nothing of sessions, nor of where anybody listens.
use std::fmt;
use std::net::SocketAddr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::bayeux::NamePattern;

/// A channel or a set of them, for whoever comes in by some of the public side's listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is about.
    pub channel: NamePattern,
    /// The listeners that it holds for; all when none is named.
    pub listeners: Vec<ListenerAddress>,
}

impl Rule {
    /// Whether it holds for who came in by the listener at this address; `None` is one that nobody can name.
    pub fn holds_at(&self, listener: Option<&str>) -> bool {
        self.listeners.is_empty() || self.listeners.iter().any(|own| Some(own.as_str()) == listener)
    }
}

impl TryFrom<String> for Rule {
    type Error = String;
    /// One that holds for all listeners.
    fn try_from(text: String) -> Result<Self, String> {
        Ok(Self { channel: text.try_into()?, listeners: Vec::new() })
    }
}

/// A rule that names its listeners, as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Narrow {
    channel: NamePattern,
    listeners: Vec<ListenerAddress>,
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrTable)
    }
}

struct TextOrTable;

impl<'de> Visitor<'de> for TextOrTable {
    type Value = Rule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a channel such as \"/chat/**\", or { channel = \"/chat/**\", listeners = [\"127.0.0.1:8100\"] }",
        )
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Rule, E> {
        Rule::try_from(text.to_owned()).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Rule, A::Error> {
        let Narrow { channel, listeners } = Narrow::deserialize(MapAccessDeserializer::new(map))?;
        if listeners.is_empty() {
            // All of them, or none? Nobody should have to guess who may do something.
            return Err(serde::de::Error::custom(
                "listeners = []: expected at least one address of server.front; a channel by itself is for all of them",
            ));
        }
        Ok(Rule { channel, listeners })
    }
}

/// The address of a listener, as it is written where that is configured.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct ListenerAddress(String);

impl ListenerAddress {
    /// The address, in the one way in which it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ListenerAddress {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text.strip_prefix("unix:").is_some_and(|path| path.starts_with('/')) {
            return Ok(Self(text));
        }
        // Addresses are written in more than one way, and compared as they are shown. Port 0 becomes another one.
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() != 0 => Ok(Self(address.to_string())),
            _ => Err(format!(
                "`{text}` is no address of a listener: expected one of server.front, with its port, such as 127.0.0.1:8100 or \
                 unix:/run/rcomet.sock"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(list: &str) -> Result<Vec<Rule>, String> {
        serde_json::from_str(&format!("[{list}]")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_is_for_all_listeners_or_for_those_it_names() {
        let all = &rules("\"/a/*\"").expect("a rule")[0];
        assert!(all.holds_at(Some("127.0.0.1:8100")) && all.holds_at(None));
        let list = "{\"channel\": \"/a/*\", \"listeners\": [\"[0:0::1]:81\", \"unix:/run/a.sock\"]}";
        let some = &rules(list).expect("a rule")[0];
        assert_eq!(some.channel, all.channel);
        assert!(some.holds_at(Some("[::1]:81")) && some.holds_at(Some("unix:/run/a.sock")));
        assert!(!some.holds_at(Some("[::1]:82")) && !some.holds_at(None));
    }

    #[test]
    fn what_is_no_rule_is_said_with_what_would_be() {
        for (bad, wanted) in [
            ("1", "expected a channel such as"),
            ("\"a\"", "`a` is no channel of Bayeux's: expected"),
            ("{\"channel\": \"/a\"}", "missing field `listeners`"),
            ("{\"channel\": \"/a\", \"listeners\": []}", "expected at least one address of server.front"),
            (
                "{\"channel\": \"/a\", \"listeners\": [\"front\"]}",
                "`front` is no address of a listener: expected",
            ),
            (
                "{\"channel\": \"/a\", \"listeners\": [\"1.2.3.4:0\"]}",
                "is no address of a listener: expected",
            ),
            ("{\"channel\": \"/a\", \"listener\": [\"1.2.3.4:5\"]}", "unknown field `listener`"),
        ] {
            let said = rules(bad).expect_err(bad);
            assert!(said.contains(wanted), "{bad}: {said}");
        }
    }
}
