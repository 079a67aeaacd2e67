//! What the hub must know of the configuration.
use super::{Keep, Record};
use crate::limits::Limits;

/// What the hub must know of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Channels in all.
    pub channels_max: usize,
    /// Subscribers of one channel.
    pub subscribers_max: usize,
    /// What a channel keeps.
    pub keep: Keep,
    /// Bytes that may be published to a channel before those who listen are served: half of what is kept for them, and
    /// of what each can have waiting.
    pub ahead_bytes: usize,
    /// Milliseconds a channel lives without subscribers.
    pub channel_timeout_ms: u64,
    /// Broadcasts on their way.
    pub broadcasts_max: usize,
    /// People in one roster.
    pub roster_max: usize,
    /// Milliseconds a person without a connection is present.
    pub lease_ms: u64,
    /// Registered clients in all.
    pub sessions_max: usize,
    /// Milliseconds a registered client is known without asking.
    pub session_timeout_ms: u64,
    /// Patterns that are read at once.
    pub patterns_max: usize,
    /// Records of what happened lately.
    pub explain_records_max: usize,
    /// Bytes of the names in them.
    pub explain_names_bytes_max: usize,
    /// Whether it is counted what is in each group of channels.
    pub counts_groups: bool,
}

/// Records take no more than this part of all memory, and the names in them no more than another.
const RECORDS_SHARE: usize = 64;

impl Settings {
    /// The settings that these limits and these lives of a channel and of a client make.
    pub fn new(limits: &Limits, channel_timeout_ms: u64, session_timeout_ms: u64) -> Self {
        Self {
            channels_max: limits.channels_max,
            subscribers_max: limits.subscribers_per_channel_max,
            keep: Keep {
                messages: limits.history_messages_max,
                bytes: limits.history_bytes_max,
                age_ms: limits.history_age_ms_max,
                newest: false,
            },
            ahead_bytes: limits.history_bytes_max.min(limits.outbox_bytes_max) / 2,
            channel_timeout_ms,
            broadcasts_max: limits.broadcasts_waiting_max,
            roster_max: limits.roster_max,
            lease_ms: limits.roster_lease_ms,
            sessions_max: limits.sessions_max,
            session_timeout_ms,
            patterns_max: limits.patterns_max,
            // What is told to who asks must not take the room of who comes back under a small limit.
            explain_records_max: limits
                .explain_records_max
                .min(limits.memory_bytes_max / RECORDS_SHARE / size_of::<Record>()),
            explain_names_bytes_max: limits.memory_bytes_max / RECORDS_SHARE,
            counts_groups: false,
        }
    }
}
