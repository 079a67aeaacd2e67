//! What is asked of keys, of connections and of the server itself, and how that ends. A key is a channel, its value the
//! channel's last message. Knows nothing of how it is said.
use std::borrow::Cow;

use super::Verb;
use crate::conn::{Conn, Right, Role};
use crate::hub::{Channel, Media, Message, Subscription};

/// What is asked of one key.
#[derive(Debug, PartialEq, Eq)]
pub enum KeyTask<'r> {
    /// Give it a value.
    Write {
        /// The text that stands for it.
        body: Cow<'r, str>,
        /// What is said of the text.
        media: Media,
        /// Milliseconds that it is kept; 0 is for ever.
        ttl_ms: u64,
        /// Values that are kept for those who come back; 0 is as many as channels keep.
        history: usize,
    },
    /// Say what its value is.
    Read,
    /// Wait for its next value.
    Wait {
        /// The version of the last that is known; 0 for none, and then the present one is the next. Without, what is new is
        /// waited for.
        since: Option<u64>,
        /// Milliseconds to wait at most; 0 does not wait.
        wait_ms: Option<u64>,
    },
    /// Give it the same value again.
    Refresh,
    /// Forget it.
    Delete,
}

/// A page of keys, in the order in which they came to be.
#[derive(Debug, PartialEq, Eq)]
pub struct DumpPage {
    /// What they begin with.
    pub prefix: Vec<u8>,
    /// Only those behind this place in the order.
    pub after: Option<u64>,
    /// Keys at most.
    pub limit: usize,
}

/// A page of connections.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientPage<'r> {
    /// Only those who read this channel.
    pub channel: Option<Cow<'r, str>>,
    /// Only those behind this one.
    pub after: u64,
    /// Connections at most.
    pub limit: usize,
}

/// What the server itself is told or asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// End.
    Stop,
    /// Read the configuration again.
    Reload,
    /// Say how it stands.
    Status,
    /// Say what can be said.
    Help,
}

/// A key, as it is shown.
#[derive(Clone, Copy)]
pub struct KeyView<'a> {
    /// Its channel.
    pub channel: &'a Channel,
    /// The message that is its value.
    pub message: &'a Message,
    /// The value's version.
    pub version: u64,
    /// Milliseconds since it was written.
    pub age_ms: u64,
}

/// How the server stands.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// What the shell knows of the process.
    pub about: &'a About,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// It is on its way out.
    pub draining: bool,
    /// How much there is of everything, by name.
    pub figures: &'a [(&'static str, u64)],
}

/// What the shell knows of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The program's version.
    pub version: String,
    /// The number of the process.
    pub pid: u32,
    /// The configuration file, if there is one.
    pub config: Option<String>,
    /// Where last values are kept over a restart, if they are.
    pub values: Option<String>,
    /// Where histories are kept over a restart, if they are.
    pub history: Option<String>,
    /// What it listens on: the side, and the address.
    pub listeners: Vec<(String, String)>,
}

/// A connection, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientView<'a> {
    /// Its number, for as long as it lives.
    pub id: u64,
    /// The side it came in by.
    pub side: &'static str,
    /// Its address; none of who comes by the control socket.
    pub address: Option<std::net::IpAddr>,
    /// What it does.
    pub doing: &'static str,
    /// What it speaks, while that is known.
    pub dialect: Option<&'static str>,
    /// The first of the channels that it reads.
    pub channels: Vec<&'a str>,
    /// How many there are.
    pub subscriptions: usize,
    /// The name that it is listed under.
    pub who: Option<&'a str>,
    /// Bytes that wait for it.
    pub waiting_bytes: usize,
}

/// Channels of one connection that are named.
pub const CHANNELS_NAMED: usize = 8;

impl<'a> ClientView<'a> {
    /// Adds what a subscription says.
    pub(crate) fn add(&mut self, subscription: &'a Subscription, name: impl Fn(u64) -> Option<&'a str>) {
        self.who = self.who.or(subscription.who());
        for (at, _) in subscription.seats() {
            self.subscriptions += 1;
            if self.channels.len() < CHANNELS_NAMED {
                self.channels.extend(name(at.to_bits()));
            }
        }
    }

    /// A connection that reads nothing.
    pub(crate) fn new(id: u64, conn: &Conn, doing: &'static str) -> Self {
        Self {
            id,
            side: conn.role.name(),
            // The shell has to say some address of whoever comes by a socket file.
            address: Some(conn.peer).filter(|_| !matches!(conn.role, Role::Control(_))),
            doing,
            dialect: None,
            channels: Vec::new(),
            subscriptions: 0,
            who: None,
            waiting_bytes: conn.outbox.len(),
        }
    }
}

impl Verb<'_> {
    /// What somebody must be allowed who asks for this.
    pub fn needs(&self) -> Right {
        match self {
            Self::Hooked { verb, .. } => verb.needs(),
            Self::Read(_) | Self::Watch(_) | Self::Listen(_) | Self::Subscribe(_) | Self::Unlisten(_) => {
                Right::Read
            }
            Self::Look(_) | Self::Figures | Self::Census | Self::Announcements | Self::Ping => Right::Read,
            Self::Authenticate(_) => Right::Read,
            // They tell addresses of clients.
            Self::Stats(_) | Self::Explain { .. } | Self::Readers { .. } => Right::Manage,
            Self::Totals | Self::Count(_) | Self::Exists(_) | Self::History(_) => Right::Read,
            Self::Presence { .. } | Self::Directory(_) | Self::Describe(_) | Self::Dump(_) => Right::Read,
            Self::Key { task: KeyTask::Read | KeyTask::Wait { .. }, .. } => Right::Read,
            Self::Key { task: KeyTask::Write { .. } | KeyTask::Refresh, .. } => Right::Write,
            Self::Publish { .. } | Self::PublishTo { .. } | Self::Post { .. } => Right::Write,
            Self::PublishAll(_) | Self::Broadcast { .. } => Right::Write,
            Self::Order(Order::Status | Order::Help) => Right::Read,
            Self::Order(Order::Stop | Order::Reload) => Right::Order,
            Self::Key { task: KeyTask::Delete, .. } | Self::Register { .. } | Self::Delete(_) => {
                Right::Manage
            }
            Self::RegisterSession(_) | Self::End { .. } | Self::Group { .. } | Self::Sign { .. } => {
                Right::Manage
            }
            Self::SignIn { .. } | Self::Close(_) | Self::Clear(_) | Self::Talk(_) => Right::Manage,
            Self::Disconnect { .. } | Self::DisconnectClient(_) | Self::Clients(_) => Right::Manage,
        }
    }
}
