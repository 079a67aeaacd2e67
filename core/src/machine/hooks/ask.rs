//! Requests that have to wait for an application's word: what they are, and how it is asked.
use std::sync::Arc;

use super::super::{Entering, Machine, Todo};
use super::{Hook, HookAnswer, HookFailure};
use crate::arena::Id;
use crate::config::Upstream;
use crate::conn::{Conn, Hooked, Manner, Phase, Role};
use crate::dialect::hooks::{Events, Fields, Hooks};
use crate::dialect::{Posting, Refusal, Verb, Voice, Watch};
use crate::hub::bytes_of;
use crate::time::Moment;
use crate::wire::http1::response::number;

/// What is done when the application lets it.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Subscribe.
    Watch(Box<Watch>),
    /// Publish.
    Post(Box<Posting>, Arc<str>),
    /// Describe channels.
    Look(Vec<String>),
    /// Describe channels, and end them; where that is told.
    End(Vec<String>, Option<Arc<Events>>),
    /// Begin a WebSocket.
    Enter(Box<Entering>),
}

/// What the application has been asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Whether it may be done.
    Authorize,
    /// What becomes of the message.
    Rewrite,
}

impl Errand {
    /// The errand of a verb; no other verbs have any.
    pub(in crate::machine) fn of(verb: Verb<'_>) -> Option<Self> {
        Some(match verb {
            Verb::Watch(watch) => Self::Watch(Box::new(watch)),
            Verb::Post { posting, body } => Self::Post(posting, Arc::from(&*body)),
            Verb::Look(names) => Self::Look(names),
            Verb::End { channels, events } => Self::End(channels, events),
            _ => return None,
        })
    }

    fn names(&self) -> &[String] {
        match self {
            Self::Watch(watch) => &watch.channels,
            Self::Post(posting, _) => &posting.channels,
            Self::Look(names) | Self::End(names, _) => names,
            Self::Enter(entering) => entering.names(),
        }
    }

    fn bytes(&self) -> usize {
        let names: usize = self.names().iter().map(|name| name.len() + size_of::<String>()).sum();
        names
            + match self {
                Self::Post(_, body) => body.len(),
                Self::Enter(entering) => entering.bytes(),
                _ => 0,
            }
    }
}

impl Machine {
    /// Asks the application what it has to say, and lets the request wait for it.
    pub(in crate::machine) fn ask_first(
        &mut self,
        id: Id<Conn>,
        role: Role,
        (manner, voice): (Manner, Voice),
        hooks: Box<Hooks>,
        errand: Errand,
    ) {
        // What would be refused in any case is not asked for.
        let checked = errand.names().iter().try_for_each(|name| self.check_name(name));
        if let Err(refusal) = checked {
            return self.refuse(id, manner, &voice, &refusal);
        }
        if matches!(errand, Errand::Watch(_)) && hooks.authorize.is_none() && self.needs_token(role) {
            return self.refuse(id, manner, &voice, &Refusal::Token);
        }
        let step = if hooks.authorize.is_some() { Step::Authorize } else { Step::Rewrite };
        self.ask(id, Asking { role, manner, voice, hooks, errand, step });
    }

    /// Asks one question; the request waits for the answer.
    pub(super) fn ask(&mut self, id: Id<Conn>, asking: Asking) {
        let Asking { role, manner, voice, hooks, errand, step } = asking;
        let upstream = match step {
            Step::Authorize => &hooks.authorize,
            Step::Rewrite => &hooks.rewrite,
        };
        let Some(upstream) = upstream.clone() else {
            return self.refuse(id, manner, &voice, &Refusal::HookFailed);
        };
        let message = match (&errand, step) {
            (Errand::Post(posting, body), Step::Rewrite) => {
                Some((&*posting.media.content_type, bytes_of(body, posting.media.is_base64)))
            }
            _ => None,
        };
        let message = message.as_ref().map(|(content_type, bytes)| (*content_type, &**bytes));
        let request = request(&upstream, &hooks.fields, message);
        let bytes = errand.bytes() + hooks.fields.len();
        if self.is_short_of(request.len() + bytes) {
            return self.refuse(id, manner, &voice, &Refusal::Memory);
        }
        let until = self.post.now.after_ms(self.config.limits.hook_ms_max);
        let Some(hook) = self.hooks.insert(Hook { upstream, request, of: Some(id), until }) else {
            return self.refuse(id, manner, &voice, &Refusal::TooManyHooks);
        };
        let idle_until = self.post.now.after_ms(self.config.limits.idle_ms_max);
        let Some(conn) = self.conns.get_mut(id) else {
            self.hooks.remove(hook);
            return;
        };
        self.held_bytes += bytes;
        let hooked = Hooked { hook, role, manner, voice, step, hooks, errand, bytes };
        conn.phase = Phase::Hooked(Box::new(hooked));
        conn.deadline = idle_until;
        self.post.rearm(conn, id);
        self.counters.hooks_asked += 1;
        self.post.todo.push_back(Todo::Hook(hook));
    }

