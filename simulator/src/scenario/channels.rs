//! C channels with S subscribers each, and messages to one or another of them.
use std::collections::BTreeMap;

use clap::Args;

use super::{Found, Listeners, Run, WINDOW, gather, manner, probe};
use crate::dice::Dice;
use crate::numbers;
use crate::target::Kind;
use crate::world::{Place, World};

#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Channels
    #[arg(long, short, default_value_t = 1000, value_parser = numbers::count())]
    pub channels: u32,
    /// Subscribers of each channel
    #[arg(long, short = 's', default_value_t = 1, value_parser = numbers::count())]
    pub subscribers: u32,
    /// How they listen [default: sse, or what the dialect has]
    #[arg(long, short = 'k', value_enum)]
    pub kind: Option<Kind>,
    /// Messages a second, each to a channel chosen by chance; latency counts from the intended time
    #[arg(long, short, default_value_t = 2000.0, value_parser = numbers::rate)]
    pub rate: f64,
    /// How long
    #[arg(long, default_value_t = 5.0, value_parser = numbers::seconds)]
    pub seconds: f64,
    /// What chance begins with
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

pub fn play(options: &Options, place: Place, size: usize) -> Result<Found, String> {
    let Options { channels, subscribers: each, .. } = *options;
    let kind = options.kind.unwrap_or_else(|| place.language.usual_kind());
    let Some(subscribers) = channels.checked_mul(each) else {
        return Err(format!("{channels} channels with {each} subscribers each are more than can be counted"));
    };
    let listeners = Listeners { subscribers, kind: Some(kind) };
    let all = u64::from(listeners.subscribers);
    let mut world = World::new(place, all as usize, manner(channels, size))?;
    gather(&mut world, &listeners, channels, WINDOW)?;
    let warm = probe(&mut world, channels, all)?;
    let mut run = Run::begin(world)?;
    if !warm {
        run.fail("not everybody has got the messages of the warm-up");
    }
    let mut dice = Dice::new(options.seed);
    run.at_a_rate(options.rate, options.seconds, |world, intended| {
        world.press.post(dice.below(channels), intended);
        Ok(())
    })?;
    let mut figures = BTreeMap::new();
    let world = run.end(u64::from(each), &mut figures)?;
    let settings = vec![
        ("channels".to_owned(), channels.to_string()),
        ("subscribers each".to_owned(), each.to_string()),
        ("kind".to_owned(), kind.to_string()),
        ("pace".to_owned(), format!("{} messages a second, open loop", options.rate)),
    ];
    Ok(world.found(settings, figures))
}
