//! icomet's dialect, the native one. Wire: `docs/icomet.md`.
mod answer;
mod decode;
mod frame;

use super::{Answer, Appetite, Decoded, Dialect, JSON, News, Outcome, PLAIN, Request, SCRIPT, Text, Voice};
use crate::config::{Config, PollHead};
use crate::hub::Change;

/// Speaks icomet.
pub struct Icomet;

/// How messages are framed: the low bits of a style.
mod form {
    pub(super) const POLL: u8 = 0;
    pub(super) const STREAM: u8 = 1;
    pub(super) const SSE: u8 = 2;
    pub(super) const IFRAME: u8 = 3;
    pub(super) const LINES: u8 = 4;
    pub(super) const MASK: u8 = 7;
    /// One plain object an answer, never an array.
    pub(super) const NO_BATCH: u8 = 8;
    /// What was missed is not said in a record of its own.
    pub(super) const NO_GAPS: u8 = 16;
}

impl Dialect for Icomet {
    fn name(&self) -> &'static str {
        "icomet"
    }

    fn decode<'b>(&self, request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
        decode::decode(request, config)
    }

    fn answer(&self, voice: &Voice, outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer {
        answer::answer(voice, outcome, out)
    }

    fn frame(&self, style: u8, news: &[News<'_>], live: bool, out: &mut Text) {
        frame::frame(style, news, live, out);
    }

    fn content_type(&self, voice: &Voice) -> &'static str {
        match voice.style & form::MASK {
            form::POLL if voice.before.is_some() => SCRIPT,
            form::SSE => "text/event-stream; charset=utf-8",
            form::IFRAME => "text/html; charset=utf-8",
            form::LINES => PLAIN,
            _ => JSON,
        }
    }

    fn prologue(&self, style: u8) -> &'static str {
        if style & form::MASK == form::IFRAME { frame::IFRAME_PROLOGUE } else { "" }
    }

    fn appetite(&self, style: u8, live: bool) -> Appetite {
        match (style & form::MASK == form::POLL, style & form::NO_BATCH != 0) {
            (true, true) => Appetite::OneObject,
            (true, false) if live => Appetite::OneMessage,
            _ => Appetite::Everything,
        }
    }

    fn is_poll(&self, style: u8) -> bool {
        style & form::MASK == form::POLL
    }

    fn transport(&self, style: u8) -> &'static str {
        match style & form::MASK {
            form::STREAM => "stream",
            form::SSE => "SSE",
            form::IFRAME => "iframe",
            form::LINES => "list of channels",
            _ => "long poll",
        }
    }

    fn survives_gaps(&self, style: u8) -> bool {
        style & form::MASK != form::LINES
    }

    fn says_gaps(&self, style: u8) -> bool {
        let is_one_object = style & form::NO_BATCH != 0 && self.is_poll(style);
        style & form::NO_GAPS == 0 && !is_one_object
    }

    fn hears(&self, change: Change) -> bool {
        matches!(change, Change::Join | Change::Leave)
    }

    fn quiet_ms(&self, config: &Config) -> u64 {
        config.icomet.polling_timeout_ms
    }

    fn begins_at_once(&self, config: &Config) -> bool {
        config.icomet.poll_head == PollHead::AtOnce
    }

    fn epilogue(&self, is_call: bool) -> &'static str {
        if is_call { ");\n" } else { "\n" }
    }
}
