//! `[control]`: the sockets by which administrators and scripts reach the daemon.
//! Knows nothing of what is said there.
use std::path::{Path, PathBuf};

use rcomet_core::{Rights, Role};
use serde::Deserialize;

use super::address::{Access, Mode, check_path};
use crate::place;

/// Seconds that values wait at most to be saved.
const SECONDS_MAX: u64 = 86_400;

/// `[control]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Control {
    /// Where the socket is.
    pub(crate) path: Door,
    /// Who may connect to it, in octal.
    pub(crate) mode: Mode,
    /// The user whose it is; nobody's name is the process's own.
    pub(crate) owner: String,
    /// Its group.
    pub(crate) group: String,
    /// Users who may use it, besides root and the process's own; all whom the mode lets in when nobody is named.
    pub(crate) peers: Vec<String>,
    /// A socket by which can only be read.
    pub(crate) read_path: Door,
    /// Who may connect to it.
    pub(crate) read_mode: Mode,
    /// Its group.
    pub(crate) read_group: String,
    /// A socket by which can only be written.
    pub(crate) write_path: Door,
    /// Who may connect to it.
    pub(crate) write_mode: Mode,
    /// Its group.
    pub(crate) write_group: String,
    /// Where the last values of keys are kept over a restart; nowhere by default.
    pub(crate) values_file: String,
    /// Seconds after a change in which they are saved.
    pub(crate) values_seconds: u64,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            path: Door::Auto,
            mode: Mode(0o660),
            owner: String::new(),
            group: String::new(),
            peers: Vec::new(),
            read_path: Door::None,
            read_mode: Mode(0o660),
            read_group: String::new(),
            write_path: Door::None,
            write_mode: Mode(0o660),
            write_group: String::new(),
            values_file: String::new(),
            values_seconds: 10,
        }
    }
}

/// Where a socket is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Door {
    /// Nowhere.
    None,
    /// Where clients look for it.
    Auto,
    /// There.
    At(PathBuf),
}

impl TryFrom<String> for Door {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            path => check_path(path).map(|path| Self::At(path.into())).ok_or_else(|| {
                format!("`{path}` is no socket file: expected a whole path of at most 107 bytes, `auto`, or nothing")
            }),
        }
    }
}

impl Door {
    /// The path, if there is to be a socket; where it goes of itself, that is found out here.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::None => None,
            Self::Auto => place::for_server(),
            Self::At(path) => Some(path.clone()),
        }
    }
}

/// One of the sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ControlSocket {
    pub(crate) role: Role,
    pub(crate) path: PathBuf,
    pub(crate) access: Access,
    /// Nobody has asked for it: the daemon can go without.
    pub(crate) optional: bool,
}

impl Control {
    /// The sockets that are to be.
    pub(crate) fn sockets(&self) -> Vec<ControlSocket> {
        let access =
            |mode: Mode, group: &str| Access { mode, owner: self.owner.clone(), group: group.into() };
        let all = [
            (Rights::All, &self.path, access(self.mode, &self.group)),
            (Rights::Read, &self.read_path, access(self.read_mode, &self.read_group)),
            (Rights::Write, &self.write_path, access(self.write_mode, &self.write_group)),
        ];
        let socket = |(rights, door, access): (Rights, &Door, Access)| {
            let optional = *door == Door::Auto;
            Some(ControlSocket { role: Role::Control(rights), path: door.path()?, access, optional })
        };
        all.into_iter().filter_map(socket).collect()
    }

    /// Where the last values are kept, if they are.
    pub(crate) fn values_path(&self) -> Option<&Path> {
        Some(Path::new(&self.values_file)).filter(|_| !self.values_file.is_empty())
    }

    /// Milliseconds after a change in which they are saved; 0 is never.
    pub(super) fn values_ms(&self) -> u64 {
        if self.values_path().is_some() { self.values_seconds.saturating_mul(1_000) } else { 0 }
    }

    /// How many there are at most.
    pub(crate) fn listeners(&self) -> usize {
        [&self.path, &self.read_path, &self.write_path]
            .into_iter()
            .filter(|door| **door != Door::None)
            .count()
    }

    /// The doors by the names of their options, to be compared.
    pub(crate) fn doors(&self) -> [(&'static str, &Door); 3] {
        [("path", &self.path), ("read_path", &self.read_path), ("write_path", &self.write_path)]
    }

    /// What is wrong, in words that begin with the option's path.
    pub(super) fn check(&self) -> Result<(), String> {
        for (name, door) in &self.doors()[1..] {
            if **door == Door::Auto {
                return Err(format!("control.{name}: only control.path can be `auto`"));
            }
        }
        let [(_, path), (_, read), (_, write)] = self.doors();
        let is_same = |a: &Door, b: &Door| a == b && matches!(a, Door::At(_));
        if is_same(path, read) || is_same(read, write) {
            return Err("control.read_path: another socket of [control] is there already".into());
        }
        if is_same(path, write) {
            return Err("control.write_path: another socket of [control] is there already".into());
        }
        let file = self.values_path();
        if file.is_some_and(|file| !file.is_absolute() || file.file_name().is_none()) {
            return Err(format!(
                "control.values_file: `{}` is no place for a file: expected a whole path, or nothing",
                self.values_file
            ));
        }
        if !(1..=SECONDS_MAX).contains(&self.values_seconds) {
            return Err(format!(
                "control.values_seconds = {}: must be from 1 to {SECONDS_MAX}, which is a day",
                self.values_seconds
            ));
        }
        Ok(())
    }
}
