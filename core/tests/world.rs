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

use rcomet_core::Counters;
use world::{Tally, live};

/// What has to happen somewhere in the default run. Every counter of the server has to move, too.
const EXPECTED: &[&str] = &[
    "CComet answer",
    "CComet left alone",
    "array of several",
    "bad request",
    "began to wait",
    "broadcast accepted",
    "broadcast refused",
    "burst",
    "channel announced",
    "channel expired",
    "cleared",
    "close told",
    "closed",
    "closed after lingering",
    "closed after the peer ended",
    "closed for taking nothing",
    "drained",
    "end of a channel announced",
    "gap at the start",
    "gap not said",
    "gap of another life",
    "gap while waiting",
    "gave way",
    "join",
    "knows all channels in the end",
    "last words",
    "leave",
    "life told",
    "message heard",
    "next_seq",
    "noop of a poll",
    "noop of a stream",
    "nothing left behind a gap",
    "poll answered at once",
    "poll that waited",
    "publish refused",
    "publish that was put off",
    "reading paused",
    "reading went on",
    "reconfigured",
    "refused: channels",
    "refused: memory",
    "refused: name too long",
    "refused: subscribers",
    "refused: token",
    "resumed by event id",
    "roster",
    "roster checked against what happened",
    "sent away",
    "several publishes in one call",
    "shut after the last answer",
    "shut when idle",
    "sign told",
    "signed",
    "stale id",
    "stands at the head in the end",
    "stream",
    "token accepted",
    "too large",
    "too slow",
    "turned away at the door",
];

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
        // Those of other dialects move elsewhere: `simple_world.rs`, `bayeux_world.rs`, `push_module_checklist.rs`.
        let elsewhere =
            ["compounds_refused", "sessions_refused", "patterns_refused", "conflicts", "media_types_refused"];
        let counters = Counters::default().list().into_iter().map(|(name, _, _)| name);
        let counters = counters.filter(|name| !elsewhere.contains(name) && !name.starts_with("bayeux_"));
        // Nobody here has an application to ask: push_module_hooks.rs does.
        let counters = counters.filter(|name| !name.starts_with("hooks_"));
        // Nor groups, which push_module_groups.rs has, nor a limit on how fast may be published: limits/pace.rs has.
        let counters = counters.filter(|name| {
            !["groups_refused", "channel_events_refused", "publishes_too_fast"].contains(name)
        });
        // Nobody here is sent off by an administrator, or publishes several messages together: api.rs and limits.rs do that.
        let counters = counters
            .filter(|name| !["disconnected", "publishes_too_large", "presences_refused"].contains(name));
        // Nor has anybody a signed token, a key for a publish, or a message that is good for a time only: tokens.rs, api_world.rs.
        let of_api =
            ["publishes_replayed", "idempotency_conflicts", "idempotency_refused", "messages_expired"];
        let of_tokens =
            ["tokens_accepted", "tokens_known", "tokens_expired", "tokens_too_large", "tokens_forgotten"];
        let counters = counters.filter(|name| !of_api.contains(name) && !of_tokens.contains(name));
        // Nobody here speaks WebSocket: core/tests/websocket.rs does.
        let counters = counters.filter(|name| !name.starts_with("websocket") && *name != "frames_deflated");
        // Nor asks for deltas: deltas.rs, hops.rs and websocket/world.rs do.
        let counters = counters.filter(|name| !name.starts_with("deltas_"));
        // Nor speaks on the control socket: core/tests/control.rs and limits/control.rs do.
        // Nor keeps values or histories over a restart: control/kept.rs, journal.rs and hops.rs do, and the daemon's own tests.
        let counters = counters.filter(|name| !name.starts_with("values_") && !name.starts_with("history_"));
        let control = ["commands", "rights_denied", "commands_too_long", "dumps_cut", "silent_closed"];
        let counters = counters.filter(|name| !control.contains(name));
        let missing = tally.missing(EXPECTED.iter().copied().chain(counters));
        assert!(missing.is_empty(), "the worlds have become too tame: {missing:?} never happened");
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    let lives = |seed| live(seed, 1_000, false);
    assert_eq!(lives(7), lives(7));
    assert_ne!(lives(7).1, lives(8).1);
}
