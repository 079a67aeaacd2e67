//! Dialects translate: bytes of a protocol to the hub's vocabulary, and back. They decide nothing about sockets, timers
//! or storage, and remember nothing; clients that outlive a connection live in the hub.
pub mod bayeux;
mod beaten;
mod ccomet;
mod echo;
pub mod hooks;
mod icomet;
mod keys;
pub(crate) mod local;
mod native;
mod news;
mod outcome;
pub(crate) mod push;
mod refusal;
mod route;
mod simple_comet;
mod talk;
mod text;
mod verb;

pub use beaten::Beaten;
pub use keys::{About, CHANNELS_NAMED, ClientPage, ClientView, DumpPage, KeyTask, KeyView, Order, Report};
pub(crate) use native::problem;
pub use news::{Batch, Echo, News};
pub use outcome::{Figures, Info, Outcome, Placed, Reader};
pub use push::{Outlet, Plan};
pub use refusal::Refusal;
pub use route::{Decoded, route, route_by_path};
pub use talk::{Call, Opening, Talker, Tongue};
pub use text::{Boundary, Saved, Text};
pub use verb::{
    Ahead, Bulk, GroupTask, Hold, InGroup, Item, Listen, Once, Page, Past, Posting, Read, Subscribe, Talk,
    Verb, Watch,
};

use crate::config::{Config, Wording, WordingId};
use crate::conn::Role;
use crate::hub::Change;
use crate::wire::http1::Status;
use crate::wire::http1::head::Head;
use crate::wire::params::Params;

/// Which dialect: an index into the table of [`DialectId::speaker`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum DialectId {
    /// The native one.
    Icomet,
    /// CComet's.
    Ccomet,
    /// Simple-Comet-Server's.
    SimpleComet,
    /// Ours.
    Native,
    /// Bayeux 1.0.
    Bayeux,
    /// The nginx push module's, and Nchan's.
    Push,
    /// The control socket's: keys and orders.
    Local,
}

impl DialectId {
    /// Who speaks it.
    pub fn speaker(self) -> &'static dyn Dialect {
        match self {
            Self::Icomet => &icomet::Icomet,
            Self::Ccomet => &ccomet::Ccomet,
            Self::SimpleComet => &simple_comet::SimpleComet,
            Self::Native => &native::Native,
            Self::Bayeux => &bayeux::Bayeux,
            Self::Push => &push::Push,
            Self::Local => &local::Local,
        }
    }
}

/// A request as a dialect sees it.
pub struct Request<'h, 'b> {
    /// The listener it came in by.
    pub role: Role,
    /// Where it comes from.
    pub peer: std::net::IpAddr,
    /// Its head.
    pub head: &'h Head<'h, 'b>,
    /// Its parameters, from query and body, for dialects that read them as most do.
    pub params: &'h Params<'b>,
    /// Its body, for those that read it in their own way.
    pub body: &'b [u8],
}

/// One way of speaking.
pub trait Dialect: Sync {
    /// Its name, for logs.
    fn name(&self) -> &'static str;

