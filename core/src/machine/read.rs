//! Reading several channels at once: who may, what is had at once, and what is waited for.
//! Knows nothing of how it is written.
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Machine;
use super::events::{Company, standing, tell_company};
use super::listen::Waiting;
use super::tell::{Asker, Tidings};
use crate::arena::Id;
use crate::conn::{Conn, Manner, Role};
use crate::dialect::{Batch, Hold, News, Read, Refusal, Tail, Voice};
use crate::hub::{Access, Channel, Join, Lost, Session, Wanted};

/// A channel that is read, and the number of the first message that is wanted.
pub(super) type Place = (Id<Channel>, u64);

/// A reader that was admitted.
struct Admitted {
    places: Vec<Place>,
    absent: Vec<Box<str>>,
    access: Access,
    session: Option<Id<Session>>,
}

impl Machine {
    /// Reads several channels: answers with what there is, or waits for the next message of any of them.
    pub(super) fn read(&mut self, id: Id<Conn>, role: Role, manner: Manner, voice: Voice, read: &Read<'_>) {
        let Admitted { places, absent, access, session } = match self.admit_reader(role, read) {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refuse(id, manner, &voice, &refusal),
        };
        self.counters.subscribed += 1;
        if self.has_news(&places) {
            return self.say_several(id, manner, &voice, &places, read.since, (&[], &[]));
        }
        let (mut delivery, conns, hub) = self.delivery();
        if read.at_once {
            let Some(conn) = conns.get_mut(id) else { return };
            let tail = Tail { echo: read.since, last: hub.id_of(hub.head().offset) };
            let news = [News::Quiet { channel: "", echo: read.since.into(), cursor: None }];
            let tidings = Tidings { news: &news, range: None, live: false, tail };
            return delivery.whole_answer(conn, Asker { id, manner, voice: &voice }, tidings);
        }
        let quiet_until = delivery.quiet_until(&voice);
        if !self.may_wait(id) {
            return;
        }
        let (owner, now) = (id.to_bits(), self.post.now);
        // There was room in each when it was admitted, in this very turn.
        let joined = match places[..] {
            [(at, next)] if session.is_none() && absent.is_empty() => {
                self.hub.join(at, Join { next, owner, who: None, notices: None }, now)
            }
            _ => self.hub.join_many(
                Wanted { places: &places, absent, access, awaits: false, session, who: None },
                owner,
                now,
            ),
        };
        if let Ok(sub) = joined {
            let hold = Hold::Poll;
            self.wait(id, sub, Waiting { manner, voice, hold, echo: read.since.into(), quiet_until });
        }
    }

    /// The channels that are there and may be read, each once and in the order asked for.
    fn admit_reader(&mut self, role: Role, read: &Read<'_>) -> Result<Admitted, Refusal> {
        let now = self.post.now;
        let session = match &read.session {
            Some(name) => Some(self.hub.session(name, now).ok_or(Refusal::UnknownSession)?),
            None => None,
        };
        if read.channels.len() > self.config.limits.channels_per_subscription_max {
            return Err(Refusal::TooManyInOne);
        }
        // A channel that was registered for clients is guarded by their names, any other by its token, and this dialect
        // has no tokens.
        let access = Access {
            open: !self.needs_token(role),
            sessions: session.is_some() || role == Role::Admin,
            private: role == Role::Admin,
        };
        let mut absent: Vec<&str> = Vec::new();
        let mut found: Vec<(u64, usize, Id<Channel>)> = Vec::with_capacity(read.channels.len());
        for (i, name) in read.channels.iter().enumerate() {
            match self.hub.find(name) {
                Some(at) if self.hub.peek(at).is_some_and(|channel| access.allows(channel)) => {
                    found.push((at.to_bits(), i, at));
                }
                // Nothing longer can ever come to be. One that may not be read may give way to one that may.
                _ if name.len() <= self.config.limits.channel_name_bytes_max => absent.push(name),
                _ => {}
            }
        }
        absent.sort_unstable();
        absent.dedup();
        found.sort_unstable_by_key(|(bits, i, _)| (*bits, *i));
        found.dedup_by_key(|(bits, ..)| *bits);
        found.sort_unstable_by_key(|(_, i, _)| *i);
        if found.is_empty() {
            return Err(Refusal::NoneReadable);
        }
        let names_bytes: usize = absent.iter().map(|name| name.len() + size_of::<Box<str>>()).sum();
        if self.is_short_of(found.len() * size_of::<(Place, Place)>() + names_bytes) {
            return Err(Refusal::Memory);
        }
        let offset = self.hub.offset_of(u64::try_from(read.since).unwrap_or(0));
        let found: Vec<_> = found.into_iter().map(|(_, _, at)| at).collect();
        for at in &found {
            let name = self.hub.peek(*at).map_or("", Channel::name);
            self.check_reader_in_group(name)?;
        }
        if !self.has_seats(&found, self.config.limits.subscribers_per_channel_max) {
            return Err(Refusal::TooManySubscribers);
        }
        let mut places = Vec::with_capacity(found.len());
        for at in found {
            self.hub.touch(at, now);
            self.hub.note_asked(at, now);
            let Some(start) = self.hub.start_after(at, offset, now) else { continue };
            self.counters.gaps_unknown += u64::from(matches!(start.lost, Lost::Unknown(_)));
            places.push((at, start.next));
        }
        let absent = absent.into_iter().map(Into::into).collect();
        Ok(Admitted { places, absent, access, session })
    }

