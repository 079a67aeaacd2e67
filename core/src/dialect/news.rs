//! What subscribers are told.
use super::Refusal;
use crate::hub::{Channel, Hub, Lost, Message, Notice, Roster};
use crate::log::{Cursor, Epoch, Position, Sealed, Sealer};

/// Something that a subscriber is told.
#[derive(Clone, Copy)]
pub enum News<'a> {
    /// Messages `from..to` of a channel; at least one.
    Messages(Batch<'a>),
    /// What one who reads several channels gets at once: of each of them what it lacks, perhaps nothing.
    Several(&'a [Batch<'a>]),
    /// What was missed before message `next`; never [`Lost::Nothing`].
    Gap {
        /// The channel's name.
        channel: &'a str,
        /// The number of the first message that is not missing.
        next: u64,
        /// How many are.
        lost: Lost,
    },
    /// The number of the next message.
    NextSeq {
        /// The channel's name.
        channel: &'a str,
        /// The number.
        next: u64,
        /// The place in the log.
        cursor: Sealed,
    },
    /// The channel is in another life than the subscriber believed.
    Life {
        /// The channel's name.
        channel: &'a str,
        /// The number to ask for next.
        next: u64,
        /// The life it is in.
        life: Position,
    },
    /// Where a reader of channels stands, by one cursor.
    Ready {
        /// The channels' names, where they are told.
        channels: &'a [&'a str],
        /// The place.
        cursor: Sealed,
    },
    /// Nothing happened.
    Quiet {
        /// The channel's name.
        channel: &'a str,
        /// The subscriber's own number.
        echo: i64,
        /// Where it stands, if that is known.
        cursor: Option<Sealed>,
    },
    /// The token expires in so many seconds.
    Expiring {
        /// Seconds.
        in_s: u64,
    },
    /// The token has expired.
    Expired,
    /// The channel has ended.
    Closed {
        /// The channel's name.
        channel: &'a str,
        /// The number of the message that will never come.
        next: u64,
    },
    /// Everybody who is listed.
    Roster {
        /// The channel's name.
        channel: &'a str,
        /// The people.
        roster: &'a Roster,
    },
    /// Somebody came, left or signed in.
    Notice {
        /// The channel.
        channel: &'a Channel,
        /// The notice's number.
        number: u64,
        /// What happened.
        notice: &'a Notice,
    },
    /// The subscription is refused.
    Refused {
        /// The channel's name, as asked for.
        channel: &'a str,
        /// Why.
        refusal: &'a Refusal,
    },
}

/// Messages `from..to` of one channel.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// The channel.
    pub channel: &'a Channel,
    /// The number of the first.
    pub from: u64,
    /// One more than the number of the last.
    pub to: u64,
    /// The log they stand in.
    pub epoch: Epoch,
    /// What signs cursors.
    pub sealer: Sealer,
    /// What is added to an offset for the number by which a message is known in all channels.
    pub ids_from: u64,
}

impl<'a> Batch<'a> {
    /// Messages `from..to` of a channel of this hub.
    pub fn new(channel: &'a Channel, from: u64, to: u64, hub: &Hub) -> Self {
        Self { channel, from, to, epoch: hub.head().epoch, sealer: hub.sealer(), ids_from: hub.id_of(0) }
    }

    /// The cursor of who has everything up to this one of them.
    pub fn cursor(&self, seq: u64, message: &Message) -> Sealed {
        let position = Position { epoch: self.epoch, offset: message.offset };
        self.sealer.seal(Cursor { position, seq: Some(seq) }, self.channel.mark())
    }
}
