//! What is wrong with a file, and where: name, line, column and the line itself, unless it may hold a secret.
//! Knows nothing of options.
use std::error::Error;
use std::fmt;
use std::ops::Range;

/// Something in a file, or on the command line, that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    place: Option<Place>,
    message: String,
}

/// Where in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    file: String,
    line: usize,
    column: usize,
    /// The line; `None` where it may hold a secret, for what is shown here is logged.
    text: Option<String>,
    width: usize,
}

impl Fault {
    /// A fault that has no place, or names it itself.
    pub(crate) fn nowhere(message: impl Into<String>) -> Self {
        Self { place: None, message: message.into() }
    }

    /// A fault in the bytes `span` of the file `file`, whose content is `content`.
    pub(crate) fn at(file: &str, content: &str, span: &Range<usize>, message: impl Into<String>) -> Self {
        Self { place: Some(Place::find(file, content, span)), message: message.into() }
    }

    /// A fault somewhere in the line with this number, counted from 1.
    pub(crate) fn in_line(file: &str, content: &str, number: usize, message: impl Into<String>) -> Self {
        let start = content.split_inclusive('\n').take(number - 1).map(str::len).sum::<usize>();
        let line = content[start..].lines().next().unwrap_or_default();
        let indent = line.len() - line.trim_start().len();
        let span = start + indent..start + line.trim_end().len().max(indent);
        Self::at(file, content, &span, message)
    }

    /// The text that a file is, or the place where it is none.
    pub(crate) fn unless_text(file: &str, content: Vec<u8>) -> Result<String, Self> {
        String::from_utf8(content).map_err(|error| {
            let start = error.utf8_error().valid_up_to();
            // What is no text is shown by a mark for it; what is before that stays where it is.
            let shown = String::from_utf8_lossy(error.as_bytes());
            let span = start..start + char::REPLACEMENT_CHARACTER.len_utf8();
            Self::at(
                file,
                &shown,
                &span,
                "here is a byte that is not UTF-8: expected a file of text in UTF-8",
            )
        })
    }

    /// What the TOML reader complains of in a file, in words that fit an administrator.
    pub(crate) fn from_toml(file: &str, content: &str, error: &toml::de::Error) -> Self {
        let message = in_plain_words(error.message());
        match error.span() {
            Some(span) => {
                let place = Place::find(file, content, &narrowed(content, span, &message));
                let message = if place.text.is_some() { message } else { without_values(message) };
                Self { place: Some(place), message }
            }
            None => Self { place: None, message: format!("{file}: {message}") },
        }
    }
}

