//! The form of icomet's configuration file: `key: value` or `key = value`, nested by tabs.
//! Knows nothing of which keys there are.
use crate::settings::Fault;

/// The file as a list of values, in its order.
#[derive(Debug)]
pub(super) struct Conf<'t> {
    file: &'t str,
    content: &'t str,
    entries: Vec<Entry<'t>>,
}

/// One line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'t> {
    /// The key and those it is nested in, such as `admin.listen`.
    pub(super) path: String,
    /// Everything behind the first separator.
    pub(super) value: &'t str,
    /// The line's number, from 1.
    pub(super) line: usize,
}

impl<'t> Conf<'t> {
    /// Reads `content`, which is called `file` in messages.
    ///
    /// # Errors
    /// A line that has no key, or is nested in nothing.
    pub(super) fn parse(file: &'t str, content: &'t str) -> Result<Self, Fault> {
        let mut entries: Vec<Entry<'t>> = Vec::new();
        let mut nest: Vec<&str> = Vec::new();
        for (number, line) in (1..).zip(content.lines()) {
            let inner = line.trim_start_matches('\t');
            let depth = line.len() - inner.len();
            let said = inner.trim();
            if said.is_empty() || said.starts_with('#') {
                continue;
            }
            let fault = |message: &str| Err(Fault::in_line(file, content, number, message));
            if inner.starts_with(' ') {
                return fault("indented with spaces: icomet nests by tabs");
            }
            if depth > nest.len() {
                return fault("indented deeper than anything it could belong to");
            }
            let (key, value) = said.split_once([':', '=']).unwrap_or((said, ""));
            let (key, value) = (key.trim(), value.trim());
            if key.is_empty() || !said.contains([':', '=']) {
                return fault("expected `key: value` or `key = value`");
            }
            nest.truncate(depth);
            nest.push(key);
            entries.push(Entry { path: nest.join("."), value, line: number });
        }
        Ok(Self { file, content, entries })
    }

    /// Every line that says something.
    pub(super) fn entries(&self) -> &[Entry<'t>] {
        &self.entries
    }

    /// The values of `path`, in order.
    pub(super) fn all(&self, path: &str) -> impl Iterator<Item = &Entry<'t>> {
        self.entries.iter().filter(move |entry| entry.path == path && !entry.value.is_empty())
    }

    /// The value of `path`; the first, as icomet has it, should there be several.
    pub(super) fn get(&self, path: &str) -> Option<&Entry<'t>> {
        self.all(path).next()
    }

    /// The value of `path` as a number.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn number(&self, path: &str) -> Result<Option<(u64, usize)>, Fault> {
        let Some(entry) = self.get(path) else { return Ok(None) };
        match entry.value.parse::<u32>() {
            Ok(number) => Ok(Some((number.into(), entry.line))),
            Err(_) => Err(self.fault(entry, format!("{path}: expected a whole number, 0 or more"))),
        }
    }

    /// Something is wrong with `entry`.
    pub(super) fn fault(&self, entry: &Entry<'_>, message: impl Into<String>) -> Fault {
        Fault::in_line(self.file, self.content, entry.line, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(content: &str) -> Vec<(String, &str, usize)> {
        let conf = Conf::parse("icomet.conf", content).expect("it is one");
        conf.entries.iter().map(|entry| (entry.path.clone(), entry.value, entry.line)).collect()
    }

    #[test]
    fn keys_are_nested_by_tabs() {
        let content = "# icomet\r\npidfile = ./a=b.pid\r\n\nlogger:\n\tlevel: debug\n\t# no\n\trotate:\n\t\tsize: 1\nfront :\n\tlisten: 0.0.0.0:8100\n";
        let wanted = [
            ("pidfile".into(), "./a=b.pid", 2),
            ("logger".into(), "", 4),
            ("logger.level".into(), "debug", 5),
            ("logger.rotate".into(), "", 7),
            ("logger.rotate.size".into(), "1", 8),
            ("front".into(), "", 9),
            ("front.listen".into(), "0.0.0.0:8100", 10),
        ];
        assert_eq!(paths(content), wanted);
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_its_line() {
        let refusal = |content| Conf::parse("icomet.conf", content).expect_err("it is none").to_string();
        let first = |content| refusal(content).lines().next().unwrap_or_default().to_owned();
        assert_eq!(
            first("admin:\n  listen: 1\n"),
            "icomet.conf:2:3: indented with spaces: icomet nests by tabs"
        );
        assert_eq!(
            first("admin:\n\t\tlisten: 1\n"),
            "icomet.conf:2:3: indented deeper than anything it could belong to"
        );
        assert_eq!(
            refusal("\n<xml>"),
            "icomet.conf:2:1: expected `key: value` or `key = value`\n    <xml>\n    ^^^^^"
        );
        assert_eq!(first(": 1"), "icomet.conf:1:1: expected `key: value` or `key = value`");
    }

    #[test]
    fn the_first_value_counts_and_lists_keep_their_order() {
        let conf = Conf::parse("f", "a: 1\na: 2\nb: x\n").expect("it is one");
        assert_eq!(conf.number("a"), Ok(Some((1, 1))));
        assert_eq!(conf.all("a").map(|entry| entry.value).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(conf.number("c"), Ok(None));
        let refused = conf.number("b").expect_err("no number").to_string();
        assert_eq!(refused, "f:3:1: b: expected a whole number, 0 or more\n    b: x\n    ^^^^");
    }
}
