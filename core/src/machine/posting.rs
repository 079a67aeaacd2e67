//! Publishing to several channels with something said of the message, and describing channels.
//! Knows nothing of how it is asked for or written.
use std::sync::Arc;

use super::Machine;
use super::make_room::Giving;
use crate::arena::Id;
use crate::config::Duty;
use crate::conn::{Conn, Held, Manner, Phase, Post};
use crate::dialect::hooks::Events;
use crate::dialect::{Answer, Figures, GroupTask, Info, Outcome, PLAIN, Posting, Refusal, Voice};
use crate::hub::{Census, Channel, GroupLimits, Media, Message};
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
            let post = Post { body, sender: None, to_known: false, posting: Some(posting), batch: None };
            conn.phase = Phase::Held(Box::new(Held { channel, post, manner, voice }));
            return self.defer(id, Some(at));
        }
        match self.post_to_all(&posting, &posting.media, &body) {
            Ok(info) => self.answer(id, manner, &voice, &Outcome::Info(info)),
            Err(refusal) => self.refuse(id, manner, &voice, &refusal),
        }
    }

    /// Appends to all the channels, or to none.
    pub(super) fn post_to_all(
        &mut self,
        posting: &Posting,
        media: &Media,
        body: &Arc<str>,
    ) -> Result<Info, Refusal> {
        let now = self.post.now;
        if posting.again {
            return self.publish_again(posting);
        }
        self.check_posting(posting, body.len())?;
        let (mut at, mut made) = (Vec::with_capacity(posting.channels.len()), Vec::new());
        let size = Message::cost(body.len(), None, Some(media.bytes()));
        if let Err(refusal) = self.open_all(posting, size, &mut at, &mut made) {
            self.unmake(&made);
            return Err(refusal);
        }
        let subscribers: usize = at.iter().filter_map(|&at| self.hub.peek(at)).map(Channel::members).sum();
        for &at in &at {
            self.hub.live_for(at, posting.channel_ms);
            self.hub.keep_as(at, posting.keep, now);
            // Only a closed channel takes nothing, and a closed one has no name to be found by.
            let body = Arc::clone(body);
            self.hub.publish_media(at, body, media.clone(), now).ok_or(Refusal::NotFound)?;
        }
        if let Some(events) = &posting.events {
            self.tell_event(events, "channel_publish");
        }
        let info = self.info_of(&at);
        Ok(Info { subscribers: subscribers as u64, reached: Some(subscribers > 0), ..info })
    }

    /// Opens all the channels, and makes room in each; those that are `made` for it were not there before.
    fn open_all(
        &mut self,
        posting: &Posting,
        size: usize,
        at: &mut Vec<Id<Channel>>,
        made: &mut Vec<Id<Channel>>,
    ) -> Result<(), Refusal> {
        let life_ms = self.channel_ms().max(posting.channel_ms);
        for name in &posting.channels {
            let before = self.hub.made();
            let opened = match posting.group {
                Some(_) => self.make_channel(name, life_ms)?,
                None => self.open_channel(name, life_ms)?,
            };
            at.push(opened);
            if self.hub.made() > before {
                made.push(opened);
            }
        }
        at.iter().try_for_each(|&at| self.check_pace(at, 1))?;
        self.make_room_in(posting.channels.iter().map(|name| (name.as_str(), 1, size)), 0, Giving::All)
    }

    /// Appends the last message of a channel once more, if it is still there.
    fn publish_again(&mut self, posting: &Posting) -> Result<Info, Refusal> {
        let found = posting.channels.first().and_then(|name| self.hub.find(name));
        let at = found.ok_or(Refusal::NoValue)?;
        self.check_pace(at, 1)?;
        // What is to be said again cannot make room for itself.
        let size = self.hub.again_bytes(at);
        if self
            .is_short_for_messages(self.size_with_copies(at, size).saturating_sub(self.hub.older_bytes(at)))
        {
            return Err(Refusal::Memory);
        }
        self.make_room(at, size)?;
        self.hub.publish_again(at, self.post.now).ok_or(Refusal::NoValue)?;
        Ok(self.info_of(&[at]))
    }

    /// Describes the channels that there are.
    pub(super) fn look(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, names: &[String]) {
        let at: Vec<Id<Channel>> = names.iter().filter_map(|name| self.hub.find(name)).collect();
        if at.is_empty() {
            let name = names.first().cloned().unwrap_or_default();
            return self.refuse(id, manner, voice, &Refusal::NoChannel(name));
        }
        let info = self.info_of(&at);
        self.answer(id, manner, voice, &Outcome::Info(info));
    }

    /// Describes the channels that there are, ends them, and tells that.
    pub(super) fn look_and_end(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        names: &[String],
        events: Option<&Arc<Events>>,
    ) {
        let at: Vec<Option<Id<Channel>>> = names.iter().map(|name| self.hub.find(name)).collect();
        self.look(id, manner, voice, names);
        if let Some(events) = events {
            let there = events.ids.iter().zip(&at).filter(|(_, at)| at.is_some()).map(|(id, _)| id.clone());
            let ids: Vec<String> = there.collect();
            let events = Events { to: events.to.clone(), words: events.words.clone(), ids };
            self.tell_event(&Arc::new(events), "channel_delete");
        }
        for at in at.into_iter().flatten() {
            self.hub.close(at, self.post.now);
        }
    }

    /// Does something with a group of channels, and describes it as it was before its channels end.
    pub(super) fn do_with_group(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        name: &str,
        task: GroupTask,
    ) {
        if let Err(refusal) = self.check_name(name) {
            return self.refuse(id, manner, voice, &refusal);
        }
        let usual = self.config.push.group_limits(name);
        if let GroupTask::Set { limits, usual: own } = &task {
            let before = self.hub.group(name, own.or(usual)).limits;
            let [channels, subscribers, messages, bytes] = *limits;
            let limits = GroupLimits {
                channels: channels.unwrap_or(before.channels),
                subscribers: subscribers.unwrap_or(before.subscribers),
                messages: messages.unwrap_or(before.messages),
                bytes: bytes.unwrap_or(before.bytes),
            };
            if self.is_short_of(name.len() + 256) || self.hub.set_group(name, limits).is_err() {
                return self.refuse(id, manner, voice, &Refusal::Memory);
            }
        }
        let census = self.hub.group(name, usual);
        if task == GroupTask::Empty {
            self.hub.empty_group(name);
        }
        self.answer(id, manner, voice, &Outcome::Group(census));
    }

    /// Figures of the server.
    pub(super) fn figures(&mut self) -> Figures {
        let published = self.counters().published;
        let (channels, subscribers) = self.load();
        Figures {
            published,
            messages: self.hub.messages() as u64,
            used_bytes: self.used_bytes() as u64,
            bytes_max: self.config.limits.memory_bytes_max as u64,
            channels: channels as u64,
            subscribers: subscribers as u64,
        }
    }

    /// Whether the group of a posting has room for it.
    fn check_posting(&mut self, posting: &Posting, bytes: usize) -> Result<(), Refusal> {
        let Some(group) = &posting.group else {
            // Its channels' names may put them into one all the same.
            let check = |name: &String| self.check_message_in_group(name, bytes);
            return posting.channels.iter().try_for_each(check);
        };
        let mut more = Census::default();
        for name in &posting.channels {
            let found = self.hub.find(name);
            more.channels += u64::from(found.is_none());
            // A full channel gives one away for each that it gets.
            let grows = found.is_none_or(|at| self.hub.has_place(at)) && posting.keep.messages_max > 0;
            more.messages += u64::from(grows);
            more.bytes += if grows { bytes as u64 } else { 0 };
        }
        self.check_group_at(group, &more).map_err(Refusal::Group)
    }

    /// Of several: the messages of the fullest, all subscribers, and what happened last in any.
    fn info_of(&mut self, at: &[Id<Channel>]) -> Info {
        let (now, life) = (self.post.now, self.hub.life());
        let mut info = Info { id: self.hub.id_of(self.hub.head().offset), ..Info::default() };
        for &at in at {
            info.messages = info.messages.max(self.hub.kept(at, now));
            let Some(channel) = self.hub.peek(at) else { continue };
            let asked_s = channel.asked().map(|asked| now.since(asked) / 1_000);
            info.asked_s = [info.asked_s, asked_s].into_iter().flatten().min();
            info.subscribers += channel.members() as u64;
            let last = channel.last().map(|(unix_s, number)| (unix_s, life.tag(number)));
            info.last = info.last.max(last.unwrap_or_default());
        }
        info
    }

    /// Answers OPTIONS at a location, whose readers may name a place in these fields besides.
    pub(super) fn say_options(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        methods: &'static str,
        duty: Duty,
        own: &[String],
    ) {
        let headers = match duty {
            Duty::Publisher => PUBLISHER_HEADERS,
            Duty::Group | Duty::StubStatus | Duty::SubscriberInfo => "Accept, Content-Type",
            Duty::Subscriber | Duty::Pubsub => SUBSCRIBER_HEADERS,
        };
        let reads = matches!(duty, Duty::Subscriber | Duty::Pubsub);
        let is_new = |name: &&String| headers.split(", ").all(|known| !known.eq_ignore_ascii_case(name));
        let more: Vec<&str> = own.iter().filter(|name| reads && is_new(name)).map(String::as_str).collect();
        let headers = [&[headers], &more[..]].concat().join(", ");
        let fields = [
            ("Allow", methods),
            ("Access-Control-Allow-Methods", methods),
            ("Access-Control-Allow-Headers", &headers),
            ("Access-Control-Max-Age", "86400"),
        ];
        // Whether credentials may be sent is said with the origin.
        let fields = if manner.origin.is_for_pages() { &fields[..] } else { &fields[..1] };
        self.reply(id, manner, Answer { status: Status::OK, content_type: PLAIN }, fields, b"");
    }
}
