//! Why something is refused: the status for programs, the words for people.
use crate::hub::GroupFull;
use crate::token::Wrong;
use crate::wire::http1::Status;

/// Characters of a wrong value that are repeated.
const REPEATED: usize = 40;

/// Why something is refused. The connection lives on.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Refusal {
    /// There is no such path here.
    NotFound,
    /// The path knows other methods, named as in `Allow`.
    Method(&'static str),
    /// A parameter is missing or wrong; says what was expected.
    Parameter(&'static str),
    /// A parameter's value is wrong; names it, says what it was, and what was expected.
    Value(Box<str>),
    /// A callback name has characters or a length that are not allowed.
    Callback,
    /// The same, where a name is made of parts with dots between them.
    DottedCallback,
    /// A callback name lacks what the dialect's names must have.
    UnmarkedCallback,
    /// A channel of this name has been registered already.
    ChannelTaken,
    /// A client of this name has been registered already.
    SessionTaken,
    /// The client is not known, or no longer.
    UnknownSession,
    /// `sessions_max` is reached.
    TooManySessions,
    /// A client's name is too long, or has control characters.
    SessionName,
    /// No channel was named.
    NoChannels,
    /// There is none of the channels named that may be read.
    NoneReadable,
    /// More than `channels_per_subscription_max` channels were named.
    TooManyInOne,
    /// More than `publish_messages_max` messages, or too much for one channel, in one request.
    TooMuchAtOnce,
    /// One answer would name more people than `presence_bytes_max` has room for.
    TooManyPresent,
    /// A body of a type that is not understood, or that is not what its type says.
    Body(&'static str),
    /// A channel's name is empty, too long, or has control characters.
    Name,
    /// What is said of a message is longer than `media_type_bytes_max`, or no text.
    MediaType,
    /// Somebody else waits on the channel, and only one may.
    Conflict,
    /// It may not be asked for in this way.
    Forbidden,
    /// There is no such channel; its name.
    NoChannel(String),
    /// The token is wrong, or there is no such channel.
    Token,
    /// The signed token is refused.
    Signed(Wrong),
    /// A signed token is needed, and none is shown.
    NoToken,
    /// What is shown is no signed token, or there are no keys.
    NoSigned,
    /// The signed token does not allow it.
    NotGranted,
    /// The name to be listed under is not the token's.
    NotTheirName,
    /// The key of a publish is no key, or longer than `idempotency_key_bytes_max`.
    KeyForm,
    /// The key of a publish was used with another body.
    KeyReused,
    /// `idempotency_keys_max` or `idempotency_bytes_max` is reached.
    TooManyKeys,
    /// Publishing here is not allowed.
    Publish,
    /// The client's address may not do this.
    Address,
    /// `channels_max` is reached.
    TooManyChannels,
    /// `patterns_max` is reached.
    TooManyPatterns,
    /// `subscribers_per_channel_max` is reached.
    TooManySubscribers,
    /// `channel_messages_per_second_max` is reached.
    TooFast,
    /// The connection has as many subscriptions as it may.
    TooManySubscriptions,
    /// `broadcasts_waiting_max` is reached; it can be sent again soon.
    TooManyBroadcasts,
    /// `memory_bytes_max` is reached.
    Memory,
    /// `history.file` cannot be written.
    Storage,
    /// It has lasted as long as it may.
    Over,
    /// The server is going away, or an administrator ends the connection.
    Leaving,
    /// A limit of a group of channels is reached.
    Group(GroupFull),
    /// The name of a channel is in a group, and the location that it was named at is in none.
    OtherGroup,
    /// Only the server publishes to the group in which events are told.
    EventsGroup,
    /// `hooks_max` is reached.
    TooManyHooks,
    /// Whoever comes in by this socket may not do that.
    Rights,
    /// More than `command_bytes_max` without an end.
    CommandTooLong,
    /// There is no value under this key.
    NoValue,
    /// A key would have no value when it has been written.
    NotKept,
    /// There is no such connection.
    NoClient,
    /// An application could not be asked, or its answer cannot be used.
    HookFailed,
    /// An application has not answered in time.
    HookTooSlow,
}

impl Refusal {
    /// The status that says it to a program.
    pub fn status(&self) -> Status {
        match self {
            Self::NotFound | Self::NoChannel(_) | Self::NoValue | Self::NoClient => Status::NOT_FOUND,
            Self::Method(_) => Status::METHOD_NOT_ALLOWED,
            Self::Parameter(_)
            | Self::Value(_)
            | Self::Callback
            | Self::DottedCallback
            | Self::UnmarkedCallback
            | Self::Name
            | Self::SessionName
            | Self::NoChannels
            | Self::ChannelTaken
            | Self::SessionTaken
            | Self::MediaType
            | Self::TooManyInOne => Status::BAD_REQUEST,
            Self::NoneReadable => Status::NOT_FOUND,
            Self::UnknownSession | Self::Forbidden | Self::Rights => Status::FORBIDDEN,
            Self::TooMuchAtOnce | Self::TooManyPresent | Self::CommandTooLong => Status::CONTENT_TOO_LARGE,
            Self::Conflict | Self::NotKept => Status::CONFLICT,
            Self::Signed(_) | Self::NoToken => Status::UNAUTHORIZED,
            Self::NotGranted | Self::NotTheirName => Status::FORBIDDEN,
            Self::NoSigned | Self::KeyForm => Status::BAD_REQUEST,
            Self::KeyReused => Status::UNPROCESSABLE,
            Self::TooManyKeys => Status::UNAVAILABLE,
            Self::Body(_) => Status::UNSUPPORTED_MEDIA_TYPE,
            Self::Token | Self::Publish | Self::Address => Status::FORBIDDEN,
            Self::TooManyChannels
            | Self::TooManyPatterns
            | Self::TooManySubscribers
            | Self::TooManySubscriptions
            | Self::TooFast => Status::TOO_MANY_REQUESTS,
            Self::TooManyBroadcasts
            | Self::TooManySessions
            | Self::Memory
            | Self::Storage
            | Self::TooManyHooks => Status::UNAVAILABLE,
            Self::Over => Status::REQUEST_TIMEOUT,
            Self::Leaving => Status::UNAVAILABLE,
            Self::Group(_) | Self::OtherGroup | Self::EventsGroup => Status::FORBIDDEN,
            Self::HookFailed => Status::BAD_GATEWAY,
            Self::HookTooSlow => Status::GATEWAY_TIMEOUT,
        }
    }

    /// What it says to a person.
    pub fn words(&self) -> &'static str {
        match self {
            Self::NotFound => "there is nothing at this path",
            Self::Method(_) => "this path knows other methods: see Allow",
            Self::Parameter(words) | Self::Body(words) => words,
            Self::Value(_) => "a parameter's value is not what it should be",
            Self::Callback => {
                "the callback name may have letters, digits and _ $ . [ ], must not begin with a digit, and must be short"
            }
            Self::DottedCallback => {
                "the callback name may have letters, digits and _ $ with single dots between them, no digit at the beginning or behind a \
                 dot, and at most callback_bytes_max bytes"
            }
            Self::UnmarkedCallback => "the callback name must have _JSONP_ in it",
            Self::ChannelTaken => "Channel already exists",
            Self::SessionTaken => "Client already exists",
            Self::UnknownSession => "Unregistered client_id",
            Self::TooManySessions => "Too many clients",
            Self::SessionName => "the client's name is too long, or has control characters",
            Self::NoChannels => "No channels",
            Self::NoneReadable => "No valid channels",
            Self::TooManyInOne => "Too many channels in one request",
            Self::TooManyPresent => {
                "There are more people in these channels than one answer names (presence_bytes_max): ask for fewer channels"
            }
            Self::TooMuchAtOnce => {
                "more than publish_messages_max messages, or more for one channel than those who listen can be handed at once: \
                 send them in several requests"
            }
            Self::Name => "the channel's name is empty, too long, or has control characters",
            Self::MediaType => "Content-Type or X-EventSource-Event is too long, or no text",
            Self::Conflict => "somebody else waits on this channel",
            Self::Forbidden => "not allowed here",
            Self::NoChannel(_) => "there is no such channel",
            Self::Token => "Token error",
            Self::Signed(wrong) => wrong.words(),
            Self::NoToken => "a signed token is needed: Authorization: Bearer, or the parameter token",
            Self::NoSigned => "expected a signed token, and keys in [token] that it can be signed with",
            Self::NotGranted => "the token does not allow this here",
            Self::NotTheirName => {
                "the token's sub is another name: with a token that has one, who must be it"
            }
            Self::KeyForm => {
                "the Idempotency-Key is empty, longer than idempotency_key_bytes_max, or has other than printable ASCII"
            }
            Self::KeyReused => "this Idempotency-Key was used with another body",
            Self::TooManyKeys => {
                "as many Idempotency-Keys are remembered, or as much of answers, as idempotency_keys_max and idempotency_bytes_max say: try again later"
            }
            Self::Publish => "publishing to this channel from here is not allowed",
            Self::Address => "this address may not use the admin side",
            Self::TooManyChannels => "Too many channels",
            Self::TooManyPatterns => "Too many patterns",
            Self::TooManySubscribers => "Too many subscribers",
            Self::TooFast => {
                "more messages for this channel than channel_messages_per_second_max: send it again later"
            }
            Self::TooManySubscriptions => "this connection would have more channels than subscriptions_max",
            Self::TooManyBroadcasts => "too many broadcasts are still on their way: send it again",
            Self::Over => "this has lasted as long as it may",
            Self::Leaving => {
                "the server is going away, or an administrator has ended this request: ask again"
            }
            Self::Group(GroupFull::Channels) => "Group limit reached for number of channels.",
            Self::Group(GroupFull::Subscribers) => "Group limit reached for number of subscribers.",
            Self::Group(GroupFull::Messages) => "Group limit reached for number of messages.",
            Self::Group(GroupFull::Bytes) => "Group limit reached for memory used by messages.",
            Self::OtherGroup => {
                "channels of a group are found at the group's own locations, and not at this one"
            }
            Self::EventsGroup => "the group meta is for events of channels: nothing is published there",
            Self::Rights => "whoever comes in by this socket may not do that",
            Self::CommandTooLong => "the command is longer than command_bytes_max",
            Self::NoValue => "there is no value under this key",
            Self::NotKept => {
                "nothing would be kept of this key, for history_messages_max or its history.rule is 0: publish to the channel instead"
            }
            Self::NoClient => "there is no such connection",
            Self::TooManyHooks => "too many requests wait for the application: try again later",
            Self::HookFailed => "the application cannot be asked, or its answer cannot be used",
            Self::HookTooSlow => "the application has not answered in time",
            Self::Storage => "histories are kept in a file that cannot be written now: try again later",
            Self::Memory => "the server's memory budget is used up: try again later",
        }
    }

    /// The same, with what was said by whom it is said to, where that is known.
    pub fn detail(&self) -> &str {
        match self {
            Self::Value(detail) => detail,
            other => other.words(),
        }
    }

    /// That a parameter's value is not what was expected. What strangers say is repeated up to a length.
    pub(super) fn value(name: &str, said: &str, expected: &str) -> Self {
        let (said, more) = repeated(said);
        Self::Value(format!("{name} is \"{said}{more}\": expected {expected}").into())
    }

    /// The same of a member of a JSON text, as it stands there.
    pub(super) fn json(name: &str, said: &str, expected: &str) -> Self {
        let (said, more) = repeated(said);
        Self::Value(format!("{name} is {said}{more}: expected {expected}").into())
    }
}

/// As much of what a stranger has said as is repeated, and what stands for the rest.
fn repeated(said: &str) -> (&str, &'static str) {
    match said.char_indices().nth(REPEATED) {
        Some((end, _)) => (&said[..end], "…"),
        None => (said, ""),
    }
}
