//! The inside of a process of subscribers: a crowd that is told what to do by its standard input.
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use mio::unix::pipe::Receiver;
use mio::{Events, Interest, Poll, Token};

use super::{Options, Report, Word};
use crate::clock;
use crate::crowd::{Crowd, Standing};
use crate::limits::{Sources, raise_descriptors};
use crate::target::Language;

const ORDERS: Token = Token(1 << 40);
const EVENTS: usize = 1024;

/// Plays subscribers until the account is asked for, or nobody is left who could ask.
///
/// # Errors
/// The pipes are broken.
pub fn work(options: &Options) -> io::Result<()> {
    let sources = raise_descriptors(options.subscribers)
        .and_then(|()| Sources::new(options.front, options.subscribers, options.part));
    let sources = match sources {
        Ok(sources) => sources,
        Err(obstacle) => return report(&Report::Failed(obstacle.to_string())),
    };
    let mut poll = Poll::new()?;
    let mut orders = Receiver::from(io::stdin().as_fd().try_clone_to_owned()?);
    orders.set_nonblocking(true)?;
    poll.registry().register(&mut orders, ORDERS, Interest::READABLE)?;
    let language = match Language::choose(options.target, Some(options.dialect)) {
        Ok(language) => language,
        Err(words) => return report(&Report::Failed(words)),
    };
    let mut crowd = Crowd::new(language.speak(options.run), options.front, sources, options.run);
    let mut events = Events::with_capacity(EVENTS);
    let mut unread = Vec::new();
    let mut said = Standing::default();
    loop {
        match poll.poll(&mut events, Some(Duration::from_millis(100))) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            if event.token() != ORDERS {
                crowd.hear(event.token().0, event, poll.registry(), clock::now());
                continue;
            }
            let open = read_all(&mut orders, &mut unread)?;
            let mut at = 0;
            while let Some(end) = memchr::memchr(b'\n', &unread[at..]) {
                match serde_json::from_slice(&unread[at..at + end])? {
                    Word::Do(order) => crowd.obey(order, poll.registry()),
                    Word::Settle(heads) => {
                        return report(&Report::Account(Box::new(crowd.settle(&heads).pack())));
                    }
                }
                at += end + 1;
            }
            unread.drain(..at);
            if !open {
                return Ok(());
            }
        }
        crowd.try_again(poll.registry());
        if crowd.standing() != said {
            said = crowd.standing();
            report(&Report::Standing(said))?;
        }
    }
}

/// Whether the pipe is still open.
fn read_all(orders: &mut Receiver, unread: &mut Vec<u8>) -> io::Result<bool> {
    let mut block = [0; 16 << 10];
    loop {
        match orders.read(&mut block) {
            Ok(0) => return Ok(false),
            Ok(n) => unread.extend_from_slice(&block[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn report(report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}
