//! What is compared: the rows of the table, who takes part in each, and what rcomet must show.
//! Knows nothing of how it is run or written down.
pub use super::measure::Measure;
use super::servers::Kind;

/// The name under which rcomet takes part; what its bars are about.
pub const RCOMET: &str = "rcomet";
/// The denominator.
pub const FLOOR: &str = "floor";
/// Bytes of unsent messages that may be kept for somebody who does not read: `outbox_bytes_max` and one batch more, the
/// defaults, beside the history of the channel.
const SLOW_BYTES_EACH: f64 = (262_144 + 65_536) as f64;
const HISTORY_BYTES: f64 = 1_048_576.0;
const SLOW_HEALTHY: f64 = 1000.0;
const SLOW_PERCENT: f64 = 10.0;

/// A row.
pub struct Row {
    /// What it is called with `--only`.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// The scenario, as it is typed.
    pub scenario: &'static str,
    /// Who takes part.
    pub entries: Vec<Entry>,
    /// What rcomet must show.
    pub bars: Vec<Bar>,
    /// What is shown beside.
    pub also: Vec<Measure>,
}

/// One who takes part in a row.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name in the row.
    pub label: &'static str,
    /// The server.
    pub server: Kind,
    /// Words that are added to the scenario.
    pub more: &'static str,
}

/// What rcomet must show.
pub struct Bar {
    /// What is looked at.
    pub measure: Measure,
    /// With what it is compared.
    pub against: Against,
    /// How much it may be, or must be.
    pub limit: Limit,
}

/// With what a measure is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// Another contestant of the row: the bar is about the ratio.
    Entry(&'static str),
    /// Nothing: the bar is about the value.
    Value,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
}

