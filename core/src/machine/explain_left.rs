//! How somebody left who was not sent away: what can still be seen of it.
//! Knows nothing of records.
use super::{Machine, Sessions};
use crate::conn::Phase;
use crate::hub::Owner;

/// What has become of a client that reads a channel no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Since {
    /// Its connection is gone.
    Gone,
    /// It is connected, and asks for one answer at a time.
    Asks,
    /// It is connected, and listens to what it has subscribed to.
    Listens,
}

impl Since {
    /// How it left, with the number that it would have had next.
    pub(super) fn words(self, next: u64) -> String {
        match self {
            Self::Gone => format!("the client left of its own accord when the next number was {next}"),
            Self::Asks => format!(
                "the client's request had been answered when the next number was {next}, and it has not asked again since"
            ),
            Self::Listens => format!("the client unsubscribed when the next number was {next}"),
        }
    }
}

impl Machine {
    /// What has become of a reader.
    pub(super) fn since(&self, owner: Owner) -> Since {
        match self.conn_of(owner).map(|conn| &conn.phase) {
            None | Some(Phase::Closing | Phase::Lingering) => Since::Gone,
            Some(Phase::WebSocket(_)) => Since::Listens,
            Some(_) if Sessions::owner(owner).is_some() => Since::Listens,
            Some(_) => Since::Asks,
        }
    }
}
