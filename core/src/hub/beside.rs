//! Seats that are taken and left one by one: a reader of one channel comes to read several, in the order of the log.
//! Knows nothing of who asks for them.
use super::subscription::{Access, Base, Ear, Many, Reads, Seat};
use super::{Channel, Full, Hub, Join, Subscription, What};
use crate::arena::Id;
use crate::time::Moment;

impl Hub {
    /// Takes a seat in one more channel beside those that a subscription has; it must not have one there. From now on all of them
    /// are handed over in one order, so that whoever has had something has had everything before it, of all of them.
    ///
    /// # Errors
    /// [`Full`] when the channel has as many subscribers as it may; nothing has changed then.
    pub fn join_beside(
        &mut self,
        sub: Id<Subscription>,
        at: Id<Channel>,
        join: Join<'_>,
        now: Moment,
    ) -> Result<(), Full> {
        let most = self.settings.subscribers_max;
        self.channels.get(at).filter(|channel| channel.members.len() < most).ok_or(Full)?;
        self.become_many(sub);
        let Some(before) = self.many_mut(sub).map(|many| many.bytes()) else { return Err(Full) };
        let ear = join.who.and_then(|who| {
            let ear = self.arrive(at, who, join.owner)?;
            let notices = join.notices.map_or(ear.notices, |wanted| wanted.clamp(1, ear.notices));
            Some(Ear { notices, own: ear.listed.then(|| who.into()), ..ear })
        });
        let Some(channel) = self.channels.get_mut(at) else { return Err(Full) };
        let seat = Seat { channel: at, next: join.next, seat: channel.seat(sub), base: Base::Unasked };
        self.groups.count_reader(channel.group, true);
        channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
        self.count_watcher(sub, at);
        let Some(many) = self.many_mut(sub) else { return Err(Full) };
        if ear.is_some() && many.ears.is_empty() {
            many.ears = many.seats.iter().map(|_| Ear::default()).collect();
        }
        if let Err(place) = many.seats.binary_search_by_key(&at.to_bits(), |seat| seat.channel.to_bits()) {
            many.seats.insert(place, seat);
            if !many.ears.is_empty() || ear.is_some() {
                many.ears.insert(place, ear.unwrap_or_default());
            }
        }
        let after = many.bytes();
        self.many_bytes = self.many_bytes + after - before;
        self.note(join.owner, at, What::Joined { next: join.next }, now);
        self.resume(sub);
        Ok(())
    }

    /// Leaves one channel of those that a subscription reads. With the last of them the subscription is over.
    pub fn leave_one(&mut self, sub: Id<Subscription>, at: Id<Channel>, now: Moment) {
        if self.many(sub).is_none_or(|(many, _)| many.seats.len() < 2) {
            return self.leave(sub, now);
        }
        let Some(owner) = self.subscriptions.get(sub).map(Subscription::owner) else { return };
        let next = self.vacate(sub, at, now);
        if let Some(next) = next {
            self.note(owner, at, What::Left { next }, now);
        }
    }

    /// Takes a reader of several out of one of its channels; gives the number of the message that it would have been handed next.
    pub(super) fn vacate(&mut self, sub: Id<Subscription>, at: Id<Channel>, now: Moment) -> Option<u64> {
        let watches = self.subscriptions.get(sub).is_some_and(|s| s.watches);
        let many = self.many_mut(sub)?;
        let i = many.find(at)?;
        let before = many.bytes();
        let listed_as: Option<Box<str>> = many.listed_as(i).map(Into::into);
        let seat = many.seats.remove(i);
        if i < many.ears.len() {
            many.ears.remove(i);
        }
        let after = many.bytes();
        self.many_bytes = self.many_bytes + after - before;
        self.uncount_watcher(watches, at);
        self.unseat(at, seat.seat as usize);
        self.after_leaving(at, listed_as.as_deref(), now);
        Some(seat.next)
    }

    /// Makes a reader of one channel one of several, who has a single one so far.
    fn become_many(&mut self, sub: Id<Subscription>) {
        let Some(subscription) = self.subscriptions.get_mut(sub) else { return };
        let Reads::One(one) = &mut subscription.reads else { return };
        let mut many = Many::new(Access { open: false, sessions: false, private: false }, false, None);
        many.is_by_seat = true;
        let (seat, base) = (subscription.seat, subscription.base);
        many.seats = vec![Seat { channel: one.channel, next: one.next, seat, base }];
        if one.notices > 0 {
            let own = one.who.take();
            many.ears = vec![Ear { notices: one.notices, listed: own.is_some(), own }];
        }
        self.many_bytes += many.bytes();
        subscription.reads = Reads::Many(Box::new(many));
    }
}
