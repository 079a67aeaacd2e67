//! The daemon `rcomet`: every system call, around a server ([`rcomet_core`]) that makes none.
//! Knows nothing of HTTP, of channels or of any dialect.

mod activation;
mod app;
mod background;
mod cli;
mod client;
mod command;
mod dashboard;
mod demo;
mod descriptors;
mod entropy;
mod exit;
mod hold;
mod import;
mod journal;
mod logging;
mod notify;
mod pages;
mod pid_file;
mod place;
mod reactor;
mod serve;
mod settings;
mod upstream;
mod values;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    match command::comet(&arguments) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(failure)) => app::ended(&failure, false),
        None => match cli::Cli::try_parse_from(cli::asked(&arguments)) {
            Ok(cli) => app::run(&cli.command),
            Err(error) => app::misused(&error, &arguments),
        },
    }
}
