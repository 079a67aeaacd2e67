//! After every call into the machine: what it said is heard at once, whether or not the peer takes it, so that it is
//! known when it was said and what had happened until then.
use std::collections::BTreeMap;
use std::io::IoSlice;

use super::World;
use super::answer::Heard;
use super::book::Reader;
use super::question::Ask;
use super::reading::{Form, Start};

/// Whom a call may have made to hear something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// One connection, and no other.
    Of(usize),
    /// Time passed: no request was served.
    Expire,
    /// Anybody, and requests that were put off were served.
    Pump,
    /// A connection is gone.
    Gone,
}

/// What is known about the moment at which something was said.
#[derive(Default)]
pub struct Then {
    /// Several peers were served in one call, so the order among them is not known. The heads of all channels before.
    pub together: Option<BTreeMap<usize, u64>>,
    /// Somebody may have begun to wait without a word to be heard.
    pub several: bool,
    /// Channels to which contrary things happened in this call.
    pub unsure: Vec<String>,
}

impl World {
    /// Hears, judges, and compares the server's channels with the book.
    pub fn after(&mut self, call: Call) {
        let mut heard: Vec<(usize, Heard)> = Vec::new();
        match call {
            Call::Of(i) => self.tap(i, &mut heard),
            Call::Expire | Call::Pump => (0..self.peers.len()).for_each(|i| self.tap(i, &mut heard)),
            Call::Gone => {}
        }
        let together = call == Call::Pump && heard.windows(2).any(|w| w[0].0 != w[1].0);
        let mut then = Then { several: call == Call::Pump, ..Then::default() };
        if together {
            then.together =
                Some(self.book.all_alive().iter().map(|&(_, l)| (l, self.book.lives[l].head())).collect());
            self.accept_all(&heard, &mut then);
            self.see_everybody(&heard);
        }
        if call == Call::Pump && heard.iter().any(|(_, h)| is_publish(h)) {
            self.tally.note("publish that was put off");
        }
        for (i, heard) in heard {
            self.judge(i, heard, &then);
        }
        match call {
            Call::Of(i) => self.look_at(i, &then),
            Call::Expire | Call::Pump => (0..self.peers.len()).for_each(|i| self.look_at(i, &then)),
            Call::Gone => {}
        }
        self.compare(call, &then);
    }

    /// Hears what the machine has newly said to a peer.
    fn tap(&mut self, i: usize, heard: &mut Vec<(usize, Heard)>) {
        let peer = &mut self.peers[i];
        let mut iov = [IoSlice::new(&[]); 64];
        let filled = self.machine.transmit(peer.id, &mut iov);
        let mut at = 0;
        let known = peer.untaken.len();
        for slice in &iov[..filled] {
            let old = known.saturating_sub(at).min(slice.len());
            assert_eq!(peer.untaken[at..at + old], slice[..old], "what was said stands: {}", peer.number);
            peer.untaken.extend_from_slice(&slice[old..]);
            at += old;
        }
        assert!(at == known || filled == iov.len(), "what was said stands: {}", peer.number);
        if peer.untaken.len() > known {
            if known == 0 {
                (peer.progress_at, peer.taken) = (self.now, 0);
            }
            let new = peer.untaken[known..].to_vec();
            if self.is_traced {
                eprintln!("{:>7} {} < {:?}", self.now.0, peer.number, String::from_utf8_lossy(&new));
            }
            let mut mine = Vec::new();
            peer.ear.hear(&new, peer.given, &mut mine);
            heard.extend(mine.into_iter().map(|h| (i, h)));
        }
    }

    /// Several peers were served in one call: what was accepted goes into the book first.
    fn accept_all(&mut self, heard: &[(usize, Heard)], then: &mut Then) {
        let mut posts = Vec::new();
        let mut ended: Vec<(usize, String)> = Vec::new();
        let mut touched: Vec<(usize, String)> = Vec::new();
        for (i, heard) in heard {
            let Heard::Whole(question, answer) = heard else { continue };
            match &question.ask {
                Ask::Publish { post, .. } | Ask::Broadcast { post } if self.is_accepted(question, answer) => {
                    posts.push((self.peers[*i].number, *post));
                    match &self.book.posts[*post].channel {
                        Some(name) => touched.push((*i, name.clone())),
                        None => {
                            touched.extend(self.book.all_alive().into_iter().map(|(name, _)| (*i, name)));
                        }
                    }
                }
                Ask::Close { channel } | Ask::Clear { channel } if answer.status == 200 => {
                    ended.push((*i, channel.clone()));
                }
                Ask::Sign { channel, .. } | Ask::SignIn { channel, .. } => {
                    touched.push((*i, channel.clone()));
                }
                _ => {
                    if let Some(reading) = &question.reading {
                        touched.push((*i, reading.channel.clone()));
                    }
                }
            }
        }
        for (i, name) in &ended {
            let contrary = touched.iter().chain(&ended).any(|(other, n)| n == name && other != i);
            if contrary {
                self.tally.note("contrary things in one call");
                then.unsure.push(name.clone());
                if let Some(life) = self.book.alive(name) {
                    self.book.lives[life].blurred = true;
                }
            }
        }
        if posts.len() > 1 {
            self.tally.note("several publishes in one call");
        }
        self.book.accept_together(&posts, self.now);
    }

