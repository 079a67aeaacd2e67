//! The protocol that is ours: JSON over HTTP and over WebSocket. Wire: `docs/api.md`, `docs/websocket.md`.
mod answer;
mod bulk;
mod decode;
mod frame;
mod http;
mod splice;
mod style;

pub(crate) use answer::problem;
pub(super) use http::{is_at, is_place_of_publish, is_publish, is_untold_publish, limit, number, text};

use super::{
    Answer, Call, Decoded, Dialect, DialectId, JSON, News, Opening, Outcome, Refusal, Request, Talker, Text,
    Voice,
};
use crate::config::Config;
use crate::hub::Change;
use crate::wire::ws::Fault;

/// Speaks it.
pub struct Native;

impl Talker for Native {
    fn dialect(&self) -> DialectId {
        DialectId::Native
    }

    fn subprotocols(&self) -> &'static [&'static str] {
        &["rcomet"]
    }

    fn open<'b>(&self, request: &Request<'_, 'b>, _config: &Config) -> Result<Opening<'b>, Refusal> {
        Ok(Opening { token: http::token(request.head, request.params)?, ..Opening::default() })
    }

    fn text<'m>(&self, _topic: &str, text: &'m str, config: &Config) -> Result<Vec<Call<'m>>, Fault> {
        Ok(decode::calls(text, config.websocket.subscriptions_max))
    }

    fn answer(&self, tag: Option<&str>, outcome: &Outcome<'_>, out: &mut Vec<u8>) {
        answer::answer(tag, outcome, out);
    }
}

impl Dialect for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn decode<'b>(&self, request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
        http::decode(request, config)
    }

    fn answer(&self, _voice: &Voice, outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer {
        answer::body(outcome, out)
    }

    fn frame(&self, style: u8, news: &[News<'_>], _live: bool, out: &mut Text) {
        frame::frame(style, news, out);
    }

    fn content_type(&self, voice: &Voice) -> &'static str {
        match voice.style {
            style::EVENTS | style::STATS => "text/event-stream; charset=utf-8",
            style::LINES => "application/x-ndjson; charset=utf-8",
            _ => JSON,
        }
    }

    fn is_poll(&self, style: u8) -> bool {
        style == style::POLL
    }

    fn transport(&self, style: u8) -> &'static str {
        match style {
            style::EVENTS => "SSE",
            style::LINES => "NDJSON",
            style::POLL => "long poll",
            style::STATS => "statistics",
            _ => "WebSocket",
        }
    }

    fn epilogue(&self, _is_call: bool) -> &'static str {
        "\n"
    }

    fn polls_hear_ends(&self) -> bool {
        true
    }

    fn says_gaps(&self, _style: u8) -> bool {
        true
    }

    /// Over WebSocket, pings say it.
    fn quiet_ms(&self, config: &Config) -> u64 {
        config.icomet.polling_timeout_ms
    }

    fn hears(&self, change: Change) -> bool {
        matches!(change, Change::Join | Change::Leave)
    }
}
