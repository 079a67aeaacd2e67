//! Messages that a session lacks in several of its seats at once, because its own subscriptions overlap: they are handed over
//! as the range of one seat, which is written once for all sessions that lack it, and the other seats are moved past it.
//! Knows nothing of how a session's own batch is written.
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::gather::{Fill, Gathered, had};
use super::name;
use super::session::Session;
use crate::hub::{Channel, Hub};

/// The message that each seat lacks first: its place in the log, the seat, and its number there.
pub(super) type Due = BinaryHeap<Reverse<(u64, usize, u64)>>;

/// Puts what is due into `gathered` as a range of one seat, if that is all that could be said in one batch anyway; false if the
/// session needs a batch of its own. Nothing has changed then.
pub(super) fn take_shared(
    hub: &Hub,
    session: &Session,
    due: &Due,
    fill: Fill,
    gathered: &mut Gathered,
) -> bool {
    let Some(&Reverse((first, ..))) = due.peek() else { return false };
    let Some((lead, from)) = lead(hub, session, due, first) else { return false };
    let Some((id, channel, _)) = session.reads(hub, &session.seats[lead]) else { return false };
    let history = channel.history();
    let head = history.head();
    let singly = head - from <= fill.singly_behind;
    let to = if singly { from + 1 } else { history.batch_end(from, fill.bytes_max) };
    if take_range(hub, session, due, (lead, from, to, singly), gathered) {
        gathered.range = Some((id, from, to));
        return true;
    }
    // A message that would be alone in its batch need not be the session's own. And where memory is short, nothing is: what is
    // behind it comes with the next batch.
    let is_large = history.get(from).is_some_and(|message| message.weight() > fill.bytes_max);
    if (is_large || fill.is_short) && take_range(hub, session, due, (lead, from, from + 1, true), gathered) {
        gathered.range = Some((id, from, from + 1));
        return true;
    }
    false
}

/// Of the seats that lack the first message, the one that lacks most: only its range can have what all the others lack. A channel
/// rather than a pattern, because it has more readers.
fn lead(hub: &Hub, session: &Session, due: &Due, first: u64) -> Option<(usize, u64)> {
    let firsts = due.iter().filter(|Reverse((offset, ..))| *offset == first);
    let best = firsts.max_by_key(|Reverse((_, i, from))| {
        let seat = &session.seats[*i];
        let lacks = session.reads(hub, seat).map_or(0, |(_, channel, _)| channel.history().head() - from);
        (lacks, !name::is_pattern(&seat.name), Reverse(*i))
    });
    best.map(|&Reverse((_, i, from))| (i, from))
}

/// Moves every seat past the messages `from..to` of the seat `lead`, if they are all that is lacking up to there. Of what stands
/// behind them, only `lead` may lack some, unless the batch `may_end` before what others lack.
fn take_range(
    hub: &Hub,
    session: &Session,
    due: &Due,
    (lead, from, to, may_end): (usize, u64, u64, bool),
    gathered: &mut Gathered,
) -> bool {
    let Some((_, channel, _)) = session.reads(hub, &session.seats[lead]) else { return false };
    let history = channel.history();
    let Some(last) = history.get(to - 1).map(|message| message.offset) else { return false };
    // What one seat lacks that came late to its place, or is sent again, another may have had.
    let mut old = history.range(from, to).take_while(|(_, message)| message.offset <= session.at);
    if old.any(|(_, message)| had(hub, session, lead, channel, message)) {
        return false;
    }
    let has_more = to < history.head();
    let (mut moves, mut lost, mut more) = (vec![(lead, to)], 0, has_more);
    for &Reverse((_, i, seq)) in due.iter().filter(|Reverse((_, i, _))| *i != lead) {
        let Some((_, other, _)) = session.reads(hub, &session.seats[i]) else { continue };
        let Some((next, missing)) = past(other, seq, channel, (from, to)) else { return false };
        if next < other.history().head() {
            if !(has_more || may_end) {
                return false;
            }
            more = true;
        }
        if next > seq {
            moves.push((i, next));
            lost += missing;
        }
    }
    for (i, next) in moves {
        match gathered.moves.iter_mut().find(|(moved, _)| *moved == i) {
            Some((_, place)) => *place = next,
            None => gathered.moves.push((i, next)),
        }
    }
    gathered.gap.lost += lost;
    (gathered.count, gathered.at, gathered.more) = (to - from, last, more);
    true
}

/// Where a seat in `other` stands that lacked `seq`, once the messages `from..to` of `lead` were handed over, and how many it has
/// missed on its way; `None` if it lacks one before their end that is not among them.
fn past(other: &Channel, mut seq: u64, lead: &Channel, (from, to): (u64, u64)) -> Option<(u64, u64)> {
    let last = lead.history().get(to - 1)?.offset;
    let (mut at, mut missing) = (from, 0);
    while let Some(message) = other.history().get(seq).filter(|message| message.offset <= last) {
        // Both are in the order of the log.
        while lead.history().get(at)?.offset < message.offset {
            at += 1;
        }
        if lead.history().get(at)?.offset != message.offset {
            return None;
        }
        let after = other.history().live_from(seq + 1);
        missing += after - (seq + 1);
        seq = after;
    }
    Some((seq, missing))
}
