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
        /// From one number to the next: 1, unless a crowd is divided among processes.
        step: u32,
        /// How they listen.
        kind: Kind,
        /// How many channels they are spread over.
        channels: u32,
        /// The number of the last message that is not owed to them.
        last: u64,
        /// They ask, and never read.
        deaf: bool,
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
        /// It comes while messages are on their way. Where it cannot say after which number it wants to hear, it is owed
        /// what follows the first that it gets.
        late: bool,
    },
    /// Everybody from place `first` on connects and asks, at most `window` at the same time.
    Open {
        /// The first place.
        first: u32,
        /// How many may be connecting at once.
        window: u32,
    },
    /// One connects; if it is connected, it hangs up before.
    Reopen {
        /// Its place.
        index: u32,
    },
    /// All connections are cut at once, and made again, at most `window` at the same time.
    Cut {
        /// How many may be connecting at once.
        window: u32,
    },
    /// One leaves for good. What was on its way is not owed to it any more.
    Retire {
        /// Its place.
        index: u32,
    },
    /// Messages that were meant to be sent from now on are measured; `None`: no longer.
    Measure {
        /// By the shared clock.
        since: Option<u64>,
    },
}

impl Order {
    /// What this order is to process number `part` of `parts`, among which subscribers are dealt out like cards. Places
    /// are numbers as long as everybody is seated in the order of numbers from 0 on, and that is how scenarios do it.
    pub fn share(&self, part: u32, parts: u32) -> Option<Self> {
        // How many of those before `n` sit here, which is also the place of `n` if it sits here.
        let before = |n: u32| (n + parts - 1 - part) / parts;
        let here = |n: u32| (n % parts == part).then_some(n / parts);
        let part_of_window = |window: u32| window.div_ceil(parts);
        Some(match *self {
            Self::Seats { first, count, step: _, kind, channels, last, deaf } => Self::Seats {
                first: before(first) * parts + part,
                count: before(first + count) - before(first),
                step: parts,
                kind,
                channels,
                last,
                deaf,
            },
            Self::Seat { id, .. } => here(id).map(|_| self.clone())?,
            Self::Open { first, window } => {
                Self::Open { first: before(first), window: part_of_window(window) }
            }
            Self::Reopen { index } => Self::Reopen { index: here(index)? },
            Self::Cut { window } => Self::Cut { window: part_of_window(window) },
            Self::Retire { index } => Self::Retire { index: here(index)? },
            Self::Measure { .. } => self.clone(),
        })
    }
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
    /// Streams that the server has ended, each time.
    pub ended: u64,
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
        self.ended += other.ended;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_sits_in_one_process_and_at_the_place_that_orders_name() {
        for parts in 1..5 {
            let mut seen = Vec::new();
            for part in 0..parts {
                let mut places = Vec::new();
                for (first, count) in [(0, 7), (7, 2), (9, 11)] {
                    let seats = Order::Seats {
                        first,
                        count,
                        step: 1,
                        kind: Kind::Sse,
                        channels: 3,
                        last: 0,
                        deaf: false,
                    };
                    let Some(Order::Seats { first: mine, count, step, .. }) = seats.share(part, parts) else {
                        panic!("seats are for everybody")
                    };
                    let open = Order::Open { first, window: 10 }.share(part, parts);
                    let Some(Order::Open { first: open, .. }) = open else { panic!("so is opening") };
                    assert_eq!(open as usize, places.len(), "those of before do not connect again");
                    places.extend((0..count).map(|n| mine + n * step));
                }
                for (place, &id) in places.iter().enumerate() {
                    assert_eq!(
                        Order::Reopen { index: id }.share(part, parts),
                        Some(Order::Reopen { index: place as u32 })
                    );
                }
                seen.extend(places);
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..20).collect::<Vec<_>>(), "in {parts} processes");
        }
    }
}
