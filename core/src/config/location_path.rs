//! The path of a location: which requests it fits, and what it finds in them.
//! Knows nothing of channels.
use std::fmt;

use serde::Deserialize;

use crate::hub::group_of;
use crate::wire::http1::head::{Head, percent_decoded};
use crate::wire::params::Params;

/// A path with names in it: `/sub/{id}`, `/sub?id=`, or `/sub?channel={id}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LocationPath {
    text: String,
    pieces: Vec<Piece>,
    /// Arguments of the query, and what each is called.
    arguments: Vec<(String, String)>,
}

/// A piece between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Fixed(String),
    Named(String),
}

impl LocationPath {
    /// Whether a request's path, as it came, is one of these.
    pub fn fits(&self, raw_path: &[u8]) -> bool {
        let mut given = raw_path.strip_prefix(b"/").unwrap_or(raw_path).split(|&c| c == b'/');
        let each = self.pieces.iter().all(|piece| match (piece, given.next()) {
            // Nearly always it is as plain as it can be.
            (Piece::Fixed(text), Some(given)) => {
                given == text.as_bytes()
                    || (given.contains(&b'%') && *percent_decoded(given) == *text.as_bytes())
            }
            (Piece::Named(_), Some(_)) => true,
            (_, None) => false,
        });
        each && given.next().is_none()
    }

    /// Whether every request that fits another fits this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let covers = |(own, other): (&Piece, &Piece)| matches!(own, Piece::Named(_)) || own == other;
        self.pieces.len() == other.pieces.len() && self.pieces.iter().zip(&other.pieces).all(covers)
    }

    /// What stands where it has names, in their order, and whether all of it is text; `None` when an argument is missing.
    pub(super) fn variables(&self, head: &Head<'_, '_>) -> Option<(Vec<(&str, String)>, bool)> {
        let given = head.raw_path.strip_prefix(b"/").unwrap_or(head.raw_path).split(|&c| c == b'/');
        let (mut found, mut is_text) = (Vec::new(), true);
        for (piece, given) in self.pieces.iter().zip(given) {
            if let Piece::Named(name) = piece {
                let value = percent_decoded(given);
                let text = String::from_utf8_lossy(&value);
                is_text &= text.as_bytes() == &*value;
                found.push((name.as_str(), text.into_owned()));
            }
        }
        let query = Params::of_query(head.query);
        for (argument, name) in &self.arguments {
            let text = query.get_spelled(argument)?;
            // Else nothing has been replaced.
            if text.contains(char::REPLACEMENT_CHARACTER) {
                is_text &= query.bytes_spelled(argument).is_some_and(|value| value == text.as_bytes());
            }
            found.push((name.as_str(), text.into_owned()));
        }
        Some((found, is_text))
    }

    /// The names in it.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let pieces = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Named(name) => Some(name.as_str()),
            Piece::Fixed(_) => None,
        });
        pieces.chain(self.arguments.iter().map(|(_, name)| name.as_str()))
    }
}

impl fmt::Display for LocationPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a text is what it seems to be, in a path or as the name of an argument.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_graphic() && !b"{}?#%&=".contains(&c))
}

/// Whether an argument of a query can be called so, as it is written here.
pub(super) fn is_argument(name: &str) -> bool {
    !name.is_empty() && is_plain(name)
}

/// `{name}`, if that is what it is.
fn named(text: &str) -> Option<&str> {
    let name = text.strip_prefix('{')?.strip_suffix('}')?;
    (!name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')).then_some(name)
}

impl TryFrom<String> for LocationPath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no location's path: expected something like /activity?channel= or /sub/{{id}}"
            )
        };
        let (path, query) = text.split_once('?').unwrap_or((&text, ""));
        // It would be taken word for word, and no request would fit.
        if looks_like_a_pattern(path) {
            return Err(format!(
                "`{text}` looks like a regular expression: write what it captures as /sub/{{id}}, a whole piece of the path"
            ));
        }
        if has_variable(&text) || has_capture(&text) {
            return Err(format!(
                "`{text}` has a variable of nginx in it: write {{name}} for a whole piece of the path, as in /sub/{{id}}, or an argument, \
                 as in /sub?id="
            ));
        }
        let mut pieces = Vec::new();
        for piece in path.strip_prefix('/').ok_or_else(wrong)?.split('/') {
            pieces.push(match named(piece) {
                Some(name) => Piece::Named(name.into()),
                None if is_plain(piece) => Piece::Fixed(piece.into()),
                None => return Err(wrong()),
            });
        }
        let mut arguments = Vec::new();
        for argument in query.split('&').filter(|argument| !argument.is_empty()) {
            let (argument, name) = argument.split_once('=').ok_or_else(wrong)?;
            let name = if name.is_empty() { Some(argument) } else { named(name) };
            let name = name.filter(|_| is_argument(argument)).ok_or_else(wrong)?;
            arguments.push((argument.into(), name.into()));
        }
        let path = Self { pieces, arguments, text };
        let twice =
            path.names().enumerate().find(|(at, name)| path.names().take(*at).any(|one| one == *name));
        match twice {
            Some((_, name)) => Err(format!("`{path}` has two things that are called `{name}`")),
            None => Ok(path),
        }
    }
}

