//! From HTTP to WebSocket: who may, and what is agreed on.
//! Knows nothing of what is spoken afterwards.
use std::num::NonZeroU8;

use super::next_ping;
use crate::arena::Id;
use crate::conn::{Conn, Manner, OriginRef, Phase, Role, WebSocket, Wire};
use crate::dialect::bayeux::{COOKIE, is_foreign};
use crate::dialect::{Answer, PLAIN, Request, Tongue};
use crate::machine::Machine;
use crate::machine::pages::is_another_origins;
use crate::wire::http1::Status;
use crate::wire::http1::head::Head;
use crate::wire::http1::response::{End, HeadWriter};
use crate::wire::params::Params;
use crate::wire::ws::handshake::{self, Deflate, Denied};

/// What is said to newcomers on the way out.
pub(super) const LEAVING: &str = "the server is going away";

impl Machine {
    /// The compression that is agreed on, if any is asked for and may be.
    pub(in crate::machine) fn agree(&self, asked: Option<Deflate>) -> Option<Deflate> {
        let config = &self.config.websocket;
        asked.filter(|_| config.compression).map(|asked| asked.within(config.compression_window))
    }

    /// Answers a request at a place where there is a WebSocket; false if there is none.
    pub(in crate::machine) fn upgrade(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        head: &Head<'_, '_>,
    ) -> bool {
        let Some(tongue) = Tongue::at(role, head, &self.config) else { return false };
        let asked = match handshake::read(head) {
            Ok(asked) => asked,
            Err(denied) => {
                self.deny(id, (tongue, manner), denied);
                return true;
            }
        };
        if self.is_draining() {
            self.decline(id, (tongue, manner), Status::UNAVAILABLE, &[], LEAVING);
            return true;
        }
        let params = Params::of_query(head.query);
        let Some(peer) = self.conns.get(id).map(|conn| conn.peer) else { return true };
        let request = Request { role, peer, head, params: &params, body: b"" };
        if tongue == Tongue::Push {
            let is_local = self.conns.get(id).is_some_and(|conn| matches!(conn.role, Role::Control(_)));
            if is_local && is_another_origins(head) {
                // Over TCP it has been looked at whose page it is, whatever is asked for.
                self.counters.sites_denied += 1;
                let words = "pages of other sites may not use the admin side";
                self.say_no(id, manner, Status::FORBIDDEN, &[], words);
            } else {
                self.enter(id, manner, &request, asked);
            }
            return true;
        }
        // Pages send their origin; what is no page may say what it likes (RFC 6455, section 10.2).
        if manner.origin == OriginRef::Vary && head.field("origin").is_some() {
            self.counters.websocket_origins_denied += 1;
            let words = "pages of this origin may not connect here; see http.origins";
            self.decline(id, (tongue, manner), Status::FORBIDDEN, &[("Vary", "Origin")], words);
            return true;
        }
        let talker = tongue.talker();
        let opening = match talker.open(&request, &self.config) {
            Ok(opening) => opening,
            Err(refusal) => {
                self.count_refusal(&refusal);
                self.decline(id, (tongue, manner), refusal.status(), &[], refusal.words());
                return true;
            }
        };
        let grant = match self.signed(Role::Front, opening.token.iter().map(|token| &**token)) {
            Ok(grant) => grant,
            Err(refusal) => {
                self.count_refusal(&refusal);
                self.decline(id, (tongue, manner), refusal.status(), &[], refusal.words());
                return true;
            }
        };
        // A page of another site would not show its cookie by the next one.
        let has_cookie = tongue == Tongue::Bayeux && !(self.config.bayeux.bind_sessions && is_foreign(head));
        let drawn = if has_cookie { self.browser_cookie(opening.cookie) } else { None };
        let deflate = self.agree(asked.deflate);
        let subprotocol = asked.subprotocol(talker.subprotocols());
        let Self { conns, post, head: out, config, date, .. } = self;
        let Some(conn) = conns.get_mut(id) else { return true };
        out.clear();
        let mut writer = HeadWriter::begin(out, Status::SWITCHING_PROTOCOLS, date)
            .field("Upgrade", "websocket")
            .field("Connection", "Upgrade")
            .field("Sec-WebSocket-Accept", &asked.accept);
        if let Some(subprotocol) = subprotocol {
            writer = writer.field("Sec-WebSocket-Protocol", subprotocol);
        }
        if let Some(deflate) = deflate {
            writer = writer.field("Sec-WebSocket-Extensions", &deflate.answer());
        }
        if let Some(browser) = &drawn {
            let value = format!("{COOKIE}={browser}; Path=/; HttpOnly; SameSite=Lax");
            writer = writer.field("Set-Cookie", &value);
        }
        writer.end(End::Close, true);
        post.say(conn, id, out);
        let mut socket = WebSocket::new(tongue, deflate.and_then(|deflate| NonZeroU8::new(deflate.window)));
        (socket.style, socket.topic) = (opening.style, opening.topic);
        socket.ping_at = next_ping(post.now, config.websocket.ping_ms);
        if tongue == Tongue::Bayeux {
            let browser = drawn.as_deref().or(opening.cookie.filter(|_| has_cookie)).map(Into::into);
            socket.wire = Some(Box::new(Wire::new(browser)));
            self.scratch.wires += 1;
        }
        conn.deadline = socket.deadline();
        conn.phase = Phase::WebSocket(Box::new(socket));
        post.rearm(conn, id);
        self.scratch.open += 1;
        self.counters.websockets_opened += 1;
        if let Some(grant) = grant {
            self.bear(id, grant, None);
        }
        for call in opening.calls {
            self.answer_call(id, call, &[], true);
        }
        true
    }

    fn deny(&mut self, id: Id<Conn>, whom: (Tongue, Manner), denied: Denied) {
        self.counters.websocket_handshakes_refused += 1;
        let upgrade = ("Upgrade", "websocket");
        let (status, fields): (Status, &[(&str, &str)]) = match denied {
            Denied::Bad(_) => (Status::BAD_REQUEST, &[]),
            Denied::Method => (Status::METHOD_NOT_ALLOWED, &[("Allow", "GET")]),
            Denied::NotAsked => (Status::UPGRADE_REQUIRED, &[upgrade]),
            Denied::Version => (Status::UPGRADE_REQUIRED, &[upgrade, ("Sec-WebSocket-Version", "13")]),
        };
        self.decline(id, whom, status, fields, denied.words());
    }

    /// Says why there will be no WebSocket: a problem at the API's, text elsewhere.
    fn decline(
        &mut self,
        id: Id<Conn>,
        (tongue, manner): (Tongue, Manner),
        status: Status,
        fields: &[(&str, &str)],
        words: &str,
    ) {
        if tongue == Tongue::Native {
            return self.say_problem(id, manner, status, fields, words);
        }
        self.say_no(id, manner, status, fields, words);
    }

    pub(super) fn say_no(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        status: Status,
        fields: &[(&str, &str)],
        words: &str,
    ) {
        let answer = Answer { status, content_type: PLAIN };
        self.reply(id, manner, answer, fields, format!("{words}\n").as_bytes());
    }
}
