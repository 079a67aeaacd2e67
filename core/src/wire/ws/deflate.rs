//! Compression of single messages without a context between them (RFC 7692, section 7).
//! Knows nothing of frames. One compressor and one decompressor serve all connections, because none of these keeps a
//! window: what one message is compressed to is the same for everybody.
pub use zlib_rs::Strategy;
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Method, Status};

use super::Fault;

/// The windows that can be asked for, as powers of two. Zlib has none of 8.
pub const WINDOWS: std::ops::RangeInclusive<u8> = 9..=15;
/// How hard a message can be compressed: the first is the fastest, the last makes it smallest.
pub const LEVELS: std::ops::RangeInclusive<u8> = 1..=9;
/// How much memory a compressor can take: what it holds back before it writes a block is 64 << level codes.
pub const MEMORY_LEVELS: std::ops::RangeInclusive<u8> = 1..=9;
/// What a sync flush ends with; it is left out on the wire (RFC 7692, section 7.2.1).
const TAIL: &[u8] = &[0x00, 0x00, 0xff, 0xff];
/// The same, and a last block with nothing in it behind: it is found where it is only if a message ends where a block does.
const ENDING: &[u8] = &[0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff];
/// Bytes that a decompressed message grows by at least.
const GROWTH: usize = 4096;

/// How messages are compressed. By default as zlib does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// One of [`LEVELS`].
    pub level: u8,
    /// One of [`MEMORY_LEVELS`].
    pub memory_level: u8,
    /// What kind of text is expected.
    pub strategy: Strategy,
}

impl Default for Effort {
    fn default() -> Self {
        Self { level: 6, memory_level: 8, strategy: Strategy::Default }
    }
}

/// Compresses messages, with [as much effort](Self::set) as it is told to.
#[derive(Default)]
pub struct Deflater {
    effort: Effort,
    /// One for each window that anybody has asked for: browsers ask for the largest, or for none.
    by_window: [Option<Box<Deflate>>; 7],
}

impl Deflater {
    /// Compresses with this effort from now on. What is beyond a range is taken as its end.
    pub fn set(&mut self, effort: Effort) {
        let within =
            |value: u8, range: std::ops::RangeInclusive<u8>| value.clamp(*range.start(), *range.end());
        let effort = Effort {
            level: within(effort.level, LEVELS),
            memory_level: within(effort.memory_level, MEMORY_LEVELS),
            ..effort
        };
        if self.effort != effort {
            *self = Self { effort, ..Self::default() };
        }
    }

