//! What the parts of the server must know of a configuration.
//! Knows nothing of what they do with it.
use super::REFUSALS_MAX;
use super::bayeux::TABLE_MAX;
use crate::config::{ChannelPattern, Config, Location};
use crate::hub::{Keep, Settings};

/// Entries in the table of connections.
pub(super) fn conns_max(config: &Config) -> usize {
    config.limits.connections_max.saturating_add(REFUSALS_MAX).min(TABLE_MAX)
}

/// What channels keep whose names are in patterns.
pub(super) fn keep_rules(config: &Config) -> Vec<(ChannelPattern, Keep)> {
    config.history.rule.iter().map(|rule| (rule.channels.clone(), rule.keep(&config.limits))).collect()
}

/// What the hub must know of a configuration.
pub(super) fn settings(config: &Config) -> Settings {
    let counts_groups = config.push.location.iter().any(Location::counts_groups);
    let (channel_ms, session_ms) = (config.icomet.channel_timeout_ms, config.simple_comet.session_timeout_ms);
    Settings { counts_groups, ..Settings::new(&config.limits, channel_ms, session_ms) }
}
