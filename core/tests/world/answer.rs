//! A peer's ear: everything that comes, read strictly as HTTP, one answer to one question and in order.
//! Knows nothing of what the answers mean.
use std::collections::VecDeque;

use super::question::{Ask, Question};
use super::reading::Form;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub close: bool,
    pub body: String,
}

/// What was heard.
#[derive(Debug)]
pub enum Heard {
    /// An answer that was whole at once, or a poll's that was begun before.
    Whole(Box<Question>, Answer),
    /// The head of a stream; its question is the last of [`Ear::streams`] now.
    Opened,
    /// A piece of the first stream.
    Piece(String),
    /// The end of the first stream.
    Over,
    /// The server refused or ended what was not even asked.
    Unasked(Answer),
}

enum Framing {
    Nothing,
    Length(usize),
    Chunks,
    /// Until the connection ends; pieces are told apart by this.
    Close(&'static str),
}

enum State {
    Head,
    /// A poll's answer, or a whole one; collected.
    Body {
        question: Option<Box<Question>>,
        answer: Answer,
        framing: Framing,
    },
    /// A stream.
    Stream {
        framing: Framing,
    },
    /// Nothing more may come.
    Deaf,
}

/// See above.
pub struct Ear {
    bytes: Vec<u8>,
    state: State,
    /// Questions that no answer has begun to.
    pub asked: VecDeque<Box<Question>>,
    /// Streams whose pieces have not all been judged.
    pub streams: VecDeque<Box<Question>>,
    /// The last answer said that the connection ends.
    pub is_last: bool,
    pub continues: u64,
}

impl Ear {
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            state: State::Head,
            asked: VecDeque::new(),
            streams: VecDeque::new(),
            is_last: false,
            continues: 0,
        }
    }

    /// The question that an answer has been begun to or is due to next.
    pub fn current(&mut self) -> Option<&mut Question> {
        match &mut self.state {
            State::Body { question: Some(question), .. } => Some(question),
            _ => self.streams.front_mut().or(self.asked.front_mut()).map(|b| &mut **b),
        }
    }

    /// Whether an answer has been begun and not ended.
    pub fn is_in_the_middle(&self) -> bool {
        matches!(self.state, State::Body { .. } | State::Stream { .. })
    }

    /// Hears some bytes. `given` is how much of what the peer said has reached the server.
    pub fn hear(&mut self, bytes: &[u8], given: u64, out: &mut Vec<Heard>) {
        self.bytes.extend_from_slice(bytes);
        while self.step(given, out) {}
    }

    /// The server ended its side.
    pub fn end(&mut self, out: &mut Vec<Heard>) {
        match std::mem::replace(&mut self.state, State::Deaf) {
            State::Stream { framing: Framing::Close(_) } => out.push(Heard::Over),
            State::Head | State::Deaf => {}
            // A poll that was sent away: there is nothing else that its client would not take for a message.
            State::Body { question: Some(question), answer, framing: Framing::Close(_) }
                if question.cb.is_some() && answer.body.is_empty() =>
            {
                out.push(Heard::Whole(question, answer));
            }
            State::Body { .. } => panic!("an answer ends in its middle: {:?}", self.text()),
            State::Stream { .. } => panic!("a chunked stream ends without its last chunk"),
        }
        assert!(self.bytes.is_empty(), "half an answer: {:?}", self.text());
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn step(&mut self, given: u64, out: &mut Vec<Heard>) -> bool {
        match &self.state {
            State::Head => self.head(given, out),
            State::Body { .. } | State::Stream { .. } => self.body(out),
            State::Deaf => {
                assert!(self.bytes.is_empty(), "something comes after the last answer: {:?}", self.text());
                false
            }
        }
    }

    fn head(&mut self, given: u64, out: &mut Vec<Heard>) -> bool {
        let Some(end) = find(&self.bytes, b"\r\n\r\n") else {
            assert!(self.bytes.len() < 1024, "no head is so long: {:?}", self.text());
            return false;
        };
        let head = String::from_utf8(self.bytes.drain(..end + 4).collect()).expect("a head is text");
        let mut lines = head.trim_end().split("\r\n");
        let status = status(lines.next().expect("a status line"));
        let (mut answer, mut length, mut chunked, mut date) = (
            Answer { status, content_type: String::new(), close: false, body: String::new() },
            None,
            false,
            0,
        );
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?}"));
            assert!(!value.is_empty() && value.trim() == value, "{line:?}");
            match name {
                "Content-Length" => assert_eq!(length.replace(value.parse::<usize>().unwrap()), None),
                "Transfer-Encoding" => {
                    assert!(value == "chunked" && !chunked);
                    chunked = true;
                }
                "Connection" => {
                    assert_eq!(value, "close");
                    answer.close = true;
                }
                "Content-Type" => answer.content_type = value.into(),
                "Date" => date += 1,
                _ => {}
            }
        }
        if status == 100 {
            let question = self.asked.front().expect("somebody asked");
            assert!(
                question.expects && length.is_none() && !chunked && question.start < given,
                "{question:?}"
            );
            self.continues += 1;
            return true;
        }
        assert_eq!(date, 1, "{head}");
        assert!(!self.is_last, "an answer after the last: {head}");
        assert!(length.is_none() || !chunked, "{head}");
        self.is_last = answer.close;
        self.begin(answer, length, chunked, given, out);
        true
    }

    fn begin(
        &mut self,
        answer: Answer,
        length: Option<usize>,
        chunked: bool,
        given: u64,
        out: &mut Vec<Heard>,
    ) {
        let question = self.asked.pop_front();
        if let Some(question) = &question {
            let whole = question.end <= given;
            let early = answer.close && matches!(answer.status, 400..=599);
            assert!(
                whole || early,
                "{} {answer:?} answers what was not asked yet: {question:?}",
                question.end
            );
            assert!(question.is_11 || answer.close, "HTTP/1.0 ends: {question:?}");
            assert!(!question.closes || answer.close, "the end was asked for: {question:?}");
            assert!(question.is_11 || !chunked || early, "HTTP/1.0 knows no chunks: {question:?}");
        }
        let is_ok = answer.status == 200;
        // Before a request was understood, nobody knows that it is a HEAD.
        let refused = answer.close && matches!(answer.status, 400 | 408 | 413 | 414 | 417 | 431 | 503);
        let is_head =
            !refused && question.as_ref().is_some_and(|q| matches!(q.ask, Ask::HeadOfAnnouncements));
        let framing = match (length, chunked) {
            _ if is_head || answer.status == 204 => Framing::Nothing,
            (Some(n), _) => Framing::Length(n),
            (None, true) => Framing::Chunks,
            (None, false) => {
                assert!(answer.close, "nobody knows where this ends: {answer:?}");
                let form = question.as_ref().and_then(|q| q.reading.as_ref()).map(|r| r.form);
                Framing::Close(if form == Some(Form::Sse) { "\n\n" } else { "\n" })
            }
        };
        if is_ok && let Some(question) = question.as_ref().filter(|q| q.is_stream()) {
            let closes = matches!(framing, Framing::Close(_));
            let whole = matches!(framing, Framing::Length(_));
            assert!(whole || closes != question.is_11, "streams are chunked, or end with the connection");
            if !whole {
                self.streams.push_back(question.clone());
                self.state = State::Stream { framing };
                out.push(Heard::Opened);
                return;
            }
        }
        self.state = State::Body { question, answer, framing };
    }

    fn body(&mut self, out: &mut Vec<Heard>) -> bool {
        let (framing, is_stream) = match &self.state {
            State::Body { framing, .. } => (framing, false),
            State::Stream { framing } => (framing, true),
            _ => return false,
        };
        let (piece, is_over) = match framing {
            Framing::Nothing => (String::new(), true),
            Framing::Length(n) => {
                let n = *n;
                if self.bytes.len() < n {
                    return false;
                }
                (self.take(n), true)
            }
            Framing::Chunks => match self.chunk() {
                Some(piece) => {
                    let is_over = piece.is_empty();
                    (piece, is_over)
                }
                None => return false,
            },
            Framing::Close(ends) => {
                let ends = *ends;
                let Some(at) = find(&self.bytes, ends.as_bytes()) else { return false };
                // A poll has one line.
                (self.take(at + ends.len()), !is_stream)
            }
        };
        if is_stream {
            out.push(if is_over { Heard::Over } else { Heard::Piece(piece) });
            if is_over {
                self.state = if self.is_last { State::Deaf } else { State::Head };
            }
            return true;
        }
        let State::Body { answer, .. } = &mut self.state else { return false };
        answer.body.push_str(&piece);
        if is_over {
            let next = if self.is_last { State::Deaf } else { State::Head };
            if let State::Body { question, answer, .. } = std::mem::replace(&mut self.state, next) {
                out.push(match question {
                    Some(question) => Heard::Whole(question, answer),
                    None => Heard::Unasked(answer),
                });
            }
        }
        true
    }

    fn take(&mut self, n: usize) -> String {
        String::from_utf8(self.bytes.drain(..n).collect()).expect("the server speaks UTF-8")
    }

    /// The next chunk, if it is whole; the last is empty.
    fn chunk(&mut self) -> Option<String> {
        let line = find(&self.bytes, b"\r\n")?;
        let digits = std::str::from_utf8(&self.bytes[..line]).expect("a size");
        let n = usize::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{digits:?} is no size"));
        let whole = line + 2 + n + 2;
        if self.bytes.len() < whole {
            return None;
        }
        assert_eq!(&self.bytes[whole - 2..whole], b"\r\n", "a chunk ends with CRLF");
        let mut chunk = self.take(whole);
        chunk.truncate(whole - 2);
        chunk.drain(..line + 2);
        Some(chunk)
    }
}

fn status(line: &str) -> u16 {
    let rest = line.strip_prefix("HTTP/1.1 ").unwrap_or_else(|| panic!("no status line: {line:?}"));
    let (code, reason) = rest.split_once(' ').unwrap_or_else(|| panic!("no reason: {line:?}"));
    assert!(!reason.is_empty() && reason != "Unknown");
    code.parse().expect("a status")
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|w| w == word)
}
