//! The log: to standard error, at a level that the configuration file may change while we run.
//! Knows nothing of what is logged.
use std::env;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{self, Path, PathBuf};
use std::sync::OnceLock;

use log::{LevelFilter, SetLoggerError};

use crate::settings::Level;

/// The environment's word on what is logged; it takes levels for single modules too.
pub(crate) const VARIABLE: &str = "RCOMET_LOG";

/// Where the log goes, when it does not go to the standard error that we were started with.
static FILE: OnceLock<PathBuf> = OnceLock::new();

/// Sends the log, and all that goes to standard error, to the end of a file.
///
/// # Errors
/// The file cannot be opened.
pub(crate) fn into_file(path: &Path) -> io::Result<()> {
    // It is opened again when we may be in another directory.
    let path = path::absolute(path)?;
    rustix::stdio::dup2_stderr(open(&path)?)?;
    let _ = FILE.set(path);
    Ok(())
}

/// A log is for its owner and its group, whatever the mask of whoever has started us: there are names in it, and addresses.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

/// Whose word decides the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logging {
    /// The configuration's, and it may change.
    Settings,
    /// The environment's, for as long as the process lives.
    Environment,
}

impl Logging {
    /// Starts the log. The command line (`from_flag`) goes before the environment, and that before the file.
    ///
    /// # Errors
    /// A log has been started before.
    pub(crate) fn start(level: Level, from_flag: bool) -> Result<Self, SetLoggerError> {
        let mut builder = env_logger::Builder::new();
        match env::var(VARIABLE) {
            Ok(filters) if !from_flag => {
                builder.parse_filters(&filters).try_init()?;
                Ok(Self::Environment)
            }
            _ => {
                // The logger lets all of ours pass and `log`'s own switch decides: that one can be turned later.
                builder
                    .filter_level(LevelFilter::Warn)
                    .filter_module("rcomet", LevelFilter::Trace)
                    .try_init()?;
                log::set_max_level(level.into());
                Ok(Self::Settings)
            }
        }
    }

    /// Opens the log's file again, if it has one: what was it may have been moved away.
    pub(crate) fn reopen(self) {
        let Some(path) = FILE.get() else { return };
        if let Err(error) = open(path).and_then(|file| Ok(rustix::stdio::dup2_stderr(file)?)) {
            log::error!("the log goes on where it was: cannot open {}: {error}", path.display());
        }
    }

    /// The configuration has been read again.
    pub(crate) fn set_level(self, level: Level) {
        if self == Self::Settings {
            log::set_max_level(level.into());
        }
    }
}
