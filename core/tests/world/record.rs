//! The records in which subscribers hear of everything, read strictly: every byte has its place.
//! Knows nothing of HTTP or of who hears them.

/// One icomet object: four fields in this order and no blanks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: String,
    pub channel: String,
    pub seq: i64,
    pub content: String,
}

/// Reads from the front of a text; panics where it is not what it must be.
pub struct Text<'a>(pub &'a str);

impl<'a> Text<'a> {
    #[track_caller]
    pub fn word(&mut self, word: &str) {
        self.0 = self.0.strip_prefix(word).unwrap_or_else(|| panic!("expected {word:?} before {:?}", self.0));
    }

    pub fn takes(&mut self, word: &str) -> bool {
        let rest = self.0.strip_prefix(word);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    #[track_caller]
    pub fn number(&mut self) -> i64 {
        let end = self.0.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits.parse().unwrap_or_else(|_| panic!("{digits:?} is no number"))
    }

    /// The rest of a JSON string whose quote has been read, up to and with the quote that ends it. What would be read
    /// otherwise by html or by a script must not stand there.
    #[track_caller]
    pub fn string(&mut self) -> String {
        let mut out = String::new();
        let mut chars = self.0.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return out;
                }
                '\\' => match chars.next().expect("something stands behind a backslash").1 {
                    'n' => out.push('\n'),
                    'r' => out.push('\r'),
                    't' => out.push('\t'),
                    'b' => out.push('\x08'),
                    'f' => out.push('\x0c'),
                    c @ ('"' | '\\') => out.push(c),
                    'u' => {
                        let hex: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        let code = u32::from_str_radix(&hex, 16).expect("four hexadecimal digits");
                        out.push(char::from_u32(code).expect("no surrogates are needed"));
                    }
                    c => panic!("there is no escape \\{c}"),
                },
                c if c.is_control() || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => {
                    panic!("{c:?} stands unescaped in {:?}", self.0)
                }
                c => out.push(c),
            }
        }
        panic!("a string without an end: {:?}", self.0)
    }

    #[track_caller]
    pub fn object(&mut self) -> Record {
        self.word("{\"type\":\"");
        let kind = self.string();
        self.word(",\"cname\":\"");
        let channel = self.string();
        self.word(",\"seq\":");
        let seq = self.number();
        self.word(",\"content\":\"");
        let content = self.string();
        self.word("}");
        Record { kind, channel, seq, content }
    }

    #[track_caller]
    pub fn end(&self) {
        assert_eq!(self.0, "", "nothing more was expected");
    }
}

/// The objects of a poll's body, and whether they stood in an array.
#[track_caller]
pub fn poll(text: &str) -> (Vec<Record>, bool) {
    let mut text = Text(text);
    let mut records = Vec::new();
    let array = text.takes("[");
    loop {
        records.push(text.object());
        if !array || !text.takes(",") {
            break;
        }
    }
    if array {
        text.word("]");
    }
    text.end();
    (records, array)
}

/// One item of CComet's array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Message { text: String, sender: String, seqid: i64, channel: String },
    Sign { who: String, seqid: i64, channel: String },
    Word { kind: String, rest: String },
}

/// The items of an array, which has been taken out of its string.
#[track_caller]
pub fn items(text: &str) -> Vec<Item> {
    let mut text = Text(text);
    let mut items = Vec::new();
    text.word("[");
    loop {
        items.push(item(&mut text));
        if !text.takes(",") {
            break;
        }
    }
    text.word("]");
    text.end();
    items
}

#[track_caller]
fn item(text: &mut Text<'_>) -> Item {
    if text.takes("{\"type\" : \"") {
        let kind = text.string();
        let rest = if text.takes(", \"reason\" : \"") || text.takes(", \"seqid\":\"") {
            text.string()
        } else {
            String::new()
        };
        text.word("}");
        return Item::Word { kind, rest };
    }
    text.word("{ \"type\":\"");
    let kind = text.string();
    let mut field = |name: &str| {
        text.word(&format!(",\"{name}\":\""));
        text.string()
    };
    let (msg, who, seqid, channel) = (field("msg"), field("sname"), field("seqid"), field("channel"));
    text.word("}");
    let seqid = seqid.parse().expect("a number in a string");
    match kind.as_str() {
        "MSG" => Item::Message { text: msg, sender: who, seqid, channel },
        "SIGN" => {
            assert_eq!(msg, "SIGN");
            Item::Sign { who, seqid, channel }
        }
        _ => panic!("CComet has no {kind:?}"),
    }
}

/// What a script makes of the inside of a single-quoted string.
#[track_caller]
pub fn script_string(source: &str) -> String {
    assert!(!source.contains("</"), "the script would end here: {source:?}");
    let mut out = String::new();
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        assert!(
            !matches!(c, '\'' | '\n' | '\r' | '\u{2028}' | '\u{2029}'),
            "the string ends early: {source:?}"
        );
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next().expect("something stands behind a backslash") {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            'x' => out.push(code(chars.by_ref().take(2).collect())),
            'u' => out.push(code(chars.by_ref().take(4).collect())),
            other => out.push(other),
        }
    }
    out
}

fn code(digits: String) -> char {
    u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).expect("hexadecimal digits of a character")
}
