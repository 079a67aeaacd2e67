//! A file that something is to be written to which takes long to come by: opened before, so that it does not turn out in the end
//! that it cannot be written. Knows nothing of what is written.
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file. What it held before stays until it is written; if it never is, one that was not there is gone again.
pub struct Output {
    path: PathBuf,
    file: File,
    /// It was not there, and nothing has been written.
    is_new: bool,
}

impl Output {
    /// Opens it.
    ///
    /// # Errors
    /// It cannot be written, in words with its name.
    pub fn open(path: &Path) -> Result<Self, String> {
        let is_new = !path.exists();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path: path.to_owned(), file, is_new })
    }

    /// Writes it, in place of what it held.
    ///
    /// # Errors
    /// The disk is full, or the like.
    pub fn write(mut self, text: &str) -> Result<(), String> {
        self.is_new = false;
        // What is not a file, such as a pipe, has no length.
        let emptied = match self.file.metadata() {
            Ok(about) if about.is_file() => self.file.set_len(0),
            _ => Ok(()),
        };
        emptied
            .and_then(|()| self.file.write_all(text.as_bytes()))
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.is_new {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_as_it_was_until_it_is_written() {
        let path = std::env::temp_dir().join(format!("rcomet-sim-output-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        drop(Output::open(&path).unwrap());
        assert!(!path.exists(), "nothing was written");
        Output::open(&path).unwrap().write("a long text").unwrap();
        drop(Output::open(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a long text");
        Output::open(&path).unwrap().write("short").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "short");
        fs::remove_file(&path).unwrap();
        assert!(Output::open(&path.join("in")).err().unwrap().contains("rcomet-sim-output-"));
        Output::open(Path::new("/dev/null")).unwrap().write("no file").unwrap();
    }
}
