//! Cores: servers get one, clients get another, and neither feels the other.
use std::num::NonZero;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Puts this process, and whatever it starts from now on, on one core.
///
/// # Errors
/// There is no such core for this process.
pub fn to(core: usize) -> Result<(), String> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).map_err(|error| format!("cannot run on core {core}: {error}"))
}

/// The cores that this process may be on, and at most as many as it has the time of: fewer, where a quota says so.
pub fn cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    let most = std::thread::available_parallelism().map_or(1, NonZero::get);
    (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_where_it_is_put() {
        // In a thread of its own, because others of this process are not to be moved.
        std::thread::spawn(|| {
            let core = *cores().last().expect("everybody has a core");
            to(core).expect("it may be used");
            assert_eq!(cores(), [core]);
            assert!(to(1000).unwrap_err().contains("core 1000"));
        })
        .join()
        .expect("it ends");
    }
}
