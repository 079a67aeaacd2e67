//! Somebody who reads by second and tag: polls or streams, vanishes, comes back where it was, and believes nothing that it
//! cannot find in the book.
use std::time::UNIX_EPOCH;

use rcomet_core::Role;
use rcomet_core::chance::Chance;
use rcomet_core::time::{Date, Moment};

use super::book::{Book, Id, Place, place_of};
use super::support::{Client, Server};
use super::way::{WAYS, Way};
use super::{CHANNELS, Tally};

/// Somebody who reads by one way.
pub struct Reader {
    pub way: Way,
    pub channels: Vec<&'static str>,
    pub client: Option<Client>,
    pub clogged: bool,
    /// The last message that it has, and the server that it had it from.
    pub place: Option<Place>,
    /// The same, as it was told.
    id: Option<Id>,
    era: u32,
    pub asks: bool,
    pub asked_at: Moment,
    pub received: String,
    /// What a socket has sent and is not understood yet.
    pub frames: Vec<u8>,
    /// The head of an answer that is not over.
    pub head: String,
    boundary: String,
    /// Ends of channels, as of when it asked.
    lives: Vec<u32>,
    /// What it had to be given then.
    owed: Vec<Place>,
}

impl Reader {
    pub fn new(chance: &mut Chance) -> Self {
        let mut channels: Vec<&'static str> = CHANNELS.into_iter().filter(|_| chance.percent(35)).collect();
        if channels.is_empty() {
            channels.push(CHANNELS[chance.below(CHANNELS.len() as u64) as usize]);
        }
        if chance.percent(30) {
            channels.reverse();
        }
        Self {
            way: WAYS[chance.below(WAYS.len() as u64) as usize],
            channels,
            client: None,
            clogged: false,
            place: None,
            id: None,
            era: 0,
            asks: false,
            asked_at: Moment(0),
            received: String::new(),
            frames: Vec::new(),
            head: String::new(),
            boundary: String::new(),
            lives: Vec::new(),
            owed: Vec::new(),
        }
    }

    pub fn vanish(&mut self, server: &mut Server, tally: &mut Tally) {
        if let Some(client) = self.client.take() {
            let unheard = !server.received_bytes(client).is_empty();
            if unheard || !self.received.is_empty() || !self.frames.is_empty() {
                tally.note("an answer is lost");
            }
            server.vanish(client);
        }
        self.forget();
        self.clogged = false;
    }

    /// The server is gone, and all connections with it.
    pub fn lose_server(&mut self) {
        self.client = None;
        self.clogged = false;
        self.forget();
    }

    pub fn forget(&mut self) {
        self.asks = false;
        self.received.clear();
        self.frames.clear();
        self.head.clear();
    }

    pub fn clog(&mut self, server: &mut Server, clogged: bool) {
        if let Some(client) = self.client {
            self.clogged = clogged;
            server.clog(client, clogged);
        }
    }

    pub fn ask(
        &mut self,
        server: &mut Server,
        chance: &mut Chance,
        (book, era): (&Book, u32),
        tally: &mut Tally,
    ) {
        if self.asks || self.clogged {
            return;
        }
        if self.client.is_some_and(|client| server.is_shut(client) || chance.percent(20)) {
            self.vanish(server, tally);
        }
        let client = *self.client.get_or_insert_with(|| server.connect(Role::Front));
        let target = format!("{}?ids={}", self.way.path(), self.channels.join(","));
        let place = match self.id {
            None => String::new(),
            Some((second, tag)) if chance.percent(60) => {
                tally.note("went on by validators");
                let date = Date::from_unix(second);
                let quoted = if chance.percent(20) { format!("W/\"{tag}\"") } else { tag.to_string() };
                let date = String::from_utf8(date.as_bytes().to_vec()).expect("text");
                format!("If-Modified-Since: {date}\r\nIf-None-Match: {quoted}\r\n")
            }
            Some((second, tag)) => {
                tally.note("went on by an id");
                format!("Last-Event-ID: {second}:{tag}\r\n")
            }
        };
        self.lives = self.channels.iter().map(|name| book.life(name)).collect();
        // What another server has given it says nothing of this one's messages.
        let behind = self.place.filter(|_| self.era == era);
        self.owed = if self.place.is_some() { book.owed(&self.channels, behind, None) } else { Vec::new() };
        (self.asks, self.asked_at) = (true, server.now);
        let fields = self.way.fields();
        server.send_in_this_turn(client, format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}{place}\r\n"));
    }

