//! What is asked of each server, and what its answers are taken for: the words of their protocols.
use super::*;

fn who(kind: Kind) -> Who {
    Who { kind, id: 0x1a, channel: 3, last: 6, cursor: String::new(), step: 0 }
}

fn asks(target: &dyn Target, who: &Who) -> String {
    let mut out = Vec::new();
    target.listen(who, &mut out);
    String::from_utf8(out).expect("requests are text")
}

fn publishes(target: &dyn Target) -> String {
    let stamp = Stamp { run: 1, channel: 3, number: 7, intended: 9 };
    let mut out = Vec::new();
    target.publish(&Post { stamp, size: 60 }, &mut out);
    String::from_utf8(out).expect("requests are text")
}

#[test]
fn every_request_is_whole_and_publishes_one_message() {
    for name in Name::value_variants() {
        let target = name.speak(1);
        let text = publishes(&*target);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and an end");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        assert_eq!(
            length.map_or(0, |length| length.parse().expect("a number")),
            body.len(),
            "{name}: {text}"
        );
        let mut found = Vec::new();
        crate::payload::Scanner::new().scan(text.as_bytes(), |stamp| found.push(stamp.number));
        assert_eq!(found, [7], "{name}: {text}");
        for &kind in target.kinds() {
            let text = asks(&*target, &who(kind));
            assert!(
                text.contains(" HTTP/1.1\r\nHost: localhost\r\n") && text.contains("\r\n\r\n"),
                "{name}: {text}"
            );
        }
    }
}

#[test]
fn numbers_are_asked_for_in_the_way_of_each_server() {
    let asked = |name: Name, kind| asks(&*name.speak(1), &who(kind)).lines().next().map(str::to_owned);
    let line = |text: &str| Some(format!("GET {text} HTTP/1.1"));
    assert_eq!(asked(Name::Icomet, Kind::Poll), line("/sub?cname=s00000001-3&seq=7"));
    assert_eq!(asked(Name::Icomet, Kind::Jsonp), line("/sub?cname=s00000001-3&seq=7&cb=cb_0000001a"));
    assert_eq!(asked(Name::Rcomet, Kind::Iframe), line("/iframe?cname=s00000001-3&seq=7"));
    assert_eq!(
        asked(Name::Ccomet, Kind::Jsonp),
        line("/subscribe?channel=s00000001-3&sname=n0000001a&seqid=6&callback=cb_0000001a")
    );
}

#[test]
fn nchan_goes_on_where_its_answer_was() {
    let target = Name::Nchan.speak(1);
    let mut poll = who(Kind::Poll);
    assert!(!asks(&*target, &poll).contains("If-"), "it begins with what there is");
    let head = b"HTTP/1.1 200 OK\r\nLast-Modified: Sat, 21 Nov 2026 00:01:46 GMT\r\nEtag: 12\r\n\r\n";
    target.head(&mut poll, head);
    let text = asks(&*target, &poll);
    assert!(
        text.contains("\r\nIf-Modified-Since: Sat, 21 Nov 2026 00:01:46 GMT\r\nIf-None-Match: 12\r\n"),
        "{text}"
    );

    let mut events = who(Kind::Sse);
    target.body(&mut events, b"id: 1795219638:1\ndata: a\n\nid: 1795219638:2\ndata: b\n\n");
    let text = asks(&*target, &events);
    assert!(
        text.contains("\r\nLast-Event-ID: 1795219638:2\r\n") && text.contains("text/event-stream"),
        "{text}"
    );
}

#[test]
fn faye_wants_to_be_greeted() {
    let target = Name::Faye.speak(1);
    for kind in [Kind::Poll, Kind::Sse] {
        let mut client = who(kind);
        assert!(asks(&*target, &client).contains("/meta/handshake") && !target.listens(&client));
        target.body(
            &mut client,
            b"[{\"channel\":\"/meta/handshake\",\"clientId\":\"abc\",\"successful\":true}]",
        );
        assert!(target.goes_on(&mut client));
        let text = asks(&*target, &client);
        assert!(
            text.contains("\"clientId\":\"abc\",\"subscription\":\"/s00000001-3\"")
                && !target.listens(&client),
            "{text}"
        );
        assert!(target.goes_on(&mut client));
        let text = asks(&*target, &client);
        assert!(target.listens(&client));
        assert_eq!(text.contains("/meta/connect"), kind == Kind::Poll, "{text}");
        assert_eq!(text.starts_with("GET /bayeux/abc "), kind == Kind::Sse, "{text}");
        assert_eq!(target.goes_on(&mut client), kind == Kind::Poll, "a stream should not have ended");
    }
    assert!(target.refuses(b"[{\"channel\":\"/meta/connect\",\"successful\":false}]"));
}

#[test]
fn simple_comet_counts_by_its_own_ids_and_wants_channels_made() {
    let target = Name::SimpleComet.speak(1);
    let mut poll = who(Kind::Poll);
    assert!(asks(&*target, &poll).starts_with("GET /channels/s00000001-3.json?since=9007199254740991 "));
    let body =
        b"{\"messages\": {\"r1\": []}, \"since\": 0, \"last_id\": 179521905340044, \"return_code\": 1}";
    target.body(&mut poll, body);
    poll.kind = Kind::Jsonp;
    let text = asks(&*target, &poll);
    assert!(
        text.starts_with("GET /channels/s00000001-3.jsonp?since=179521905340044&cb=_JSONP_0000001a "),
        "{text}"
    );
    assert!(
        target.refuses(b"{\"return_code\": -2, \"error_message\": \"No valid channels\"}")
            && !target.refuses(body)
    );
    let mut made = Vec::new();
    target.prepare(3, &mut made);
    assert!(made.ends_with(b"channel_id=s00000001-3") && made.starts_with(b"POST /channels.json "));
}
