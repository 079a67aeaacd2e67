//! The file in which last values outlive the daemon: read before it listens, written anew while it runs and when it ends.
//! Knows nothing of what is in a line, nor when it is time.
mod draft;
mod saver;

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use rcomet_core::Machine;
use rcomet_core::values::{Kept, Preface, Reading};

use self::draft::Draft;
pub(crate) use self::saver::Saver;
use crate::exit::Failure;
use crate::hold;

/// The file, which nobody else has while we have it.
pub(crate) struct ValuesFile {
    path: PathBuf,
    /// The file that is there, locked; none before the first was written.
    held: Option<File>,
}

impl ValuesFile {
    /// Takes the file, and reads what is in it; at most so many bytes of values.
    ///
    /// # Errors
    /// Another daemon has it, it cannot be read, or something in it is not as it should be.
    pub(crate) fn open(path: &Path, bytes_max: usize) -> Result<(Self, Option<Kept>), Failure> {
        let (path, held) = hold::take("control.values_file", path, "the values")?;
        let failed = |why: String| Failure::Other(format!("control.values_file: {}: {why}", path.display()));
        let kept = held.as_ref().map(|file| read(file, bytes_max)).transpose().map_err(failed)?;
        Ok((Self { path, held }, kept))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Sees whether it can be written, and leaves nothing behind.
    ///
    /// # Errors
    /// There is no room, or no right to write there.
    pub(crate) fn try_to_begin(&self) -> Result<(), String> {
        let preface = Preface::default();
        let tried = Draft::begin(&self.path, &preface).map(drop);
        tried.map_err(|error| {
            format!("control.values_file: {} cannot be written: {error}", self.path.display())
        })
    }

    /// Writes all of the machine's values, and waits until they are on the disk. `is_clean` says that nothing will follow.
    ///
    /// # Errors
    /// It cannot be written; what is there stays.
    pub(crate) fn save(&mut self, machine: &mut Machine, is_clean: bool) -> Result<(), String> {
        let failed =
            |error: std::io::Error| format!("cannot save values in {}: {error}", self.path.display());
        let mut draft = Draft::begin(&self.path, &machine.begin_saving()).map_err(failed)?;
        let mut values = Vec::new();
        loop {
            let more = machine.next_values(&mut values);
            draft.add(&values).map_err(failed)?;
            values.clear();
            if !more {
                break;
            }
        }
        let (held, on_disk) = draft.finish(is_clean).map_err(failed)?;
        self.held = Some(held);
        on_disk.map_err(failed)?;
        Ok(())
    }
}

fn read(file: &File, bytes_max: usize) -> Result<Kept, String> {
    let mut text = BufReader::new(file);
    let mut reading = Reading::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        // No value that there is room for has a longer line: a byte is six at the most (`\u0000`).
        let most = (bytes_max as u64).saturating_mul(6);
        let length = (&mut text).take(most).read_until(b'\n', &mut line);
        if length.map_err(|error| format!("cannot be read: {error}"))? == 0 {
            return reading.end();
        }
        reading.line(&line)?;
        if reading.bytes() > bytes_max {
            return Err(format!(
                "there is more in it than there is room for: expected no more than limits.memory_bytes_max = {bytes_max}"
            ));
        }
    }
}

#[cfg(test)]
mod tests;
