//! K publishers, each with D requests on the way, and nobody who listens; afterwards one does, to see that it was not for nothing.
use std::collections::BTreeMap;

use clap::Args;

use super::{Found, Listeners, cpu_per_100k_ms, gather, listen_on, rate};
use crate::clock::{self, SECOND};
use crate::numbers;
use crate::press::Manner;
use crate::world::{Place, World};

/// Numbered messages over each connection at the end. No more than somebody may miss who polls, in any dialect.
const BURST: u32 = 8;
/// Over how many connections at most: one after the other, because only what goes over one of them has an order.
const BURST_CONNECTIONS: usize = 64;

#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Connections that publish
    #[arg(long, short, default_value_t = 50, value_parser = numbers::count())]
    pub connections: u32,
    /// Requests on the way on each connection, pipelined
    #[arg(long, short = 'D', default_value_t = 1, value_parser = numbers::count())]
    pub depth: u32,
    /// Channels that they publish to in turn
    #[arg(long, default_value_t = 1, value_parser = numbers::count())]
    pub channels: u32,
    /// Requests a second, whether or not the server keeps up. 0: as fast as it answers
    #[arg(long, short, default_value_t = 0.0, value_parser = numbers::rate_or_zero)]
    pub rate: f64,
    /// How long
    #[arg(long, short, default_value_t = 5.0, value_parser = numbers::seconds)]
    pub seconds: f64,
}

pub fn play(options: &Options, place: Place, size: usize) -> Result<Found, String> {
    let Options { connections, depth, channels, .. } = *options;
    let manner = Manner { connections: connections as usize, depth: depth as usize, size, channels };
    let mut world = World::new(place, 0, manner)?;
    let mut turn = 0u64;
    let mut post = |world: &mut World, connection: usize, intended: u64| {
        world.press.post_over(connection, (turn % u64::from(channels)) as u32, intended);
        turn += 1;
    };
    // Everybody once, so that connections and channels are there.
    for connection in 0..connections as usize {
        post(&mut world, connection, clock::now());
    }
    world.turn_until(|world| world.press.open() == 0)?;
    world.settle_down()?;

    let before = world.press.account().taken;
    let cpu = world.place.server.cpu_ns();
    world.measure(true)?;
    let start = clock::now();
    let end = start + (options.seconds * SECOND as f64) as u64;
    world.progress.playing(start, end);
    if options.rate > 0.0 {
        let step = SECOND as f64 / options.rate;
        for n in 0u64.. {
            let intended = start + (n as f64 * step) as u64;
            if intended >= end || world.is_over() {
                break;
            }
            while clock::now() < intended && !world.is_over() {
                world.turn(intended)?;
            }
            post(&mut world, (n % u64::from(connections)) as usize, intended);
        }
    } else {
        for connection in 0..connections as usize {
            for _ in 0..depth {
                post(&mut world, connection, clock::now());
            }
        }
        let patience = world.place.patience_ns;
        let mut answered_at = start;
        while clock::now() < end && !world.is_over() {
            world.turn(end)?;
            let now = clock::now();
            let answered = std::mem::take(&mut world.answered);
            if answered.is_empty() && now - answered_at > patience {
                break;
            }
            for &connection in &answered {
                answered_at = now;
                post(&mut world, connection, now);
            }
            world.answered = answered;
        }
    }
    let complete = world.turn_until(|world| world.press.open() == 0)?;
    let elapsed = clock::now() - start;
    world.measure(false)?;
    world.settle_down()?;
    let cpu = world.place.server.cpu_since(cpu);

    let requests = world.press.account().taken - before;
    let mut figures = BTreeMap::new();
    figures.insert("requests".to_owned(), requests as f64);
    figures.insert("requests_per_second".to_owned(), rate(requests, elapsed));
    if let Some(cpu) = cpu {
        figures.insert("cpu_per_100k_requests_ms".to_owned(), cpu_per_100k_ms(cpu, requests));
        figures.insert("cpu_percent".to_owned(), cpu as f64 * 100.0 / elapsed.max(1) as f64);
    }
    let settings = vec![
        ("connections".to_owned(), connections.to_string()),
        ("pipelined".to_owned(), depth.to_string()),
        ("channels".to_owned(), channels.to_string()),
        (
            "pace".to_owned(),
            if options.rate > 0.0 {
                format!("{}/s, open loop", options.rate)
            } else {
                "closed loop".to_owned()
            },
        ),
    ];
    let account = world.press.account();
    let failure = if !complete {
        Some("the server has stopped answering".to_owned())
    } else if account.refused + account.unanswered > 0 || world.place.language.speak(0).kinds().is_empty() {
        // What was not taken has no number at the server. And some have no messages.
        None
    } else {
        heard_by_one(&mut world, connections as usize)?
    };
    Ok(Found { world, settings, figures, failure })
}

/// Seats one listener, and publishes numbered messages over the same connections, as many on the way as before: what is answered
/// has to come, once and in order. What is wrong, if anything is.
///
/// # Errors
/// The server was lost before anything was measured.
fn heard_by_one(world: &mut World, connections: usize) -> Result<Option<String>, String> {
    let one = Listeners { subscribers: 1, kind: None };
    if let Err(words) = gather(world, &one, 1, 1) {
        return Ok(Some(format!("nobody can listen to what comes of it: {words}")));
    }
    for connection in 0..connections.min(BURST_CONNECTIONS) {
        let due = world.standing().fresh + u64::from(BURST);
        for _ in 0..BURST {
            world.press.post_over(connection, 0, clock::now());
        }
        let complete = world.turn_until(|world| world.standing().fresh >= due && world.press.open() == 0)?;
        if !complete {
            return Ok(Some("who listened at the end has not got everything".to_owned()));
        }
    }
    listen_on(world, 1)?;
    Ok(None)
}
