//! Time and limits from outside: who must have been noticed by now, and whether the server had a reason to hang up.
//! Knows nothing of wheels.
use super::World;
use super::hearing::Call;
use super::reading::Form;
use super::shell::READ_MAX;

/// A tick of the wheel and one more.
const SLACK_MS: u64 = 20;

impl World {
    /// What must hold when a turn is over.
    pub fn check_turn(&mut self) {
        self.machine.check();
        self.most_connections = self.most_connections.max(self.machine.connections());
        assert_eq!(self.machine.connections(), self.peers.len());
        let limits = |c: &rcomet_core::Config| c.limits.channels_max as u64;
        assert!(self.machine.load().0 as u64 <= self.regime.most(limits), "too many channels");
        self.check_memory();
        for i in 0..self.peers.len() {
            self.check_overdue(i);
            if !self.more {
                self.check_rest(i);
            }
        }
    }

    /// What must hold when the server says that it has nothing to do: whoever takes everything has everything.
    fn check_rest(&mut self, i: usize) {
        let room = self.machine.room(self.peers[i].id);
        let is_waiting = self.machine.reads(self.peers[i].id).is_some();
        let peer = &mut self.peers[i];
        if !peer.untaken.is_empty() || peer.is_over() {
            return;
        }
        let number = peer.number;
        assert!(room == 0 || !peer.is_paused || peer.in_line, "{number} is not read from, and there is room");
        let question = peer.ear.current();
        if is_waiting {
            let reading = question.and_then(|q| q.reading.as_ref());
            assert!(reading.is_none_or(|r| r.is_level(&self.book)), "{number} is left behind: {reading:?}");
        } else {
            assert!(
                question.is_none_or(|q| q.whole.is_none()),
                "{number} is not answered: {:?}",
                peer.ear.current()
            );
        }
        self.tally.note("at rest, and nothing is owed");
    }

    /// Memory is within what the limits allow, and buffers are within what there is reason to hold.
    fn check_memory(&mut self) {
        let memory = self.machine.memory();
        let (total, most) = (memory.total_bytes(), self.memory_most());
        assert!(total <= most, "{total} bytes in use, {most} is the most: {memory:?}");
        // What is not answered and what is not taken; buffers double when they grow, and come in blocks.
        let unfinished = |p: &super::Peer| {
            let unread = p.ear.asked.front().map_or(0, |q| p.given.saturating_sub(q.start)) as usize;
            2 * (unread + p.untaken.len()) + 3 * 2048
        };
        let unfinished: usize = self.peers.iter().map(unfinished).sum();
        self.most_unfinished = self.most_unfinished.max(unfinished);
        // Blocks that were needed once stay for the next who need some.
        let most = unfinished + self.most_unfinished + 4096;
        let buffers = memory.blocks_bytes + memory.frames_bytes;
        assert!(buffers <= most, "{buffers} bytes of buffers, {most} are unfinished: {memory:?}");
    }

    /// The most memory that these limits allow: what each connection, each channel and each table may hold.
    fn memory_most(&self) -> usize {
        let most =
            |what: fn(&rcomet_core::Limits) -> usize| self.regime.most(|c| what(&c.limits) as u64) as usize;
        const BLOCK: usize = 2048;
        // A message of the largest body, with its table.
        let message = most(|l| l.body_bytes_max.max(l.request_line_bytes_max)) + 200;
        // What peers say here is at most doubled by escaping; a record has some hundred bytes around.
        let frame = 4 * (most(|l| l.batch_bytes_max) + message) + 2 * BLOCK;
        let inbox = most(|l| l.head_bytes_max + l.body_bytes_max + l.pipeline_bytes_max) + READ_MAX + BLOCK;
        let outbox = most(|l| l.outbox_bytes_max) + frame;
        // Buffers double when they grow.
        let conn = 2 * (inbox + outbox) + 1024;
        let history = most(|l| l.history_bytes_max) + message;
        let kept = history.min(self.most_posts_bytes + message);
        let channel = 2 * kept + most(|l| l.roster_max) * 512 + 8 * BLOCK;
        let channels = most(|l| l.channels_max) + self.most_connections + 1;
        // The bodies of broadcasts are kept once for all channels.
        let broadcasts = self.broadcasts_bytes;
        let tables = 256 * 1024;
        self.most_connections * conn + channels * channel + broadcasts + tables
    }

