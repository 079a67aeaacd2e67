//! What an application's answer means (`protocols/push-module.md`, section 5.10): who goes on, who is refused, and in whose
//! words.
use std::sync::Arc;

use super::super::Machine;
use super::super::heads::allow_origin;
use super::super::reply::finish;
use super::ask::{Asking, Errand, Step};
use super::{Hook, HookAnswer, HookFailure};
use crate::arena::Id;
use crate::conn::{Conn, Hooked, Manner, Phase};
use crate::dialect::{Answer, PLAIN, Refusal, Voice};
use crate::hub::body_of;
use crate::time::Moment;
use crate::wire::http1::Status;
use crate::wire::http1::fetched::Fetched;
use crate::wire::http1::response::{End, HeadWriter};

/// Fields of a refusal that go on to the client, as they are written there: all others are between the application and us. Old clients
/// look fields up as the original spells them (`protocols/push-module.md`, section 7.10), however the application does.
const PASSED_ON: [&str; 6] =
    ["Content-Type", "Content-Language", "WWW-Authenticate", "Location", "Retry-After", "Set-Cookie"];

/// What is to be done with a request.
pub(super) enum Sentence<'a> {
    GoOn,
    /// Published is this, of this type.
    Instead(&'a str, &'a [u8]),
    /// Nothing is published, and that is well.
    Drop,
    /// The client is told what the application has said.
    PassOn,
    Refuse(Refusal),
}

impl Machine {
    /// A request to an application, while it is under way.
    pub fn hook(&self, id: Id<Hook>) -> Option<&Hook> {
        self.hooks.get(id)
    }

    /// How many requests to applications are under way.
    pub fn hooks(&self) -> usize {
        self.hooks.len()
    }

    /// An application has answered, or will not. Whoever waited for it may be gone.
    pub fn hook_answered(&mut self, id: Id<Hook>, answer: &HookAnswer<'_>, now: Moment) {
        self.post.now = now;
        let Some(hook) = self.hooks.remove(id) else { return };
        if let HookAnswer::Failed(failure) = answer {
            log::debug!("{}: {failure:?}", hook.upstream());
            match failure {
                HookFailure::Broken => self.counters.hooks_failed += 1,
                HookFailure::TooLarge => self.counters.hooks_too_large += 1,
                HookFailure::TooSlow => self.counters.hooks_too_slow += 1,
            }
        }
        let Some(of) = hook.of else { return };
        let Some(conn) = self.conns.get_mut(of) else { return };
        match &mut conn.phase {
            Phase::Hooked(hooked) if hooked.hook == id => {
                let Phase::Hooked(hooked) = std::mem::replace(&mut conn.phase, Phase::Ready) else { return };
                self.held_bytes -= hooked.bytes;
                self.go_on_after(of, *hooked, answer);
            }
            Phase::WebSocket(socket) => {
                let booth = socket.booth.as_mut();
                let asked = booth.and_then(|booth| booth.asked.take_if(|asked| asked.hook == id));
                let Some(asked) = asked else { return };
                self.go_on_with_message(of, &asked, answer);
            }
            _ => return,
        }
        // What came behind the request is served in the next turn.
        if let Some(conn) = self.conns.get(of)
            && matches!(conn.phase, Phase::Ready | Phase::WebSocket(_))
            && (!conn.inbox.is_empty() || conn.paused || conn.ended)
        {
            self.defer(of, None);
        }
    }

