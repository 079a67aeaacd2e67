//! Batches of more messages than are done at once: they are done in slices, in order, and those who listen are served between
//! them. Over HTTP the replies are collected, and said together; over a WebSocket each slice's are a message of their own.
//! Knows nothing of what messages ask for.
use super::client_id::ClientId;
use super::{Speaker, wire};
use crate::arena::Id;
use crate::conn::{Conn, HeldTalk, Manner, Role};
use crate::dialect::bayeux::long::{self, Place};
use crate::dialect::bayeux::message::{Message, NoBatch};
use crate::dialect::bayeux::write::Reply;
use crate::dialect::{Refusal, Talk, Voice};
use crate::hub::Channel;
use crate::limits::BAYEUX_BATCH_CEILING;
use crate::machine::Machine;
use crate::wire::ws::Fault;

/// Messages done at once. Those who listen have room for twice as many in any case (`Hub::is_crowded`), so none of one slice is lost to
/// them; and a slice takes well under a millisecond.
pub(super) const SLICE: usize = 256;

/// Bytes that a reply takes, about, besides what it repeats.
const REPLY_BYTES: usize = 80;

const TOO_MANY: &str = "413::More messages than bayeux_batch_messages_max";

/// How far a long batch has got.
#[derive(Debug)]
pub(crate) struct Long {
    /// Where the next message stands.
    at: Place,
    /// Messages that may still be done; those behind them are refused.
    left: usize,
    /// The replies to those before, over HTTP.
    replies: Vec<u8>,
    /// The cookie to be given to the browser with them.
    cookie: Option<ClientId>,
}

/// What a slice came to.
enum Slice {
    /// It was the last.
    Over,
    /// There are more.
    More,
    /// It has not been begun: listeners of this channel have to be served before.
    Waits(Id<Channel>),
}

impl Machine {
    /// Begins a batch of more than [`SLICE`] messages, or of more than may be done.
    pub(super) fn talk_long(
        &mut self,
        id: Id<Conn>,
        role: Role,
        manner: Manner,
        voice: Voice,
        talk: &Talk<'_>,
    ) {
        let long = match self.begin_long(talk) {
            Ok(Some(long)) => long,
            Ok(None) => return self.refuse(id, manner, &voice, &Refusal::Memory),
            Err(why) => {
                let refusal = Refusal::Parameter(self.no_batch(why));
                return self.refuse(id, manner, &voice, &refusal);
            }
        };
        let held = HeldTalk { long: Some(long), ..HeldTalk::new(talk, manner, voice) };
        self.go_on(id, role, held);
    }

    /// Looks a long batch through; `None` if there is no memory for it.
    fn begin_long(&mut self, talk: &Talk<'_>) -> Result<Option<Box<Long>>, NoBatch> {
        let limits = &self.config.limits;
        let count = long::count(&talk.texts, BAYEUX_BATCH_CEILING, limits.bayeux_json_depth_max)?;
        let left = limits.bayeux_batch_messages_max;
        let bytes: usize = talk.texts.iter().map(|text| text.len()).sum();
        if self.is_short_of(bytes + count * REPLY_BYTES) {
            return Ok(None);
        }
        if count > left {
            self.counters.bayeux_batches_refused += 1;
        }
        Ok(Some(Box::new(Long { at: Place::default(), left, replies: Vec::new(), cookie: None })))
    }

    /// Does the next slice of a batch that came over HTTP; at its end everything is answered.
    pub(super) fn go_on(&mut self, id: Id<Conn>, role: Role, mut held: HeldTalk) {
        let Some(mut long) = held.long.take() else { return };
        let talk = Talk {
            texts: Vec::new(),
            is_call: held.is_call,
            is_foreign: held.is_foreign,
            may_post: held.may_post,
            cookie: held.cookie.as_deref(),
        };
        let (manner, voice) = (held.manner, &held.voice);
        let mut speaker = Speaker { conn: id, role, manner, voice, talk: &talk, cookie: long.cookie };
        let mut replies = std::mem::take(&mut long.replies);
        let slice = self.do_slice(&mut speaker, &held.texts, &mut long, &mut replies);
        long.cookie = speaker.cookie;
        let channel = match slice {
            Slice::Over => return self.say_replies(id, manner, voice, &replies, long.cookie),
            Slice::More => None,
            Slice::Waits(at) => Some(at),
        };
        held.bytes = held.texts.iter().map(String::len).sum::<usize>() + replies.len();
        long.replies = replies;
        held.long = Some(long);
        self.hold_talk(id, held, channel);
    }

    /// Begins a long batch that came over a WebSocket.
    ///
    /// # Errors
    /// It is none, and the connection is to be closed.
    pub(super) fn talk_long_over(&mut self, id: Id<Conn>, talk: &Talk<'_>) -> Result<wire::Spoken, Fault> {
        match self.begin_long(talk) {
            Ok(Some(long)) => Ok(self.go_on_over(id, talk, long)),
            Ok(None) => Err(Fault::Memory),
            Err(why) => Err(self.no_wire_batch(why)),
        }
    }

    /// Does the next slice of a batch that came over a WebSocket, and answers it.
    pub(super) fn go_on_over(&mut self, id: Id<Conn>, talk: &Talk<'_>, mut long: Box<Long>) -> wire::Spoken {
        let mut slice = Slice::Over;
        self.speak_over(id, |machine, speaker, replies| {
            slice = machine.do_slice(speaker, &talk.texts, &mut long, replies);
        });
        let channel = match slice {
            Slice::Over => return wire::Spoken::Done,
            Slice::More => None,
            Slice::Waits(at) => Some(at),
        };
        if let Some(wire) = self.wire_mut(id) {
            wire.long = Some(long);
        }
        wire::Spoken::Waits(channel)
    }

    /// Does the next slice of a batch, and appends its replies.
    fn do_slice<S: AsRef<str>>(
        &mut self,
        speaker: &mut Speaker<'_>,
        texts: &[S],
        long: &mut Long,
        replies: &mut Vec<u8>,
    ) -> Slice {
        let mut at = long.at;
        let messages = std::iter::from_fn(|| long::next(texts, &mut at));
        let batch: Vec<Option<Message<'_>>> = messages.take(SLICE).collect();
        let (done, refused) = batch.split_at(long.left.min(batch.len()));
        if let Some(channel) = self.crowded_by(done) {
            return Slice::Waits(channel);
        }
        // Each counts as a request when the turn's work is shared out.
        self.served += batch.len();
        self.do_batch(speaker, done, false, replies);
        for message in refused {
            let message = message.as_ref();
            let channel = message.and_then(|message| message.channel.as_deref()).unwrap_or_default();
            let reply = Reply::begin(replies, message.and_then(Message::echo), channel, false);
            reply.error(TOO_MANY).end();
        }
        long.left -= done.len();
        long.at = at;
        if batch.len() < SLICE { Slice::Over } else { Slice::More }
    }
}