    pub(super) fn has_news(&self, places: &[Place]) -> bool {
        let head = |at| self.hub.peek(at).map_or(0, |channel| channel.history().head());
        places.iter().any(|&(at, next)| next < head(at))
    }

    /// Answers with what there is in all the channels, in the order of the log and up to the size of a batch, behind what is
    /// to be told `first`. People stand at the end.
    pub(super) fn say_several(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        places: &[Place],
        since: i64,
        (first, company): (&[News<'_>], &[Company]),
    ) {
        let most = self.config.limits.batch_bytes_max;
        let (mut delivery, conns, hub) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        let mut ends: Vec<u64> = places.iter().map(|&(_, next)| next).collect();
        let message = |i: usize, seq: u64| hub.peek(places[i].0)?.history().get(seq);
        let is_live = |i: usize, seq: u64| hub.peek(places[i].0).is_some_and(|c| c.history().is_live(seq));
        let mut due: BinaryHeap<Reverse<(u64, usize)>> =
            (0..places.len()).filter_map(|i| Some(Reverse((message(i, ends[i])?.offset, i)))).collect();
        let (mut bytes, mut count) = (0, 0);
        let mut last = hub.head().offset;
        let mut taken = 0;
        while let Some(Reverse((offset, i))) = due.pop() {
            let weight = message(i, ends[i]).map_or(0, |message| message.weight());
            if count > 0 && bytes + weight > most {
                // The rest follows in the next answer.
                last = taken;
                break;
            }
            (bytes, count, taken) = (bytes + weight, count + u64::from(is_live(i, ends[i])), offset);
            ends[i] += 1;
            if let Some(next) = message(i, ends[i]) {
                due.push(Reverse((next.offset, i)));
            }
        }
        delivery.counters.delivered += count;
        let tail = Tail { echo: since, last: hub.id_of(last) };
        let batches: Vec<Batch<'_>> = places
            .iter()
            .zip(&ends)
            .filter_map(|(&(at, from), &to)| Some(Batch::new(hub.peek(at)?, from, to, hub)))
            .collect();
        // What one channel has for many who begin at the same place is written once.
        let range = match places {
            // Frames are known by their range, in which nothing may have expired since.
            [(at, from)]
                if first.is_empty()
                    && company.is_empty()
                    && hub.peek(*at).is_some_and(|c| c.history().is_whole()) =>
            {
                Some((*at, *from, ends[0], Lost::Nothing))
            }
            _ => None,
        };
        let mut news: Vec<News<'_>> = first.iter().copied().chain([News::Several(&batches)]).collect();
        if places.len() > 1 && first.iter().any(|news| matches!(news, News::Gap { .. })) {
            // What is told to be missing in one channel may stand behind the last message of another.
            let ends: Vec<Place> = places.iter().zip(&ends).map(|(&(at, _), &next)| (at, next)).collect();
            news.push(News::Ready { channels: &[], cursor: standing(hub, &ends) });
        }
        for &one in company {
            tell_company(hub, one, voice, &mut news);
        }
        delivery.whole_answer(
            conn,
            Asker { id, manner, voice },
            Tidings { news: &news, range, live: false, tail },
        );
        for (&(at, from), to) in places.iter().zip(ends) {
            self.hub.note_handed(id.to_bits(), at, (from, to), self.post.now);
        }
    }
}
