//! Indexes of patterns: what is published to any channel that a pattern matches, in the order of the log. Somebody who
//! reads a pattern is an ordinary subscriber with a seat in its index, and a publish costs a reference in each index
//! whose pattern matches; one that none matches costs a few look-ups.
//! Knows nothing of who reads.
use std::sync::Arc;

use super::history::{Beside, LIVE_MESSAGES};
use super::mailbox::is_private;
use super::{Channel, Full, Hub, Kind, Message, Owner, Pattern};
use crate::arena::Id;
use crate::time::Moment;

impl Hub {
    /// The index of a pattern such as `/a/*` or `/a/**`, made if nobody reads it yet: then it begins with what is
    /// published from now on. It is there until its last reader leaves.
    ///
    /// # Errors
    /// [`Full`] when there are as many as there may be, or the text is no pattern.
    pub fn open_index(&mut self, text: &str, now: Moment) -> Result<Id<Channel>, Full> {
        let pattern = Pattern::of_segments(text).ok_or(Full)?;
        if let Some(id) = self.patterns.find(pattern) {
            return Ok(id);
        }
        if self.patterns.len() >= self.settings.patterns_max {
            return Err(Full);
        }
        // Broadcasts reach it by the channels that they are published to.
        let mut index = Channel::new(text, self.log.head(), Moment::NEVER, u64::MAX);
        index.is_index = true;
        let id = self.channels.insert(index).ok_or(Full)?;
        self.patterns.insert(pattern, id);
        self.names_bytes += text.len();
        self.arm(id, now);
        Ok(id)
    }

    /// The index of a pattern, if anybody reads it.
    pub fn find_index(&self, text: &str) -> Option<Id<Channel>> {
        self.patterns.find(Pattern::of_segments(text)?)
    }

    /// Whom the readers of a channel or index are, in about the order in which they came: see [`super::Subscription::owner`].
    pub fn readers(&self, id: Id<Channel>) -> impl DoubleEndedIterator<Item = Owner> {
        let members = self.channels.get(id).map_or(&[][..], |channel| &channel.members);
        members.iter().filter_map(|sub| self.subscriptions.get(*sub)).map(|sub| sub.owner)
    }

    /// Whether a channel would have ended by now, but for those who read it.
    pub fn is_overdue(&self, id: Id<Channel>, now: Moment) -> bool {
        self.channels.get(id).is_some_and(|c| c.idle_until <= now && !c.is_index && !c.closed)
    }

    /// How many patterns are read.
    pub fn indexes(&self) -> usize {
        self.patterns.len()
    }

    /// Ends an index that nobody reads any more.
    pub(super) fn close_index(&mut self, id: Id<Channel>) {
        let Self { channels, patterns, .. } = self;
        let Some(index) = channels.get_mut(id).filter(|c| c.is_index && !c.closed && c.members.is_empty())
        else {
            return;
        };
        index.closed = true;
        if let Some(pattern) = Pattern::of_segments(&index.name) {
            patterns.remove(pattern);
        }
        self.bury(id);
    }

    /// Puts a reference to a message that is being published to the channel `id` into every index that it belongs to.
    pub(super) fn append_to_indexes(&mut self, id: Id<Channel>, message: &Message) {
        let mut matched = std::mem::take(&mut self.matched);
        matched.clear();
        // What only registered clients may read is read by name only.
        let is_open = |channel: &&Channel| !channel.registered().is_some_and(|own| own.sessions);
        if let Some(channel) = self.channels.get(id).filter(is_open) {
            self.each_index(&channel.name, |index| matched.push(index));
            if !matched.is_empty() {
                let ext = message.ext().map(Into::into);
                let (name, until) = (Some((*channel.name).into()), message.until());
                let beside = Some(Arc::new(Beside { channel: name, ext, id: None, until }));
                for &index in &matched {
                    self.append_to(index, Message { beside: beside.clone(), ..message.clone() });
                    if until.is_some() {
                        self.arm(index, message.at);
                    }
                }
            }
        }
        self.matched = matched;
    }

    /// Channels between one client and the server are in no pattern, whatever it is (Bayeux 1.0, sections 2.2.1 and
    /// 2.2.2).
    fn each_index(&self, name: &str, show: impl FnMut(Id<Channel>)) {
        if !is_private(name) {
            self.patterns.each_match(name, show);
        }
    }

