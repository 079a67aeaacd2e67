//! What differs between two texts: one run of characters put in the place of another.
//! Knows nothing of messages. Places are counted in UTF-16 code units, as strings are in JavaScript and Java.

/// Bytes that are compared at once.
const BLOCK: usize = 32;

/// What makes one text of another: `text` stands in the place of `deleted` units behind the first `start`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Splice<'t> {
    pub(super) start: usize,
    pub(super) deleted: usize,
    pub(super) text: &'t str,
}

/// What makes `text` of `base`: all but the longest beginning and the longest end that they share. No character is split.
pub(super) fn splice<'t>(base: &str, text: &'t str) -> Splice<'t> {
    let (old, new) = (base.as_bytes(), text.as_bytes());
    let mut start = beginning(old, new);
    // What is shared leaves both within the same character, or both at the end of one.
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = ending(&old[start..], &new[start..]);
    while !text.is_char_boundary(text.len() - end) {
        end -= 1;
    }
    Splice {
        start: units(&new[..start]),
        deleted: units(&old[start..old.len() - end]),
        text: &text[start..text.len() - end],
    }
}

/// How many bytes two texts have in common at their beginnings. Blocks first: they are compared as fast as memory is read.
fn beginning(one: &[u8], other: &[u8]) -> usize {
    let blocks = one.chunks_exact(BLOCK).zip(other.chunks_exact(BLOCK));
    let from = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    from + one[from..].iter().zip(&other[from..]).take_while(|(a, b)| a == b).count()
}

/// The same of their ends.
fn ending(one: &[u8], other: &[u8]) -> usize {
    let blocks = one.rchunks_exact(BLOCK).zip(other.rchunks_exact(BLOCK));
    let from = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[..one.len() - from], &other[..other.len() - from]);
    from + one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// The UTF-16 code units of text: one for each character, and one more for each of four bytes.
fn units(text: &[u8]) -> usize {
    let leads = text.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    leads + text.iter().filter(|byte| **byte >= 0xf0).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    /// What a client does: it knows code units, and nothing of bytes.
    fn put_together(base: &str, splice: Splice<'_>) -> String {
        let base: Vec<u16> = base.encode_utf16().collect();
        for place in [splice.start, splice.start + splice.deleted] {
            let is_low = |unit: &u16| (0xdc00..0xe000).contains(unit);
            assert!(!base.get(place).is_some_and(is_low), "a character is split at {place}");
        }
        let put_in: Vec<u16> = splice.text.encode_utf16().collect();
        let whole = [&base[..splice.start], &put_in, &base[splice.start + splice.deleted..]].concat();
        String::from_utf16(&whole).expect("whole characters")
    }

    #[test]
    fn what_is_shared_is_left_out() {
        for (base, text, start, deleted, put_in) in [
            ("", "", 0, 0, ""),
            ("", "ab", 0, 0, "ab"),
            ("ab", "", 0, 2, ""),
            ("abc", "abc", 3, 0, ""),
            ("abc", "axc", 1, 1, "x"),
            ("abc", "abbc", 2, 0, "b"),
            ("aaa", "aa", 2, 1, ""),
            ("aa", "aaaa", 2, 0, "aa"),
            ("äbc", "äxc", 1, 1, "x"),
            // Letters that begin with the same byte, and those that end with it.
            ("\u{e9}", "\u{e8}", 0, 1, "\u{e8}"),
            ("x\u{e9}", "x\u{169}", 1, 1, "\u{169}"),
            // The same high surrogate, and the same low one.
            ("\u{1f600}", "\u{1f601}", 0, 2, "\u{1f601}"),
            ("a\u{1f600}b", "a\u{1fa00}b", 1, 2, "\u{1fa00}"),
            ("\u{1f600}x\u{1f601}", "\u{1f600}yz\u{1f601}", 2, 1, "yz"),
            ("\u{20ac}", "\u{20ad}", 0, 1, "\u{20ad}"),
        ] {
            let got = splice(base, text);
            assert_eq!(got, Splice { start, deleted, text: put_in }, "{base:?} {text:?}");
            assert_eq!(put_together(base, got), text);
        }
    }

    #[test]
    fn whatever_is_spliced_comes_back() {
        // Of few characters, so that much is shared: of one byte to four, with leads and tails in common.
        let letters = [
            'a',
            'b',
            '\u{e9}',
            '\u{e8}',
            '\u{169}',
            '\u{20ac}',
            '\u{20ad}',
            '\u{1f600}',
            '\u{1f601}',
            '\u{1fa00}',
        ];
        let mut chance = Chance::from_seed(7);
        let (mut shorter, mut within) = (0, 0);
        for round in 0..50_000 {
            // Most are shorter than a block, some are several.
            let most = if round % 4 == 0 { 90 } else { 6 };
            let few = 1 + chance.below(letters.len() as u64);
            let mut text = |most: u64| -> String {
                (0..chance.below(most)).map(|_| letters[chance.below(few) as usize]).collect()
            };
            let (head, tail) = (text(most), text(most));
            let (base, new) = (head.clone() + &text(5) + &tail, head + &text(5) + &tail);
            let got = splice(&base, &new);
            assert_eq!(put_together(&base, got), new, "{base:?}");
            // The obvious way: character by character.
            let (old, all): (Vec<char>, Vec<char>) = (base.chars().collect(), new.chars().collect());
            let first = old.iter().zip(&all).take_while(|(a, b)| a == b).count();
            let (old, all) = (&old[first..], &all[first..]);
            let last = old.iter().rev().zip(all.iter().rev()).take_while(|(a, b)| a == b).count();
            assert_eq!(got.text, all[..all.len() - last].iter().collect::<String>(), "{base:?} {new:?}");
            shorter += u64::from(got.text.len() < new.len());
            within += u64::from(got.start > 0 && got.start + got.deleted < base.encode_utf16().count());
        }
        assert!(shorter > 20_000 && within > 10_000, "{shorter} {within}");
    }
}
