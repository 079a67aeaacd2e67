//! Requests of icomet's two listeners.
use std::borrow::Cow;

use super::form;
use crate::bytes::escape::is_callback;
use crate::config::Config;
use crate::conn::Role;
use crate::dialect::{Ahead, Decoded, DialectId, Hold, Listen, Refusal, Request, Verb, Voice};
use crate::hub::From;
use crate::wire::http1::Method;
use crate::wire::params::Params;

/// Reads a request.
pub(super) fn decode<'b>(request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
    let form = form_of(&request.head.path);
    let mut style = form;
    // Nobody gets messages at the other side.
    let hears = request.role != Role::Admin;
    if hears && (config.icomet.no_batch || request.params.is_on("no_batch")) {
        style |= form::NO_BATCH;
    }
    if !config.icomet.gap_records {
        style |= form::NO_GAPS;
    }
    let mut voice = Voice::new(DialectId::Icomet, style);
    voice.prefix = config.icomet.channel_prefix.bytes();
    let verb = match request.role {
        Role::Admin => admin(request, config),
        _ => front(request, config),
    };
    // Streams have no callback: icomet.js opens `/sse` with all the parameters of `/sub`.
    if form != form::POLL {
        return Decoded { verb, voice };
    }
    match callback(request, config) {
        Ok(before) => {
            voice.before = before;
            Decoded { verb, voice }
        }
        Err(refusal) => Decoded { verb: Err(refusal), voice },
    }
}

fn form_of(path: &[u8]) -> u8 {
    match path {
        b"/stream" => form::STREAM,
        b"/sse" => form::SSE,
        b"/iframe" => form::IFRAME,
        b"/psub" => form::LINES,
        _ => form::POLL,
    }
}

/// The opening of the JSONP call, if one is asked for and this path knows it. An empty `cb` is none.
fn callback(request: &Request<'_, '_>, config: &Config) -> Result<Option<Box<str>>, Refusal> {
    if !matches!(&*request.head.path, b"/sub" | b"/poll" | b"/ping" | b"/push" | b"/pub" | b"/sign") {
        return Ok(None);
    }
    let name = match request.params.get("cb").filter(|name| !name.is_empty()) {
        Some(name) => name,
        // `/ping` is always a call.
        None if &*request.head.path == b"/ping" => Cow::Borrowed("icomet_cb"),
        None => return Ok(None),
    };
    if name.len() > config.limits.callback_bytes_max || !is_callback(name.as_bytes()) {
        return Err(Refusal::Callback);
    }
    let prefix = if config.http.jsonp_prefix { "/**/" } else { "" };
    Ok(Some(format!("{prefix}{name}(").into()))
}

fn front<'b>(request: &Request<'_, 'b>, config: &Config) -> Result<Verb<'b>, Refusal> {
    let get = |hold: Hold| match request.head.method {
        Method::Get => Ok(Verb::Listen(listen(request, hold, config)?)),
        _ => Err(Refusal::Method("GET, OPTIONS")),
    };
    match &*request.head.path {
        b"/sub" | b"/poll" => get(Hold::Poll),
        b"/stream" | b"/sse" | b"/iframe" => get(Hold::Stream),
        b"/ping" => Ok(Verb::Ping),
        b"/push" | b"/pub" if !config.front.publish.is_empty() => {
            let verb = publish(request, config)?;
            match &verb {
                Verb::Publish { channel, .. } if config.front.publish.iter().any(|p| p.matches(channel)) => {
                    Ok(verb)
                }
                _ => Err(Refusal::Publish),
            }
        }
        _ => Err(Refusal::NotFound),
    }
}

fn admin<'b>(request: &Request<'_, 'b>, config: &Config) -> Result<Verb<'b>, Refusal> {
    let params = request.params;
    match &*request.head.path {
        b"/push" | b"/pub" => publish(request, config),
        b"/broadcast" => match request.head.method {
            Method::Get | Method::Post => {
                Ok(Verb::Broadcast { body: params.get("content").unwrap_or_default() })
            }
            _ => Err(Refusal::Method("GET, POST")),
        },
        b"/sign" => {
            let wanted_s = params.integer("expires").and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0);
            let life_ms = wanted_s.map_or(config.icomet.channel_timeout_ms, |s| s.saturating_mul(1_000));
            Ok(Verb::Sign { channel: named(params, config)?, life_ms: life_ms.min(LIFE_MS_MAX) })
        }
        b"/close" => Ok(Verb::Close(named(params, config)?)),
        b"/clear" => Ok(Verb::Clear(named(params, config)?)),
        b"/info" => Ok(match called(params, config) {
            Some(name) => Verb::Count(name),
            None => Verb::Totals,
        }),
        b"/check" => Ok(Verb::Exists(called(params, config).unwrap_or_default())),
        b"/psub" => Ok(Verb::Announcements),
        _ => Err(Refusal::NotFound),
    }
}

