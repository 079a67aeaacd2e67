//! Publishing several messages together: all of them, or none; and once, however often it is asked for.
//! Knows nothing of how they were written.
use std::sync::Arc;

use super::Machine;
use super::bayeux::Scarce;
use super::directory::ESCAPED;
use super::make_room::Giving;
use super::once::{Known, Scope, Table};
use super::reply::give_back;
use crate::arena::Id;
use crate::conn::{Conn, Held, Manner, Phase, Post, Role, Several};
use crate::dialect::{Answer, Bulk, Item, JSON, Once, Outcome, Placed, Refusal, Voice};
use crate::hub::{Beside, Channel, Message};
use crate::log::Sealed;
use crate::token::{Grant, Wrong};
use crate::wire::http1::Status;

/// Messages of a batch that count as one request when the turn's work is shared out.
const ITEMS_A_REQUEST: usize = 16;

/// Bytes that a message takes in an answer, besides its channel's name.
const PLACED_BYTES: usize = 96;

/// Why a batch is not published, and because of which of its items; `None` if it is all of them together.
#[derive(Debug)]
pub(super) struct Blame {
    pub(super) refusal: Refusal,
    at: Option<usize>,
}

impl From<Refusal> for Blame {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, at: None }
    }
}

impl Blame {
    /// It is the first that is for a channel; the others for it are no better.
    pub(super) fn of<'i>(items: &'i [Item], channel: &'i str) -> impl Fn(Refusal) -> Self + use<'i> {
        move |refusal| Self { refusal, at: items.iter().position(|item| item.channel == channel) }
    }
}

impl Machine {
    /// Publishes for whoever may.
    pub(super) fn publish_bulk(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        voice: Voice,
        bulk: Bulk<'_>,
    ) {
        let grant = match self.signed(role, [&*bulk.token].into_iter()) {
            Ok(grant) => grant,
            Err(refusal) => return self.refuse(id, manner, &voice, &refusal),
        };
        let checked = self.check_publishers(role, grant.as_ref(), &bulk.items);
        let checked = checked.map_err(|blame| {
            let refusal = self.without_token(blame.refusal, &bulk.token);
            Blame { refusal, ..blame }
        });
        let once = checked.and_then(|()| Ok(self.scoped(role, grant.as_ref(), bulk.once)?));
        match once {
            Ok(once) => self.publish_all_or_hold(id, manner, voice, Several { items: bulk.items, once }),
            Err(blame) => self.refuse_batch(id, manner, &voice, &bulk.items, &blame),
        }
    }

    /// Says no, and of several, because of which.
    fn refuse_batch(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, items: &[Item], blame: &Blame) {
        let at = blame.at.filter(|_| items.len() > 1);
        let Some((at, item)) = at.and_then(|at| Some((at, items.get(at)?))) else {
            return self.refuse(id, manner, voice, &blame.refusal);
        };
        // One message to several channels is one text, of which each has a handle.
        let is_new = |pair: &&[Item]| !Arc::ptr_eq(&pair[0].body, &pair[1].body);
        let before = |items: &[Item]| items.windows(2).filter(is_new).count();
        let index = (before(items) > 0).then(|| before(&items[..=at]));
        let channel = self.shortened(&item.channel);
        self.refuse_in(id, manner, voice, (&channel, index), &blame.refusal);
    }

    /// What is said to somebody without a signed token where one could help: that it is needed, or that what is shown in its place is none
    /// (RFC 6750, section 3.1). Nothing else opens this door but an open one.
    fn without_token(&self, refusal: Refusal, shown: &str) -> Refusal {
        match refusal {
            Refusal::Publish | Refusal::NoToken if self.bearers.keys.is_empty() => refusal,
            Refusal::Publish | Refusal::NoToken if shown.is_empty() => Refusal::NoToken,
            Refusal::Publish | Refusal::NoToken => Refusal::Signed(Wrong::Form),
            other => other,
        }
    }

    fn check_publishers(&self, role: Role, grant: Option<&Grant>, items: &[Item]) -> Result<(), Blame> {
        let check = |item: &Item| {
            self.check_publisher(role, grant, &item.channel).map_err(Blame::of(items, &item.channel))
        };
        items.iter().try_for_each(check)
    }