    /// Why messages of a channel are in no index, if so; in words for an administrator.
    pub fn outside_patterns(&self, channel: &Channel) -> Option<&'static str> {
        if is_private(&channel.name) {
            return Some("what is between one client and the server is in no pattern");
        }
        let for_sessions = channel.registered().is_some_and(|own| own.sessions);
        for_sessions.then_some("what only registered clients may read is in no pattern")
    }

    /// The indexes whose patterns match a name, also where its messages are in none.
    pub fn matching_indexes(&self, name: &str) -> Vec<Id<Channel>> {
        let mut found = Vec::new();
        self.patterns.each_match(name, |index| found.push(index));
        found
    }

    /// The channel called `name`, or an index that its messages go to, in which so much has been published that those
    /// who listen must be served before another message of so many bytes is; the channel is `at`, if there is one.
    pub fn crowded(&self, name: &str, at: Option<Id<Channel>>, more_bytes: usize) -> Option<Id<Channel>> {
        if let Some(at) = at.filter(|at| self.is_crowded(*at, more_bytes)) {
            return Some(at);
        }
        let mut found = None;
        if !self.patterns.is_empty() {
            self.each_index(name, |index| {
                if self.is_crowded(index, more_bytes) {
                    found = Some(index);
                }
            });
        }
        found
    }

    /// How many messages, and how many bytes of them, each index gets of those that channels get.
    pub fn shares_of_patterns<'n>(
        &self,
        shares: impl Iterator<Item = (&'n str, usize, usize)>,
    ) -> Vec<(Id<Channel>, usize, usize)> {
        if self.patterns.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<(Id<Channel>, usize, usize)> = Vec::new();
        for (name, count, bytes) in shares {
            if self
                .find(name)
                .and_then(|at| self.channels.get(at))
                .is_some_and(|c| self.outside_patterns(c).is_some())
            {
                continue;
            }
            self.each_index(name, |index| found.push((index, count, bytes)));
        }
        found.sort_unstable_by_key(|(index, ..)| index.to_bits());
        found.dedup_by(|next, first| {
            let is_same = next.0 == first.0;
            if is_same {
                (first.1, first.2) = (first.1 + next.1, first.2 + next.2);
            }
            is_same
        });
        found
    }

    /// Appends a message of a dialect whose messages are JSON; returns its number.
    pub fn publish_json(
        &mut self,
        id: Id<Channel>,
        kind: Kind,
        body: Arc<str>,
        ext: Option<&str>,
        now: Moment,
    ) -> Option<u64> {
        self.settle(id, now);
        let channel = self.channels.get_mut(id).filter(|c| !c.closed)?;
        channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
        let beside = ext.map(|ext| Arc::new(Beside { ext: Some(ext.into()), ..Beside::default() }));
        let message = self.stamped(id, kind, body, now);
        Some(self.append_message(id, Message { beside, ..message }))
    }
}

// A publisher may be half of this ahead of those who listen: see `Hub::is_crowded`.
const _: () = assert!(LIVE_MESSAGES >= 512);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::tests::{hub, settings};
    use crate::hub::{From, Join, Settings, Took};

    fn bodies(hub: &Hub, id: Id<Channel>) -> Vec<String> {
        let history = hub.peek(id).unwrap().history();
        history.range(1, 99).map(|(_, m)| format!("{}{}", m.channel().unwrap_or_default(), m.body)).collect()
    }

    #[test]
    fn an_index_has_what_its_pattern_matches() {
        let mut hub = hub(settings());
        let now = Moment(0);
        let index = hub.open_index("/a/**", now).unwrap();
        let sub = hub.join(index, Join { next: 1, owner: 9, who: None, notices: None }, now).unwrap();
        for name in ["/a/b", "/a", "/a/b/c", "/x/y", "/service/z", "/meta/z"] {
            let at = hub.open(name, 9, now).unwrap();
            hub.publish(at, "1".into(), None, now);
            hub.check();
        }
        assert_eq!(bodies(&hub, index), ["/a/b1", "/a/b/c1"]);
        let all = hub.open_index("/**", now).unwrap();
        let other = hub.join(all, Join { next: 1, owner: 8, who: None, notices: None }, now).unwrap();
        let at = hub.open("/service/z", 9, now).unwrap();
        hub.publish(at, "2".into(), None, now);
        hub.broadcast("b".into()).unwrap();
        while hub.pump(9, now, |_, _| Took::Nothing) {}
        assert_eq!(bodies(&hub, all).len(), 4, "a broadcast is published to each: {:?}", bodies(&hub, all));
        assert_eq!(hub.channels(), 6, "an index is no channel");
        hub.leave(sub, now);
        hub.leave(other, now);
        hub.pump(99, now, |_, _| Took::Nothing);
        hub.check();
        assert_eq!((hub.indexes(), hub.find_index("/a/**")), (0, None));
    }

    #[test]
    fn what_is_forgotten_is_counted_once() {
        let mut hub = hub(settings());
        let now = Moment(0);
        let index = hub.open_index("/a/*", now).unwrap();
        hub.join(index, Join { next: 1, owner: 9, who: None, notices: None }, now).unwrap();
        let at = hub.open("/a/b", 9, now).unwrap();
        hub.join(at, Join { next: 1, owner: 8, who: None, notices: None }, now).unwrap();
        for _ in 0..4 {
            hub.publish(at, "1".into(), None, now).expect("the channel is there");
        }
        assert_eq!(hub.forget_oldest(1 << 30), (3, 3));
        hub.check();
    }

    #[test]
    fn patterns_are_limited_and_found_again() {
        let mut hub = hub(Settings { patterns_max: 1, ..settings() });
        let first = hub.open_index("/a/*", Moment(0)).unwrap();
        assert_eq!(hub.open_index("/a/*", Moment(0)), Ok(first));
        assert_eq!(hub.open_index("/b/*", Moment(0)), Err(Full));
        assert_eq!(hub.open_index("/b", Moment(0)), Err(Full));
        assert!(hub.find("/a/*").is_none(), "nothing can be published to it");
    }

    #[test]
    fn a_crowded_index_holds_publishers_of_new_channels() {
        let mut hub = hub(settings());
        let now = Moment(0);
        let index = hub.open_index("/a/*", now).unwrap();
        let next = hub.start(index, From::New, now).unwrap().next;
        hub.join(index, Join { next, owner: 9, who: None, notices: None }, now).unwrap();
        for n in 0..LIVE_MESSAGES / 2 {
            let name = format!("/a/{n}");
            assert_eq!(hub.crowded(&name, hub.find(&name), 1), None);
            let at = hub.open(&name, 9, now).unwrap();
            hub.publish(at, "x".into(), None, now);
        }
        assert_eq!(hub.crowded("/a/new", None, 1), Some(index));
        assert_eq!(hub.crowded("/b/new", None, 1), None);
        hub.pump(9, now, |_, _| Took::Nothing);
        assert_eq!(hub.crowded("/a/new", None, 1), None, "who does not take holds nobody up");
    }
}
