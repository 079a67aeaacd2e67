//! A subscriber: what it listens to, how far it has come, and what is sent to it.
use std::io::Write;

use mio::net::TcpStream;

use super::channel::Channel;
use super::fault::{self, Fault};
use super::voice::Voice;

/// What a connection listens to, and how far it has come.
#[derive(Clone, Copy)]
pub(super) struct Ear {
    pub(super) channel: usize,
    pub(super) voice: Voice,
    /// The number of the message that it gets next.
    pub(super) next: u64,
    /// Its place among those who wait; `None` while it does not.
    pub(super) place: Option<usize>,
    /// The message under whose number it has got another one, on purpose; 0 is none.
    pub(super) pretends: u64,
}

/// What has become of a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It has got the answer to its question, and will ask again.
    Answer,
    /// It waits on.
    Silence,
    /// It takes no more.
    Dead,
}

impl Ear {
    /// Sends the subscriber what it does not have: all of it to a stream, one message to a poll.
    pub(super) fn bring_up_to_date(
        &mut self,
        stream: &mut TcpStream,
        channel: &mut Channel,
        fault: &mut Option<Fault>,
    ) -> Sent {
        while self.next <= channel.head() {
            let number = self.next;
            self.next += 1;
            let sent = if fault.is_some() {
                fault::deliver(stream, self, channel, fault, number)
            } else {
                match channel.frame(number, self.voice) {
                    // What is no longer kept is skipped: the subscriber will say that it is lost.
                    None => Sent::Silence,
                    Some(frame) => send(stream, frame),
                }
            };
            match sent {
                Sent::Dead => return Sent::Dead,
                Sent::Answer if self.voice.polls() => return Sent::Answer,
                _ => {}
            }
        }
        Sent::Silence
    }
}

/// Sends all of it, or says that the other end is dead: nobody is waited for.
pub(super) fn send(stream: &mut TcpStream, bytes: &[u8]) -> Sent {
    if stream.write(bytes).is_ok_and(|n| n == bytes.len()) { Sent::Answer } else { Sent::Dead }
}
