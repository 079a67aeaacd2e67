//! The text of last values: whole, cut anywhere, and with every fault that it can have.
use super::*;

fn preface() -> Preface {
    let lives = Lives::from_lines(&[((1 << 20) + 5, 1_795_219_200, 13)]).expect("a life");
    Preface { base: 100, head: 200, unsure: Some((120, 150)), lives, memory: 1 << 30 }
}

fn plain_value(channel: &str) -> KeptValue {
    KeptValue {
        channel: channel.into(),
        made: 3,
        version: 180,
        after: 170,
        seq: 7,
        time_ms: 1_795_219_200_123,
        second: 1_795_219_200,
        tag: 12,
        keep: Posted { messages_max: 100, age_ms: 0 },
        until_ms: None,
        body: "hello".into(),
        is_json: false,
        is_broadcast: false,
        sender: None,
        media: None,
        ext: None,
    }
}

fn rich_value() -> KeptValue {
    KeptValue {
        keep: Posted { messages_max: 1, age_ms: 5_000 },
        until_ms: Some(1_795_219_300_000),
        body: "line 1\nline \"2\" \u{e9}\u{0}".into(),
        is_json: true,
        sender: Some("ann".into()),
        media: Some(Arc::new(Media { content_type: "a/b".into(), event: "e".into(), is_base64: true })),
        ext: Some("{\"x\":1}".into()),
        ..plain_value("raw:two%0Awords")
    }
}

fn text(values: &[KeptValue], is_clean: bool) -> Vec<u8> {
    let mut out = Vec::new();
    preface_line(&preface(), &mut out);
    for value in values {
        value_line(value, &mut out);
    }
    end_line(values.len() as u64, is_clean, &mut out);
    out
}

fn read(text: &[u8]) -> Result<Kept, String> {
    let mut reading = Reading::default();
    for line in text.split_inclusive(|&c| c == b'\n') {
        reading.line(line)?;
    }
    reading.end()
}

#[test]
fn what_is_written_is_read_back() {
    for (values, is_clean) in
        [(vec![], true), (vec![plain_value("k"), rich_value(), plain_value("\u{1F600}")], false)]
    {
        let text = text(&values, is_clean);
        let kept = read(&text).expect("it is whole");
        assert_eq!((kept.preface, kept.is_clean), (preface(), is_clean));
        let numbered: Vec<(usize, KeptValue)> =
            values.into_iter().enumerate().map(|(i, v)| (i + 2, v)).collect();
        assert_eq!(kept.values, numbered);
    }
}

#[test]
fn what_is_cut_anywhere_is_not_taken() {
    let text = text(&[plain_value("k"), rich_value()], true);
    for end in 0..text.len() - 1 {
        let why = read(&text[..end]).expect_err("it is not whole");
        assert!(why.starts_with("line "), "{why}");
    }
    assert!(read(&text[..text.len() - 1]).is_ok(), "but for the last line's end");
}

#[test]
fn every_fault_has_its_line_and_says_what_was_expected() {
    let whole = String::from_utf8(text(&[plain_value("k"), plain_value("l")], true)).expect("text");
    for (from, to, words) in [
        ("\"rcomet_values\":1", "\"rcomet_values\":2", "line 1: values are in form 2"),
        (
            "{\"rcomet_values\":1,",
            "{",
            "line 1: missing field `rcomet_values` (column 96): expected {\"rcomet_values\":1,",
        ),
        ("\"head\":200", "\"head\":99", "line 1: the numbers are out of order: expected base <= head"),
        ("\"head\":200", "\"head\":9007199254740992", "line 1: the numbers are out of order"),
        ("[120,150]", "[150,120]", "line 1: the numbers are out of order"),
        ("[1048581,", "[5,", "line 1: `lives`: expected at most 8 of [LIFE,SECOND,NUMBER]"),
        ("\"channel\":\"l\",", "", "line 3: missing field `channel` (column "),
        ("\"channel\":\"l\",", "\"colour\":1,", "line 3: unknown field `colour`, expected one of `channel`"),
        ("\"l\",\"made\":3", "\"l\",\"made\":-3", "line 3: invalid value: integer `-3`"),
        (
            "\"version\":180",
            "\"version\":170",
            "line 2: version 170 behind 170: expected base <= after < version",
        ),
        ("\"after\":170", "\"after\":99", "line 2: version 180 behind 99: expected base <= after"),
        ("\"seq\":7", "\"seq\":0", "line 2: seq 0: expected a number from 1 on"),
        ("\"keep_messages\":100", "\"keep_messages\":0", "line 2: keep_messages 0: expected at least 1"),
        ("\"end\":2", "\"end\":3", "line 4: the end speaks of 3 values, and 2 stand before it"),
        ("\"clean\":true}\n", "\"clean\":true}\n{}\n", "line 5: something stands behind the end"),
        ("\"clean\":true", "\"clean\":1", "line 4: invalid type: integer `1`, expected a boolean"),
    ] {
        let broken = whole.replacen(from, to, 1);
        assert_ne!(broken, whole, "{from} is there");
        let why = read(broken.as_bytes()).expect_err(words);
        assert!(why.starts_with(words), "{why}");
        assert!(why.contains("expected") || why.contains("missing"), "{why}");
    }
    let why = read(b"").expect_err("nothing is no file of values");
    assert!(why.starts_with("line 1: there is nothing: expected {\"rcomet_values\":1"), "{why}");
    let why = read(b"\xff\n").expect_err("no text");
    assert!(why.starts_with("line 1: "), "{why}");
}

#[test]
fn what_is_read_is_measured() {
    let mut reading = Reading::default();
    for line in text(&[rich_value()], true).split_inclusive(|&c| c == b'\n') {
        reading.line(line).expect("a line");
    }
    assert_eq!(reading.bytes(), rich_value().bytes());
    assert!(reading.bytes() > rich_value().body.len() + rich_value().channel.len());
}
