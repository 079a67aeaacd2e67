//! What is asked of keys by those who wait for the answer, and what the answer must be.
use serde_json::Value;

use super::support::{encode, split};
use super::waiter::{Waiter, publish};
use super::{ALL, KEYS, Tongue, World};

impl World {
    fn value(&mut self) -> String {
        self.made += 1;
        format!("value {}", self.made)
    }

    /// Sends a request, whole or in pieces, perhaps with the sending side ended behind it; gives the whole answer.
    pub(super) fn exchange(&mut self, request: &[u8]) -> String {
        let client = self.server.connect(ALL);
        if self.chance.percent(30) {
            self.note("in pieces");
            let mut rest = request;
            while !rest.is_empty() {
                let n = 1 + self.chance.below(rest.len() as u64) as usize;
                // A CR and its LF come in one piece, as is asked for.
                let n = if rest[..n].ends_with(b"\r") { (n + 1).min(rest.len()) } else { n };
                self.server.send(client, &rest[..n]);
                rest = &rest[n..];
                self.hear_only();
            }
        } else {
            self.server.send_in_this_turn(client, request);
        }
        if self.chance.percent(30) {
            self.note("half closed");
            self.server.finish_sending(client);
        } else {
            self.server.turn();
        }
        let answer = self.server.received(client);
        self.server.vanish(client);
        self.hear_only();
        answer
    }

