//! Lines, written and read back; and what is said of those that are none.
use proptest::prelude::*;

use super::*;

fn first() -> First {
    First {
        epoch: Epoch::from_bits(0x12_3456_789a),
        key: [1, u64::MAX],
        base: 10,
        head: 20,
        ended: 15,
        stamp: (1_795_219_200, u32::MAX),
        lives: Lives::from_lines(&[(1 << 20, 1_795_219_100, 7), ((1 << 21) - 1, 0, 0)]).expect("two lives"),
        unsure: Some((11, 19)),
        boot: u128::MAX - 7,
        synced: true,
        memory: 1 << 30,
    }
}

fn line(entry: &Entry) -> Vec<u8> {
    let mut line = Vec::new();
    entry.write(&mut line);
    assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
    assert_eq!(line.last(), Some(&b'\n'));
    line
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), Just(String::new()), Just("line 1\nline 2\0\u{2028}\"\\".to_owned())]
}

prop_compose! {
    fn said()(
        channel in text(), id in 1..1_u64 << 52, seq in 1..1_u64 << 52, time_ms in any::<u64>(), second in any::<u32>(),
        tag in any::<u32>(), kind in 0..3, until_ms in any::<Option<u64>>(),
        origin in proptest::option::of(text()), sender in proptest::option::of(text()),
        media in proptest::option::of((text(), text(), any::<bool>())),
        (ext, body) in (proptest::option::of(text()), text()),
    ) -> Said {
        Said {
            channel: channel.into(), id, seq, time_ms, second, tag,
            kind: [Kind::Data, Kind::Json, Kind::Broadcast][kind as usize],
            until_ms, origin: origin.map(Into::into), sender: sender.map(Into::into),
            media: media.map(|(content_type, event, is_base64)| Arc::new(Media { content_type: content_type.into(), event: event.into(), is_base64 })),
            ext: ext.map(Into::into), body: body.into(),
        }
    }
}

