//! One message as a client sends it, and a request's worth of them (`protocols/bayeux.md`, section 2). What is only
//! carried through is not looked into.
//! Knows nothing of sessions.
use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::time::Moment;

/// Bytes of a number that is repeated in a reply.
const NUMBER_BYTES_MAX: usize = 32;

/// Bytes of an `id` or `subscription` that are repeated in a reply.
const ECHO_BYTES_MAX: usize = 256;

/// One message. Where a field is sent twice, the last counts, as for every parser of JavaScript.
#[derive(Debug, Default)]
pub struct Message<'r> {
    /// Where it goes, if that is a string.
    pub channel: Option<Cow<'r, str>>,
    /// The sender's own number or name for it, repeated in the reply as it came.
    pub id: Option<&'r RawValue>,
    /// The session. Numbers, which some servers gave out, are none of ours.
    pub client_id: Option<Cow<'r, str>>,
    /// What is published.
    pub data: Option<&'r RawValue>,
    /// What is (un)subscribed: a string or an array of them.
    pub subscription: Option<&'r RawValue>,
    /// The least version that the sender can speak.
    pub minimum_version: Option<Cow<'r, str>>,
    /// Its transports.
    pub connection_types: Option<&'r RawValue>,
    /// The transport of a connect.
    pub connection_type: Option<Cow<'r, str>>,
    /// What it asks of this connect.
    pub advice: Option<&'r RawValue>,
    /// What extensions have to say.
    pub ext: Option<&'r RawValue>,
}

/// A client's clock beside ours (`protocols/bayeux.md`, section 16).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timesync {
    /// Its time when it sent the message, as JSON.
    pub sent: Box<str>,
    /// Ours when it came, in milliseconds since 1970.
    pub unix_ms: u64,
    /// How far its idea of our time was off, if it has one.
    pub off_ms: Option<i64>,
    /// When it came.
    pub at: Moment,
}

/// Why a request is no batch of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoBatch {
    /// It is not JSON, or neither an array nor an object.
    Json,
    /// More is nested than `bayeux_json_depth_max`.
    Depth,
    /// More than `bayeux_batch_messages_max`.
    Length,
    /// There is nothing in it.
    Empty,
}

/// Reads the messages of a request, in order; `None` stands for an element that is no object.
///
/// # Errors
/// [`NoBatch`], when there is no telling what was meant.
pub fn read<'r>(
    texts: impl Iterator<Item = &'r str>,
    messages_max: usize,
    depth_max: usize,
) -> Result<Vec<Option<Message<'r>>>, NoBatch> {
    let mut batch = Vec::new();
    for text in texts {
        if depth(text) > depth_max {
            return Err(NoBatch::Depth);
        }
        match text.trim_ascii_start().bytes().next() {
            Some(b'[') => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| NoBatch::Json)?;
                if batch.len() + elements.len() > messages_max {
                    return Err(NoBatch::Length);
                }
                batch.extend(elements.into_iter().map(|element| serde_json::from_str(element.get()).ok()));
            }
            Some(b'{') => {
                if batch.len() >= messages_max {
                    return Err(NoBatch::Length);
                }
                batch.push(Some(serde_json::from_str(text).map_err(|_| NoBatch::Json)?));
            }
            _ => return Err(NoBatch::Json),
        }
    }
    if batch.is_empty() { Err(NoBatch::Empty) } else { Ok(batch) }
}

