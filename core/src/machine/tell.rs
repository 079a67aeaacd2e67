//! What a subscriber is told, as its framing and HTTP want it: whole answers, heads of streams, their middles and ends.
//! Knows nothing of who is told what.
use super::deliver::Delivery;
use super::frames::{Range, Way, Wrap};
use super::heads::{Heads, Kind};
use super::reply::finish;
use crate::arena::Id;
use crate::config::{Http, WordingId};
use crate::conn::{Conn, Manner, Parked};
use crate::dialect::{News, Tail, Voice};
use crate::hub::{Channel, Hub};
use crate::time::{Date, Moment};
use crate::wire::http1::Status;
use crate::wire::http1::response::{End, HeadWriter, LAST_CHUNK, chunk_size};

/// Whom something is said to, and how.
#[derive(Clone, Copy)]
pub(super) struct Asker<'v> {
    pub(super) id: Id<Conn>,
    pub(super) manner: Manner,
    pub(super) voice: &'v Voice,
}

impl<'v> Asker<'v> {
    /// Who has been waiting on this connection.
    pub(super) fn of(id: Id<Conn>, parked: &'v Parked) -> Self {
        Self { id, manner: parked.manner, voice: &parked.voice }
    }
}

/// What one answer says.
#[derive(Clone, Copy)]
pub(super) struct Tidings<'a> {
    pub(super) news: &'a [News<'a>],
    /// The range, when it is messages and nothing else: then the frame is shared.
    pub(super) range: Option<Range>,
    /// It answers a poll that has been waiting.
    pub(super) live: bool,
    /// What is this answer's alone.
    pub(super) tail: Tail,
}

