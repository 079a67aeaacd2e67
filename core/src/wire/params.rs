//! Parameters of a request: from its query, and from a body that is a form or a JSON object.
//! Knows nothing of what they are for. Lenient as `protocols/icomet.md` section 2.4 asks: what can be read is read.
use std::borrow::Cow;

use serde::Deserializer as _;
use serde_json::value::RawValue;

/// Where parameters are looked up: the body wins over the query, and within one of them the first occurrence wins.
/// Names are compared without regard to case.
#[derive(Debug, Default)]
pub struct Params<'b> {
    query: &'b [u8],
    body: Body<'b>,
    /// Where the first pairs stand, those of the body before those of the query: a request asks for a handful of names,
    /// and should not be read anew for each.
    noted: [Pair; NOTED],
    /// How many are noted of the body, and of both.
    counts: (u8, u8),
    /// What stands behind the pairs noted in each.
    rest: (u32, u32),
}

#[derive(Debug, Default)]
enum Body<'b> {
    #[default]
    Nothing,
    /// `name=value&...`, whatever its declared type.
    Form(&'b [u8]),
    /// One JSON object.
    Json(Vec<(Cow<'b, str>, &'b RawValue)>),
}

/// As many pairs as most requests have.
const NOTED: usize = 8;

/// Places in a form: of a name, of the sign behind it, of the end.
#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    start: u16,
    sign: u16,
    end: u16,
}

/// Why a body has no parameters to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// Declared as JSON, but not one JSON object.
    Json,
    /// Multipart, which is not understood here.
    Multipart,
}

impl<'b> Params<'b> {
    /// Parameters of a query alone.
    pub fn of_query(query: &'b [u8]) -> Self {
        Self { query, ..Self::default() }.noted()
    }

    /// Parameters of a query and a body.
    ///
    /// # Errors
    /// [`Unreadable`] when the body's type promises something that the body does not hold.
    pub fn of(query: &'b [u8], content_type: Option<&[u8]>, body: &'b [u8]) -> Result<Self, Unreadable> {
        if body.is_empty() {
            return Ok(Self::of_query(query));
        }
        let kind =
            content_type.unwrap_or_default().split(|&c| c == b';').next().unwrap_or_default().trim_ascii();
        let is = |name: &str| kind.eq_ignore_ascii_case(name.as_bytes());
        let body = if is("application/json") {
            Body::Json(json_object(body).ok_or(Unreadable::Json)?)
        } else if kind.len() > 10 && kind[..10].eq_ignore_ascii_case(b"multipart/") {
            return Err(Unreadable::Multipart);
        } else {
            Body::Form(body)
        };
        Ok(Self { query, body, ..Self::default() }.noted())
    }

    /// Notes where pairs stand.
    fn noted(mut self) -> Self {
        let mut count = 0;
        let mut note = |form: &[u8]| {
            let mut start = 0;
            while count < NOTED && start < form.len() {
                let Some(pair) = Pair::at(form, start) else { break };
                self.noted[count] = pair;
                count += 1;
                start = usize::from(pair.end) + 1;
            }
            (count as u8, start.min(form.len()) as u32)
        };
        let (of_body, body_rest) = match &self.body {
            Body::Form(form) => note(form),
            Body::Nothing | Body::Json(_) => (0, 0),
        };
        let (of_both, query_rest) = note(self.query);
        self.counts = (of_body, of_both);
        self.rest = (body_rest, query_rest);
        self
    }

    /// The value of `name`, decoded; bytes that are not UTF-8 become U+FFFD. A JSON value that is not a string is
    /// given as its JSON text.
    pub fn get(&self, name: &str) -> Option<Cow<'b, str>> {
        let (of_body, of_both) = (usize::from(self.counts.0), usize::from(self.counts.1));
        let in_body = match &self.body {
            Body::Nothing => None,
            Body::Form(form) => Self::find(form, &self.noted[..of_body], self.rest.0, name),
            Body::Json(members) => {
                let member = members.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
                member.map(|(_, value)| json_text(value))
            }
        };
        in_body.or_else(|| Self::find(self.query, &self.noted[of_body..of_both], self.rest.1, name))
    }

    fn find(form: &'b [u8], noted: &[Pair], rest: u32, name: &str) -> Option<Cow<'b, str>> {
        for pair in noted {
            if usize::from(pair.sign - pair.start) == name.len() {
                let found = &form[usize::from(pair.start)..usize::from(pair.sign)];
                if found == name.as_bytes() || found.eq_ignore_ascii_case(name.as_bytes()) {
                    // Without a sign, the value is empty.
                    let value = form.get(usize::from(pair.sign) + 1..usize::from(pair.end));
                    return Some(decoded(value.unwrap_or_default()));
                }
            }
        }
        first(&form[rest as usize..], name)
    }

    /// Every value of `name` in the query, in order.
    pub fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = Cow<'b, str>> + 'p {
        self.query.split(|&c| c == b'&').filter_map(move |pair| {
            let sign = pair.iter().position(|&c| c == b'=').unwrap_or(pair.len());
            let is_it = pair[..sign].eq_ignore_ascii_case(name.as_bytes());
            is_it.then(|| decoded(pair.get(sign + 1..).unwrap_or_default()))
        })
    }

    /// The value of `name` as an integer: leading digits with an optional sign, anything else is 0; what is too large
    /// for 64 bits is the largest.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name).map(|text| leading_integer(&text))
    }

    /// Whether `name` is there and neither empty nor `0` nor `false`.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|v| !matches!(&*v, "" | "0" | "false"))
    }

    /// The query as it came.
    pub fn raw_query(&self) -> &'b [u8] {
        self.query
    }
}

