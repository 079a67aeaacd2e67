//! A whole request: who may ask at all, what is served by its path alone, and in which dialect the rest is read.
//! Knows nothing of what is then done.
use super::Machine;
use super::pages::{foreign, is_another_origins};
use crate::arena::Id;
use crate::conn::{Conn, Manner, OriginRef, Right, Rights, Role};
use crate::dialect::{DialectId, Refusal, Request, Voice, route, route_by_path};
use crate::wire::http1::Method;
use crate::wire::http1::head::Head;
use crate::wire::params::{Params, Unreadable};

/// What has become of a request by its path.
enum Way {
    /// It is answered.
    Done,
    /// It is this dialect's, or it takes its parameters to tell.
    Dialect(Option<DialectId>),
}

impl Machine {
    /// Serves one whole request.
    pub(super) fn serve_one(&mut self, id: Id<Conn>, head: &Head<'_, '_>, body: &[u8]) {
        self.counters.requests += 1;
        self.bearers.lapse(id);
        let Some(conn) = self.conns.get(id) else { return };
        let (is_local, rights) = (matches!(conn.role, Role::Control(_)), conn.role.rights());
        let (role, peer) = (conn.role.over_http(), conn.peer);
        let mut manner = Manner {
            is_11: head.is_11,
            keep_alive: head.keep_alive && !self.is_draining(),
            head_only: head.method == Method::Head,
            bare: false,
            origin: self.origin_of(role, head),
        };
        // Who may use a socket file is said by its mode, and by the users who are named.
        if role == Role::Admin && !is_local && !self.rules.allows(peer) {
            self.counters.addresses_denied += 1;
            manner.keep_alive = false;
            return self.forbid(id, (role, manner), head, Refusal::Address.words());
        }
        if role == Role::Admin
            && !is_local
            && let Some(words) = foreign(head, &self.config.admin.hosts)
        {
            self.counters.sites_denied += 1;
            return self.forbid(id, (role, manner), head, words);
        }
        let by_path = if self.beaten.has(role, head.raw_path) && head.method != Method::Options {
            None
        } else {
            if let Some(location) = self.config.push.find(role, head) {
                let Some(origin) = location.pages(head, &self.config.http) else {
                    self.counters.sites_denied += 1;
                    manner.origin = if role == Role::Admin { OriginRef::None } else { OriginRef::Vary };
                    let voice = Voice::new(DialectId::Push, 0);
                    return self.refuse(id, manner, &voice, &Refusal::Forbidden);
                };
                if role == Role::Front {
                    manner.origin = origin;
                }
                if let Some(asked) = head.field("origin").filter(|_| manner.origin.is_own()) {
                    self.heads.askers.note(id, std::str::from_utf8(asked).unwrap_or_default());
                }
            }
            match self.serve_by_path(id, (role, rights), manner, head) {
                Way::Done => return,
                Way::Dialect(by_path) => by_path,
            }
        };
        // Whoever is known by the path reads bodies in a way of its own.
        let read = if by_path.is_none() && !body.is_empty() {
            Params::of(head.query, head.field("content-type"), body)
        } else {
            Ok(Params::of_query(head.query))
        };
        let (params, unreadable) = match read {
            Ok(params) => (params, None),
            Err(why) => (Params::of_query(head.query), Some(why)),
        };
        let request = Request { role, peer, head, params: &params, body };
        let dialect = by_path.unwrap_or_else(|| route(&request, &self.config));
        let decoded = dialect.speaker().decode(&request, &self.config);
        // Whoever reads bodies in a way of its own has no use for complaints about this one.
        let refusal = match unreadable.filter(|_| by_path.is_none()) {
            Some(Unreadable::Json) => {
                Refusal::Body("the body is declared as JSON, but is not one JSON object")
            }
            Some(Unreadable::Multipart) => Refusal::Body(
                "multipart bodies are not read here: send a form (name=value&...) or a JSON object",
            ),
            // CComet knows no tokens: where they are asked for, it has nothing to do.
            None if dialect == DialectId::Ccomet && self.needs_token(role) => Refusal::Token,
            None => match decoded.verb {
                Ok(verb) if rights.has(verb.needs()) => {
                    return self.perform(id, role, manner, decoded.voice, verb);
                }
                Ok(_) => Refusal::Rights,
                Err(refusal) => refusal,
            },
        };
        self.refuse(id, manner, &decoded.voice, &refusal);
    }

    /// Serves what its path is enough for, and finds the dialect where it is.
    fn serve_by_path(
        &mut self,
        id: Id<Conn>,
        (role, rights): (Role, Rights),
        manner: Manner,
        head: &Head<'_, '_>,
    ) -> Way {
        if head.method == Method::Options {
            if let Some(location) = self.config.push.find(role, head) {
                let (methods, duty) = (location.methods(), location.role);
                let own: Vec<String> = location.id_fields().map(str::to_owned).collect();
                self.say_options(id, manner, methods, duty, &own);
            } else {
                let is_bayeux = route_by_path(role, head, &self.config) == Some(DialectId::Bayeux);
                self.preflight(id, role, manner, is_bayeux);
            }
            return Way::Done;
        }
        if self.serve_health(id, manner, head) {
            return Way::Done;
        }
        // Where there is a page and a WebSocket, who asks for that one gets it.
        if self.upgrade(id, role, manner, head) {
            return Way::Done;
        }
        if role == Role::Front && self.serve_page(id, role, manner, head) {
            return Way::Done;
        }
        if role == Role::Admin
            && &*head.path == b"/metrics"
            && matches!(head.method, Method::Get | Method::Head)
            && rights.has(Right::Read)
        {
            self.serve_metrics(id, manner);
            return Way::Done;
        }
        let by_path = route_by_path(role, head, &self.config);
        if role == Role::Admin && by_path.is_none() && self.serve_page(id, role, manner, head) {
            return Way::Done;
        }
        if by_path == Some(DialectId::Bayeux) && manner.origin == OriginRef::Vary && is_another_origins(head)
        {
            // Its page could not read the answer, but what it asks for would be done (section 15).
            self.counters.sites_denied += 1;
            self.forbid(id, (role, manner), head, "pages of this origin may not talk to this server");
            return Way::Done;
        }
        Way::Dialect(by_path)
    }
}
