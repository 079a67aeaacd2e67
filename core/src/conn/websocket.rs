//! A connection after its upgrade: what it subscribes to, how far its next message has come, how long it has been silent.
//! Knows nothing of what a message means.
use std::num::NonZeroU8;

use super::Connect;
use crate::arena::Id;
use crate::dialect::{Outlet, Tongue};
use crate::hub::{Channel, Subscription};
use crate::machine::{Hook, Long, Session};
use crate::time::Moment;
use crate::wire::ws::reader::Reader;

/// A WebSocket. While it is idle it holds no buffer.
#[derive(Debug)]
pub(crate) struct WebSocket {
    pub(crate) reader: Reader,
    /// The message that is on its way: a block of the pool, or none.
    pub(crate) message: Vec<u8>,
    /// What it subscribes to.
    pub(crate) seats: Vec<Seat>,
    /// A message with a publish that waits; it is among the deferred.
    pub(crate) held: Option<Box<HeldMessage>>,
    /// What every message is about, if the path said so.
    pub(crate) topic: Option<Box<str>>,
    /// Where Bayeux is spoken, the session on it.
    pub(crate) wire: Option<Box<Wire>>,
    /// At a location of the push module, what it is for.
    pub(crate) booth: Option<Box<Booth>>,
    /// When the message on its way has taken too long.
    pub(crate) message_by: Moment,
    /// When it has been silent for long enough to be asked.
    pub(crate) ping_at: Moment,
    /// When it must have given a sign of life, after it was asked.
    pub(crate) pong_by: Moment,
    /// When it must have answered the close that it was sent; until then its messages are thrown away.
    pub(crate) close_by: Moment,
    /// The minute in which its control frames are counted.
    pub(crate) minute: u64,
    /// Control frames of that minute.
    pub(crate) controls: u32,
    pub(crate) tongue: Tongue,
    /// The dialect's own.
    pub(crate) style: u8,
    /// The window that messages to it may be compressed with, if that was agreed on.
    pub(crate) window: Option<NonZeroU8>,
    /// Its outbox was full; its subscriptions want to be visited when there is room.
    pub(crate) thirsty: bool,
}

/// A WebSocket as Bayeux's sessions see it: one of them at a time is on it. The session outlives it.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Who is on it.
    pub(crate) session: Option<Id<Session>>,
    /// Its connect that waits.
    pub(crate) connect: Option<Connect>,
    /// Until when that waits.
    pub(crate) until: Moment,
    /// How long its client may be silent when this is gone.
    pub(crate) pause_ms: u64,
    /// The browser, by its cookie.
    pub(crate) browser: Option<Box<str>>,
    /// How far the message has got that is held, if it is a batch that is done in slices.
    pub(crate) long: Option<Box<Long>>,
}

impl Wire {
    pub(crate) fn new(browser: Option<Box<str>>) -> Self {
        Self { session: None, connect: None, until: Moment::NEVER, pause_ms: 0, browser, long: None }
    }
}

/// A WebSocket at a location of the push module: it reads what the location says, and what it sends is published.
#[derive(Debug)]
pub(crate) struct Booth {
    /// What it reads, all of it by one subscription.
    pub(crate) sub: Option<Id<Subscription>>,
    /// An application has let it be.
    pub(crate) authorized: bool,
    /// Where its messages go, if it may send any.
    pub(crate) outlet: Option<Box<Outlet>>,
    /// A message of its own that an application is asked about; nothing more is read meanwhile.
    pub(crate) asked: Option<Box<AskedMessage>>,
    /// What the application has said of the type of the message that waits to be published.
    pub(crate) verdict: Option<Verdict>,
    /// Milliseconds after which it is asked for a sign of life, where its location says that.
    pub(crate) ping_ms: Option<u64>,
    /// Bytes of all this, on the account of memory.
    pub(crate) bytes: usize,
}

/// A message that an application is asked about.
#[derive(Debug)]
pub(crate) struct AskedMessage {
    /// The question.
    pub(crate) hook: Id<Hook>,
    /// The message.
    pub(crate) bytes: Box<[u8]>,
    pub(crate) is_text: bool,
}

/// What an application has said of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It is published as it is.
    AsItIs,
    /// It has been replaced by another of this type.
    Of(Box<str>),
}

/// One channel that a WebSocket reads. All are read by one subscription, in the order of the log: its clients go on from one cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seat {
    pub(crate) channel: Id<Channel>,
    pub(crate) sub: Id<Subscription>,
}

/// A message of which a publish waits until those who listen have what was published before.
#[derive(Debug)]
pub(crate) struct HeldMessage {
    /// The message as it came; it is understood again when its turn has come.
    pub(crate) bytes: Box<[u8]>,
    pub(crate) is_text: bool,
    /// How much of what it asks for has been done.
    pub(crate) done: usize,
}

impl WebSocket {
    /// Milliseconds after which it is asked for a sign of life, where so many are usual.
    pub(crate) fn ping_ms(&self, usual: u64) -> u64 {
        self.booth.as_ref().and_then(|booth| booth.ping_ms).unwrap_or(usual)
    }

    pub(crate) fn new(tongue: Tongue, window: Option<NonZeroU8>) -> Self {
        Self {
            reader: Reader::default(),
            message: Vec::new(),
            seats: Vec::new(),
            held: None,
            topic: None,
            wire: None,
            booth: None,
            message_by: Moment::NEVER,
            ping_at: Moment::NEVER,
            pong_by: Moment::NEVER,
            close_by: Moment::NEVER,
            minute: 0,
            controls: 0,
            tongue,
            style: 0,
            window,
            thirsty: false,
        }
    }

    /// Whether it has been told that it is over.
    pub(crate) fn is_closing(&self) -> bool {
        self.close_by < Moment::NEVER
    }

    /// Whether an application is asked about its last message.
    pub(crate) fn is_asking(&self) -> bool {
        self.booth.as_ref().is_some_and(|booth| booth.asked.is_some())
    }

    /// When something must be done about it.
    pub(crate) fn deadline(&self) -> Moment {
        if self.is_closing() {
            return self.close_by;
        }
        let connect = self.wire.as_ref().map_or(Moment::NEVER, |wire| wire.until);
        self.message_by.min(self.pong_by.min(self.ping_at)).min(connect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_is_small() {
        assert!(size_of::<WebSocket>() <= 160, "WebSocket has {} bytes", size_of::<WebSocket>());
        assert_eq!(size_of::<Seat>(), 16);
    }
}
