//! Subscriptions by second and tag, to one channel or several: who may, who gives way, what is had at once, and what is
//! waited for. Knows nothing of how it is written.
use super::Machine;
use super::listen::Waiting;
use super::tell::{Asker, Tidings};
use crate::arena::Id;
use crate::config::Concurrency;
use crate::conn::{Conn, Manner, Phase, Role};
use crate::dialect::hooks::Follow;
use crate::dialect::{Appetite, Batch, DialectId, Hold, News, Refusal, Tail, Voice, Watch};
use crate::hub::{Access, Census, Channel, GroupFull, Join, Lost, Subscription, Wanted};
use crate::time::Moment;

/// Readers of a channel that are looked at in one go for those who have to give way.
const EVICTED_AT_ONCE: usize = 128;

/// A channel that is read, and the number of the first message that is wanted.
pub(super) type Place = (Id<Channel>, u64);

impl Machine {
    /// Begins a subscription.
    pub(super) fn watch(&mut self, id: Id<Conn>, role: Role, manner: Manner, voice: Voice, mut watch: Watch) {
        let places = match self.admit_watcher(role, &watch) {
            Ok(places) => places,
            Err(refusal) => {
                self.note_refusals(id, watch.channels.iter().map(|name| &**name), &refusal);
                return self.refuse(id, manner, &voice, &refusal);
            }
        };
        self.counters.subscribed += 1;
        if watch.hold == Hold::Stream {
            let follow = watch.follow.take();
            return self.begin_watching(id, manner, voice, &watch, &places, follow);
        }
        if let Some((at, from)) = self.earliest(&places) {
            let to = self.batch_end(&voice, &places, (at, from));
            let (mut delivery, conns, hub) = self.delivery();
            let (Some(conn), Some(channel)) = (conns.get_mut(id), hub.peek(at)) else { return };
            delivery.counters.delivered += to - from;
            let news = [News::Messages(Batch::new(channel, from, to, hub))];
            let range = Some((at, from, to, Lost::Nothing));
            let tidings = Tidings { news: &news, range, live: false, tail: Tail::default() };
            delivery.whole_answer(conn, Asker { id, manner, voice: &voice }, tidings);
            return self.hub.note_handed(id.to_bits(), at, (from, to), self.post.now);
        }
        if watch.at_once {
            let news = [News::Quiet { channel: "", echo: watch.echo, cursor: None }];
            let (mut delivery, conns, _) = self.delivery();
            let Some(conn) = conns.get_mut(id) else { return };
            let tidings = Tidings { news: &news, range: None, live: false, tail: Tail::default() };
            return delivery.whole_answer(conn, Asker { id, manner, voice: &voice }, tidings);
        }
        let quiet_until = match watch.timeout_ms {
            0 => Moment::NEVER,
            ms => self.post.now.after_ms(ms),
        };
        let follow = watch.follow.take();
        let sub = self.take_seats(id, manner, voice, &watch, &places, quiet_until);
        if let (Some(sub), Some(follow)) = (sub, follow) {
            self.follow(sub, follow);
        }
    }

    /// One more than the number of the last message of an answer that begins with this one: what follows in the same channel
    /// before anything of another.
    fn batch_end(&self, voice: &Voice, places: &[Place], (at, from): Place) -> u64 {
        let speaker = voice.dialect.speaker();
        let Some(channel) = self.hub.peek(at) else { return from + 1 };
        if speaker.appetite(voice.style, false) != Appetite::Everything {
            return from + 1;
        }
        let others = places.iter().filter(|(other, _)| *other != at);
        let offset = |&(at, next): &Place| self.hub.peek(at)?.history().get(next).map(|m| m.offset);
        let history = channel.history();
        let until = others.filter_map(offset).min().map_or(history.head(), |next| history.first_after(next));
        history.batch_end(from, self.config.limits.batch_bytes_max).min(until).max(from + 1)
    }

