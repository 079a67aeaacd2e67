//! Which log an id of second and tag is of: the clock says nothing of that when it has stepped back while the server was away.
//! Knows nothing of messages.
use super::Epoch;

/// The life of a log, as the tags of its ids carry it. Another log has another one, but for one in a million.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Life(u32);

impl Life {
    /// Bits of a tag that say the life. With the 32 of the number that is 53, which a double holds.
    const BITS: u32 = 21;
    /// Set in each life, so that a small number, as somebody may write by hand, names none.
    const MARK: u32 = 1 << (Self::BITS - 1);

    /// That of a log.
    pub fn of(epoch: Epoch) -> Self {
        Self(epoch.bits() as u32 & (Self::MARK - 1) | Self::MARK)
    }

    /// The life that has been written down as this number, if it is one.
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits >> (Self::BITS - 1) == 1).then_some(Self(bits))
    }

    /// The same as a number, to be written down.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The tag of the message with this number within its second. The life stands behind the number, so tags of one life are in
    /// the order of the numbers, and most of them are short.
    pub fn tag(self, number: u32) -> u64 {
        u64::from(number) << Self::BITS | u64::from(self.0)
    }

    /// What a tag says: a life, and a number within a second. Without a life it was written by hand, or by a server that knew of
    /// none.
    pub fn split(tag: u64) -> (Option<Self>, u32) {
        let (number, life) = (tag >> Self::BITS, Self::from_bits(tag as u32 & (2 * Self::MARK - 1)));
        match (u32::try_from(number), life) {
            (Ok(number), Some(life)) => (Some(life), number),
            _ => (None, u32::try_from(tag).unwrap_or(u32::MAX)),
        }
    }
}

/// The lives that a log has had, and what each has come to: those who hold its ids have what was published before that second
/// and number, and nothing of what was published since. Of all that there were the last ones are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lives([Option<(Life, (u32, u32))>; Self::MOST]);

impl Lives {
    /// How many are known. Who comes with an id of one before those is taken for a reader of another log.
    pub const MOST: usize = 8;

    /// A life is over, and nothing that it has given an id stands at this second and number, or behind.
    pub fn end(&mut self, life: Life, end: (u32, u32)) {
        self.0.rotate_right(1);
        self.0[0] = Some((life, end));
    }

    /// Nothing that the newest of them has given an id stands at this second and number, or behind.
    pub fn end_newest(&mut self, end: (u32, u32)) {
        if let Some(Some((_, at))) = self.0.first_mut() {
            *at = end;
        }
    }

    /// Where the newest of them has ended.
    pub fn newest_end(&self) -> Option<(u32, u32)> {
        self.0[0].map(|(_, end)| end)
    }

    /// Where a life has ended, if it was one of these.
    pub fn end_of(&self, life: Life) -> Option<(u32, u32)> {
        self.0.iter().flatten().find(|(one, _)| *one == life).map(|(_, end)| *end)
    }

    /// All of them, to be written down, the newest first.
    pub fn to_lines(self) -> Vec<(u32, u32, u32)> {
        self.0.iter().flatten().map(|(life, (second, number))| (life.bits(), *second, *number)).collect()
    }

    /// Those that have been written down.
    ///
    /// # Errors
    /// They are too many, or one is no life.
    pub fn from_lines(lines: &[(u32, u32, u32)]) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`lives`: expected at most {} of [LIFE,SECOND,NUMBER], with {} <= LIFE < {}",
                Self::MOST,
                Life::MARK,
                2 * Life::MARK
            )
        };
        if lines.len() > Self::MOST {
            return Err(wrong());
        }
        let mut lives = Self::default();
        for (place, &(life, second, number)) in lives.0.iter_mut().zip(lines) {
            *place = Some((Life::from_bits(life).ok_or_else(wrong)?, (second, number)));
        }
        Ok(lives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn life(bits: u64) -> Life {
        Life::of(Epoch::from_bits(bits))
    }

    proptest! {
        #[test]
        fn tags_say_what_they_were_made_of(bits: u64, number: u32, next: u32) {
            let life = life(bits);
            let tag = life.tag(number);
            prop_assert_eq!(Life::split(tag), (Some(life), number));
            prop_assert!(tag < 1 << 53, "a script can count them");
            prop_assert_eq!(tag.cmp(&life.tag(next)), number.cmp(&next));
            prop_assert_eq!(Life::from_bits(life.bits()), Some(life));
        }

        #[test]
        fn any_number_can_be_read(tag: u64) {
            let (life, number) = Life::split(tag);
            prop_assert_eq!(life.map_or(tag.min(u32::MAX.into()), |life| life.tag(number)), if life.is_some() { tag } else { tag.min(u32::MAX.into()) });
        }
    }

    #[test]
    fn what_is_written_by_hand_names_no_life() {
        for (tag, number) in
            [(0, 0), (7, 7), (999_999, 999_999), (700 << 21, 700 << 21), (u64::MAX, u32::MAX)]
        {
            assert_eq!(Life::split(tag), (None, number), "{tag}");
        }
        assert!(life(0).tag(1_023) < 1 << 31, "the first thousand of a second have 31 bits");
    }

    #[test]
    fn of_many_lives_the_last_are_known() {
        let mut lives = Lives::default();
        lives.end_newest((1, 1));
        assert_eq!(lives, Lives::default());
        for n in 0..10 {
            lives.end(life(n), (n as u32, 5));
        }
        lives.end_newest((9, 7));
        let ends: Vec<_> = (0..10).map(|n| lives.end_of(life(n))).collect();
        assert_eq!(ends[..2], [None, None]);
        assert_eq!((ends[2], ends[8], ends[9]), (Some((2, 5)), Some((8, 5)), Some((9, 7))));
        let lines = lives.to_lines();
        assert_eq!(Lives::from_lines(&lines), Ok(lives));
        assert!(Lives::from_lines(&[&lines[..], &lines[..1]].concat()).is_err());
        assert!(Lives::from_lines(&[(7, 1, 1)]).unwrap_err().contains("expected at most 8 of"));
    }
}
