//! The commands: which does what, and what is said to whoever called.
//! Knows nothing of how any of it works.
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{Arg, CommandFactory, Id};
use serde_json::json;

use crate::cli::{Cli, Command};
use crate::descriptors::Descriptors;
use crate::exit::Failure;
use crate::settings::Source;
use crate::{command, import, serve, settings};

/// Does what the command line asks for.
pub(crate) fn run(command: &Command) -> ExitCode {
    let (done, json) = match command {
        Command::Run(flags) => (serve::run(flags), false),
        Command::Start(flags) if flags.run.is_in_background() || flags.foreground => {
            (serve::run(&flags.run), flags.json)
        }
        Command::CheckConfig { file, config, json } => {
            (check_config(file.as_deref().or(config.as_deref()), *json), *json)
        }
        Command::ImportIcometConf { file } => (import_icomet_conf(file), false),
        Command::Completions { shell } => (completions(*shell), false),
        Command::Man { directory } => (manual(directory), false),
        asking => {
            let (done, json) = ask(asking);
            (done.map_err(Into::into), json)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ended(error.as_ref(), json),
    }
}

/// The commands that have to do with another process.
fn ask(command: &Command) -> (Result<(), Failure>, bool) {
    match command {
        Command::Start(flags) => (command::start(flags), flags.json),
        Command::Stop(flags) => (command::stop(flags), flags.target.json),
        Command::Status(target) => (command::status(target), target.json),
        Command::Reload(target) => (command::reload(target), target.json),
        Command::Write(flags) => (command::write(flags), flags.target.json),
        Command::Read(flags) => (command::read(flags), flags.target.json),
        Command::Refresh(flags) => (command::refresh(flags), flags.target.json),
        Command::Delete(flags) => (command::delete(flags), flags.target.json),
        Command::Dump(flags) => (command::dump(flags), flags.target.json),
        Command::Publish(flags) => (command::publish(flags), flags.target.json),
        Command::Subscribe(flags) => (command::subscribe(flags), flags.target.json),
        Command::Channels(flags) => (command::channels(flags), flags.target.json),
        Command::Clients(flags) => (command::clients(flags), flags.target.json),
        Command::Disconnect(flags) => (command::disconnect(flags), flags.target.json),
        Command::Explain(flags) => (command::explain(flags), flags.target.json),
        Command::Top(flags) => (command::top(flags), flags.target.json),
        Command::Run(_)
        | Command::CheckConfig { .. }
        | Command::ImportIcometConf { .. }
        | Command::Completions { .. }
        | Command::Man { .. } => (Ok(()), false),
    }
}

/// Says that the command line cannot be understood, or what was asked of it: `--help`, `--version`. A program that has asked for JSON gets
/// that; the exit code.
pub(crate) fn misused(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if !error.use_stderr() || !arguments.iter().any(|argument| argument == "--json") {
        error.exit();
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let words =
        ["\n\nUsage:", "\n\nFor more"].iter().fold(text, |text, end| text.split(end).next().unwrap_or(text));
    ended(&Failure::Usage(words.trim_end().into()), true)
}

/// Says what went wrong; the exit code.
pub(crate) fn ended(error: &(dyn Error + 'static), json: bool) -> ExitCode {
    let failure = error.downcast_ref::<Failure>();
    let words = error.to_string();
    if json {
        let word = failure.map_or("failed", Failure::word);
        // In the order in which people read it.
        say(&format!("{{\"error\":{},\"detail\":{}}}", json!(word), json!(words)));
    } else if !words.is_empty() {
        say(&format!("rcomet: {words}"));
    }
    ExitCode::from(failure.map_or(1, Failure::code))
}

fn check_config(file: Option<&Path>, json: bool) -> Result<(), Box<dyn Error>> {
    let source = Source { file: file.map(Into::into), ..Source::default() };
    let (settings, said) = source.read_once()?;
    if json {
        let possible = Descriptors::in_reach().connections(settings.descriptors());
        // What is shown, secrets and all that is not.
        let config: toml::Table = settings::effective(&said).parse()?;
        let told = json!({
            "config": config,
            "warnings": settings.warnings(None),
            "connections_max": possible.min(settings.limits.connections_max),
        });
        return Ok(print(&format!("{told}\n"))?);
    }
    for warning in settings.warnings(None) {
        say(&format!("rcomet: warning: {warning}"));
    }
    let mut text = match file {
        Some(file) => format!("# In force with {}:\n", file.display()),
        None => "# In force without a configuration file:\n".into(),
    };
    text += &settings::effective(&said);
    let possible = Descriptors::in_reach().connections(settings.descriptors());
    if possible < settings.limits.connections_max {
        text += &format!(
            "\n# Started from here, limits.connections_max would be lowered to {possible}: that is what the descriptors \
             allow\n# (ulimit -Hn).\n"
        );
    }
    Ok(print(&text)?)
}

fn import_icomet_conf(file: &Path) -> Result<(), Box<dyn Error>> {
    let name = file.display().to_string();
    // icomet took any bytes; what is not UTF-8 can only stand in comments and file names, which are not carried over.
    let content = std::fs::read(file).map_err(|error| format!("cannot read {name}: {error}"))?;
    let imported = import::import(&name, &String::from_utf8_lossy(&content))?;
    for note in &imported.notes {
        say(&format!("rcomet: note: {note}"));
    }
    Ok(print(&imported.toml)?)
}

fn completions(shell: clap_complete::Shell) -> Result<(), Box<dyn Error>> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut offered(Cli::command()), "rcomet", &mut text);
    Ok(print(&String::from_utf8_lossy(&text))?)
}

/// The command line without what its help does not show: what clap writes for shells names that all the same. It cannot take an
/// argument away again, so a command that has such ones is made anew.
fn offered(mut whole: clap::Command) -> clap::Command {
    let names: Vec<String> = whole.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    // Whichever is touched goes to the end of the list: all of them keep their order.
    for name in names {
        whole = whole.mut_subcommand(name, |command| {
            if command.get_arguments().any(Arg::is_hide_set) { as_shown(&command) } else { command }
        });
    }
    whole
}

fn as_shown(command: &clap::Command) -> clap::Command {
    let is_shown = |argument: &&Arg| !argument.is_hide_set();
    let shown = command.get_arguments().filter(is_shown).map(|argument| {
        let others = command.get_arg_conflicts_with(argument).into_iter().filter(is_shown);
        let others: Vec<Id> = others.map(|other| other.get_id().clone()).collect();
        argument.clone().conflicts_with(Resettable::Reset).conflicts_with_all(others)
    });
    // A name has to be there for good; what is printed next is the last that this process does.
    let name: &'static str = command.get_name().to_owned().leak();
    clap::Command::new(name)
        .about(command.get_about().cloned().unwrap_or_default())
        .long_about(Resettable::from(command.get_long_about().cloned()))
        .args(shown)
}

fn manual(directory: &Path) -> Result<(), Box<dyn Error>> {
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    let version = format!("rcomet {}", env!("CARGO_PKG_VERSION"));
    for command in std::iter::once(&whole).chain(whole.get_subcommands()) {
        let page = clap_mangen::Man::new(command.clone()).source(&version);
        page.generate_to(directory)
            .map_err(|error| format!("cannot write manual pages into {}: {error}", directory.display()))?;
    }
    Ok(())
}

/// Says something to whoever has started us. If nobody listens, that is no reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a result. A reader that has seen enough (`| head`) is content.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// The same for what need not be text.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(|error| Failure::Other(format!("cannot print: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_help_does_not_show_is_not_offered_and_all_else_is() {
        let names = |command: &clap::Command, hidden: bool| -> Vec<String> {
            let of_kind = command.get_arguments().filter(|one| hidden || !one.is_hide_set());
            of_kind.map(|one| one.get_id().to_string()).collect()
        };
        let (whole, mut shown) = (Cli::command(), offered(Cli::command()));
        let mut hidden = 0;
        for (command, offered) in whole.get_subcommands().zip(shown.get_subcommands()) {
            assert_eq!(command.get_name(), offered.get_name());
            assert_eq!(names(command, false), names(offered, true), "{}", command.get_name());
            assert_eq!(command.get_about(), offered.get_about());
            hidden += names(command, true).len() - names(command, false).len();
        }
        assert!(hidden >= 4, "in-background of run and start, url of stop and reload: {hidden}");
        assert_eq!(whole.get_subcommands().count(), shown.get_subcommands().count());
        shown.build();
    }
}
