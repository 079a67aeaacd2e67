//! Limits of the control socket.
use rcomet_core::Rights;

use super::*;

const CONTROL: Role = Role::Control(Rights::All);

#[test]
fn command_bytes_max() {
    let mut server = with(|l| l.command_bytes_max = 64);
    let said = "error refused the command is longer than command_bytes_max\n";
    let (fits, answer) = asks(&mut server, CONTROL, format!("write a {}\n", "x".repeat(55)));
    assert!(answer.starts_with("ok ") && !server.is_shut(fits), "{answer}");
    for too_long in
        [format!("write a {}\n", "x".repeat(56)), format!("write a {} \0", "x".repeat(60)), "x".repeat(65)]
    {
        let (client, answer) = asks(&mut server, CONTROL, too_long);
        assert_eq!(answer, said);
        assert!(server.is_shut(client), "nobody knows where the next one begins");
    }
    assert_eq!(moved(&mut server, |c| c.commands_too_long), 3);
    let (_, answer) = asks(
        &mut server,
        CONTROL,
        format!("GET /keys/{}?since=0 HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(100)),
    );
    assert_eq!(status(&answer), "200", "HTTP has limits of its own");
    assert_eq!(moved(&mut server, |c| c.commands), 1);
}

#[test]
fn dump_bytes_max() {
    let mut server = with(|l| l.dump_bytes_max = 500);
    for i in 0..10 {
        asks(&mut server, CONTROL, format!("write key{i} {}\n", "x".repeat(100)));
    }
    let (_, answer) = asks(&mut server, CONTROL, "dump\n");
    assert!(answer.ends_with("\nok 2 1\n"), "how it goes on is said: {answer}");
    let (_, answer) = asks(&mut server, CONTROL, "dump 1\n");
    assert!(answer.starts_with("key 2 ") && answer.ends_with("\nok 2 3\n"), "{answer}");
    let (_, answer) = asks(&mut server, CONTROL, "dump 7\n");
    assert!(answer.starts_with("key 8 ") && answer.ends_with("\nok 2\n"), "{answer}");
    assert_eq!(moved(&mut server, |c| c.dumps_cut), 2);
    let (_, answer) = asks(&mut server, CONTROL, "dump \0");
    assert_eq!(answer.matches("* index").count(), 2);
    let mut server = with(|l| l.dump_bytes_max = 1);
    asks(&mut server, CONTROL, format!("write key {}\n", "x".repeat(100)));
    let (_, answer) = asks(&mut server, CONTROL, "dump\n");
    assert!(answer.ends_with("\nok 1\n"), "at least one: {answer}");
}

/// Somebody who may use the control socket, and says nothing there, or only half of something: others are to have the places.
#[test]
fn silence_on_the_control_socket_keeps_nobody_out() {
    let halves = [
        "",
        "stat",
        "GET /keys HTTP/1.1\r\n",
        "PUT /keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
    ];
    for half in halves {
        let mut server = with(|l| l.connections_max = 5);
        let waiting = server.connect(CONTROL);
        server.send(waiting, "wait key\n");
        let silent: Vec<Client> = (0..1_000)
            .map(|_| {
                let client = server.connect(CONTROL);
                server.send(client, half);
                client
            })
            .collect();
        server.pass_ms(1_000);
        // Whoever has asked for something is let be, administrators and others come in.
        for i in 0..50 {
            let (_, answer) = asks(&mut server, CONTROL, "status\n");
            assert!(answer.starts_with("ok {"), "{half:?}, {i}: {answer}");
        }
        // They have nothing more to ask.
        server.pass_ms(1_000);
        let front = server.connect(Role::Front);
        assert_eq!(status(&server.get(front, "/ping")), "200", "{half:?}");
        assert!(silent.iter().any(|client| server.is_closed(*client)), "{half:?}");
        assert!(moved(&mut server, |c| c.silent_closed) >= 50, "{half:?}");
        asks(&mut server, CONTROL, "write key value\n");
        assert!(server.received(waiting).ends_with("\"value\"\n"), "{half:?}");
    }
}

#[test]
fn who_has_just_come_is_given_time_to_speak() {
    let mut server = with(|l| l.connections_max = 2);
    let [first, second] = [server.connect(CONTROL), server.connect(CONTROL)];
    server.pass_ms(999);
    let refused = server.connect(Role::Front);
    assert_eq!(status(&server.received(refused)), "503");
    server.vanish(refused);
    server.send(second, "status\n");
    server.pass_ms(1);
    let front = server.connect(Role::Front);
    assert_eq!(status(&server.get(front, "/ping")), "200");
    assert!(server.is_closed(first) && !server.is_closed(second));
}
