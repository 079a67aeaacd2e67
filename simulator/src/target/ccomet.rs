//! CComet's dialect: JSONP polls by name.
use std::io::Write as _;

use super::{Kind, Post, TAIL, Target, Who, write_channel};

pub(super) struct Ccomet {
    pub(super) run: u32,
}

impl Target for Ccomet {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Jsonp]
    }

    /// Its numbers begin with 0, so the number of the last message that somebody has is the next one's.
    fn listen(&self, who: &Who, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET /subscribe?channel=");
        write_channel(self.run, who.channel, out);
        let _ = write!(out, "&sname=n{:08x}&seqid={}&callback=cb_{:08x}", who.id, who.last, who.id);
        out.extend_from_slice(TAIL);
    }

    fn publish(&self, post: &Post, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET /publish?channel=");
        write_channel(self.run, post.stamp.channel, out);
        out.extend_from_slice(b"&sname=press&callback=cb&msg=");
        post.stamp.write(post.size, out);
        out.extend_from_slice(TAIL);
    }
}
