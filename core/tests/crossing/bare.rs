//! Readers of the push module's streams that have messages and nothing else: no ids. Where they stand they know from the channel's
//! description, and go on from there.
use rcomet_core::Role;

use super::support::{Client, Server, encode};
use super::{Listener, ROOM};

/// Somebody who reads chunks, or lines.
pub struct Bare {
    /// Where, up to the channel's name, and the fields that ask for it.
    at: (&'static str, &'static str),
    client: Option<Client>,
    /// What has come and is no whole message yet.
    received: String,
    /// It has had the head; and that says that messages are chunks.
    head: Option<bool>,
    place: String,
    had: Vec<String>,
}

impl Bare {
    pub fn boxed(target: &'static str, fields: &'static str) -> Box<dyn Listener> {
        let (received, place, had) = (String::new(), String::new(), Vec::new());
        Box::new(Self { at: (target, fields), client: None, received, head: None, place, had })
    }

    /// Takes the next message off what has come, if it is there whole.
    fn message(&mut self) -> Option<String> {
        if self.head.is_none() {
            let (head, rest) = self.received.split_once("\r\n\r\n")?;
            assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
            let is_chunked = head.contains("Transfer-Encoding: chunked");
            assert_eq!(is_chunked, self.at.1.starts_with("TE"), "{head}");
            (self.head, self.received) = (Some(is_chunked), rest.to_owned());
        }
        let (message, rest) = if self.head == Some(true) {
            let (size, rest) = self.received.split_once("\r\n")?;
            let size = usize::from_str_radix(size, 16).expect("a size");
            (rest.get(..size)?, rest[size..].strip_prefix("\r\n")?)
        } else {
            self.received.split_once('\n')?
        };
        let (message, rest) = (message.to_owned(), rest.to_owned());
        self.received = rest;
        Some(message)
    }
}

impl Listener for Bare {
    fn hear(&mut self, server: &mut Server) {
        let client = *self.client.get_or_insert_with(|| {
            let client = server.connect(Role::Front);
            let (target, fields) = self.at;
            let place = match &*self.place {
                "" => String::new(),
                place => format!("Last-Event-ID: {place}\r\n"),
            };
            let target = format!("{target}{}", encode(ROOM));
            server.send(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}{place}\r\n"));
            client
        });
        self.received += &server.received(client);
        while let Some(message) = self.message() {
            self.had.push(message);
        }
        let told = server.ask(Role::Admin, &format!("/publish?channel={}", encode(ROOM)));
        let place = told.lines().find_map(|line| line.strip_prefix("last message id: ")).expect(&told);
        self.place = place.trim_end().to_owned();
    }

    fn vanish(&mut self, server: &mut Server) {
        if let Some(client) = self.client.take() {
            server.vanish(client);
        }
        (self.head, self.received) = (None, String::new());
    }

    fn had(&self) -> &[String] {
        &self.had
    }
}
