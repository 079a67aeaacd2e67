//! One connection: what has come and is not understood yet, what waits to go, and what it is in the middle of.
//! Knows nothing of channels or of what a request means.
mod inbox;
mod rights;
mod websocket;

use std::net::IpAddr;
use std::sync::Arc;

pub use inbox::Inbox;
pub use rights::{Right, Rights};
pub(crate) use websocket::{AskedMessage, Booth, HeldMessage, Seat, Verdict, WebSocket, Wire};

use crate::arena::Id;
use crate::bytes::outbox::Outbox;
use crate::dialect::bayeux::message::Timesync;
use crate::dialect::hooks::Hooks;
use crate::dialect::{Echo, Hold, Item, Once, Posting, Talk, Voice};
use crate::hub::Subscription;
use crate::machine::{Errand, Hook, Long, Session, Step};
use crate::time::Moment;
use crate::wire::http1::chunked::Chunked;

/// The listener a connection came in by: it decides what is spoken and allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Role {
    /// The public side.
    Front,
    /// The side of the application servers.
    Admin,
    /// CComet's own listeners.
    Ccomet,
    /// Simple Comet's own listeners.
    SimpleComet,
    /// The control socket, for somebody who may do this.
    Control(Rights),
}

impl Role {
    /// Its name, as it is shown and configured.
    pub fn name(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Admin => "admin",
            Self::Ccomet => "ccomet",
            Self::SimpleComet => "simple_comet",
            Self::Control(_) => "control",
        }
    }

    /// What whoever comes in by it may do, where that depends on who it is: elsewhere dialects and channels say so.
    pub(crate) fn rights(self) -> Rights {
        match self {
            Self::Control(rights) => rights,
            _ => Rights::Manage,
        }
    }

    /// The side on whose paths HTTP is spoken there.
    pub(crate) fn over_http(self) -> Self {
        match self {
            Self::Control(_) => Self::Admin,
            other => other,
        }
    }
}

/// One connection. Only the machine touches it; the shell knows its id.
#[derive(Debug)]
pub struct Conn {
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) phase: Phase,
    /// When its phase has lasted long enough.
    pub(crate) deadline: Moment,
    /// When the wheel will next look at it; never after what is due.
    pub(crate) armed: Moment,
    /// Since when the peer has something to take and has not taken enough of it.
    pub(crate) progress: Moment,
    /// How much of it it has taken since.
    pub(crate) taken: u32,
    pub(crate) peer: IpAddr,
    pub(crate) role: Role,
    /// Which of the listeners that the shell told of it came in by.
    pub(crate) listener: u8,
    /// The shell has been asked to write and has not finished.
    pub(crate) writing: bool,
    /// The peer has finished sending.
    pub(crate) ended: bool,
    /// Reading has stopped for want of room; the shell must be told when there is some.
    pub(crate) paused: bool,
    /// In the queue of those who are served in the next turn.
    pub(crate) deferred: bool,
    /// On the control socket, lines of text have come.
    pub(crate) in_lines: bool,
}

/// What a connection is in the middle of.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Between requests, or with part of a head in its inbox.
    Ready,
    /// The head of a request is in the inbox, and its body is coming.
    Body(Body),
    /// A request waits for messages.
    Parked(Box<Parked>),
    /// A publish waits until those who listen have what was published before; it is among the deferred.
    Held(Box<Held>),
    /// A request waits for what an application has to say about it.
    Hooked(Box<Hooked>),
    /// It has become a WebSocket.
    WebSocket(Box<WebSocket>),
    /// A connect of a session waits for messages.
    Attached(Box<Attached>),
    /// A batch of messages waits, as a publish does.
    HeldTalk(Box<HeldTalk>),
    /// The shell has been asked to do something, and says how it went before this turn is over.
    Ordered(Box<Ordered>),
    /// Nothing is read any more; what waits is sent, then the sending side is shut.
    Closing,
    /// Everything is sent; what the peer still sends is thrown away until it ends or time is up.
    Lingering,
}

/// A body on its way into the inbox.
#[derive(Debug)]
pub(crate) struct Body {
    /// Bytes of the head before it.
    pub(crate) head: usize,
    pub(crate) framing: BodyFraming,
}

/// How its end is known.
#[derive(Debug)]
pub(crate) enum BodyFraming {
    /// So many bytes are still to come.
    Length(usize),
    /// The decoder knows.
    Chunked(Chunked),
}

/// How the answer to one request is to be framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) is_11: bool,
    pub(crate) keep_alive: bool,
    /// The answer to HEAD has no body.
    pub(crate) head_only: bool,
    /// It has no head at all: what is answered is text.
    pub(crate) bare: bool,
    pub(crate) origin: OriginRef,
}

/// Which origin the answer allows to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OriginRef {
    /// None is named.
    None,
    /// None is named, but another request may have another answer: caches must know.
    Vary,
    /// `*`.
    Any,
    /// The one at this place in the configured list.
    Listed(u16),
    /// The one that the request came from, at a location that lets it; and that its pages may send cookies.
    Asked,
    /// The same, and they may not.
    AskedWithout,
}

impl OriginRef {
    /// Whether pages of another origin may read the answer.
    pub(crate) fn is_for_pages(self) -> bool {
        !matches!(self, Self::None | Self::Vary)
    }

    /// Whether what is named is the request's own, so that others with the same manners cannot have the same head.
    pub(crate) fn is_own(self) -> bool {
        matches!(self, Self::Asked | Self::AskedWithout)
    }
}

