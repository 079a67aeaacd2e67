//! Messages as clients send them, well and badly.
use super::super::long;
use super::*;
use crate::chance::Chance;

fn read_one(text: &str) -> Message<'_> {
    let mut batch = read([text].into_iter(), 9, 9).unwrap();
    batch.remove(0).unwrap()
}

#[test]
fn a_message_is_read_as_it_came() {
    let m = read_one(
        r#" {"channel":"\/a","id": 7,"clientId":"x","data":{"b" : [1.50, "\u00e9"]},"ext":{"e":null},"confirm":"3"}"#,
    );
    assert_eq!(m.channel.as_deref(), Some("/a"));
    assert_eq!((m.echo(), m.client_id.as_deref()), (Some("7"), Some("x")));
    assert_eq!(m.data.unwrap().get(), r#"{"b" : [1.50, "\u00e9"]}"#);
    assert_eq!(m.extension("e").unwrap().get(), "null");
    assert!(m.extension("f").is_none());
}

#[test]
fn objects_and_arrays_are_joined() {
    let batch = read([r#"[{"id":"1"},5,{"id":"2"}]"#, r#"{"id":"3"}"#].into_iter(), 4, 9).unwrap();
    let ids: Vec<_> = batch.iter().map(|m| m.as_ref().and_then(Message::echo)).collect();
    assert_eq!(ids, [Some("\"1\""), None, Some("\"2\""), Some("\"3\"")]);
}

#[test]
fn what_is_no_batch_is_named() {
    let of = |text: &'static str| read([text].into_iter(), 2, 3).map(|batch| batch.len());
    assert_eq!(of("[]"), Err(NoBatch::Empty));
    assert_eq!(of("[{},{},{}]"), Err(NoBatch::Length));
    assert_eq!(of(r#"[{"data":[[]]}]"#), Err(NoBatch::Depth));
    assert_eq!(of(r#"[{"data":["[[[[[]]\"[[[["]}]"#), Ok(1));
    for bad in ["", " ", "5", "null", "\"x\"", "[{}", "{}{}", "[1,]", "{\"a\"}", "[{}] x", "\u{feff}[]"] {
        assert_eq!(of(bad), Err(NoBatch::Json), "{bad}");
    }
    assert_eq!(read([].into_iter(), 2, 3).map(|b| b.len()), Err(NoBatch::Empty));
}

#[test]
fn deep_nesting_costs_no_stack() {
    let text = "[".repeat(1 << 20);
    assert_eq!(read([&*text].into_iter(), 2, 64).map(|b| b.len()), Err(NoBatch::Depth));
}

#[test]
fn ids_that_cannot_be_repeated_are_left_out() {
    for bad in ["{\"id\":[1]}", "{\"id\":{}}", "{\"id\":null}", "{\"id\":true}", "{}"] {
        assert_eq!(read_one(bad).echo(), None, "{bad}");
    }
    let long = format!("{{\"id\":\"{}\"}}", "x".repeat(300));
    assert_eq!(read_one(&long).echo(), None);
    assert_eq!(read_one("{\"id\":-1.5e3}").echo(), Some("-1.5e3"));
}

#[test]
fn subscriptions_are_one_or_several() {
    let of = |text| read_one(text).subscriptions(3).map(|s| s.join(" "));
    assert_eq!(of(r#"{"subscription":"/a"}"#), Ok("/a".into()));
    assert_eq!(of(r#"{"subscription":["/a","\/b"]}"#), Ok("/a /b".into()));
    assert_eq!(of(r#"{"subscription":[]}"#), Ok(String::new()));
    assert_eq!(of("{}"), Err(NoBatch::Empty));
    assert_eq!(
        of(r#"{"subscription":[1,"/b","/c","/d"]}"#),
        Err(NoBatch::Length),
        "the rest is not looked at"
    );
    for bad in ["null", "5", "{}", "[5]", "[\"/a\",null]"] {
        let text = format!("{{\"subscription\":{bad}}}");
        assert_eq!(read_one(&text).subscriptions(3).map(|s| s.len()), Err(NoBatch::Json), "{bad}");
    }
}

#[test]
fn advice_and_transports() {
    let m = read_one(r#"{"advice":{"timeout":0,"interval":-5},"supportedConnectionTypes":["flash"]}"#);
    assert_eq!((m.advised("timeout"), m.advised("interval"), m.advised("x")), (Some(0), None, None));
    assert!(!m.has_transport(&["long-polling"]) && m.has_transport(&["flash"]));
    assert!(read_one("{}").has_transport(&["long-polling"]));
    assert!(read_one(r#"{"advice":7,"supportedConnectionTypes":null}"#).has_transport(&["x"]));
    assert_eq!(read_one(r#"{"advice":{"timeout":1e99}}"#).advised("timeout"), Some(u64::MAX));
}

#[test]
fn fields_of_other_types_are_missing() {
    let m = read_one(r#"{"channel":5,"clientId":12345,"connectionType":[]}"#);
    assert!(m.channel.is_none() && m.client_id.is_none() && m.connection_type.is_none());
    assert_eq!(read_one(r#"{"channel":"/a","channel":"/b"}"#).channel.as_deref(), Some("/b"));
}

#[test]
fn the_last_of_two_extensions_of_a_name_counts() {
    let m = read_one(r#"{"ext":{"ack":1,"x":[{"ack":7}],"timesync":{"tc":5,"tc":6},"a\u0063k":2}}"#);
    let [ack, none, sync] = m.extensions(["ack", "none", "timesync"]);
    assert_eq!((ack.unwrap().get(), none.is_none()), ("2", true));
    let sync = Timesync::read(sync.unwrap(), 1_000, Moment(3)).unwrap();
    assert_eq!((&*sync.sent, sync.off_ms, sync.at), ("6", None, Moment(3)));
    assert!(read_one(r#"{"ext":"ack"}"#).extension("ack").is_none());
}

/// A text, with so many changes.
fn changed(seed: &str, times: u64, chance: &mut Chance) -> String {
    let mut text = seed.as_bytes().to_vec();
    for _ in 0..times {
        let at = chance.below(text.len() as u64) as usize;
        match chance.below(3) {
            0 => text[at] = b"[]{}\",:\\u0n"[chance.below(11) as usize],
            1 => drop(text.remove(at)),
            _ => text.insert(at, b"[]{}\",:\\u0n"[chance.below(11) as usize]),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn what_is_read_in_one_go_is_what_is_read_one_by_one() {
    let seed = r#"[{"channel":"/a","clientId":5},{"id":7},[],{"connectionType":"x","data":"\ud800"}]"#;
    let plain = r#"[{"channel":"/a","clientId":"b"},{"id":[7]}, {"ext":{"ack":1},"data":"\ud800"} ]"#;
    let (mut chance, mut counts) = (Chance::from_seed(11), [0; 3]);
    for round in 0..20_000 {
        let text = changed(if round % 2 == 0 { seed } else { plain }, round % 3, &mut chance);
        let most = chance.below(6) as usize;
        let one_by_one =
            any_messages(&text, most).map(|messages| format!("{:?}", messages.collect::<Vec<_>>()));
        match plain_messages(&text, most) {
            Ok(messages) => assert_eq!(Ok(format!("{messages:?}")), one_by_one, "{text}"),
            Err(Odd { is_longer }) => {
                assert!(!is_longer || one_by_one.is_err(), "{text}");
                counts[usize::from(one_by_one.is_ok())] += 1;
            }
        }
        // So is what is read from place to place.
        let (texts, mut place) = ([&*text], long::Place::default());
        match (long::count(&texts, 100, 64), read(texts.into_iter(), 100, 64)) {
            (Ok(count), Ok(messages)) => {
                let all: Vec<_> = std::iter::from_fn(|| long::next(&texts, &mut place)).collect();
                assert_eq!((all.len(), format!("{all:?}")), (count, format!("{messages:?}")), "{text}");
            }
            (counted, whole) => assert_eq!(counted.err(), whole.err(), "{text}"),
        }
        counts[2] += 1;
        let depth = depth(&text);
        assert!(!is_deeper(&text, depth) && (depth == 0 || is_deeper(&text, depth - 1)), "{text}");
    }
    let [neither, odd, all] = counts;
    assert!(neither > 1_000 && odd > 1_000 && all - neither - odd > 1_000, "{counts:?}");
}

#[test]
fn strings_that_are_none_are_missing_and_the_message_is_not() {
    let batch = read([r#"[{"channel":"/a"},{"channel":"\ud800","id":1}]"#].into_iter(), 9, 9).unwrap();
    let second = batch[1].as_ref().unwrap();
    assert!(second.channel.is_none() && second.echo() == Some("1"));
}

#[test]
fn strangers_never_make_it_panic() {
    let mut chance = Chance::from_seed(7);
    let seed = r#"[{"channel":"/meta/subscribe","id":"1","subscription":["/a","\u2028"],"ext":{"ack":1},"data":{}}]"#;
    for round in 0..20_000 {
        let text = changed(seed, 1 + round % 5, &mut chance);
        if let Ok(batch) = read([&*text].into_iter(), 9, 9) {
            for message in batch.into_iter().flatten() {
                let _ = (message.echo(), message.subscriptions(3), message.advised("x"));
                let _ = (message.extension("ack"), message.has_transport(&["x"]));
            }
        }
    }
}
