//! `rcomet-sim`: load for comet servers, with latency measured from the intended sending, honest counting, and a floor to
//! compare with.
mod advance;
mod answer;
mod cli;
mod clock;
mod compare;
mod crew;
mod crowd;
mod dice;
mod errand;
mod floor;
mod frames;
mod limits;
mod numbers;
mod outcome;
mod output;
mod payload;
mod press;
mod progress;
mod report;
mod scenario;
mod server;
mod tally;
mod target;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
