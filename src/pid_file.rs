//! The file with the number of the process: written when the daemon listens, removed when it ends, and one daemon's at a time.
//! Knows nothing of what it serves.
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{self, Path, PathBuf};
use std::process;

use rcomet_core::{Rights, Role};

use crate::exit::Failure;
use crate::hold;
use crate::reactor::Bound;
use crate::settings::{Address, Settings};

/// What is never more than a number.
const NUMBER_BYTES_MAX: u64 = 32;

/// A file with our number in it; it is removed with this.
pub(crate) struct PidFile {
    path: PathBuf,
    /// Locked: so another daemon sees that we live.
    file: File,
}

/// The file that the settings name, or else the one that stands for it, if there is any: taken, with our number in it.
///
/// # Errors
/// Another daemon has it, something else stands there, or it cannot be written.
pub(crate) fn of(settings: &Settings, beside: Option<&Path>) -> Result<Option<PidFile>, Failure> {
    place(settings, beside).map(|path| PidFile::write(&path)).transpose()
}

/// Where that is.
pub(crate) fn place(settings: &Settings, beside: Option<&Path>) -> Option<PathBuf> {
    let named = Some(&settings.server.pid_file).filter(|path| !path.is_empty()).map(PathBuf::from);
    named.or_else(|| beside.map(Path::to_owned))
}

/// Where it is of who is sent into the background without a name for it: beside the control socket, which has its name. `rcomet.pid`
/// is beside `control.sock`, `second.pid` beside `second.sock`.
pub(crate) fn beside_control(bound: &[Bound]) -> Option<PathBuf> {
    let control = bound.iter().find(|one| one.role == Role::Control(Rights::All))?;
    match &control.address {
        Address::Unix(path) => Some(beside(path)),
        Address::Ip(_) => None,
    }
}

/// Where it is when only the control socket has a name.
fn beside(socket: &Path) -> PathBuf {
    if socket.file_name().is_some_and(|name| name == "control.sock") {
        return socket.with_file_name("rcomet.pid");
    }
    socket.with_extension("pid")
}

impl PidFile {
    /// Whether it is what stands there, by whatever name.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        hold::is_there(&self.file, path)
    }

    /// Writes it whole beside its place and then puts it there: whoever reads it finds a number. What a dead daemon has left
    /// is replaced.
    fn write(path: &Path) -> Result<Self, Failure> {
        loop {
            // While we have the old one, nobody else replaces it.
            // It is removed when we may be in another directory.
            let path = path::absolute(path).unwrap_or_else(|_| path.to_owned());
            let (path, held) = hold::take("server.pid_file", &path, "its number")?;
            let failed = |error: io::Error| {
                Failure::Other(format!("cannot write the pid file {}: {error}", path.display()))
            };
            if let Some(held) = &held
                && !is_number(held).map_err(failed)?
            {
                return Err(Failure::Other(format!(
                    "server.pid_file: {}: is no pid file: expected a number in it, or nothing yet",
                    path.display()
                )));
            }
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}", process::id()));
            let draft = path.with_file_name(name);
            // Everybody may read it, and nobody else write it, whatever the mask.
            let mut file =
                File::options().write(true).create_new(true).mode(0o644).open(&draft).map_err(failed)?;
            let written = (|| -> io::Result<()> {
                file.try_lock()?;
                writeln!(file, "{}", process::id())?;
                match &held {
                    Some(_) => fs::rename(&draft, &path),
                    // Of several that begin where there is nothing yet, one has the place.
                    None => fs::hard_link(&draft, &path).and_then(|()| fs::remove_file(&draft)),
                }
            })();
            match written {
                Ok(()) => return Ok(Self { path, file }),
                Err(error) => {
                    let _ = fs::remove_file(&draft);
                    if error.kind() != ErrorKind::AlreadyExists {
                        return Err(failed(error));
                    }
                }
            }
        }
    }
}

/// Whether there is a number in a file, or nothing.
fn is_number(file: &File) -> io::Result<bool> {
    let mut bytes = Vec::new();
    file.take(NUMBER_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let digits = bytes.trim_ascii();
    Ok(bytes.len() as u64 <= NUMBER_BYTES_MAX && digits.iter().all(u8::is_ascii_digit))
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let is_ours = hold::is_there(&self.file, &self.path)
            && fs::read_to_string(&self.path).is_ok_and(|text| text.trim() == process::id().to_string());
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

    #[test]
    fn what_a_living_daemon_has_is_left_to_it() {
        let path = std::env::temp_dir().join(format!("rcomet-pid-held-{}", process::id()));
        let first = PidFile::write(&path).expect("it is free");
        let second = PidFile::write(&path).map(drop).expect_err("it is taken");
        assert_eq!(second.code(), 7, "{second}");
        assert!(second.to_string().contains("it has its number in "), "{second}");
        drop(first);
        assert!(!path.exists(), "whoever was refused has changed nothing");

        fs::write(&path, "root:x:0:0\n").expect("to write");
        let refused = PidFile::write(&path).map(drop).expect_err("it is no pid file").to_string();
        assert!(refused.ends_with("expected a number in it, or nothing yet"), "{refused}");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "root:x:0:0\n");
        fs::remove_file(&path).expect("it is there");
    }

    #[test]
    fn two_sockets_of_a_directory_have_a_file_each() {
        for (socket, file) in
            [("control.sock", "rcomet.pid"), ("second.sock", "second.pid"), ("bare", "bare.pid")]
        {
            assert_eq!(beside(&Path::new("/run/rcomet").join(socket)), Path::new("/run/rcomet").join(file));
        }
    }
}
