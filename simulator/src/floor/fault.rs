//! One thing done wrong on purpose, so that tests can see that it is noticed.
use std::str::FromStr;

use mio::net::TcpStream;

use super::channel::Channel;
use super::ear::{Ear, Sent, send};
use crate::payload::Stamp;

/// What is done wrong, and with which message of a channel: counted from when somebody has first listened to it, unless it is said
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Somebody does not get it.
    Drop(u64),
    /// Somebody gets it twice.
    Double(u64),
    /// Somebody gets the next one first.
    Reorder(u64),
    /// Its publisher gets no answer. Counted from the first.
    DropAnswer(u64),
    /// Its publisher gets two answers. Counted from the first.
    DoubleAnswer(u64),
    /// The server ends when it is published. Counted from the first.
    End(u64),
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, number) = text.split_once('=').ok_or("a fault looks like drop=3")?;
        let number = number.parse().map_err(|_| format!("`{number}` is not the number of a message"))?;
        match kind {
            "drop" => Ok(Self::Drop(number)),
            "double" => Ok(Self::Double(number)),
            "reorder" => Ok(Self::Reorder(number)),
            "drop-answer" => Ok(Self::DropAnswer(number)),
            "double-answer" => Ok(Self::DoubleAnswer(number)),
            "end" => Ok(Self::End(number)),
            _ => Err(format!(
                "there is no fault `{kind}`, but drop, double, reorder, drop-answer, double-answer and end"
            )),
        }
    }
}

/// The answer to a publisher by a server that has a fault in store. Answers have no numbers, so that nobody can tell their order.
pub(super) fn answer(fault: &mut Option<Fault>, channel: &Channel, taken: &[u8], answers: &mut Vec<u8>) {
    let times = match *fault {
        // As if somebody had killed it.
        Some(Fault::End(n)) if n == channel.head() => std::process::exit(1),
        Some(Fault::DropAnswer(n)) if n == channel.head() => 0,
        Some(Fault::DoubleAnswer(n)) if n == channel.head() => 2,
        _ => 1,
    };
    if times != 1 {
        *fault = None;
    }
    (0..times).for_each(|_| answers.extend_from_slice(taken));
}

/// A delivery by a server that has a fault in store. The first who is due for the message is the victim.
pub(super) fn deliver(
    stream: &mut TcpStream,
    ear: &mut Ear,
    channel: &mut Channel,
    fault: &mut Option<Fault>,
    number: u64,
) -> Sent {
    let first = channel.listened.unwrap_or_default();
    let told = match *fault {
        Some(Fault::Drop(n)) if first + n == number => {
            *fault = None;
            return Sent::Silence;
        }
        Some(Fault::Double(n)) if first + n == number => {
            *fault = None;
            if ear.voice.polls() {
                // The next question gets it again.
                ear.next -= 1;
            } else if let Some(frame) = channel.frame(number, ear.voice)
                && send(stream, frame) == Sent::Dead
            {
                return Sent::Dead;
            }
            number
        }
        // The next one is not there yet, so this one pretends to be it; and the other way round.
        Some(Fault::Reorder(n)) if n > 0 && first + n == number && ear.pretends == 0 => {
            ear.pretends = number;
            *fault = Some(Fault::Reorder(0));
            number + 1
        }
        Some(Fault::Reorder(_)) if ear.pretends != 0 && number == ear.pretends + 1 => {
            *fault = None;
            number - 1
        }
        _ => number,
    };
    let Some(frame) = channel.frame(number, ear.voice) else { return Sent::Silence };
    Stamp::renumber(frame, told);
    let sent = send(stream, frame);
    Stamp::renumber(frame, number);
    sent
}
