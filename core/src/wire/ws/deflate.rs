//! Compression of single messages without a context between them (RFC 7692, section 7).
//! Knows nothing of frames. One compressor and one decompressor serve all connections, because none of these keeps a
//! window: what one message is compressed to is the same for everybody.
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::Fault;

/// The windows that can be asked for, as powers of two. Zlib has none of 8.
pub const WINDOWS: std::ops::RangeInclusive<u8> = 9..=15;
/// How hard a message can be compressed: the first is the fastest, the last makes it smallest.
pub const LEVELS: std::ops::RangeInclusive<u8> = 1..=9;
/// What a sync flush ends with; it is left out on the wire (RFC 7692, section 7.2.1).
const TAIL: &[u8] = &[0x00, 0x00, 0xff, 0xff];
/// Bytes that a decompressed message grows by at least.
const GROWTH: usize = 4096;

/// Compresses messages, [as hard](Self::set_level) as zlib does by default unless it is told otherwise.
#[derive(Default)]
pub struct Deflater {
    level: Compression,
    /// One for each window that anybody has asked for: browsers ask for the largest, or for none.
    by_window: [Option<Box<Compress>>; 7],
}

impl Deflater {
    /// Compresses so hard from now on: one of [`LEVELS`].
    pub fn set_level(&mut self, level: u32) {
        let level = Compression::new(level.clamp(u32::from(*LEVELS.start()), u32::from(*LEVELS.end())));
        if self.level != level {
            *self = Self { level, ..Self::default() };
        }
    }

