//! The opening handshake: what a client asks for, and what it is answered (RFC 6455, section 4.2; RFC 7692, section 7.1).
//! Knows nothing of who may.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::deflate::WINDOWS;
use crate::wire::http1::Method;
use crate::wire::http1::head::Head;

/// What the key is joined with before it is hashed (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a key.
const KEY_BYTES: usize = 16;
/// Bytes of `Sec-WebSocket-Accept`.
const ACCEPT_BYTES: usize = 28;

/// What a client asks for.
#[derive(Debug)]
pub struct Asked<'h, 'b> {
    /// The value of `Sec-WebSocket-Accept`.
    pub accept: String,
    /// The compression that can be agreed on, if any is asked for.
    pub deflate: Option<Deflate>,
    head: &'h Head<'h, 'b>,
}

/// Compression as agreed on: no context from one message to the next on either side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deflate {
    /// The window, as a power of two, that the server stays within.
    pub window: u8,
    /// The client has asked for it, and must be told.
    pub is_asked: bool,
}

/// Why there is no handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// 400, with what was wrong and what was expected.
    Bad(&'static str),
    /// 405: only GET begins a WebSocket.
    Method,
    /// 426: a request that does not ask for a WebSocket, where there is nothing else.
    NotAsked,
    /// 426, with the version that is spoken: another one was asked for.
    Version,
}

impl Denied {
    /// What it says to a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bad(words) => words,
            Self::Method => "a WebSocket begins with GET",
            Self::NotAsked => {
                "there is a WebSocket here: ask with Connection: Upgrade and Upgrade: websocket"
            }
            Self::Version => "Sec-WebSocket-Version 13 is spoken here",
        }
    }
}

/// Whether a request means to begin a WebSocket, well or badly.
pub fn is_asked(head: &Head<'_, '_>) -> bool {
    head.method == Method::Get && lists(head, "upgrade").any(|token| token.eq_ignore_ascii_case(b"websocket"))
}

/// Reads a request at a place where there is a WebSocket.
///
/// # Errors
/// It is no handshake, or one that cannot be answered.
pub fn read<'h, 'b>(head: &'h Head<'h, 'b>) -> Result<Asked<'h, 'b>, Denied> {
    if !lists(head, "upgrade").any(|token| token.eq_ignore_ascii_case(b"websocket")) {
        return Err(Denied::NotAsked);
    }
    if head.method != Method::Get {
        return Err(Denied::Method);
    }
    if !head.is_11 {
        return Err(Denied::Bad("a WebSocket begins with HTTP/1.1"));
    }
    if !lists(head, "connection").any(|token| token.eq_ignore_ascii_case(b"upgrade")) {
        return Err(Denied::Bad("Connection: Upgrade is missing"));
    }
    match one(head, "sec-websocket-version") {
        Ok(Some(b"13")) => {}
        Ok(Some(_)) => return Err(Denied::Version),
        Ok(None) => return Err(Denied::Bad("Sec-WebSocket-Version is missing")),
        Err(()) => return Err(Denied::Bad("more than one Sec-WebSocket-Version")),
    }
    let key = match one(head, "sec-websocket-key") {
        Ok(Some(key)) => key,
        Ok(None) => return Err(Denied::Bad("Sec-WebSocket-Key is missing")),
        Err(()) => return Err(Denied::Bad("more than one Sec-WebSocket-Key")),
    };
    if STANDARD.decode(key).map(|bytes| bytes.len()) != Ok(KEY_BYTES) {
        return Err(Denied::Bad("Sec-WebSocket-Key is not 16 bytes in base64"));
    }
    let offers = values(head, "sec-websocket-extensions").flat_map(|value| split(value, b','));
    Ok(Asked { accept: accept(key), deflate: offers.filter_map(deflate).next(), head })
}

