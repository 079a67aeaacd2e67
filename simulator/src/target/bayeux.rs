//! Bayeux 1.0 with JSON bodies: a handshake, a subscription, and then polls, or Faye's event stream. With servers that have
//! the ack extension an answer is acknowledged by the next question, so that none is lost with its connection.
use std::io::Write as _;

use memchr::memmem;

use super::{Kind, Post, Target, Who, last_between, write_channel, write_post};

const PATH: &[u8] = b"/bayeux";
const JSON: &str = "application/json";
const HANDSHAKE: u8 = 0;
const SUBSCRIBE: u8 = 1;

pub(super) struct Bayeux {
    pub(super) run: u32,
    /// It has event streams too, at a URL that ends in the client's id.
    pub(super) streams: bool,
}

impl Target for Bayeux {
    fn kinds(&self) -> &'static [Kind] {
        if self.streams { &[Kind::Poll, Kind::Sse] } else { &[Kind::Poll] }
    }

    /// The cursor is the client's id, which outlives its connections, and behind a blank the number of the last answer, if
    /// answers have numbers.
    fn listen(&self, who: &Who, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(256);
        let (client, ack) = match who.cursor.split_once(' ') {
            Some((client, ack)) => (client, Some(ack)),
            None => (who.cursor.as_str(), None),
        };
        match (who.step, who.kind) {
            (HANDSHAKE, _) => body.extend_from_slice(
                b"[{\"channel\":\"/meta/handshake\",\"id\":\"1\",\"version\":\"1.0\",\
                  \"supportedConnectionTypes\":[\"long-polling\",\"eventsource\"],\"ext\":{\"ack\":true}}]",
            ),
            (SUBSCRIBE, _) => {
                let _ =
                    write!(body, "[{{\"channel\":\"/meta/subscribe\",\"id\":\"2\",\"clientId\":\"{client}\"");
                body.extend_from_slice(b",\"subscription\":\"/");
                write_channel(self.run, who.channel, &mut body);
                body.extend_from_slice(b"\"}]");
            }
            (_, Kind::Sse) => {
                out.extend_from_slice(b"GET ");
                out.extend_from_slice(PATH);
                let _ =
                    write!(out, "/{client} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
                return;
            }
            _ => {
                let _ = write!(
                    body,
                    "[{{\"channel\":\"/meta/connect\",\"id\":\"3\",\"clientId\":\"{client}\",\
                     \"connectionType\":\"long-polling\""
                );
                if let Some(ack) = ack {
                    let _ = write!(body, ",\"ext\":{{\"ack\":{ack}}}");
                }
                body.extend_from_slice(b"}]");
            }
        }
        write_post(&[PATH], JSON, &body, out);
    }

    fn listens(&self, who: &Who) -> bool {
        who.step > SUBSCRIBE
    }

    fn body(&self, who: &mut Who, body: &[u8]) {
        if who.step == HANDSHAKE
            && let Some(client) = last_between(body, b"\"clientId\":\"", b"\"")
        {
            who.cursor.clear();
            who.cursor.push_str(client);
            if memmem::find(body, b"\"ack\":true").is_some() {
                who.cursor.push_str(" 0");
            }
        } else if let Some(end) = who.cursor.find(' ')
            && let Some(ack) = last_between(body, b"\"ack\":", b"}")
        {
            who.cursor.truncate(end + 1);
            who.cursor.push_str(ack);
        }
    }

    fn goes_on(&self, who: &mut Who) -> bool {
        let introduced = who.step > SUBSCRIBE;
        who.step = who.step.saturating_add(1);
        !introduced || who.kind.polls()
    }

    fn refuses(&self, body: &[u8]) -> bool {
        memmem::find(body, b"\"successful\":false").is_some()
    }

    fn resumes_by_number(&self) -> bool {
        false
    }

    fn publish(&self, post: &Post, out: &mut Vec<u8>) {
        let mut body = b"[{\"channel\":\"/".to_vec();
        write_channel(self.run, post.stamp.channel, &mut body);
        body.extend_from_slice(b"\",\"data\":\"");
        post.stamp.write(post.size, &mut body);
        body.extend_from_slice(b"\"}]");
        write_post(&[PATH], JSON, &body, out);
    }
}