impl Delivery<'_> {
    /// Answers a poll that has been waiting.
    pub(super) fn end_poll(&mut self, conn: &mut Conn, id: Id<Conn>, parked: &Parked, tidings: Tidings<'_>) {
        let to = Asker::of(id, parked);
        if let Some(in_s) = self.bearers.expiring(id, parked.sub, self.date.unix_seconds()) {
            // It is one client's alone then.
            let news: Vec<News<'_>> = tidings.news.iter().copied().chain([News::Expiring { in_s }]).collect();
            let tidings = Tidings { news: &news, range: None, ..tidings };
            return self.end_poll_as_told(conn, to, parked, tidings);
        }
        self.end_poll_as_told(conn, to, parked, tidings);
    }

    fn end_poll_as_told(&mut self, conn: &mut Conn, to: Asker<'_>, parked: &Parked, tidings: Tidings<'_>) {
        let id = to.id;
        if parked.head_sent {
            self.say_poll_body(conn, to, tidings);
            self.after_poll(conn, id, parked.manner);
        } else {
            self.answer_with(conn, to, tidings);
        }
    }

    /// The body of a poll whose head has been sent.
    fn say_poll_body(&mut self, conn: &mut Conn, to: Asker<'_>, tidings: Tidings<'_>) {
        let Asker { id, manner, voice } = to;
        let wrap = if manner.is_11 && voice.before.is_none() { Wrap::WholeBody } else { Wrap::Bare };
        let frame = self.frames.frame(tidings.range, Way::of(voice, true, wrap), tidings.news);
        if wrap == Wrap::WholeBody {
            return self.post.say_frame(conn, id, frame);
        }
        let before = voice.before.as_deref().unwrap_or_default();
        self.tail.clear();
        self.tail.extend_from_slice(voice.dialect.speaker().epilogue(voice.before.is_some()).as_bytes());
        self.head.clear();
        if manner.is_11 {
            chunk_size(before.len() + frame.len() + self.tail.len(), self.head);
            self.tail.extend_from_slice(b"\r\n");
            self.tail.extend_from_slice(LAST_CHUNK);
        }
        self.head.extend_from_slice(before.as_bytes());
        self.post.say_around(conn, id, self.head, frame, self.tail);
    }

    /// A whole answer to a subscription that never waited.
    pub(super) fn whole_answer(&mut self, conn: &mut Conn, to: Asker<'_>, tidings: Tidings<'_>) {
        if to.voice.dialect.speaker().prologue(to.voice.style).is_empty() {
            return self.answer_with(conn, to, tidings);
        }
        self.begin(conn, to);
        self.say_news(conn, to, tidings.news);
        self.end_stream(conn, to.id, to.manner);
    }

    /// Head and body at once, with their length.
    fn answer_with(&mut self, conn: &mut Conn, to: Asker<'_>, tidings: Tidings<'_>) {
        match (tidings.range, &to.voice.before) {
            (Some(range), None) if !to.voice.dialect.speaker().has_tail() && !to.manner.origin.is_own() => {
                self.share_answer(conn, to, range, tidings);
            }
            _ => self.write_answer(conn, to, tidings),
        }
        if to.voice.deltas {
            self.count_deltas(tidings.range);
        }
        self.after_poll(conn, to.id, to.manner);
    }

    /// Everybody with the same manners gets the same answer, head and all; not who is named in it.
    fn share_answer(&mut self, conn: &mut Conn, to: Asker<'_>, range: Range, tidings: Tidings<'_>) {
        let Asker { id, manner, voice } = to;
        let way = Way::of(voice, tidings.live, Wrap::Answer(manner));
        let frame = match self.frames.find(&range, &way) {
            Some(frame) => frame,
            None => {
                let after = epilogue(voice);
                self.draw_for_parts(voice);
                let body = self.frames.make(way, tidings.news);
                self.head.clear();
                if !manner.bare {
                    let writer = head(self.head, self.heads, to, tidings.news, self.date, &self.config.http);
                    writer.end(End::Length(body.len() + after.len()), manner.keep_alive);
                }
                self.head.extend_from_slice(body);
                self.head.extend_from_slice(after.as_bytes());
                self.frames.keep(range, way, self.head)
            }
        };
        self.post.say_shared(conn, id, frame);
    }

    /// An answer of a subscriber's own, such as the call of its function.
    fn write_answer(&mut self, conn: &mut Conn, to: Asker<'_>, tidings: Tidings<'_>) {
        let Asker { id, manner, voice } = to;
        let Tidings { news, range, live, tail } = tidings;
        let before = voice.before.as_deref().unwrap_or_default();
        self.draw_for_parts(voice);
        self.tail.clear();
        if voice.dialect.speaker().has_tail() {
            voice.dialect.speaker().tail(voice, news, tail, self.tail);
        } else {
            self.tail.extend_from_slice(epilogue(voice).as_bytes());
        }
        let frame = self.frames.frame(range, Way::of(voice, live, Wrap::Bare), news);
        self.head.clear();
        if !manner.bare {
            let writer = head(self.head, self.heads, to, news, self.date, &self.config.http);
            writer.end(End::Length(before.len() + frame.len() + self.tail.len()), manner.keep_alive);
        }
        if manner.head_only {
            return self.post.say(conn, id, self.head);
        }
        self.head.extend_from_slice(before.as_bytes());
        self.post.say_around(conn, id, self.head, frame, self.tail);
    }

    /// Answers a poll with nothing at all.
    pub(super) fn end_poll_empty(&mut self, conn: &mut Conn, id: Id<Conn>, parked: &Parked) {
        self.head.clear();
        let kind = kind(Asker::of(id, parked));
        let writer = self.heads.begin(self.head, id, kind, self.date, &self.config.http);
        writer.end(End::Length(0), parked.manner.keep_alive);
        self.post.say(conn, id, self.head);
        self.after_poll(conn, id, parked.manner);
    }

    /// Answers a poll that nothing has happened, and that it may ask again.
    pub(super) fn end_quietly(&mut self, conn: &mut Conn, id: Id<Conn>, parked: Parked, hub: &Hub) {
        self.end_poll_with(conn, id, parked, hub, None);
    }

    /// The same, with something that is told besides.
    pub(super) fn end_poll_with(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        mut parked: Parked,
        hub: &Hub,
        besides: Option<News<'_>>,
    ) {
        let sub = hub.subscription(parked.sub);
        let at = sub.and_then(|s| hub.peek(s.channel()?));
        // Whoever lacks nothing of its channels stands at the end of the log. Who lacks something, or does not know that a channel
        // of its has come to be, asks again from where it was.
        let is_whole =
            sub.is_some_and(|sub| !sub.misses_channels() && sub.seats().all(|seat| is_level(hub, seat)));
        let cursor = is_whole.then(|| super::events::standing(hub, &[]));
        let quiet = News::Quiet { channel: at.map_or("", Channel::name), echo: parked.echo, cursor };
        let both = [quiet, besides.unwrap_or(quiet)];
        let news = &both[..1 + usize::from(besides.is_some())];
        if !parked.voice.dialect.speaker().calls_when_quiet(parked.voice.style) {
            parked.voice.before = None;
        }
        let last = match is_whole {
            true => hub.head().offset,
            false => hub.offset_of(u64::try_from(parked.echo.number()).unwrap_or(0)),
        };
        let tail = Tail { echo: parked.echo.number(), last: hub.id_of(last) };
        self.end_poll(conn, id, &parked, Tidings { news, range: None, live: true, tail });
    }

    pub(super) fn after_poll(&mut self, conn: &mut Conn, id: Id<Conn>, manner: Manner) {
        let idle_until = self.post.now.after_ms(self.config.idle_ms(conn.role));
        finish(conn, id, manner, self.post, idle_until);
        // What came behind the poll is served in the next turn; so is word that there is room again.
        if manner.keep_alive && (!conn.inbox.is_empty() || conn.paused) && !conn.deferred {
            conn.deferred = true;
            self.deferred.push_back((id, None));
        }
    }

    /// Sends the head of an answer that goes on, and what its body begins with.
    pub(super) fn begin(&mut self, conn: &mut Conn, to: Asker<'_>) {
        let Asker { id, manner, voice } = to;
        self.head.clear();
        let writer = head(self.head, self.heads, to, &[], self.date, &self.config.http);
        // nginx keeps answers back until it has some kilobytes, unless told.
        let writer = writer.field("X-Accel-Buffering", "no");
        writer.end(if manner.is_11 { End::Chunked } else { End::Close }, manner.keep_alive);
        let speaker = voice.dialect.speaker();
        let mut mark = [b'-'; 34];
        let prologue = if speaker.begins_with_boundary(voice.style) {
            mark[2..].copy_from_slice(self.heads.boundary.bytes());
            &mark[..]
        } else {
            speaker.prologue(voice.style).as_bytes()
        };
        if !prologue.is_empty() && !manner.head_only {
            if manner.is_11 {
                chunk_size(prologue.len(), self.head);
            }
            self.head.extend_from_slice(prologue);
            if manner.is_11 {
                self.head.extend_from_slice(b"\r\n");
            }
        }
        self.post.say(conn, id, self.head);
    }

    /// Says something in the middle of a stream.
    pub(super) fn say_news(&mut self, conn: &mut Conn, to: Asker<'_>, news: &[News<'_>]) {
        if to.voice.dialect.speaker().begins_with_boundary(to.voice.style) {
            return self.say_parts(conn, to, news, None);
        }
        let wrap = if to.manner.is_11 { Wrap::Chunks } else { Wrap::Bare };
        let frame = self.frames.make(Way::of(to.voice, true, wrap), news);
        self.post.say(conn, to.id, frame);
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
        voice.dialect.speaker().begins_at_once(self.config)
    }

    /// When a stream with this wording is told that nothing has happened, if nothing does.
    pub(super) fn sign_of_life(&self, wording: WordingId) -> Moment {
        let own = self.frames.wordings().get(wording).map_or(0, |wording| wording.ping_ms);
        let ms = if own > 0 { own } else { self.config.icomet.polling_timeout_ms };
        self.post.now.after_ms(ms)
    }

    /// When a subscriber is told that nothing happened; for dialects without words for that, when its client must long have asked again.
    pub(super) fn quiet_until(&self, voice: &Voice) -> Moment {
        self.post.now.after_ms(voice.dialect.speaker().quiet_ms(self.config))
    }
}

