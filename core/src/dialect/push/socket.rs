//! A WebSocket at a location: what its client gets, and what becomes of what it sends (`protocols/push-module.md`,
//! section 5.5). Knows nothing of frames.
use super::{Push, answer, decode, hooks, style};
use crate::config::{Config, Duty, Location, Named, Transport};
use crate::conn::Role;
use crate::dialect::hooks::Hooks;
use crate::dialect::{Call, DialectId, Opening, Outcome, Posting, Refusal, Request, Talker, Watch};
use crate::wire::http1::head::Head;
use crate::wire::ws::{Fault, handshake};

/// The subprotocol in which each message says its id and its type. It is found anywhere among those that are asked for.
pub(crate) const META: &str = "ws+meta.nchan";
/// What applications are told that it is.
const KIND: &str = "websocket";

/// What a WebSocket at a location is for.
#[derive(Debug, Default)]
pub struct Plan {
    /// What its client reads, at a subscriber's location.
    pub watch: Option<Box<Watch>>,
    /// Where its client's messages go, at a publisher's location.
    pub outlet: Option<Box<Outlet>>,
    /// What has to be asked before it may be.
    pub hooks: Option<Box<Hooks>>,
    /// Milliseconds after which it is asked for a sign of life, if that is said here.
    pub ping_ms: Option<u64>,
    /// Whether its messages may be compressed.
    pub compression: bool,
}

/// Where messages go that come by a WebSocket.
#[derive(Debug)]
pub struct Outlet {
    /// The channels, and what is said of a message of text.
    pub posting: Posting,
    /// The style in which each message is answered with a description of its channels; `None` where its client reads
    /// them, and so gets the message itself.
    pub answers: Option<u8>,
    /// What an application is asked about each message.
    pub hooks: Option<Box<Hooks>>,
    /// A text that is answered with the other, and not published.
    pub heartbeat: Option<(Box<str>, Box<str>)>,
    /// Which of the locations that are in force this is; `None` when it is none of them any more.
    pub location: Option<usize>,
}

impl Outlet {
    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        let names: usize = self.posting.channels.iter().map(|name| name.len() + size_of::<String>()).sum();
        let fields = self.hooks.as_ref().map_or(0, |hooks| hooks.fields.len());
        size_of::<Self>() + names + fields + self.posting.media.bytes()
    }
}

/// Whether a request means to begin a WebSocket at a location that has one.
pub(crate) fn is_socket_at(role: Role, head: &Head<'_, '_>, config: &Config) -> bool {
    handshake::is_asked(head)
        && config.push.find(role, head).is_some_and(|location| {
            let is_for_messages = matches!(location.role, Duty::Publisher | Duty::Subscriber | Duty::Pubsub);
            is_for_messages && location.transports.contains(&Transport::Websocket)
        })
}

/// The style of what is read by a WebSocket, with ids and types or without.
pub(crate) fn socket_style(is_meta: bool) -> u8 {
    if is_meta { style::SOCKET_META } else { style::SOCKET }
}

/// Reads what a WebSocket at a location is for.
///
/// # Errors
/// The request is refused, as one without a WebSocket would be.
pub(crate) fn plan(request: &Request<'_, '_>, is_meta: bool, config: &Config) -> Result<Plan, Refusal> {
    let head = request.head;
    let location = config.push.find(request.role, head).ok_or(Refusal::NotFound)?;
    let named = location.names(head).ok_or(Refusal::NoChannels)?;
    let published = location.names_published(head).ok_or(Refusal::NoChannels)?;
    if named.channels.len().max(published.channels.len()) > config.limits.channels_per_subscription_max {
        return Err(Refusal::TooManyInOne);
    }
    if !named.is_text || !published.is_text {
        return Err(decode::NO_TEXT);
    }
    if named.is_too_long || published.is_too_long {
        return Err(Refusal::Name);
    }
    if config.push.is_astray(&named) || config.push.is_astray(&published) {
        return Err(Refusal::OtherGroup);
    }
    let (reads, writes) = (location.role != Duty::Publisher, location.role != Duty::Subscriber);
    let asks = location.upstreams().next().is_some() || named.events.is_some();
    let mut plan = Plan {
        ping_ms: location.websocket_ping_ms,
        compression: location.websocket_compression,
        ..Plan::default()
    };
    if reads {
        let mut watch = decode::watch_as(head, location, &named, socket_style(is_meta))?;
        if asks {
            let fields = decode::fields_of_watch(request, (location, &config.http), &named, &watch, KIND);
            watch.follow = hooks::follow(location, &named, true, &fields);
            plan.hooks = hooks::hooks(location, false, &fields);
        }
        plan.watch = Some(Box::new(watch));
    }
    if writes && published.is_of_events() {
        // A location for both is one for reading there.
        if !reads {
            return Err(Refusal::EventsGroup);
        }
    } else if writes {
        let mut outlet = outlet(head, location, &published, config)?;
        if asks {
            let fields = decode::fields_of_publisher(request, (location, &config.http), &published, KIND);
            if !reads {
                plan.hooks = hooks::hooks(location, false, &fields);
            }
            let rewrite = location.publisher_upstream_request.clone();
            outlet.hooks =
                rewrite.map(|rewrite| Box::new(Hooks { authorize: None, rewrite: Some(rewrite), fields }));
        }
        plan.outlet = Some(Box::new(outlet));
    }
    Ok(plan)
}

fn outlet(
    head: &Head<'_, '_>,
    location: &Location,
    named: &Named,
    config: &Config,
) -> Result<Outlet, Refusal> {
    let format = answer::format(head.field("accept").unwrap_or_default());
    let heartbeat = location.websocket_client_heartbeat.as_ref();
    Ok(Outlet {
        posting: decode::posting(head, location, named, config)?,
        answers: (location.role == Duty::Publisher).then_some(format),
        hooks: None,
        heartbeat: heartbeat.map(|one| (one.asks.as_str().into(), one.answers.as_str().into())),
        location: config.push.location.iter().position(|one| one == location),
    })
}

/// Over WebSocket: who reads gets messages, and what comes is published as it is.
impl Talker for Push {
    fn dialect(&self) -> DialectId {
        DialectId::Push
    }

    fn subprotocols(&self) -> &'static [&'static str] {
        &[META]
    }

    /// It begins by [`plan`], which may have to ask an application.
    fn open<'b>(&self, _request: &Request<'_, 'b>, _config: &Config) -> Result<Opening<'b>, Refusal> {
        Ok(Opening::default())
    }

    /// Messages ask for nothing: they are published.
    fn text<'m>(&self, _topic: &str, _text: &'m str, _config: &Config) -> Result<Vec<Call<'m>>, Fault> {
        Ok(Vec::new())
    }

    fn answer(&self, _tag: Option<&str>, _outcome: &Outcome<'_>, _out: &mut Vec<u8>) {}
}
