//! What an administrator's tools want to know, in Prometheus' text format: every counter, and how much there is now.
//! Knows nothing of who asks.
use std::io::Write as _;

use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Manner};
use crate::dialect::Answer;
use crate::wire::http1::Status;

/// Media type of the text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Machine {
    /// Answers with everything that is counted.
    pub(super) fn serve_metrics(&mut self, id: Id<Conn>, manner: Manner) {
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        for (name, meaning, value) in self.gauges() {
            line(&mut body, name, "", "gauge", meaning, value);
        }
        for (name, meaning, value) in self.counters().list() {
            line(&mut body, name, "_total", "counter", meaning, value);
        }
        self.reply(id, manner, Answer { status: Status::OK, content_type: METRICS }, &[], &body);
        self.body = body;
    }

    fn gauges(&self) -> [(&'static str, &'static str, u64); 14] {
        let (channels, subscribers) = self.load();
        let all = |count: usize| count as u64;
        [
            ("uptime_seconds", "Seconds since the server started.", self.post.now.0 / 1_000),
            ("connections", "Connections that are open.", all(self.conns.len())),
            ("websockets", "WebSockets that are open.", all(self.scratch.open)),
            ("channels", "Channels that are known.", all(channels)),
            ("subscribers", "Subscriptions that wait for messages.", all(subscribers)),
            ("bayeux_sessions", "Bayeux sessions, sleepers included.", all(self.sessions.len())),
            (
                "bayeux_sessions_awake",
                "Bayeux sessions whose clients have been heard of.",
                all(self.sessions.awake()),
            ),
            ("bayeux_subscriptions", "Subscriptions of Bayeux sessions.", all(self.sessions.seats())),
            ("patterns", "Patterns of channel names that somebody reads.", all(self.hub.indexes())),
            ("history_bytes", "Bytes of messages kept, overhead included.", all(self.hub.history_bytes())),
            (
                "buffers_bytes",
                "Bytes of half requests, unsent answers and waiting publishes.",
                all(self.post.pool.lent_bytes() + self.held_bytes),
            ),
            ("frames_bytes", "Bytes of shared frames that are on their way.", all(self.frames.bytes())),
            ("tables_bytes", "Bytes of tables in use.", all(self.tables_bytes)),
            (
                "memory_bytes_max",
                "The limit to which the four before it are compared together.",
                all(self.config.limits.memory_bytes_max),
            ),
        ]
    }
}

fn line(out: &mut Vec<u8>, name: &str, unit: &str, kind: &str, meaning: &str, value: u64) {
    // Writing to memory does not fail.
    let _ = write!(
        out,
        "# HELP rcomet_{name}{unit} {meaning}\n# TYPE rcomet_{name}{unit} {kind}\nrcomet_{name}{unit} {value}\n"
    );
}
