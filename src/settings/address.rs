//! Where to listen: an IP address with a port, or a socket file and who may use it.
//! Knows nothing of listening.
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

/// How a socket file is told from an IP address.
const UNIX: &str = "unix:";

/// The longest path that the kernel takes (`sockaddr_un`), its final zero not counted.
const UNIX_PATH_BYTES_MAX: usize = 107;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Address {
    /// TCP.
    Ip(SocketAddr),
    /// A socket file, written `unix:/path`.
    Unix(PathBuf),
}

impl Address {
    /// The IP address, if it is one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(address.ip()),
            Self::Unix(_) => None,
        }
    }

    /// Whether it may be asked for more than once: port 0 is any free port.
    pub(crate) fn is_any(&self) -> bool {
        matches!(self, Self::Ip(address) if address.port() == 0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix(UNIX) {
            if path.len() > UNIX_PATH_BYTES_MAX {
                return Err(format!(
                    "`{text}` is too long: a socket file's path has at most {UNIX_PATH_BYTES_MAX} bytes"
                ));
            }
            return check_path(path).map(|path| Self::Unix(path.into())).ok_or_else(|| {
                format!("`{text}` is no socket file: expected a whole path, such as unix:/run/rcomet.sock")
            });
        }
        text.parse().map(Self::Ip).map_err(|_| {
            format!(
                "`{text}` is no address to listen on: expected an IP address and a port, such as 127.0.0.1:8100 or \
                 [::1]:8100, or a socket file, such as unix:/run/rcomet.sock"
            )
        })
    }
}

/// A path at which there can be a socket file.
pub(super) fn check_path(path: &str) -> Option<&str> {
    let is_whole = path.starts_with('/') && !path.ends_with('/') && !path.contains('\0');
    Some(path).filter(|_| is_whole && path.len() <= UNIX_PATH_BYTES_MAX)
}

impl TryFrom<String> for Address {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Who may connect to a socket file, besides root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) mode: Mode,
    pub(crate) owner: String,
    pub(crate) group: String,
}

/// Permission bits, written in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Mode(pub(crate) u32);

impl Default for Mode {
    fn default() -> Self {
        Self(0o600)
    }
}

impl TryFrom<String> for Mode {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let bits = u32::from_str_radix(&text, 8).ok().filter(|bits| *bits <= 0o777);
        let is_plain = (3..=4).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
        bits.filter(|_| is_plain)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no mode: expected three octal digits, such as \"660\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["127.0.0.1:8100", "[::1]:0", "unix:/run/rcomet/front.sock"] {
            assert_eq!(text.parse::<Address>().map(|a| a.to_string()), Ok(text.into()));
        }
        for bad in ["unix:", "unix:relative.sock", "unix:/run/", "unix:/a\0b", "/run/a.sock", "localhost:1"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        let long = format!("unix:/{}", "x".repeat(107));
        assert!(long.parse::<Address>().unwrap_err().contains("is too long"));
    }

    #[test]
    fn modes_are_octal() {
        let mode = |text: &str| Mode::try_from(text.to_owned());
        assert_eq!((mode("660"), mode("0600")), (Ok(Mode(0o660)), Ok(Mode(0o600))));
        for bad in ["", "6", "888", "1777", "rw-", "+60", "0o60"] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }
}