    /// Several peers were served in one call: whoever was among them may be spoken of before it is heard itself.
    fn see_everybody(&mut self, heard: &[(usize, Heard)]) {
        let mut seen = Vec::new();
        for (_, heard) in heard {
            if let Heard::Whole(question, _) = heard {
                seen.extend(question.reading.as_ref().map(|r| (r.channel.clone(), r.who.clone())));
            }
        }
        for peer in &mut self.peers {
            let reading = peer.ear.current().filter(|q| q.whole.is_some()).and_then(|q| q.reading.as_ref());
            seen.extend(reading.map(|r| (r.channel.clone(), r.who.clone())));
        }
        for (channel, who) in seen {
            if let (Some(life), Some(who)) = (self.book.alive(&channel), who) {
                self.book.lives[life].roll.suspect(&who, self.now);
            }
        }
    }

    /// Whether a peer waits now, and for what: its subscription is known from then on.
    fn look_at(&mut self, i: usize, then: &Then) {
        let id = self.peers[i].id;
        let full = self.regime.least(|c| c.limits.outbox_bytes_max as u64);
        let is_full = self.peers[i].untaken.len() as u64 >= full;
        if let Some((life, who)) = self.peers[i].listed.take() {
            self.book.lives[life].roll.suspect(&who, self.now);
        }
        let Some((name, born, next)) = self.machine.reads(id) else { return };
        let name = name.to_owned();
        let low = |life: usize, head: u64| match &then.together {
            Some(heads) => heads.get(&life).copied().unwrap_or(1),
            None => head,
        };
        let peer = &mut self.peers[i];
        let question = peer.ear.current().expect("who waits has asked");
        assert!(question.whole.is_some() && question.may_wait(), "{question:?}");
        let Some(reading) = &mut question.reading else { return };
        assert_eq!(reading.channel, name);
        let reader = reading.reader();
        if reading.life.is_none() || !reading.waited {
            let life = match self.book.alive(&name) {
                Some(life) if self.book.lives[life].born.is_none_or(|b| b == born) => life,
                _ => {
                    // Two lives may have the same birthday, if nothing was published between.
                    let gone = self.book.born(&name, born).filter(|_| then.unsure.contains(&name));
                    gone.unwrap_or_else(|| self.book.open(&name, self.now))
                }
            };
            self.book.lives[life].born = Some(born);
            self.book.lives[life].touched = Some(self.now);
            reading.bind(life, &self.book);
            reading.waited = true;
            reading.heard_at = self.now;
            let head = self.book.lives[life].head();
            if reading.form == Form::Ccomet && reading.next != Some(next) {
                // It has no words for any of this: who asks for more than there is waits at the head.
                let unsure = then.unsure.contains(&name) || self.book.lives[life].blurred;
                let ahead = reading.next.is_none_or(|n| n > next) && (low(life, head)..=head).contains(&next);
                let missed = reading.next.is_some_and(|n| n < next) || reading.start == Start::Oldest;
                let lost = missed
                    && self.book.lives[life].may_be_lost(next - 1, Reader::Comes, &self.regime, self.now);
                assert!(
                    unsure || ahead || lost || next == 1,
                    "waits for {next}, {head} is next: {reading:?}"
                );
                reading.next = Some(next);
            }
            // Where nothing was said of what is missing, it is judged by what may be gone for whoever comes.
            let wordless = match reading.start {
                Start::Oldest => true,
                Start::After { .. } => !reading.says_gaps,
                Start::New | Start::Next(_) => false,
            };
            if wordless && reading.next.is_none() {
                let unsure = then.unsure.contains(&name) || next == 1;
                let lost = unsure
                    || self.book.lives[life].may_be_lost(next - 1, Reader::Comes, &self.regime, self.now);
                assert!(lost, "{next} is not the oldest: {reading:?}");
                reading.next = Some(next);
            }
            if let (Form::Ccomet, Some(who)) = (reading.form, &reading.who) {
                self.taken.insert((name.clone(), who.clone()), peer.number);
            }
            self.tally.note("began to wait");
        }
        let life = reading.life.expect("bound");
        assert_eq!(
            self.book.lives[life].born,
            Some(born),
            "it waits in the life in which it began: {reading:?}"
        );
        if !reading.says_gaps && reading.next.is_some_and(|n| n < next) {
            let lost = self.book.lives[life].may_be_lost(next - 1, reader, &self.regime, self.now);
            assert!(lost, "{} need not have been lost: {reading:?}", next - 1);
            reading.next = Some(next);
        }
        assert!(
            reading.next.is_none_or(|n| n == next) || self.book.lives[life].blurred,
            "the cursor stands at {next}, and what was said ends elsewhere: {reading:?}"
        );
        reading.slow |= is_full;
        reading.attends &= !is_full;
        if !is_full && reading.is_level(&self.book) {
            (reading.slow, reading.attends) = (false, true);
        }
        if let Some(who) = &reading.who {
            self.book.lives[life].roll.see(who, self.now);
            peer.listed = Some((life, who.clone()));
        }
        if reading.closed {
            panic!("it waits, and its end was told: {reading:?}");
        }
    }