/// The channel that a request means, if it names one.
fn called<'b>(params: &Params<'b>, config: &Config) -> Option<Cow<'b, str>> {
    let name = params.get("cname").filter(|name| !name.is_empty())?;
    Some(config.icomet.channel_prefix.before(name))
}

/// A signed channel lives a year without subscribers at the most.
const LIFE_MS_MAX: u64 = 365 * 24 * 3600 * 1000;

/// A missing name meant the channel "" in icomet: messages vanished there, with a friendly answer.
fn named<'b>(params: &Params<'b>, config: &Config) -> Result<Cow<'b, str>, Refusal> {
    called(params, config)
        .ok_or(Refusal::Parameter("the parameter cname, the channel's name, is missing or empty"))
}

fn publish<'b>(request: &Request<'_, 'b>, config: &Config) -> Result<Verb<'b>, Refusal> {
    if !matches!(request.head.method, Method::Get | Method::Post) {
        return Err(Refusal::Method("GET, POST"));
    }
    let channel = named(request.params, config)?;
    let content = request.params.get("content").unwrap_or_default();
    let body = if &*request.head.path == b"/pub" { inside_of_json_string(&content)? } else { content };
    Ok(Verb::Publish { channel, body, sender: None })
}

/// `/pub` takes what stands between the quotes of a JSON string. It is read here, so that nobody can smuggle fields in
/// or leave a message that no client can get past.
fn inside_of_json_string(text: &str) -> Result<Cow<'static, str>, Refusal> {
    let quoted = format!("\"{text}\"");
    serde_json::from_str::<String>(&quoted).map(Cow::Owned).map_err(|_| {
        Refusal::Parameter(
            "content is not the inside of a JSON string; use /push for text as it is, or escape it",
        )
    })
}

fn listen<'b>(request: &Request<'_, 'b>, hold: Hold, config: &Config) -> Result<Listen<'b>, Refusal> {
    let params = request.params;
    let seq = params.integer("seq").unwrap_or(0);
    let from = match (last_event_id(request).or(shown(params)?), u64::try_from(seq)) {
        (Some(from), _) => from,
        (None, Ok(0)) => From::New,
        (None, Ok(seq)) => From::Next(seq),
        (None, Err(_)) => From::Oldest,
    };
    let roster = params.integer("roster").and_then(|n| u64::try_from(n).ok());
    Ok(Listen {
        channel: called(params, config).unwrap_or_default(),
        from,
        hold,
        ahead: Ahead::Tell,
        token: params.get("token").unwrap_or_default(),
        echo: params.integer("noop").unwrap_or(0),
        who: params.get("who").filter(|who| !who.is_empty()),
        roster,
        replaces: false,
        life: params.get("epoch"),
        deltas: false,
    })
}

/// A cursor that any dialect has given out, in the place of a number. It is ours, and no client of icomet's says it.
fn shown(params: &Params<'_>) -> Result<Option<From>, Refusal> {
    let Some(cursor) = params.get("cursor").filter(|cursor| !cursor.is_empty()) else { return Ok(None) };
    let token = cursor.parse().map(|token| Some(From::Shown(token)));
    token
        .map_err(|_| Refusal::Parameter("the cursor is none: it has the 32 characters of one that was given"))
}

/// What a browser's event source says when it comes back by itself; it wins over the `seq` of its URL, which is old by
/// then. Only `/sse` sends ids, and a plain number is taken for the last message's.
fn last_event_id(request: &Request<'_, '_>) -> Option<From> {
    if &*request.head.path != b"/sse" {
        return None;
    }
    let id = std::str::from_utf8(request.head.field("last-event-id")?).ok()?;
    if let Ok(token) = id.parse() {
        return Some(From::Shown(token));
    }
    let seq: u64 = id.parse().ok()?;
    Some(From::Next(seq.saturating_add(1)))
}
