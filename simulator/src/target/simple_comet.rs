//! Simple-Comet-Server: polls since an id that counts the whole server's messages.
use std::io::Write as _;

use super::{Kind, Post, TAIL, Target, Who, last_between, write_channel, write_post};

const FORM: &str = "application/x-www-form-urlencoded";

pub(super) struct SimpleComet {
    pub(super) run: u32,
    /// The floor has no scripts.
    pub(super) floor: bool,
}

impl Target for SimpleComet {
    fn kinds(&self) -> &'static [Kind] {
        if self.floor { &[Kind::Poll] } else { &[Kind::Poll, Kind::Jsonp] }
    }

    /// Without a cursor it asks for everything: who asks for what comes from now on may be a moment too late for it.
    fn listen(&self, who: &Who, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET /channels/");
        write_channel(self.run, who.channel, out);
        let since = if who.cursor.is_empty() { "0" } else { &who.cursor };
        let _ = match who.kind {
            Kind::Jsonp => write!(out, ".jsonp?since={since}&cb=_JSONP_{:08x}", who.id),
            _ => write!(out, ".json?since={since}"),
        };
        out.extend_from_slice(TAIL);
    }

    fn body(&self, who: &mut Who, body: &[u8]) {
        if let Some(id) = last_between(body, b"\"last_id\": ", b",}") {
            who.cursor.clear();
            who.cursor.push_str(id);
        }
    }

    fn refuses(&self, body: &[u8]) -> bool {
        memchr::memmem::find(body, b"\"return_code\": -").is_some()
    }

    fn resumes_by_number(&self) -> bool {
        false
    }

    fn prepare(&self, channel: u32, out: &mut Vec<u8>) {
        let mut body = b"max_messages=1000&channel_id=".to_vec();
        write_channel(self.run, channel, &mut body);
        write_post(&[b"/channels.json"], FORM, &body, out);
    }

    fn publish(&self, post: &Post, out: &mut Vec<u8>) {
        out.extend_from_slice(b"POST /channels/");
        write_channel(self.run, post.stamp.channel, out);
        let length = "content=".len() + post.bytes();
        let _ = write!(
            out,
            ".json HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\n\r\ncontent="
        );
        post.stamp.write(post.size, out);
    }
}
