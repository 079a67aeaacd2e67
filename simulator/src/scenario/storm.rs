//! Everybody is cut off at once, and comes back: how long does it take, and does anybody miss anything?
use std::collections::BTreeMap;

use clap::Args;

use super::{Found, Listeners, Run, WINDOW, gather, manner, probe, waits_for_head};
use crate::clock::{self, SECOND};
use crate::crowd::Order;
use crate::numbers;
use crate::world::{Place, World};

#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pub listeners: Listeners,
    /// Channels that they are spread over
    #[arg(long, default_value_t = 1, value_parser = numbers::count())]
    pub channels: u32,
    /// Messages a second, to the channels in turn, before, during and after the storm
    #[arg(long, short, default_value_t = 10.0, value_parser = numbers::rate)]
    pub rate: f64,
    /// How long before the storm, and how long again when everybody is back
    #[arg(long, short, default_value_t = 2.0, value_parser = numbers::seconds)]
    pub seconds: f64,
    /// Connections that may be under way at the same time
    #[arg(long, default_value_t = 512, value_parser = numbers::count())]
    pub window: u32,
}

pub fn play(options: &Options, place: Place, size: usize) -> Result<Found, String> {
    let Options { listeners, channels, rate, seconds, window } = options;
    let (all, channels) = (u64::from(listeners.subscribers), *channels);
    if listeners.subscribers % channels != 0 {
        return Err(format!("{all} subscribers cannot be spread evenly over {channels} channels"));
    }
    let kind = listeners.kind(&place);
    let mut world = World::new(place, all as usize, manner(channels, size))?;
    gather(&mut world, listeners, channels, WINDOW)?;
    let warm = probe(&mut world, channels, all)?;
    let mut run = Run::begin(world)?;
    if !warm {
        run.fail("not everybody has got the messages of the warm-up");
    }
    let mut turn = 0;
    let mut next = |world: &mut World, intended: u64| {
        world.press.post(turn % channels, intended);
        turn += 1;
        Ok(())
    };
    run.at_a_rate(*rate, *seconds, &mut next)?;

    let cpu = run.world.place.server.cpu_ns();
    let cut = clock::now();
    run.world.order(Order::Cut { window: *window })?;
    let parked = waits_for_head(&run.world, kind);
    let is_back = |world: &World| {
        let standing = world.standing();
        standing.asked == all && standing.away == 0 && (!parked || standing.parked == all)
    };
    // In small steps, because publishing goes on. A crew may not have heard of the cut yet: so one step at least.
    // Patience is for so many steps, however long this process is kept from them.
    let step = 1.0 / rate.max(1.0);
    let mut steps = (run.world.place.patience_ns as f64 / (step * SECOND as f64)).ceil() as u64;
    let mut back = None;
    while back.is_none() && steps > 0 && !run.world.is_over() {
        steps -= 1;
        run.at_a_rate(*rate, step, |world, intended| {
            if back.is_none() && clock::now() - cut > 1_000_000 && is_back(world) {
                back = Some(clock::now());
            }
            next(world, intended)
        })?;
        if back.is_none() && is_back(&run.world) {
            back = Some(clock::now());
        }
    }
    let cpu = run.world.place.server.cpu_since(cpu);
    if back.is_none() {
        run.fail("not everybody came back");
    }
    run.at_a_rate(*rate, *seconds, &mut next)?;

    let mut figures = BTreeMap::new();
    let over = run.end(all / u64::from(channels), &mut figures)?;
    let took = back.unwrap_or_else(clock::now) - cut;
    figures.insert("back_after_ms".to_owned(), took as f64 / 1e6);
    figures.insert("came_back_per_second".to_owned(), super::rate(all, took));
    if let Some(cpu) = cpu {
        figures.insert("cpu_per_100k_returns_ms".to_owned(), super::cpu_per_100k_ms(cpu, all));
    }
    let settings = vec![
        ("subscribers".to_owned(), all.to_string()),
        ("kind".to_owned(), kind.to_string()),
        ("channels".to_owned(), channels.to_string()),
        ("pace".to_owned(), format!("{rate} messages a second, open loop")),
        ("at once".to_owned(), window.to_string()),
    ];
    Ok(over.found(settings, figures))
}
