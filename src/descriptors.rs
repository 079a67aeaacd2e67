//! How many file descriptors this process may have, and what that means for connections.
//! Knows nothing of sockets.
use rcomet_core::REFUSALS_MAX;
use rlimit::Resource;

/// Descriptors that are not connections: 16 for standard streams, epoll, signals and whatever libraries open; and those
/// for connections beyond the limit, which the core takes in to tell them so.
const SPARE: u64 = 16 + REFUSALS_MAX as u64;

/// The descriptors this process may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptors(u64);

impl Descriptors {
    /// Raises the soft limit to the hard one. A comet server lives on descriptors, and the usual soft limit of 1024 is
    /// for programs that still call `select`.
    pub(crate) fn raise() -> Self {
        let (soft, hard) = Self::limits();
        if soft < hard && Resource::NOFILE.set(hard, hard).is_ok() { Self(hard) } else { Self(soft) }
    }

    /// What [`Descriptors::raise`] would lead to.
    pub(crate) fn in_reach() -> Self {
        Self(Self::limits().1)
    }

    fn limits() -> (u64, u64) {
        // A system that cannot tell has none to speak of; then accepting pauses when they run out.
        Resource::NOFILE.get().unwrap_or((u64::MAX, u64::MAX))
    }

    /// How many descriptors there are.
    pub(crate) fn count(self) -> u64 {
        self.0
    }

    /// Connections that can be had beside so many descriptors for listeners and applications; at least one.
    pub(crate) fn connections(self, others: usize) -> usize {
        let rest = self.0.saturating_sub(SPARE).saturating_sub(others as u64);
        usize::try_from(rest).unwrap_or(usize::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_not_for_connections() {
        assert_eq!(Descriptors(1024).connections(3), 1024 - 80 - 3);
        assert_eq!(Descriptors(10).connections(3), 1);
        assert!(Descriptors(u64::MAX).connections(3) > 1 << 40);
    }
}
