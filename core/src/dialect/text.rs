//! Text in the making.

/// Text in the making, in pieces that a stream sends as one chunk each.
#[derive(Default)]
pub struct Text {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where pieces end.
    ends: Vec<usize>,
}

impl Text {
    /// Ends a piece.
    pub fn end_piece(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// The pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(from, &to)| &self.bytes[from..to])
    }

    /// Forgets everything but the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}
