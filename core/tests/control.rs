//! The control socket: CometServer's protocol byte for byte as it was recorded, lines of text, keys over HTTP, and who may do
//! what. Limits of it are in `limits/control.rs`; the socket itself, and the command line, in the daemon's own tests.
mod support;

use rcomet_core::{About, Config, Rights, Role};
use serde_json::{Value, json};
use support::{Client, Server, body, split};

const ALL: Role = Role::Control(Rights::All);

/// What comes back to bytes on a connection of their own, and whether it is over then.
fn tells(server: &mut Server, bytes: impl AsRef<[u8]>) -> (Vec<u8>, bool) {
    let client = server.connect(ALL);
    server.send(client, bytes);
    (server.received_bytes(client), server.is_shut(client))
}

fn line(server: &mut Server, text: &str) -> String {
    let (bytes, _) = tells(server, format!("{text}\n"));
    String::from_utf8(bytes).expect("text")
}

fn http(server: &mut Server, role: Role, method: &str, target: &str, body: &[u8]) -> (u16, Value) {
    let client = server.connect(role);
    let mut request =
        format!("{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len())
            .into_bytes();
    request.extend_from_slice(body);
    server.send(client, request);
    let answer = server.received(client);
    server.vanish(client);
    answered(&answer)
}

fn answered(answer: &str) -> (u16, Value) {
    let (head, body) = split(answer);
    let status = head[9..12].parse().expect("a status");
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

fn get(server: &mut Server, target: &str) -> (u16, Value) {
    http(server, ALL, "GET", target, b"")
}

fn put(server: &mut Server, key: &str, value: &[u8]) -> u64 {
    let (status, answer) = http(server, ALL, "PUT", &format!("/keys/{key}"), value);
    assert_eq!(status, 200, "{answer}");
    answer["version"].as_u64().expect("a version")
}

/// Begins to wait; nothing may come.
fn waits(server: &mut Server, target: &str) -> Client {
    let client = server.connect(ALL);
    assert_eq!(server.get(client, target), "");
    client
}

// ------------------------------------------------------------------------------------------------------------------
// CometServer's own, as recorded (`protocols/php-cometserver.md`, section 2).

/// What the original's command line sent, and was answered.
#[test]
fn what_its_command_line_says_is_answered_byte_for_byte() {
    let mut server = Server::default();
    let dump = b"\n \x1b[32;1m* index [0] - k\x1b[0m: [v]\n \x1b[32;1m* index [1] - greeting\x1b[0m: \
        [hello+world+%26+%C3%A9+100%25]\n \x1b[32;1m* index [2] - two\x1b[0m: [words]\n \x1b[32;1m* index [3] - \
        e\x1b[0m: [] \x00";
    let session: [(&[u8], &[u8]); 8] = [
        (b"write k v \0", b"ok \0"),
        (b"write greeting hello+world+%26+%C3%A9+100%25 \0", b"ok \0"),
        (b"read greeting \0", b"hello+world+%26+%C3%A9+100%25 \0"),
        (b"read nokey \0", b" \0"),
        (b"write two words x \0", b"ok \0"),
        (b"write e  \0", b"ok \0"),
        (b"dump \0", dump),
        (b"write k line1%0Aline2 \0", b"ok \0"),
    ];
    for (said, wanted) in session {
        let (answer, is_over) = tells(&mut server, said);
        assert_eq!((answer.escape_ascii().to_string(), is_over), (wanted.escape_ascii().to_string(), true));
    }
}

/// What a client that knows the bytes can say, with the original's quirks.
#[test]
fn its_quirks_are_kept_byte_for_byte() {
    let mut server = Server::default();
    for said in
        ["write k line1%0Aline2 \0", "write greeting hello+world+%26+%C3%A9+100%25 \0", "write two words \0"]
    {
        tells(&mut server, said);
    }
    tells(&mut server, "write e  \0");
    let dump = b"\n \x1b[32;1m* index [0] - k\x1b[0m: [line1%0Aline2]\n \x1b[32;1m* index [1] - greeting\x1b[0m: \
        [hello+world+%26+%C3%A9+100%25]\n \x1b[32;1m* index [2] - two\x1b[0m: [words]\n \x1b[32;1m* index [3] - \
        e\x1b[0m: []\n \x1b[32;1m* index [4] - a\x1b[0m: [1]\n \x1b[32;1m* index [5] - b\x1b[0m: [2\x00] \x00";
    const NONE: &[u8] = b"No valid command recived \0";
    let session: [(&[u8], &[u8]); 20] = [
        (b"write a 1 \0", b"ok \0"),
        (b"read a \0", b"1 \0"),
        (b"read a\0", b" \0"),
        (b"write b 2\0", b"ok \0"),
        (b"read b \0", b"2\0 \0"),
        (b"dump \0", dump),
        (b"dump\0", NONE),
        (b"read a \r", b"1 \0"),
        (b"dump \r", dump),
        (b"WRITE a 1 \0", NONE),
        (b"bogus \0", NONE),
        (b" \0", NONE),
        (b"\0", NONE),
        (b"\r", NONE),
        (b"read  \0", b" \0"),
        (b"write a b c d \0", b"ok \0"),
        (b"read a \0", b"b \0"),
        // The second is never read.
        (b"read a \0read b \0", b"b \0"),
        (b"write c %41+b \0", b"ok \0"),
        (b"read c \0", b"%41+b \0"),
    ];
    for (said, wanted) in session {
        let (answer, is_over) = tells(&mut server, said);
        let said = said.escape_ascii();
        assert_eq!(
            (answer.escape_ascii().to_string(), is_over),
            (wanted.escape_ascii().to_string(), true),
            "{said}"
        );
    }
    for (said, wanted) in [(&b"write \0"[..], &b"ok \0"[..]), (b"write x\0", b"ok \0"), (b"read\0", NONE)] {
        assert_eq!(tells(&mut server, said), (wanted.to_vec(), true), "with fields missing");
    }
}

#[test]
fn what_comes_in_pieces_is_the_same() {
    let mut server = Server::default();
    for said in
        ["write a 1 \0", "write a x y\r\n", "PUT /keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nz"]
    {
        let whole = tells(&mut server, said).0;
        let client = server.connect(ALL);
        for byte in said.bytes() {
            server.send(client, [byte]);
        }
        let pieces = server.received_bytes(client);
        if said.ends_with("\r\n") {
            // Its CR came alone, which is an end, too: CometServer's.
            assert!(pieces.starts_with(b"ok \0"), "{}", pieces.escape_ascii());
        } else {
            let numbers =
                |text: &[u8]| text.iter().filter(|c| !c.is_ascii_digit()).copied().collect::<Vec<u8>>();
            assert_eq!(numbers(&pieces), numbers(&whole), "{said}");
        }
    }
}

/// Case D: the original served nobody else while somebody was silent. Case E: it span for ever when somebody left in the
/// middle of a request.
#[test]
fn silent_and_half_closed_clients_cost_nobody() {
    let mut server = Server::default();
    tells(&mut server, "write a b \0");
    let silent = server.connect(ALL);
    let slow = server.connect(ALL);
    server.send(slow, "read a");
    let gone = server.connect(ALL);
    server.send(gone, "read a ");
    server.finish_sending(gone);
    assert!(server.is_closed(gone) || server.is_shut(gone), "half a command never will be whole");
    assert_eq!(tells(&mut server, "read a \0").0, b"b \0");
    server.send(silent, "read a \0");
    assert_eq!(server.received_bytes(silent), b"b \0", "it speaks in the end");
    server.pass_ms(10_000);
    assert!(server.is_shut(slow), "half a command has head_ms_max");
    let silent = server.connect(ALL);
    server.pass_ms(75_000);
    assert!(server.is_shut(silent), "and who says nothing idle_ms_max");
    server.pass_ms(2_000);
    assert_eq!(server.machine.connections(), 0, "nothing is left of them");
    assert!(server.machine.is_pristine());
}

#[test]
fn a_value_of_its_clients_is_plain_to_others() {
    let mut server = Server::default();
    let front = server.connect(Role::Front);
    server.get(front, "/sub?cname=greeting&seq=1");
    tells(&mut server, "write greeting hello+world+%C3%A9 \0");
    let heard = server.received(front);
    assert!(heard.contains("\"content\":\"hello world \u{e9}\""), "{heard}");
    server.push("greeting", "from the back end");
    assert_eq!(tells(&mut server, "read greeting \0").0, b"from+the+back+end \0");
    assert_eq!(get(&mut server, "/keys/greeting").1["value"], "from the back end");
}

#[test]
fn its_stop_is_answered_and_obeyed() {
    let mut server = Server::default();
    assert_eq!(tells(&mut server, "stop\0").0, b"No valid command recived \0");
    assert_eq!(server.stops, 0);
    assert_eq!(tells(&mut server, "stop \0"), (b"ok \0".to_vec(), true));
    assert_eq!(server.stops, 1);
}

// ------------------------------------------------------------------------------------------------------------------
// Lines of text.

#[test]
fn a_conversation_in_lines() {
    let mut server = Server::default();
    let client = server.connect(ALL);
    let mut say = |text: &str| {
        server.send(client, text);
        server.received(client)
    };
    let written = say("write greeting hello  world\r\n");
    let version = written.strip_prefix("ok ").expect("ok").trim_end();
    assert_eq!(say("read greeting\n"), format!("ok {version} \"hello  world\"\n"));
    assert!(
        say("write \"two words\" \"line 1\\nline 2\"\nread \"two words\"\n")
            .ends_with(" \"line 1\\nline 2\"\n")
    );
    assert_eq!(say("read nothing\n"), "error unknown-key there is no value under this key\n");
    assert_eq!(say("delete nothing\n"), "error unknown-key there is no value under this key\n");
    assert_eq!(say("refresh nothing\n"), "error unknown-key there is no value under this key\n");
    let usage =
        "error usage expected write, read, wait, refresh, delete, dump, status, reload, stop or help\n";
    assert_eq!((say("WRITE a b\n"), say("\n\r\nnonsense\n")), (usage.to_owned(), usage.to_owned()));
    assert!(say("help\n").ends_with("\nok\n"));
    assert_eq!(say("delete greeting\n"), "ok\n");
    assert!(say("read greeting\n").starts_with("error unknown-key "));
    let dump = say("dump\n");
    assert!(
        dump.starts_with("key 1 \"two words\" ") && dump.ends_with(" \"line 1\\nline 2\"\nok 1\n"),
        "{dump}"
    );
    assert!(say("status\n").starts_with("ok {\"version\":"));
    assert!(!server.is_shut(client), "the connection is for more than one line");
}

#[test]
fn a_value_that_is_no_text_is_not_said_in_lines() {
    let mut server = Server::default();
    put(&mut server, "a", b"\xff\x00");
    let refused = "error not-text the value is no UTF-8: read it over HTTP\n";
    assert_eq!(line(&mut server, "read a"), refused);
    assert_eq!(line(&mut server, "wait a 0"), refused);
    assert!(line(&mut server, "dump").contains(" null\n"));
    assert_eq!(get(&mut server, "/keys/a").1["base64"], "/wA=");
    assert_eq!(tells(&mut server, "read a \0").0, b"%FF%00 \0");
    let front = server.connect(Role::Front);
    assert!(
        server.get(front, "/sub?cname=a&seq=1").contains("\"content\":\"%FF%00\""),
        "others see it encoded"
    );
}

#[test]
fn waiting_in_lines() {
    let mut server = Server::default();
    let client = server.connect(ALL);
    server.send(client, "wait a\nread a\n");
    assert_eq!(server.received(client), "", "what comes behind waits, too");
    let version = line(&mut server, "write a one");
    let version = version.trim_end().strip_prefix("ok ").expect("ok");
    assert_eq!(server.received(client), format!("ok {version} \"one\"\nok {version} \"one\"\n"));
    server.send(client, "wait a - 2\n");
    server.pass_ms(1_999);
    assert_eq!(server.received(client), "");
    server.pass_ms(1);
    assert_eq!(server.received(client), "error timeout nothing has been written\n");
    server.send(client, format!("wait a {version}\n"));
    line(&mut server, "refresh a");
    let again = server.received(client);
    assert!(again.ends_with(" \"one\"\n") && !again.contains(version), "{again}");
    server.send(client, "wait a\n");
    line(&mut server, "delete a");
    assert_eq!(server.received(client), "error deleted the key was deleted\n");
    assert!(!server.is_shut(client));
}

// ------------------------------------------------------------------------------------------------------------------
// Keys over HTTP.

#[test]
fn a_key_is_written_read_listed_and_deleted() {
    let mut server = Server::default();
    assert_eq!(get(&mut server, "/keys/k").0, 404);
    let first = put(&mut server, "k", b"one");
    server.pass_ms(1_500);
    let second = put(&mut server, "k", b"");
    assert!(second > first);
    let (status, key) = get(&mut server, "/keys/k");
    assert_eq!(
        (status, &key["value"], &key["version"]),
        (200, &json!(""), &json!(second)),
        "empty is not unknown"
    );
    server.pass_ms(250);
    assert_eq!(get(&mut server, "/keys/k").1["age_ms"], 250);
    put(&mut server, "a%2Fb", "\u{e9}\n".as_bytes());
    put(&mut server, "", b"of the empty key");
    put(&mut server, "x%0Ay%FF", b"of no name");
    let (_, all) = get(&mut server, "/keys");
    let names: Vec<&Value> = all["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|k| k.get("key").unwrap_or(&k["key_base64"]))
        .collect();
    assert_eq!(
        names,
        [&json!("k"), &json!("a/b"), &json!(""), &json!("eAp5/w==")],
        "in the order of their making"
    );
    assert_eq!(get(&mut server, "/keys/").1["value"], "of the empty key");
    assert_eq!(get(&mut server, "/keys/x%0Ay%FF").1["value"], "of no name");
    let (_, page) = get(&mut server, "/keys?limit=2");
    assert_eq!((page["keys"].as_array().map(Vec::len), &page["after"]), (Some(2), &json!(1)));
    let (_, rest) = get(&mut server, "/keys?limit=2&after=1");
    assert_eq!((rest["keys"].as_array().map(Vec::len), &rest["after"]), (Some(2), &Value::Null));
    assert_eq!(http(&mut server, ALL, "DELETE", "/keys/k", b"").0, 204);
    assert_eq!(http(&mut server, ALL, "DELETE", "/keys/k", b"").0, 404);
    for (method, target, status) in [
        ("POST", "/keys/k", 405),
        ("GET", "/keys/k/refresh", 405),
        ("DELETE", "/keys", 405),
        ("PUT", "/keys/k?ttl=soon", 400),
        ("GET", "/keys/k?wait=x", 400),
        ("GET", "/keys/k?since=-1", 400),
        ("GET", "/keys?after=z", 400),
    ] {
        let (got, problem) = http(&mut server, ALL, method, target, b"");
        assert_eq!(got, status, "{method} {target}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|words| !words.is_empty()));
    }
}

#[test]
fn keys_live_on_and_values_with_a_time_do_not() {
    let mut server = Server::default();
    put(&mut server, "stays", b"x");
    put(&mut server, "goes?ttl=100", b"x");
    server.push("published", "x");
    server.pass_ms(99_000);
    assert_eq!(get(&mut server, "/keys/goes").0, 200);
    server.pass_ms(2_000);
    assert_eq!(get(&mut server, "/keys/goes").0, 404);
    assert_eq!(
        get(&mut server, "/keys/published").0,
        404,
        "a channel that was only published to is forgotten"
    );
    server.pass_ms(1_000_000_000);
    assert_eq!(get(&mut server, "/keys/stays").1["value"], "x");
}

#[test]
fn only_so_many_values_are_kept_as_is_said() {
    let mut server = Server::default();
    let first = put(&mut server, "k?history=2", b"1");
    for value in [b"2", b"3", b"4"] {
        put(&mut server, "k?history=2", value);
    }
    let (_, next) = get(&mut server, &format!("/keys/k?since={first}"));
    assert_eq!(
        (&next["value"], next.get("missing")),
        (&json!("3"), Some(&Value::Null)),
        "and what is gone is said"
    );
}

/// The weaknesses of the original that are named in its report: a write between two polls was never told (6), a poll could
/// answer an old value with a new time and lose the new one (8), and of two writes in a second one was dropped.
#[test]
fn nothing_is_lost_between_two_polls() {
    let mut server = Server::default();
    let (_, none) = get(&mut server, "/keys/k?since=0");
    assert_eq!(none, json!({ "key": "k", "timeout": true }), "nobody waits who does not say so");
    let client = waits(&mut server, "/keys/k?wait=30&since=0");
    let first = put(&mut server, "k", b"1");
    let (_, heard) = answered(&server.received(client));
    assert_eq!((&heard["value"], &heard["version"]), (&json!("1"), &json!(first)));
    // Two in the same instant, while nobody polls.
    put(&mut server, "k", b"2");
    put(&mut server, "k", b"2");
    let mut since = first;
    for _ in 0..2 {
        let (_, heard) = get(&mut server, &format!("/keys/k?wait=30&since={since}"));
        assert_eq!((&heard["value"], heard.get("missing")), (&json!("2"), None));
        since = heard["version"].as_u64().expect("a version");
    }
    let client = waits(&mut server, &format!("/keys/k?wait=30&since={since}"));
    assert_eq!(http(&mut server, ALL, "POST", "/keys/k/refresh", b"").0, 200);
    let (_, heard) = answered(&server.received(client));
    assert_eq!(heard["value"], "2", "a refresh is told like a write");
    let (_, last) = get(&mut server, "/keys/k?wait=30&since=0");
    assert_eq!(last["version"], heard["version"], "0 is for who knows nothing: the present value");
}

#[test]
fn who_waits_is_told_how_it_ended() {
    let mut server = Server::default();
    let client = waits(&mut server, "/keys/k?wait=2");
    server.pass_ms(2_000);
    assert_eq!(answered(&server.received(client)).1, json!({ "key": "k", "timeout": true }));
    let long = waits(&mut server, "/keys/k?wait=1000");
    server.pass_ms(30_000);
    assert_eq!(answered(&server.received(long)).1["timeout"], true, "polling_timeout_ms is the longest");
    let version = put(&mut server, "k", b"1");
    let client = waits(&mut server, &format!("/keys/k?wait=&since={version}"));
    assert_eq!(get(&mut server, "/keys/k").1["waiting"], 1);
    http(&mut server, ALL, "DELETE", "/keys/k", b"");
    assert_eq!(answered(&server.received(client)).1, json!({ "key": "k", "deleted": true }));
    put(&mut server, "k", b"2");
    let (_, again) = get(&mut server, &format!("/keys/k?since={version}"));
    assert_eq!((&again["value"], again.get("missing")), (&json!("2"), None), "nothing was written between");
    http(&mut server, ALL, "DELETE", "/keys/k", b"");
    put(&mut server, "k", b"2");
    let (_, again) = get(&mut server, &format!("/keys/k?since={version}"));
    assert_eq!((&again["value"], again.get("missing")), (&json!("2"), Some(&Value::Null)), "a value was");
    // A version of another daemon's: the key may have had any number of values since.
    let (_, other) = get(&mut server, "/keys/k?since=1");
    assert_eq!((&other["value"], other.get("missing")), (&json!("2"), Some(&Value::Null)));
    let client = waits(&mut server, "/keys/unborn?wait=30&since=1");
    put(&mut server, "unborn", b"first");
    let (_, heard) = answered(&server.received(client));
    assert_eq!(
        (&heard["value"], heard.get("missing")),
        (&json!("first"), Some(&Value::Null)),
        "said when it comes"
    );
}

#[test]
fn many_wait_for_one_key() {
    let mut server = Server::default();
    let clients: Vec<Client> = (0..200).map(|_| waits(&mut server, "/keys/k?wait=30")).collect();
    let version = put(&mut server, "k", b"for all");
    for client in clients {
        assert_eq!(answered(&server.received(client)).1["version"], version);
    }
}

#[test]
fn the_admin_side_has_keys_but_gives_no_orders() {
    let mut server = Server::default();
    assert_eq!(http(&mut server, Role::Admin, "PUT", "/keys/k", b"v").0, 200);
    assert_eq!(http(&mut server, Role::Admin, "GET", "/keys/k", b"").1["value"], "v");
    assert_eq!(http(&mut server, Role::Admin, "GET", "/control/status", b"").0, 200);
    for order in ["/control/stop", "/control/reload"] {
        assert_eq!(http(&mut server, Role::Admin, "POST", order, b"").0, 403, "{order}");
        assert_eq!(http(&mut server, ALL, "GET", order, b"").0, 405, "{order}");
    }
    assert_eq!(http(&mut server, Role::Front, "GET", "/keys/k", b"").0, 404);
    assert_eq!((server.stops, server.reloads.len()), (0, 0));
    let client = server.connect(Role::Admin);
    server.send(client, "read k\n\n");
    assert!(server.received(client).starts_with("HTTP/1.1 400 "), "no text but on the control socket");
}

// ------------------------------------------------------------------------------------------------------------------
// Who may do what, and orders.

#[test]
fn rights_are_looked_at_in_every_language() {
    let mut server = Server::default();
    put(&mut server, "k", b"v");
    let requests: [(&str, &str, &[u8], [bool; 3]); 10] = [
        ("GET", "/keys/k", b"", [false, true, false]),
        ("GET", "/keys", b"", [false, true, false]),
        ("GET", "/channels", b"", [false, true, false]),
        ("GET", "/metrics", b"", [false, true, false]),
        ("GET", "/control/status", b"", [false, true, false]),
        ("PUT", "/keys/k", b"v", [false, false, true]),
        ("GET", "/push?cname=k&content=v", b"", [false, false, true]),
        ("DELETE", "/channels/none", b"", [false; 3]),
        ("GET", "/close?cname=none", b"", [false; 3]),
        ("POST", "/control/reload", b"", [false; 3]),
    ];
    let kinds = [Rights::None, Rights::Read, Rights::Write];
    for (method, target, body, may) in requests {
        for (rights, may) in kinds.into_iter().zip(may) {
            let (status, _) = http(&mut server, Role::Control(rights), method, target, body);
            // icomet's words for it have no status of their own.
            let is_refused = status == 403 || (target.starts_with("/metrics") && status == 404);
            assert_eq!(!is_refused, may, "{rights:?}: {method} {target} is {status}");
        }
    }
    for (text, may) in [
        ("read k", [false, true, false]),
        ("dump", [false, true, false]),
        ("write k v", [false, false, true]),
        ("delete none", [false; 3]),
        ("stop", [false; 3]),
    ] {
        for (rights, may) in kinds.into_iter().zip(may) {
            let client = server.connect(Role::Control(rights));
            server.send(client, format!("{text}\n"));
            let answer = server.received(client);
            assert_eq!(
                !answer.starts_with("error refused whoever comes in by this socket may not do that"),
                may,
                "{answer}"
            );
            let old = server.connect(Role::Control(rights));
            server.send(old, format!("{text} \0"));
            let answer = server.received(old);
            let is_told = answer == "whoever comes in by this socket may not do that \0";
            assert!(is_told != may || text == "delete none", "{rights:?}: {text} is answered {answer:?}");
        }
    }
    assert_eq!(server.stops, 0);
    assert!(server.machine.counters().rights_denied > 20);
}

#[test]
fn a_reload_is_answered_with_what_came_of_it() {
    let mut server = Server::default();
    let client = server.connect(ALL);
    server.send(
        client,
        "POST /control/reload HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert_eq!(server.received(client), "", "first the shell has to say");
    let id = server.reloads.pop().expect("it is asked");
    server.machine.reloaded(id, Err("rcomet.toml:3:1: no"));
    server.turn();
    let both = server.received(client);
    let (refused, next) = both.split_once("HTTP/1.1 200 ").expect("what came behind is served");
    let (status, problem) = answered(refused);
    assert_eq!((status, &problem["detail"]), (409, &json!("rcomet.toml:3:1: no")));
    assert_eq!(body(next), "ok\n");
    let client = server.connect(ALL);
    server.send(client, "reload\n");
    let id = server.reloads.pop().expect("it is asked");
    server.machine.reconfigure(Config::default());
    server.machine.reloaded(id, Ok(&["server.front has changed".into()]));
    server.turn();
    assert_eq!(server.received(client), "ok\n");
    server.machine.reloaded(id, Err("twice"));
    server.turn();
    assert_eq!(server.received(client), "", "it is said once");
    let gone = server.connect(ALL);
    server.send(gone, "reload\n");
    server.vanish(gone);
    let id = server.reloads.pop().expect("it is asked");
    server.machine.reloaded(id, Ok(&[]));
    server.turn();
}

#[test]
fn the_status_says_who_and_how_much() {
    let mut server = Server::default();
    server.machine.set_about(About {
        version: "1.2".into(),
        pid: 4711,
        config: Some("/etc/\"x\".toml".into()),
        listeners: vec![("control".into(), "unix:/a".into())],
    });
    put(&mut server, "k", b"v");
    server.pass_ms(5_000);
    let (_, status) = get(&mut server, "/control/status");
    assert_eq!(
        (&status["version"], &status["pid"], &status["config"]),
        (&json!("1.2"), &json!(4711), &json!("/etc/\"x\".toml"))
    );
    assert_eq!(status["listeners"], json!([{ "side": "control", "address": "unix:/a" }]));
    assert_eq!(
        (&status["uptime_ms"], &status["published"], &status["draining"]),
        (&json!(5000), &json!(1), &json!(false))
    );
    let (_, stopping) = http(&mut server, ALL, "POST", "/control/stop", b"");
    assert_eq!((stopping, server.stops), (json!({ "stopping": true, "pid": 4711 }), 1));
}

#[test]
fn connections_are_listed_and_ended_one_by_one() {
    let mut server = Server::default();
    let poll = server.connect_from(Role::Front, "10.1.2.3");
    server.get(poll, "/sub?cname=a&seq=1");
    let stream = server.connect(Role::Front);
    server.get(stream, "/stream?cname=b&seq=1&who=Ann");
    let idle = server.connect(Role::Admin);
    let (_, all) = get(&mut server, "/clients");
    let clients = all["clients"].as_array().expect("clients");
    let brief = |client: &Value| {
        ["side", "address", "doing", "dialect"]
            .map(|name| client[name].as_str().unwrap_or("-").to_owned())
            .join(" ")
    };
    let briefs: Vec<String> = clients.iter().map(brief).collect();
    assert_eq!(
        briefs,
        ["front 10.1.2.3 poll icomet", "front 127.0.0.1 stream icomet", "admin 127.0.0.1 idle -"]
    );
    assert_eq!((&clients[1]["channels"], &clients[1]["who"]), (&json!(["b"]), &json!("Ann")));
    let (_, page) = get(&mut server, "/clients?limit=2");
    let after = page["after"].as_str().expect("there are more").to_owned();
    let (_, rest) = get(&mut server, &format!("/clients?limit=2&after={after}"));
    assert_eq!((rest["clients"].as_array().map(Vec::len), &rest["after"]), (Some(1), &Value::Null));
    let (_, of_b) = get(&mut server, "/clients?channel=b");
    assert_eq!(of_b["clients"], json!([clients[1]]));
    assert_eq!(get(&mut server, "/clients?channel=none").0, 404);

    for (at, client) in [(0, poll), (2, idle)] {
        let body = json!({ "client": clients[at]["id"] }).to_string();
        let (status, answer) = http(&mut server, ALL, "POST", "/disconnect", body.as_bytes());
        assert_eq!((status, &answer["disconnected"]), (200, &json!(1)));
        assert!(server.is_shut(client));
        server.pass_ms(2_000);
        assert_eq!(http(&mut server, ALL, "POST", "/disconnect", body.as_bytes()).0, 404, "it is gone");
    }
    assert!(!server.is_shut(stream));
    for wrong in [json!({ "client": "x" }), json!({ "client": "0" })] {
        assert_eq!(http(&mut server, ALL, "POST", "/disconnect", wrong.to_string().as_bytes()).0, 404);
    }
    let wrong = json!({ "client": "1", "channel": "b" }).to_string();
    assert_eq!(http(&mut server, ALL, "POST", "/disconnect", wrong.as_bytes()).0, 400);
}

#[test]
fn the_busiest_channels_come_first() {
    let mut server = Server::default();
    for (channel, count) in [("a", 1), ("b", 3), ("c", 0), ("d", 2)] {
        server.push(channel, "x");
        for _ in 0..count {
            let client = server.connect(Role::Front);
            server.get(client, &format!("/stream?cname={channel}&seq=2"));
        }
    }
    let (_, page) = get(&mut server, "/channels?sort=subscribers&limit=3");
    let names: Vec<&str> =
        page["channels"].as_array().expect("channels").iter().filter_map(|c| c["channel"].as_str()).collect();
    assert_eq!(names, ["b", "d", "a"]);
}

#[test]
fn who_waits_is_let_go_on_the_way_out() {
    let mut server = Server::default();
    let (key, idle) = (waits(&mut server, "/keys/k?wait=30"), server.connect(ALL));
    let text = server.connect(ALL);
    server.send(text, "wait k\n");
    server.machine.drain(server.now);
    server.turn();
    assert_eq!(answered(&server.received(key)).1["timeout"], true);
    assert_eq!(server.received(text), "error timeout nothing has been written\n");
    server.pass_ms(2_000);
    assert!([key, idle, text].into_iter().all(|client| server.is_shut(client)));
    assert_eq!(server.machine.connections(), 0);
}
