//! `--limit`, which sets any limit by its name.
//! Knows nothing of what limits mean; names and types are checked by the struct.
use std::str::FromStr;

use serde::Deserialize;
use toml::{Table, Value};

use super::Settings;
use super::fault::in_plain_words;

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
        let value = match value.replace('_', "").parse() {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::String(value.into()),
        };
        let limits = Table::from_iter([(name.clone(), value.clone())]);
        let file = Table::from_iter([("limits".to_owned(), limits.into())]);
        match Settings::deserialize(file) {
            Ok(_) => Ok(Self { name, value }),
            Err(error) => Err(in_plain_words(error.message())),
        }
    }
}
