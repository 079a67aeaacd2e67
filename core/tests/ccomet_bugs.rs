//! CComet's bugs, those of its README and those that were found: none of them is here.
#[path = "support/script.rs"]
mod script;
mod support;

use rcomet_core::config::Auth;
use rcomet_core::{Config, Role};
use script::{array, ask, ccomet, items, publish, wait};
use support::{Client, Server, body, encode};

fn subscribe(server: &mut Server, query: &str) -> String {
    ask(server, &format!("/subscribe?{query}")).1
}

#[test]
fn write_buffer_overflow_one_reader_blocks_or_ends_everybody() {
    let mut server = ccomet();
    // More than all kernel buffers, and more than a history keeps.
    for i in 0..100 {
        publish(&mut server, "big", "bob", &format!("{i}:{}", "y".repeat(40_000)));
    }
    let clogged = server.connect(Role::Ccomet);
    server.clog(clogged, true);
    server.send(
        clogged,
        "GET /subscribe?channel=big&sname=slow&seqid=0&callback=f HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    // Nobody else notices.
    let waiting = wait(&mut server, "big", "ann", 100);
    publish(&mut server, "big", "bob", "on we go");
    assert_eq!(items(&server.received(waiting)), ["MSG on we go bob 100"]);
    let limits = &server.machine.config().limits;
    let most = 2 * (limits.history_bytes_max + limits.outbox_bytes_max) + (1 << 20);
    assert!(server.machine.memory().total_bytes() < most, "{:?}", server.machine.memory());
    // It reads after all: a whole answer, in order, and its number is where it goes on.
    server.clog(clogged, false);
    let caught_up = array(&server.received(clogged));
    let first: i64 = caught_up[0]["seqid"].as_str().unwrap().parse().unwrap();
    for (seqid, item) in (first..).zip(&caught_up) {
        assert_eq!(item["seqid"], seqid.to_string());
        assert!(item["msg"].as_str().unwrap().starts_with(&format!("{seqid}:y")));
    }
    // It leaves in the middle: nothing happens either.
    server.clog(clogged, true);
    server.send(
        clogged,
        "GET /subscribe?channel=big&sname=slow&seqid=0&callback=f HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    server.vanish(clogged);
    let waiting = wait(&mut server, "big", "ann", 101);
    publish(&mut server, "big", "bob", "still here");
    assert_eq!(items(&server.received(waiting)), ["MSG still here bob 101"]);
}

#[test]
fn write_buffer_overflow_a_large_catch_up_comes_whole() {
    let mut server = ccomet();
    let text = |i: usize| format!("{i}:{}", "y".repeat(20_000));
    for i in 0..40 {
        publish(&mut server, "big", "bob", &text(i));
    }
    // As the client does: each answer's last number and one more is what it asks for next.
    let (mut seqid, mut got) = (0, Vec::new());
    while got.len() < 40 {
        let items = array(&subscribe(&mut server, &format!("channel=big&sname=ann&seqid={seqid}")));
        assert!(!items.is_empty());
        got.extend(items.iter().map(|item| item["msg"].as_str().unwrap().to_owned()));
        seqid = items.last().unwrap()["seqid"].as_str().unwrap().parse::<u64>().unwrap() + 1;
    }
    assert_eq!(got, (0..40).map(text).collect::<Vec<_>>());
}

#[test]
fn special_characters_break_the_answer() {
    let texts = [
        "it's",
        "say \"hi\"",
        "back\\slash",
        "line1\nline2\r",
        "a&b=c",
        "</script>",
        "\u{2028}\u{2029}",
        "你好",
        "1+1",
        "\0\u{1f}\t",
        "&lt;b&gt;",
        "'); alert(1); ('",
        "",
    ];
    let mut server = ccomet();
    for (i, text) in (0..).zip(texts) {
        let waiting = wait(&mut server, "sp", "ann", i);
        publish(&mut server, "sp", "it's \"bob\"\\".replace(' ', "+").as_str(), text);
        assert_eq!(array(&server.received(waiting))[0]["msg"], text);
    }
    // And all of them again from the history: no message stops those who come later.
    let again = array(&subscribe(&mut server, "channel=sp&sname=carl&seqid=0"));
    assert!(again.iter().map(|item| item["msg"].as_str().unwrap()).eq(texts));
    assert!(again.iter().all(|item| item["sname"] == "it's \"bob\"\\"));
}

#[test]
fn special_characters_of_the_chat_page_are_answered_400() {
    let mut server = ccomet();
    // The page makes entities of < > & " and encodes nothing else but blanks.
    for (i, sent) in (0..).zip(["&lt;b&gt;", "a%20&amp;%20b", "&quot;x&quot;", "&amp;lt;"]) {
        let waiting = wait(&mut server, "page", "ann", i);
        ask(&mut server, &format!("/publish?channel=page&sname=bob&msg={sent}&time=1795219200000"));
        let text = sent.replace("%20", " ");
        assert_eq!(array(&server.received(waiting))[0]["msg"], *text, "{sent}");
    }
}

#[test]
fn every_catch_up_or_refused_subscribe_crashes() {
    let mut server = ccomet();
    for i in 0..3 {
        publish(&mut server, "c", "bob", &format!("m{i}"));
    }
    let all = ["MSG m0 bob 0", "MSG m1 bob 1", "MSG m2 bob 2"];
    for (seqid, wanted) in
        [("0", &all[..]), ("1", &all[1..]), ("2", &all[2..]), ("-1", &all[..]), ("-99", &all[..])]
    {
        assert_eq!(items(&subscribe(&mut server, &format!("channel=c&sname=ann&seqid={seqid}"))), wanted);
    }
    // Ahead, as after a restart: an error would stop the client for good, so it waits for what is new.
    for seqid in [4, 100, i64::MAX] {
        let waiting = wait(&mut server, "c", "ann", seqid);
        publish(&mut server, "c", "bob", "new");
        assert!(items(&server.received(waiting))[0].starts_with("MSG new bob "));
    }
    for wrong in ["", "&seqid=", "&seqid=abc", "&seqid=1.5", "&seqid=0x1"] {
        let answer = subscribe(&mut server, &format!("channel=c&sname=ann{wrong}"));
        assert_eq!(array(&answer)[0]["type"], "400", "{wrong}");
    }
}

#[test]
fn the_same_name_again_is_a_use_after_free() {
    let mut server = ccomet();
    let mut before: Option<Client> = None;
    // A client that asks again every ten seconds, and whose browser keeps the old request open.
    for _ in 0..5 {
        let now = wait(&mut server, "c", "ann", 0);
        if let Some(before) = before {
            assert!(
                server.is_closed(before) && server.received(before).is_empty(),
                "it gives way, without words"
            );
        }
        assert_eq!(server.machine.load(), (1, 1));
        before = Some(now);
        server.pass_ms(10_000);
    }
    let waiting = before.unwrap();
    publish(&mut server, "c", "bob", "hello");
    assert_eq!(items(&server.received(waiting)), ["MSG hello bob 0"]);
    // The old one closes when it has given way already.
    let (old, new) = (wait(&mut server, "c", "ann", 1), wait(&mut server, "c", "ann", 1));
    server.vanish(old);
    server.vanish(new);
    // Others with other names are not concerned, nor is the name in another channel.
    let others = [wait(&mut server, "c", "bea", 1), wait(&mut server, "d", "ann", 0)];
    wait(&mut server, "c", "ann", 1);
    assert!(others.iter().all(|other| !server.is_closed(*other)));
}

#[test]
fn the_same_connection_again_does_not_close_itself() {
    let mut server = ccomet();
    let client = server.connect(Role::Ccomet);
    for i in 0..3 {
        let target = format!("/subscribe?channel=c&sname=ann&seqid={i}&callback=f");
        assert_eq!(server.get(client, &target), "");
        publish(&mut server, "c", "bob", "m");
        assert_eq!(items(&server.received(client)), [format!("MSG m bob {i}")]);
    }
}

#[test]
fn signing_in_again_drops_the_own_subscription() {
    let mut server = ccomet();
    let waiting = wait(&mut server, "c", "ann", 0);
    ask(&mut server, "/sign?channel=c&sname=ann");
    assert_eq!(items(&server.received(waiting)), ["SIGN SIGN ann 0"], "it hears of itself, and asks again");
    let waiting = wait(&mut server, "c", "ann", 0);
    publish(&mut server, "c", "bob", "x");
    assert_eq!(items(&server.received(waiting)), ["MSG x bob 0"]);
}

#[test]
fn a_sign_never_hides_a_message() {
    let mut server = ccomet();
    let waiting = wait(&mut server, "c", "ann", 0);
    // Two things in one turn, in both orders.
    let sign = "GET /sign?channel=c&sname=bob&callback=f HTTP/1.1\r\nHost: x\r\n\r\n";
    let publish = "GET /publish?channel=c&sname=bob&msg=m&callback=f HTTP/1.1\r\nHost: x\r\n\r\n";
    let client = server.connect(Role::Ccomet);
    server.send(client, [publish, sign].concat());
    assert_eq!(items(&server.received(waiting)), ["MSG m bob 0"], "the client goes on from the last number");
    let waiting = wait(&mut server, "c", "ann", 1);
    server.send(client, [sign, publish].concat());
    let first = items(&server.received(waiting));
    assert!(first == ["MSG m bob 1"] || first == ["SIGN SIGN bob 1"], "{first:?}");
    // A sign is not stored, and its number is that of the next message.
    let caught_up = items(&subscribe(&mut server, "channel=c&sname=carl&seqid=0"));
    assert_eq!(caught_up, ["MSG m bob 0", "MSG m bob 1"]);
}

#[test]
fn a_connection_closed_before_a_request_crashes() {
    let mut server = ccomet();
    for bytes in ["", "G", "GET /sign?channel=c&sna", "GET /sign HTTP/1.1\r\n"] {
        let vanishing = server.connect(Role::Ccomet);
        server.send(vanishing, bytes);
        server.vanish(vanishing);
        let ending = server.connect(Role::Ccomet);
        server.send(ending, bytes);
        server.finish_sending(ending);
        assert!(server.is_closed(ending) && server.received(ending).is_empty());
    }
    assert_eq!(server.machine.connections(), 0);
    assert_eq!(items(&ask(&mut server, "/sign?channel=c&sname=n").1), ["sign in   -1"]);
}

#[test]
fn a_request_in_two_segments_is_answered_400() {
    let request = "GET /sign?channel=c&sname=n&callback=f HTTP/1.1\r\nHost: x\r\n\r\n";
    for at in 1..request.len() {
        let mut server = ccomet();
        let client = server.connect(Role::Ccomet);
        server.send(client, &request[..at]);
        assert_eq!(server.received(client), "");
        server.send(client, &request[at..]);
        assert_eq!(items(&server.received(client)), ["sign in   -1"], "in two at {at}");
    }
    let mut server = ccomet();
    let client = server.connect(Role::Ccomet);
    request.bytes().for_each(|byte| server.send(client, [byte]));
    assert_eq!(items(&server.received(client)), ["sign in   -1"], "byte by byte");
}

#[test]
fn a_request_of_1024_bytes_or_more_freezes_or_fails() {
    let mut server = ccomet();
    for total in [1023, 1024, 1025, 2048, 10_000, 60_000] {
        let request = |text: &str| {
            format!("GET /publish?channel=c&sname=n&msg={text}&callback=f HTTP/1.1\r\nHost: x\r\n\r\n")
        };
        let text = "m".repeat(total - request("").len());
        let client = server.connect(Role::Ccomet);
        server.send(client, request(&text));
        assert_eq!(items(&server.received(client)), ["publish   "], "{total} bytes");
    }
    let got: Vec<usize> = array(&subscribe(&mut server, "channel=c&sname=z&seqid=0"))
        .iter()
        .map(|item| item["msg"].as_str().unwrap().len())
        .collect();
    assert!(got.is_sorted() && got.len() >= 5, "{got:?}");
}

#[test]
fn the_verdict_on_a_header_is_chance() {
    let fields = "Host: x\r\nUser-Agent: a/1 (b; c)\r\nAccept: */*;q=0.1\r\nAccept-Language: de,en\r\nReferer: http://x/?a=b&c\r\n\
        X-Empty:\r\nX-Blank: \r\nCookie: a=b; c=\"d\"\r\nConnection: keep-alive\r\n";
    let mut server = ccomet();
    for _ in 0..3 {
        let client = server.connect(Role::Ccomet);
        server.send(client, format!("GET /sign?channel=c&sname=n&callback=f HTTP/1.1\r\n{fields}\r\n"));
        assert_eq!(items(&server.received(client)), ["sign in   -1"]);
    }
}

#[test]
fn idle_clients_are_told_things_that_they_show_as_messages() {
    let mut server = ccomet();
    let waiting = wait(&mut server, "c", "ann", 0);
    server.pass_ms(119_999);
    assert!(server.received(waiting).is_empty() && !server.is_closed(waiting));
    server.pass_ms(1);
    assert!(
        server.received(waiting).is_empty() && server.is_closed(waiting),
        "its client has long asked again"
    );
    assert_eq!(server.machine.load().1, 0);
}

#[test]
fn nothing_is_ever_freed() {
    let mut server = ccomet();
    for i in 0..5000 {
        publish(&mut server, "c", "bob", &format!("{i}"));
    }
    let kept = array(&subscribe(&mut server, "channel=c&sname=ann&seqid=0"));
    assert!(kept.len() <= server.machine.config().limits.history_messages_max);
    let first: usize = kept[0]["msg"].as_str().unwrap().parse().unwrap();
    assert_eq!(kept[0]["seqid"], first.to_string(), "numbers stay what they were");
    server.pass_ms(120_000);
    assert_eq!(server.machine.load(), (0, 0), "and a channel without people goes");
    assert!(server.machine.memory().history_bytes == 0);
}

#[test]
fn parameters_are_split_after_they_are_decoded() {
    let mut server = ccomet();
    let waiting = wait(&mut server, &encode("a&b"), &encode("x&y"), 0);
    publish(&mut server, &encode("a&b"), &encode("p&q"), "a&b=c&seqid=9");
    let item = &array(&server.received(waiting))[0];
    assert_eq!((&item["msg"], &item["sname"]), (&"a&b=c&seqid=9".into(), &"p&q".into()));
    assert_eq!(item["channel"], "a&b");
}

#[test]
fn everybody_may_publish() {
    let mut server = Server::default();
    let (_, answer) = ask(&mut server, "/publish?channel=c&sname=bob&msg=x");
    assert_eq!(array(&answer)[0]["type"], "401", "not unless the configuration says so");
    assert_eq!(server.machine.counters().publishes_refused, 1);
    assert_eq!(server.machine.load().0, 0);
}

#[test]
fn tokens_guard_the_public_side_against_both_dialects() {
    let mut config = Config::default();
    (config.ccomet.on_front, config.ccomet.publish, config.front.auth) = (true, true, Auth::Token);
    let mut server = Server::new(config);
    server.push("c", "secret");
    let front = server.connect(Role::Front);
    let answer = server.get(front, "/subscribe?channel=c&sname=ann&seqid=0&callback=f");
    assert_eq!(array(&answer)[0]["type"], "401");
    let answer = server.get(front, "/sub?channel=c&sname=ann&seqid=0&callback=f");
    assert!(!body(&answer).contains("secret"), "{answer}");
}
