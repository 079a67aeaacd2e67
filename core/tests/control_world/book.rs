//! What became of one key, as an ordinary subscriber of its channel hears it.
use super::support::{Client, Server, encode};
use rcomet_core::Role;
use serde_json::Value;

/// One life of the channel after the other: a deletion ends one.
pub(super) struct Book {
    pub(super) key: &'static str,
    pub(super) client: Client,
    /// Every value, in order, over all lives.
    pub(super) told: Vec<String>,
    /// Where the present life begins in that.
    pub(super) life: usize,
    /// What it can read now, if there is a value.
    heard: String,
}

impl Book {
    pub(super) fn open(server: &mut Server, key: &'static str) -> Self {
        let client = listen(server, key);
        Self { key, client, told: Vec::new(), life: 0, heard: String::new() }
    }

    /// The value that a key must have now.
    pub(super) fn value(&self) -> Option<&str> {
        self.told[self.life..].last().map(String::as_str)
    }

    /// How often a value was told.
    pub(super) fn times(&self, value: &str) -> usize {
        self.told.iter().filter(|told| *told == value).count()
    }

    /// Takes in what has come. Numbers count from 1, without a hole.
    pub(super) fn hear(&mut self, server: &mut Server) {
        let bytes = server.received_bytes(self.client);
        self.heard += &String::from_utf8(bytes).expect("text");
        while let Some(end) = self.heard.find("}\n") {
            let line: String = self.heard.drain(..end + 2).collect();
            let start = line.find("{\"type\"").unwrap_or_else(|| panic!("a record: {line}"));
            let record: Value = serde_json::from_str(&line[start..]).expect("JSON");
            match record["type"].as_str() {
                Some("data") => {
                    let seq = record["seq"].as_u64().expect("a number");
                    let due = (self.told.len() - self.life + 1) as u64;
                    assert_eq!(seq, due, "`{}` is told in order, each once: {record}", self.key);
                    self.told.push(record["content"].as_str().expect("text").to_owned());
                }
                Some("noop") => {}
                other => panic!("nothing else happens to `{}`: {other:?}", self.key),
            }
        }
    }

    /// The channel has been ended: its subscriber was told, and listens to the next.
    pub(super) fn begin_anew(&mut self, server: &mut Server) {
        let bytes = server.received_bytes(self.client);
        let heard = std::mem::take(&mut self.heard) + &String::from_utf8(bytes).expect("text");
        assert!(heard.contains("\"type\":\"close\""), "the end is told: {heard}");
        server.vanish(self.client);
        self.life = self.told.len();
        self.client = listen(server, self.key);
    }
}

fn listen(server: &mut Server, key: &str) -> Client {
    let client = server.connect(Role::Front);
    server.send(client, format!("GET /stream?cname={}&seq=1 HTTP/1.1\r\nHost: x\r\n\r\n", encode(key)));
    client
}