/// Whether a path can hardly be meant word for word: brackets can, unless there is more of a regular expression.
fn looks_like_a_pattern(path: &str) -> bool {
    let is_bracketed = path.contains(['(', ')', '[', ']']);
    let is_range = ["[a-z", "[A-Z", "[0-9"].iter().any(|range| path.contains(range));
    path.contains(['^', '\\', '*', '|'])
        || path.contains(".+")
        || path.ends_with('$')
        || is_bracketed && (is_range || path.contains(['+', '$']))
}

/// Whether a variable of nginx stands in a text: whoever writes one means what it has there.
pub(super) fn has_variable(text: &str) -> bool {
    let mut behind_dollars = text.split('$').skip(1);
    behind_dollars.any(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '{'))
}

/// Whether what a regular expression of nginx captures stands in a text: `$1`. In words for people it may be a price.
pub(super) fn has_capture(text: &str) -> bool {
    text.split('$').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// A channel's id with names in it, such as `user-{id}`, or another text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Vec<Word>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    Name(String),
}

impl Template {
    /// What it makes of these.
    pub(crate) fn fill(&self, variables: &[(&str, String)]) -> String {
        let value = |name: &String| variables.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        let word = |word: &'_ Word| match word {
            Word::Text(text) => text.clone(),
            Word::Name(name) => value(name).to_owned(),
        };
        self.0.iter().map(word).collect()
    }

    /// Whether it may make this: the fixed words at its ends are there, and something for each name.
    pub(super) fn may_be(&self, text: &str) -> bool {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return false };
        let fixed = |word: &Word| if let Word::Text(text) = word { text.clone() } else { String::new() };
        if self.names().next().is_none() {
            return self.0.iter().map(fixed).collect::<String>() == text;
        }
        let rest = text.strip_prefix(&fixed(first)).and_then(|rest| rest.strip_suffix(&fixed(last)));
        rest.is_some_and(|rest| rest.len() >= self.names().count())
    }

    /// The group that its fixed beginning puts its ids into.
    pub(super) fn group(&self) -> Option<&str> {
        match self.0.first() {
            Some(Word::Text(text)) => group_of(text),
            _ => None,
        }
    }

    /// Whether what nginx captures stands in its fixed words: as an id, it would be one channel for everybody.
    pub(super) fn has_capture(&self) -> bool {
        self.0.iter().any(|word| matches!(word, Word::Text(text) if has_capture(text)))
    }

    /// Whether a slash stands in its fixed words.
    pub(super) fn has_slash(&self) -> bool {
        self.0.iter().any(|word| matches!(word, Word::Text(text) if text.contains('/')))
    }

    /// Bytes that it was written with.
    pub(crate) fn len(&self) -> usize {
        let braces = 2 * self.names().count();
        self.0.iter().map(|(Word::Text(text) | Word::Name(text))| text.len()).sum::<usize>() + braces
    }

    /// The names in it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|word| match word {
            Word::Name(name) => Some(name.as_str()),
            Word::Text(_) => None,
        })
    }
}

