//! The servers that can be put under load: what is asked of them, and what their answers mean for the next question.
//! Knows nothing of sockets, and nothing of counting.
mod icomet;

use std::io::Write as _;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::payload::Stamp;

/// A server, or rather what it understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// rcomet, by its native dialect.
    Rcomet,
    /// icomet, the original.
    Icomet,
    /// The floor of this program: the least a server can do.
    Floor,
    /// Any server that answers `GET /` at once; for the publish scenario only.
    Fixed,
}

/// How a subscriber listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Long polls that get plain JSON.
    Poll,
    /// Long polls that get a script (JSONP), each with a callback of its own.
    Jsonp,
    /// An endless answer of lines.
    Stream,
    /// Server-sent events.
    Sse,
    /// A page that never ends, of scripts.
    Iframe,
}

impl Kind {
    /// Whether one answer brings one delivery, and the next has to be asked for.
    pub fn polls(self) -> bool {
        matches!(self, Self::Poll | Self::Jsonp)
    }
}

/// One subscriber, as far as a server is concerned.
#[derive(Clone, Debug)]
pub struct Who {
    /// How it listens.
    pub kind: Kind,
    /// Its number in the run.
    pub id: u32,
    /// The index of its channel.
    pub channel: u32,
    /// The number of the last message that it has; the next one is asked for.
    pub last: u64,
    /// Where it stands, in the server's own words, if the server has some.
    pub cursor: String,
}

/// What a message is sent as.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    /// Its identity.
    pub stamp: Stamp,
    /// Its size at least.
    pub size: usize,
}

/// The language of one server. Requests are appended to `out`, so that asking again needs no memory.
pub trait Target {
    /// Where subscribers connect, and where publishers do, if nothing else is said.
    fn addresses(&self) -> (&'static str, &'static str);

    /// The ways to listen that it has.
    fn kinds(&self) -> &'static [Kind];

    /// The request with which this subscriber listens for what comes after `who.last`.
    fn listen(&self, who: &Who, out: &mut Vec<u8>);

    /// Looks at the head of an answer that `who` has got.
    fn head(&self, _who: &mut Who, _head: &[u8]) {}

    /// The request that publishes this.
    fn publish(&self, post: &Post, out: &mut Vec<u8>);

    /// Whether a publish that is answered so has been taken.
    fn takes(&self, status: u16) -> bool {
        (200..300).contains(&status)
    }

    /// Whether it says at once that a poll waits, by sending the head of the answer.
    fn confirms_polls(&self) -> bool {
        false
    }
}

impl Name {
    /// The language that this server speaks, with the channels of run `run`.
    pub fn speak(self, run: u32) -> Box<dyn Target> {
        match self {
            Self::Rcomet | Self::Icomet | Self::Floor => Box::new(icomet::Icomet { run }),
            Self::Fixed => Box::new(Fixed),
        }
    }
}

/// A channel's name: the run's, so that runs do not hear each other's messages, and its index.
fn write_channel(run: u32, channel: u32, out: &mut Vec<u8>) {
    // Writing into a vector cannot fail.
    let _ = write!(out, "s{run:08x}-{channel}");
}

/// The end of every request: what a proxy would leave of a head.
const TAIL: &[u8] = b" HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A server with one fixed answer.
struct Fixed;

impl Target for Fixed {
    fn addresses(&self) -> (&'static str, &'static str) {
        ("127.0.0.1:8080", "127.0.0.1:8080")
    }

    fn kinds(&self) -> &'static [Kind] {
        &[]
    }

    fn listen(&self, _who: &Who, _out: &mut Vec<u8>) {}

    fn publish(&self, post: &Post, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET /push?cname=");
        write_channel(post.stamp.run, post.stamp.channel, out);
        out.extend_from_slice(b"&content=");
        post.stamp.write(post.size, out);
        out.extend_from_slice(TAIL);
    }
}
