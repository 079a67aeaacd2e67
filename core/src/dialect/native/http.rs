//! Requests of the API. Wire: `docs/api.md`.
use std::borrow::Cow;

use serde::Deserialize;

use super::bulk::{publish, unread};
use super::style;
use crate::config::Config;
use crate::conn::Role;
use crate::dialect::{
    Bulk, Decoded, DialectId, Hold, Once, Page, Past, Refusal, Request, Subscribe, Verb, Voice,
};
use crate::hub::From;
use crate::log::Token;
use crate::wire::http1::Method;
use crate::wire::http1::head::{Head, percent_decoded};
use crate::wire::params::Params;

/// Entries of a page, and messages of a history: unless said, and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1_000;

/// Names that cannot be read would all become one.
const NO_TEXT: Refusal = Refusal::Parameter("a channel's name is not UTF-8: expected text, percent-encoded");

const NO_WHO: Refusal = Refusal::Parameter("who is not UTF-8: expected text, percent-encoded");
const NO_TOKEN: Refusal = Refusal::Parameter("a token is not UTF-8: expected text, percent-encoded");

/// What path of the API this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Path<'h> {
    Events,
    History,
    Presence,
    Publish,
    Channels,
    Channel(&'h [u8]),
    Disconnect,
    Stats,
    Explain,
}

fn path<'h>(role: Role, head: &'h Head<'_, '_>) -> Option<Path<'h>> {
    Some(match (role, head.raw_path) {
        (Role::Front | Role::Admin, b"/events") => Path::Events,
        (Role::Front | Role::Admin, b"/history") => Path::History,
        (Role::Front | Role::Admin, b"/presence") => Path::Presence,
        (Role::Front | Role::Admin, b"/publish") => Path::Publish,
        (Role::Admin, b"/channels") => Path::Channels,
        (Role::Admin, b"/disconnect") => Path::Disconnect,
        (Role::Admin, b"/stats") => Path::Stats,
        (Role::Admin, b"/explain") => Path::Explain,
        (Role::Admin, path) => match path.strip_prefix(b"/channels/") {
            // Simple Comet's names for them end so.
            Some(name) if !name.is_empty() && !name.ends_with(b".json") && !name.ends_with(b".jsonp") => {
                Path::Channel(name)
            }
            _ => return None,
        },
        _ => return None,
    })
}

/// Whether a request at the place for publishing is the API's, whoever else publishes there: the push module does, and CComet; there,
/// the query says to which channel, or a form.
pub(in crate::dialect) fn is_publish(head: &Head<'_, '_>) -> bool {
    is_json(head) && names_no_channel(head)
}

/// Whether there is nothing in the query but what the API takes when it publishes.
fn names_no_channel(head: &Head<'_, '_>) -> bool {
    let is_token = |pair: &str| pair.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("token"));
    head.query.is_empty() || head.query.split('&').all(is_token)
}

fn is_json(head: &Head<'_, '_>) -> bool {
    let kind = head.field("content-type").unwrap_or_default();
    let kind = kind.split(|&c| c == b';').next().unwrap_or_default().trim_ascii();
    kind.eq_ignore_ascii_case(b"application/json")
}

/// Whether this is the path at which the API publishes, and others do.
pub(in crate::dialect) fn is_place_of_publish(role: Role, head: &Head<'_, '_>) -> bool {
    path(role, head) == Some(Path::Publish)
}

/// Whether a request in which nobody else finds a channel is meant for the API: it says that its body is JSON, or looks so. curl's
/// `-d` says it is a form.
pub(in crate::dialect) fn is_untold_publish(request: &Request<'_, '_>) -> bool {
    let head = request.head;
    let looks_so = || matches!(request.body.trim_ascii_start().first(), Some(b'{' | b'['));
    head.method == Method::Post
        && head.raw_path == b"/publish"
        && (is_json(head) || names_no_channel(head) && looks_so())
}

/// Whether a request is for the API.
pub(in crate::dialect) fn is_at(role: Role, head: &Head<'_, '_>) -> bool {
    path(role, head).is_some()
}

