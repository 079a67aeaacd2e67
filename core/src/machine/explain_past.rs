//! Lives of a channel before the one that there is, and what those who read them had of it.
//! Knows nothing of how the answer is written.
use super::Machine;
use super::explain::Verdict;
use super::explain_records::from_records;
use crate::hub::{Owner, Record, What};
use crate::time::Moment;

/// Lives of one channel that have ended, by the ids that they had.
#[derive(Default)]
pub(super) struct PastLives(Vec<PastLife>);

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct PastLife {
    channel: u64,
    /// The number of the message that never came.
    head: u64,
    at: Moment,
}

impl PastLives {
    /// Whether a record is of one of them.
    pub(super) fn has(&self, record: &Record) -> bool {
        self.of(record).is_some()
    }

    fn of(&self, record: &Record) -> Option<PastLife> {
        let at = self.0.binary_search_by_key(&record.channel, |life| life.channel).ok()?;
        Some(self.0[at])
    }

    /// What is said of a message where there is no other life: whether there ever was one of this number.
    pub(super) fn state(&self, seq: u64) -> &'static str {
        let last = self.0.iter().max_by_key(|life| life.at);
        if last.is_some_and(|life| seq < life.head) { "trimmed" } else { "not published" }
    }
}

impl Machine {
    /// The lives of the channel of this name that are over, as far as records reach back.
    pub(super) fn past_lives(&self, name: &str) -> PastLives {
        let lives = self.hub.chronicle().records().filter_map(|record| match &record.what {
            What::Ended { name: ended, head } if **ended == *name => {
                Some(PastLife { channel: record.channel, head: *head, at: record.at })
            }
            _ => None,
        });
        let mut lives: Vec<PastLife> = lives.collect();
        lives.sort_unstable_by_key(|life| life.channel);
        PastLives(lives)
    }

    /// What became of a message for somebody in the last of these lives that it read; where there is another now (`goes_on`), its
    /// numbers are others.
    pub(super) fn verdict_of_past(
        &self,
        lives: &PastLives,
        owner: Owner,
        seq: u64,
        goes_on: bool,
    ) -> Option<Verdict> {
        let own = self.hub.chronicle().records().filter(|record| record.owner == owner);
        let life = own.filter_map(|record| lives.of(record)).max_by_key(|life| life.at)?;
        let is_told = |r: &&Record| r.channel == life.channel || matches!(r.what, What::SentAway { .. });
        let records = self.hub.chronicle().records().filter(is_told);
        let there = from_records(records, (owner, self.since(owner)), seq, None);
        let head = life.head;
        let ended = |is| {
            Verdict::new(is, format!("the channel ended when the next number was {head}"), Some(life.at))
        };
        let there = if seq < head { there.unwrap_or_else(|| ended("unknown")) } else { ended("left before") };
        if !goes_on {
            return Some(there);
        }
        let words = format!(
            "the client read an earlier life of the channel, which ended when the next number was {head}, and has not come to this \
             one, whose numbers are others; of number {seq} there: {}, {}",
            there.is, there.because
        );
        Some(Verdict::new("left before", words, Some(life.at)))
    }
}
