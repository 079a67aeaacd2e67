//! `[websocket]`: how WebSockets are spoken, whatever the dialect.
//! Knows nothing of frames.
use std::fmt;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

use crate::wire::ws::deflate::{self, Effort, LEVELS, MEMORY_LEVELS, WINDOWS};

/// The most that one frame or message can be configured to: they are counted in 32 bits.
const BYTES_CEILING: usize = 512 << 20;

/// `[websocket]`: what holds for every dialect that is spoken over WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Websocket {
    /// Serve WebSockets on the public side: `/ws`, the native protocol.
    pub enabled: bool,
    /// Serve `/echo` too, which sends every message back: to try a path through proxies, and for conformance suites.
    pub echo: bool,
    /// Agree on compression of messages (permessage-deflate) with clients who offer it. What many get is compressed once.
    pub compression: bool,
    /// Bytes of a message from which on it is compressed: shorter ones gain nothing.
    pub compression_bytes_min: usize,
    /// How hard it is compressed: from 1 (fast) to 9 (small).
    #[serde(deserialize_with = "level")]
    pub compression_level: u32,
    /// Memory for it: from 1 (260 KiB) to 9 (490 KiB), once for each window that is asked for. Less makes long messages larger.
    #[serde(deserialize_with = "memory_level")]
    pub compression_memory_level: u32,
    /// What it expects: "default", "filtered", "huffman-only", "rle" or "fixed", as zlib calls them.
    pub compression_strategy: CompressionStrategy,
    /// How far back compression looks, as a power of two of bytes, from 9 (512 bytes) to 15 (32 KiB); less for a client who asks for less.
    #[serde(deserialize_with = "window")]
    pub compression_window: u32,
    /// Bytes of one frame from a client; a longer one closes the connection with 1009.
    pub frame_bytes_max: usize,
    /// Bytes of one message from a client, decompressed and all its frames together; more closes the connection with 1009.
    pub message_bytes_max: usize,
    /// Milliseconds for a message to arrive, from its first frame; longer closes the connection with 1008.
    pub message_ms_max: u64,
    /// Channels that one connection may subscribe to at once; one more is refused, and so is a message that names more.
    pub subscriptions_max: usize,
    /// Control frames (pings, mostly) that a client may send in a minute; more closes the connection with 1008.
    pub control_frames_per_minute_max: u32,
    /// Milliseconds without a sign of life after which a client is sent a ping. 0 means never.
    pub ping_ms: u64,
    /// Milliseconds that a client has to answer a ping with anything at all, before it is cut.
    pub pong_ms_max: u64,
    /// Milliseconds that a client has to answer a close, before the connection is ended without it.
    pub close_ms_max: u64,
}

/// `compression_strategy`: what zlib is told to expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompressionStrategy {
    /// Text, and everything else.
    #[default]
    Default,
    /// Numbers that differ little: short repetitions are not looked for.
    Filtered,
    /// Nothing that repeats: the frequency of bytes alone.
    HuffmanOnly,
    /// Runs of the same byte.
    Rle,
    /// Anything, with fixed codes.
    Fixed,
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_u32(Within(LEVELS))
}

fn memory_level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_u32(Within(MEMORY_LEVELS))
}

fn window<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_u32(Within(WINDOWS))
}

/// A whole number that is expected to be one of these; of another one [`Websocket::check`] says more.
struct Within(RangeInclusive<u8>);

impl Visitor<'_> for Within {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.0.start(), self.0.end())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u32, E> {
        u32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u32, E> {
        u32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

impl Default for Websocket {
    fn default() -> Self {
        Self {
            enabled: true,
            echo: false,
            compression: true,
            compression_bytes_min: 256,
            compression_level: 6,
            compression_memory_level: 8,
            compression_strategy: CompressionStrategy::Default,
            compression_window: 15,
            frame_bytes_max: 1 << 20,
            message_bytes_max: 1 << 20,
            message_ms_max: 30_000,
            subscriptions_max: 1_000,
            control_frames_per_minute_max: 600,
            ping_ms: 30_000,
            pong_ms_max: 20_000,
            close_ms_max: 2_000,
        }
    }
}

impl Websocket {
    /// How messages are compressed.
    pub fn effort(&self) -> Effort {
        // What is too much for a byte is taken as too much.
        let level = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
        Effort {
            level: level(self.compression_level),
            memory_level: level(self.compression_memory_level),
            strategy: match self.compression_strategy {
                CompressionStrategy::Default => deflate::Strategy::Default,
                CompressionStrategy::Filtered => deflate::Strategy::Filtered,
                CompressionStrategy::HuffmanOnly => deflate::Strategy::HuffmanOnly,
                CompressionStrategy::Rle => deflate::Strategy::Rle,
                CompressionStrategy::Fixed => deflate::Strategy::Fixed,
            },
        }
    }

    /// What is wrong with this, in words for the administrator.
    ///
    /// # Errors
    /// The first thing that cannot work.
    pub fn check(&self) -> Result<(), String> {
        for (name, bytes) in
            [("frame_bytes_max", self.frame_bytes_max), ("message_bytes_max", self.message_bytes_max)]
        {
            if !(1..=BYTES_CEILING).contains(&bytes) {
                return Err(format!("{name} = {bytes}: must be from 1 to {BYTES_CEILING}"));
            }
        }
        for (name, value, range, otherwise) in [
            ("compression_level", self.compression_level, LEVELS, "; for none, compression = false"),
            ("compression_memory_level", self.compression_memory_level, MEMORY_LEVELS, ""),
            ("compression_window", self.compression_window, WINDOWS, ""),
        ] {
            if !u8::try_from(value).is_ok_and(|value| range.contains(&value)) {
                let (least, most) = (range.start(), range.end());
                return Err(format!("{name} = {value}: must be from {least} to {most}{otherwise}"));
            }
        }
        for (name, value) in [
            ("message_ms_max", self.message_ms_max),
            ("subscriptions_max", self.subscriptions_max as u64),
            ("control_frames_per_minute_max", u64::from(self.control_frames_per_minute_max)),
            ("pong_ms_max", self.pong_ms_max),
            ("close_ms_max", self.close_ms_max),
        ] {
            if value == 0 {
                return Err(format!("{name} = 0: must be at least 1"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named() {
        assert_eq!(Websocket::default().check(), Ok(()));
        let wrong = Websocket { message_bytes_max: 1 << 30, ..Websocket::default() };
        assert_eq!(wrong.check(), Err("message_bytes_max = 1073741824: must be from 1 to 536870912".into()));
        let wrong = Websocket { compression_level: 300, ..Websocket::default() };
        assert!(
            wrong.check().is_err_and(|why| why.starts_with("compression_level = 300: must be from 1 to 9"))
        );
        let wrong = Websocket { compression_level: 0, ..Websocket::default() };
        assert_eq!(
            wrong.check(),
            Err("compression_level = 0: must be from 1 to 9; for none, compression = false".into())
        );
        for level in [0, 10, 256] {
            let wrong = Websocket { compression_memory_level: level, ..Websocket::default() };
            assert_eq!(
                wrong.check(),
                Err(format!("compression_memory_level = {level}: must be from 1 to 9"))
            );
        }
        for bits in [8, 16] {
            let wrong = Websocket { compression_window: bits, ..Websocket::default() };
            assert_eq!(wrong.check(), Err(format!("compression_window = {bits}: must be from 9 to 15")));
        }
        let wrong = Websocket { pong_ms_max: 0, ..Websocket::default() };
        assert_eq!(wrong.check(), Err("pong_ms_max = 0: must be at least 1".into()));
    }
}
