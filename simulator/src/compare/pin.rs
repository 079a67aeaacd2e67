//! Cores: servers get one, clients get another, and neither feels the other.
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

/// How many cores this process may use.
pub fn cores() -> usize {
    sched_getaffinity(None).map_or(1, |set| set.count() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_where_it_is_put() {
        // In a thread of its own, because others of this process are not to be moved.
        std::thread::spawn(|| {
            let before = cores();
            to(0).expect("everybody has a first core");
            assert_eq!(cores(), 1);
            assert!(before >= 1);
            assert!(to(1000).unwrap_err().contains("core 1000"));
        })
        .join()
        .expect("it ends");
    }
}
