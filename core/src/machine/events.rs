//! Subscriptions to channels by one cursor: where each begins, what is told at once, and what is left waiting.
//! Knows nothing of how it is written.
use super::Machine;
use super::deliver::people;
use super::listen::Waiting;
use super::read::Place;
use super::tell::{Asker, Tidings};
use super::tokens::{Shown, without_history};
use crate::arena::Id;
use crate::conn::{Conn, Manner, Role};
use crate::dialect::{Echo, Hold, News, Refusal, Subscribe, Tail, Voice};
use crate::hub::{Access, Channel, From, Hub, Join, Lost, Start, Wanted};
use crate::log::{Cursor, Position, Sealed};
use crate::token::{Act, Grant};

/// A channel, and where the subscription begins in it.
type Entry = (Id<Channel>, Start);

/// Channels of a subscription that count as a request when the turn's work is shared out.
pub(super) const CHANNELS_A_REQUEST: usize = 16;

/// A channel of whose people something is to be told: what comes behind this change, or who is there at all.
pub(super) type Company = (Id<Channel>, Option<u64>);

/// A subscriber that was let in.
struct Admitted {
    entries: Vec<Entry>,
    /// Whose people it is to be told of at once, if there is news of them.
    company: Vec<Company>,
    /// What its signed token allows, if it has shown one.
    grant: Option<Grant>,
    /// It may read these channels when they come again, too.
    is_open: bool,
}

/// Why a subscriber is not let in, and because of which of the channels, by their places in the request; `None` if it is the
/// request as such.
type Denied = (Refusal, Option<usize>);

