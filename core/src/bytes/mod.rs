//! Bytes on their way in and out: buffers, the queue of a connection, escaping.
//! Knows nothing of HTTP or channels.
pub mod escape;
pub mod outbox;
pub mod pool;

mod ledger;

pub use ledger::Ledger;
