//! Parameters of a request: from its query, and from a body that is a form or a JSON object.
//! Knows nothing of what they are for. Lenient as `protocols/icomet.md` section 2.4 asks: what can be read is read.
use std::borrow::Cow;
use std::ops::Range;

use serde::Deserializer as _;
use serde_json::value::RawValue;

/// Where parameters are looked up: the body wins over the query, and within one of them the first occurrence wins.
/// Names are compared without regard to case.
#[derive(Debug, Default)]
pub struct Params<'b> {
    query: &'b str,
    body: Body<'b>,
    /// Where the first pairs stand, those of the body before those of the query: a request asks for a handful of names,
    /// and should not be read anew for each.
    noted: [Pair; NOTED],
    /// How many are noted of the body, and of both.
    counts: (u8, u8),
    /// What stands behind the pairs noted in each.
    rest: (u32, u32),
    /// A bit for each length that a name has; most names that are asked for are not there.
    lengths: u32,
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
    pub fn of_query(query: &'b str) -> Self {
        Self { query, ..Self::default() }.noted()
    }

    /// Parameters of a query and a body.
    ///
    /// # Errors
    /// [`Unreadable`] when the body's type promises something that the body does not hold.
    pub fn of(query: &'b str, content_type: Option<&[u8]>, body: &'b [u8]) -> Result<Self, Unreadable> {
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
        let (mut count, mut lengths) = (0, 0);
        let mut note = |form: &[u8]| {
            let mut start = 0;
            while count < NOTED && start < form.len() {
                let Some(pair) = Pair::at(form, start) else { break };
                self.noted[count] = pair;
                lengths |= length_bit(usize::from(pair.sign - pair.start));
                count += 1;
                start = usize::from(pair.end) + 1;
            }
            if start < form.len() {
                // Who knows what stands there.
                lengths = u32::MAX;
            }
            (count as u8, start.min(form.len()) as u32)
        };
        let (of_body, body_rest) = match &self.body {
            Body::Form(form) => note(form),
            Body::Nothing | Body::Json(_) => (0, 0),
        };
        let (of_both, query_rest) = note(self.query.as_bytes());
        self.counts = (of_body, of_both);
        self.rest = (body_rest, query_rest);
        self.lengths = if let Body::Json(_) = self.body { u32::MAX } else { lengths };
        self
    }

    /// The value of `name`, decoded; bytes that are not UTF-8 become U+FFFD. A JSON value that is not a string is
    /// given as its JSON text.
    pub fn get(&self, name: &str) -> Option<Cow<'b, str>> {
        if self.lengths & length_bit(name.len()) == 0 {
            return None;
        }
        let (of_body, of_both) = (usize::from(self.counts.0), usize::from(self.counts.1));
        let in_body = match &self.body {
            Body::Nothing => None,
            Body::Form(form) => {
                let place = find(form, &self.noted[..of_body], self.rest.0, name);
                place.map(|place| decoded(&form[place]))
            }
            Body::Json(members) => {
                let member = members.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
                member.map(|(_, value)| json_text(value))
            }
        };
        in_body.or_else(|| {
            let place = find(self.query.as_bytes(), &self.noted[of_body..of_both], self.rest.1, name)?;
            Some(query_text(self.query.get(place)?))
        })
    }

    /// The value of `name` in the query, whatever bytes it has.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let mut pairs = self.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let (_, value) = pairs.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(decoded_bytes(value.as_bytes()))
    }

    /// The value of `name` in the query, however it is spelled there: browsers and libraries write `id[]` as `id%5B%5D`.
    pub fn get_spelled(&self, name: &str) -> Option<Cow<'b, str>> {
        self.get(name).or_else(|| self.spelled(name).map(query_text))
    }

    /// The same, whatever bytes it has.
    pub fn bytes_spelled(&self, name: &str) -> Option<Vec<u8>> {
        self.bytes(name).or_else(|| self.spelled(name).map(|value| decoded_bytes(value.as_bytes())))
    }

    /// What stands behind a name that is not spelled as it is written.
    fn spelled(&self, name: &str) -> Option<&'b str> {
        let mut pairs = self.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        // What cannot be it for its length is not looked at: a query may have very many.
        let lengths = name.len()..=3 * name.len();
        let is_meant = |spelled: &str| {
            lengths.contains(&spelled.len())
                && !is_plain(spelled.as_bytes())
                && decoded(spelled.as_bytes()).eq_ignore_ascii_case(name)
        };
        pairs.find(|(spelled, _)| is_meant(spelled)).map(|(_, value)| value)
    }

    /// Every value of `name` in the query, in order.
    pub fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = Cow<'b, str>> + 'p {
        self.query.split('&').filter_map(move |pair| {
            let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
            found.eq_ignore_ascii_case(name).then(|| query_text(value))
        })
    }

    /// The same, with `None` for what is no UTF-8.
    pub fn all_text<'p>(&'p self, name: &'p str) -> impl Iterator<Item = Option<Cow<'b, str>>> + 'p {
        self.query.split('&').filter_map(move |pair| {
            let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
            found.eq_ignore_ascii_case(name).then(|| decoded_text(value.as_bytes()))
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
    pub fn raw_query(&self) -> &'b str {
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

/// The bit that stands for names of this length.
fn length_bit(length: usize) -> u32 {
    1 << (length % 32)
}

/// Where the first value of `name` stands, when these pairs are noted, and the rest begins there.
fn find(form: &[u8], noted: &[Pair], rest: u32, name: &str) -> Option<Range<usize>> {
    for pair in noted {
        let (start, sign, end) = (usize::from(pair.start), usize::from(pair.sign), usize::from(pair.end));
        if sign - start == name.len() {
            let found = &form[start..sign];
            if found == name.as_bytes() || found.eq_ignore_ascii_case(name.as_bytes()) {
                return Some(value_of(sign, end));
            }
        }
    }
    first(form, rest as usize, name)
}

/// The same, when no pair is noted that stands behind `start`.
fn first(form: &[u8], mut start: usize, name: &str) -> Option<Range<usize>> {
    while start < form.len() {
        let length = form[start..].iter().position(|&c| c == b'&').unwrap_or(form.len() - start);
        let pair = &form[start..start + length];
        let sign = pair.iter().position(|&c| c == b'=').unwrap_or(length);
        if pair[..sign].eq_ignore_ascii_case(name.as_bytes()) {
            return Some(value_of(start + sign, start + length));
        }
        start += length + 1;
    }
    None
}

/// The value behind a sign; without a sign it is empty.
fn value_of(sign: usize, end: usize) -> Range<usize> {
    end.min(sign + 1)..end
}

/// One value of a query.
fn query_text(value: &str) -> Cow<'_, str> {
    if is_plain(value.as_bytes()) { Cow::Borrowed(value) } else { decoded(value.as_bytes()) }
}

/// Whether a value stands for itself.
fn is_plain(value: &[u8]) -> bool {
    memchr::memchr2(b'%', b'+', value).is_none()
}

/// One form value: `+` is a blank, `%XX` a byte.
pub fn decoded(value: &[u8]) -> Cow<'_, str> {
    if is_plain(value) {
        // Most are plain, and checking that is cheaper than looking for what is wrong.
        return std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed);
    }
    Cow::Owned(match String::from_utf8(decoded_bytes(value)) {
        Ok(text) => text,
        Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
    })
}

/// The same, if it is UTF-8.
pub fn decoded_text(value: &[u8]) -> Option<Cow<'_, str>> {
    if is_plain(value) {
        return std::str::from_utf8(value).ok().map(Cow::Borrowed);
    }
    String::from_utf8(decoded_bytes(value)).ok().map(Cow::Owned)
}

fn decoded_bytes(value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len());
    for (i, word) in value.split(|&c| c == b'+').enumerate() {
        if i > 0 {
            bytes.push(b' ');
        }
        bytes.extend_from_slice(&super::http1::head::percent_decoded(word));
    }
    bytes
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

/// A string is the text that it holds; anything else is its JSON.
pub fn json_text(value: &RawValue) -> Cow<'_, str> {
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
#[path = "params_tests.rs"]
mod tests;