/// What lets a subscriber in.
struct Pass {
    grant: Option<Grant>,
    is_open: bool,
}

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
        let Admitted { entries, company, grant, is_open } = match self.admit_subscriber(role, subscribe) {
            Ok(admitted) => admitted,
            Err((refusal, of)) => {
                self.note_refusals(id, subscribe.channels.iter().map(|name| &**name), &refusal);
                return match of.and_then(|i| subscribe.channels.get(i)) {
                    Some(channel) => self.refuse_in(id, manner, &voice, (channel, None), &refusal),
                    None => self.refuse(id, manner, &voice, &refusal),
                };
            }
        };
        let now = self.post.now;
        if let Some(who) = &subscribe.who {
            for (at, _) in &entries {
                self.hub.meet(*at, who, id.to_bits(), now);
            }
        }
        self.counters.subscribed += 1;
        for (at, start) in &entries {
            self.count_lost(id, *at, start);
        }
        let places: Vec<Place> = entries.iter().map(|(at, start)| (*at, start.next)).collect();
        let has_gaps = entries.iter().any(|(_, start)| start.lost != Lost::Nothing);
        let pass = Pass { grant, is_open };
        if subscribe.hold == Hold::Stream {
            return self.begin_events(id, manner, voice, subscribe, (&entries, &places, &company), pass);
        }
        let now_s = self.date.unix_seconds();
        let expiring =
            pass.grant.as_ref().and_then(|grant| grant.expires_soon(self.config.token.warn_seconds, now_s));
        let expiring = expiring.map(|in_s| News::Expiring { in_s });
        let is_told = self.has_company(&company, &voice);
        if has_gaps || is_told || self.has_news(&places) {
            let company = if is_told { company } else { Vec::new() };
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
            if !first.is_empty() || !company.is_empty() {
                first.push(News::Ready { channels: &[], cursor: ready });
            }
            first.extend(expiring);
            return self.say_several(id, manner, &voice, &places, 0, (&first, &company));
        }
        let (mut delivery, conns, hub) = self.delivery();
        // Whoever has no cursor yet is given one at once: with nothing to go on from, what came between two polls would be
        // missed.
        if subscribe.wait_ms == Some(0) || !matches!(subscribe.from, From::Shown(_) | From::After(_)) {
            let Some(conn) = conns.get_mut(id) else { return };
            let quiet =
                News::Quiet { channel: "", echo: Echo::default(), cursor: Some(standing(hub, &places)) };
            let news: Vec<News<'_>> = [quiet].into_iter().chain(expiring).collect();
            let tidings = Tidings { news: &news, range: None, live: false, tail: Tail::default() };
            return delivery.whole_answer(conn, Asker { id, manner, voice: &voice }, tidings);
        }
        self.take_places(id, manner, voice, subscribe, &places, pass);
    }

    fn admit_subscriber(&mut self, role: Role, subscribe: &Subscribe<'_>) -> Result<Admitted, Denied> {
        let now = self.post.now;
        let grant = self.check_request(role, subscribe).map_err(|refusal| (refusal, None))?;
        if let Some(who) = &subscribe.who {
            for (i, channel) in subscribe.channels.iter().enumerate() {
                self.check_bearer(role, grant.as_ref(), who, channel).map_err(|refusal| {
                    let of = (!matches!(refusal, Refusal::NotTheirName)).then_some(i);
                    (refusal, of)
                })?;
            }
        }
        self.check_work(subscribe, grant.as_ref()).map_err(|refusal| (refusal, None))?;
        let mut found: Vec<(Id<Channel>, bool)> = Vec::with_capacity(subscribe.channels.len());
        let mut company: Vec<Company> = Vec::new();
        // A poll that does not say what it knows hears of those who come and go while it waits.
        let is_told =
            subscribe.who.is_some() && (subscribe.hold == Hold::Stream || !subscribe.rosters.is_empty());
        let mut is_open = !self.needs_token(role);
        let mut granted = 0;
        for i in 0..subscribe.channels.len() {
            let (at, has_past, is_granted) =
                self.admit_to(role, subscribe, i, grant.as_ref()).map_err(|refusal| (refusal, Some(i)))?;
            granted += usize::from(is_granted);
            if !found.iter().any(|(other, _)| *other == at) {
                found.push((at, has_past));
                if is_told {
                    let known = subscribe.rosters.get(i);
                    company.push((at, known.map(|n| n.saturating_add(1))));
                }
            }
        }
        if company.len() > 1 {
            // It is told at once who is there, perhaps in all of them.
            let names: Vec<&str> = subscribe.channels.iter().map(|name| &**name).collect();
            let at: Vec<_> = found.iter().map(|(at, _)| Some(*at)).collect();
            self.check_presence(&names, &at).map_err(|refusal| (refusal, None))?;
        }
        // Nobody who sleeps is ended for what is refused after all.
        let seats = self.config.limits.subscribers_per_channel_max;
        if !found.iter().all(|(at, _)| self.has_seat(*at, seats)) {
            return Err((Refusal::TooManySubscribers, None));
        }
        // A channel that comes again is another, with another token of its own; a signed one names it still.
        is_open |= granted == subscribe.channels.len();
        let mut entries = Vec::with_capacity(found.len());
        for (at, has_past) in found {
            self.hub.prolong(at, self.channel_ms(), now);
            self.hub.note_asked(at, now);
            entries.extend(self.start_granted(at, subscribe.from, has_past).map(|start| (at, start)));
        }
        Ok(Admitted { entries, company, grant, is_open })
    }

    /// Whether there is something to be told of people.
    fn has_company(&self, company: &[Company], voice: &Voice) -> bool {
        let mut news = Vec::new();
        company.iter().any(|one| {
            tell_company(&self.hub, *one, voice, &mut news);
            !news.is_empty()
        })
    }

    /// What is to be said of the request before its channels are looked at. Gives what its signed token allows, if it has one.
    fn check_request(&mut self, role: Role, subscribe: &Subscribe<'_>) -> Result<Option<Grant>, Refusal> {
        if subscribe.channels.len() > self.config.limits.channels_per_subscription_max {
            return Err(Refusal::TooManyInOne);
        }
        if let Some(who) = &subscribe.who {
            self.check_person(who)?;
        }
        self.signed(role, subscribe.tokens.iter().map(|token| &**token))
    }

    /// Counts what it costs to look at the channels, and whether there is room for the subscription.
    fn check_work(&mut self, subscribe: &Subscribe<'_>, grant: Option<&Grant>) -> Result<(), Refusal> {
        // What is to be looked at is work, and counts as such.
        self.served += subscribe.channels.len() / CHANNELS_A_REQUEST;
        let bytes: usize =
            subscribe.channels.iter().map(|name| name.len() + 2 * size_of::<(Place, Place)>()).sum();
        let bytes = bytes + grant.map_or(0, Grant::bytes);
        let listed_bytes = subscribe.who.as_ref().map_or(0, |who| who.len() * subscribe.channels.len());
        if self.is_short_of(bytes + listed_bytes) { Err(Refusal::Memory) } else { Ok(()) }
    }

    /// One of the channels, whether what is kept of it may be read, and whether it is the signed token that lets them in.
    fn admit_to(
        &mut self,
        role: Role,
        subscribe: &Subscribe<'_>,
        i: usize,
        grant: Option<&Grant>,
    ) -> Result<(Id<Channel>, bool, bool), Refusal> {
        let name = &subscribe.channels[i];
        let token = match &subscribe.tokens[..] {
            [one] => Some(one),
            several => several.get(i),
        };
        let token = token.map_or("", |token| token);
        let (at, is_granted) = self.readable(role, name, Shown { token, grant, act: Act::Subscribe })?;
        let has_past = !is_granted || grant.is_some_and(|grant| grant.allows(Act::History, name));
        if !has_past {
            without_history(subscribe.from)?;
        }
        if !self.may_have_seat(at, self.config.limits.subscribers_per_channel_max) {
            return Err(Refusal::TooManySubscribers);
        }
        self.check_reader_in_group(name)?;
        Ok((at, has_past, is_granted))
    }

    fn begin_events(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: Voice,
        subscribe: &Subscribe<'_>,
        (entries, places, company): (&[Entry], &[Place], &[Company]),
        pass: Pass,
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
        for &one in company {
            tell_company(hub, one, &voice, &mut news);
        }
        let to = Asker { id, manner, voice: &voice };
        delivery.begin(conn, to);
        delivery.say_news(conn, to, &news);
        self.take_places(id, manner, voice, subscribe, places, pass);
    }

    /// Takes the seats. What is there already is handed over as what comes later is.
    fn take_places(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: Voice,
        subscribe: &Subscribe<'_>,
        places: &[Place],
        pass: Pass,
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
                let is_admin = self.conns.get(id).is_some_and(|conn| conn.role.over_http() == Role::Admin);
                let access = Access { open: pass.is_open, sessions: is_admin, private: is_admin };
                self.hub.join_many(
                    Wanted {
                        places,
                        absent: Vec::new(),
                        awaits: true,
                        access,
                        session: None,
                        who: subscribe.who.as_deref(),
                    },
                    owner,
                    now,
                )
            }
        };
        if let Ok(sub) = joined {
            if voice.deltas {
                self.hub.want_deltas(sub, None);
            }
            let (hold, quiet_until) = (subscribe.hold, now.after_ms(quiet_ms));
            self.wait(id, sub, Waiting { manner, voice, hold, echo: Echo::default(), quiet_until });
            if let Some(grant) = pass.grant {
                self.bear(id, grant, Some(sub));
            }
        }
    }
}

