//! Lines of text.
use super::*;

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
        server.get(front, "/sub?cname=a&seq=1").contains("\"content\":\"/wA=\""),
        "others see its base64"
    );
}

/// A script's lines come in whatever pieces the kernel makes of them.
#[test]
fn a_line_end_may_come_in_two_pieces() {
    let mut server = Server::default();
    let client = server.connect(ALL);
    server.send(client, "write k one\r\nwrite k hello world\r");
    assert!(server.received(client).starts_with("ok "));
    server.send(client, "\nread k\r\n");
    let said = server.received(client);
    assert!(said.ends_with(" \"hello world\"\n") && !server.is_shut(client), "{said}");
    // A value may end as a request line does.
    server.send(client, "write last GET /index.html HTTP/1.1\nread last\n");
    assert!(server.received(client).ends_with(" \"GET /index.html HTTP/1.1\"\n"));
}

/// A shell's `printf` leaves the end away. What asks is answered; what changes may be half of what was meant, by somebody who has died.
#[test]
fn a_last_line_without_an_end_is_answered_and_changes_nothing() {
    let endless = "error usage the line has no end: expected LF, or CR LF\n";
    let mut server = Server::default();
    let version = line(&mut server, "write k one");
    let read = format!("{} \"one\"\n", version.trim_end());
    let mut says = |text: &str| {
        let client = server.connect(ALL);
        server.send(client, text);
        server.finish_sending(client);
        assert!(server.is_shut(client), "{text}");
        server.received(client)
    };
    assert_eq!(says("read k"), read);
    assert_eq!(says("read k\nread k"), read.repeat(2), "behind whole lines as well");
    assert_eq!(says("read k\nread k\r"), read.repeat(2), "its LF does not come any more");
    assert!(says("status").starts_with("ok {\"version\":"));
    assert!(says("dump").ends_with("ok 1\n"));
    for text in ["write k two", "delete k", "refresh k", "stop", "reload", "wait k", "nonsense"] {
        assert_eq!(says(text), endless, "{text}");
    }
    assert_eq!(says("read k"), read, "and nothing has changed");
    assert_eq!(says(""), "");
    assert_eq!(says("GET /keys/k HTTP/1.1\r\nHost: x\r\n"), "", "half a request of HTTP never will be whole");
    assert_eq!(server.stops, 0);
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
    assert!(server.received(client).starts_with("error timeout nothing has been written since "));
    server.send(client, format!("wait a {version}\n"));
    line(&mut server, "refresh a");
    let again = server.received(client);
    assert!(again.ends_with(" \"one\"\n") && !again.contains(version), "{again}");
    server.send(client, "wait a\n");
    line(&mut server, "delete a");
    assert_eq!(server.received(client), "error deleted the key was deleted\n");
    assert!(!server.is_shut(client));
}
