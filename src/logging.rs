//! The log: to standard error, at a level that the configuration file may change while we run.
//! Knows nothing of what is logged.
use std::env;

use log::{LevelFilter, SetLoggerError};

use crate::settings::Level;

/// The environment's word on what is logged; it takes levels for single modules too.
pub(crate) const VARIABLE: &str = "RCOMET_LOG";

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

    /// The configuration has been read again.
    pub(crate) fn set_level(self, level: Level) {
        if self == Self::Settings {
            log::set_max_level(level.into());
        }
    }
}
