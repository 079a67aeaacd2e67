//! Bytes that have come and are not understood yet: part of a head, requests behind a waiting one, a body on its way.
//! Knows nothing of HTTP. Holds a block only while there is something in it.
use crate::bytes::pool::{BLOCK_BYTES, Pool};

/// The unread bytes of one connection.
#[derive(Debug, Default)]
pub struct Inbox {
    buffer: Vec<u8>,
    /// Bytes at the front that have been read.
    start: u32,
    /// Bytes behind `start` in which the end of a head has been looked for.
    pub(crate) scanned: u32,
}

impl Inbox {
    /// What is unread.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start as usize..]
    }

    /// How much is unread.
    pub fn len(&self) -> usize {
        self.buffer.len() - self.start as usize
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it holds no block.
    pub fn holds_nothing(&self) -> bool {
        self.buffer.capacity() == 0
    }

    /// Bytes that it has been lent.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Bytes that it will have been lent at most when so many more have been appended, in however many pieces.
    pub fn capacity_with(&self, more: usize) -> usize {
        let (bytes, now) = (self.len() + more, self.capacity().max(BLOCK_BYTES));
        if bytes <= now { now } else { 2 * bytes }
    }

    /// Appends.
    pub fn push(&mut self, bytes: &[u8], pool: &mut Pool) {
        if bytes.is_empty() {
            return;
        }
        if self.buffer.capacity() == 0 {
            self.buffer = pool.lend();
        }
        if self.start > 0 {
            // What has been read makes room first, or a peer whose requests never end where its packets do would make
            // the buffer grow for ever.
            self.buffer.drain(..self.start as usize);
            self.start = 0;
        }
        pool.extend(&mut self.buffer, bytes);
    }

    /// Takes everything out, to be read while the connection changes; what is left over is put back with
    /// [`Inbox::put_back`].
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Puts back what [`Inbox::take`] gave, of which `used` bytes more have been read.
    pub fn put_back(&mut self, mut taken: Self, used: usize, pool: &mut Pool) {
        taken.start += used as u32;
        taken.scanned = if used == 0 { taken.scanned } else { 0 };
        if taken.is_empty() {
            taken.clear(pool);
            return;
        }
        if self.buffer.capacity() > 0 {
            // Something new has come into being meanwhile, such as a body: what was left over stands behind it.
            self.push(taken.bytes(), pool);
            taken.clear(pool);
            return;
        }
        *self = taken;
    }

    /// Forgets everything and gives its block back.
    pub fn clear(&mut self, pool: &mut Pool) {
        if self.buffer.capacity() > 0 {
            pool.give_back(std::mem::take(&mut self.buffer));
        }
        (self.start, self.scanned) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_never_end_where_packets_do_cost_no_more_than_one() {
        let (mut inbox, mut pool) = (Inbox::default(), Pool::default());
        for _ in 0..10_000 {
            inbox.push(&[b'x'; 100], &mut pool);
            let taken = inbox.take();
            let used = if taken.len() > 100 { 100 } else { 50 };
            inbox.put_back(taken, used, &mut pool);
        }
        assert_eq!(pool.lent_bytes(), BLOCK_BYTES);
    }

    #[test]
    fn what_more_bytes_will_take_is_known_before() {
        for (had, more, piece) in
            [(0, 1, 1), (0, 5_000, 5_000), (0, 5_000, 7), (2_040, 9, 9), (2_048, 2_100, 1), (3_000, 0, 1)]
        {
            let (mut inbox, mut pool) = (Inbox::default(), Pool::default());
            inbox.push(&vec![b'x'; had], &mut pool);
            let most = inbox.capacity_with(more);
            vec![b'x'; more].chunks(piece).for_each(|bytes| inbox.push(bytes, &mut pool));
            assert!(
                inbox.capacity() <= most && inbox.capacity() == pool.lent_bytes(),
                "{had} {more} {piece}"
            );
            assert!(most <= BLOCK_BYTES.max(2 * (had + more)), "{had} {more} {piece}");
        }
    }

    #[test]
    fn what_is_left_over_is_put_back() {
        let (mut inbox, mut pool) = (Inbox::default(), Pool::default());
        inbox.push(b"onetwo", &mut pool);
        let taken = inbox.take();
        inbox.put_back(taken, 3, &mut pool);
        assert_eq!(inbox.bytes(), b"two");
        inbox.push(b"three", &mut pool);
        assert_eq!(inbox.bytes(), b"twothree");
        let taken = inbox.take();
        inbox.put_back(taken, 8, &mut pool);
        assert!(inbox.is_empty());
        assert_eq!(pool.lent_bytes(), 0, "an empty inbox holds no block");
    }
}