impl Asked<'_, '_> {
    /// The first subprotocol asked for that is one of `known`, as that one is written.
    pub fn subprotocol(&self, known: &[&'static str]) -> Option<&'static str> {
        let mut asked = lists(self.head, "sec-websocket-protocol");
        asked.find_map(|name| known.iter().find(|k| k.as_bytes() == name).copied())
    }
}

impl Deflate {
    /// The same with a window of `bits` at most. Nobody needs to be told who has not asked: a smaller one fits any client (RFC 7692,
    /// section 7.1.2.1).
    #[must_use]
    pub fn within(self, bits: u32) -> Self {
        Self { window: u8::try_from(bits).map_or(self.window, |bits| self.window.min(bits)), ..self }
    }

    /// The value of `Sec-WebSocket-Extensions`.
    pub fn answer(self) -> String {
        let mut answer =
            String::from("permessage-deflate; server_no_context_takeover; client_no_context_takeover");
        if self.is_asked {
            answer += &format!("; server_max_window_bits={}", self.window);
        }
        answer
    }
}

fn accept(key: &[u8]) -> String {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut text = String::with_capacity(ACCEPT_BYTES);
    STANDARD.encode_string(hash, &mut text);
    text
}

/// What one offer of an extension comes to; `None` when it is not ours, or asks for what cannot be had. The next one may be
/// a humbler one then (RFC 7692, section 5.1).
fn deflate(offer: &[u8]) -> Option<Deflate> {
    let mut parts = split(offer, b';');
    if parts.next()? != b"permessage-deflate" {
        return None;
    }
    let mut agreed = Deflate { window: *WINDOWS.end(), is_asked: false };
    let mut seen = [false; 4];
    for part in parts {
        let (name, value) = match part.iter().position(|&c| c == b'=') {
            Some(at) => (part[..at].trim_ascii(), Some(unquoted(part[at + 1..].trim_ascii()))),
            None => (part, None),
        };
        let (which, fits) = match name {
            b"server_no_context_takeover" => (0, value.is_none()),
            b"client_no_context_takeover" => (1, value.is_none()),
            b"client_max_window_bits" => (2, value.is_none_or(|value| bits(value).is_some())),
            b"server_max_window_bits" => {
                let asked = value.and_then(bits).filter(|bits| WINDOWS.contains(bits));
                (agreed.window, agreed.is_asked) = (asked.unwrap_or(agreed.window), true);
                (3, asked.is_some())
            }
            _ => return None,
        };
        if !fits || std::mem::replace(&mut seen[which], true) {
            return None;
        }
    }
    Some(agreed)
}

/// A number from 8 to 15 without leading zeros (RFC 7692, section 7.1.2).
fn bits(value: &[u8]) -> Option<u8> {
    match value {
        [n @ b'8'..=b'9'] => Some(n - b'0'),
        [b'1', n @ b'0'..=b'5'] => Some(10 + n - b'0'),
        _ => None,
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value)
}

/// The values of all fields called `name`.
fn values<'b>(head: &Head<'_, 'b>, name: &str) -> impl Iterator<Item = &'b [u8]> {
    head.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// The one value of a field that may stand there once.
fn one<'b>(head: &Head<'_, 'b>, name: &str) -> Result<Option<&'b [u8]>, ()> {
    let mut values = values(head, name).map(<[u8]>::trim_ascii);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(()),
    }
}

/// The members of the lists in all fields called `name`.
fn lists<'b>(head: &Head<'_, 'b>, name: &str) -> impl Iterator<Item = &'b [u8]> {
    values(head, name).flat_map(|value| split(value, b','))
}

/// The parts of a text between separators that do not stand in quotes.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    text.split(move |&c| {
        is_quoted ^= c == b'"';
        c == separator && !is_quoted
    })
    .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http1::head;

    fn asked<T>(fields: &str, look: impl Fn(Result<Asked<'_, '_>, Denied>) -> T) -> T {
        let text = format!("GET /ws HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let mut table = head::header_table();
        let parsed = head::parse(text.as_bytes(), &mut table, 64).expect("a head");
        look(read(&parsed))
    }

    const FIELDS: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    #[test]
    fn the_standards_own_example() {
        asked(FIELDS, |asked| {
            let asked = asked.expect("it is a handshake");
            assert_eq!(asked.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
            assert_eq!((asked.deflate, asked.subprotocol(&["chat"])), (None, None));
        });
    }

    #[test]
    fn what_browsers_and_proxies_send() {
        let fields = FIELDS.replace("Connection: Upgrade", "connection: keep-alive, Upgrade")
            + "Sec-WebSocket-Protocol: soap, chat\r\nSec-WebSocket-Protocol: more\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
        asked(&fields.replace("websocket\r\n", "WebSocket\r\n"), |asked| {
            let asked = asked.expect("it is a handshake");
            assert_eq!(asked.subprotocol(&["more", "chat"]), Some("chat"), "the client's order counts");
            let agreed = asked.deflate.expect("compression");
            assert_eq!(agreed, Deflate { window: 15, is_asked: false });
            assert_eq!(
                agreed.answer(),
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            );
        });
    }

    #[test]
    fn what_is_no_handshake_is_denied() {
        for (from, to, want) in [
            ("Upgrade: websocket", "X: y", Denied::NotAsked),
            ("Upgrade: websocket", "Upgrade: h2c", Denied::NotAsked),
            ("Connection: Upgrade", "Connection: close", Denied::Bad("Connection: Upgrade is missing")),
            ("Version: 13", "Version: 8", Denied::Version),
            ("Sec-WebSocket-Version: 13", "X: y", Denied::Bad("Sec-WebSocket-Version is missing")),
            ("Sec-WebSocket-Key", "X", Denied::Bad("Sec-WebSocket-Key is missing")),
            ("jZQ==", "jZQ=", Denied::Bad("Sec-WebSocket-Key is not 16 bytes in base64")),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhl", Denied::Bad("Sec-WebSocket-Key is not 16 bytes in base64")),
        ] {
            asked(&FIELDS.replace(from, to), |asked| assert_eq!(asked.unwrap_err(), want, "{to}"));
        }
        let twice = format!("{FIELDS}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
        asked(&twice, |asked| assert_eq!(asked.unwrap_err(), Denied::Bad("more than one Sec-WebSocket-Key")));
    }

    #[test]
    fn offers_are_taken_in_their_order_if_they_can_be() {
        let agreed = |offers: &str| {
            let field = format!("{FIELDS}Sec-WebSocket-Extensions: {offers}\r\n");
            asked(&field, |asked| asked.expect("it is a handshake").deflate.map(Deflate::answer))
        };
        const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        for (offers, want) in [
            ("permessage-deflate", Some(PLAIN.to_owned())),
            (
                "permessage-deflate;server_max_window_bits=\"10\"",
                Some(format!("{PLAIN}; server_max_window_bits=10")),
            ),
            ("permessage-deflate; server_max_window_bits=8, permessage-deflate", Some(PLAIN.to_owned())),
            ("x-webkit-deflate-frame; \"a,b\"; c, permessage-deflate", Some(PLAIN.to_owned())),
            (
                "permessage-deflate; client_max_window_bits=8; server_no_context_takeover",
                Some(PLAIN.to_owned()),
            ),
            ("permessage-deflate; server_max_window_bits", None),
            ("permessage-deflate; server_max_window_bits=16", None),
            ("permessage-deflate; server_max_window_bits=09", None),
            ("permessage-deflate; server_no_context_takeover=1", None),
            ("permessage-deflate; client_max_window_bits=7", None),
            ("permessage-deflate; client_max_window_bits; client_max_window_bits", None),
            ("permessage-deflate; mux", None),
            ("permessage-deflat", None),
            ("", None),
        ] {
            assert_eq!(agreed(offers), want, "{offers}");
        }
    }
}
