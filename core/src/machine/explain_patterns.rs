//! Why somebody who reads by a pattern of names did or did not get a message: the same question, asked of the pattern's index.
//! Knows nothing of how the answer is written.
use super::Machine;
use super::explain::Verdict;
use crate::arena::Id;
use crate::hub::{Channel, Owner};

/// A message as those see it who read a pattern.
pub(super) struct PatternPlace {
    /// The pattern's index.
    pub(super) index: Id<Channel>,
    /// The message's number there, or why it has none.
    number: Result<u64, Verdict>,
}

impl Machine {
    /// Where a channel's message stands for those who read patterns that match its name.
    pub(super) fn places_by_pattern(&self, channel: &Channel, seq: u64) -> Vec<PatternPlace> {
        let filtered = self.hub.outside_patterns(channel);
        let places = self.hub.matching_indexes(channel.name()).into_iter().filter_map(|index| {
            let number = match filtered {
                Some(why) => Err(Verdict::new("filtered", why, None)),
                None => number_in(self.hub.peek(index)?, channel, seq),
            };
            Some(PatternPlace { index, number })
        });
        places.collect()
    }

    /// What became of it for somebody, where they may read it by a pattern as well as by name: whoever has it by one of these has
    /// it.
    pub(super) fn or_by_pattern(&self, by_name: Verdict, places: &[PatternPlace], owner: Owner) -> Verdict {
        let mut best = by_name;
        for place in places {
            let standing = self.hub.standing_of(place.index, &[owner]);
            let (Some((_, next)), Some(index)) = (standing.first(), self.hub.peek(place.index)) else {
                continue;
            };
            let verdict = match &place.number {
                Ok(number) => self.verdict((place.index, index), Some(*next), owner, *number),
                Err(why) => Verdict::new(why.is, why.because.clone(), why.at),
            };
            if rank(verdict.is) < rank(best.is) {
                let because = format!("by the pattern {}: {}", index.name(), verdict.because);
                best = Verdict { because, ..verdict };
            }
        }
        best
    }
}

/// The number of a channel's message in the index of a pattern.
fn number_in(index: &Channel, channel: &Channel, seq: u64) -> Result<u64, Verdict> {
    let (history, in_index) = (channel.history(), index.history());
    let Some(message) = history.get(seq) else {
        return Err(if seq >= history.head() {
            Verdict::new(
                "waiting",
                "it is not published yet; the client waits for what the pattern matches",
                None,
            )
        } else {
            Verdict::new("unknown", "it is no longer kept, and so its place among others is not known", None)
        });
    };
    let number = in_index.first_after(message.offset.saturating_sub(1));
    let is_it = in_index.get(number).is_some_and(|other| other.offset == message.offset);
    match is_it {
        true => Ok(number),
        // An index begins with its first reader.
        false if in_index.base() == 1 => {
            Err(Verdict::new("not subscribed yet", "nobody read the pattern when it was published", None))
        }
        false => Err(Verdict::new("unknown", "it is no longer kept among what the pattern matches", None)),
    }
}

/// What is said before what: somebody who has it has it, and what is known comes before what is not.
fn rank(is: &str) -> u8 {
    match is {
        "delivered" => 0,
        "filtered" => 2,
        "unknown" => 3,
        _ => 1,
    }
}
