//! Last values between two lives of the server: what of them is kept, and the lines of text that they are kept in.
//! Knows nothing of files, nor of how a value gets into a channel or out of it.
//!
//! The text is JSON, a line each: first where the log stood ([`Preface`]), then the values ([`KeptValue`]), and an end that
//! says how many they were. What has no end has been cut, and is not taken.
mod read;
mod write;

use std::sync::Arc;

pub use read::Reading;
pub use write::{end_line, preface_line, value_line};

use crate::hub::{Media, Posted};
use crate::log::Lives;

/// The form of the text.
const FORM: u64 = 1;

/// Numbers of messages stay below this, so that scripts can count them (2^53 is what a double holds).
const NUMBERS_END: u64 = 1 << 53;

/// Where the log stood, in the numbers by which messages are known ([`crate::log::Log::id_of`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preface {
    /// The number before the first of the first of these logs.
    pub base: u64,
    /// All that has been published up to this number is in what follows, unless something newer is, or it was deleted.
    pub head: u64,
    /// Behind the first number and up to the second something may have been published that is nowhere any more.
    pub unsure: Option<(u64, u64)>,
    /// The lives that the log has had, this one among them.
    pub lives: Lives,
    /// The limit of memory that it was written under, in bytes; 0 is not known.
    pub memory: usize,
}

/// A key and its last value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptValue {
    /// The key's channel.
    pub channel: Arc<str>,
    /// So many channels were made before it.
    pub made: u64,
    /// The value's version: the number of the message.
    pub version: u64,
    /// Who has everything up to this number has missed nothing before the value.
    pub after: u64,
    /// The channel's own number of the message.
    pub seq: u64,
    /// When it was published, in milliseconds since 1970.
    pub time_ms: u64,
    /// The second that it has for those who know messages by seconds.
    pub second: u32,
    /// Its place within that second.
    pub tag: u32,
    /// How the channel is kept.
    pub keep: Posted,
    /// When it is no longer handed to anybody, in milliseconds since 1970.
    pub until_ms: Option<u64>,
    /// What was published.
    pub body: Arc<str>,
    /// The body is JSON that is no string.
    pub is_json: bool,
    /// It was published to all channels at once: its body is one for all that have it.
    pub is_broadcast: bool,
    /// Who published it.
    pub sender: Option<Arc<str>>,
    /// What was said of the body.
    pub media: Option<Arc<Media>>,
    /// What the publisher's extensions had to say, as JSON.
    pub ext: Option<Box<str>>,
}

impl KeptValue {
    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        let sender = self.sender.as_ref().map_or(0, |sender| sender.len());
        let media = self.media.as_ref().map_or(0, |media| media.bytes());
        let ext = self.ext.as_ref().map_or(0, |ext| ext.len());
        size_of::<Self>() + self.channel.len() + self.body.len() + sender + media + ext
    }
}

/// All that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where the log stood.
    pub preface: Preface,
    /// The values, each with the line that it stands on.
    pub values: Vec<(usize, KeptValue)>,
    /// It was written at the end of a server's life: nothing was published after it.
    pub is_clean: bool,
}

/// What came of putting values back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Values that are there again.
    pub values: u64,
    /// Values whose time was over meanwhile, or that the rules for what channels keep leave no room for.
    pub expired: u64,
}

#[cfg(test)]
mod tests;
