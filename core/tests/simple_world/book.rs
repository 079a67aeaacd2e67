//! What was pushed, under which number, to which life of which channel; and what an answer made of it must look like.
//! Knows nothing of the machine.
use std::collections::{BTreeMap, BTreeSet};

use rcomet_core::chance::Chance;
use rcomet_core::time::Moment;

use super::support::START;

/// The wheel looks at things in ticks.
const SLACK_MS: u64 = 20;

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: u64,
    pub unix_s: u64,
    pub text: String,
}

/// One life of a channel.
#[derive(Debug)]
pub struct Life {
    pub name: &'static str,
    pub messages: Vec<Message>,
    /// The number of the last message of all when it began.
    pub born: u64,
    pub is_registered: bool,
    pub sessions: bool,
    /// Everybody could read it before it was registered.
    pub was_open: bool,
    /// The least that it ever kept.
    pub keep: usize,
    /// How long it lives at least without anybody.
    pub life_ms: u64,
    pub touched: Moment,
    pub is_over: bool,
    number: usize,
}

impl Life {
    /// Whether a message may have been forgotten by now.
    pub fn may_be_lost(&self, id: u64) -> bool {
        let behind = self.messages.iter().filter(|m| m.id >= id).count();
        self.is_over || behind > self.keep
    }

    pub fn lost(&self) -> u64 {
        self.messages.len().saturating_sub(self.keep) as u64
    }
}

/// All of it.
#[derive(Default)]
pub struct Book {
    pub lives: Vec<Life>,
    alive: BTreeMap<&'static str, usize>,
    /// Registered clients, and until when they are known without a poll that waits: at least, and at most.
    pub clients: BTreeMap<&'static str, (Moment, Moment)>,
    last_id: Option<u64>,
    composed: u64,
}

impl Book {
    pub fn last_id(&self) -> u64 {
        self.last_id.unwrap_or(START * 100_000)
    }

    pub fn alive(&self, name: &str) -> Option<usize> {
        self.alive.get(name).copied()
    }

    pub fn all_alive(&self) -> usize {
        self.alive.len()
    }

    /// The names of all channels, the first to come first.
    pub fn in_order(&self) -> Vec<&'static str> {
        let mut alive: Vec<&Life> = self.alive.values().map(|life| &self.lives[*life]).collect();
        alive.sort_by_key(|life| life.number);
        alive.iter().map(|life| life.name).collect()
    }

    pub fn open(&mut self, name: &'static str, now: Moment) -> usize {
        if let Some(life) = self.alive(name) {
            return life;
        }
        let number = self.lives.len();
        self.lives.push(Life {
            name,
            messages: Vec::new(),
            born: self.last_id(),
            is_registered: false,
            sessions: false,
            was_open: false,
            keep: usize::MAX,
            life_ms: u64::MAX,
            touched: now,
            is_over: false,
            number,
        });
        self.alive.insert(name, number);
        number
    }

    pub fn end(&mut self, name: &str) -> Option<usize> {
        let life = self.alive.remove(name)?;
        self.lives[life].is_over = true;
        Some(life)
    }

    /// Makes up a text. It begins with a number of its own.
    pub fn compose(&mut self, chance: &mut Chance) -> String {
        const NASTY: [&str; 8] = [
            "",
            "\"\\/",
            "*/",
            "</script>",
            "\u{2028}\u{7f}",
            "caf\u{e9} \u{1f600}",
            "\r\n\t\u{8}\u{c}\0",
            "a&b=c;d+%",
        ];
        self.composed += 1;
        let long = if chance.percent(10) { chance.below(2_000) } else { 0 };
        format!("{}{}{}", self.composed, NASTY[chance.below(8) as usize], "x".repeat(long as usize))
    }

    pub fn accept(&mut self, name: &str, id: u64, text: &str, now: Moment) {
        self.last_id = Some(id);
        if let Some(life) = self.alive(name) {
            let life = &mut self.lives[life];
            life.messages.push(Message { id, unix_s: START + now.0 / 1_000, text: text.into() });
            life.touched = now;
        }
    }

    /// Which clients must be known now, and which may be. Polls of some wait; others have asked.
    pub fn known_clients(
        &self,
        now: Moment,
        waiting: &[&str],
        asking: &[&str],
    ) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
        let with = |lives: &dyn Fn(&str, &(Moment, Moment)) -> bool| {
            self.clients.iter().filter(|(name, until)| lives(name, until)).map(|(name, _)| *name).collect()
        };
        (
            with(&|name, (least, _)| waiting.contains(&name) || *least > now),
            with(&|name, (_, most)| asking.contains(&name) || most.after_ms(SLACK_MS) > now),
        )
    }

    /// The message with this number, and the channel's name.
    pub fn find(&self, id: u64) -> Option<(&Life, &Message)> {
        self.lives.iter().find_map(|life| Some((life, life.messages.iter().find(|m| m.id == id)?)))
    }
}

/// A JSON string as Python writes it.
pub fn string(text: &str, in_comment: bool) -> String {
    let mut out = String::from("\"");
    for unit in text.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some('"') => out += "\\\"",
            Some('\\') => out += "\\\\",
            Some('\n') => out += "\\n",
            Some('\r') => out += "\\r",
            Some('\t') => out += "\\t",
            Some('\u{8}') => out += "\\b",
            Some('\u{c}') => out += "\\f",
            Some(c @ ' '..='~') => out.push(c),
            _ => out += &format!("\\u{unit:04x}"),
        }
    }
    out.push('"');
    if in_comment { out.replace("*/", "*\\/") } else { out }
}

/// Names in the order in which they stand in an object: a map has forgotten it.
pub fn order_of<'a>(object: &str, names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<String> = names.cloned().collect();
    names.sort_by_key(|name| {
        let key = format!("{}: [", string(name, false));
        object
            .find(&key)
            .or_else(|| object.find(&format!("{}: [", string(name, true))))
            .expect("it stands there")
    });
    names
}
