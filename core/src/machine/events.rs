//! Subscriptions to channels by one cursor: where each begins, what is told at once, and what is left waiting.
//! Knows nothing of how it is written.
use super::Machine;
use super::listen::Waiting;
use super::read::Place;
use super::tell::{Asker, Tidings};
use crate::arena::Id;
use crate::conn::{Conn, Manner, Role};
use crate::dialect::{Hold, News, Refusal, Subscribe, Tail, Voice};
use crate::hub::{Access, Channel, From, Hub, Join, Lost, Start, Wanted, is_private};
use crate::log::{Cursor, Position, Sealed};

/// A channel, and where the subscription begins in it.
type Entry = (Id<Channel>, Start);

impl Machine {
    /// Begins a subscription.
    pub(super) fn subscribe_channels(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        voice: Voice,
        subscribe: &Subscribe<'_>,
    ) {
        let entries = match self.admit_subscriber(role, subscribe) {
            Ok(entries) => entries,
            Err(refusal) => return self.refuse(id, manner, &voice, &refusal),
        };
        let now = self.post.now;
        if let (Some(who), [(at, _)]) = (&subscribe.who, &entries[..]) {
            self.hub.meet(*at, who, id.to_bits(), now);
        }
        self.counters.subscribed += 1;
        for (_, start) in &entries {
            match start.lost {
                Lost::Nothing => {}
                Lost::Some(n) => self.counters.lost += n,
                Lost::Unknown => self.counters.gaps_unknown += 1,
            }
        }
        let places: Vec<Place> = entries.iter().map(|(at, start)| (*at, start.next)).collect();
        let has_gaps = entries.iter().any(|(_, start)| start.lost != Lost::Nothing);
        if subscribe.hold == Hold::Stream {
            return self.begin_events((id, role), manner, voice, subscribe, &entries, &places);
        }
        if has_gaps || self.has_news(&places) {
            let (_, _, hub) = self.delivery();
            // Messages say where whoever has them stands; gaps do not.
            let gaps = gaps(hub, &entries);
            let names: Vec<(String, u64, Lost)> =
                gaps.iter().map(|&(name, next, lost)| (name.to_owned(), next, lost)).collect();
            let ready = standing(hub, &places);
            let mut first: Vec<News<'_>> = names
                .iter()
                .map(|(name, next, lost)| News::Gap { channel: name, next: *next, lost: *lost })
                .collect();
            if !first.is_empty() {
                first.push(News::Ready { channels: &[], cursor: ready });
            }
            return self.say_several(id, manner, &voice, &places, 0, &first);
        }
        let (mut delivery, conns, hub) = self.delivery();
        // Whoever has no cursor yet is given one at once: with nothing to go on from, what came between two polls would be
        // missed.
        if subscribe.wait_ms == Some(0) || subscribe.from == From::New {
            let Some(conn) = conns.get_mut(id) else { return };
            let news = [News::Quiet { channel: "", echo: 0, cursor: Some(standing(hub, &places)) }];
            let tidings = Tidings { news: &news, range: None, live: false, tail: Tail::default() };
            return delivery.whole_answer(conn, Asker { id, manner, voice: &voice }, tidings);
        }
        self.take_places((id, role), manner, voice, subscribe, &places);
    }

    fn admit_subscriber(&mut self, role: Role, subscribe: &Subscribe<'_>) -> Result<Vec<Entry>, Refusal> {
        let now = self.post.now;
        if subscribe.channels.len() > self.config.limits.channels_per_subscription_max {
            return Err(Refusal::TooManyInOne);
        }
        if let Some(who) = &subscribe.who {
            self.check_person(who)?;
        }
        let bytes: usize =
            subscribe.channels.iter().map(|name| name.len() + 2 * size_of::<(Place, Place)>()).sum();
        if self.is_short_of(bytes + subscribe.who.as_ref().map_or(0, |who| who.len())) {
            return Err(Refusal::Memory);
        }
        let mut found: Vec<Id<Channel>> = Vec::with_capacity(subscribe.channels.len());
        for (i, name) in subscribe.channels.iter().enumerate() {
            let token = match &subscribe.tokens[..] {
                [one] => Some(one),
                several => several.get(i),
            };
            let at = self.readable(role, name, token.map_or("", |token| token))?;
            if self.hub.peek(at).map_or(0, Channel::members) >= self.config.limits.subscribers_per_channel_max
            {
                return Err(Refusal::TooManySubscribers);
            }
            self.check_reader_in_group(name)?;
            if !found.contains(&at) {
                found.push(at);
            }
        }
        let mut entries = Vec::with_capacity(found.len());
        for at in found {
            self.hub.prolong(at, self.channel_ms(), now);
            self.hub.note_asked(at, now);
            entries.extend(self.hub.start(at, subscribe.from, now).map(|start| (at, start)));
        }
        Ok(entries)
    }

