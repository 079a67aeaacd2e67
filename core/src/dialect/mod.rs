//! Dialects translate: bytes of a protocol to the hub's vocabulary, and back. They decide nothing about sockets, timers
//! or storage, and remember nothing; clients that outlive a connection live in the hub.
pub mod bayeux;
mod ccomet;
mod echo;
mod icomet;
mod native;
mod push;
mod route;
mod simple_comet;
mod talk;

use std::borrow::Cow;

pub use route::{Decoded, route, route_by_path};
pub use talk::{Call, Opening, Talker, Tongue};

use crate::config::{Concurrency, Config};
use crate::conn::Role;
use crate::hub::{Change, Channel, From, Hub, Lost, Media, Notice, Place, Posted, Registered, Roster};
use crate::log::{Cursor, Position};
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
        }
    }
}

/// A request as a dialect sees it.
pub struct Request<'h, 'b> {
    /// The listener it came in by.
    pub role: Role,
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
    fn fields(&self, _style: u8, _news: &[News<'_>], _out: &mut Vec<u8>) {}

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

    /// Whether a poll that has waited long enough is told so; else it is ended without words.
    fn says_quiet(&self) -> bool {
        true
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
    /// What stands before the shared bytes, such as the opening of a JSONP call.
    pub before: Option<Box<str>>,
}

/// What a request asks for, in the hub's words.
#[derive(Debug, PartialEq, Eq)]
pub enum Verb<'r> {
    /// Append to a channel.
    Publish {
        /// Its name.
        channel: Cow<'r, str>,
        /// The text.
        body: Cow<'r, str>,
        /// The publisher's name, if the dialect has one.
        sender: Option<Cow<'r, str>>,
    },
    /// Append to a channel that is there already, and else say so; only then is it looked whether there is a text.
    PublishTo {
        /// Its name.
        channel: Cow<'r, str>,
        /// The text.
        body: Option<Cow<'r, str>>,
    },
    /// Make a channel on purpose, with what is its own.
    Register {
        /// Its name.
        channel: Cow<'r, str>,
        /// What it has of its own.
        as_what: Registered,
    },
    /// End a channel, if there is one of this name.
    Delete(Option<Cow<'r, str>>),
    /// Make a client known who outlives its connections.
    RegisterSession(Cow<'r, str>),
    /// Name all channels and clients.
    Census,
    /// Read several channels at once.
    Read(Read<'r>),
    /// Append to channels, and describe them.
    Post {
        /// Where, and what is said of the text.
        posting: Box<Posting>,
        /// The text.
        body: Cow<'r, str>,
    },
    /// Describe channels.
    Look(Vec<String>),
    /// Describe channels, and end them.
    End(Vec<String>),
    /// Subscribe to channels by second and tag.
    Watch(Watch),
    /// Append to every channel.
    Broadcast {
        /// The text.
        body: Cow<'r, str>,
    },
    /// Subscribe.
    Listen(Listen<'r>),
    /// Unsubscribe, where a connection has several subscriptions.
    Unlisten(Cow<'r, str>),
    /// Make a channel known and give its token.
    Sign {
        /// Its name.
        channel: Cow<'r, str>,
        /// How long it shall live without subscribers, in milliseconds.
        life_ms: u64,
    },
    /// Say in a channel that somebody is there.
    SignIn {
        /// Its name.
        channel: Cow<'r, str>,
        /// Who.
        who: Cow<'r, str>,
    },
    /// End a channel.
    Close(Cow<'r, str>),
    /// Forget a channel's history.
    Clear(Cow<'r, str>),
    /// Count channels and subscribers.
    Totals,
    /// Count a channel's subscribers.
    Count(Cow<'r, str>),
    /// Ask whether a channel is there.
    Exists(Cow<'r, str>),
    /// Listen to channels coming and going.
    Announcements,
    /// Ask for a sign of life.
    Ping,
    /// A batch of messages of a client that has a session, or wants one.
    Talk(Talk<'r>),
}

/// A batch of messages, as it came.
#[derive(Debug, PartialEq, Eq)]
pub struct Talk<'r> {
    /// JSON texts, each a message or an array of them.
    pub texts: Vec<Cow<'r, str>>,
    /// A script asks: the answer is a call of a function.
    pub is_call: bool,
    /// The browser that asks, by its cookie.
    pub cookie: Option<&'r str>,
}

/// What a subscriber asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Listen<'r> {
    /// The channel's name.
    pub channel: Cow<'r, str>,
    /// Where to begin.
    pub from: From,
    /// Until when.
    pub hold: Hold,
    /// What to do with one whose numbers are ahead of the channel's, or who only wants what is new.
    pub ahead: Ahead,
    /// The channel's token, as shown.
    pub token: Cow<'r, str>,
    /// A number that comes back in every sign of life.
    pub echo: i64,
    /// The name to be listed under.
    pub who: Option<Cow<'r, str>>,
    /// The last notice about others that it has; `None` when it has none.
    pub roster: Option<u64>,
    /// Whether somebody listening under the same name gives way.
    pub replaces: bool,
    /// The life of the channel as it last knew it; empty when it wants to be told.
    pub life: Option<Cow<'r, str>>,
}

/// What a reader of several channels asks for: everything behind one place in the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Read<'r> {
    /// Names of channels; those that are not there are left out.
    pub channels: Vec<Cow<'r, str>>,
    /// The number of the last message it has; what no message has ever had means that it has none.
    pub since: i64,
    /// The registered client in whose name it asks.
    pub session: Option<Cow<'r, str>>,
    /// It does not wait, whatever there is.
    pub at_once: bool,
}

/// Where a message goes, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Names of channels; at least one.
    pub channels: Vec<String>,
    /// What is said of the text.
    pub media: Media,
    /// How it is to be kept.
    pub keep: Posted,
}

/// What a subscriber asks for who knows messages by second and tag.
#[derive(Debug, PartialEq, Eq)]
pub struct Watch {
    /// Names of channels; at least one.
    pub channels: Vec<String>,
    /// Where to begin.
    pub place: Place,
    /// Until when.
    pub hold: Hold,
    /// It does not wait, whatever there is.
    pub at_once: bool,
    /// A stream without framing: it ends with its connection.
    pub is_raw: bool,
    /// What becomes of others who wait.
    pub concurrency: Concurrency,
    /// Milliseconds that a poll waits; 0 is for ever.
    pub timeout_ms: u64,
    /// Subscribers of one channel; 0 for what limits say.
    pub subscribers_max: usize,
    /// Channels that are not there are not made.
    pub existing_only: bool,
    /// Comes back when nothing happens.
    pub echo: i64,
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
    /// Second and tag of the last message.
    pub last: (u32, u32),
    /// Whether a message has met somebody, when there was one.
    pub reached: Option<bool>,
}

/// Until when a subscription lasts.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Hold {
    /// One answer, then it is over.
    Poll,
    /// Until somebody hangs up.
    Stream,
}

/// What to do with one who asks for a number that no message has yet.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Ahead {
    /// Tell the number of the next message at once.
    Tell,
    /// Let it wait for the next message.
    Wait,
}

/// How a verb ended that is over at once.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// Appended.
    Published {
        /// The number by which the message is known.
        id: u64,
    },
    /// Channels are as this says.
    Info(Info),
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
        /// The place in the log that they follow.
        cursor: Cursor,
    },
    /// Not subscribed any more.
    Unsubscribed {
        /// The channel's name.
        channel: &'a str,
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
    /// No.
    Refused(&'a Refusal),
}

/// Why something is refused. The connection lives on.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Refusal {
    /// There is no such path here.
    NotFound,
    /// The path knows other methods, named as in `Allow`.
    Method(&'static str),
    /// A parameter is missing or wrong; says what was expected.
    Parameter(&'static str),
    /// A callback name has characters or a length that are not allowed.
    Callback,
    /// A callback name lacks what the dialect's names must have.
    UnmarkedCallback,
    /// A channel of this name has been registered already.
    ChannelTaken,
    /// A client of this name has been registered already.
    SessionTaken,
    /// The client is not known, or no longer.
    UnknownSession,
    /// `sessions_max` is reached.
    TooManySessions,
    /// A client's name is too long, or has control characters.
    SessionName,
    /// No channel was named.
    NoChannels,
    /// There is none of the channels named that may be read.
    NoneReadable,
    /// More than `channels_per_subscription_max` channels were named.
    TooManyInOne,
    /// A body of a type that is not understood, or that is not what its type says.
    Body(&'static str),
    /// A channel's name is empty, too long, or has control characters.
    Name,
    /// What is said of a message is longer than `media_type_bytes_max`, or no text.
    MediaType,
    /// Somebody else waits on the channel, and only one may.
    Conflict,
    /// It may not be asked for in this way.
    Forbidden,
    /// There is no such channel; its name.
    NoChannel(String),
    /// The token is wrong, or there is no such channel.
    Token,
    /// Publishing here is not allowed.
    Publish,
    /// The client's address may not do this.
    Address,
    /// `channels_max` is reached.
    TooManyChannels,
    /// `subscribers_per_channel_max` is reached.
    TooManySubscribers,
    /// The connection has as many subscriptions as it may.
    TooManySubscriptions,
    /// `broadcasts_waiting_max` is reached; it can be sent again soon.
    TooManyBroadcasts,
    /// `memory_bytes_max` is reached.
    Memory,
}

impl Refusal {
    /// The status that says it to a program.
    pub fn status(&self) -> Status {
        match self {
            Self::NotFound | Self::NoChannel(_) => Status::NOT_FOUND,
            Self::Method(_) => Status::METHOD_NOT_ALLOWED,
            Self::Parameter(_)
            | Self::Callback
            | Self::UnmarkedCallback
            | Self::Name
            | Self::SessionName
            | Self::NoChannels
            | Self::ChannelTaken
            | Self::SessionTaken
            | Self::MediaType
            | Self::TooManyInOne => Status::BAD_REQUEST,
            Self::NoneReadable => Status::NOT_FOUND,
            Self::UnknownSession | Self::Forbidden => Status::FORBIDDEN,
            Self::Conflict => Status::CONFLICT,
            Self::Body(_) => Status::UNSUPPORTED_MEDIA_TYPE,
            Self::Token | Self::Publish | Self::Address => Status::FORBIDDEN,
            Self::TooManyChannels | Self::TooManySubscribers | Self::TooManySubscriptions => {
                Status::TOO_MANY_CHANNELS
            }
            Self::TooManyBroadcasts | Self::TooManySessions | Self::Memory => Status::UNAVAILABLE,
        }
    }

    /// What it says to a person.
    pub fn words(&self) -> &'static str {
        match self {
            Self::NotFound => "there is nothing at this path",
            Self::Method(_) => "this path knows other methods: see Allow",
            Self::Parameter(words) | Self::Body(words) => words,
            Self::Callback => {
                "the callback name may have letters, digits and _ $ . [ ], must not begin with a digit, and must be short"
            }
            Self::UnmarkedCallback => "the callback name must have _JSONP_ in it",
            Self::ChannelTaken => "Channel already exists",
            Self::SessionTaken => "Client already exists",
            Self::UnknownSession => "Unregistered client_id",
            Self::TooManySessions => "Too many clients",
            Self::SessionName => "the client's name is too long, or has control characters",
            Self::NoChannels => "No channels",
            Self::NoneReadable => "No valid channels",
            Self::TooManyInOne => "Too many channels in one request",
            Self::Name => "the channel's name is empty, too long, or has control characters",
            Self::MediaType => "Content-Type or X-EventSource-Event is too long, or no text",
            Self::Conflict => "somebody else waits on this channel",
            Self::Forbidden => "not allowed here",
            Self::NoChannel(_) => "there is no such channel",
            Self::Token => "Token error",
            Self::Publish => "publishing to this channel from here is not allowed",
            Self::Address => "this address may not use the admin side",
            Self::TooManyChannels => "Too many channels",
            Self::TooManySubscribers => "Too many subscribers",
            Self::TooManySubscriptions => "this connection has subscribed to subscriptions_max channels",
            Self::TooManyBroadcasts => "too many broadcasts are still on their way: send it again",
            Self::Memory => "the server's memory budget is used up: try again later",
        }
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

/// Something that a subscriber is told.
#[derive(Clone, Copy)]
pub enum News<'a> {
    /// Messages `from..to` of a channel; at least one.
    Messages(Batch<'a>),
    /// What one who reads several channels gets at once: of each of them what it lacks, perhaps nothing.
    Several(&'a [Batch<'a>]),
    /// What was missed before message `next`; never [`Lost::Nothing`].
    Gap {
        /// The channel's name.
        channel: &'a str,
        /// The number of the first message that is not missing.
        next: u64,
        /// How many are.
        lost: Lost,
    },
    /// The number of the next message.
    NextSeq {
        /// The channel's name.
        channel: &'a str,
        /// The number.
        next: u64,
        /// The place in the log.
        cursor: Cursor,
    },
    /// The channel is in another life than the subscriber believed.
    Life {
        /// The channel's name.
        channel: &'a str,
        /// The number to ask for next.
        next: u64,
        /// The life it is in.
        life: Position,
    },
    /// Nothing happened.
    Quiet {
        /// The channel's name.
        channel: &'a str,
        /// The subscriber's own number.
        echo: i64,
    },
    /// The channel has ended.
    Closed {
        /// The channel's name.
        channel: &'a str,
        /// The number of the message that will never come.
        next: u64,
    },
    /// Everybody who is listed.
    Roster {
        /// The channel's name.
        channel: &'a str,
        /// The people.
        roster: &'a Roster,
    },
    /// Somebody came, left or signed in.
    Notice {
        /// The channel.
        channel: &'a Channel,
        /// The notice's number.
        number: u64,
        /// What happened.
        notice: &'a Notice,
    },
    /// The subscription is refused.
    Refused {
        /// The channel's name, as asked for.
        channel: &'a str,
        /// Why.
        refusal: &'a Refusal,
    },
}

/// Messages `from..to` of one channel.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// The channel.
    pub channel: &'a Channel,
    /// The number of the first.
    pub from: u64,
    /// One more than the number of the last.
    pub to: u64,
    /// The log they stand in.
    pub epoch: crate::log::Epoch,
    /// What is added to an offset for the number by which a message is known in all channels.
    pub ids_from: u64,
}

impl<'a> Batch<'a> {
    /// Messages `from..to` of a channel of this hub.
    pub fn new(channel: &'a Channel, from: u64, to: u64, hub: &Hub) -> Self {
        Self { channel, from, to, epoch: hub.head().epoch, ids_from: hub.id_of(0) }
    }
}

/// Text in the making, in pieces that a stream sends as one chunk each.
#[derive(Default)]
pub struct Text {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where pieces end.
    ends: Vec<usize>,
}

impl Text {
    /// Ends a piece.
    pub fn end_piece(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// The pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(from, &to)| &self.bytes[from..to])
    }

    /// Forgets everything but the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}
