//! The only place that reads a clock.
//! Knows nothing of what is due.
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rcomet_core::time::{Date, Moment};

/// The moment at which the process starts. What an earlier one has left was written before it, and has a moment, too: this is 34
/// years.
const START: Moment = Moment(1 << 40);

/// The steady clock, counted from the start of the process, and the wall clock, to the second.
pub(super) struct Clock {
    started: Instant,
    unix_seconds: u64,
}

impl Clock {
    /// A clock at its start.
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), unix_seconds: 0 }
    }

    /// The start and what has passed since, rounded down.
    pub(super) fn now(&self) -> Moment {
        START + self.started.elapsed()
    }

    /// How long it is until `moment`. Never short: waking a little early would be a turn for nothing.
    pub(super) fn until(&self, moment: Moment) -> Duration {
        Duration::from_millis(moment.since(START)).saturating_sub(self.started.elapsed())
    }

    /// The date.
    pub(super) fn date(&mut self) -> Date {
        // A clock before 1970 is wrong anyway; it must not stop us.
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.unix_seconds = unix.as_secs();
        Date::from_unix_ms(u64::try_from(unix.as_millis()).unwrap_or(u64::MAX))
    }

    /// The date, if the second has changed since it was asked for last.
    pub(super) fn new_date(&mut self) -> Option<Date> {
        let before = self.unix_seconds;
        let unix_seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if unix_seconds == before {
            return None;
        }
        self.unix_seconds = unix_seconds;
        Some(Date::from_unix(unix_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_passed_is_due_at_once() {
        let clock = Clock::start();
        assert_eq!(clock.until(START), Duration::ZERO);
        let wait = clock.until(START.after_ms(60_000));
        assert!(wait <= Duration::from_secs(60) && wait > Duration::from_secs(50));
        assert!(clock.until(Moment::NEVER) > Duration::from_secs(1 << 40));
    }

    #[test]
    fn a_date_is_new_once() {
        let mut clock = Clock::start();
        let date = clock.new_date().expect("never asked before");
        let again = clock.new_date();
        assert!(again.is_none_or(|later| later.unix_seconds() == date.unix_seconds() + 1));
    }
}
