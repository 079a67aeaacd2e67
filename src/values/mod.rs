//! The file in which last values outlive the daemon: read before it listens, written anew while it runs and when it ends.
//! Knows nothing of what is in a line, nor when it is time.
mod draft;
mod saver;

use std::fs::{self, File, TryLockError};
use std::io::{BufRead, BufReader, ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rcomet_core::Machine;
use rcomet_core::values::{Kept, Reading};

use self::draft::Draft;
pub(crate) use self::saver::Saver;
use crate::exit::Failure;

/// The file, which nobody else has while we have it.
pub(crate) struct ValuesFile {
    path: PathBuf,
    /// The file that is there, locked; none before the first was written.
    held: Option<File>,
}

/// What a path leads to, also when a link in its last place leads to what is not there yet.
fn led_to(path: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    match fs::read_link(path) {
        Ok(to) => path.parent().map_or_else(|| to.clone(), |beside| beside.join(&to)),
        Err(_) => path.to_owned(),
    }
}

impl ValuesFile {
    /// Takes the file, and reads what is in it; at most so many bytes of values.
    ///
    /// # Errors
    /// Another daemon has it, it cannot be read, or something in it is not as it should be.
    pub(crate) fn open(path: &Path, bytes_max: usize) -> Result<(Self, Option<Kept>), Failure> {
        // What a link points to is written, and not the link.
        let path = led_to(path);
        let failed = |why: String| Failure::Other(format!("control.values_file: {}: {why}", path.display()));
        loop {
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Ok((Self { path, held: None }, None));
                }
                Err(error) => return Err(failed(format!("cannot be read: {error}"))),
            };
            if !file.metadata().is_ok_and(|known| known.is_file()) {
                return Err(failed("is no file: expected one, or nothing yet".into()));
            }
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Failure::AlreadyRunning(format!(
                        "another rcomet runs already: it has the values in {}",
                        path.display()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(failed(format!("cannot be locked: {error}"))),
            }
            // Between the two, another may have put a new one there.
            if is_there(&file, &path) {
                let kept = read(&file, bytes_max).map_err(failed)?;
                return Ok((Self { path, held: Some(file) }, Some(kept)));
            }
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
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

fn is_there(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
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
