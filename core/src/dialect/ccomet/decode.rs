//! Requests of CComet's clients.
use std::borrow::Cow;

use super::style;
use crate::bytes::escape::is_callback;
use crate::config::Config;
use crate::dialect::{Ahead, Decoded, DialectId, Hold, Listen, Refusal, Request, Verb, Voice};
use crate::hub::From;
use crate::wire::http1::Method;
use crate::wire::params::decoded;

const WRONG: Refusal = Refusal::Parameter("channel, sname, callback and, by path, seqid or msg are needed");

/// Reads a request.
pub(super) fn decode<'b>(request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
    let old = matches!(&*request.head.path, b"/sub" | b"/pub");
    let mut voice = Voice::new(
        DialectId::Ccomet,
        config.ccomet.channel_prefix.style() | if old { style::OLD } else { 0 },
    );
    let verb = if request.head.method != Method::Get {
        Err(Refusal::Method("GET, OPTIONS"))
    } else {
        match callback(request, config) {
            Ok(before) => {
                voice.before = before;
                verb(request, config, voice.before.is_some())
            }
            Err(refusal) => Err(refusal),
        }
    };
    Decoded { verb, voice }
}

fn callback(request: &Request<'_, '_>, config: &Config) -> Result<Option<Box<str>>, Refusal> {
    let Some(name) = request.params.get("callback").filter(|name| !name.is_empty()) else { return Ok(None) };
    if name.len() > config.limits.callback_bytes_max || !is_callback(name.as_bytes()) {
        return Err(Refusal::Callback);
    }
    let prefix = if config.http.jsonp_prefix { "/**/" } else { "" };
    Ok(Some(format!("{prefix}{name}('").into()))
}

fn verb<'b>(request: &Request<'_, 'b>, config: &Config, has_callback: bool) -> Result<Verb<'b>, Refusal> {
    let path = &*request.head.path;
    if !matches!(path, b"/sign" | b"/publish" | b"/pub" | b"/subscribe" | b"/sub") {
        return Err(Refusal::NotFound);
    }
    let get = |name: &str| request.params.get(name);
    let channel = get("channel").filter(|c| !c.is_empty()).ok_or(WRONG)?;
    let channel = config.ccomet.channel_prefix.before(channel);
    let who = get("sname").filter(|w| !w.is_empty()).ok_or(WRONG)?;
    if !has_callback {
        return Err(WRONG);
    }
    match path {
        b"/sign" => Ok(Verb::SignIn { channel, who }),
        b"/publish" | b"/pub" if !config.ccomet.publish => Err(Refusal::Publish),
        b"/publish" | b"/pub" => {
            let body = message(request.params.raw_query().as_bytes()).or_else(|| get("msg")).ok_or(WRONG)?;
            Ok(Verb::Publish { channel, body, sender: Some(who) })
        }
        _ => {
            let seqid = get("seqid").ok_or(WRONG)?;
            let from = match seqid.parse::<i64>() {
                Ok(n) => u64::try_from(n).map_or(From::Oldest, |n| From::Next(n.saturating_add(1))),
                // The older client counts on from what `/sign` said, and says NaN when that was nothing.
                Err(_) if path == b"/sub" => From::New,
                Err(_) => return Err(WRONG),
            };
            Ok(Verb::Listen(Listen {
                channel,
                from,
                hold: Hold::Poll,
                ahead: Ahead::Wait,
                token: Cow::Borrowed(""),
                echo: 0,
                who: Some(who),
                roster: None,
                replaces: true,
                life: None,
                deltas: false,
            }))
        }
    }
}

/// The chat page turns `<` into `&lt;` and sends it as it is, so `msg` has ampersands of its own: it is everything up to
/// the last `&time=`, which the client adds behind it, if what lies between looks like such entities.
fn message(query: &[u8]) -> Option<Cow<'_, str>> {
    let start = find(query, b"&msg=")? + b"&msg=".len();
    let rest = &query[start..];
    let end = rfind(rest, b"&time=")?;
    let raw = &rest[..end];
    let entities_only = raw.split(|&c| c == b'&').skip(1).all(|after| {
        [&b"lt;"[..], b"gt;", b"amp;", b"quot;", b"#39;"].iter().any(|entity| after.starts_with(entity))
    });
    entities_only.then(|| decoded(raw))
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|w| w == word)
}

fn rfind(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).rposition(|w| w == word)
}
