//! Requests of Simple Comet's clients (`protocols/simple-comet.md`, sections 3 to 5).
use std::borrow::Cow;

use super::{QUOTE, style};
use crate::config::{ChannelPrefix, Config};
use crate::conn::Role;
use crate::dialect::{Decoded, DialectId, Read, Refusal, Request, Verb, Voice};
use crate::hub::Registered;
use crate::wire::fields::{Fields, python_int};
use crate::wire::http1::Method;
use crate::wire::http1::head::{Head, percent_decoded};

/// The callback's name where none is given: what the original's client defines.
const CALLBACK: &str = "_JSONP_comet_cb";
/// What a callback's name must have in it, so that no other function of a page can be called.
const MARK: &str = "_JSONP_";

const PREFIX: Refusal = Refusal::Parameter("Missing '/channels' prefix");
const FORMAT: Refusal = Refusal::Parameter("Unknown output format");
const NO_ID: Refusal = Refusal::Parameter("Missing channel id");
const NO_CLIENT: Refusal = Refusal::Parameter("Missing client id");
const MESSAGES: Refusal = Refusal::Parameter("Invalid max messages value");

/// Whether a request is in this dialect, by where it came in.
pub(in crate::dialect) fn is_at(role: Role, head: &Head<'_, '_>, config: &Config) -> bool {
    let own = &config.simple_comet;
    let is_spoken = match role {
        Role::SimpleComet => return true,
        Role::Front => own.on_front,
        Role::Admin => own.on_admin,
        Role::Ccomet | Role::Control(_) => false,
    };
    let names = |path: &[u8]| {
        own.base_path.below(path).is_some_and(|rest| {
            let routes: [&[u8]; 3] = [b"/channels", b"/clients", b"/status"];
            !own.base_path.is_root() || routes.iter().any(|route| rest.starts_with(route))
        })
    };
    is_spoken && (names(head.raw_path) || names(&head.path))
}

/// How the answer is asked for, by the end of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Jsonp,
}

/// What a path names.
enum Target {
    Clients,
    Status,
    Channels(Option<String>),
}

/// Reads a request.
pub(super) fn decode<'b>(request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
    let quoted = if config.simple_comet.quote_json { style::QUOTED } else { 0 };
    let prefix = config.simple_comet.channel_prefix.style();
    let mut voice = Voice::new(DialectId::SimpleComet, quoted | prefix);
    if quoted != 0 {
        voice.before = Some(QUOTE.into());
    }
    let (target, format) = target(request, config);
    let fields = Fields::of(request.head.query.as_bytes(), request.head.field("content-type"), request.body);
    if format == Some(Format::Jsonp) {
        voice.style = style::CALL | prefix;
        voice.before = None;
        match callback(&fields, config) {
            Ok(before) => voice.before = Some(before),
            // Nothing is done that nobody would hear of.
            Err(refusal) => return Decoded { verb: Err(refusal), voice },
        }
    }
    let verb = target.and_then(|target| verb(request, config, &fields, target));
    Decoded { verb, voice }
}

/// What the path names, and in which format the answer goes, as far as the path says so.
fn target(request: &Request<'_, '_>, config: &Config) -> (Result<Target, Refusal>, Option<Format>) {
    let (raw, path) = (request.head.raw_path, &*request.head.path);
    let (raw, decoded) = if request.role == Role::SimpleComet {
        (raw, Cow::Borrowed(path))
    } else {
        let base = &config.simple_comet.base_path;
        match base.below(raw) {
            Some(rest) => (rest, percent_decoded(rest)),
            None => (raw, Cow::Borrowed(base.below(path).unwrap_or_default())),
        }
    };
    let exact = |name: &[u8], target: Target| match raw.strip_prefix(name) {
        Some(b".json") => Some((Ok(target), Some(Format::Json))),
        Some(b".jsonp") => Some((Ok(target), Some(Format::Jsonp))),
        Some(_) => Some((Err(FORMAT), None)),
        None => None,
    };
    let found = match request.head.method {
        Method::Post => exact(b"/clients", Target::Clients),
        Method::Get | Method::Head if has_status(request.role, config) => exact(b"/status", Target::Status),
        _ => None,
    };
    found.unwrap_or_else(|| channels(&String::from_utf8_lossy(&decoded)))
}

fn channels(path: &str) -> (Result<Target, Refusal>, Option<Format>) {
    let Some(rest) = path.strip_prefix("/channels") else { return (Err(PREFIX), None) };
    let (name, format) = if let Some(name) = rest.strip_suffix(".jsonp") {
        (name, Format::Jsonp)
    } else if let Some(name) = rest.strip_suffix(".json") {
        (name, Format::Json)
    } else {
        return (Err(FORMAT), None);
    };
    let target = match name.strip_prefix('/') {
        Some("") => Ok(Target::Channels(None)),
        Some(name) => Ok(Target::Channels(Some(name.to_owned()))),
        None if name.is_empty() => Ok(Target::Channels(None)),
        // Something like /channelsX.json.
        None => Err(PREFIX),
    };
    (target, Some(format))
}

