//! Delivery: what a visited subscriber lacks, handed over in its own framing.
//! Knows nothing of who is visited when. Nothing is formatted here for each subscriber but what is its alone.
use std::collections::VecDeque;

use super::Machine;
use super::bayeux::Sessions;
use super::bearers::Bearers;
use super::frames::{Frames, Range, Way, Wrap};
use super::heads::Heads;
use super::post::Post;
use super::tell::{Asker, Tidings};
use crate::arena::{Arena, Id};
use crate::chance::Entropy;
use crate::config::Config;
use crate::conn::{Conn, Phase};
use crate::counters::Counters;
use crate::dialect::{Appetite, Batch, Hold, News, Refusal, Tail, Voice};
use crate::hub::{Base, Channel, Hub, Lost, Roster, Took, Visit};
use crate::time::{Date, Moment};

/// Everything that delivering needs besides the hub and the connections.
pub(super) struct Delivery<'a> {
    pub(super) post: &'a mut Post,
    pub(super) frames: &'a mut Frames,
    pub(super) heads: &'a mut Heads,
    pub(super) sessions: &'a mut Sessions,
    pub(super) bearers: &'a Bearers,
    pub(super) counters: &'a mut Counters,
    pub(super) deferred: &'a mut VecDeque<(Id<Conn>, Option<Id<Channel>>)>,
    pub(super) entropy: &'a mut dyn Entropy,
    pub(super) config: &'a Config,
    pub(super) date: &'a Date,
    pub(super) head: &'a mut Vec<u8>,
    /// What stands behind the frame of one answer.
    pub(super) tail: &'a mut Vec<u8>,
    /// Memory is used up: nobody gets more while something waits for them.
    pub(super) is_short: bool,
    /// Bytes that blocks and frames may take.
    room_bytes: usize,
}

impl Machine {
    /// The parts that delivering needs, side by side.
    pub(super) fn delivery(&mut self) -> (Delivery<'_>, &mut Arena<Conn>, &mut Hub) {
        let is_short = self.is_short_of(0);
        let unsent = self.post.pool.lent_bytes() + self.frames.bytes();
        let rest = self.used_bytes().saturating_sub(unsent);
        let room_bytes = self.config.limits.memory_bytes_max.saturating_sub(rest);
        let delivery = Delivery {
            post: &mut self.post,
            frames: &mut self.frames,
            heads: &mut self.heads,
            sessions: &mut self.sessions,
            bearers: &self.bearers,
            counters: &mut self.counters,
            deferred: &mut self.deferred,
            entropy: &mut *self.entropy,
            config: &self.config,
            date: &self.date,
            head: &mut self.head,
            tail: &mut self.body,
            is_short,
            room_bytes,
        };
        (delivery, &mut self.conns, &mut self.hub)
    }

    /// Delivers to at most `budget` subscribers, and serves those who were put off. True if more remains.
    pub fn pump(&mut self, budget: usize, now: crate::time::Moment) -> bool {
        self.post.now = now;
        let (mut delivery, conns, hub) = self.delivery();
        let mut more = hub.pump(budget, now, |hub, visit| {
            if Sessions::owner(visit.owner).is_some() {
                return delivery.hand_session(conns, hub, visit);
            }
            let Some(id) = Id::from_bits(visit.owner) else { return Took::AndLeaves };
            match conns.get_mut(id) {
                Some(conn) if matches!(conn.phase, Phase::WebSocket(_)) => {
                    delivery.hand_frames(conn, id, hub, visit)
                }
                Some(conn) => delivery.hand(conn, id, hub, visit),
                None => Took::AndLeaves,
            }
        });
        self.settle_sessions();
        self.tell_ends();
        more |= self.publish_events(budget);
        more |= self.drain_some(budget) | self.let_some_go(budget);
        self.serve_deferred();
        self.watch_values();
        self.settle_loans();
        self.tables_bytes = self.count_tables();
        self.forget_known_if_short();
        more |= !self.deferred.is_empty() || self.hub.owes_work();
        if !more {
            self.frames.forget();
        }
        more
    }
}

