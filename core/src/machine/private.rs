//! Names that are between a client of Bayeux and the server: what the public side may not do with them, in any dialect.
//! Knows nothing of Bayeux's own messages, which have rules of their own.
use crate::conn::Role;
use crate::dialect::{Bulk, Refusal, Verb};
use crate::hub::is_private;

/// Whether something may be done that would change a channel, or look at it as its publisher does. Reading is looked at where
/// it begins: somebody may show a token.
///
/// # Errors
/// It is one of those names, and not the admin side.
pub(super) fn check_private(role: Role, verb: &Verb<'_>) -> Result<(), Refusal> {
    if role == Role::Admin {
        return Ok(());
    }
    let is_one = match verb {
        Verb::Hooked { verb, .. } => return check_private(role, verb),
        Verb::Publish { channel, .. }
        | Verb::PublishTo { channel, .. }
        | Verb::Register { channel, .. }
        | Verb::SignIn { channel, .. }
        | Verb::Sign { channel, .. }
        | Verb::Close(channel)
        | Verb::Clear(channel)
        | Verb::Describe(channel)
        | Verb::Disconnect { channel, .. } => is_private(channel),
        Verb::Delete(channel) => channel.as_deref().is_some_and(is_private),
        Verb::Post { posting, .. } => posting.channels.iter().any(|name| is_private(name)),
        Verb::Look(channels) | Verb::End { channels, .. } => channels.iter().any(|name| is_private(name)),
        Verb::PublishAll(Bulk { items, .. }) => items.iter().any(|item| is_private(&item.channel)),
        // What concerns no channel, or all of them, or is asked by who reads.
        _ => false,
    };
    if is_one { Err(Refusal::Publish) } else { Ok(()) }
}
