//! The commands: each puts together what it needs and says what came of it.
//! Knows nothing of how any of it works.
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::{self, ExitCode};

use rcomet_core::{Config, Limits, Role};

use crate::cli::{Command, RunFlags};
use crate::descriptors::Descriptors;
use crate::entropy::OperatingSystem;
use crate::logging::Logging;
use crate::reactor::{Bound, Reactor, name_of};
use crate::settings::{Server, Settings, Source};
use crate::{dashboard, demo, import, settings};

/// Does what the command line asks for.
pub(crate) fn run(command: &Command) -> ExitCode {
    let done = match command {
        Command::Run(flags) => serve(flags),
        Command::CheckConfig { file } => check_config(file.as_deref()),
        Command::ImportIcometConf { file } => import_icomet_conf(file),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("rcomet: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(flags: &RunFlags) -> Result<(), Box<dyn Error>> {
    let source = flags.source();
    let (settings, _) = source.read()?;
    let logging = Logging::start(settings.log.level, flags.sets_log())?;
    let descriptors = Descriptors::raise();
    log::info!("rcomet {} starts as process {}", env!("CARGO_PKG_VERSION"), process::id());

    let bound = listen(&settings.server)?;
    let config = config_of(&settings, descriptors);
    let entropy =
        OperatingSystem::probe().map_err(|error| format!("there are no random bytes to be had: {error}"))?;
    for Bound { role, address, .. } in &bound {
        log::info!("listening {} {address}", name_of(*role));
    }
    if settings.server.demo {
        invite(&bound);
    }

    let reactor = Reactor::new(config, Box::new(entropy), bound, settings.server.drain_ms_max)?;
    reactor.run(&mut || reload(&source, &settings.server, descriptors, logging))?;
    Ok(())
}

/// Says where the pages of the demo are, and how to join in from a shell.
fn invite(bound: &[Bound]) {
    let of = |role| bound.iter().filter(move |bound| bound.role == role).map(|bound| &bound.address);
    for (name, url) in of(Role::Front).find_map(demo::visits).into_iter().flatten() {
        say(&format!("{name}: {url}"));
    }
    if let Some(url) = of(Role::Admin).find_map(demo::dashboard) {
        say(&format!("dashboard: {url}"));
    }
    if let Some(command) = of(Role::Admin).find_map(demo::greeting) {
        say(&format!("say hello in the chat: {command}"));
    }
}

fn listen(server: &Server) -> Result<Vec<Bound>, Box<dyn Error>> {
    let access = server.access();
    let mut bound = Vec::new();
    for (role, _, addresses) in server.roles() {
        for address in addresses {
            bound.push(Bound::take(role, address, &access, server.send_buffer_bytes)?);
        }
    }
    Ok(bound)
}

/// What the core is given: the settings, with what this machine and the demo make of them.
fn config_of(settings: &Settings, descriptors: Descriptors) -> Config {
    for warning in settings.warnings() {
        log::warn!("{warning}");
    }
    let mut config = settings.core();
    let wanted = config.limits.connections_max;
    let possible = descriptors.connections(settings.descriptors());
    if possible < wanted {
        config.limits.connections_max = possible;
        // Nobody has asked for the default, so nobody is disappointed.
        let level =
            if wanted == Limits::default().connections_max { log::Level::Info } else { log::Level::Warn };
        log::log!(
            level,
            "limits.connections_max is lowered from {wanted} to {possible}: the process may have {} descriptors \
             (ulimit -n)",
            descriptors.count()
        );
    }
    dashboard::add_to(&mut config);
    if settings.server.demo {
        demo::add_to(&mut config);
    }
    config
}

/// Reads everything again; all of it is used or none.
fn reload(source: &Source, server: &Server, descriptors: Descriptors, logging: Logging) -> Option<Config> {
    let Some(file) = &source.file else {
        log::warn!("there is no configuration to read again: the daemon was started without --config");
        return None;
    };
    let settings = match source.read() {
        Ok((settings, _)) => settings,
        Err(error) => {
            log::error!("the configuration stays as it was: {error}");
            return None;
        }
    };
    if settings.server != *server {
        log::warn!("what has changed in [server] takes a restart; the rest is in force");
    }
    logging.set_level(settings.log.level);
    let config = config_of(&Settings { server: server.clone(), ..settings }, descriptors);
    log::info!("the configuration has been read again from {}", file.display());
    Some(config)
}

fn check_config(file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let source = Source { file: file.map(Into::into), ..Source::default() };
    let (settings, said) = source.read()?;
    for warning in settings.warnings() {
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
    print(&text)?;
    Ok(())
}

fn import_icomet_conf(file: &Path) -> Result<(), Box<dyn Error>> {
    let name = file.display().to_string();
    // icomet took any bytes; what is not UTF-8 can only stand in comments and file names, which are not carried over.
    let content = std::fs::read(file).map_err(|error| format!("cannot read {name}: {error}"))?;
    let imported = import::import(&name, &String::from_utf8_lossy(&content))?;
    for note in &imported.notes {
        say(&format!("rcomet: note: {note}"));
    }
    print(&imported.toml)?;
    Ok(())
}

/// Says something to whoever has started us. If nobody listens, that is no reason to fail.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a result. A reader that has seen enough (`| head`) is content.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
        _ => Ok(()),
    }
}
