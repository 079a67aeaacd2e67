//! N subscribers who wait, and nothing that happens.
use std::collections::BTreeMap;

use clap::Args;

use super::{Found, Listeners, WINDOW, gather, manner, probe_to_the_end};
use crate::clock::{self, SECOND};
use crate::numbers;
use crate::world::{Place, World};

#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pub listeners: Listeners,
    /// How long they wait while the server's processor time is watched. rcomet's first noop comes after 30 (polling_timeout_ms): for
    /// what noops cost, 65
    #[arg(long, short, default_value_t = 5.0, value_parser = numbers::seconds)]
    pub seconds: f64,
    /// Channels that they are spread over
    #[arg(long, default_value_t = 1, value_parser = numbers::count())]
    pub channels: u32,
}

pub fn play(options: &Options, place: Place, size: usize) -> Result<Found, String> {
    let all = u64::from(options.listeners.subscribers);
    let kind = options.listeners.kind(&place);
    let mut world = World::new(place, all as usize, manner(options.channels, size))?;
    world.settle_down()?;
    let before = world.place.server.memory();
    gather(&mut world, &options.listeners, options.channels, WINDOW)?;
    world.settle_down()?;
    world.begin();
    let cpu = world.place.server.cpu_ns();
    let length = (options.seconds * SECOND as f64) as u64;
    world.progress.playing(clock::now(), clock::now() + length);
    world.turn_for(length)?;
    let cpu = world.place.server.cpu_since(cpu);
    let after = world.place.server.memory();
    // They really wait: everybody gets what comes.
    let complete = probe_to_the_end(&mut world, options.channels, all)?;

    let mut figures = BTreeMap::new();
    let each = |after: u64, before: u64| (after as f64 - before as f64) / all.max(1) as f64;
    figures.insert("connections".to_owned(), all as f64);
    if let Some(cpu) = cpu {
        figures.insert(
            "user_memory_per_connection_bytes".to_owned(),
            each(after.proportional_bytes, before.proportional_bytes),
        );
        figures.insert(
            "resident_memory_per_connection_bytes".to_owned(),
            each(after.resident_bytes, before.resident_bytes),
        );
        figures.insert("cpu_while_idle_percent".to_owned(), cpu as f64 / length.max(1) as f64 * 100.0);
    }
    figures.insert(
        "kernel_tcp_memory_per_connection_bytes".to_owned(),
        each(after.kernel_tcp_bytes, before.kernel_tcp_bytes),
    );
    // Of both ends, and of whatever else the machine does: an upper bound.
    figures.insert(
        "kernel_slab_memory_per_connection_bytes".to_owned(),
        each(after.kernel_slab_bytes, before.kernel_slab_bytes),
    );
    let settings = vec![
        ("subscribers".to_owned(), all.to_string()),
        ("kind".to_owned(), kind.to_string()),
        ("channels".to_owned(), options.channels.to_string()),
    ];
    let failure = (!complete).then(|| "not everybody who seemed to wait has got the message".to_owned());
    Ok(Found { world, settings, figures, failure })
}

/// A server that has been used before has memory that it uses again: then there is nothing to divide.
pub fn warnings(figures: &BTreeMap<String, f64>) -> Vec<String> {
    let memory = ["user_memory_per_connection_bytes", "resident_memory_per_connection_bytes"];
    if memory.iter().filter_map(|&name| figures.get(name)).all(|&bytes| bytes > 0.0) {
        return Vec::new();
    }
    let words = "the server did not grow: it has memory from before, so that memory a connection is not known; start a new one, or \
                 take more subscribers";
    vec![words.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_did_not_grow_is_named() {
        let figures = |user: f64, resident: f64| {
            BTreeMap::from([
                ("user_memory_per_connection_bytes".to_owned(), user),
                ("resident_memory_per_connection_bytes".to_owned(), resident),
                ("kernel_slab_memory_per_connection_bytes".to_owned(), -1.0),
            ])
        };
        assert!(warnings(&figures(400.0, 420.0)).is_empty());
        assert!(warnings(&BTreeMap::new()).is_empty(), "nobody is watched");
        for (user, resident) in [(-0.82, 420.0), (400.0, 0.0), (0.0, -3.0)] {
            assert!(warnings(&figures(user, resident))[0].contains("start a new one"));
        }
    }
}
