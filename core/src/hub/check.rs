//! Every structural promise of the hub, for tests and the simulated world.
use super::Hub;

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
                assert_eq!((reader.seat as usize, reader.channel), (seat, id));
                assert!(reader.next <= channel.history.head(), "nobody is ahead of the head");
                let queued = self.behind.iter().filter(|b| *b == sub).count();
                assert_eq!(queued, usize::from(reader.queued), "queued means in the queue, once");
                people += usize::from(reader.who.is_some());
            }
            if let Some(roster) = &channel.roster {
                assert!(roster.seats() <= people, "nobody sits twice");
            }
            if channel.is_index && !channel.closed {
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
        assert_eq!(seated, self.subscriptions.len(), "every subscription has a seat");
        assert_eq!(bytes, self.history_bytes, "the account of histories is true");
        assert_eq!(names_bytes, self.names_bytes, "the account of names and rosters is true");
        assert_eq!(named, self.names.len(), "every name has a channel");
        assert_eq!(indexes, self.patterns.len(), "every pattern has an index");
    }
}
