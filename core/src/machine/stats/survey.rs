//! Who is connected and how, who is slow, and which channels have most subscribers: found by walking the tables, a slice at a
//! time, so that nothing is counted where messages are delivered and a walk never holds anybody up.
//! Knows nothing of who wants to know.
use crate::arena::{Arena, Id};
use crate::conn::{Conn, Phase, Role};
use crate::hub::{Channel, Hub};
use crate::time::Moment;

/// Slots of each table looked at in one slice: so many are done within a few milliseconds.
pub(super) const SLOTS_A_SLICE: usize = 16_384;
/// Channels, and slow readers, that are named.
const NAMED_MAX: usize = 20;
/// A reader that has taken nothing of what waits for so long is slow.
const SLOW_MS: u64 = 1_000;

/// What one round has found.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// Connections by dialect and transport.
    pub(super) kinds: Vec<(&'static str, &'static str, u64)>,
    /// Channels with most subscribers, most first.
    pub(super) channels: Vec<(usize, Id<Channel>)>,
    /// Connections with most bytes waiting, most first.
    pub(super) slow: Vec<(usize, Id<Conn>)>,
}

/// A walk that begins anew when it is over.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Slots of both tables before this one have been looked at.
    at: usize,
    round: Findings,
    /// The last whole round.
    last: Findings,
    /// When it was over.
    whole_at: Option<Moment>,
}

impl Survey {
    /// Walks on by so many slots; whether a round is over.
    pub(super) fn walk(&mut self, most: usize, conns: &Arena<Conn>, hub: &Hub, now: Moment) -> bool {
        let slots = conns.slots().max(hub.slots());
        let to = self.at.saturating_add(most).min(slots);
        for index in self.at..to.min(conns.slots()) {
            let Some(id) = conns.id_at(index) else { continue };
            let Some(conn) = conns.get(id) else { continue };
            self.round.see(conn, id, now);
        }
        for index in self.at..to.min(hub.slots()) {
            if let Some((id, channel)) = hub.named_at(index) {
                keep_most(&mut self.round.channels, channel.members(), id);
            }
        }
        self.at = to;
        let is_over = to >= slots;
        if is_over {
            self.at = 0;
            self.round.kinds.sort_unstable();
            self.last = std::mem::take(&mut self.round);
            self.whole_at = Some(now);
        }
        is_over
    }

    /// What the last whole round has found, and when that was; before the first, what was found so far.
    pub(super) fn findings(&self) -> (&Findings, Option<Moment>) {
        (if self.whole_at.is_some() { &self.last } else { &self.round }, self.whole_at)
    }
}

impl Findings {
    fn see(&mut self, conn: &Conn, id: Id<Conn>, now: Moment) {
        let (dialect, transport) = kind_of(conn);
        match self.kinds.iter_mut().find(|(d, t, _)| (*d, *t) == (dialect, transport)) {
            Some((_, _, count)) => *count += 1,
            None => self.kinds.push((dialect, transport, 1)),
        }
        if !conn.outbox.is_empty() && now.since(conn.progress) >= SLOW_MS {
            keep_most(&mut self.slow, conn.outbox.len(), id);
        }
    }
}

/// The dialect that a connection speaks and how it is spoken, as far as it can be seen now.
pub(in crate::machine) fn kind_of(conn: &Conn) -> (&'static str, &'static str) {
    match &conn.phase {
        Phase::Parked(parked) => {
            let voice = &parked.voice;
            let speaker = voice.dialect.speaker();
            let is_call = voice.before.is_some() && speaker.is_poll(voice.style);
            (speaker.name(), if is_call { "JSONP" } else { speaker.transport(voice.style) })
        }
        Phase::Attached(attached) => (
            attached.voice.dialect.speaker().name(),
            if attached.voice.before.is_some() { "JSONP" } else { "long poll" },
        ),
        Phase::WebSocket(socket) => (socket.tongue.talker().dialect().speaker().name(), "WebSocket"),
        Phase::Ready
        | Phase::Body(_)
        | Phase::Held(_)
        | Phase::HeldTalk(_)
        | Phase::Hooked(_)
        | Phase::Ordered(_) => {
            (if conn.role.over_http() == Role::Admin { "admin" } else { "HTTP" }, "between requests")
        }
        Phase::Closing | Phase::Lingering => ("HTTP", "ending"),
    }
}

/// Keeps an entry if it is among the greatest.
fn keep_most<T: Copy>(list: &mut Vec<(usize, T)>, size: usize, what: T) {
    if size == 0 || list.len() == NAMED_MAX && list.last().is_some_and(|(least, _)| *least >= size) {
        return;
    }
    let at = list.partition_point(|(other, _)| *other >= size);
    list.insert(at, (size, what));
    list.truncate(NAMED_MAX);
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::hub::{Seed, Settings};
    use crate::limits::Limits;
    use crate::log::{Epoch, Log};

    #[test]
    fn a_round_of_slices_sees_everybody_once() {
        let log = Log::new(Epoch::from_random([0; 8]), 0);
        let hub = Hub::new(Settings::new(&Limits::default(), 1_000, 1_000), log, Seed::new(1, 2));
        let mut conns = Arena::with_limit(1_000);
        for n in 0..100 {
            let role = if n % 4 == 0 { Role::Admin } else { Role::Front };
            conns.insert(Conn::new(role, IpAddr::V4(Ipv4Addr::LOCALHOST), Moment(0), Moment(9)));
        }
        let mut survey = Survey::default();
        for round in 1..=3 {
            let mut slices = 1;
            while !survey.walk(30, &conns, &hub, Moment(round)) {
                slices += 1;
            }
            assert!(slices >= 4, "{slices} slices of 30 for 100");
            let (found, at) = survey.findings();
            let expected = [("HTTP", "between requests", 75), ("admin", "between requests", 25)];
            assert_eq!((&found.kinds[..], at), (&expected[..], Some(Moment(round))));
            survey.walk(30, &conns, &hub, Moment(99));
            assert_eq!(survey.findings().0.kinds, expected, "half a round does not show");
            while !survey.walk(30, &conns, &hub, Moment(round)) {}
        }
    }

    #[test]
    fn the_greatest_are_kept_in_their_order() {
        let mut list = Vec::new();
        let sizes: Vec<usize> = (0..200).map(|n| n * 7919 % 101).collect();
        for (at, size) in sizes.iter().enumerate() {
            keep_most(&mut list, *size, at);
        }
        let mut sorted = sizes.clone();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(list.iter().map(|(size, _)| *size).collect::<Vec<_>>(), sorted[..NAMED_MAX]);
        assert!(list.iter().all(|(size, at)| sizes[*at] == *size));
    }
}