    /// The channels, each with the place where the subscription begins in it.
    pub(super) fn admit_watcher(&mut self, role: Role, watch: &Watch) -> Result<Vec<Place>, Refusal> {
        let now = self.post.now;
        // This dialect has no tokens to show, but the application's word is as good as one.
        if self.needs_token(role) && !watch.authorized {
            return Err(Refusal::Token);
        }
        if self.is_short_of(watch.channels.len() * size_of::<(Place, Place)>()) {
            return Err(Refusal::Memory);
        }
        if let Some(group) = &watch.group {
            let missing = watch.channels.iter().filter(|name| self.hub.find(name).is_none()).count() as u64;
            let more = Census { channels: missing, ..Census::default() };
            let checked = self.check_group_at(group, &more);
            // Subscribers are told nothing else than that.
            checked.map_err(|_| Refusal::Group(GroupFull::Subscribers))?;
        }
        let mut found = Vec::with_capacity(watch.channels.len());
        for name in &watch.channels {
            found.push(match self.hub.find(name) {
                Some(at) => at,
                None if watch.existing_only => return Err(Refusal::Forbidden),
                None if watch.group.is_some() => self.make_channel(name, 0)?,
                None => self.open_channel(name, 0)?,
            });
        }
        let is_admin = role == Role::Admin;
        let access = Access { open: true, sessions: is_admin, private: is_admin || watch.authorized };
        if found.iter().any(|&at| self.hub.peek(at).is_some_and(|channel| !access.allows(channel))) {
            return Err(Refusal::Forbidden);
        }
        match watch.concurrency {
            Concurrency::Broadcast => {}
            Concurrency::First => {
                if found.iter().any(|&at| self.hub.peek(at).is_some_and(|channel| channel.watchers() > 0)) {
                    return Err(Refusal::Conflict);
                }
            }
            Concurrency::Last => {
                for &at in &found {
                    self.evict(at);
                }
            }
        }
        if let Some(group) = &watch.group {
            let more = Census { subscribers: found.len() as u64, ..Census::default() };
            self.check_group_at(group, &more).map_err(Refusal::Group)?;
        } else {
            watch.channels.iter().try_for_each(|name| self.check_reader_in_group(name))?;
        }
        let limits = self.config.limits.subscribers_per_channel_max;
        let most = if watch.subscribers_max > 0 { watch.subscribers_max.min(limits) } else { limits };
        if !self.has_seats(&found, most) {
            return Err(Refusal::TooManySubscribers);
        }
        let mut places = Vec::with_capacity(found.len());
        for at in found {
            self.hub.live_for(at, watch.channel_ms);
            self.hub.touch(at, now);
            self.hub.note_asked(at, now);
            places.extend(self.hub.start_at(at, watch.place, now).map(|start| (at, start.next)));
        }
        Ok(places)
    }

    /// All who wait on a channel in this dialect give way. There is one at most, unless the same channel is read in other
    /// ways, too: then, of many readers, the walk tells those whom it concerns, a slice at a time.
    fn evict(&mut self, at: Id<Channel>) {
        let Some(channel) = self.hub.peek(at).filter(|channel| channel.watchers() > 0) else { return };
        if channel.members() <= EVICTED_AT_ONCE {
            let owners: Vec<Id<Conn>> = self.hub.owners(at).filter_map(Id::from_bits).collect();
            owners.into_iter().for_each(|id| self.send_watcher_away(id, &Refusal::Conflict));
        } else if let Some(only) = self.hub.only_watcher(at) {
            let owner = self.hub.subscription(only).map(Subscription::owner);
            if let Some(id) = owner.and_then(Id::from_bits) {
                self.send_watcher_away(id, &Refusal::Conflict);
            }
        } else {
            self.hub.replace_watchers(at);
        }
    }

