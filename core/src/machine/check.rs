//! Every structural promise of the machine, for tests and the simulated world.
use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Phase};
use crate::hub::Channel;
use crate::log::Position;
use crate::time::Moment;

/// A channel's life and numbers, for tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The identity of its life.
    pub life: Position,
    /// The number of the oldest message kept.
    pub base: u64,
    /// The number the next message will get.
    pub head: u64,
}

impl Machine {
    /// Panics if tables disagree.
    ///
    /// # Panics
    /// When a promise is broken; never in a server, which does not call it.
    pub fn check(&self) {
        self.hub.check();
        let mut waiting = self.sessions.check(&self.hub);
        let (mut parked, mut websockets, mut wires, mut hooked_count) = (0, 0, 0, 0);
        let mut booths_bytes = 0;
        for (id, conn) in self.conns.iter() {
            if let Phase::Parked(p) = &conn.phase {
                let sub = self.hub.subscription(p.sub).expect("who is parked has a subscription");
                assert_eq!(sub.owner(), id.to_bits(), "and it is its own");
                parked += 1;
            }
            if let Phase::WebSocket(socket) = &conn.phase {
                for seat in &socket.seats {
                    let sub = self.hub.subscription(seat.sub).expect("a seat is a subscription");
                    assert_eq!(sub.owner(), id.to_bits(), "and it is its own");
                    assert!(sub.seats().any(|(at, _)| at == seat.channel), "it reads what it says");
                    assert_eq!(sub.seats().count(), socket.seats.len(), "one subscription has all its seats");
                }
                parked += usize::from(!socket.seats.is_empty());
                if let Some(booth) = &socket.booth {
                    if let Some(sub) = booth.sub {
                        let sub = self.hub.subscription(sub).expect("who reads has a subscription");
                        assert_eq!(sub.owner(), id.to_bits(), "and it is its own");
                        parked += 1;
                    }
                    if let Some(asked) = &booth.asked {
                        let hook = self.hooks.get(asked.hook).expect("a question is under way");
                        assert_eq!(hook.of(), Some(id), "and the answer is its own");
                        hooked_count += 1;
                    }
                    booths_bytes += booth.bytes;
                }
                websockets += 1;
                wires += usize::from(socket.wire.is_some());
                if let Some(wire) = &socket.wire {
                    assert!(wire.session.is_some() || wire.connect.is_none(), "a connect is somebody's");
                    assert_eq!(wire.connect.is_some(), wire.until < Moment::NEVER, "and waits for a time");
                }
                if let Some(session) = socket.wire.as_ref().and_then(|wire| wire.session) {
                    let place = waiting.iter().position(|waits| *waits == (session, id));
                    waiting.swap_remove(place.expect("who is on a WebSocket knows on which"));
                }
                assert!(socket.held.is_none() || conn.deferred, "what waits has a turn to wait for");
                assert_eq!(conn.deadline, socket.deadline(), "what is due is known");
                let is_amid = socket.reader.is_amid();
                assert!(is_amid || socket.message.capacity() == 0, "an idle WebSocket holds no block");
            }
            if let Phase::Attached(attached) = &conn.phase {
                let place = waiting.iter().position(|waits| *waits == (attached.session, id));
                waiting.swap_remove(place.expect("whose connect waits knows where"));
            }
            if let Phase::Hooked(hooked) = &conn.phase {
                let hook = self.hooks.get(hooked.hook).expect("who waits for an application has asked it");
                assert_eq!(hook.of(), Some(id), "and the answer is its own");
                hooked_count += 1;
            }
            let is_over = matches!(conn.phase, Phase::Lingering);
            assert!(conn.writing || conn.outbox.is_empty() || is_over, "no bytes lie unannounced");
            assert!(conn.armed <= conn.due(self.post.stall_ms), "nobody is forgotten by the clock: {conn:?}");
            let may_wait = matches!(conn.phase, Phase::Parked(_) | Phase::WebSocket(_));
            assert!(conn.armed < Moment::NEVER || is_over || may_wait);
            let deferred = self.deferred.iter().filter(|(d, _)| *d == id).count();
            assert_eq!(deferred, usize::from(conn.deferred), "put off means in the queue, once");
            assert!(!conn.inbox.is_empty() || conn.inbox.holds_nothing(), "an empty inbox holds no block");
        }
        self.check_loans();
        assert_eq!(hooked_count, self.hooks.asking(), "every question has somebody waiting");
        assert_eq!((websockets, wires), (self.scratch.open, self.scratch.wires));
        assert_eq!(booths_bytes, self.scratch.booths_bytes, "what is given back is counted");
        assert!(waiting.is_empty(), "a session waits where a connect does");
        let seats = self.sessions.seats();
        assert_eq!(
            parked + seats,
            self.hub.subscribers(),
            "every subscription has somebody waiting, or is a session's"
        );
    }

    /// Whether everything that was lent has been given back: true when nobody is there and nothing is kept.
    pub fn is_pristine(&self) -> bool {
        self.conns.is_empty()
            && self.hub.subscribers() == 0
            && self.post.pieces.is_empty()
            && self.post.pool.lent_bytes() == 0
            && self.frames.bytes() == 0
            && self.hooks.is_empty()
            && self.held_bytes == 0
            && self.loans.is_empty()
            && self.addresses.is_empty()
            && self.sessions.is_pristine()
    }

    /// Where a channel stands, if there is one of this name.
    pub fn standing(&self, channel: &str) -> Option<Standing> {
        let channel = self.hub.peek(self.hub.find(channel)?)?;
        let history = channel.history();
        Some(Standing { life: channel.life(), base: history.base(), head: history.head() })
    }

    /// The place in the log that a cursor names, if it was signed here.
    pub fn place(&self, token: &str) -> Option<Position> {
        // Only the number in it needs to know which channel it is for.
        self.hub.sealer().open(token.parse().ok()?, 0).map(|cursor| cursor.position)
    }

    /// Which channel a connection waits for, in which life, and the number of the message it gets next.
    pub fn reads(&self, id: Id<Conn>) -> Option<(&str, Position, u64)> {
        let Phase::Parked(parked) = &self.conns.get(id)?.phase else { return None };
        let (channel, next) = self.hub.subscription(parked.sub)?.seats().next()?;
        let channel = self.hub.peek(channel)?;
        Some((channel.name(), channel.life(), next))
    }

    /// All channels that a connection waits for, each with its life and the number of the message it gets next.
    pub fn reads_all(&self, id: Id<Conn>) -> Vec<(&str, Position, u64)> {
        let sub = match self.conns.get(id).map(|conn| &conn.phase) {
            Some(Phase::Parked(parked)) => Some(parked.sub),
            Some(Phase::WebSocket(socket)) => socket.booth.as_ref().and_then(|booth| booth.sub),
            _ => None,
        };
        let Some(subscription) = sub.and_then(|sub| self.hub.subscription(sub)) else { return Vec::new() };
        let of = |(id, next)| self.hub.peek(id).map(|c: &Channel| (c.name(), c.life(), next));
        subscription.seats().filter_map(of).collect()
    }

    /// How many subscriptions a channel has.
    pub fn members(&self, channel: &str) -> usize {
        self.hub.find(channel).and_then(|at| self.hub.peek(at)).map_or(0, Channel::members)
    }

    /// The number by which the newest message of all channels is known.
    pub fn last_id(&self) -> u64 {
        self.hub.id_of(self.hub.head().offset)
    }

    /// The connection's state in words, for a test that fails.
    pub fn describe(&self, id: Id<Conn>) -> String {
        format!("{:?}", self.conns.get(id))
    }
}
