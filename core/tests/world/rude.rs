//! What no client should say: half requests, and what two readers could understand in two ways.
//! Knows nothing of answers.
use super::World;
use super::question::{Ask, Question};

impl World {
    /// Something that is no proper request, and the last that this peer says.
    pub fn be_rude(&mut self, i: usize) {
        const BAD: &[u16] = &[400];
        let junk = "j".repeat(6_000);
        let many = "X: y\r\n".repeat(40);
        let large = "x".repeat(4_000);
        let host = "Host: x\r\n";
        let (text, ask) = match self.chance.below(16) {
            0 => ("GARBAGE\r\n\r\n".into(), Ask::Bad(BAD)),
            1 => ("GET /sub?cname=a HTTP/1.1\r\n\r\n".into(), Ask::Bad(BAD)),
            2 => (format!("FOO / HTTP/1.1\r\n{host}\r\n"), Ask::Bad(&[501])),
            3 => (format!("GET / HTTP/2.0\r\n{host}\r\n"), Ask::Bad(&[505])),
            4 => (
                format!("POST /push HTTP/1.1\r\n{host}Content-Length: 3\r\nContent-Length: 3\r\n\r\na=b"),
                Ask::Bad(BAD),
            ),
            5 => (
                format!(
                    "POST /push HTTP/1.1\r\n{host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                ),
                Ask::Bad(BAD),
            ),
            6 => (
                format!("POST /push HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n3\na=b\n0\n\n"),
                Ask::Bad(BAD),
            ),
            7 => (format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: gzip\r\n\r\n"), Ask::Bad(&[501])),
            8 => (format!("POST / HTTP/1.1\r\n{host}Expect: more\r\n\r\n"), Ask::Bad(&[417])),
            9 => (format!("GET /{junk} HTTP/1.1\r\n{host}\r\n"), Ask::Bad(&[414])),
            10 => (format!("GET / HTTP/1.1\r\n{host}X: {junk}\r\n\r\n"), Ask::Bad(&[431])),
            11 => (format!("GET / HTTP/1.1\r\n{host}{many}\r\n"), Ask::Bad(&[431])),
            12 => (
                format!("POST /push HTTP/1.1\r\n{host}Content-Length: 4000\r\n\r\n{large}"),
                Ask::Bad(&[413]),
            ),
            13 => (
                format!(
                    "POST /push HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nfa0\r\n{large}\r\n0\r\n\r\n"
                ),
                Ask::Bad(&[413]),
            ),
            14 => (
                format!("POST /push HTTP/1.1\r\n{host}Content-Length: 30\r\n\r\ncname=a&content"),
                Ask::Unfinished,
            ),
            _ => ("GET /sub?cname=a HTTP/1.1\r\nHost".into(), Ask::Unfinished),
        };
        let mut question = Question::new(ask);
        question.is_11 = true;
        let peer = &mut self.peers[i];
        peer.ask(question, text.as_bytes());
        if matches!(peer.ear.asked.back().map(|q| &q.ask), Some(Ask::Unfinished))
            && let Some(question) = peer.ear.asked.back_mut()
        {
            // What is missing never comes.
            question.end += 10;
            peer.meant += 10;
        }
    }
}
