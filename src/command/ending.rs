//! Whether a daemon that has gone has saved what it keeps over a restart: the last line of its files says so.
//! Knows nothing of how they are written.
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use rcomet_core::journal::Line;
use serde_json::Value;

/// More than the last line of an ended file takes.
const LAST_LINE_BYTES_MAX: u64 = 256;

/// Whether a line is the last of an ended file.
type IsEnd = fn(&[u8]) -> bool;

/// The files of a daemon that can be read from here, before it ends: one in a container has files of its own.
pub(super) struct Files(Vec<(PathBuf, IsEnd)>);

impl Files {
    /// Those that its status names.
    pub(super) fn of(status: &Value) -> Self {
        let kinds: [(&str, IsEnd); 2] = [("values_file", ends_values), ("history_file", ends_history)];
        let named = kinds.into_iter().filter_map(|(name, is_end)| {
            let path = PathBuf::from(status[name].as_str()?);
            File::open(&path).is_ok().then_some((path, is_end))
        });
        Self(named.collect())
    }

    /// The first that is not of a daemon's end.
    pub(super) fn unsaved(&self) -> Option<&Path> {
        let is_saved = |(path, is_end): &&(PathBuf, IsEnd)| match last_line(path) {
            Ok(line) => is_end(&line),
            // Its histories were still being moved, and are in another file.
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        self.0.iter().find(|file| !is_saved(file)).map(|(path, _)| path.as_path())
    }
}

/// docs/control.md, "Over a restart".
fn ends_values(line: &[u8]) -> bool {
    serde_json::from_slice(line).is_ok_and(|line: Value| line["end"].is_u64() && line["clean"] == true)
}

/// docs/history.md, "The file".
fn ends_history(line: &[u8]) -> bool {
    matches!(Line::read(line), Ok(Line::End(_)))
}

/// The last line with its end; something that is none when it is longer than that of an ended file.
fn last_line(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_LINE_BYTES_MAX)))?;
    let mut tail = Vec::new();
    file.take(LAST_LINE_BYTES_MAX).read_to_end(&mut tail)?;
    let body = tail.strip_suffix(b"\n").unwrap_or_default();
    let begin = body.iter().rposition(|c| *c == b'\n').map_or(0, |at| at + 1);
    Ok(tail.split_off(begin))
}
