//! Numbers beyond all that a file can say: what was expected in their place.
//! Knows nothing of options, but that the struct knows what it expects.
use toml::de::Error;

use super::Settings;
use super::fault::in_plain_words;

/// What is wrong with a number, if that is what the TOML reader complains of: in its own words it speaks of types of Rust, or does not
/// say what it expected.
pub(super) fn beyond(content: &str, error: &Error) -> Option<String> {
    let message = error.message();
    let is_of_type = message.starts_with("invalid type: integer `") && message.contains("` as i128, ");
    if !is_of_type && !["u64 value was too large", "integer number overflowed"].contains(&message) {
        return None;
    }
    let span = error.span()?;
    let number = content.get(span.clone())?;
    let digits = number.trim_start_matches(['+', '-']);
    let digits = ["0x", "0o", "0b"].iter().find_map(|base| digits.strip_prefix(base)).unwrap_or(digits);
    let has_any = digits.bytes().any(|c| c.is_ascii_hexdigit());
    if !has_any || !digits.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
        return None;
    }
    // In its place, one that can be read and that no option takes: the struct says what it expects instead.
    let other = format!("{}{}{}", &content[..span.start], i64::MIN, &content[span.end..]);
    let refused = toml::from_str::<Settings>(&other).err();
    let refused = refused.filter(|error| error.span().is_some_and(|place| place.start == span.start));
    let words = refused.map(|error| in_plain_words(error.message()));
    let expected = words.as_deref().and_then(|words| words.split_once("expected "));
    Some(said(number, expected.map_or("a whole number, 0 or more", |(_, expected)| expected)))
}

/// That a number is beyond what was expected.
pub(super) fn said(number: &str, expected: &str) -> String {
    if number.starts_with('-') {
        return format!("the number is too small: expected {expected}");
    }
    let most = format!("a whole number from 0 to {}", i64::MAX);
    format!("the number is too large: expected {}", expected.replace("a whole number, 0 or more", &most))
}
