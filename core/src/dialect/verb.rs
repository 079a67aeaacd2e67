//! What requests ask for, in the hub's words.
use std::borrow::Cow;
use std::sync::Arc;

use super::Echo;
use super::hooks::{Events, Follow, Hooks};
use super::keys::{ClientPage, DumpPage, KeyTask, Order};
use crate::config::{Concurrency, Template};
use crate::hub::{From, GroupLimits, Media, Place, Posted, Registered};

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
    End {
        /// Their names.
        channels: Vec<String>,
        /// Where it is told that they have ended.
        events: Option<Arc<Events>>,
    },
    /// Describe a group of channels, after something has been done with it.
    Group {
        /// Its name.
        name: String,
        /// What is done.
        task: GroupTask,
    },
    /// Name those who read channels.
    Readers {
        /// Names of the channels.
        channels: Vec<String>,
        /// The group that they are in, which is not said; empty for none.
        group: String,
        /// What is said of each, if it is not the usual.
        words: Option<Template>,
    },
    /// Give figures of the server.
    Figures,
    /// Say who got a message of a channel, and why the others did not.
    Explain {
        /// The channel's name.
        channel: Cow<'r, str>,
        /// The message's number.
        seq: u64,
        /// The number of the one client that is asked about, or of all.
        client: Option<u64>,
    },
    /// Say everything about the server, once or every second.
    Stats(Hold),
    /// Subscribe to channels by second and tag.
    Watch(Watch),
    /// One of the four before, when an application has been asked.
    Hooked {
        /// What it is asked.
        hooks: Box<Hooks>,
        /// What is done then.
        verb: Box<Self>,
    },
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
    /// Subscribe to channels by one cursor.
    Subscribe(Subscribe<'r>),
    /// Append several messages, or none.
    PublishAll(Bulk<'r>),
    /// Show a signed token, where a connection keeps one.
    Authenticate(Cow<'r, str>),
    /// Give what is kept of a channel.
    History(Past<'r>),
    /// Say who is listed in channels.
    Presence {
        /// Their names; at least one.
        channels: Vec<Cow<'r, str>>,
        /// Their tokens, as shown: one for all, or one for each.
        tokens: Vec<Cow<'r, str>>,
    },
    /// Name channels in the order of their names, a page of them.
    Directory(Page<'r>),
    /// Describe one channel.
    Describe(Cow<'r, str>),
    /// Something is asked of a key.
    Key {
        /// The name of its channel.
        name: String,
        /// What.
        task: KeyTask<'r>,
    },
    /// Show keys and their values, a page of them.
    Dump(DumpPage),
    /// Something is asked of the server itself.
    Order(Order),
    /// Show connections, a page of them.
    Clients(ClientPage<'r>),
    /// End a connection, by its number.
    DisconnectClient(u64),
    /// End the connections of those who read a channel.
    Disconnect {
        /// Its name.
        channel: Cow<'r, str>,
        /// Only of this person.
        who: Option<Cow<'r, str>>,
    },
}

/// What a subscriber to channels asks for who has one cursor for all of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Subscribe<'r> {
    /// Names of channels; at least one.
    pub channels: Vec<Cow<'r, str>>,
    /// Where to begin in each.
    pub from: From,
    /// Until when.
    pub hold: Hold,
    /// What the channels' tokens are said to be: one for all, or one for each.
    pub tokens: Vec<Cow<'r, str>>,
    /// The name to be listed under.
    pub who: Option<Cow<'r, str>>,
    /// The last change of each channel's roster that it has heard of, in their order, or none.
    pub rosters: Vec<u64>,
    /// Milliseconds that a poll waits at most, where its client says so.
    pub wait_ms: Option<u64>,
}

/// Messages that are published together, and what is shown for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Bulk<'r> {
    /// The messages; at least one.
    pub items: Vec<Item>,
    /// The signed token, as shown.
    pub token: Cow<'r, str>,
    /// They are to be published once, however often it is asked for.
    pub once: Option<Box<Once>>,
}

/// What a publisher knows a request by that it may send again (draft-ietf-httpapi-idempotency-key-header).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The publisher's key.
    pub key: String,
    /// A digest of the request's body.
    pub print: [u8; 32],
}

/// One message of several that are published together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The channel's name.
    pub channel: String,
    /// The text.
    pub body: Arc<str>,
    /// Milliseconds after which it is not handed to anybody any more; 0 for none.
    pub ttl_ms: u64,
}

/// What is asked for of a channel's past.
#[derive(Debug, PartialEq, Eq)]
pub struct Past<'r> {
    /// The channel's name.
    pub channel: Cow<'r, str>,
    /// Where to begin.
    pub from: From,
    /// Messages at most.
    pub limit: usize,
    /// The channel's token, as shown.
    pub token: Cow<'r, str>,
}

/// A page of channels.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<'r> {
    /// What their names begin with.
    pub prefix: Cow<'r, str>,
    /// Only those behind this name.
    pub after: Option<Cow<'r, str>>,
    /// Channels at most.
    pub limit: usize,
    /// Those with most subscribers, and not in the order of their names; then there is one page.
    pub busiest: bool,
}

/// A batch of messages, as it came.
#[derive(Debug, PartialEq, Eq)]
pub struct Talk<'r> {
    /// JSON texts, each a message or an array of them.
    pub texts: Vec<Cow<'r, str>>,
    /// A script asks: the answer is a call of a function.
    pub is_call: bool,
    /// A page of another site asks: no cookies come with what it sends.
    pub is_foreign: bool,
    /// Its page can do more than ask by scripts: it is ours, or of an origin that `http.origins` names, or no script asks at all.
    pub may_post: bool,
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
    /// Whether it is to be told what differs from the message before, where that is shorter.
    pub deltas: bool,
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

/// What is done with a group of channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupTask {
    /// Nothing.
    Look,
    /// Those limits that are named are its own from now on.
    Set {
        /// Channels, subscribers, messages, bytes of messages.
        limits: [Option<u64>; 4],
        /// What holds for those that are not named and have not been before.
        usual: GroupLimits,
    },
    /// All its channels end.
    Empty,
}

/// The group that channels are in, and how much it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InGroup {
    /// Its name.
    pub name: String,
    /// How much it may have, unless that was set for it.
    pub limits: GroupLimits,
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
    /// Milliseconds that the channels live without subscribers and messages; 0 for the usual.
    pub channel_ms: u64,
    /// The group of the channels, if it has limits.
    pub group: Option<Box<InGroup>>,
    /// Where it is told that it was published.
    pub events: Option<Arc<Events>>,
    /// It is the last message of each channel once more, and no text.
    pub again: bool,
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
    /// It ends when one of its channels does, and not when the last does.
    pub ends_with_any: bool,
    /// Milliseconds that the channels live without subscribers and messages; 0 for the usual.
    pub channel_ms: u64,
    /// Comes back when nothing happens.
    pub echo: Echo,
    /// The group of the channels, if it has limits.
    pub group: Option<Box<InGroup>>,
    /// The application has been asked, and lets it be: that takes the place of a token.
    pub authorized: bool,
    /// Who is told of it.
    pub follow: Option<Box<Follow>>,
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
