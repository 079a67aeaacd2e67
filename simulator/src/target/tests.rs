//! What is asked of each server, and what its answers are taken for: the words of their protocols.
use super::*;

fn who(kind: Kind) -> Who {
    Who { kind, id: 0x1a, channel: 3, last: 6, cursor: String::new(), step: 0 }
}

/// The usual dialect of a server.
fn speak(name: Name) -> Box<dyn Target> {
    Language::choose(name, None).expect("it speaks something").speak(1)
}

/// One of rcomet's dialects.
fn in_dialect(dialect: Dialect) -> Box<dyn Target> {
    Language::choose(Name::Rcomet, Some(dialect)).expect("rcomet speaks it").speak(1)
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
    for name in Language::all() {
        let target = name.speak(1);
        if name.dialect() == Dialect::Websocket {
            continue;
        }
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
    let asked = |name: Name, kind| asks(&*speak(name), &who(kind)).lines().next().map(str::to_owned);
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
    let target = speak(Name::Nchan);
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
    let target = speak(Name::Faye);
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
    let target = speak(Name::SimpleComet);
    let mut poll = who(Kind::Poll);
    assert!(asks(&*target, &poll).starts_with("GET /channels/s00000001-3.json?since=0 "));
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

#[test]
fn the_push_module_has_the_locations_of_its_readme() {
    let target = in_dialect(Dialect::Push);
    assert!(asks(&*target, &who(Kind::Poll)).starts_with("GET /activity?channel=s00000001-3 HTTP/1.1\r\n"));
    assert!(publishes(&*target).starts_with("POST /publish?channel=s00000001-3 HTTP/1.1\r\n"));
}

#[test]
fn the_push_modules_websocket_goes_on_behind_the_last_whole_id() {
    let target = in_dialect(Dialect::Push);
    let mut socket = who(Kind::Websocket);
    let shake = asks(&*target, &socket);
    assert!(
        shake.contains("\r\nSec-WebSocket-Protocol: ws+meta.nchan\r\n") && !shake.contains("Last-Event-ID")
    );
    assert!(!target.listens(&socket) && target.goes_on(&mut socket));
    assert!(
        target.listens(&socket) && asks(&*target, &socket).is_empty(),
        "the handshake was all there is to ask"
    );
    assert!(!target.goes_on(&mut socket), "it should not have ended");
    let body = b"id: 1795219638:1\ncontent-type: text/plain\n\nx\nid: 17";
    target.body(&mut socket, body);
    for (piece, unfinished) in
        [(&body[..], 6), (b"x", 0), (b"x\ni", 1), (b"x\n", 0), (b"id: 17", 6), (b"id: 17\n", 0), (b"i", 1)]
    {
        assert_eq!(target.unfinished(&socket, piece), unfinished, "{}", String::from_utf8_lossy(piece));
    }
    target.hung_up(&mut socket);
    assert!(asks(&*target, &socket).contains("\r\nLast-Event-ID: 1795219638:1\r\n"));
}

#[test]
fn answers_are_acknowledged_where_the_server_asks_for_it() {
    let target = in_dialect(Dialect::Bayeux);
    assert_eq!(target.kinds(), [Kind::Poll], "rcomet has no event stream of Faye's");
    let mut client = who(Kind::Poll);
    assert!(asks(&*target, &client).contains("\"ext\":{\"ack\":true}"));
    target.body(&mut client, b"[{\"clientId\":\"abc\",\"successful\":true,\"ext\":{\"ack\":true}}]");
    assert!(target.goes_on(&mut client) && asks(&*target, &client).contains("\"clientId\":\"abc\","));
    assert!(target.goes_on(&mut client) && asks(&*target, &client).contains(",\"ext\":{\"ack\":0}}]"));
    let answer =
        b"[{\"channel\":\"/a\",\"data\":\"1\"},{\"channel\":\"/meta/connect\",\"ext\":{\"ack\":12}}]";
    target.body(&mut client, answer);
    target.hung_up(&mut client);
    assert!(
        asks(&*target, &client)
            .contains("\"clientId\":\"abc\",\"connectionType\":\"long-polling\",\"ext\":{\"ack\":12}")
    );
}

#[test]
fn a_websocket_is_shaken_hands_with_before_it_is_asked() {
    let target = in_dialect(Dialect::Websocket);
    let mut client = who(Kind::Websocket);
    let unmask = |mut frame: Vec<u8>| {
        let head = crate::frames::Head::read(&frame).expect("a frame").expect("whole");
        let (mask, body) = (head.mask.expect("clients mask"), &mut frame[head.bytes..]);
        crate::frames::apply(mask, body);
        assert_eq!(body.len() as u64, head.length);
        String::from_utf8(body.to_vec()).expect("text")
    };
    for _ in 0..2 {
        assert!(asks(&*target, &client).starts_with("GET /ws HTTP/1.1\r\n") && !target.listens(&client));
        assert!(target.goes_on(&mut client) && target.listens(&client));
        let mut out = Vec::new();
        target.listen(&client, &mut out);
        assert_eq!(unmask(out), r#"{"type":"subscribe","channel":"s00000001-3","seq":7}"#);
        assert!(!target.goes_on(&mut client), "it has no end");
        target.hung_up(&mut client);
    }
    let stamp = Stamp { run: 1, channel: 3, number: 7, intended: 9 };
    let mut out = Vec::new();
    target.publish(&Post { stamp, size: 60 }, &mut out);
    let text = unmask(out);
    assert!(text.starts_with(r#"{"type":"publish","channel":"s00000001-3","data":"rcS~"#), "{text}");
    assert!(target.refuses(br#"{"type":"error","status":403,"reason":"..."}"#));
}

#[test]
fn who_speaks_what_is_said() {
    for name in Name::value_variants() {
        let usual = Language::choose(*name, None).expect("its usual one");
        assert_eq!(usual.to_string(), name.to_string());
        assert!(*name == Name::Fixed || usual.speak(1).kinds().contains(&usual.usual_kind()));
    }
    let language =
        Language::choose(Name::Rcomet, Some(Dialect::Websocket)).expect("rcomet speaks everything");
    assert_eq!(
        (language.to_string().as_str(), language.usual_kind()),
        ("rcomet (websocket)", Kind::Websocket)
    );
    let refused = Language::choose(Name::Faye, Some(Dialect::Push)).expect_err("Faye does not");
    assert_eq!(refused, "faye does not speak push, but: bayeux");
}

#[test]
fn a_publish_is_taken_only_where_the_answer_says_so() {
    use Published::{Refused, Taken, Unknown};
    for (dialect, body, says) in [
        (Dialect::Icomet, &b"{\"type\":\"ok\"}\n"[..], Taken),
        (Dialect::Icomet, b"{\"type\":\"error\"}", Refused),
        (Dialect::Icomet, b"{\"type\":\"429\"}", Refused),
        (Dialect::Icomet, b"", Refused),
        (Dialect::Websocket, b"{\"type\":\"published\",\"channel\":\"a\"}", Taken),
        (Dialect::Websocket, b"{\"type\":\"error\",\"status\":403}", Refused),
        (Dialect::Websocket, b"{\"type\":\"draining\"}", Unknown),
        (Dialect::Bayeux, b"[{\"channel\":\"/a\",\"successful\":true}]", Taken),
        (Dialect::Bayeux, b"[{\"channel\":\"/a\",\"successful\":false}]", Refused),
        (Dialect::Push, b"queued messages: 1", Taken),
    ] {
        let text = String::from_utf8_lossy(body);
        assert_eq!(in_dialect(dialect).published(body), says, "{dialect}: {text}");
    }
    assert_eq!(speak(Name::Fixed).published(b"anything"), Taken);
}
