//! `rcomet run`: what the settings say, put together and set going.
//! Knows nothing of how any of it works.
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process;

use rcomet_core::{About, Limits, Role};

use crate::background::Background;
use crate::cli::RunFlags;
use crate::descriptors::Descriptors;
use crate::entropy::OperatingSystem;
use crate::exit::Failure;
use crate::journal::JournalFile;
use crate::logging::{self, Logging};
use crate::pid_file::PidFile;
use crate::reactor::{Bound, Doors, Fresh, Histories, Reactor, Reload, Signals};
use crate::settings::{Server, Settings, Source};
use crate::values::ValuesFile;
use crate::{activation, dashboard, demo, hold, pid_file, place};

/// Serves, until told to leave.
///
/// # Errors
/// It could not begin, or the operating system will not go on.
pub(crate) fn run(flags: &RunFlags) -> Result<(), Box<dyn Error>> {
    let mut background = Background::enter(flags.is_in_background())?;
    let how = serve(flags, &mut background);
    if let Err(error) = &how {
        // Whoever has started us waits for this, if nobody sees what we say.
        background.report(Err(error.as_ref()));
    }
    how
}

fn serve(flags: &RunFlags, background: &mut Background) -> Result<(), Box<dyn Error>> {
    let mut source = flags.source();
    if flags.is_in_background() {
        source.stay();
    }
    let (settings, _) = source.read()?;
    if let Some(path) = flags.log_file() {
        logging::into_file(path)
            .map_err(|error| format!("cannot open the log {}: {error}", path.display()))?;
    }
    let logging = Logging::start(settings.log.level, flags.sets_log())?;
    let descriptors = Descriptors::raise();
    // From here on nothing ends us before what we make is put away again.
    let signals = Signals::catch()?;
    log::info!("rcomet {} starts as process {}", env!("CARGO_PKG_VERSION"), process::id());

    // Before anything is opened: who cannot read what there is should not take its place.
    let most = settings.limits.memory_bytes_max;
    let values = settings.control.values_path().map(|path| ValuesFile::open(path, most)).transpose()?;
    let histories = settings.history.path().map(JournalFile::open).transpose()?;
    let sync_ms = settings.history.sync_ms;
    let bound = listen(&settings, flags.is_in_background())?;
    let entropy =
        OperatingSystem::probe().map_err(|error| format!("there are no random bytes to be had: {error}"))?;
    for Bound { role, address, .. } in &bound {
        log::info!("listening {} {address}", role.name());
    }
    if settings.server.demo {
        invite(&bound);
    }
    let beside = pid_file::beside_control(&bound).filter(|_| flags.is_in_background());
    let pid_file = pid_file::of(&settings, beside.as_deref())?;
    background.settle()?;

    let about = About {
        version: env!("CARGO_PKG_VERSION").into(),
        pid: process::id(),
        config: source.whole_path().map(|file| file.display().to_string()),
        history: histories.as_ref().map(|file| file.path().display().to_string()),
        values: values.as_ref().map(|(file, _)| file.path().display().to_string()),
        listeners: bound.iter().map(|one| (one.role.name().to_owned(), one.address.to_string())).collect(),
    };
    let mut fresh = fresh(&settings, descriptors);
    for note in std::mem::take(&mut fresh.notes) {
        log::warn!("{note}");
    }
    let mut reactor = Reactor::new(fresh, Box::new(entropy), bound, signals, about)?;
    if let Some((file, kept)) = values {
        reactor.keep_values(file, kept.as_ref())?;
    }
    if let Some(file) = histories {
        reactor.keep_histories(file, sync_ms)?;
    }
    background.report(Ok(()));
    let running = settings;
    reactor.run(&mut Again { source, running, descriptors, logging, beside, pid_file, read: None })?;
    Ok(())
}

/// Says where the pages of the demo are, and how to join in from a shell.
fn invite(bound: &[Bound]) {
    let of = |role| bound.iter().filter(move |bound| bound.role == role).map(|bound| &bound.address);
    for (name, url) in of(Role::Front).find_map(demo::visits).into_iter().flatten() {
        crate::app::say(&format!("{name}: {url}"));
    }
    if let Some(url) = of(Role::Admin).find_map(demo::dashboard) {
        crate::app::say(&format!("dashboard: {url}"));
    }
    if let Some(command) = of(Role::Admin).find_map(demo::greeting) {
        crate::app::say(&format!("say hello in the chat: {command}"));
    }
}

