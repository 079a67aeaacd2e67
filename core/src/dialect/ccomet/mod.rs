//! CComet's dialect, both generations: `/sign` `/publish` `/subscribe`, and `/sign` `/pub` `/sub` of April 2014. Every
//! answer is a call with one string in which stands a JSON array.
mod decode;
mod frame;

use super::{Answer, Decoded, Dialect, News, Outcome, Refusal, Request, SCRIPT, Text, Voice};
use crate::bytes::escape;
use crate::config::Config;
use crate::hub::Change;
use crate::wire::http1::Status;

/// Speaks CComet.
pub struct Ccomet;

mod style {
    /// The generation of April 2014.
    pub(super) const OLD: u8 = 1;
}

impl Dialect for Ccomet {
    fn name(&self) -> &'static str {
        "ccomet"
    }

    fn decode<'b>(&self, request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
        decode::decode(request, config)
    }

    fn answer(&self, voice: &Voice, outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer {
        let array = match outcome {
            Outcome::Published { .. } if voice.style & style::OLD != 0 => "[{\"type\" : \"pub\"}]".into(),
            Outcome::Published { .. } => "[{\"type\" : \"publish\"}]".into(),
            // The number is for the older client, which goes on from there; the newer one does not look at it.
            Outcome::SignedIn { next } => {
                format!("[{{\"type\" : \"sign in\", \"seqid\":\"{}\"}}]", *next as i64 - 2)
            }
            Outcome::Refused(refusal) => return refused(voice, refusal, out),
            _ => "[]".to_owned(),
        };
        call(voice, &array, out);
        Answer { status: Status::OK, content_type: SCRIPT }
    }

    fn frame(&self, style: u8, news: &[News<'_>], _live: bool, out: &mut Text) {
        frame::frame(style, news, out);
    }

    fn content_type(&self, _voice: &Voice) -> &'static str {
        SCRIPT
    }

    fn says_gaps(&self, _style: u8) -> bool {
        false
    }

    fn hears(&self, change: Change) -> bool {
        change == Change::Sign
    }

    /// Nobody waits longer for an answer than this: its client must long have asked again.
    fn quiet_ms(&self, config: &Config) -> u64 {
        config.icomet.polling_timeout_ms.saturating_mul(4)
    }

    fn epilogue(&self, _is_call: bool) -> &'static str {
        "')"
    }

    /// Its clients show whatever comes as a chat message, and ask again by themselves after 10 or 30 seconds.
    fn says_quiet(&self) -> bool {
        false
    }
}

fn call(voice: &Voice, array: &str, out: &mut Vec<u8>) {
    match &voice.before {
        Some(before) => {
            out.extend_from_slice(before.as_bytes());
            escape::single_quoted(array.as_bytes(), out);
            out.extend_from_slice(b"')");
        }
        // Without a callback, the bare object.
        None => out.extend_from_slice(array.trim_matches(['[', ']']).as_bytes()),
    }
}

fn refused(voice: &Voice, refusal: &Refusal, out: &mut Vec<u8>) -> Answer {
    if matches!(refusal, Refusal::NotFound | Refusal::Method(_) | Refusal::Callback) {
        out.extend_from_slice(refusal.words().as_bytes());
        out.push(b'\n');
        return Answer { status: refusal.status(), content_type: super::PLAIN };
    }
    let (kind, reason) = match refusal {
        Refusal::Parameter(_) => ("400", "error params"),
        Refusal::Name => ("400", refusal.words()),
        Refusal::Publish | Refusal::Token | Refusal::Address => ("401", refusal.words()),
        _ => ("404", refusal.words()),
    };
    call(voice, &format!("[{{\"type\" : \"{kind}\", \"reason\" : \"{reason}\"}}]"), out);
    // The status stays 200: a script with any other is not executed, and the client would never know.
    Answer { status: Status::OK, content_type: SCRIPT }
}
