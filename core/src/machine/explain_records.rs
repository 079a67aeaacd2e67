//! What records say of one client and one message.
//! Knows nothing of which records are asked.
use super::explain::Verdict;
use super::explain_left::Since;
use crate::hub::{Owner, Record, What};

/// What records say of one client and one message. Who was handed it has it, whatever else happened. `next` is where the client
/// stands if it reads the channel now.
pub(super) fn from_records<'r>(
    records: impl Iterator<Item = &'r Record> + Clone,
    (owner, since): (Owner, Since),
    seq: u64,
    next: Option<u64>,
) -> Option<Verdict> {
    let mut verdict = None;
    // Everybody in the channel was served, so this one was, unless what follows says that it had no room.
    let mut served = None;
    // Where it stands as far as has been read: in the channel since a message, or not.
    let mut wants: Option<u64> = None;
    // Up to where its last answer went, and when: who has its answer leaves with it, and no record says so.
    let mut answered = None;
    // Why it is about to leave, if not of its own accord, and when.
    let mut sent_away = None;
    let mut was_there = came_before(records.clone().filter(|record| record.owner == owner), next.is_some());
    for record in records.filter(|record| record.owner == owner || record.owner == 0) {
        let at = Some(record.at);
        let is_wanted = wants.is_some_and(|from| from <= seq);
        match &record.what {
            What::Handed { to, .. } | What::Missed { to, .. } => answered = Some((*to, at)),
            What::Joined { .. } | What::Left { .. } | What::Refused { .. } => answered = None,
            // It came, at the latest, for what follows this one, and nobody knows for what else.
            What::Served { head } if was_there => wants = wants.or(Some(*head)),
            _ => {}
        }
        was_there &= !matches!(record.what, What::Joined { .. } | What::Left { .. });
        match &record.what {
            What::Handed { from, to } if (*from..*to).contains(&seq) => {
                return Some(Verdict::new("delivered", "the client was handed it", at));
            }
            What::Served { head } if *head > seq && is_wanted => {
                let words = "the client was in the channel when everybody was handed it";
                served.get_or_insert(Verdict::new("delivered", words, at));
            }
            What::Left { next } if *next > seq && is_wanted => {
                let words = "the client had been handed it when it left";
                served.get_or_insert(Verdict::new("delivered", words, at));
                wants = None;
            }
            What::Joined { next } => {
                wants = Some(*next);
                if *next > seq {
                    let words = format!("the client came for number {next} and what follows");
                    verdict.get_or_insert(Verdict::new("not subscribed yet", words, at));
                }
            }
            What::Missed { from, to } if (*from..*to).contains(&seq) => {
                let words = format!(
                    "the client was too slow, or away for too long: numbers {from} to {} were no longer kept when its turn \
                     came",
                    to - 1
                );
                return Some(Verdict::new("missed", words, at));
            }
            What::Unsure { to } if *to > seq => {
                let words = format!(
                    "the client did not say in a way that could be followed where it stood: it was told that nobody knows how \
                     many are missing before number {to}"
                );
                return Some(Verdict::new("missed", words, at));
            }
            What::Left { next } => {
                wants = None;
                if *next <= seq {
                    served = None;
                    let words = match sent_away.filter(|(when, _)| *when == record.at) {
                        Some((_, why)) => {
                            format!("the client was sent away when the next number was {next}: {why}")
                        }
                        None => since.words(*next),
                    };
                    verdict = Some(Verdict::new("left before", words, at));
                }
            }
            What::SentAway { why } => sent_away = Some((record.at, *why)),
            What::Refused { why, .. } => {
                verdict = Some(Verdict::new("refused", format!("the subscription was refused: {why}"), at));
            }
            What::Handed { .. }
            | What::Served { .. }
            | What::Missed { .. }
            | What::Unsure { .. }
            | What::Ended { .. } => {}
        }
    }
    let is_due = next.is_some_and(|next| next <= seq);
    match served.filter(|_| !is_due) {
        Some(served) => Some(served),
        None if next.is_none() && answered.is_some_and(|(to, _)| to <= seq) => {
            answered.map(|(to, at)| Verdict::new("left before", since.words(to), at))
        }
        // Whoever is there and wants it has nothing to explain but what is under way.
        None if is_due || wants.is_some_and(|from| from <= seq) => None,
        None => verdict,
    }
}

/// Whether a client read the channel already when the first of all records that are left was made, by its own records and whether
/// it reads it now. No record of a coming leaves before those that follow it.
fn came_before<'r>(mut own: impl Iterator<Item = &'r Record>, is_there: bool) -> bool {
    let first = own.find(|record| matches!(record.what, What::Joined { .. } | What::Left { .. }));
    first.map_or(is_there, |record| matches!(record.what, What::Left { .. }))
}