    /// Ends what a connection waits for in this dialect.
    fn send_watcher_away(&mut self, id: Id<Conn>, refusal: &Refusal) {
        let now = self.post.now;
        let (mut delivery, conns, hub) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        let sub = match &conn.phase {
            Phase::Parked(parked) if parked.voice.dialect == DialectId::Push => {
                let sub = parked.sub;
                delivery.send_away(conn, id, refusal);
                sub
            }
            Phase::WebSocket(socket) => {
                let Some(sub) = socket.booth.as_ref().and_then(|booth| booth.sub) else { return };
                delivery.send_booth_away(conn, id, refusal);
                sub
            }
            _ => return,
        };
        hub.leave(sub, now);
    }

    /// Ends streams that have lasted for as long as they may.
    pub(super) fn expire_watchers(&mut self, now: Moment) {
        let mut fired = std::mem::take(&mut self.watched_too_long);
        self.watching_until.advance(now, &mut fired);
        for (id, sub) in fired.drain(..) {
            let is_it = match self.conns.get(id).map(|conn| &conn.phase) {
                Some(Phase::Parked(parked)) => parked.sub == sub,
                Some(Phase::WebSocket(socket)) => {
                    socket.booth.as_ref().is_some_and(|booth| booth.sub == Some(sub))
                }
                _ => false,
            };
            if is_it {
                self.send_watcher_away(id, &Refusal::Over);
            }
        }
        self.watched_too_long = fired;
    }

    /// The first message in the order of the log that somebody lacks.
    fn earliest(&self, places: &[Place]) -> Option<Place> {
        let first = |&(at, next): &Place| {
            let history = self.hub.peek(at)?.history();
            let next = history.live_from(next);
            Some((history.get(next)?.offset, (at, next)))
        };
        places.iter().filter_map(first).min_by_key(|(o, _)| *o).map(|(_, p)| p)
    }

    fn begin_watching(
        &mut self,
        id: Id<Conn>,
        mut manner: Manner,
        mut voice: Voice,
        watch: &Watch,
        places: &[Place],
        follow: Option<Box<Follow>>,
    ) {
        if watch.is_raw {
            // Nothing says where it ends but the end of the connection.
            (manner.is_11, manner.keep_alive) = (false, false);
        }
        let (mut delivery, conns, _) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        delivery.take_boundary(&mut voice);
        delivery.begin(conn, Asker { id, manner, voice: &voice });
        let quiet_until = delivery.sign_of_life(voice.wording);
        let sub = self.take_seats(id, manner, voice, watch, places, quiet_until);
        if let (Some(sub), Some(follow)) = (sub, follow) {
            self.follow(sub, follow);
        }
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
    ) -> Option<Id<Subscription>> {
        if !self.may_wait(id) {
            return None;
        }
        let sub = self.join_places(id, watch, places)?;
        let Watch { hold, echo, .. } = *watch;
        self.wait(id, sub, Waiting { manner, voice, hold, echo, quiet_until });
        Some(sub)
    }

    /// A subscription in all these places.
    pub(super) fn join_places(
        &mut self,
        id: Id<Conn>,
        watch: &Watch,
        places: &[Place],
    ) -> Option<Id<Subscription>> {
        let (owner, now) = (id.to_bits(), self.post.now);
        // There was room in each when it was admitted, in this very turn.
        let joined = match *places {
            [(at, next)] => self.hub.join(at, Join { next, owner, who: None, notices: None }, now),
            _ => {
                // It has been let in to every name that it reads.
                let access = Access { open: true, sessions: false, private: true };
                let wanted =
                    Wanted { places, absent: Vec::new(), access, awaits: true, session: None, who: None };
                self.hub.join_many(wanted, owner, now)
            }
        };
        let sub = joined.ok()?;
        if watch.ends_with_any {
            self.hub.end_with_any(sub);
        }
        self.hub.watch(sub);
        if watch.hold == Hold::Stream && watch.timeout_ms > 0 {
            self.watching_until.arm(now.after_ms(watch.timeout_ms), (id, sub));
        }
        Some(sub)
    }
}
