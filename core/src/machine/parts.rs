//! Multipart bodies: what stands between parts is drawn when nobody can put it into a message any more, or told to one
//! reader alone. With a boundary that others know, a message could hold parts that nobody has published.
//! Knows nothing of what is in a part.
use super::deliver::Delivery;
use super::frames::{Frame, Range, Way, Wrap};
use super::tell::Asker;
use crate::conn::Conn;
use crate::dialect::{Batch, Boundary, News, Voice};
use crate::hub::Lost;
use crate::wire::http1::response::chunk_size;

impl Delivery<'_> {
    /// A boundary that was not there before.
    fn draw(&mut self) -> Boundary {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes);
        Boundary::from_random(bytes)
    }

    /// Draws what stands between the parts of one answer: its messages are all there, so none of them can have it.
    pub(super) fn draw_for_parts(&mut self, voice: &Voice) {
        if voice.dialect.speaker().joins_parts(voice.style) {
            let boundary = self.draw();
            self.heads.boundary = boundary;
            self.frames.set_boundary(boundary);
        }
    }

    /// Gives a stream of parts a boundary of its own, which nobody else is told.
    pub(super) fn take_boundary(&mut self, voice: &mut Voice) {
        if voice.dialect.speaker().begins_with_boundary(voice.style) {
            let boundary = self.draw();
            self.heads.boundary = boundary;
            voice.before = Some(String::from_utf8_lossy(boundary.bytes()).into());
        }
    }

    /// Says something in a stream of parts. What a message is to all such readers is shared; behind it stands the boundary of
    /// this one.
    pub(super) fn say_parts(
        &mut self,
        conn: &mut Conn,
        to: Asker<'_>,
        news: &[News<'_>],
        range: Option<Range>,
    ) {
        let way = Way::of(to.voice, true, Wrap::Bare);
        for piece in news {
            let News::Messages(batch) = piece else {
                let frame = self.frames.make(way, std::slice::from_ref(piece));
                around(self.head, self.tail, to, frame.len(), "");
                self.post.say_around(conn, to.id, self.head, Frame::Own(frame), self.tail);
                continue;
            };
            for (seq, _) in batch.channel.history().range(batch.from, batch.to) {
                let one = [News::Messages(Batch { from: seq, to: seq + 1, ..*batch })];
                let range = range.map(|(at, ..)| (at, seq, seq + 1, Lost::Nothing));
                let frame = self.frames.frame(range, way, &one);
                around(self.head, self.tail, to, frame.len(), to.voice.before.as_deref().unwrap_or_default());
                self.post.say_around(conn, to.id, self.head, frame, self.tail);
            }
        }
    }
}

/// What stands before and behind a piece of so many bytes: the boundary, if there is one, and what makes a chunk of it.
fn around(head: &mut Vec<u8>, tail: &mut Vec<u8>, to: Asker<'_>, bytes: usize, boundary: &str) {
    head.clear();
    tail.clear();
    if !boundary.is_empty() {
        tail.extend_from_slice(b"--");
        tail.extend_from_slice(boundary.as_bytes());
    }
    if to.manner.is_11 && bytes + tail.len() > 0 {
        chunk_size(bytes + tail.len(), head);
        tail.extend_from_slice(b"\r\n");
    }
}
