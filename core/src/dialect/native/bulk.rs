//! Messages that are published together, as JSON. Wire: `docs/api.md`.
//! Knows nothing of who may publish.
use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::decode::ttl_ms;
use crate::dialect::{Item, Refusal};
use crate::limits::PUBLISH_CEILING;
use crate::wire::params::json_text;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'b> {
    #[serde(borrow)]
    channel: Option<Cow<'b, str>>,
    #[serde(default, borrow)]
    channels: Few<Cow<'b, str>>,
    #[serde(borrow)]
    data: Option<&'b RawValue>,
    ttl: Option<u64>,
    #[serde(borrow)]
    messages: Option<Few<Self>>,
}

const SHAPE: &str = "expected {\"channel\": NAME, \"data\": ...}, {\"channels\": [...], \"data\": ...} or {\"messages\": [...]}, the \
                     first two perhaps with \"ttl\": SECONDS, and no other fields";

/// Reads the messages of a request.
///
/// # Errors
/// It has another shape, or more messages than one request may ever have.
pub(super) fn publish(body: &[u8]) -> Result<Vec<Item>, Refusal> {
    let message: Message<'_> = serde_json::from_slice(body).map_err(|_| unread(body, SHAPE))?;
    let mut items = Vec::new();
    match &message {
        Message { channel: None, data: None, ttl: None, messages: Some(messages), channels }
            if channels.items.is_empty() =>
        {
            messages.check()?;
            for (index, message) in messages.items.iter().enumerate() {
                let refused = match &message.messages {
                    Some(_) => Err(Refusal::Parameter(SHAPE)),
                    None => put(message, &mut items),
                };
                refused.map_err(|refusal| of_message(index, refusal))?;
            }
        }
        Message { messages: None, .. } => put(&message, &mut items)?,
        _ => return Err(Refusal::Parameter(SHAPE)),
    }
    if items.is_empty() { Err(Refusal::Parameter("there is nothing to publish")) } else { Ok(items) }
}

/// Why a body is not read that should have this shape.
pub(super) fn unread(body: &[u8], shape: &'static str) -> Refusal {
    let is_text = std::str::from_utf8(body).is_ok();
    Refusal::Parameter(if is_text { shape } else { "the body is not UTF-8, as JSON is" })
}

/// What is wrong with one of several messages, with its place in the list.
fn of_message(index: usize, refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Parameter(_) | Refusal::Value(_) => {
            Refusal::Value(format!("messages[{index}]: {}", refusal.detail()).into())
        }
        other => other,
    }
}

fn put(message: &Message<'_>, items: &mut Vec<Item>) -> Result<(), Refusal> {
    let data = message.data.ok_or(Refusal::Parameter("there is no data to publish"))?;
    let body: Arc<str> = Arc::from(&*json_text(data));
    message.channels.check()?;
    let names = message.channel.iter().chain(&message.channels.items);
    if items.len() + names.clone().count() > PUBLISH_CEILING {
        return Err(Refusal::TooMuchAtOnce);
    }
    let (before, ttl_ms) = (items.len(), ttl_ms(message.ttl)?);
    items.extend(names.map(|name| Item { channel: name.to_string(), body: Arc::clone(&body), ttl_ms }));
    if items.len() == before { Err(Refusal::Parameter("no channel is named")) } else { Ok(()) }
}

/// A list that may be as long as a request's messages may ever be. What stands behind that is read over: it costs no memory
/// to find out that it is too much.
struct Few<T> {
    items: Vec<T>,
    is_cut: bool,
}

impl<T> Few<T> {
    fn check(&self) -> Result<(), Refusal> {
        if self.is_cut { Err(Refusal::TooMuchAtOnce) } else { Ok(()) }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { items: Vec::new(), is_cut: false }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = Few<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<T>, A::Error> {
                let mut few = Few::default();
                while few.items.len() < PUBLISH_CEILING {
                    let Some(item) = list.next_element()? else { return Ok(few) };
                    few.items.push(item);
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    few.is_cut = true;
                }
                Ok(few)
            }
        }
        from.deserialize_seq(Items(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(count: usize) -> String {
        vec!["\"a\""; count].join(",")
    }

    #[test]
    fn a_list_is_read_as_far_as_it_may_ever_be_long() {
        let count = |body: String| publish(body.as_bytes()).map(|items| items.len());
        let channels = |n| count(format!(r#"{{"data":1,"channels":[{}]}}"#, listed(n)));
        assert_eq!(channels(PUBLISH_CEILING), Ok(PUBLISH_CEILING));
        assert_eq!(channels(PUBLISH_CEILING + 1), Err(Refusal::TooMuchAtOnce));
        assert_eq!(channels(250_000), Err(Refusal::TooMuchAtOnce));
        let one = |n| format!(r#"{{"data":1,"channels":[{}]}}"#, listed(n));
        let messages = |n, of| count(format!(r#"{{"messages":[{}]}}"#, vec![one(of); n].join(",")));
        assert_eq!(messages(PUBLISH_CEILING, 1), Ok(PUBLISH_CEILING));
        assert_eq!(messages(PUBLISH_CEILING + 1, 1), Err(Refusal::TooMuchAtOnce));
        assert_eq!(messages(2, PUBLISH_CEILING / 2 + 1), Err(Refusal::TooMuchAtOnce));
        assert_eq!(messages(1, PUBLISH_CEILING + 1), Err(Refusal::TooMuchAtOnce));
        // What is wrong behind the end is wrong all the same.
        let bad = format!(r#"{{"data":1,"channels":[{},}}"#, listed(PUBLISH_CEILING + 1));
        assert_eq!(count(bad), Err(Refusal::Parameter(SHAPE)));
    }
}