/// Reads a request.
pub(super) fn decode<'b>(request: &Request<'_, 'b>, _config: &Config) -> Decoded<'b> {
    let head = request.head;
    let mut voice = Voice::new(DialectId::Native, style::POLL);
    let params = Params::of_query(head.query);
    let verb = match path(request.role, head) {
        Some(Path::Events) => {
            voice.style = style_of(head.field("accept").unwrap_or_default());
            only(head, Method::Get, "GET, OPTIONS").and_then(|()| {
                voice.deltas = deltas(&params)?;
                subscribe(head, &params, voice.style)
            })
        }
        Some(Path::History) => {
            only(head, Method::Get, "GET, HEAD, OPTIONS").and_then(|()| history(head, &params))
        }
        Some(Path::Presence) => only(head, Method::Get, "GET, HEAD, OPTIONS").and_then(|()| {
            Ok(Verb::Presence { channels: channels(&params)?, tokens: tokens(head, &params)? })
        }),
        Some(Path::Publish) => only(head, Method::Post, "POST").and_then(|()| {
            if !is_json(head) {
                return Err(Refusal::Body("publishing JSON takes Content-Type: application/json"));
            }
            if !is_publish(head) {
                let words = "publishing JSON takes no query but token: the body names the channels";
                return Err(Refusal::Parameter(words));
            }
            let token = token(head, &params)?.unwrap_or_default();
            publish(request.body)
                .map(|items| Verb::PublishAll(Bulk { items, token, once: once(head, request.body) }))
        }),
        Some(Path::Channels) => {
            only(head, Method::Get, "GET, HEAD").and_then(|()| directory(&params).map(Verb::Directory))
        }
        Some(Path::Channel(name)) => {
            let name = String::from_utf8(percent_decoded(name).into_owned()).map_err(|_| NO_TEXT);
            match head.method {
                Method::Get | Method::Head => name.map(|name| Verb::Describe(name.into())),
                Method::Delete => name.map(|name| Verb::Close(name.into())),
                _ => Err(Refusal::Method("GET, HEAD, DELETE")),
            }
        }
        Some(Path::Stats) => {
            let is_stream = names(head.field("accept").unwrap_or_default(), b"text/event-stream");
            voice.style = if is_stream { style::STATS } else { style::POLL };
            let hold = if is_stream { Hold::Stream } else { Hold::Poll };
            only(head, Method::Get, "GET, HEAD").map(|()| Verb::Stats(hold))
        }
        Some(Path::Explain) => only(head, Method::Get, "GET, HEAD").and_then(|()| explain(&params)),
        Some(Path::Disconnect) => only(head, Method::Post, "POST").and_then(|()| disconnect(request.body)),
        None => Err(Refusal::NotFound),
    };
    Decoded { verb, voice }
}

fn only(head: &Head<'_, '_>, method: Method, methods: &'static str) -> Result<(), Refusal> {
    let fits = head.method == method
        || method == Method::Get && head.method == Method::Head && methods.contains("HEAD");
    if fits { Ok(()) } else { Err(Refusal::Method(methods)) }
}

fn names(accept: &[u8], kind: &[u8]) -> bool {
    quality(accept, kind) > 0
}

/// How much a media type is wanted, in thousandths (RFC 9110, section 12.4.2); 0 where it is not named. Ranges do not count: who
/// sends `*/*` has no wish.
fn quality(accept: &[u8], kind: &[u8]) -> u16 {
    let wanted = |range: &[u8]| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        if !parts.next()?.eq_ignore_ascii_case(kind) {
            return None;
        }
        let weight = parts.find_map(|part| part.strip_prefix(b"q=").or(part.strip_prefix(b"Q=")));
        let Some(weight) = weight else { return Some(1_000) };
        let weight = std::str::from_utf8(weight).ok()?;
        let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
        let thousandths: u16 = format!("{part:0<3}").get(..3)?.parse().ok()?;
        match whole {
            "0" => Some(thousandths),
            "1" => Some(1_000),
            _ => None,
        }
    };
    accept.split(|byte| *byte == b',').filter_map(wanted).max().unwrap_or(0)
}

/// What is wanted most; of equals, event streams, then lines.
fn style_of(accept: &[u8]) -> u8 {
    let kinds = [
        (style::EVENTS, &b"text/event-stream"[..]),
        (style::LINES, b"application/x-ndjson"),
        (style::POLL, b"application/json"),
    ];
    let mut best = (style::EVENTS, 0);
    for (style, kind) in kinds {
        let quality = quality(accept, kind);
        if quality > best.1 {
            best = (style, quality);
        }
    }
    best.0
}

fn channels<'b>(params: &Params<'b>) -> Result<Vec<Cow<'b, str>>, Refusal> {
    let said = params.all_text("channel").map(|name| name.ok_or(NO_TEXT));
    let names: Vec<Cow<'b, str>> =
        said.filter(|name| !matches!(name, Ok(name) if name.is_empty())).collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err(Refusal::Parameter("the parameter channel is missing: name one channel or more"));
    }
    Ok(names)
}

fn directory<'b>(params: &Params<'b>) -> Result<Page<'b>, Refusal> {
    let busiest = match params.get("sort").as_deref() {
        None | Some("") => false,
        Some("subscribers") => true,
        Some(other) => return Err(Refusal::value("sort", other, "subscribers, or nothing")),
    };
    let after = text(params, "after")?;
    let prefix = text(params, "prefix")?.unwrap_or_default();
    Ok(Page { prefix, after, limit: limit(params)?, busiest })
}

