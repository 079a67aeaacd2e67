//! The nginx push module's protocol, which Nchan speaks as well: a place in time and a tag instead of a number.
use std::io::Write as _;

use memchr::memrchr;

use super::{Kind, Post, TAIL, Target, Who, last_between, write_channel};

pub(super) struct Push {
    pub(super) run: u32,
    /// Where subscribers ask and where publishers post, up to the channel's name.
    pub(super) paths: Paths,
}

/// Two locations of a server.
#[derive(Clone, Copy)]
pub(super) struct Paths {
    pub(super) subscribe: &'static str,
    pub(super) publish: &'static str,
}

/// What begins the line with an id.
const ID: &[u8] = b"id: ";
/// A handshake, with the subprotocol in which each message says its id. The key is as good as any: no cache stands between.
const SHAKE: &[u8] =
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ws+meta.nchan\r\n";

/// The push module's README, and what rcomet has if nothing is configured.
pub(super) const USUAL: Paths = Paths { subscribe: "/activity?channel=", publish: "/publish?channel=" };
/// The comparison's nginx.conf.
pub(super) const NCHAN: Paths = Paths { subscribe: "/sub?cname=", publish: "/pub?cname=" };

impl Target for Push {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Poll, Kind::Sse, Kind::Websocket]
    }

    /// The cursor is `date|tag` for polls, from the two headers of the last answer; for the others it is the last `id:`.
    fn listen(&self, who: &Who, out: &mut Vec<u8>) {
        if who.kind == Kind::Websocket && who.step > 0 {
            // It listens since its handshake was answered, and there is nothing more to ask.
            return;
        }
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(self.paths.subscribe.as_bytes());
        write_channel(self.run, who.channel, out);
        out.extend_from_slice(&TAIL[..TAIL.len() - 2]);
        let cursor = &who.cursor;
        if who.kind != Kind::Poll {
            out.extend_from_slice(match who.kind {
                Kind::Sse => b"Accept: text/event-stream\r\n",
                _ => SHAKE,
            });
            if !cursor.is_empty() {
                let _ = write!(out, "Last-Event-ID: {cursor}\r\n");
            }
        } else if let Some((date, tag)) = cursor.split_once('|') {
            let _ = write!(out, "If-Modified-Since: {date}\r\nIf-None-Match: {tag}\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn head(&self, who: &mut Who, head: &[u8]) {
        if who.kind != Kind::Poll {
            return;
        }
        let date = last_between(head, b"\r\nLast-Modified: ", b"\r\n");
        let tag = last_between(head, b"\r\nEtag: ", b"\r\n");
        if let (Some(date), Some(tag)) = (date, tag) {
            who.cursor.clear();
            who.cursor.push_str(date);
            who.cursor.push('|');
            who.cursor.push_str(tag);
        }
    }

    fn body(&self, who: &mut Who, body: &[u8]) {
        let body = &body[..body.len() - self.unfinished(who, body)];
        if who.kind != Kind::Poll
            && let Some(id) = last_between(body, b"id: ", b"\n")
        {
            who.cursor.clear();
            who.cursor.push_str(id);
        }
    }

    /// What rcomet says to polls that wait when it ends, and to who comes then; their connections end with it. Others who are refused
    /// are told another reason.
    fn is_farewell(&self, status: u16, text: &str) -> bool {
        status == 503 && text.contains("\r\n\r\nthe server is going away")
    }

    /// An id that is cut in two is read when it is whole: it stands before the message that it is of.
    fn unfinished(&self, who: &Who, body: &[u8]) -> usize {
        if who.kind == Kind::Poll {
            return 0;
        }
        match memrchr(b'\n', body).map_or(body, |end| &body[end + 1..]) {
            line if line.starts_with(ID) || ID.starts_with(line) => line.len(),
            _ => 0,
        }
    }

    fn listens(&self, who: &Who) -> bool {
        who.kind != Kind::Websocket || who.step > 0
    }

    /// Of a WebSocket only the answer to the handshake ever ends.
    fn goes_on(&self, who: &mut Who) -> bool {
        if who.kind != Kind::Websocket {
            return who.kind.polls();
        }
        let shaken = who.step > 0;
        who.step = 1;
        !shaken
    }

    fn hung_up(&self, who: &mut Who) {
        who.step = 0;
    }

    fn resumes_by_number(&self) -> bool {
        false
    }

    fn publish(&self, post: &Post, out: &mut Vec<u8>) {
        out.extend_from_slice(b"POST ");
        out.extend_from_slice(self.paths.publish.as_bytes());
        write_channel(self.run, post.stamp.channel, out);
        out.extend_from_slice(&TAIL[..TAIL.len() - 2]);
        let _ = write!(out, "Content-Length: {}\r\n\r\n", post.bytes());
        post.stamp.write(post.size, out);
    }
}
