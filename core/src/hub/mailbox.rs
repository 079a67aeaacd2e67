//! Mailboxes: what is for one reader alone and for no channel. One is an index without a pattern: its reader is an ordinary
//! subscriber, so what is in it waits, is resumed and is told to be missing as everything else is.
//! Knows nothing of whose it is.
use std::sync::Arc;

use super::{Beside, Channel, Hub, Kind, Message};
use crate::arena::Id;
use crate::time::Moment;

impl Hub {
    /// A mailbox with nothing in it; whoever opens it joins it at once. It ends when its reader leaves.
    pub fn open_mailbox(&mut self) -> Option<Id<Channel>> {
        let mut mailbox = Channel::new("", self.log.head(), Moment::NEVER, u64::MAX);
        mailbox.is_index = true;
        self.channels.insert(mailbox)
    }

    /// Puts a message into a mailbox; returns its number.
    pub fn post_to(
        &mut self,
        id: Id<Channel>,
        kind: Kind,
        body: Arc<str>,
        beside: Beside,
        now: Moment,
    ) -> Option<u64> {
        let bytes = body.len() as u64;
        let seq = self.put_into(id, kind, body, Some(Arc::new(beside)), now)?;
        self.counters.published += 1;
        self.counters.published_bytes += bytes;
        Some(seq)
    }

    /// Puts something into a mailbox that the server itself has to say: nobody has published it.
    pub fn say_in(&mut self, id: Id<Channel>, body: Arc<str>, now: Moment) -> Option<u64> {
        self.put_into(id, Kind::Data, body, None, now)
    }

    fn put_into(
        &mut self,
        id: Id<Channel>,
        kind: Kind,
        body: Arc<str>,
        beside: Option<Arc<Beside>>,
        now: Moment,
    ) -> Option<u64> {
        self.channels.get(id).filter(|mailbox| mailbox.is_index && !mailbox.closed)?;
        let message = self.stamped(id, kind, body, now);
        Some(self.append_to(id, Message { beside, ..message }))
    }
}

/// Whether a name is one of those that Bayeux keeps for a client and the server: `/meta`, `/service` and everything below
/// (`protocols/bayeux.md`, section 3). Only the admin side may do anything with them by name.
pub fn is_private(name: &str) -> bool {
    let first = name.strip_prefix('/').and_then(|rest| rest.split('/').next());
    matches!(first, Some("meta" | "service"))
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn whole_first_segments_are_private() {
        for (name, wanted) in [
            ("/service/a", true),
            ("/service", true),
            ("/meta/connect", true),
            ("/services/a", false),
            ("service/a", false),
            ("meta/a", false),
            ("/a/service/b", false),
            ("//service", false),
            ("", false),
        ] {
            assert_eq!(is_private(name), wanted, "{name}");
        }
    }
}
