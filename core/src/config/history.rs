//! `[[history.rule]]`: what channels keep whose names a pattern matches.
//! Knows nothing of channels.
use serde::Deserialize;

use super::ChannelPattern;
use crate::hub::Keep;
use crate::limits::Limits;

/// `[history]`: what channels keep, where that is not what `limits` say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HistoryRules {
    /// The first whose pattern matches a channel's name holds for it.
    pub rule: Vec<HistoryRule>,
}

/// `[[history.rule]]`: one of them. What it does not say is as in `limits`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRule {
    /// Names of channels, or their beginning and a `*`.
    #[serde(rename = "match")]
    pub channels: ChannelPattern,
    /// Messages that each keeps for those who come later; 0 keeps none.
    #[serde(default)]
    pub messages_max: Option<usize>,
    /// Bytes of messages that each keeps, overhead included.
    #[serde(default)]
    pub bytes_max: Option<usize>,
    /// Seconds that each keeps a message; 0 is as long as the channel lives.
    #[serde(default)]
    pub age_seconds: Option<u64>,
}

impl HistoryRule {
    /// What a channel keeps by this rule.
    pub fn keep(&self, limits: &Limits) -> Keep {
        Keep {
            messages: self.messages_max.unwrap_or(limits.history_messages_max),
            bytes: self.bytes_max.unwrap_or(limits.history_bytes_max),
            age_ms: self.age_seconds.map_or(limits.history_age_ms_max, |s| s.saturating_mul(1_000)),
            newest: false,
        }
    }
}

impl HistoryRules {
    /// Rules that say nothing are a mistake.
    pub(super) fn check(&self) -> Result<(), String> {
        let says_nothing = |rule: &&HistoryRule| {
            rule.messages_max.is_none() && rule.bytes_max.is_none() && rule.age_seconds.is_none()
        };
        match self.rule.iter().position(|rule| says_nothing(&rule)) {
            Some(i) => Err(format!(
                "history.rule: number {} says nothing: expected messages_max, bytes_max or age_seconds",
                i + 1
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_does_not_say_is_as_in_limits() {
        let rule: HistoryRule =
            serde_json::from_str(r#"{"match":"room/*","messages_max":7}"#).expect("a rule");
        let limits = Limits::default();
        let usual = Keep {
            messages: 7,
            bytes: limits.history_bytes_max,
            age_ms: limits.history_age_ms_max,
            newest: false,
        };
        assert_eq!(rule.keep(&limits), usual);
        let rule: HistoryRule =
            serde_json::from_str(r#"{"match":"a","bytes_max":9,"age_seconds":60}"#).expect("a rule");
        assert_eq!(
            rule.keep(&limits),
            Keep { messages: limits.history_messages_max, bytes: 9, age_ms: 60_000, newest: false }
        );
    }

    #[test]
    fn a_rule_that_says_nothing_is_named() {
        let rules: HistoryRules =
            serde_json::from_str(r#"{"rule":[{"match":"a","bytes_max":1},{"match":"b"}]}"#).expect("rules");
        assert!(rules.check().expect_err("nothing is said").contains("number 2 says nothing"));
        assert!(serde_json::from_str::<HistoryRule>(r#"{"match":"a*b"}"#).is_err());
    }
}
