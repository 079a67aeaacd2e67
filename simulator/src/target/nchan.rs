//! nginx with Nchan, and the push module before it: a place in time and a tag instead of a number.
use std::io::Write as _;

use super::{Kind, Post, TAIL, Target, Who, last_between, write_channel};

pub(super) struct Nchan {
    pub(super) run: u32,
}

impl Target for Nchan {
    fn addresses(&self) -> (&'static str, &'static str) {
        ("127.0.0.1:8080", "127.0.0.1:8080")
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Poll, Kind::Sse]
    }

    /// The cursor is `date|tag` for polls, from the two headers of the last answer; for event streams it is the last `id:`.
    fn listen(&self, who: &Who, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET /sub?cname=");
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
        out.extend_from_slice(b"POST /pub?cname=");
        write_channel(self.run, post.stamp.channel, out);
        out.extend_from_slice(&TAIL[..TAIL.len() - 2]);
        let _ = write!(out, "Content-Length: {}\r\n\r\n", post.bytes());
        post.stamp.write(post.size, out);
    }
}
