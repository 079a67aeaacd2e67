//! What a session lacks: the messages of all its channels and patterns in the order of the log, each once.
//! Knows nothing of connections.
use std::cmp::Reverse;

use super::acks::Gap;
use super::overlap::{Due, take_shared};
use super::seats::Seat;
use super::service::MAILBOX;
use super::session::Session;
use crate::arena::Id;
use crate::dialect::bayeux::{name, write};
use crate::hub::{Channel, Hub, Message, Pattern};

/// What a session is handed.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Where its seats go: the index of each that moves, and its next message.
    pub(super) moves: Vec<(usize, u64)>,
    /// How many messages.
    pub(super) count: u64,
    /// What it has missed.
    pub(super) gap: Gap,
    /// The place of the last one in the log.
    pub(super) at: u64,
    /// The messages are these of one channel, and are not written: others get the same.
    pub(super) range: Option<(Id<Channel>, u64, u64)>,
    /// It lacks more than this.
    pub(super) more: bool,
    /// Bytes before what its client calls a channel.
    pub(super) prefix: u8,
}

/// How much is gathered, and how it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    /// Bytes, but one message in any case.
    pub(super) bytes_max: usize,
    /// Of one channel, messages that are at most so far behind the newest are gathered one by one.
    pub(super) singly_behind: u64,
    /// As in [`crate::dialect::bayeux::style`].
    pub(super) style: u8,
    /// Memory is used up: only what others get as well is handed over.
    pub(super) is_short: bool,
}

impl Gathered {
    /// Whether there is something to be said.
    pub(super) fn is_news(&self) -> bool {
        self.count > 0 || self.gap.is_some()
    }

    /// Appends the event that says what is missing, if something is.
    pub(super) fn write_gap(&self, out: &mut Vec<u8>) {
        if self.gap.is_some() {
            write::gap((!self.gap.is_unsure).then_some(self.gap.lost), out);
        }
    }
}

/// Gathers what a session lacks. Events that nobody else gets so are appended to `out`.
pub(super) fn gather(hub: &Hub, session: &Session, fill: Fill, out: &mut Vec<u8>) -> Gathered {
    let prefix = session.prefix.bytes();
    let mut gathered = Gathered { gap: session.gap, prefix, ..Gathered::default() };
    let mut first = None;
    let mut due = Due::new();
    for (i, seat) in session.seats.iter().enumerate() {
        let Some((_, channel, next)) = session.reads(hub, seat) else { continue };
        let history = channel.history();
        let from = history.live_from(next);
        if from > next {
            gathered.gap.lost += from - next;
            gathered.moves.push((i, from));
        }
        let Some(message) = history.get(from) else { continue };
        let entry = Reverse((message.offset, i, from));
        match first.take() {
            None if due.is_empty() => first = Some(entry),
            earlier => {
                due.extend(earlier);
                due.push(entry);
            }
        }
    }
    if let Some(Reverse((offset, i, from))) = first {
        // All but one are level. What that one lacks, no other has had either, unless it came late to its place.
        if offset > session.at {
            return gather_one(hub, session, i, from, fill, gathered);
        }
        due.push(Reverse((offset, i, from)));
    }
    if !due.is_empty() && !take_shared(hub, session, &due, fill, &mut gathered) {
        gather_all(hub, session, due, fill, &mut gathered, out);
    }
    gathered
}

fn gather_one(
    hub: &Hub,
    session: &Session,
    i: usize,
    from: u64,
    fill: Fill,
    mut gathered: Gathered,
) -> Gathered {
    let Some((id, channel, _)) = session.reads(hub, &session.seats[i]) else { return gathered };
    let head = channel.history().head();
    let singly = head - from <= fill.singly_behind;
    let to = if singly { from + 1 } else { channel.history().batch_end(from, fill.bytes_max) };
    gathered.more = to < head;
    gathered.at = channel.history().get(to - 1).map_or(0, |message| message.offset);
    gathered.count = to - from;
    gathered.range = Some((id, from, to));
    gathered.moves.retain(|(moved, _)| *moved != i);
    gathered.moves.push((i, to));
    gathered
}

fn gather_all(
    hub: &Hub,
    session: &Session,
    mut due: Due,
    fill: Fill,
    gathered: &mut Gathered,
    out: &mut Vec<u8>,
) {
    let bytes_max = if fill.is_short { 0 } else { fill.bytes_max };
    let mut bytes = 0;
    let mut last = None;
    while let Some(Reverse((offset, i, seq))) = due.pop() {
        let Some((_, channel, _)) = session.reads(hub, &session.seats[i]) else { continue };
        let Some(message) = channel.history().get(seq) else { continue };
        let is_same = last == Some(offset);
        if !is_same && bytes > 0 && bytes + message.weight() > bytes_max {
            gathered.more = true;
            break;
        }
        let after = channel.history().live_from(seq + 1);
        gathered.gap.lost += after - (seq + 1);
        match gathered.moves.iter_mut().find(|(moved, _)| *moved == i) {
            Some((_, next)) => *next = after,
            None => gathered.moves.push((i, after)),
        }
        if let Some(next) = channel.history().get(after) {
            due.push(Reverse((next.offset, i, after)));
        }
        // However many of its subscriptions it is in, a session gets it once.
        if is_same || (offset <= session.at && had(hub, session, i, channel, message)) {
            last = Some(offset);
            continue;
        }
        last = Some(offset);
        if !out.is_empty() {
            out.push(b',');
        }
        let name = message.channel().unwrap_or(channel.name());
        write::event(name::told(name, gathered.prefix), message, fill.style, out);
        bytes += message.weight();
        gathered.count += 1;
        gathered.at = gathered.at.max(offset);
    }
}

/// Whether a message that the seat `i` lacks was handed over by another seat.
pub(super) fn had(hub: &Hub, session: &Session, i: usize, channel: &Channel, message: &Message) -> bool {
    if *session.seats[i].name == *MAILBOX {
        // It is in no channel.
        return false;
    }
    let name = message.channel().unwrap_or(channel.name());
    session.seats.iter().enumerate().any(|(other, seat)| {
        let matches = other != i
            && seat.since < message.offset
            && (*seat.name == *name || Pattern::of_segments(&seat.name).is_some_and(|p| p.matches(name)));
        // It is past the message if the next that it lacks stands behind it.
        matches
            && session.reads(hub, seat).is_some_and(|(_, channel, next)| {
                channel.history().get(next).is_none_or(|lacks| lacks.offset > message.offset)
            })
    })
}

impl Session {
    /// The channel or index that a seat is in, and the number of its next message.
    pub(super) fn reads<'h>(&self, hub: &'h Hub, seat: &Seat) -> Option<(Id<Channel>, &'h Channel, u64)> {
        let subscription = hub.subscription(seat.sub)?;
        let id = subscription.channel()?;
        let next = subscription.next()?;
        // What was handed over a moment ago is not lacking any more, although the cursor is still to be moved.
        let next = if self.acks.is_none() { next.max(seat.floor) } else { next };
        Some((id, hub.peek(id)?, next))
    }
}
