//! How subscriptions to one channel come, move and go.
use super::subscription::{Base, One, Reads, Standing};
use super::{Channel, Full, Hub, Owner, Roster, Subscription, What};
use crate::arena::Id;
use crate::time::Moment;

/// What a subscriber asks of a channel.
#[derive(Clone, Copy, Debug)]
pub struct Join<'a> {
    /// The number of the first message wanted.
    pub next: u64,
    /// Whom to hand it to.
    pub owner: Owner,
    /// The name to be listed under.
    pub who: Option<&'a str>,
    /// The first notice wanted; `None` for only those to come.
    pub notices: Option<u64>,
}

impl Hub {
    /// Joins a channel at message `next`. With a name the subscriber is listed, and hears of others from the notice
    /// `notices` on.
    ///
    /// # Errors
    /// [`Full`] when the channel has as many subscribers as it may; nothing has changed then.
    pub fn join(&mut self, id: Id<Channel>, join: Join<'_>, now: Moment) -> Result<Id<Subscription>, Full> {
        let Self {
            channels,
            subscriptions,
            behind,
            settings,
            seed,
            counters,
            names_bytes,
            groups,
            roster_from,
            ..
        } = self;
        let channel =
            channels.get_mut(id).filter(|c| c.members.len() < settings.subscribers_max).ok_or(Full)?;
        let mut stirred = false;
        let mut listed = None;
        let mut notices = 0;
        if let Some(who) = join.who {
            let before = channel.roster_bytes();
            let roster = channel.roster.get_or_insert_with(|| Box::new(Roster::new(*seed, *roster_from)));
            notices = join.notices.unwrap_or(roster.head()).clamp(1, roster.head());
            match roster.arrive(who, join.owner, settings.roster_max) {
                Ok(is_new) => {
                    stirred = is_new;
                    listed = Some(who.into());
                }
                // Not listed, but it hears of those who are.
                Err(_) => counters.roster_refused += 1,
            }
            *roster_from = roster.beyond(*roster_from);
            *names_bytes = *names_bytes + channel.roster_bytes() - before;
        }
        let queued = !channel.is_level(join.next, notices);
        let one = One { channel: id, next: join.next, notices, who: listed };
        let subscription = Subscription {
            reads: Reads::One(one),
            seat: 0,
            queued,
            told: false,
            watches: false,
            base: Base::Unasked,
            owner: join.owner,
        };
        let sub = subscriptions.insert(subscription).ok_or(Full)?;
        let seat = channel.seat(sub);
        groups.count_reader(channel.group, true);
        channel.outlive(now.after_ms(channel.life_ms(settings)));
        if let Some(subscription) = subscriptions.get_mut(sub) {
            subscription.seat = seat;
        }
        if queued {
            behind.push_back(sub);
        }
        if stirred {
            self.stir(id);
        }
        self.note(join.owner, id, What::Joined { next: join.next }, now);
        Ok(sub)
    }

    pub(super) fn stir(&mut self, id: Id<Channel>) {
        if let Some(channel) = self.channels.get_mut(id)
            && channel.stir(channel.history.mark())
        {
            self.hot.push(id, channel.members.len());
        }
    }

    /// Leaves. Whoever was listed under a name stays in the roster for the time of its lease.
    pub fn leave(&mut self, id: Id<Subscription>, now: Moment) {
        let Some(subscription) = self.subscriptions.get(id) else { return };
        let owner = subscription.owner;
        match &subscription.reads {
            Reads::One(one) => {
                let (at, next) = (one.channel, one.next);
                self.note(owner, at, What::Left { next }, now);
            }
            Reads::Many(many) => {
                let seats: Vec<(Id<Channel>, u64)> = many.seats.iter().map(|s| (s.channel, s.next)).collect();
                for (at, next) in seats {
                    self.note(owner, at, What::Left { next }, now);
                }
            }
        }
        self.unlist(id, now);
    }

    /// Leaves without a record: what was handed over last says it.
    pub(super) fn unlist(&mut self, id: Id<Subscription>, now: Moment) {
        let Some(gone) = self.subscriptions.remove(id) else { return };
        if gone.told {
            self.ends.push_back(id);
        }
        match gone.reads {
            Reads::One(one) => {
                self.uncount_watcher(gone.watches, one.channel);
                self.unseat(one.channel, gone.seat as usize);
                self.after_leaving(one.channel, one.who.as_deref(), now);
            }
            Reads::Many(many) => self.unseat_many(id, &many, gone.watches, now),
        }
    }

    /// The end of this subscription is to be told.
    pub fn tell_end(&mut self, id: Id<Subscription>) {
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            subscription.told = true;
        }
    }

    /// The next subscription that has ended and whose end is to be told.
    pub fn next_end(&mut self) -> Option<Id<Subscription>> {
        self.ends.pop_front()
    }

    /// Frees a seat. Whoever was moved into it may have been passed by the walk: if there is something to hand over, it
    /// is not left to the walk.
    pub(super) fn unseat(&mut self, id: Id<Channel>, seat: usize) {
        let Self { channels, subscriptions, groups, .. } = self;
        let Some(channel) = channels.get_mut(id) else { return };
        groups.count_reader(channel.group, false);
        if let Some(moved) = channel.unseat(id, subscriptions, seat)
            && channel.hot
            && subscriptions.get(moved).is_some_and(|s| !s.is_level(id, channel))
        {
            self.look_after(moved);
        }
    }

    /// Sees to it that somebody is visited, unless it waits for room.
    pub(super) fn look_after(&mut self, sub: Id<Subscription>) {
        if let Some(subscription) = self.subscriptions.get(sub)
            && !matches!(&subscription.reads, Reads::Many(many) if many.standing == Standing::Stuck)
        {
            self.resume(sub);
        }
    }

    /// Moves a subscriber to message `next`, forward or back.
    pub fn seek(&mut self, id: Id<Subscription>, next: u64) {
        let Self { channels, subscriptions, .. } = self;
        if let Some(subscription) = subscriptions.get_mut(id)
            && let Reads::One(one) = &mut subscription.reads
            && let Some(channel) = channels.get(one.channel)
        {
            one.next = next.min(channel.history.head());
            subscription.base = subscription.base.moved();
        }
    }

    /// From now on a subscriber is to be told what differs from the message before: in this channel, or in all that it reads.
    pub fn want_deltas(&mut self, id: Id<Subscription>, at: Option<Id<Channel>>) {
        let Some(subscription) = self.subscriptions.get_mut(id) else { return };
        match &mut subscription.reads {
            Reads::One(_) => subscription.base = Base::Unknown,
            Reads::Many(many) => {
                many.wants_deltas |= at.is_none();
                let seats = many.seats.iter_mut().filter(|seat| at.is_none_or(|at| seat.channel == at));
                seats.for_each(|seat| seat.base = Base::Unknown);
            }
        }
    }

    /// The subscriber has room again, or wants another look.
    pub fn resume(&mut self, id: Id<Subscription>) {
        let Some(subscription) = self.subscriptions.get_mut(id) else { return };
        if let Reads::Many(many) = &mut subscription.reads {
            many.standing = Standing::Behind;
        }
        if !subscription.queued {
            subscription.queued = true;
            self.behind.push_back(id);
        }
    }
}
