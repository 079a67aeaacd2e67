//! What a crowd can be told to do, and how it stands: the same words within a process and through a pipe.
use serde::{Deserialize, Serialize};

use crate::target::Kind;

/// Something to be done. Subscribers are named by their place in the crowd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// There are `count` more subscribers, numbered from `first` on, spread over channels. They do not connect yet.
    Seats {
        /// The first one's number.
        first: u32,
        /// How many.
        count: u32,
        /// How they listen.
        kind: Kind,
        /// How many channels they are spread over.
        channels: u32,
        /// The number of the last message that is not owed to them.
        last: u64,
        /// Every so many-th asks and never reads; 0: nobody.
        deaf_every: u32,
    },
    /// There is one more subscriber.
    Seat {
        /// Its number.
        id: u32,
        /// How it listens.
        kind: Kind,
        /// Its channel.
        channel: u32,
        /// The number of the last message that is not owed to it.
        last: u64,
    },
    /// Everybody from place `first` on connects and asks, at most `window` at the same time.
    Open {
        /// The first place.
        first: u32,
        /// How many may be connecting at once.
        window: u32,
    },
    /// One connects again.
    Reopen {
        /// Its place.
        index: u32,
    },
    /// One hangs up.
    Close {
        /// Its place.
        index: u32,
    },
    /// All connections are cut at once, and made again, at most `window` at the same time.
    Cut {
        /// How many may be connecting at once.
        window: u32,
    },
    /// One leaves for good; it should have had everything up to `owed`.
    Retire {
        /// Its place.
        index: u32,
        /// The number of the last message that is owed to it.
        owed: u64,
    },
    /// Messages that were meant to be sent from now on are measured; `None`: no longer.
    Measure {
        /// By the shared clock.
        since: Option<u64>,
    },
}

/// How a crowd stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Waiting for their turn to connect.
    pub away: u64,
    /// Connecting.
    pub connecting: u64,
    /// Connected and waiting for messages, as far as they know.
    pub asked: u64,
    /// Of these, those whose answer has begun.
    pub parked: u64,
    /// Messages that have reached somebody for the first time.
    pub fresh: u64,
    /// Refused for good.
    pub refused: u64,
}

impl Standing {
    /// Adds another crowd's.
    pub fn add(&mut self, other: &Self) {
        self.away += other.away;
        self.connecting += other.connecting;
        self.asked += other.asked;
        self.parked += other.parked;
        self.fresh += other.fresh;
        self.refused += other.refused;
    }
}
