//! Subscriptions by second and tag, to one channel or several: who may, who gives way, what is had at once, and what is
//! waited for. Knows nothing of how it is written.
use super::Machine;
use super::listen::Waiting;
use super::tell::{Asker, Tidings};
use crate::arena::Id;
use crate::config::Concurrency;
use crate::conn::{Conn, Manner, Phase, Role};
use crate::dialect::{Batch, DialectId, Hold, News, Refusal, Tail, Voice, Watch};
use crate::hub::{Access, Channel, Join, Lost, Wanted};
use crate::time::Moment;

/// A channel that is read, and the number of the first message that is wanted.
type Place = (Id<Channel>, u64);

impl Machine {
    /// Begins a subscription.
    pub(super) fn watch(&mut self, id: Id<Conn>, role: Role, manner: Manner, voice: Voice, watch: Watch) {
        let places = match self.admit_watcher(role, &watch) {
            Ok(places) => places,
            Err(refusal) => return self.refuse(id, manner, &voice, &refusal),
        };
        self.counters.subscribed += 1;
        if watch.hold == Hold::Stream {
            return self.begin_watching(id, manner, voice, &watch, &places);
        }
        if let Some((at, from)) = self.earliest(&places) {
            let (mut delivery, conns, hub) = self.delivery();
            let (Some(conn), Some(channel)) = (conns.get_mut(id), hub.peek(at)) else { return };
            delivery.counters.delivered += 1;
            let news = [News::Messages(Batch::new(channel, from, from + 1, hub))];
            let range = Some((at, from, from + 1, Lost::Nothing));
            let tidings = Tidings { news: &news, range, live: false, tail: Tail::default() };
            return delivery.whole_answer(conn, Asker { id, manner, voice: &voice }, tidings);
        }
        if watch.at_once {
            let news = [News::Quiet { channel: "", echo: watch.echo }];
            let (mut delivery, conns, _) = self.delivery();
            let Some(conn) = conns.get_mut(id) else { return };
            let tidings = Tidings { news: &news, range: None, live: false, tail: Tail::default() };
            return delivery.whole_answer(conn, Asker { id, manner, voice: &voice }, tidings);
        }
        let quiet_until = match watch.timeout_ms {
            0 => Moment::NEVER,
            ms => self.post.now.after_ms(ms),
        };
        self.take_seats(id, manner, voice, &watch, &places, quiet_until);
    }

    /// The channels, each with the place where the subscription begins in it.
    fn admit_watcher(&mut self, role: Role, watch: &Watch) -> Result<Vec<Place>, Refusal> {
        let now = self.post.now;
        // This dialect has no tokens to show.
        if self.needs_token(role) {
            return Err(Refusal::Token);
        }
        if self.is_short_of(watch.channels.len() * size_of::<(Place, Place)>()) {
            return Err(Refusal::Memory);
        }
        let mut found = Vec::with_capacity(watch.channels.len());
        for name in &watch.channels {
            found.push(match self.hub.find(name) {
                Some(at) => at,
                None if watch.existing_only => return Err(Refusal::Forbidden),
                None => self.open_channel(name, 0)?,
            });
        }
        let access = Access { open: true, sessions: role == Role::Admin };
        if found.iter().any(|&at| self.hub.peek(at).is_some_and(|channel| !access.allows(channel))) {
            return Err(Refusal::Forbidden);
        }
        match watch.concurrency {
            Concurrency::Broadcast => {}
            Concurrency::First => {
                if found.iter().any(|&at| self.watchers(at).next().is_some()) {
                    return Err(Refusal::Conflict);
                }
            }
            Concurrency::Last => {
                for &at in &found {
                    self.evict(at);
                }
            }
        }
        let limits = self.config.limits.subscribers_per_channel_max;
        let most = if watch.subscribers_max > 0 { watch.subscribers_max.min(limits) } else { limits };
        if found.iter().any(|&at| self.hub.peek(at).map_or(0, Channel::members) >= most) {
            return Err(Refusal::TooManySubscribers);
        }
        let mut places = Vec::with_capacity(found.len());
        for at in found {
            self.hub.touch(at, now);
            self.hub.note_asked(at, now);
            places.extend(self.hub.start_at(at, watch.place, now).map(|start| (at, start.next)));
        }
        Ok(places)
    }

