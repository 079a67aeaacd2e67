//! `--limit`, which sets any limit by its name.
//! Knows nothing of what limits mean; names and types are checked by the struct.
use std::str::FromStr;

use serde::Deserialize;
use toml::{Table, Value};

use super::fault::in_plain_words;
use super::{Settings, number};

/// `--limit NAME=VALUE`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LimitFlag {
    /// The limit's name, known to be one.
    pub(crate) name: String,
    /// Its value, of the right type.
    pub(crate) value: Value,
}

impl FromStr for LimitFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, such as channels_max=1000")?;
        let (name, value) = (name.trim().to_owned(), value.trim());
        // What is no number goes on as text, for the struct to say what it expected.
        let digits = value.replace('_', "");
        let magnitude = digits.strip_prefix('-').unwrap_or(&digits);
        let is_number = !magnitude.is_empty() && magnitude.bytes().all(|c| c.is_ascii_digit());
        let text = value;
        let value = match digits.parse() {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::String(value.into()),
        };
        let limits = Table::from_iter([(name.clone(), value.clone())]);
        let file = Table::from_iter([("limits".to_owned(), limits.into())]);
        match Settings::deserialize(file) {
            Ok(_) => Ok(Self { name, value }),
            Err(error) => {
                let message = in_plain_words(error.message());
                let quoted = format!("invalid type: string \"{text}\", expected ");
                Err(match message.strip_prefix(&quoted) {
                    Some(expected) if is_number => number::said(text, expected),
                    _ => message,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_of_a_limit_is_told_what_was_expected() {
        let said = |text: &str| LimitFlag::from_str(text).expect_err(text);
        for (text, wanted) in [
            (
                "channels_max=99999999999999999999",
                "the number is too large: expected a whole number from 0 to 9223372036854775807",
            ),
            (
                "connections_per_address_max=99_999_999_999_999_999_999",
                "the number is too large: expected a whole number from 0 to 4294967295",
            ),
            (
                "channels_max=-99999999999999999999",
                "the number is too small: expected a whole number, 0 or more",
            ),
            ("channels_max=many", "invalid type: string \"many\", expected a whole number, 0 or more"),
            ("channels_max=_", "invalid type: string \"_\", expected a whole number, 0 or more"),
            ("channels_max=-", "invalid type: string \"-\", expected a whole number, 0 or more"),
            ("channels_max=", "invalid type: string \"\", expected a whole number, 0 or more"),
            ("channels_max", "expected NAME=VALUE, such as channels_max=1000"),
        ] {
            assert_eq!(said(text), wanted);
        }
        let read = LimitFlag::from_str("channels_max = 1_000").expect("it can be used");
        assert_eq!((&*read.name, read.value), ("channels_max", Value::Integer(1_000)));
    }
}
