//! Whole answers: events first, replies behind them (`protocols/bayeux.md`, section 6).
//! Knows nothing of what they say.
use bytes::Bytes;

use super::client_id::ClientId;
use crate::arena::Id;
use crate::conn::{Conn, Manner, OriginRef};
use crate::dialect::Voice;
use crate::dialect::bayeux::{COOKIE, SCRIPT};
use crate::machine::Machine;
use crate::machine::deliver::Delivery;
use crate::machine::frames::Frame;
use crate::machine::heads::Kind;
use crate::machine::tell::Asker;
use crate::wire::http1::Status;
use crate::wire::http1::response::{End, HeadWriter};

/// What one answer says.
pub(super) struct Outgoing<'a> {
    /// Events of this client's own; each may be nothing.
    pub(super) events: [&'a [u8]; 2],
    /// Events that others get as well.
    pub(super) shared: Option<Bytes>,
    /// At least one.
    pub(super) replies: &'a [u8],
    /// Names the browser.
    pub(super) cookie: Option<ClientId>,
}

impl<'a> Outgoing<'a> {
    /// Replies and nothing else.
    pub(super) fn replies(replies: &'a [u8]) -> Self {
        Self { events: [b"", b""], shared: None, replies, cookie: None }
    }
}

impl Machine {
    /// Says replies that wait for nothing.
    pub(super) fn say_replies(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        replies: &[u8],
        cookie: Option<ClientId>,
    ) {
        let (mut delivery, conns, _) = self.delivery();
        if let Some(conn) = conns.get_mut(id) {
            let batch = Outgoing { cookie, ..Outgoing::replies(replies) };
            delivery.say_batch(conn, Asker { id, manner, voice }, batch);
        }
    }
}

impl Delivery<'_> {
    /// Says a whole answer.
    pub(super) fn say_batch(&mut self, conn: &mut Conn, to: Asker<'_>, batch: Outgoing<'_>) {
        let Asker { id, manner, voice } = to;
        let Outgoing { events, shared, replies, cookie } = batch;
        let before = voice.before.as_deref().unwrap_or_default();
        let frame = shared.map_or(Frame::Own(b""), Frame::Shared);
        self.tail.clear();
        if !frame.is_empty() {
            self.tail.push(b',');
        }
        self.tail.extend_from_slice(replies);
        self.tail.extend_from_slice(if before.is_empty() { b"]" } else { b"]);" });
        let events = events.into_iter().filter(|part| !part.is_empty());
        let own: usize = events.clone().map(|part| part.len() + 1).sum();
        self.begin_batch(to, before.len() + 1 + own + frame.len() + self.tail.len(), cookie);
        self.head.extend_from_slice(before.as_bytes());
        self.head.push(b'[');
        for part in events {
            self.head.extend_from_slice(part);
            self.head.push(b',');
        }
        self.post.say_around(conn, id, self.head, frame, self.tail);
        self.after_poll(conn, id, manner);
    }

    fn begin_batch(&mut self, to: Asker<'_>, length: usize, cookie: Option<ClientId>) {
        let Asker { manner, voice, .. } = to;
        let content_type = voice.dialect.speaker().content_type(voice);
        // Who asks by GET gets what nobody else may: no cache is to keep it.
        let no_store = content_type == SCRIPT;
        let kind = Kind { status: Status::OK, content_type, origin: manner.origin, nosniff: true, no_store };
        self.head.clear();
        let writer = self.heads.begin(self.head, to.id, kind, self.date, &self.config.http);
        let mut writer = allow_credentials(writer, manner.origin);
        if let Some(cookie) = cookie {
            let value = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax", cookie.as_str());
            writer = writer.field("Set-Cookie", &value);
        }
        writer.end(End::Length(length), manner.keep_alive);
    }
}

/// Pages of the origins in the list may send cookies: cometd's client in browsers always asks for it. Those of every
/// origin may not.
fn allow_credentials(writer: HeadWriter<'_>, origin: OriginRef) -> HeadWriter<'_> {
    match origin {
        OriginRef::Listed(_) => writer.field("Access-Control-Allow-Credentials", "true"),
        // Bayeux is at no location.
        OriginRef::None | OriginRef::Vary | OriginRef::Any => writer,
        OriginRef::Asked | OriginRef::AskedWithout => writer,
    }
}
