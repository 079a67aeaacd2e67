//! Which dialect a request is in, by the listener, the path and, where two dialects share a path, the parameters.
//! Knows nothing of what the request means.
use super::{DialectId, Refusal, Request, Verb, Voice, bayeux, local, native, push, simple_comet};
use crate::config::Config;
use crate::conn::Role;
use crate::wire::http1::Method;
use crate::wire::http1::head::Head;

/// What a dialect made of a request.
pub struct Decoded<'r> {
    /// What it asks for.
    pub verb: Result<Verb<'r>, Refusal>,
    /// How to answer.
    pub voice: Voice,
}

/// Finds the dialect where the listener and the path are enough to tell.
pub fn route_by_path(role: Role, head: &Head<'_, '_>, config: &Config) -> Option<DialectId> {
    // Where the API and the push module share a path, the API is the narrower.
    let is_api = native::is_at(role, head);
    let is_shared = is_api && native::is_place_of_publish(role, head);
    if is_shared && native::is_publish(head) {
        return Some(DialectId::Native);
    }
    // Locations next: each was written down for this very path.
    if push::is_at(role, head, config) {
        return Some(DialectId::Push);
    }
    if bayeux::is_at(role, head, config) {
        return Some(DialectId::Bayeux);
    }
    // CComet's clients publish by GET, and by nothing else.
    let is_ccomets =
        is_shared && role == Role::Front && config.ccomet.on_front && head.method != Method::Post;
    if is_api && !is_ccomets {
        return Some(DialectId::Native);
    }
    if local::is_at(role, head) {
        return Some(DialectId::Local);
    }
    if simple_comet::is_at(role, head, config) {
        return Some(DialectId::SimpleComet);
    }
    local::is_beneath(role, head).then_some(DialectId::Local)
}

/// Finds the dialect; a path that nobody knows is answered in the words of the listener's own.
pub fn route(request: &Request<'_, '_>, config: &Config) -> DialectId {
    let ccomet = match request.role {
        Role::Ccomet => true,
        Role::Front if config.ccomet.on_front => is_ccomet(request),
        _ => false,
    };
    if ccomet { DialectId::Ccomet } else { DialectId::Icomet }
}

/// `/sub` and `/pub` are in both: CComet says `channel` and `callback` where icomet says `cname` and `cb`.
fn is_ccomet(request: &Request<'_, '_>) -> bool {
    match &*request.head.path {
        b"/sign" | b"/publish" | b"/subscribe" => true,
        b"/sub" | b"/pub" => request.params.get("cname").is_none() && request.params.get("channel").is_some(),
        _ => false,
    }
}
