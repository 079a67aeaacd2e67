//! The account of what was delivered: how often, how late, and whether in order, once, and all of it.
//! Knows nothing of sockets or protocols.
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use serde::{Deserialize, Serialize};

use crate::clock::{MILLISECOND, SECOND};

/// One column of the plot of deliveries over time.
pub const BUCKET_NS: u64 = 100 * MILLISECOND;
/// Later than this is as late as this.
const LATENCY_NS_MAX: u64 = 600 * SECOND;

/// What one subscriber has heard on its channel. This is where lost, doubled and reordered messages come to light.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// The highest number heard.
    last: u64,
    /// Numbers below it that have not been heard. Empty, and without memory, as long as the server does its work.
    missing: Vec<u64>,
}

/// What a message is to its subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Not heard before, and nothing later either.
    InOrder,
    /// Not heard before, but something later was.
    Late,
    /// Heard before.
    Again,
}

impl Ledger {
    /// An account that begins behind message `last`.
    pub fn after(last: u64) -> Self {
        Self { last, missing: Vec::new() }
    }

    /// The highest number heard.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Notes a message.
    pub fn hear(&mut self, number: u64) -> Heard {
        if number > self.last {
            self.missing.extend(self.last + 1..number);
            self.last = number;
            return Heard::InOrder;
        }
        match self.missing.iter().position(|&missing| missing == number) {
            Some(at) => {
                self.missing.swap_remove(at);
                Heard::Late
            }
            None => Heard::Again,
        }
    }

    /// How many messages up to `head` have not come.
    pub fn lost(&self, head: u64) -> u64 {
        let unheard = self.missing.iter().filter(|&&number| number <= head).count() as u64;
        unheard + head.saturating_sub(self.last)
    }
}

/// Sums over many subscribers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Messages published.
    pub published: u64,
    /// Messages that reached somebody, doubled ones included.
    pub delivered: u64,
    /// Messages that did not reach somebody who was owed them.
    pub lost: u64,
    /// Messages that reached somebody again.
    pub doubled: u64,
    /// Messages that reached somebody after a later one.
    pub reordered: u64,
    /// Answers without a message: ends of quiet polls.
    pub empty: u64,
    /// Questions or publishes that were refused.
    pub refused: u64,
    /// Connections that the server ended although more was expected.
    pub broken: u64,
    /// Records with which the server itself declared messages lost.
    pub declared: u64,
}

impl Counts {
    /// Adds what another process has counted.
    pub fn add(&mut self, other: &Self) {
        self.published += other.published;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.empty += other.empty;
        self.refused += other.refused;
        self.broken += other.broken;
        self.declared += other.declared;
    }

    /// Whether everybody got everything, once and in order, and nobody was refused.
    pub fn is_perfect(&self) -> bool {
        self.lost + self.doubled + self.reordered + self.refused == 0
    }
}

/// The account of a process.
pub struct Tally {
    /// Sums over its subscribers.
    pub counts: Counts,
    /// From the intended sending to the delivery, in nanoseconds; only while measuring.
    pub latency: Histogram<u64>,
    /// Deliveries in each [`BUCKET_NS`] since measuring began.
    pub over_time: Vec<u64>,
    /// What somebody was refused with.
    pub complaint: Option<String>,
}

impl Tally {
    /// An empty one.
    pub fn new() -> Self {
        Self { counts: Counts::default(), latency: histogram(), over_time: Vec::new(), complaint: None }
    }

    /// Notes a delivery that is measured.
    pub fn measure(&mut self, since: u64, intended: u64, now: u64) {
        self.latency.saturating_record(now.saturating_sub(intended));
        let bucket = (now.saturating_sub(since) / BUCKET_NS) as usize;
        if self.over_time.len() <= bucket {
            self.over_time.resize(bucket + 1, 0);
        }
        self.over_time[bucket] += 1;
    }

    /// Keeps the first complaint.
    pub fn complain(&mut self, complaint: impl FnOnce() -> String) {
        self.complaint.get_or_insert_with(complaint);
    }

    /// Adds another account.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        // Both have the same bounds, so nothing can be out of them.
        let _ = self.latency.add(&other.latency);
        if self.over_time.len() < other.over_time.len() {
            self.over_time.resize(other.over_time.len(), 0);
        }
        self.over_time.iter_mut().zip(&other.over_time).for_each(|(sum, n)| *sum += n);
        if let Some(complaint) = &other.complaint {
            self.complain(|| complaint.clone());
        }
    }

    /// The account as it goes through a pipe.
    pub fn pack(&self) -> Packed {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&self.latency, &mut bytes).expect("a vector takes everything");
        Packed {
            counts: self.counts.clone(),
            latency: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            over_time: self.over_time.clone(),
            complaint: self.complaint.clone(),
        }
    }
}

/// A [`Tally`] for a pipe: the histogram is its own format's bytes, in hexadecimal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Packed {
    counts: Counts,
    latency: String,
    over_time: Vec<u64>,
    complaint: Option<String>,
}

impl Packed {
    /// The account again. `None` if what came through the pipe is not one.
    pub fn unpack(self) -> Option<Tally> {
        let digits = self.latency.as_bytes();
        let bytes: Option<Vec<u8>> = digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let latency = Deserializer::new().deserialize(&mut bytes?.as_slice()).ok()?;
        Some(Tally { counts: self.counts, latency, over_time: self.over_time, complaint: self.complaint })
    }
}

/// A histogram of nanoseconds, exact to three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("the bounds are constants that it accepts")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (lost, doubled, reordered) for one who is owed 1 to `head`.
    fn account(numbers: &[u64], head: u64) -> (u64, u64, u64) {
        let mut ledger = Ledger::default();
        let heard: Vec<_> = numbers.iter().map(|&number| ledger.hear(number)).collect();
        let count = |what| heard.iter().filter(|&&heard| heard == what).count() as u64;
        (ledger.lost(head), count(Heard::Again), count(Heard::Late))
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        assert_eq!(account(&[1, 2, 3], 3), (0, 0, 0));
        assert_eq!(account(&[1, 3], 3), (1, 0, 0), "a hole");
        assert_eq!(account(&[1, 2], 3), (1, 0, 0), "the end is missing");
        assert_eq!(account(&[1, 2, 2, 3], 3), (0, 1, 0));
        assert_eq!(account(&[1, 3, 2], 3), (0, 0, 1));
        assert_eq!(account(&[3, 3, 1], 4), (2, 1, 1));
        assert_eq!(account(&[], 2), (2, 0, 0));
        assert_eq!(Ledger::after(7).lost(7), 0, "what was before is not owed");
    }

    #[test]
    fn an_account_survives_the_pipe_and_is_added_up() {
        let mut tally = Tally::new();
        tally.counts.delivered = 2;
        tally.measure(0, 1_000, 2_000);
        tally.measure(0, 1_000, 250 * MILLISECOND);
        tally.complain(|| "first".to_owned());
        tally.complain(|| "second".to_owned());
        let text = serde_json::to_string(&tally.pack()).unwrap();
        let again = serde_json::from_str::<Packed>(&text).unwrap().unpack().unwrap();
        tally.add(&again);
        assert_eq!(tally.counts.delivered, 4);
        assert_eq!(tally.latency.len(), 4);
        assert_eq!(tally.latency.max(), again.latency.max());
        assert_eq!(tally.over_time, [2, 0, 2]);
        assert_eq!(tally.complaint.as_deref(), Some("first"));
    }
}
