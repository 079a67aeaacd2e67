//! What is said of a message's body: its type, and the name of the event that it is.
//! Knows nothing of what it means. Equal ones are kept once.
use std::sync::Arc;

/// What was said of a message, word for word.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Media {
    /// Its media type; empty when the publisher named none.
    pub content_type: Box<str>,
    /// The event that it is, for event sources; empty when it has no name.
    pub event: Box<str>,
}

impl Media {
    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.content_type.len() + self.event.len()
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
    fn equal_ones_are_kept_once_and_strange_ones_do_not_pile_up() {
        let mut table = MediaTable::default();
        let of = |content_type: &str| Media { content_type: content_type.into(), event: "".into() };
        let json = table.share(of("application/json"));
        assert!(Arc::ptr_eq(&json, &table.share(of("application/json"))));
        for i in 0..1_000 {
            table.share(of(&format!("x/{i}")));
        }
        assert_eq!(table.at_hand.len(), AT_HAND);
        assert!(table.bytes() < AT_HAND * 64);
    }
}
