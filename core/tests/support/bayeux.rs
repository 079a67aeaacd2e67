//! A Bayeux client in memory: one session, one connection at a time, everything it hears read as JSON.
#![allow(dead_code, reason = "each test file uses its own part")]
use rcomet_core::{Config, Role};
use serde_json::{Value, json};

use super::support::{Client, Server, split};

/// A configuration in which everybody may publish.
pub fn config() -> Config {
    let mut config = Config::default();
    config.bayeux.publish = vec![String::from("/**").try_into().unwrap()];
    config
}

pub fn server() -> Server {
    Server::new(config())
}

/// One client.
pub struct Fellow {
    pub connection: Client,
    pub client: String,
    pub ids: u64,
    /// With the ack extension, the last batch that it has got.
    pub acked: Option<u64>,
}

impl Fellow {
    /// One that has shaken hands.
    pub fn new(server: &mut Server) -> Self {
        Self::begin(server, Role::Front, "127.0.0.1", json!({})).0
    }

    pub fn with_ack(server: &mut Server) -> Self {
        let mut fellow = Self::begin(server, Role::Front, "127.0.0.1", json!({"ext": {"ack": true}})).0;
        fellow.acked = Some(0);
        fellow
    }

    /// Shakes hands with these fields besides; gives the reply too.
    pub fn begin(server: &mut Server, role: Role, address: &str, fields: Value) -> (Self, Value) {
        let connection = server.connect_from(role, address);
        let mut fellow = Self { connection, client: String::new(), ids: 0, acked: None };
        let types =
            json!({"version": "1.0", "supportedConnectionTypes": ["long-polling", "callback-polling"]});
        let message = joined(&types, &fields);
        let reply = fellow.send(server, "/meta/handshake", message)[0].clone();
        fellow.client = reply["clientId"].as_str().unwrap_or_default().to_owned();
        (fellow, reply)
    }

    /// Sends JSON and waits for what comes at once.
    pub fn ask(&mut self, server: &mut Server, json: Value) -> Value {
        self.say(server, &json.to_string());
        self.heard(server).expect("an answer")
    }

    pub fn say(&mut self, server: &mut Server, text: &str) {
        let head = "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        server.send(self.connection, format!("{head}Content-Length: {}\r\n\r\n{text}", text.len()));
    }

    fn message(&mut self, channel: &str, fields: Value) -> Value {
        self.ids += 1;
        let mut own = json!({"id": self.ids.to_string(), "channel": channel});
        if !self.client.is_empty() {
            own["clientId"] = json!(self.client);
        }
        joined(&own, &fields)
    }

    /// Sends one message and gives what comes back.
    pub fn send(&mut self, server: &mut Server, channel: &str, fields: Value) -> Value {
        let message = self.message(channel, fields);
        self.ask(server, message)
    }

    pub fn subscribe(&mut self, server: &mut Server, name: &str) -> Value {
        self.send(server, "/meta/subscribe", json!({"subscription": name}))
    }

    pub fn unsubscribe(&mut self, server: &mut Server, name: &str) -> Value {
        self.send(server, "/meta/unsubscribe", json!({"subscription": name}))
    }

    /// Publishes on a connection of its own, for the other may be waiting.
    pub fn publish(&mut self, server: &mut Server, channel: &str, data: Value) -> Value {
        let waits = std::mem::replace(&mut self.connection, server.connect(Role::Front));
        let reply = self.send(server, channel, json!({"data": data}));
        server.vanish(self.connection);
        self.connection = waits;
        reply
    }

    pub fn connect(&mut self, server: &mut Server) {
        let mut fields = json!({"connectionType": "long-polling"});
        if let Some(acked) = self.acked {
            fields["ext"] = json!({"ack": acked});
        }
        let message = self.message("/meta/connect", fields);
        self.say(server, &message.to_string());
    }

    /// What has come, whole answers joined; `None` for nothing.
    pub fn heard(&mut self, server: &mut Server) -> Option<Value> {
        let answer = server.received(self.connection);
        if answer.is_empty() {
            return None;
        }
        let (head, body) = split(&answer);
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{answer}");
        let heard: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {answer}"));
        for reply in heard.as_array().expect("an array") {
            if let (Some(_), Some(batch)) = (self.acked, reply["ext"]["ack"].as_u64()) {
                self.acked = Some(batch);
            }
        }
        Some(heard)
    }

    /// The data of the events that have come.
    pub fn data(&mut self, server: &mut Server) -> Vec<Value> {
        let heard = self.heard(server).expect("an answer");
        let replies: Vec<Value> = heard.as_array().unwrap().clone();
        replies.into_iter().filter(|m| m.get("data").is_some()).map(|m| m["data"].clone()).collect()
    }

    /// What was on its way is lost, and the connection with it.
    pub fn lose(&mut self, server: &mut Server) {
        assert!(!server.received(self.connection).is_empty(), "nothing was on its way");
        let old = self.move_to_new_connection(server);
        server.vanish(old);
    }

    /// Goes on with another connection; gives the old one.
    pub fn move_to_new_connection(&mut self, server: &mut Server) -> Client {
        std::mem::replace(&mut self.connection, server.connect(Role::Front))
    }
}

pub fn joined(one: &Value, other: &Value) -> Value {
    let mut all = one.clone();
    for (name, value) in other.as_object().expect("fields") {
        all[name] = value.clone();
    }
    all
}
