//! What is spoken on the control socket: keys, and orders to the server itself; over HTTP, as lines of text, and as
//! CometServer does. Wire: `docs/control.md`.
mod answer;
mod frame;
pub(crate) mod hear;
mod http;
mod json;
mod key;
mod style;
mod text;
mod value;

pub(super) use http::{is_at, is_beneath};
pub(crate) use key::key_of;
pub(crate) use text::{legacy, line};

use super::{Answer, Decoded, Dialect, JSON, News, Outcome, PLAIN, Refusal, Request, Text, Voice};
use crate::config::Config;
use crate::hub::Change;

/// Speaks it.
pub struct Local;

impl Dialect for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn decode<'b>(&self, request: &Request<'_, 'b>, _config: &Config) -> Decoded<'b> {
        http::decode(request)
    }

    fn answer(&self, voice: &Voice, outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer {
        match style::framing(voice.style) {
            style::HTTP => return answer::http(outcome, out),
            style::LINE => answer::line(outcome, out),
            _ => answer::legacy(outcome, out),
        }
        Answer { status: crate::wire::http1::Status::OK, content_type: PLAIN }
    }

    fn frame(&self, style: u8, news: &[News<'_>], _live: bool, out: &mut Text) {
        frame::frame(style, news, &mut out.bytes);
        out.end_piece();
    }

    fn content_type(&self, _voice: &Voice) -> &'static str {
        JSON
    }

    fn epilogue(&self, _is_call: bool) -> &'static str {
        "\n"
    }

    /// Each value by itself: whoever asks again gets the next.
    fn appetite(&self, _style: u8, _live: bool) -> super::Appetite {
        super::Appetite::OneMessage
    }

    fn says_gaps(&self, _style: u8) -> bool {
        true
    }

    fn hears(&self, _change: Change) -> bool {
        false
    }

    fn quiet_ms(&self, config: &Config) -> u64 {
        config.icomet.polling_timeout_ms
    }
}

/// How somebody is answered who has missed something before what is waited for.
pub(crate) fn having_missed(voice: Voice) -> Voice {
    Voice { style: voice.style | style::MISSED, ..voice }
}

/// The words for a program: what went wrong, in one of few.
fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoValue | Refusal::NoChannel(_) => "unknown-key",
        Refusal::Parameter(_) => "usage",
        _ => "refused",
    }
}
