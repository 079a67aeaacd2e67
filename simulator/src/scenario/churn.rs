//! Subscribers who lose their connections one after another and come back where they were.
use std::collections::BTreeMap;

use clap::Args;

use super::{Found, Listeners, Run, WINDOW, gather, manner, probe};
use crate::crowd::Order;
use crate::dice::Dice;
use crate::numbers;
use crate::world::{Place, World};

#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pub listeners: Listeners,
    /// Channels that they are spread over
    #[arg(long, default_value_t = 1, value_parser = numbers::count())]
    pub channels: u32,
    /// Subscribers a second who hang up and connect again
    #[arg(long, default_value_t = 200.0, value_parser = numbers::rate_or_zero)]
    pub churn: f64,
    /// Messages a second, to the channels in turn
    #[arg(long, short, default_value_t = 10.0, value_parser = numbers::rate_or_zero)]
    pub rate: f64,
    /// How long
    #[arg(long, short, default_value_t = 5.0, value_parser = numbers::seconds)]
    pub seconds: f64,
    /// What chance begins with
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

pub fn play(options: &Options, place: Place, size: usize) -> Result<Found, String> {
    let Options { listeners, channels, churn, rate, seconds, seed } = options;
    let (all, channels) = (listeners.subscribers, *channels);
    if all % channels != 0 {
        return Err(format!("{all} subscribers cannot be spread evenly over {channels} channels"));
    }
    let kind = listeners.kind(&place);
    let mut world = World::new(place, all as usize, manner(channels, size))?;
    gather(&mut world, listeners, channels, WINDOW)?;
    let warm = probe(&mut world, channels, u64::from(all))?;
    let mut run = Run::begin(world)?;
    if !warm {
        run.fail("not everybody has got the messages of the warm-up");
    }
    let mut dice = Dice::new(*seed);
    let (mut returns, mut messages) = (0u64, 0);
    // Two clocks in one: whatever is due at a step of the faster one.
    let pace = (churn + rate).max(1.0);
    let mut owed = 0.0;
    run.at_a_rate(pace, *seconds, |world, intended| {
        owed += rate / pace;
        if owed >= 1.0 {
            owed -= 1.0;
            world.press.post(messages % channels, intended);
            messages += 1;
            return Ok(());
        }
        if *churn > 0.0 {
            returns += 1;
            world.order(Order::Reopen { index: dice.below(all) })?;
        }
        Ok(())
    })?;
    let mut figures = BTreeMap::new();
    let over = run.end(u64::from(all / channels), &mut figures)?;
    figures.insert("returns".to_owned(), returns as f64);
    let settings = vec![
        ("subscribers".to_owned(), all.to_string()),
        ("kind".to_owned(), kind.to_string()),
        ("channels".to_owned(), channels.to_string()),
        ("pace".to_owned(), format!("{rate} messages a second, open loop")),
        ("returns a second".to_owned(), churn.to_string()),
    ];
    Ok(over.found(settings, figures))
}
