//! icomet's dialect, which rcomet and the floor speak as well.
use std::io::Write as _;

use memchr::memmem;

use super::{Kind, Post, Published, TAIL, Target, Who, write_channel};

pub(super) struct Icomet {
    pub(super) run: u32,
    /// The floor knows fewer ways to listen.
    pub(super) floor: bool,
}

impl Target for Icomet {
    fn kinds(&self) -> &'static [Kind] {
        if self.floor {
            return &[Kind::Poll, Kind::Jsonp, Kind::Sse];
        }
        &[Kind::Poll, Kind::Jsonp, Kind::Stream, Kind::Sse, Kind::Iframe]
    }

    fn listen(&self, who: &Who, out: &mut Vec<u8>) {
        let path: &[u8] = match who.kind {
            Kind::Poll | Kind::Jsonp => b"GET /sub?cname=",
            Kind::Stream => b"GET /stream?cname=",
            Kind::Sse => b"GET /sse?cname=",
            Kind::Iframe | Kind::Websocket => b"GET /iframe?cname=",
        };
        out.extend_from_slice(path);
        write_channel(self.run, who.channel, out);
        let _ = write!(out, "&seq={}", who.last + 1);
        if who.kind == Kind::Jsonp {
            let _ = write!(out, "&cb=cb_{:08x}", who.id);
        }
        out.extend_from_slice(TAIL);
    }

    /// The status is always 200, because scripts see no other.
    fn refuses(&self, body: &[u8]) -> bool {
        memmem::find(body, b"\"type\":\"4").is_some()
    }

    /// It has been taken if the answer says so, and not if it says anything else.
    fn published(&self, body: &[u8]) -> Published {
        match memmem::find(body, b"\"type\":\"ok\"") {
            Some(_) => Published::Taken,
            None => Published::Refused,
        }
    }

    fn publish(&self, post: &Post, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET /push?cname=");
        write_channel(self.run, post.stamp.channel, out);
        out.extend_from_slice(b"&content=");
        post.stamp.write(post.size, out);
        out.extend_from_slice(TAIL);
    }
}
