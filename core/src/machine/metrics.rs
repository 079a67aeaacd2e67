//! What an administrator's tools want to know: whether the server lives, and in Prometheus' text format every counter, and how
//! much there is now.
//! Knows nothing of who asks.
use std::io::Write as _;

use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Manner};
use crate::dialect::{Answer, PLAIN};
use crate::wire::http1::head::Head;
use crate::wire::http1::{Method, Status};

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

    /// Answers whoever asks whether the server lives, and whether newcomers are welcome.
    pub(super) fn serve_health(&mut self, id: Id<Conn>, manner: Manner, head: &Head<'_, '_>) -> bool {
        let is_ready = !self.is_draining() && !self.is_short_of(0) && !self.is_journal_broken();
        let (status, words): (_, &[u8]) = match head.raw_path {
            b"/healthz" => (Status::OK, b"ok\n"),
            b"/readyz" if is_ready => (Status::OK, b"ready\n"),
            b"/readyz" if self.is_draining() => (Status::UNAVAILABLE, b"leaving\n"),
            b"/readyz" if self.is_journal_broken() => {
                (Status::UNAVAILABLE, b"history.file cannot be written\n")
            }
            b"/readyz" => (Status::UNAVAILABLE, b"memory_bytes_max is reached\n"),
            _ => return false,
        };
        if !matches!(head.method, Method::Get | Method::Head) {
            return false;
        }
        self.reply(id, manner, Answer { status, content_type: PLAIN }, &[], words);
        true
    }

    pub(super) fn gauges(&self) -> [(&'static str, &'static str, u64); 19] {
        let (channels, subscribers) = self.load();
        let all = |count: usize| count as u64;
        [
            (
                "uptime_seconds",
                "Seconds since the server started.",
                self.post.now.since(self.started) / 1_000,
            ),
            ("connections", "Connections that are open.", all(self.conns.len())),
            ("websockets", "WebSockets that are open.", all(self.scratch.open)),
            ("channels", "Channels that are known.", all(channels)),
            ("subscribers", "Subscriptions that wait for messages.", all(subscribers)),
            ("hooks", "Requests to applications that are under way.", all(self.hooks.len())),
            ("bayeux_sessions", "Bayeux sessions, sleepers included.", all(self.sessions.len())),
            (
                "bayeux_sessions_awake",
                "Bayeux sessions whose clients have been heard of.",
                all(self.sessions.awake()),
            ),
            ("bayeux_subscriptions", "Subscriptions of Bayeux sessions.", all(self.sessions.seats())),
            ("patterns", "Patterns of channel names that somebody reads.", all(self.hub.indexes())),
            ("token_bearers", "Connections that a signed token is in force on.", all(self.bearers.len())),
            (
                "tokens_remembered",
                "Signed tokens whose signatures need not be looked at again.",
                all(self.bearers.known.len()),
            ),
            ("idempotency_keys", "Keys of publishes that are remembered.", all(self.once.len())),
            ("history_bytes", "Bytes of messages kept, overhead included.", all(self.hub.history_bytes())),
            (
                "buffers_bytes",
                "Bytes of half requests, unsent answers and waiting publishes.",
                all((self.post.pool.lent_bytes() + self.held_bytes).saturating_sub(self.loans.bytes())),
            ),
            ("frames_bytes", "Bytes of shared frames that are on their way.", all(self.frames.bytes())),
            ("tables_bytes", "Bytes of tables in use.", all(self.tables_bytes)),
            (
                "memory_bytes_max",
                "The limit to which the four before it are compared together.",
                all(self.config.limits.memory_bytes_max),
            ),
            (
                "admin_partial_bytes",
                "Bytes of half requests on the admin side and the control socket that are lent besides that.",
                all(self.loans.bytes()),
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