impl Delivery<'_> {
    /// Whether memory is used up by now: what is written for each of many adds up while they are visited.
    pub(super) fn is_short_now(&self) -> bool {
        self.post.pool.lent_bytes() + self.frames.bytes() > self.room_bytes
    }

    /// Hands a subscriber what it lacks.
    fn hand(&mut self, conn: &mut Conn, id: Id<Conn>, hub: &Hub, visit: &Visit<'_>) -> Took {
        let Phase::Parked(parked) = &mut conn.phase else { return Took::AndLeaves };
        if visit.gives_way {
            self.send_away(conn, id, &Refusal::Conflict);
            return Took::AndLeaves;
        }
        let waits = conn.outbox.len();
        if waits >= self.config.limits.outbox_bytes_max || (self.is_short && waits > 0) {
            parked.thirsty = true;
            self.counters.subscribers_slow += 1;
            return Took::Nothing;
        }
        let speaker = parked.voice.dialect.speaker();
        let Visit { channel, from, until, lost, base, .. } = *visit;
        let history = channel.history();
        let head = history.head();
        let appetite = speaker.appetite(parked.voice.style, true);
        let to = match appetite {
            Appetite::Everything => history.batch_end(from, self.config.limits.batch_bytes_max).min(until),
            Appetite::OneObject | Appetite::OneMessage => until.min(from + 1),
        };
        if let Lost::Some(n) = lost {
            self.counters.lost += n;
            if !speaker.survives_gaps(parked.voice.style) {
                return self.give_up(conn, id);
            }
        }
        self.counters.delivered += to - from;
        // Where there are no words for it, a gap alone is no news: a poll would be answered with nothing.
        let says_lost = lost != Lost::Nothing && speaker.says_gaps(parked.voice.style);
        let told = from < to || says_lost;
        let heard = visit.notices.is_none_or(|n| channel.roster().is_none_or(|r| r.head() == n));
        let notices = visit.notices.map_or(0, |n| channel.roster().map_or(n, Roster::head));
        let messages = (from < to).then(|| News::Messages(Batch::new(channel, from, to, hub)));
        // Whoever says where a client is to go on may name the end of the log only if nothing waits behind this.
        let last = if visit.more || to < head { history.get(to.max(1) - 1).map(|m| m.offset) } else { None };
        let last = hub.id_of(last.unwrap_or(hub.head().offset));
        let tells_end = parked.hold == Hold::Stream || speaker.polls_hear_ends();
        let range = Some((visit.at, from, to, lost));
        let is_all = heard && told && !(channel.is_closed() && tells_end);
        if is_all && !says_lost {
            // As almost always: nothing is allocated for it.
            let took = Took::Upto { next: to, notices };
            return self.hand_news(conn, id, messages.as_slice(), range, (last, base), took);
        }
        let gap = says_lost.then(|| News::Gap { channel: channel.name(), next: from, lost });
        let mut news: Vec<_> = gap.into_iter().chain(messages).collect();
        if is_all {
            let took = Took::Upto { next: to, notices };
            return self.hand_news(conn, id, &news, range, (last, base), took);
        }
        if let (false, Some(roster)) = (heard || (told && appetite != Appetite::Everything), channel.roster())
        {
            people(channel, roster, visit.notices, &parked.voice, &mut news);
        }
        let hears_end = parked.hold == Hold::Stream || news.is_empty() || speaker.polls_hear_ends();
        let closes = channel.is_closed() && to == head && hears_end;
        let goes_on = parked.hold == Hold::Poll && !speaker.polls_hear_ends();
        // Else it goes on waiting for the others.
        let is_last = visit.others == 0;
        if closes && (is_last || !goes_on && speaker.hears_each_end()) {
            news.push(News::Closed { channel: channel.name(), next: head });
        }
        if news.is_empty() {
            // What happened is not for this dialect.
            return Took::Upto { next: to, notices };
        }
        if appetite == Appetite::OneObject {
            news.truncate(1);
        }
        if closes && parked.hold == Hold::Stream && is_last {
            let (manner, voice) = (parked.manner, parked.voice.clone());
            self.say_news(conn, Asker { id, manner, voice: &voice }, &news);
            self.end_stream(conn, id, manner);
            return Took::Last { next: to };
        }
        self.hand_news(conn, id, &news, None, (last, base), Took::Upto { next: to, notices })
    }

    fn hand_news(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        news: &[News<'_>],
        range: Option<Range>,
        (last, base): (u64, Base),
        took: Took,
    ) -> Took {
        let Phase::Parked(parked) = &mut conn.phase else { return Took::AndLeaves };
        match parked.hold {
            Hold::Stream => {
                let (manner, wording) = (parked.manner, parked.voice.wording);
                if parked.voice.dialect.speaker().begins_with_boundary(parked.voice.style) {
                    let voice = parked.voice.clone();
                    self.say_parts(conn, Asker { id, manner, voice: &voice }, news, range);
                } else {
                    let wrap = if manner.is_11 { Wrap::Chunks } else { Wrap::Bare };
                    let way = Way { base, ..Way::of(&parked.voice, true, wrap) };
                    let frame = self.frames.frame(range, way, news);
                    self.post.say_frame(conn, id, frame);
                    if base != Base::Unasked {
                        self.count_deltas(range);
                    }
                }
                // `/psub` is never told that nothing happened.
                if conn.deadline < Moment::NEVER {
                    conn.deadline = self.sign_of_life(wording);
                    self.post.rearm(conn, id);
                }
                took
            }
            Hold::Poll => {
                let phase = std::mem::replace(&mut conn.phase, Phase::Ready);
                if let Phase::Parked(parked) = phase {
                    let tail = Tail { echo: parked.echo.number(), last };
                    self.end_poll(conn, id, &parked, Tidings { news, range, live: true, tail });
                }
                match took {
                    Took::Upto { next, .. } => Took::Last { next },
                    other => other,
                }
            }
        }
    }

    /// Counts what deltas have left out of the frame that was said last: the one for a range, or one subscriber's own.
    #[inline(never)]
    pub(super) fn count_deltas(&mut self, range: Option<Range>) {
        let saved = self.frames.saved(range);
        self.counters.deltas_delivered += saved.messages;
        self.counters.deltas_saved_bytes += saved.bytes;
    }

    /// Ends a waiting subscription with a refusal; whoever calls this lets it leave the hub.
    pub(super) fn send_away(&mut self, conn: &mut Conn, id: Id<Conn>, refusal: &Refusal) {
        if matches!(refusal, Refusal::Conflict) {
            self.counters.conflicts += 1;
        }
        let Phase::Parked(parked) = std::mem::replace(&mut conn.phase, Phase::Ready) else { return };
        let news = [News::Refused { channel: "", refusal }];
        match parked.hold {
            Hold::Poll => {
                let tidings = Tidings { news: &news, range: None, live: true, tail: Tail::default() };
                self.end_poll(conn, id, &parked, tidings);
            }
            Hold::Stream => {
                self.say_news(conn, Asker::of(id, &parked), &news);
                self.end_stream(conn, id, parked.manner);
            }
        }
    }

    /// Ends a stream that has missed something and has no words for it.
    fn give_up(&mut self, conn: &mut Conn, id: Id<Conn>) -> Took {
        if let Phase::Parked(parked) = &conn.phase {
            let manner = parked.manner;
            self.end_stream(conn, id, manner);
        }
        Took::AndLeaves
    }
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
