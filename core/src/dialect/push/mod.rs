//! The dialect of the nginx push module, with a part of Nchan's. Wire: `docs/push-module.md`; the originals' behaviour, as
//! observed: `protocols/push-module.md`.
mod answer;
mod decode;
mod frame;
mod groups;
mod hooks;
mod ids;
mod socket;
mod transport;

pub(super) use decode::is_at;
pub(crate) use frame::BYTES;
pub(crate) use hooks::id_of;
pub(crate) use socket::{META, is_socket_at, plan, socket_style};
pub use socket::{Outlet, Plan};

use super::{Answer, Appetite, Boundary, Decoded, Dialect, News, Outcome, Refusal, Request, Text, Voice};
use crate::config::{Config, Wording};
use crate::hub::{Change, GroupFull};
use crate::wire::http1::Status;

/// Speaks the push module's protocol.
pub struct Push;

/// How messages are sent, or in which format a channel is described.
mod style {
    pub(super) const LONG_POLL: u8 = 0;
    pub(super) const INTERVAL_POLL: u8 = 1;
    pub(super) const EVENTS: u8 = 2;
    pub(super) const CHUNKED: u8 = 3;
    pub(super) const RAW: u8 = 4;
    pub(super) const MULTIPART: u8 = 5;
    /// Long polls that take several messages.
    pub(super) const LONG_POLL_PARTS: u8 = 6;
    pub(super) const LONG_POLL_LINES: u8 = 7;
    pub(super) const PLAIN: u8 = 8;
    pub(super) const JSON: u8 = 9;
    pub(super) const XML: u8 = 10;
    pub(super) const YAML: u8 = 11;
    pub(super) const SOCKET: u8 = 12;
    /// With ids and types: `ws+meta.nchan`.
    pub(super) const SOCKET_META: u8 = 13;

    /// What Nchan calls a subscriber of this style.
    pub(super) fn kind(style: u8) -> &'static str {
        match style {
            EVENTS => "eventsource",
            CHUNKED => "http-chunked",
            MULTIPART => "http-multipart",
            RAW => "http-raw-stream",
            INTERVAL_POLL => "intervalpoll",
            SOCKET | SOCKET_META => "websocket",
            _ => "longpoll",
        }
    }

    pub(super) fn is_poll(style: u8) -> bool {
        matches!(style, LONG_POLL | INTERVAL_POLL | LONG_POLL_PARTS | LONG_POLL_LINES)
    }
}

