//! N subscribers of one channel.
use std::collections::BTreeMap;

use clap::Args;

use super::{Found, Listeners, WINDOW, cpu_per_100k_ms, gather, manner, probe, rate};
use crate::clock::{self, SECOND};
use crate::world::{Place, World};

#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pub listeners: Listeners,
    /// Messages a second, whether or not the server keeps up: latency counts from the intended time. 0: the next one
    /// when everybody has the last, which shows how fast it can be
    #[arg(long, short, default_value_t = 10.0)]
    pub rate: f64,
    /// With --rate 0: messages that may be on their way at the same time
    #[arg(long, default_value_t = 1)]
    pub window: u64,
    /// How long
    #[arg(long, short, default_value_t = 5.0)]
    pub seconds: f64,
    /// Messages that go before and are not measured
    #[arg(long, default_value_t = 3)]
    pub warm_up: u32,
}

pub fn play(options: &Options, place: Place, size: usize) -> Result<Found, String> {
    let all = u64::from(options.listeners.subscribers);
    let mut world = World::new(place, all as usize, manner(1, size))?;
    gather(&mut world, &options.listeners, 1, WINDOW)?;
    let mut failure = None;
    for _ in 0..options.warm_up {
        if !probe(&mut world, 1, all)? {
            failure = Some("not everybody has got the messages of the warm-up".to_owned());
        }
    }
    world.settle_down()?;

    let cpu = world.place.server.cpu_ns();
    let fresh = world.standing().fresh;
    world.measure(true);
    let start = clock::now();
    let end = start + (options.seconds * SECOND as f64) as u64;
    if options.rate > 0.0 {
        at_a_rate(&mut world, options.rate, start, end)?;
    } else {
        one_after_another(&mut world, options.window, all, end)?;
    }
    let published = world.press.published() - u64::from(options.warm_up);
    let expected = fresh + published * all;
    let mut last = clock::now();
    let mut seen = world.standing().fresh;
    let complete = world.turn_until(|world| {
        let present = world.standing().fresh;
        if present != seen {
            (seen, last) = (present, clock::now());
        }
        present >= expected && world.press.open() == 0
    })?;
    let elapsed = last - start;
    world.measure(false);
    world.settle_down()?;
    let cpu = world.place.server.cpu_ns() - cpu;

    if !complete {
        failure.get_or_insert_with(|| "not everybody has got everything".to_owned());
    }
    let deliveries = world.standing().fresh - fresh;
    let mut figures = BTreeMap::new();
    figures.insert("deliveries".to_owned(), deliveries as f64);
    figures.insert("deliveries_per_second".to_owned(), rate(deliveries, elapsed));
    if world.place.server.is_watched() {
        figures.insert("cpu_per_100k_deliveries_ms".to_owned(), cpu_per_100k_ms(cpu, deliveries));
        figures.insert("cpu_percent".to_owned(), cpu as f64 * 100.0 / elapsed.max(1) as f64);
    }
    let pace = match options.rate {
        rate if rate > 0.0 => format!("{rate} messages a second, open loop"),
        _ => format!("as fast as they have it, {} on their way", options.window),
    };
    let settings = vec![
        ("subscribers".to_owned(), all.to_string()),
        ("kind".to_owned(), format!("{:?}", options.listeners.kind).to_lowercase()),
        ("pace".to_owned(), pace),
    ];
    Ok(Found { world, settings, figures, failure })
}

/// Each message at its time, whatever has become of those before it.
fn at_a_rate(world: &mut World, rate: f64, start: u64, end: u64) -> Result<(), String> {
    let step = SECOND as f64 / rate;
    for n in 0u64.. {
        let intended = start + (n as f64 * step) as u64;
        if intended >= end {
            break;
        }
        while clock::now() < intended {
            world.turn(intended)?;
        }
        world.press.post(0, intended);
    }
    Ok(())
}

fn one_after_another(world: &mut World, window: u64, all: u64, end: u64) -> Result<(), String> {
    let base = world.standing().fresh;
    let mut published = 0u64;
    while clock::now() < end {
        let room = world.turn_until(|world| {
            let standing = world.standing();
            standing.fresh >= base + (published + 1).saturating_sub(window) * all && standing.asked == all
        })?;
        if !room {
            return Ok(());
        }
        world.press.post(0, clock::now());
        published += 1;
    }
    Ok(())
}
