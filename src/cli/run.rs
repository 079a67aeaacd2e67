//! The flags of `rcomet run` and `rcomet start`, and what they say in the shape of a configuration file.
//! Knows nothing of how it is done.
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use rcomet_core::Limits;
use toml::Table;

use crate::settings::{Address, Level, LimitFlag, Source};

/// What nobody else says.
pub(crate) const OWN_WORD: &str = "in-background";

pub(super) const RUN_EXAMPLES: &str = "\
Examples:
  rcomet run
      With the defaults: for subscribers on 127.0.0.1:8100 (the front
      side), for application servers on 127.0.0.1:8000 (the admin
      side). Both are reached from this machine only.

  rcomet run --front 0.0.0.0:8100 --front '[::]:8100' --auth token
      Let the world subscribe, but only with a token, as --auth says;
      who publishes must be on this machine.

  rcomet run --config my.toml --log debug --limit channels_max=1000
      A file, and two things said differently from it.";

/// The flags of `rcomet run`. They go before the file.
#[derive(Args, Debug)]
pub(crate) struct RunFlags {
    /// Read this configuration file
    ///
    /// It is TOML; rcomet.example.toml shows every option. Without a file every option has its default, and the daemon
    /// listens on this machine only. `rcomet reload`, or signal HUP, makes the daemon read it again.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Listen here for subscribers [default: 127.0.0.1:8100]
    ///
    /// An IP address and a port, such as 0.0.0.0:8100 or [::]:8100; port 0 takes any that is free. Or a socket file, such
    /// as unix:/run/rcomet.sock. May be given several times; replaces the addresses in the file.
    #[arg(long, value_name = "ADDR")]
    front: Vec<Address>,

    /// Listen here for application servers [default: 127.0.0.1:8000]
    ///
    /// Keep it away from the public: whoever is let in may publish to every channel. Who is let in is said in the file,
    /// under [admin]; by default it is this machine only.
    #[arg(long, value_name = "ADDR")]
    admin: Vec<Address>,

    /// Listen here for clients of CComet, another comet server [default: nowhere]
    #[arg(long, value_name = "ADDR")]
    ccomet: Vec<Address>,

    /// Listen here for clients of Simple Comet, another comet server [default: nowhere]
    #[arg(long, value_name = "ADDR")]
    simple_comet: Vec<Address>,

    /// Make the control socket here, by which the other commands reach the daemon [default: auto]
    ///
    /// A whole path; `auto` for the place where the other commands look, and "" for none. See `rcomet status --help` for where
    /// that is.
    #[arg(long, value_name = "PATH")]
    control: Option<String>,

    /// Open no port at all: be reached by the control socket alone, and by socket files that are named
    #[arg(long)]
    no_tcp: bool,

    /// Keep the last values of keys in this file over a restart [default: nowhere]
    ///
    /// A whole path. It is read before the daemon listens, and written some seconds after a change and at the end. See
    /// docs/control.md, "Over a restart".
    #[arg(long, value_name = "FILE")]
    values_file: Option<PathBuf>,

    /// Keep the histories of channels in this file over a restart [default: nowhere]
    ///
    /// A whole path. It is read before anybody is served, and written before anybody hears of what it says. See docs/history.md.
    #[arg(long, value_name = "FILE")]
    history_file: Option<PathBuf>,

    /// Write the number of the process into this file, and remove it at the end
    ///
    /// One daemon has it at a time. `rcomet start` without it writes rcomet.pid beside control.sock, and NAME.pid beside a
    /// control socket that is called NAME.sock.
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// Write the log to the end of this file, instead of standard error; with `start`, instead of nowhere
    ///
    /// It is opened again with every reload, so that it can be moved away before.
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,

    /// Said by `rcomet start` to the process that it makes.
    #[arg(long = OWN_WORD, hide = true)]
    in_background: bool,

    /// What is asked of subscribers: `none` lets everybody in, `token` those who have the channel's token [default: none]
    ///
    /// With `token`, the application server asks /sign on the admin side for a channel's token and gives it to those
    /// who may subscribe.
    #[arg(long, value_name = "WHAT", value_parser = ["none", "token"])]
    auth: Option<String>,

    /// Serve a web chat too, at /chat/, pages on the protocols, at /dialects/ and /comet/, and notes, at /notifier/
    ///
    /// Everybody may then publish to the channels /chat/* and chat.* from the front side, in every protocol; and the front side
    /// speaks CComet and Simple Comet, too.
    #[arg(long)]
    demo: bool,

    /// How much is logged [default: info]
    ///
    /// It holds before the environment's RCOMET_LOG, which can also name single modules (RCOMET_LOG=warn,rcomet_core=trace),
    /// and that before the configuration file.
    #[arg(long, value_name = "LEVEL")]
    log: Option<Level>,

    /// Set one of the limits, such as channels_max=1000
    ///
    /// May be given several times. `rcomet run --help` lists all limits with their defaults.
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<LimitFlag>,
}

impl RunFlags {
    /// Whether the level of the log has been given.
    pub(crate) fn sets_log(&self) -> bool {
        self.log.is_some()
    }

    /// Whether somebody waits for word of the start, and nobody for anything else.
    pub(crate) fn is_in_background(&self) -> bool {
        self.in_background
    }