/// Takes everything that is to be listened on. A side for which the service manager has made sockets listens on those alone.
fn listen(settings: &Settings, in_background: bool) -> Result<Vec<Bound>, Box<dyn Error>> {
    let mut bound = activation::sockets(settings)?;
    let given: Vec<Role> = bound.iter().map(|one| one.role).collect();
    // The control socket first: it says best that another one runs already.
    for socket in settings.control.sockets() {
        if given.contains(&socket.role) {
            continue;
        }
        if socket.optional {
            place::make_room(&socket.path);
        }
        let address = crate::settings::Address::Unix(socket.path);
        match Bound::take(socket.role, &address, &socket.access) {
            Ok(one) => bound.push(one),
            Err(error) if in_background && error.is_taken() => {
                return Err(Failure::AlreadyRunning(format!("another rcomet runs already: {error}")).into());
            }
            Err(error) if socket.optional && !in_background => {
                log::warn!("{error}; this one goes without, unless it is given a place: --control PATH");
            }
            Err(error) => return Err(error.into()),
        }
    }
    let access = settings.server.access();
    for (role, _, addresses) in settings.server.roles() {
        for address in addresses.iter().filter(|_| !given.contains(&role)) {
            bound.push(Bound::take(role, address, &access)?);
        }
    }
    if bound.is_empty() {
        return Err("there is nothing to listen on: no address in [server], and no control socket".into());
    }
    Ok(bound)
}

/// What the daemon is given: the settings, with what this machine and the demo make of them.
fn fresh(settings: &Settings, descriptors: Descriptors) -> Fresh {
    let mut notes = settings.warnings();
    let mut config = settings.core();
    let wanted = config.limits.connections_max;
    let possible = descriptors.connections(settings.descriptors());
    if possible < wanted {
        config.limits.connections_max = possible;
        let note = format!(
            "limits.connections_max is lowered from {wanted} to {possible}: the process may have {} descriptors \
             (ulimit -n)",
            descriptors.count()
        );
        // Nobody has asked for the default, so nobody is disappointed.
        if wanted == Limits::default().connections_max {
            log::info!("{note}");
        } else {
            notes.push(note);
        }
    }
    dashboard::add_to(&mut config);
    if settings.server.demo {
        demo::add_to(&mut config);
    }
    let control = settings.control.sockets().into_iter().map(|socket| (socket.role, socket.access));
    let doors = Doors {
        usual: settings.server.access(),
        control: control.collect(),
        peers: settings.control.peers.clone(),
        send_buffer_bytes: settings.server.send_buffer_bytes,
    };
    let (drain_ms_max, sync_ms) = (settings.server.drain_ms_max, settings.history.sync_ms);
    Fresh { config, doors, drain_ms_max, sync_ms, histories: None, values: None, notes }
}

/// Reads everything again.
struct Again {
    source: Source,
    /// What is in force.
    running: Settings,
    descriptors: Descriptors,
    logging: Logging,
    /// Where the pid file is when the settings name none.
    beside: Option<PathBuf>,
    pid_file: Option<PidFile>,
    /// What has been read and is not in force yet.
    read: Option<Read>,
}

struct Read {
    settings: Settings,
    /// The pid file that is to be, if it is to be another, or none.
    pid_file: Option<Option<PidFile>>,
}

impl Again {
    /// Takes the pid file that the settings name, if that is another than ours.
    fn other_pid_file(&self, settings: &Settings) -> Result<Option<Option<PidFile>>, Failure> {
        if settings.server.pid_file == self.running.server.pid_file {
            return Ok(None);
        }
        let wanted = pid_file::place(settings, self.beside.as_deref());
        let is_ours = |path: &PathBuf| self.pid_file.as_ref().is_some_and(|file| file.is_at(path));
        if wanted.as_ref().is_some_and(is_ours) {
            return Ok(None);
        }
        pid_file::of(settings, self.beside.as_deref()).map(Some)
    }
}

/// A file that is to be another from now on, or none.
enum Other<F> {
    /// It stays what it is.
    Same,
    /// There is something in it, and to put that back takes a restart: in these words.
    Waits(String),
    /// This one, or none.
    Taken(Option<F>),
}

/// What is to be in force: another file, or none from now on; `None` leaves it at what there is.
type Change<F> = Option<Option<F>>;

impl<F> Other<F> {
    fn changes(&self) -> bool {
        !matches!(self, Self::Same)
    }