    /// Who waits on a channel in this dialect.
    fn watchers(&self, at: Id<Channel>) -> impl Iterator<Item = Id<Conn>> {
        let is_watcher = |id: &Id<Conn>| {
            let phase = self.conns.get(*id).map(|conn| &conn.phase);
            matches!(phase, Some(Phase::Parked(parked)) if parked.voice.dialect == DialectId::Push)
        };
        self.hub.owners(at).filter_map(Id::from_bits).filter(is_watcher)
    }

    /// All who wait on a channel give way. There is one at most, unless the same channel is read in other ways, too.
    fn evict(&mut self, at: Id<Channel>) {
        let now = self.post.now;
        let watchers: Vec<Id<Conn>> = self.watchers(at).collect();
        for id in watchers {
            self.count_refusal(&Refusal::Conflict);
            let (mut delivery, conns, hub) = self.delivery();
            let Some(conn) = conns.get_mut(id) else { continue };
            let Phase::Parked(parked) = std::mem::replace(&mut conn.phase, Phase::Ready) else { continue };
            let news = [News::Refused { channel: "", refusal: &Refusal::Conflict }];
            match parked.hold {
                Hold::Poll => {
                    let tidings = Tidings { news: &news, range: None, live: true, tail: Tail::default() };
                    delivery.end_poll(conn, id, &parked, tidings);
                }
                Hold::Stream => {
                    delivery.say_news(conn, Asker::of(id, &parked), &news);
                    delivery.end_stream(conn, id, parked.manner);
                }
            }
            hub.leave(parked.sub, now);
        }
    }

    /// The first message in the order of the log that somebody lacks.
    fn earliest(&self, places: &[Place]) -> Option<Place> {
        let offset = |&(at, next): &Place| self.hub.peek(at)?.history().get(next).map(|m| m.offset);
        places
            .iter()
            .filter_map(|place| Some((offset(place)?, *place)))
            .min_by_key(|(o, _)| *o)
            .map(|(_, p)| p)
    }

    fn begin_watching(
        &mut self,
        id: Id<Conn>,
        mut manner: Manner,
        voice: Voice,
        watch: &Watch,
        places: &[Place],
    ) {
        if watch.is_raw {
            // Nothing says where it ends but the end of the connection.
            (manner.is_11, manner.keep_alive) = (false, false);
        }
        let (mut delivery, conns, _) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        delivery.begin(conn, Asker { id, manner, voice: &voice });
        let quiet_until = delivery.quiet_until(&voice);
        self.take_seats(id, manner, voice, watch, places, quiet_until);
    }

    /// Takes the seats. What is there already is handed over as what comes later is.
    fn take_seats(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: Voice,
        watch: &Watch,
        places: &[Place],
        quiet_until: Moment,
    ) {
        if !self.may_wait(id) {
            return;
        }
        let (owner, now) = (id.to_bits(), self.post.now);
        // There was room in each when it was admitted, in this very turn.
        let joined = match *places {
            [(at, next)] => self.hub.join(at, Join { next, owner, who: None, notices: None }, now),
            _ => {
                let access = Access { open: true, sessions: false };
                let wanted = Wanted { places, absent: Vec::new(), access, session: None };
                self.hub.join_many(wanted, owner, now)
            }
        };
        if let Ok(sub) = joined {
            let Watch { hold, echo, .. } = *watch;
            self.wait(id, sub, Waiting { manner, voice, hold, echo, quiet_until });
        }
    }
}
