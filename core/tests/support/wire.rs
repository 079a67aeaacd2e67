//! A Bayeux client on a WebSocket, in memory: what it says and hears is JSON, one array a message.
#![allow(dead_code, reason = "each test file uses its own part")]
use serde_json::{Value, json};

use super::bayeux::joined;
use super::support::Server;
use super::websocket::{self, Frame, Socket};

/// One client; it may move to another socket with its session.
pub struct Wired {
    pub socket: Socket,
    pub client: String,
    pub ids: u64,
    /// With the ack extension, the last batch that it has got.
    pub acked: Option<u64>,
}

impl Wired {
    /// One that has a socket and has shaken hands over it.
    pub fn new(server: &mut Server) -> Self {
        Self::begin(server, "", json!({}))
    }

    pub fn with_ack(server: &mut Server) -> Self {
        let mut wired = Self::begin(server, "", json!({"ext": {"ack": true}}));
        wired.acked = Some(0);
        wired
    }

    pub fn begin(server: &mut Server, head: &str, fields: Value) -> Self {
        let (socket, _) = Socket::open_with(server, "/cometd", head);
        let mut wired = Self { socket, client: String::new(), ids: 0, acked: None };
        let own = json!({"version": "1.0", "supportedConnectionTypes": ["websocket", "long-polling"]});
        wired.say(server, "/meta/handshake", joined(&own, &fields));
        let reply = wired.reply(server);
        wired.client = reply["clientId"].as_str().unwrap_or_default().to_owned();
        wired
    }

    /// One with the session of another client.
    pub fn with_session(server: &mut Server, head: &str, client: &str, acked: Option<u64>) -> Self {
        let (socket, _) = Socket::open_with(server, "/cometd", head);
        Self { socket, client: client.to_owned(), ids: 1 << 20, acked }
    }

    /// Goes on by another socket; gives the old one.
    pub fn move_to_new_socket(&mut self, server: &mut Server) -> Socket {
        std::mem::replace(&mut self.socket, Socket::open_with(server, "/cometd", "").0)
    }

    pub fn message(&mut self, channel: &str, fields: Value) -> Value {
        self.ids += 1;
        let mut own = json!({"id": self.ids.to_string(), "channel": channel});
        if !self.client.is_empty() {
            own["clientId"] = json!(self.client);
        }
        joined(&own, &fields)
    }

    pub fn say(&mut self, server: &mut Server, channel: &str, fields: Value) {
        let message = self.message(channel, fields);
        self.socket.say(server, &json!([message]).to_string());
    }

    /// Everything that has come, one batch for each message.
    pub fn batches(&mut self, server: &mut Server) -> Vec<Value> {
        let heard = self.socket.hear(server);
        // A ping is answered, as every client does by itself.
        if heard.iter().any(|frame| frame.first == 9) {
            self.socket.send(server, websocket::frame(0x8a, b""));
        }
        let texts = heard.iter().filter(|frame| frame.first & 0x0f == 1).map(Frame::text);
        let batches: Vec<Value> = texts.map(|text| serde_json::from_str(&text).expect("JSON")).collect();
        for message in batches.iter().flat_map(|batch| batch.as_array().expect("an array")) {
            if let (Some(_), Some(batch)) = (self.acked, message["ext"]["ack"].as_u64()) {
                self.acked = Some(batch);
            }
        }
        batches
    }

    /// The same, all batches joined.
    pub fn heard(&mut self, server: &mut Server) -> Vec<Value> {
        self.batches(server).iter().flat_map(|batch| batch.as_array().unwrap().clone()).collect()
    }

    /// The one message that has come.
    pub fn reply(&mut self, server: &mut Server) -> Value {
        match &self.heard(server)[..] {
            [one] => one.clone(),
            other => panic!("not one message: {other:?}"),
        }
    }

    pub fn send(&mut self, server: &mut Server, channel: &str, fields: Value) -> Value {
        self.say(server, channel, fields);
        self.reply(server)
    }

    pub fn subscribe(&mut self, server: &mut Server, name: &str) -> Value {
        self.send(server, "/meta/subscribe", json!({"subscription": name}))
    }

    pub fn connect(&mut self, server: &mut Server) {
        self.connect_with(server, json!({}));
    }

    pub fn connect_with(&mut self, server: &mut Server, fields: Value) {
        let mut own = json!({"connectionType": "websocket"});
        if let Some(acked) = self.acked {
            own["ext"] = json!({"ack": acked});
        }
        self.say(server, "/meta/connect", joined(&own, &fields));
    }

    /// The data of the events that have come.
    pub fn data(&mut self, server: &mut Server) -> Vec<Value> {
        let heard = self.heard(server);
        heard.iter().filter_map(|message| message.get("data").cloned()).collect()
    }
}
