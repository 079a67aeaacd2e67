//! Simple-Comet-Server's dialect: REST over JSON and JSONP. Wire: `docs/simple-comet.md`; the original's behaviour, as
//! observed: `protocols/simple-comet.md`.
mod answer;
mod decode;
mod frame;

pub(super) use decode::is_at;

use super::{Answer, Appetite, Decoded, Dialect, News, Outcome, Refusal, Request, Tail, Text, Voice};
use crate::config::Config;
use crate::hub::Change;
use crate::wire::http1::Status;

/// Speaks Simple Comet.
pub struct SimpleComet;

/// How an answer is wrapped: bits of a style.
mod style {
    /// In a JSONP call.
    pub(super) const CALL: u8 = 1;
    /// In `/*-secure- */`.
    pub(super) const QUOTED: u8 = 2;
}

/// What stands before quoted JSON (`--quote-json`).
const QUOTE: &str = "/*-secure- ";

/// Media types, as the original has them: what is sent is ASCII.
const JSON: &str = "application/json";
const SCRIPT: &str = "application/javascript";

impl Dialect for SimpleComet {
    fn name(&self) -> &'static str {
        "simple_comet"
    }

    fn decode<'b>(&self, request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
        decode::decode(request, config)
    }

    fn answer(&self, voice: &Voice, outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer {
        // A script with any other status is not executed, and the original has no other.
        let answer = Answer { status: Status::OK, content_type: self.content_type(voice) };
        match outcome {
            Outcome::Refused(Refusal::Method(_)) => {
                out.extend_from_slice(b"this path knows other methods: see Allow\n");
                Answer { status: Status::METHOD_NOT_ALLOWED, content_type: super::PLAIN }
            }
            Outcome::Refused(Refusal::Callback) => {
                out.extend_from_slice(b"/* invalid JSONP callback name */");
                answer
            }
            Outcome::Refused(Refusal::UnmarkedCallback) => {
                out.extend_from_slice(b"/* incomplete JSONP callback name */");
                answer
            }
            _ => {
                out.extend_from_slice(voice.before.as_deref().unwrap_or_default().as_bytes());
                answer::object(voice.style, outcome, out);
                out.extend_from_slice(end(voice.style));
                answer
            }
        }
    }

    fn frame(&self, style: u8, news: &[News<'_>], _live: bool, out: &mut Text) {
        frame::frame(style, news, &mut out.bytes);
        out.end_piece();
    }

    fn content_type(&self, voice: &Voice) -> &'static str {
        if voice.style & style::CALL != 0 { SCRIPT } else { JSON }
    }

    fn epilogue(&self, is_call: bool) -> &'static str {
        if is_call { ");" } else { "" }
    }

    fn has_tail(&self) -> bool {
        true
    }

    fn tail(&self, voice: &Voice, news: &[News<'_>], tail: Tail, out: &mut Vec<u8>) {
        frame::tail(voice.style, news, tail, out);
    }

    /// A waiting poll gets one message of one channel, as from the original; what came with it follows in the next.
    fn appetite(&self, _style: u8, live: bool) -> Appetite {
        if live { Appetite::OneMessage } else { Appetite::Everything }
    }

    fn says_gaps(&self, _style: u8) -> bool {
        false
    }

    fn hears(&self, _change: Change) -> bool {
        false
    }

    /// The application's callback would be called with no messages, and pages may not expect that.
    fn calls_when_quiet(&self, style: u8) -> bool {
        style & style::CALL == 0
    }

    fn quiet_ms(&self, config: &Config) -> u64 {
        config.simple_comet.polling_timeout_ms
    }
}

/// What stands behind the JSON text.
fn end(style: u8) -> &'static [u8] {
    match style {
        s if s & style::CALL != 0 => b");",
        s if s & style::QUOTED != 0 => b" */",
        _ => b"",
    }
}

/// The code and text of a refusal (`protocols/simple-comet.md`, section 4.7); texts of limits are our own.
fn verdict(refusal: &Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::UnknownSession => ("-3", "Unregistered client_id"),
        Refusal::NoChannel(_) => ("-2", "Nonexistent channel"),
        Refusal::Name => ("-1", "Invalid channel id"),
        Refusal::SessionName => ("-1", "Invalid client id"),
        Refusal::Publish => ("-1", "Not allowed here"),
        Refusal::Memory => ("-1", "Out of memory: try again later"),
        Refusal::Storage => ("-1", "The history cannot be stored: try again later"),
        Refusal::ChannelTaken | Refusal::SessionTaken | Refusal::NoChannels | Refusal::NoneReadable => {
            ("-2", refusal.words())
        }
        _ => ("-1", refusal.words()),
    }
}
