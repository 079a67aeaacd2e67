//! Golden transcripts: what clients send to a server in memory, and every byte that comes back.
//! Knows nothing of what the bytes mean.
//!
//! | row | meaning |
//! |---|---|
//! | `# ...` and empty rows | for the reader |
//! | `config limits.idle_ms_max = 5` | before anything else: a value of the configuration, as JSON |
//! | `$name follows text` | what the server says behind `text`, up to the next `"`, `-` or `;`, is written `$name` from then on |
//! | `A@front 10.1.2.3` | A connects to this listener (`front`, `admin`, `ccomet`, `simple`, `control`), from this address or from loopback |
//! | `A: GET /ping` | A sends a request: this line with `HTTP/1.1` behind it, and a `Host` field |
//! | `A> text` | A sends a line, CRLF behind it; such rows that follow each other are sent at once |
//! | `A>> text` | the same without CRLF; ends what is sent at once |
//! | `A-`, `A.` | A ends its sending side; A is gone without a word |
//! | `= /push?cname=a` | somebody asks the admin side this, on a connection of their own, and is answered 200 |
//! | `+30s`, `+500ms` | time passes |
//! | `drain` | the server begins to end |
//! | `A< text` | because of the row before, A has got this line, its line end written out |
//! | `A!`, `A!!` | ... the server has shut its sending side to A; has closed the connection |
//!
//! `\r \n \t \\ \xHH` stand for bytes. What happens must stand there, all of it, and nothing else.
use rcomet_core::{Config, Role};

use super::support::{Client, Server};

/// A transcript that was played: as it went, and where it went otherwise than written.
pub struct Played {
    pub text: String,
    pub differences: Vec<String>,
}

/// Plays a transcript.
pub fn play(text: &str) -> Played {
    let rows: Vec<&str> = text.lines().collect();
    let mut stage = Stage::new(&rows);
    let mut played = Played { text: String::new(), differences: Vec::new() };
    let mut at = 0;
    while at < rows.len() {
        let first = at;
        at += 1;
        while is_continued(rows[at - 1]) && rows.get(at).is_some_and(|next| same_speaker(rows[first], next)) {
            at += 1;
        }
        stage.act(&rows[first..at]);
        let happened = stage.happened();
        let from = at;
        while rows.get(at).is_some_and(|row| is_outcome(row)) {
            at += 1;
        }
        if happened != rows[from..at] {
            let (want, got) = (rows[from..at].join("\n  "), happened.join("\n  "));
            played
                .differences
                .push(format!("row {from}: {}\n written\n  {want}\n happened\n  {got}", rows[first]));
        }
        for row in rows[first..from].iter().copied().chain(happened.iter().map(String::as_str)) {
            played.text.push_str(row);
            played.text.push('\n');
        }
    }
    played
}

/// What stands behind a client's name, and the name.
fn split(row: &str) -> Option<(char, &str)> {
    let name = row.chars().next().filter(char::is_ascii_uppercase)?;
    Some((name, &row[1..]))
}

fn is_outcome(row: &str) -> bool {
    split(row).is_some_and(|(_, rest)| rest.starts_with('<') || matches!(rest, "!" | "!!"))
}

fn is_continued(row: &str) -> bool {
    split(row).is_some_and(|(_, rest)| rest.starts_with('>') && !rest.starts_with(">>"))
}

fn same_speaker(row: &str, next: &str) -> bool {
    split(next).is_some_and(|(_, rest)| rest.starts_with('>')) && row.chars().next() == next.chars().next()
}

struct Actor {
    name: char,
    client: Client,
    /// Whether what the server did to the connection has been written down: shut, closed.
    noted: (bool, bool),
    gone: bool,
}

struct Stage {
    server: Server,
    cast: Vec<Actor>,
    /// Name, the text it follows, and its value once it was seen.
    names: Vec<(String, String, Option<String>)>,
}

impl Stage {
    fn new(rows: &[&str]) -> Self {
        let mut sections = serde_json::Map::new();
        let mut names = vec![("$version".to_owned(), "\"version\": \"".to_owned(), None)];
        for row in rows {
            if let Some(setting) = row.strip_prefix("config ") {
                let (path, value) = setting.split_once(" = ").expect("config section.name = value");
                let (section, name) = path.split_once('.').expect("config section.name = value");
                let value = serde_json::from_str(value).unwrap_or_else(|e| panic!("{row}: {e}"));
                let section = sections.entry(section).or_insert_with(|| serde_json::json!({}));
                section.as_object_mut().expect("a section is an object").insert(name.into(), value);
            } else if let Some((name, text)) = row.split_once(" follows ").filter(|_| row.starts_with('$')) {
                names.push((name.to_owned(), text.to_owned(), None));
            }
        }
        let mut config = Config::default();
        for (section, values) in sections {
            let read = match section.as_str() {
                "limits" => serde_json::from_value(values).map(|v| config.limits = v),
                "http" => serde_json::from_value(values).map(|v| config.http = v),
                "front" => serde_json::from_value(values).map(|v| config.front = v),
                "admin" => serde_json::from_value(values).map(|v| config.admin = v),
                "icomet" => serde_json::from_value(values).map(|v| config.icomet = v),
                "ccomet" => serde_json::from_value(values).map(|v| config.ccomet = v),
                "simple_comet" => serde_json::from_value(values).map(|v| config.simple_comet = v),
                "bayeux" => serde_json::from_value(values).map(|v| config.bayeux = v),
                "push" => serde_json::from_value(values).map(|v| config.push = v),
                other => panic!("there is no section {other}"),
            };
            read.unwrap_or_else(|e| panic!("config {section}: {e}"));
        }
        Self { server: Server::new(config), cast: Vec::new(), names }
    }

