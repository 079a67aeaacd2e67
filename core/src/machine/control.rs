//! Changes to the running server: another configuration, and the way out.
//! Knows nothing of signals or files.
use super::Machine;
use super::of_config::{conns_max, keep_rules, settings};
use crate::arena::Id;
use crate::config::{AddressRules, Config, Origin};
use crate::conn::{Conn, OriginRef, Phase, Role};
use crate::dialect::Beaten;
use crate::dialect::Hold;
use crate::journal::Entry;
use crate::time::Moment;

/// The way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drain {
    /// Not begun.
    No,
    /// Connections are being ended, up to this slot.
    At(usize),
    /// Everybody has been told; those who were in the middle of something finish it.
    Told,
}

impl Machine {
    /// Puts another configuration in force. Nobody is dropped: what exceeds a new limit stays, and newcomers are
    /// measured by it.
    pub fn reconfigure(&mut self, config: Config) {
        self.rules = AddressRules::new(&config.admin.allow, &config.admin.deny);
        self.conns.set_limit(conns_max(&config));
        self.hub.set(settings(&config));
        self.post.set(&config.limits);
        self.hooks.set_limit(config.limits.hooks_max);
        self.bearers.set(&config.token, &config.limits);
        self.hub.set_rules(keep_rules(&config), self.post.now);
        self.frames.set(&config.websocket);
        self.beaten = Beaten::of(&config);
        let before = std::mem::replace(&mut self.config, config);
        let most = self.config.limits.memory_bytes_max;
        if most != before.limits.memory_bytes_max {
            // What is put back must not be measured by what there was room for once.
            self.hub.note_entry(|| Entry::Memory(most as u64));
        }
        self.hurry_values();
        self.give_wordings();
        self.heads.forget();
        self.frames.forget();
        for index in 0..self.conns.slots() {
            let Some(id) = self.conns.id_at(index) else { continue };
            // Somebody may have no room now, and must be told when there is some; or has some again.
            self.rename_origin(id, &before.http.origins);
            self.review_publisher(id, &before.push.location);
            let is_full = self.conns.get(id).is_some_and(|conn| self.room_of(conn) == 0);
            if let Some(conn) = self.conns.get_mut(id) {
                if is_full {
                    conn.paused = true;
                } else {
                    self.post.unpause(conn, id);
                }
                // Whoever takes nothing may be due earlier now.
                self.post.rearm(conn, id);
            }
        }
    }

    /// Gives each location its wording; who reads already goes on in the one that it began with.
    pub(super) fn give_wordings(&mut self) {
        let mut wordings = self.frames.wordings().clone();
        wordings.give(&mut self.config.push);
        self.heads.wordings = wordings.clone();
        self.frames.set_wordings(wordings);
        self.frames.set_told(self.config.icomet.channel_prefix.text());
    }

    /// An answer that is still to come names the origin it was asked from, if that is still allowed.
    fn rename_origin(&mut self, id: Id<Conn>, before: &[Origin]) {
        let origins = &self.config.http.origins;
        let manner = match self.conns.get_mut(id).map(|conn| &mut conn.phase) {
            Some(Phase::Parked(parked)) => &mut parked.manner,
            Some(Phase::Held(held)) => &mut held.manner,
            Some(Phase::Attached(attached)) => &mut attached.manner,
            Some(Phase::HeldTalk(held)) => &mut held.manner,
            Some(Phase::Hooked(hooked)) => &mut hooked.manner,
            Some(Phase::Ordered(ordered)) => &mut ordered.manner,
            _ => return,
        };
        if manner.origin.is_own() {
            let asked = self.heads.askers.of(id).as_bytes();
            let http = &self.config.http;
            let mut locations = self.config.push.location.iter().filter(|one| one.is_on(Role::Front));
            if !locations.any(|location| location.names_origin(asked, http)) {
                manner.origin = OriginRef::Vary;
            }
        }
        if let OriginRef::Listed(place) = manner.origin {
            let asked = before.get(usize::from(place));
            let place = asked.and_then(|asked| origins.iter().position(|origin| origin == asked));
            manner.origin =
                place.and_then(|i| u16::try_from(i).ok()).map_or(OriginRef::Vary, OriginRef::Listed);
        }
    }

    /// Begins to end: waiting polls get a clean end, streams their last chunk, idle connections are closed, and
    /// whoever is in the middle of a request is answered with `Connection: close`. [`Machine::pump`] does it, in
    /// slices; it is over when [`Machine::connections`] is 0.
    pub fn drain(&mut self, now: Moment) {
        self.post.now = now;
        if self.drain == Drain::No {
            self.drain = Drain::At(0);
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.drain != Drain::No
    }

    /// Ends some connections; true if there are more.
    pub(super) fn drain_some(&mut self, budget: usize) -> bool {
        let Drain::At(from) = self.drain else { return false };
        let to = from.saturating_add(budget).min(self.conns.slots());
        for index in from..to {
            if let Some(id) = self.conns.id_at(index) {
                self.end_cleanly(id);
            }
        }
        let is_over = to >= self.conns.slots();
        self.drain = if is_over { Drain::Told } else { Drain::At(to) };
        !is_over
    }

    /// Ends a connection as its client would like it, unless it is in the middle of a request.
    pub(super) fn end_cleanly(&mut self, id: Id<Conn>) {
        let why = "an administrator ended its connection, or the server was going away";
        self.hub.note_sent_away(id.to_bits(), why, self.post.now);
        if let Some(Phase::WebSocket(_)) = self.conns.get(id).map(|conn| &conn.phase) {
            return self.say_goodbye(id);
        }
        let now = self.post.now;
        let (mut delivery, conns, hub) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        match &mut conn.phase {
            Phase::Ready if conn.inbox.is_empty() => delivery.post.hang_up(conn, id),
            Phase::Ready | Phase::Body(_) | Phase::Held(_) | Phase::HeldTalk(_) | Phase::Hooked(_) => {}
            Phase::WebSocket(_) | Phase::Closing | Phase::Lingering | Phase::Ordered(_) => {}
            Phase::Attached(_) => self.end_attached(id, false),
            Phase::Parked(_) => {
                let Phase::Parked(mut parked) = std::mem::replace(&mut conn.phase, Phase::Ready) else {
                    return;
                };
                parked.manner.keep_alive = false;
                let sub = parked.sub;
                if let Hold::Poll = parked.hold
                    && let Some(refusal) = parked.voice.dialect.speaker().says_on_leaving()
                {
                    conn.phase = Phase::Parked(parked);
                    delivery.send_away(conn, id, &refusal);
                    return hub.leave(sub, now);
                }
                match parked.hold {
                    Hold::Poll if parked.voice.dialect.speaker().says_quiet() => {
                        delivery.end_quietly(conn, id, *parked, hub);
                        return hub.leave(sub, now);
                    }
                    // An empty script: there is nothing else that its client would not take for a message.
                    Hold::Poll => {
                        parked.voice.before = None;
                        delivery.end_poll_empty(conn, id, &parked);
                    }
                    Hold::Stream => delivery.end_stream(conn, id, parked.manner),
                }
                hub.leave(sub, now);
            }
        }
    }
}