    /// Hears what has come, and judges it.
    pub fn hear(&mut self, server: &mut Server, book: &Book, era: u32, tally: &mut Tally) {
        let Some(client) = self.client else { return };
        if self.way.is_socket() {
            return self.hear_socket(server, client, book, era, tally);
        }
        self.received += &server.received(client);
        if server.is_closed(client) && self.received.is_empty() {
            assert!(self.clogged || !self.asks || server.is_shut(client), "cut for no reason");
            self.client = None;
            self.clogged = false;
            self.forget();
            return;
        }
        while self.hear_some(server.now, book, era, tally) {}
        if self.asks && server.is_closed(client) {
            self.client = None;
            self.clogged = false;
            self.forget();
        }
    }

    fn hear_some(&mut self, now: Moment, book: &Book, era: u32, tally: &mut Tally) -> bool {
        if self.head.is_empty() {
            let Some((head, rest)) = self.received.split_once("\r\n\r\n") else { return false };
            assert!(self.asks, "an answer to no question: {head}");
            let (head, rest) = (head.to_owned(), rest.to_owned());
            (self.head, self.received) = (head, rest);
            if let Some((_, boundary)) =
                self.field("Content-Type").unwrap_or_default().split_once("boundary=")
            {
                self.boundary = format!("--{boundary}");
            }
        }
        if self.head.contains("Transfer-Encoding: chunked") {
            let Some((size, rest)) = self.received.split_once("\r\n") else { return false };
            let size = usize::from_str_radix(size, 16).expect("a chunk's size");
            let Some(chunk) = rest.get(..size).filter(|_| rest.len() >= size + 2) else { return false };
            let chunk = chunk.to_owned();
            self.received = rest[size + 2..].to_owned();
            if size == 0 {
                self.head.clear();
                self.asks = false;
            } else {
                self.hear_piece(&chunk, now, book, era, tally);
            }
            return true;
        }
        let length: usize = self.field("Content-Length").map_or(0, |n| n.parse().expect("a length"));
        if self.received.len() < length {
            return false;
        }
        let body: String = self.received.drain(..length).collect();
        self.hear_answer(&body, now, book, era, tally);
        self.head.clear();
        self.asks = false;
        true
    }

    pub fn field(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    }

    pub fn hear_answer(&mut self, body: &str, now: Moment, book: &Book, era: u32, tally: &mut Tally) {
        let status = &self.head[9..12].to_owned();
        let waited = now > self.asked_at;
        let is_asked = matches!(self.way, Way::Asked | Way::SocketAsked);
        match &**status {
            "200" => {
                tally.note(if waited { "a poll that waited" } else { "a poll answered at once" });
                let id = id_of(&self.head);
                let kind = self.field("Content-Type").unwrap_or_default();
                let texts: Vec<&str> = if kind.starts_with("multipart/mixed") {
                    parts(body, &self.boundary)
                } else if self.way == Way::Lines && body.ends_with('\n') {
                    body[..body.len() - 1].split('\n').collect()
                } else {
                    vec![body]
                };
                self.take_several(&texts, id, book, era, tally);
            }
            "304" => {
                assert!(self.way == Way::Interval);
                assert!(self.owed.is_empty(), "{:?} were there: {:?}", self.owed, self.channels);
                tally.note("nothing new");
            }
            "408" => {
                assert!(matches!(self.way, Way::Last | Way::First), "{:?}", self.way);
                tally.note("a poll that waited for too long");
            }
            "409" => {
                tally.note(if waited || self.way != Way::First { "gave way" } else { "somebody else waits" });
            }
            "410" => {
                let ended = self.channels.iter().zip(&self.lives).all(|(name, life)| book.life(name) > *life);
                assert!(ended, "not all of {:?} have ended", self.channels);
                tally.note("gone");
            }
            "403" if is_asked => {
                assert_eq!(body, "no");
                tally.note("the application says no");
            }
            "502" if is_asked => tally.note("the application fails"),
            "503" if is_asked => tally.note("the application is asked too much"),
            "504" if is_asked => tally.note("the application is too slow"),
            "403" => {
                assert!(self.way == Way::Lines);
                tally.note("too many");
            }
            other => panic!("{other} is no answer to expect:\n{}", self.head),
        }
    }

