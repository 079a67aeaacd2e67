//! Some who read, and some who never do: what do the one feel of the others, and what does it cost in memory?
use std::collections::BTreeMap;

use clap::Args;

use super::{Found, Listeners, Run, WINDOW, gather, manner, probe};
use crate::crowd::Order;
use crate::numbers;
use crate::world::{Place, World};

#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pub listeners: Listeners,
    /// Subscribers more who ask and never read, in percent of the others; 0 to compare with
    #[arg(long, default_value_t = 10.0, value_parser = numbers::percent)]
    pub slow_percent: f64,
    /// Messages a second; latency counts from the intended time
    #[arg(long, short, default_value_t = 20.0, value_parser = numbers::rate)]
    pub rate: f64,
    /// How long
    #[arg(long, short, default_value_t = 10.0, value_parser = numbers::seconds)]
    pub seconds: f64,
}

pub fn play(options: &Options, place: Place, size: usize) -> Result<Found, String> {
    let (healthy, kind) = (options.listeners.subscribers, options.listeners.kind(&place));
    if kind.polls() {
        return Err(
            "who polls and does not read gets one answer and nothing more: choose a stream".to_owned()
        );
    }
    let slow = (f64::from(healthy) * options.slow_percent / 100.0).round() as u32;
    let mut world = World::new(place, (healthy + slow) as usize, manner(1, size))?;
    gather(&mut world, &options.listeners, 1, WINDOW)?;
    let warm = probe(&mut world, 1, u64::from(healthy))?;
    let last = world.press.answered_head(0);
    world.order(Order::Seats {
        first: healthy,
        count: slow,
        step: 1,
        kind,
        channels: 1,
        last,
        deaf: true,
    })?;
    world.order(Order::Open { first: healthy, window: WINDOW })?;
    let all_here = world.turn_until(|world| world.standing().asked == u64::from(healthy + slow))?;
    let mut run = Run::begin(world)?;
    if !(warm && all_here) {
        run.fail("not everybody came to wait");
    }
    let before = run.world.place.server.memory();
    run.at_a_rate(options.rate, options.seconds, |world, intended| {
        world.press.post(0, intended);
        Ok(())
    })?;
    let grown = run.world.place.server.memory().resident_bytes as f64 - before.resident_bytes as f64;
    let mut figures = BTreeMap::new();
    let over = run.end(u64::from(healthy), &mut figures)?;
    if over.world.place.server.is_watched() {
        figures.insert("memory_growth_bytes".to_owned(), grown);
        if slow > 0 {
            figures.insert("memory_growth_per_slow_subscriber_bytes".to_owned(), grown / f64::from(slow));
        }
    }
    let settings = vec![
        ("healthy".to_owned(), healthy.to_string()),
        ("never read".to_owned(), slow.to_string()),
        ("kind".to_owned(), kind.to_string()),
        ("pace".to_owned(), format!("{} messages a second, open loop", options.rate)),
    ];
    Ok(over.found(settings, figures))
}

/// So much goes into buffers of the kernel at both ends before the server hears that somebody does not read.
const BUFFERED_BYTES: u64 = 512 << 10;

/// Where nobody was slow, nothing is shown of it.
pub fn warnings(figures: &BTreeMap<String, f64>, sent_bytes: u64) -> Vec<String> {
    let grown = figures.get("memory_growth_bytes").is_some_and(|&bytes| bytes > 0.0);
    if sent_bytes >= BUFFERED_BYTES || grown {
        return Vec::new();
    }
    let words = format!(
        "too little was sent to fill anybody's buffers ({sent_bytes} bytes to each): who does not read was not slow; a greater --size, \
         --rate or --seconds changes that"
    );
    vec![words]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_in_which_nobody_was_slow_is_named() {
        let grown = |bytes: f64| BTreeMap::from([("memory_growth_bytes".to_owned(), bytes)]);
        assert!(warnings(&grown(0.0), 20 * 100)[0].contains("too little was sent"));
        assert!(!warnings(&BTreeMap::new(), 20 * 100).is_empty(), "nobody is watched");
        assert!(warnings(&grown(5.0), 20 * 100).is_empty());
        assert!(warnings(&grown(0.0), 200 * 8000).is_empty());
    }
}
