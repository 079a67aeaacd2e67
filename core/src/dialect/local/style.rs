//! How something is said on the control socket.

/// JSON, over HTTP.
pub(super) const HTTP: u8 = 0;
/// Lines of text.
pub(super) const LINE: u8 = 1;
/// CometServer's.
pub(super) const LEGACY: u8 = 2;
/// Added to the others: whoever waits has missed something before.
pub(super) const MISSED: u8 = 4;

/// The framing, without what is added.
pub(super) fn framing(style: u8) -> u8 {
    style & !MISSED
}
