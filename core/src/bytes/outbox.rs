//! Bytes waiting for one connection, as pieces in one table shared by all connections.
//! Knows nothing of what they say. Fan-out clones a reference into the table; it copies nothing and allocates nothing.
use std::io::IoSlice;

use bytes::{Buf, Bytes};
use slab::Slab;

use super::pool::{BLOCK_BYTES, Pool};

const NONE: u32 = u32::MAX;

/// The queue of one connection: where it begins and ends in [`Pieces`]. Twelve bytes, and nothing else while it is empty.
#[derive(Clone, Copy, Debug)]
pub struct Outbox {
    first: u32,
    last: u32,
    bytes: u32,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { first: NONE, last: NONE, bytes: 0 }
    }
}

impl Outbox {
    /// Bytes waiting.
    pub fn len(&self) -> usize {
        self.bytes as usize
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

struct Piece {
    what: What,
    /// Bytes of an own block that have been sent; shared bytes know it themselves.
    sent: u32,
    next: u32,
}

enum What {
    /// Shared with others.
    Shared(Bytes),
    /// This connection's own: a block of the pool.
    Own(Vec<u8>),
}

impl Piece {
    fn waiting(&self) -> &[u8] {
        match &self.what {
            What::Shared(bytes) => bytes,
            What::Own(block) => &block[self.sent as usize..],
        }
    }
}

/// The pieces of all outboxes.
#[derive(Default)]
pub struct Pieces {
    table: Slab<Piece>,
}

impl Pieces {
    /// Appends shared bytes.
    pub fn push_shared(&mut self, outbox: &mut Outbox, bytes: Bytes) {
        if !bytes.is_empty() {
            outbox.bytes += bytes.len() as u32;
            self.link(outbox, What::Shared(bytes));
        }
    }

    /// Appends a copy of `bytes`, in the last block while there is room in it.
    pub fn push_copy(&mut self, outbox: &mut Outbox, bytes: &[u8], pool: &mut Pool) {
        if bytes.is_empty() {
            return;
        }
        outbox.bytes += bytes.len() as u32;
        if let Some(Piece { what: What::Own(block), .. }) = self.table.get_mut(outbox.last as usize)
            && block.len() + bytes.len() <= BLOCK_BYTES
        {
            block.extend_from_slice(bytes);
            return;
        }
        let mut block = pool.lend();
        pool.extend(&mut block, bytes);
        self.link(outbox, What::Own(block));
    }

    fn link(&mut self, outbox: &mut Outbox, what: What) {
        let key = self.table.insert(Piece { what, sent: 0, next: NONE }) as u32;
        match self.table.get_mut(outbox.last as usize) {
            Some(last) => last.next = key,
            None => outbox.first = key,
        }
        outbox.last = key;
    }

    /// Fills `iov` with what waits, oldest first; returns how many slices it filled.
    pub fn slices<'a>(&'a self, outbox: &Outbox, iov: &mut [IoSlice<'a>]) -> usize {
        let (mut at, mut n) = (outbox.first, 0);
        while n < iov.len()
            && let Some(piece) = self.table.get(at as usize)
        {
            iov[n] = IoSlice::new(piece.waiting());
            n += 1;
            at = piece.next;
        }
        n
    }

    /// Forgets the first `n` waiting bytes: the peer's kernel has them. More than what waits counts as all of it.
    pub fn sent(&mut self, outbox: &mut Outbox, n: usize, pool: &mut Pool) {
        debug_assert!(n <= outbox.len(), "sent {n} of {}", outbox.len());
        let mut n = n.min(outbox.len());
        outbox.bytes -= n as u32;
        while n > 0 {
            let Some(piece) = self.table.get_mut(outbox.first as usize) else { return };
            let waiting = piece.waiting().len();
            if n < waiting {
                match &mut piece.what {
                    What::Shared(bytes) => bytes.advance(n),
                    What::Own(_) => piece.sent += n as u32,
                }
                return;
            }
            n -= waiting;
            self.unlink(outbox, pool);
        }
    }

    /// Forgets everything that waits.
    pub fn clear(&mut self, outbox: &mut Outbox, pool: &mut Pool) {
        while outbox.first != NONE {
            self.unlink(outbox, pool);
        }
        outbox.bytes = 0;
    }

    fn unlink(&mut self, outbox: &mut Outbox, pool: &mut Pool) {
        let piece = self.table.remove(outbox.first as usize);
        outbox.first = piece.next;
        if piece.next == NONE {
            outbox.last = NONE;
        }
        if let What::Own(block) = piece.what {
            pool.give_back(block);
        }
    }

    /// Pieces waiting, over all connections.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no piece waits anywhere.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Bytes of the table's entries, for the memory accounts. Free ones do not count: the next to come uses them.
    pub fn bytes(&self) -> usize {
        self.table.len() * size_of::<Piece>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn waiting(pieces: &Pieces, outbox: &Outbox) -> Vec<u8> {
        let mut iov = [IoSlice::new(&[]); 64];
        let n = pieces.slices(outbox, &mut iov);
        iov[..n].iter().flat_map(|s| s.to_vec()).collect()
    }

    #[test]
    fn an_empty_outbox_is_small() {
        assert_eq!(size_of::<Outbox>(), 12);
        assert!(size_of::<Piece>() <= 40);
    }

    /// The obviously right outbox: one string a connection.
    #[test]
    fn agrees_with_a_string() {
        let mut chance = Chance::from_seed(1);
        let (mut pieces, mut pool) = (Pieces::default(), Pool::default());
        let mut boxes = vec![(Outbox::default(), Vec::new()); 5];
        for round in 0..20_000u32 {
            let (outbox, want) = &mut boxes[chance.below(5) as usize];
            let text = format!("<{round}>").repeat(1 + chance.below(300) as usize);
            match chance.below(10) {
                0..2 => {
                    pieces.push_shared(outbox, Bytes::from(text.clone()));
                    want.extend_from_slice(text.as_bytes());
                }
                2..5 => {
                    pieces.push_copy(outbox, text.as_bytes(), &mut pool);
                    want.extend_from_slice(text.as_bytes());
                }
                5..9 => {
                    let n = chance.below(want.len() as u64 + 1) as usize;
                    pieces.sent(outbox, n, &mut pool);
                    want.drain(..n);
                }
                _ if chance.percent(10) => {
                    pieces.clear(outbox, &mut pool);
                    want.clear();
                }
                _ => {}
            }
            assert_eq!(outbox.len(), want.len());
            let got = waiting(&pieces, outbox);
            assert!(want.starts_with(&got) && got.is_empty() == want.is_empty());
        }
        for (outbox, _) in &mut boxes {
            pieces.clear(outbox, &mut pool);
        }
        assert_eq!((pieces.len(), pool.lent_bytes()), (0, 0), "everything was given back");
    }
}
