//! Somebody who reads several channels: what it asks, and whether it may be answered so.
//! Knows nothing of other readers.
use std::collections::BTreeSet;

use rcomet_core::Role;
use rcomet_core::arena::Id;
use rcomet_core::chance::Chance;
use rcomet_core::time::Moment;
use rcomet_core::{Conn, Machine};
use serde_json::Value;

use super::backend::Format;
use super::book::{Book, order_of, string};
use super::support::{Client, Server, encode, split};
use super::{CHANNELS, CLIENTS};

/// One question.
#[derive(Debug)]
struct Question {
    client: Client,
    since: i64,
    format: Format,
    session: Option<&'static str>,
    is_head: bool,
    /// How many names the list has.
    count: usize,
    asked_at: Moment,
    /// The number of the last message of all when it was asked.
    head: u64,
    /// Lives that it may be told of: those of channels that were there then.
    seats: BTreeSet<usize>,
    /// It may be refused because the client is unknown, and because there is nothing to read.
    may_be_unknown: bool,
    may_be_known: bool,
    nothing_readable: bool,
    has_news: bool,
    full: bool,
}

/// See above.
pub struct Reader {
    channels: Vec<&'static str>,
    pub session: Option<&'static str>,
    format: Format,
    client: Option<Client>,
    asked: Option<Question>,
    since: i64,
    had: BTreeSet<u64>,
    clogged: bool,
    /// The answer may have been written long before it was taken.
    was_clogged: bool,
    received: String,
}

impl Reader {
    pub fn new(chance: &mut Chance) -> Self {
        let mut channels: Vec<&'static str> = CHANNELS.into_iter().filter(|_| chance.percent(45)).collect();
        if channels.is_empty() {
            channels.push(CHANNELS[chance.below(6) as usize]);
        }
        if chance.percent(20) {
            // In another order, and one of them twice.
            channels.reverse();
            channels.push(channels[0]);
        }
        let session = chance.percent(50).then(|| CLIENTS[chance.below(3) as usize]);
        let format = if chance.percent(40) { Format::Script } else { Format::Json };
        Self {
            channels,
            session,
            format,
            client: None,
            asked: None,
            since: 0,
            had: BTreeSet::new(),
            clogged: false,
            was_clogged: false,
            received: String::new(),
        }
    }

    /// Whether it waits for messages.
    pub fn waits(&self, server: &Server) -> bool {
        self.asked.as_ref().is_some_and(|q| !seats(&server.machine, server.id(q.client)).is_empty())
    }

