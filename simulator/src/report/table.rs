//! An outcome as a table on the terminal.
//! Knows nothing of how it came about.
use std::fmt::Write as _;

use crate::outcome::{Latency, Outcome};

/// The whole table, with what is wrong in the last lines, where it is seen.
pub fn table(outcome: &Outcome) -> String {
    let mut out = String::new();
    let settings: Vec<String> =
        outcome.settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
    // Writing into a string cannot fail, here and below.
    let _ = writeln!(out, "\n  {} · {}", outcome.scenario, outcome.target);
    let _ = writeln!(out, "  {}\n", settings.join(" · "));
    for (name, value) in &outcome.figures {
        let _ = writeln!(out, "  {:<42} {:>16}", words(name), number(*value, name));
    }
    latency(&mut out, "intended sending to delivery", outcome.latency.as_ref());
    latency(&mut out, "intended sending to answer", outcome.answers.as_ref());
    if let (Some(first), Some(last)) = (outcome.samples.first(), outcome.samples.last())
        && last.memory.resident_bytes > 0
    {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let _ = writeln!(
            out,
            "\n  server   resident {:.1} MiB (at first {:.1}) · kernel's TCP {:.1} MiB",
            mib(last.memory.resident_bytes),
            mib(first.memory.resident_bytes),
            mib(last.memory.kernel_tcp_bytes),
        );
    }
    let counts = &outcome.counts;
    let _ = writeln!(
        out,
        "\n  published {} · delivered {} · lost {} · doubled {} · reordered {}",
        counts.published, counts.delivered, counts.lost, counts.doubled, counts.reordered
    );
    for (count, what) in [
        (counts.broken, "connections or publishes were cut off"),
        (counts.refused, "were refused"),
        (counts.declared, "gaps were declared by the server"),
    ] {
        if count > 0 {
            let _ = writeln!(out, "  {count} {what}");
        }
    }
    for words in &outcome.warnings {
        let _ = writeln!(out, "\n  ! {words}");
    }
    if !outcome.counts.is_perfect() {
        let _ = writeln!(
            out,
            "\n  !!! NOT EVERYBODY GOT EVERYTHING ONCE AND IN ORDER: {} lost, {} doubled, {} reordered, {} refused",
            counts.lost, counts.doubled, counts.reordered, counts.refused
        );
    }
    for words in [&outcome.failure, &outcome.complaint].into_iter().flatten() {
        let _ = writeln!(out, "  !!! {words}");
    }
    out
}

fn latency(out: &mut String, title: &str, latency: Option<&Latency>) {
    let Some(latency) = latency else { return };
    let _ = writeln!(out, "\n  {title} ({} measured)", latency.count);
    let _ = writeln!(out, "  {:>11} {:>11} {:>11} {:>11} {:>11}", "p50", "p90", "p99", "p99.9", "max");
    let columns = [latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us];
    let columns: Vec<String> = columns.into_iter().map(|us| format!("{:>11}", duration(us))).collect();
    let _ = writeln!(out, "  {}", columns.join(" "));
}

/// A duration with three digits.
pub fn duration(us: f64) -> String {
    match us {
        us if us < 1_000.0 => format!("{us:.0} µs"),
        us if us < 10_000.0 => format!("{:.2} ms", us / 1e3),
        us if us < 1_000_000.0 => format!("{:.1} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

/// A figure's name as words, its unit apart.
pub fn words(name: &str) -> String {
    let name = name.replace('_', " ").replace("cpu", "CPU").replace("tcp", "TCP");
    for unit in ["bytes", "ms", "percent"] {
        if let Some(rest) = name.strip_suffix(unit) {
            let unit = if unit == "percent" { "%" } else { unit };
            return format!("{}, {unit}", rest.trim_end());
        }
    }
    name
}

/// A number with thousands apart.
pub fn number(value: f64, name: &str) -> String {
    let counted = value.abs() >= 100.0 || value.fract() == 0.0;
    if !counted {
        return if name.ends_with("percent") { format!("{value:.3}") } else { format!("{value:.2}") };
    }
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if value < 0.0 { format!("-{out}") } else { out }
}
