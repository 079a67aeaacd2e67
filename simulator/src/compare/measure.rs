//! What is read from the outcome of a run: its name, its title, its value.
//! Knows nothing of who was measured.
use crate::outcome::Outcome;

/// Something that can be read from an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// One of the figures.
    Figure(&'static str),
    /// Latency of deliveries in microseconds.
    P50,
    /// The same.
    P99,
    /// Deliveries that were lost, doubled or reordered, and questions or publishes that were refused.
    Faults,
}

impl Measure {
    /// What it is stored under.
    pub fn key(self) -> &'static str {
        match self {
            Self::Figure(name) => name,
            Self::P50 => "p50_us",
            Self::P99 => "p99_us",
            Self::Faults => "faults",
        }
    }

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self.key() {
            "cpu_per_100k_deliveries_ms" => "CPU ms per 100,000 deliveries",
            "cpu_per_100k_requests_ms" => "CPU ms per 100,000 requests",
            "cpu_per_100k_connections_ms" => "CPU ms per 100,000 connections",
            "cpu_per_100k_returns_ms" => "CPU ms per 100,000 returns",
            "deliveries_per_second" => "deliveries/s",
            "requests_per_second" => "requests/s",
            "connections_per_second" => "connections/s",
            "user_memory_per_connection_bytes" => "user memory a connection, bytes",
            "resident_memory_per_connection_bytes" => "resident memory a connection, bytes",
            "kernel_slab_memory_per_connection_bytes" => "kernel's tables a connection, both ends, bytes",
            "cpu_while_idle_percent" => "CPU while idle, %",
            "memory_growth_bytes" => "memory growth, bytes",
            "back_after_ms" => "all back after, ms",
            "p50_us" => "p50, µs",
            "p99_us" => "p99, µs",
            "faults" => "lost, doubled, reordered or refused",
            other => other,
        }
    }

    /// Whether more of it is better.
    pub fn more_is_better(self) -> bool {
        self.key().ends_with("_per_second")
    }

    /// Whether it is this server's own: the kernel's tables are the whole machine's.
    pub fn is_its_own(self) -> bool {
        !self.key().starts_with("kernel_")
    }

    /// Its value in an outcome; what is not there, or only by name, has none.
    pub fn of(self, outcome: &Outcome) -> Option<f64> {
        match self {
            Self::Figure(name) => outcome.figures.get(name).copied(),
            Self::P50 => Some(outcome.latency.as_ref()?.p50_us),
            Self::P99 => Some(outcome.latency.as_ref()?.p99_us),
            Self::Faults => {
                let counts = &outcome.counts;
                Some((counts.lost + counts.doubled + counts.reordered + counts.refused) as f64)
            }
        }
    }
}