    fn go_on_after(&mut self, id: Id<Conn>, hooked: Hooked, answer: &HookAnswer<'_>) {
        let Hooked { role, mut manner, voice, step, hooks, mut errand, .. } = hooked;
        manner.keep_alive &= !self.is_draining();
        match self.judge(step, answer) {
            Sentence::GoOn => {}
            Sentence::Instead(content_type, bytes) => {
                self.counters.hooks_changed += 1;
                if let Errand::Post(posting, body) = &mut errand {
                    let (text, is_base64) = body_of(bytes);
                    *body = Arc::from(&*text);
                    posting.media.content_type = content_type.into();
                    posting.media.is_base64 = is_base64;
                }
            }
            Sentence::Drop => {
                self.counters.hooks_changed += 1;
                let nothing = Answer { status: Status::NO_CONTENT, content_type: PLAIN };
                return self.reply(id, manner, nothing, &[], b"");
            }
            Sentence::PassOn => {
                self.counters.hooks_denied += 1;
                let HookAnswer::Whole(answer) = answer else { return };
                return self.pass_on(id, manner, answer);
            }
            Sentence::Refuse(refusal) => return self.refuse(id, manner, &voice, &refusal),
        }
        if step == Step::Authorize && hooks.rewrite.is_some() {
            let step = Step::Rewrite;
            return self.ask(id, Asking { role, manner, voice, hooks, errand, step });
        }
        match &mut errand {
            Errand::Watch(watch) => watch.authorized = hooks.authorize.is_some(),
            Errand::Enter(entering) => {
                entering.authorized = hooks.authorize.is_some();
                if let Some(watch) = &mut entering.watch {
                    watch.authorized = hooks.authorize.is_some();
                }
            }
            _ => {}
        }
        self.run(id, (role, manner, voice), errand);
    }

    fn run(&mut self, id: Id<Conn>, whose: (crate::conn::Role, Manner, Voice), errand: Errand) {
        let (role, manner, voice) = whose;
        match errand {
            Errand::Watch(watch) => self.watch(id, role, manner, voice, *watch),
            Errand::Post(posting, body) => self.post_or_hold(id, manner, voice, posting, body),
            Errand::Enter(entering) => self.let_in(id, role, manner, voice, *entering),
            Errand::Look(names) => self.look(id, manner, &voice, &names),
            Errand::End(names, events) => self.look_and_end(id, manner, &voice, &names, events.as_ref()),
        }
    }

    pub(super) fn judge<'a>(&mut self, step: Step, answer: &HookAnswer<'a>) -> Sentence<'a> {
        let answer = match answer {
            HookAnswer::Whole(answer) => *answer,
            HookAnswer::Failed(HookFailure::TooSlow) => return Sentence::Refuse(Refusal::HookTooSlow),
            HookAnswer::Failed(_) => return Sentence::Refuse(Refusal::HookFailed),
        };
        match (step, answer.status()) {
            (Step::Authorize, 200..=299) | (Step::Rewrite, 304) => Sentence::GoOn,
            (Step::Rewrite, 204) => Sentence::Drop,
            (Step::Rewrite, 200..=202) => {
                let content_type = answer.field("content-type").unwrap_or_default();
                match std::str::from_utf8(content_type) {
                    Ok(kind) if kind.len() <= self.config.limits.media_type_bytes_max => {
                        Sentence::Instead(kind, answer.body())
                    }
                    _ => {
                        self.counters.hooks_failed += 1;
                        Sentence::Refuse(Refusal::HookFailed)
                    }
                }
            }
            (_, 500..) => {
                self.counters.hooks_failed += 1;
                Sentence::Refuse(Refusal::HookFailed)
            }
            (_, 301..=303 | 307 | 308 | 400..500) => Sentence::PassOn,
            // 304 would end clients of the push module for good, and the others say nothing.
            _ => {
                self.counters.hooks_denied += 1;
                Sentence::Refuse(Refusal::Forbidden)
            }
        }
    }

    /// Tells the client what the application has said: its status, its body, and what belongs to them.
    fn pass_on(&mut self, id: Id<Conn>, manner: Manner, answer: &Fetched) {
        let Self { conns, post, head, config, date, heads, .. } = self;
        let Some(conn) = conns.get_mut(id) else { return };
        head.clear();
        let writer = HeadWriter::begin(head, Status::of(answer.status()), date).with(|out| {
            for (name, value) in answer.fields() {
                let Some(known) = PASSED_ON.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
                    continue;
                };
                out.extend_from_slice(known.as_bytes());
                out.extend_from_slice(b": ");
                out.extend_from_slice(value);
                out.extend_from_slice(b"\r\n");
            }
        });
        let writer = writer.field("X-Content-Type-Options", "nosniff").field("Cache-Control", "no-cache");
        let writer = allow_origin(writer, manner.origin, &config.http, heads.askers.of(id));
        writer.end(End::Length(answer.body().len()), manner.keep_alive);
        if !manner.head_only {
            head.extend_from_slice(answer.body());
        }
        post.say(conn, id, head);
        let idle_until = post.now.after_ms(config.idle_ms(conn.role));
        finish(conn, id, manner, post, idle_until);
    }
}
