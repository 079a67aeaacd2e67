//! Fixed blocks for what is unfinished: half a request, an answer not yet sent.
//! Knows nothing of what is in them. An idle connection holds none.

/// Bytes of one block: a response head with a short body, or several pipelined ones, or a usual request head.
pub const BLOCK_BYTES: usize = 2048;
/// Free blocks kept for the next user; more are given back to the system.
const SPARE_MAX: usize = 1024;

/// Lends blocks and takes them back.
#[derive(Default)]
pub struct Pool {
    spare: Vec<Vec<u8>>,
    lent_bytes: usize,
}

impl Pool {
    /// An empty buffer with room for [`BLOCK_BYTES`].
    pub fn lend(&mut self) -> Vec<u8> {
        let block = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK_BYTES));
        self.lent_bytes += block.capacity();
        block
    }

    /// Appends to a lent buffer, keeping the account when it must grow beyond a block.
    pub fn extend(&mut self, block: &mut Vec<u8>, bytes: &[u8]) {
        let before = block.capacity();
        block.extend_from_slice(bytes);
        self.lent_bytes += block.capacity() - before;
    }

    /// Lets a lent buffer be written to, keeping the account when it grows.
    pub fn write<T>(&mut self, block: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let before = block.capacity();
        let outcome = write(block);
        self.lent_bytes += block.capacity() - before;
        outcome
    }

    /// Takes a buffer back; one that has grown is freed.
    pub fn give_back(&mut self, mut block: Vec<u8>) {
        self.lent_bytes -= block.capacity();
        if block.capacity() == BLOCK_BYTES && self.spare.len() < SPARE_MAX {
            block.clear();
            self.spare.push(block);
        }
    }

    /// Bytes lent out now.
    pub fn lent_bytes(&self) -> usize {
        self.lent_bytes
    }

    /// Bytes lent out and kept spare.
    pub fn bytes(&self) -> usize {
        self.lent_bytes + self.spare.len() * BLOCK_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_and_are_lent_again() {
        let mut pool = Pool::default();
        let mut block = pool.lend();
        pool.extend(&mut block, b"hello");
        assert_eq!(pool.lent_bytes(), BLOCK_BYTES);
        pool.give_back(block);
        assert_eq!(pool.lent_bytes(), 0);
        assert!(pool.lend().is_empty(), "a block comes empty");
    }

    #[test]
    fn a_grown_block_is_accounted_and_freed() {
        let mut pool = Pool::default();
        let mut block = pool.lend();
        pool.extend(&mut block, &[0; 10 * BLOCK_BYTES]);
        assert!(pool.lent_bytes() >= 10 * BLOCK_BYTES);
        pool.give_back(block);
        assert_eq!((pool.lent_bytes(), pool.bytes()), (0, 0));
    }
}
