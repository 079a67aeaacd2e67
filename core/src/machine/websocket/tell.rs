//! Delivery to WebSockets: what a visited subscription lacks, as frames that all share.
//! Knows nothing of who is visited when.
use super::booth;
use crate::arena::Id;
use crate::conn::{Conn, Phase};
use crate::dialect::{Batch, News, Voice};
use crate::hub::{Base, Hub, Lost, Roster, Took, Visit};
use crate::machine::deliver::{Delivery, people};
use crate::machine::frames::{Range, Way, Wrap};

/// Messages before the newest that are compressed. Each is handed over by itself, so that it is compressed once for all who
/// are about as far. What is older is for a latecomer alone, who would have the whole history compressed for a short request:
/// it is sent as it is.
pub(in crate::machine) const DEFLATED_BEHIND_MAX: u64 = 16;

impl Delivery<'_> {
    /// Hands a subscription of a WebSocket what it lacks.
    pub(in crate::machine) fn hand_frames(
        &mut self,
        conn: &mut Conn,
        id: Id<Conn>,
        hub: &Hub,
        visit: &Visit<'_>,
    ) -> Took {
        let Phase::WebSocket(socket) = &mut conn.phase else { return Took::AndLeaves };
        if visit.gives_way {
            self.close_booth(conn, id, booth::REPLACED);
            return Took::AndLeaves;
        }
        let waits = conn.outbox.len();
        if waits >= self.config.limits.outbox_bytes_max || (self.is_short && waits > 0) {
            socket.thirsty = true;
            self.counters.subscribers_slow += 1;
            return Took::Nothing;
        }
        let Visit { at, channel, from, until, lost, base, .. } = *visit;
        let history = channel.history();
        let head = history.head();
        let window = socket.window.filter(|_| head - from <= DEFLATED_BEHIND_MAX);
        let to = match window {
            Some(_) => until.min(from + 1),
            None => history.batch_end(from, self.config.limits.batch_bytes_max).min(until),
        };
        if let Lost::Some(n) = lost {
            self.counters.lost += n;
        }
        self.counters.delivered += to - from;
        let (dialect, style) = (socket.tongue.talker().dialect(), socket.style);
        let is_booth = socket.booth.is_some();
        let says_lost = lost != Lost::Nothing && dialect.speaker().says_gaps(style);
        let messages = (from < to).then(|| News::Messages(Batch::new(channel, from, to, hub)));
        let heard = visit.notices.is_none_or(|n| channel.roster().is_none_or(|r| r.head() == n));
        let notices = visit.notices.map_or(0, |n| channel.roster().map_or(n, Roster::head));
        let took = Took::Upto { next: to, notices };
        // Who reads several channels at a location goes on with the others, and hears only that the last has ended.
        let closes = channel.is_closed() && to == head && (visit.others == 0 || !is_booth);
        let (range, way) =
            ((at, from, to, lost), Way { base, ..Way::new(dialect, style, Wrap::Messages(window)) });
        if heard && !closes && !says_lost {
            // As almost always: nothing is allocated for it.
            self.tell_all(conn, id, range, way, messages.as_slice());
            return took;
        }
        let gap = says_lost.then(|| News::Gap { channel: channel.name(), next: from, lost });
        let mut news: Vec<_> = gap.into_iter().chain(messages).collect();
        if heard && !closes {
            self.tell_all(conn, id, range, way, &news);
            return took;
        }
        if let (false, Some(roster)) = (heard, channel.roster()) {
            people(channel, roster, visit.notices, &Voice::new(dialect, style), &mut news);
        }
        if closes {
            news.push(News::Closed { channel: channel.name(), next: head });
            socket.seats.retain(|seat| seat.channel != at);
        }
        self.tell(conn, id, &news);
        if closes && is_booth {
            self.close_booth(conn, id, booth::GONE);
        }
        if closes && visit.others == 0 { Took::Last { next: to } } else { took }
    }

    /// Says what everybody is told who lacks the same.
    fn tell_all(&mut self, conn: &mut Conn, id: Id<Conn>, range: Range, way: Way, news: &[News<'_>]) {
        if !news.is_empty() {
            let frame = self.frames.shared(range, way, news);
            self.post.say_shared(conn, id, frame);
            if way.base != Base::Unasked {
                self.count_deltas(Some(range));
            }
        }
    }

    /// Says what is one client's alone.
    pub(in crate::machine) fn tell(&mut self, conn: &mut Conn, id: Id<Conn>, news: &[News<'_>]) {
        let Phase::WebSocket(socket) = &conn.phase else { return };
        if news.is_empty() {
            return;
        }
        let (dialect, style) = (socket.tongue.talker().dialect(), socket.style);
        let way = Way::new(dialect, style, Wrap::Messages(None));
        let frame = self.frames.make(way, news);
        self.post.say(conn, id, frame);
    }
}
