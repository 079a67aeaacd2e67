//! Who comes in: the limits on connections, in all and of one address, and on memory.
use std::net::IpAddr;

use super::Machine;
use super::of_config::conns_max;
use super::site::site;
use crate::arena::Id;
use crate::conn::{Conn, Rights, Role};
use crate::time::Moment;
use crate::wire::http1::Status;

/// Places among those beyond `connections_max` that only an administrator on the control socket takes.
const CONTROL_RESERVED: usize = 8;

impl Machine {
    /// A connection was accepted, and whoever [`Machine::gives_way`] is gone. `None` when there is not even room to say no: close it. One that is refused is
    /// told so with 503 and closed like any other.
    pub fn open(&mut self, role: Role, peer: IpAddr, now: Moment) -> Option<Id<Conn>> {
        self.post.now = now;
        let limits = &self.config.limits;
        let peer = peer.to_canonical();
        let counted = !peer.is_loopback();
        let of_address = if counted { self.addresses.get(&site(peer)).copied().unwrap_or(0) } else { 0 };
        // An administrator is let in when nobody else is: that is when there is something to look after.
        let is_administrator = matches!(role, Role::Control(rights) if rights != Rights::None);
        let refusal = if is_administrator {
            None
        } else if self.conns.len() >= conns_max(&self.config).saturating_sub(CONTROL_RESERVED) {
            self.counters.connections_refused += 1;
            return None;
        } else if self.conns.len() >= limits.connections_max {
            self.counters.connections_refused += 1;
            Some("connections_max is reached: try again later\n")
        } else if counted
            && limits.connections_per_address_max > 0
            && of_address >= limits.connections_per_address_max
        {
            self.counters.address_refused += 1;
            Some("connections_per_address_max is reached: close some first\n")
        } else if role != Role::Admin && self.used_bytes() >= limits.memory_bytes_max {
            // Whoever publishes makes room in its own channel, and often comes anew for each message; and who looks after the server
            // wants to see it now.
            self.counters.memory_refused += 1;
            Some("memory_bytes_max is reached: try again later\n")
        } else {
            None
        };
        let idle_until = now.after_ms(self.config.idle_ms(role));
        let id = self.conns.insert(Conn::new(role, peer, now, idle_until))?;
        self.note_newcomer(id, role);
        self.counters.connections_opened += 1;
        if counted {
            *self.addresses.entry(site(peer)).or_insert(0) += 1;
        }
        if let Some(words) = refusal {
            self.refuse_connection(id, Status::UNAVAILABLE, words);
        } else if let Some(conn) = self.conns.get_mut(id) {
            self.post.rearm(conn, id);
        }
        Some(id)
    }

    /// Says by which of [`About::listeners`](crate::About::listeners) somebody has come in, before anything is received. Without it, and by those
    /// beyond the first 255, no rule holds that names listeners.
    pub fn came_by(&mut self, id: Id<Conn>, listener: usize) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.listener = listener.try_into().unwrap_or(Conn::NO_LISTENER);
        }
    }

    /// The address of the listener by which somebody has come in.
    pub(super) fn listener_of(&self, id: Id<Conn>) -> Option<&str> {
        self.listener_at(self.conns.get(id)?.listener)
    }

    /// The address of a listener.
    pub(super) fn listener_at(&self, listener: u8) -> Option<&str> {
        let named = Some(usize::from(listener)).filter(|_| listener != Conn::NO_LISTENER);
        self.about.listeners.get(named?).map(|(_, address)| &**address)
    }

    /// The listener of a side at this address.
    pub(super) fn listener_called(&self, role: Role, address: &str) -> Option<u8> {
        let mut listeners = self.about.listeners.iter();
        let at = listeners.position(|(side, own)| side == role.name() && own == address)?;
        u8::try_from(at).ok().filter(|at| *at != Conn::NO_LISTENER)
    }

    /// Takes a connection out of the count of its address.
    pub(super) fn dismiss(&mut self, conn: &Conn) {
        let site = site(conn.peer);
        if let Some(count) = self.addresses.get_mut(&site) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&site);
            }
        }
    }
}
