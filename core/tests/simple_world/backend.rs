//! What the back end does in such a world: registers, pushes, deletes; every answer is compared with what the book says.
use rcomet_core::Role;

use super::reader::Reader;
use super::support::{encode, split};
use super::{CLIENTS, World, book};

impl World {
    /// Asks on a connection of its own; gives the body.
    pub fn ask(&mut self, role: Role, method: &str, target: &str, form: &str) -> String {
        let client = self.server.connect(role);
        let kind = "Content-Type: application/x-www-form-urlencoded";
        let length = form.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{form}"
        );
        // In pieces, and never in a turn of its own: what is answered is answered by the request alone.
        let cut = self.chance.below(request.len() as u64 + 1) as usize;
        self.server.send_in_this_turn(client, &request[..cut]);
        self.server.send_in_this_turn(client, &request[cut..]);
        let mut answer = String::new();
        for _ in 0..1_000 {
            answer += &self.server.received(client);
            if !answer.is_empty() {
                break;
            }
            self.server.turn_once();
        }
        self.server.vanish(client);
        let (head, body) = split(&answer);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{method} {target}: {head}");
        body
    }

    /// What an answer must be, as JSON or in a call.
    #[track_caller]
    pub fn expect(&mut self, format: Format, got: &str, object: &str) {
        let quoted = self.server.machine.config().simple_comet.quote_json;
        let want = match format {
            Format::Script => format!("_JSONP_comet_cb({object});"),
            Format::Json if quoted => format!("/*-secure- {object} */"),
            Format::Json => object.to_owned(),
        };
        assert_eq!(got, want);
    }

    pub fn format(&mut self) -> Format {
        if self.chance.percent(30) { Format::Script } else { Format::Json }
    }

    pub fn register(&mut self) {
        let (name, format) = (self.channel(), self.format());
        let config = self.config();
        let sessions = name == "s" || self.chance.percent(10);
        let mut form = format!("channel_id={}", encode(name));
        let mut most = config.simple_comet.max_messages_per_channel;
        if self.chance.percent(50) {
            most = 1 + self.chance.below(8) as usize;
            form += &format!("&max_messages={most}");
        }
        form += ["&use_sessions=0", "&use_sessions=1"][usize::from(sessions)];
        let got = self.ask(Role::SimpleComet, "POST", &format!("/channels{}", format.suffix()), &form);
        let known = self.book.alive(name);
        let taken = known.is_some_and(|life| self.book.lives[life].is_registered);
        let full = known.is_none() && self.book.all_alive() >= config.limits.channels_max;
        if taken {
            self.expect(format, &got, "{\"return_code\": -2, \"error_message\": \"Channel already exists\"}");
            return self.note("channel taken");
        }
        if full {
            self.expect(format, &got, "{\"return_code\": -1, \"error_message\": \"Too many channels\"}");
            return;
        }
        let name_in_json = book::string(name, false);
        self.expect(
            format,
            &got,
            &format!("{{\"channel_id\": {name_in_json}, \"return_code\": 1, \"error_message\": \"\"}}"),
        );
        let own = &config.simple_comet;
        let life_ms =
            if sessions { own.inactive_channel_timeout_ms } else { own.anonymous_channel_timeout_ms };
        let now = self.server.now;
        let life = self.book.open(name, now);
        let life = &mut self.book.lives[life];
        life.was_open |= known.is_some();
        (life.is_registered, life.sessions) = (true, sessions);
        life.keep = life.keep.min(most.min(config.limits.history_messages_max));
        life.life_ms = life_ms.min(life.life_ms);
        life.touched = now;
        self.note("channel registered");
    }

    pub fn delete(&mut self) {
        let (name, format) = (self.channel(), self.format());
        let target = format!("/channels/{}{}", encode(name), format.suffix());
        let got = self.ask(Role::SimpleComet, "DELETE", &target, "");
        let removed = self.book.end(name).is_some();
        let code = if removed { 2 } else { 1 };
        let name = book::string(name, false);
        self.expect(
            format,
            &got,
            &format!("{{\"channel_id\": {name}, \"removed\": {removed}, \"return_code\": {code}, \"error_message\": \"\"}}"),
        );
        if removed {
            self.note("channel deleted");
        }
    }

    pub fn push(&mut self) {
        let (name, format) = (self.channel(), self.format());
        let text = self.book.compose(&mut self.chance);
        let target = format!("/channels/{}{}", encode(name), format.suffix());
        let got = self.ask(Role::SimpleComet, "POST", &target, &format!("content={}", encode(&text)));
        if self.book.alive(name).is_none() {
            self.expect(format, &got, "{\"return_code\": -2, \"error_message\": \"Nonexistent channel\"}");
            return;
        }
        let id = self.accept(name, &text);
        self.expect(
            format,
            &got,
            &format!("{{\"message_id\": {id}, \"return_code\": 1, \"error_message\": \"\"}}"),
        );
        self.note("pushed");
    }

    pub fn push_by_icomet(&mut self) {
        let name = self.channel();
        let text = self.book.compose(&mut self.chance);
        let config = self.config();
        if self.book.alive(name).is_none() && self.book.all_alive() >= config.limits.channels_max {
            return;
        }
        let form = format!("cname={}&content={}", encode(name), encode(&text));
        let got = self.ask(Role::Admin, "POST", "/push", &form);
        assert_eq!(got, "{\"type\":\"ok\"}\n");
        if self.book.alive(name).is_none() {
            let life = self.book.open(name, self.server.now);
            let life = &mut self.book.lives[life];
            (life.keep, life.life_ms) =
                (config.limits.history_messages_max, config.icomet.channel_timeout_ms);
        }
        self.accept(name, &text);
        self.note("pushed by icomet");
    }

    /// A message was accepted, and gets the next number.
    fn accept(&mut self, name: &str, text: &str) -> u64 {
        let id = self.server.machine.last_id();
        assert_eq!(id, self.book.last_id() + 1, "one counter for all");
        self.book.accept(name, id, text, self.server.now);
        id
    }

    pub fn register_client(&mut self) {
        let client = CLIENTS[self.chance.below(3) as usize];
        let config = self.config();
        let got = self.ask(Role::SimpleComet, "POST", "/clients.json", &format!("client_id={client}"));
        let now = self.server.now;
        let waits = self.readers.iter().filter(|r| r.waits(&self.server));
        let waiting: Vec<&str> = waits.filter_map(Reader::asks_as).collect();
        let asking: Vec<&str> = self.readers.iter().filter_map(Reader::asks_as).collect();
        // Whoever's time has come is forgotten at the wheel's next tick.
        let (surely, perhaps) = self.book.known_clients(now, &waiting, &asking);
        if got.contains("already exists") {
            assert!(perhaps.contains(client), "{client} is known: {got}");
        } else if got.contains("Too many clients") {
            let fits = perhaps.len() >= config.limits.sessions_max && !surely.contains(client);
            assert!(fits, "{now:?} {client} {:?} {waiting:?} {asking:?}", self.book.clients);
        } else {
            assert!(!surely.contains(client) && surely.len() < config.limits.sessions_max);
            let object =
                format!("{{\"client_id\": \"{client}\", \"return_code\": 1, \"error_message\": \"\"}}");
            self.expect(Format::Json, &got, &object);
            let until = now.after_ms(config.simple_comet.session_timeout_ms);
            if self.book.clients.insert(client, (until, until)).is_some() {
                self.note("client expired");
            }
            self.note("client registered");
        }
    }
}

/// How an answer is wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Json,
    Script,
}

impl Format {
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Json => ".json",
            Self::Script => ".jsonp",
        }
    }
}
