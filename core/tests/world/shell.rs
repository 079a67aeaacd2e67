//! The shell's part of the contract, acted out: reading no more than there is room for, writing what the peer takes,
//! and one turn after the other. Knows nothing of what the bytes mean.
use std::io::IoSlice;

use rcomet_core::Todo;

use super::World;
use super::hearing::Call;

/// Bytes that are read at once at most.
pub const READ_MAX: usize = 4096;

impl World {
    /// What is left of a turn when its events are over.
    pub fn turn(&mut self, budget: usize) {
        self.machine.expire(self.now);
        self.after(Call::Expire);
        self.more = self.machine.pump(budget, self.now);
        self.after(Call::Pump);
        // Bytes that were taken make room, and room can be new work.
        self.more |= self.grant_wishes();
        self.check_turn();
        self.before = self.now;
    }

    /// Reads on where the server asked for it: the first thing in a turn.
    pub fn read_on(&mut self) {
        let in_line: Vec<_> = self.peers.iter().filter(|p| p.in_line).map(|p| p.id).collect();
        for id in in_line {
            if let Some(i) = self.place_of(id) {
                self.peers[i].in_line = false;
                self.read(i);
            }
        }
    }

    fn grant_wishes(&mut self) -> bool {
        let mut any = false;
        while let Some(todo) = self.machine.next_todo() {
            any = true;
            self.trace(|_| format!("{todo:?}"));
            let (Todo::Write(id) | Todo::Read(id) | Todo::Shutdown(id) | Todo::Close(id)) = todo else {
                panic!("nobody here has hooks: {todo:?}");
            };
            // Somebody may have vanished between the wish and now.
            let Some(i) = self.place_of(id) else { continue };
            match todo {
                Todo::Write(_) => self.write(i),
                Todo::Read(_) => {
                    self.peers[i].in_line = true;
                    self.tally.note("reading went on");
                }
                Todo::Shutdown(_) => self.see_shut(i),
                Todo::Close(_) => {
                    self.judge_close(i);
                    self.part(i);
                }
                Todo::Hook(_) | Todo::Unhook(_) => {}
                // Nobody here gives orders.
                Todo::Reload(_) | Todo::Stop | Todo::Save => {}
            }
        }
        any
    }

    /// Hands over what the peer has sent, as far as there is room.
    pub fn read(&mut self, i: usize) {
        let id = self.peers[i].id;
        loop {
            let room = self.machine.room(id);
            let peer = &mut self.peers[i];
            if peer.ended {
                return;
            }
            if peer.wire.is_empty() {
                break;
            }
            if room == 0 {
                peer.is_paused = true;
                self.tally.note("reading paused");
                return;
            }
            let most = if self.chance.percent(70) { READ_MAX } else { 1 + self.chance.below(60) as usize };
            let n = peer.wire.len().min(room).min(most);
            let bytes: Vec<u8> = peer.wire.drain(..n).collect();
            peer.is_paused = false;
            peer.gave(n, self.now);
            self.trace(|w| format!("{} > {:?}", w.peers[i].number, String::from_utf8_lossy(&bytes)));
            self.machine.recv(id, &bytes, self.now);
            self.after(Call::Of(i));
        }
        if self.peers[i].fin {
            self.peers[i].ended = true;
            self.trace(|w| format!("{} has finished sending", w.peers[i].number));
            self.machine.ended(id, self.now);
            self.after(Call::Of(i));
        }
    }

    /// Carries bytes to the peer, in pieces, until its window is full.
    pub fn write(&mut self, i: usize) {
        let id = self.peers[i].id;
        while self.peers[i].is_open {
            let mut iov = [IoSlice::new(&[]); 4];
            let filled = self.machine.transmit(id, &mut iov);
            let shown: usize = iov[..filled].iter().map(|s| s.len()).sum();
            if shown == 0 {
                return;
            }
            let n =
                if self.chance.percent(70) { shown } else { 1 + self.chance.below(shown as u64) as usize };
            let bytes: Vec<u8> = iov[..filled].iter().flat_map(|s| s.iter().copied()).take(n).collect();
            for byte in &bytes {
                self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
            let peer = &mut self.peers[i];
            assert_eq!(peer.untaken.get(..n), Some(&bytes[..]), "what is sent is what was said");
            peer.untaken.drain(..n);
            peer.taken += n;
            if peer.taken >= self.regime.now().limits.write_least_bytes as usize {
                (peer.progress_at, peer.taken) = (self.now, 0);
            }
            if peer.untaken.is_empty() {
                peer.emptied_at = self.now;
            }
            self.machine.sent(id, n, self.now);
            self.after(Call::Of(i));
            if !self.is_healed && self.chance.percent(4) {
                self.peers[i].is_open = false;
            }
        }
        self.peers[i].is_blocked = true;
    }

    /// The server has shut its sending side.
    fn see_shut(&mut self, i: usize) {
        self.judge_shut(i);
        self.peers[i].shut_at = Some(self.now);
        let mut heard = Vec::new();
        self.peers[i].ear.end(&mut heard);
        self.judge_end(i, heard);
    }

    /// A connection is gone: its client remembers what it knew.
    pub fn part(&mut self, i: usize) {
        let mut peer = self.peers.swap_remove(i);
        if let Some((life, who)) = peer.listed.take() {
            self.book.lives[life].roll.suspect(&who, self.now);
        }
        self.trace(|_| format!("{} is gone", peer.number));
        self.machine.closed(peer.id);
        self.stale.push(peer.id);
        if self.stale.len() > 20 {
            self.stale.remove(0);
        }
        let at = self.chance.below(12) as usize;
        if at < self.memories.len() {
            self.memories[at] = peer.memory;
        } else {
            self.memories.push(peer.memory);
        }
        self.after(Call::Gone);
    }
}
