//! Where a subscription begins, and what it has missed before that.
use super::{Channel, Hub};
use crate::arena::Id;
use crate::log::{Cursor, Epoch, Life, Position, Sealed, Token};
use crate::time::Moment;

/// Where a subscription begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// With what is published from now on.
    New,
    /// With the message of this number.
    Next(u64),
    /// With the oldest message there is.
    Oldest,
    /// After the last message seen, wherever that was.
    After(Cursor),
    /// After what a client shows; what nobody here has signed is a place that nobody knows.
    Shown(Token),
    /// With so many of the newest.
    Newest(u64),
}

/// Where a subscription begins, in the words of those who know messages by second and tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// With the oldest message there is.
    Oldest,
    /// With what is published from now on.
    New,
    /// So many messages behind the oldest.
    FromOldest(u64),
    /// With so many of the newest.
    FromNewest(u64),
    /// Behind the message of this second and tag; without a tag, behind the first of the second.
    Behind {
        /// Seconds since 1970.
        unix_s: u32,
        /// As it was written: [`Life::split`] says what of.
        tag: Option<u64>,
    },
}

/// What a reader has missed. A gap is always said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Lost {
    /// Nothing.
    Nothing,
    /// So many messages of this channel.
    Some(u64),
    /// It cannot be known how many, and why not.
    Unknown(Because),
}

/// Why it cannot be known how much a reader has missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Because {
    /// The place that it shows is in another log than this: the server was started anew, or it is another server's.
    Epoch(Epoch),
    /// The channel has begun behind the place that it shows, and may have been there before: what one before it held is gone.
    Channel,
    /// It shows a place that this server has not given out, or a number that no message has had.
    Cursor,
    /// Not all that stood behind the place that it shows is still kept, and the place is not one of this channel's own, from which its
    /// messages could be counted.
    History,
}

impl Because {
    /// The word for it. Wire: `docs/api.md`, "Gaps".
    pub fn word(self) -> &'static str {
        match self {
            Self::Epoch(_) => "epoch",
            Self::Channel => "channel",
            Self::Cursor => "cursor",
            Self::History => "history",
        }
    }
}

/// Where a subscription will begin in fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start {
    /// The number of the first message it gets.
    pub next: u64,
    /// What it has missed before that.
    pub lost: Lost,
    /// It asked for a number that no message has yet: one who counts should be told where the numbers are.
    pub ahead: bool,
}

impl Hub {
    /// Where a subscription that asks for `from` would begin.
    pub fn start(&mut self, id: Id<Channel>, from: From, now: Moment) -> Option<Start> {
        self.settle(id, now);
        let epoch = self.log.epoch();
        let listens = self.channels.get(id).is_some_and(|c| !c.members.is_empty());
        self.trim(id, listens, now);
        let channel = self.channels.get(id)?;
        let shown = match from {
            // What nobody here has signed may still say which log it is of. The key is another after a restart without histories in
            // a file, and so that says no more than that it is not of this one, which anybody may claim.
            From::Shown(token) => self.sealer.open(token, channel.mark).ok_or_else(|| {
                let is_strange = token == Token::UNKNOWN || token.epoch() == epoch;
                if is_strange { Because::Cursor } else { Because::Epoch(epoch) }
            }),
            From::After(cursor) => Ok(cursor),
            _ => Err(Because::Cursor),
        };
        let keeps = channel.keep(&self.settings.keep).messages > 0;
        let head = channel.history.head();
        // Without history, what is still kept for those who listen is not for those who come.
        let base = if keeps { channel.history.base() } else { head };
        let at = |next: u64, lost: Lost| Start { next, lost, ahead: false };
        let start = match from {
            From::New => Start { next: head, lost: Lost::Nothing, ahead: true },
            From::Oldest => at(base, Lost::Nothing),
            From::Next(seq) if seq > head => Start { next: head, lost: Lost::Nothing, ahead: true },
            From::Next(seq) if seq < base => at(base, Lost::Some(base - seq.max(1))),
            From::Next(seq) => at(seq, Lost::Nothing),
            From::Newest(n) => at(channel.history.newest_from(n).max(base), Lost::Nothing),
            From::After(_) | From::Shown(_) => {
                let cursor = match shown {
                    Ok(cursor) => cursor,
                    Err(because) => return Some(at(base, Lost::Unknown(because))),
                };
                // Where this life began, the last message of the one before may stand: whoever is there has seen nothing of it.
                let (place, born) = (cursor.position.offset, channel.born.offset);
                let same_life = cursor.position.epoch == epoch
                    && (place > born || place == born && cursor.seq.unwrap_or(0) == 0);
                // The number only counts if it stands at that place: it may be another channel's.
                let is_here = |seq: u64| {
                    let offset_of = |n: u64| channel.history.get(n).map(|m| m.offset);
                    let is_before = seq + 1 >= base || place <= channel.history.offset_before(base);
                    is_before
                        && seq < head
                        && offset_of(seq).is_none_or(|o| o <= place)
                        && offset_of(seq + 1).is_none_or(|o| o > place)
                };
                match cursor.seq.filter(|&seq| same_life && is_here(seq)) {
                    Some(seq) if seq + 1 < base => at(base, Lost::Some(base - seq - 1)),
                    Some(seq) => at(seq + 1, Lost::Nothing),
                    None if cursor.position.epoch != epoch => at(base, Lost::Unknown(Because::Epoch(epoch))),
                    // A place in the log before this life began: messages of an earlier one may stand behind it.
                    None if !same_life && (cursor.seq.is_some() || place < self.ended) => {
                        at(base, Lost::Unknown(Because::Channel))
                    }
                    None => after(channel, place, base),
                }
            }
        };
        // Who asks for what there is misses nothing that is not there.
        let is_counted = !matches!(from, From::New | From::Oldest | From::Newest(_));
        Some(behind_holes(channel, start, is_counted))
    }

