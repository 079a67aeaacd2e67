//! `[[push.location]]`: where the nginx push module's protocol is spoken, and how.
//! Knows nothing of what is asked there.
use serde::Deserialize;

use super::location::Location;
use super::location_path::{LocationPath, Template};
use super::named::{META, Named};
use crate::conn::Role;
use crate::hub::GroupLimits;
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
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Publishing, looking, deleting.
    Publisher,
    /// Subscribing.
    Subscriber,
    /// Subscribing by GET, the rest as a publisher.
    Pubsub,
    /// Looking at what is in a group of channels, setting its limits, deleting all of them.
    Group,
    /// Figures of the server, as Nchan writes them.
    StubStatus,
    /// Naming those who read channels.
    SubscriberInfo,
}

/// What may be done at a group's location (`nchan_group_location`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupMethod {
    /// Looking: GET and HEAD.
    Get,
    /// Setting limits: POST.
    Set,
    /// Ending all channels: DELETE.
    Delete,
}

impl GroupMethod {
    /// All of them.
    pub(super) fn all() -> Vec<Self> {
        vec![Self::Get, Self::Set, Self::Delete]
    }

    /// The methods of HTTP that these are, as `Allow` lists them.
    pub(super) fn methods(of: &[Self]) -> &'static str {
        match (of.contains(&Self::Get), of.contains(&Self::Set), of.contains(&Self::Delete)) {
            (true, true, true) => "GET, HEAD, POST, DELETE, OPTIONS",
            (true, true, false) => "GET, HEAD, POST, OPTIONS",
            (true, false, true) => "GET, HEAD, DELETE, OPTIONS",
            (true, false, false) => "GET, HEAD, OPTIONS",
            (false, true, true) => "POST, DELETE, OPTIONS",
            (false, true, false) => "POST, OPTIONS",
            (false, false, true) => "DELETE, OPTIONS",
            (false, false, false) => "OPTIONS",
        }
    }
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
    /// A WebSocket, for who asks for one; at a publisher's location, too.
    Websocket,
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

/// What a long poll is answered with when there is more than one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Batching {
    /// With the first.
    #[default]
    Off,
    /// With all of them, as `multipart/mixed`.
    On,
    /// With all of them, a line feed behind each.
    Raw,
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
#[serde(untagged, expecting = "expected \"oldest\", \"newest\", or a whole number, from the end if negative")]
enum FirstText {
    Number(i32),
    Word(String),
}

impl TryFrom<FirstText> for FirstMessage {
    type Error = String;
    fn try_from(text: FirstText) -> Result<Self, String> {
        match text {
            // As in Nchan.
            FirstText::Number(0) => Ok(Self::Newest),
            FirstText::Number(n) => Ok(Self::Nth(n)),
            FirstText::Word(word) if word == "oldest" => Ok(Self::Oldest),
            FirstText::Word(word) if word == "newest" => Ok(Self::Newest),
            FirstText::Word(word) => Err(format!(
                "`{word}` is no first message: expected `oldest`, `newest`, or a number, from the end if negative"
            )),
        }
    }
}

impl Push {
    /// The location that serves a request.
    pub fn find(&self, role: Role, head: &Head<'_, '_>) -> Option<&Location> {
        self.location.iter().find(|location| location.is_on(role) && location.path.fits(head.raw_path))
    }

    /// How much a group of channels may have by its name: the strictest of what locations say whose group it can be. What a
    /// request names is never the group of events.
    pub fn group_limits(&self, group: &str) -> GroupLimits {
        let may_be = |of: &Template| of.may_be(group) && (group != META || of.names().next().is_none());
        let is_of = |location: &&Location| location.group.as_ref().is_some_and(may_be);
        let stricter =
            |one: u64, other: u64| if one == 0 || other == 0 { one.max(other) } else { one.min(other) };
        self.location.iter().filter(is_of).map(Location::group_limits).fold(GroupLimits::default(), |a, b| {
            GroupLimits {
                channels: stricter(a.channels, b.channels),
                subscribers: stricter(a.subscribers, b.subscribers),
                messages: stricter(a.messages, b.messages),
                bytes: stricter(a.bytes, b.bytes),
            }
        })
    }

    /// Whether what a request names is in a group that its location is not in: such names are those of other locations, or of
    /// who tells events.
    pub fn is_astray(&self, named: &Named) -> bool {
        let has = |group: &String| {
            self.location.iter().any(|location| {
                let tells = group == META && location.channel_events_channel_id.is_some();
                tells || location.group.as_ref().is_some_and(|of| of.may_be(group))
            })
        };
        named.strays.iter().any(has)
    }

    /// What is wrong, in words that begin with the option's path.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut numbered = self.location.iter().enumerate();
        numbered.try_for_each(|(at, location)| {
            location.check().map_err(|mistake| format!("push.location[{at}].{mistake}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_by_default_works() {
        assert_eq!(Push::default().location.len(), 2);
        assert_eq!(Push::default().check(), Ok(()));
    }
}