    fn hear_piece(&mut self, piece: &str, now: Moment, book: &Book, era: u32, tally: &mut Tally) {
        if self.way == Way::Multipart {
            if piece == self.boundary || piece == "--\r\n" {
                return;
            }
            let part = piece.strip_suffix(&format!("\r\n{}", self.boundary)).expect("a boundary ends a part");
            let (head, body) = part.split_once("\r\n\r\n").expect("a part has a head");
            return self.take_known(id_of(head), body, book, era, tally);
        }
        match piece {
            ": hi\n\n" | ":\n\n" => {}
            ":410: 410 Gone\n\n" => tally.note("a stream's channels are gone"),
            ":409: 409 Conflict\n\n" => tally.note("a stream gave way"),
            ":408: 408 Request Timeout\n\n" => {
                assert!(self.way == Way::Brief && now.since(self.asked_at) >= 20_000);
                tally.note("a stream has lasted long enough");
            }
            event => {
                let (id, data) = event
                    .strip_prefix("id: ")
                    .and_then(|rest| rest.strip_suffix("\n\n")?.split_once("\ndata: "))
                    .unwrap_or_else(|| panic!("no event: {event:?}"));
                let (second, tag) = id.split_once(':').expect("an id");
                let id = (second.parse().expect("a second"), tag.parse().expect("a tag"));
                let place = place_of(id);
                if self.lives.iter().zip(&self.channels).any(|(life, name)| {
                    book.entries.get(&place).is_some_and(|e| e.channel == *name && e.life > *life)
                }) {
                    tally.note("a channel that came again is heard");
                }
                self.take_known(id, data, book, era, tally);
            }
        }
    }

    /// Several messages in one answer, of which the last one's place is known.
    fn take_several(&mut self, texts: &[&str], last: Id, book: &Book, era: u32, tally: &mut Tally) {
        for text in texts {
            let found = book.entries.iter().find(|(_, entry)| entry.text == *text);
            let (place, _) = found.unwrap_or_else(|| panic!("{text} was never published"));
            self.take(*place, text, book, era, tally);
        }
        self.id = Some(last);
        assert_eq!(self.place, Some(place_of(last)), "the answer names the last message");
        if texts.len() > 1 {
            tally.note("several in one answer");
        }
    }

    /// One message, told with its id.
    pub fn take_known(&mut self, id: Id, text: &str, book: &Book, era: u32, tally: &mut Tally) {
        self.take(place_of(id), text, book, era, tally);
        self.id = Some(id);
    }

    fn take(&mut self, place: Place, text: &str, book: &Book, era: u32, tally: &mut Tally) {
        let entry = book.entries.get(&place).unwrap_or_else(|| panic!("{place:?} was never given: {text}"));
        assert_eq!(entry.text, text, "{place:?}");
        assert!(self.channels.contains(&entry.channel), "{} was not asked for", entry.channel);
        if self.era == era {
            assert!(
                self.place.is_none_or(|before| place > before),
                "{place:?} comes behind {:?}",
                self.place
            );
            // Of what it begins with it knows nothing: the oldest may be any.
            if let Some(before) = self.place {
                let missing = book.owed(&self.channels, Some(before), Some(place));
                assert!(
                    missing.is_empty(),
                    "{missing:?} are missing between {before:?} and {place:?} for {:?} of {:?}: {:?}",
                    self.way,
                    self.channels,
                    book.entries.range(before..=place).collect::<Vec<_>>()
                );
            }
        } else if self.place.is_some() {
            // An id of another server names no place here: everything that is kept was owed.
            let missing = book.owed(&self.channels, None, Some(place));
            assert!(missing.is_empty(), "{missing:?} are missing before {place:?} for {:?}", self.way);
            tally.note("went on with another server");
        }
        (self.place, self.era) = (Some(place), era);
        tally.note("message heard");
    }

    /// Who is answered that there is nothing new, or waits, has everything.
    pub fn nothing_is_owed(&self, book: &Book, era: u32) {
        if self.place.is_some() {
            let owed = book.owed(&self.channels, self.place.filter(|_| self.era == era), None);
            assert!(owed.is_empty(), "{owed:?} never came to {:?} of {:?}", self.way, self.channels);
        }
    }

    /// In the end, while it waits.
    pub fn check_is_level(&self, server: &Server, book: &Book, era: u32) -> bool {
        let waits = self.asks && self.client.is_some_and(|client| server.id(client).is_some());
        if waits && self.received.is_empty() && (self.way.is_stream() || self.head.is_empty()) {
            self.nothing_is_owed(book, era);
            return true;
        }
        false
    }
}

fn id_of(head: &str) -> Id {
    let of = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).expect(head);
    let date = httpdate::parse_http_date(of("Last-Modified: ")).expect("a date");
    let second = date.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    (second, of("Etag: ").parse().expect("a tag"))
}

fn parts<'b>(body: &'b str, boundary: &str) -> Vec<&'b str> {
    let inside = body.strip_suffix(&format!("{boundary}--\r\n")).expect("an end");
    let line = format!("{boundary}\r\n");
    inside
        .split(&line)
        .skip(1)
        .map(|part| {
            let body =
                part.strip_prefix("\r\n").or_else(|| part.split_once("\r\n\r\n").map(|(_, body)| body));
            body.and_then(|body| body.strip_suffix("\r\n")).expect("a part")
        })
        .collect()
}
