//! One message as a client sends it, and a request's worth of them (`protocols/bayeux.md`, section 2). What is only
//! carried through is not looked into.
//! Knows nothing of sessions.
use std::borrow::Cow;
use std::fmt;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
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
    /// More than were to be read.
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
        if is_deeper(text, depth_max) {
            return Err(NoBatch::Depth);
        }
        match text.trim_ascii_start().bytes().next() {
            Some(b'[') => {
                let most = messages_max - batch.len();
                match plain_messages(text, most) {
                    Ok(messages) if batch.is_empty() => batch = messages,
                    Ok(messages) => batch.extend(messages),
                    // Nobody has looked at what stands behind them.
                    Err(Odd { is_longer: true }) => return Err(NoBatch::Length),
                    Err(_) => batch.extend(any_messages(text, most)?),
                }
            }
            Some(b'{') => {
                if batch.len() >= messages_max {
                    return Err(NoBatch::Length);
                }
                batch.push(Some(message(text).ok_or(NoBatch::Json)?));
            }
            _ => return Err(NoBatch::Json),
        }
    }
    if batch.is_empty() { Err(NoBatch::Empty) } else { Ok(batch) }
}

/// Why an array is not read in one go.
#[derive(Default)]
struct Odd {
    /// There is nothing odd in it but that there are more than `most`.
    is_longer: bool,
}

/// The messages of an array in which there is nothing odd, and `most` at the most: what clients send, read in one go.
fn plain_messages(text: &str, most: usize) -> Result<Vec<Option<Message<'_>>>, Odd> {
    struct Plain<'o>(usize, &'o mut Odd);
    impl<'de> Visitor<'de> for Plain<'_> {
        type Value = Vec<Option<Message<'de>>>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {} messages", self.0)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
            let mut messages = Vec::new();
            while let Some(message) = array.next_element_seed(Fields(Strings::Alone))? {
                if messages.len() >= self.0 {
                    self.1.is_longer = true;
                    return Err(de::Error::invalid_length(messages.len() + 1, &self));
                }
                messages.push(Some(message));
            }
            Ok(messages)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut odd = Odd::default();
    match reader.deserialize_seq(Plain(most, &mut odd)) {
        Ok(messages) if reader.end().is_ok() => Ok(messages),
        _ => Err(odd),
    }
}

/// The messages of any array: first it is found out whether it is JSON, and then of each element what it is.
fn any_messages(text: &str, most: usize) -> Result<impl Iterator<Item = Option<Message<'_>>>, NoBatch> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| NoBatch::Json)?;
    if elements.len() > most {
        return Err(NoBatch::Length);
    }
    Ok(elements.into_iter().map(|element| message(element.get())))
}

/// The message that a JSON text is.
pub(super) fn message(text: &str) -> Option<Message<'_>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let message = Fields(Strings::AmongOthers).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(message)
}

/// Whether arrays and objects are nested deeper than that in a text that may be JSON.
pub(super) fn is_deeper(text: &str, most: usize) -> bool {
    // Most texts have not even so many that begin.
    let begin_too_many = memchr::memchr2_iter(b'[', b'{', text.as_bytes()).nth(most).is_some();
    begin_too_many && depth(text) > most
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
    /// When it is neither a string nor an array of strings, or there is none; or there are more than `most`.
    pub fn subscriptions(&self, most: usize) -> Result<Vec<Cow<'r, str>>, NoBatch> {
        let raw = self.subscription.ok_or(NoBatch::Empty)?.get();
        if raw.starts_with('"') {
            return Ok(vec![string(raw).ok_or(NoBatch::Json)?]);
        }
        let elements: Vec<&'r RawValue> = serde_json::from_str(raw).map_err(|_| NoBatch::Json)?;
        if elements.len() > most {
            return Err(NoBatch::Length);
        }
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

    /// What one extension has to say.
    pub fn extension(&self, name: &str) -> Option<&'r RawValue> {
        let [said] = self.extensions([name]);
        said
    }

    /// What each of these extensions has to say.
    pub fn extensions<const N: usize>(&self, names: [&str; N]) -> [Option<&'r RawValue>; N] {
        self.ext.map_or([None; N], |ext| members(ext, names))
    }
}

impl Timesync {
    /// What the extension has to say, heard at `unix_ms`.
    pub fn read(said: &RawValue, unix_ms: u64, at: Moment) -> Option<Self> {
        let [tc, lag, off] = members(said, ["tc", "l", "o"]);
        let number = |text: Option<&RawValue>| serde_json::from_str::<f64>(text?.get()).ok();
        let sent = tc.map(RawValue::get).filter(|sent| sent.len() <= NUMBER_BYTES_MAX)?;
        let (tc, lag) = (number(tc)?, number(lag));
        let off_ms = lag.map(|lag| (tc + number(off).unwrap_or(0.0) + lag - unix_ms as f64).round() as i64);
        Some(Self { sent: sent.into(), unix_ms, off_ms, at })
    }
}

/// The last member of this name of what may be an object.
pub fn member<'r>(object: &'r RawValue, name: &str) -> Option<&'r RawValue> {
    let [found] = members(object, [name]);
    found
}

/// The last member of each of these names of what may be an object.
fn members<'r, const N: usize>(object: &'r RawValue, names: [&str; N]) -> [Option<&'r RawValue>; N] {
    struct Find<'n, const N: usize>([&'n str; N]);
    impl<'de, const N: usize> Visitor<'de> for Find<'_, N> {
        type Value = [Option<&'de RawValue>; N];
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = [None; N];
            while let Some(name) = map.next_key::<Name<'de>>()? {
                match self.0.iter().position(|wanted| name.0 == *wanted) {
                    Some(place) => found[place] = Some(map.next_value()?),
                    None => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok(found)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(object.get());
    reader.deserialize_map(Find(names)).unwrap_or([None; N])
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

/// Reads a message.
#[derive(Clone, Copy)]
struct Fields(Strings);

/// What stands where a string is expected.
#[derive(Clone, Copy)]
enum Strings {
    /// Nothing but strings; anything else is an error.
    Alone,
    /// Other things as well, which are passed over: that there is no string is for whoever misses it to say.
    AmongOthers,
}

impl<'de> DeserializeSeed<'de> for Fields {
    type Value = Message<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Message<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message<'de>, A::Error> {
        let mut message = Message::default();
        while let Some(name) = map.next_key::<Name<'de>>()? {
            match &*name.0 {
                "channel" => message.channel = map.next_value_seed(self.0)?,
                "clientId" => message.client_id = map.next_value_seed(self.0)?,
                "minimumVersion" => message.minimum_version = map.next_value_seed(self.0)?,
                "connectionType" => message.connection_type = map.next_value_seed(self.0)?,
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

impl<'de> DeserializeSeed<'de> for Strings {
    type Value = Option<Cow<'de, str>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self {
            Self::Alone => Name::deserialize(deserializer).map(|text| Some(text.0)),
            Self::AmongOthers => {
                let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
                Ok(string(raw.get()))
            }
        }
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
