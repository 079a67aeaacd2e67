//! Whole answers: a head and a body at once, and what is said to those who are refused.
//! Knows nothing of what is answered.
use super::Machine;
use super::heads::{Kind, allow_origin};
use super::problem::detail;
use crate::arena::Id;
use crate::conn::{Conn, Manner, OriginRef, Phase, Role};
use crate::dialect::{Answer, Outcome, PLAIN, Refusal, Voice};
use crate::time::Moment;
use crate::wire::http1::head::Head;
use crate::wire::http1::response::{End, HeadWriter};
use crate::wire::http1::{Reject, Status};

/// Fields of answers that scripts of pages on other origins may read besides those that they always may.
const EXPOSED: [&str; 2] = ["Retry-After", "Idempotent-Replayed"];
/// What pages on other origins may send besides what they always may.
const CORS_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Cache-Control";
/// The same for Bayeux's clients (`protocols/bayeux.md`, section 10).
const BAYEUX_HEADERS: &str = "Accept, Authorization, Content-Type, Pragma, X-Requested-With";

impl Machine {
    /// Answers a verb that is over at once.
    pub(super) fn answer(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, outcome: &Outcome<'_>) {
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        let answer = voice.dialect.speaker().answer(voice, outcome, &mut body);
        let allow = match outcome.refusal() {
            Some(Refusal::Method(methods)) => Some(("Allow", *methods)),
            // The next second has room again: RFC 6585, section 4.
            Some(Refusal::TooFast) => Some(("Retry-After", "1")),
            // RFC 6750, section 3.
            Some(Refusal::NoToken) => Some(("WWW-Authenticate", "Bearer")),
            Some(Refusal::Signed(_)) => Some(("WWW-Authenticate", "Bearer error=\"invalid_token\"")),
            Some(Refusal::NotGranted) => Some(("WWW-Authenticate", "Bearer error=\"insufficient_scope\"")),
            _ => None,
        };
        self.reply(id, manner, answer, allow.as_slice(), &body);
        give_back(&mut body);
        self.body = body;
    }

    /// Says a whole answer; the connection is then ready for the next request, or ends.
    pub(super) fn reply(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        answer: Answer,
        extra: &[(&str, &str)],
        body: &[u8],
    ) {
        let Self { conns, post, heads, head, config, date, .. } = self;
        let Some(conn) = conns.get_mut(id) else { return };
        head.clear();
        if manner.bare {
            post.say(conn, id, body);
            let idle_until = post.now.after_ms(config.idle_ms(conn.role));
            return finish(conn, id, manner, post, idle_until);
        }
        let Answer { status, content_type } = answer;
        // RFC 9110, section 8.6: no length with 204.
        let (mut writer, end) = if status == Status::NO_CONTENT {
            let writer = HeadWriter::begin(head, status, date).field("Cache-Control", "no-cache");
            (allow_origin(writer, manner.origin, &config.http, heads.askers.of(id)), End::Close)
        } else {
            let kind = Kind { status, content_type, origin: manner.origin, nosniff: true, no_store: false };
            (heads.begin(head, id, kind, date, &config.http), End::Length(body.len()))
        };
        for (name, value) in extra {
            writer = writer.field(name, value);
            if manner.origin.is_for_pages() && EXPOSED.contains(name) {
                writer = writer.field("Access-Control-Expose-Headers", name);
            }
        }
        writer.end(end, manner.keep_alive);
        if !manner.head_only {
            head.extend_from_slice(body);
        }
        post.say(conn, id, head);
        give_back(head);
        let idle_until = post.now.after_ms(config.idle_ms(conn.role));
        finish(conn, id, manner, post, idle_until);
    }

