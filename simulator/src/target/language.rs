//! Which server it is, and what is spoken with it: rcomet and the floor understand several dialects, all others one.
//! Knows nothing of the words.
use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{Fixed, Kind, Target, bayeux, ccomet, icomet, push, simple_comet, websocket};

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// rcomet, by any of its dialects.
    Rcomet,
    /// icomet, the original.
    Icomet,
    /// CComet, or rcomet's listener for its clients.
    Ccomet,
    /// nginx with Nchan, at /sub and /pub with the channel as `cname`.
    Nchan,
    /// Faye, at /bayeux.
    Faye,
    /// Simple-Comet-Server, or rcomet's listener for its clients.
    SimpleComet,
    /// The floor of this program: the least a server can do.
    Floor,
    /// Any server that answers `GET /` at once; for the publish scenario only.
    Fixed,
}

/// What is spoken with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// icomet's, which is rcomet's native one.
    Icomet,
    /// CComet's.
    Ccomet,
    /// Simple Comet's.
    SimpleComet,
    /// The nginx push module's, at the locations of its README.
    Push,
    /// Bayeux 1.0, with the ack extension if the server has it.
    Bayeux,
    /// rcomet's own, over WebSocket.
    Websocket,
}

/// A server together with a dialect that it understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language {
    name: Name,
    dialect: Dialect,
}

impl Name {
    /// What it understands; the first is what is spoken if nothing is said.
    fn dialects(self) -> &'static [Dialect] {
        match self {
            Self::Rcomet => Dialect::value_variants(),
            Self::Floor => {
                &[Dialect::Icomet, Dialect::SimpleComet, Dialect::Push, Dialect::Bayeux, Dialect::Websocket]
            }
            Self::Icomet | Self::Fixed => &[Dialect::Icomet],
            Self::Ccomet => &[Dialect::Ccomet],
            Self::Nchan => &[Dialect::Push],
            Self::Faye => &[Dialect::Bayeux],
            Self::SimpleComet => &[Dialect::SimpleComet],
        }
    }
}

impl Language {
    /// This server, in this dialect or its usual one.
    ///
    /// # Errors
    /// It does not understand it; says what it does.
    pub fn choose(name: Name, dialect: Option<Dialect>) -> Result<Self, String> {
        let known = name.dialects();
        match dialect {
            None => Ok(Self { name, dialect: known[0] }),
            Some(dialect) if known.contains(&dialect) => Ok(Self { name, dialect }),
            Some(dialect) => {
                let known: Vec<String> = known.iter().map(Dialect::to_string).collect();
                Err(format!("{name} does not speak {dialect}, but: {}", known.join(", ")))
            }
        }
    }

    /// Every server in every dialect of its.
    #[cfg(test)]
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let of = |&name: &Name| name.dialects().iter().map(move |&dialect| Self { name, dialect });
        Name::value_variants().iter().flat_map(of)
    }

    /// The server.
    pub fn name(self) -> Name {
        self.name
    }

    /// What is spoken with it.
    pub fn dialect(self) -> Dialect {
        self.dialect
    }

    /// Where subscribers connect, and where publishers do, if nothing else is said.
    pub fn addresses(self) -> (&'static str, &'static str) {
        match (self.name, self.dialect) {
            (Name::Nchan | Name::Fixed, _) => ("127.0.0.1:8080", "127.0.0.1:8080"),
            (Name::Faye, _) => ("127.0.0.1:8300", "127.0.0.1:8300"),
            (Name::SimpleComet, _) => ("127.0.0.1:4080", "127.0.0.1:4080"),
            (_, Dialect::Ccomet) => ("127.0.0.1:8200", "127.0.0.1:8200"),
            (_, Dialect::Websocket) => ("127.0.0.1:8100", "127.0.0.1:8100"),
            _ => ("127.0.0.1:8100", "127.0.0.1:8000"),
        }
    }

    /// How subscribers listen if nothing is said: by server-sent events, where there are any.
    pub fn usual_kind(self) -> Kind {
        let kinds = self.speak(0).kinds();
        let usual = kinds.iter().find(|&&kind| kind == Kind::Sse).or(kinds.first());
        usual.copied().unwrap_or(Kind::Sse)
    }

    /// The words, with the channels of run `run`.
    pub fn speak(self, run: u32) -> Box<dyn Target> {
        let floor = self.name == Name::Floor;
        match (self.dialect, self.name) {
            (_, Name::Fixed) => Box::new(Fixed),
            (Dialect::Icomet, _) => Box::new(icomet::Icomet { run, floor }),
            (Dialect::Ccomet, _) => Box::new(ccomet::Ccomet { run }),
            (Dialect::SimpleComet, _) => Box::new(simple_comet::SimpleComet { run, floor }),
            (Dialect::Push, Name::Nchan) => Box::new(push::Push { run, paths: push::NCHAN }),
            (Dialect::Push, _) => Box::new(push::Push { run, paths: push::USUAL }),
            (Dialect::Bayeux, name) => Box::new(bayeux::Bayeux { run, streams: name == Name::Faye }),
            (Dialect::Websocket, _) => Box::new(websocket::Websocket { run }),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

/// The server, and the dialect if it is not the usual one.
impl fmt::Display for Language {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dialect == self.name.dialects()[0] {
            return self.name.fmt(to);
        }
        write!(to, "{} ({})", self.name, self.dialect)
    }
}
