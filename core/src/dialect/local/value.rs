//! Values, which are any bytes, and the texts that stand for them in the log. Wire: `docs/control.md`, "Keys" and
//! "CometServer's protocol" (`protocols/php-cometserver.md`, section 2).
use std::borrow::Cow;

use crate::hub::{Media, Message, body_of};

/// What is said of a text that is the form encoding of a value, and not the value itself.
const FORM: &str = "application/x-www-form-urlencoded; rcomet=value";

/// A value as it is published.
#[derive(Debug, PartialEq, Eq)]
pub struct Stored<'b> {
    /// The text.
    pub body: Cow<'b, str>,
    /// What is said of it.
    pub media: Media,
}

fn stored(body: Cow<'_, str>, is_form: bool) -> Stored<'_> {
    let content_type = if is_form { FORM } else { "" };
    Stored { body, media: Media { content_type: content_type.into(), ..Media::default() } }
}

/// How a value is published that came as it is.
pub fn of_bytes(value: &[u8]) -> Stored<'_> {
    let (body, is_base64) = body_of(value);
    Stored { body, media: Media { is_base64, ..Media::default() } }
}

/// How a value is published that came over CometServer's wire. What its clients encode is decoded, so that others see it
/// in plain; what would not come back as it was sent is kept as it was sent.
pub fn of_wire(raw: &[u8]) -> Stored<'_> {
    let value = decoded(raw);
    if let Ok(text) = std::str::from_utf8(&value)
        && encoded(&value).as_bytes() == raw
    {
        return stored(Cow::Owned(text.to_owned()), false);
    }
    match std::str::from_utf8(raw) {
        Ok(raw) => stored(Cow::Borrowed(raw), true),
        Err(_) => stored(Cow::Owned(encoded(&value)), true),
    }
}

/// The value of a message.
pub fn of_message(message: &Message) -> Cow<'_, [u8]> {
    if is_form(message) { Cow::Owned(decoded(message.body.as_bytes())) } else { message.bytes() }
}

/// The same as it goes over CometServer's wire.
pub fn to_wire(message: &Message) -> Cow<'_, str> {
    if is_form(message) { Cow::Borrowed(&message.body) } else { Cow::Owned(encoded(&message.bytes())) }
}

fn is_form(message: &Message) -> bool {
    message.media.as_ref().is_some_and(|media| &*media.content_type == FORM)
}

/// Form encoding as PHP's `urlencode` has it.
fn encoded(value: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(value.len());
    for &byte in value {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => text.push(char::from(byte)),
            b' ' => text.push('+'),
            _ => {
                text.push('%');
                text.push(char::from(HEX[usize::from(byte >> 4)]));
                text.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    text
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|&c| if c == b'+' { b' ' } else { c }).collect();
    match crate::wire::http1::head::percent_decoded(&spaced) {
        Cow::Owned(value) => value,
        Cow::Borrowed(_) => spaced,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::hub::Kind;
    use crate::time::Moment;

    fn message(stored: Stored<'_>) -> Message {
        Message {
            offset: 1,
            at: Moment(0),
            unix_s: 0,
            tag: 0,
            kind: Kind::Data,
            body: stored.body.into(),
            sender: None,
            media: Some(Arc::new(stored.media)),
            beside: None,
        }
    }

    #[test]
    fn what_its_clients_send_is_kept_in_plain() {
        let plain = of_wire(b"hello+world+%26+%C3%A9+100%25");
        assert_eq!((&*plain.body, plain.media), ("hello world & \u{e9} 100%", Media::default()));
        let odd = of_wire(b"%41+b");
        assert_eq!(&*odd.body, "%41+b");
        let odd = message(odd);
        assert_eq!((&*of_message(&odd), &*to_wire(&odd)), (&b"A b"[..], "%41+b"));
    }

    #[test]
    fn what_is_no_text_is_seen_encoded() {
        let value = message(of_bytes(b"\xff\0 +"));
        assert_eq!((&*value.body, value.is_base64()), ("/wAgKw==", true));
        assert_eq!((&*of_message(&value), &*to_wire(&value)), (&b"\xff\0 +"[..], "%FF%00+%2B"));
    }

    proptest! {
        #[test]
        fn every_value_comes_back(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            let kept = message(of_bytes(&value));
            prop_assert_eq!(&*of_message(&kept), &value[..]);
        }

        #[test]
        fn every_text_comes_back_over_the_wire_as_it_was_sent(raw in "[ -~\\x00+%é]{0,40}") {
            let kept = message(of_wire(raw.as_bytes()));
            prop_assert_eq!(&*to_wire(&kept), &raw);
        }
    }
}