    /// Appends what `payload` is compressed to for a client who asked for a window of `bits`.
    pub fn deflate(&mut self, bits: u8, payload: &[u8], out: &mut Vec<u8>) {
        let bits = bits.clamp(*WINDOWS.start(), *WINDOWS.end());
        let place = usize::from(bits - WINDOWS.start());
        let Effort { level, memory_level, strategy } = self.effort;
        let deflate = self.by_window[place].get_or_insert_with(|| {
            Box::new(Deflate::new_with_config(DeflateConfig {
                level: level.into(),
                method: Method::Deflated,
                // Without a header, which is what its sign means.
                window_bits: -i32::from(bits),
                mem_level: memory_level.into(),
                strategy,
            }))
        });
        deflate.reset();
        let mut used = 0;
        loop {
            let at = out.len();
            out.resize(at + payload.len() / 2 + 64, 0);
            let before = (deflate.total_in(), deflate.total_out());
            let status = deflate.compress(&payload[used..], &mut out[at..], DeflateFlush::SyncFlush);
            used += (deflate.total_in() - before.0) as usize;
            let wrote = (deflate.total_out() - before.1) as usize;
            let is_full = at + wrote == out.len();
            out.truncate(at + wrote);
            // It only fails when it is asked to go on after its end.
            if status.is_err() {
                debug_assert!(false, "a compressor goes on until it is reset");
                break;
            }
            if used == payload.len() && !is_full {
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
pub struct Inflater(Option<Box<Inflate>>);

impl Inflater {
    /// Appends what `payload` is decompressed to, `most` bytes of it.
    ///
    /// # Errors
    /// It is more, or it is not compressed as it should be.
    pub fn inflate(&mut self, payload: &[u8], most: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        let inflate = self.0.get_or_insert_with(|| Box::new(Inflate::new(false, *WINDOWS.end())));
        inflate.reset(false);
        let end = out.len() + most;
        for (input, is_payload) in [(payload, true), (ENDING, false)] {
            let mut used = 0;
            loop {
                let at = out.len();
                let room = (end + 1 - at).min(GROWTH.max(at));
                out.resize(at + room, 0);
                let before = (inflate.total_in(), inflate.total_out());
                let status = inflate.decompress(&input[used..], &mut out[at..], InflateFlush::NoFlush);
                used += (inflate.total_in() - before.0) as usize;
                let wrote = (inflate.total_out() - before.1) as usize;
                out.truncate(at + wrote);
                let status = status.map_err(|_| Fault::NotDeflate)?;
                if out.len() > end {
                    return Err(Fault::MessageTooLarge);
                }
                let is_full = wrote == room;
                match status {
                    // The ending was taken for what was cut off.
                    _ if !is_payload && wrote > 0 => return Err(Fault::NotDeflate),
                    // A sender may end its blocks for good, and begin anew (RFC 7692, section 7.2.3.4).
                    Status::StreamEnd if used < input.len() => inflate.reset(false),
                    // Or end with that, which makes it whole.
                    Status::StreamEnd => return Ok(()),
                    // What is empty was left out whole.
                    _ if payload.is_empty() => return Ok(()),
                    _ if used == input.len() && !is_full => break,
                    Status::BufError if !is_full => return Err(Fault::NotDeflate),
                    _ => {}
                }
            }
        }
        // It was cut in the middle of a block.
        Err(Fault::NotDeflate)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zlib_rs::Strategy;

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
    fn what_is_cut_off_is_not_taken_for_whole() {
        let text = counting();
        for level in [1, 6] {
            let mut deflater = Deflater::default();
            deflater.set(Effort { level, ..Effort::default() });
            for text in [&text[..], b"Hello", &[b'x'; 300], b""] {
                let mut small = Vec::new();
                deflater.deflate(15, text, &mut small);
                for cut in (1..small.len()).step_by(1 + small.len() / 500) {
                    let mut back = Vec::new();
                    let whole = Inflater::default().inflate(&small[..cut], text.len() + 1_000, &mut back);
                    assert!(whole.is_err(), "{cut} of {small:x?}");
                }
            }
        }
        // Blocks that are stored are told by their length.
        let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        for cut in 1..stored.len() {
            let mut back = Vec::new();
            assert!(
                Inflater::default().inflate(&stored[..cut], 100, &mut back).is_err() || cut == 1,
                "{cut}"
            );
        }
        for whole in [&[][..], &[0x00], &[0x03, 0x00], &[0x03, 0x00, 0x00]] {
            let mut back = Vec::new();
            assert_eq!(Inflater::default().inflate(whole, 0, &mut back), Ok(()), "{whole:x?}");
        }
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

    /// What `text` is compressed to with each of these efforts, one after the other by the same compressor.
    fn sizes(text: &[u8], efforts: impl IntoIterator<Item = Effort>) -> Vec<usize> {
        let mut deflater = Deflater::default();
        let size = |effort| {
            deflater.set(effort);
            let (mut small, mut back) = (Vec::new(), Vec::new());
            deflater.deflate(15, text, &mut small);
            assert_eq!(Inflater::default().inflate(&small, text.len(), &mut back), Ok(()), "{effort:?}");
            assert!(back == text, "{effort:?}");
            small.len()
        };
        efforts.into_iter().map(size).collect()
    }

    fn counting() -> Vec<u8> {
        (0..20_000u32).flat_map(|i| (i % 977).to_string().into_bytes()).collect()
    }

    #[test]
    fn a_higher_level_makes_less_of_it() {
        let text = counting();
        // What was made for one level does not serve another.
        let sizes = sizes(&text, [1, 9, 6, 1].map(|level| Effort { level, ..Effort::default() }));
        assert!(sizes[0] > sizes[2] && sizes[2] >= sizes[1], "{sizes:?}");
        assert_eq!(sizes[0], sizes[3]);
        assert_eq!(sizes[2], both_ways(15, &text).0, "6 is the default");
    }

    #[test]
    fn less_memory_makes_more_of_it() {
        // The same all over: each block that is begun anew tells the same codes once more.
        let noise = std::iter::successors(Some(1u32), |n| {
            Some(n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
        });
        let text: Vec<u8> = noise.take(100_000).map(|n| b'a' + (n >> 28) as u8).collect();
        let efforts = [1, 8, 9, 0, 200].map(|memory_level| Effort { memory_level, ..Effort::default() });
        let sizes = sizes(&text, efforts);
        assert!(sizes[0] > sizes[1] + sizes[1] / 10 && sizes[1] != sizes[2], "{sizes:?}");
        assert_eq!(sizes[1], both_ways(15, &text).0, "8 is the default");
        assert_eq!((sizes[3], sizes[4]), (sizes[0], sizes[2]), "what is beyond the range is its end");
    }

    #[test]
    fn each_strategy_is_another() {
        let text = counting();
        let strategies =
            [Strategy::Default, Strategy::Filtered, Strategy::HuffmanOnly, Strategy::Rle, Strategy::Fixed];
        let sizes = sizes(&text, strategies.map(|strategy| Effort { strategy, ..Effort::default() }));
        // Digits repeat: who does not look for that, or looks one byte back alone, finds next to nothing.
        assert!(sizes[2] > 5 * sizes[0] && sizes[3] > 5 * sizes[0] && sizes[3] <= sizes[2], "{sizes:?}");
        assert!(sizes[4] > sizes[0], "{sizes:?}");
        assert_eq!(sizes[0], both_ways(15, &text).0);
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