/// How deep arrays and objects are nested in a text that may be JSON.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for c in text.bytes() {
        if in_string {
            match c {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match c {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl<'r> Message<'r> {
    /// The `id`, when it is a string or a number and short enough to be repeated.
    pub fn echo(&self) -> Option<&'r str> {
        let text = self.id?.get();
        let is_scalar = !text.starts_with(['[', '{', 't', 'f', 'n']);
        (is_scalar && text.len() <= ECHO_BYTES_MAX).then_some(text)
    }

    /// The names it wants to subscribe or unsubscribe.
    ///
    /// # Errors
    /// When it is neither a string nor an array of strings, or there is none.
    pub fn subscriptions(&self) -> Result<Vec<Cow<'r, str>>, NoBatch> {
        let raw = self.subscription.ok_or(NoBatch::Empty)?.get();
        if raw.starts_with('"') {
            return Ok(vec![string(raw).ok_or(NoBatch::Json)?]);
        }
        let elements: Vec<&'r RawValue> = serde_json::from_str(raw).map_err(|_| NoBatch::Json)?;
        elements.into_iter().map(|element| string(element.get()).ok_or(NoBatch::Json)).collect()
    }

    /// Whether the sender can use one of these transports; one that names none can use all that are for pages.
    pub fn has_transport(&self, ours: &[&str]) -> bool {
        let Some(types) = self.connection_types else { return true };
        let Ok(types) = serde_json::from_str::<Vec<&RawValue>>(types.get()) else { return true };
        types.iter().filter_map(|t| string(t.get())).any(|t| ours.contains(&&*t))
    }

    /// A number among the members of its advice.
    pub fn advised(&self, name: &str) -> Option<u64> {
        let value = member(self.advice?, name)?.get();
        let number: f64 = serde_json::from_str(value).ok()?;
        // A duration; what is negative or no number asks for nothing.
        (number >= 0.0).then_some(number as u64)
    }

    /// What the timesync extension has to say, heard at `unix_ms`.
    pub fn timesync(&self, unix_ms: u64, at: Moment) -> Option<Timesync> {
        let said = self.extension("timesync")?;
        let number = |name| member(said, name).and_then(|n| serde_json::from_str::<f64>(n.get()).ok());
        let sent = member(said, "tc").map(RawValue::get).filter(|sent| sent.len() <= NUMBER_BYTES_MAX)?;
        let (tc, lag) = (number("tc")?, number("l"));
        let off_ms = lag.map(|lag| (tc + number("o").unwrap_or(0.0) + lag - unix_ms as f64).round() as i64);
        Some(Timesync { sent: sent.into(), unix_ms, off_ms, at })
    }

    /// What one extension has to say.
    pub fn extension(&self, name: &str) -> Option<&'r RawValue> {
        member(self.ext?, name)
    }
}

/// The last member of this name of what may be an object.
pub fn member<'r>(object: &'r RawValue, name: &str) -> Option<&'r RawValue> {
    struct Find<'n>(&'n str);
    impl<'de> Visitor<'de> for Find<'_> {
        type Value = Option<&'de RawValue>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(name) = map.next_key::<Name<'de>>()? {
                if name.0 == self.0 {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(object.get());
    reader.deserialize_map(Find(name)).ok().flatten()
}

/// The string that a JSON text is.
pub fn string(raw: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Name<'_>>(raw).ok().map(|name| name.0)
}

/// A string, borrowed where nothing in it is escaped.
struct Name<'r>(Cow<'r, str>);

