//! The protocol that is ours: JSON messages over WebSocket. Wire: `docs/websocket.md`.
mod answer;
mod decode;
mod frame;

use super::{
    Answer, Call, Decoded, Dialect, DialectId, JSON, News, Opening, Outcome, Refusal, Request, Talker, Text,
    Voice,
};
use crate::config::Config;
use crate::hub::Change;
use crate::wire::http1::Status;
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

    fn open<'b>(&self, _request: &Request<'_, 'b>, _config: &Config) -> Result<Opening<'b>, Refusal> {
        Ok(Opening::default())
    }

    fn text<'m>(&self, _topic: &str, text: &'m str, config: &Config) -> Result<Vec<Call<'m>>, Fault> {
        Ok(vec![decode::call(text, config)])
    }

    fn answer(&self, tag: Option<&str>, outcome: &Outcome<'_>, out: &mut Vec<u8>) {
        answer::answer(tag, outcome, out);
    }
}

impl Dialect for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn decode<'b>(&self, _request: &Request<'_, 'b>, _config: &Config) -> Decoded<'b> {
        let voice = Voice { dialect: DialectId::Native, style: 0, before: None };
        Decoded { verb: Err(Refusal::NotFound), voice }
    }

    fn answer(&self, _voice: &Voice, outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer {
        answer::answer(None, outcome, out);
        let status = if let Outcome::Refused(refusal) = outcome { refusal.status() } else { Status::OK };
        Answer { status, content_type: JSON }
    }

    fn frame(&self, _style: u8, news: &[News<'_>], _live: bool, out: &mut Text) {
        frame::frame(news, out);
    }

    fn content_type(&self, _voice: &Voice) -> &'static str {
        JSON
    }

    fn epilogue(&self, _is_call: bool) -> &'static str {
        "\n"
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
