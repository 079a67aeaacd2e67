//! What channels keep by rules for their names, and the names in their order.
//! Knows nothing of where rules come from.
use std::ops::Bound;
use std::sync::Arc;

use super::history::{Beside, Kind};
use super::{Channel, Hub, Keep, Message};
use crate::arena::Id;
use crate::config::ChannelPattern;
use crate::log::Token;
use crate::time::Moment;

impl Hub {
    /// Other rules, for the channels that there are too: what they keep beyond them goes when they are next touched. Walks over all
    /// channels, if there are rules or were any.
    pub fn set_rules(&mut self, rules: Vec<(ChannelPattern, Keep)>, now: Moment) {
        if rules.is_empty() && self.rules.is_empty() {
            return;
        }
        self.rules = rules;
        for index in 0..self.channels.slots() {
            let Some(id) = self.channels.id_at(index) else { continue };
            self.apply_rule(id);
            self.arm(id, now);
        }
    }

    /// A channel keeps what the rule for its name says.
    pub(super) fn apply_rule(&mut self, id: Id<Channel>) {
        if let Some(channel) = self.channels.get_mut(id) {
            let is_named = !channel.is_index && !channel.name.is_empty();
            let rule = self.rules.iter().find(|(pattern, _)| is_named && pattern.matches(&channel.name));
            channel.ruled = rule.map(|(_, keep)| Box::new(*keep));
        }
    }

    /// Bytes that may be published to the channel of this name before those who listen are served: half of what is kept for
    /// them, and of what each can have waiting.
    pub fn ahead_bytes(&self, name: &str) -> usize {
        let rule = self.rules.iter().find(|(pattern, _)| pattern.matches(name));
        rule.map_or(self.settings.ahead_bytes, |(_, keep)| self.settings.ahead_bytes.min(keep.bytes / 2))
    }

    /// The same for a channel or index that is there.
    pub fn ahead_bytes_of(&self, id: Id<Channel>) -> usize {
        let kept = self.channels.get(id).and_then(|channel| channel.ruled.as_ref());
        self.settings.ahead_bytes.min(kept.map_or(usize::MAX, |keep| keep.bytes / 2))
    }

    /// Whether the channel of this name, there or not, keeps anything if it is published to as one that keeps so many messages.
    pub fn would_keep(&self, name: &str, messages_max: usize) -> bool {
        let known = self.find(name).and_then(|id| self.channels.get(id));
        if let Some(own) = known.and_then(Channel::registered) {
            return own.messages_max > 0;
        }
        let rule = self.rules.iter().find(|(pattern, _)| pattern.matches(name));
        messages_max.min(rule.map_or(self.settings.keep.messages, |(_, keep)| keep.messages)) > 0
    }

    /// Channels whose names begin so and stand behind `after`, in the order of their names.
    pub fn page<'h>(&'h self, prefix: &'h str, after: &str) -> impl Iterator<Item = Id<Channel>> + 'h {
        let from = if after >= prefix { Bound::Excluded(after) } else { Bound::Included(prefix) };
        let behind = self.sorted.range::<str, _>((from, Bound::Unbounded));
        behind.take_while(move |(name, _)| name.starts_with(prefix)).map(|(_, id)| *id)
    }

    /// Whether this cursor was given out here, in this log.
    pub fn has_given(&self, token: Token) -> bool {
        self.sealer.open(token, 0).is_some_and(|cursor| cursor.position.epoch == self.log.epoch())
    }