    /// Does what one row says, or what several rows say that are sent at once.
    fn act(&mut self, rows: &[&str]) {
        let row = rows[0];
        if row.is_empty() || row.starts_with(['#', '$']) || row.starts_with("config ") {
            return;
        }
        if row == "drain" {
            self.server.machine.drain(self.server.now);
            return self.server.turn();
        }
        if let Some(target) = row.strip_prefix("= ") {
            let client = self.server.connect(Role::Admin);
            let answer = self.server.get(client, target);
            assert!(answer.starts_with("HTTP/1.1 200 "), "{row}: {answer}");
            return self.server.vanish(client);
        }
        if let Some(time) = row.strip_prefix('+') {
            return self.server.pass_ms(milliseconds(time));
        }
        let (name, rest) = split(row).unwrap_or_else(|| panic!("no such row: {row}"));
        if let Some(listener) = rest.strip_prefix('@') {
            return self.connect(name, listener);
        }
        let actor = self.cast.iter_mut().rfind(|a| a.name == name).expect("a client connects first");
        let client = actor.client;
        match rest {
            "-" => self.server.finish_sending(client),
            "." => {
                actor.gone = true;
                self.server.vanish(client);
            }
            _ => {
                let bytes: Vec<u8> = rows.iter().flat_map(|row| self.sends(&row[1..])).collect();
                self.server.send(client, bytes);
            }
        }
    }

    fn connect(&mut self, name: char, listener: &str) {
        let (listener, address) = listener.split_once(' ').unwrap_or((listener, "127.0.0.1"));
        let role = match listener {
            "front" => Role::Front,
            "admin" => Role::Admin,
            "ccomet" => Role::Ccomet,
            "simple" => Role::SimpleComet,
            "control" => Role::Control(rcomet_core::Rights::All),
            _ => panic!("there is no listener {listener}"),
        };
        let client = self.server.connect_from(role, address);
        self.cast.push(Actor { name, client, noted: (false, false), gone: false });
    }

    /// The bytes that one row sends.
    fn sends(&self, rest: &str) -> Vec<u8> {
        let mut rest = rest.to_owned();
        for (name, _, value) in &self.names {
            if let Some(value) = value {
                rest = rest.replace(name, value);
            }
        }
        if let Some(text) = rest.strip_prefix(">>") {
            return unescaped(text.strip_prefix(' ').unwrap_or(text));
        }
        if let Some(text) = rest.strip_prefix('>') {
            let mut bytes = unescaped(text.strip_prefix(' ').unwrap_or(text));
            bytes.extend(b"\r\n");
            return bytes;
        }
        let line = rest.strip_prefix(": ").unwrap_or_else(|| panic!("no such row: {rest}"));
        format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes()
    }

    /// What happened since it was last asked, as rows.
    fn happened(&mut self) -> Vec<String> {
        let Self { server, cast, names } = self;
        let mut rows = Vec::new();
        for actor in cast.iter_mut().filter(|a| !a.gone) {
            let received = server.received_bytes(actor.client);
            for line in received.split_inclusive(|&c| c == b'\n') {
                rows.push(format!("{}< {}", actor.name, named(written(line), names)));
            }
            let now = (server.is_shut(actor.client), server.is_closed(actor.client));
            if now != actor.noted {
                rows.push(format!("{}{}", actor.name, if now.1 { "!!" } else { "!" }));
                actor.noted = now;
            }
        }
        rows
    }
}

/// Writes names instead of their values, and learns values.
fn named(mut line: String, names: &mut [(String, String, Option<String>)]) -> String {
    for (name, text, value) in names {
        if value.is_none()
            && let Some((_, rest)) = line.split_once(text.as_str())
        {
            *value = rest.trim_start().split(['"', '-', ';']).next().map(str::to_owned);
        }
        if let Some(value) = value {
            line = line.replace(value.as_str(), name);
        }
    }
    line
}

fn milliseconds(text: &str) -> u64 {
    let number = |digits: &str| digits.parse::<u64>().unwrap_or_else(|_| panic!("no time: {text}"));
    text.strip_suffix("ms")
        .map(number)
        .or_else(|| text.strip_suffix('s').map(|s| number(s) * 1000))
        .expect("ms or s")
}

/// A line as it is written out; what is no text is written as bytes.
fn written(line: &[u8]) -> String {
    let mut out = String::new();
    for chunk in line.utf8_chunks() {
        out += &escaped(chunk.valid());
        chunk.invalid().iter().for_each(|byte| out += &format!("\\x{byte:02x}"));
    }
    out
}

fn escaped(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        match c {
            '\r' => out.push_str("\\r"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(c) = bytes.next() {
        if c != b'\\' {
            out.push(c);
            continue;
        }
        out.push(match bytes.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap_or_else(|_| panic!("no byte: {text}"))
            }
            _ => panic!("no escape: {text}"),
        });
    }
    out
}
