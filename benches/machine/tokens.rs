//! What a signed token costs that is shown with each request: its signature looked at each time, and once.
//! Knows nothing of what is asked for with it.
#[path = "../../core/tests/support/jwt.rs"]
mod jwt;

use std::time::Instant;

use rcomet_core::chance::Chance;
use rcomet_core::time::Date;
use rcomet_core::token::Algorithm;
use rcomet_core::{Config, Machine, Role};

use super::machine::{NOW, connect, push, settle};

/// The wall clock, which does not move.
const UNIX_S: u64 = 1_795_219_200;
const REQUESTS: usize = 2_000;

/// Prints microseconds a request, for each algorithm.
pub fn tokens() {
    println!("microseconds a GET /history with a token, from the request's bytes to the answer's");
    for algorithm in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256] {
        let token = jwt::token_by(algorithm, &jwt::claims(UNIX_S + 3_600, "a", &["history"]));
        let request = format!("GET /history?channel=a&token={token} HTTP/1.1\r\nHost: x\r\n\r\n");
        for (what, most) in [("each time", 0), ("once", 4_096)] {
            let mut config = Config::default();
            config.token.keys = jwt::keys();
            config.token.required = true;
            config.limits.tokens_known_max = most;
            let mut machine =
                Machine::new(config, Box::new(Chance::from_seed(1)), NOW, Date::from_unix(UNIX_S));
            let publisher = connect(&mut machine, Role::Admin);
            push(&mut machine, publisher, "a");
            let id = connect(&mut machine, Role::Front);
            let mut each: Vec<f64> = (0..REQUESTS)
                .map(|_| {
                    let start = Instant::now();
                    machine.recv(id, request.as_bytes(), NOW);
                    settle(&mut machine);
                    start.elapsed().as_secs_f64() * 1e6
                })
                .collect();
            each.sort_by(f64::total_cmp);
            let (median, known) = (each[REQUESTS / 2], machine.counters().tokens_known);
            println!(
                "{:>6} looked at {what:>9}: {median:7.1}   remembered {known} times of {REQUESTS}",
                algorithm.name()
            );
        }
    }
}
