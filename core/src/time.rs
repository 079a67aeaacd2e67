//! Clock readings. Only the shell can take one from the operating system.
//! Knows nothing of time zones or formatting beyond the HTTP date.
use std::ops::Add;
use std::time::{Duration, UNIX_EPOCH};

/// Milliseconds since the server started, from a clock that never steps back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// A moment that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// How long ago `earlier` was, in milliseconds; 0 when it is still to come.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment and `ms` milliseconds more.
    pub fn after_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        self.after_ms(u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The wall clock, to the second and for the start of a log to the millisecond, with its HTTP form made once.
///
/// RFC 9110, section 5.6.7 (IMF-fixdate).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Date {
    unix_seconds: u64,
    /// Milliseconds of its second, where they are known.
    ms: u16,
    text: [u8; Self::LENGTH],
}

impl Date {
    /// Bytes of `Sat, 21 Nov 2026 00:05:44 GMT`.
    pub const LENGTH: usize = 29;
    /// The last second of the year 9999: what IMF-fixdate can say.
    const LAST_SECOND: u64 = 253_402_300_799;

    /// The date `unix_seconds` after 1970-01-01T00:00:00Z.
    pub fn from_unix(unix_seconds: u64) -> Self {
        let unix_seconds = unix_seconds.min(Self::LAST_SECOND);
        let written = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(unix_seconds));
        let mut text = [b' '; Self::LENGTH];
        text.copy_from_slice(written.as_bytes());
        Self { unix_seconds, ms: 0, text }
    }

    /// The same, to the millisecond. HTTP does not say them.
    pub fn from_unix_ms(unix_ms: u64) -> Self {
        Self { ms: (unix_ms % 1_000) as u16, ..Self::from_unix(unix_ms / 1_000) }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, as far as they are known.
    pub fn unix_ms(&self) -> u64 {
        self.unix_seconds * 1_000 + u64::from(self.ms)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(&self) -> u64 {
        self.unix_seconds
    }

    /// The date as a `Date` header wants it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_http_wants_it() {
        assert_eq!(Date::from_unix(1_795_219_544).as_bytes(), b"Sat, 21 Nov 2026 00:05:44 GMT");
        assert_eq!(Date::from_unix(0).as_bytes(), b"Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(Date::from_unix(u64::MAX).as_bytes(), b"Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn moments_saturate() {
        assert_eq!(Moment(5).since(Moment(9)), 0);
        assert_eq!(Moment::NEVER.after_ms(1), Moment::NEVER);
        assert_eq!(Moment(1) + Duration::from_secs(1), Moment(1001));
    }
}
