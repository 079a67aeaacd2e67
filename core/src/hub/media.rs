//! What is said of a message's body: its type, and the name of the event that it is.
//! Knows nothing of what it means. Equal ones are kept once.
use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Message;

/// What was said of a message, word for word.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Media {
    /// Its media type; empty when the publisher named none.
    pub content_type: Box<str>,
    /// The event that it is, for event sources; empty when it has no name.
    pub event: Box<str>,
    /// It was published as bytes that are no text: its body is their base64 (RFC 4648, section 4).
    pub is_base64: bool,
}

impl Media {
    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.content_type.len() + self.event.len()
    }
}

/// What is kept of bytes that are published, and whether that is their base64: text is kept as it is.
pub fn body_of(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (Cow::Owned(STANDARD.encode(bytes)), true),
    }
}

/// The bytes that were published, of which this is kept.
pub fn bytes_of(body: &str, is_base64: bool) -> Cow<'_, [u8]> {
    if !is_base64 {
        return Cow::Borrowed(body.as_bytes());
    }
    // It was written by [`body_of`].
    STANDARD.decode(body).map_or_else(|_| Cow::Borrowed(body.as_bytes()), Cow::Owned)
}

impl Message {
    /// What was published, byte for byte.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        bytes_of(&self.body, self.is_base64())
    }

    /// Whether the body is the base64 of what was published.
    pub fn is_base64(&self) -> bool {
        self.media.as_ref().is_some_and(|media| media.is_base64)
    }
}

/// As many are kept at hand: applications publish a few types, again and again.
const AT_HAND: usize = 64;

/// Those that were used last.
#[derive(Default)]
pub(super) struct MediaTable {
    at_hand: Vec<Arc<Media>>,
    oldest: usize,
}

impl MediaTable {
    /// One that says this, shared with all who say the same if it is at hand.
    pub(super) fn share(&mut self, media: Media) -> Arc<Media> {
        if let Some(known) = self.at_hand.iter().find(|known| ***known == media) {
            return Arc::clone(known);
        }
        let media = Arc::new(media);
        if self.at_hand.len() < AT_HAND {
            self.at_hand.push(Arc::clone(&media));
        } else {
            self.at_hand[self.oldest] = Arc::clone(&media);
            self.oldest = (self.oldest + 1) % AT_HAND;
        }
        media
    }

    /// Bytes of those at hand.
    pub(super) fn bytes(&self) -> usize {
        self.at_hand.iter().map(|media| media.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_went() {
        for bytes in [&b""[..], b"text", b"\xff\xfe\x00", b"\x80", b"caf\xc3\xa9"] {
            let (body, is_base64) = body_of(bytes);
            assert_eq!(is_base64, std::str::from_utf8(bytes).is_err());
            assert_eq!(*bytes_of(&body, is_base64), *bytes);
        }
    }

    #[test]
    fn equal_ones_are_kept_once_and_strange_ones_do_not_pile_up() {
        let mut table = MediaTable::default();
        let of = |content_type: &str| Media { content_type: content_type.into(), ..Media::default() };
        let json = table.share(of("application/json"));
        assert!(Arc::ptr_eq(&json, &table.share(of("application/json"))));
        for i in 0..1_000 {
            table.share(of(&format!("x/{i}")));
        }
        assert_eq!(table.at_hand.len(), AT_HAND);
        assert!(table.bytes() < AT_HAND * 64);
    }
}
