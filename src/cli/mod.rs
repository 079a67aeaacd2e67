//! The command line: what can be said, and the help that teaches it.
//! Knows nothing of how it is done.
mod keys;
mod run;
mod target;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use self::keys::{DeleteFlags, DumpFlags, ReadFlags, RefreshFlags, WriteFlags};
pub(crate) use self::run::{OWN_WORD, RunFlags};
pub(crate) use self::target::Target;
pub(crate) use self::watch::{
    ChannelsFlags, ClientsFlags, DisconnectFlags, ExplainFlags, PublishFlags, SubscribeFlags, TopFlags,
};

const ABOUT: &str = "\
rcomet pushes messages from a back end to browsers, phones and programs over plain HTTP.

A program publishes to a channel; everybody who listens to that channel has the message at once. Browsers listen with what they \
have (server-sent events, WebSocket, long polls); scripts with curl, or with this command. A channel's last message can also be \
read by its name, like a value under a key: what `rcomet write` writes, browsers are pushed.";

const EXAMPLES: &str = "\
Examples:
  rcomet run --demo
      Serve on this machine only, with a web chat to try it:
      http://127.0.0.1:8100/chat/

  rcomet start
  rcomet write greeting 'hello world' && rcomet read greeting
  rcomet stop
      Serve in the background; give a key a value, read it again; stop.

  rcomet subscribe news
  rcomet publish news 'it rains'
      Listen to a channel in one terminal, publish to it from another.
      A browser listens with
      new EventSource('http://127.0.0.1:8100/events?channel=news').

  rcomet check-config my.toml && rcomet run --config my.toml
      Serve with a configuration file, once it is known to be right.

Exit codes:
  0  done                           4  no such key, channel or client
  1  it went wrong                  5  refused
  2  the command is not understood  6  nothing happened in time
  3  no daemon runs                 7  a daemon runs already

Signals to the daemon: TERM and INT end connections cleanly and leave, a second one leaves at once; HUP reads the configuration \
again.";

/// Pushes messages from a back end to browsers, phones and programs over plain HTTP.
#[derive(Debug, Parser)]
#[command(name = "rcomet", version, long_about = ABOUT, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the process is to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve, in the foreground, until told to leave
    #[command(after_help = run::RUN_EXAMPLES, after_long_help = run::run_help())]
    Run(Box<RunFlags>),

    /// Serve in the background; returns when the daemon listens, or says why it does not
    #[command(after_help = START_EXAMPLES)]
    Start(Box<StartFlags>),

    /// End the daemon, and wait until it has gone
    ///
    /// As with signal TERM, connections are ended cleanly first: whoever waits for a message gets an answer. That takes
    /// `server.drain_ms_max` milliseconds at most.
    #[command(
        mut_arg("url", target::nowhere),
        after_help = "Exit codes: 1 when it has gone without saving what it keeps over a restart, 3 when no daemon runs, 6 when it \
        has not gone within --timeout."
    )]
    Stop(StopFlags),

    /// Say whether a daemon runs, since when, and where it listens
    #[command(after_help = STATUS_HELP)]
    Status(Target),

    /// Have the daemon read its configuration file again
    ///
    /// The whole file is checked first. If there is anything wrong with it, everything stays as it was, the reason is said here,
    /// and the exit code is 5. Nobody is disconnected. Where the daemon listens takes a restart (server.front, server.admin,
    /// server.ccomet, server.simple_comet, control.path, control.read_path, control.write_path): if that has changed it is said,
    /// and the rest is in force. Another history.file or control.values_file must have nothing in it yet.
    #[command(mut_arg("url", target::nowhere))]
    Reload(Target),

    /// Give a key a value, and push it to everybody who listens to the channel of that name
    #[command(after_help = keys::WRITE_EXAMPLES)]
    Write(WriteFlags),

    /// Print the value of a key: the last message of the channel of that name
    #[command(after_help = keys::READ_EXAMPLES)]
    Read(ReadFlags),

    /// Give a key the value that it has once more, so that whoever waits for it gets it again
    #[command(after_help = keys::ABSENT_HELP)]
    Refresh(RefreshFlags),

    /// Forget a key and its value
    #[command(after_help = keys::ABSENT_HELP)]
    Delete(DeleteFlags),

    /// Print all keys and their values, the oldest key first
    #[command(after_help = keys::DUMP_HELP)]
    Dump(DumpFlags),

    /// Publish a message to a channel
    #[command(after_help = watch::PUBLISH_HELP)]
    Publish(PublishFlags),

    /// Print messages as they are published to channels
    #[command(after_help = watch::SUBSCRIBE_HELP)]
    Subscribe(SubscribeFlags),

    /// List channels: who reads them, and what they keep
    #[command(after_help = watch::CHANNELS_HELP)]
    Channels(ChannelsFlags),

    /// List connections: from where, what they wait for, and how much waits for them
    #[command(after_help = watch::CLIENTS_HELP)]
    Clients(ClientsFlags),

    /// End connections; their clients come back if they want to
    #[command(after_help = watch::DISCONNECT_HELP)]
    Disconnect(DisconnectFlags),

    /// Say why somebody did or did not get a message
    #[command(after_help = watch::EXPLAIN_HELP)]
    Explain(ExplainFlags),

    /// Watch the daemon at work: rates, memory, and the channels with most readers
    #[command(after_help = watch::TOP_HELP)]
    Top(TopFlags),

    /// Show what would be in force with a configuration file, or what is wrong with it
    ///
    /// Prints every option with the value it would have, in the shape of a configuration file; what is allowed but probably not
    /// meant is said on standard error. Exits with 1 if the file cannot be used, and says where in it and why.
    CheckConfig {
        /// The file; without one, the defaults are shown
        file: Option<PathBuf>,

        /// The file, as `run` and `start` are given it
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        config: Option<PathBuf>,

        /// Print an object, for programs: `config`, `warnings`, and the `connections_max` that this machine allows
        #[arg(long)]
        json: bool,
    },

    /// Make a configuration file out of that of icomet, another comet server
    ///
    /// Prints it to standard output. What cannot be carried over is said in its comments and on standard error.
    ImportIcometConf {
        /// icomet's file, usually called icomet.conf
        file: PathBuf,
    },

    /// Print completions for a shell
    ///
    /// For bash, in a directory that must be there: rcomet completions bash >
    /// ~/.local/share/bash-completion/completions/rcomet
    Completions {
        /// The shell
        shell: Shell,
    },

    /// Write manual pages, one for each command
    ///
    /// As root, for everybody: rcomet man /usr/local/share/man/man1
    Man {
        /// Where to; the directory must be there
        directory: PathBuf,
    },
}