impl Pair {
    /// The pair that begins at `start`, unless it ends where a place is too large to be noted.
    fn at(form: &[u8], start: usize) -> Option<Self> {
        let pair = &form[start..];
        // Names are short: a plain loop is over before a search has begun.
        let sign = pair.iter().position(|&c| c == b'=' || c == b'&').unwrap_or(pair.len());
        let end = match pair.get(sign) {
            Some(b'=') => memchr::memchr(b'&', &pair[sign..]).map_or(pair.len(), |at| sign + at),
            _ => sign,
        };
        let place = |at: usize| u16::try_from(start + at).ok();
        Some(Self { start: place(0)?, sign: place(sign)?, end: place(end)? })
    }
}

/// The first value of `name` in what is not noted.
fn first<'b>(form: &'b [u8], name: &str) -> Option<Cow<'b, str>> {
    if form.is_empty() {
        return None;
    }
    form.split(|&c| c == b'&').find_map(|pair| {
        let sign = pair.iter().position(|&c| c == b'=').unwrap_or(pair.len());
        let is_it = pair[..sign].eq_ignore_ascii_case(name.as_bytes());
        is_it.then(|| decoded(pair.get(sign + 1..).unwrap_or_default()))
    })
}

/// One form value: `+` is a blank, `%XX` a byte.
pub fn decoded(value: &[u8]) -> Cow<'_, str> {
    if memchr::memchr2(b'%', b'+', value).is_none() {
        // Most are plain, and checking that is cheaper than looking for what is wrong.
        return std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed);
    }
    let mut bytes = Vec::with_capacity(value.len());
    for (i, word) in value.split(|&c| c == b'+').enumerate() {
        if i > 0 {
            bytes.push(b' ');
        }
        bytes.extend_from_slice(&super::http1::head::percent_decoded(word));
    }
    Cow::Owned(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
    })
}

fn leading_integer(text: &str) -> i64 {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut n: i64 = 0;
    for d in digits.iter().take_while(|d| d.is_ascii_digit()) {
        n = n.saturating_mul(10).saturating_add(i64::from(d - b'0'));
    }
    if negative { -n } else { n }
}

fn json_object(body: &[u8]) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    struct Members;
    impl<'de> serde::de::Visitor<'de> for Members {
        type Value = Vec<(Cow<'de, str>, &'de RawValue)>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a JSON object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                members.push((Cow::Owned(name), value));
            }
            Ok(members)
        }
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let members = serde::Deserializer::deserialize_map(&mut json, Members).ok()?;
    json.end().ok()?;
    Some(members)
}

fn json_text(value: &RawValue) -> Cow<'_, str> {
    let Ok(bytes) = serde_json::Deserializer::from_str(value.get()).deserialize_bytes(StringBytes) else {
        return Cow::Borrowed(value.get());
    };
    Cow::Owned(match String::from_utf8(bytes) {
        Ok(text) => text,
        // Half a surrogate pair, which JSON can say and UTF-8 cannot.
        Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
    })
}

/// A JSON string as bytes: what is not Unicode comes too.
struct StringBytes;

