//! Refusals of requests that no dialect has seen: where the path is one of the API's they are problems, as all its errors are
//! (`docs/api.md`, "Errors"), and text for everybody else.
//! Knows nothing of why something is refused.
use super::Machine;
use super::reply::give_back;
use crate::arena::Id;
use crate::conn::{Conn, Manner, Role};
use crate::dialect::{Answer, DialectId, PLAIN, Tongue, problem, route_by_path};
use crate::limits::Limits;
use crate::wire::http1::head::{Head, leading_empty_lines};
use crate::wire::http1::{Method, Reject, Status, glimpse};

impl Machine {
    /// Whether errors at this path are problems.
    pub(super) fn has_problems(&self, role: Role, head: &Head<'_, '_>) -> bool {
        match Tongue::at(role, head, &self.config) {
            Some(tongue) => tongue == Tongue::Native,
            None => {
                matches!(route_by_path(role, head, &self.config), Some(DialectId::Native | DialectId::Local))
            }
        }
    }

    /// Says why not, and ends the connection: a problem if these bytes, which begin with the request, say that it was for the API.
    pub(super) fn refuse_unread(
        &mut self,
        id: Id<Conn>,
        status: Status,
        (detail, text): (&str, &str),
        unread: &[u8],
    ) {
        let unread = &unread[leading_empty_lines(unread)..];
        let fields = glimpse::fields(unread);
        let role = self.conns.get(id).map(|conn| conn.role.over_http());
        let seen = glimpse::head(unread, &fields);
        let Some((role, head)) = role.zip(seen).filter(|(role, head)| self.has_problems(*role, head)) else {
            return self.refuse_connection(id, status, &format!("{text}\n"));
        };
        let origin = self.origin_of(role, &head);
        let head_only = head.method == Method::Head;
        let manner = Manner { is_11: true, keep_alive: false, head_only, bare: false, origin };
        self.say_problem(id, manner, status, &[], detail);
    }

    /// Refuses the request that is in the inbox, as far as it has come.
    pub(super) fn reject_held(&mut self, id: Id<Conn>, reject: Reject) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let mut taken = conn.inbox.take();
        self.reject(id, reject, taken.bytes());
        taken.clear(&mut self.post.pool);
    }

    /// Answers with a problem.
    pub(super) fn say_problem(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        status: Status,
        fields: &[(&str, &str)],
        detail: &str,
    ) {
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        let answer = problem(status, detail, &mut body);
        self.reply(id, manner, answer, fields, &body);
        give_back(&mut body);
        self.body = body;
    }

    /// Says that it is forbidden, as is usual at the path.
    pub(super) fn forbid(
        &mut self,
        id: Id<Conn>,
        (role, manner): (Role, Manner),
        head: &Head<'_, '_>,
        words: &str,
    ) {
        if self.has_problems(role, head) {
            return self.say_problem(id, manner, Status::FORBIDDEN, &[], words);
        }
        let answer = Answer { status: Status::FORBIDDEN, content_type: PLAIN };
        self.reply(id, manner, answer, &[], format!("{words}\n").as_bytes());
    }
}

/// What is said of a request that is refused, with the numbers of the limits.
pub(super) fn detail(reject: Reject, limits: &Limits) -> String {
    match reject {
        Reject::LineTooLong => {
            let most = limits.request_line_bytes_max;
            format!(
                "the request line is longer than request_line_bytes_max, {most} bytes: ask for less at once"
            )
        }
        Reject::HeadTooLarge => format!(
            "the request head is larger than head_bytes_max, {} bytes, or has more fields than headers_max, {}",
            limits.head_bytes_max, limits.headers_max
        ),
        Reject::BodyTooLarge => {
            let most = limits.body_bytes_max;
            format!("the request body is larger than body_bytes_max, {most} bytes: send less at once")
        }
        Reject::TooSlow => format!(
            "the request did not arrive in time: its head has head_ms_max, {} ms, and its body then body_ms_max, {} ms",
            limits.head_ms_max, limits.body_ms_max
        ),
        _ => reject.to_string(),
    }
}