    fn waits(&self) -> Option<&String> {
        if let Self::Waits(why) = self { Some(why) } else { None }
    }

    fn taken(self) -> Change<F> {
        if let Self::Taken(file) = self { Some(file) } else { None }
    }
}

impl Again {
    /// Takes the files that the settings name for histories and for last values, where those are others than ours. What is in a file
    /// cannot be put back beside what there is. Where one has to wait, so has the other: else there would be none, or both.
    fn other_files(
        &self,
        settings: &mut Settings,
        kept: Histories<'_>,
        notes: &mut Vec<String>,
    ) -> Result<(Change<JournalFile>, Change<ValuesFile>), Failure> {
        let histories = self.other_history_file(settings, kept)?;
        let values = self.other_values_file(settings)?;
        let both = histories.changes() && values.changes();
        let mut wait = |waits: Option<&String>, name: &str| match waits {
            Some(why) => notes.push(why.clone()),
            None => notes.push(format!(
                "{name} has changed: it waits for the restart as well, since a daemon has one of the two"
            )),
        };
        let (why_history, why_values) = (histories.waits().cloned(), values.waits().cloned());
        let one_waits = why_history.is_some() || why_values.is_some();
        let (mut other_histories, mut other_values) = (histories.taken(), values.taken());
        if why_history.is_some() || (both && one_waits) {
            wait(why_history.as_ref(), "history.file");
            settings.history.file.clone_from(&self.running.history.file);
            other_histories = None;
        }
        if why_values.is_some() || (both && one_waits) {
            wait(why_values.as_ref(), "control.values_file");
            settings.control.values_file.clone_from(&self.running.control.values_file);
            other_values = None;
        }
        Ok((other_histories, other_values))
    }

    fn other_values_file(&self, settings: &Settings) -> Result<Other<ValuesFile>, Failure> {
        let running = self.running.control.values_path();
        let path = settings.control.values_path();
        if is_same_place(path, running) {
            return Ok(Other::Same);
        }
        let Some(path) = path else { return Ok(Other::Taken(None)) };
        let (file, kept) = ValuesFile::open(path, settings.limits.memory_bytes_max)?;
        if kept.is_some_and(|kept| !kept.values.is_empty()) {
            return Ok(Other::Waits(format!(
                "control.values_file has changed: {} has values in it, and to put them back takes a restart; the rest is in force",
                path.display()
            )));
        }
        file.try_to_begin().map_err(Failure::Other)?;
        Ok(Other::Taken(Some(file)))
    }

    fn other_history_file(
        &self,
        settings: &Settings,
        kept: Histories<'_>,
    ) -> Result<Other<JournalFile>, Failure> {
        let path = settings.history.path();
        if is_same_place(path, self.running.history.path()) {
            return Ok(Other::Same);
        }
        let Some(path) = path else { return Ok(Other::Taken(None)) };
        if let Some(to) = kept.moves_to {
            return Err(Failure::Other(format!(
                "history.file: the histories are still being written to {}: expected another file when they are there",
                to.display()
            )));
        }
        // They were to be moved, which could not be done yet, and may as well stay.
        if let Some(ours) = kept.path.filter(|ours| is_same_place(Some(path), Some(ours))) {
            return Ok(Other::Taken(Some(JournalFile::ours(ours))));
        }
        let file = JournalFile::open(path)?;
        if file.is_there() {
            return Ok(Other::Waits(format!(
                "history.file has changed: there is a file in {} already, and to put back what is in it takes a restart; the rest \
                 is in force",
                path.display()
            )));
        }
        file.try_to_begin().map_err(Failure::Other)?;
        Ok(Other::Taken(Some(file)))
    }
}

/// Whether two settings name the same file, or none.
fn is_same_place(one: Option<&Path>, other: Option<&Path>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => hold::is_same_place(one, other),
        (one, other) => one == other,
    }
}

impl Reload for Again {
    fn read(&mut self, kept: Histories<'_>) -> Result<Fresh, String> {
        if self.source.file.is_none() {
            return Err(
                "there is no configuration to read again: the daemon was started without --config".into()
            );
        }
        let (mut settings, _) = self.source.read().map_err(|error| error.to_string())?;
        let mut notes = keep_addresses(&mut settings, &self.running);
        let (histories, values) =
            self.other_files(&mut settings, kept, &mut notes).map_err(|failure| failure.to_string())?;
        let mut fresh = fresh(&settings, self.descriptors);
        notes.append(&mut fresh.notes);
        fresh.notes = notes;
        (fresh.histories, fresh.values) = (histories, values);
        let pid_file = self.other_pid_file(&settings).map_err(|failure| failure.to_string())?;
        self.read = Some(Read { settings, pid_file });
        Ok(fresh)
    }