    /// Whether a channel has ended whose last message stood behind this place.
    pub fn has_ended_behind(&self, offset: u64) -> bool {
        offset < self.ended
    }

    /// Where a subscription would begin that has everything of all channels up to this place in the log.
    pub fn start_after(&mut self, id: Id<Channel>, offset: u64, now: Moment) -> Option<Start> {
        let born = self.channels.get(id)?.born.offset;
        self.start_after_any(id, offset.max(born), now)
    }

    /// The same, wherever the channel's life began.
    pub(super) fn start_after_any(&mut self, id: Id<Channel>, offset: u64, now: Moment) -> Option<Start> {
        let (channel, base) = self.as_found(id, now)?;
        Some(behind_holes(channel, after(channel, offset, base), true))
    }

    /// Where a subscription would begin that has everything up to a second and a tag, or that counts from an end.
    pub fn start_at(&mut self, id: Id<Channel>, place: Place, now: Moment) -> Option<Start> {
        let behind = match place {
            Place::Behind { unix_s, tag } => self.place_here(unix_s, tag),
            _ => None,
        };
        let (channel, base) = self.as_found(id, now)?;
        let (history, head) = (&channel.history, channel.history.head());
        let next = match place {
            Place::Oldest => base,
            Place::New => head,
            Place::FromOldest(n) => base.saturating_add(n).min(head),
            Place::FromNewest(n) => head.saturating_sub(n).max(base),
            // Nothing has been published behind it: whatever its second is, it waits for the next message.
            Place::Behind { .. } => {
                behind.map_or(base, |(unix_s, number)| history.first_behind(unix_s, number).max(base))
            }
        };
        Some(behind_holes(channel, Start { next, lost: Lost::Nothing, ahead: false }, false))
    }

    /// The second, and the number within it, that an id names in this log. `None` for an id of another log, whose holder has seen
    /// nothing of this one.
    fn place_here(&self, unix_s: u32, tag: Option<u64>) -> Option<(u32, Option<u32>)> {
        let Some(tag) = tag else { return Some((unix_s, None)) };
        match Life::split(tag) {
            (Some(life), number) if life != self.life => {
                let end = self.lives.end_of(life)?;
                // What that life has published behind this is lost, and what stands there now is of the life after it.
                let (unix_s, number) = if (unix_s, number) < end { (unix_s, number) } else { before(end)? };
                Some((unix_s, Some(number)))
            }
            (_, number) => Some((unix_s, Some(number))),
        }
    }

    /// A channel as those who come find it: trimmed, and with the number of the first message that they may get. What is
    /// kept only for those who listen, beyond what a channel keeps by its own settings, is not for those who come.
    fn as_found(&mut self, id: Id<Channel>, now: Moment) -> Option<(&Channel, u64)> {
        self.settle(id, now);
        let listens = self.channels.get(id).is_some_and(|c| !c.members.is_empty());
        self.trim(id, listens, now);
        let channel = self.channels.get(id)?;
        let most = channel.keep(&self.settings.keep).messages as u64;
        let history = &channel.history;
        Some((channel, history.base().max(history.head().saturating_sub(most))))
    }

    /// The cursor of somebody who has everything of a channel up to, but without, the message `next`.
    pub fn cursor(&self, channel: &Channel, next: u64) -> Cursor {
        let last = channel.history.get(next.saturating_sub(1));
        // Nothing kept before `next`: the place where the channel stands now, or where it was born.
        let offset = match last {
            Some(message) => message.offset,
            None if next == channel.history.head() => self.log.head().offset,
            None => channel.born.offset,
        };
        Cursor { position: Position { epoch: self.log.epoch(), offset }, seq: Some(next.saturating_sub(1)) }
    }

    /// A cursor as it is given to the readers of this channel.
    pub fn seal(&self, channel: &Channel, cursor: Cursor) -> Sealed {
        self.sealer.seal(cursor, channel.mark)
    }
}

/// The last second and number before these.
fn before((unix_s, number): (u32, u32)) -> Option<(u32, u32)> {
    match number.checked_sub(1) {
        Some(number) => Some((unix_s, number)),
        None => Some((unix_s.checked_sub(1)?, u32::MAX)),
    }
}

/// The same, if the first message has expired behind it and all that have after it; they are lost, where that is counted.
fn behind_holes(channel: &Channel, start: Start, is_counted: bool) -> Start {
    let next = channel.history.live_from(start.next);
    let missed = next.saturating_sub(start.next);
    if missed == 0 {
        return start;
    }
    let lost = match start.lost {
        Lost::Nothing if is_counted => Lost::Some(missed),
        Lost::Some(count) => Lost::Some(count + missed),
        other => other,
    };
    Start { next, lost, ..start }
}

/// Behind a place in the log, and not before `base`.
fn after(channel: &Channel, offset: u64, base: u64) -> Start {
    let next = channel.history.first_after(offset).max(base);
    let whole = next > base || channel.history.offset_before(base) <= offset;
    Start { next, lost: if whole { Lost::Nothing } else { Lost::Unknown(Because::History) }, ahead: false }
}
