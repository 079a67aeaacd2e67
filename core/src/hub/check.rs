//! Every structural promise of the hub, for tests and the simulated world.
use super::Hub;
use super::subscription::{Reads, Standing};

impl Hub {
    /// Panics if tables disagree.
    ///
    /// # Panics
    /// When a promise is broken; never in a server, which does not call it.
    pub fn check(&self) {
        let mut seated = 0;
        let mut bytes = 0;
        let mut names_bytes = 0;
        let mut named = 0;
        let mut indexes = 0;
        for (id, channel) in self.channels.iter() {
            channel.history.check();
            bytes += channel.history.bytes();
            names_bytes += channel.name.len() + channel.roster_bytes();
            seated += channel.members.len();
            named += usize::from(!channel.closed && id != self.announcing.feed && !channel.is_index);
            let hot = self.hot.count(id);
            assert!(hot <= 1, "a channel is queued once");
            assert_eq!(channel.hot, hot == 1, "whoever is due visits is queued, {}", channel.name);
            assert!(channel.walk.left == 0 || channel.hot, "visits that are due will be made");
            assert!(!channel.closed || hot == 1 || !channel.members.is_empty(), "closed channels are buried");
            let mut people = 0;
            for (seat, sub) in channel.members.iter().enumerate() {
                let reader = self.subscriptions.get(*sub).expect("a member has a subscription");
                assert_eq!(reader.seat_in(id), Some(seat as u32));
                let next = reader.seats().find(|(channel, _)| *channel == id).map(|(_, next)| next);
                assert!(
                    next.is_some_and(|next| next <= channel.history.head()),
                    "nobody is ahead of the head"
                );
                let waits = matches!(&reader.reads, Reads::Many(m) if m.standing == Standing::Level);
                assert!(
                    !waits || reader.is_level(id, channel) || channel.hot,
                    "who is said to be level is, but for hot channels"
                );
                let queued = self.behind.iter().filter(|b| *b == sub).count();
                assert_eq!(queued, usize::from(reader.queued), "queued means in the queue, once");
                people += usize::from(reader.is_listed_in(id));
            }
            if let Some(roster) = &channel.roster {
                assert!(roster.seats() <= people, "nobody sits twice");
            }
            if channel.is_index && !channel.closed && channel.name.is_empty() {
                assert!(!channel.members.is_empty(), "a mailbox has its reader");
            } else if channel.is_index && !channel.closed {
                assert_eq!(self.find_index(&channel.name), Some(id), "an index is found by its pattern");
                indexes += 1;
            } else if !channel.closed && id != self.announcing.feed {
                assert_eq!(self.find(&channel.name), Some(id), "a living channel is found by its name");
                assert!(
                    channel.armed < crate::time::Moment::NEVER,
                    "a living channel is looked at some time"
                );
            }
        }
        let seats: usize = self.subscriptions.iter().map(|(_, s)| s.seats().count()).sum();
        assert_eq!(seated, seats, "every subscription has its seats");
        let (mut many_bytes, mut held) = (0, 0);
        for (_, subscription) in self.subscriptions.iter() {
            if let Reads::Many(many) = &subscription.reads {
                assert!(many.seats.windows(2).all(|w| w[0].channel.to_bits() < w[1].channel.to_bits()));
                assert!(many.standing != Standing::Behind || subscription.queued, "who is behind is queued");
                let is_named = if many.is_by_seat { !many.ears.is_empty() } else { many.who.is_some() };
                let ears = if is_named { many.seats.len() } else { 0 };
                assert_eq!(many.ears.len(), ears, "who has a name has an ear in each channel");
                many_bytes += many.bytes();
                held += usize::from(many.session.is_some());
            }
        }
        assert_eq!(many_bytes, self.many_bytes, "the account of readers of several is true");
        self.sessions.check(held);
        self.groups.check(&self.channels);
        for (id, channel) in self.channels.iter() {
            let watchers = channel.members.iter().filter_map(|sub| self.subscriptions.get(*sub));
            let watchers = watchers.filter(|subscription| subscription.watches).count();
            assert_eq!(channel.watchers as usize, watchers, "watchers are counted");
            assert!(channel.gives_way.is_none() || channel.hot, "who gives way is told");
            assert!(channel.group.is_none() || !channel.closed, "what has ended is in no group: {id:?}");
        }
        let messages: usize = self.channels.iter().map(|(_, channel)| channel.history.len()).sum();
        assert_eq!(messages, self.messages, "messages are counted");
        assert_eq!(bytes, self.history_bytes, "the account of histories is true");
        assert_eq!(names_bytes, self.names_bytes, "the account of names and rosters is true");
        assert_eq!(named, self.names.len(), "every name has a channel");
        assert_eq!(indexes, self.patterns.len(), "every pattern has an index");
    }
}
