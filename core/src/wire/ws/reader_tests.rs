//! The reader, on what is fine and what is not: whole, byte by byte, and with something behind it.
use super::frame::{self, mask};
use super::reader::{Found, Reader, Sizes, text};
use super::{CloseCode, Fault, Opcode};

const SIZES: Sizes = Sizes { frame_max: 100_000, message_max: 150_000 };

/// A client's frame, with the first byte as given.
pub(super) fn client(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    let key = [0x37, 0xfa, 0x21, 0x3d];
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    mask(&mut out[start..], key);
    out
}

/// What a reader says of bytes that come in pieces: everything found, and the fault if there is one.
pub(super) fn read_in(pieces: &[&[u8]], may_deflate: bool) -> (Vec<String>, Option<Fault>, Reader) {
    let (mut reader, mut message, mut inbox) = (Reader::default(), Vec::new(), Vec::new());
    let mut found = Vec::new();
    for piece in pieces {
        inbox.extend_from_slice(piece);
        loop {
            let (used, what) = match reader.read(&inbox, &mut message, may_deflate, SIZES) {
                Ok(read) => read,
                Err(fault) => return (found, Some(fault), reader),
            };
            inbox.drain(..used);
            match what {
                Found::Nothing => break,
                Found::Control(control) => {
                    if control.opcode == Opcode::Close
                        && let Err(fault) = frame::close_code(control.payload())
                    {
                        return (found, Some(fault), reader);
                    }
                    found.push(format!("{:?} {:?}", control.opcode, control.payload()));
                }
                Found::Message { is_text, is_deflated } => {
                    if is_text && !is_deflated && text(&message).is_err() {
                        return (found, Some(Fault::NotUtf8), reader);
                    }
                    found.push(format!("{is_text} {is_deflated} {message:?}"));
                    message.clear();
                }
            }
        }
        assert!(inbox.len() < 131, "only the beginning of a head or of a control frame is left unread");
    }
    (found, None, reader)
}

/// Reads bytes whole, byte by byte, and with something behind them; they must come to the same.
pub(super) fn read_all(bytes: &[u8], may_deflate: bool) -> (Vec<String>, Option<Fault>) {
    let (found, fault, whole) = read_in(&[bytes], may_deflate);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    let (found_single, fault_single, _) = read_in(&single, may_deflate);
    assert_eq!((&found, fault), (&found_single, fault_single), "byte by byte");
    if fault.is_none() && !whole.is_amid() {
        let behind = [bytes, &client(0x89, b"behind")].concat();
        let (mut more, fault, _) = read_in(&[&behind], may_deflate);
        assert_eq!(fault, None);
        assert_eq!(more.pop(), Some(format!("Ping {:?}", b"behind")), "with something behind it");
        assert_eq!(more, found);
    }
    (found, fault)
}

#[test]
fn messages_of_every_length_arrive() {
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 100_000] {
        let payload: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        let (found, fault) = read_all(&client(0x82, &payload), false);
        assert_eq!((found, fault), (vec![format!("false false {payload:?}")], None), "{length}");
    }
}

#[test]
fn fragments_are_joined_and_controls_stand_between_them() {
    let bytes = [
        client(0x01, b"on"),
        client(0x89, b"ping"),
        client(0x00, b""),
        client(0x00, b"e,"),
        client(0x8a, b""),
        client(0x80, b" two"),
        client(0x88, &[3, 232]),
    ]
    .concat();
    let want = vec![
        format!("Ping {:?}", b"ping"),
        "Pong []".into(),
        format!("true false {:?}", b"one, two"),
        "Close [3, 232]".into(),
    ];
    assert_eq!(read_all(&bytes, false), (want, None));
}

#[test]
fn what_breaks_a_rule_is_noticed_with_the_byte_that_breaks_it() {
    let cut = |mut frame: Vec<u8>, length: usize| {
        frame.truncate(length);
        frame
    };
    let protocol = |bytes: Vec<u8>| {
        let (_, fault) = read_all(&bytes, false);
        assert_eq!(fault.map(Fault::code), Some(CloseCode::PROTOCOL), "{bytes:x?}");
    };
    for first in [0xb1, 0xa1, 0x91, 0x83, 0x84, 0x87, 0x8b, 0x8f] {
        protocol(vec![first]);
    }
    for first in [0x08, 0x09, 0x0a] {
        protocol(vec![first]);
    }
    protocol(vec![0x81, 0x05]);
    protocol(vec![0x89, 0xfe]);
    protocol(vec![0x82, 0xfe, 0x00, 0x7d]);
    protocol(vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
    protocol(vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    protocol(cut(client(0x80, b"x"), 6));
    protocol([client(0x01, b"a"), cut(client(0x81, b"b"), 6)].concat());
    protocol(cut(client(0xc1, b"x"), 6));
    protocol(cut(client(0xc9, b"x"), 6));
    let (_, fault) = read_all(&cut(client(0xc0, b"x"), 6), true);
    assert_eq!(fault.map(Fault::code), Some(CloseCode::PROTOCOL), "only the first fragment says so");
    let (found, fault) = read_all(&[client(0x41, b"x"), client(0x80, b"y")].concat(), true);
    assert_eq!((found, fault), (vec![format!("true true {:?}", b"xy")], None));
}

#[test]
fn what_is_too_large_is_not_waited_for() {
    let huge = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    assert_eq!(read_all(&huge, false).1, Some(Fault::FrameTooLarge));
    let two = [client(0x02, &[0; 90_000]), client(0x80, &[0; 60_001])[..8].to_vec()].concat();
    assert_eq!(read_in(&[&two], false).1, Some(Fault::MessageTooLarge));
    let two = [client(0x02, &[0; 90_000]), client(0x80, &[0; 60_000])].concat();
    assert_eq!(read_in(&[&two], false).0.len(), 1);
}

#[test]
fn text_that_cannot_become_utf8_is_refused_at_once() {
    let whole = "κόσμε".as_bytes();
    let bad = [whole, &[0xed, 0xa0, 0x80], b"edited"].concat();
    // The second byte of a surrogate is the first that cannot be.
    let frame = client(0x81, &bad);
    let up_to = |n: usize| read_in(&[&frame[..6 + n]], false).1;
    assert_eq!(up_to(whole.len() + 1), None);
    assert_eq!(up_to(whole.len() + 2), Some(Fault::NotUtf8));
    // A character may be cut in two by fragments, and even by pings; it must be whole at the end.
    let halves =
        [client(0x01, &whole[..3]), client(0x89, b""), client(0x00, &whole[3..4]), client(0x80, &whole[4..])];
    assert_eq!(read_all(&halves.concat(), false).0.len(), 2);
    assert_eq!(read_all(&client(0x81, &whole[..3]), false).1, Some(Fault::NotUtf8));
    // What is compressed is looked at when it is not any more.
    assert_eq!(read_all(&client(0xc1, &bad), true).1, None);
    assert_eq!(read_all(&client(0x82, &bad), false).1, None);
}

#[test]
fn a_reader_is_small() {
    assert!(size_of::<Reader>() <= 24, "Reader has {} bytes", size_of::<Reader>());
}

#[test]
fn what_the_server_writes_it_would_not_take() {
    let mut out = Vec::new();
    frame::whole(Opcode::Text, b"x", &mut out);
    assert_eq!(frame::head(&out), Err(Fault::Protocol("a client masks its frames")));
}
