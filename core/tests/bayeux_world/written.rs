//! What a journal says at a crash, read independently of those who write it: which messages there are, and which sessions rest.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::support::Server;

#[derive(Default)]
pub struct Written {
    /// Numbers that were published and that a channel has, and its name.
    pub messages: BTreeMap<u64, String>,
    /// Clients of sessions that have been handed nothing since they were written down.
    pub resting: BTreeSet<String>,
}

impl Written {
    pub fn read(server: &mut Server) -> Self {
        server.store();
        let text = &server.journal.as_ref().expect("there is one").text;
        let mut written = Self::default();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            written.note(&serde_json::from_slice(line).expect("JSON"));
        }
        written
    }

    fn note(&mut self, line: &Value) {
        if let Some(message) = line.get("m") {
            let n = message["body"].as_str().and_then(|body| body.parse().ok()).expect("a number");
            self.messages.insert(n, message["to"].as_str().expect("a name").to_owned());
        }
        let ended = line["channel"]["name"].as_str().or(line["close"][0].as_str()).or(line["clear"].as_str());
        if let Some(name) = ended {
            self.messages.retain(|_, of| of != name);
        }
        if let Some(session) = line.get("session") {
            let client = session["client"].as_str().expect("a client").to_owned();
            self.resting.remove(&client);
            if session["rests"] == true {
                self.resting.insert(client);
            }
        }
        if let Some(client) = line["handed"].as_str() {
            self.resting.remove(client);
        }
    }
}
