//! The flags of commands about keys.
use std::ffi::OsString;

use clap::Args;

use super::Target;

pub(super) const WRITE_EXAMPLES: &str = "\
Examples:
  rcomet write greeting 'hello world'
  date | rcomet write clock -
      The value from standard input, byte for byte.

  rcomet write maintenance yes --ttl 3600
      Gone after an hour.

Prints nothing, or with --json the value's version. A key that was written stays, also when nobody listens, until it is deleted; \
over a restart of the daemon only where that keeps values (`rcomet start --values-file`).";

/// The flags of `rcomet write`.
#[derive(Args, Debug)]
pub(crate) struct WriteFlags {
    /// The key, which is a channel's name; any bytes
    pub(crate) key: OsString,

    /// The value; - reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: OsString,

    /// Keep the value for so many seconds only
    #[arg(long, value_name = "SECONDS")]
    pub(crate) ttl: Option<u64>,

    /// Keep so many values of this key for those who come back late [default: as many as channels keep]
    #[arg(long, value_name = "COUNT")]
    pub(crate) history: Option<u64>,

    #[command(flatten)]
    pub(crate) target: Target,
}

pub(super) const READ_EXAMPLES: &str = "\
Examples:
  value=$(rcomet read greeting) || echo 'there is no such key'
  rcomet read greeting --wait
      The next value, when it is written.

  rcomet read greeting --follow
      The present value, and every one that follows, one a line.

  rcomet read greeting --wait --since 0 --json
      The present value at once, or the first that is written; with its
      version. Ask again with that (--since 179521979400001), and
      nothing is missed.

Exit codes: 4 when the key has no value or was deleted, 6 when nothing was written within --timeout, or nothing yet after --since without \
--wait.";

/// The flags of `rcomet read`.
#[derive(Args, Debug)]
pub(crate) struct ReadFlags {
    /// The key, which is a channel's name; any bytes
    pub(crate) key: OsString,

    /// Wait for the next value
    #[arg(long, short)]
    pub(crate) wait: bool,

    /// Print the next value after this version, at once if there is one; with 0 the present value
    #[arg(long, value_name = "VERSION")]
    pub(crate) since: Option<u64>,

    /// Print the present value and all that follow, one a line, until interrupted
    #[arg(long, short, conflicts_with = "wait")]
    pub(crate) follow: bool,

    /// Give up after so many seconds [default: wait for ever]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,

    #[command(flatten)]
    pub(crate) target: Target,
}

pub(super) const ABSENT_HELP: &str = "Exit codes: 4 when there is no such key.";

/// The flags of `rcomet refresh`.
#[derive(Args, Debug)]
pub(crate) struct RefreshFlags {
    /// The key, which is a channel's name; any bytes
    pub(crate) key: OsString,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// The flags of `rcomet delete`.
#[derive(Args, Debug)]
pub(crate) struct DeleteFlags {
    /// The key, which is a channel's name; any bytes
    pub(crate) key: OsString,

    #[command(flatten)]
    pub(crate) target: Target,
}

pub(super) const DUMP_HELP: &str = "\
Columns: the value's version, seconds since it was written, how many wait for the next, the key, the value. What is no printable \
text is shown escaped; with --json everything is there byte for byte.";

/// The flags of `rcomet dump`.
#[derive(Args, Debug)]
pub(crate) struct DumpFlags {
    /// Only keys that begin with this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) prefix: OsString,

    #[command(flatten)]
    pub(crate) target: Target,
}
