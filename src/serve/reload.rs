//! The settings, read again while the daemon runs: what becomes another, and what stays what it is.
//! Knows nothing of how it is put in force.
use std::path::{Path, PathBuf};

use super::fresh;
use crate::descriptors::Descriptors;
use crate::exit::Failure;
use crate::hold;
use crate::journal::JournalFile;
use crate::logging::{self, Logging};
use crate::pid_file::{self, PidFile};
use crate::reactor::{Fresh, Histories, Reload};
use crate::settings::{Server, Settings, Side, Source};
use crate::values::ValuesFile;

/// Reads everything again.
pub(super) struct Again {
    pub(super) source: Source,
    /// What is in force.
    pub(super) running: Settings,
    /// Where the daemon listens.
    pub(super) sides: Vec<Side>,
    pub(super) descriptors: Descriptors,
    pub(super) logging: Logging,
    /// Where the pid file is when the settings name none.
    pub(super) beside: Option<PathBuf>,
    pub(super) pid_file: Option<PidFile>,
    /// What the file says where a flag says otherwise.
    pub(super) overruled: Vec<(String, toml::Value)>,
    /// What has been read and is not in force yet.
    pub(super) read: Option<Read>,
}

/// What is to be in force: another file, or none from now on; `None` leaves it at what there is.
type Change<F> = Option<Option<F>>;

/// Settings that can be put in force, with what was taken for them.
pub(super) struct Read {
    settings: Settings,
    overruled: Vec<(String, toml::Value)>,
    pid_file: Change<PidFile>,
}

impl Again {
    /// What the file says anew and what has no effect, because something goes before the file.
    /// Without those of which something else is `said`.
    fn without_effect(
        &self,
        settings: &Settings,
        overruled: &[(String, toml::Value)],
        said: &[String],
    ) -> Vec<String> {
        let new = overruled.iter().filter(|option| !self.overruled.contains(option));
        let mut notes: Vec<String> = new
            .filter(|(name, _)| !said.contains(name))
            .map(|(name, _)| {
                format!(
                    "{name} has changed, and the daemon's command line goes before it: the rest is in force"
                )
            })
            .collect();
        if self.logging == Logging::Environment && settings.log.level != self.running.log.level {
            notes.push(format!(
                "log.level has changed, and {} in the daemon's environment goes before it: the rest is in force",
                logging::VARIABLE
            ));
        }
        notes
    }

    /// Takes the pid file that the settings name, if that is another than ours.
    fn other_pid_file(&self, settings: &Settings) -> Result<Change<PidFile>, Failure> {
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

    /// Takes the file that the settings name for last values, if that is another than ours. What is in one cannot be put in beside what
    /// there is: which of two values holds, nobody knows.
    fn other_values_file(&self, settings: &Settings) -> Result<Change<ValuesFile>, Failure> {
        let path = settings.control.values_path();
        if is_same_place(path, self.running.control.values_path()) {
            return Ok(None);
        }
        let Some(path) = path else { return Ok(Some(None)) };
        let (file, kept) = ValuesFile::open(path, settings.limits.memory_bytes_max)?;
        if kept.is_some_and(|kept| !kept.values.is_empty()) {
            return Err(Failure::Other(format!(
                "control.values_file: {} has values in it already, and only a start puts those back: expected a file with none, or a \
                 restart",
                path.display()
            )));
        }
        file.try_to_begin().map_err(Failure::Other)?;
        Ok(Some(Some(file)))
    }

    /// The same for histories, where `kept` says what is with ours.
    fn other_history_file(
        &self,
        settings: &Settings,
        kept: Histories<'_>,
    ) -> Result<Change<JournalFile>, Failure> {
        let path = settings.history.path();
        if is_same_place(path, self.running.history.path()) {
            return Ok(None);
        }
        let Some(path) = path else { return Ok(Some(None)) };
        if let Some(to) = kept.moves_to {
            return Err(Failure::Other(format!(
                "history.file: the histories are still being written to {}: expected another file when they are there",
                to.display()
            )));
        }
        // They were to be moved, which could not be done yet, and may as well stay.
        if let Some(ours) = kept.path.filter(|ours| is_same_place(Some(path), Some(ours))) {
            return Ok(Some(Some(JournalFile::ours(ours))));
        }
        let file = JournalFile::open(path)?;
        if file.is_there() {
            return Err(Failure::Other(format!(
                "history.file: {} is there already, and only a start puts back what is in it: expected a file that is not there yet, or \
                 a restart",
                path.display()
            )));
        }
        file.try_to_begin().map_err(Failure::Other)?;
        Ok(Some(Some(file)))
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
        let overruled = self.source.overruled();
        let kept_places = keep_addresses(&mut settings, &self.running);
        let mut notes: Vec<String> = kept_places.iter().map(|name| takes_a_restart(name)).collect();
        notes.append(&mut self.without_effect(&settings, &overruled, &kept_places));
        let failed = |failure: Failure| failure.to_string();
        let histories = self.other_history_file(&settings, kept).map_err(failed)?;
        let values = self.other_values_file(&settings).map_err(failed)?;
        let mut fresh = fresh(&settings, &self.sides, self.descriptors);
        notes.append(&mut fresh.notes);
        fresh.notes = notes;
        (fresh.histories, fresh.values) = (histories, values);
        let pid_file = self.other_pid_file(&settings).map_err(failed)?;
        self.read = Some(Read { settings, overruled, pid_file });
        Ok(fresh)
    }

    fn adopted(&mut self) {
        if let Some(Read { settings, overruled, pid_file }) = self.read.take() {
            if let Some(pid_file) = pid_file {
                self.pid_file = pid_file;
            }
            self.logging.set_level(settings.log.level);
            self.logging.reopen();
            (self.running, self.overruled) = (settings, overruled);
        }
    }

    fn given_up(&mut self) {
        // With the pid file that was taken for it.
        self.read = None;
    }
}

/// What is said of an option that stays what it is while the daemon runs.
fn takes_a_restart(name: &str) -> String {
    format!("{name} has changed: that takes a restart, the rest is in force")
}

/// Some options stay what they are while the daemon runs; gives those that have changed.
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
    changed
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
        assert_eq!(keep_addresses(&mut settings, &running), ["server.front", "control.path"]);
        assert_eq!((&settings.server.front, settings.server.demo), (&running.server.front, true));
        assert_eq!(settings.control.path, running.control.path);
        assert_ne!(settings.control.mode, running.control.mode);
        let config: rcomet_core::Config = fresh(&settings, &[], Descriptors::in_reach()).config;
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
        let names = keep_addresses(&mut settings, &running);
        assert_eq!(names.len(), 7, "{names:?}");
        let help = crate::cli::help_of("reload").replace(char::is_whitespace, " ");
        let page = include_str!("../../docs/control.md");
        let page = page
            .split("## Reloading\n")
            .nth(1)
            .and_then(|rest| rest.split("\n## ").next())
            .expect("it has it");
        let example = include_str!("../../rcomet.example.toml").split("# ------").next().unwrap_or_default();
        for name in names {
            for (place, said) in [("the help", help.as_str()), ("the page", page), ("the example", example)] {
                assert!(said.contains(name.as_str()), "{place} has no {name}:\n{said}");
            }
        }
        assert!(keep_addresses(&mut settings, &running).is_empty(), "it is as it was now");
    }
}
