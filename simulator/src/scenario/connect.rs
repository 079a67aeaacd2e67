//! N subscribers who come, ask, and wait.
use std::collections::BTreeMap;

use clap::Args;

use super::{Found, Listeners, cpu_per_100k_ms, gather, manner, probe, probe_to_the_end, rate};
use crate::clock;
use crate::numbers;
use crate::world::{Place, World};

#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pub listeners: Listeners,
    /// Connections that may be under way at the same time
    #[arg(long, default_value_t = 256, value_parser = numbers::count())]
    pub window: u32,
}

pub fn play(options: &Options, place: Place, size: usize) -> Result<Found, String> {
    let all = u64::from(options.listeners.subscribers);
    let kind = options.listeners.kind(&place);
    let mut world = World::new(place, all as usize, manner(1, size))?;
    // The first message makes the channel; nobody who comes later is owed it.
    probe(&mut world, 1, 0)?;
    world.settle_down()?;
    let cpu = world.place.server.cpu_ns();
    let start = clock::now();
    gather(&mut world, &options.listeners, 1, options.window)?;
    let asked = clock::now();
    world.begin();
    let quiet = world.settle_down()?;
    let cpu = world.place.server.cpu_since(cpu);
    let complete = probe_to_the_end(&mut world, 1, all)?;

    let mut figures = BTreeMap::new();
    figures.insert("connections".to_owned(), all as f64);
    figures.insert("connections_per_second".to_owned(), rate(all, quiet.max(asked) - start));
    if let Some(cpu) = cpu {
        figures.insert("cpu_per_100k_connections_ms".to_owned(), cpu_per_100k_ms(cpu, all));
    }
    let settings = vec![
        ("subscribers".to_owned(), all.to_string()),
        ("kind".to_owned(), kind.to_string()),
        ("at once".to_owned(), options.window.to_string()),
    ];
    let failure = (!complete).then(|| "not everybody who seemed to wait has got the message".to_owned());
    Ok(Found { world, settings, figures, failure })
}
