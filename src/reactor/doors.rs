//! What can be said anew of listening sockets while they listen: who may use their files, and what the kernel may hold.
//! Knows nothing of where that is said.
use std::io;

use rcomet_core::{Rights, Role};
use socket2::SockRef;

use super::accept::{Door, Listeners};
use super::socket_file::user;
use crate::settings::Access;

/// Everything that can be said anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doors {
    /// Who may use the files of the public and the admin sides.
    pub(crate) usual: Access,
    /// Who may use the control sockets.
    pub(crate) control: Vec<(Role, Access)>,
    /// Users who may use the control socket; all whom its mode lets in when nobody is named.
    pub(crate) peers: Vec<String>,
    /// Bytes that the kernel may hold for one connection; 0 leaves it to the kernel.
    pub(crate) send_buffer_bytes: usize,
}

impl Doors {
    fn access(&self, role: Role) -> &Access {
        let own = self.control.iter().find(|(of, _)| *of == role);
        own.map_or(&self.usual, |(_, access)| access)
    }
}

/// Who may use the control socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Peers {
    named: Vec<u32>,
}

impl Peers {
    /// These users.
    ///
    /// # Errors
    /// There is nobody of such a name.
    pub(super) fn of(names: &[String]) -> io::Result<Self> {
        Ok(Self { named: names.iter().map(|name| user(name)).collect::<io::Result<_>>()? })
    }

    /// What this user may do on a socket by which so much can be done.
    pub(super) fn rights(&self, uid: Option<u32>, rights: Rights) -> Rights {
        if rights != Rights::All || self.named.is_empty() {
            return rights;
        }
        let own = rustix::process::geteuid().as_raw();
        let may = uid.is_some_and(|uid| uid == 0 || uid == own || self.named.contains(&uid));
        if may { rights } else { Rights::None }
    }
}

impl Listeners {
    /// Puts in force what is said, first at the start and then anew; all of it or nothing.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub(super) fn set_doors(&mut self, doors: &Doors) -> Result<(), String> {
        let peers = Peers::of(&doors.peers).map_err(|error| format!("control.peers: {error}"))?;
        let before = self.doors.clone();
        for at in 0..self.list.len() {
            if let Err(why) = self.set_door(at, doors) {
                if let Some(before) = before {
                    // What was possible once is possible again, or at least nothing worse than it was.
                    self.doors = Some(doors.clone());
                    (0..=at).for_each(|at| drop(self.set_door(at, &before)));
                    self.doors = Some(before);
                }
                return Err(why);
            }
        }
        self.peers = peers;
        self.doors = Some(doors.clone());
        Ok(())
    }

    fn set_door(&self, at: usize, doors: &Doors) -> Result<(), String> {
        let listener = &self.list[at];
        // Newcomers inherit it from whom they come by, which costs no call for each of them. A listener that was told once cannot
        // be told again that it is the kernel's affair, but that it is as much as the kernel lets anybody ask for.
        let limited = self.doors.as_ref().is_some_and(|before| before.send_buffer_bytes > 0);
        let send_buffer_bytes = match doors.send_buffer_bytes {
            0 if limited => usize::try_from(i32::MAX).unwrap_or_default(),
            bytes => bytes,
        };
        match &listener.socket {
            Door::Tcp(socket) if send_buffer_bytes > 0 => SockRef::from(socket)
                .set_send_buffer_size(send_buffer_bytes)
                .map_err(|error| format!("server.send_buffer_bytes: {error}")),
            // Whom it is for was set when it was made: what somebody has set by hand since then is meant.
            Door::Unix(_, Some(file)) => {
                let Some(before) = &self.doors else { return Ok(()) };
                let (access, before) = (doors.access(listener.role), before.access(listener.role));
                file.set(access, before).map_err(|error| format!("{}: {error}", file.path().display()))
            }
            Door::Tcp(_) | Door::Unix(_, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_named_may_use_the_control_socket() {
        let anybody = Peers::default();
        assert_eq!(anybody.rights(None, Rights::All), Rights::All);
        let named = Peers::of(&["12345".into()]).expect("a number");
        let own = rustix::process::geteuid().as_raw();
        for (uid, rights) in [
            (Some(12345), Rights::All),
            (Some(0), Rights::All),
            (Some(own), Rights::All),
            (Some(54321), Rights::None),
            (None, Rights::None),
        ] {
            assert_eq!(named.rights(uid, Rights::All), rights, "{uid:?}");
        }
        assert_eq!(named.rights(Some(54321), Rights::Read), Rights::Read, "other sockets are for others");
        assert!(Peers::of(&["nobody of this name".into()]).is_err());
    }
}
