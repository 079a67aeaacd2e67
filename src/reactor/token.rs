//! What an event is about, packed into the one word that the kernel keeps for us.
//! Knows nothing of sockets.
use mio::Token;
use rcomet_core::Conn;
use rcomet_core::arena::Id;

const _: () = assert!(usize::BITS == 64, "a connection's id does not fit into this machine's word");

/// An id has its generation, which is never 0, in the upper half: words below this are free for other uses.
const SIGNALS: usize = u32::MAX as usize;

/// The thread that saves values has something to say.
const SAVER: usize = SIGNALS - 1;

/// Words from here on are slots of connections to applications, and those below are listeners.
const UPSTREAMS: usize = 1 << 31;

/// The token of the connection to an application in this slot.
pub(crate) fn upstream_token(slot: usize) -> Token {
    About::Upstream(slot).into()
}

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The process has been sent a signal.
    Signals,
    /// The thread that saves values has something to say.
    Saver,
    /// The listener with this number.
    Listener(usize),
    /// The connection to an application in this slot.
    Upstream(usize),
    /// A connection, if it is still the same one.
    Connection(Id<Conn>),
}

impl From<About> for Token {
    fn from(about: About) -> Self {
        Self(match about {
            About::Signals => SIGNALS,
            About::Saver => SAVER,
            About::Listener(number) => number,
            About::Upstream(slot) => UPSTREAMS + slot,
            About::Connection(id) => id.to_bits() as usize,
        })
    }
}

impl From<Token> for About {
    fn from(Token(word): Token) -> Self {
        match Id::from_bits(word as u64) {
            Some(id) => Self::Connection(id),
            None if word == SIGNALS => Self::Signals,
            None if word == SAVER => Self::Saver,
            None if word >= UPSTREAMS => Self::Upstream(word - UPSTREAMS),
            None => Self::Listener(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_what_it_was() {
        let first = Id::from_bits(1 << 32).expect("generation 1, slot 0");
        let last = Id::from_bits(u64::MAX).expect("the last generation, the last slot");
        for about in [
            About::Signals,
            About::Saver,
            About::Listener(0),
            About::Listener(7),
            About::Upstream(0),
            About::Upstream(70_000),
            About::Connection(first),
            About::Connection(last),
        ] {
            assert_eq!(About::from(Token::from(about)), about);
        }
    }
}
