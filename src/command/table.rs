//! Tables for people: columns as wide as they must be, nothing that could upset a terminal.
//! Knows nothing of what stands in them.
use std::borrow::Cow;

/// Rows under heads.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// No rows yet.
    pub(super) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()] }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The rows as lines. The last column is not filled up.
    pub(super) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Text that comes from strangers, for a terminal: what is not printable is escaped.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(
            text.chars()
                .flat_map(|c| {
                    Some(c)
                        .filter(|c| !c.is_control())
                        .map_or_else(|| c.escape_default().collect::<Vec<char>>(), |c| vec![c])
                })
                .collect(),
        )
    } else {
        Cow::Borrowed(text)
    }
}

/// The same for bytes: what is no text is escaped as well.
pub(super) fn shown_bytes(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(&shown(chunk.valid()));
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// The same for what may have lines: their ends and tabs do no harm.
pub(super) fn on_terminal(bytes: &[u8]) -> String {
    let parts = bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\t'));
    let escaped = parts.map(|part| match part.split_last() {
        Some((end @ (b'\n' | b'\t'), line)) => shown_bytes(line) + if *end == b'\n' { "\n" } else { "\t" },
        _ => shown_bytes(part),
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let mut table = Table::new(&["A", "B"]);
        table.row(vec!["käse".into(), "1".into()]);
        assert_eq!(table.text(), "A     B\nkäse  1\n");
    }

    #[test]
    fn terminals_are_not_upset() {
        assert_eq!(shown("a\x1b[31mb\n"), "a\\u{1b}[31mb\\n");
        assert_eq!(shown("käse"), "käse");
        assert_eq!(shown_bytes(b"k\xff\x1b\xc3\xa4"), "k\\xff\\u{1b}ä");
        assert_eq!(on_terminal(b"a\x1b\tb\nc\r\n\n\xff"), "a\\u{1b}\tb\nc\\r\n\n\\xff");
        assert_eq!((on_terminal(b""), on_terminal(b"\n")), (String::new(), "\n".into()));
    }
}
