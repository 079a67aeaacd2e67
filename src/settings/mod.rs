//! What the administrator has chosen, from file and flags together.
//! Knows nothing of sockets, nor of what the core makes of its part.
mod fault;
mod show;
mod source;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use log::LevelFilter;
use rcomet_core::config::{AddressRules, Admin, Bayeux, Ccomet, Front, Http, Icomet};
use rcomet_core::{Config, Limits};
use serde::Deserialize;

pub(crate) use self::fault::Fault;
pub(crate) use self::show::effective;
pub(crate) use self::source::{LimitFlag, Source, parse};

/// The whole file, section by section.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) server: Server,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) http: Http,
    pub(crate) front: Front,
    pub(crate) admin: Admin,
    pub(crate) icomet: Icomet,
    pub(crate) ccomet: Ccomet,
    pub(crate) bayeux: Bayeux,
}

/// `[server]`: the process.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Where subscribers come in.
    pub(crate) front: Vec<Address>,
    /// Where application servers come in.
    pub(crate) admin: Vec<Address>,
    /// Where clients of CComet come in.
    pub(crate) ccomet: Vec<Address>,
    /// Milliseconds that connections have to end when the process is told to leave.
    pub(crate) drain_ms_max: u64,
    /// Bytes that the kernel may hold for one connection that does not read; 0 leaves it to the kernel, which goes to
    /// megabytes.
    pub(crate) send_buffer_bytes: usize,
    /// Serve the web chat.
    pub(crate) demo: bool,
}

impl Default for Server {
    fn default() -> Self {
        let here = |port| vec![Address(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))];
        Self {
            front: here(8100),
            admin: here(8000),
            ccomet: Vec::new(),
            drain_ms_max: 10_000,
            send_buffer_bytes: 128 << 10,
            demo: false,
        }
    }
}

impl Server {
    /// How many addresses there are to listen on.
    pub(crate) fn listeners(&self) -> usize {
        self.front.len() + self.admin.len() + self.ccomet.len()
    }
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Address(pub(crate) SocketAddr);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!(
                "`{text}` is no address to listen on: expected an IP address and a port, such as 127.0.0.1:8100 or \
                 [::1]:8100"
            )
        })
    }
}

impl TryFrom<String> for Address {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// `[log]`: what is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) level: Level,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::Off,
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
            Level::Trace => Self::Trace,
        }
    }
}

impl Settings {
    /// The core's part.
    pub(crate) fn core(&self) -> Config {
        Config {
            limits: self.limits.clone(),
            http: self.http.clone(),
            front: self.front.clone(),
            admin: self.admin.clone(),
            icomet: self.icomet.clone(),
            ccomet: self.ccomet.clone(),
            bayeux: self.bayeux.clone(),
            pages: Vec::new(),
        }
    }

    /// What is wrong, in words that begin with the option's path.
    fn check(&self) -> Result<(), String> {
        let Server { front, admin, ccomet, .. } = &self.server;
        let mut taken = HashMap::new();
        for (role, addresses) in [("front", front), ("admin", admin), ("ccomet", ccomet)] {
            // Port 0 asks for any free port, and may do so more than once.
            for Address(address) in addresses.iter().filter(|address| address.0.port() != 0) {
                if let Some(other) = taken.insert(*address, role) {
                    return Err(format!("server.{role}: {address} is taken by server.{other} already"));
                }
            }
        }
        if self.server.listeners() == 0 {
            return Err("server.front: there is no address to listen on, here or in admin and ccomet".into());
        }
        self.core().check()
    }

    /// What works but is probably not meant.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = self.core().warnings();
        // Addresses for documentation (RFC 5737, RFC 3849): if even these may come in, everybody may.
        let anybody = [
            IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        ];
        let rules = AddressRules::new(&self.admin.allow, &self.admin.deny);
        let exposed = self.server.admin.iter().find(|address| !address.0.ip().is_loopback());
        if let Some(Address(address)) = exposed.filter(|_| anybody.iter().any(|ip| rules.allows(*ip))) {
            warnings.push(format!(
                "server.admin listens on {address} and admin.allow lets everybody in: whoever reaches that port may \
                 publish, read and close every channel"
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        parse("rcomet.toml", text).expect("it works")
    }

    #[test]
    fn without_a_file_it_listens_on_loopback_only() {
        let settings = settings("");
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.core(), Config::default());
        assert_eq!(settings.check(), Ok(()));
        assert_eq!(settings.warnings(), Vec::<String>::new());
        assert!(settings.server.front.iter().chain(&settings.server.admin).all(|a| a.0.ip().is_loopback()));
    }

    #[test]
    fn an_open_admin_side_is_worth_a_warning() {
        let open = "[server]\nadmin = [\"0.0.0.0:8000\"]\n[admin]\nallow = [\"all\"]\ndeny = []\n";
        assert!(
            settings(open).warnings()[0].starts_with("server.admin listens on 0.0.0.0:8000 and admin.allow")
        );
        let network = "[server]\nadmin = [\"0.0.0.0:8000\"]\n[admin]\nallow = [\"10\"]\ndeny = [\"all\"]\n";
        assert_eq!(settings(network).warnings(), Vec::<String>::new());
        assert_eq!(
            settings("[admin]\nallow = [\"all\"]\ndeny = []\n").warnings(),
            Vec::<String>::new(),
            "loopback"
        );
    }

    #[test]
    fn levels_have_their_names() {
        assert_eq!(settings("[log]\nlevel = \"trace\"").log.level, Level::Trace);
        assert_eq!(LevelFilter::from(Level::Off), LevelFilter::Off);
    }
}
