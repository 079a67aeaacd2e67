//! CometServer's own protocol, as recorded (`protocols/php-cometserver.md`, section 2).
use super::*;

/// Says one after the other, each on a connection of its own, which is over with its answer.
fn converse(server: &mut Server, session: &[(&[u8], &[u8])]) {
    for (said, wanted) in session {
        let (answer, is_over) = tells(server, *said);
        let (answer, wanted) = (answer.escape_ascii().to_string(), wanted.escape_ascii().to_string());
        assert_eq!((answer, is_over), (wanted, true), "{}", said.escape_ascii());
    }
}

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
    converse(&mut server, &session);
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
    converse(&mut server, &session);
    // With fields missing.
    converse(&mut server, &[(b"write \0", b"ok \0"), (b"write x\0", b"ok \0"), (b"read\0", NONE)]);
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
    assert!(server.is_closed(gone) || server.is_shut(gone), "nothing more is waited for");
    assert_eq!(tells(&mut server, "read a \0").0, b"b \0");
    server.send(silent, "read a \0");
    assert_eq!(server.received_bytes(silent), b"b \0", "it speaks in the end");
    server.pass_ms(10_000);
    assert!(server.is_shut(slow), "half a command has head_ms_max");
    let told = server.received(slow);
    assert!(told.starts_with("error refused "), "and is told so in its language: {told}");
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
