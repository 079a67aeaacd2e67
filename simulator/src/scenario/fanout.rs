//! N subscribers of one channel.
use std::collections::BTreeMap;

use clap::Args;

use super::{Found, Listeners, Run, WINDOW, gather, manner, probe};
use crate::clock::{self, SECOND};
use crate::numbers;
use crate::world::{Place, World};

#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pub listeners: Listeners,
    /// Messages a second, whether or not the server keeps up: latency counts from the intended time. 0: the next one
    /// when everybody has the last and has asked again, which shows how fast it can be
    #[arg(long, short, default_value_t = 10.0, value_parser = numbers::rate_or_zero)]
    pub rate: f64,
    /// With --rate 0: messages that may be on their way at the same time
    #[arg(long, default_value_t = 1, value_parser = numbers::window())]
    pub window: u64,
    /// How long
    #[arg(long, short, default_value_t = 5.0, value_parser = numbers::seconds)]
    pub seconds: f64,
    /// Messages that go before and are not measured
    #[arg(long, default_value_t = 3)]
    pub warm_up: u32,
}

pub fn play(options: &Options, place: Place, size: usize) -> Result<Found, String> {
    let all = u64::from(options.listeners.subscribers);
    let kind = options.listeners.kind(&place);
    let mut world = World::new(place, all as usize, manner(1, size))?;
    gather(&mut world, &options.listeners, 1, WINDOW)?;
    let mut warm = true;
    for _ in 0..options.warm_up {
        warm &= probe(&mut world, 1, all)?;
    }
    let mut run = Run::begin(world)?;
    if !warm {
        run.fail("not everybody has got the messages of the warm-up");
    }
    if options.rate > 0.0 {
        run.at_a_rate(options.rate, options.seconds, |world, intended| {
            world.press.post(0, intended);
            Ok(())
        })?;
    } else {
        let end = run.started() + (options.seconds * SECOND as f64) as u64;
        run.world.progress.playing(run.started(), end);
        one_after_another(&mut run.world, options.window, all, end)?;
    }
    let mut figures = BTreeMap::new();
    let over = run.end(all, &mut figures)?;
    let pace = match options.rate {
        rate if rate > 0.0 => format!("{rate} messages a second, open loop"),
        _ => format!("as fast as they have it, {} on their way, closed loop", options.window),
    };
    let settings = vec![
        ("subscribers".to_owned(), all.to_string()),
        ("kind".to_owned(), kind.to_string()),
        ("pace".to_owned(), pace),
    ];
    Ok(over.found(settings, figures))
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