    fn adopted(&mut self) {
        if let Some(Read { settings, pid_file }) = self.read.take() {
            if let Some(pid_file) = pid_file {
                self.pid_file = pid_file;
            }
            self.logging.set_level(settings.log.level);
            self.logging.reopen();
            self.running = settings;
        }
    }

    fn given_up(&mut self) {
        // With the pid file that was taken for it.
        self.read = None;
    }
}

/// Some options stay what they are while the daemon runs; says of which it is noticed.
fn keep_addresses(settings: &mut Settings, running: &Settings) -> Vec<String> {
    let mut changed = Vec::new();
    for ((_, name, new), (_, _, old)) in settings.server.roles().iter().zip(running.server.roles()) {
        if **new != *old {
            changed.push(format!("server.{name}"));
        }
    }
    for ((name, new), (_, old)) in settings.control.doors().iter().zip(running.control.doors()) {
        if **new != *old {
            changed.push(format!("control.{name}"));
        }
    }
    let (new, old) = (&mut settings.server, &running.server);
    *new = Server {
        front: old.front.clone(),
        admin: old.admin.clone(),
        ccomet: old.ccomet.clone(),
        simple_comet: old.simple_comet.clone(),
        ..new.clone()
    };
    let (new, old) = (&mut settings.control, &running.control);
    new.path.clone_from(&old.path);
    new.read_path.clone_from(&old.read_path);
    new.write_path.clone_from(&old.write_path);
    let note = |name: &String| format!("{name} has changed: that takes a restart, the rest is in force");
    changed.iter().map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parse;

    #[test]
    fn addresses_stay_and_everything_else_is_taken_over() {
        let running = parse("f", "[server]\nfront = [\"127.0.0.1:1\"]\n").expect("it works");
        let text =
            "[server]\nfront = [\"127.0.0.1:2\"]\ndemo = true\n[control]\nmode = \"600\"\npath = \"/a/b\"\n";
        let mut settings = parse("f", text).expect("it works");
        let notes = keep_addresses(&mut settings, &running);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].starts_with("server.front has changed: that takes a restart"));
        assert!(notes[1].starts_with("control.path has changed"));
        assert_eq!((&settings.server.front, settings.server.demo), (&running.server.front, true));
        assert_eq!(settings.control.path, running.control.path);
        assert_ne!(settings.control.mode, running.control.mode);
        let config: rcomet_core::Config = fresh(&settings, Descriptors::in_reach()).config;
        assert!(!config.pages.is_empty(), "the demo has come");
    }

    /// What takes a restart is said in four places: by a reload, in its help, in the configuration and on the page about it.
    #[test]
    fn what_takes_a_restart_is_the_same_list_everywhere() {
        let running = parse("f", "").expect("it works");
        let text = "[server]\nfront = [\"127.0.0.1:2\"]\nadmin = [\"127.0.0.1:3\"]\nccomet = [\"127.0.0.1:4\"]\n\
            simple_comet = [\"127.0.0.1:5\"]\n[control]\npath = \"/a/b\"\n\
            read_path = \"/a/c\"\nwrite_path = \"/a/d\"\n[history]\nfile = \"/a/f\"\n";
        let mut settings = parse("f", text).expect("it works");
        let notes = keep_addresses(&mut settings, &running);
        let names: Vec<&str> =
            notes.iter().filter_map(|note| note.split_once(" has changed: ")).map(|n| n.0).collect();
        assert_eq!(names.len(), 7, "{notes:?}");
        let help = crate::cli::help_of("reload").replace(char::is_whitespace, " ");
        let page = include_str!("../docs/control.md");
        let page = page
            .split("## Reloading\n")
            .nth(1)
            .and_then(|rest| rest.split("\n## ").next())
            .expect("it has it");
        let example = include_str!("../rcomet.example.toml").split("# ------").next().unwrap_or_default();
        for name in names {
            for (place, said) in [("the help", help.as_str()), ("the page", page), ("the example", example)] {
                assert!(said.contains(name), "{place} has no {name}:\n{said}");
            }
        }
        assert!(keep_addresses(&mut settings, &running).is_empty(), "it is as it was now");
    }
}