    /// Tells an application something; nobody waits for what it says.
    pub(super) fn tell_application(&mut self, upstream: &Upstream, fields: &Fields) {
        let request = request(upstream, fields, None);
        let until = self.post.now.after_ms(self.config.limits.hook_ms_max);
        let is_short = self.is_short_of(request.len());
        let hook = Hook { upstream: upstream.clone(), request, of: None, until };
        match if is_short { None } else { self.hooks.insert(hook) } {
            Some(hook) => {
                self.counters.hooks_asked += 1;
                self.post.todo.push_back(Todo::Hook(hook));
            }
            None => self.counters.hooks_refused += 1,
        }
    }

    /// Whoever waited for an application is gone.
    pub(in crate::machine) fn give_up_hook(&mut self, hooked: &Hooked) {
        self.held_bytes -= hooked.bytes;
        self.give_up_question(hooked.hook);
    }

    /// Nobody waits any more for the answer to a question.
    pub(in crate::machine) fn give_up_question(&mut self, hook: Id<Hook>) {
        if self.hooks.remove(hook).is_some() {
            self.post.todo.push_back(Todo::Unhook(hook));
        }
    }

    /// Ends a connection whose request waits for an application.
    pub(in crate::machine) fn cut_hooked(&mut self, id: Id<Conn>) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if let Phase::Hooked(hooked) = std::mem::replace(&mut conn.phase, Phase::Ready) {
            self.post.cut(conn, id);
            self.give_up_hook(&hooked);
        }
    }

    /// Applications that have taken too long.
    pub(in crate::machine) fn expire_hooks(&mut self, now: Moment) {
        let mut fired = std::mem::take(&mut self.hooks.fired);
        self.hooks.wheel.advance(now, &mut fired);
        for hook in fired.drain(..) {
            if self.hooks.get(hook).is_some() {
                self.post.todo.push_back(Todo::Unhook(hook));
                self.hook_answered(hook, &HookAnswer::Failed(HookFailure::TooSlow), now);
            }
        }
        self.hooks.fired = fired;
    }
}

/// A request that asks the application something.
pub(super) struct Asking {
    pub(super) role: Role,
    pub(super) manner: Manner,
    pub(super) voice: Voice,
    pub(super) hooks: Box<Hooks>,
    pub(super) errand: Errand,
    pub(super) step: Step,
}

/// Writes a request: a GET, or a POST of a message and its type.
pub(super) fn request(upstream: &Upstream, fields: &[u8], message: Option<(&str, &[u8])>) -> Box<[u8]> {
    let mut out = Vec::with_capacity(256 + fields.len() + message.map_or(0, |(_, body)| body.len()));
    out.extend_from_slice(if message.is_some() { b"POST " } else { b"GET " });
    out.extend_from_slice(upstream.target().as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    out.extend_from_slice(upstream.authority().as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(fields);
    if let Some((content_type, body)) = message {
        if !content_type.is_empty() {
            out.extend_from_slice(b"Content-Type: ");
            out.extend_from_slice(content_type.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"Content-Length: ");
        number(body.len() as u64, &mut out);
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
    } else {
        out.extend_from_slice(b"\r\n");
    }
    out.into()
}
