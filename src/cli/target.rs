//! Which daemon is meant, and how answers are wanted: the flags of all commands that ask a running daemon.
use std::path::PathBuf;

use clap::{Arg, Args};

/// The daemon that is asked.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Target {
    /// Reach the daemon by this control socket [default: the usual places, see `rcomet status --help`]
    #[arg(long, value_name = "PATH", conflicts_with = "url")]
    pub(crate) socket: Option<PathBuf>,

    /// Reach the daemon by its admin side, such as http://127.0.0.1:8000
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Print JSON, for programs: an object, or for lists one object a line; errors too, on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

/// Of no use: the admin side neither stops nor reloads the daemon, and says so to whoever tries.
pub(super) fn nowhere(url: Arg) -> Arg {
    url.hide(true)
}
