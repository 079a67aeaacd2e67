//! The commands that ask a running daemon, or begin and end one.
//! Knows nothing of how the daemon does what it is asked.
mod channels;
mod comet;
mod ending;
mod explain;
mod keys;
mod lifecycle;
mod subscribe;
mod table;
mod top;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use serde_json::Value;

pub(crate) use self::channels::{channels, clients, disconnect, publish};
pub(crate) use self::comet::comet;
pub(crate) use self::explain::explain;
pub(crate) use self::keys::{delete, dump, read, refresh, write};
pub(crate) use self::lifecycle::{reload, start, status, stop};
pub(crate) use self::subscribe::subscribe;
pub(crate) use self::top::top;
use crate::app::print;
use crate::exit::Failure;

/// Prints a value as one line.
fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value}\n"))
}

/// What is said on the command line, or comes by standard input when `-` stands there.
fn given(argument: &OsStr) -> Result<Vec<u8>, Failure> {
    if argument != "-" {
        return Ok(argument.as_bytes().to_vec());
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)
        .map_err(|error| Failure::Other(format!("cannot read standard input: {error}")))?;
    Ok(bytes)
}

/// A number of an answer.
fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}
