//! What happens to channels, noted for a journal.
//! Knows nothing of where a journal is. Notes are handles: what a message says is not copied.
use std::collections::VecDeque;
use std::sync::Arc;

use super::history::Beside;
use super::{Channel, Hub, Message};
use crate::arena::Id;
use crate::journal::{Entry, First, Opened, Said, Shape};
use crate::log::Log;
use crate::time::Moment;

/// Something that has happened, as it is noted.
#[derive(Clone, Debug)]
enum Note {
    Entry(Entry),
    /// How a channel is kept, and until when it lives.
    Shape(Box<Shape>, Moment),
    /// A channel's message, with its number.
    Message(Arc<str>, u64, Message),
}

/// What has been noted and not been taken yet.
#[derive(Debug, Default)]
pub(super) struct Notes {
    new: Vec<Note>,
    /// The same and all channels besides, for a text that is begun anew.
    anew: Option<Anew>,
}

#[derive(Debug)]
struct Anew {
    waiting: VecDeque<Note>,
    /// The slot that is looked at next.
    at: usize,
}

impl Notes {
    fn put(&mut self, note: Note) {
        if let Some(anew) = &mut self.anew {
            anew.waiting.push_back(note.clone());
        }
        self.new.push(note);
    }
}

/// How notes become entries: numbers and times as they are outside.
#[derive(Clone, Copy)]
struct Outside {
    ids_from: u64,
    zero_unix_ms: u64,
}

impl Outside {
    fn entry(self, note: Note) -> Entry {
        let wall = |moment: Moment| self.zero_unix_ms.saturating_add(moment.0);
        let (channel, seq, message) = match note {
            Note::Entry(entry) => return entry,
            Note::Shape(mut shape, until) => {
                shape.until_ms = Some(until).filter(|until| *until < Moment::NEVER).map(wall);
                return Entry::Shape(shape);
            }
            Note::Message(channel, seq, message) => (channel, seq, message),
        };
        Entry::Message(Box::new(Said {
            channel,
            id: self.ids_from + message.offset,
            seq,
            time_ms: wall(message.at),
            second: message.unix_s,
            tag: message.tag,
            kind: message.kind,
            until_ms: message.until().map(wall),
            origin: message.channel().map(Into::into),
            ext: message.ext().map(Into::into),
            sender: message.sender,
            media: message.media,
            body: message.body,
        }))
    }
}

impl Hub {
    /// Notes from now on what happens, or no more.
    pub fn keep_notes(&mut self, does: bool) {
        self.notes = does.then(Box::default);
    }

    /// Whether it is noted what happens.
    pub fn keeps_notes(&self) -> bool {
        self.notes.is_some()
    }

    /// Notes something for a text that is begun anew, if one is, and not for the other.
    pub fn note_anew(&mut self, entry: impl FnOnce() -> Entry) {
        if let Some(anew) = self.notes.as_mut().and_then(|notes| notes.anew.as_mut()) {
            anew.waiting.push_back(Note::Entry(entry()));
        }
    }

    /// Whether something has been noted that nobody has taken.
    pub fn has_notes(&self) -> bool {
        self.notes.as_ref().is_some_and(|notes| !notes.new.is_empty())
    }

    /// Writes down what has been noted; how many entries that are.
    pub fn write_notes(&mut self, zero_unix_ms: u64, out: &mut Vec<u8>) -> usize {
        let outside = Outside { ids_from: self.log.base(), zero_unix_ms };
        let Some(notes) = &mut self.notes else { return 0 };
        let count = notes.new.len();
        notes.new.drain(..).for_each(|note| outside.entry(note).write(out));
        count
    }

    /// Begins to write everything down anew; nothing of that is left when it `does` not.
    pub fn write_anew(&mut self, does: bool) {
        let waiting = self.broadcasts.waiting().map(|body| Note::Entry(Entry::Broadcast(Arc::clone(body))));
        let anew = does.then(|| Anew { waiting: waiting.collect(), at: 0 });
        if let Some(notes) = &mut self.notes {
            notes.anew = anew;
        }
    }

    /// Writes down about so many bytes more of everything, or whatever has happened since; whether all of it is there then.
    pub fn write_more(&mut self, bytes: usize, zero_unix_ms: u64, now: Moment, out: &mut Vec<u8>) -> bool {
        let outside = Outside { ids_from: self.log.base(), zero_unix_ms };
        let end = self.channels.slots();
        let mut looked_at = 0;
        loop {
            let Some(anew) = self.notes.as_mut().and_then(|notes| notes.anew.as_mut()) else { return true };
            while let Some(note) = anew.waiting.pop_front() {
                outside.entry(note).write(out);
                if out.len() >= bytes {
                    return false;
                }
            }
            if anew.at >= end {
                return true;
            }
            if looked_at >= SLOTS_AT_ONCE {
                return false;
            }
            looked_at += 1;
            let slot = anew.at;
            anew.at += 1;
            self.note_whole(slot, now);
        }
    }

    /// Notes all that there is of the channel in this slot, for a text that is begun anew.
    fn note_whole(&mut self, slot: usize, now: Moment) {
        let Some(id) = self.channels.id_at(slot).filter(|id| self.is_noted(*id)) else { return };
        // Then it is owed no broadcast that stands before it.
        self.settle(id, now);
        let listens = self.channels.get(id).is_some_and(|c| !c.members.is_empty());
        self.trim(id, listens, now);
        let Some(channel) = self.channels.get(id) else { return };
        let Some(anew) = self.notes.as_mut().and_then(|notes| notes.anew.as_mut()) else { return };
        let waiting = &mut anew.waiting;
        waiting.push_back(Note::Entry(channel.as_opened(&self.log)));
        let lives_long = channel.idle_until > now.after_ms(self.settings.channel_timeout_ms);
        let has_time = lives_long || channel.idle_ms > 0;
        if has_time || channel.posted.is_some() || channel.registered.is_some() || channel.secret.is_some() {
            waiting.push_back(channel.as_shaped());
        }
        let (base, head) = (channel.history.base(), channel.history.head());
        for seq in base..head {
            if let Some(message) = channel.history.get(seq) {
                let message = channel.as_kept(seq, message);
                waiting.push_back(Note::Message(Arc::clone(&channel.name), seq, message));
            }
        }
    }

