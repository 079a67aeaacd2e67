//! Where in a request the messages stand (`protocols/bayeux.md`, sections 10 and 11): a JSON body, a form, or the query
//! of a script.
use std::borrow::Cow;

use crate::bytes::escape;
use crate::config::Config;
use crate::conn::Role;
use crate::dialect::{Decoded, DialectId, Refusal, Request, Talk, Verb, Voice};
use crate::wire::http1::Method;
use crate::wire::http1::head::Head;
use crate::wire::params::{decoded, decoded_text};
use crate::wire::ws::handshake;

/// The function that is called where the request names none (section 11).
const CALLBACK: &str = "jsonpcallback";

const NO_TEXT: Refusal = Refusal::Parameter("expected UTF-8");
const NO_MESSAGE: Refusal =
    Refusal::Parameter("expected messages: a JSON array in the body, or message=... in a form or query");
const NO_JSONP: Refusal = Refusal::Parameter("callback-polling is switched off here");

/// Whether a request is in this dialect, by where it came in. Clients append words to the path that mean nothing
/// (section 10), so everything below a path is that path.
pub(in crate::dialect) fn is_at(role: Role, head: &Head<'_, '_>, config: &Config) -> bool {
    let is_spoken = matches!(role, Role::Front | Role::Admin);
    is_spoken && config.bayeux.paths.iter().any(|path| path.has(&head.path, || is_talk(role, head, config)))
}

/// Whether a request to the root path is a client's: there, other things are asked for too.
fn is_talk(role: Role, head: &Head<'_, '_>, config: &Config) -> bool {
    let has_websocket = config.bayeux.websocket && config.websocket.enabled;
    let is_pages = match head.method {
        Method::Post => true,
        Method::Options => role == Role::Front,
        Method::Get => role == Role::Front && has_websocket && handshake::is_asked(head),
        _ => false,
    };
    is_pages || is_script(head)
}

/// Whether a request brings messages as those for scripts do, in its query.
pub(crate) fn is_script(head: &Head<'_, '_>) -> bool {
    values(head.query.as_bytes(), "message").next().is_some()
}

/// Whether a page of another site asks. Its browser says so (W3C Fetch Metadata, section 2.3), or leaves that out over plain HTTP:
/// then a page of another host is one. The port does not matter to cookies (RFC 6265, section 8.5).
pub(crate) fn is_foreign(head: &Head<'_, '_>) -> bool {
    if let Some(site) = head.field("sec-fetch-site") {
        return site == b"cross-site";
    }
    let Some(origin) = head.field("origin") else { return false };
    let place = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
    let host = head.field("host").unwrap_or_default();
    !place.is_some_and(|place| name_of(place).eq_ignore_ascii_case(name_of(host)))
}

/// Whether a script asks for a page that may also send requests with cookies: one of this host, or of an origin that is named, and not
/// only let in with all others (section 10). Scripts say no `Origin`; browsers give at least that much of the referring page, or
/// say that it is of this host (W3C Fetch Metadata, section 2.3), unless the page forbids it.
fn is_page_known(head: &Head<'_, '_>, config: &Config) -> bool {
    if head.field("sec-fetch-site") == Some(b"same-origin") {
        return true;
    }
    let Some(page) = head.field("origin").or_else(|| head.field("referer")) else { return false };
    let Some(at) = memchr::memmem::find(page, b"://").map(|at| at + 3) else { return false };
    let end = memchr::memchr(b'/', &page[at..]).map_or(page.len(), |slash| at + slash);
    let host = head.field("host").unwrap_or_default();
    let origins = &config.http.origins;
    let is_any = origins.iter().any(|one| one.as_str() == "*");
    page[at..end].eq_ignore_ascii_case(host)
        || (!is_any && origins.iter().any(|one| one.as_str().as_bytes().eq_ignore_ascii_case(&page[..end])))
}

/// A host without its port.
fn name_of(host: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', host) {
        Some(at) if host[at + 1..].iter().all(u8::is_ascii_digit) => &host[..at],
        _ => host,
    }
}

/// Reads a request.
pub(super) fn decode<'b>(request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
    let mut voice = Voice::new(DialectId::Bayeux, 0);
    let cookie = cookie(request);
    let (is_call, is_foreign) = (request.head.method == Method::Get, is_foreign(request.head));
    let may_post = !is_call || is_page_known(request.head, config);
    let texts = match request.head.method {
        Method::Get if !config.bayeux.jsonp => Err(NO_JSONP),
        Method::Get => match callback(request.head.query.as_bytes(), config) {
            Ok(before) => {
                voice.before = Some(before);
                form(request.head.query.as_bytes())
            }
            Err(refusal) => Err(refusal),
        },
        Method::Post => body(request),
        _ => Err(Refusal::Method("GET, POST, OPTIONS")),
    };
    let talk = |texts| Verb::Talk(Talk { texts, is_call, is_foreign, may_post, cookie });
    Decoded { verb: texts.map(talk), voice }
}

/// The opening of the call.
fn callback(query: &[u8], config: &Config) -> Result<Box<str>, Refusal> {
    let name = values(query, "jsonp").map(decoded).next().filter(|name| !name.is_empty());
    let name = name.unwrap_or(Cow::Borrowed(CALLBACK));
    let is_name = |part: &str| escape::is_callback(part.as_bytes()) && !part.contains(['[', ']']);
    if name.len() > config.limits.callback_bytes_max || !name.split('.').all(is_name) {
        return Err(Refusal::DottedCallback);
    }
    let guard = if config.http.jsonp_prefix { "/**/" } else { "" };
    Ok(format!("{guard}{name}(").into())
}

fn body<'b>(request: &Request<'_, 'b>) -> Result<Vec<Cow<'b, str>>, Refusal> {
    let content_type = request.head.field("content-type").unwrap_or_default();
    let kind = content_type.split(|&c| c == b';').next().unwrap_or_default().trim_ascii();
    let is_json = kind.eq_ignore_ascii_case(b"application/json");
    // A page of another origin sends a form and does not call it one (section 10).
    if !is_json && request.body.starts_with(b"message=") {
        return form(request.body);
    }
    // No form of ours begins so; curl calls everything a form if it is not told otherwise.
    let begins_as_json = matches!(request.body.trim_ascii_start().first(), Some(b'[' | b'{'));
    if kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") && !begins_as_json {
        return form(request.body);
    }
    std::str::from_utf8(request.body).map(|text| vec![Cow::Borrowed(text)]).map_err(|_| NO_TEXT)
}

fn form(form: &[u8]) -> Result<Vec<Cow<'_, str>>, Refusal> {
    let texts = values(form, "message").map(|text| decoded_text(text).ok_or(NO_TEXT));
    let texts: Vec<_> = texts.collect::<Result<_, _>>()?;
    if texts.is_empty() { Err(NO_MESSAGE) } else { Ok(texts) }
}

/// Every value of `name`, in order: the specification allows several.
fn values<'b>(form: &'b [u8], name: &'static str) -> impl Iterator<Item = &'b [u8]> {
    let name = name.as_bytes();
    form.split(|&c| c == b'&').filter_map(move |pair| pair.strip_prefix(name)?.strip_prefix(b"="))
}

/// The browser that asks, by its cookie.
pub(super) fn cookie<'b>(request: &Request<'_, 'b>) -> Option<&'b str> {
    request.head.field("cookie").and_then(|cookies| browser(cookies))
}

/// The cookie that names the browser.
fn browser(cookies: &[u8]) -> Option<&str> {
    let cookies = std::str::from_utf8(cookies).ok()?;
    cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix(super::COOKIE)?.strip_prefix('='))
}
