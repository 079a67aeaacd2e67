//! Dialects over WebSocket: what a message asks for, and what is answered. They share with the others what subscribers get:
//! each piece of a [`super::Text`] is one message.
//! Knows nothing of frames, sockets or time; what must be remembered of a connection is its [`Opening`].
use std::borrow::Cow;

use super::{DialectId, Outcome, Refusal, Request, Verb, bayeux, echo, native, push};
use crate::config::Config;
use crate::conn::Role;
use crate::wire::http1::head::Head;
use crate::wire::ws::{Fault, handshake};

/// What is spoken on a WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tongue {
    /// Ours, at `/ws`.
    Native,
    /// Everything comes back, at `/echo`.
    Echo,
    /// Bayeux, at its paths.
    Bayeux,
    /// The push module's, and Nchan's, at its locations.
    Push,
}

impl Tongue {
    /// What is spoken where a request goes, if there are WebSockets there: on the public side, and at locations wherever
    /// those are. Where there is something else besides, only who asks for a WebSocket gets one.
    pub fn at(role: Role, head: &Head<'_, '_>, config: &Config) -> Option<Self> {
        if !config.websocket.enabled {
            return None;
        }
        // Most requests ask for none: for them, locations are looked through once, where they are routed.
        let is_native = role == Role::Front && matches!(&*head.path, b"/ws" | b"/echo");
        if (is_native || handshake::is_asked(head)) && push::is_at(role, head, config) {
            // A location comes before any other dialect.
            return push::is_socket_at(role, head, config).then_some(Self::Push);
        }
        if role != Role::Front {
            return None;
        }
        match &*head.path {
            b"/ws" => Some(Self::Native),
            b"/echo" if config.websocket.echo => Some(Self::Echo),
            _ if config.bayeux.websocket
                && handshake::is_asked(head)
                && bayeux::is_at(Role::Front, head, config) =>
            {
                Some(Self::Bayeux)
            }
            _ => None,
        }
    }

    /// Who speaks it.
    pub fn talker(self) -> &'static dyn Talker {
        match self {
            Self::Native => &native::Native,
            Self::Echo => &echo::Echo,
            Self::Bayeux => &bayeux::Bayeux,
            Self::Push => &push::Push,
        }
    }
}

/// A dialect that is spoken over WebSocket. It translates messages one by one and keeps nothing in mind: when a connection
/// ends, its subscriptions end with it, and there is nothing to say about that.
pub trait Talker: Sync {
    /// Whose frames its subscribers get.
    fn dialect(&self) -> DialectId;

    /// The subprotocols that it goes by (RFC 6455, section 1.9).
    fn subprotocols(&self) -> &'static [&'static str] {
        &[]
    }

    /// What the handshake itself asks for.
    ///
    /// # Errors
    /// It is refused, as an HTTP request is.
    fn open<'b>(&self, request: &Request<'_, 'b>, config: &Config) -> Result<Opening<'b>, Refusal>;

    /// What a message of text asks for, in order.
    ///
    /// # Errors
    /// The connection is to be closed.
    fn text<'m>(&self, topic: &str, text: &'m str, config: &Config) -> Result<Vec<Call<'m>>, Fault>;

    /// What a message of bytes asks for.
    ///
    /// # Errors
    /// The connection is to be closed; so it is where bytes have no meaning.
    fn binary<'m>(&self, _topic: &str, _bytes: &'m [u8], _config: &Config) -> Result<Vec<Call<'m>>, Fault> {
        Err(Fault::Binary)
    }

    /// Appends the message that answers a call; nothing if it is not answered.
    fn answer(&self, tag: Option<&str>, outcome: &Outcome<'_>, out: &mut Vec<u8>);
}

/// How a connection begins.
#[derive(Debug, Default)]
pub struct Opening<'b> {
    /// The dialect's own, as in [`super::Voice::style`].
    pub style: u8,
    /// What every message is about, where the path says it.
    pub topic: Option<Box<str>>,
    /// What is asked for without a message.
    pub calls: Vec<Call<'b>>,
    /// The browser that asks, by its cookie.
    pub cookie: Option<&'b str>,
    /// The signed token that is shown.
    pub token: Option<Cow<'b, str>>,
}

/// One thing that a message asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Call<'m> {
    /// To do something, and to answer with the tag.
    Do {
        /// What the answer is known by, as the dialect writes it.
        tag: Option<&'m str>,
        /// What.
        verb: Verb<'m>,
    },
    /// What cannot be done.
    Refuse {
        /// What the answer is known by.
        tag: Option<&'m str>,
        /// Why.
        refusal: Refusal,
    },
    /// To send the message back as it is.
    Echo,
}
