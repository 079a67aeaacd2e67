//! How a WebSocket is hopped on to, and how a line is cut.
use rcomet_core::Role;
use serde_json::json;

use super::{Transport, World, websocket};

impl World {
    pub fn hop_to_websocket(&mut self, i: usize, token: &str) {
        let reader = &self.readers[i];
        let mut ask = json!({"type": "subscribe", "channels": reader.channels});
        match &reader.cursor {
            Some(cursor) => ask["cursor"] = cursor.as_str().into(),
            None => ask["history"] = "all".into(),
        }
        // Said, or left unsaid.
        if reader.deltas || self.chance.percent(30) {
            ask["delta"] = reader.deltas.into();
        }
        let client = self.server.connect(Role::Front);
        self.server.send(client, format!("GET /ws?{token} HTTP/1.1\r\n{}\r\n", websocket::HANDSHAKE));
        self.server.send(client, websocket::text(&ask.to_string()));
        self.readers[i].hearing = Some((Transport::WebSocket, client));
    }

    /// What had been sent is lost on the way, from some byte on.
    pub fn cut(&mut self, i: usize) {
        let Some((transport, client)) = self.readers[i].hearing else { return };
        if transport == Transport::WebSocket {
            let mut bytes = self.server.received_bytes(client);
            bytes.truncate(self.chance.below(bytes.len() as u64 + 1) as usize);
            self.take_in_frames(i, &bytes);
        } else {
            let bytes = self.server.received(client);
            let most = self.chance.below(bytes.len() as u64 + 1) as usize;
            let whole = (0..=most).rev().find(|&at| bytes.is_char_boundary(at)).unwrap_or(0);
            self.readers[i].heard += &bytes[..whole];
            self.take_in(i, transport);
        }
        self.server.vanish(client);
        self.readers[i].hearing = None;
        self.hop(i);
    }
}
