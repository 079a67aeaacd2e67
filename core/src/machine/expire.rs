//! Time: what has lasted long enough.
//! Knows nothing of the wheel's workings; a fired timer looks at what is really due.
use super::Machine;
use super::tell::Asker;
use crate::arena::Id;
use crate::conn::{Conn, Phase};
use crate::dialect::{Hold, News};
use crate::hub::Channel;
use crate::time::Moment;
use crate::wire::http1::Reject;

impl Machine {
    /// Does what is due at `now`.
    pub fn expire(&mut self, now: Moment) {
        self.post.now = now;
        self.hub.expire(now);
        self.expire_sessions();
        self.expire_hooks(now);
        self.expire_watchers(now);
        self.tell_stats(now);
        self.expire_tokens(now);
        self.once.expire(now);
        self.expire_values(now);
        let mut fired = std::mem::take(&mut self.fired);
        self.post.wheel.advance(now, &mut fired);
        for id in fired.drain(..) {
            self.look_at(id, now);
        }
        self.fired = fired;
    }

    fn look_at(&mut self, id: Id<Conn>, now: Moment) {
        let stall_ms = self.post.stall_ms;
        let Some(conn) = self.conns.get_mut(id) else { return };
        if now < conn.armed {
            // A newer entry stands for this connection.
            return;
        }
        conn.armed = Moment::NEVER;
        let due = conn.due(stall_ms);
        if now < due {
            if due < Moment::NEVER {
                self.post.rearm(conn, id);
            }
            return;
        }
        if !conn.outbox.is_empty() && now >= conn.progress.after_ms(stall_ms) {
            self.counters.stalled_closed += 1;
            self.hub.note_sent_away(
                id.to_bits(),
                "it had taken nothing of what waited for it for too long",
                now,
            );
            let sub = if let Phase::Parked(parked) = &conn.phase { Some(parked.sub) } else { None };
            if matches!(conn.phase, Phase::Attached(_)) {
                return self.cut_attached(id);
            }
            if matches!(conn.phase, Phase::Hooked(_)) {
                return self.cut_hooked(id);
            }
            // What waited to be published goes with it.
            match self.conns.get(id).map(|conn| &conn.phase) {
                Some(Phase::Held(held)) => self.held_bytes -= held.post.bytes(),
                Some(Phase::HeldTalk(held)) => self.held_bytes -= held.bytes,
                _ => {}
            }
            self.release_websocket(id);
            if let Some(conn) = self.conns.get_mut(id) {
                self.post.cut(conn, id);
            }
            if let Some(sub) = sub {
                self.hub.leave(sub, now);
            }
            return;
        }
        match &conn.phase {
            // What waits behind an answer that is not taken may be a whole request: nobody has looked.
            Phase::Ready if conn.inbox.is_empty() || conn.deferred || !conn.outbox.is_empty() => {
                if conn.deferred || !conn.outbox.is_empty() {
                    // Not idle: it has something to do, or to take.
                    conn.deadline = now.after_ms(self.config.limits.idle_ms_max);
                    return self.post.rearm(conn, id);
                }
                self.counters.idle_closed += 1;
                self.post.hang_up(conn, id);
            }
            Phase::Ready | Phase::Body(_) => self.reject_held(id, Reject::TooSlow),
            Phase::Closing | Phase::Lingering => self.post.cut(conn, id),
            Phase::Held(_) | Phase::HeldTalk(_) | Phase::Hooked(_) | Phase::Ordered(_) => {
                conn.deadline = now.after_ms(self.config.limits.idle_ms_max);
                self.post.rearm(conn, id);
            }
            Phase::Parked(_) => self.say_quiet(id, now),
            Phase::WebSocket(_) => self.tend_websocket(id),
            Phase::Attached(_) => {
                self.counters.noops += 1;
                self.end_attached(id, true);
            }
        }
    }

    /// A subscriber has heard nothing for long enough: it is told so.
    fn say_quiet(&mut self, id: Id<Conn>, now: Moment) {
        let (mut delivery, conns, hub) = self.delivery();
        let Some(conn) = conns.get_mut(id) else { return };
        let Phase::Parked(parked) = &mut conn.phase else { return };
        let sub = parked.sub;
        if !parked.voice.dialect.speaker().says_quiet() {
            delivery.post.cut(conn, id);
            return hub.leave(sub, now);
        }
        delivery.counters.noops += 1;
        match parked.hold {
            Hold::Stream => {
                let at = hub.subscription(sub).and_then(|s| hub.peek(s.channel()?));
                let channel = at.map_or("", Channel::name);
                let news = [News::Quiet { channel, echo: parked.echo, cursor: None }];
                parked.echo = parked.echo.next();
                let (manner, voice) = (parked.manner, parked.voice.clone());
                delivery.say_news(conn, Asker { id, manner, voice: &voice }, &news);
                conn.deadline = delivery.sign_of_life(voice.wording);
                delivery.post.rearm(conn, id);
            }
            Hold::Poll => {
                if let Phase::Parked(parked) = std::mem::replace(&mut conn.phase, Phase::Ready) {
                    delivery.end_quietly(conn, id, *parked, hub);
                }
                hub.leave(sub, now);
            }
        }
    }
}
