//! Somebody who waits for the values of a key, one after the other, and asks again with the version of the last.
use std::collections::BTreeMap;

use rcomet_core::Role;
use serde_json::Value;

use super::book::Book;
use super::support::{Client, Server, encode, split};
use super::{ALL, Tongue};

pub(super) struct Waiter {
    pub(super) key: &'static str,
    tongue: Tongue,
    pub(super) client: Option<Client>,
    /// The version to go on from; none before the first.
    since: Option<u64>,
    /// The next value, by its place in the book.
    next: usize,
    heard: String,
}

impl Waiter {
    /// Begins to wait for what comes after everything that is in the book.
    pub(super) fn new(server: &mut Server, book: &Book, tongue: Tongue) -> Self {
        let mut waiter = Self {
            key: book.key,
            tongue,
            client: None,
            since: None,
            next: book.told.len(),
            heard: String::new(),
        };
        waiter.ask(server);
        waiter
    }

    fn ask(&mut self, server: &mut Server) {
        let client = match self.client {
            Some(client) if !server.is_shut(client) => client,
            _ => server.connect(ALL),
        };
        self.client = Some(client);
        match self.tongue {
            Tongue::Http => {
                let since = self.since.map_or(String::new(), |since| format!("&since={since}"));
                let target = format!("/keys/{}?wait=30{since}", encode(self.key));
                server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
            }
            _ => {
                let since = self.since.map_or("-".to_owned(), |since| since.to_string());
                server.send(client, format!("wait \"{}\" {since} 30\n", self.key));
            }
        }
    }

    /// What has come since the last time: each value is the next of the book, or what is missing is said. Asks again.
    pub(super) fn hear(
        &mut self,
        server: &mut Server,
        book: &Book,
        versions: &BTreeMap<String, u64>,
    ) -> Vec<&'static str> {
        let mut notes = Vec::new();
        while let Some(client) = self.client {
            self.heard += &server.received(client);
            let Some(said) = self.next_answer() else { return notes };
            match said {
                Said::Value { version, value, missing } => {
                    assert!(self.since.is_none_or(|since| since < version), "versions only rise");
                    let first = self.next.max(book.life);
                    let at = match missing {
                        None => {
                            assert!(self.next >= book.life || self.since.is_none(), "another life is told");
                            first
                        }
                        Some(Some(count)) => first + count,
                        Some(None) => {
                            let found = book.told[first..].iter().position(|told| *told == value);
                            first + found.unwrap_or_else(|| panic!("`{value}` is in the book behind {first}"))
                        }
                    };
                    assert_eq!(
                        book.told.get(at),
                        Some(&value),
                        "the next value, and no other: {:?}",
                        book.told
                    );
                    // A refresh is the same value with another version.
                    if let Some(known) = versions.get(&value) {
                        assert!(*known <= version, "{value}: {known} is its first version");
                    }
                    if missing.is_some() {
                        notes.push("missing told");
                    }
                    notes.push("listened to");
                    (self.since, self.next) = (Some(version), at + 1);
                }
                Said::Timeout(since) => {
                    assert_eq!(book.told.len().max(self.next), self.next, "there was nothing to be told");
                    assert!(self.since.is_none_or(|before| before <= since), "it goes on, not back");
                    self.since = Some(since);
                    notes.push("waited in vain");
                }
                Said::Deleted => {
                    // What comes next is in another life. Some ask for it from where they were, and are told that something may be missing.
                    self.since = self.since.filter(|since| since % 2 == 0);
                    self.next = book.life;
                }
            }
            self.ask(server);
        }
        notes
    }

    /// Nothing is left that it has not been told.
    pub(super) fn is_level(&self, book: &Book) {
        assert_eq!(self.next.max(book.life), book.told.len(), "who waits for `{}` has everything", self.key);
    }

    fn next_answer(&mut self) -> Option<Said> {
        if self.tongue == Tongue::Http {
            let end = self.heard.find("}\n")?;
            let answer: String = self.heard.drain(..end + 2).collect();
            let (head, body) = split(&answer);
            assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
            return Some(Said::of_json(&serde_json::from_str(&body).expect("JSON")));
        }
        let end = self.heard.find('\n')?;
        let line: String = self.heard.drain(..=end).collect();
        Some(Said::of_line(line.trim_end()))
    }
}

enum Said {
    Value { version: u64, value: String, missing: Option<Option<usize>> },
    Timeout(u64),
    Deleted,
}

impl Said {
    fn of_json(said: &Value) -> Self {
        if said["deleted"] == true {
            return Self::Deleted;
        }
        if said["timeout"] == true {
            return Self::Timeout(said["since"].as_u64().expect("where to go on"));
        }
        let missing = said.get("missing").map(|count| count.as_u64().map(|count| count as usize));
        Self::Value {
            version: said["version"].as_u64().expect("a version"),
            value: said["value"].as_str().expect("a value").to_owned(),
            missing,
        }
    }

    fn of_line(line: &str) -> Self {
        if line.starts_with("error deleted") {
            return Self::Deleted;
        }
        if line.starts_with("error timeout") {
            let since = line.rsplit(' ').next().and_then(|word| word.parse().ok());
            return Self::Timeout(since.unwrap_or_else(|| panic!("where to go on: {line}")));
        }
        let (rest, missing) = match line.rsplit_once(" missing ") {
            Some((rest, count)) => (rest, Some(count.parse().ok())),
            None => (line, None),
        };
        let mut words = rest.splitn(3, ' ');
        assert_eq!(words.next(), Some("ok"), "{line}");
        let version = words.next().and_then(|word| word.parse().ok()).expect("a version");
        let value = serde_json::from_str(words.next().expect("a value")).expect("a JSON string");
        Self::Value { version, value, missing }
    }
}

/// What somebody else on the admin side publishes.
pub(super) fn publish(server: &mut Server, key: &str, value: &str) {
    let target = format!("/push?cname={}&content={}", encode(key), encode(value));
    assert_eq!(server.ask(Role::Admin, &target), "{\"type\":\"ok\"}\n");
}