    /// What a subscriber of this style is called, where subscribers are named.
    fn kind(&self, _style: u8) -> &'static str {
        self.name()
    }

    /// Bytes to meaning.
    fn decode<'b>(&self, request: &Request<'_, 'b>, config: &Config) -> Decoded<'b>;

    /// Meaning to bytes, for a verb that is over at once: appends the body, and says with which status and type.
    fn answer(&self, voice: &Voice, outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer;

    /// What subscribers get, to bytes: made once, shared by all who speak this dialect in this style. `live` when it
    /// answers a poll that has been waiting.
    fn frame(&self, style: u8, news: &[News<'_>], live: bool, out: &mut Text);

    /// The media type of what a subscriber gets.
    fn content_type(&self, voice: &Voice) -> &'static str;

    /// Whether the head of an answer says what came with a message: then it is written by [`Dialect::status`] and
    /// [`Dialect::fields`], and else there is one for all.
    fn has_own_head(&self) -> bool {
        false
    }

    /// The status of a subscriber's answer with a head of its own.
    fn status(&self, _style: u8, _news: &[News<'_>]) -> Status {
        Status::OK
    }

    /// Appends the fields of such a head, each with its line end; of a stream's, for no news.
    fn fields(
        &self,
        _style: u8,
        _news: &[News<'_>],
        _boundary: &Boundary,
        _wording: &Wording,
        _out: &mut Vec<u8>,
    ) {
    }

    /// Whether it is a stream of parts: its body begins with a boundary, and behind each message stands another.
    fn begins_with_boundary(&self, _style: u8) -> bool {
        false
    }

    /// Whether an answer may be of several parts.
    fn joins_parts(&self, _style: u8) -> bool {
        false
    }

    /// The fields of such a head that scripts of other origins may read.
    fn exposes(&self) -> &'static str {
        ""
    }

    /// What a stream begins with.
    fn prologue(&self, _style: u8) -> &'static str {
        ""
    }

    /// What a poll's answer ends with, when it is a JSONP call and when it is not.
    fn epilogue(&self, is_call: bool) -> &'static str;

    /// Whether something stands behind the frame of a poll's answer that is not the same for all.
    fn has_tail(&self) -> bool {
        false
    }

    /// Appends what stands there.
    fn tail(&self, _voice: &Voice, _news: &[News<'_>], _tail: Tail, _out: &mut Vec<u8>) {}

    /// How much goes into one answer.
    fn appetite(&self, _style: u8, _live: bool) -> Appetite {
        Appetite::Everything
    }

    /// Whether this is the style of a poll, whose answer has an end of its own.
    fn is_poll(&self, _style: u8) -> bool {
        true
    }

    /// What its users call this style, for those who look at the server.
    fn transport(&self, style: u8) -> &'static str {
        if self.is_poll(style) { "long poll" } else { "stream" }
    }

    /// Whether a stream of this style can go on after it has missed something: in words, or by its numbers.
    fn survives_gaps(&self, _style: u8) -> bool {
        true
    }

    /// Whether a subscriber of this style is told in words that it has missed something.
    fn says_gaps(&self, style: u8) -> bool;

    /// Whether its subscribers are told of such a change.
    fn hears(&self, change: Change) -> bool;

    /// Whether who reads several channels is told of the end of each; else only of the last.
    fn hears_each_end(&self) -> bool {
        true
    }

    /// Whether a poll of several channels is answered when one of them ends, and one with messages is told of an end behind
    /// them; else it goes on waiting for the others.
    fn polls_hear_ends(&self) -> bool {
        false
    }

    /// Whether a poll that has waited long enough is told so; else it is ended without words.
    fn says_quiet(&self) -> bool {
        true
    }

    /// What a poll is told that the server ends before its time; if nothing, that nothing happened.
    fn says_on_leaving(&self) -> Option<Refusal> {
        None
    }

    /// Whether a JSONP call is made of the news that nothing happened; else what is said is no call.
    fn calls_when_quiet(&self, _style: u8) -> bool {
        true
    }

    /// Milliseconds after which a poll or stream is told that nothing happened; for dialects without words for that, when
    /// its client must long have asked again.
    fn quiet_ms(&self, config: &Config) -> u64;

    /// Whether the head of a poll's answer is sent when it begins to wait.
    fn begins_at_once(&self, _config: &Config) -> bool {
        false
    }
}

/// What is one answer's alone, for dialects that say it behind what is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tail {
    /// The subscriber's own number.
    pub echo: i64,
    /// The number of a message up to which it has everything now.
    pub last: u64,
}

/// How much one answer may hold.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Appetite {
    /// One object, whatever it is.
    OneObject,
    /// One message, with what must be said before it.
    OneMessage,
    /// As much as one delivery takes.
    Everything,
}

/// What is one subscriber's alone, and how it wants to be spoken to.
#[derive(Debug, Clone)]
pub struct Voice {
    /// The dialect.
    pub dialect: DialectId,
    /// The dialect's own: its framing and options, in a byte that is part of the key of shared frames.
    pub style: u8,
    /// What stands around each message besides; part of that key, too.
    pub wording: WordingId,
    /// Whether messages may be told by what differs from the one before, where that is shorter.
    pub deltas: bool,
    /// Bytes that stand before what its client calls a channel; part of that key, too.
    pub prefix: u8,
    /// What stands around the shared bytes: before them the opening of a JSONP call, behind them the boundary of a stream of parts.
    pub before: Option<Box<str>>,
}

impl Voice {
    /// A voice with nothing around it.
    pub fn new(dialect: DialectId, style: u8) -> Self {
        Self { dialect, style, wording: WordingId::default(), deltas: false, prefix: 0, before: None }
    }
}

/// The status and media type of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: Status,
    /// The media type.
    pub content_type: &'static str,
}

/// Media type of JSON.
pub const JSON: &str = "application/json; charset=utf-8";
/// Media type of JSONP.
pub const SCRIPT: &str = "text/javascript; charset=utf-8";
/// Media type of words.
pub const PLAIN: &str = "text/plain; charset=utf-8";
