//! The clock that all processes of a run share.
//! Knows nothing of what is measured with it.
use rustix::time::{ClockId, clock_gettime};

/// One second in the clock's unit.
pub const SECOND: u64 = 1_000_000_000;
/// One millisecond in the clock's unit.
pub const MILLISECOND: u64 = 1_000_000;

/// Nanoseconds of CLOCK_MONOTONIC. std's `Instant` is the same clock, but cannot be written into a message and compared
/// by another process.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    (time.tv_sec as u64) * SECOND + time.tv_nsec as u64
}
