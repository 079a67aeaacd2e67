//! Messages that come by a WebSocket at a location, published (`protocols/push-module.md`, section 5.5).
//! Knows nothing of who reads them.
use std::sync::Arc;

use crate::arena::Id;
use crate::conn::{Conn, HeldMessage, Verdict, WebSocket};
use crate::dialect::push::BYTES;
use crate::dialect::{DialectId, Outcome, Outlet, Refusal, Voice};
use crate::hub::{Media, body_of};
use crate::machine::Machine;

impl Machine {
    /// Publishes a message that an application has been asked about.
    pub(in crate::machine) fn publish_judged(
        &mut self,
        id: Id<Conn>,
        message: &[u8],
        is_text: bool,
        verdict: Verdict,
    ) {
        if let Some(booth) = self.booth_mut(id) {
            booth.verdict = Some(verdict);
        }
        self.publish_sent(id, message, is_text);
    }

    /// Publishes a message. It may have to wait, for an application or for those who listen; then it comes by here again.
    pub(super) fn publish_sent(&mut self, id: Id<Conn>, message: &[u8], is_text: bool) {
        if self.websocket(id).is_none_or(WebSocket::is_closing) {
            return;
        }
        let Some(booth) = self.booth_mut(id) else { return };
        let verdict = booth.verdict.take();
        let Some(outlet) = booth.outlet.take() else { return self.turn_away(id, &Refusal::Publish) };
        let outcome = self.publish_by(id, &outlet, (message, is_text), verdict);
        if let Some(booth) = self.booth_mut(id) {
            booth.outlet = Some(outlet);
        }
        if let Err(refusal) = outcome {
            self.turn_away(id, &refusal);
        }
    }

    fn publish_by(
        &mut self,
        id: Id<Conn>,
        outlet: &Outlet,
        (message, is_text): (&[u8], bool),
        verdict: Option<Verdict>,
    ) -> Result<(), Refusal> {
        let heartbeat = outlet.heartbeat.as_ref().filter(|_| is_text && verdict.is_none());
        if let Some((_, answer)) = heartbeat.filter(|(asks, _)| asks.as_bytes() == message) {
            self.say_message(id, answer.as_bytes(), true);
            return Ok(());
        }
        let posting = &outlet.posting;
        let content_type = match &verdict {
            Some(Verdict::Of(content_type)) => content_type,
            _ if is_text => &posting.media.content_type,
            _ => BYTES,
        };
        if verdict.is_none()
            && let Some(hooks) = &outlet.hooks
            && let Some(upstream) = &hooks.rewrite
        {
            return self.ask_about_message(id, (upstream, &hooks.fields), (content_type, message), is_text);
        }
        let (body, is_base64) = body_of(message);
        let mut known = posting.channels.iter().filter_map(|name| self.hub.find(name));
        if let Some(at) = known.find(|at| self.hub.is_crowded(*at, body.len())) {
            if let Some(booth) = self.booth_mut(id) {
                booth.verdict = verdict;
            }
            self.hold(id, Some(at), HeldMessage { bytes: message.into(), is_text, done: 0 });
            return Ok(());
        }
        let media =
            Media { content_type: content_type.into(), event: posting.media.event.clone(), is_base64 };
        let info = self.post_to_all(posting, &media, &Arc::from(&*body))?;
        if let Some(style) = outlet.answers {
            let voice = Voice::new(DialectId::Push, style);
            let mut words = std::mem::take(&mut self.body);
            words.clear();
            voice.dialect.speaker().answer(&voice, &Outcome::Info(info), &mut words);
            self.say_message(id, &words, true);
            self.body = words;
        }
        Ok(())
    }
}