impl serde::de::Visitor<'_> for StringBytes {
    type Value = Vec<u8>;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON string")
    }
    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query<'b>(query: &'b str, name: &str) -> Option<Cow<'b, str>> {
        Params::of_query(query.as_bytes()).get(name)
    }

    #[test]
    fn values_are_decoded() {
        assert_eq!(query("a=x%20y+z%2B", "a").as_deref(), Some("x y z+"));
        assert_eq!(query("a=%zz%4", "a").as_deref(), Some("%zz%4"));
        assert_eq!(query("a=%ff", "a").as_deref(), Some("\u{fffd}"));
        assert_eq!(query("a=x%00y", "a").as_deref(), Some("x\0y"));
        assert_eq!(query("a=b=c", "a").as_deref(), Some("b=c"));
    }

    #[test]
    fn one_odd_segment_does_not_cost_the_others() {
        for odd in ["&flag", "&&", "&=x", "&\"<>\\^`{|}[]", "&%", "&\u{e4}"] {
            let text = format!("cname=a{odd}&content=b");
            assert_eq!(query(&text, "cname").as_deref(), Some("a"), "{odd}");
            assert_eq!(query(&text, "content").as_deref(), Some("b"), "{odd}");
        }
    }

    #[test]
    fn the_first_wins_and_case_does_not_matter() {
        assert_eq!(query("CNAME=1&cname=2", "cname").as_deref(), Some("1"));
        assert_eq!(query("a;b=1", "b"), None);
        assert_eq!(query("", "a"), None);
    }

    #[test]
    fn what_is_noted_is_what_stands_there() {
        let mut chance = crate::chance::Chance::from_seed(1);
        let mut beyond = 0;
        for _ in 0..20_000 {
            let mut text = |most: u64| -> Vec<u8> {
                (0..chance.below(most)).map(|_| b"abAB&&&==;%"[chance.below(11) as usize]).collect()
            };
            let (query, body) = (text(60), text(40));
            let params = Params::of(&query, None, &body).unwrap();
            beyond += usize::from((params.rest.1 as usize) < query.len());
            for name in ["a", "b", "ab", "aa", ";"] {
                // What a search through all of it finds, which knows no places.
                let found = first(&body, name).or_else(|| first(&query, name));
                assert_eq!(params.get(name), found, "{name} in {}", String::from_utf8_lossy(&query));
            }
        }
        assert!(beyond > 1_000, "{beyond}");
        // Places beyond those that can be noted.
        let long = format!("a={}&b=2&c=3", "x".repeat(70_000));
        assert_eq!(["a", "b", "c"].map(|n| query(&long, n).unwrap().len()), [70_000, 1, 1]);
        let long = format!("b=2&a={}&c=3", "x".repeat(70_000));
        assert_eq!(["a", "b", "c"].map(|n| query(&long, n).unwrap().len()), [70_000, 1, 1]);
    }

    #[test]
    fn the_body_wins_over_the_query() {
        let params = Params::of(b"cname=q&x=1", None, b"cname=b&content=hi%21").unwrap();
        assert_eq!(params.get("cname").as_deref(), Some("b"));
        assert_eq!(params.get("content").as_deref(), Some("hi!"));
        assert_eq!(params.get("x").as_deref(), Some("1"));
    }

    #[test]
    fn a_json_body_is_understood() {
        let of = |body: &'static str| {
            Params::of(b"cname=q", Some(b"application/json; charset=utf-8"), body.as_bytes())
        };
        let params = of(r#"{"Cname":"j","content":"a\"\u00e4\n","seq":7,"data":{"x":[1,2]}}"#).unwrap();
        assert_eq!(params.get("cname").as_deref(), Some("j"));
        assert_eq!(params.get("content").as_deref(), Some("a\"ä\n"));
        assert_eq!(params.integer("seq"), Some(7));
        assert_eq!(params.get("data").as_deref(), Some(r#"{"x":[1,2]}"#));
        let half = of(r#"{"a":"x\ud800y","b":[1],"c":null,"d":"\ud83d\ude00"}"#).unwrap();
        assert_eq!(half.get("a").unwrap().replace('\u{fffd}', ""), "xy");
        assert_eq!(["b", "c", "d"].map(|n| half.get(n).unwrap().into_owned()), ["[1]", "null", "😀"]);
        for bad in ["[1]", "{", "{} x", "\"s\""] {
            assert_eq!(of(bad).unwrap_err(), Unreadable::Json, "{bad}");
        }
        let deep = "[".repeat(100_000);
        assert!(Params::of(b"", Some(b"application/json"), format!("{{\"a\":{deep}").as_bytes()).is_err());
    }

    #[test]
    fn multipart_is_refused_rather_than_taken_for_empty() {
        let got = Params::of(b"", Some(b"multipart/form-data; boundary=b"), b"--b--");
        assert_eq!(got.unwrap_err(), Unreadable::Multipart);
    }

    #[test]
    fn integers_are_lenient() {
        let integer = |text: &str| Params::of_query(format!("n={text}").as_bytes()).integer("n").unwrap();
        assert_eq!(
            [integer("7x"), integer("-3"), integer("abc"), integer(""), integer("%2B5")],
            [7, -3, 0, 0, 5]
        );
        assert_eq!(integer("99999999999999999999"), i64::MAX);
        assert_eq!(Params::of_query(b"").integer("n"), None);
    }
}
