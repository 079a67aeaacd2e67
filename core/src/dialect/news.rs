//! What subscribers are told.
use super::Refusal;
use crate::hub::{Channel, Hub, Lost, Message, Notice, Roster};
use crate::log::{Cursor, Epoch, Life, Position, Sealed, Sealer};

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
        /// What the subscriber is told again.
        echo: Echo,
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

/// What a subscriber is told again when nothing has happened: a number of its own, or a second and a tag. Three small words, so
/// that who waits pays for no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Echo([u32; 3]);

impl Echo {
    /// The place that it has named.
    pub fn of_place(unix_s: u32, tag: u64) -> Self {
        let Self([high, low, _]) = Self::from(tag.cast_signed());
        Self([high, low, unix_s])
    }

    /// Second and tag, if it has named some.
    pub fn place(self) -> Option<(u32, u64)> {
        (self != Self::default()).then(|| (self.0[2], self.number().cast_unsigned()))
    }

    /// Its number.
    pub fn number(self) -> i64 {
        let Self([high, low, _]) = self;
        i64::from(high.cast_signed()) << 32 | i64::from(low)
    }

    /// With the number behind it.
    #[must_use]
    pub fn next(self) -> Self {
        let Self([high, low, _]) = Self::from(self.number().wrapping_add(1));
        Self([high, low, self.0[2]])
    }
}

impl From<i64> for Echo {
    fn from(number: i64) -> Self {
        Self([(number >> 32) as u32, number as u32, 0])
    }
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
    /// What stands in ids of second and tag besides.
    pub life: Life,
}

impl<'a> Batch<'a> {
    /// Messages `from..to` of a channel of this hub.
    pub fn new(channel: &'a Channel, from: u64, to: u64, hub: &Hub) -> Self {
        let (epoch, sealer, ids_from, life) = (hub.head().epoch, hub.sealer(), hub.id_of(0), hub.life());
        Self { channel, from, to, epoch, sealer, ids_from, life }
    }

    /// The cursor of who has everything up to this one of them.
    pub fn cursor(&self, seq: u64, message: &Message) -> Sealed {
        let position = Position { epoch: self.epoch, offset: message.offset };
        self.sealer.seal(Cursor { position, seq: Some(seq) }, self.channel.mark())
    }
}
