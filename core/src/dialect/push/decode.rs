//! Requests at a location (`protocols/push-module.md`, sections 2, 3 and 5).
use super::groups::group;
use super::transport::transport;
use super::{answer, hooks, ids, style};
use crate::config::{Config, Duty, Http, Location, Named};
use crate::conn::Role;
use crate::dialect::hooks::Fields;
use crate::dialect::{
    Decoded, Dialect, DialectId, Echo, Hold, InGroup, Posting, Refusal, Request, Verb, Voice, Watch, native,
};
use crate::hub::{Media, Place, Posted, body_of};
use crate::wire::http1::Method;
use crate::wire::http1::head::Head;

/// What is said to who names a channel by bytes that are no text.
pub(super) const NO_TEXT: Refusal =
    Refusal::Parameter("the channel's id is not UTF-8: expected text, percent-encoded");

/// Whether a location serves a request.
pub(in crate::dialect) fn is_at(role: Role, head: &Head<'_, '_>, config: &Config) -> bool {
    config.push.find(role, head).is_some()
}

/// Reads a request.
pub(super) fn decode<'b>(request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
    let head = request.head;
    let format = answer::format(head.field("accept").unwrap_or_default());
    let mut voice = Voice::new(DialectId::Push, format);
    let Some(location) = config.push.find(request.role, head) else {
        return Decoded { verb: Err(Refusal::NotFound), voice };
    };
    voice.wording = location.wording;
    let is_subscriber = match (location.role, head.method) {
        (Duty::Subscriber, _) | (Duty::Pubsub, Method::Get) => true,
        (Duty::Publisher | Duty::Pubsub | Duty::Group | Duty::StubStatus | Duty::SubscriberInfo, _) => false,
    };
    let verb = if location.role == Duty::StubStatus {
        match head.method {
            Method::Get | Method::Head => Ok(Verb::Figures),
            _ => Err(Refusal::Method(location.methods())),
        }
    } else if is_subscriber && head.method != Method::Get {
        Err(Refusal::Method(location.methods()))
    } else {
        let named = if is_subscriber { location.names(head) } else { location.names_published(head) };
        match named {
            // The API says what is missing.
            None if native::is_untold_publish(request) => return native::Native.decode(request, config),
            None => Err(Refusal::NoChannels),
            Some(named) if !named.is_text => Err(NO_TEXT),
            Some(named) if named.is_too_long => Err(Refusal::Name),
            Some(named) if config.push.is_astray(&named) => Err(Refusal::OtherGroup),
            Some(named) if named.channels.len() > config.limits.channels_per_subscription_max => {
                Err(Refusal::TooManyInOne)
            }
            Some(named) if location.role == Duty::Group => group(request, location, named),
            Some(named) if location.role == Duty::SubscriberInfo => match head.method {
                Method::Get | Method::Head => Ok(Verb::Readers {
                    channels: named.channels,
                    group: named.group,
                    words: location.subscriber_info_string.clone(),
                }),
                _ => Err(Refusal::Method(location.methods())),
            },
            Some(named) if is_subscriber => {
                let style = &mut voice.style;
                watch(head, location, &named, style)
                    .map(|watch| with_hooks(request, (location, &config.http), &named, watch, *style))
            }
            Some(named) => publish(request, location, &named, config),
        }
    };
    Decoded { verb, voice }
}

/// The group that channels are in, if somebody wants to know how much is in it.
fn in_group(location: &Location, named: &Named) -> Option<Box<InGroup>> {
    let limits = location.group_limits();
    (!named.group.is_empty()).then(|| Box::new(InGroup { name: named.group.clone(), limits }))
}

/// A subscription, with what applications are asked and told about it.
fn with_hooks<'b>(
    request: &Request<'_, 'b>,
    (location, http): (&Location, &Http),
    named: &Named,
    mut watch: Watch,
    style: u8,
) -> Verb<'b> {
    if location.upstreams().next().is_none() && named.events.is_none() {
        return Verb::Watch(watch);
    }
    let fields = fields_of_watch(request, (location, http), named, &watch, style::kind(style));
    watch.follow = hooks::follow(location, named, watch.hold == Hold::Stream, &fields);
    match hooks::hooks(location, false, &fields) {
        Some(hooks) => Verb::Hooked { hooks, verb: Box::new(Verb::Watch(watch)) },
        None => Verb::Watch(watch),
    }
}

/// What applications are told of a subscription of this kind.
pub(super) fn fields_of_watch(
    request: &Request<'_, '_>,
    at: (&Location, &Http),
    named: &Named,
    watch: &Watch,
    kind: &'static str,
) -> Fields {
    let place = match watch.place {
        Place::Behind { unix_s, tag } => Some((unix_s, tag.unwrap_or(0))),
        _ => None,
    };
    let kind = ("X-Subscriber-Type", kind);
    let Named { channels, group, .. } = named;
    let credentials = takes_credentials(request, at);
    let about = hooks::About { channels, group, kind, place, peer: request.peer, credentials };
    hooks::fields(request.head, &about)
}

