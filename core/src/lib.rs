//! The whole of rcomet but for the sockets: a function of bytes and time.
//!
//! # The contract
//!
//! The shell owns sockets, the clock and the operating system's generator; the [`Machine`] owns everything else. One
//! turn of the shell's loop is always the same, and the order is part of the contract:
//!
//! 1. **Events.** [`Machine::open`] for each accepted connection, and [`Machine::came_by`]; [`Machine::recv`] with what was read, never more
//!    than [`Machine::room`] at once; [`Machine::ended`] when the peer has finished sending (it may still listen);
//!    [`Machine::closed`] when the connection is gone for any reason; for a socket that became writable, do as for
//!    [`Todo::Write`].
//! 2. **Time.** [`Machine::expire`] with the same `now`.
//! 3. **Work.** [`Machine::pump`] with a budget; true means more remains, and the next wait must be zero.
//! 4. **Wishes.** [`Machine::next_todo`] until it is `None`.
//!
//! A request to an application ([`Todo::Hook`]) is sent as [`Machine::hook`] shows it, and what came of it is said with
//! [`Machine::hook_answered`], in the turn in which it is known.
//!
//! [`Todo::Reload`] is granted by reading the configuration and [`Machine::reconfigure`], or not; [`Machine::reloaded`] says how
//! it went, in the same turn.
//!
//! [`Todo::Save`] is granted by taking all of [`Machine::begin_saving`] and [`Machine::next_values`], over several turns if it must
//! be, and putting it where [`Machine::restore`] gets it from in the next life; [`Machine::values_saved`] says how it went.
//!
//! Granting a wish can make new work: what a socket has taken makes room. So if there were any, pump again before
//! waiting. Then wait until an event, or [`Machine::deadline`]. `now` is read once a turn; [`Machine::set_date`] when the
//! second has changed.
//!
//! Nothing here opens a socket, reads a clock, draws randomness of its own or starts a thread, so that a 30-second
//! poll is tested in microseconds and a world of clients is replayed from a seed.

pub mod arena;
pub mod bytes;
pub mod chance;
pub mod config;
pub mod conn;
mod counters;
pub mod dialect;
pub mod hub;
pub mod journal;
mod limits;
pub mod log;
mod machine;
pub mod time;
pub mod token;
pub mod values;
pub mod wheel;
pub mod wire;

pub use config::Config;
pub use conn::{Conn, Right, Rights, Role};
pub use counters::Counters;
pub use dialect::About;
pub use limits::Limits;
pub use machine::{Hook, HookAnswer, HookFailure, Machine, Memory, REFUSALS_MAX, Standing, Todo};