    /// In whose name it has asked.
    pub fn asks_as(&self) -> Option<&'static str> {
        self.asked.as_ref()?.session
    }

    /// Whether it sits in a channel.
    pub fn is_seated(&self, server: &Server, name: &str) -> bool {
        self.asked
            .as_ref()
            .is_some_and(|q| seats(&server.machine, server.id(q.client)).contains(&name.to_owned()))
    }

    pub fn clog(&mut self, server: &mut Server, clogged: bool) {
        if let Some(client) = self.client {
            self.clogged = clogged;
            self.was_clogged |= clogged;
            server.clog(client, clogged);
        }
    }

    pub fn vanish(&mut self, server: &mut Server, book: &mut Book) {
        let waited = self.waits(server);
        if let Some(client) = self.client.take() {
            server.vanish(client);
        }
        if let Some(session) = self.asks_as() {
            touch(session, server, book, waited);
        }
        (self.asked, self.clogged) = (None, false);
        self.received.clear();
    }

    /// What may be read with or without a session.
    fn may_read(book: &Book, life: usize, has_session: bool) -> bool {
        !book.lives[life].sessions || has_session
    }

    /// Asks, if it is not waiting for an answer.
    pub fn ask(&mut self, server: &mut Server, chance: &mut Chance, book: &mut Book) {
        if self.asked.is_some() {
            return;
        }
        if self.client.is_some_and(|client| server.is_shut(client) || chance.percent(30)) {
            self.vanish(server, book);
        }
        let client = *self.client.get_or_insert_with(|| server.connect(Role::SimpleComet));
        let (now, limits) = (server.now, server.machine.config().limits.clone());
        let (surely, _) = book.known_clients(now, &[], &[]);
        let seats: BTreeSet<usize> = self
            .channels
            .iter()
            .filter_map(|name| book.alive(name))
            .filter(|life| Self::may_read(book, *life, self.session.is_some()))
            .collect();
        let news = |life: &usize| {
            book.lives[*life]
                .messages
                .iter()
                .any(|m| m.id as i64 > self.since && !book.lives[*life].may_be_lost(m.id))
        };
        let full = seats.iter().any(|life| {
            let name = book.lives[*life].name;
            server.machine.members(name) >= limits.subscribers_per_channel_max
        });
        let question = Question {
            client,
            since: self.since,
            format: self.format,
            session: self.session,
            is_head: chance.percent(4),
            count: self.channels.len(),
            asked_at: now,
            head: book.last_id(),
            has_news: seats.iter().any(news),
            nothing_readable: seats.is_empty(),
            seats,
            may_be_unknown: self.session.is_some_and(|session| !surely.contains(session)),
            may_be_known: self.session.is_none_or(|session| book.clients.contains_key(session)),
            full,
        };
        let pipe = ["%7C", "|"][chance.below(2) as usize];
        let names: Vec<String> = self.channels.iter().map(|name| encode(name)).collect();
        let mut target =
            format!("/channels/{}{}?since={}&t=1.2", names.join(pipe), self.format.suffix(), self.since);
        if let Some(session) = self.session {
            target += &format!("&client_id={session}");
        }
        let method = if question.is_head { "HEAD" } else { "GET" };
        self.asked = Some(question);
        self.was_clogged = self.clogged;
        server.send_in_this_turn(client, format!("{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        // What time a client has begins anew, if it is known.
        if let Some(session) = self.session.filter(|session| surely.contains(session)) {
            touch(session, server, book, true);
        }
    }

    /// Hears an answer, if one has come whole, and judges it.
    pub fn hear(&mut self, server: &mut Server, book: &mut Book) -> Option<&'static str> {
        let question = self.asked.as_ref()?;
        self.received += &server.received(question.client);
        if self.received.is_empty() {
            if server.is_closed(question.client) {
                // It took nothing for too long.
                assert!(self.clogged, "cut for no reason: {question:?}");
                self.vanish(server, book);
            }
            return None;
        }
        let question = self.asked.take()?;
        let (head, body) = split(&std::mem::take(&mut self.received));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        if question.is_head {
            assert_eq!(body, "", "{question:?}");
            if let Some(session) = question.session {
                touch(session, server, book, false);
            }
            return Some("head");
        }
        assert!(
            format!("{head}\r\n").contains(&format!("\r\nContent-Length: {}\r\n", body.len())),
            "{head}\n{body}"
        );
        let quoted = server.machine.config().simple_comet.quote_json && question.format == Format::Json;
        let what = self.judge(&question, &body, quoted, server, book);
        if what != "unknown client"
            && let Some(session) = question.session
        {
            touch(session, server, book, !self.was_clogged);
        }
        Some(what)
    }

    fn judge(
        &mut self,
        question: &Question,
        body: &str,
        quoted: bool,
        server: &Server,
        book: &Book,
    ) -> &'static str {
        let waited_ms = server.now.since(question.asked_at);
        let least = server.machine.config().simple_comet.polling_timeout_ms;
        if body == "/* no messages */" {
            assert!(question.format == Format::Script && waited_ms >= least, "{question:?}");
            return "quiet script";
        }
        let object = match question.format {
            Format::Script => body.strip_prefix("_JSONP_comet_cb(").and_then(|b| b.strip_suffix(");")),
            Format::Json if quoted => body.strip_prefix("/*-secure- ").and_then(|b| b.strip_suffix(" */")),
            Format::Json => Some(body),
        };
        let object = object.unwrap_or_else(|| panic!("not wrapped as asked for: {body}"));
        match object {
            "{\"return_code\": -2, \"error_message\": \"No valid channels\"}" => {
                let gone = question.seats.iter().all(|life| book.lives[*life].is_over);
                assert!(
                    question.nothing_readable || gone,
                    "{question:?} {:?}",
                    question.seats.iter().map(|l| &book.lives[*l]).collect::<Vec<_>>()
                );
                return if question.nothing_readable { "nothing readable" } else { "deleted while waiting" };
            }
            "{\"return_code\": -3, \"error_message\": \"Unregistered client_id\"}" => {
                assert!(question.may_be_unknown, "{question:?}");
                return "unknown client";
            }
            "{\"return_code\": -1, \"error_message\": \"Too many channels in one request\"}" => {
                assert!(question.count > server.machine.config().limits.channels_per_subscription_max);
                return "too many in one";
            }
            "{\"return_code\": -1, \"error_message\": \"Too many subscribers\"}" => {
                assert!(question.full, "{question:?}");
                return "too many subscribers";
            }
            _ => {}
        }
        assert!(question.may_be_known, "who is not known is not answered: {question:?}");
        self.judge_messages(question, object, quoted, server, book)
    }

    fn judge_messages(
        &mut self,
        question: &Question,
        object: &str,
        quoted: bool,
        server: &Server,
        book: &Book,
    ) -> &'static str {
        let value: Value = serde_json::from_str(object).unwrap_or_else(|e| panic!("{object}: {e}"));
        let last = value["last_id"].as_u64().expect("a number");
        let channels = value["messages"].as_object().expect("messages by channel");
        let mut new: Vec<u64> = Vec::new();
        let mut lists = Vec::new();
        let mut adopted = false;
        // In the order in which they stand there.
        let names = order_of(object, channels.keys());
        for name in &names {
            assert!(self.channels.contains(&name.as_str()), "{name} was not asked for");
            let mut items = Vec::new();
            let mut before = question.since;
            for item in channels[name.as_str()].as_array().expect("a list") {
                let id = item["id"].as_u64().expect("a number");
                let (life, message) = book.find(id).unwrap_or_else(|| panic!("{id} was never given"));
                assert_eq!(life.name, name, "{id} is another channel's");
                assert!(id as i64 > before, "{id} comes behind {before}");
                before = id as i64;
                assert!(
                    !life.sessions || question.session.is_some() || life.was_open,
                    "{name} is not for everybody"
                );
                adopted |= life.born > question.head;
                items.push(format!(
                    "{{\"id\": {id}, \"ts\": {}, \"content\": {}}}",
                    message.unix_s,
                    string(&message.text, quoted)
                ));
                new.push(id);
            }
            lists.push(format!("{}: [{}]", string(name, quoted), items.join(", ")));
        }
        let want = format!(
            "{{\"messages\": {{{}}}, \"since\": {}, \"last_id\": {last}, \"return_code\": 1, \"error_message\": \"\"}}",
            lists.join(", "),
            question.since
        );
        assert_eq!(object, want);
        assert!(last <= book.last_id() && new.iter().all(|id| *id <= last), "{last} {new:?}");
        self.judge_missing(question, &new, last, book);
        for id in &new {
            assert!(self.had.insert(*id), "{id} comes twice");
        }
        self.since = last as i64;
        let waited = server.now > question.asked_at || !question.has_news;
        if new.is_empty() {
            let least = server.machine.config().simple_comet.polling_timeout_ms;
            let waited_ms = server.now.since(question.asked_at);
            assert!(waited_ms >= least, "no messages after {waited_ms} ms: {question:?}");
            return "quiet json";
        }
        if adopted {
            return "channel adopted";
        }
        if !question.has_news {
            assert_eq!((new.len(), names.len()), (1, 1), "a poll that waits is answered by one message");
        }
        if waited { "answered after waiting" } else { "answered at once" }
    }

    /// Nothing up to the number that it goes on from is missing, but what was forgotten.
    fn judge_missing(&self, question: &Question, new: &[u64], last: u64, book: &Book) {
        for life in &book.lives {
            if !self.channels.contains(&life.name) || (life.sessions && question.session.is_none()) {
                continue;
            }
            for message in &life.messages {
                let is_due = message.id as i64 > question.since && message.id <= last;
                assert!(
                    !is_due || new.contains(&message.id) || life.may_be_lost(message.id),
                    "{} of {} is missing: {new:?} {question:?} {last}",
                    message.id,
                    life.name
                );
            }
        }
    }

    /// In the end: whoever can be answered has everything.
    pub fn check_is_level(&self, server: &Server, book: &Book) {
        let waits = self.waits(server);
        for name in &self.channels {
            let Some(life) = book.alive(name).map(|life| &book.lives[life]) else { continue };
            if life.sessions || !waits {
                continue;
            }
            for message in &life.messages {
                assert!(
                    self.had.contains(&message.id)
                        || life.may_be_lost(message.id)
                        || (message.id as i64) <= self.since,
                    "{} of {name} never came",
                    message.id
                );
            }
        }
    }
}

/// A client is known for so long from now on; `sure` if not from some time before.
fn touch(session: &'static str, server: &Server, book: &mut Book, sure: bool) {
    let until = server.now.after_ms(server.machine.config().simple_comet.session_timeout_ms);
    if let Some((least, most)) = book.clients.get_mut(session) {
        *most = until.max(*most);
        if sure {
            *least = until.max(*least);
        }
    }
}

fn seats(machine: &Machine, id: Option<Id<Conn>>) -> Vec<String> {
    let reads = id.map(|id| machine.reads_all(id)).unwrap_or_default();
    reads.into_iter().map(|(name, ..)| name.to_owned()).collect()
}