    /// A key, checked, that is nobody else's: strangers may use the same.
    fn scoped(
        &self,
        role: Role,
        grant: Option<&Grant>,
        once: Option<Box<Once>>,
    ) -> Result<Option<Box<Once>>, Refusal> {
        let Some(mut once) = once else { return Ok(None) };
        let is_key = |c: u8| (b' '..=b'~').contains(&c);
        let most = self.config.limits.idempotency_key_bytes_max;
        if once.key.is_empty() || once.key.len() > most || !once.key.bytes().all(is_key) {
            return Err(Refusal::KeyForm);
        }
        let scope = match (role, grant) {
            (Role::Admin, _) => Scope::Admin,
            (_, Some(Grant { sub: Some(sub), .. })) => Scope::Named(sub),
            (_, Some(_)) => Scope::Unnamed,
            (_, None) => Scope::Anybody,
        };
        scope.put(&mut once.key);
        Ok(Some(once))
    }

    /// Publishes and answers, or waits with both until those who listen have what came before.
    pub(super) fn publish_all_or_hold(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: Voice,
        several: Several,
    ) {
        if let Some(once) = &several.once
            && self.answer_again(id, manner, &voice, once)
        {
            return;
        }
        self.served += several.items.len() / ITEMS_A_REQUEST;
        if let Err(blame) = self.check_batch(&several) {
            return self.refuse_batch(id, manner, &voice, &several.items, &blame);
        }
        let items = &several.items;
        let crowded = self.crowded_by_batch(items);
        if let Some(at) = crowded
            && let Some(conn) = self.conns.get_mut(id)
        {
            let post = Post { batch: Some(several), ..Post::default() };
            self.held_bytes += post.bytes();
            conn.phase = Phase::Held(Box::new(Held { channel: String::new(), post, manner, voice }));
            return self.defer(id, Some(at));
        }
        match self.publish_all(items) {
            Err(blame) => self.refuse_batch(id, manner, &voice, items, &blame),
            Ok(stands) => {
                let placed = placed(items, stands);
                let mut body = std::mem::take(&mut self.body);
                body.clear();
                let answer =
                    voice.dialect.speaker().answer(&voice, &Outcome::PublishedAll(&placed), &mut body);
                if let Some(once) = &several.once {
                    let until =
                        self.post.now.after_ms(self.config.limits.idempotency_seconds.saturating_mul(1_000));
                    self.once.insert(once, &body, until);
                }
                self.reply(id, manner, answer, &[], &body);
                give_back(&mut body);
                self.body = body;
            }
        }
    }

    /// Answers what has been asked for before; true if there is nothing more to be done.
    fn answer_again(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, once: &Once) -> bool {
        match self.once.find(once, self.post.now) {
            Known::New => return false,
            Known::Other => self.refuse(id, manner, voice, &Refusal::KeyReused),
            Known::Same(answer) => {
                let answer: Box<[u8]> = answer.into();
                self.counters.publishes_replayed += 1;
                let fields = [("Idempotent-Replayed", "true")];
                self.reply(id, manner, Answer { status: Status::OK, content_type: JSON }, &fields, &answer);
            }
        }
        true
    }

    /// Whether those who listen can be handed all of it without being outrun, and whether every name can be a channel's.
    pub(super) fn check_batch(&mut self, several: &Several) -> Result<(), Blame> {
        let Several { items, once } = several;
        if items.len() > self.config.limits.publish_messages_max {
            return Err(Refusal::TooMuchAtOnce.into());
        }
        let answer: usize = items.iter().map(|item| PLACED_BYTES + item.channel.len() * ESCAPED).sum();
        if let Some(once) = once
            && !self.once.has_room(once, answer, &self.config.limits)
        {
            return Err(Refusal::TooManyKeys.into());
        }
        let mut new = 0;
        for Share { channel, count, bytes } in shares(items) {
            if count > 1 && bytes > self.hub.ahead_bytes(channel) {
                return Err(Blame::of(items, channel)(Refusal::TooMuchAtOnce));
            }
            self.check_name(channel).map_err(Blame::of(items, channel))?;
            new += usize::from(self.hub.find(channel).is_none());
        }
        self.check_batch_in_groups(items)?;
        // Those who listen to a pattern hear of all its channels.
        let in_patterns =
            self.hub.shares_of_patterns(shares(items).iter().map(|s| (s.channel, s.count, s.bytes)));
        if in_patterns
            .into_iter()
            .any(|(index, count, bytes)| count > 1 && bytes > self.hub.ahead_bytes_of(index))
        {
            return Err(Refusal::TooMuchAtOnce.into());
        }
        while new > 0 && self.hub.channels() + new > self.config.limits.channels_max {
            if !self.sleepers_give_way(Scarce::Channel) {
                return Err(Refusal::TooManyChannels.into());
            }
        }
        if once.as_ref().is_some_and(|once| self.is_short_of(Table::cost(once, answer))) {
            return Err(Refusal::Memory.into());
        }
        Ok(())
    }

