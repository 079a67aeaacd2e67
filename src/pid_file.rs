//! The file with the number of the process: written when the daemon listens, removed when it ends.
//! Knows nothing of what it serves.
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;

use rcomet_core::{Rights, Role};

use crate::reactor::Bound;
use crate::settings::{Address, Settings};

/// A file with our number in it; it is removed with this.
pub(crate) struct PidFile {
    path: PathBuf,
}

/// The file that the settings name. Who is sent into the background without a name for it writes `rcomet.pid` beside the
/// control socket.
///
/// # Errors
/// It cannot be written.
pub(crate) fn of(
    settings: &Settings,
    in_background: bool,
    bound: &[Bound],
) -> Result<Option<PidFile>, String> {
    let named = Some(&settings.server.pid_file).filter(|path| !path.is_empty()).map(PathBuf::from);
    let beside = || {
        let control = bound.iter().find(|one| one.role == Role::Control(Rights::All))?;
        match &control.address {
            Address::Unix(path) => Some(path.parent()?.join("rcomet.pid")),
            Address::Ip(_) => None,
        }
    };
    match named.or_else(|| beside().filter(|_| in_background)) {
        Some(path) => PidFile::write(&path).map(Some),
        None => Ok(None),
    }
}

impl PidFile {
    /// Writes it whole beside its place and then puts it there: whoever reads it finds a number. What a dead daemon has left
    /// is replaced; that none lives is known by then, since we listen where it would.
    fn write(path: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot write the pid file {}: {error}", path.display());
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", process::id()));
        let draft = path.with_file_name(name);
        let mut file = fs::File::create_new(&draft).map_err(failed)?;
        let written = writeln!(file, "{}", process::id()).and_then(|()| fs::rename(&draft, path));
        if let Err(error) = written {
            let _ = fs::remove_file(&draft);
            return Err(failed(error));
        }
        Ok(Self { path: path.into() })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let is_ours =
            fs::read_to_string(&self.path).is_ok_and(|text| text.trim() == process::id().to_string());
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            log::warn!("the pid file {} stays behind: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_while_we_are() {
        let path = std::env::temp_dir().join(format!("rcomet-pid-test-{}", process::id()));
        fs::write(&path, "1\n").expect("to write");
        let file = PidFile::write(&path).expect("what is stale is replaced");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), format!("{}\n", process::id()));
        drop(file);
        assert!(!path.exists());

        let file = PidFile::write(&path).expect("to write");
        fs::write(&path, "1\n").expect("somebody else");
        drop(file);
        assert!(path.exists(), "what is another's stays");
        fs::remove_file(&path).expect("it is there");
        assert!(PidFile::write(Path::new("/no/such/directory/pid")).is_err());
    }
}
