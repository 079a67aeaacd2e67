//! Requests of the API. Wire: `docs/api.md`.
use std::borrow::Cow;

use serde::Deserialize;

use super::bulk::publish;
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
        (Role::Front | Role::Admin, b"/publish") if is_publish(head) => Path::Publish,
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

/// The push module publishes at the same path, and CComet does; there, the query says to which channel, or a form.
fn is_publish(head: &Head<'_, '_>) -> bool {
    let kind = head.field("content-type").unwrap_or_default();
    head.query.is_empty() && kind.len() >= 16 && kind[..16].eq_ignore_ascii_case(b"application/json")
}

/// Whether a request that names no channel looks like one of the API that does not say that its body is JSON: curl's `-d` says it
/// is a form.
pub(in crate::dialect) fn is_untold_publish(request: &Request<'_, '_>) -> bool {
    let head = request.head;
    let body = request.body.trim_ascii_start();
    head.method == Method::Post
        && head.raw_path == b"/publish"
        && head.query.is_empty()
        && matches!(body.first(), Some(b'{' | b'['))
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
            only(head, Method::Get, "GET, OPTIONS").and_then(|()| subscribe(head, &params, voice.style))
        }
        Some(Path::History) => {
            only(head, Method::Get, "GET, HEAD, OPTIONS").and_then(|()| history(head, &params))
        }
        Some(Path::Presence) => only(head, Method::Get, "GET, HEAD, OPTIONS").and_then(|()| {
            Ok(Verb::Presence { channels: channels(&params)?, tokens: tokens(head, &params) })
        }),
        Some(Path::Publish) => only(head, Method::Post, "POST").and_then(|()| {
            let token = token(head, &params).unwrap_or_default();
            publish(request.body)
                .map(|items| Verb::PublishAll(Bulk { items, token, once: once(head, request.body) }))
        }),
        Some(Path::Channels) => only(head, Method::Get, "GET, HEAD").map(|()| {
            let limit = limit(&params);
            let after = params.get("after").filter(|name| !name.is_empty());
            let busiest = params.get("sort").as_deref() == Some("subscribers");
            Verb::Directory(Page { prefix: params.get("prefix").unwrap_or_default(), after, limit, busiest })
        }),
        Some(Path::Channel(name)) => {
            let name = String::from_utf8_lossy(&percent_decoded(name)).into_owned();
            match head.method {
                Method::Get | Method::Head => Ok(Verb::Describe(name.into())),
                Method::Delete => Ok(Verb::Close(name.into())),
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
    let names: Vec<Cow<'b, str>> = params.all("channel").filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(Refusal::Parameter("the parameter channel is missing: name one channel or more"));
    }
    Ok(names)
}

fn channel<'b>(params: &Params<'b>) -> Result<Cow<'b, str>, Refusal> {
    let name = params.get("channel").filter(|name| !name.is_empty());
    name.ok_or(Refusal::Parameter("the parameter channel, the channel's name, is missing or empty"))
}

fn explain<'b>(params: &Params<'b>) -> Result<Verb<'b>, Refusal> {
    let seq = params.get("seq").and_then(|seq| seq.parse().ok()).filter(|seq| *seq > 0);
    let client = match params.get("client").filter(|client| !client.is_empty()) {
        None => None,
        Some(client) => Some(client.parse().map_err(|_| {
            Refusal::Parameter("client is the number of one client, as an explanation of all names them")
        })?),
    };
    Ok(Verb::Explain {
        channel: channel(params)?,
        seq: seq.ok_or(Refusal::Parameter(
            "seq, the message's number in its channel, is missing, or is no number from 1",
        ))?,
        client,
    })
}

/// The token of the query, or of the field that programs use.
pub(super) fn token<'b>(head: &Head<'_, 'b>, params: &Params<'b>) -> Option<Cow<'b, str>> {
    params.get("token").or_else(|| {
        let field = head.field("authorization")?;
        let is_bearer = field.len() > 7 && field[..7].eq_ignore_ascii_case(b"bearer ");
        is_bearer.then(|| String::from_utf8_lossy(field[7..].trim_ascii()))
    })
}

/// The same where there may be one for each channel.
fn tokens<'b>(head: &Head<'_, 'b>, params: &Params<'b>) -> Vec<Cow<'b, str>> {
    let mut tokens: Vec<Cow<'b, str>> = params.all("token").collect();
    if tokens.is_empty() {
        tokens.extend(token(head, params));
    }
    tokens
}

/// What a publisher knows its request by. The field is a string in quotation marks (RFC 9651, section 3.3.3); many write none.
fn once(head: &Head<'_, '_>, body: &[u8]) -> Option<Box<Once>> {
    let field = head.field("idempotency-key")?.trim_ascii();
    let inside = field.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(field);
    let mut print = [0; 32];
    print.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, body).as_ref());
    Some(Box::new(Once { key: String::from_utf8_lossy(inside).into_owned(), print }))
}

fn limit(params: &Params<'_>) -> usize {
    let asked = params.integer("limit").and_then(|n| usize::try_from(n).ok());
    asked.unwrap_or(PAGE).clamp(1, PAGE_MAX)
}

fn subscribe<'b>(head: &Head<'_, 'b>, params: &Params<'b>, style: u8) -> Result<Verb<'b>, Refusal> {
    let channels = channels(params)?;
    let who = params.get("who").filter(|who| !who.is_empty());
    let rosters = if who.is_some() { rosters(params, channels.len())? } else { Vec::new() };
    Ok(Verb::Subscribe(Subscribe {
        channels,
        rosters,
        from: begins(head, params)?,
        hold: if style == style::POLL { Hold::Poll } else { Hold::Stream },
        tokens: tokens(head, params),
        who,
        wait_ms: params.integer("wait").map(|s| u64::try_from(s).unwrap_or(0).saturating_mul(1_000)),
    }))
}

/// Up to where a subscriber knows each of the channels' rosters.
fn rosters(params: &Params<'_>, channels: usize) -> Result<Vec<u64>, Refusal> {
    let number = |text: Cow<'_, str>| text.parse().ok();
    let said: Option<Vec<u64>> = params.all("roster").map(number).collect();
    said.filter(|said| said.is_empty() || said.len() == channels).ok_or(Refusal::Parameter(
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
        Some(n) => n.parse().map(From::Newest).map_err(|_| {
            Refusal::Parameter("history is how many of the newest messages to begin with, or all")
        }),
    }
}

fn shown(cursor: &str) -> Result<From, Refusal> {
    let token = cursor.parse().map(From::Shown);
    token
        .map_err(|_| Refusal::Parameter("the cursor is none: it has the 32 characters of one that was given"))
}

fn history<'b>(head: &Head<'_, 'b>, params: &Params<'b>) -> Result<Verb<'b>, Refusal> {
    let limit = limit(params);
    let from = match params.get("cursor").filter(|cursor| !cursor.is_empty()) {
        Some(cursor) => shown(&cursor)?,
        None => From::Newest(limit as u64),
    };
    let token = token(head, params).unwrap_or_default();
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
    match serde_json::from_slice(body).map_err(|_| Refusal::Parameter(shape))? {
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
