//! Batches that are too long to be done at once: counted first, and then read one message after the other, from the place where
//! one has got to.
//! Knows nothing of what is done with them.
use std::fmt;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::message::{Message, NoBatch, is_deeper, message};

/// Where the next message of a batch stands.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Place {
    /// In which of the texts.
    text: usize,
    /// At which byte of it; 0 before anything of it has been read.
    byte: usize,
}

/// How many messages there are in these texts, `most` at the most. They are looked through whole: nothing is done of what is no batch.
///
/// # Errors
/// [`NoBatch`], when there is no telling what was meant.
pub fn count<S: AsRef<str>>(texts: &[S], most: usize, depth_max: usize) -> Result<usize, NoBatch> {
    let mut count = 0;
    for text in texts.iter().map(AsRef::as_ref) {
        if is_deeper(text, depth_max) {
            return Err(NoBatch::Depth);
        }
        match text.trim_ascii_start().bytes().next() {
            Some(b'[') => count += elements(text, most - count)?,
            Some(b'{') => {
                message(text).ok_or(NoBatch::Json)?;
                if count >= most {
                    return Err(NoBatch::Length);
                }
                count += 1;
            }
            _ => return Err(NoBatch::Json),
        }
    }
    if count == 0 { Err(NoBatch::Empty) } else { Ok(count) }
}

/// How many elements an array has, if the text is one.
fn elements(text: &str, most: usize) -> Result<usize, NoBatch> {
    struct Count<'c>(usize, &'c mut usize);
    impl<'de> Visitor<'de> for Count<'_> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "an array of at most {} elements", self.0)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
            while array.next_element::<&RawValue>()?.is_some() {
                *self.1 += 1;
                if *self.1 > self.0 {
                    return Err(de::Error::invalid_length(*self.1, &self));
                }
            }
            Ok(())
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut count = 0;
    match reader.deserialize_seq(Count(most, &mut count)) {
        Err(_) if count > most => Err(NoBatch::Length),
        Ok(()) if reader.end().is_ok() => Ok(count),
        _ => Err(NoBatch::Json),
    }
}

/// The next message of texts that have been counted; `None` at the end, and `Some(None)` for an element that is no object.
pub fn next<'r, S: AsRef<str>>(texts: &'r [S], place: &mut Place) -> Option<Option<Message<'r>>> {
    loop {
        let text = texts.get(place.text)?.as_ref();
        let mut rest = text.get(place.byte..).unwrap_or_default();
        if place.byte == 0 {
            rest = rest.trim_ascii_start();
            match rest.strip_prefix('[') {
                Some(elements) => rest = elements,
                None => {
                    place.text += 1;
                    return Some(message(text));
                }
            }
        }
        let rest = rest.trim_start_matches([' ', '\t', '\n', '\r', ',']);
        let mut elements = serde_json::Deserializer::from_str(rest).into_iter::<&'r RawValue>();
        let element = if rest.starts_with(']') { None } else { elements.next() };
        let Some(Ok(element)) = element else {
            *place = Place { text: place.text + 1, byte: 0 };
            continue;
        };
        place.byte = text.len() - rest.len() + elements.byte_offset();
        return Some(message(element.get()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::read;
    use super::*;

    fn ids(messages: impl Iterator<Item = Option<Message<'static>>>) -> Vec<Option<String>> {
        messages.map(|message| Some(message?.id.map_or("-", RawValue::get).to_owned())).collect()
    }

    /// The same as when all are read at once, wherever one stops.
    #[test]
    fn one_after_the_other_they_are_the_same() {
        let batches: [&'static [&'static str]; 7] = [
            &["[]", "[{\"id\":1}]"],
            &["{\"id\":1}", " [ {\"id\":2} , {\"id\":\"],[\"}\n,\t{}]\r\n", "{\"id\":3}"],
            &["[1,\"x,]\",[{\"id\":1}],{\"id\":2},null,true,-1.5e3,{\"id\":[]}]"],
            &["\n[{\"data\":{\"id\":[1,2]},\"id\":4}]"],
            &["[{},{}]", "[{}]"],
            &["[\"\u{2028}\",{\"id\":\"\u{e9}\\\"\"}]"],
            &["[{\"id\":1,\"id\":2}]"],
        ];
        for texts in batches {
            let whole = ids(read(texts.iter().copied(), 100, 64).expect("a batch").into_iter());
            let mut place = Place::default();
            assert_eq!(ids(std::iter::from_fn(|| next(texts, &mut place))), whole, "{texts:?}");
            assert_eq!(count(texts, 100, 64), Ok(whole.len()), "{texts:?}");
            assert!(next(texts, &mut place).is_none(), "and no more");
        }
    }

    #[test]
    fn what_is_no_batch_is_found_out_before() {
        for (texts, why) in [
            (&["[{},{}", "[]"][..], NoBatch::Json),
            (&["[{}]", "7"], NoBatch::Json),
            (&["[{}] x"], NoBatch::Json),
            (&["{\"id\":1} {}"], NoBatch::Json),
            (&["[{}]", "[[[[1]]]]"], NoBatch::Depth),
            (&["[]", "[ ]"], NoBatch::Empty),
            (&["[{},{},{}]", "[{},{}]"], NoBatch::Length),
            (&["[{},{},{},{}]", "{}"], NoBatch::Length),
        ] {
            assert_eq!(count(texts, 4, 3), Err(why), "{texts:?}");
        }
    }
}