/// What is published.
#[derive(Debug, Default)]
pub(crate) struct Post {
    pub(crate) body: Arc<str>,
    pub(crate) sender: Option<Arc<str>>,
    /// The channel must be there already, also when its turn has come.
    pub(crate) to_known: bool,
    /// Where else it goes and what is said of it, in dialects that say so.
    pub(crate) posting: Option<Box<Posting>>,
    /// Several messages in its stead, of which all are published or none.
    pub(crate) batch: Option<Several>,
}

/// Messages that are published together.
#[derive(Debug)]
pub(crate) struct Several {
    pub(crate) items: Vec<Item>,
    /// What the request is known by that asks for it, if it may be sent again.
    pub(crate) once: Option<Box<Once>>,
}

impl Post {
    /// Bytes of what is published.
    pub(crate) fn bytes(&self) -> usize {
        let batch = self.batch.iter().flat_map(|several| &several.items).map(|item| item.body.len());
        self.body.len() + batch.sum::<usize>()
    }
}

/// A publish that waits.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) channel: String,
    pub(crate) post: Post,
    pub(crate) manner: Manner,
    pub(crate) voice: Voice,
}

/// A request that waits for an application.
#[derive(Debug)]
pub(crate) struct Hooked {
    /// The question under way.
    pub(crate) hook: Id<Hook>,
    pub(crate) role: Role,
    pub(crate) manner: Manner,
    pub(crate) voice: Voice,
    /// What has been asked.
    pub(crate) step: Step,
    /// What there is to ask.
    pub(crate) hooks: Box<Hooks>,
    /// What is done when it may be.
    pub(crate) errand: Errand,
    /// Bytes of all this, on the account of memory.
    pub(crate) bytes: usize,
}

/// A request that waits for the shell.
#[derive(Debug)]
pub(crate) struct Ordered {
    pub(crate) manner: Manner,
    pub(crate) voice: Voice,
}

/// A request that waits for messages.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) sub: Id<Subscription>,
    pub(crate) voice: Voice,
    pub(crate) manner: Manner,
    pub(crate) hold: Hold,
    /// The head of the answer is on its way already.
    pub(crate) head_sent: bool,
    /// Its outbox was full; it wants to be visited when there is room.
    pub(crate) thirsty: bool,
    /// What the subscriber is told again in signs of life.
    pub(crate) echo: Echo,
}

/// A connect of a session that waits.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) session: Id<Session>,
    pub(crate) connect: Connect,
    pub(crate) manner: Manner,
    pub(crate) voice: Voice,
}

/// What the reply to a connect has to know of it.
#[derive(Debug)]
pub(crate) struct Connect {
    /// The message's own id, as JSON.
    pub(crate) id: Option<Box<str>>,
    /// Its client gave advice, and is given some.
    pub(crate) advise: bool,
    /// It is not held, because its browser has as many held as it may.
    pub(crate) is_one_too_many: bool,
    /// How long its client may be silent before its next.
    pub(crate) pause_ms: u64,
    /// Its client wants to know the time.
    pub(crate) sync: Option<Box<Timesync>>,
}

/// A batch of messages that waits.
#[derive(Debug)]
pub(crate) struct HeldTalk {
    pub(crate) texts: Vec<String>,
    /// Bytes of the texts, and of the replies that there are.
    pub(crate) bytes: usize,
    pub(crate) is_call: bool,
    pub(crate) is_foreign: bool,
    pub(crate) may_post: bool,
    pub(crate) cookie: Option<Box<str>>,
    pub(crate) manner: Manner,
    pub(crate) voice: Voice,
    /// How far it has got, if it is done in slices.
    pub(crate) long: Option<Box<Long>>,
}

impl HeldTalk {
    /// A batch of which nothing has been done.
    pub(crate) fn new(talk: &Talk<'_>, manner: Manner, voice: Voice) -> Self {
        let texts: Vec<String> = talk.texts.iter().map(|text| text.clone().into_owned()).collect();
        let bytes = texts.iter().map(String::len).sum();
        let Talk { is_call, is_foreign, may_post, .. } = *talk;
        let cookie = talk.cookie.map(Into::into);
        Self { texts, bytes, is_call, is_foreign, may_post, cookie, manner, voice, long: None }
    }
}

impl Conn {
    /// None that the shell has told of.
    pub(crate) const NO_LISTENER: u8 = u8::MAX;

    pub(crate) fn new(role: Role, peer: IpAddr, now: Moment, deadline: Moment) -> Self {
        Self {
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            phase: Phase::Ready,
            deadline,
            armed: Moment::NEVER,
            progress: now,
            taken: 0,
            peer,
            role,
            listener: Self::NO_LISTENER,
            writing: false,
            ended: false,
            paused: false,
            deferred: false,
            in_lines: false,
        }
    }

    /// Whether nothing more is read from it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Lingering)
    }

    /// When something must be done about it: its phase is over, or its peer takes nothing.
    pub(crate) fn due(&self, stall_ms: u64) -> Moment {
        if self.outbox.is_empty() {
            self.deadline
        } else {
            self.deadline.min(self.progress.after_ms(stall_ms))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle or parked connection is what there are most of: its size is looked at, and does not grow unnoticed.
    #[test]
    #[expect(clippy::disallowed_macros, reason = "who asks for the sizes is shown them")]
    fn a_connection_is_small() {
        let sizes = [size_of::<Conn>(), size_of::<Parked>(), size_of::<Subscription>()];
        println!("Conn, Parked, Subscription: {sizes:?} bytes");
        assert_eq!(
            sizes,
            [120, 56, 56],
            "what there are most of has grown or shrunk: ARCHITECTURE.md says what each costs"
        );
    }
}
