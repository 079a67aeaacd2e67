//! The ways of reading: by which location, asked for how.
/// A way of reading: the location, and the fields that ask for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Poll,
    Lines,
    Parts,
    Interval,
    First,
    Last,
    Events,
    Multipart,
    Brief,
    Asked,
    Socket,
    SocketLast,
    SocketAsked,
}

pub const WAYS: [Way; 13] = [
    Way::Poll,
    Way::Lines,
    Way::Parts,
    Way::Interval,
    Way::First,
    Way::Last,
    Way::Events,
    Way::Multipart,
    Way::Brief,
    Way::Asked,
    Way::Socket,
    Way::SocketLast,
    Way::SocketAsked,
];

impl Way {
    pub fn path(self) -> &'static str {
        match self {
            Self::Poll | Self::Events | Self::Multipart | Self::Socket => "/sub",
            Self::Lines => "/lines",
            Self::Parts => "/parts",
            Self::Interval => "/interval",
            Self::First => "/first",
            Self::Last | Self::SocketLast => "/last",
            Self::Brief => "/brief",
            Self::Asked | Self::SocketAsked => "/asked",
        }
    }

    pub fn fields(self) -> &'static str {
        match self {
            Self::Events | Self::Brief => "Accept: text/event-stream\r\n",
            Self::Multipart => "Accept: multipart/mixed\r\n",
            way if way.is_socket() => super::socket::FIELDS,
            _ => "",
        }
    }

    pub fn is_stream(self) -> bool {
        self.is_socket() || matches!(self, Self::Events | Self::Multipart | Self::Brief)
    }

    pub fn is_socket(self) -> bool {
        matches!(self, Self::Socket | Self::SocketLast | Self::SocketAsked)
    }
}
