//! What clients of such a world hear, and what they think of it.
use serde_json::Value;

use super::super::websocket::{self, Frame, frames_before};
use super::{Asked, Reading, World, wants_deltas};

impl World {
    /// Everybody takes in what has come.
    pub fn listen(&mut self) {
        for i in (0..self.peers.len()).rev() {
            let bytes = self.server.received_bytes(self.peers[i].socket.0);
            let mut heard = std::mem::take(&mut self.peers[i].heard);
            heard.extend(bytes);
            let (frames, used) = frames_before(&heard);
            self.peers[i].heard = heard.split_off(used);
            for frame in frames {
                self.hear(i, &frame);
            }
            let server = &self.server;
            for (channel, reading) in &mut self.peers[i].reads {
                let head = server.machine.standing(channel).map(|standing| standing.head);
                reading.attends |= head == Some(reading.next);
            }
            let peer = &self.peers[i];
            let (over, client) = (peer.is_over, peer.socket.0);
            if over && self.server.is_shut(client) {
                self.server.finish_sending(client);
                assert!(self.server.is_closed(client), "both have said their last");
                self.peers.remove(i);
            } else if self.server.is_closed(client) {
                let stalls = peer.clogged_at.is_some() || peer.was_slow;
                assert!(stalls || peer.pinged || over || self.draining, "cut without a reason");
                self.note("cut");
                self.peers.remove(i);
            }
        }
    }

    fn hear(&mut self, i: usize, frame: &Frame) {
        assert!(!self.peers[i].is_over, "nothing comes behind a close");
        match frame.first & 0x0f {
            8 => {
                let (code, _) = frame.close();
                let peer = &mut self.peers[i];
                peer.is_over = true;
                if self.draining && code == 1001 {
                    // What stands before it on the wire is thrown away.
                    peer.wire.extend(websocket::close(1001));
                    let bytes = std::mem::take(&mut peer.wire);
                    let client = peer.socket.0;
                    self.server.send(client, bytes);
                    return self.note("told to go away");
                }
                let Some(Asked::Close(asked)) = peer.asked.pop_front() else { panic!("closed with {code}") };
                assert_eq!((asked, peer.asked.len()), (code, 0));
                self.note("close answered");
            }
            9 => {
                self.peers[i].wire.extend(websocket::frame(0x8a, &frame.payload));
                self.peers[i].pinged = true;
                self.note("ping");
            }
            10 => match self.peers[i].asked.pop_front() {
                Some(Asked::Pong(payload)) => assert_eq!(payload, frame.payload),
                other => panic!("a pong, and {other:?} was asked"),
            },
            _ => {
                if frame.first & 0x40 != 0 {
                    assert!(self.peers[i].deflates);
                    self.note("compressed for a client");
                }
                let text = frame.text();
                let said: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
                if said["id"].is_null() { self.told(i, &said) } else { self.answered(i, &said) }
            }
        }
    }

    fn answered(&mut self, i: usize, said: &Value) {
        let asked = self.peers[i].asked.pop_front().unwrap_or_else(|| panic!("nobody asked: {said}"));
        let (kind, number) = (said["type"].as_str().expect("a type"), said["id"].as_u64().expect("an id"));
        let reads = &mut self.peers[i].reads;
        match (kind, &asked) {
            ("subscribed", Asked::Subscribe { id, channel }) => {
                assert_eq!((*id, said["channel"].as_str()), (number, Some(channel.as_str())));
                assert!(reads.len() < 3 && !reads.contains_key(channel), "{said}");
                let next = said["seq"].as_u64().expect("a number") + 1;
                let deltas = wants_deltas(number);
                reads.insert(channel.clone(), Reading { next, is_new: true, attends: false, deltas });
                self.peers[i].bases.forget(channel);
                self.note("subscribed");
            }
            ("unsubscribed", Asked::Unsubscribe { id, channel }) => {
                assert_eq!(*id, number);
                assert!(reads.remove(channel).is_some(), "{said}");
                self.note("unsubscribed");
            }
            ("published", Asked::Publish { id, .. }) => {
                assert_eq!(*id, number);
                self.note("published");
            }
            ("error", Asked::Subscribe { id, channel }) => {
                assert_eq!(*id, number);
                let known = reads.contains_key(channel);
                let status = said["status"].as_u64();
                assert!(known && status == Some(400) || reads.len() == 3 && status == Some(429), "{said}");
                self.note(if known { "subscribed twice" } else { "too many subscriptions" });
            }
            ("error", Asked::Unsubscribe { id, channel }) => {
                assert_eq!(*id, number);
                // Its end may be on the way to be told.
                assert!(!reads.contains_key(channel) || self.lives.contains_key(channel), "{said}");
            }
            _ => panic!("{asked:?} is answered with {said}"),
        }
    }

    fn told(&mut self, i: usize, said: &Value) {
        let channel = said["channel"].as_str().expect("a channel").to_owned();
        let life = self.lives.get(&channel).copied().unwrap_or(0);
        let reading = self.peers[i].reads.get(&channel);
        if said["type"] == "gap" && reading.is_none() {
            // What is missing before a subscription begins is told before the place where it does.
            let asked = self.peers[i].asked.front();
            let is_asked =
                matches!(asked, Some(Asked::Subscribe { channel: wanted, .. }) if *wanted == channel);
            assert!(is_asked, "unasked: {said}");
            return self.note(if said["missing"].is_null() {
                "gap of another life"
            } else {
                "gap at the start"
            });
        }
        let Reading { next, is_new, attends, deltas } = *reading.unwrap_or_else(|| panic!("unasked: {said}"));
        match said["type"].as_str() {
            Some("message") => {
                let seq = said["seq"].as_u64().expect("a number");
                assert_eq!(seq, next, "in order and once: {said}");
                assert!(deltas || said["splice"].is_null(), "nobody asked: {said}");
                let before = self.peers[i].bases.deltas;
                let data = self.peers[i].bases.whole(said);
                if self.peers[i].bases.deltas > before {
                    self.note("delta");
                }
                let first = self.told.entry((channel.clone(), life, seq)).or_insert_with(|| data.clone());
                assert!(*first == data || life > 0, "the same to everybody");
                let cursor = said["cursor"].as_str().expect("a cursor").to_owned();
                self.peers[i].cursors.insert(channel.clone(), (life, seq, cursor));
                self.peers[i]
                    .reads
                    .insert(channel, Reading { next: seq + 1, is_new: false, attends, deltas });
                self.note("message");
            }
            Some("gap") => {
                let to = said["next"].as_u64().expect("a number");
                assert!(!attends || self.peers[i].was_slow, "nothing need be missing: {said}");
                if let Some(missing) = said["missing"].as_u64() {
                    assert!(missing > 0 && (is_new || to == next + missing), "{said}, {next} was due");
                    self.note(if is_new { "gap at the start" } else { "gap while reading" });
                } else {
                    assert!(is_new, "what is missing while reading is known: {said}");
                    self.note("gap of another life");
                }
                self.peers[i].reads.insert(channel, Reading { next: to, is_new: false, attends, deltas });
            }
            Some("closed") => {
                assert!(life > 0);
                self.peers[i].reads.remove(&channel);
                self.note("closed told");
            }
            _ => panic!("{said}"),
        }
    }
}