    /// Whether what happens to a channel is noted: it has a name that it can be found by again.
    fn is_noted(&self, id: Id<Channel>) -> bool {
        self.channels.get(id).is_some_and(|c| !c.is_index && !c.closed && id != self.announcing.feed)
    }

    /// Notes something that has happened, if anything is noted.
    pub fn note_entry(&mut self, entry: impl FnOnce() -> Entry) {
        if let Some(notes) = &mut self.notes {
            notes.put(Note::Entry(entry()));
        }
    }

    pub(super) fn note_opened(&mut self, id: Id<Channel>) {
        if let Some(notes) = &mut self.notes
            && let Some(channel) = self.channels.get(id)
        {
            notes.put(Note::Entry(channel.as_opened(&self.log)));
        }
    }

    pub(super) fn note_shape(&mut self, id: Id<Channel>) {
        if let Some(notes) = &mut self.notes
            && let Some(channel) = self.channels.get(id).filter(|c| !c.closed)
        {
            notes.put(channel.as_shaped());
        }
    }

    /// A message is being appended to a channel. Of one that is kept for nobody only the place is noted.
    pub(super) fn note_message(&mut self, id: Id<Channel>, message: &Message) {
        if self.notes.is_none() || !self.is_noted(id) {
            return;
        }
        let Some(channel) = self.channels.get(id) else { return };
        let mut message = message.clone();
        if channel.keep(&self.settings.keep).messages == 0 {
            // It has expired when it is put back, whatever is kept then.
            let over = Beside { until: Some(Moment(0)), ..Beside::default() };
            (message.body, message.sender, message.media) = (Arc::default(), None, None);
            message.beside = Some(Arc::new(over));
        }
        let note = Note::Message(Arc::clone(&channel.name), channel.history.head(), message);
        if let Some(notes) = &mut self.notes {
            notes.put(note);
        }
    }

    /// A channel has given up its oldest messages for want of memory: what is in use besides is not known when it is put back.
    pub(super) fn note_trimmed(&mut self, id: Id<Channel>) {
        if self.notes.is_none() || !self.is_noted(id) {
            return;
        }
        let Some(channel) = self.channels.get(id) else { return };
        let (name, base) = (Arc::clone(&channel.name), channel.history.base());
        self.note_entry(|| Entry::Trimmed(name, base));
    }

    /// Who the log is, for a journal's first line.
    pub fn first(&self) -> First {
        let (base, head) = self.numbers();
        First {
            epoch: self.log.epoch(),
            key: self.cursors.words(),
            base,
            head,
            ended: self.log.id_of(self.ended),
            stamp: self.stamps.next(),
            lives: self.lives,
            unsure: None,
            boot: 0,
            synced: false,
            memory: 0,
        }
    }

    /// Writes down an index of a pattern, with its messages from a number on.
    pub fn write_index(&self, id: Id<Channel>, from: u64, zero_unix_ms: u64, out: &mut Vec<u8>) {
        let outside = Outside { ids_from: self.log.base(), zero_unix_ms };
        let Some(index) = self.channels.get(id).filter(|index| index.is_index && !index.closed) else {
            return;
        };
        let from = from.clamp(index.history.base(), index.history.head());
        Entry::Index(Box::new(index.opened(from, &self.log))).write(out);
        for seq in from..index.history.head() {
            if let Some(message) = index.history.get(seq) {
                let message = index.as_kept(seq, message);
                outside.entry(Note::Message(Arc::clone(&index.name), seq, message)).write(out);
            }
        }
    }
}

/// Slots that are looked at for one share of a text that is begun anew.
const SLOTS_AT_ONCE: usize = 1024;

impl Channel {
    fn as_opened(&self, log: &Log) -> Entry {
        Entry::Channel(Box::new(self.opened(self.history.base(), log)))
    }

    /// What it is before its messages from a number on.
    fn opened(&self, from: u64, log: &Log) -> Opened {
        let forgotten = self.history.offset_before(from).max(self.born.offset);
        Opened {
            channel: Arc::clone(&self.name),
            made: self.number,
            born: log.id_of(self.born.offset),
            next: from,
            forgotten: log.id_of(forgotten),
            last: self.last,
        }
    }

    /// A message as it is written down. What has expired between others keeps its place, and expires again.
    fn as_kept(&self, seq: u64, message: &Message) -> Message {
        let mut message = message.clone();
        if !self.history.is_live(seq) {
            let channel = message.channel().map(Into::into).or_else(|| self.is_index.then(Box::default));
            message.beside = Some(Arc::new(Beside { channel, until: Some(Moment(0)), ..Beside::default() }));
        }
        message
    }

    fn as_shaped(&self) -> Note {
        let shape = Shape {
            channel: Arc::clone(&self.name),
            posted: self.posted.as_deref().copied(),
            idle_ms: self.idle_ms,
            registered: self.registered.as_deref().copied(),
            token: self.secret.as_deref().map(|secret| secret.bytes()),
            until_ms: None,
        };
        Note::Shape(Box::new(shape), self.idle_until)
    }
}
