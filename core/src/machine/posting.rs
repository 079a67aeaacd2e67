//! Publishing to several channels with something said of the message, and describing channels.
//! Knows nothing of how it is asked for or written.
use std::sync::Arc;

use super::Machine;
use crate::arena::Id;
use crate::config::Duty;
use crate::conn::{Conn, Held, Manner, OriginRef, Phase, Post};
use crate::dialect::{Answer, Info, Outcome, PLAIN, Posting, Refusal, Voice};
use crate::hub::Channel;
use crate::wire::http1::Status;

/// What pages on other origins may send to subscribe, and to publish (`protocols/push-module.md`, section 5.9; the last
/// three of the first are what its clients send besides).
const SUBSCRIBER_HEADERS: &str = "If-None-Match, If-Modified-Since, Content-Type, Cache-Control, X-EventSource-Event, Etag, Last-Event-ID, TE";
const PUBLISHER_HEADERS: &str = "Accept, Content-Type, X-EventSource-Event";

impl Machine {
    /// Publishes and describes, or waits with both until those who listen have what came before.
    pub(super) fn post_or_hold(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: Voice,
        posting: Box<Posting>,
        body: Arc<str>,
    ) {
        let mut known = posting.channels.iter().filter_map(|name| self.hub.find(name));
        let crowded = known.find(|at| self.hub.is_crowded(*at, body.len()));
        if let Some(at) = crowded
            && let Some(conn) = self.conns.get_mut(id)
        {
            self.held_bytes += body.len();
            let channel = posting.channels.first().cloned().unwrap_or_default();
            let post = Post { body, sender: None, to_known: false, posting: Some(posting) };
            conn.phase = Phase::Held(Box::new(Held { channel, post, manner, voice }));
            return self.defer(id, Some(at));
        }
        match self.post_to_all(&posting, &body) {
            Ok(info) => self.answer(id, manner, &voice, &Outcome::Info(info)),
            Err(refusal) => self.refuse(id, manner, &voice, &refusal),
        }
    }

    /// Appends to all the channels, or to none.
    fn post_to_all(&mut self, posting: &Posting, body: &Arc<str>) -> Result<Info, Refusal> {
        let now = self.post.now;
        let mut at = Vec::with_capacity(posting.channels.len());
        for name in &posting.channels {
            at.push(self.open_channel(name, self.channel_ms())?);
        }
        let size = (body.len() + posting.media.bytes() + 256).saturating_mul(at.len());
        for &at in &at {
            self.make_room(at, size)?;
        }
        let subscribers: usize = at.iter().filter_map(|&at| self.hub.peek(at)).map(Channel::members).sum();
        for &at in &at {
            self.hub.keep_as(at, posting.keep, now);
            // Only a closed channel takes nothing, and a closed one has no name to be found by.
            let body = Arc::clone(body);
            self.hub.publish_media(at, body, posting.media.clone(), now).ok_or(Refusal::NotFound)?;
        }
        let info = self.info_of(&at);
        Ok(Info { subscribers: subscribers as u64, reached: Some(subscribers > 0), ..info })
    }

    /// Describes the channels that there are, and ends them if that is wanted.
    pub(super) fn look(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, names: &[String], ends: bool) {
        let at: Vec<Id<Channel>> = names.iter().filter_map(|name| self.hub.find(name)).collect();
        if at.is_empty() {
            let name = names.first().cloned().unwrap_or_default();
            return self.refuse(id, manner, voice, &Refusal::NoChannel(name));
        }
        let info = self.info_of(&at);
        if ends {
            for at in at {
                self.hub.close(at, self.post.now);
            }
        }
        self.answer(id, manner, voice, &Outcome::Info(info));
    }

    /// Of several: the messages of the fullest, all subscribers, and what happened last in any.
    fn info_of(&mut self, at: &[Id<Channel>]) -> Info {
        let now = self.post.now;
        let mut info = Info::default();
        for &at in at {
            info.messages = info.messages.max(self.hub.kept(at, now));
            let Some(channel) = self.hub.peek(at) else { continue };
            let asked_s = channel.asked().map(|asked| now.since(asked) / 1_000);
            info.asked_s = [info.asked_s, asked_s].into_iter().flatten().min();
            info.subscribers += channel.members() as u64;
            info.last = info.last.max(channel.last().unwrap_or_default());
        }
        info
    }

    /// Answers OPTIONS at a location.
    pub(super) fn say_options(&mut self, id: Id<Conn>, manner: Manner, methods: &'static str, duty: Duty) {
        let headers = if duty == Duty::Publisher { PUBLISHER_HEADERS } else { SUBSCRIBER_HEADERS };
        let fields = [
            ("Allow", methods),
            ("Access-Control-Allow-Methods", methods),
            ("Access-Control-Allow-Headers", headers),
            ("Access-Control-Max-Age", "86400"),
            ("Access-Control-Allow-Credentials", "true"),
        ];
        let fields = match manner.origin {
            OriginRef::Listed(_) => &fields[..],
            OriginRef::Any => &fields[..4],
            OriginRef::None | OriginRef::Vary => &fields[..1],
        };
        self.reply(id, manner, Answer { status: Status::OK, content_type: PLAIN }, fields, b"");
    }
}