    /// Appends what `payload` is compressed to for a client who asked for a window of `bits`.
    pub fn deflate(&mut self, bits: u8, payload: &[u8], out: &mut Vec<u8>) {
        let bits = bits.clamp(*WINDOWS.start(), *WINDOWS.end());
        let place = usize::from(bits - WINDOWS.start());
        let level = self.level;
        let compress = self.by_window[place]
            .get_or_insert_with(|| Box::new(Compress::new_with_window_bits(level, false, bits)));
        compress.reset();
        let mut used = 0;
        loop {
            out.reserve(payload.len() / 2 + 64);
            let before = compress.total_in();
            // It only fails when it is asked to go on after its end.
            if compress.compress_vec(&payload[used..], out, FlushCompress::Sync).is_err() {
                debug_assert!(false, "a compressor goes on until it is reset");
                break;
            }
            used += (compress.total_in() - before) as usize;
            if used == payload.len() && out.len() < out.capacity() {
                break;
            }
        }
        if out.ends_with(TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
    }
}

/// Decompresses messages.
#[derive(Default)]
pub struct Inflater(Option<Box<Decompress>>);

impl Inflater {
    /// Appends what `payload` is decompressed to, `most` bytes of it.
    ///
    /// # Errors
    /// It is more, or it is not compressed as it should be.
    pub fn inflate(&mut self, payload: &[u8], most: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        let decompress = self.0.get_or_insert_with(|| Box::new(Decompress::new(false)));
        decompress.reset(false);
        let end = out.len() + most;
        for input in [payload, TAIL] {
            let mut used = 0;
            loop {
                let room = (end + 1).saturating_sub(out.len()).min(GROWTH.max(out.len()));
                out.reserve(room);
                let before = decompress.total_in();
                let status = decompress
                    .decompress_vec(&input[used..], out, FlushDecompress::None)
                    .map_err(|_| Fault::NotDeflate)?;
                used += (decompress.total_in() - before) as usize;
                if out.len() > end {
                    return Err(Fault::MessageTooLarge);
                }
                let is_full = out.len() == out.capacity();
                match status {
                    // A sender may end its blocks for good, and begin anew (RFC 7692, section 7.2.3.4).
                    Status::StreamEnd if used < input.len() => decompress.reset(false),
                    Status::StreamEnd => {
                        decompress.reset(false);
                        break;
                    }
                    _ if used == input.len() && !is_full => break,
                    Status::BufError if !is_full => return Err(Fault::NotDeflate),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn both_ways(bits: u8, text: &[u8]) -> (usize, Vec<u8>) {
        let (mut deflater, mut inflater) = (Deflater::default(), Inflater::default());
        let (mut small, mut back) = (Vec::new(), Vec::new());
        deflater.deflate(bits, text, &mut small);
        inflater.inflate(&small, text.len(), &mut back).expect("what was compressed can be decompressed");
        (small.len(), back)
    }

    #[test]
    fn what_the_standard_shows_is_understood() {
        // RFC 7692, section 7.2.3: fixed codes, no compression, a last block, and two blocks.
        for shown in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            let mut back = Vec::new();
            assert_eq!(Inflater::default().inflate(shown, 5, &mut back), Ok(()), "{shown:x?}");
            assert_eq!(back, b"Hello", "{shown:x?}");
        }
        let mut small = Vec::new();
        Deflater::default().deflate(15, b"Hello", &mut small);
        assert_eq!(small, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        let mut back = Vec::new();
        assert_eq!(Inflater::default().inflate(&[0x00], 5, &mut back), Ok(()), "an empty message");
        assert!(back.is_empty());
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let mut small = Vec::new();
        Deflater::default().deflate(15, &vec![0; 50 << 20], &mut small);
        assert!(small.len() < 60 << 10, "{}", small.len());
        let mut back = Vec::new();
        assert_eq!(Inflater::default().inflate(&small, 1 << 20, &mut back), Err(Fault::MessageTooLarge));
        assert!(back.capacity() <= 4 << 20, "{}", back.capacity());
    }

    #[test]
    fn nothing_is_carried_over_from_one_message_to_the_next() {
        let (mut deflater, mut inflater) = (Deflater::default(), Inflater::default());
        let (mut first, mut second) = (Vec::new(), Vec::new());
        deflater.deflate(15, b"the same again and again", &mut first);
        deflater.deflate(15, b"the same again and again", &mut second);
        assert_eq!(first, second);
        let mut back = Vec::new();
        assert_eq!(inflater.inflate(&[0xff; 9], 100, &mut back), Err(Fault::NotDeflate));
        back.clear();
        assert_eq!(inflater.inflate(&second, 100, &mut back), Ok(()), "an error is not carried over either");
    }

    #[test]
    fn a_higher_level_makes_less_of_it() {
        let text: Vec<u8> = (0..20_000u32).flat_map(|i| (i % 977).to_string().into_bytes()).collect();
        let mut deflater = Deflater::default();
        let mut sizes = Vec::new();
        // What was made for one level does not serve another.
        for level in [1, 9, 6, 1] {
            deflater.set_level(level);
            let (mut small, mut back) = (Vec::new(), Vec::new());
            deflater.deflate(15, &text, &mut small);
            assert_eq!(Inflater::default().inflate(&small, text.len(), &mut back), Ok(()));
            assert!(back == text);
            sizes.push(small.len());
        }
        assert!(sizes[0] > sizes[2] && sizes[2] >= sizes[1], "{sizes:?}");
        assert_eq!(sizes[0], sizes[3]);
        assert_eq!(sizes[2], both_ways(15, &text).0, "6 is the default");
    }

    #[test]
    fn a_small_window_reaches_no_further() {
        let noise: Vec<u8> = (0..5_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let twice = [&noise[..], &noise[..]].concat();
        let (large, back) = both_ways(15, &twice);
        let (small, back_too) = both_ways(9, &twice);
        assert_eq!((&back, &back_too), (&twice, &twice));
        assert!(large < 6_000 && small > 9_000, "{large} {small}");
    }

    proptest! {
        #[test]
        fn anything_comes_back(text in prop::collection::vec(0u8..4, 0..20_000), bits in 9u8..=15) {
            prop_assert_eq!(both_ways(bits, &text).1, text);
        }

        #[test]
        fn noise_is_refused_or_bounded(noise in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let mut out = Vec::new();
            let _ = Inflater::default().inflate(&noise, 10_000, &mut out);
            prop_assert!(out.len() <= 10_001 + 64);
        }
    }
}
