//! What a token allows, once it is known to be right.
use crate::config::ChannelPattern;

/// Something that may be done in a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Act {
    /// Hear what is published from now on, and go on behind a cursor.
    Subscribe = 1,
    /// Publish.
    Publish = 2,
    /// Be listed under a name, and see who is.
    Presence = 4,
    /// Ask for what was published before.
    History = 8,
}

impl Act {
    /// The act of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "subscribe" => Self::Subscribe,
            "publish" => Self::Publish,
            "presence" => Self::Presence,
            "history" => Self::History,
            _ => return None,
        })
    }
}

/// Channels, and what may be done there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// A name, or the beginning of names.
    pub channels: ChannelPattern,
    /// Acts, as bits.
    pub acts: u8,
}

/// What a token allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Whose it is (`sub`).
    pub sub: Option<Box<str>>,
    /// The second since 1970 from which on it is good, leeway included.
    pub from_s: u64,
    /// The second since 1970 in which it is over, leeway included.
    pub until_s: u64,
    /// What may be done, and where.
    pub rules: Box<[Rule]>,
}

impl Grant {
    /// Whether this may be done in a channel of this name.
    pub fn allows(&self, act: Act, channel: &str) -> bool {
        self.rules.iter().any(|rule| rule.acts & act as u8 != 0 && rule.channels.matches(channel))
    }

    /// Whether its time is now; `now_s` is the second since 1970.
    pub fn is_good(&self, now_s: u64) -> bool {
        self.from_s <= now_s && !self.is_over(now_s)
    }

    /// Whether its time is over.
    pub fn is_over(&self, now_s: u64) -> bool {
        now_s >= self.until_s
    }

    /// In how many seconds it is over, if that is within `warn_s`; `now_s` is the second since 1970 that it is now.
    pub fn expires_soon(&self, warn_s: u64, now_s: u64) -> Option<u64> {
        let left = self.until_s.saturating_sub(now_s);
        (left <= warn_s).then_some(left)
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        let rules: usize = self.rules.iter().map(|rule| size_of::<Rule>() + rule.channels.bytes()).sum();
        size_of::<Self>() + self.sub.as_ref().map_or(0, |sub| sub.len()) + rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_rule_names_is_not_allowed() {
        let rule = |text: &str, acts| Rule { channels: text.to_owned().try_into().expect("a pattern"), acts };
        let rules =
            [rule("room/*", Act::Subscribe as u8 | Act::History as u8), rule("room/1", Act::Publish as u8)];
        let grant = Grant { sub: None, from_s: 0, until_s: 0, rules: rules.into() };
        assert!(grant.allows(Act::Subscribe, "room/1") && grant.allows(Act::History, "room/"));
        assert!(grant.allows(Act::Publish, "room/1") && !grant.allows(Act::Publish, "room/12"));
        assert!(!grant.allows(Act::Presence, "room/1") && !grant.allows(Act::Subscribe, "room"));
        assert!(grant.bytes() > size_of::<Grant>() + 2 * size_of::<Rule>());
    }
}