/// What applications are told of a publisher of this kind.
pub(super) fn fields_of_publisher(
    request: &Request<'_, '_>,
    at: (&Location, &Http),
    named: &Named,
    kind: &'static str,
) -> Fields {
    let kind = ("X-Publisher-Type", kind);
    let Named { channels, group, .. } = named;
    let credentials = takes_credentials(request, at);
    let about = hooks::About { channels, group, kind, place: None, peer: request.peer, credentials };
    hooks::fields(request.head, &about)
}

/// Whether an application is told what the browser knows of its user: on the admin side it has been looked at whose page it is.
fn takes_credentials(request: &Request<'_, '_>, (location, http): (&Location, &Http)) -> bool {
    request.role != Role::Front || location.takes_credentials(request.head, http)
}

/// A publisher's request, with what an application is asked about it.
fn publish<'b>(
    request: &Request<'_, 'b>,
    location: &Location,
    named: &Named,
    config: &Config,
) -> Result<Verb<'b>, Refusal> {
    let verb = publish_to(request, location, named, config)?;
    let publishes = matches!(verb, Verb::Post { .. });
    if location.authorize_request.is_none() && !(publishes && location.publisher_upstream_request.is_some()) {
        return Ok(verb);
    }
    let fields = fields_of_publisher(request, (location, &config.http), named, "http");
    Ok(match hooks::hooks(location, publishes, &fields) {
        Some(hooks) => Verb::Hooked { hooks, verb: Box::new(verb) },
        None => verb,
    })
}

fn publish_to<'b>(
    request: &Request<'_, 'b>,
    location: &Location,
    named: &Named,
    config: &Config,
) -> Result<Verb<'b>, Refusal> {
    let channels = named.channels.clone();
    let head = request.head;
    if named.is_of_events() && matches!(head.method, Method::Post | Method::Put | Method::Delete) {
        return Err(Refusal::EventsGroup);
    }
    match head.method {
        Method::Post | Method::Put => {}
        Method::Get | Method::Head => return Ok(Verb::Look(channels)),
        Method::Delete => {
            return Ok(Verb::End { channels, events: hooks::events(location, named) });
        }
        Method::Options | Method::Other => return Err(Refusal::Method(location.methods())),
    }
    let mut posting = posting(head, location, named, config)?;
    let (body, is_base64) = body_of(request.body);
    posting.media.is_base64 = is_base64;
    Ok(Verb::Post { posting: Box::new(posting), body })
}

/// Where messages go, and what is said of one that comes with this head.
pub(super) fn posting(
    head: &Head<'_, '_>,
    location: &Location,
    named: &Named,
    config: &Config,
) -> Result<Posting, Refusal> {
    let text = |value: Option<&[u8]>| {
        let value = value.unwrap_or_default();
        if value.len() > config.limits.media_type_bytes_max {
            return Err(Refusal::MediaType);
        }
        let text = std::str::from_utf8(value).map_err(|_| Refusal::MediaType)?;
        Ok(Box::<str>::from(text))
    };
    let mut content_type = text(head.field("content-type"))?;
    if content_type.is_empty() {
        content_type = location.content_type.as_str().into();
    }
    let mut event = text(head.field("x-eventsource-event"))?;
    if !location.eventsource_event.is_empty() {
        event = location.eventsource_event.as_str().into();
    }
    let media = Media { content_type, event, is_base64: false };
    let keep = Posted {
        messages_max: if location.store { location.messages_max } else { 0 },
        age_ms: location.message_timeout_ms,
    };
    let (group, events) = (in_group(location, named), hooks::events(location, named));
    let (channels, channel_ms) = (named.channels.clone(), location.channel_timeout_ms);
    Ok(Posting { channels, media, keep, channel_ms, group, events, again: false })
}

/// Reads what a subscriber wants, and how.
fn watch(head: &Head<'_, '_>, location: &Location, named: &Named, style: &mut u8) -> Result<Watch, Refusal> {
    let transport = transport(head, location);
    // An id that cannot be read is told before it is said that there is no way to be told anything.
    let watch = watch_as(head, location, named, transport.unwrap_or(*style))?;
    *style = transport.ok_or(Refusal::Forbidden)?;
    Ok(watch)
}

/// The same, where it is known how.
pub(super) fn watch_as(
    head: &Head<'_, '_>,
    location: &Location,
    named: &Named,
    style: u8,
) -> Result<Watch, Refusal> {
    let place = ids::place(head, location, named.channels.len())?;
    let hold = match style {
        style if style::is_poll(style) => Hold::Poll,
        _ => Hold::Stream,
    };
    let echo = match place {
        Place::Behind { unix_s, tag: Some(tag) } => Echo::of_place(unix_s, tag),
        _ => Echo::default(),
    };
    Ok(Watch {
        channels: named.channels.clone(),
        group: in_group(location, named),
        authorized: false,
        place,
        hold,
        at_once: style == style::INTERVAL_POLL,
        is_raw: style == style::RAW,
        concurrency: location.concurrency,
        timeout_ms: location.timeout_ms,
        subscribers_max: location.subscribers_max,
        existing_only: location.existing_only,
        ends_with_any: location.delete_ends_all,
        channel_ms: location.channel_timeout_ms,
        echo,
        follow: None,
    })
}
