//! Fields of a form as Python's servers read them: names are told apart by case and decoded like values, a field without
//! `=` is none, and a body that is no form has none (`protocols/simple-comet.md`, section 3).
//! Knows nothing of what they are for.
use std::borrow::Cow;

use super::multipart;
use super::params::decoded;

/// Where fields are looked up: what the body has replaces what the query has, and the first occurrence wins.
#[derive(Debug)]
pub struct Fields<'b> {
    query: &'b [u8],
    body: Body<'b>,
}

#[derive(Debug)]
enum Body<'b> {
    Nothing,
    Form(&'b [u8]),
    Multipart { body: &'b [u8], boundary: Cow<'b, [u8]> },
}

impl<'b> Fields<'b> {
    /// Fields of a query and a body.
    pub fn of(query: &'b [u8], content_type: Option<&'b [u8]>, body: &'b [u8]) -> Self {
        let content_type = content_type.unwrap_or_default();
        let kind = content_type.split(|&c| c == b';').next().unwrap_or_default().trim_ascii();
        let body = if kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            Body::Form(body)
        } else if kind.eq_ignore_ascii_case(b"multipart/form-data")
            && let Some(boundary) = multipart::boundary(content_type)
        {
            Body::Multipart { body, boundary }
        } else {
            Body::Nothing
        };
        Self { query, body }
    }

    /// The value of `name`; bytes that are not UTF-8 become U+FFFD.
    pub fn get(&self, name: &str) -> Option<Cow<'b, str>> {
        let in_body = match &self.body {
            Body::Nothing => None,
            Body::Form(form) => first(form, name),
            Body::Multipart { body, boundary } => {
                let part = multipart::parts(body, boundary).find(|part| part.name == name.as_bytes());
                part.map(|part| String::from_utf8_lossy(part.value))
            }
        };
        in_body.or_else(|| first(self.query, name))
    }
}

fn first<'b>(form: &'b [u8], name: &str) -> Option<Cow<'b, str>> {
    form.split(|&c| c == b'&').find_map(|pair| {
        let at = memchr::memchr(b'=', pair)?;
        (decoded(&pair[..at]) == name).then(|| decoded(&pair[at + 1..]))
    })
}

/// An integer as Python's `int` reads it: white space around it, a sign, single underscores between digits. What is too
/// large for 64 bits is the largest or smallest.
pub fn python_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut n: i64 = 0;
    let mut after_digit = false;
    for &c in digits {
        match c {
            b'0'..=b'9' => {
                let digit = i64::from(c - b'0');
                n = n.saturating_mul(10);
                n = if negative { n.saturating_sub(digit) } else { n.saturating_add(digit) };
                after_digit = true;
            }
            b'_' if after_digit => after_digit = false,
            _ => return None,
        }
    }
    after_digit.then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&[u8]> = Some(b"application/x-www-form-urlencoded; charset=UTF-8");

    fn get(body: &'static str, name: &str) -> Option<String> {
        Fields::of(b"content=q&x=1", FORM, body.as_bytes()).get(name).map(Cow::into_owned)
    }

    #[test]
    fn fields_are_read_as_the_recordings_show() {
        let of = |body: &'static str| get(body, "content");
        assert_eq!(of("content=a%3Bb").as_deref(), Some("a;b"));
        assert_eq!(of("content=a;b").as_deref(), Some("a;b"), "only & splits");
        assert_eq!(of("content=%zz%4").as_deref(), Some("%zz%4"));
        assert_eq!(of("content=a=b==").as_deref(), Some("a=b=="));
        assert_eq!(of("con%74ent=x").as_deref(), Some("x"));
        assert_eq!(of("&&content=x&&").as_deref(), Some("x"));
        assert_eq!(of("content=x+y%0D%0A").as_deref(), Some("x y\r\n"));
        assert_eq!(of("content=a&content=b").as_deref(), Some("a"));
        assert_eq!(of("content=%ff").as_deref(), Some("\u{fffd}"));
        assert_eq!(of("content=").as_deref(), Some(""));
        for other in ["content", "CONTENT=x", ""] {
            assert_eq!(of(other).as_deref(), Some("q"), "{other}: the query's");
        }
        assert_eq!(get("content=x", "x").as_deref(), Some("1"));
        assert_eq!(get("content=x", "y"), None);
    }

    #[test]
    fn a_body_that_is_no_form_has_no_fields() {
        for kind in [None, Some(&b"application/json"[..]), Some(b"text/plain"), Some(b"multipart/form-data")]
        {
            assert_eq!(Fields::of(b"", kind, b"content=x").get("content"), None, "{kind:?}");
        }
    }

    #[test]
    fn multipart_has_fields_and_files() {
        let body = b"--XX\r\nContent-Disposition: form-data; name=\"content\"; filename=\"a.txt\"\r\n\
                     Content-Type: text/plain\r\n\r\nfrom a\r\nfile\r\n--XX\r\n\
                     content-disposition: form-data; name=b\r\n\r\n\r\n--XX--\r\n";
        let fields = Fields::of(b"b=q&c=q", Some(b"multipart/form-data; boundary=\"XX\""), body);
        assert_eq!(fields.get("content").as_deref(), Some("from a\r\nfile"));
        assert_eq!(fields.get("b").as_deref(), Some(""));
        assert_eq!(fields.get("c").as_deref(), Some("q"));
    }

    #[test]
    fn integers_are_pythons() {
        for (text, want) in [
            ("7", Some(7)),
            (" +7 ", Some(7)),
            ("-7", Some(-7)),
            ("1_0", Some(10)),
            ("00", Some(0)),
            ("99999999999999999999", Some(i64::MAX)),
            ("-99999999999999999999", Some(i64::MIN)),
        ] {
            assert_eq!(python_int(text), want, "{text:?}");
        }
        for bad in ["", " ", "+", "1.5", "abc", "1__0", "_1", "1_", "- 1", "undefined", "0x1", "1e3"] {
            assert_eq!(python_int(bad), None, "{bad:?}");
        }
    }
}
