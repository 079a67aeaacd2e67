//! How channels come and go: made on first use, freed when they have been idle, closed on demand.
//! Knows nothing of delivery.
use std::sync::Arc;

use super::subscription::Ear;
use super::{Change, Channel, Denied, Full, Hub, Owner, Posted, Registered, Roster, Secret, Session};
use crate::arena::Id;
use crate::journal::Entry;
use crate::time::Moment;

impl Hub {
    /// The channel called `name`, made if there is none. It lives at least `life_ms` from now on without subscribers.
    ///
    /// # Errors
    /// [`Full`] when there are as many channels as there may be.
    pub fn open(&mut self, name: &str, life_ms: u64, now: Moment) -> Result<Id<Channel>, Full> {
        if let Some(id) = self.find(name) {
            self.prolong(id, life_ms, now);
            return Ok(id);
        }
        if self.names.len() >= self.settings.channels_max {
            return Err(Full);
        }
        let idle_until = now.after_ms(life_ms);
        let mut channel = Channel::new(name, self.log.head(), idle_until, self.broadcasts.last());
        (channel.number, channel.mark) = (self.made, self.cursors.mark(name));
        self.made += 1;
        let id = self.channels.insert(channel).ok_or(Full)?;
        self.names.insert(name, id);
        if let Some(channel) = self.channels.get(id) {
            self.sorted.insert(Arc::clone(&channel.name), id);
        }
        if !self.rules.is_empty() {
            self.apply_rule(id);
        }
        self.names_bytes += name.len();
        self.counters.channels_opened += 1;
        self.put_into_group(id);
        self.note_opened(id);
        if life_ms > self.settings.channel_timeout_ms {
            self.note_shape(id);
        }
        self.revive(name);
        self.announce(id, true, now);
        self.arm(id, now);
        Ok(id)
    }

