//! The flags of commands about channels and connections.
use std::ffi::OsString;

use clap::Args;

use super::Target;

pub(super) const PUBLISH_HELP: &str = "\
Examples:
  rcomet publish news 'it rains'
  some-program | rcomet publish news -

Prints nothing, or with --json the message's number and its cursor. Unlike a key that was written, a channel that was only \
published to is forgotten when nobody has listened for a while (the option `icomet.channel_timeout_ms`).";

/// The flags of `rcomet publish`.
#[derive(Args, Debug)]
pub(crate) struct PublishFlags {
    /// The channel
    pub(crate) channel: String,

    /// The message, which is text; - reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) message: OsString,

    #[command(flatten)]
    pub(crate) target: Target,
}

pub(super) const SUBSCRIBE_HELP: &str = "\
Examples:
  rcomet subscribe news
  rcomet subscribe news sport --history 10
      The last ten messages of each, and all that follow.

  rcomet subscribe news --count 1
      The next message, and no more.

Messages are printed one a line; of several channels, each with its channel's name and a tab before it. When something is missing, \
or a channel was closed, that is said on standard error. With --json each event is an object as in docs/api.md, with a cursor to go on \
from with --since. Exit codes: 0 after --count messages or when all channels were closed, 3 when the daemon has gone.";

/// The flags of `rcomet subscribe`.
#[derive(Args, Debug)]
pub(crate) struct SubscribeFlags {
    /// Channels to listen to; they need not be there yet
    #[arg(required = true, value_name = "CHANNEL")]
    pub(crate) channels: Vec<String>,

    /// Go on after this cursor: each message has one with --json
    #[arg(long, value_name = "CURSOR")]
    pub(crate) since: Option<String>,

    /// Begin with so many of the newest messages of each channel, or with `all`
    #[arg(long, value_name = "COUNT", conflicts_with = "since")]
    pub(crate) history: Option<String>,

    /// End after so many messages
    #[arg(long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// The flags of `rcomet channels`.
#[derive(Args, Debug)]
pub(crate) struct ChannelsFlags {
    /// Only channels that begin with this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,

    /// At most so many [default: all]
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// The flags of `rcomet clients`.
#[derive(Args, Debug)]
pub(crate) struct ClientsFlags {
    /// Only those who read this channel
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,

    /// At most so many [default: all]
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// The flags of `rcomet disconnect`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("whom").required(true).args(["client", "channel"]))]
pub(crate) struct DisconnectFlags {
    /// The connection with this number, as `rcomet clients` shows it
    #[arg(long, value_name = "ID")]
    pub(crate) client: Option<String>,

    /// All who read this channel
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,

    /// Of those who read the channel, only those who gave this name
    #[arg(long, value_name = "NAME", requires = "channel")]
    pub(crate) who: Option<String>,

    #[command(flatten)]
    pub(crate) target: Target,
}

pub(super) const CHANNELS_HELP: &str = "\
Columns: how many listen, how many messages are kept for those who come back, the number that the next message gets, the \
channel.";

pub(super) const CLIENTS_HELP: &str = "\
Columns: the connection's number, the side it came in by, its address (unix: by the control socket), what it does, what it speaks, bytes that wait for it, \
the name it is listed under, and the channels that it reads.";

pub(super) const DISCONNECT_HELP: &str = "\
Examples:
  rcomet clients --channel news
  rcomet disconnect --client 38654705664
      One connection, by its number.

  rcomet disconnect --channel news
      All who read a channel. Polls are answered, streams end; most
      clients connect again at once.

Exit codes: 4 when there is no such connection.";

pub(super) const EXPLAIN_HELP: &str = "\
Examples:
  rcomet explain --channel news --seq 8
      Who got message 8 of the channel, who did not, and why.

  rcomet clients --channel news
  rcomet explain --channel news --seq 8 --client 4294967296
      The same for one client, by its number.

Verdicts: delivered; not subscribed yet, left before (it was not there); missed (no longer kept when its turn came), slow (it has not \
taken what waits before); filtered (it reads by a pattern, and the channel's messages are in none); refused; waiting, due (still to come); unknown (too long ago: see limits.explain_records_max).";

/// The flags of `rcomet explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainFlags {
    /// The channel
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: String,

    /// The message's number in its channel, as `rcomet subscribe --json` shows it
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seq: u64,

    /// Only the client with this number, as `rcomet clients` shows it
    #[arg(long, value_name = "ID")]
    pub(crate) client: Option<String>,

    #[command(flatten)]
    pub(crate) target: Target,
}

pub(super) const TOP_HELP: &str = "\
In a terminal the view is drawn anew every few seconds; q or Ctrl-C ends it. Into a file or a pipe it is one line each time, with \
--json one object.";

/// The flags of `rcomet top`.
#[derive(Args, Debug)]
pub(crate) struct TopFlags {
    /// Look every so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub(crate) every: f64,

    /// End after so many looks [default: go on until interrupted]
    #[arg(long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,

    #[command(flatten)]
    pub(crate) target: Target,
}