/// A channel's name, or a part of one; an empty one is none.
pub(in crate::dialect) fn text<'b>(params: &Params<'b>, name: &str) -> Result<Option<Cow<'b, str>>, Refusal> {
    readable(params, name, NO_TEXT)
}

/// Some text, if it can be read; an empty one is none.
fn readable<'b>(params: &Params<'b>, name: &str, unread: Refusal) -> Result<Option<Cow<'b, str>>, Refusal> {
    let said = params.all_text(name).next().map(|text| text.ok_or(unread)).transpose()?;
    Ok(said.filter(|text| !text.is_empty()))
}

fn channel<'b>(params: &Params<'b>) -> Result<Cow<'b, str>, Refusal> {
    text(params, "channel")?
        .ok_or(Refusal::Parameter("the parameter channel, the channel's name, is missing or empty"))
}

fn explain<'b>(params: &Params<'b>) -> Result<Verb<'b>, Refusal> {
    let client = number(params, "client", "the number of one client, as an explanation of all names them")?;
    let seq = match number(params, "seq", "the message's number in its channel, from 1")? {
        None => Err(Refusal::Parameter("the parameter seq, the message's number in its channel, is missing")),
        Some(0) => Err(Refusal::value("seq", "0", "the message's number in its channel, from 1")),
        Some(seq) => Ok(seq),
    };
    Ok(Verb::Explain { channel: channel(params)?, seq: seq?, client })
}

/// The token of the query, or of the field that programs use.
pub(super) fn token<'b>(head: &Head<'_, 'b>, params: &Params<'b>) -> Result<Option<Cow<'b, str>>, Refusal> {
    Ok(readable(params, "token", NO_TOKEN)?.or_else(|| bearer(head)))
}

fn bearer<'b>(head: &Head<'_, 'b>) -> Option<Cow<'b, str>> {
    let field = head.field("authorization")?;
    let is_bearer = field.len() > 7 && field[..7].eq_ignore_ascii_case(b"bearer ");
    is_bearer.then(|| String::from_utf8_lossy(field[7..].trim_ascii()))
}

/// The same where there may be one for each channel.
fn tokens<'b>(head: &Head<'_, 'b>, params: &Params<'b>) -> Result<Vec<Cow<'b, str>>, Refusal> {
    let said = params.all_text("token").map(|token| token.ok_or(NO_TOKEN));
    let mut tokens: Vec<Cow<'b, str>> = said.collect::<Result<_, _>>()?;
    if tokens.iter().all(|token| token.is_empty()) {
        tokens = bearer(head).into_iter().collect();
    }
    Ok(tokens)
}

/// What a publisher knows its request by. The field is a string in quotation marks (RFC 9651, section 3.3.3); many write none.
fn once(head: &Head<'_, '_>, body: &[u8]) -> Option<Box<Once>> {
    let field = head.field("idempotency-key")?.trim_ascii();
    let inside = field.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(field);
    let mut print = [0; 32];
    print.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, body).as_ref());
    Some(Box::new(Once { key: String::from_utf8_lossy(inside).into_owned(), print }))
}

/// How many are wanted at once; more than there may be are so many.
pub(in crate::dialect) fn limit(params: &Params<'_>) -> Result<usize, Refusal> {
    let asked = number(params, "limit", "a whole number from 1, 1000 at most count")?;
    match asked {
        None => Ok(PAGE),
        Some(0) => Err(Refusal::value("limit", "0", "a whole number from 1, 1000 at most count")),
        Some(n) => Ok(usize::try_from(n).unwrap_or(PAGE_MAX).min(PAGE_MAX)),
    }
}

/// A number of the query, in digits and nothing else; one that is too large to be counted is the largest. An empty value is none.
pub(in crate::dialect) fn number(
    params: &Params<'_>,
    name: &str,
    expected: &str,
) -> Result<Option<u64>, Refusal> {
    let Some(said) = params.get(name).filter(|said| !said.is_empty()) else { return Ok(None) };
    digits(&said).map(Some).ok_or_else(|| Refusal::value(name, &said, expected))
}

fn digits(said: &str) -> Option<u64> {
    let is_number = !said.is_empty() && said.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| said.parse().unwrap_or(u64::MAX))
}

fn subscribe<'b>(head: &Head<'_, 'b>, params: &Params<'b>, style: u8) -> Result<Verb<'b>, Refusal> {
    let channels = channels(params)?;
    let who = readable(params, "who", NO_WHO)?;
    let rosters = if who.is_some() { rosters(params, channels.len())? } else { Vec::new() };
    Ok(Verb::Subscribe(Subscribe {
        channels,
        rosters,
        from: begins(head, params)?,
        hold: if style == style::POLL { Hold::Poll } else { Hold::Stream },
        tokens: tokens(head, params)?,
        who,
        wait_ms: number(params, "wait", "whole seconds, from 0")?.map(|s| s.saturating_mul(1_000)),
    }))
}

