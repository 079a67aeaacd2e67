//! A file that one daemon has at a time, and that is put in place whole: found, locked and replaced.
//! Knows nothing of what is in it.
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// What stands behind the name until the file is whole.
const DRAFT: &str = ".new";

/// Takes the file at `path`, if there is one; also where that is, if `path` is a link: what it points to is written, and not the link.
/// `option` names the path in errors, and `what` is in it.
///
/// # Errors
/// Another daemon has it, or it cannot be read.
pub(crate) fn take(option: &str, path: &Path, what: &str) -> Result<(PathBuf, Option<File>), Failure> {
    let path = led_to(path);
    let failed = |why: String| Failure::Other(format!("{option}: {}: {why}", path.display()));
    loop {
        let file = match open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((path, None)),
            Err(error) => return Err(failed(format!("cannot be read: {error}"))),
        };
        if !file.metadata().is_ok_and(|known| known.is_file()) {
            return Err(failed("is no file: expected one, or nothing yet".into()));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::AlreadyRunning(format!(
                    "another rcomet runs already: it has {what} in {}",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(format!("cannot be locked: {error}"))),
        }
        // Between the two, another may have put a new one there.
        if is_there(&file, &path) {
            return Ok((path, Some(file)));
        }
    }
}

/// Opens what is there to be read, whatever it is: a pipe would be waited for until somebody writes to it.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)
}

/// Where a file for this place is written until it is whole.
pub(crate) fn draft_of(path: &Path) -> PathBuf {
    let mut name: OsString = path.file_name().unwrap_or_default().to_owned();
    name.push(DRAFT);
    path.with_file_name(name)
}

/// Begins a file that is to be put in place, locked: there is no moment in which another daemon could take it. What an earlier one
/// has left there is replaced: whoever writes has the place.
///
/// # Errors
/// There is no room, or no right to write there.
pub(crate) fn begin(at: &Path) -> io::Result<File> {
    // Of several that begin where there is nothing yet, one has the place.
    if let Ok(other) = open(at)
        && matches!(other.try_lock(), Err(TryLockError::WouldBlock))
    {
        return Err(io::Error::other("another process is writing there"));
    }
    match fs::remove_file(at) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Nobody else's business, and nobody else's file.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(at)?;
    file.try_lock().map_err(io::Error::from)?;
    Ok(file)
}

/// Waits until the name of a file is on the disk: it is when its directory is.
///
/// # Errors
/// The disk fails.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory).and_then(|directory| directory.sync_all()),
        None => Ok(()),
    }
}

/// Whether both paths lead to one place.
pub(crate) fn is_same_place(one: &Path, other: &Path) -> bool {
    led_to(one) == led_to(other)
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

/// Whether it is this file that is there.
pub(crate) fn is_there(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}
