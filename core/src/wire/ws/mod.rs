//! WebSocket (RFC 6455) as a server needs it, and per-message compression (RFC 7692).
//! Knows nothing of channels, dialects or connections.
pub mod deflate;
pub mod frame;
pub mod handshake;
pub mod reader;

#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod reader_tests;

use std::fmt;

/// What a frame is (RFC 6455, section 5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opcode {
    /// The next fragment of a message.
    Continuation,
    /// A message of text, or its first fragment.
    Text,
    /// A message of bytes, or its first fragment.
    Binary,
    /// The end.
    Close,
    /// A question for a sign of life.
    Ping,
    /// The answer to it.
    Pong,
}

impl Opcode {
    /// The opcode with these four bits; `None` for reserved ones.
    pub fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Its four bits.
    pub fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    /// Whether it is a control frame, which may stand between the fragments of a message.
    pub fn is_control(self) -> bool {
        self.bits() >= 8
    }
}

/// Why a connection is closed (RFC 6455, section 7.4, and IANA's registry of close codes).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// Nothing more is to be said.
    pub const NORMAL: Self = Self(1000);
    /// The server is on its way out.
    pub const GOING_AWAY: Self = Self(1001);
    /// A frame broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// A kind of message that is not understood here.
    pub const UNSUPPORTED: Self = Self(1003);
    /// A message whose bytes are not what its kind says, such as text that is not UTF-8.
    pub const INVALID: Self = Self(1007);
    /// A rule of the house was broken.
    pub const POLICY: Self = Self(1008);
    /// A frame or message is larger than is taken.
    pub const TOO_BIG: Self = Self(1009);
    /// Something has gone wrong that is not the client's doing.
    pub const INTERNAL: Self = Self(1011);
    /// What was agreed on does not hold any more; it can be connected again.
    pub const RESTART: Self = Self(1012);
    /// There is no room; it can be tried again.
    pub const TRY_AGAIN: Self = Self(1013);

    /// Whether it may be sent. 1005, 1006 and 1015 stand for what was not, and the rest is reserved.
    pub fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// Why a connection is failed (RFC 6455, section 7.1.7). Where the next frame begins is not certain any more, or not wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// 1002, with the rule that was broken.
    Protocol(&'static str),
    /// 1007: text, or the reason of a close, is not UTF-8.
    NotUtf8,
    /// 1007: what is said to be compressed is not.
    NotDeflate,
    /// 1009: a frame is larger than `frame_bytes_max`.
    FrameTooLarge,
    /// 1009: a message is larger than `message_bytes_max`, as sent or when it is decompressed.
    MessageTooLarge,
    /// 1008: a message has not come whole within `message_ms_max`.
    TooSlow,
    /// 1008: more control frames than `control_frames_per_minute_max`.
    TooManyControls,
    /// 1003: the dialect has no meaning for messages of bytes.
    Binary,
    /// 1007: text that is nothing in the dialect.
    Nonsense(&'static str),
    /// 1008: a message asks for more than one may.
    TooMuch(&'static str),
    /// 1013: `memory_bytes_max` is reached.
    Memory,
}

impl Fault {
    /// The code that says it.
    pub fn code(self) -> CloseCode {
        match self {
            Self::Protocol(_) => CloseCode::PROTOCOL,
            Self::NotUtf8 | Self::NotDeflate | Self::Nonsense(_) => CloseCode::INVALID,
            Self::FrameTooLarge | Self::MessageTooLarge => CloseCode::TOO_BIG,
            Self::TooSlow | Self::TooManyControls | Self::TooMuch(_) => CloseCode::POLICY,
            Self::Binary => CloseCode::UNSUPPORTED,
            Self::Memory => CloseCode::TRY_AGAIN,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol(why) | Self::Nonsense(why) | Self::TooMuch(why) => why,
            Self::NotUtf8 => "text is UTF-8",
            Self::NotDeflate => "a compressed message cannot be decompressed",
            Self::FrameTooLarge => "the frame is larger than frame_bytes_max",
            Self::MessageTooLarge => "the message is larger than message_bytes_max",
            Self::TooSlow => "the message did not arrive within message_ms_max",
            Self::TooManyControls => "more control frames than control_frames_per_minute_max",
            Self::Binary => "messages are text here",
            Self::Memory => "memory_bytes_max is reached: try again later",
        })
    }
}