    /// Answers OPTIONS: the methods, and for pages on allowed origins what a preflight wants to know.
    pub(super) fn preflight(&mut self, id: Id<Conn>, role: Role, manner: Manner, is_bayeux: bool) {
        let methods = match role {
            _ if is_bayeux => "GET, POST, OPTIONS",
            Role::Admin | Role::Control(_) => "GET, HEAD, POST, PUT, DELETE, OPTIONS",
            Role::SimpleComet => "GET, HEAD, POST, DELETE, OPTIONS",
            Role::Front | Role::Ccomet => "GET, HEAD, POST, OPTIONS",
        };
        let answer = Answer { status: Status::NO_CONTENT, content_type: PLAIN };
        let allowed = manner.origin.is_for_pages();
        let fields = [
            ("Allow", methods),
            ("Access-Control-Allow-Methods", methods),
            ("Access-Control-Allow-Headers", if is_bayeux { BAYEUX_HEADERS } else { CORS_HEADERS }),
            ("Access-Control-Max-Age", "86400"),
            ("Access-Control-Allow-Credentials", "true"),
        ];
        let with_cookies = is_bayeux && matches!(manner.origin, OriginRef::Listed(_));
        let count = if !allowed { 1 } else { fields.len() - usize::from(!with_cookies) };
        self.reply(id, manner, answer, &fields[..count], b"");
    }

    /// Which origin the answer to a request names: only the public sides are for pages.
    pub(super) fn origin_of(&self, role: Role, head: &Head<'_, '_>) -> OriginRef {
        // Where Simple Comet's server has been, a proxy says it: said twice, it counts for nothing.
        if role == Role::Admin || (role == Role::SimpleComet && !self.config.simple_comet.cors) {
            return OriginRef::None;
        }
        let origins = &self.config.http.origins;
        if origins.iter().any(|o| o.as_str() == "*") {
            return OriginRef::Any;
        }
        let Some(asked) = head.field("origin") else { return OriginRef::Vary };
        let place = origins.iter().position(|o| o.as_str().as_bytes().eq_ignore_ascii_case(asked));
        place.and_then(|i| u16::try_from(i).ok()).map_or(OriginRef::Vary, OriginRef::Listed)
    }

    /// Refuses what is no proper request, of which `unread` has come; the connection ends, because nobody knows where the next one
    /// would begin.
    pub(super) fn reject(&mut self, id: Id<Conn>, reject: Reject, unread: &[u8]) {
        let counter = match reject {
            Reject::LineTooLong => &mut self.counters.request_lines_too_long,
            Reject::HeadTooLarge => &mut self.counters.heads_too_large,
            Reject::BodyTooLarge => &mut self.counters.bodies_too_large,
            Reject::TooSlow => &mut self.counters.requests_too_slow,
            _ => &mut self.counters.bad_requests,
        };
        *counter += 1;
        if self.begins_as_text(id, unread) {
            return self.refuse_text(id, reject);
        }
        let detail = detail(reject, &self.config.limits);
        self.refuse_unread(id, reject.status(), (&detail, &reject.to_string()), unread);
    }

    /// Says a status and words, and ends the connection.
    pub(super) fn refuse_connection(&mut self, id: Id<Conn>, status: Status, words: &str) {
        let manner =
            Manner { is_11: true, keep_alive: false, head_only: false, bare: false, origin: OriginRef::None };
        self.reply(id, manner, Answer { status, content_type: PLAIN }, &[], words.as_bytes());
    }
}

/// What is kept of a buffer in which answers are written, when one has been longer.
const SCRATCH_BYTES: usize = 256 << 10;

/// Gives back what one long answer has taken.
pub(super) fn give_back(written: &mut Vec<u8>) {
    if written.capacity() > SCRATCH_BYTES {
        written.clear();
        written.shrink_to(SCRATCH_BYTES);
    }
}

/// After an answer: ready for the next request, or over.
pub(super) fn finish(
    conn: &mut Conn,
    id: Id<Conn>,
    manner: Manner,
    post: &mut super::post::Post,
    idle_until: Moment,
) {
    if manner.keep_alive {
        conn.phase = Phase::Ready;
        conn.deadline = idle_until;
        post.rearm(conn, id);
    } else {
        post.hang_up(conn, id);
    }
}
