//! The whole server against random worlds of clients: no sockets, one clock, one seed.
//!
//! Every byte that the server says is read strictly as soon as it is said, and compared with a shadow of what was asked
//! and accepted. In the end everything heals, and whatever is owed must come; then all is given back.
//!
//! `SEEDS=1000` lives through more worlds, `SEED=7` through one and tells what happens in it, `STEPS=300` through
//! shorter ones.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a test tells what it does, and is told by its surroundings"
)]
#[path = "world/mod.rs"]
mod world;

use std::panic::catch_unwind;

use world::{Tally, live};

/// What has to happen somewhere in the default run. Every counter of the server has to move, too.
const EXPECTED: &[&str] = &[];

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |n| n.parse().expect("a number"))
}

#[test]
fn many_worlds() {
    let steps = number("STEPS", 1_500);
    if std::env::var("SEED").is_ok() {
        let (tally, hash) = live(number("SEED", 0), steps, true);
        return println!("{}{hash:016x}", tally.table());
    }
    let seeds = number("SEEDS", 256);
    let mut tally = Tally::default();
    for seed in 0..seeds {
        match catch_unwind(|| live(seed, steps, false)) {
            Ok((counts, _)) => tally.merge(&counts),
            Err(_) => panic!(
                "the world of seed {seed} fails; to see it happen:\n\
                 SEED={seed} STEPS={steps} cargo test -p rcomet-core --test world many_worlds -- --nocapture"
            ),
        }
    }
    println!("{}", tally.table());
    if seeds >= 256 {
        let missing = tally.missing(EXPECTED.iter().copied());
        assert!(missing.is_empty(), "the worlds have become too tame: {missing:?} never happened");
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    let lives = |seed| live(seed, 1_000, false);
    assert_eq!(lives(7), lives(7));
    assert_ne!(lives(7).1, lives(8).1);
}
