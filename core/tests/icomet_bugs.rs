//! icomet's bugs, by the numbers of the list in the protocol's description: none of them is here.
//! `icomet_bugs/limits.rs` has those about limits and time, `icomet_bugs/unnumbered.rs` those that only the text tells.
#[path = "icomet_bugs/limits.rs"]
mod limits;
#[path = "support/listener.rs"]
mod listener;
mod support;
#[path = "icomet_bugs/unnumbered.rs"]
mod unnumbered;

use listener::{Framing, Listener};
use rcomet_core::{Config, Role};
use support::{Client, Server, body, encode, split};

fn with(change: impl FnOnce(&mut Config)) -> Server {
    let mut config = Config::default();
    change(&mut config);
    Server::new(config)
}

/// One whole request on a new admin connection; the whole answer.
fn admin(server: &mut Server, request: impl AsRef<[u8]>) -> String {
    let client = server.connect(Role::Admin);
    server.send(client, request);
    let answer = server.received(client);
    server.vanish(client);
    answer
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn post(target: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Everything that a channel has kept, as contents.
fn kept(server: &mut Server, channel: &str) -> Vec<String> {
    let mut listener = Listener::subscribe(server, Framing::Poll, &format!("cname={channel}&seq=-1"));
    let values = listener.hear(server);
    server.vanish(listener.client);
    listener::flat(&values)
        .iter()
        .filter(|v| v["type"] == "data")
        .map(|v| v["content"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn bug_01_one_malformed_segment_drops_all_parameters() {
    for odd in ["&flag", "&&", "&=x", "&\"<>\\^`{|}[]", "&%", "&%4", "&%zz=1", "&raw=\u{e4}\u{4f60}"] {
        let mut server = Server::default();
        let answer = admin(&mut server, get(&format!("/push?cname=a{odd}&content=it")));
        assert_eq!(body(&answer), "{\"type\":\"ok\"}\n", "{odd}");
        assert_eq!(kept(&mut server, "a"), ["it"], "{odd}");
        assert_eq!(server.machine.load().0, 1, "no channel without a name came into being: {odd}");
    }
    let mut server = Server::default();
    let answer = admin(&mut server, get("/push?cname=a&content=\u{e4}\u{4f60}\u{1f600}"));
    assert_eq!(body(&answer), "{\"type\":\"ok\"}\n");
    assert_eq!(kept(&mut server, "a"), ["\u{e4}\u{4f60}\u{1f600}"], "raw UTF-8 in the URL");
}

#[test]
fn bug_02_control_characters_are_not_escaped() {
    let text: String = ('\0'..' ').chain(['\x7f', '\u{85}']).collect();
    for framing in Framing::ALL {
        let mut server = Server::default();
        server.push("a", "");
        let mut listener = Listener::subscribe(&mut server, framing, "cname=a&seq=2");
        server.push("a", &text);
        assert_eq!(listener.hear(&mut server)[0]["content"], *text, "{framing:?}");
        listener.ask(&mut server, "cname=a&seq=3");
        listener.hear(&mut server);
        if framing.is_stream() {
            continue;
        }
        server.ask(Role::Admin, &format!("/broadcast?content={}", encode(&text)));
        assert_eq!(listener::flat(&listener.hear(&mut server))[0]["content"], *text, "{framing:?}");
    }
}

#[test]
fn bug_03_pub_is_not_validated() {
    for bad in ["\"", "\",\"type\":\"close", "\\", "\\x", "\\u12", "a\nb", "\r\n\r\ndata: x", "\0", "\\ud800"]
    {
        let mut server = Server::default();
        let answer = admin(&mut server, get(&format!("/pub?cname=a&content={}&cb=f", encode(bad))));
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{bad:?}: {answer}");
        assert_eq!(kept(&mut server, "a"), Vec::<String>::new(), "{bad:?}");
    }
    for (good, text) in
        [("\\\"", "\""), ("a\\nb", "a\nb"), ("\\u00e4\u{e4}", "ää"), ("\\ud83d\\ude00", "😀"), ("", "")]
    {
        let mut server = Server::default();
        admin(&mut server, get(&format!("/pub?cname=a&content={}", encode(good))));
        assert_eq!(kept(&mut server, "a"), [text], "{good:?}");
    }
}

#[test]
fn bug_04_cname_is_never_escaped() {
    let name = "a\"b\\<script>'&\u{2028}";
    let query = encode(name);
    for framing in Framing::ALL {
        let mut server = Server::default();
        let mut listener = Listener::subscribe(&mut server, framing, &format!("cname={query}&seq=1"));
        server.push(&query, "m");
        assert_eq!(listener.hear(&mut server)[0]["cname"], *name, "{framing:?}");
    }
    let mut server = Server::default();
    for path in ["/sign", "/info", "/check"] {
        let (head, text) = split(&admin(&mut server, get(&format!("{path}?cname={query}"))));
        assert!(head.contains("Content-Type: application/json") && !text.contains('<'), "{head} {text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value["cname"] == *name || value[name] == 1, "{text}");
    }
    for path in ["/close", "/clear"] {
        let (head, _) = split(&admin(&mut server, get(&format!("{path}?cname=%3Cscript%3E"))));
        assert!(head.starts_with("HTTP/1.1 404 ") && head.contains("Content-Type: text/plain"), "{head}");
        assert!(head.contains("X-Content-Type-Options: nosniff"), "{head}");
    }
}

#[test]
fn bug_05_cb_is_echoed_unchecked() {
    let long = "f".repeat(129);
    for bad in ["alert(1)//", "f;", "<script>", "f\r\nX: y", "1f", "f'", "f(g", "\u{e4}", " f", &long] {
        let mut server = Server::default();
        let cb = encode(bad);
        let front = server.connect(Role::Front);
        for target in [
            format!("/sub?cname=a&cb={cb}"),
            format!("/poll?cname=a&seq=1&cb={cb}"),
            format!("/ping?cb={cb}"),
        ] {
            let (head, text) = split(&server.get(front, &target));
            assert!(head.starts_with("HTTP/1.1 400 ") && head.contains("text/plain"), "{target}: {head}");
            assert!(!text.contains(bad), "{text}");
        }
        for path in ["/push", "/pub", "/sign"] {
            let answer = admin(&mut server, get(&format!("{path}?cname=a&content=x&cb={cb}")));
            assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
        }
        assert_eq!(server.machine.counters().callbacks_refused, 6);
        assert_eq!(server.machine.load(), (0, 0), "and nothing was done");
    }
    let mut server = Server::default();
    for good in ["f", "icomet_cb_0", "jQuery19108_17", "a.b[0].$c"] {
        let answer = server.ask(Role::Front, &format!("/sub?cname=a&cb={}", encode(good)));
        assert!(answer.starts_with(&format!("/**/{good}(")), "{answer}");
    }
}

#[test]
fn bug_06_iframe_is_labelled_json_and_script_ends_break_out() {
    let mut server = Server::default();
    server.push("a", "</script><script>alert(1)</script><!--");
    let mut listener = Listener::subscribe(&mut server, Framing::Iframe, "cname=a&seq=1");
    // The listener itself checks that no `<` is inside of a call.
    assert_eq!(listener.heard(&mut server), ["data 1 </script><script>alert(1)</script><!--"]);
    assert!(listener.head.contains("Content-Type: text/html; charset=utf-8"), "{}", listener.head);
    assert!(!listener.head.contains("nosniff"), "{}", listener.head);
}

#[test]
fn bug_07_a_zero_byte_truncates_content() {
    let mut server = Server::default();
    admin(&mut server, get("/push?cname=a&content=one%00two"));
    admin(&mut server, post("/push", "application/x-www-form-urlencoded", "cname=a&content=one%00two"));
    assert_eq!(kept(&mut server, "a"), ["one\0two", "one\0two"]);
}

#[test]
fn bug_08_head_is_answered_with_a_body() {
    let mut server = Server::default();
    let admin = server.connect(Role::Admin);
    let head = |target: &str| format!("HEAD {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    for target in ["/info", "/check?cname=a", "/sign?cname=a", "/close?cname=no", "/nothing", "/psub"] {
        server.send(admin, head(target) + &get("/check"));
        let answer = server.received(admin);
        let (first, rest) = answer.split_once("\r\n\r\n").unwrap();
        assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && body(rest) == "{}\n", "{target}: {answer}");
        assert!(first.contains("Content-Length: ") || first.contains("chunked"), "{first}");
    }
}

#[test]
fn bug_08_http_10_keep_alive_has_a_length_of_zero_and_a_body() {
    let mut server = Server::default();
    server.push("a", "m");
    for path in
        ["/sub?cname=a&seq=1", "/sub?cname=a&seq=1&cb=f", "/sub?cname=a&seq=2", "/stream?cname=a&seq=1"]
    {
        let client = server.connect(Role::Front);
        server.send(client, format!("GET {path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        server.pass_ms(30_000);
        let answer = server.received(client);
        let (head, text) = split(&answer);
        assert!(!text.is_empty() && !head.contains("Content-Length: 0"), "{answer}");
        assert_eq!(head.matches("Connection:").count(), 1, "{head}");
        assert!(head.contains("Connection: close") && !head.contains("chunked"), "{head}");
        assert_eq!(server.is_shut(client), !path.starts_with("/stream"), "the end of the body: {path}");
    }
}

#[test]
fn bug_08_the_body_of_a_get_is_parsed_as_the_next_request() {
    let mut server = Server::default();
    let inner = get("/push?cname=a&content=smuggled");
    let length = inner.len();
    let outer =
        format!("GET /push?cname=a&content=1 HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{inner}");
    let answer = admin(&mut server, outer);
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 1, "{answer}");
    assert_eq!(kept(&mut server, "a").len(), 1);
}

#[test]
fn bug_11_sign_seq_is_capped_whatever_the_buffer() {
    for n in [3, 20, 1000] {
        let mut server = with(|c| c.limits.history_messages_max = n);
        for i in 1..=40_u64 {
            server.push("a", "m");
            let oldest = (i + 1).saturating_sub(n as u64).max(1);
            let signed = server.ask(Role::Admin, "/sign?cname=a");
            assert!(signed.contains(&format!("\"seq\":{oldest},")), "{n} kept, {i} pushed: {signed}");
        }
    }
}

#[test]
fn bug_12_sign_with_a_short_expires_shortens_the_life_of_a_channel() {
    let mut server = with(|c| c.icomet.channel_timeout_ms = 10_000);
    server.ask(Role::Admin, "/sign?cname=a&expires=100");
    server.ask(Role::Admin, "/sign?cname=a&expires=1");
    server.pass_ms(99_000);
    assert_eq!(server.ask(Role::Admin, "/check?cname=a"), "{\"a\": 1}\n");
    server.pass_ms(1_000);
    assert_eq!(server.ask(Role::Admin, "/check?cname=a"), "{}\n");
    // Nor does it shorten what a push gave.
    server.push("b", "m");
    server.ask(Role::Admin, "/sign?cname=b&expires=1");
    server.pass_ms(9_000);
    assert_eq!(server.ask(Role::Admin, "/check?cname=b"), "{\"b\": 1}\n");
}

#[test]
fn bug_13_tokens_are_predictable() {
    let token = |server: &mut Server, name: &str| server.ask(Role::Admin, &format!("/sign?cname={name}"));
    let mut server = Server::default();
    let mut tokens: Vec<String> = (0..100).map(|i| token(&mut server, &format!("c{i}"))).collect();
    tokens.iter_mut().for_each(|t| *t = t.split("\"token\":\"").nth(1).unwrap()[..32].to_owned());
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 100);
    // They come from the entropy that the shell hands in, and from nothing else.
    let of_seed = |seed| token(&mut Server::with_seed(Config::default(), seed), "a");
    assert_eq!(of_seed(5), of_seed(5));
    assert_ne!(of_seed(5), of_seed(6));
    // Another life of the channel has another token.
    let before = token(&mut server, "a");
    server.ask(Role::Admin, "/close?cname=a");
    assert_ne!(token(&mut server, "a"), before);
}

#[test]
fn bug_14_restarts_and_expiry_lose_messages_silently() {
    // An event source that comes back to another server is told, and gets all there is.
    let mut first = Server::with_seed(Config::default(), 1);
    first.push("a", "old");
    let mut listener = Listener::subscribe(&mut first, Framing::Sse, "cname=a&seq=1");
    listener.hear(&mut first);
    let mut second = Server::with_seed(Config::default(), 2);
    second.push("a", "new");
    let resumed = resume(&mut second, "cname=a&seq=1", &listener.id);
    assert!(resumed.contains("\"type\":\"gap\"") && resumed.contains("\"content\":\"new\""), "{resumed}");
    // A client that keeps the epoch in mind is told as well, in every framing.
    let told =
        |server: &mut Server, framing, query: &str| Listener::subscribe(server, framing, query).hear(server);
    for framing in Framing::ALL {
        let epoch =
            told(&mut first, framing, "cname=a&seq=1&epoch=")[0]["content"].as_str().unwrap().to_owned();
        let heard = told(&mut second, framing, &format!("cname=a&seq=2&epoch={epoch}"));
        assert_eq!((&heard[0]["type"], &heard[0]["seq"]), (&"epoch".into(), &1.into()), "{framing:?}");
        let same = told(&mut first, framing, &format!("cname=a&seq=2&epoch={epoch}"));
        assert!(same.is_empty(), "the same life: {same:?}");
    }
    // After a clear an old number is not left waiting without a hint.
    first.ask(Role::Admin, "/clear?cname=a");
    for framing in Framing::ALL {
        let mut listener = Listener::subscribe(&mut first, framing, "cname=a&seq=1");
        assert_eq!(listener.heard(&mut first).last().unwrap(), "next_seq 2 ", "{framing:?}");
    }
}

fn resume(server: &mut Server, query: &str, id: &str) -> String {
    let client: Client = server.connect(Role::Front);
    server.send(client, format!("GET /sse?{query} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {id}\r\n\r\n"));
    server.received(client)
}

#[test]
fn bug_15_extreme_numbers_overflow() {
    let extremes = [
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "4294967296",
        "4294967297",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "99999999999999999999999",
    ];
    for framing in Framing::ALL {
        let mut server = Server::default();
        server.push("a", "m");
        for seq in extremes {
            let mut listener = Listener::subscribe(
                &mut server,
                framing,
                &format!("cname=a&seq={seq}&noop={seq}&roster={seq}"),
            );
            let heard = listener.heard(&mut server).join("");
            let wanted = if seq.starts_with('-') { "data 1 m" } else { "next_seq 2 " };
            assert_eq!(heard.trim_matches(['[', ']']), wanted, "{framing:?} {seq}");
        }
    }
    let mut server = Server::default();
    for expires in extremes {
        let signed = server.ask(Role::Admin, &format!("/sign?cname=a&expires={expires}"));
        let value: serde_json::Value = serde_json::from_str(&signed).unwrap();
        let in_force = value["expires"].as_u64().unwrap();
        assert!((1..=365 * 24 * 3600).contains(&in_force), "{signed}");
    }
}

#[test]
fn bug_16_a_poll_is_used_after_its_noop() {
    let mut server = Server::default();
    let mut poll = Listener::subscribe(&mut server, Framing::Poll, "cname=a&seq=1&noop=3");
    for round in 0..5 {
        server.pass_ms(30_000);
        assert_eq!(poll.heard(&mut server), ["noop 3 "], "its own number, round {round}");
        assert_eq!(server.machine.load(), (1, 0), "it has left");
        poll.ask(&mut server, "cname=a&seq=1&noop=3");
        poll.heard(&mut server);
    }
    server.push("a", "m");
    assert_eq!(poll.heard(&mut server), ["data 1 m"]);
}

#[test]
fn bug_25_json_and_multipart_bodies_publish_an_empty_message() {
    let mut server = Server::default();
    let json = r#"{"cname":"a","content":"from JSON \u00e4\n"}"#;
    for kind in ["application/json", "Application/JSON; charset=utf-8"] {
        assert_eq!(body(&admin(&mut server, post("/push", kind, json))), "{\"type\":\"ok\"}\n");
    }
    assert_eq!(kept(&mut server, "a"), ["from JSON ä\n", "from JSON ä\n"]);
    for (kind, text) in [
        ("application/json", "{\"cname\":\"a\","),
        ("application/json", "[]"),
        ("application/json", "cname=a&content=x"),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"cname\"\r\n\r\na\r\n--b--\r\n",
        ),
    ] {
        let answer = admin(&mut server, post("/push?cname=a&content=query", kind, text));
        assert!(answer.starts_with("HTTP/1.1 415 Unsupported Media Type\r\n"), "{kind}: {answer}");
    }
    assert_eq!(kept(&mut server, "a").len(), 2, "nothing was published");
    admin(&mut server, post("/push", "text/plain", "cname=a&content=plain"));
    assert_eq!(kept(&mut server, "a").last().unwrap(), "plain");
}
