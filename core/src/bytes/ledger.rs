//! Counts the bytes of shared frames that are alive, wherever their clones may wait.
//! Knows nothing of who holds them.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// The account of shared frames. A frame leaves it when the last connection has sent it.
///
/// The count is atomic only because `Bytes` may travel between threads; here all is one thread, and it is uncontended.
#[derive(Default)]
pub struct Ledger(Arc<AtomicUsize>);

struct Entry {
    bytes: Box<[u8]>,
    account: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Entry {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.account.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

impl Ledger {
    /// Copies `bytes` into a shared frame that is on the account as long as any clone lives.
    pub fn share(&self, bytes: &[u8]) -> Bytes {
        self.0.fetch_add(bytes.len(), Ordering::Relaxed);
        Bytes::from_owner(Entry { bytes: bytes.into(), account: Arc::clone(&self.0) })
    }

    /// Bytes of all frames alive.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_counted_once_and_until_its_last_clone_is_gone() {
        let ledger = Ledger::default();
        let frame = ledger.share(b"hello");
        let clone = frame.slice(1..);
        assert_eq!(ledger.bytes(), 5);
        drop(frame);
        assert_eq!((ledger.bytes(), &clone[..]), (5, &b"ello"[..]));
        drop(clone);
        assert_eq!(ledger.bytes(), 0);
    }
}
