//! How what subscribers get is written: the dialect's byte in [`crate::dialect::Voice::style`].

/// One object a WebSocket message.
pub(super) const MESSAGES: u8 = 0;
/// One object an event, with its cursor as the id.
pub(super) const EVENTS: u8 = 1;
/// One object a line.
pub(super) const LINES: u8 = 2;
/// One object with all of them, and the cursor behind them.
pub(super) const POLL: u8 = 3;
/// The same as events, but the messages are objects already: the server about itself.
pub(super) const STATS: u8 = 4;
