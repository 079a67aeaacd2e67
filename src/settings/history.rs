//! `[history]`: what channels keep, and where that outlives the daemon.
//! Knows nothing of channels.
use std::path::Path;

use rcomet_core::config::{HistoryRule, HistoryRules};
use serde::Deserialize;

/// An hour: a longer time is probably a mistake of units.
const SYNC_MS_MAX: u64 = 3_600_000;

/// The section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct History {
    /// Where histories are kept over a restart; nowhere by default.
    pub(crate) file: String,
    /// Milliseconds until what was written is forced to the disk; 0 is before anybody hears of it.
    pub(crate) sync_ms: u64,
    /// What channels keep whose names a pattern matches.
    pub(crate) rule: Vec<HistoryRule>,
}

impl Default for History {
    fn default() -> Self {
        Self { file: String::new(), sync_ms: 1_000, rule: Vec::new() }
    }
}

impl History {
    /// Where histories are kept, if they are.
    pub(crate) fn path(&self) -> Option<&Path> {
        Some(Path::new(&self.file)).filter(|_| !self.file.is_empty())
    }

    /// The core's part.
    pub(super) fn rules(&self) -> HistoryRules {
        HistoryRules { rule: self.rule.clone() }
    }

    /// What is wrong, in words that begin with the option's path.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.path().is_some_and(|file| !file.is_absolute() || file.file_name().is_none()) {
            return Err(format!(
                "history.file: `{}` is no place for a file: expected a whole path, or nothing",
                self.file
            ));
        }
        if self.sync_ms > SYNC_MS_MAX {
            return Err(format!(
                "history.sync_ms = {}: must be from 0 to {SYNC_MS_MAX}, which is an hour",
                self.sync_ms
            ));
        }
        Ok(())
    }
}
