//! JSON in the making: objects, their members, lists. Knows nothing of what they say.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bytes::escape;
use crate::wire::http1::response::number;

/// An object in the making.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    /// Begins one.
    pub(super) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        self.out.extend_from_slice(if self.is_empty { b"\"" } else { b",\"" });
        self.is_empty = false;
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A member that is text.
    pub(super) fn text(mut self, name: &str, value: &str) -> Self {
        string(value, self.name(name));
        self
    }

    /// A member that is text, or null.
    pub(super) fn some_text(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.word(name, "null"),
        }
    }

    /// A member that is bytes: text under `name`, or else in base64 under that name.
    pub(super) fn bytes(mut self, name: &str, value: &[u8]) -> Self {
        match std::str::from_utf8(value) {
            Ok(text) => self.text(name, text),
            Err(_) => {
                let name = if name == "value" { "base64".to_owned() } else { format!("{name}_base64") };
                let out = self.name(&name);
                out.push(b'"');
                out.extend_from_slice(STANDARD.encode(value).as_bytes());
                out.push(b'"');
                self
            }
        }
    }

    /// A member that is a whole number.
    pub(super) fn number(mut self, name: &str, value: u64) -> Self {
        number(value, self.name(name));
        self
    }

    /// A member that is a whole number, or null.
    pub(super) fn some_number(self, name: &str, value: Option<u64>) -> Self {
        match value {
            Some(value) => self.number(name, value),
            None => self.word(name, "null"),
        }
    }

    /// A member that is `true`, `false` or `null`.
    pub(super) fn word(mut self, name: &str, word: &str) -> Self {
        self.name(name).extend_from_slice(word.as_bytes());
        self
    }

    /// A member that is a list.
    pub(super) fn list<T>(
        mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        write: impl Fn(T, &mut Vec<u8>),
    ) -> Self {
        let out = self.name(name);
        out.push(b'[');
        for (i, item) in items.into_iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write(item, out);
        }
        out.push(b']');
        self
    }

    /// Ends it.
    pub(super) fn end(self) {
        self.out.push(b'}');
    }
}

/// Appends a string.
pub(super) fn string(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape::json(value, out);
    out.push(b'"');
}