/// Whether a reader has everything of a channel, and the channel goes on.
fn is_level(hub: &Hub, (at, next): (Id<Channel>, u64)) -> bool {
    hub.peek(at).is_some_and(|channel| !channel.is_closed() && channel.history().head() == next)
}

/// The head of what a subscriber gets.
fn kind(to: Asker<'_>) -> Kind {
    let content_type = to.voice.dialect.speaker().content_type(to.voice);
    Kind { status: Status::OK, content_type, origin: to.manner.origin, nosniff: false, no_store: false }
}

/// The beginning of a subscriber's head.
fn head<'o>(
    out: &'o mut Vec<u8>,
    heads: &mut Heads,
    to: Asker<'_>,
    news: &[News<'_>],
    date: &Date,
    http: &Http,
) -> HeadWriter<'o> {
    if to.voice.dialect.speaker().has_own_head() {
        heads.begin_own(out, (to.voice, to.manner.origin, to.id), news, date, http)
    } else {
        heads.begin(out, to.id, kind(to), date, http)
    }
}

/// What a whole answer ends with. Only polls end with something: a stream's pieces are whole in themselves.
fn epilogue(voice: &Voice) -> &'static str {
    let speaker = voice.dialect.speaker();
    if speaker.is_poll(voice.style) { speaker.epilogue(voice.before.is_some()) } else { "" }
}
