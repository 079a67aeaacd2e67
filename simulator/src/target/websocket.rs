//! rcomet's own protocol over WebSocket: a handshake, a subscription from a number on, and then a frame a message.
use std::io::Write as _;

use memchr::memmem;

use super::{Kind, Post, Published, Target, Who, write_channel};
use crate::frames::{self, TEXT};

/// The key of every handshake. It has to differ only where caches stand between, and there are none; so the answer to it
/// is known too.
const HANDSHAKE: &[u8] =
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

pub(super) struct Websocket {
    pub(super) run: u32,
}

impl Target for Websocket {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Websocket]
    }

    fn listen(&self, who: &Who, out: &mut Vec<u8>) {
        if !self.listens(who) {
            return out.extend_from_slice(HANDSHAKE);
        }
        let mut text = b"{\"type\":\"subscribe\",\"channel\":\"".to_vec();
        write_channel(self.run, who.channel, &mut text);
        let _ = write!(text, "\",\"seq\":{}}}", who.last + 1);
        frames::write(TEXT, Some(frames::mask(who.id.into())), &text, out);
    }

    fn listens(&self, who: &Who) -> bool {
        who.step > 0
    }

    /// Only the handshake's answer ever ends.
    fn goes_on(&self, who: &mut Who) -> bool {
        let shaken = who.step > 0;
        who.step = 1;
        !shaken
    }

    fn hung_up(&self, who: &mut Who) {
        who.step = 0;
    }

    fn refuses(&self, body: &[u8]) -> bool {
        memmem::find(body, b"\"type\":\"error\"").is_some()
    }

    fn greet(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(HANDSHAKE);
    }

    fn published(&self, body: &[u8]) -> Published {
        if memmem::find(body, b"\"type\":\"published\"").is_some() {
            Published::Taken
        } else if self.refuses(body) {
            Published::Refused
        } else {
            Published::Unknown
        }
    }

    fn publish(&self, post: &Post, out: &mut Vec<u8>) {
        let mut text = b"{\"type\":\"publish\",\"channel\":\"".to_vec();
        write_channel(self.run, post.stamp.channel, &mut text);
        text.extend_from_slice(b"\",\"data\":\"");
        post.stamp.write(post.size, &mut text);
        text.extend_from_slice(b"\"}");
        frames::write(TEXT, Some(frames::mask(post.stamp.intended)), &text, out);
    }

    /// The answer to a greeting; what is published is answered without a status.
    fn takes(&self, status: u16) -> bool {
        status == 101
    }
}
