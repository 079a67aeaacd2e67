//! Bayeux 1.0: batches of messages in, replies and events out, over long-polling, callback-polling and WebSocket. Wire:
//! `docs/bayeux.md`; what clients and other servers do: `protocols/bayeux.md`. Sessions live in the machine
//! (`machine/bayeux/`).
mod decode;
pub mod long;
pub mod message;
pub mod name;
pub mod write;

pub(super) use decode::is_at;
pub(crate) use decode::{is_foreign, is_script};

use super::{
    Answer, Call, Decoded, Dialect, DialectId, News, Opening, Outcome, PLAIN, Refusal, Request, Talk, Talker,
    Text, Verb, Voice,
};
use crate::config::Config;
use crate::hub::Change;
use crate::wire::http1::Status;
use crate::wire::ws::Fault;

/// Speaks Bayeux.
pub struct Bayeux;

/// The cookie that names a browser.
pub const COOKIE: &str = "RCOMET_BROWSER";

/// The channel on which a client is told that messages are missing. It is private to the client, and needs no
/// subscription, as those of services (section 3).
pub const GAP_CHANNEL: &str = "/service/rcomet/gap";

/// Media types (sections 10 and 11).
pub const JSON: &str = "application/json;charset=UTF-8";
/// The type of a script.
pub const SCRIPT: &str = "text/javascript; charset=utf-8";

impl Dialect for Bayeux {
    fn name(&self) -> &'static str {
        "bayeux"
    }

    fn decode<'b>(&self, request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
        decode::decode(request, config)
    }

    /// Only what is no batch of messages is answered so: with words, and never with what was sent.
    fn answer(&self, _voice: &Voice, outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer {
        let Outcome::Refused(refusal) = outcome else {
            return Answer { status: Status::OK, content_type: JSON };
        };
        out.extend_from_slice(refusal.words().as_bytes());
        out.push(b'\n');
        Answer { status: refusal.status(), content_type: PLAIN }
    }

    fn frame(&self, style: u8, news: &[News<'_>], _live: bool, out: &mut Text) {
        let mut is_first = true;
        let is_whole = style & style::WHOLE != 0;
        if is_whole {
            out.bytes.push(b'[');
        }
        for item in news {
            let News::Messages(batch) = item else { continue };
            for (_, message) in batch.channel.history().range(batch.from, batch.to) {
                if !std::mem::take(&mut is_first) {
                    out.bytes.push(b',');
                }
                let channel = message.channel().unwrap_or(batch.channel.name());
                write::event(name::told(channel, out.prefix), message, style, &mut out.bytes);
            }
        }
        if is_whole {
            out.bytes.push(b']');
        }
        out.end_piece();
    }

    fn content_type(&self, voice: &Voice) -> &'static str {
        if voice.before.is_some() { SCRIPT } else { JSON }
    }

    fn epilogue(&self, _is_call: bool) -> &'static str {
        ""
    }

    fn says_gaps(&self, _style: u8) -> bool {
        false
    }

    fn hears(&self, _change: Change) -> bool {
        false
    }

    fn quiet_ms(&self, config: &Config) -> u64 {
        config.bayeux.timeout_ms
    }
}

/// Over WebSocket: each message is a batch, and so is what comes back.
impl Talker for Bayeux {
    fn dialect(&self) -> DialectId {
        DialectId::Bayeux
    }

    fn open<'b>(&self, request: &Request<'_, 'b>, _config: &Config) -> Result<Opening<'b>, Refusal> {
        Ok(Opening { cookie: decode::cookie(request), ..Opening::default() })
    }

    fn text<'m>(&self, _topic: &str, text: &'m str, _config: &Config) -> Result<Vec<Call<'m>>, Fault> {
        let talk = Talk {
            texts: vec![text.into()],
            is_call: false,
            is_foreign: false,
            may_post: true,
            cookie: None,
        };
        Ok(vec![Call::Do { tag: None, verb: Verb::Talk(talk) }])
    }

    /// Batches are answered by the messages in them.
    fn answer(&self, _tag: Option<&str>, _outcome: &Outcome<'_>, _out: &mut Vec<u8>) {}
}

/// How events are written: bits of a style.
pub mod style {
    /// Text of other dialects that is JSON goes as JSON.
    pub const PARSES_TEXT: u8 = 1;
    /// They are a message of their own, and not part of an answer.
    pub const WHOLE: u8 = 2;
    /// They say when they were published.
    pub const TIMESTAMP: u8 = 4;
}
