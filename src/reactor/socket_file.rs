//! A socket file: taken over from a server that has died, refused while one lives, removed at the end.
//! Knows nothing of who connects to it.
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::{Gid, Group, Uid, User};
use rustix::fs::{AtFlags, Mode, OFlags, chownat, fstat, open};
use socket2::{SockAddr, Socket};

use crate::settings::Access;

/// A socket file that is ours; it is removed with this.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Its device and number: what stands there later under this name is another's.
    identity: (u64, u64),
    /// Whose it was before anybody was named: user and group.
    made_by: (u32, u32),
}

impl SocketFile {
    /// Makes the file at `path` for `socket`. Nobody can connect before the socket listens, and its permissions are set by
    /// then.
    ///
    /// # Errors
    /// A living server listens there, something else stands there, or the operating system refuses.
    pub(super) fn bind(socket: &Socket, path: &Path, access: &Access) -> io::Result<Self> {
        clear(path)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let found = fs::symlink_metadata(path)?;
        let (identity, made_by) = ((found.dev(), found.ino()), (found.uid(), found.gid()));
        let file = Self { path: path.into(), identity, made_by };
        file.set(access, &Access::default())?;
        Ok(file)
    }

    /// Says who may use it, of which `before` was said last: somebody who is named no more does not have it any longer.
    ///
    /// # Errors
    /// There is no such user or group, or the operating system refuses.
    pub(super) fn set(&self, access: &Access, before: &Access) -> io::Result<()> {
        let owner = match (&*access.owner, &*before.owner) {
            ("", "") => None,
            ("", _) => Some(self.made_by.0),
            (name, _) => Some(user(name)?),
        };
        let group = match (&*access.group, &*before.group) {
            ("", "") => None,
            ("", _) => Some(self.made_by.1),
            (name, _) => Some(group(name)?),
        };
        // By a descriptor, and not by name: whoever may write in the directory could put a link there to any file.
        let file = open(&self.path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let found = fstat(&file)?;
        if (found.st_dev, found.st_ino) != self.identity {
            let words = format!("{} is no longer the socket that was made there", self.path.display());
            return Err(io::Error::other(words));
        }
        // The mode last: until then the file is for fewer than it will be.
        if owner.is_some() || group.is_some() {
            let (owner, group) = (owner.map(rustix::fs::Uid::from_raw), group.map(rustix::fs::Gid::from_raw));
            chownat(&file, "", owner, group, AtFlags::EMPTY_PATH)?;
        }
        let by_number = format!("/proc/self/fd/{}", file.as_raw_fd());
        fs::set_permissions(by_number, Permissions::from_mode(access.mode.0)).map_err(|error| {
            match error.kind() {
                ErrorKind::NotFound => io::Error::other("its mode cannot be set: /proc is not mounted here"),
                _ => error,
            }
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours =
            fs::symlink_metadata(&self.path).is_ok_and(|now| (now.dev(), now.ino()) == self.identity);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            log::warn!("the socket file {} stays behind: {error}", self.path.display());
        }
    }
}

/// How long a start waits for another one.
const TURN_WAITS: Duration = Duration::from_secs(2);

/// One's turn to look whether somebody lives at a path, and to move in: two servers that start at once would both find it empty,
/// and the later one would remove the socket of the earlier. It is a lock on the directory, so nothing is left behind.
pub(super) struct Turn(#[expect(dead_code, reason = "it is held")] Option<File>);

impl Turn {
    /// Waits for it, but not for ever: whoever may list the directory can hold the lock.
    pub(super) fn wait(path: &Path) -> Self {
        let directory = path.parent().and_then(|directory| File::open(directory).ok());
        let since = Instant::now();
        while let Some(directory) = &directory
            && directory.try_lock().is_err()
            && since.elapsed() < TURN_WAITS
        {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self(directory)
    }
}

/// Removes what a server left behind that did not end in peace.
fn clear(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::other("there is a file of this name that is no socket; it is left alone"));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(ErrorKind::AddrInUse.into()),
        // Nobody listens: it is from a server that has died.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            log::info!("the socket file {} was left behind by a server that has died", path.display());
            fs::remove_file(path)
        }
        // Full, or not for us: somebody lives there.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(ErrorKind::AddrInUse.into()),
        Err(error) => Err(error),
    }
}

/// The number of a user, by name or number.
pub(crate) fn user(name: &str) -> io::Result<u32> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let found = User::from_name(name)?;
    found
        .map(|user| Uid::as_raw(user.uid))
        .ok_or_else(|| io::Error::other(format!("there is no user {name}")))
}

fn group(name: &str) -> io::Result<u32> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let found = Group::from_name(name)?;
    found
        .map(|group| Gid::as_raw(group.gid))
        .ok_or_else(|| io::Error::other(format!("there is no group {name}")))
}
