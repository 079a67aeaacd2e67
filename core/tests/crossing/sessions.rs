//! Readers on WebSockets, and those with a session: they do not ask, they are told.
use serde_json::json;

use super::bayeux::Fellow;
use super::requests::native_message;
use super::support::{Server, encode};
use super::websocket::Socket;
use super::wire::Wired;
use super::{Listener, ROOM};

/// How a WebSocket begins, and what it makes of a message.
pub struct Tongue {
    /// Where it connects, and with which fields.
    pub at: fn(&str) -> (String, &'static str),
    /// What it says first.
    pub says: fn(&str) -> Option<String>,
    /// The text in a message, and the cursor behind it.
    pub hears: fn(&str) -> Option<(String, String)>,
}

/// Ours, at `/ws`.
pub const NATIVE: Tongue = Tongue {
    at: |_| ("/ws".into(), ""),
    says: |cursor| {
        let mut subscribe = json!({"type": "subscribe", "channel": ROOM});
        if cursor.is_empty() {
            subscribe["seq"] = json!(-1);
        } else {
            subscribe["cursor"] = json!(cursor);
        }
        Some(subscribe.to_string())
    },
    hears: |message| native_message(&serde_json::from_str(message).expect("JSON")),
};

/// The push module's, at a location, with ids.
pub const PUSH: Tongue = Tongue {
    at: |cursor| {
        let from = if cursor.is_empty() { String::new() } else { format!("&last_event_id={cursor}") };
        (format!("/activity?channel={}{from}", encode(ROOM)), "Sec-WebSocket-Protocol: ws+meta.nchan\r\n")
    },
    says: |_| None,
    hears: |message| {
        let (head, body) = message.split_once("\n\n").expect("meta");
        let id = head.strip_prefix("id: ").and_then(|rest| rest.lines().next()).expect("an id");
        Some((body.to_owned(), id.to_owned()))
    },
};

/// Somebody on a WebSocket who comes back with nothing but a cursor.
pub struct Socketed {
    tongue: &'static Tongue,
    socket: Option<Socket>,
    cursor: String,
    had: Vec<String>,
}

impl Socketed {
    pub fn boxed(tongue: &'static Tongue) -> Box<dyn Listener> {
        Box::new(Self { tongue, socket: None, cursor: String::new(), had: Vec::new() })
    }
}

impl Listener for Socketed {
    fn hear(&mut self, server: &mut Server) {
        let Some(socket) = self.socket else {
            let (path, fields) = (self.tongue.at)(&self.cursor);
            let socket = Socket::open_with(server, &path, fields).0;
            if let Some(words) = (self.tongue.says)(&self.cursor) {
                socket.say(server, &words);
            }
            self.socket = Some(socket);
            return;
        };
        for message in socket.heard(server) {
            if let Some((text, cursor)) = (self.tongue.hears)(&message) {
                (self.cursor, _) = (cursor, self.had.push(text));
            }
        }
    }

    fn vanish(&mut self, server: &mut Server) {
        if let Some(socket) = self.socket.take() {
            server.vanish(socket.0);
        }
    }

    fn had(&self) -> &[String] {
        &self.had
    }
}

/// A Bayeux client that polls; its cursor is its session.
#[derive(Default)]
pub struct Polling {
    fellow: Option<Fellow>,
    is_away: bool,
    had: Vec<String>,
}

/// What asks for all that there is of a channel.
fn subscription() -> serde_json::Value {
    json!({"subscription": ROOM, "ext": {"rcomet": {"history": 1000}}})
}

impl Listener for Polling {
    fn hear(&mut self, server: &mut Server) {
        let Some(fellow) = &mut self.fellow else {
            let mut fellow = Fellow::new(server);
            assert_eq!(fellow.send(server, "/meta/subscribe", subscription())[0]["successful"], true);
            fellow.connect(server);
            self.fellow = Some(fellow);
            return;
        };
        if std::mem::take(&mut self.is_away) {
            fellow.move_to_new_connection(server);
            fellow.connect(server);
            return;
        }
        while let Some(heard) = fellow.heard(server) {
            let messages = heard.as_array().expect("an array").iter().filter_map(|m| m["data"].as_str());
            self.had.extend(messages.map(str::to_owned));
            fellow.connect(server);
        }
    }

    fn vanish(&mut self, server: &mut Server) {
        if let Some(fellow) = &self.fellow {
            server.vanish(fellow.connection);
            self.is_away = true;
        }
    }

    fn had(&self) -> &[String] {
        &self.had
    }
}

/// A Bayeux client on a WebSocket; its cursor is its session.
#[derive(Default)]
pub struct Pushed {
    wired: Option<Wired>,
    is_away: bool,
    had: Vec<String>,
}

impl Listener for Pushed {
    fn hear(&mut self, server: &mut Server) {
        let Some(wired) = &mut self.wired else {
            let mut wired = Wired::new(server);
            assert_eq!(wired.send(server, "/meta/subscribe", subscription())["successful"], true);
            wired.connect(server);
            self.wired = Some(wired);
            return;
        };
        if std::mem::take(&mut self.is_away) {
            wired.move_to_new_socket(server);
            wired.connect(server);
            return;
        }
        self.had.extend(wired.data(server).iter().map(|data| data.as_str().expect("a text").to_owned()));
    }

    fn vanish(&mut self, server: &mut Server) {
        if let Some(wired) = &self.wired {
            server.vanish(wired.socket.0);
            self.is_away = true;
        }
    }

    fn had(&self) -> &[String] {
        &self.had
    }
}
