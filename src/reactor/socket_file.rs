//! A socket file: taken over from a server that has died, refused while one lives, removed at the end.
//! Knows nothing of who connects to it.
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User};
use socket2::{SockAddr, Socket};

use crate::settings::Access;

/// A socket file that is ours; it is removed with this.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Its device and number: what stands there later under this name is another's.
    identity: (u64, u64),
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
        let file = Self { path: path.into(), identity: (found.dev(), found.ino()) };
        fs::set_permissions(path, Permissions::from_mode(access.mode.0))?;
        let owner = (!access.owner.is_empty()).then(|| user(&access.owner)).transpose()?;
        let group = (!access.group.is_empty()).then(|| group(&access.group)).transpose()?;
        if owner.is_some() || group.is_some() {
            std::os::unix::fs::chown(path, owner, group)?;
        }
        Ok(file)
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

fn user(name: &str) -> io::Result<u32> {
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
