//! Saying no, and counting it.
//! Knows nothing of why.
use std::borrow::Cow;

use super::Machine;
use crate::arena::Id;
use crate::conn::{Conn, Manner};
use crate::dialect::{Outcome, Refusal, Voice};
use crate::token::Wrong;

impl Machine {
    /// Says no in the dialect's words.
    pub(super) fn refuse(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, refusal: &Refusal) {
        self.count_refusal(refusal);
        // A callback that was refused must not be called.
        let silent = Voice { before: None, ..voice.clone() };
        let is_callback =
            matches!(refusal, Refusal::Callback | Refusal::DottedCallback | Refusal::UnmarkedCallback);
        let voice = if is_callback { &silent } else { voice };
        self.answer(id, manner, voice, &Outcome::Refused(refusal));
    }

    /// Says no to who asked for several channels together, and which of them it is that they may not have; and in which message.
    pub(super) fn refuse_in(
        &mut self,
        id: Id<Conn>,
        manner: Manner,
        voice: &Voice,
        (channel, index): (&str, Option<usize>),
        refusal: &Refusal,
    ) {
        self.count_refusal(refusal);
        self.answer(id, manner, voice, &Outcome::RefusedIn { channel, index, refusal });
    }

    /// A channel's name as it is repeated to who has said it: one that is too long to be one is cut.
    pub(super) fn shortened<'n>(&self, name: &'n str) -> Cow<'n, str> {
        let most = self.config.limits.channel_name_bytes_max;
        match name.len() <= most {
            true => name.into(),
            false => format!("{}…", &name[..name.floor_char_boundary(most)]).into(),
        }
    }

    pub(super) fn count_refusal(&mut self, refusal: &Refusal) {
        match refusal {
            Refusal::Callback | Refusal::DottedCallback | Refusal::UnmarkedCallback => {
                self.counters.callbacks_refused += 1;
            }
            Refusal::Name | Refusal::SessionName => self.counters.names_refused += 1,
            Refusal::MediaType => self.counters.media_types_refused += 1,
            Refusal::Conflict => self.counters.conflicts += 1,
            Refusal::TooManyInOne => self.counters.compounds_refused += 1,
            Refusal::TooManyPresent => self.counters.presences_refused += 1,
            Refusal::TooMuchAtOnce => self.counters.publishes_too_large += 1,
            Refusal::Signed(Wrong::TooLong | Wrong::Rules) => self.counters.tokens_too_large += 1,
            Refusal::Token | Refusal::UnknownSession | Refusal::Signed(_) => {
                self.counters.tokens_refused += 1;
            }
            Refusal::NoToken | Refusal::NotGranted | Refusal::NotTheirName => {
                self.counters.tokens_refused += 1;
            }
            Refusal::KeyForm | Refusal::TooManyKeys => self.counters.idempotency_refused += 1,
            Refusal::KeyReused => self.counters.idempotency_conflicts += 1,
            Refusal::Publish | Refusal::NotKept => self.counters.publishes_refused += 1,
            Refusal::TooManyChannels => self.counters.channels_refused += 1,
            Refusal::TooManyPatterns => self.counters.patterns_refused += 1,
            Refusal::TooManySubscribers => self.counters.subscribers_refused += 1,
            Refusal::TooFast => self.counters.publishes_too_fast += 1,
            Refusal::TooManySubscriptions => self.counters.websocket_subscriptions_refused += 1,
            Refusal::Group(_) => self.counters.groups_refused += 1,
            Refusal::TooManyHooks => self.counters.hooks_refused += 1,
            Refusal::Memory => self.counters.memory_refused += 1,
            Refusal::Storage => self.counters.history_refused += 1,
            Refusal::Rights => self.counters.rights_denied += 1,
            _ => {}
        }
    }
}
