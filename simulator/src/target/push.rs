//! The nginx push module's protocol, which Nchan speaks as well: a place in time and a tag instead of a number.
use std::io::Write as _;

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

/// The push module's README, and what rcomet has if nothing is configured.
pub(super) const USUAL: Paths = Paths { subscribe: "/activity?channel=", publish: "/publish?channel=" };
/// The comparison's nginx.conf.
pub(super) const NCHAN: Paths = Paths { subscribe: "/sub?cname=", publish: "/pub?cname=" };

impl Target for Push {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Poll, Kind::Sse]
    }

    /// The cursor is `date|tag` for polls, from the two headers of the last answer; for event streams it is the last `id:`.
    fn listen(&self, who: &Who, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(self.paths.subscribe.as_bytes());
        write_channel(self.run, who.channel, out);
        out.extend_from_slice(&TAIL[..TAIL.len() - 2]);
        let cursor = &who.cursor;
        if who.kind == Kind::Sse {
            out.extend_from_slice(b"Accept: text/event-stream\r\n");
            if !cursor.is_empty() {
                let _ = write!(out, "Last-Event-ID: {cursor}\r\n");
            }
        } else if let Some((date, tag)) = cursor.split_once('|') {
            let _ = write!(out, "If-Modified-Since: {date}\r\nIf-None-Match: {tag}\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn head(&self, who: &mut Who, head: &[u8]) {
        if who.kind == Kind::Sse {
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
        if who.kind == Kind::Sse
            && let Some(id) = last_between(body, b"id: ", b"\n")
        {
            who.cursor.clear();
            who.cursor.push_str(id);
        }
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