    /// Makes a channel one that was registered on purpose.
    pub fn register(&mut self, id: Id<Channel>, as_what: Registered, now: Moment) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.registered = Some(Box::new(as_what));
            channel.outlive(now.after_ms(as_what.life_ms));
        }
        self.note_shape(id);
        self.arm(id, now);
    }

    /// Keeps a channel as its publisher wants, from now on.
    pub fn keep_as(&mut self, id: Id<Channel>, posted: Posted, now: Moment) {
        if let Some(channel) = self.channels.get_mut(id)
            && channel.posted.as_deref() != Some(&posted)
        {
            // One that is not kept any more is gone from what is kept.
            self.kept_changes += 1;
            channel.posted = Some(Box::new(posted));
            self.note_shape(id);
        }
        self.arm(id, now);
    }

    /// From now on a channel lives so long without members and messages, if that is more than usual; 0 leaves it as it is. What was
    /// promised before holds.
    pub fn live_for(&mut self, id: Id<Channel>, idle_ms: u64) {
        if idle_ms > 0
            && let Some(channel) = self.channels.get_mut(id)
            && channel.idle_ms != idle_ms
        {
            channel.idle_ms = idle_ms;
            self.note_shape(id);
        }
    }

    /// Somebody asks for a channel's messages.
    pub fn note_asked(&mut self, id: Id<Channel>, now: Moment) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.asked = Some(now);
        }
    }

    /// How many messages a channel would give to somebody who came now.
    pub fn kept(&mut self, id: Id<Channel>, now: Moment) -> u64 {
        let start = self.start_at(id, super::Place::Oldest, now).map_or(0, |start| start.next);
        self.channels.get(id).map_or(0, |channel| channel.history.head() - start)
    }

    /// Registers a client that is to outlive its connections.
    ///
    /// # Errors
    /// Its name is taken, or there are too many.
    pub fn register_session(&mut self, name: &str, now: Moment) -> Result<Id<Session>, Denied> {
        let (most, ms) = (self.settings.sessions_max, self.settings.session_timeout_ms);
        let registered = self.sessions.register(name, most, ms, now);
        self.counters.sessions_refused += u64::from(registered == Err(Denied::Full));
        registered
    }

    /// The registered client of this name. It has just asked for something, so its time begins anew.
    pub fn session(&mut self, name: &str, now: Moment) -> Option<Id<Session>> {
        let id = self.sessions.find(name)?;
        self.sessions.touch(id, self.settings.session_timeout_ms, now);
        Some(id)
    }

    /// The names of the first `most` channels that begin so and of the first `most` clients, in the order in which they came, and how
    /// many more there are of both. Walks over all of them.
    pub fn census(&self, prefix: &str, most: usize) -> (Vec<&str>, Vec<&str>, usize) {
        let mut channels: Vec<&Channel> = self.named().filter(|c| c.name.starts_with(prefix)).collect();
        channels.sort_unstable_by_key(|channel| channel.number);
        let (clients, all_clients) = self.sessions.names(most);
        let left_out = channels.len().saturating_sub(most) + all_clients.saturating_sub(most);
        (channels.iter().take(most).map(|channel| &*channel.name).collect(), clients, left_out)
    }

    /// Names of all channels, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named().map(|channel| &*channel.name)
    }

    /// All channels that have names, in no order.
    pub fn named(&self) -> impl Iterator<Item = &Channel> {
        let named =
            self.channels.iter().filter(|(id, c)| !c.closed && !c.is_index && *id != self.announcing.feed);
        named.map(|(_, channel)| channel)
    }

    /// How many clients are registered.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Lets a channel live at least `ms` more without subscribers. Never shortens its life.
    pub fn prolong(&mut self, id: Id<Channel>, ms: u64, now: Moment) {
        let is_long = ms > self.settings.channel_timeout_ms;
        let Some(channel) = self.channels.get_mut(id) else { return };
        let before = channel.idle_until;
        channel.idle_until = before.max(now.after_ms(ms));
        if is_long && channel.idle_until > before {
            self.note_shape(id);
        }
    }

    /// Somebody has asked a channel for messages: it lives on as long as it does without anybody.
    pub fn touch(&mut self, id: Id<Channel>, now: Moment) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
        }
    }

    /// The channel's secret, made of `random` if it has none yet.
    pub fn token(&mut self, id: Id<Channel>, random: impl FnOnce() -> [u8; 16]) -> Option<Secret> {
        let channel = self.channels.get_mut(id)?;
        if let Some(secret) = &channel.secret {
            return Some(**secret);
        }
        let secret = Secret::new(random());
        channel.secret = Some(Box::new(secret));
        self.note_shape(id);
        Some(secret)
    }

    /// Whether `shown` is the channel's secret in hexadecimal.
    pub fn has_token(&self, id: Id<Channel>, shown: &str) -> bool {
        let secret = self.channels.get(id).and_then(|channel| channel.secret.as_ref());
        secret.is_some_and(|secret| secret.is(shown))
    }

    /// Ends a channel: its name is free at once, its members are told in [`Hub::pump`]. Returns the number of the
    /// message that will never come.
    pub fn close(&mut self, id: Id<Channel>, now: Moment) -> Option<u64> {
        self.settle(id, now);
        let Self { channels, names, sorted, groups, ended, kept_changes, .. } = &mut *self;
        let channel = channels.get_mut(id).filter(|c| !c.closed)?;
        channel.closed = true;
        *kept_changes += u64::from(channel.is_kept());
        groups.dismiss(channel);
        names.remove(&channel.name, id);
        sorted.remove(&*channel.name);
        let name = Arc::clone(&channel.name);
        let next = channel.history.head();
        let last = channel.history.offset_before(next);
        *ended = (*ended).max(last);
        let last = self.log.id_of(last);
        self.note_entry(|| Entry::Close(name, last));
        self.counters.channels_closed += 1;
        self.note_ended(id, now);
        self.announce(id, false, now);
        self.stir(id);
        self.bury(id);
        Some(next)
    }

    /// Ends a channel that is there for nobody: it has no members, has never had a message, so nobody has a place in it, and has nothing of
    /// its own but a name.
    pub fn close_unused(&mut self, id: Id<Channel>, now: Moment) {
        let usual = now.after_ms(self.settings.channel_timeout_ms);
        let is_unused = self.channels.get(id).is_some_and(|channel| {
            let is_plain =
                channel.secret.is_none() && channel.registered.is_none() && channel.posted.is_none();
            let lives_long = channel.idle_ms > 0 || channel.idle_until > usual;
            let is_new = channel.history.head() == 1 && channel.members.is_empty();
            is_plain && is_new && !lives_long && !channel.is_index && id != self.announcing.feed
        });
        if is_unused {
            self.close(id, now);
        }
    }

    /// Forgets a channel's history; its numbers, subscribers and secret stay. Returns the number of the next message.
    pub fn clear(&mut self, id: Id<Channel>, now: Moment) -> Option<u64> {
        self.settle(id, now);
        let channel = self.channels.get_mut(id)?;
        let before = channel.history.weight();
        self.kept_changes += u64::from(channel.is_kept());
        self.counters.trimmed += channel.history.clear() as u64;
        let head = channel.history.head();
        let name = Arc::clone(&channel.name);
        self.note_entry(|| Entry::Clear(name));
        self.weigh(id, before);
        Some(head)
    }

    /// Frees a closed channel that nobody is in any more.
    pub(super) fn bury(&mut self, id: Id<Channel>) {
        if self.channels.get(id).is_some_and(|c| c.closed && c.members.is_empty() && !c.hot)
            && let Some(dead) = self.channels.remove(id)
        {
            self.history_bytes -= dead.history.bytes();
            self.messages -= dead.history.len();
            self.names_bytes -= dead.name.len() + dead.roster_bytes();
        }
    }

    /// Says in a channel that somebody signed in.
    pub fn sign_in(&mut self, id: Id<Channel>, who: &str) {
        let (seed, first) = (self.seed, self.roster_from);
        let Some(channel) = self.channels.get_mut(id) else { return };
        let before = channel.roster_bytes();
        let roster = channel.roster.get_or_insert_with(|| Box::new(Roster::new(seed, first)));
        roster.tell(Change::Sign, Arc::from(who));
        self.roster_from = roster.beyond(first);
        self.names_bytes = self.names_bytes + channel.roster_bytes() - before;
        self.stir(id);
    }

    /// Somebody showed up under a name: they are present for the time of the lease, also if they never take a seat.
    pub fn meet(&mut self, id: Id<Channel>, who: &str, owner: Owner, now: Moment) {
        let lease = now.after_ms(self.settings.lease_ms);
        if self.arrive(id, who, owner).is_some_and(|ear| ear.listed) {
            if let Some(roster) = self.channels.get_mut(id).and_then(|channel| channel.roster.as_mut()) {
                roster.depart(who, lease);
            }
            self.arm(id, now);
        }
    }

    /// Somebody takes a seat under a name: what they know of the people there before they came.
    pub(super) fn arrive(&mut self, id: Id<Channel>, who: &str, owner: Owner) -> Option<Ear> {
        let (seed, first, most) = (self.seed, self.roster_from, self.settings.roster_max);
        let channel = self.channels.get_mut(id)?;
        let before = channel.roster_bytes();
        let roster = channel.roster.get_or_insert_with(|| Box::new(Roster::new(seed, first)));
        let notices = roster.head();
        let arrived = roster.arrive(who, owner, most);
        self.roster_from = roster.beyond(first);
        self.names_bytes = self.names_bytes + channel.roster_bytes() - before;
        match arrived {
            Ok(true) => self.stir(id),
            Ok(false) => {}
            Err(_) => self.counters.roster_refused += 1,
        }
        Some(Ear { notices, listed: arrived.is_ok(), own: None })
    }

    /// Who took the latest seat under a name, while anybody sits there.
    pub fn seated_as(&self, id: Id<Channel>, who: &str) -> Option<Owner> {
        self.channels.get(id)?.roster.as_ref()?.latest(who)
    }

    pub(super) fn after_leaving(&mut self, id: Id<Channel>, who: Option<&str>, now: Moment) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        if channel.is_index && channel.members.is_empty() {
            return self.close_index(id);
        }
        if channel.members.is_empty() {
            channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
        }
        let lease = now.after_ms(self.settings.lease_ms);
        if let (Some(who), Some(roster)) = (who, &mut channel.roster) {
            roster.depart(who, lease);
        }
        self.arm(id, now);
        self.bury(id);
    }

    /// Sets the wheel to look at a channel no later than it is due.
    pub(super) fn arm(&mut self, id: Id<Channel>, now: Moment) {
        let at_most = now.after_ms(self.settings.channel_timeout_ms);
        let Some(channel) = self.channels.get_mut(id) else { return };
        let mut due = at_most.min(channel.announce_at);
        if channel.members.is_empty() {
            due = due.min(channel.idle_until);
        }
        if let Some(roster) = &channel.roster {
            due = due.min(roster.due());
        }
        if let Some(moment) = channel.history.next_expiry(&channel.keep(&self.settings.keep)) {
            due = due.min(moment);
        }
        if due < channel.armed {
            channel.armed = due;
            self.wheel.arm(due, id);
        }
    }

    /// When [`Hub::expire`] has something to do.
    pub fn deadline(&self) -> Option<Moment> {
        [self.wheel.next(), self.sessions.deadline()].into_iter().flatten().min()
    }

    /// Frees channels that have been idle, ends leases, forgets what is too old.
    pub fn expire(&mut self, now: Moment) {
        self.sessions.expire(self.settings.session_timeout_ms, now);
        let mut fired = std::mem::take(&mut self.fired);
        self.wheel.advance(now, &mut fired);
        for id in fired.drain(..) {
            self.look_at(id, now);
        }
        self.fired = fired;
    }

    fn look_at(&mut self, id: Id<Channel>, now: Moment) {
        let Some(channel) = self.channels.get_mut(id).filter(|c| !c.closed) else { return };
        if now < channel.armed {
            // A newer entry stands for this channel.
            return;
        }
        channel.armed = Moment::NEVER;
        if channel.members.is_empty() && channel.idle_until <= now && !channel.is_index {
            self.close(id, now);
            return;
        }
        let before = channel.roster_bytes();
        let somebody_left = channel.roster.as_mut().is_some_and(|roster| roster.expire(now));
        if let (true, Some(roster)) = (somebody_left, &channel.roster) {
            self.roster_from = roster.beyond(self.roster_from);
        }
        self.names_bytes = self.names_bytes + channel.roster_bytes() - before;
        let announce = channel.announce_at <= now;
        // What somebody is still catching up with is kept for them.
        let listens = channel.hot || !self.behind.is_empty();
        self.trim(id, listens, now);
        if somebody_left {
            self.stir(id);
        }
        if announce {
            self.announce(id, true, now);
        }
        self.arm(id, now);
    }
}