impl Limit {
    /// Whether this value is allowed.
    pub fn allows(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

impl Row {
    /// Everything that is read from its runs, each once.
    pub fn measures(&self) -> Vec<Measure> {
        let mut all: Vec<Measure> = Vec::new();
        for measure in self.bars.iter().map(|bar| bar.measure).chain(self.also.iter().copied()) {
            if !all.contains(&measure) {
                all.push(measure);
            }
        }
        all
    }
}

impl Entry {
    /// Whether the bars of its row are for it: rcomet as it is tuned, and as it comes.
    pub fn is_subject(&self) -> bool {
        matches!(self.label, RCOMET | AS_IT_COMES)
    }

    /// The words that the simulator is started with.
    pub fn words(&self, row: &Row, quick: bool) -> Vec<String> {
        let mut words: Vec<String> =
            row.scenario.split_whitespace().chain(self.more.split_whitespace()).map(str::to_owned).collect();
        if quick && let Some(at) = words.iter().position(|word| word == "--seconds") {
            words[at + 1] = "1".to_owned();
        }
        words
    }

    /// What somebody types to repeat it.
    pub fn command(&self, row: &Row) -> String {
        format!("rcomet-sim {}", self.words(row, false).join(" "))
    }
}

const fn entry(label: &'static str, server: Kind) -> Entry {
    Entry { label, server, more: "" }
}

/// The name under which rcomet takes part with nothing set.
pub const AS_IT_COMES: &str = "rcomet (head at once)";
const FIXED: &str = "nginx return 200";
const HEALTHY: &str = "rcomet without slow ones";

fn ratio(measure: Measure, limit: Limit) -> Bar {
    Bar { measure, against: Against::Entry(FLOOR), limit }
}

fn value(measure: Measure, limit: Limit) -> Bar {
    Bar { measure, against: Against::Value, limit }
}

/// All rows, in the order of the document.
pub fn all() -> Vec<Row> {
    use Limit::{AtLeast, AtMost};
    use Measure::{Faults, Figure, P50, P99};
    let floor = entry(FLOOR, Kind::Floor);
    let noops = entry(FLOOR, Kind::FloorNoops);
    let rcomet = entry(RCOMET, Kind::Rcomet);
    let default = entry(AS_IT_COMES, Kind::RcometDefault);
    let dialects = entry(RCOMET, Kind::RcometDialects);
    let original = entry("Simple-Comet-Server", Kind::SimpleComet);
    let nchan = entry("Nchan", Kind::Nchan);
    let faye = entry("Faye", Kind::Faye);
    let fixed = entry(FIXED, Kind::NginxFixed);
    let cpu_delivery = Figure("cpu_per_100k_deliveries_ms");
    let deliveries = Figure("deliveries_per_second");
    let cpu_request = Figure("cpu_per_100k_requests_ms");
    let requests = Figure("requests_per_second");
    let cpu_connection = Figure("cpu_per_100k_connections_ms");
    let fanout = |name, title, scenario, entries, cpu, rate| Row {
        name,
        title,
        scenario,
        entries,
        bars: vec![
            ratio(cpu_delivery, AtMost(cpu)),
            ratio(deliveries, AtLeast(rate)),
            value(Faults, AtMost(0.0)),
        ],
        also: vec![P50, P99],
    };
    let publish = |name, title, scenario, entries| Row {
        name,
        title,
        scenario,
        entries,
        bars: vec![
            ratio(cpu_request, AtMost(1.3)),
            Bar { measure: requests, against: Against::Entry(FIXED), limit: AtLeast(1.0) },
        ],
        also: vec![],
    };
    let channels = |name, title, scenario, entries| Row {
        name,
        title,
        scenario,
        entries,
        bars: vec![ratio(P50, AtMost(1.15)), ratio(P99, AtMost(2.0)), value(Faults, AtMost(0.0))],
        also: vec![cpu_delivery],
    };
    let idle = |name, title, scenario, entries, bytes| Row {
        name,
        title,
        scenario,
        entries,
        bars: vec![
            value(Figure("resident_memory_per_connection_bytes"), AtMost(bytes)),
            value(Figure("user_memory_per_connection_bytes"), AtMost(bytes)),
            value(Figure("cpu_while_idle_percent"), AtMost(0.5)),
        ],
        also: vec![Figure("kernel_slab_memory_per_connection_bytes")],
    };
    let connect = |name, title, scenario, entries| Row {
        name,
        title,
        scenario,
        entries,
        bars: vec![ratio(cpu_connection, AtMost(1.2))],
        also: vec![Figure("connections_per_second")],
    };
    vec![
        fanout(
            "fanout-sse",
            "fan-out, 5,000 SSE subscribers, 100-byte messages",
            "fanout -n 5000 -k sse --rate 0 --seconds 3",
            vec![floor, rcomet, nchan, faye],
            1.15,
            0.9,
        ),
        fanout(
            "fanout-sse-15k",
            "fan-out, 15,000 SSE subscribers, 100-byte messages",
            "fanout -n 15000 -k sse --rate 0 --seconds 4",
            vec![floor, rcomet, nchan],
            1.15,
            0.9,
        ),
        fanout(
            "fanout-poll",
            "fan-out, 5,000 long polls, plain, re-polling included",
            "fanout -n 5000 -k poll --rate 0 --seconds 3",
            vec![floor, rcomet, default, nchan, faye],
            1.3,
            0.8,
        ),
        fanout(
            "fanout-jsonp",
            "fan-out, 5,000 long polls, JSONP, re-polling included",
            "fanout -n 5000 -k jsonp --rate 0 --seconds 3",
            vec![floor, rcomet, default],
            1.3,
            0.8,
        ),
        fanout(
            "fanout-poll-15k",
            "fan-out, 15,000 long polls, plain, re-polling included",
            "fanout -n 15000 -k poll --rate 0 --seconds 4",
            vec![floor, rcomet, nchan],
            1.3,
            0.8,
        ),
        fanout(
            "fanout-jsonp-15k",
            "fan-out, 15,000 long polls, JSONP, re-polling included",
            "fanout -n 15000 -k jsonp --rate 0 --seconds 4",
            vec![floor, rcomet],
            1.3,
            0.8,
        ),
        fanout(
            "fanout-simple-comet",
            "fan-out, 5,000 long polls in Simple Comet's dialect, re-polling included",
            "fanout -n 5000 --dialect simple-comet -k poll --rate 0 --seconds 3",
            vec![floor, dialects, original],
            1.3,
            0.8,
        ),
        fanout(
            "fanout-push",
            "fan-out, 5,000 long polls in the push module's dialect, re-polling included",
            "fanout -n 5000 --dialect push -k poll --rate 0 --seconds 3",
            vec![floor, dialects, nchan],
            1.3,
            0.8,
        ),
        fanout(
            "fanout-bayeux",
            "fan-out, 5,000 connects of Bayeux, the next ones included",
            "fanout -n 5000 --dialect bayeux -k poll --rate 0 --seconds 3",
            vec![floor, dialects, faye],
            1.3,
            0.8,
        ),
        fanout(
            "fanout-websocket",
            "fan-out, 5,000 WebSockets",
            "fanout -n 5000 --dialect websocket --rate 0 --seconds 3",
            vec![floor, dialects],
            1.15,
            0.9,
        ),
        fanout(
            "fanout-websocket-15k",
            "fan-out, 15,000 WebSockets",
            "fanout -n 15000 --dialect websocket --rate 0 --seconds 4",
            vec![floor, dialects],
            1.15,
            0.9,
        ),
        publish(
            "publish",
            "publish, 50 keep-alive connections",
            "publish --connections 50 --depth 1 --seconds 3",
            vec![floor, rcomet, fixed, nchan, faye],
        ),
        publish(
            "publish-pipelined",
            "publish, 50 keep-alive connections, pipelined by 16",
            "publish --connections 50 --depth 16 --seconds 3",
            vec![floor, rcomet, fixed, nchan],
        ),
        channels(
            "channels-sse",
            "1,000 channels × 1, 2,000 publishes/s, SSE",
            "channels --channels 1000 --subscribers 1 --rate 2000 -k sse --seconds 4",
            vec![floor, rcomet, nchan, faye],
        ),
        channels(
            "channels-poll",
            "1,000 channels × 1, 2,000 publishes/s, long polls",
            "channels --channels 1000 --subscribers 1 --rate 2000 -k poll --seconds 4",
            vec![floor, rcomet, default, nchan, faye],
        ),
        idle(
            "idle-poll",
            "15,000 idle long polls for 65 seconds, with two rounds of noops",
            "idle -n 15000 -k poll --seconds 65",
            vec![noops, rcomet, default, nchan],
            512.0,
        ),
        idle(
            "idle-sse",
            "15,000 idle SSE for 65 seconds, with two rounds of noops",
            "idle -n 15000 -k sse --seconds 65",
            vec![noops, rcomet, nchan],
            512.0,
        ),
        idle(
            "idle-websocket",
            "15,000 idle WebSockets for 65 seconds, with two rounds of noops",
            "idle -n 15000 --dialect websocket --seconds 65",
            vec![noops, dialects],
            1_024.0,
        ),
        connect(
            "connect-poll",
            "connect to parked, 10,000 long polls",
            "connect -n 10000 -k poll",
            vec![floor, rcomet, default, nchan],
        ),
        connect(
            "connect-sse",
            "connect to parked, 10,000 SSE",
            "connect -n 10000 -k sse",
            vec![floor, rcomet, nchan],
        ),
        Row {
            name: "slow",
            title: "1,000 healthy streams and 100 who never read, 20 messages/s of 8,000 bytes",
            scenario: "slow -n 1000 -k sse --rate 20 --size 8000 --seconds 6",
            entries: vec![rcomet, Entry { label: HEALTHY, server: Kind::Rcomet, more: "--slow-percent 0" }],
            bars: vec![
                Bar { measure: P99, against: Against::Entry(HEALTHY), limit: AtMost(1.2) },
                value(
                    Figure("memory_growth_bytes"),
                    AtMost(HISTORY_BYTES + SLOW_HEALTHY * SLOW_PERCENT / 100.0 * SLOW_BYTES_EACH),
                ),
                value(Faults, AtMost(0.0)),
            ],
            also: vec![],
        },
        Row {
            name: "storm",
            title: "5,000 SSE cut off at once, under 4 messages/s",
            scenario: "storm -n 5000 -k sse --rate 4 --seconds 2",
            entries: vec![floor, rcomet, nchan],
            bars: vec![value(Faults, AtMost(0.0))],
            also: vec![Figure("back_after_ms"), Figure("cpu_per_100k_returns_ms")],
        },
        Row {
            name: "chat",
            title: "a chat of 1,000 people in 100 rooms",
            scenario: "chat --people 1000 --rooms 100 --pause 2 --stay 10 -k sse --seconds 4",
            entries: vec![floor, rcomet],
            bars: vec![value(Faults, AtMost(0.0))],
            also: vec![P50, P99, cpu_delivery],
        },
    ]
}
