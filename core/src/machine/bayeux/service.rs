//! `/service/`: what clients say to the application server, and what it answers to one of them alone
//! (`protocols/bayeux.md`, section 3).
//! Knows nothing of how it is delivered: a client's answers stand in a mailbox, where it has a seat.
use std::sync::Arc;

use serde_json::value::RawValue;

use super::session::Session;
use super::{Speaker, body_of, quoted};
use crate::arena::Id;
use crate::conn::Role;
use crate::dialect::Refusal;
use crate::dialect::bayeux::message::{Message, member, string};
use crate::hub::{self, Beside, From};
use crate::machine::Machine;

/// The name of a session's seat in its mailbox: no channel has it.
pub(super) const MAILBOX: &str = "";

/// Bytes that a mailbox takes, the seat in it, and the places of its first messages.
const MAILBOX_BYTES: usize = 1_024;

/// Digits of a client's secret that are part of its address: an address of before a restart is nobody's.
const DIGITS: usize = 8;

impl Machine {
    /// How the application server names a session to answer it. Only the admin side can do something with it.
    fn address(&self, id: Id<Session>) -> Option<String> {
        let session = self.sessions.get(id)?;
        Some(format!("{:x}-{}", id.to_bits(), session.client.as_str().get(..DIGITS)?))
    }

    fn session_at(&self, address: &str) -> Option<Id<Session>> {
        let (bits, digits) = address.split_once('-')?;
        let id = Id::from_bits(u64::from_str_radix(bits, 16).ok()?)?;
        self.sessions.get(id)?.client.begins_with::<DIGITS>(digits).then_some(id)
    }

    /// What is said to others of what a client publishes to a service: what its extensions have to say, and who it is.
    pub(super) fn service_ext(&self, id: Id<Session>, message: &Message<'_>) -> Option<String> {
        let from = quoted(&self.address(id)?);
        let own = message.echo().map_or(String::new(), |own| format!(",\"id\":{own}"));
        let rcomet = format!("\"rcomet\":{{\"from\":{from}{own}}}");
        let theirs = message.ext.filter(|ext| member(ext, "rcomet").is_none()).map(RawValue::get);
        let theirs = theirs.and_then(|ext| ext.strip_prefix('{')).map(str::trim_start);
        Some(match theirs.filter(|theirs| !theirs.starts_with('}')) {
            Some(theirs) => format!("{{{rcomet},{theirs}"),
            None => format!("{{{rcomet}}}"),
        })
    }

    /// Whom the application server answers, if it answers one client alone.
    pub(super) fn addressee<'m>(speaker: &Speaker<'_>, message: &Message<'m>) -> Option<&'m RawValue> {
        if speaker.role != Role::Admin {
            return None;
        }
        member(message.extension("rcomet")?, "to")
    }

    /// Answers one client; it needs no subscription.
    pub(super) fn answer_one(
        &mut self,
        channel: &str,
        data: &RawValue,
        (to, message): (&RawValue, &Message<'_>),
    ) -> Result<(), Refusal> {
        let id = string(to.get()).and_then(|address| self.session_at(&address)).ok_or(Refusal::NotFound)?;
        let own = message.extension("rcomet").and_then(|own| member(own, "id"));
        let own = own.map(|id| Message { id: Some(id), ..Message::default() });
        let known_by: Option<Box<str>> = own.and_then(|own| own.echo().map(Into::into));
        let (kind, body) = body_of(data);
        let body: Arc<str> = body;
        self.check_journal()?;
        let texts = channel.len() + known_by.as_deref().map_or(0, str::len);
        let size = hub::Message::cost(body.len(), None, None) + Beside::cost(texts);
        let seat =
            self.sessions.get(id).and_then(|session| Some(&session.seats[session.find(MAILBOX).ok()?]));
        // What waits there is somebody's answer, and makes no room for others.
        if self.is_short_of(size + if seat.is_some() { 0 } else { MAILBOX_BYTES }) {
            return Err(Refusal::Memory);
        }
        let at = match seat {
            Some(seat) => self.hub.subscription(seat.sub).and_then(|sub| sub.channel()),
            None => {
                let at = self.hub.open_mailbox().ok_or(Refusal::Memory)?;
                let begin = self.hub.start(at, From::New, self.post.now);
                self.take_seat(id, MAILBOX, at, begin)?;
                Some(at)
            }
        };
        let beside = Beside { channel: Some(channel.into()), id: known_by, ..Beside::default() };
        let at = at.ok_or(Refusal::NotFound)?;
        self.hub.post_to(at, kind, body, beside, self.post.now).ok_or(Refusal::NotFound)?;
        Ok(())
    }
}