    /// The server's channels are those in the book, and stand where the book says.
    fn compare(&mut self, call: Call, then: &Then) {
        for name in super::asking::CHANNELS {
            let standing = self.machine.standing(name);
            let mut alive = self.book.alive(name);
            if let (Some(s), Some(life)) = (standing, alive)
                && self.book.lives[life].born.is_some_and(|b| b != s.life)
            {
                assert!(then.unsure.iter().any(|n| n == name), "{name} has another life, {call:?}");
                self.book.end(name);
                alive = None;
            }
            match (standing, alive) {
                (None, None) => {}
                (None, Some(_)) => self.judge_expiry(name, call, then),
                (Some(s), alive) => {
                    let life = alive.unwrap_or_else(|| {
                        assert!(matches!(call, Call::Of(_) | Call::Pump), "{name} comes from nowhere");
                        let life = self.book.open(name, self.now);
                        self.book.lives[life].blurred |= then.unsure.iter().any(|n| n == name);
                        life
                    });
                    let tail = self.book.broadcasts_at_end(life);
                    let (regime, now) = (&self.regime, self.now);
                    let shadow = &mut self.book.lives[life];
                    shadow.born = Some(s.life);
                    if !shadow.blurred {
                        let head = shadow.head();
                        // Broadcasts come to a channel when it is next touched.
                        let fits = s.head <= head && s.head + tail >= head;
                        assert!(fits, "{name}: {} is next, {head} by what was answered", s.head);
                        if s.base > shadow.base {
                            let last = s.base - 1;
                            assert!(
                                shadow.may_be_lost(last, Reader::Comes, regime, now),
                                "{last} of {name} went too early"
                            );
                        }
                    }
                    assert!(s.base >= shadow.base, "what was forgotten does not come back");
                    shadow.base = s.base;
                }
            }
        }
    }

    /// A channel is gone that nobody closed.
    fn judge_expiry(&mut self, name: &str, call: Call, then: &Then) {
        if then.unsure.iter().any(|n| n == name) {
            self.book.end(name);
            return;
        }
        assert_eq!(call, Call::Expire, "{name} is gone, and nobody closed it");
        let Some(life) = self.book.end(name) else { return };
        let shadow = &self.book.lives[life];
        let waits = |p: &super::Peer| {
            self.machine.reads(p.id).is_some_and(|(n, born, _)| n == name && Some(born) == shadow.born)
        };
        // Those who have not heard yet that the life before is over may look as if they were in this one.
        let has_twin = self.book.has_twin(life);
        assert!(has_twin || !self.peers.iter().any(waits), "{name} expires while somebody listens");
        let timeout = self.regime.least(|c| c.icomet.channel_timeout_ms);
        let idle = shadow.touched.map_or(timeout, |touched| self.now.since(touched));
        assert!(idle >= timeout, "{name} expires after {idle} ms");
        assert!(self.now >= shadow.signed_until, "{name} was signed for longer");
        self.tally.note("channel expired");
    }
}

fn is_publish(heard: &Heard) -> bool {
    matches!(heard, Heard::Whole(q, a) if matches!(q.ask, Ask::Publish { .. }) && a.status == 200)
}
