//! Indexes of patterns made anew from the histories of channels, when a server was cut off that had them.
//! Knows nothing of who reads.
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::history::{Beside, History};
use super::{Because, Channel, Hub, Lost, Message, Start};
use crate::arena::Id;
use crate::time::Moment;

/// A message that an index is to have: its place in the log, which of the channels it is in, and its number there.
type Found = (u64, usize, u64);

impl Hub {
    /// Opens the indexes of these patterns, as many as there may be, and fills each with what channels still have, the newest of it, as
    /// far as an index keeps so much and `bytes_free` reaches. It is born behind the last that is missing.
    /// Walks over all channels.
    pub fn rebuild_indexes<'n>(
        &mut self,
        texts: impl Iterator<Item = &'n str>,
        mut bytes_free: usize,
        now: Moment,
    ) {
        let mut indexes: Vec<(Id<Channel>, Vec<Id<Channel>>)> = Vec::new();
        for text in texts {
            if let Ok(id) = self.open_index(text, now) {
                indexes.push((id, Vec::new()));
            }
        }
        indexes.sort_unstable_by_key(|(id, _)| id.to_bits());
        indexes.dedup_by_key(|(id, _)| id.to_bits());
        for slot in 0..self.channels.slots() {
            let Some(at) = self.channels.id_at(slot) else { continue };
            let Some(channel) = self.channels.get(at).filter(|c| !c.is_index && !c.closed) else { continue };
            if self.find(&channel.name) != Some(at) || self.outside_patterns(channel).is_some() {
                continue;
            }
            for index in self.matching_indexes(&channel.name) {
                if let Ok(place) = indexes.binary_search_by_key(&index.to_bits(), |(id, _)| id.to_bits()) {
                    indexes[place].1.push(at);
                }
            }
        }
        for (index, channels) in indexes {
            self.fill_index(index, &channels, &mut bytes_free, now);
        }
    }

    /// Takes the oldest messages of all indexes, but not the newest of any, until so many bytes are free or there is nothing more to take:
    /// channels still have them.
    pub fn thin_indexes(&mut self, bytes: usize) {
        let mut freed = 0;
        for slot in 0..self.channels.slots() {
            let Some(id) = self.channels.id_at(slot) else { continue };
            let Some(index) = self.channels.get_mut(id).filter(|channel| channel.is_index) else { continue };
            let before = index.history.weight();
            while freed + before.1 - index.history.bytes() < bytes && index.history.len() > 1 {
                index.history.pop();
            }
            freed += before.1 - index.history.bytes();
            if index.history.weight() != before {
                index.history.messages.shrink_to_fit();
            }
            self.weigh(id, before);
        }
    }

    /// Gives back places for members that are there no more. Walks over all channels.
    pub fn release_seats(&mut self) {
        for slot in 0..self.channels.slots() {
            let Some(id) = self.channels.id_at(slot) else { continue };
            if let Some(channel) = self.channels.get_mut(id) {
                channel.members.shrink_to_fit();
            }
        }
    }

    /// Where a subscription to such an index would begin that has everything up to this place.
    pub fn start_in_index(&mut self, id: Id<Channel>, offset: u64, now: Moment) -> Option<Start> {
        let born = self.channels.get(id)?.born.offset;
        let start = self.start_after_any(id, offset, now)?;
        Some(if offset < born { Start { lost: Lost::Unknown(Because::History), ..start } } else { start })
    }

    fn fill_index(&mut self, index: Id<Channel>, of: &[Id<Channel>], bytes_free: &mut usize, now: Moment) {
        let Some(keep) = self.channels.get(index).map(|channel| channel.keep(&self.settings.keep)) else {
            return;
        };
        let history = |place: usize| of.get(place).and_then(|at| Some(&self.channels.get(*at)?.history));
        // Of what is not there any more, the last place. Others may stand before it.
        let trimmed = (0..of.len()).filter_map(history).map(|it| it.offset_before(it.base())).max();
        let mut forgotten = trimmed.unwrap_or(0).max(self.ended);
        let newest = |place: usize| {
            let seq = history(place)?.head() - 1;
            Some((history(place)?.get(seq)?.offset, place, seq))
        };
        let mut due: BinaryHeap<Found> = (0..of.len()).filter_map(newest).collect();
        let (mut taken, mut bytes): (Vec<Found>, usize) = (Vec::new(), 0);
        while let Some((offset, place, seq)) = due.pop() {
            let Some(history) = history(place) else { continue };
            // There it also says which channel it is of.
            let name = of.get(place).and_then(|at| self.channels.get(*at)).map_or(0, |it| it.name.len());
            bytes += history.get(seq).map_or(0, Message::weight) + Beside::cost(name);
            // Half of what is free is for what comes.
            if taken.len() >= keep.messages || bytes > keep.bytes || bytes > *bytes_free / 2 {
                forgotten = forgotten.max(offset);
                break;
            }
            taken.push((offset, place, seq));
            if let Some(before) = history.get(seq - 1) {
                due.push((before.offset, place, seq - 1));
            }
        }
        *bytes_free -= bytes.min(*bytes_free);
        let first = taken.last().map_or(u64::MAX, |(offset, ..)| *offset);
        if let Some(index) = self.channels.get_mut(index) {
            index.born.offset = forgotten;
            index.history = History::resumed(1, forgotten.min(first - 1));
            // Places for more would count.
            index.history.messages.reserve_exact(taken.len());
        }
        for (_, place, seq) in taken.into_iter().rev() {
            let Some(channel) = of.get(place).and_then(|at| self.channels.get(*at)) else { continue };
            let Some(message) = channel.history.get(seq) else { continue };
            // What has expired keeps its place, and expires again.
            let until = message.until().or_else(|| (!channel.history.is_live(seq)).then_some(Moment(0)));
            let (name, ext) = (Some((*channel.name).into()), message.ext().map(Into::into));
            let beside = Some(Arc::new(Beside { channel: name, ext, id: None, until }));
            let message = Message { beside, ..message.clone() };
            self.append_to(index, message);
        }
        self.arm(index, now);
    }
}
