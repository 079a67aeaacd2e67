//! What has to be known to make all channels anew, with their histories: what happens to them, in the order in which it happens.
//! Knows nothing of files, nor of what a channel is.
//!
//! The text is JSON, a line each: first who the log is ([`First`]), then what has happened ([`Entry`]), and, if it was ended on
//! purpose, that nothing follows. It is replayed as it was written; a channel that is described once more ([`Entry::Channel`]) is
//! forgotten first. So a text that has become long can be written anew while more is appended to it.
mod read;
mod session;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

pub use read::Line;
pub use session::{KeptAcks, KeptSeat, KeptSession, Missed, Subscribed};
pub use write::write_end;

use crate::hub::{Kind, Media, Posted, Registered};
use crate::log::{Epoch, Lives};

/// Who the log is: what cursors are measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// The log that cursors name.
    pub epoch: Epoch,
    /// What signs them.
    pub key: [u64; 2],
    /// The number before the log's first ([`crate::log::Log::base`]).
    pub base: u64,
    /// Where it stood when the text was begun: the number of its last message.
    pub head: u64,
    /// The last place of any channel that has ended: see [`crate::hub::Hub::numbers`].
    pub ended: u64,
    /// Second and tag that no message had then, nor any behind it: channels that have ended had the others.
    pub stamp: (u32, u32),
    /// The lives that the log has had before.
    pub lives: Lives,
    /// Behind the first number and up to the second something may have been published that is nowhere any more.
    pub unsure: Option<(u64, u64)>,
    /// The boot of the machine that it was written in: another one may have forgotten what was not yet on its disk.
    pub boot: u128,
    /// What is in it is on the disk before anybody hears of it.
    pub synced: bool,
    /// The limit of memory that it was written under, in bytes; 0 is not known.
    pub memory: usize,
}

/// Something that has happened. Numbers of messages are those of [`crate::log::Log::id_of`]; times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A channel as it is, but for its messages, which follow. What was known of one of its name is forgotten.
    Channel(Box<Opened>),
    /// How a channel is kept.
    Shape(Box<Shape>),
    /// A message.
    Message(Box<Said>),
    /// A message to all channels: each has it when it is next touched.
    Broadcast(Arc<str>),
    /// So many of the oldest broadcasts have been brought to everybody.
    Swept(u64),
    /// A channel keeps its numbers, and none of its messages.
    Clear(Arc<str>),
    /// A channel has given up its messages before this number for want of memory.
    Trimmed(Arc<str>, u64),
    /// There has been so much room in memory from there on, in bytes.
    Memory(u64),
    /// A channel has ended, and the last of its messages was this one of all channels.
    Close(Arc<str>, u64),
    /// The index of a pattern, as it was when the server ended, but for its messages, which follow.
    Index(Box<Opened>),
    /// A session of Bayeux as it is. What was known of it is forgotten.
    Session(Box<KeptSession>),
    /// A session of Bayeux reads something more.
    Subscribed(Box<Subscribed>),
    /// A session, by its secret, does not read this any more.
    Unsubscribed(Box<str>, Box<str>),
    /// A session of Bayeux reads something no more, because there is no room for it or no right to, and is to be told.
    Missed(Box<Missed>),
    /// A session, by its secret, is handed something: it does not rest any more where it was written down.
    Handed(Box<str>),
    /// A session is over.
    Over(Box<str>),
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its name.
    pub channel: Arc<str>,
    /// So many were made before it.
    pub made: u64,
    /// Where the log stood then.
    pub born: u64,
    /// The number that its next message gets.
    pub next: u64,
    /// The last of its messages that is not kept; `born` if all are.
    pub forgotten: u64,
    /// Second and tag of its last message.
    pub last: Option<(u32, u32)>,
}

/// How a channel is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub channel: Arc<str>,
    /// As a publisher wants it.
    pub posted: Option<Posted>,
    /// Milliseconds that it lives without members and messages; 0 for the usual.
    pub idle_ms: u64,
    /// As it was registered.
    pub registered: Option<Registered>,
    /// Its secret.
    pub token: Option<[u8; 16]>,
    /// Without anybody it lives until then, in milliseconds since 1970; `None` is for ever.
    pub until_ms: Option<u64>,
}

/// A message of a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The channel.
    pub channel: Arc<str>,
    /// Its number over all channels.
    pub id: u64,
    /// Its number in the channel.
    pub seq: u64,
    /// When it was published.
    pub time_ms: u64,
    /// The second that it has for those who know messages by seconds, and its place within that.
    pub second: u32,
    /// Its place within that second.
    pub tag: u32,
    /// What kind it is.
    pub kind: Kind,
    /// When it is no longer handed to anybody.
    pub until_ms: Option<u64>,
    /// In the index of a pattern, the channel that it was published to.
    pub origin: Option<Box<str>>,
    /// Who published it.
    pub sender: Option<Arc<str>>,
    /// What was said of the body.
    pub media: Option<Arc<Media>>,
    /// What the publisher's extensions had to say, as JSON.
    pub ext: Option<Box<str>>,
    /// What was published.
    pub body: Arc<str>,
}

/// What a text's end says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was ended on purpose, with the log at this number: nothing was published after it.
    Clean(u64),
    /// The process was cut off, and everything that anybody can have heard of is in it.
    Whole,
    /// Something may have been lost at its end.
    Torn,
}

/// What came of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Channels that are there again.
    pub channels: usize,
    /// Messages that they keep.
    pub messages: usize,
    /// Sessions of Bayeux that go on.
    pub sessions: usize,
    /// Sessions of Bayeux that do not: there may be fewer now, or there is no room for as many, they may not read any more what they read,
    /// or nobody knows how far they had come.
    pub left: usize,
    /// Messages for which there was no room, the oldest of all.
    pub given_up: usize,
}