proptest! {
    #[test]
    fn messages_read_back(said in said()) {
        let entry = Entry::Message(Box::new(said));
        prop_assert_eq!(Line::read(&line(&entry)), Ok(Line::Entry(entry)));
    }

    #[test]
    fn names_read_back(name in text(), count in any::<u64>()) {
        for entry in [
            Entry::Broadcast(name.as_str().into()),
            Entry::Swept(count),
            Entry::Memory(count),
            Entry::Clear(name.as_str().into()),
            Entry::Trimmed(name.as_str().into(), count),
            Entry::Close(name.as_str().into(), count >> 12),
        ] {
            prop_assert_eq!(Line::read(&line(&entry)), Ok(Line::Entry(entry)));
        }
    }

    /// Bytes of anybody's end in words, not in a panic.
    #[test]
    fn anything_can_be_read(bytes in any::<Vec<u8>>()) {
        let _ = Line::read(&bytes);
        let _ = First::read(&bytes);
    }

    /// So do lines that have been changed.
    #[test]
    fn a_changed_line_is_read_or_refused(said in said(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut line = line(&Entry::Message(Box::new(said)));
        let at = at.index(line.len());
        line[at] = byte;
        let _ = Line::read(&line);
    }
}

#[test]
fn channels_and_sessions_read_back() {
    let opened = Opened {
        channel: "a\u{e4}".into(),
        made: 7,
        born: 11,
        next: 3,
        forgotten: 12,
        last: Some((1_795_219_200, 5)),
    };
    let session = KeptSession {
        client: "0123456789abcdef0123456789abcdef".into(),
        prefix: "/a".into(),
        browser: Some("b".into()),
        peer: "2001:db8::1".parse().expect("an address"),
        is_admin: true,
        listener: Some("unix:/run/a\"b.sock".into()),
        takes_advice: false,
        acks: Some(KeptAcks { from: 8, last: 3, acked: 2, lost: 1, is_unsure: true }),
        at: 19,
        lost: 2,
        is_unsure: true,
        is_open: true,
        parts: true,
        rests: false,
        missed: (3, 2),
        seats: vec![
            KeptSeat {
                name: "/a/**".into(),
                since: 10,
                born: 9,
                floor: 2,
                next: 5,
                marks: vec![(2, 4), (3, 5)],
                had: 11,
                handed: 14,
                behind: None,
                lost: 0,
            },
            KeptSeat {
                name: "/b".into(),
                since: 10,
                born: 9,
                floor: 1,
                next: 1,
                marks: Vec::new(),
                had: 10,
                handed: 10,
                behind: Some(2),
                lost: 4,
            },
        ],
    };
    for entry in [
        Entry::Channel(Box::new(opened.clone())),
        Entry::Index(Box::new(opened)),
        Entry::Shape(Box::new(Shape {
            channel: "a".into(),
            posted: Some(Posted { messages_max: 3, age_ms: 0 }),
            idle_ms: 5_000,
            registered: Some(Registered { messages_max: 9, life_ms: u64::MAX, sessions: true }),
            token: Some([200; 16]),
            until_ms: Some(1_795_219_200_123),
        })),
        Entry::Session(Box::new(KeptSession {
            acks: Some(KeptAcks { from: 0, last: 3, acked: 3, lost: 0, is_unsure: false }),
            is_open: false,
            parts: false,
            rests: true,
            missed: (0, 0),
            ..session.clone()
        })),
        Entry::Session(Box::new(KeptSession {
            acks: None,
            prefix: "".into(),
            is_unsure: false,
            listener: None,
            ..session.clone()
        })),
        Entry::Session(Box::new(session)),
        Entry::Subscribed(Box::new(Subscribed {
            client: "c".into(),
            name: "/\u{e4}/*".into(),
            since: 10,
            born: 9,
            behind: 3,
            lost: 1,
        })),
        Entry::Unsubscribed("c".into(), "/a".into()),
        Entry::Missed(Box::new(Missed { client: "c".into(), name: "/a".into(), behind: 0, lost: 1 })),
        Entry::Missed(Box::new(Missed { client: "c".into(), name: "/a".into(), behind: u64::MAX, lost: 2 })),
        Entry::Handed("c".into()),
        Entry::Over("c".into()),
    ] {
        assert_eq!(Line::read(&line(&entry)), Ok(Line::Entry(entry)));
    }
    let mut end = Vec::new();
    write_end(20, &mut end);
    assert_eq!(end, b"{\"end\":20}\n");
    assert_eq!(Line::read(&end), Ok(Line::End(20)));
    let mut text = Vec::new();
    first().write(&mut text);
    assert_eq!(First::read(&text), Ok(first()));
    // What is not known is not written.
    let mut text = Vec::new();
    let only = First { lives: Lives::default(), memory: 0, ..first() };
    only.write(&mut text);
    let written = String::from_utf8_lossy(&text);
    assert!(!written.contains("lives") && !written.contains("memory"), "{written}");
    assert_eq!(First::read(&text), Ok(only));
}

#[test]
fn what_is_no_line_is_refused_in_words() {
    let mut text = Vec::new();
    first().write(&mut text);
    let text = String::from_utf8(text).expect("text");
    for (line, wanted) in [
        (
            text.replace("\"rcomet_history\":1", "\"rcomet_history\":2"),
            "it is in form 2, which is not known here: expected 1",
        ),
        (text.replace("\"base\":10", "\"base\":21"), "out of order: expected base <= ended <= head"),
        (text.replace("\"head\":20", "\"head\":9007199254740992"), "< 2^53"),
        (text.replace("\"boot\":\"f", "\"boot\":\""), "`boot`: expected 32 hexadecimal digits"),
        (text.replace("\"key\":\"0", "\"key\":\"x"), "`key`: expected 32 hexadecimal digits"),
        (text.replace("\"epoch\"", "\"era\""), "unknown field `era`"),
        (
            text.replace("[1048576,", "[7,"),
            "`lives`: expected at most 8 of [LIFE,SECOND,NUMBER], with 1048576 <= LIFE",
        ),
        (String::from("hello\n"), "expected value (column 1): expected {\"rcomet_history\":1"),
    ] {
        let why = First::read(line.as_bytes()).expect_err(&line);
        assert!(why.contains(wanted), "{line}: {why}");
    }
    let message = r#"{"m":{"to":"a","id":1,"seq":1,"ms":1,"s":1,"tag":0,"body":"x"}}"#;
    assert!(Line::read(message.as_bytes()).is_ok());
    for (line, wanted) in [
        (message.replace("\"id\":1", "\"id\":0"), "id 0 and seq 1: expected numbers from 1 on"),
        (message.replace("\"seq\":1", "\"seq\":9007199254740992"), "below 2^53"),
        (message.replace("\"body\"", "\"text\""), "unknown field `text`"),
        (message.replace("{\"m\":", "{\"w\":"), "unknown variant `w`"),
        (message.replace("}}", "}"), "expected something such as {\"m\":"),
        (
            r#"{"channel":{"name":"a","made":1,"born":5,"next":1,"forgotten":4}}"#.into(),
            "expected born <= forgotten",
        ),
        (r#"{"channel":{"name":"a","made":1,"born":5,"next":0,"forgotten":5}}"#.into(), "next from 1 on"),
        (String::from("\0\0\0"), "expected value"),
    ] {
        let why = Line::read(line.as_bytes()).expect_err(&line);
        assert!(why.contains(wanted), "{line}: {why}");
    }
}
