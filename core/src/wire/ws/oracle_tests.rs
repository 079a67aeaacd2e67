//! The codec beside tungstenite's: both must understand the same, or refuse the same.
use std::io::{Cursor, Read, Write};

use proptest::prelude::*;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::reader_tests::{client, read_in};
use super::{Fault, Opcode, frame};

/// A stream of what was sent, that takes everything and gives nothing back.
struct Wire(Cursor<Vec<u8>>);

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(out)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What tungstenite's server finds, up to its first complaint or a close.
fn oracle(bytes: &[u8]) -> (Vec<String>, bool) {
    let config = WebSocketConfig::default().max_frame_size(Some(100_000)).max_message_size(Some(150_000));
    let wire = Wire(Cursor::new(bytes.to_vec()));
    let mut socket = WebSocket::from_raw_socket(wire, Role::Server, Some(config));
    let mut found = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => found.push(format!("true false {:?}", text.as_bytes())),
            Ok(Message::Binary(bytes)) => found.push(format!("false false {bytes:?}", bytes = &bytes[..])),
            Ok(Message::Ping(bytes)) => found.push(format!("Ping {bytes:?}", bytes = &bytes[..])),
            Ok(Message::Pong(bytes)) => found.push(format!("Pong {bytes:?}", bytes = &bytes[..])),
            Ok(Message::Close(_) | Message::Frame(_)) => return (found, false),
            Err(Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed) => return (found, false),
            Err(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
                return (found, false);
            }
            Err(_) => return (found, true),
        }
    }
}

/// What ours finds, up to its first complaint or a close.
fn ours(bytes: &[u8]) -> (Vec<String>, Option<Fault>) {
    let (mut found, fault, _) = read_in(&[bytes], false);
    if let Some(at) = found.iter().position(|what| what.starts_with("Close")) {
        found.truncate(at);
        return (found, None);
    }
    (found, fault)
}

/// Whether the last frame is not whole.
fn ends_within_a_frame(mut bytes: &[u8]) -> bool {
    while let [_, second, rest @ ..] = bytes {
        let wide = |n: usize| rest.get(..n).map(|b| b.iter().fold(0u64, |n, &b| n << 8 | u64::from(b)));
        let (extra, length) = match second & 0x7f {
            126 => (2u64, wide(2)),
            127 => (8, wide(8)),
            short => (0, Some(u64::from(short))),
        };
        let Some(length) = length else { return true };
        let end = 2 + extra + 4 * u64::from(second >> 7) + length.min(1 << 40);
        if end > bytes.len() as u64 {
            return true;
        }
        bytes = &bytes[end as usize..];
    }
    !bytes.is_empty()
}

fn agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    let (theirs, they_complain) = oracle(bytes);
    let (mine, fault) = ours(bytes);
    prop_assert_eq!(&theirs, &mine, "{:?}", fault);
    // It takes lengths that are longer than need be and close codes from 5000 on, and says nothing of a frame before it is
    // whole.
    let is_stricter = fault == Some(Fault::Protocol("a length is written as short as it can be"))
        || fault == Some(Fault::Protocol("the close code may not be sent"));
    prop_assert!(
        they_complain == fault.is_some() || (fault.is_some() && (is_stricter || ends_within_a_frame(bytes))),
        "theirs {they_complain}, ours {fault:?}"
    );
    Ok(())
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        4 => "[a-zäß€😀]{0,20}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..140),
        1 => prop::collection::vec(any::<u8>(), 65_530..65_540),
    ];
    let first = prop_oneof![
        3 => Just(0x81u8), 2 => Just(0x82), 2 => Just(0x01), 1 => Just(0x02), 3 => Just(0x00), 3 => Just(0x80),
        2 => Just(0x89), 1 => Just(0x8a), 1 => any::<u8>()
    ];
    (first, payload).prop_map(|(first, payload)| {
        let is_control = first & 0x08 != 0;
        client(first, if is_control { &payload[..payload.len().min(125)] } else { &payload })
    })
}

proptest! {
    #[test]
    fn streams_of_frames(frames in prop::collection::vec(frames(), 1..8)) {
        agree(&frames.concat())?;
    }

    #[test]
    fn streams_with_a_broken_byte(
        frames in prop::collection::vec(frames(), 1..4),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = frames.concat();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        agree(&bytes)?;
    }

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        agree(&bytes)?;
    }

    #[test]
    fn what_is_written_is_understood(text in any::<String>(), long in 0usize..70_000) {
        let text = text + &"x".repeat(long);
        let mut bytes = Vec::new();
        frame::whole(Opcode::Text, text.as_bytes(), &mut bytes);
        let mut socket = WebSocket::from_raw_socket(Wire(Cursor::new(bytes)), Role::Client, None);
        prop_assert_eq!(socket.read().unwrap(), Message::text(text));
    }
}