const START_EXAMPLES: &str = "\
Examples:
  rcomet start
      With the defaults: for subscribers on 127.0.0.1:8100 (the front
      side), for application servers on 127.0.0.1:8000 (the admin
      side), and for the other commands by the control socket. All of
      it on this machine only.

  rcomet start --no-tcp --control /home/me/app/rcomet.sock
      Without any port: only who may open that file can reach it. The
      other commands need --socket with the same path, or
      RCOMET_CONTROL in their environment.

  rcomet start --config /etc/rcomet.toml --log-file /var/log/rcomet.log

Exit codes: 7 when a daemon runs already at the same control socket, or has the pid file or another file that this one was to have; \
6 when it is not ready within --wait, and then it is ended; 1 when it cannot start. The reason is said.

Under systemd use `rcomet run`: it says itself when it is ready.";

const STATUS_HELP: &str = "\
Exit codes: 0 when a daemon runs, 3 when none does: `rcomet status && ...`; 5 when its socket is not for you; \
6 when one is there that does not answer within 5 seconds.

The daemon is looked for at --socket, else at $RCOMET_CONTROL, else at the first of these where one answers:
  /run/rcomet/control.sock             (root's first, others' last)
  $XDG_RUNTIME_DIR/rcomet/control.sock
  $HOME/.rcomet/control.sock";

/// The flags of `rcomet start`.
#[derive(Args, Debug)]
pub(crate) struct StartFlags {
    #[command(flatten)]
    pub(crate) run: RunFlags,

    /// Serve in the background; that is what start does anyway
    #[arg(long, short, conflicts_with = "foreground")]
    pub(crate) daemon: bool,

    /// Serve in the foreground after all, as `rcomet run` does
    #[arg(long)]
    pub(crate) foreground: bool,

    /// Give up when the daemon is not ready after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) wait: u64,

    /// Print what came of it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The flags of `rcomet stop`.
#[derive(Args, Debug)]
pub(crate) struct StopFlags {
    #[command(flatten)]
    pub(crate) target: Target,

    /// Wait so many seconds for it to be gone
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) timeout: u64,
}

/// What the command line asks for: `help` is a command as others are, so `help --help` explains it, which clap's own does not.
pub(crate) fn asked(arguments: &[OsString]) -> Vec<OsString> {
    let is_help = arguments.get(1).is_some_and(|command| command == "help");
    let is_flag = |word: &&OsString| *word == "--help" || *word == "-h";
    arguments.iter().filter(|word| !(is_help && is_flag(word))).cloned().collect()
}

/// All that `rcomet COMMAND --help` says.
#[cfg(test)]
pub(crate) fn help_of(command: &str) -> String {
    use clap::CommandFactory as _;
    let mut all = Cli::command();
    all.build();
    all.find_subcommand_mut(command).expect("a command").render_long_help().to_string()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_has_help_that_fits_a_terminal() {
        let mut command = Cli::command();
        command.build();
        for sub in command.get_subcommands_mut() {
            let help = sub.render_long_help().to_string();
            assert!(help.lines().next().is_some_and(|line| line.len() > 10), "{help}");
            assert!(help.lines().all(|line| line.chars().count() <= 140), "{help}");
            for argument in sub.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{}: {}", sub.get_name(), argument.get_id());
            }
        }
    }

    /// A paragraph is one line, which clap breaks where the terminal ends; what is indented is ours to break, since it is not
    /// indented where clap does it.
    #[test]
    fn no_paragraph_is_torn() {
        let mut command = Cli::command();
        command.build();
        for sub in std::iter::once(&command).chain(command.get_subcommands()) {
            // The long one of `run` has the limits, whose meanings are as long as they are.
            // In a manual page of 80 columns it has a margin.
            let texts = [(sub.get_after_help(), 71), (sub.get_after_long_help(), usize::MAX)];
            for (text, most) in texts {
                for line in text.map(ToString::to_string).unwrap_or_default().lines() {
                    let name = sub.get_name();
                    assert!(
                        !line.starts_with(char::is_lowercase),
                        "{name}: this goes on with the line before: {line}"
                    );
                    let fits = !line.starts_with(' ') || line.chars().count() <= most;
                    assert!(fits, "{name}: too long for a terminal: {line}");
                }
            }
        }
    }

    #[test]
    fn every_command_is_listed_and_has_a_manual_page() {
        let command = Cli::command();
        let hidden: Vec<&str> =
            command.get_subcommands().filter(|sub| sub.is_hide_set()).map(clap::Command::get_name).collect();
        assert_eq!(hidden, [""; 0]);
    }
}
