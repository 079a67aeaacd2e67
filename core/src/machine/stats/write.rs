//! How the server's state is written: one JSON object.
use serde::{Serialize, Serializer};

use super::Machine;
use crate::conn::Conn;
use crate::hub::Channel;

/// Names with numbers.
struct Numbers<'n>(&'n [(&'static str, &'static str, u64)]);

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, _, value)| (name, value)))
    }
}

/// Everything.
#[derive(Serialize)]
struct Snapshot<'s> {
    /// Milliseconds since 1970.
    at: u64,
    gauges: Numbers<'s>,
    counters: Numbers<'s>,
    /// The counters that move when a limit is reached, those that have moved.
    limits: Numbers<'s>,
    /// Dialect, transport, how many.
    connections: &'s [(&'static str, &'static str, u64)],
    channels: Vec<Busy<'s>>,
    slow: Vec<Slow<'s>>,
    /// How old the last whole look at all connections and channels is, in milliseconds; null while the first is under way.
    survey_age_ms: Option<u64>,
}

/// A channel with many subscribers.
#[derive(Serialize)]
struct Busy<'s> {
    name: &'s str,
    subscribers: usize,
    messages: usize,
    bytes: usize,
    seq: u64,
}

/// A connection that takes nothing of what waits for it.
#[derive(Serialize)]
struct Slow<'s> {
    address: String,
    dialect: &'s str,
    transport: &'s str,
    waiting_bytes: usize,
    /// For so long.
    ms: u64,
}

impl Machine {
    /// How things are now.
    pub(super) fn write_stats(&mut self) -> String {
        let counters = self.counters().list();
        let limits: Vec<_> = self.counters.limits().into_iter().filter(|(_, _, n)| *n > 0).collect();
        let at = self.unix_ms();
        let gauges = self.gauges();
        let now = self.post.now;
        let (found, whole_at) = self.stats.survey.findings();
        let channels = found.channels.iter().filter_map(|(_, id)| self.hub.peek(*id));
        let slow = found.slow.iter().filter_map(|(_, id)| self.conns.get(*id));
        let snapshot = Snapshot {
            at,
            gauges: Numbers(&gauges),
            counters: Numbers(&counters),
            limits: Numbers(&limits),
            connections: &found.kinds,
            channels: channels.map(busy).collect(),
            slow: slow.filter(|conn| !conn.outbox.is_empty()).map(|conn| self.slow(conn)).collect(),
            survey_age_ms: whole_at.map(|at| now.since(at)),
        };
        // Names and numbers can always be written.
        serde_json::to_string(&snapshot).unwrap_or_default()
    }

    fn slow(&self, conn: &Conn) -> Slow<'static> {
        let (dialect, transport) = super::kind_of(conn);
        Slow {
            address: conn.peer.to_string(),
            dialect,
            transport,
            waiting_bytes: conn.outbox.len(),
            ms: self.post.now.since(conn.progress),
        }
    }
}

fn busy(channel: &Channel) -> Busy<'_> {
    let history = channel.history();
    Busy {
        name: channel.name(),
        subscribers: channel.members(),
        messages: history.len(),
        bytes: history.bytes(),
        seq: history.head() - 1,
    }
}
