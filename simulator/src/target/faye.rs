//! Faye, and other servers of Bayeux 1.0 that take JSON bodies: a handshake, a subscription, and then polls or an event
//! stream.
use std::io::Write as _;

use super::{Kind, Post, Target, Who, last_between, write_channel, write_post};

const PATH: &[u8] = b"/bayeux";
const JSON: &str = "application/json";
const HANDSHAKE: u8 = 0;
const SUBSCRIBE: u8 = 1;

pub(super) struct Faye {
    pub(super) run: u32,
}

impl Target for Faye {
    fn addresses(&self) -> (&'static str, &'static str) {
        ("127.0.0.1:8300", "127.0.0.1:8300")
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Poll, Kind::Sse]
    }

    /// The cursor is the client's id, which outlives its connections.
    fn listen(&self, who: &Who, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(256);
        let client = &who.cursor;
        match (who.step, who.kind) {
            (HANDSHAKE, _) => body.extend_from_slice(
                b"[{\"channel\":\"/meta/handshake\",\"id\":\"1\",\"version\":\"1.0\",\
                  \"supportedConnectionTypes\":[\"long-polling\",\"eventsource\"]}]",
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
                     \"connectionType\":\"long-polling\"}}]"
                );
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
        }
    }

    fn goes_on(&self, who: &mut Who) -> bool {
        let introduced = who.step > SUBSCRIBE;
        who.step = who.step.saturating_add(1);
        !introduced || who.kind.polls()
    }

    fn refuses(&self, body: &[u8]) -> bool {
        memchr::memmem::find(body, b"\"successful\":false").is_some()
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