    /// Where the log goes, if not to standard error.
    pub(crate) fn log_file(&self) -> Option<&Path> {
        self.log_file.as_deref()
    }

    /// The file and the flags, for the settings to be read from.
    pub(crate) fn source(&self) -> Source {
        let mut flags = Table::new();
        let mut set = |section: &str, option: &str, value: toml::Value| {
            if let toml::Value::Table(options) = flags.entry(section).or_insert_with(|| Table::new().into()) {
                options.insert(option.into(), value);
            }
        };
        for (option, addresses) in [
            ("front", &self.front),
            ("admin", &self.admin),
            ("ccomet", &self.ccomet),
            ("simple_comet", &self.simple_comet),
        ] {
            let named: Vec<&Address> =
                addresses.iter().filter(|a| !self.no_tcp || a.ip().is_none()).collect();
            if !named.is_empty() || self.no_tcp {
                set("server", option, named.iter().map(ToString::to_string).collect::<Vec<_>>().into());
            }
        }
        if let Some(path) = &self.control {
            set("control", "path", path.as_str().into());
        }
        if let Some(path) = &self.values_file {
            set("control", "values_file", path.display().to_string().into());
        }
        if let Some(path) = &self.history_file {
            set("history", "file", path.display().to_string().into());
        }
        if let Some(path) = &self.pid_file {
            set("server", "pid_file", path.display().to_string().into());
        }
        if self.demo {
            set("server", "demo", true.into());
        }
        if let Some(level) = self.log.and_then(|level| level.to_possible_value()) {
            set("log", "level", level.get_name().into());
        }
        if let Some(auth) = &self.auth {
            set("front", "auth", auth.as_str().into());
        }
        for LimitFlag { name, value } in &self.limits {
            set("limits", name, value.clone());
        }
        Source { file: self.config.clone(), flags, ..Source::default() }
    }
}

pub(super) fn run_help() -> String {
    let mut help = format!("{RUN_EXAMPLES}\n\nLimits and their defaults:\n");
    for (name, meaning, value) in Limits::default().list() {
        help += &format!("  {name}={value}\n      {meaning}\n");
    }
    help
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::{Cli, Command};

    fn source(line: &str) -> Source {
        let cli = Cli::try_parse_from(line.split(' ')).expect("it can be said");
        let Command::Run(flags) = cli.command else { panic!("another command: {line}") };
        flags.source()
    }

    fn refusal(line: &str) -> String {
        Cli::try_parse_from(line.split(' ')).expect_err("it cannot be said").to_string()
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_have_the_shape_of_a_file() {
        let (settings, said) = source(
            "rcomet run --front 127.0.0.1:1 --front [::1]:1 --auth token --demo --log warn \
             --limit channels_max=1_000 --limit headers_max=9",
        )
        .read()
        .expect("it works");
        let wanted = "[front]\nauth = \"token\"\n\n[limits]\nchannels_max = 1000\nheaders_max = 9\n\n[log]\nlevel = \
                      \"warn\"\n\n[server]\ndemo = true\nfront = [\"127.0.0.1:1\", \"[::1]:1\"]\n";
        assert_eq!(said.to_string(), wanted);
        assert_eq!((settings.limits.channels_max, settings.limits.headers_max), (1000, 9));
        assert!(
            settings.server.demo
                && settings.server.admin == Source::default().read().expect("the defaults").0.server.admin
        );
    }

    #[test]
    fn without_ports_only_socket_files_are_left() {
        let (settings, _) =
            source("rcomet run --no-tcp --front unix:/tmp/f --front 127.0.0.1:1 --control /tmp/c")
                .read()
                .expect("it works");
        let front: Vec<String> = settings.server.front.iter().map(ToString::to_string).collect();
        assert_eq!((front, settings.server.listeners()), (vec!["unix:/tmp/f".to_owned()], 1));
        assert_eq!(settings.control.sockets()[0].path, Path::new("/tmp/c"));
    }

    #[test]
    fn limits_are_checked_by_name_and_type() {
        assert!(
            refusal("rcomet run --limit channels=1")
                .contains("unknown option `channels`: did you mean `channels_max`?")
        );
        let wanted = "'channels_max=lots' for '--limit <NAME=VALUE>': invalid type: string \"lots\", expected a whole \
                      number, 0 or more";
        let refused = refusal("rcomet run --limit channels_max=lots");
        assert!(refused.contains(wanted), "{refused}");
        assert!(
            refusal("rcomet run --limit channels_max=-1").contains("integer `-1`, expected a whole number")
        );
        assert!(
            refusal("rcomet run --limit channels_max")
                .contains("expected NAME=VALUE, such as channels_max=1000")
        );
        assert!(
            refusal("rcomet run --limit connections_per_address_max=4294967296")
                .contains("from 0 to 4294967295")
        );
    }

    #[test]
    fn addresses_are_checked() {
        assert!(
            refusal("rcomet run --front localhost:1")
                .contains("`localhost:1` is no address to listen on: expected")
        );
    }

    #[test]
    fn every_limit_is_in_the_long_help() {
        let help = run_help();
        assert!(Limits::default().list().iter().all(|(name, ..)| help.contains(&format!("  {name}="))));
    }
}
