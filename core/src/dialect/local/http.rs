//! Requests over HTTP: `/keys`, `/clients` and `/control`. Wire: `docs/control.md`, "HTTP".
use super::key::channel_of;
use super::{style, value};
use crate::conn::Role;
use crate::dialect::native::{limit, number, text};
use crate::dialect::{
    ClientPage, Decoded, DialectId, DumpPage, KeyTask, Order, Refusal, Request, Verb, Voice,
};
use crate::wire::http1::Method;
use crate::wire::http1::head::{Head, percent_decoded};
use crate::wire::params::Params;

/// Entries of a page, unless said.
pub(super) const PAGE: usize = 100;

/// What path of it this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Path<'h> {
    Keys,
    Key(&'h [u8]),
    Refresh(&'h [u8]),
    Clients,
    Order(Order),
}

fn path<'h>(role: Role, head: &'h Head<'_, '_>) -> Option<Path<'h>> {
    if role != Role::Admin {
        return None;
    }
    Some(match head.raw_path {
        b"/keys" => Path::Keys,
        b"/clients" => Path::Clients,
        b"/control/status" => Path::Order(Order::Status),
        b"/control/reload" => Path::Order(Order::Reload),
        b"/control/stop" => Path::Order(Order::Stop),
        path => {
            let key = path.strip_prefix(b"/keys/")?;
            match key.strip_suffix(b"/refresh") {
                Some(key) if !key.contains(&b'/') => Path::Refresh(key),
                _ if !key.contains(&b'/') => Path::Key(key),
                _ => return None,
            }
        }
    })
}

/// Whether a request is one of these.
pub(in crate::dialect) fn is_at(role: Role, head: &Head<'_, '_>) -> bool {
    path(role, head).is_some()
}

/// Whether a request is for something that there is not beneath one of these: whoever asks for it reads problems.
pub(in crate::dialect) fn is_beneath(role: Role, head: &Head<'_, '_>) -> bool {
    let begins = |with: &&[u8]| head.raw_path.starts_with(with);
    role == Role::Admin && [&b"/keys/"[..], b"/control/"].iter().any(begins)
}

/// Reads a request.
pub(super) fn decode<'b>(request: &Request<'_, 'b>) -> Decoded<'b> {
    let head = request.head;
    let params = Params::of_query(head.query);
    let verb = match path(request.role, head) {
        Some(Path::Keys) => looks(head).and_then(|()| dump(&params)),
        Some(Path::Key(name)) => {
            let key = percent_decoded(name);
            task(head.method, &params, request.body).map(|task| Verb::Key { name: channel_of(&key), task })
        }
        Some(Path::Refresh(name)) if head.method == Method::Post => {
            Ok(Verb::Key { name: channel_of(&percent_decoded(name)), task: KeyTask::Refresh })
        }
        Some(Path::Clients) => looks(head).and_then(|()| clients(&params)),
        Some(Path::Order(Order::Status)) => looks(head).map(|()| Verb::Order(Order::Status)),
        Some(Path::Order(order)) if head.method == Method::Post => Ok(Verb::Order(order)),
        Some(Path::Refresh(_) | Path::Order(_)) => Err(Refusal::Method("POST")),
        None => Err(Refusal::NotFound),
    };
    Decoded { verb, voice: Voice::new(DialectId::Local, style::HTTP) }
}

fn looks(head: &Head<'_, '_>) -> Result<(), Refusal> {
    match head.method {
        Method::Get | Method::Head => Ok(()),
        _ => Err(Refusal::Method("GET, HEAD")),
    }
}

fn task<'b>(method: Method, params: &Params<'b>, body: &'b [u8]) -> Result<KeyTask<'b>, Refusal> {
    match method {
        Method::Put => {
            let stored = value::of_bytes(body);
            Ok(KeyTask::Write {
                body: stored.body,
                media: stored.media,
                ttl_ms: number(params, "ttl", "whole seconds")?.unwrap_or(0).saturating_mul(1_000),
                history: number(params, "history", "a number of values")?
                    .map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            })
        }
        Method::Delete => Ok(KeyTask::Delete),
        Method::Head if params.get("wait").is_none() && params.get("since").is_none() => Ok(KeyTask::Read),
        Method::Get => {
            let since = number(params, "since", "the version of a value, or 0")?;
            let wait = params.get("wait");
            if since.is_none() && wait.is_none() {
                return Ok(KeyTask::Read);
            }
            let seconds = match wait.as_deref() {
                // Without a word of waiting, nobody waits.
                None => Some(0),
                // As long as may be.
                Some("") => None,
                Some(_) => number(params, "wait", "whole seconds")?,
            };
            Ok(KeyTask::Wait { since, wait_ms: seconds.map(|s| s.saturating_mul(1_000)) })
        }
        _ => Err(Refusal::Method("GET, HEAD, PUT, DELETE")),
    }
}

fn dump<'b>(params: &Params<'b>) -> Result<Verb<'b>, Refusal> {
    Ok(Verb::Dump(DumpPage {
        prefix: params.bytes("prefix").unwrap_or_default(),
        after: number(params, "after", "the index of a key")?,
        limit: limit(params)?,
    }))
}

fn clients<'b>(params: &Params<'b>) -> Result<Verb<'b>, Refusal> {
    Ok(Verb::Clients(ClientPage {
        channel: text(params, "channel")?,
        after: number(params, "after", "the number of a connection")?.unwrap_or(0),
        limit: limit(params)?,
    }))
}
