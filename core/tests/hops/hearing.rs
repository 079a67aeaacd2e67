//! What a reader hears, taken apart by transport, and what of it may be: each message once, in order, or in a gap.
use serde_json::Value;

use super::support::split;
use super::websocket::frames_before;
use super::{Transport, World, text};

impl World {
    /// Takes in what came whole.
    pub fn take_in(&mut self, i: usize, transport: Transport) {
        if self.readers[i].heard.starts_with("HTTP/") {
            if !self.readers[i].heard.contains("\r\n\r\n") {
                return;
            }
            let (head, rest) = split(&self.readers[i].heard);
            if self.has_tokens && (head.starts_with("HTTP/1.1 401 ") || head.starts_with("HTTP/1.1 403 ")) {
                // It gets another, and comes again.
                self.refused += 1;
                let reader = &mut self.readers[i];
                (reader.token, reader.hearing) = (None, None);
                reader.heard.clear();
                return;
            }
            assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}{rest}");
            if transport == Transport::Poll && !rest.ends_with("}\n") {
                return;
            }
            self.readers[i].heard = rest;
        }
        let end = if matches!(transport, Transport::Events | Transport::Sse) { "\n\n" } else { "\n" };
        while let Some((piece, rest)) = self.readers[i].heard.split_once(end) {
            let (piece, rest) = (piece.to_owned(), rest.to_owned());
            self.readers[i].heard = rest;
            let data = match transport {
                Transport::Lines | Transport::Poll => &piece[..],
                _ => piece.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default(),
            };
            if data.is_empty() {
                continue;
            }
            let said: Value = serde_json::from_str(data).unwrap_or_else(|e| panic!("{e}: {data}"));
            match transport {
                Transport::Poll => {
                    for event in said["events"].as_array().expect("events") {
                        self.take(i, event);
                    }
                    if let Some(cursor) = said["cursor"].as_str() {
                        self.readers[i].cursor = Some(cursor.to_owned());
                    }
                }
                Transport::Sse => {
                    let id = piece.lines().find_map(|line| line.strip_prefix("id: ")).map(ToOwned::to_owned);
                    self.take_icomet(i, &said);
                    if id.is_some() {
                        self.readers[i].cursor = id;
                    }
                }
                Transport::Events | Transport::Lines | Transport::WebSocket => {
                    self.take(i, &said);
                    if let Some(cursor) = said["cursor"].as_str() {
                        self.readers[i].cursor = Some(cursor.to_owned());
                    }
                }
            }
        }
    }

    /// The same of a WebSocket.
    pub fn take_in_frames(&mut self, i: usize, bytes: &[u8]) {
        let reader = &mut self.readers[i];
        reader.frames.extend_from_slice(bytes);
        // No frame begins with this byte.
        if reader.frames.first() == Some(&b'H') {
            let Some(end) = reader.frames.windows(4).position(|four| four == b"\r\n\r\n") else { return };
            let head = String::from_utf8_lossy(&reader.frames[..end]).into_owned();
            if self.has_tokens && head.starts_with("HTTP/1.1 401 ") {
                return self.turn_away(i);
            }
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            reader.frames.drain(..end + 4);
        }
        let (frames, used) = frames_before(&reader.frames);
        reader.frames.drain(..used);
        for frame in frames.into_iter().filter(|frame| frame.first & 0x0f == 1) {
            let said: Value = serde_json::from_str(&frame.text()).expect("JSON");
            match said["type"].as_str() {
                Some("subscribed") => {}
                // It cannot have all that it wants: it gets another token, and comes again.
                Some("error") if self.has_tokens => return self.turn_away(i),
                _ => self.take(i, &said),
            }
            if let Some(cursor) = said["cursor"].as_str() {
                self.readers[i].cursor = Some(cursor.to_owned());
            }
        }
    }

    fn turn_away(&mut self, i: usize) {
        self.refused += 1;
        let reader = &mut self.readers[i];
        reader.token = None;
        reader.frames.clear();
        if let Some((_, client)) = reader.hearing.take() {
            self.server.vanish(client);
        }
    }

    fn name(&self, i: usize, said: &Value) -> &'static str {
        let name = said.as_str().expect("a channel");
        self.readers[i].channels.iter().find(|known| **known == name).expect("it was asked for")
    }

    fn take(&mut self, i: usize, said: &Value) {
        match said["type"].as_str().expect("a type") {
            "message" => {
                let (channel, seq) =
                    (self.name(i, &said["channel"]), said["seq"].as_u64().expect("a number"));
                assert!(self.readers[i].deltas || said["splice"].is_null(), "nobody asked: {said}");
                assert_eq!(self.readers[i].bases.whole(said), text(channel, seq));
                self.message(i, channel, seq);
            }
            "gap" => {
                let channel = self.name(i, &said["channel"]);
                let (missing, because) = (said["missing"].as_u64(), said["because"].as_str());
                // Nobody ends a channel here, and all cursors are the server's own.
                let is_due = match because {
                    None => missing.is_some(),
                    Some("epoch") => missing.is_none() && self.tears,
                    // A torn end took a channel with it. Whoever goes on from what is left of others, before the place where it began
                    // anew, may have known it; but is not told of anything twice, as is seen below.
                    Some("channel") => missing.is_none() && self.tears,
                    Some(other) => missing.is_none() && other == "history",
                };
                assert!(is_due, "{said}");
                let is_anew = because == Some("epoch");
                self.gap(i, channel, said["next"].as_u64().expect("a number"), missing, is_anew);
            }
            "ready" => {}
            "expiring" | "expired" if self.has_tokens => {
                self.ends += 1;
                self.readers[i].token = None;
            }
            other => panic!("{other}: nothing of the kind happens here"),
        }
    }

    fn take_icomet(&mut self, i: usize, said: &Value) {
        let (channel, seq) = (self.name(i, &said["cname"]), said["seq"].as_u64().expect("a number"));
        match said["type"].as_str().expect("a type") {
            "data" => {
                assert_eq!(said["content"], text(channel, seq));
                self.message(i, channel, seq);
            }
            "gap" => {
                let missing = said["content"].as_str().and_then(|n| n.parse().ok());
                self.gap(i, channel, seq, missing, self.tears && missing.is_none());
            }
            "next_seq" => {}
            other => panic!("{other}: nothing of the kind happens here"),
        }
    }

    fn message(&mut self, i: usize, channel: &'static str, seq: u64) {
        self.messages += 1;
        let reader = &mut self.readers[i];
        let next = reader.next.entry(channel).or_insert(if self.keeps_all { 1 } else { seq });
        assert_eq!(seq, *next, "in order and once: {channel} of {:?}", reader.channels);
        *next += 1;
    }

    fn gap(&mut self, i: usize, channel: &'static str, to: u64, missing: Option<u64>, is_anew: bool) {
        assert!(!self.keeps_all, "everything is kept");
        self.gaps += 1;
        // Of a channel that it has heard nothing of, it may fall behind where it was seated.
        let next = self.readers[i].next.entry(channel).or_insert(to - missing.unwrap_or(0));
        // Where the end of what was written down is lost, everything begins anew with what is kept.
        assert!(to >= *next || is_anew, "nothing comes twice");
        if let Some(missing) = missing {
            assert!(missing > 0 && to >= missing, "{missing} before {to}");
            // A gap that was told before the line was cut is told again, from the same cursor and perhaps longer.
            assert!(to <= *next + missing, "no fewer than were not seen: {missing} from {next} to {to}");
        }
        *next = to;
    }
}