impl Place {
    fn find(file: &str, content: &str, span: &Range<usize>) -> Self {
        // A span that does not fit the content would be a mistake of ours; the end of the file is place enough then.
        let before = content.get(..span.start).unwrap_or(content);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let text = content[line_start..].lines().next().unwrap_or_default();
        let end = span.end.min(line_start + text.len());
        // A text of several lines may be a secret, whose name stands in another.
        let is_inside = content[..line_start].matches("\"\"\"").count() % 2 == 1
            || content[..line_start].matches("'''").count() % 2 == 1;
        let is_shown = !is_inside && !text.to_ascii_lowercase().contains("secret");
        Self {
            file: file.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            text: is_shown.then(|| text.into()),
            width: content.get(before.len()..end).map_or(1, |marked| marked.chars().count().max(1)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = cut_short(&self.message);
        let Some(Place { file, line, column, text, width }) = &self.place else {
            return f.write_str(&message);
        };
        write!(f, "{file}:{line}:{column}: {message}")?;
        let Some(text) = text else { return Ok(()) };
        let (text, indent, marks) = excerpt(text, *column, *width);
        write!(f, "\n    {text}\n    {indent}{marks}")
    }
}

/// Characters of a line that are shown: of a longer one those around what is meant.
const LINE_CHARS_MAX: usize = 200;

/// A line, or a part of it, with what stands below it: up to the mark, and the mark.
fn excerpt(line: &str, column: usize, width: usize) -> (String, String, String) {
    let marked = column - 1..column - 1 + width;
    let length = line.chars().count();
    let first = if length > LINE_CHARS_MAX { marked.start.saturating_sub(LINE_CHARS_MAX / 2) } else { 0 };
    let (mut text, mut indent, mut marks) = (String::new(), String::new(), String::new());
    if first > 0 {
        text.push('…');
        indent.push(' ');
    }
    for (at, c) in line.chars().enumerate().skip(first).take(LINE_CHARS_MAX) {
        let shown = visible(c);
        let chars = shown.chars().count();
        if marked.contains(&at) {
            marks += &"^".repeat(chars);
        } else if at < marked.start {
            // Tabs stay tabs, so that the mark stands below what it means.
            indent += &if c == '\t' { shown.clone() } else { " ".repeat(chars) };
        }
        text += &shown;
    }
    if first + LINE_CHARS_MAX < length {
        text.push('…');
    }
    if marks.is_empty() {
        marks.push('^');
    }
    (text, indent, marks)
}

/// A character, but what would do something to a terminal or to a log: that is written as an escape.
fn visible(c: char) -> String {
    // Those that turn the direction of what follows (Unicode, annex 9) let a line look like another.
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if turns || c.is_control() && c != '\t' { c.escape_default().to_string() } else { c.into() }
}

/// Characters of a message that are shown at its beginning, where it says what was found, which may be long, and at its end, where it
/// says what was expected.
const MESSAGE_ENDS_CHARS: [usize; 2] = [300, 600];

fn cut_short(message: &str) -> String {
    let shown: Vec<char> = message.chars().collect();
    let [first, last] = MESSAGE_ENDS_CHARS;
    let all = |chars: &[char]| chars.iter().map(|&c| visible(c)).collect::<String>();
    if shown.len() <= first + last {
        return all(&shown);
    }
    format!("{}…{}", all(&shown[..first]), all(&shown[shown.len() - last..]))
}

impl Error for Fault {}

/// What was expected, without what was found: the TOML reader repeats that.
fn without_values(message: String) -> String {
    let is_of_values = ["invalid type: ", "invalid value: "].iter().any(|kind| message.starts_with(kind));
    match message.rfind(", expected ").filter(|_| is_of_values) {
        Some(at) => message[at + 2..].into(),
        None => message,
    }
}

/// The TOML reader blames a whole list for one of its elements. Ours are texts, and the messages about them begin with
/// the text, so the element can be found.
fn narrowed(content: &str, span: Range<usize>, message: &str) -> Range<usize> {
    let text = message.strip_prefix('`').and_then(|rest| rest.split('`').next());
    let found = text.zip(content.get(span.clone())).and_then(|(text, list)| {
        let quoted = [format!("\"{text}\""), format!("'{text}'")];
        quoted.iter().find_map(|quoted| list.find(quoted.as_str()).map(|at| (span.start + at, quoted.len())))
    });
    found.map_or(span, |(start, length)| start..start + length)
}

/// Puts the names of Rust's types into words.
pub(super) fn in_plain_words(message: &str) -> String {
    const WORDS: [(&str, &str); 9] = [
        ("expected usize", "expected a whole number, 0 or more"),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected a sequence", "expected a list such as [\"one\", \"two\"]"),
        ("expected a boolean", "expected true or false"),
        ("expected a string", "expected text in quotation marks"),
        ("wanted string or table", "expected text in quotation marks"),
        ("unknown field", "unknown option"),
        ("unknown variant", "unknown value"),
    ];
    let mut message = message.to_owned();
    for (theirs, ours) in WORDS {
        message = message.replace(theirs, ours);
    }
    if let Some(at) = message.find("expected struct ") {
        message.replace_range(at.., "expected a section with options of its own");
    }
    if let Some(shorter) = with_a_guess(&message) {
        message = shorter;
    }
    message
}

/// As many names as can be taken in at a glance.
const NAMES_AT_A_GLANCE: usize = 14;

/// A long list of names is no help: the one that was probably meant is.
fn with_a_guess(message: &str) -> Option<String> {
    let (before, list) = message.split_once(", expected one of ")?;
    let wrong = before.split('`').nth(1)?;
    let names: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    if names.len() <= NAMES_AT_A_GLANCE {
        return None;
    }
    let likeness = |name: &&str| strsim::jaro_winkler(wrong, name);
    let nearest = names.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    Some(if likeness(&nearest) > 0.7 {
        format!("{before}: did you mean `{nearest}`? (rcomet check-config lists all options)")
    } else {
        format!("{before} (rcomet check-config lists all options)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_shown_with_its_line() {
        let content = "a = 1\n\tbéé = true\nc = 2\n";
        let start = content.find("true").expect("it is there");
        let fault = Fault::at("some.toml", content, &(start..start + 4), "no");
        assert_eq!(fault.to_string(), "some.toml:2:8: no\n    \tbéé = true\n    \t      ^^^^");
    }

    #[test]
    fn a_line_with_a_secret_is_not_shown() {
        #[derive(Debug, serde::Deserialize)]
        #[allow(dead_code, reason = "it is only read")]
        struct File {
            secret: String,
        }
        for (content, wanted) in [
            ("\nsecret = 4711_0815\n", "f.toml:2:10: expected text in quotation marks"),
            ("SECRET = \"4711_0815\"", "f.toml:1:1: "),
            ("secret = \"4711_0815", "f.toml:1:20: "),
            ("secret = [\"4711_0815\"]", "f.toml:1:10: "),
        ] {
            let error = toml::from_str::<File>(content).expect_err("it is wrong");
            let shown = Fault::from_toml("f.toml", content, &error).to_string();
            assert!(shown.starts_with(wanted), "{shown}");
            assert!(!shown.contains("4711") && !shown.contains("47110815"), "{shown}");
        }
        let fault = Fault::in_line("f.toml", "a\n  my_Secret: x\n", 2, "no");
        assert_eq!(fault.to_string(), "f.toml:2:3: no");
    }

    #[test]
    fn places_at_the_edges_are_places_too() {
        let shown = |content, span: Range<usize>| Fault::at("f", content, &span, "m").to_string();
        assert_eq!(shown("", 0..0), "f:1:1: m\n    \n    ^");
        assert_eq!(shown("a\n", 2..2), "f:2:1: m\n    \n    ^");
        assert_eq!(
            shown("ab\ncd", 1..5),
            "f:1:2: m\n    ab\n     ^",
            "only what is on the first line is marked"
        );
        assert_eq!(shown("é", 1..9), "f:1:2: m\n    é\n     ^", "inside of a character");
    }

    #[test]
    fn of_a_long_line_what_is_around_the_mark_is_shown() {
        let line = format!("{}bad{}", "é".repeat(500), "z".repeat(500));
        let shown = Fault::at("f", &line, &(1_000..1_003), "no").to_string();
        let wanted = format!(
            "f:1:501: no\n    …{}bad{}…\n     {}^^^",
            "é".repeat(100),
            "z".repeat(97),
            " ".repeat(100)
        );
        assert_eq!(shown, wanted);
        let shown = Fault::at("f", &line, &(0..1_500), "no").to_string();
        assert_eq!(shown, format!("f:1:1: no\n    {}…\n    {}", "é".repeat(200), "^".repeat(200)));
        let shown = Fault::at("f", &line, &(1_503..1_503), "no").to_string();
        assert_eq!(shown, format!("f:1:1004: no\n    …{}\n     {}^", "z".repeat(100), " ".repeat(100)));
        let fits = "x".repeat(200);
        assert_eq!(Fault::at("f", &fits, &(0..1), "no").to_string(), format!("f:1:1: no\n    {fits}\n    ^"));
    }

    #[test]
    fn a_long_message_keeps_its_ends() {
        let told = |length: usize| Fault::nowhere(format!("{}, expected b", "é".repeat(length))).to_string();
        assert_eq!(told(888), format!("{}, expected b", "é".repeat(888)));
        assert_eq!(told(889), format!("{}…{}, expected b", "é".repeat(300), "é".repeat(588)));
    }

    #[test]
    fn what_would_do_something_to_a_terminal_is_escaped() {
        let content = "a\u{1b}[2J\u{202e} = b\rc";
        let start = content.find('b').expect("it is there");
        let shown = Fault::at("f", content, &(start..start + 3), "no\u{7}\n").to_string();
        assert_eq!(
            shown,
            format!(
                "f:1:10: no\\u{{7}}\\n\n    a\\u{{1b}}[2J\\u{{202e}} = b\\rc\n    {}^^^^",
                " ".repeat(21)
            )
        );
    }

    #[test]
    fn what_is_no_text_has_its_place() {
        let said = |content: &[u8]| {
            let read = Fault::unless_text("f", content.into());
            read.unwrap_or_else(|fault| fault.to_string())
        };
        let words = "here is a byte that is not UTF-8: expected a file of text in UTF-8";
        assert_eq!(
            said(b"[log]\r\n# \xc3\xa9 \xe9\xff\na = 1"),
            format!("f:2:5: {words}\n    # é \u{fffd}\u{fffd}\n        ^")
        );
        assert_eq!(
            said(b"\n\nsecret = \"\xff\""),
            format!("f:3:11: {words}"),
            "of a secret nothing is shown"
        );
        for marks in ["\"\"\"", "'''"] {
            let content = format!("# {marks}\n# {marks}\nsecret = {marks}\nhunter2");
            let content = [content.as_bytes(), b"\xff\n", marks.as_bytes()].concat();
            assert_eq!(said(&content), format!("f:4:8: {words}"), "nor of one of several lines");
        }
        assert_eq!(
            said(b"a\n\xe2\x82"),
            format!("f:2:1: {words}\n    \u{fffd}\n    ^"),
            "cut off at the end"
        );
        assert_eq!(said("[log]\n# é".as_bytes()), "[log]\n# é");
    }

    #[test]
    fn of_many_names_the_likeliest_is_guessed() {
        let names = "`connections_max`, `channels_max`, `c`, `d`, `e`, `f`, `g`, `h`, `i`, `j`, `k`, `l`, `m`, `n`, `o`";
        let said = |wrong: &str| in_plain_words(&format!("unknown field `{wrong}`, expected one of {names}"));
        assert!(said("chanels_max").contains("unknown option `chanels_max`: did you mean `channels_max`?"));
        assert_eq!(said("zzz"), "unknown option `zzz` (rcomet check-config lists all options)");
        assert!(
            in_plain_words("unknown field `x`, expected one of `a`, `b`")
                .ends_with("expected one of `a`, `b`")
        );
    }

    #[test]
    fn a_line_is_marked_without_its_indentation() {
        let fault = Fault::in_line("f.conf", "a:\r\n\tb: c \r\n", 2, "no");
        assert_eq!(fault.to_string(), "f.conf:2:2: no\n    \tb: c \n    \t^^^^");
        assert_eq!(Fault::in_line("f", "\n", 1, "no").to_string(), "f:1:1: no\n    \n    ^");
    }
}
