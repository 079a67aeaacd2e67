//! Messages that came by WebSocket, and what an application has to say about each.
//! Knows nothing of where they go.
use super::super::{Machine, Todo};
use super::answer::Sentence;
use super::ask::request;
use super::{Hook, HookAnswer, Step};
use crate::arena::Id;
use crate::config::Upstream;
use crate::conn::{AskedMessage, Conn, Phase, Verdict};
use crate::dialect::Refusal;

impl Machine {
    /// Asks what becomes of a message of this type; its WebSocket is not read until that is known.
    pub(in crate::machine) fn ask_about_message(
        &mut self,
        id: Id<Conn>,
        (upstream, fields): (&Upstream, &[u8]),
        (content_type, bytes): (&str, &[u8]),
        is_text: bool,
    ) -> Result<(), Refusal> {
        let request = request(upstream, fields, Some((content_type, bytes)));
        if self.is_short_of(request.len() + bytes.len()) {
            return Err(Refusal::Memory);
        }
        let until = self.post.now.after_ms(self.config.limits.hook_ms_max);
        let hook = Hook { upstream: upstream.clone(), request, of: Some(id), until };
        let hook = self.hooks.insert(hook).ok_or(Refusal::TooManyHooks)?;
        let booth = match self.conns.get_mut(id).map(|conn| &mut conn.phase) {
            Some(Phase::WebSocket(socket)) => socket.booth.as_mut(),
            _ => None,
        };
        let Some(booth) = booth else {
            self.hooks.remove(hook);
            return Ok(());
        };
        self.held_bytes += bytes.len();
        booth.asked = Some(Box::new(AskedMessage { hook, bytes: bytes.into(), is_text }));
        self.counters.hooks_asked += 1;
        self.post.todo.push_back(Todo::Hook(hook));
        Ok(())
    }

    /// The application has answered, or will not.
    pub(super) fn go_on_with_message(&mut self, id: Id<Conn>, asked: &AskedMessage, answer: &HookAnswer<'_>) {
        self.held_bytes -= asked.bytes.len();
        match self.judge(Step::Rewrite, answer) {
            Sentence::GoOn => self.publish_judged(id, &asked.bytes, asked.is_text, Verdict::AsItIs),
            Sentence::Instead(content_type, bytes) => {
                self.counters.hooks_changed += 1;
                self.publish_judged(id, bytes, asked.is_text, Verdict::Of(content_type.into()));
            }
            Sentence::Drop => self.counters.hooks_changed += 1,
            Sentence::PassOn => {
                self.counters.hooks_denied += 1;
                self.turn_away(id, &Refusal::Forbidden);
            }
            Sentence::Refuse(refusal) => self.turn_away(id, &refusal),
        }
    }
}
