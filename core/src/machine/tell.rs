//! What a subscriber is told, as its framing and HTTP want it: whole answers, heads of streams, their middles and ends.
//! Knows nothing of who is told what.
use super::deliver::Delivery;
use super::frames::{Key, Wrap};
use super::reply::{allow_origin, finish};
use crate::arena::Id;
use crate::config::{Config, PollHead};
use crate::conn::{Conn, Manner, Parked};
use crate::dialect::{News, Voice};
use crate::hub::{Channel, Lost};
use crate::time::Moment;
use crate::wire::http1::Status;
use crate::wire::http1::response::{End, HeadWriter, LAST_CHUNK, chunk_size};

/// A range of a channel's messages with what was missed before it: what shared frames are known by.
pub(super) type Range = (Id<Channel>, u64, u64, Lost);

/// What one answer says.
#[derive(Clone, Copy)]
pub(super) struct Tidings<'a> {
    pub(super) news: &'a [News<'a>],
    /// The range, when it is messages and nothing else: then the frame is shared.
    pub(super) range: Option<Range>,
    /// It answers a poll that has been waiting.
    pub(super) live: bool,
}

impl Delivery<'_> {
    /// Answers a poll that has been waiting.
    pub(super) fn end_poll(&mut self, conn: &mut Conn, id: Id<Conn>, parked: &Parked, tidings: Tidings<'_>) {
        if parked.head_sent {
            self.say_poll_body(conn, id, parked.manner, &parked.voice, tidings);
            self.after_poll(conn, id, parked.manner);
        } else {
            self.answer_with(conn, id, parked.manner, &parked.voice, tidings);
        }
    }

    /// The body of a poll whose head has been sent.
    fn say_poll_body(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        tidings: Tidings<'_>,
    ) {
        let Tidings { news, range, .. } = tidings;
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
        tidings: Tidings<'_>,
    ) {
        let speaker = voice.dialect.speaker();
        let prologue = speaker.prologue(voice.style);
        if prologue.is_empty() {
            return self.answer_with(conn, id, manner, voice, tidings);
        }
        self.begin(conn, id, manner, voice);
        self.say_news(conn, id, manner, voice, tidings.news);
        self.end_stream(conn, id, manner);
    }

    /// Head and body at once, with their length.
    fn answer_with(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        tidings: Tidings<'_>,
    ) {
        let Tidings { news, range, live } = tidings;
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

    /// Whether the head of a poll's answer is sent when it begins to wait.
    pub(super) fn begins_at_once(&self, voice: &Voice) -> bool {
        voice.dialect.speaker().says_quiet() && self.config.icomet.poll_head == PollHead::AtOnce
    }

    /// When a subscriber is told that nothing happened; for dialects without words for that, when its client must long have asked again.
    pub(super) fn quiet_until(&self, voice: &Voice) -> Moment {
        let ms = self.config.icomet.polling_timeout_ms;
        let times = if voice.dialect.speaker().says_quiet() { 1 } else { 4 };
        self.post.now.after_ms(ms.saturating_mul(times))
    }
}

fn common<'a>(writer: HeadWriter<'a>, content_type: &str, manner: Manner, config: &Config) -> HeadWriter<'a> {
    let writer = writer.field("Content-Type", content_type).field("Cache-Control", "no-cache");
    allow_origin(writer, manner.origin, &config.http)
}
