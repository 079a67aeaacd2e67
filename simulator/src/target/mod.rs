//! The servers that can be put under load: what is asked of them, and what their answers mean for the next question.
//! Knows nothing of sockets, and nothing of counting.
mod bayeux;
mod ccomet;
mod icomet;
mod language;
mod push;
mod simple_comet;
#[cfg(test)]
mod tests;
mod websocket;

use std::io::Write as _;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use self::language::{Dialect, Language, Name};
use crate::payload::{STAMP_BYTES, Stamp};

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
    /// A WebSocket, with a message in each frame.
    Websocket,
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
    /// How many questions it has asked before it could listen, where a server wants that.
    pub step: u8,
}

/// What a message is sent as.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    /// Its identity.
    pub stamp: Stamp,
    /// Its size at least.
    pub size: usize,
}

impl Post {
    /// Its size.
    fn bytes(&self) -> usize {
        self.size.max(STAMP_BYTES)
    }
}

/// What an answer says of what was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It has been taken, unless the status says otherwise.
    Taken,
    /// It has not.
    Refused,
    /// Nothing: it is about something else.
    Unknown,
}

/// The language of one server. Requests are appended to `out`, so that asking again needs no memory.
pub trait Target {
    /// The ways to listen that it has.
    fn kinds(&self) -> &'static [Kind];

    /// The request with which this subscriber listens for what comes after `who.last`.
    fn listen(&self, who: &Who, out: &mut Vec<u8>);

    /// Whether the question that `who` asks now is the one that waits for messages.
    fn listens(&self, _who: &Who) -> bool {
        true
    }

    /// Looks at the head of an answer that `who` has got.
    fn head(&self, _who: &mut Who, _head: &[u8]) {}

    /// Looks at a piece of a body that `who` has got.
    fn body(&self, _who: &mut Who, _body: &[u8]) {}

    /// How many bytes at the end of a piece of a body say something of which the rest is missing: they are shown again, with
    /// what follows.
    fn unfinished(&self, _who: &Who, _body: &[u8]) -> usize {
        0
    }

    /// An answer is complete: whether there is another question to ask, or whether it should never have ended.
    fn goes_on(&self, who: &mut Who) -> bool {
        who.kind.polls()
    }

    /// The connection of `who` has ended: whatever has to be said again on the next one.
    fn hung_up(&self, _who: &mut Who) {}

    /// Whether an answer that would else be a refusal says that the server ends, and that `who` may come to the next one.
    fn is_farewell(&self, _status: u16, _text: &str) -> bool {
        false
    }

    /// Whether a body without a message says that `who`, or a publish, is not welcome.
    fn refuses(&self, _body: &[u8]) -> bool {
        false
    }

    /// Whether a subscriber that has never heard anything can say after which number it wants to hear. If not, it may
    /// be given older messages, and they do not count.
    fn resumes_by_number(&self) -> bool {
        true
    }

    /// The request without which a channel is not there.
    fn prepare(&self, _channel: u32, _out: &mut Vec<u8>) {}

    /// What a publisher's connection begins with, if not with publishing. It is answered.
    fn greet(&self, _out: &mut Vec<u8>) {}

    /// What the body of an answer, or a WebSocket's message, says to a publisher.
    fn published(&self, body: &[u8]) -> Published {
        if self.refuses(body) { Published::Refused } else { Published::Taken }
    }

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

impl std::fmt::Display for Kind {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

/// A channel's name: the run's, so that runs do not hear each other's messages, and its index.
fn write_channel(run: u32, channel: u32, out: &mut Vec<u8>) {
    // Writing into a vector cannot fail.
    let _ = write!(out, "s{run:08x}-{channel}");
}

/// The end of every request: what a proxy would leave of a head.
const TAIL: &[u8] = b" HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A POST with this body.
fn write_post(path: &[&[u8]], content_type: &str, body: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"POST ");
    path.iter().for_each(|part| out.extend_from_slice(part));
    let _ = write!(
        out,
        " HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(body);
}

/// What stands between `before` and the first of `ends` behind it, where it stands last.
fn last_between<'a>(text: &'a [u8], before: &[u8], ends: &[u8]) -> Option<&'a str> {
    let start = memchr::memmem::rfind(text, before)? + before.len();
    let end = text[start..].iter().position(|byte| ends.contains(byte))?;
    std::str::from_utf8(&text[start..start + end]).ok()
}

/// A server with one fixed answer.
struct Fixed;

impl Target for Fixed {
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
