//! Delivery: what a visited subscriber lacks, handed over in its own framing.
//! Knows nothing of who is visited when. Nothing is formatted here for each subscriber but what is its alone.
use std::collections::VecDeque;

use super::Machine;
use super::frames::{Frames, Key, Wrap};
use super::post::Post;
use super::reply::{allow_origin, finish};
use crate::arena::{Arena, Id};
use crate::config::{Config, PollHead};
use crate::conn::{Conn, Manner, Parked, Phase};
use crate::counters::Counters;
use crate::dialect::{Appetite, Batch, Hold, News, Voice};
use crate::hub::{Channel, Hub, Lost, Roster, Subscription, Took};
use crate::time::{Date, Moment};
use crate::wire::http1::Status;
use crate::wire::http1::response::{End, HeadWriter, LAST_CHUNK, chunk_size};

/// Everything that delivering needs besides the hub and the connections.
pub(super) struct Delivery<'a> {
    pub(super) post: &'a mut Post,
    pub(super) frames: &'a mut Frames,
    pub(super) counters: &'a mut Counters,
    pub(super) deferred: &'a mut VecDeque<(Id<Conn>, Option<Id<Channel>>)>,
    pub(super) config: &'a Config,
    pub(super) date: &'a Date,
    pub(super) head: &'a mut Vec<u8>,
}

/// A range of a channel's messages with what was missed before it: what shared frames are known by.
pub(super) type Range = (Id<Channel>, u64, u64, Lost);

impl Machine {
    /// The parts that delivering needs, side by side.
    pub(super) fn delivery(&mut self) -> (Delivery<'_>, &mut Arena<Conn>, &mut Hub) {
        let Self { conns, hub, post, frames, counters, deferred, config, date, head, .. } = self;
        (Delivery { post, frames, counters, deferred, config, date, head }, conns, hub)
    }

    /// Delivers to at most `budget` subscribers, and serves those who were put off. True if more remains.
    pub fn pump(&mut self, budget: usize, now: crate::time::Moment) -> bool {
        self.post.now = now;
        let (mut delivery, conns, hub) = self.delivery();
        let mut more = hub.pump(budget, now, |hub, owner, channel, sub| {
            let Some(id) = Id::from_bits(owner) else { return Took::AndLeaves };
            match conns.get_mut(id) {
                Some(conn) => delivery.hand(conn, id, hub, channel, sub),
                None => Took::AndLeaves,
            }
        });
        more |= self.drain_some(budget);
        self.serve_deferred();
        self.tables_bytes = self.count_tables();
        more |= !self.deferred.is_empty() || self.hub.owes_work();
        if !more {
            self.frames.forget();
        }
        more
    }
}