/// The opening of the call.
fn callback(fields: &Fields<'_>, config: &Config) -> Result<Box<str>, Refusal> {
    let name = fields.get("cb").unwrap_or(Cow::Borrowed(CALLBACK));
    if !name.contains(MARK) {
        return Err(Refusal::UnmarkedCallback);
    }
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
    };
    if name.len() > config.limits.callback_bytes_max || !name.split('.').all(is_part) {
        return Err(Refusal::Callback);
    }
    Ok(format!("{name}(").into())
}

/// Whether everything may be done on a listener: register, push, delete, look.
fn is_trusted(role: Role, config: &Config) -> bool {
    match role {
        Role::Admin => true,
        Role::SimpleComet => config.simple_comet.publish,
        Role::Front | Role::Ccomet | Role::Control(_) => false,
    }
}

/// The status names all clients, and their names are all they show: it is not for everybody.
fn has_status(role: Role, config: &Config) -> bool {
    config.simple_comet.enable_status && is_trusted(role, config)
}

fn verb<'b>(
    request: &Request<'_, 'b>,
    config: &Config,
    fields: &Fields<'b>,
    target: Target,
) -> Result<Verb<'b>, Refusal> {
    let trusted = is_trusted(request.role, config);
    let prefix = &config.simple_comet.channel_prefix;
    let may = |allowed: bool| if allowed { Ok(()) } else { Err(Refusal::Publish) };
    match (request.head.method, target) {
        (Method::Get | Method::Head, Target::Status) => Ok(Verb::Census),
        (Method::Post, Target::Clients) => {
            may(trusted)?;
            let client = fields.get("client_id").filter(|id| !id.is_empty()).ok_or(NO_CLIENT)?;
            Ok(Verb::RegisterSession(client))
        }
        (Method::Post, Target::Channels(None)) => {
            may(trusted)?;
            register(fields, config)
        }
        (Method::Post, Target::Channels(Some(name))) => {
            let name = prefix.before(name.into());
            let is_open = config.front.publish.iter().any(|pattern| pattern.matches(&name));
            may(trusted || (request.role == Role::Front && is_open))?;
            Ok(Verb::PublishTo { channel: name, body: fields.get("content") })
        }
        (Method::Delete, Target::Channels(name)) => {
            may(trusted)?;
            Ok(Verb::Delete(name.map(|name| prefix.before(name.into()))))
        }
        (Method::Get | Method::Head, Target::Channels(name)) => {
            read(fields, prefix, name, request.head.method == Method::Head)
        }
        _ => Err(Refusal::Method("GET, HEAD, POST, DELETE, OPTIONS")),
    }
}

fn register<'b>(fields: &Fields<'b>, config: &Config) -> Result<Verb<'b>, Refusal> {
    let own = &config.simple_comet;
    let channel = fields.get("channel_id").filter(|id| !id.is_empty()).ok_or(NO_ID)?;
    let wanted = match fields.get("max_messages") {
        Some(text) => {
            let number = python_int(&text).filter(|n| *n >= 1).ok_or(MESSAGES)?;
            usize::try_from(number).unwrap_or(usize::MAX)
        }
        None => own.max_messages_per_channel,
    };
    if channel.contains('|') {
        // It could be pushed to, and never be read.
        return Err(Refusal::Name);
    }
    let sessions = fields.get("use_sessions").is_some_and(|text| {
        let off = ["", "0", "false", "no", "off"];
        !off.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
    });
    let life_ms = match (sessions, own.anonymous_channel_timeout_ms) {
        (true, _) => own.inactive_channel_timeout_ms,
        (false, 0) => u64::MAX,
        (false, ms) => ms,
    };
    let messages_max = wanted.min(config.limits.history_messages_max);
    let channel = own.channel_prefix.before(channel);
    Ok(Verb::Register { channel, as_what: Registered { messages_max, life_ms, sessions } })
}

fn read<'b>(
    fields: &Fields<'b>,
    prefix: &ChannelPrefix,
    names: Option<String>,
    at_once: bool,
) -> Result<Verb<'b>, Refusal> {
    let names = names.ok_or(Refusal::NoChannels)?;
    let since = fields.get("since").and_then(|text| python_int(&text)).unwrap_or(0);
    let session = fields.get("client_id");
    if session.as_deref() == Some("") {
        return Err(Refusal::Parameter("Missing client_id"));
    }
    let channels = names.split('|').map(|name| prefix.before(Cow::Owned(name.to_owned()))).collect();
    Ok(Verb::Read(Read { channels, since, session, at_once }))
}
