//! What applications are told of a request: its own fields, and what Nchan's examples hand on
//! (`protocols/push-module.md`, section 5.10). Knows nothing of their answers.
use std::sync::Arc;

use crate::config::{Location, Named};
use crate::dialect::hooks::{Events, Fields, Follow, Hooks};
use crate::wire::http1::head::Head;
use crate::wire::http1::response::number;

/// Fields that mean this connection or this body, or that only we say: a client's own would be believed.
const OWN: [&str; 29] = [
    "host",
    "accept-encoding",
    "x-subscriber-type",
    "x-publisher-type",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "content-type",
    "content-encoding",
    "upgrade",
    "expect",
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "x-forwarded-for",
    "x-original-uri",
    "x-original-method",
    "x-channel-id",
    "x-channel-group",
    "x-prev-message-id",
    "x-message-id",
];

/// What is told of a request besides its head.
pub(super) struct About<'a> {
    /// Names of its channels.
    pub(super) channels: &'a [String],
    /// The group that they are in, if any.
    pub(super) group: &'a str,
    /// `X-Subscriber-Type` or `X-Publisher-Type`, and its value.
    pub(super) kind: (&'static str, &'static str),
    /// Second and tag of the message that a subscriber has.
    pub(super) place: Option<(u32, u64)>,
    /// Where it comes from.
    pub(super) peer: std::net::IpAddr,
    /// Whether what a browser adds by itself is told: it does so for pages of any site.
    pub(super) credentials: bool,
}

/// What must be asked before a request is served, if anything.
pub(super) fn hooks(location: &Location, publishes: bool, fields: &Fields) -> Option<Box<Hooks>> {
    let rewrite = location.publisher_upstream_request.as_ref().filter(|_| publishes);
    (location.authorize_request.is_some() || rewrite.is_some()).then(|| {
        Box::new(Hooks {
            authorize: location.authorize_request.clone(),
            rewrite: rewrite.cloned(),
            fields: fields.clone(),
        })
    })
}

/// Who is told of a subscription, if anybody: applications of streams only, and the channel of events of all that wait.
pub(super) fn follow(
    location: &Location,
    named: &Named,
    is_stream: bool,
    fields: &Fields,
) -> Option<Box<Follow>> {
    let subscribe = location.subscribe_request.clone().filter(|_| is_stream);
    let unsubscribe = location.unsubscribe_request.clone().filter(|_| is_stream);
    let events = events(location, named);
    (subscribe.is_some() || unsubscribe.is_some() || events.is_some())
        .then(|| Box::new(Follow { subscribe, unsubscribe, fields: fields.clone(), events }))
}

/// Where it is told what happens to these channels, if anywhere.
pub(super) fn events(location: &Location, named: &Named) -> Option<Arc<Events>> {
    let to = named.events.clone()?;
    let id = |name: &String| id_of(name, &named.group).to_owned();
    let ids = named.channels.iter().map(id).collect();
    Some(Arc::new(Events { to, words: location.channel_event_string.clone(), ids }))
}

/// A channel's id, without its group.
pub(crate) fn id_of<'n>(name: &'n str, group: &str) -> &'n str {
    let id = name.strip_prefix(group).and_then(|id| id.strip_prefix('/'));
    id.filter(|_| !group.is_empty()).unwrap_or(name)
}

/// Writes the fields.
pub(super) fn fields(head: &Head<'_, '_>, about: &About<'_>) -> Fields {
    let mut out = Vec::with_capacity(512);
    let mut forwarded = Vec::new();
    for field in head.fields {
        let name = field.name;
        if name.eq_ignore_ascii_case("x-forwarded-for") {
            forwarded.extend_from_slice(field.value.trim_ascii());
            forwarded.extend_from_slice(b", ");
        }
        // Many applications read `_` in a name as `-`: it would pass for one of ours.
        let is_ours = name.contains('_') || OWN.iter().any(|own| name.eq_ignore_ascii_case(own));
        let is_withheld = !about.credentials && is_ambient(name, field.value);
        if !is_ours && !is_withheld {
            line(name, field.value.trim_ascii(), &mut out);
        }
    }
    forwarded.extend_from_slice(about.peer.to_string().as_bytes());
    line("X-Forwarded-For", &forwarded, &mut out);
    let mut uri = head.raw_path.to_vec();
    if !head.query.is_empty() {
        uri.push(b'?');
        uri.extend_from_slice(head.query.as_bytes());
    }
    line("X-Original-URI", &uri, &mut out);
    line("X-Original-Method", head.method.name().as_bytes(), &mut out);
    let mut ids = Vec::new();
    for name in about.channels {
        if !ids.is_empty() {
            ids.extend_from_slice(b", ");
        }
        one_word(id_of(name, about.group), &mut ids);
    }
    line("X-Channel-Id", &ids, &mut out);
    if !about.group.is_empty() {
        let mut group = Vec::new();
        one_word(about.group, &mut group);
        line("X-Channel-Group", &group, &mut out);
    }
    line(about.kind.0, about.kind.1.as_bytes(), &mut out);
    if let Some((unix_s, tag)) = about.place {
        let mut id = Vec::new();
        number(unix_s.into(), &mut id);
        id.push(b':');
        number(tag, &mut id);
        line("X-Prev-Message-Id", &id, &mut out);
    }
    out.into()
}

/// Whether a field is one that browsers add of their own accord: cookies, and names with passwords. A bearer's token a page has to know.
fn is_ambient(name: &str, value: &[u8]) -> bool {
    let is_bearer = value.trim_ascii().get(..7).is_some_and(|word| word.eq_ignore_ascii_case(b"bearer "));
    name.eq_ignore_ascii_case("cookie") || (name.eq_ignore_ascii_case("authorization") && !is_bearer)
}

fn line(name: &str, value: &[u8], out: &mut Vec<u8>) {
    debug_assert!(!value.iter().any(|c| matches!(c, b'\r' | b'\n')), "a field value is one line");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// A name in characters that stand in a list of names: others are percent-encoded.
pub(super) fn one_word(name: &str, out: &mut Vec<u8>) {
    for c in name.bytes() {
        if c.is_ascii_graphic() && !matches!(c, b',' | b'%') {
            out.push(c);
        } else {
            let digit = |n: u8| b"0123456789ABCDEF"[usize::from(n)];
            out.extend_from_slice(&[b'%', digit(c >> 4), digit(c & 15)]);
        }
    }
}
