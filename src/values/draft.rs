//! A new file, written whole beside its place and then put there: whoever reads it finds the one or the other.
//! Knows nothing of what is in it, but for its lines.
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use rcomet_core::values::{KeptValue, Preface, end_line, preface_line, value_line};

use crate::hold;

/// A file that is being written.
pub(super) struct Draft {
    out: BufWriter<File>,
    /// Where it is, and where it is to be.
    at: PathBuf,
    to: PathBuf,
    values: u64,
    line: Vec<u8>,
    is_done: bool,
}

impl Draft {
    /// Begins a file for this place. What an earlier one has left beside it is replaced: whoever writes has the place.
    ///
    /// # Errors
    /// There is no room, or no right to write there.
    pub(super) fn begin(to: &Path, preface: &Preface) -> io::Result<Self> {
        let at = hold::draft_of(to);
        let file = hold::begin(&at)?;
        let mut draft = Self {
            out: BufWriter::with_capacity(64 << 10, file),
            at,
            to: to.to_owned(),
            values: 0,
            line: Vec::new(),
            is_done: false,
        };
        preface_line(preface, &mut draft.line);
        draft.write()?;
        Ok(draft)
    }

    /// Adds values.
    ///
    /// # Errors
    /// There is no room.
    pub(super) fn add(&mut self, values: &[KeptValue]) -> io::Result<()> {
        for value in values {
            value_line(value, &mut self.line);
            self.write()?;
        }
        self.values += values.len() as u64;
        Ok(())
    }

    /// Puts it into its place, once it is on the disk; gives the file, locked, and whether its name is on the disk as well.
    ///
    /// # Errors
    /// There is no room, or the disk fails.
    pub(super) fn finish(mut self, is_clean: bool) -> io::Result<(File, io::Result<()>)> {
        end_line(self.values, is_clean, &mut self.line);
        self.write()?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        let held = self.out.get_ref().try_clone()?;
        fs::rename(&self.at, &self.to)?;
        self.is_done = true;
        // It is in its place in any case, and has to stay locked.
        let on_disk = hold::sync_name(&self.to);
        Ok((held, on_disk))
    }

    fn write(&mut self) -> io::Result<()> {
        self.out.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = fs::remove_file(&self.at);
        }
    }
}