impl<'de: 'r, 'r> Deserialize<'de> for Name<'r> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'de: 'r, 'r> Deserialize<'de> for Message<'r> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Message<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message<'de>, A::Error> {
                let mut message = Message::default();
                while let Some(name) = map.next_key::<Name<'de>>()? {
                    match &*name.0 {
                        "channel" => message.channel = map.next_value_seed(Lenient)?,
                        "clientId" => message.client_id = map.next_value_seed(Lenient)?,
                        "minimumVersion" => message.minimum_version = map.next_value_seed(Lenient)?,
                        "connectionType" => message.connection_type = map.next_value_seed(Lenient)?,
                        "id" => message.id = Some(map.next_value()?),
                        "data" => message.data = Some(map.next_value()?),
                        "subscription" => message.subscription = Some(map.next_value()?),
                        "supportedConnectionTypes" => message.connection_types = Some(map.next_value()?),
                        "advice" => message.advice = Some(map.next_value()?),
                        "ext" => message.ext = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(message)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A string, or nothing where something else stands: that is for whoever misses it to say.
struct Lenient;

impl<'de> DeserializeSeed<'de> for Lenient {
    type Value = Option<Cow<'de, str>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
        Ok(string(raw.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn read_one(text: &str) -> Message<'_> {
        let mut batch = read([text].into_iter(), 9, 9).unwrap();
        batch.remove(0).unwrap()
    }

    #[test]
    fn a_message_is_read_as_it_came() {
        let m = read_one(
            r#" {"channel":"\/a","id": 7,"clientId":"x","data":{"b" : [1.50, "\u00e9"]},"ext":{"e":null},"confirm":"3"}"#,
        );
        assert_eq!(m.channel.as_deref(), Some("/a"));
        assert_eq!((m.echo(), m.client_id.as_deref()), (Some("7"), Some("x")));
        assert_eq!(m.data.unwrap().get(), r#"{"b" : [1.50, "\u00e9"]}"#);
        assert_eq!(m.extension("e").unwrap().get(), "null");
        assert!(m.extension("f").is_none());
    }

    #[test]
    fn objects_and_arrays_are_joined() {
        let batch = read([r#"[{"id":"1"},5,{"id":"2"}]"#, r#"{"id":"3"}"#].into_iter(), 4, 9).unwrap();
        let ids: Vec<_> = batch.iter().map(|m| m.as_ref().and_then(Message::echo)).collect();
        assert_eq!(ids, [Some("\"1\""), None, Some("\"2\""), Some("\"3\"")]);
    }

    #[test]
    fn what_is_no_batch_is_named() {
        let of = |text: &'static str| read([text].into_iter(), 2, 3).map(|batch| batch.len());
        assert_eq!(of("[]"), Err(NoBatch::Empty));
        assert_eq!(of("[{},{},{}]"), Err(NoBatch::Length));
        assert_eq!(of(r#"[{"data":[[]]}]"#), Err(NoBatch::Depth));
        assert_eq!(of(r#"[{"data":["[[[[[]]\"[[[["]}]"#), Ok(1));
        for bad in ["", " ", "5", "null", "\"x\"", "[{}", "{}{}", "[1,]", "{\"a\"}", "[{}] x", "\u{feff}[]"] {
            assert_eq!(of(bad), Err(NoBatch::Json), "{bad}");
        }
        assert_eq!(read([].into_iter(), 2, 3).map(|b| b.len()), Err(NoBatch::Empty));
    }

    #[test]
    fn deep_nesting_costs_no_stack() {
        let text = "[".repeat(1 << 20);
        assert_eq!(read([&*text].into_iter(), 2, 64).map(|b| b.len()), Err(NoBatch::Depth));
    }

    #[test]
    fn ids_that_cannot_be_repeated_are_left_out() {
        for bad in ["{\"id\":[1]}", "{\"id\":{}}", "{\"id\":null}", "{\"id\":true}", "{}"] {
            assert_eq!(read_one(bad).echo(), None, "{bad}");
        }
        let long = format!("{{\"id\":\"{}\"}}", "x".repeat(300));
        assert_eq!(read_one(&long).echo(), None);
        assert_eq!(read_one("{\"id\":-1.5e3}").echo(), Some("-1.5e3"));
    }

    #[test]
    fn subscriptions_are_one_or_several() {
        let of = |text| read_one(text).subscriptions().map(|s| s.join(" "));
        assert_eq!(of(r#"{"subscription":"/a"}"#), Ok("/a".into()));
        assert_eq!(of(r#"{"subscription":["/a","\/b"]}"#), Ok("/a /b".into()));
        assert_eq!(of(r#"{"subscription":[]}"#), Ok(String::new()));
        assert_eq!(of("{}"), Err(NoBatch::Empty));
        for bad in ["null", "5", "{}", "[5]", "[\"/a\",null]"] {
            let text = format!("{{\"subscription\":{bad}}}");
            assert_eq!(read_one(&text).subscriptions().map(|s| s.len()), Err(NoBatch::Json), "{bad}");
        }
    }

    #[test]
    fn advice_and_transports() {
        let m = read_one(r#"{"advice":{"timeout":0,"interval":-5},"supportedConnectionTypes":["flash"]}"#);
        assert_eq!((m.advised("timeout"), m.advised("interval"), m.advised("x")), (Some(0), None, None));
        assert!(!m.has_transport(&["long-polling"]) && m.has_transport(&["flash"]));
        assert!(read_one("{}").has_transport(&["long-polling"]));
        assert!(read_one(r#"{"advice":7,"supportedConnectionTypes":null}"#).has_transport(&["x"]));
        assert_eq!(read_one(r#"{"advice":{"timeout":1e99}}"#).advised("timeout"), Some(u64::MAX));
    }

    #[test]
    fn fields_of_other_types_are_missing() {
        let m = read_one(r#"{"channel":5,"clientId":12345,"connectionType":[]}"#);
        assert!(m.channel.is_none() && m.client_id.is_none() && m.connection_type.is_none());
        assert_eq!(read_one(r#"{"channel":"/a","channel":"/b"}"#).channel.as_deref(), Some("/b"));
    }

    #[test]
    fn strangers_never_make_it_panic() {
        let mut chance = Chance::from_seed(7);
        let seed = r#"[{"channel":"/meta/subscribe","id":"1","subscription":["/a","\u2028"],"ext":{"ack":1},"data":{}}]"#;
        for _ in 0..20_000 {
            let mut text = seed.as_bytes().to_vec();
            for _ in 0..1 + chance.below(5) {
                let at = chance.below(text.len() as u64) as usize;
                match chance.below(3) {
                    0 => text[at] = b"[]{}\",:\\u0n"[chance.below(11) as usize],
                    1 => drop(text.remove(at)),
                    _ => text.insert(at, b"[]{}\",:\\u0n"[chance.below(11) as usize]),
                }
            }
            let text = String::from_utf8_lossy(&text).into_owned();
            if let Ok(batch) = read([&*text].into_iter(), 9, 9) {
                for message in batch.into_iter().flatten() {
                    let _ = (message.echo(), message.subscriptions(), message.advised("x"));
                    let _ = (message.extension("ack"), message.has_transport(&["x"]));
                }
            }
        }
    }
}