    /// A channel whose listeners must be served before these are published.
    pub(super) fn crowded_by_batch(&self, items: &[Item]) -> Option<Id<Channel>> {
        let crowded = |Share { channel, bytes, .. }: Share<'_>| {
            self.hub.crowded(channel, self.hub.find(channel), bytes)
        };
        shares(items).into_iter().find_map(crowded)
    }

    /// Appends all, once it is known that all can be; gives where each stands.
    pub(super) fn publish_all(&mut self, items: &[Item]) -> Result<Vec<(u64, Sealed)>, Blame> {
        let now = self.post.now;
        let shares = shares(items);
        let new = |share: &Share<'_>| {
            let is_new = self.hub.find(share.channel).is_none();
            if is_new { size_of::<Channel>() + share.channel.len() } else { 0 }
        };
        let new: usize = shares.iter().map(new).sum();
        self.check_journal()?;
        for share in &shares {
            let checked = self.check_pace_of(self.hub.find(share.channel), share.count);
            checked.map_err(Blame::of(items, share.channel))?;
        }
        self.make_room_in(shares.iter().map(|s| (s.channel, s.count, s.bytes)), new, Giving::Own)?;
        let mut at: Vec<Id<Channel>> = Vec::with_capacity(items.len());
        for item in items {
            at.push(self.open_channel(&item.channel, self.channel_ms())?);
        }
        let mut stands = Vec::with_capacity(items.len());
        for (at, item) in at.into_iter().zip(items) {
            // Only a closed channel takes nothing, and a closed one has no name to be found by.
            let body = Arc::clone(&item.body);
            let seq = self.hub.publish_for(at, body, item.ttl_ms, now).ok_or(Refusal::NotFound)?;
            let channel = self.hub.peek(at).ok_or(Refusal::NotFound)?;
            stands.push((seq, self.hub.seal(channel, self.hub.cursor(channel, seq + 1))));
        }
        Ok(stands)
    }
}

/// Messages with the places where they have come to stand.
fn placed<'i>(items: &'i [Item], stands: Vec<(u64, Sealed)>) -> Vec<Placed<'i>> {
    let place = |(item, (seq, cursor)): (&'i Item, _)| Placed { channel: &item.channel, seq, cursor };
    items.iter().zip(stands).map(place).collect()
}

/// What a message takes.
fn size(item: &Item) -> usize {
    Message::cost(item.body.len(), None, None) + if item.ttl_ms > 0 { Beside::cost(0) } else { 0 }
}

/// What a batch has for one channel.
#[derive(Debug, PartialEq, Eq)]
struct Share<'i> {
    channel: &'i str,
    /// Messages.
    count: usize,
    /// What they take.
    bytes: usize,
}

/// The channels of a batch, each once, in the order of their names.
fn shares(items: &[Item]) -> Vec<Share<'_>> {
    let mut shares: Vec<Share<'_>> =
        items.iter().map(|item| Share { channel: &item.channel, count: 1, bytes: size(item) }).collect();
    shares.sort_unstable_by_key(|share| share.channel);
    shares.dedup_by(|next, first| {
        let is_same = next.channel == first.channel;
        if is_same {
            (first.count, first.bytes) = (first.count + next.count, first.bytes + next.bytes);
        }
        is_same
    });
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_what_looking_at_each_with_each_finds() {
        let names = ["b", "a", "b", "c", "a", "b", "", "ab"];
        let item = |(n, name): (usize, &&str)| Item {
            channel: (*name).to_owned(),
            body: "x".repeat(n * 7).into(),
            ttl_ms: 0,
        };
        let items: Vec<Item> = names.iter().enumerate().map(item).collect();
        let found = shares(&items);
        for (i, item) in items.iter().enumerate() {
            let same = || items.iter().filter(|other| other.channel == item.channel);
            let wanted =
                Share { channel: &item.channel, count: same().count(), bytes: same().map(size).sum() };
            assert_eq!(found.iter().filter(|share| **share == wanted).count(), 1, "{i}");
        }
        assert_eq!(found.len(), 5);
        assert_eq!(shares(&[]), []);
    }
}
