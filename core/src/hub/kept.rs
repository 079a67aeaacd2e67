//! Last values that outlive the server: which they are, and how they are put back.
//! Knows nothing of where they are kept. Walks are the caller's, a slot at a time.
use std::sync::Arc;

use super::history::{Beside, History, Kind};
use super::{Channel, Full, Hub, Message};
use crate::arena::Id;
use crate::log::{Lives, Log, Position};
use crate::time::Moment;
use crate::values::KeptValue;

impl Channel {
    /// Whether its last value is kept over a restart: it lives on without subscribers, until it is deleted. What only
    /// registered clients may read is not: who they are is not known any more then.
    pub(super) fn is_kept(&self) -> bool {
        let for_sessions = self.registered().is_some_and(|own| own.sessions);
        !self.is_index && !for_sessions && self.posted.as_ref().is_some_and(|posted| posted.messages_max > 0)
    }
}

impl Hub {
    /// Counts what happens to values that are kept: another number, another state.
    pub fn kept_changes(&self) -> u64 {
        self.kept_changes
    }

    /// The log's first and last numbers, with all logs that it goes on from.
    pub fn numbers(&self) -> (u64, u64) {
        (self.log.base(), self.log.id_of(self.log.head().offset))
    }

    /// Goes on from earlier logs, whose first number was behind `base` and whose last is not behind `last`, and which had these
    /// lives. Only for a hub to which nothing has been published; [`Hub::end_resuming`] follows.
    pub fn resume_log(&mut self, base: u64, last: u64, lives: Lives) {
        self.log = Log::resumed(self.log.epoch(), base, last);
        self.lives = lives;
        if let Some(end) = lives.newest_end() {
            self.stamps.reach_next(end);
        }
        // Whoever comes with a place from before, to a channel that is not put back, may have missed anything.
        self.ended = self.log.head().offset;
    }

    /// All values are put back: what is published from now on is behind them, for readers of the lives before as well.
    pub fn end_resuming(&mut self) {
        self.lives.end_newest(self.stamps.next());
    }

    /// The lives of the log with the present one, as a log that goes on from it has to know them.
    pub fn lives(&self) -> Lives {
        let mut lives = self.lives;
        lives.end(self.life, self.stamps.next());
        lives
    }

    /// The value in this slot that is to be kept; `zero_unix_ms` is the wall clock at [`Moment`] 0. Up to date with broadcasts and
    /// with what has expired.
    pub fn kept_at(&mut self, slot: usize, zero_unix_ms: u64, now: Moment) -> Option<KeptValue> {
        let id = self.channels.id_at(slot)?;
        if !self.channels.get(id).is_some_and(|c| !c.closed && c.is_kept() && id != self.announcing.feed) {
            return None;
        }
        self.settle(id, now);
        let listens = self.channels.get(id).is_some_and(|c| !c.members.is_empty());
        self.trim(id, listens, now);
        let channel = self.channels.get(id)?;
        let seq = channel.history.head() - 1;
        let message = channel.last_value()?;
        let before = channel.history.offset_before(seq).max(channel.born.offset);
        let wall = |moment: Moment| zero_unix_ms.saturating_add(moment.0);
        Some(KeptValue {
            channel: Arc::clone(&channel.name),
            made: channel.number,
            version: self.log.id_of(message.offset),
            after: self.log.id_of(before),
            seq,
            time_ms: wall(message.at),
            second: message.unix_s,
            tag: message.tag,
            keep: **channel.posted.as_ref()?,
            until_ms: message.until().map(wall),
            body: Arc::clone(&message.body),
            is_json: message.kind == Kind::Json,
            is_broadcast: message.kind == Kind::Broadcast,
            sender: message.sender.clone(),
            media: message.media.clone(),
            ext: message.ext().map(Into::into),
        })
    }

    /// Puts a value back; whether it is there then, and has not expired or found no room in what its channel keeps.
    /// `zero_unix_ms` is the wall clock at [`Moment`] 0; `goes_on` says whether the channel's own numbers do.
    ///
    /// # Errors
    /// [`Full`] when there are as many channels as there may be.
    pub fn restore(
        &mut self,
        value: &KeptValue,
        goes_on: bool,
        zero_unix_ms: u64,
        now: Moment,
    ) -> Result<bool, Full> {
        let moment = |unix_ms: u64| Moment(unix_ms.saturating_sub(zero_unix_ms));
        // A clock that was set back has seen nothing of what is still to come.
        let at = Moment(moment(value.time_ms).0.min(now.0));
        let until = value.until_ms.map(moment);
        if until.is_some_and(|until| until <= now) {
            return Ok(false);
        }
        let id = self.open(&value.channel, self.settings.channel_timeout_ms, now)?;
        self.keep_as(id, value.keep, now);
        let (offset, after) = (self.log.offset_of(value.version), self.log.offset_of(value.after));
        let epoch = self.log.epoch();
        let beside = (until.is_some() || value.ext.is_some())
            .then(|| Arc::new(Beside { until, ext: value.ext.clone(), ..Beside::default() }));
        let mut body = Arc::clone(&value.body);
        let kind = match value {
            KeptValue { is_broadcast: true, .. } => {
                body = self.broadcasts.shared(body);
                Kind::Broadcast
            }
            KeptValue { is_json: true, .. } => Kind::Json,
            _ => Kind::Data,
        };
        let media = value.media.as_deref().map(|media| self.media.share(media.clone()));
        self.reach_second(value.second, value.tag);
        let Some(channel) = self.channels.get_mut(id) else { return Ok(false) };
        channel.born = Position { epoch, offset: after };
        channel.last = Some((value.second, value.tag));
        channel.history = History::resumed(if goes_on { value.seq } else { 1 }, after);
        channel.outlive(at.after_ms(channel.life_ms(&self.settings)));
        self.append_to(
            id,
            Message {
                offset,
                at,
                unix_s: value.second,
                tag: value.tag,
                kind,
                body,
                sender: value.sender.clone(),
                media,
                beside,
            },
        );
        self.trim(id, false, now);
        if self.channels.get(id).is_some_and(|channel| channel.history.is_empty()) {
            self.close(id, now);
            return Ok(false);
        }
        self.arm(id, now);
        Ok(true)
    }

    /// What is kept of a channel, for whoever saw all of a log before this one.
    pub fn newest_offset(&self, id: Id<Channel>) -> u64 {
        self.channels.get(id).map_or(0, |channel| channel.history.offset_before(channel.history.head()))
    }
}

impl Channel {
    /// Its last message, if it is kept and its time is not over.
    pub fn last_value(&self) -> Option<&Message> {
        let seq = self.history.head() - 1;
        self.history.get(seq).filter(|_| self.history.is_live(seq))
    }
}
