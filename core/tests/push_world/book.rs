//! What was published, where, and what of it may be gone: a shadow of the server, kept by those who talk with it.
//! Knows nothing of how it is read.
use std::collections::BTreeMap;

use rcomet_core::log::Life;
use rcomet_core::time::Moment;

/// Second and tag, as they are told.
pub type Id = (u64, u64);
/// Second, and the number within it: the same whichever life of the server has told the id.
pub type Place = (u64, u64);

/// The place that an id names.
pub fn place_of((second, tag): Id) -> Place {
    (second, Life::split(tag).1.into())
}

/// One message.
#[derive(Debug)]
pub struct Entry {
    pub channel: &'static str,
    /// Which of the channel's lives it was published in.
    pub life: u32,
    pub text: String,
    pub at: Moment,
}

/// Everything that one server has taken.
#[derive(Default)]
pub struct Book {
    pub entries: BTreeMap<Place, Entry>,
    /// How often each channel has ended.
    pub lives: BTreeMap<&'static str, u32>,
    /// What channels keep.
    pub messages_max: usize,
    pub age_ms: u64,
    pub now: Moment,
}

impl Book {
    pub fn life(&self, channel: &str) -> u32 {
        self.lives.get(channel).copied().unwrap_or(0)
    }

    pub fn end(&mut self, channel: &'static str) {
        *self.lives.entry(channel).or_default() += 1;
    }

    /// Writes down a message with the id that the server has told.
    pub fn write(&mut self, place: Place, channel: &'static str, text: String, now: Moment) {
        if let Some((last, _)) = self.entries.last_key_value() {
            assert!(place > *last, "ids go up: {place:?} comes behind {last:?}");
        }
        let life = self.life(channel);
        self.entries.insert(place, Entry { channel, life, text, at: now });
    }

    /// Whether a message may be gone by now: its channel has ended, or keeps newer ones, or it is too old.
    pub fn may_be_gone(&self, place: Place) -> bool {
        let Some(entry) = self.entries.get(&place) else { return true };
        let newer = self.entries.range(place..).skip(1).filter(|(_, e)| e.channel == entry.channel).count();
        entry.life != self.life(entry.channel)
            || newer >= self.messages_max
            || self.now.since(entry.at) + 1 >= self.age_ms
    }

    /// Messages of these channels that must be there, behind a place and before another.
    pub fn owed(
        &self,
        channels: &[&'static str],
        behind: Option<Place>,
        before: Option<Place>,
    ) -> Vec<Place> {
        let all = self.entries.iter().filter(|(_, entry)| channels.contains(&entry.channel));
        let between = all.filter(|(place, _)| {
            behind.is_none_or(|behind| **place > behind) && before.is_none_or(|before| **place < before)
        });
        between.map(|(place, _)| *place).filter(|place| !self.may_be_gone(*place)).collect()
    }
}