impl Dialect for Push {
    fn name(&self) -> &'static str {
        "push"
    }

    fn kind(&self, style: u8) -> &'static str {
        style::kind(style)
    }

    fn decode<'b>(&self, request: &Request<'_, 'b>, config: &Config) -> Decoded<'b> {
        decode::decode(request, config)
    }

    fn answer(&self, voice: &Voice, outcome: &Outcome<'_>, out: &mut Vec<u8>) -> Answer {
        match outcome {
            Outcome::Info(info) => {
                answer::info(voice.style, info, out);
                Answer { status: answer::reached(info), content_type: answer::content_type(voice.style) }
            }
            Outcome::Group(census) => {
                answer::group(voice.style, census, out);
                Answer { status: Status::OK, content_type: answer::content_type(voice.style) }
            }
            Outcome::Readers { readers, words, left_out } => {
                answer::readers(readers, *words, *left_out, out);
                Answer { status: Status::OK, content_type: "text/plain" }
            }
            Outcome::Figures(figures) => {
                answer::figures(figures, out);
                Answer { status: Status::OK, content_type: "text/plain" }
            }
            Outcome::Refused(refusal) => {
                let (status, words) = verdict(refusal);
                out.extend_from_slice(words.as_bytes());
                Answer { status, content_type: "text/plain" }
            }
            // Nothing else is asked for in this dialect.
            _ => Answer { status: Status::OK, content_type: "text/plain" },
        }
    }

    fn frame(&self, style: u8, news: &[News<'_>], _live: bool, out: &mut Text) {
        for news in news {
            frame::frame(style, news, out);
        }
    }

    fn content_type(&self, voice: &Voice) -> &'static str {
        answer::content_type(voice.style)
    }

    /// What came with a message stands in the head of its answer.
    fn has_own_head(&self) -> bool {
        true
    }

    fn status(&self, style: u8, news: &[News<'_>]) -> Status {
        match news.first() {
            Some(News::Quiet { .. }) if style == style::INTERVAL_POLL => Status::NOT_MODIFIED,
            // 304 or 204 would end some clients for good: section 4.3.
            Some(News::Quiet { .. }) => Status::REQUEST_TIMEOUT,
            Some(News::Closed { .. }) => Status::GONE,
            Some(News::Refused { refusal, .. }) => verdict(refusal).0,
            _ => Status::OK,
        }
    }

    /// Not 408: on a connection that was used before, Chromium asks once more by itself, finds nobody, and the page is told that
    /// there was no answer. That is the end of clients with some versions of jQuery.
    fn says_on_leaving(&self) -> Option<Refusal> {
        Some(Refusal::Leaving)
    }

    fn fields(
        &self,
        style: u8,
        news: &[News<'_>],
        boundary: &Boundary,
        wording: &Wording,
        out: &mut Vec<u8>,
    ) {
        frame::fields(style, news, boundary, wording, out);
    }

    fn begins_with_boundary(&self, style: u8) -> bool {
        style == style::MULTIPART
    }

    fn joins_parts(&self, style: u8) -> bool {
        style == style::LONG_POLL_PARTS
    }

    /// Which fields of an answer pages of other origins may read.
    fn exposes(&self) -> &'static str {
        "Last-Modified, Etag, Content-Type"
    }

    fn prologue(&self, style: u8) -> &'static str {
        match style {
            style::EVENTS => ": hi\n\n",
            _ => "",
        }
    }

    fn epilogue(&self, _is_call: bool) -> &'static str {
        ""
    }

    /// One message an answer, unless the location says otherwise: most of its clients know no batches.
    fn appetite(&self, style: u8, _live: bool) -> Appetite {
        match style {
            style::LONG_POLL | style::INTERVAL_POLL => Appetite::OneMessage,
            _ => Appetite::Everything,
        }
    }

    fn transport(&self, style: u8) -> &'static str {
        match style {
            style::INTERVAL_POLL => "interval poll",
            style::EVENTS => "SSE",
            style::CHUNKED => "chunked",
            style::RAW => "raw stream",
            style::MULTIPART => "multipart",
            _ => "long poll",
        }
    }

    fn is_poll(&self, style: u8) -> bool {
        style::is_poll(style)
    }

    fn says_gaps(&self, _style: u8) -> bool {
        false
    }

    fn hears(&self, _change: Change) -> bool {
        false
    }

    /// Who reads several channels goes on with the others.
    fn hears_each_end(&self) -> bool {
        false
    }

    fn quiet_ms(&self, config: &Config) -> u64 {
        config.icomet.polling_timeout_ms
    }
}

/// The status and the words of a refusal (section 2.2 and 5.8). Most have no words.
fn verdict(refusal: &Refusal) -> (Status, &'static str) {
    match refusal {
        Refusal::NoChannels => (Status::NOT_FOUND, "No channel id provided."),
        Refusal::NoChannel(_) | Refusal::NotFound => (Status::NOT_FOUND, ""),
        Refusal::Conflict => (Status::CONFLICT, ""),
        Refusal::Forbidden | Refusal::TooManySubscribers | Refusal::Token => (Status::FORBIDDEN, ""),
        Refusal::Group(GroupFull::Subscribers) => (Status::FORBIDDEN, ""),
        Refusal::Name | Refusal::TooManyInOne | Refusal::Publish => (Status::FORBIDDEN, refusal.words()),
        Refusal::TooManyChannels => (Status::UNAVAILABLE, refusal.words()),
        Refusal::Method(_) => (Status::METHOD_NOT_ALLOWED, ""),
        _ => (refusal.status(), refusal.words()),
    }
}