    fn http(&mut self, method: &str, target: &str, body: &str) -> (u16, Value) {
        let length = body.len();
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
        let answer = self.exchange(request.as_bytes());
        let (head, body) = split(&answer);
        (head[9..12].parse().expect("a status"), serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// A value has got this version: larger than all before, whoever asked.
    fn is_newest(&mut self, version: u64) {
        assert!(version > self.newest_version, "{version} after {}", self.newest_version);
        self.newest_version = version;
    }

    fn is_told(&mut self, key: &str, value: &str, before: usize) {
        let book = &self.books[key];
        assert_eq!(
            book.told.len(),
            before + 1,
            "those who listen to `{key}` hear of it once: {:?}",
            book.told
        );
        assert_eq!(book.value(), Some(value));
    }

    pub(super) fn write(&mut self) {
        let (key, tongue, value) = (self.key(), self.tongue(), self.value());
        let before = self.books[key].told.len();
        let version = match tongue {
            Tongue::Http => {
                self.note("over HTTP");
                let (status, said) = self.http("PUT", &format!("/keys/{}", encode(key)), &value);
                assert_eq!(status, 200, "{said}");
                said["version"].as_u64()
            }
            Tongue::Line => {
                self.note("written in a line");
                let end = if self.chance.percent(50) { "\n" } else { "\r\n" };
                let said = self.exchange(format!("write \"{key}\" {value}{end}").as_bytes());
                said.trim_end().strip_prefix("ok ").and_then(|version| version.parse().ok())
            }
            Tongue::Comet => {
                self.note("by CometServer's bytes");
                // Its keys have no spaces; its values are encoded.
                if key.contains(' ') {
                    return;
                }
                let encoded = value.replace(' ', "+");
                let end = if self.chance.percent(50) { '\0' } else { '\r' };
                assert_eq!(self.exchange(format!("write {key} {encoded} {end}").as_bytes()), "ok \0");
                return self.is_told(key, &value, before);
            }
        };
        let version = version.expect("it is written");
        self.is_newest(version);
        self.is_told(key, &value, before);
        self.versions.insert(value, version);
    }

    /// Lines in one piece are answered in their order.
    pub(super) fn write_several(&mut self) {
        let key = self.key();
        let before = self.books[key].told.len();
        let values: Vec<String> = (0..4).map(|_| self.value()).collect();
        let lines: String = values.iter().map(|value| format!("write \"{key}\" {value}\n")).collect();
        let said = self.exchange(format!("{lines}read \"{key}\"\n").as_bytes());
        let answers: Vec<&str> = said.lines().collect();
        assert_eq!(answers.len(), 5, "{said}");
        let mut versions = Vec::new();
        for answer in &answers[..4] {
            versions.push(answer.strip_prefix("ok ").and_then(|v| v.parse().ok()).expect("it is written"));
        }
        assert_eq!(answers[4], format!("ok {} \"{}\"", versions[3], values[3]));
        for version in versions {
            self.is_newest(version);
        }
        assert_eq!(self.books[key].told[before..], values[..], "in order, each once");
        self.note("several lines at once");
    }

    pub(super) fn publish_by_the_admin_side(&mut self) {
        let (key, value) = (self.key(), self.value());
        let before = self.books[key].told.len();
        publish(&mut self.server, key, &value);
        self.hear_only();
        self.is_told(key, &value, before);
        self.note("published by the admin side");
    }

    pub(super) fn read(&mut self) {
        let (key, tongue) = (self.key(), self.tongue());
        self.read_key(key, tongue);
    }

    /// What a key reads is what its subscribers heard last.
    pub(super) fn read_key(&mut self, key: &str, tongue: Tongue) {
        let wanted = self.books[key].value().map(str::to_owned);
        match tongue {
            Tongue::Http => {
                let (status, said) = self.http("GET", &format!("/keys/{}", encode(key)), "");
                match wanted {
                    Some(value) => {
                        assert_eq!((status, said["value"].as_str()), (200, Some(&*value)), "{said}");
                    }
                    None => assert_eq!(status, 404, "{said}"),
                }
            }
            Tongue::Line => {
                let said = self.exchange(format!("read \"{key}\"\n").as_bytes());
                match wanted {
                    Some(value) => {
                        assert!(said.ends_with(&format!(" \"{value}\"\n")), "{said} is not {value}");
                    }
                    None => assert!(said.starts_with("error unknown-key "), "{said}"),
                }
            }
            Tongue::Comet if key.contains(' ') => {}
            Tongue::Comet => {
                let wanted = wanted.unwrap_or_default().replace(' ', "+");
                assert_eq!(self.exchange(format!("read {key} \0").as_bytes()), format!("{wanted} \0"));
            }
        }
        self.note("read");
    }

    pub(super) fn refresh(&mut self) {
        let key = self.key();
        let before = self.books[key].told.len();
        let (status, said) = self.http("POST", &format!("/keys/{}/refresh", encode(key)), "");
        match self.books[key].told[self.books[key].life..before].last().cloned() {
            Some(value) => {
                self.is_newest(said["version"].as_u64().expect("a version"));
                self.is_told(key, &value, before);
                // It is told twice now, and rightly so.
                self.unsure.retain(|unheard| *unheard != value);
                self.note("refreshed");
            }
            None => assert_eq!(status, 404, "{said}"),
        }
    }

    pub(super) fn delete(&mut self) {
        let key = self.key();
        self.hear_only();
        let has_value = self.books[key].value().is_some();
        let client = self.server.connect(ALL);
        self.server.send(client, format!("delete \"{key}\"\n"));
        let said = self.server.received(client);
        self.server.vanish(client);
        if !has_value {
            // Its subscriber keeps the channel alive, but there is nothing to delete.
            assert_eq!(said, "error unknown-key there is no value under this key\n");
            return;
        }
        assert_eq!(said, "ok\n");
        let book = self.books.get_mut(key).expect("one of the keys");
        book.begin_anew(&mut self.server);
        self.note("deleted");
    }

    pub(super) fn begin_to_wait(&mut self) {
        if self.waiters.len() >= 5 {
            let gone = self.waiters.swap_remove(0);
            if let Some(client) = gone.client {
                self.server.vanish(client);
            }
        }
        let (key, tongue) = (self.key(), self.tongue());
        let waiter = Waiter::new(&mut self.server, &self.books[key], tongue);
        self.waiters.push(waiter);
    }

    /// All keys that have a value, with it: in one language or the other, over as many pages as it takes.
    pub(super) fn dump(&mut self) {
        let mut shown = Vec::new();
        let mut after = None;
        loop {
            let target =
                after.map_or("/keys?limit=3".to_owned(), |after: u64| format!("/keys?limit=3&after={after}"));
            let (status, page) = self.http("GET", &target, "");
            assert_eq!(status, 200, "{page}");
            for key in page["keys"].as_array().expect("keys") {
                let text = |name: &str| key[name].as_str().expect("text").to_owned();
                shown.push((text("key"), text("value"), key["index"].as_u64().expect("a number")));
            }
            after = page["after"].as_u64();
            if after.is_none() {
                break;
            }
        }
        assert!(
            shown.windows(2).all(|pair| pair[0].2 < pair[1].2),
            "in the order of their making: {shown:?}"
        );
        let mut pairs: Vec<(&str, &str)> = shown.iter().map(|(key, value, _)| (&**key, &**value)).collect();
        pairs.sort_unstable();
        let mut wanted: Vec<(&str, &str)> =
            KEYS.iter().filter_map(|key| Some((*key, self.books[key].value()?))).collect();
        wanted.sort_unstable();
        assert_eq!(pairs, wanted);
        self.note("dumped");
    }
}