    /// The channel of this name for somebody who shows this token; made if there is none and nobody has to show any.
    pub(super) fn readable(&mut self, role: Role, name: &str, token: &str) -> Result<Id<Channel>, Refusal> {
        let needs_token = self.needs_token(role);
        let at = match self.hub.find(name) {
            Some(at) => at,
            None if needs_token => return Err(Refusal::Token),
            None => self.open_channel(name, 0)?,
        };
        let has_token = self.hub.has_token(at, token);
        // It may have been registered for clients who are known by name, and they are not known here.
        let for_sessions = self.hub.peek(at).and_then(Channel::registered).is_some_and(|own| own.sessions);
        let is_shut = needs_token || ((for_sessions || is_private(name)) && role != Role::Admin);
        if is_shut && !has_token { Err(Refusal::Token) } else { Ok(at) }
    }

    fn begin_events(
        &mut self,
        (id, role): (Id<Conn>, Role),
        manner: Manner,
        voice: Voice,
        subscribe: &Subscribe<'_>,
        entries: &[Entry],
        places: &[Place],
    ) {
        let (mut delivery, conns, hub) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        let channels: Vec<&str> =
            entries.iter().filter_map(|(at, _)| hub.peek(*at)).map(Channel::name).collect();
        // What is missing comes before the place behind it: whoever goes on from there has been told.
        let gaps = gaps(hub, entries).into_iter();
        let mut news: Vec<News<'_>> =
            gaps.map(|(channel, next, lost)| News::Gap { channel, next, lost }).collect();
        news.push(News::Ready { channels: &channels, cursor: standing(hub, places) });
        if let (Some(_), [(at, _)]) = (&subscribe.who, entries)
            && let Some(channel) = hub.peek(*at)
            && let Some(roster) = channel.roster()
        {
            news.push(News::Roster { channel: channel.name(), roster });
        }
        let to = Asker { id, manner, voice: &voice };
        delivery.begin(conn, to);
        delivery.say_news(conn, to, &news);
        self.take_places((id, role), manner, voice, subscribe, places);
    }

    /// Takes the seats. What is there already is handed over as what comes later is.
    fn take_places(
        &mut self,
        (id, role): (Id<Conn>, Role),
        manner: Manner,
        voice: Voice,
        subscribe: &Subscribe<'_>,
        places: &[Place],
    ) {
        if !self.may_wait(id) {
            return;
        }
        let (owner, now) = (id.to_bits(), self.post.now);
        let mut quiet_ms = voice.dialect.speaker().quiet_ms(&self.config);
        if let (Hold::Poll, Some(wait_ms)) = (subscribe.hold, subscribe.wait_ms) {
            quiet_ms = quiet_ms.min(wait_ms);
        }
        // There was room in each when it was admitted, in this very turn.
        let joined = match *places {
            [(at, next)] => {
                let notices = self.hub.notices(at).filter(|_| subscribe.who.is_some());
                self.hub.join(at, Join { next, owner, who: subscribe.who.as_deref(), notices }, now)
            }
            _ => {
                // A channel that ends and comes to be anew is another: its token is, too.
                let is_admin = role == Role::Admin;
                let access = Access { open: !self.needs_token(role), sessions: is_admin, private: is_admin };
                self.hub.join_many(
                    Wanted { places, absent: Vec::new(), awaits: true, access, session: None },
                    owner,
                    now,
                )
            }
        };
        if let Ok(sub) = joined {
            let (hold, quiet_until) = (subscribe.hold, now.after_ms(quiet_ms));
            self.wait(id, sub, Waiting { manner, voice, hold, echo: 0, quiet_until });
        }
    }
}

/// What is missing of each channel.
fn gaps<'h>(hub: &'h Hub, entries: &[Entry]) -> Vec<(&'h str, u64, Lost)> {
    let missing = entries.iter().filter(|(_, start)| start.lost != Lost::Nothing);
    missing.filter_map(|(at, start)| Some((hub.peek(*at)?.name(), start.next, start.lost))).collect()
}

/// The cursor of somebody who has everything before these places: the end of the log, or the place before the first message
/// that is still to come.
pub(super) fn standing(hub: &Hub, places: &[Place]) -> Sealed {
    let head = hub.head();
    let first = places.iter().filter_map(|&(at, next)| Some(hub.peek(at)?.history().get(next)?.offset)).min();
    let offset = first.map_or(head.offset, |offset| offset.saturating_sub(1));
    hub.sealer().seal(Cursor { position: Position { epoch: head.epoch, offset }, seq: None }, 0)
}
