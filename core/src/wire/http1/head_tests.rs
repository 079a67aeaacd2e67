use super::*;

/// What a head means, owned, so that cases can be compared.
#[derive(Debug, PartialEq, Eq)]
struct Meaning {
    method: Method,
    path: Vec<u8>,
    query: Vec<u8>,
    framing: Framing,
    keep_alive: bool,
}

fn meaning(text: &[u8]) -> Option<Result<Meaning, Reject>> {
    let end = find_end(text, &mut 0)?;
    let mut table = header_table();
    Some(parse(&text[..end], &mut table, 64).map(|head| Meaning {
        method: head.method,
        path: head.path.to_vec(),
        query: head.query.as_bytes().to_vec(),
        framing: head.framing,
        keep_alive: head.keep_alive,
    }))
}

/// Reads a head whole, byte by byte, and with something behind it (after h11): it means the same.
#[track_caller]
fn reads(text: &str) -> Result<Meaning, Reject> {
    let whole = meaning(text.as_bytes()).expect("the head has an end");
    let mut scanned = 0;
    for n in 0..text.len() {
        assert_eq!(find_end(&text.as_bytes()[..n], &mut scanned), None, "too early at {n}");
    }
    assert_eq!(find_end(text.as_bytes(), &mut scanned), Some(text.len()));
    let with_more = [text.as_bytes(), b"GET /next HTTP/1.1\r\n\r\n"].concat();
    assert_eq!(find_end(&with_more, &mut 0), Some(text.len()));
    assert_eq!(
        meaning(&with_more),
        Some(match &whole {
            Ok(m) => Ok(Meaning { path: m.path.clone(), query: m.query.clone(), ..*m }),
            Err(e) => Err(*e),
        })
    );
    whole
}

#[track_caller]
fn bad(text: &str) {
    let got = reads(text);
    assert!(matches!(got, Err(Reject::Bad(_))), "{text:?} gave {got:?}");
}

#[test]
fn a_plain_request() {
    let got = reads("GET /sub?cname=a&seq=1 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(
        got,
        Meaning {
            method: Method::Get,
            path: b"/sub".to_vec(),
            query: b"cname=a&seq=1".to_vec(),
            framing: Framing::Length(0),
            keep_alive: true,
        }
    );
}

#[test]
fn targets_in_all_forms() {
    let path = |target: &str| {
        let got = reads(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        got.map(|m| (String::from_utf8(m.path).unwrap(), String::from_utf8(m.query).unwrap()))
    };
    assert_eq!(path("/a%2fb%zz?x=%2f"), Ok(("/a/b%zz".into(), "x=%2f".into())));
    assert_eq!(path("http://h:1/p?q"), Ok(("/p".into(), "q".into())));
    assert_eq!(path("HTTP://h?q"), Ok(("/".into(), "q".into())));
    assert_eq!(path("/p?a=1#b&c=2"), Ok(("/p".into(), "a=1".into())));
    assert!(matches!(path("p"), Err(Reject::Bad(_))));
    assert!(matches!(path("ftp://h/p"), Err(Reject::Bad(_))));
    assert!(matches!(path("*"), Err(Reject::Bad(_))));
    assert_eq!(reads("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").unwrap().path, b"*");
}

#[test]
fn targets_that_strict_parsers_refuse() {
    for c in ["\"", "<", ">", "\\", "^", "`", "{", "|", "}", "[", "]", "é", "%"] {
        let got = reads(&format!("GET /push?cname=a&content={c} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(got.unwrap().query, format!("cname=a&content={c}").as_bytes(), "{c}");
    }
}

#[test]
fn bodies_have_one_end() {
    let framing =
        |fields: &str| reads(&format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n")).map(|m| m.framing);
    assert_eq!(framing("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
    assert_eq!(framing("transfer-encoding:  Chunked \r\n"), Ok(Framing::Chunked));
    for smuggled in [
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x1\r\n",
        "Content-Length:\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ] {
        assert!(matches!(framing(smuggled), Err(Reject::Bad(_))), "{smuggled:?}");
    }
    assert!(matches!(framing("Transfer-Encoding: gzip, chunked\r\n"), Err(Reject::NotImplemented(_))));
    assert!(matches!(framing("Transfer-Encoding: identity\r\n"), Err(Reject::NotImplemented(_))));
    assert_eq!(framing("Content-Length: 99999999999999999999\r\n"), Err(Reject::BodyTooLarge));
    bad("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
}

#[test]
fn smuggling_by_white_space_and_folds_is_refused() {
    bad("GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n folded\r\n\r\n");
    bad("GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\n");
    bad("GET / HTTP/1.1\r\nHost: x\r\n Content-Length: 5\r\n\r\n");
    bad("GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n");
    bad("GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n");
    bad("GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n");
    bad("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n");
}

#[test]
fn one_host_and_only_one() {
    bad("GET / HTTP/1.1\r\n\r\n");
    bad("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert!(reads("GET / HTTP/1.0\r\n\r\n").is_ok());
}

#[test]
fn connections_are_kept_when_both_can() {
    let kept = |text: &str| reads(text).unwrap().keep_alive;
    assert!(kept("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert!(kept("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"));
    assert!(!kept("GET / HTTP/1.1\r\nHost: x\r\nConnection: TE, Close\r\n\r\n"));
    assert!(!kept("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

#[test]
fn bare_line_feeds_end_lines() {
    assert_eq!(reads("GET /sub HTTP/1.1\nHost: x\n\n").unwrap().path, b"/sub");
}

#[test]
fn what_is_not_known_is_said() {
    assert!(matches!(reads("BREW / HTTP/1.1\r\nHost: x\r\n\r\n"), Ok(head) if head.method == Method::Other));
    assert_eq!(reads("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), Err(Reject::Version));
    assert_eq!(reads("GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n"), Err(Reject::Expectation));
    bad("GARBAGE\r\n\r\n");
}

#[test]
fn too_many_fields() {
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(64));
    assert_eq!(reads(&many), Err(Reject::HeadTooLarge));
}

#[test]
fn strangers_never_make_it_panic() {
    let mut chance = crate::chance::Chance::from_seed(5);
    let seed: &[u8] =
        b"POST http://h/%41?x=%zz#f HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    for _ in 0..50_000 {
        let mut text = seed.to_vec();
        for _ in 0..1 + chance.below(6) {
            let at = chance.below(text.len() as u64) as usize;
            match chance.below(3) {
                0 => text[at] = chance.bits() as u8,
                1 => drop(text.remove(at)),
                _ => text.insert(at, b" \r\n\t:%/\0"[chance.below(8) as usize]),
            }
        }
        let _ = meaning(&text);
    }
}
