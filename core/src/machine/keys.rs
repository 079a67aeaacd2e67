//! Keys: channels whose last message is a value. Written, read, waited for, listed.
//! Knows nothing of how it is asked for or written.
use std::sync::Arc;

use super::Machine;
use super::listen::Waiting;
use super::tell::{Asker, Tidings};
use super::tokens::Shown;
use crate::arena::Id;
use crate::conn::{Conn, Manner, Role};
use crate::dialect::{
    Batch, DumpPage, Hold, KeyTask, KeyView, News, Outcome, Posting, Refusal, Tail, Voice, local,
};
use crate::hub::{Channel, Join, Lost, Media, Posted};
use crate::token::Act;

impl Machine {
    /// Does what is asked of a key; `name` is its channel's.
    pub(super) fn do_with_key(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        voice: Voice,
        (name, task): (String, KeyTask<'_>),
    ) {
        let now = self.post.now;
        match task {
            KeyTask::Write { body, media, ttl_ms, history } => {
                let most = self.config.limits.history_messages_max;
                let messages_max = if history == 0 { most } else { history.min(most) };
                if !self.hub.would_keep(&name, messages_max) {
                    return self.refuse(id, manner, &voice, &Refusal::NotKept);
                }
                let keep = Posted { messages_max, age_ms: ttl_ms };
                let posting = posting(name, media, keep, false);
                self.post_or_hold(id, manner, voice, posting, Arc::from(&*body));
            }
            KeyTask::Refresh => match self.value_of(&name).map(|(_, view)| Arc::clone(&view.message.body)) {
                None => self.refuse(id, manner, &voice, &Refusal::NoValue),
                Some(body) => {
                    let keep = Posted { messages_max: 1, age_ms: 0 };
                    let posting = posting(name, Media::default(), keep, true);
                    self.post_or_hold(id, manner, voice, posting, body);
                }
            },
            KeyTask::Read => match self.value_of(&name).map(|(at, _)| at) {
                None => self.refuse(id, manner, &voice, &Refusal::NoValue),
                Some(at) => {
                    self.hub.note_asked(at, now);
                    self.reply_with(id, manner, |machine, out| {
                        let view = machine.hub.peek(at).and_then(|channel| machine.view(channel));
                        let outcome = view.map_or(Outcome::Refused(&Refusal::NoValue), Outcome::Key);
                        voice.dialect.speaker().answer(&voice, &outcome, out)
                    });
                }
            },
            // A channel that is only waited for has nothing to delete, and its readers stay.
            KeyTask::Delete => match self.value_of(&name).map(|(at, _)| at) {
                None => self.refuse(id, manner, &voice, &Refusal::NoValue),
                Some(at) => {
                    let next = self.hub.close(at, now).unwrap_or(1);
                    self.answer(id, manner, &voice, &Outcome::Done { next });
                }
            },
            KeyTask::Wait { since, wait_ms } => {
                self.wait_for_key(id, role, manner, voice, (&name, since, wait_ms));
            }
        }
    }

    /// A key's channel, and its value, if it has one.
    fn value_of(&mut self, name: &str) -> Option<(Id<Channel>, KeyView<'_>)> {
        let at = self.hub.find(name)?;
        // What is too old is forgotten before it is read.
        self.hub.kept(at, self.post.now);
        let view = self.view(self.hub.peek(at)?)?;
        Some((at, view))
    }

    fn view<'a>(&self, channel: &'a Channel) -> Option<KeyView<'a>> {
        let message = channel.last_value()?;
        let (version, age_ms) = (self.hub.id_of(message.offset), self.post.now.since(message.at));
        Some(KeyView { channel, message, version, age_ms })
    }

    /// Waits for the next value behind a version, or gives it at once.
    fn wait_for_key(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        voice: Voice,
        (name, since, wait_ms): (&str, Option<u64>, Option<u64>),
    ) {
        let now = self.post.now;
        let shown = Shown { token: "", grant: None, act: Act::Subscribe };
        let at = match self.readable(role, name, shown) {
            Ok((at, _)) => at,
            Err(refusal) => return self.refuse(id, manner, &voice, &refusal),
        };
        if !self.has_seat(at, self.config.limits.subscribers_per_channel_max) {
            return self.refuse(id, manner, &voice, &Refusal::TooManySubscribers);
        }
        self.hub.touch(at, now);
        self.hub.note_asked(at, now);
        let Some(start) = self.start_behind(at, since, now) else { return };
        // Where whoever hears nothing goes on from: nothing of this key stands between there and the next value. What is missing
        // is told with that, and so not left behind.
        let place = match (start.lost, since) {
            (Lost::Some(_) | Lost::Unknown(_), Some(since)) => since,
            _ => self.hub.id_of(self.hub.head().offset),
        };
        let place = i64::try_from(place).unwrap_or(0);
        self.counters.subscribed += 1;
        self.count_lost(id, at, &start);
        let voice = if start.lost == Lost::Nothing { voice } else { local::having_missed(voice) };
        let quiet_ms = voice.dialect.speaker().quiet_ms(&self.config);
        let (mut delivery, conns, hub) = self.delivery();
        let (Some(conn), Some(channel)) = (conns.get_mut(id), hub.peek(at)) else { return };
        let to = Asker { id, manner, voice: &voice };
        if start.next < channel.history().head() {
            delivery.counters.delivered += 1;
            let news = [News::Messages(Batch::new(channel, start.next, start.next + 1, hub))];
            let tidings = Tidings { news: &news, range: None, live: false, tail: Tail::default() };
            return delivery.whole_answer(conn, to, tidings);
        }
        if wait_ms == Some(0) {
            let news = [News::Quiet { channel: name, echo: place.into(), cursor: None }];
            let tidings = Tidings { news: &news, range: None, live: false, tail: Tail::default() };
            return delivery.whole_answer(conn, to, tidings);
        }
        let quiet_until = now.after_ms(wait_ms.map_or(quiet_ms, |ms| ms.min(quiet_ms)));
        let join = Join { next: start.next, owner: id.to_bits(), who: None, notices: None };
        self.park(id, at, join, Waiting { manner, voice, hold: Hold::Poll, echo: place.into(), quiet_until });
    }

    /// Shows keys and their values.
    pub(super) fn dump(&mut self, id: Id<Conn>, manner: Manner, voice: &Voice, page: &DumpPage) {
        let mut most_bytes = self.config.limits.dump_bytes_max;
        if page.limit < usize::MAX {
            // Where there is little room pages are shorter. Who asks for all at once is not told how it goes on.
            let free = self.config.limits.memory_bytes_max.saturating_sub(self.used_bytes());
            most_bytes = most_bytes.min(free / 2);
        }
        let mut keys: Vec<KeyView<'_>> = self
            .hub
            .named()
            .filter(|channel| local::key_of(channel.name()).starts_with(&page.prefix))
            .filter(|channel| page.after.is_none_or(|after| channel.number() > after))
            .filter_map(|channel| self.view(channel))
            .collect();
        let count = keys.len();
        if count > page.limit {
            keys.select_nth_unstable_by_key(page.limit, |view| view.channel.number());
            keys.truncate(page.limit);
        }
        keys.sort_unstable_by_key(|view| view.channel.number());
        let bytes_of = |view: &KeyView<'_>| view.channel.name().len() + view.message.body.len() + KEY_BYTES;
        let mut bytes = 0;
        let fit = keys.iter().take_while(|view| {
            let is_first = bytes == 0;
            bytes += bytes_of(view);
            is_first || bytes <= most_bytes
        });
        let fit = fit.count();
        let is_cut = fit < keys.len();
        keys.truncate(fit);
        if self.is_short_of(2 * keys.iter().map(bytes_of).sum::<usize>()) {
            return self.refuse(id, manner, voice, &Refusal::Memory);
        }
        let after = keys.last().filter(|_| fit < count).map(|view| view.channel.number());
        let mut body = Vec::new();
        let answer = voice.dialect.speaker().answer(voice, &Outcome::Dump { keys: &keys, after }, &mut body);
        self.counters.dumps_cut += u64::from(is_cut);
        self.reply(id, manner, answer, &[], &body);
    }
}

/// Bytes that a key takes in an answer besides itself and its value.
const KEY_BYTES: usize = 100;

fn posting(name: String, media: Media, keep: Posted, again: bool) -> Box<Posting> {
    Box::new(Posting { channels: vec![name], media, keep, channel_ms: 0, group: None, events: None, again })
}
