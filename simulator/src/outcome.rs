//! What a run has shown: everything that a table, a file or a page may want to say.
//! Knows nothing of how it is shown.
use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::tally::{BUCKET_NS, Counts};
use crate::world::Sample;

/// The outcome of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// The server's language.
    pub target: String,
    /// What it is called beside others; without it, the server's language.
    #[serde(default)]
    pub name: Option<String>,
    /// What was typed.
    pub command: String,
    /// What was asked for, in words.
    pub settings: Vec<(String, String)>,
    /// Lost, doubled, reordered and the others.
    pub counts: Counts,
    /// What the first refusal or failure said.
    pub complaint: Option<String>,
    /// Why the run is worth nothing, if it is.
    pub failure: Option<String>,
    /// What its figures do not show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// From the intended sending to the delivery.
    pub latency: Option<Latency>,
    /// From the intended sending to the answer.
    pub answers: Option<Latency>,
    /// What the scenario is about, by name: units are the last word of it.
    pub figures: BTreeMap<String, f64>,
    /// The server during the run.
    pub samples: Vec<Sample>,
    /// Deliveries a second, for each tenth of a second.
    pub deliveries_per_second: Vec<f64>,
}

/// Latency in microseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Half were faster.
    pub p50_us: f64,
    /// 90 % were faster.
    pub p90_us: f64,
    /// 99 % were faster.
    pub p99_us: f64,
    /// 99.9 % were faster.
    pub p999_us: f64,
    /// None was slower.
    pub max_us: f64,
    /// The curve: (share, microseconds).
    pub curve: Vec<(f64, f64)>,
}

impl Latency {
    /// Of this histogram of nanoseconds; `None` if it is empty.
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        // As many points for the last per mille as for the first half: a plot is about the tail.
        let mut curve: Vec<(f64, f64)> = histogram
            .iter_quantiles(4)
            .map(|step| (step.quantile_iterated_to(), step.value_iterated_to() as f64 / 1_000.0))
            .collect();
        curve.dedup();
        Some(Self {
            count: histogram.len(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: histogram.max() as f64 / 1_000.0,
            curve,
        })
    }
}

impl Outcome {
    /// What it is called beside others.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.target.clone())
    }

    /// Whether the load waited for the server: then nobody can say when a message should have been sent.
    pub fn is_closed_loop(&self) -> bool {
        // Older outcomes do not say it in these words.
        let closed = |pace: &str| pace.contains("closed loop") || pace.starts_with("as fast as");
        self.settings.iter().any(|(name, value)| name == "pace" && closed(value))
    }

    /// Whether it shows anything, and nothing was lost, doubled, reordered or refused.
    pub fn is_good(&self) -> bool {
        self.failure.is_none() && self.counts.is_perfect()
    }
}

/// Deliveries a second from counts of [`BUCKET_NS`] each.
pub fn per_second(over_time: &[u64]) -> Vec<f64> {
    let buckets_a_second = 1e9 / BUCKET_NS as f64;
    over_time.iter().map(|&n| n as f64 * buckets_a_second).collect()
}