impl Delivery<'_> {
    /// Hands a subscriber what it lacks.
    fn hand(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        hub: &Hub,
        channel: &Channel,
        sub: &Subscription,
    ) -> Took {
        let Phase::Parked(parked) = &mut conn.phase else { return Took::AndLeaves };
        if conn.outbox.len() >= self.config.limits.outbox_bytes_max {
            parked.thirsty = true;
            self.counters.subscribers_slow += 1;
            return Took::Nothing;
        }
        let speaker = parked.voice.dialect.speaker();
        let history = channel.history();
        let (head, from) = (history.head(), sub.next().max(history.base()));
        let lost = if from > sub.next() { Lost::Some(from - sub.next()) } else { Lost::Nothing };
        let appetite = speaker.appetite(parked.voice.style, true);
        let to = match appetite {
            Appetite::Everything => history.batch_end(from, self.config.limits.batch_bytes_max),
            Appetite::OneObject | Appetite::OneMessage => head.min(from + 1),
        };
        if let Lost::Some(n) = lost {
            self.counters.lost += n;
            if !speaker.survives_gaps(parked.voice.style) {
                return self.give_up(conn, id);
            }
        }
        self.counters.delivered += to - from;
        let told = from < to || lost != Lost::Nothing;
        let heard = sub.notices().is_none_or(|n| channel.roster().is_none_or(|r| r.head() == n));
        let notices = sub.notices().map_or(0, |n| channel.roster().map_or(n, Roster::head));
        let mut news = Vec::new();
        if lost != Lost::Nothing {
            news.push(News::Gap { channel: channel.name(), next: from, lost });
        }
        if from < to {
            news.push(News::Messages(Batch { channel, from, to, epoch: hub.head().epoch }));
        }
        if heard && told && !(channel.is_closed() && parked.hold == Hold::Stream) {
            let range = Some((sub.channel(), from, to, lost));
            return self.hand_news(conn, id, &news, range, Took::Upto { next: to, notices });
        }
        if let (false, Some(roster)) = (heard || (told && appetite != Appetite::Everything), channel.roster())
        {
            people(channel, roster, sub.notices(), &parked.voice, &mut news);
        }
        let closes = channel.is_closed() && to == head && (parked.hold == Hold::Stream || news.is_empty());
        if closes {
            news.push(News::Closed { channel: channel.name(), next: head });
        }
        if news.is_empty() {
            // What happened is not for this dialect.
            return Took::Upto { next: to, notices };
        }
        if appetite == Appetite::OneObject {
            news.truncate(1);
        }
        if closes && parked.hold == Hold::Stream {
            let (manner, voice) = (parked.manner, parked.voice.clone());
            self.say_news(conn, id, manner, &voice, &news);
            self.end_stream(conn, id, manner);
            return Took::AndLeaves;
        }
        self.hand_news(conn, id, &news, None, Took::Upto { next: to, notices })
    }

    fn hand_news(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        news: &[News<'_>],
        range: Option<Range>,
        took: Took,
    ) -> Took {
        let Phase::Parked(parked) = &mut conn.phase else { return Took::AndLeaves };
        match parked.hold {
            Hold::Stream => {
                let (style, dialect) = (parked.voice.style, parked.voice.dialect);
                let wrap = if parked.manner.is_11 { Wrap::Chunks } else { Wrap::Bare };
                match range {
                    Some((channel, from, to, lost)) => {
                        let key = Key { channel, from, to, lost, dialect, style, live: true, wrap };
                        let frame = self.frames.shared(key, news);
                        self.post.say_shared(conn, id, frame);
                    }
                    None => {
                        let frame = self.frames.make(dialect, style, true, wrap, news);
                        self.post.say(conn, id, frame);
                    }
                }
                // `/psub` is never told that nothing happened.
                if conn.deadline < Moment::NEVER {
                    conn.deadline = self.post.now.after_ms(self.config.icomet.polling_timeout_ms);
                    self.post.rearm(conn, id);
                }
                took
            }
            Hold::Poll => {
                let phase = std::mem::replace(&mut conn.phase, Phase::Ready);
                if let Phase::Parked(parked) = phase {
                    self.end_poll(conn, id, &parked, news, range);
                }
                Took::AndLeaves
            }
        }
    }

    /// Answers a poll that has been waiting.
    pub(super) fn end_poll(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        parked: &Parked,
        news: &[News<'_>],
        range: Option<Range>,
    ) {
        if parked.head_sent {
            self.say_poll_body(conn, id, parked.manner, &parked.voice, news, range);
            self.after_poll(conn, id, parked.manner);
        } else {
            self.answer_with(conn, id, parked.manner, &parked.voice, news, range, true);
        }
    }

    /// The body of a poll whose head has been sent.
    fn say_poll_body(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        news: &[News<'_>],
        range: Option<Range>,
    ) {
        let (dialect, style) = (voice.dialect, voice.style);
        let wrap = if manner.is_11 && voice.before.is_none() { Wrap::WholeBody } else { Wrap::Bare };
        if let (Some((channel, from, to, lost)), Wrap::WholeBody) = (range, wrap) {
            let key = Key { channel, from, to, lost, dialect, style, live: true, wrap };
            let frame = self.frames.shared(key, news);
            return self.post.say_shared(conn, id, frame);
        }
        if wrap == Wrap::WholeBody {
            let frame = self.frames.make(dialect, style, true, wrap, news);
            return self.post.say(conn, id, frame);
        }
        let before = voice.before.as_deref().unwrap_or_default();
        let after = dialect.speaker().epilogue(voice.before.is_some());
        let own = |head: &mut Vec<u8>, length: usize| {
            head.clear();
            if manner.is_11 {
                chunk_size(before.len() + length + after.len(), head);
            }
            head.extend_from_slice(before.as_bytes());
        };
        match range {
            Some((channel, from, to, lost)) => {
                let key = Key { channel, from, to, lost, dialect, style, live: true, wrap };
                let frame = self.frames.shared(key, news);
                own(self.head, frame.len());
                self.post.say(conn, id, self.head);
                self.post.say_shared(conn, id, frame);
                self.head.clear();
            }
            None => {
                let frame = self.frames.make(dialect, style, true, wrap, news);
                own(self.head, frame.len());
                self.head.extend_from_slice(frame);
            }
        }
        self.head.extend_from_slice(after.as_bytes());
        if manner.is_11 {
            self.head.extend_from_slice(b"\r\n");
            self.head.extend_from_slice(LAST_CHUNK);
        }
        self.post.say(conn, id, self.head);
    }

    /// A whole answer to a subscription that never waited.
    pub(super) fn whole_answer(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        news: &[News<'_>],
        range: Option<Range>,
    ) {
        let speaker = voice.dialect.speaker();
        let prologue = speaker.prologue(voice.style);
        if prologue.is_empty() {
            return self.answer_with(conn, id, manner, voice, news, range, false);
        }
        self.begin(conn, id, manner, voice);
        self.say_news(conn, id, manner, voice, news);
        self.end_stream(conn, id, manner);
    }

    /// Head and body at once, with their length.
    fn answer_with(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        news: &[News<'_>],
        range: Option<Range>,
        live: bool,
    ) {
        let (dialect, style) = (voice.dialect, voice.style);
        let before = voice.before.as_deref().unwrap_or_default();
        // Only polls end with something: a stream's pieces are whole in themselves.
        let speaker = dialect.speaker();
        let after = if speaker.is_poll(style) { speaker.epilogue(voice.before.is_some()) } else { "" };
        let shared = range.map(|(channel, from, to, lost)| {
            let key = Key { channel, from, to, lost, dialect, style, live, wrap: Wrap::Bare };
            self.frames.shared(key, news)
        });
        let own: &[u8] = match shared {
            Some(_) => b"",
            None => self.frames.make(dialect, style, live, Wrap::Bare, news),
        };
        let length = before.len() + shared.as_ref().map_or(own.len(), bytes::Bytes::len) + after.len();
        self.head.clear();
        let content_type = speaker.content_type(voice);
        let writer = HeadWriter::begin(self.head, Status::OK, self.date);
        let writer = common(writer, content_type, manner, self.config);
        writer.end(End::Length(length), manner.keep_alive);
        self.head.extend_from_slice(before.as_bytes());
        match shared {
            Some(frame) => {
                self.post.say(conn, id, self.head);
                self.post.say_shared(conn, id, frame);
                self.post.say(conn, id, after.as_bytes());
            }
            None => {
                self.head.extend_from_slice(own);
                self.head.extend_from_slice(after.as_bytes());
                self.post.say(conn, id, self.head);
            }
        }
        self.after_poll(conn, id, manner);
    }

    /// Answers a poll with nothing at all.
    pub(super) fn end_poll_empty(&mut self, conn: &mut Conn, id: Id<Conn>, parked: &Parked) {
        self.head.clear();
        let content_type = parked.voice.dialect.speaker().content_type(&parked.voice);
        let writer = HeadWriter::begin(self.head, Status::OK, self.date);
        common(writer, content_type, parked.manner, self.config)
            .end(End::Length(0), parked.manner.keep_alive);
        self.post.say(conn, id, self.head);
        self.after_poll(conn, id, parked.manner);
    }

    fn after_poll(&mut self, conn: &mut Conn, id: Id<Conn>, manner: Manner) {
        let idle_until = self.post.now.after_ms(self.config.limits.idle_ms_max);
        finish(conn, id, manner, self.post, idle_until);
        // What came behind the poll is served in the next turn; so is word that there is room again.
        if manner.keep_alive && (!conn.inbox.is_empty() || conn.paused) && !conn.deferred {
            conn.deferred = true;
            self.deferred.push_back((id, None));
        }
    }

    /// Sends the head of an answer that goes on, and what its body begins with.
    pub(super) fn begin(&mut self, conn: &mut Conn, id: Id<Conn>, manner: Manner, voice: &Voice) {
        let speaker = voice.dialect.speaker();
        self.head.clear();
        let writer = HeadWriter::begin(self.head, Status::OK, self.date);
        let writer = common(writer, speaker.content_type(voice), manner, self.config);
        // nginx keeps answers back until it has some kilobytes, unless told.
        let writer = writer.field("X-Accel-Buffering", "no");
        writer.end(if manner.is_11 { End::Chunked } else { End::Close }, manner.keep_alive);
        let prologue = speaker.prologue(voice.style);
        if !prologue.is_empty() && !manner.head_only {
            if manner.is_11 {
                chunk_size(prologue.len(), self.head);
            }
            self.head.extend_from_slice(prologue.as_bytes());
            if manner.is_11 {
                self.head.extend_from_slice(b"\r\n");
            }
        }
        self.post.say(conn, id, self.head);
    }

    /// Says something in the middle of a stream.
    pub(super) fn say_news(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        news: &[News<'_>],
    ) {
        let wrap = if manner.is_11 { Wrap::Chunks } else { Wrap::Bare };
        let frame = self.frames.make(voice.dialect, voice.style, true, wrap, news);
        self.post.say(conn, id, frame);
    }

    /// Ends a stream as its framing wants it; the connection can be used again.
    pub(super) fn end_stream(&mut self, conn: &mut Conn, id: Id<Conn>, manner: Manner) {
        if manner.is_11 && !manner.head_only {
            self.post.say(conn, id, LAST_CHUNK);
        }
        self.after_poll(conn, id, manner);
    }

    /// Ends a stream that has missed something and has no words for it.
    fn give_up(&mut self, conn: &mut Conn, id: Id<Conn>) -> Took {
        if let Phase::Parked(parked) = &conn.phase {
            let manner = parked.manner;
            self.end_stream(conn, id, manner);
        }
        Took::AndLeaves
    }

    /// Whether the head of a poll's answer is sent when it begins to wait.
    pub(super) fn begins_at_once(&self, voice: &Voice) -> bool {
        voice.dialect.speaker().says_quiet() && self.config.icomet.poll_head == PollHead::AtOnce
    }

    /// Milliseconds after which a subscriber is told that nothing happened; for dialects without words for that, after
    /// which its client must long have asked again.
    pub(super) fn quiet_ms(&self, voice: &Voice) -> u64 {
        let ms = self.config.icomet.polling_timeout_ms;
        if voice.dialect.speaker().says_quiet() { ms } else { ms.saturating_mul(4) }
    }
}

fn common<'a>(writer: HeadWriter<'a>, content_type: &str, manner: Manner, config: &Config) -> HeadWriter<'a> {
    let writer = writer.field("Content-Type", content_type).field("Cache-Control", "no-cache");
    allow_origin(writer, manner.origin, &config.http)
}

/// What a subscriber who wants to know who is here is told, if it has heard everything before the notice `from`; with
/// `None`, or too far behind, the whole roster.
pub(super) fn people<'a>(
    channel: &'a Channel,
    roster: &'a Roster,
    from: Option<u64>,
    voice: &Voice,
    news: &mut Vec<News<'a>>,
) {
    let speaker = voice.dialect.speaker();
    let from = from.filter(|&n| n <= roster.head());
    let known = from.is_some_and(|n| n == roster.head() || roster.notice(n).is_some());
    if let (Some(from), true) = (from, known) {
        for number in from..roster.head() {
            if let Some(notice) = roster.notice(number).filter(|n| speaker.hears(n.change)) {
                news.push(News::Notice { channel, number, notice });
            }
        }
    } else if speaker.says_quiet() {
        news.push(News::Roster { channel: channel.name(), roster });
    }
}