/// Appends what one is to be told of a channel's people.
pub(super) fn tell_company<'h>(hub: &'h Hub, (at, from): Company, voice: &Voice, news: &mut Vec<News<'h>>) {
    if let Some(channel) = hub.peek(at)
        && let Some(roster) = channel.roster()
    {
        people(channel, roster, from, voice, news);
    }
}

/// What is missing of each channel.
fn gaps<'h>(hub: &'h Hub, entries: &[Entry]) -> Vec<(&'h str, u64, Lost)> {
    let missing = entries.iter().filter(|(_, start)| start.lost != Lost::Nothing);
    missing.filter_map(|(at, start)| Some((hub.peek(*at)?.name(), start.next, start.lost))).collect()
}

/// The cursor of somebody who has everything before these places: the end of the log, or the place before the first message
/// that is still to come, or of which it is still to be told that it is missing.
pub(super) fn standing(hub: &Hub, places: &[Place]) -> Sealed {
    let head = hub.head();
    let lacked = |&(at, next): &Place| {
        let history = hub.peek(at)?.history();
        match history.get(next) {
            Some(message) => Some(message.offset),
            None if next < history.base() => Some(history.offset_before(history.base())),
            None => None,
        }
    };
    let first = places.iter().filter_map(lacked).min();
    let offset = first.map_or(head.offset, |offset| offset.saturating_sub(1));
    hub.sealer().seal(Cursor { position: Position { epoch: head.epoch, offset }, seq: None }, 0)
}
