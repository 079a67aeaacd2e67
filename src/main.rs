//! The daemon `rcomet`: every system call, around a server ([`rcomet_core`]) that makes none.
//! Knows nothing of HTTP, of channels or of any dialect.

mod app;
mod cli;
mod dashboard;
mod demo;
mod descriptors;
mod entropy;
mod import;
mod logging;
mod reactor;
mod settings;
mod upstream;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    app::run(&cli::Cli::parse().command)
}