    /// Appends a message that is handed to nobody any more after `ttl_ms`; 0 is for ever. Returns its number.
    pub fn publish_for(&mut self, id: Id<Channel>, body: Arc<str>, ttl_ms: u64, now: Moment) -> Option<u64> {
        if ttl_ms == 0 {
            return self.publish(id, body, None, now);
        }
        self.settle(id, now);
        let channel = self.channels.get_mut(id).filter(|c| !c.closed)?;
        channel.outlive(now.after_ms(channel.life_ms(&self.settings)));
        let beside = Some(Arc::new(Beside { until: Some(now.after_ms(ttl_ms)), ..Beside::default() }));
        let message = self.stamped(id, Kind::Data, body, now);
        let seq = self.append_message(id, Message { beside, ..message });
        self.arm(id, now);
        Some(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::tests::{hub, settings};
    use crate::hub::{From, Lost};

    fn keep(messages: usize, bytes: usize) -> Keep {
        Keep { messages, bytes, age_ms: 0, newest: false }
    }

    fn pattern(text: &str) -> ChannelPattern {
        text.to_owned().try_into().expect("a pattern")
    }

    #[test]
    fn the_first_rule_that_matches_holds_now_and_later() {
        let mut hub = hub(settings());
        let now = Moment(0);
        let early = hub.open("room/early", 9, now).expect("room");
        hub.set_rules(vec![(pattern("room/*"), keep(2, 1 << 20)), (pattern("*"), keep(3, 1 << 20))], now);
        let late = hub.open("room/late", 9, now).expect("room");
        let other = hub.open("other", 9, now).expect("room");
        let count = |hub: &mut Hub, at| {
            for _ in 0..9 {
                hub.publish(at, "x".into(), None, now);
            }
            hub.check();
            hub.peek(at).map_or(0, |channel| channel.history().len())
        };
        assert_eq!((count(&mut hub, early), count(&mut hub, late), count(&mut hub, other)), (2, 2, 3));
        hub.set_rules(Vec::new(), now);
        assert!(count(&mut hub, early) > 2);
    }

    #[test]
    fn publishers_wait_by_what_the_channel_keeps() {
        let mut hub = hub(settings());
        let usual = hub.ahead_bytes("a");
        hub.set_rules(vec![(pattern("a"), keep(9, 1_000)), (pattern("b"), keep(9, usize::MAX))], Moment(0));
        assert_eq!((hub.ahead_bytes("a"), hub.ahead_bytes("b"), hub.ahead_bytes("c")), (500, usual, usual));
    }

    #[test]
    fn pages_are_in_the_order_of_names() {
        let mut hub = hub(settings());
        let names = ["b", "a/2", "a/1", "a", "c", "a/3"];
        let at: Vec<_> = names.iter().map(|name| hub.open(name, 9, Moment(0)).expect("room")).collect();
        let page = |hub: &Hub, prefix: &str, after: &str| -> Vec<String> {
            hub.page(prefix, after).filter_map(|id| Some(hub.peek(id)?.name().to_owned())).collect()
        };
        assert_eq!(page(&hub, "", ""), ["a", "a/1", "a/2", "a/3", "b", "c"]);
        assert_eq!(page(&hub, "a/", "a/1"), ["a/2", "a/3"]);
        assert_eq!(page(&hub, "a/", "A"), ["a/1", "a/2", "a/3"]);
        assert_eq!(page(&hub, "a/", "b"), [""; 0]);
        hub.close(at[1], Moment(0));
        assert_eq!(page(&hub, "a/", ""), ["a/1", "a/3"]);
    }

    #[test]
    fn a_message_that_has_expired_is_missing_for_who_has_not_had_it() {
        let mut hub = hub(settings());
        let at = hub.open("a", 99_999, Moment(0)).expect("room");
        for ttl in [0, 5_000, 5_000, 0] {
            hub.publish_for(at, "x".into(), ttl, Moment(0));
        }
        let start = |hub: &mut Hub, from, now| {
            let start = hub.start(at, from, Moment(now)).expect("it is there");
            (start.next, start.lost)
        };
        assert_eq!(start(&mut hub, From::Next(2), 4_999), (2, Lost::Nothing));
        assert_eq!(start(&mut hub, From::Next(2), 5_000), (4, Lost::Some(2)));
        assert_eq!(start(&mut hub, From::Next(3), 5_000), (4, Lost::Some(1)));
        assert_eq!(
            start(&mut hub, From::Newest(2), 5_000),
            (1, Lost::Nothing),
            "the newest that there are, and who asks for none misses none"
        );
        hub.check();
        assert!(hub.deadline().is_some());
        hub.expire(Moment(10_000));
        hub.check();
    }

    #[test]
    fn what_is_said_again_is_good_for_no_longer() {
        let mut hub = hub(settings());
        let at = hub.open("a", 99_999, Moment(0)).expect("room");
        hub.publish(at, "first".into(), None, Moment(0));
        hub.publish_for(at, "second".into(), 5_000, Moment(0));
        assert_eq!(hub.publish_again(at, Moment(1_000)), Some(3));
        let until = hub.peek(at).and_then(|channel| channel.history().get(3)?.until());
        assert_eq!(until, Some(Moment(5_000)));
        hub.expire(Moment(5_000));
        hub.check();
        assert!(hub.peek(at).is_some_and(|channel| channel.history().live() == 1));
        assert_eq!(hub.publish_again(at, Moment(5_000)), None, "it is not there any more, only its place is");
        hub.publish(at, "third".into(), None, Moment(6_000));
        assert_eq!(hub.publish_again(at, Moment(6_000)), Some(5));
        assert!(hub.peek(at).and_then(|channel| channel.history().get(5)?.until()).is_none());
    }
}
