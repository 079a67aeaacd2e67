//! What the administrator has chosen, from file and flags together.
//! Knows nothing of sockets, nor of what the core makes of its part.
mod address;
mod content;
mod control;
mod fault;
mod history;
mod limit_flag;
mod number;
mod show;
mod source;
mod warnings;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use log::LevelFilter;
use rcomet_core::config::{
    Admin, Bayeux, Ccomet, Front, Http, Icomet, Location, Push, SimpleComet, Tokens, Websocket,
};
use rcomet_core::{Config, Limits, Role};
use serde::Deserialize;

pub(crate) use self::address::{Access, Address, Mode};
pub(crate) use self::control::{Control, Door};
pub(crate) use self::fault::Fault;
pub(crate) use self::history::History;
pub(crate) use self::limit_flag::LimitFlag;
pub(crate) use self::show::effective;
pub(crate) use self::source::{Source, parse};
pub(crate) use self::warnings::Side;

/// The whole file, section by section.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) server: Server,
    pub(crate) control: Control,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) history: History,
    pub(crate) http: Http,
    pub(crate) front: Front,
    pub(crate) token: Tokens,
    pub(crate) admin: Admin,
    pub(crate) icomet: Icomet,
    pub(crate) ccomet: Ccomet,
    pub(crate) simple_comet: SimpleComet,
    pub(crate) websocket: Websocket,
    pub(crate) bayeux: Bayeux,
    pub(crate) push: Push,
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
    /// Where clients of Simple Comet come in.
    pub(crate) simple_comet: Vec<Address>,
    /// Who may use socket files.
    pub(crate) unix_mode: Mode,
    /// The user whose they are; nobody's name is the process's own.
    pub(crate) unix_owner: String,
    /// Their group.
    pub(crate) unix_group: String,
    /// Where the number of the process is written; nowhere by default.
    pub(crate) pid_file: String,
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
        let here = |port| vec![Address::Ip(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))];
        Self {
            front: here(8100),
            admin: here(8000),
            ccomet: Vec::new(),
            simple_comet: Vec::new(),
            unix_mode: Mode::default(),
            unix_owner: String::new(),
            unix_group: String::new(),
            pid_file: String::new(),
            drain_ms_max: 10_000,
            send_buffer_bytes: 128 << 10,
            demo: false,
        }
    }
}

impl Server {
    /// How many addresses there are to listen on.
    pub(crate) fn listeners(&self) -> usize {
        self.roles().iter().map(|(_, _, addresses)| addresses.len()).sum()
    }

    /// The addresses of each side, by the name of the option.
    pub(crate) fn roles(&self) -> [(Role, &'static str, &[Address]); 4] {
        [
            (Role::Front, "front", &self.front),
            (Role::Admin, "admin", &self.admin),
            (Role::Ccomet, "ccomet", &self.ccomet),
            (Role::SimpleComet, "simple_comet", &self.simple_comet),
        ]
    }

    /// Who may use socket files.
    pub(crate) fn access(&self) -> Access {
        Access { mode: self.unix_mode, owner: self.unix_owner.clone(), group: self.unix_group.clone() }
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
            history: self.history.rules(),
            http: self.http.clone(),
            front: self.front.clone(),
            token: self.token.clone(),
            admin: self.admin.clone(),
            icomet: self.icomet.clone(),
            ccomet: self.ccomet.clone(),
            simple_comet: self.simple_comet.clone(),
            websocket: self.websocket.clone(),
            bayeux: self.bayeux.clone(),
            push: self.push.clone(),
            values_ms: self.control.values_ms(),
            pages: Vec::new(),
            admin_pages: Vec::new(),
        }
    }

    /// Descriptors that are taken by what is no client: listeners, and connections to applications.
    pub(crate) fn descriptors(&self) -> usize {
        let mut applications: Vec<_> = self.push.location.iter().flat_map(Location::upstreams).collect();
        applications.sort_by_key(|upstream| upstream.authority());
        applications.dedup_by_key(|upstream| upstream.place());
        let asking = if applications.is_empty() { 0 } else { self.limits.hooks_max };
        let idle = applications.len().saturating_mul(self.limits.hook_connections_idle_max);
        let listeners = self.server.listeners() + self.control.listeners();
        listeners.saturating_add(asking).saturating_add(idle)
    }

    /// What is wrong, in words that begin with the option's path.
    fn check(&self) -> Result<(), String> {
        let mut taken = HashMap::new();
        for (_, role, addresses) in self.server.roles() {
            for address in addresses.iter().filter(|address| !address.is_any()) {
                if let Some(other) = taken.insert(address, role) {
                    return Err(format!("server.{role}: {address} is taken by server.{other} already"));
                }
            }
        }
        if self.server.listeners() == 0 && self.control.path == Door::None {
            return Err(
                "server.front: there is no address to listen on, here or in admin, ccomet and simple_comet, and no \
                 control.path"
                    .into(),
            );
        }
        self.control.check()?;
        self.history.check()?;
        if self.history.path().is_some() && self.control.values_path().is_some() {
            return Err(
                "control.values_file: last values are in history.file already: expected one of the two"
                    .into(),
            );
        }
        let kept =
            [("history.file", self.history.path()), ("control.values_file", self.control.values_path())];
        let pid_file = Some(Path::new(&self.server.pid_file)).filter(|path| !path.as_os_str().is_empty());
        if let Some((option, _)) = kept.into_iter().find(|(_, path)| path.is_some() && *path == pid_file) {
            let pid_file = &self.server.pid_file;
            return Err(format!(
                "server.pid_file: {pid_file} is {option} as well: expected a place of its own"
            ));
        }
        self.core().check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        parse("rcomet.toml", text).expect("it works")
    }

    #[test]
    fn a_file_is_for_one_thing() {
        for (option, kept) in
            [("history.file", "[history]\nfile"), ("control.values_file", "[control]\nvalues_file")]
        {
            let said = |pid_file: &str| {
                parse("f", &format!("[server]\npid_file = \"{pid_file}\"\n{kept} = \"/run/x\"\n"))
            };
            let why = said("/run/x").expect_err("one place").to_string();
            let wanted = format!("server.pid_file: /run/x is {option} as well: expected a place of its own");
            assert!(why.contains(&wanted), "{why}");
            assert!(said("/run/y").is_ok());
        }
    }

    #[test]
    fn without_a_file_it_listens_on_loopback_only() {
        let settings = settings("");
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.core(), Config::default());
        assert_eq!(settings.check(), Ok(()));
        assert_eq!(settings.warnings(None), Vec::<String>::new());
        assert!(
            settings
                .server
                .front
                .iter()
                .chain(&settings.server.admin)
                .all(|a| a.ip().is_some_and(|ip| ip.is_loopback()))
        );
    }

    #[test]
    fn levels_have_their_names() {
        assert_eq!(settings("[log]\nlevel = \"trace\"").log.level, Level::Trace);
        assert_eq!(LevelFilter::from(Level::Off), LevelFilter::Off);
    }
}