impl TryFrom<String> for Template {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no text with names in it: expected something like news, {{id}} or user-{{id}}"
            )
        };
        // A fixed text here: one channel for everybody.
        if has_variable(&text) {
            return Err(format!(
                "`{text}` has a variable of nginx in it: write {{name}} for what the path names"
            ));
        }
        let mut words = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}').ok_or_else(wrong)?;
            named(&format!("{{{name}}}")).ok_or_else(wrong)?;
            words.extend([Word::Text(before.into()), Word::Name(name.into())]);
            rest = after;
        }
        if text.is_empty() || rest.contains('}') || text.chars().any(char::is_control) {
            return Err(wrong());
        }
        words.push(Word::Text(rest.into()));
        Ok(Self(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> LocationPath {
        LocationPath::try_from(text.to_owned()).expect(text)
    }

    #[test]
    fn paths_fit_whole_pieces() {
        for (at, fits, does_not) in [
            ("/activity?channel=", "/activity", "/activity/"),
            ("/sub/{id}", "/sub/a%2Fb", "/sub/a/b"),
            ("/sub/{id}", "/su%62/x", "/sub"),
            ("/{a}/x/{b}", "/1/x/2", "/1/y/2"),
            ("/", "/", "/x"),
        ] {
            assert!(path(at).fits(fits.as_bytes()), "{at} {fits}");
            assert!(!path(at).fits(does_not.as_bytes()), "{at} {does_not}");
        }
        assert_eq!(path("/a/{b}?c=&d={e}").names().collect::<Vec<_>>(), ["b", "c", "e"]);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for bad in [
            "",
            "sub",
            "/sub/{",
            "/sub/{}",
            "/sub/x{id}",
            "/sub?",
            "/sub?id",
            "/s?=",
            "/a b",
            "/s?a={",
            "/%41",
        ] {
            let read = LocationPath::try_from(bad.to_owned());
            assert!(read.is_err() || bad == "/sub?", "{bad}");
        }
        for (bad, words) in [
            ("/sub/(.*)$", "looks like a regular expression"),
            ("/sub/(.+)$", "looks like a regular expression"),
            ("/sub/(.*)?x={id}", "looks like a regular expression"),
            ("/sub/(a|b)", "looks like a regular expression"),
            ("/sub/[a-z]+", "looks like a regular expression"),
            ("/sub/[0-9]/{id}", "looks like a regular expression"),
            ("/sub/\\w+", "looks like a regular expression"),
            ("/sub/.+", "looks like a regular expression"),
            ("/sub/.*", "looks like a regular expression"),
            ("/sub/*", "looks like a regular expression"),
            ("/sub$", "looks like a regular expression"),
            ("^/sub/", "looks like a regular expression"),
            ("/sub/$arg_id", "has a variable of nginx in it"),
            ("/sub?channel=$arg_id", "has a variable of nginx in it"),
            ("/sub/$1", "has a variable of nginx in it: write {name} for a whole piece of the path"),
            ("/sub/$1/{id}", "has a variable of nginx in it"),
            ("/sub/a-$2?id=", "has a variable of nginx in it"),
            ("/sub?channel=$1", "has a variable of nginx in it"),
            ("/sub?$1=", "has a variable of nginx in it"),
            ("/sub/{id}/{id}", "two things that are called `id`"),
            ("/sub/{id}?id=", "two things that are called `id`"),
            ("/sub?a={id}&b={id}", "two things that are called `id`"),
        ] {
            let why = LocationPath::try_from(bad.to_owned()).expect_err(bad);
            assert!(why.contains(words), "{bad}: {why}");
        }
        for good in [
            "/$Ub/{id}?a.b+c=",
            "/a$/$-1/{id}?$=",
            "/sub?id[]=",
            "/sub?id[]={id}",
            "/sub?(id)={id}",
            "/sub?a*b|c=",
            "/~bob(1)/{id}",
            "/a[1]/{id}",
            "/c++/{id}",
            "/v1.0/{id}",
        ] {
            assert!(LocationPath::try_from(good.to_owned()).is_ok(), "{good}");
        }
    }

    #[test]
    fn ids_are_made_of_what_was_found() {
        let of = |text: &str| Template::try_from(text.to_owned());
        let variables = [("id", "7".to_owned()), ("who", "ann".to_owned())];
        assert_eq!(of("user-{id}.{who}!").unwrap().fill(&variables), "user-7.ann!");
        assert_eq!(of("news").unwrap().fill(&variables), "news");
        for (template, text, wanted) in [
            ("news", "news", true),
            ("news", "new", false),
            ("{id}", "anything", true),
            ("{id}", "", false),
            ("t-{id}", "t-7", true),
            ("t-{id}", "t-", false),
            ("t-{id}", "u-7", false),
            ("{a}.x", "b.x", true),
            ("{a}.x", "b.y", false),
        ] {
            assert_eq!(of(template).unwrap().may_be(text), wanted, "{template} {text}");
        }
        for bad in ["", "{", "}", "{}", "a{b", "a}b", "{a b}"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
