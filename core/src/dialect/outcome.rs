//! How a request ended that is over at once.
use super::keys::{ClientView, KeyView, Report};
use super::{Batch, Refusal};
use crate::config::Template;
use crate::hub::{Census, Channel, Lost};
use crate::log::Sealed;

/// Somebody who reads a channel.
#[derive(Debug)]
pub struct Reader<'a> {
    /// How, as its dialect calls it.
    pub transport: &'static str,
    /// What it speaks.
    pub dialect: &'static str,
    /// Where it comes from; none of who comes by the control socket.
    pub address: Option<std::net::IpAddr>,
    /// The side and the number of its connection; a session may have none.
    pub connection: Option<(&'static str, u64)>,
    /// The channel's id, without its group.
    pub channel: &'a str,
    /// The name that it is listed under.
    pub who: Option<&'a str>,
}

/// How a verb ended that is over at once.
pub enum Outcome<'a> {
    /// Appended.
    Published {
        /// The number by which the message is known.
        id: u64,
    },
    /// Channels are as this says.
    Info(Info),
    /// A group of channels is as this says.
    Group(Census),
    /// The server is as this says.
    Figures(Figures),
    /// Those who read channels.
    Readers {
        /// Each of them.
        readers: &'a [Reader<'a>],
        /// What is said of each, if it is not the usual.
        words: Option<&'a Template>,
        /// How many more there are.
        left_out: usize,
    },
    /// A channel was made on purpose.
    Registered {
        /// Its name.
        channel: &'a str,
    },
    /// A client was made known.
    SessionRegistered {
        /// Its name.
        session: &'a str,
    },
    /// A channel has ended, if there was one.
    Deleted {
        /// Its name, as asked for.
        channel: Option<&'a str>,
        /// There was one.
        removed: bool,
    },
    /// All there are by name, the first to come first.
    Census {
        /// Channels.
        channels: &'a [&'a str],
        /// Registered clients.
        sessions: &'a [&'a str],
        /// Polls that wait.
        held: usize,
        /// Channels and clients beyond `status_names_max`.
        left_out: usize,
    },
    /// Subscribed, where that is answered apart from the messages.
    Subscribed {
        /// The channel's name.
        channel: &'a str,
        /// The number of the last message before those that follow.
        seq: u64,
        /// The place up to which everything of all channels of the connection has been handed over; `None` while others that
        /// were asked for with it are still to come.
        cursor: Option<Sealed>,
    },
    /// Not subscribed any more.
    Unsubscribed {
        /// The channel's name.
        channel: &'a str,
    },
    /// A subscription has been ended: the token does not allow it any more.
    Revoked {
        /// The channel's name.
        channel: &'a str,
    },
    /// A token is in force.
    Authenticated {
        /// Seconds for which it is.
        expires_s: u64,
    },
    /// On its way to every channel.
    Broadcast,
    /// A channel is known.
    Signed {
        /// Its name.
        channel: &'a str,
        /// The number of its oldest message, or of the next.
        oldest: u64,
        /// Its token, in hexadecimal.
        token: &'a str,
        /// Seconds it will live without subscribers.
        expires_s: u64,
        /// Seconds after which a subscriber hears something at the latest.
        poll_s: u64,
    },
    /// Said in the channel.
    SignedIn {
        /// The channel's next number.
        next: u64,
    },
    /// A channel has ended or been cleared; its next number.
    Done {
        /// The number of the next message.
        next: u64,
    },
    /// How many there are in all.
    Totals {
        /// Channels.
        channels: usize,
        /// Subscribers.
        subscribers: usize,
    },
    /// How many subscribers a channel has.
    Count {
        /// Its name.
        channel: &'a str,
        /// Subscribers.
        subscribers: usize,
    },
    /// Whether a channel is there.
    Exists {
        /// Its name.
        channel: &'a str,
        /// Whether.
        exists: bool,
    },
    /// A sign of life.
    Pong {
        /// Seconds after which a subscriber hears something at the latest.
        poll_s: u64,
    },
    /// All appended, in order.
    PublishedAll(&'a [Placed<'a>]),
    /// They have been appended before: the answer of then.
    Replayed(&'a [u8]),
    /// What is kept of a channel.
    History {
        /// The messages.
        batch: Batch<'a>,
        /// What is missing before them.
        lost: Lost,
        /// Where whoever has them stands.
        cursor: Sealed,
        /// There are more behind them.
        more: bool,
    },
    /// Who is listed in channels: their names as asked for, each with the channel if it is there.
    Presence(&'a [(&'a str, Option<&'a Channel>)]),
    /// Channels by name.
    Directory {
        /// They.
        channels: &'a [&'a Channel],
        /// There are more behind the last.
        more: bool,
    },
    /// A channel, and the cursor of its end.
    Described(&'a Channel, Sealed),
    /// So many connections are being ended.
    Disconnected(usize),
    /// A key has this value.
    Key(KeyView<'a>),
    /// Keys and their values, in the order in which they came to be.
    Dump {
        /// They.
        keys: &'a [KeyView<'a>],
        /// The place of the last in the order, when there are more.
        after: Option<u64>,
    },
    /// How the server stands.
    Report(Report<'a>),
    /// What can be said.
    Help,
    /// It ends; the number of its process.
    Stopping(u32),
    /// The configuration has been read again, and what is to be said of it; or it stays as it was, and why.
    Reloaded(Result<&'a [String], &'a str>),
    /// Connections.
    Clients {
        /// They.
        clients: &'a [ClientView<'a>],
        /// The number of the last, when there are more.
        after: Option<u64>,
    },
    /// No.
    Refused(&'a Refusal),
    /// No, because of one of the channels that were asked for together.
    RefusedIn {
        /// The channel's name, as it was asked for; perhaps cut, where it is longer than names may be.
        channel: &'a str,
        /// Which of several messages it is that were to be published together.
        index: Option<usize>,
        /// Why.
        refusal: &'a Refusal,
    },
}

impl<'a> Outcome<'a> {
    /// Why it is not done, if it is not.
    pub fn refusal(&self) -> Option<&'a Refusal> {
        match *self {
            Self::Refused(refusal) | Self::RefusedIn { refusal, .. } => Some(refusal),
            _ => None,
        }
    }
}

/// Where a message has come to stand.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// The channel's name.
    pub channel: &'a str,
    /// Its number there.
    pub seq: u64,
    /// The cursor of who has it.
    pub cursor: Sealed,
}

/// What is to be known of a channel, or of several together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Info {
    /// Messages that one who came now would get, in the fullest channel.
    pub messages: u64,
    /// Seconds since somebody last asked for messages; `None` if nobody has.
    pub asked_s: Option<u64>,
    /// Subscribers, before a message was delivered.
    pub subscribers: u64,
    /// Second and tag of the last message, as an id has them; zeros if there was none.
    pub last: (u32, u64),
    /// Whether a message has met somebody, when there was one.
    pub reached: Option<bool>,
    /// The number by which the last message of all is known.
    pub id: u64,
}

/// Figures of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Messages published since it started.
    pub published: u64,
    /// Messages kept.
    pub messages: u64,
    /// Bytes in use.
    pub used_bytes: u64,
    /// Bytes that may be in use.
    pub bytes_max: u64,
    /// Channels.
    pub channels: u64,
    /// Subscribers.
    pub subscribers: u64,
}