/// Whether messages are to be told by what differs from the one before.
fn deltas(params: &Params<'_>) -> Result<bool, Refusal> {
    match params.get("delta").as_deref() {
        None | Some("" | "0") => Ok(false),
        Some("1") => Ok(true),
        Some(other) => Err(Refusal::value("delta", other, "1 for messages as deltas, or 0")),
    }
}

/// Up to where a subscriber knows each of the channels' rosters.
fn rosters(params: &Params<'_>, channels: usize) -> Result<Vec<u64>, Refusal> {
    let expected =
        "the number of the last change that was heard of, once for each channel and in their order";
    let number = |text: Cow<'_, str>| digits(&text).ok_or_else(|| Refusal::value("roster", &text, expected));
    let said: Vec<u64> = params.all("roster").map(number).collect::<Result<_, _>>()?;
    if said.is_empty() || said.len() == channels {
        return Ok(said);
    }
    Err(Refusal::Parameter(
        "roster is the number of the last change that was heard of, once for each channel and in their order",
    ))
}

/// Where a subscription begins. An event source that comes back by itself says where in a field, and its URL is old by then;
/// what it says was once an id, so if it is none that we give, its place is not known, and that is told.
fn begins(head: &Head<'_, '_>, params: &Params<'_>) -> Result<From, Refusal> {
    if let Some(id) = head.field("last-event-id").filter(|id| !id.is_empty()) {
        let token = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
        return Ok(From::Shown(token.unwrap_or(Token::UNKNOWN)));
    }
    if let Some(cursor) = params.get("cursor").filter(|cursor| !cursor.is_empty()) {
        return shown(&cursor);
    }
    match params.get("history").as_deref() {
        None | Some("" | "0") => Ok(From::New),
        Some("all") => Ok(From::Oldest),
        Some(said) => digits(said).map(From::Newest).ok_or_else(|| {
            Refusal::value("history", said, "how many of the newest messages to begin with, or all")
        }),
    }
}

/// Behind a cursor, which has to look like one.
pub(super) fn shown(cursor: &str) -> Result<From, Refusal> {
    let expected = "the 32 characters of one that was given";
    cursor.parse().map(From::Shown).map_err(|_| Refusal::value("cursor", cursor, expected))
}

fn history<'b>(head: &Head<'_, 'b>, params: &Params<'b>) -> Result<Verb<'b>, Refusal> {
    let limit = limit(params)?;
    let from = match params.get("cursor").filter(|cursor| !cursor.is_empty()) {
        Some(cursor) => shown(&cursor)?,
        None => From::Newest(limit as u64),
    };
    let token = token(head, params)?.unwrap_or_default();
    Ok(Verb::History(Past { channel: channel(params)?, from, limit, token }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whom {
    channel: Option<String>,
    who: Option<String>,
    client: Option<String>,
}

fn disconnect<'b>(body: &[u8]) -> Result<Verb<'b>, Refusal> {
    let shape = "expected {\"channel\": NAME}, {\"channel\": NAME, \"who\": NAME}, or {\"client\": ID}";
    match serde_json::from_slice(body).map_err(|_| unread(body, shape))? {
        Whom { channel: Some(channel), who, client: None } => {
            Ok(Verb::Disconnect { channel: channel.into(), who: who.map(Into::into) })
        }
        Whom { channel: None, who: None, client: Some(id) } => {
            Ok(Verb::DisconnectClient(id.parse().map_err(|_| Refusal::NoClient)?))
        }
        _ => Err(Refusal::Parameter(shape)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_most_is_told_in_its_way() {
        for (accept, wanted) in [
            ("", style::EVENTS),
            ("*/*", style::EVENTS),
            ("text/event-stream", style::EVENTS),
            ("application/json", style::POLL),
            ("APPLICATION/JSON", style::POLL),
            ("application/json, text/event-stream;q=0.5", style::POLL),
            ("application/json;q=0.2, text/event-stream; q=0.5", style::EVENTS),
            ("application/json, text/event-stream", style::EVENTS),
            ("application/x-ndjson, */*;q=0.1", style::LINES),
            ("text/event-stream;q=0, application/json;q=0.1", style::POLL),
            ("application/json;q=nan", style::EVENTS),
            ("application/json;charset=utf-8;Q=1", style::POLL),
        ] {
            assert_eq!(style_of(accept.as_bytes()), wanted, "{accept}");
        }
    }
}