    fn check_overdue(&mut self, i: usize) {
        let (now, regime) = (self.now, &self.regime);
        let stall = regime.most(|c| c.limits.write_stall_ms_max);
        let idle = regime.most(|c| c.limits.idle_ms_max);
        let polling = regime.most(|c| c.icomet.polling_timeout_ms);
        let coming = regime.most(|c| c.limits.head_ms_max) + regime.most(|c| c.limits.body_ms_max);
        let linger = regime.most(|c| c.limits.linger_ms_max);
        let is_waiting = self.machine.reads(self.peers[i].id).is_some();
        let peer = &mut self.peers[i];
        let number = peer.number;
        if !peer.untaken.is_empty() {
            let stuck = now.since(peer.progress_at);
            assert!(stuck <= stall + SLACK_MS, "{number} has taken nothing for {stuck} ms");
        }
        if let Some(shut) = peer.shut_at {
            let lingers = now.since(shut);
            assert!(lingers <= linger + SLACK_MS, "{number} lingers for {lingers} ms");
            return;
        }
        let quiet_since = peer.answered_at.max(peer.emptied_at);
        let is_empty = peer.untaken.is_empty();
        let ends = peer.ear.is_last && !peer.ear.is_in_the_middle();
        assert!(!(ends && is_empty), "{number} has heard the last word and is not shut");
        if is_waiting {
            if let Some(reading) = peer.ear.current().and_then(|q| q.reading.as_ref()) {
                let quiet = now.since(reading.heard_at);
                let most = if reading.form == Form::Ccomet { 4 * polling } else { polling };
                assert!(quiet <= most + SLACK_MS, "{number} has heard nothing for {quiet} ms: {reading:?}");
            }
        } else if !peer.ear.is_in_the_middle() && is_empty {
            let front = peer.ear.asked.front();
            let waits = now.since(quiet_since.max(front.and_then(|q| q.head.or(q.came)).unwrap_or_default()));
            match front {
                Some(question) if question.whole.is_some() => {}
                Some(question) if question.came.is_some() => {
                    let most = coming + 2 * idle + SLACK_MS;
                    assert!(waits <= most, "{number} has been asking for {waits} ms: {question:?}");
                }
                _ => assert!(waits <= idle + SLACK_MS, "{number} has been idle for {waits} ms"),
            }
        }
    }

    /// The server shuts its side: had it a reason?
    pub fn judge_shut(&mut self, i: usize) {
        let idle = self.regime.least(|c| c.limits.idle_ms_max);
        let (now, draining) = (self.now, self.draining);
        let peer = &mut self.peers[i];
        assert!(peer.untaken.is_empty(), "shut before everything is sent");
        assert!(!peer.is_shut(), "shut twice");
        if peer.ear.is_last {
            return self.tally.note("shut after the last answer");
        }
        assert!(!peer.ear.is_in_the_middle(), "shut in the middle of an answer: {}", peer.number);
        if draining {
            return self.tally.note("sent away");
        }
        let asked = peer.ear.asked.front().is_some_and(|q| q.came.is_some());
        assert!(!asked, "shut while {} asks: {:?}", peer.number, peer.ear.current());
        let idle_for = now.since(peer.answered_at);
        assert!(idle_for >= idle, "{} was idle for {idle_for} ms only", peer.number);
        self.tally.note("shut when idle");
    }

    /// The server cuts a connection: had it a reason?
    pub fn judge_close(&mut self, i: usize) {
        let stall = self.regime.least(|c| c.limits.write_stall_ms_max);
        let linger = self.regime.least(|c| c.limits.linger_ms_max);
        let polling = self.regime.least(|c| c.icomet.polling_timeout_ms);
        let now = self.now;
        let peer = &mut self.peers[i];
        if peer.ended {
            return self.tally.note("closed after the peer ended");
        }
        if let Some(shut) = peer.shut_at {
            assert!(now.since(shut) >= linger, "{} lingered for {} ms", peer.number, now.since(shut));
            return self.tally.note("closed after lingering");
        }
        if !peer.untaken.is_empty() && now.since(peer.progress_at) >= stall {
            return self.tally.note("closed for taking nothing");
        }
        if self.regime.is_short_of_memory() {
            return self.tally.note("cut for want of memory");
        }
        let number = peer.number;
        let reading = peer.ear.current().and_then(|q| q.reading.as_ref());
        let Some(reading) = reading.filter(|_| peer.given > 0) else {
            panic!("{number} was cut for no reason")
        };
        if reading.form == Form::Ccomet && now.since(reading.heard_at) >= 4 * polling {
            return self.tally.note("CComet left alone");
        }
        let who = reading.who.clone().unwrap_or_default();
        let taker = self.taken.get(&(reading.channel.clone(), who));
        assert!(taker.is_some_and(|t| *t != number), "{number} was cut for no reason: {reading:?}");
        self.tally.note("gave way");
    }

    /// Time jumps to the next moment at which the server has something to do, if that is before `until`.
    pub fn sleep(&mut self, until: rcomet_core::time::Moment) {
        let due = self.machine.deadline().unwrap_or(until).min(until);
        self.now = self.now.max(due);
    }

    /// Calls into the machine that find nobody: nothing may come of them.
    pub fn trouble_the_dead(&mut self) {
        let Some(id) = self.pick_stale() else { return };
        let before = (self.machine.connections(), self.machine.load(), self.machine.counters().requests);
        self.machine.recv(id, b"GET /push?cname=a&content=ghost HTTP/1.1\r\nHost: x\r\n\r\n", self.now);
        self.machine.sent(id, 10, self.now);
        self.machine.ended(id, self.now);
        self.machine.closed(id);
        assert_eq!(self.machine.transmit(id, &mut [std::io::IoSlice::new(&[])]), 0);
        let after = (self.machine.connections(), self.machine.load(), self.machine.counters().requests);
        assert_eq!(before, after, "a stale id finds nothing");
        self.after(Call::Expire);
        self.tally.note("stale id");
    }
}
